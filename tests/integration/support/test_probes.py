# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the probes conclude from what a machine has."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes.cgroups import Hierarchy
from ansible_collections.podnet.lab.tests.integration.support.probes import missing_controllers

UNIFIED = [Hierarchy("cgroup2", "", "/sys/fs/cgroup")]
VERSION_1 = [
    Hierarchy("cgroup", "name=systemd", "/sys/fs/cgroup/systemd"),
    Hierarchy("cgroup", "cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"),
    Hierarchy("cgroup", "cpuset", "/sys/fs/cgroup/cpuset"),
    Hierarchy("cgroup", "memory", "/sys/fs/cgroup/memory"),
    Hierarchy("cgroup", "pids", "/sys/fs/cgroup/pids"),
]


@pytest.mark.parametrize(
    ("hierarchies", "available", "missing"),
    [
        (UNIFIED, "cpuset cpu io memory pids", []),
        (UNIFIED, "", ["cpu", "cpuset", "memory", "pids"]),
        (UNIFIED, "cpu memory", ["cpuset", "pids"]),
        (VERSION_1, "", []),
        ([*VERSION_1[:3], *UNIFIED], "pids", ["memory"]),
        ([], "", ["cpu", "cpuset", "memory", "pids"]),
    ],
)
def test_controllers_are_asked_for_before_they_are_needed(
    hierarchies: list[Hierarchy], available: str, missing: list[str]
) -> None:
    assert missing_controllers(hierarchies, available) == missing
