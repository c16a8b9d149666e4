# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description and the plan of a lab with IPv6: ranges of each family, next hops, and every fault."""

from __future__ import annotations

from typing import Any

import pytest
from netaddr import IPAddress

from ansible_collections.podnet.lab.plugins.filter.lab_policies import lab_policies
from ansible_collections.podnet.lab.plugins.filter.lab_records import lab_records
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.plan import make_plan
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.tunnels import mac_of

DESCRIPTION: dict[str, Any] = {
    "name": "lab0",
    "nodes": ["node1", "node2"],
    "pods": [
        {"name": "pod1", "node": "node1", "containers": [{"name": "web", "serve": 80}]},
        {"name": "pod2", "node": "node2", "containers": [{"name": "web", "serve": 80}]},
    ],
    "cluster_cidr": "10.244.0.0/16",
    "node_prefix": 24,
    "cluster_cidr_v6": "fd00:10:244::/56",
    "bridge": "lab0",
}


def host(number: int, more: Any = (), link_local: bool = True, **changes: Any) -> dict[str, Any]:
    """A node with 10.89.0.<number> and a link-local address on eth0, and `more` addresses with their lengths."""
    local = f"10.89.0.{number}"
    addresses = [(local, 24), *([(f"fe80::{number}", 64)] if link_local else []), *more]
    info = {
        "privileged": True,
        "missing_programs": {},
        "missing_module": None,
        "wireguard": False,
        "bgp": False,
        "ip_forward": "0",
        "ipv6": True,
        "links": [{"ifname": "eth0", "kind": "veth", "mtu": 1500, "vni": None, "port": None, "own": False}],
        "addresses": [{"ifname": "eth0", "local": text, "prefixlen": length} for text, length in addresses],
        "routes": [],
        **changes,
    }
    return {"address": None, "address_v6": None, "ansible_host": local, "info": info}


ROUTED = {
    f"node{number}": host(
        10 + number,
        routes=[{"dst": "10.89.0.0/24", "gateway": None, "dev": "eth0", "prefsrc": None, "metric": 0, "own": False}],
    )
    for number in (1, 2)
}
"""Nodes that reach each other, as a tunnel needs it."""


def plan(hosts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The plan of the description above with changes."""
    there = {"node1": host(11), "node2": host(12), **(hosts or {})}
    return make_plan({**DESCRIPTION, **changes}, there, lambda name: [name], [])


def test_each_node_gets_a_range_of_each_family_and_routes_by_link_local_addresses() -> None:
    made = plan()
    assert made["faults"] == made["warnings"] == []
    node1 = made["nodes"]["node1"]
    assert (node1["range"], node1["range_v6"]) == ("10.244.0.0/24", "fd00:10:244::/64")
    assert (node1["gateway"], node1["gateway_v6"]) == ("10.244.0.1", "fd00:10:244::1")
    assert node1["routes"] == [
        {"dst": "10.244.1.0/24", "gateway": "10.89.0.12"},
        {"dst": "fd00:10:244:1::/64", "gateway": "fe80::12", "dev": "eth0"},
    ]
    assert node1["masqueraded_v6"] is None
    assert "fd00:10:244::/56" in node1["inside"]


def test_without_an_ipv6_range_nothing_is_of_ipv6() -> None:
    node1 = plan(cluster_cidr_v6="")["nodes"]["node1"]
    assert (node1["range_v6"], node1["gateway_v6"], node1["masqueraded_v6"]) == (None, None, None)
    assert node1["routes"] == [{"dst": "10.244.1.0/24", "gateway": "10.89.0.12"}]


def test_pods_can_have_ipv6_alone() -> None:
    made = plan(cluster_cidr="")
    assert made["faults"] == []
    node1 = made["nodes"]["node1"]
    assert (node1["range"], node1["gateway"]) == (None, None)
    assert [route["dst"] for route in node1["routes"]] == ["fd00:10:244:1::/64"]
    assert node1["bridge_address"].startswith("0a:58:")
    assert node1["bridge_address"] != made["nodes"]["node2"]["bridge_address"]


def test_the_mac_of_an_ipv6_address_is_that_of_ovn_kubernetes() -> None:
    """``util.IPAddrToHWAddr``: the first four bytes of the SHA-256 of the text; echo -n fd01::1 | sha256sum."""
    assert mac_of(IPAddress("10.244.0.1")) == "0a:58:0a:f4:00:01"
    assert mac_of(IPAddress("fd01::1")) == "0a:58:28:71:f0:c9"


def test_a_given_address_is_the_next_hop_when_all_share_its_network() -> None:
    first, second = host(11, [("2001:db8::11", 64)]), host(12, [("2001:db8::12", 64)])
    first["address_v6"], second["address_v6"] = "2001:db8::11", "2001:db8::12"
    node1 = plan({"node1": first, "node2": second}, masquerade_v6=True)["nodes"]["node1"]
    assert node1["routes"][1] == {"dst": "fd00:10:244:1::/64", "gateway": "2001:db8::12", "dev": None}
    assert {"2001:db8::11", "2001:db8::12"} <= set(node1["inside"])
    assert node1["masqueraded_v6"] == "fd00:10:244::/64"
    third = host(12, [("2001:db8:1::12", 64)])
    third["address_v6"] = "2001:db8:1::12"
    said = plan({"node1": first, "node2": third})["faults"]
    assert any("it shares no IPv6 network with node2 (2001:db8:1::12)" in text for text in said), said


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"cluster_cidr_v6": "10.9.0.0/16"}, "10.9.0.0/16 is IPv4, and IPv6 is asked for here"),
        ({"cluster_cidr": "fd00::/56"}, "fd00::/56 is IPv6, and IPv4 is asked for here"),
        ({"cluster_cidr": "", "cluster_cidr_v6": ""}, "'' is not a network"),
        ({"cluster_cidr_v6": "fe80::/56"}, "overlaps fe80::/10, link-local addresses"),
        ({"cluster_cidr_v6": "fd00::1/56"}, "has bits set behind its length"),
        ({"cluster_cidr_v6": "fd00::/64"}, "fd00::/64 has no /64 left for node2"),
        ({"node_prefix_v6": 48}, "a range of length 48 does not fit into fd00:10:244::/56"),
        ({"node_prefix_v6": 127}, "127 is not a prefix length. Use 8 to 126, as a rule 64"),
        ({"node_cidrs_v6": {"node1": "10.244.9.0/24"}}, "is IPv4, and IPv6 is asked for here"),
        ({"node_cidrs_v6": {"node1": "fd01::/64"}}, "fd01::/64 is not inside the cluster's range"),
        ({"cluster_cidr_v6": "", "node_cidrs_v6": {"node1": "fd00::/64"}}, "there is no range of all pods"),
        ({"cluster_cidr_v6": "", "masquerade_v6": True}, "manual_lab_masquerade_v6: the lab has no IPv6"),
        ({"masquerade_v6": "perhaps"}, "'perhaps' is neither true nor false"),
        ({"mtu": 1279}, "pods would get 1279 bytes, and IPv6 needs 1280"),
    ],
)
def test_a_fault_of_the_description_is_said(changes: dict[str, Any], expected: str) -> None:
    found = plan(**changes)["faults"]
    assert any(expected in text for text in found), found


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("10.244.0.9", "'10.244.0.9' is not an IPv6 address. Write it as fd00:10:244::a"),
        ("fd00:10:244:1::9", "fd00:10:244:1::9 is not in fd00:10:244::/64, the range of node1"),
        ("fd00:10:244::", "fd00:10:244:: is the network's address of fd00:10:244::/64"),
        ("fd00:10:244::1", "fd00:10:244::1 is the gateway's address of fd00:10:244::/64"),
    ],
)
def test_an_address_that_a_pod_cannot_have_is_said(address: str, expected: str) -> None:
    pod = {**DESCRIPTION["pods"][0], "address_v6": address}
    found = plan(pods=[pod])["faults"]
    assert any(expected in text for text in found), found


def test_an_address_of_a_family_that_the_lab_has_not_is_said() -> None:
    pod = {**DESCRIPTION["pods"][0], "address_v6": "fd00:10:244::9"}
    found = plan(pods=[pod], cluster_cidr_v6="")["faults"]
    assert any("address_v6: the lab has no IPv6: there is no manual_lab_cluster_cidr_v6" in text for text in found)


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (host(11, ipv6=False), "node node1: its kernel has no IPv6, or it is switched off"),
        (host(11, [("fd00:10:244:7::1", 64)]), "its network fd00:10:244:7::/64 on eth0 overlaps the cluster's range"),
        (host(11, link_local=False), "node node1: no IPv6 address is known by which the others route IPv6"),
    ],
)
def test_what_of_a_node_stands_in_the_way_is_said(node: dict[str, Any], expected: str) -> None:
    found = plan({"node1": node})["faults"]
    assert any(expected in text for text in found), found


def test_an_overlay_is_told_of_both_families_and_routes_ipv6_to_link_local_ends() -> None:
    node1 = plan(ROUTED, network="vxlan")["nodes"]["node1"]
    assert node1["mtu"] == 1450
    assert node1["tunnel"]["vtep"] == "10.244.0.0"
    assert node1["tunnel"]["peers"] == [
        {
            "remote": "10.89.0.12",
            "lladdr": "0a:58:0a:f4:01:00",
            "vtep": "10.244.1.0",
            "vtep_v6": "fe80::858:aff:fef4:100",
        }
    ]
    assert node1["routes"] == [
        {"dst": "10.244.1.0/24", "gateway": "10.244.1.0", "dev": "vxlan1"},
        {"dst": "fd00:10:244:1::/64", "gateway": "fe80::858:aff:fef4:100", "dev": "vxlan1"},
    ]


def test_wireguard_takes_both_ranges_from_a_node_and_bgp_says_where_ipv6_goes() -> None:
    node1 = plan(ROUTED, network="wireguard")["nodes"]["node1"]
    assert node1["wireguard"]["peers"] == [
        {"node": "node2", "remote": "10.89.0.12", "allowed": "10.244.1.0/24", "allowed_v6": "fd00:10:244:1::/64"}
    ]
    node1 = plan(network="bgp")["nodes"]["node1"]
    assert node1["bgp"]["local_v6"] == "fe80::11"
    assert node1["bgp"]["peers"] == [
        {
            "address": "10.89.0.12",
            "role": "peer",
            "address_v6": "fe80::12",
            "range": "10.244.1.0/24",
            "range_v6": "fd00:10:244:1::/64",
        }
    ]


@pytest.mark.parametrize("network", ["ipip", "gre", "geneve"])
def test_what_does_not_carry_ipv6_is_refused(network: str) -> None:
    found = plan(ROUTED, network=network)["faults"]
    assert any(f"{network} tunnels carry IPv4 alone in the lab" in text for text in found), found


def leased() -> dict[str, Any]:
    """Hosts whose pods have got their addresses."""
    pods = [
        ("node1", "pod1", "10.244.0.2", "fd00:10:244::2"),
        ("node2", "pod2", "10.244.1.2", "fd00:10:244:1::2"),
    ]
    return {
        node: {
            "__manual_lab_addresses": {
                "addresses": [{"namespace": "default", "name": name, "address": four, "address_v6": six}]
            }
        }
        for node, name, four, six in pods
    }


def test_a_policy_has_rules_of_each_family_and_a_block_those_of_its_own() -> None:
    policy = {
        "name": "both",
        "podSelector": {},
        "ingress": [{"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "2001:db8::/32"}}]}],
    }
    made = plan(policies=[policy])
    four, six = (lab_policies(made, leased(), "node1", version) for version in (4, 6))
    assert (four[0]["address"], six[0]["address"]) == ("10.244.0.2", "fd00:10:244::2")
    assert four[0]["ingress"][0]["peers"] == ["10.244.0.2/32", "10.244.1.2/32"]
    assert set(six[0]["ingress"][0]["peers"]) == {"2001:db8::/32", "fd00:10:244::2/128", "fd00:10:244:1::2/128"}
    assert lab_policies(plan(policies=[policy], cluster_cidr_v6=""), leased(), "node1", 6) == []
    # A block of one family alone lets nobody through by the other.
    policy["ingress"] = [{"from": [{"ipBlock": {"cidr": "2001:db8::/32"}}]}]
    assert lab_policies(plan(policies=[policy]), leased(), "node1", 4)[0]["ingress"][0]["peers"] == []


def test_a_pod_has_a_name_for_each_of_its_addresses() -> None:
    services = [{"name": "all", "headless": True, "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}]
    pods = [{**pod, "labels": {"app": "web"}} for pod in DESCRIPTION["pods"]]
    made = plan(services=services, service_cidr="10.96.0.0/16", pods=pods)
    assert made["faults"] == []
    made["dns"] = {"node": "node1", "domain": "cluster.local", "upstreams": []}
    found = {(one["type"], one["name"], one["value"]) for one in lab_records(made, leased())}
    assert ("AAAA", "fd00-10-244--2.default.pod.cluster.local", "fd00:10:244::2") in found
    assert ("AAAA", "all.default.svc.cluster.local", "fd00:10:244:1::2") in found
    assert ("A", "all.default.svc.cluster.local", "10.244.1.2") in found
    target = "fd00-10-244-1--2.all.default.svc.cluster.local"
    assert ("SRV", "_http._tcp.all.default.svc.cluster.local", target) in found


def test_services_need_ipv4() -> None:
    services = [{"name": "all", "selector": {}, "ports": [{"port": 80}]}]
    found = plan(services=services, service_cidr="10.96.0.0/16", cluster_cidr="")["faults"]
    assert any("Services carry IPv4 alone in the lab" in text for text in found), found


def test_reflectors_and_ipv6_are_refused() -> None:
    (fault,) = plan(network="bgp", bgp_reflectors=["node1"])["faults"]
    assert fault.startswith("manual_lab_bgp_reflectors: the lab's reflectors tell no IPv6 routes.")
    assert plan(network="bgp", bgp_bfd=True)["faults"] == []
