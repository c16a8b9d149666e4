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
from ansible_collections.podnet.lab.plugins.filter.lab_services import lab_services
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


@pytest.mark.parametrize(("network", "mtu"), [("gre", 1476), ("geneve", 1450)])
def test_a_tunnel_for_each_node_carries_both_families_or_ipv6_alone(network: str, mtu: int) -> None:
    name = network + "0a59000c"
    for cluster, four in (("10.244.0.0/16", True), ("", False)):
        made = plan(ROUTED, network=network, cluster_cidr=cluster, mtu="auto")
        assert made["faults"] == []
        node1 = made["nodes"]["node1"]
        (peer,) = node1["peer_tunnel"]["peers"]
        assert node1["peer_tunnel"]["mtu"] == mtu
        assert ("vtep" in node1["peer_tunnel"], "vtep" in peer) == (four, four)
        route = node1["routes"][-1]
        assert route == {"dst": "fd00:10:244:1::/64", "gateway": peer["vtep_v6"], "dev": name}
        assert peer["vtep_v6"].startswith("fe80::858:")
        assert len(node1["routes"]) == (2 if four else 1)


def test_ipip_does_not_carry_ipv6() -> None:
    (fault,) = plan(ROUTED, network="ipip")["faults"]
    assert fault == (
        "manual_lab_cluster_cidr_v6: an ipip tunnel carries IPv4 alone: its packets have no place that says what is in "
        "them. Set manual_lab_network to gre, geneve or vxlan."
    )


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
    service = {"name": "all", "headless": True, "selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}
    services = [{**service, "ipFamilyPolicy": "PreferDualStack"}, {**service, "name": "first"}]
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
    assert {one[0] for one in found if one[1] == "first.default.svc.cluster.local"} == {"A"}


RANGES: dict[str, Any] = {"service_cidr": "10.96.0.0/16", "service_cidr_v6": "fd00:10:96::/112"}


def service(**changes: Any) -> dict[str, Any]:
    """A Service that nobody is behind."""
    return {"name": "all", "ports": [{"port": 80}], **changes}


@pytest.mark.parametrize(
    ("words", "versions"),
    [
        ({}, [4]),
        ({"ipFamilyPolicy": "SingleStack"}, [4]),
        ({"ipFamilyPolicy": "PreferDualStack"}, [4, 6]),
        ({"ipFamilyPolicy": "RequireDualStack"}, [4, 6]),
        ({"ipFamilies": ["IPv6"]}, [6]),
        ({"ipFamilies": ["IPv6"], "ipFamilyPolicy": "PreferDualStack"}, [6, 4]),
        ({"ipFamilies": ["IPv6", "IPv4"]}, [6, 4]),
        ({"address_v6": "fd00:10:96::7"}, [6]),
        ({"address": "10.96.0.7", "address_v6": "fd00:10:96::7"}, [4, 6]),
        ({"address_v6": "fd00:10:96::7", "ipFamilyPolicy": "PreferDualStack"}, [6, 4]),
    ],
)
def test_a_service_has_the_families_that_kubernetes_would_give_it(words: dict[str, Any], versions: list[int]) -> None:
    made = plan(services=[service(**words)], **RANGES)
    assert made["faults"] == []
    (planned,) = made["services"]
    assert planned["versions"] == versions
    given = {4: words.get("address", "10.96.1.1"), 6: words.get("address_v6", "fd00:10:96::101")}
    assert planned["address"] == (given[4] if 4 in versions else None)
    assert planned["address_v6"] == (given[6] if 6 in versions else None)
    of_each = [len(lab_services(made, leased(), "node1", version)) for version in (4, 6)]
    assert of_each == [4 in versions, 6 in versions]


def test_an_address_of_each_family_is_kept() -> None:
    hosts = {name: {**one, "services_v6": {"default/all": "fd00:10:96::abc"}} for name, one in ROUTED.items()}
    made = plan(hosts=hosts, services=[service(ipFamilyPolicy="PreferDualStack")], **RANGES)
    assert made["services"][0]["address_v6"] == "fd00:10:96::abc"


def test_a_lab_of_ipv6_alone_has_services_and_names() -> None:
    changes = {**RANGES, "cluster_cidr": "", "dns": True, "dns_domain": "cluster.local"}
    made = plan(services=[service()], **changes)
    assert made["faults"] == []
    assert [one["address"] for one in made["services"]] == [None, None]
    assert [one["address_v6"] for one in made["services"]] == ["fd00:10:96::101", "fd00:10:96::a"]
    assert made["nodes"]["node1"]["resolv_confs"][0]["servers"] == ["fd00:10:96::a"]


def test_node_ports_are_at_the_nodes_addresses_or_that_of_the_bridge() -> None:
    made = plan(hosts={"node1": host(11, [("2001:db8::11", 64)])}, services=[service()], **RANGES)["nodes"]
    assert [made[node]["node_port_addresses_v6"] for node in ("node1", "node2")] == [
        ["2001:db8::11"],
        ["fd00:10:244:1::1"],
    ]
    assert made["node2"]["node_addresses_v6"] == ["2001:db8::11"]


def test_the_name_server_has_an_address_of_each_family() -> None:
    made = plan(dns=True, dns_domain="cluster.local", services=[service(ipFamilies=["IPv6"])], **RANGES)
    assert made["faults"] == []
    assert made["nodes"]["node2"]["resolv_confs"][0]["servers"] == ["10.96.0.10", "fd00:10:96::a"]
    found = {(one["type"], one["value"]) for one in lab_records(made, leased()) if one["name"].startswith("all.")}
    assert found == {("AAAA", "fd00:10:96::101")}


@pytest.mark.parametrize(
    ("words", "changes", "expected"),
    [
        ({"ipFamilyPolicy": "Both"}, {}, ".ipFamilyPolicy: 'Both' has no meaning here. Use one of SingleStack"),
        ({"ipFamilies": "IPv6"}, {}, ".ipFamilies: 'IPv6' is not a list of families"),
        ({"ipFamilies": ["IPv6", "IPv6"]}, {}, "is not a list of families. Write it as [IPv4], [IPv6] or [IPv4, IPv6]"),
        ({"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "SingleStack"}, {}, "SingleStack, and two families are"),
        ({"ipFamilies": ["IPv6"]}, {"service_cidr_v6": ""}, "it is to be of IPv6, and the lab's Services are not"),
        ({"ipFamilyPolicy": "RequireDualStack"}, {"service_cidr_v6": ""}, "it is to be of IPv6, and the lab's"),
        ({"ipFamilyPolicy": "RequireDualStack"}, {"cluster_cidr": ""}, "it is to be of IPv4, and the lab's"),
        ({"address_v6": "fd00:10:96::7"}, {"service_cidr_v6": ""}, "it is to be of IPv6, and the lab's"),
        ({"ipFamilies": ["IPv4"], "address_v6": "fd00:10:96::7"}, {}, ".address_v6: it is of IPv6, and the Service's"),
        ({"address_v6": "fd00:10:97::7"}, {}, ".address_v6: fd00:10:97::7 is not an address in fd00:10:96::/112"),
        ({"address_v6": "10.96.0.7"}, {}, ".address_v6: '10.96.0.7' is not an IPv6 address. Write it as fd00:10:96::a"),
        ({}, {"cluster_cidr_v6": ""}, "manual_lab_service_cidr_v6: the lab has no IPv6. Give manual_lab_cluster"),
        ({}, {"cluster_cidr": "", "service_cidr_v6": ""}, "manual_lab_service_cidr_v6: '' is not a network"),
        ({}, {"service_cidr_v6": "fd00:10:244::/112"}, "overlaps the range of the pods fd00:10:244::/56"),
        ({"ipFamilies": ["IPv6"]}, {"service_cidr_v6": "fd00:10:96::/127"}, "has 0 addresses, and 1 Services need one"),
        (
            {"ipFamilies": ["IPv6"], "type": "LoadBalancer"},
            {"load_balancer_cidr": "10.89.0.240/28"},
            "manual_lab_load_balancer_cidr_v6: there is none, and default/all is of type LoadBalancer and needs an",
        ),
        (
            {},
            {"cluster_cidr": "", "dns": True, "dns_domain": "cluster.local", "dns_upstreams": ["192.0.2.53"]},
            "manual_lab_dns_upstreams[0]: the server would ask 192.0.2.53 by IPv4, and the lab has none",
        ),
        *(
            ({}, {"dns": True, "dns_domain": "cluster.local", "dns_upstreams": [address]}, expected)
            for address, expected in (
                (
                    "fd00:10:244:1::2",
                    "fd00:10:244:1::2 is in fd00:10:244::/56, the lab's own: a question would go round",
                ),
                ("fd00:10:96::a", "fd00:10:96::a is in fd00:10:96::/112, the lab's own: a question would go round"),
                ("::1", "::1 is the pod itself: a question would go round in a loop"),
                ("fe80::1", "fe80::1 is link-local, and the server's link is the pod's own"),
            )
        ),
    ],
)
def test_what_the_families_of_services_cannot_be(words: dict[str, Any], changes: dict[str, Any], expected: str) -> None:
    found = plan(services=[service(**words)], **{**RANGES, **changes})["faults"]
    assert any(expected in text for text in found), found
    assert len(found) == 1, found


def test_reflectors_tell_ipv6_too() -> None:
    made = plan(network="bgp", bgp_reflectors=["node1"], bgp_bfd=True)
    assert made["faults"] == []
    (peer,) = made["nodes"]["node2"]["bgp"]["peers"]
    assert peer["role"] == "reflector"
    assert peer["range_v6"].startswith("fd00:")
    assert peer["address_v6"].startswith("fe80:")


@pytest.mark.parametrize(("family", "asked"), [("IPv4", "10.96.1.1"), ("IPv6", "fd00:10:96::101")])
@pytest.mark.parametrize("alone", [False, True])
def test_the_ingress_has_each_family_of_the_lab_and_asks_services_by_theirs(
    family: str, asked: str, alone: bool
) -> None:
    """`alone`: a lab of this family alone."""
    default = {"service": {"name": "all", "port": {"number": 80}}}
    changes: dict[str, Any] = {"cluster_cidr" + {"IPv4": "_v6", "IPv6": ""}[family]: ""} if alone else {}
    ranges = {**RANGES, "service_cidr_v6": ""} if alone and family == "IPv4" else RANGES
    made = plan(
        services=[service(ipFamilies=[family])],
        ingresses=[{"name": "in", "defaultBackend": default}],
        load_balancer_cidr="" if alone and family == "IPv6" else "198.51.100.0/28",
        load_balancer_cidr_v6="" if alone and family == "IPv4" else "2001:db8:1::/124",
        load_balancer_announce="all",
        **ranges,
        **changes,
    )
    assert made["faults"] == []
    assert made["ingress"]["default"] == {"address": asked, "port": 80}
    assert made["ingress"]["ipv6"] == (not alone or family == "IPv6")
    (entrance,) = [one for one in made["services"] if one["namespace"] == "ingress-nginx"]
    addresses = [entrance[key] is not None for key in ("address", "load_balancer", "address_v6", "load_balancer_v6")]
    assert addresses == [not alone or family == "IPv4"] * 2 + [not alone or family == "IPv6"] * 2
