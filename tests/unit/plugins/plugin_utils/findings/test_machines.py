# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Machines that were cloned."""

from __future__ import annotations

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of


def machines(*ids: tuple[str | None, str | None]) -> list[NodeFile]:
    """Return nodes with these machine-ids and boots."""
    fleet = fleets.flannel(len(ids))
    for node, (machine_id, boot) in zip(fleet, ids, strict=True):
        node.machine = {"id": machine_id, "boot": boot, "resolvers": []}
    return fleet


def test_a_cloned_machine_id() -> None:
    finding = only(odd_of(*machines(("a", "1"), ("a", "2"), ("b", "3"))), "machine-id-shared")
    assert (finding["severity"], finding["hosts"]) == ("note", ["node1", "node2"])


def test_a_cloned_machine_id_that_gave_two_tunnels_one_mac() -> None:
    fleet = machines(("a", "1"), ("a", "2"), ("b", "3"))
    for node in fleet[:2]:
        node.interface(node.own, "flannel.1")["address"] = "ce:00:00:00:00:77"
    finding = only(odd_of(*fleet), "machine-id-shared")
    assert finding["severity"] == "fault"
    assert below(finding) == ["mac-shared-by-nodes"]


def test_containers_of_one_machine_share_its_files() -> None:
    assert odd_of(*machines(("a", "1"), ("a", "1"))) == []
    assert odd_of(*machines(("a", "1"), ("b", "1"))) == []
    assert odd_of(*machines((None, "1"), (None, "2"))) == []
    assert odd_of(*machines(("a", None), ("a", None))) == []
