# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description of a lab: every fault is found, and says where it is."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPNetwork

from ansible_collections.podnet.lab.plugins.plugin_utils.description.checks import integer
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.description import cut, read_description

WEB = {"name": "web", "serve": 80}


def describe(**changes: Any) -> dict[str, Any]:
    """A description without faults, and changes to it."""
    return {
        "name": "lab0",
        "nodes": ["node1", "node2"],
        "pods": [pod("pod1"), pod("pod2", node="node2")],
        "cluster_cidr": "10.244.0.0/16",
        "node_prefix": 24,
        "node_cidrs": {},
        "bridge": "lab0",
        "mtu": 1500,
        "not_masqueraded": [],
        **changes,
    }


def pod(name: Any, **changes: Any) -> dict[str, Any]:
    """A pod without faults, and changes to it."""
    return {"name": name, "node": "node1", "containers": [WEB], **changes}


def faults(**changes: Any) -> list[str]:
    """The faults of a description, as text."""
    return [str(fault) for fault in read_description(describe(**changes)).faults]


def test_a_good_description_is_read() -> None:
    description = read_description(describe(node_prefix="26", mtu="1400"))
    assert description.faults == []
    assert description.ranges == {"node1": IPNetwork("10.244.0.0/26"), "node2": IPNetwork("10.244.0.64/26")}
    assert description.mtu == 1400
    assert [(item.full_name, item.node) for item in description.pods] == [
        ("default/pod1", "node1"),
        ("default/pod2", "node2"),
    ]
    assert description.pods[0].containers[0].serve == 80


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"name": "Lab 0"}, "manual_lab_name: 'Lab 0' is not a name"),
        ({"name": "a" * 64}, "it has 64 characters"),
        ({"nodes": []}, "manual_lab_nodes: there is no node"),
        ({"nodes": "node1"}, "manual_lab_nodes: 'node1' is not a list"),
        ({"nodes": ["node1", "node2", "node1"]}, "manual_lab_nodes: node1 is there twice"),
        (
            {"bridge": "a-name-of-16-chr"},
            "manual_lab_bridge: 'a-name-of-16-chr' has 16 characters, and Linux allows 15",
        ),
        ({"bridge": "br/0"}, "manual_lab_bridge: 'br/0' is not a name for a link"),
        ({"bridge": "br 0"}, "manual_lab_bridge"),
        ({"bridge": "-x"}, "manual_lab_bridge"),
        ({"bridge": ".."}, "manual_lab_bridge"),
        ({"bridge": "lo"}, "manual_lab_bridge"),
        ({"bridge": None}, "manual_lab_bridge"),
        (
            {"network": "carrier pigeons"},
            "manual_lab_network: 'carrier pigeons' is no way to join nodes. Use one of routes",
        ),
        ({"network": ["vxlan"]}, "manual_lab_network"),
        ({"vxlan_vni": 0}, "manual_lab_vxlan_vni: 0 does not fit. Use a number from 1 to 16777215."),
        ({"vxlan_port": 65536}, "manual_lab_vxlan_port"),
        ({"wireguard_port": "x"}, "manual_lab_wireguard_port"),
        ({"bgp_asn": 4294967295}, "manual_lab_bgp_asn"),
        ({"mtu": 67}, "manual_lab_mtu: 67 is not an MTU"),
        ({"mtu": 65536}, "manual_lab_mtu"),
        ({"mtu": "many"}, "manual_lab_mtu: 'many' is not an MTU"),
        ({"mtu": True}, "manual_lab_mtu"),
        ({"cluster_cidr": "10.244.0.0"}, "manual_lab_cluster_cidr: '10.244.0.0' is not a network"),
        ({"cluster_cidr": "10.244.0.1/16"}, "has bits set behind its length. Write it as 10.244.0.0/16"),
        ({"cluster_cidr": "fd00::/64"}, "is IPv6, and IPv4 is asked for here"),
        ({"cluster_cidr": "127.0.0.0/16"}, "overlaps 127.0.0.0/8, loopback"),
        ({"cluster_cidr": "225.0.0.0/16"}, "multicast"),
        ({"cluster_cidr": "0.0.0.0/0"}, "manual_lab_cluster_cidr"),
        ({"cluster_cidr": "nonsense/8"}, "manual_lab_cluster_cidr"),
        ({"cluster_cidr": 10}, "manual_lab_cluster_cidr"),
        ({"node_prefix": 31}, "manual_lab_node_prefix: 31 is not a prefix length"),
        ({"node_prefix": None}, "manual_lab_node_prefix"),
        ({"node_prefix": 12}, "a range of length 12 does not fit into 10.244.0.0/16"),
        ({"node_prefix": 16}, "manual_lab_cluster_cidr: 10.244.0.0/16 has no /16 left for node2"),
        ({"node_cidrs": ["10.244.0.0/24"]}, "manual_lab_node_cidrs: ['10.244.0.0/24'] is not a mapping"),
        ({"node_cidrs": {"node9": "10.244.9.0/24"}}, "manual_lab_node_cidrs.node9: 'node9' is not a node of the lab"),
        ({"node_cidrs": {"node1": "10.99.0.0/24"}}, "10.99.0.0/24 is not inside the cluster's range 10.244.0.0/16"),
        (
            {"node_cidrs": {"node1": "10.244.0.0/23", "node2": "10.244.1.0/24"}},
            "manual_lab_node_cidrs.node2: 10.244.1.0/24 overlaps 10.244.0.0/23 of node1",
        ),
        (
            {"node_cidrs": {"node1": "10.244.0.0/30"}, "pods": [pod("a"), pod("b")]},
            "10.244.0.0/30 of node1 has 1 address for pods, and 2 pods are on it",
        ),
        ({"not_masqueraded": ["10.0.0.0"]}, "manual_lab_not_masqueraded[0]: '10.0.0.0' is not a network"),
        ({"pods": {"pod1": {}}}, "manual_lab_pods: {'pod1': {}} is not a list of pods"),
        ({"pods": ["pod1"]}, "manual_lab_pods[0]: 'pod1' is not a pod"),
        ({"pods": [pod("Pod1")]}, "manual_lab_pods[0].name: 'Pod1' is not a name"),
        ({"pods": [pod("-a")]}, "manual_lab_pods[0].name"),
        ({"pods": [pod("a" * 64)]}, "manual_lab_pods[0].name"),
        ({"pods": [pod("a\n")]}, "manual_lab_pods[0].name"),
        ({"pods": [pod(None)]}, "manual_lab_pods[0].name"),
        ({"pods": [pod("a", namespace="kube.system")]}, "manual_lab_pods[0].namespace"),
        (
            {"pods": [pod("a", node="node9")]},
            "manual_lab_pods[0].node: 'node9' is not a node of the lab. Use one of node1",
        ),
        ({"pods": [pod("a", node=None)]}, "manual_lab_pods[0].node: the pod has no node"),
        ({"pods": [pod("a", image="nginx")]}, "manual_lab_pods[0]: unknown field 'image'. Known are name, namespace"),
        ({"pods": [pod("a"), pod("a")]}, "manual_lab_pods[1]: manual_lab_pods[0] is pod default/a too"),
        ({"pods": [pod("a", labels=["x"])]}, "manual_lab_pods[0].labels"),
        ({"pods": [pod("a", labels={"a b": "x"})]}, "manual_lab_pods[0].labels.a b"),
        ({"pods": [pod("a", labels={"a": "{{ x }}"})]}, "manual_lab_pods[0].labels.a"),
        ({"pods": [pod("a", address="10.244.1.9")]}, "10.244.1.9 is not in 10.244.0.0/24, the range of node1"),
        ({"pods": [pod("a", address="10.244.0.1")]}, "10.244.0.1 is the gateway's address of 10.244.0.0/24"),
        ({"pods": [pod("a", address="10.244.0.255")]}, "is the broadcast address"),
        ({"pods": [pod("a", address="ten")]}, "manual_lab_pods[0].address: 'ten' is not an IPv4 address"),
        (
            {"pods": [pod("a", address="10.244.0.9"), pod("b", address="10.244.0.9")]},
            "manual_lab_pods[1].address: manual_lab_pods[0] has the address 10.244.0.9 too",
        ),
        ({"pods": [pod("a", containers=[])]}, "manual_lab_pods[0].containers: there is no container"),
        ({"pods": [pod("a", containers=None)]}, "manual_lab_pods[0].containers"),
        ({"pods": [pod("a", containers=["web"])]}, "manual_lab_pods[0].containers[0]: 'web' is not a container"),
        ({"pods": [pod("a", containers=[{"name": "x"}])]}, "it has neither command nor serve"),
        ({"pods": [pod("a", containers=[{**WEB, "command": ["x"]}])]}, "it has both command and serve"),
        ({"pods": [pod("a", containers=[{**WEB, "port": 1}])]}, "unknown field 'port'. Known are name, command, serve"),
        ({"pods": [pod("a", containers=[{"name": "x", "command": []}])]}, ".command: the command is empty"),
        ({"pods": [pod("a", containers=[{"name": "x", "command": [" "]}])]}, ".command: the command is empty"),
        ({"pods": [pod("a", containers=[{"name": "x", "command": "sleep 1"}])]}, "'sleep 1' is not a list"),
        ({"pods": [pod("a", containers=[{"name": "x", "command": ["a", {}]}])]}, "a word of it is not text"),
        ({"pods": [pod("a", containers=[{"name": "x", "command": ["a", "b\0"]}])]}, "a word of it is not text"),
        ({"pods": [pod("a", containers=[{"name": "web", "serve": 0}])]}, ".serve: 0 is not a port"),
        ({"pods": [pod("a", containers=[WEB, WEB])]}, "manual_lab_pods[0].containers[0] has the name 'web' too"),
        (
            {"pods": [pod("a", containers=[WEB, {"name": "other", "serve": 80}])]},
            "manual_lab_pods[0].containers[1].serve: manual_lab_pods[0].containers[0] serves port 80 too",
        ),
    ],
)
def test_a_fault_says_where_it_is_and_what_to_do(changes: dict[str, Any], expected: str) -> None:
    found = faults(**changes)
    assert any(expected in text for text in found), found
    for text in found:
        assert text.startswith("manual_lab_")
        assert text.endswith(".")


def test_all_faults_are_found_at_once() -> None:
    found = faults(mtu="x", bridge="x" * 16, cluster_cidr="no", pods=[pod("A"), pod("b", node="c", containers=[])])
    assert len(found) == 6


def test_one_fault_is_one_fault() -> None:
    """What follows from a fault is not reported as another."""
    assert len(faults(cluster_cidr="no")) == 1
    assert len(faults(nodes=["node1"])) == 1
    assert len(faults(pods=[pod("A"), pod("A")])) == 2


def test_given_ranges_are_cut_around() -> None:
    given_ranges = {"node2": IPNetwork("10.244.0.0/24"), "node3": IPNetwork("10.244.1.0/25")}
    ranges, without = cut(IPNetwork("10.244.0.0/22"), 24, ["node1", "node2", "node3", "node4", "node5"], given_ranges)
    assert ranges == {**given_ranges, "node1": IPNetwork("10.244.2.0/24"), "node4": IPNetwork("10.244.3.0/24")}
    assert without == ["node5"]


@given(length=st.integers(10, 28), nodes=st.integers(1, 40))
def test_cut_ranges_are_disjoint_parts_of_the_cluster(length: int, nodes: int) -> None:
    cluster = IPNetwork("10.0.0.0/10")
    names = [f"node{number}" for number in range(nodes)]
    ranges, without = cut(cluster, length, names, {})
    assert len(ranges) + len(without) == nodes
    parts = sorted(ranges.values())
    assert all(part in cluster and part.prefixlen == length for part in parts)
    assert all(one.last < other.first for one, other in itertools.pairwise(parts))
    more, _without = cut(cluster, length, [*names, "another"], {})
    assert all(more[name] == part for name, part in ranges.items()), "a node at the end moves nobody"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, 5), ("5", 5), (" 5 ", 5), (True, None), ("-5", None), (5.0, None), ("x", None), (None, None), ("٣", None)],
)
def test_integers_may_be_text(value: Any, expected: int | None) -> None:
    assert integer(value) == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["node1", "10.244.0.0/16"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*describe(), *pod("a")]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(raw=st.dictionaries(st.sampled_from(list(describe())), VALUES))
def test_whatever_is_written_is_answered_with_faults_and_never_with_a_traceback(raw: dict[str, Any]) -> None:
    assert isinstance(read_description({**describe(), **raw}).faults, list)
    assert read_description(raw).faults


@pytest.mark.parametrize("value", [True, 5, "192.168.0.0/16", {"a": 1}])
def test_ranges_that_are_not_masqueraded_are_a_list(value: Any) -> None:
    faults = [str(fault) for fault in read_description({**describe(), "not_masqueraded": value}).faults]
    assert len(faults) == 1
    assert "manual_lab_not_masqueraded" in faults[0]
