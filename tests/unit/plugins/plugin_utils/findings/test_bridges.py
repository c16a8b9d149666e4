# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bridges with a second or a wrong address, and ports that a pod cannot return by."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    NodeFile,
    odd_of,
    three_nodes,
)


def overlap(node: NodeFile, network: str, dev: str = "cni0") -> None:
    """Add the conflict that the node's own facts have when a network is inside the cluster's range."""
    node.conflicts.append(
        {
            "kind": "overlap",
            "message": f"The pod range 10.244.0.0/16 overlaps the node's network {network} on {dev}.",
            "sides": [
                {"value": "10.244.0.0/16", "source": "/etc/kubernetes/manifests/kube-controller-manager.yaml x"},
                {"value": network, "source": f"ip route show dev {dev}"},
            ],
        }
    )


def test_an_address_of_an_earlier_life_instead_of_the_right_one() -> None:
    node = NodeFile(1, pods=2)
    node.bridges[0]["addr_info"] = [node.address("10.244.7.1/24")]
    node.interface(node.own, "cni0")["addr_info"] = [node.address("10.244.7.1/24")]
    overlap(node, "10.244.7.0/24")
    finding = only(odd_of(node), "bridge-wrong-address")
    assert finding["object"] == "cni0"
    assert finding["remedy"].startswith("ip addr del 10.244.7.1/24 dev cni0; ip addr add 10.244.1.1/24 dev cni0")
    assert finding["command"] == "ip addr show dev cni0"
    assert below(finding) == ["range-overlap", "pod-gateway-missing", "pod-gateway-missing"]


def test_a_second_address_in_the_range_of_another_node() -> None:
    node = NodeFile(1, pods=2)
    node.bridges[0]["addr_info"].append(node.address("10.244.7.1/24"))
    overlap(node, "10.244.7.0/24")
    finding = only(odd_of(node), "bridge-second-address")
    assert finding["remedy"] == "ip addr del 10.244.7.1/24 dev cni0"
    assert below(finding) == ["range-overlap"]


def test_an_empty_bridge_of_an_earlier_life() -> None:
    node = NodeFile(1, bridge=None)
    node.add_bridge("cni0", "10.244.7.1/24")
    node.pod_ranges = node.pod_ranges[1:]
    overlap(node, "10.244.7.0/24")
    assert below(only(odd_of(node), "bridge-left-over")) == ["range-overlap"]


def test_an_overlap_with_another_network_stands_for_itself() -> None:
    node = NodeFile(1, pods=2)
    node.bridges[0]["addr_info"].append(node.address("10.244.7.1/24"))
    overlap(node, "10.244.9.0/24", "eth1")
    assert {one["kind"] for one in odd_of(node)} == {"bridge-second-address", "range-overlap"}


@pytest.mark.parametrize("second", ["192.168.7.1/24", "10.244.1.129/25", "fe80::1/64", "fd00::1/64"])
def test_other_second_addresses_are_not_odd(second: str) -> None:
    node = NodeFile(1, pods=2)
    node.bridges[0]["addr_info"].append(node.address(second))
    assert odd_of(node) == []


def test_bridges_of_further_networks_have_ranges_of_their_own() -> None:
    """As Multus makes them: the pods' first interface is elsewhere."""
    node = NodeFile(1, pods=2)
    storage = node.add_bridge("br-storage", "10.244.200.1/24")
    pod = node.namespaces[1]
    pod["interfaces"].append(node.link(3, "net1", "veth", "0a:00:00:00:00:77", ("10.244.200.5/24",)))
    node.own["interfaces"].append(node.link(40, "vethnet1", "veth", "1e:00:00:00:00:77"))
    owner = {"namespace": "default", "name": "pod1"}
    ends: list[dict[str, Any]] = [
        {"netns": node.root, "netns_name": None, "ifname": "vethnet1", "ifindex": 40, "master": "br-storage"},
        {"netns": pod["inode"], "netns_name": None, "ifname": "net1", "ifindex": 3, "master": None},
    ]
    bridge = {"ifname": "br-storage", "netns": node.root}
    node.pairs.append({"ends": ends, "pod": owner, "bridge": bridge, "resolution": "exact", "reason": None})
    storage["ports"].append({"ifname": "vethnet1", "ifindex": 40, "state": "forwarding", "pod": owner})
    assert odd_of(node) == []


def test_a_bridge_that_is_down() -> None:
    node = NodeFile(1, pods=2)
    node.interface(node.own, "cni0").update(flags=["BROADCAST", "MULTICAST"], operstate="DOWN")
    for port in node.bridges[0]["ports"]:
        port["state"] = "disabled"
    finding = only(odd_of(node), "bridge-down")
    assert finding["remedy"] == "ip link set dev cni0 up"
    assert below(finding) == ["port-not-forwarding", "port-not-forwarding"]


def test_a_bridge_without_pods_may_be_down() -> None:
    node = NodeFile(1, pods=1)
    node.add_bridge("virbr0", "192.168.122.1/24")
    node.interface(node.own, "virbr0").update(flags=["BROADCAST", "MULTICAST"], operstate="DOWN")
    assert odd_of(node) == []


def test_a_gateway_that_nothing_has() -> None:
    node = NodeFile(1, pods=2)
    node.namespaces[1]["routes"][0]["gateway"] = "10.244.1.254"
    finding = only(odd_of(node), "pod-gateway-missing")
    assert finding["object"] == "default/pod1"
    assert finding["evidence"] == ["default/pod1: default via 10.244.1.254 dev eth0", "cni0: 10.244.1.1/24"]


def test_gateways_that_are_elsewhere() -> None:
    """Behind a card in the bridge, of a bridge without an address, and on another interface of the node."""
    card, plain, other = (NodeFile(1, pods=1) for _number in range(3))
    for node in (card, plain, other):
        node.namespaces[1]["routes"][0]["gateway"] = "10.244.1.254"
    card.bridges[0]["ports"].append({"ifname": "eth1", "ifindex": 90, "state": "forwarding", "pod": None})
    plain.bridges[0]["addr_info"] = []
    other.own["interfaces"].append(other.link(9, "gw0", "dummy", "0a:00:00:00:00:09", ("10.244.1.254/32",), full=True))
    for node in (card, plain, other):
        assert odd_of(node) == []


def behind_itself(*hairpin: bool) -> NodeFile:
    """Return a node whose pods are all behind a Service, with their ports so."""
    node = NodeFile(1, pods=len(hairpin))
    for port, mode in zip(node.bridges[0]["ports"], hairpin, strict=True):
        port["hairpin"] = mode
    node.service("web", [(f"10.244.1.{number + 2}", 80) for number in range(len(hairpin))])
    return node


def test_one_port_out_of_hairpin_mode() -> None:
    finding = only(odd_of(behind_itself(True, False)), "hairpin-off")
    assert (finding["severity"], finding["object"]) == ("fault", "veth00010002")
    assert finding["message"] == (
        "default/pod2 cannot reach itself through default/web:http: the port in cni0 is not in hairpin mode"
    )
    assert finding["remedy"].endswith("bridge link set dev veth00010002 hairpin on")


def test_no_port_in_hairpin_mode_is_the_plugins_default() -> None:
    assert only(odd_of(behind_itself(False, False)), "hairpin-off")["severity"] == "note"


def test_hairpin_mode_is_for_pods_behind_a_service() -> None:
    assert odd_of(behind_itself(True, True)) == []
    node = NodeFile(1, pods=2)
    node.bridges[0]["ports"][0]["hairpin"] = False
    assert odd_of(node) == []


def test_healthy_bridges() -> None:
    assert odd_of(*three_nodes()) == []


def promiscuous() -> NodeFile:
    """Return a node with a promiscuous bridge, two pods, a Service, and no rules for bridges."""
    node = NodeFile(1, pods=2)
    node.settings()
    node.service("web", [("10.244.1.2", 80)])
    node.interface(node.own, "cni0")["flags"].append("PROMISC")
    node.firewall = {"complete": True, "bridges": False, "tables": []}
    for port in node.bridges[0]["ports"]:
        port["hairpin"] = True
    return node


def test_a_promiscuous_bridge() -> None:
    finding = only(odd_of(promiscuous()), "bridge-promiscuous")
    assert (finding["severity"], finding["certainty"], finding["object"]) == ("note", "inferred", "cni0")
    assert "promisc off" in finding["remedy"]


def test_promiscuous_bridges_that_hand_nothing_out_twice() -> None:
    plain, ruled, unread, alone, unseen = (promiscuous() for _number in range(5))
    plain.interface(plain.own, "cni0")["flags"].remove("PROMISC")
    ruled.firewall = {"complete": True, "bridges": True, "tables": []}
    unread.firewall = None
    alone.services = []
    unseen.services = None
    for node in (plain, ruled, unread, alone, unseen):
        assert odd_of(node) == []
    unshown = promiscuous()
    unshown.own["settings"]["net.bridge.bridge-nf-call-iptables"] = 0
    assert "bridge-promiscuous" not in {one["kind"] for one in odd_of(unshown)}
