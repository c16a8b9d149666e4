# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes between nodes, of every layout, and what can be wrong with them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

ROUTED = [fleets.routed, fleets.flannel, fleets.cilium, fleets.calico]


def without_route(node: NodeFile, dst: str) -> None:
    """Take a route away from a node."""
    node.own["routes"] = [route for route in node.own["routes"] if route["dst"] != dst]


def route_to(node: NodeFile, dst: str) -> dict[str, object]:
    """Return a route of a node."""
    found: dict[str, object] = next(route for route in node.own["routes"] if route["dst"] == dst)
    return found


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("layout", fleets.HEALTHY)
def test_nothing_is_odd_about_a_healthy_fleet(layout: str, count: int) -> None:
    make: Callable[..., list[NodeFile]] = fleets.HEALTHY[layout]
    assert odd_of(*make(count)) == []


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("make", ROUTED)
def test_a_route_that_is_missing(make: Callable[[int], list[NodeFile]], count: int) -> None:
    fleet = make(count)
    gone = next(route["dst"] for route in fleet[0].own["routes"] if route["dst"].startswith("10.244.2.0/"))
    without_route(fleet[0], gone)
    finding = only(odd_of(*fleet), "route-missing")
    assert (finding["hosts"], finding["object"]) == (["node1"], gone)
    assert finding["command"] == "ip route get 10.244.2.0"
    assert f"node1: no route to {gone}" in finding["evidence"]
    assert any(line.startswith("node2: 10.244.1.0/") for line in finding["evidence"])


def test_the_remedy_is_a_route_that_works() -> None:
    fleet = fleets.routed(2)
    without_route(fleet[0], "10.244.2.0/24")
    remedy = only(odd_of(*fleet), "route-missing")["remedy"]
    assert remedy.endswith("ip route add 10.244.2.0/24 via 10.89.0.12")


def test_a_node_without_any_route_is_one_finding() -> None:
    fleet = fleets.routed(4)
    fleet[1].own["routes"] = fleet[1].own["routes"][:1]
    finding = only(odd_of(*fleet), "route-missing")
    assert finding["hosts"] == ["node2"]
    assert "10.244.1.0/24, the pods of node1, and to 2 more" in finding["message"]


def test_a_range_that_no_node_knows_is_one_finding() -> None:
    fleet = fleets.routed(4)
    for node in fleet:
        without_route(node, "10.244.3.0/24")
    finding = only(odd_of(*fleet), "route-missing")
    assert finding["hosts"] == ["node1", "node2", "node4"]
    assert finding["object"] == "10.244.3.0/24"


def test_routes_that_were_not_read() -> None:
    fleet = fleets.routed()
    del fleet[0].own["routes"]
    assert odd_of(*fleet) == []


def test_nodes_of_other_networks_are_behind_routers() -> None:
    fleet = fleets.routed(3)
    fleet[2].networks = [{"cidr": "10.90.0.0/24", "dev": "eth0"}]
    fleet[2].own["routes"] = fleet[2].own["routes"][:1]
    for node in fleet[:2]:
        without_route(node, "10.244.3.0/24")
    assert odd_of(*fleet) == []


def test_a_machine_without_pods_needs_no_routes() -> None:
    assert odd_of(*fleets.routed(), NodeFile(9, bridge=None)) == []


def test_a_route_to_a_third_node() -> None:
    fleet = fleets.routed()
    route_to(fleet[0], "10.244.2.0/24")["gateway"] = "10.89.0.13"
    finding = only(odd_of(*fleet), "route-wrong")
    assert finding["message"] == "node1 sends what is for 10.244.2.0/24, the pods of node2, to node3"
    assert finding["evidence"] == ["node1: 10.244.2.0/24 via 10.89.0.13 dev eth0", "node2 has 10.89.0.12 on eth0"]


def test_a_route_to_the_tunnel_of_a_third_node() -> None:
    fleet = fleets.flannel()
    route_to(fleet[0], "10.244.2.0/24")["gateway"] = "10.244.3.0"
    assert only(odd_of(*fleet), "route-wrong")["message"].endswith("to node3")


def test_a_route_to_an_address_that_no_node_has() -> None:
    fleet = fleets.routed()
    route_to(fleet[0], "10.244.2.0/24")["gateway"] = "10.89.0.99"
    assert only(odd_of(*fleet), "route-wrong")["message"].endswith("to 10.89.0.99, which no node has")


def test_a_router_between_the_nodes() -> None:
    fleet = fleets.routed()
    for node in fleet:
        for route in node.own["routes"]:
            route["gateway"] = "10.89.0.1"
    assert odd_of(*fleet) == []


@pytest.mark.parametrize("kind", ["blackhole", "unreachable", "prohibit"])
def test_a_route_that_throws_away(kind: str) -> None:
    fleet = fleets.routed()
    route = route_to(fleet[0], "10.244.2.0/24")
    route["type"] = kind
    del route["gateway"], route["dev"]
    assert only(odd_of(*fleet), "route-wrong")["message"].startswith("node1 throws away")


def test_a_route_into_the_own_bridge() -> None:
    fleet = fleets.routed()
    route = route_to(fleet[0], "10.244.2.0/24")
    del route["gateway"]
    route["dev"] = "cni0"
    finding = only(odd_of(*fleet), "route-wrong")
    assert "at its own bridge cni0" in finding["message"]
    assert below(finding) == ["route-asymmetric"]


def test_a_route_into_a_tunnel_that_is_down() -> None:
    fleet = fleets.flannel()
    fleet[0].interface(fleet[0].own, "flannel.1")["flags"] = ["BROADCAST", "MULTICAST"]
    found = odd_of(*fleet)
    assert {(one["kind"], tuple(one["hosts"])) for one in found} == {("route-wrong", ("node1",))}


def test_several_next_hops_are_not_judged() -> None:
    fleet = fleets.routed()
    route = route_to(fleet[0], "10.244.2.0/24")
    del route["gateway"], route["dev"]
    assert odd_of(*fleet) == []


def two_networks() -> list[NodeFile]:
    """Return nodes in two networks, the first of which sends to the second by the other one."""
    fleet = fleets.routed()
    for node in fleet:
        node.own["interfaces"].append(
            node.link(9, "eth1", None, f"52:54:00:00:01:{node.number:02x}", (f"10.77.0.{node.number}/24",), full=True)
        )
        node.addresses.append({"ifname": "eth1", "family": "inet", "local": f"10.77.0.{node.number}", "prefixlen": 24})
    route_to(fleet[0], "10.244.2.0/24").update(gateway="10.77.0.2", dev="eth1")
    return fleet


def test_another_way_back_than_there() -> None:
    finding = only(odd_of(*two_networks()), "route-asymmetric")
    assert (finding["severity"], finding["hosts"]) == ("note", ["node1", "node2"])
    assert "by eth1, and what they send comes in by eth0" in finding["message"]


def test_another_way_back_than_there_where_rp_filter_is_strict() -> None:
    fleet = two_networks()
    fleet[0].settings()
    fleet[1].settings(ipv4__conf__all__rp_filter=1, ipv4__conf__eth1__rp_filter=0)
    finding = only(odd_of(*fleet), "rp-filter-strict")
    assert (finding["hosts"], finding["object"]) == (["node2"], "eth1")
    assert finding["command"] == "sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.eth1.rp_filter"
    fleet[1].settings(ipv4__conf__all__rp_filter=1, ipv4__conf__eth1__rp_filter=2)
    assert [one["kind"] for one in odd_of(*fleet)] == ["route-asymmetric"]


def test_strict_rp_filter_with_one_way_is_not_odd() -> None:
    fleet = fleets.routed()
    for node in fleet:
        node.settings(ipv4__conf__all__rp_filter=1)
    assert odd_of(*fleet) == []


def test_a_tunnel_there_and_none_back() -> None:
    fleet = fleets.flannel()
    route_to(fleet[0], "10.244.2.0/24").update(gateway="10.89.0.12", dev="eth0")
    finding = only(odd_of(*fleet), "route-asymmetric")
    assert "by eth0, and what they send comes in by flannel.1" in finding["message"]


def test_the_work_grows_with_the_routes_and_not_with_the_pairs() -> None:
    """Nodes of a cloud without routes, but for a few that have some: a second of work, not a minute."""
    fleet = [NodeFile(number, pods=1) for number in range(1, 250)]
    fleet[0].own["routes"].append({"dst": "10.244.2.0/24", "family": "inet", "gateway": "10.89.0.12", "dev": "eth0"})
    documents = [node.document() for node in fleet]
    began = time.monotonic()
    odd_of(*documents)
    assert time.monotonic() - began < 5
