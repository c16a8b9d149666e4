# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ARP tables that say what is not so, on a node and between nodes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

WRONG = "de:ad:00:00:00:01"


def knows(namespace: dict[str, Any], dst: str, dev: str, mac: str, state: str = "PERMANENT") -> None:
    """Add an entry to a table."""
    namespace.setdefault("neighbours", []).append({"dst": dst, "dev": dev, "lladdr": mac, "state": [state]})


def mac(node: NodeFile, ifname: str, namespace: int = 0) -> str:
    """Return the MAC of an interface."""
    return str(node.interface(node.namespaces[namespace], ifname)["address"])


def healthy(node: NodeFile) -> NodeFile:
    """Fill the tables of a node with a bridge as its kernel fills them."""
    for number, pod in enumerate(node.namespaces[1:], 1):
        knows(node.own, f"10.244.1.{number + 1}", "cni0", mac(node, "eth0", number), "REACHABLE")
        knows(pod, "10.244.1.1", "eth0", mac(node, "cni0"), "REACHABLE")
    knows(node.namespaces[1], "10.244.1.3", "eth0", mac(node, "eth0", 2))
    knows(node.own, "10.244.1.77", "cni0", WRONG, "STALE")
    knows(node.own, "10.244.1.3", "cni0", WRONG, "STALE")
    knows(node.own, "10.89.0.1", "eth0", "52:54:00:00:00:fe", "REACHABLE")
    return node


def test_tables_as_the_kernel_fills_them() -> None:
    assert odd_of(healthy(NodeFile(1, pods=2))) == []


@pytest.mark.parametrize(("state", "severity"), [("PERMANENT", "fault"), ("REACHABLE", "note")])
def test_the_node_knows_a_pod_under_another_mac(state: str, severity: str) -> None:
    node = NodeFile(1, pods=2)
    knows(node.own, "10.244.1.2", "cni0", WRONG, state)
    finding = only(odd_of(node), "neighbour-wrong")
    assert (finding["severity"], finding["object"]) == (severity, "10.244.1.2")
    assert finding["evidence"][1] == f"default/pod1: 10.244.1.2, {mac(node, 'eth0', 1)}"
    assert finding["remedy"].startswith("ip neigh del 10.244.1.2 dev cni0")
    assert finding["command"] == "ip neigh show dev cni0"


@pytest.mark.parametrize(("dst", "owner"), [("10.244.1.1", "cni0"), ("10.244.1.3", "default/pod2")])
def test_a_pod_knows_its_gateway_or_another_pod_under_another_mac(dst: str, owner: str) -> None:
    node = NodeFile(1, pods=2)
    knows(node.namespaces[1], dst, "eth0", WRONG)
    finding = only(odd_of(node), "neighbour-wrong")
    assert finding["object"] == f"default/pod1 {dst}"
    assert finding["message"].startswith(f"default/pod1 sends what is for {dst} to the MAC {WRONG}")
    assert f"{owner}, which has the address" in finding["message"]
    assert (finding["command"] or "").startswith("ip netns exec cni-")


def test_a_routed_pod() -> None:
    """Calico's pods know one MAC for a gateway that nobody has; the node knows each of them at a cable of its own."""
    node = fleets.calico(1)[0]
    near = node.pairs[0]["ends"][0]["ifname"]
    knows(node.namespaces[1], "169.254.1.1", "eth0", "ee:ee:ee:ee:ee:ee")
    knows(node.own, "10.244.1.2", near, mac(node, "eth0", 1))
    assert odd_of(node) == []
    knows(node.own, "10.244.1.2", near, WRONG)
    assert only(odd_of(node), "neighbour-wrong")["command"] == f"ip neigh show dev {near}"


def test_an_address_that_two_pods_have_is_known_under_one_of_their_macs() -> None:
    node = NodeFile(1, pods=1)
    node.pod("same", address="10.244.1.2/24")
    knows(node.own, "10.244.1.2", "cni0", mac(node, "eth0", 2))
    assert "neighbour-wrong" not in {one["kind"] for one in odd_of(node)}


def see_each_other(fleet: list[NodeFile]) -> None:
    """Let each node know the others' cards."""
    for node in fleet:
        for other in fleet:
            if other is not node:
                knows(node.own, fleets.node_address(other), "eth0", mac(other, "eth0"), "REACHABLE")


def test_another_nodes_mac_that_somebody_set() -> None:
    fleet = fleets.routed()
    see_each_other(fleet)
    assert odd_of(*fleet) == []
    fleet[0].own["neighbours"][0].update(lladdr=WRONG, state=["PERMANENT"])
    finding = only(odd_of(*fleet), "neighbour-wrong")
    assert (finding["hosts"], finding["object"]) == (["node1"], "10.89.0.12")
    assert "eth0 of node2" in finding["message"]


def test_in_clouds_the_network_answers_for_all_nodes() -> None:
    fleet = fleets.routed()
    for node in fleet:
        for other in fleet:
            if other is not node:
                knows(node.own, fleets.node_address(other), "eth0", "12:34:56:78:9a:bc")
    assert odd_of(*fleet) == []
