# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses that a pod shares with something that is no pod."""

from __future__ import annotations

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of


def test_a_pod_with_the_address_of_its_gateway() -> None:
    node = NodeFile(1, pods=1)
    node.pod("thief", address="10.244.1.1/24")
    finding = only(odd_of(node), "address-of-pod-and-node")
    assert finding["message"] == "default/thief and cni0 of node1 have the same address 10.244.1.1"


def test_a_pod_with_the_address_of_another_node() -> None:
    node, other = NodeFile(1, pods=1), NodeFile(2, pods=1)
    node.pod("thief", address="10.89.0.12/24")
    found = [one for one in odd_of(node, other) if one["kind"] == "address-of-pod-and-node"]
    assert only(found, "address-of-pod-and-node")["hosts"] == ["node1", "node2"]


def test_bridges_of_other_nodes_are_theirs_alone() -> None:
    node, other = NodeFile(1, pods=1), NodeFile(2, pods=1)
    other.add_bridge("docker0", "10.244.1.2/16")
    assert "address-of-pod-and-node" not in {one["kind"] for one in odd_of(node, other)}


def test_a_namespace_that_still_answers_for_a_pods_address() -> None:
    node = NodeFile(1, pods=1)
    gone = node.pod("gone", address="10.244.1.2/24")
    gone.update(kind="named", owner=None, names=["blue"], containers=[], paths=["/run/netns/blue"])
    for pair, port in zip(node.pairs[1:], node.bridges[0]["ports"][1:], strict=True):
        pair["pod"] = port["pod"] = None
    node.leases.pop()
    finding = only(odd_of(node), "address-twice-on-bridge")
    assert finding["message"] == "default/pod1 and blue behind cni0 have the same address 10.244.1.2, and answer for it"
    assert "/run/netns/blue" in finding["remedy"]


def test_one_address_behind_two_bridges_is_not_odd() -> None:
    """As two networks of docker may have it."""
    node = NodeFile(1, pods=2)
    assert odd_of(node) == []
