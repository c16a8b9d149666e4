# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One node with containers of docker and podman, for all tests of this room."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import open_nodes
from ansible_collections.podnet.lab.tests.integration.support.probes import require_controllers, require_full_nodes
from ansible_collections.podnet.lab.tests.integration.support.runtimes import (
    CONTAINERS,
    IMAGE,
    NAME,
    NETWORK,
    PACKAGES,
    Site,
)


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    """One node with containers of docker and podman; tests that change it come last."""
    data = Path(f"/var/lib/podnet-test-{NAME}")
    require_full_nodes(data)
    require_controllers()
    settings = {
        "local_nodes_kind": "full", "local_nodes_suite": "trixie", "local_nodes_packages": PACKAGES,
        "local_nodes_data": str(data),
    }  # fmt: skip
    with open_nodes(1, NAME, NETWORK, ("-e", json.dumps(settings)), timeout=900) as nodes:
        nodes.keep_compiled()
        state = nodes.shell("node1", "systemctl start docker; systemctl is-active docker", check=False).strip()
        if state != "active":
            pytest.skip("docker does not start here: " + nodes.shell("node1", "journalctl -u docker -n 3 -o cat"))
        nodes.shell("node1", "set -e\n" + IMAGE + CONTAINERS)
        found = Site(nodes)
        found.inspect()
        yield found
