# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Paths computed from what inspect.yml reads of nodes of a test, in few words."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.podnet.lab.plugins.plugin_utils.path import records
from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab


def read(lab: Lab, folder: Path) -> NodeFiles:
    """Inspect the lab's nodes, with all that paths are computed from, and return what was read."""
    variables = {"podnet_diagnose": True, "podnet_report_dir": str(folder), "podnet_show": False, "podnet_page": False}
    run = lab.run("inspect.yml", variables=variables)
    assert run.status == 0, run.output
    return NodeFiles(folder)


def computed(nodes: NodeFiles, sender: str, receiver: str) -> records.Path:
    """Return the path from one to the other."""
    path = compute(nodes, Asked(sender, receiver))
    assert nodes.unusable == []
    return path


def arrivals(path: records.Path) -> set[tuple[str | None, str]]:
    """Return who gets the packet, and whom it sees; every way must arrive and be answered."""
    for way in path["ways"]:
        assert way["there"]["verdict"] == "delivered", way["there"]["reason"]
        assert way["back"] is not None
        assert way["back"]["verdict"] == "delivered", way["back"]["reason"]
    return {(way["there"]["receiver"], way["there"]["packet"]["src"]) for way in path["ways"]}
