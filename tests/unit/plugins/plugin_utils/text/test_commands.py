# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands that a person would type."""

from __future__ import annotations

import shlex

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.text import commands
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, model_of


def namespace_at(paths: list[str], pid: int | None = 7) -> str:
    """Return the command for a namespace with these mounts and this process."""
    node = NodeFile(1)
    node.pod("pod1", paths=paths, containers=[], processes=[] if pid is None else [{"pid": pid, "comm": "x"}])
    return commands.addresses(model_of(node)["namespaces"][1])


@pytest.mark.parametrize(
    ("paths", "pid", "command"),
    [
        (["/run/docker/netns/abc", "/run/netns/red"], 7, "ip netns exec red ip -br addr"),
        (["/run/docker/netns/abc"], 7, "nsenter --net=/run/docker/netns/abc ip -br addr"),
        ([], 7, "nsenter -t 7 -n ip -br addr"),
        (["/run/netns/-x y;z"], 7, "ip netns exec '-x y;z' ip -br addr"),
    ],
)
def test_ways_into_a_namespace(paths: list[str], pid: int, command: str) -> None:
    assert namespace_at(paths, pid) == command


def test_namespace_that_nobody_holds_by_name() -> None:
    assert namespace_at([], None).startswith("lsns -t net | grep ")


@pytest.mark.parametrize("name", [name for name in HOSTILE if name])
def test_names_are_one_word(name: str) -> None:
    assert len(shlex.split(commands.link(name))) == 6
    assert len(shlex.split(namespace_at([f"/run/netns/{name}"]))) == 7 or "/" in name
