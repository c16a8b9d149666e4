# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of load balancers: which Service has which, which node announces it, and what is in the way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress

from ansible_collections.podnet.lab.plugins.plugin_utils.lab.load_balancers import chosen_node
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.plan import make_plan
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.services import Service, node_services
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.lab.test_plan import (
    DESCRIPTION,
    host,
    info,
    resolve,
)

NODES = ["node1", "node2", "node3"]
HOSTS = {name: host(f"10.89.0.1{number}") for number, name in enumerate(NODES, 1)}
PODS = [
    {"name": f"web{node[-1]}", "node": node, "labels": {"app": "web"}, "containers": [{"name": "web", "serve": 80}]}
    for node in NODES
]


def web(name: str = "web", **changes: Any) -> dict[str, Any]:
    """A Service of type LoadBalancer."""
    return {"name": name, "type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}], **changes}


def plan(*services: Any, hosts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The plan of three nodes with a pod each and these Services."""
    raw = {
        **DESCRIPTION,
        "nodes": NODES,
        "pods": PODS,
        "service_cidr": "10.96.0.0/16",
        "services": list(services),
        "load_balancer_cidr": "10.89.0.240/28",
        **changes,
    }
    return make_plan(raw, {**HOSTS, **(hosts or {})}, resolve, [name for name in NODES if name not in (hosts or {})])


def outside(planned: dict[str, Any]) -> dict[str, str | None]:
    """The addresses outside, by the names of the Services."""
    assert planned["faults"] == []
    return {service["name"]: service["load_balancer"] for service in planned["services"]}


def holders(planned: dict[str, Any]) -> dict[str, str]:
    """The node that announces each address."""
    return {item["address"]: name for name, node in planned["nodes"].items() for item in node["announced"]}


def test_addresses_are_given_kept_and_taken_from_the_range_in_this_order() -> None:
    noted = {"node2": {**HOSTS["node2"], "load_balancers": {"default/kept": "10.89.0.245", "x/y": "10.89.0.241"}}}
    found = plan(web("new"), web("kept"), web("given", loadBalancerIP="10.89.0.242"), web("later"), hosts=noted)
    assert outside(found) == {
        "new": "10.89.0.241",
        "kept": "10.89.0.245",
        "given": "10.89.0.242",
        "later": "10.89.0.243",
    }
    wrong = {"node2": {**HOSTS["node2"], "load_balancers": {"default/web": "10.89.9.9"}}}
    assert outside(plan(web(), hosts=wrong)) == {"web": "10.89.0.241"}


def test_one_node_announces_each_address_and_others_keep_theirs_when_it_goes() -> None:
    services = [web(f"web{number}") for number in range(12)]
    before = holders(plan(*services))
    assert len(before) == 12
    assert set(before.values()) == set(NODES)
    after = holders(plan(*services, gone_nodes=["node2"], hosts={"node2": host("10.89.0.12", info=None)}))
    assert set(after) == set(before)
    assert set(after.values()) == {"node1", "node3"}
    assert all(after[address] == node for address, node in before.items() if node != "node2")


def test_an_address_that_two_nodes_have_is_announced_again() -> None:
    (node,) = holders(plan(web())).values()
    for other in NODES:
        hosts = {other: {**HOSTS[other], "announced": ["10.89.0.241"]}}
        (told,) = plan(web(), hosts=hosts)["nodes"][node]["announced"]
        assert told == {"address": "10.89.0.241", "dev": "eth0", "again": other != node}


def test_who_is_gone_is_as_if_it_had_never_been_there_but_for_its_range() -> None:
    found = plan(web(), gone_nodes=["node1"], hosts={"node1": {"info": None}}, dns=True, dns_domain="cluster.local")
    assert set(found["nodes"]) == {"node2", "node3"}
    assert found["nodes"]["node2"]["range"] == "10.244.1.0/24"
    assert [route["dst"] for route in found["nodes"]["node2"]["routes"]] == ["10.244.2.0/24"]
    assert [end["pod"] for end in found["services"][0]["ports"][0]["pods"]] == ["default/web2", "default/web3"]
    assert found["dns"]["node"] == "node2"


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_with_the_policy_local_only_nodes_with_pods_announce(policy: str) -> None:
    for number in range(8):
        address = f"10.89.0.{241 + number}"
        one = web(loadBalancerIP=address, externalTrafficPolicy=policy, selector={"app": "far"})
        pods = [{**PODS[2], "name": "far", "labels": {"app": "far"}}]
        (node,) = holders(plan(one, pods=pods)).values()
        assert policy == "Cluster" or node == "node3"


@given(nodes=st.lists(st.sampled_from([f"node{number}" for number in range(20)]), min_size=2, unique=True))
def test_the_choice_does_not_depend_on_the_order_and_only_the_chosen_one_moves(nodes: list[str]) -> None:
    service = Service("", "default", "web", {}, None, False, (), None, "Cluster", "Cluster", True)
    address = IPAddress("10.89.0.241")
    chosen = chosen_node(address, service, nodes, [])
    assert chosen_node(address, service, nodes[::-1], []) == chosen
    for gone in nodes:
        left = chosen_node(address, service, [node for node in nodes if node != gone], [])
        assert (left == chosen) == (gone != chosen)


def test_nobody_announces_what_all_route() -> None:
    found = plan(web(), load_balancer_announce="all", load_balancer_cidr="198.51.100.0/29")
    assert outside(found) == {"web": "198.51.100.1"}
    assert holders(found) == {}


@pytest.mark.parametrize(
    ("services", "changes", "text"),
    [
        ([web()], {"load_balancer_cidr": ""}, "manual_lab_load_balancer_cidr: there is none, and default/web is"),
        ([web()], {"load_balancer_cidr": "10.244.9.0/28"}, "overlaps the range of the pods 10.244.0.0/16"),
        ([web()], {"load_balancer_cidr": "10.96.9.0/28"}, "overlaps the range of Services 10.96.0.0/16"),
        ([web()], {"load_balancer_cidr": "10.89.0.0/28"}, "its address 10.89.0.11 on eth0 is in the load"),
        ([web()], {"load_balancer_cidr": "198.51.100.0/28"}, "node node1: no network of it has all of 198.51.100.0/28"),
        ([web(str(name) + "x") for name in "abc"], {"load_balancer_cidr": "10.89.0.240/30"}, "has 2 addresses, and 3"),
        ([web(loadBalancerIP="10.89.1.1")], {}, "10.89.1.1 is not an address in 10.89.0.240/28"),
        ([web(loadBalancerIP="10.89.0.255")], {}, "10.89.0.255 is not an address in 10.89.0.240/28"),
        ([web(loadBalancerIP="10.89.0.241\nx")], {}, "is not an IPv4 address"),
        ([web(loadBalancerIP="10.89.0.241"), web("b", loadBalancerIP="10.89.0.241")], {}, "is 10.89.0.241 too"),
        ([web(type="ClusterIP", loadBalancerIP="10.89.0.241")], {}, "the Service is of type ClusterIP"),
        ([web(type="NodePort")], {}, "it is NodePort, and no port has a nodePort"),
        ([web(type="ExternalName")], {}, "'ExternalName' has no meaning here"),
        ([web(headless=True)], {}, "a headless Service has no rules, and this one has type: LoadBalancer"),
        ([web()], {"load_balancer_announce": "bgp"}, "manual_lab_load_balancer_announce: 'bgp' has no meaning here"),
        ([web()], {"gone_nodes": ["node9"]}, "manual_lab_gone_nodes: 'node9' is not a node of the lab"),
        ([web()], {"gone_nodes": NODES}, "no node of the lab is left"),
    ],
)  # fmt: skip
def test_faults_are_found_before_anything_is_touched(services: list[Any], changes: dict[str, Any], text: str) -> None:
    found = plan(*services, **changes)
    assert any(text in fault for fault in found["faults"]), found["faults"]
    assert found["nodes"] == {}


V6: dict[str, Any] = {
    "cluster_cidr_v6": "fd00:10:244::/56",
    "service_cidr_v6": "fd00:10:96::/112",
    "load_balancer_cidr_v6": "2001:db8:89::f0/124",
}


def with_v6(name: str, *more: str, **changes: Any) -> dict[str, Any]:
    """A node with addresses of a network of each family, and `more` that its link has beside them."""
    seen = info(f"10.89.0.1{name[-1]}")
    addresses = [(f"fe80::{name[-1]}", 64), (f"2001:db8:89::1{name[-1]}", 64), *((one, 128) for one in more)]
    seen["addresses"] += [{"ifname": "eth0", "local": local, "prefixlen": length} for local, length in addresses]
    return {**host(f"10.89.0.1{name[-1]}"), "info": {**seen, "ipv6": True}, **changes}


DUAL = {name: with_v6(name) for name in NODES}


def dual(*services: Any, hosts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The plan of three nodes with IPv6."""
    return plan(*services, hosts={**DUAL, **(hosts or {})}, **{**V6, **changes})


def test_a_service_gets_an_address_outside_of_each_family_that_it_has_and_one_node_answers_for_both() -> None:
    services = [web(f"web{number}", ipFamilyPolicy="PreferDualStack") for number in range(8)]
    found = dual(*services, web("four"), web("six", ipFamilies=["IPv6"]))
    assert found["faults"] == []
    of = {one["name"]: (one["load_balancer"], one["load_balancer_v6"]) for one in found["services"]}
    assert of["web0"] == ("10.89.0.241", "2001:db8:89::f1")
    assert of["four"] == ("10.89.0.249", None)
    assert of["six"] == (None, "2001:db8:89::f9")
    told = holders(found)
    assert len(told) == 18
    assert all(told[four] == told[six] for four, six in of.values() if four and six)
    assert {told[six] for _four, six in of.values() if six} == set(NODES)
    ends = {f"default/{pod['name']}": "address" for pod in PODS}
    given = [node_services(found["services"], ends, "node1", version)[0]["load_balancer"] for version in (4, 6)]
    assert given == list(of["web0"])


def test_where_one_range_is_missing_services_of_both_families_have_an_address_of_the_other() -> None:
    both = web(ipFamilyPolicy="PreferDualStack")
    for version, suffix in ((4, ""), (6, "_v6")):
        without: dict[str, Any] = {"load_balancer_cidr" + suffix: ""}
        (planned,) = dual(both, **without)["services"]
        have = {4: planned["load_balancer"], 6: planned["load_balancer_v6"]}
        assert [one for one in (4, 6) if have[one] is None] == [version]


def test_ipv6_addresses_outside_are_given_kept_and_taken_in_this_order() -> None:
    noted = {"node2": {**DUAL["node2"], "load_balancers_v6": {"default/kept": "2001:db8:89::f5", "x/y": "::1"}}}
    names: dict[str, dict[str, Any]] = {"new": {}, "kept": {}, "given": {"loadBalancerIP_v6": "2001:db8:89::f1"}}
    found = dual(*(web(name, ipFamilies=["IPv6"], **more) for name, more in names.items()), hosts=noted)
    assert [one["load_balancer_v6"] for one in found["services"]] == [f"2001:db8:89::f{number}" for number in (2, 5, 1)]


def test_an_address_of_a_load_balancer_on_a_node_is_not_the_nodes_own() -> None:
    there = {"node1": with_v6("node1", "2001:db8:89::f1", announced=["2001:db8:89::f1"])}
    before, after = (dual(web(ipFamilies=["IPv6"]), hosts=hosts) for hosts in ({}, there))
    assert before["faults"] == after["faults"] == []
    assert after["nodes"]["node1"]["node_port_addresses_v6"] == ["2001:db8:89::11"]
    for name in NODES:
        for key in ("node_addresses_v6", "node_port_addresses_v6", "inside"):
            assert before["nodes"][name][key] == after["nodes"][name][key]


def test_nobody_announces_ipv6_addresses_that_all_route() -> None:
    routed: dict[str, Any] = {
        "load_balancer_announce": "all",
        "load_balancer_cidr_v6": "2001:db8:1::/124",
        "load_balancer_cidr": "",
    }
    found = dual(web(ipFamilies=["IPv6"]), **routed)
    assert found["services"][0]["load_balancer_v6"] == "2001:db8:1::1"
    assert holders(found) == {}


@pytest.mark.parametrize(
    ("service", "changes", "text"),
    [
        ({}, {"cluster_cidr_v6": "", "service_cidr_v6": ""}, "cidr_v6: the lab's Services have no IPv6. Give manual"),
        ({}, {"service_cidr_v6": ""}, "manual_lab_load_balancer_cidr_v6: the lab's Services have no IPv6"),
        ({}, {"load_balancer_cidr_v6": "10.89.0.240/28"}, "10.89.0.240/28 is IPv4, and IPv6 is asked for here"),
        ({}, {"load_balancer_cidr_v6": "fe80::f0/124"}, "fe80::f0/124 overlaps fe80::/10, link-local addresses"),
        ({}, {"load_balancer_cidr_v6": "fd00:10:96::f0/124"}, "overlaps the range of Services fd00:10:96::/112"),
        ({}, {"load_balancer_cidr_v6": "fd00:10:244::f0/124"}, "overlaps the range of the pods fd00:10:244::/56"),
        ({}, {"load_balancer_cidr_v6": "2001:db8:89::10/124"}, "its address 2001:db8:89::11 on eth0 is in the load"),
        ({}, {"load_balancer_cidr_v6": "2001:db8:1::/124"}, "no network of it has all of 2001:db8:1::/124"),
        ({}, {"load_balancer_cidr_v6": "2001:db8:89::f0/127"}, "has 0 addresses, and 1 Services need one"),
        ({"ipFamilies": ["IPv4"]}, {"load_balancer_cidr": ""}, "manual_lab_load_balancer_cidr: there is none, and"),
        ({"loadBalancerIP_v6": "2001:db8:89::1"}, {}, "2001:db8:89::1 is not an address in 2001:db8:89::f0/124"),
        ({"loadBalancerIP_v6": "10.89.0.241"}, {}, "loadBalancerIP_v6: '10.89.0.241' is not an IPv6 address"),
        ({"loadBalancerIP": "10.89.0.241"}, {}, "loadBalancerIP: it is of IPv4, and the Service is not"),
        ({"loadBalancerIP_v6": "2001:db8:89::f1", "ipFamilies": ["IPv4"]}, {}, "it is of IPv6, and the Service is not"),
        ({"loadBalancerIP_v6": "2001:db8:89::f1", "type": "ClusterIP"}, {}, "the Service is of type ClusterIP"),
        (
            {"loadBalancerIP_v6": "2001:db8:89::f1", "ipFamilyPolicy": "RequireDualStack"},
            {"load_balancer_cidr_v6": ""},
            "loadBalancerIP_v6: there is no manual_lab_load_balancer_cidr_v6",
        ),
    ],
)
def test_faults_of_ipv6_are_found_before_anything_is_touched(
    service: dict[str, Any], changes: dict[str, Any], text: str
) -> None:
    found = dual(web(**({} if "ipFamilyPolicy" in service else {"ipFamilies": ["IPv6"]}) | service), **changes)
    assert any(text in fault for fault in found["faults"]), found["faults"]
    assert found["nodes"] == {}


def test_an_ipv6_address_outside_is_given_once() -> None:
    given: dict[str, Any] = {"ipFamilies": ["IPv6"], "loadBalancerIP_v6": "2001:db8:89::f1"}
    (fault,) = dual(web(**given), web("b", **given))["faults"]
    assert "services[0].loadBalancerIP_v6 is 2001:db8:89::f1 too" in fault


def test_the_labs_own_address_is_not_in_its_way() -> None:
    seen = info("10.89.0.11")
    seen["addresses"] = [*seen["addresses"], {"ifname": "eth0", "local": "10.89.0.241", "prefixlen": 32}]
    assert plan(web(), hosts={"node1": {**HOSTS["node1"], "info": seen, "announced": ["10.89.0.241"]}})["faults"] == []
    assert len(plan(web(), hosts={"node1": {**HOSTS["node1"], "info": seen}})["faults"]) == 1
