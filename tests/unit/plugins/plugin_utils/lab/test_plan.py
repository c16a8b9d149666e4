# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a lab: what each node gets, and what of a node stands in the way."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.podnet.lab.plugins.filter.lab_plan import lab_plan
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.commands import shown
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.plan import make_plan

DESCRIPTION: dict[str, Any] = {
    "name": "lab0",
    "nodes": ["node1", "node2"],
    "pods": [
        {"name": "pod2", "node": "node1", "containers": [{"name": "web", "serve": 80}]},
        {"name": "pod1", "node": "node1", "labels": {"app": 1}, "containers": [{"name": "c", "command": ["sleep", 5]}]},
    ],
    "cluster_cidr": "10.244.0.0/16",
    "node_prefix": 24,
    "node_cidrs": {},
    "bridge": "lab0",
    "mtu": 1400,
    "not_masqueraded": ["192.0.2.0/24"],
}


def info(address: str, **changes: Any) -> dict[str, Any]:
    """What `lab_info` says of a bare node on 10.89.0.0/24."""
    return {
        "privileged": True,
        "missing_programs": {},
        "missing_module": None,
        "wireguard": False,
        "bgp": False,
        "ip_forward": "0",
        "links": [
            link("lo", mtu=65536),
            link("eth0", kind="veth"),
        ],
        "addresses": [
            {"ifname": "lo", "local": "127.0.0.1", "prefixlen": 8},
            {"ifname": "eth0", "local": address, "prefixlen": 24},
        ],
        "routes": [route("10.89.0.0/24", prefsrc=address)],
        **changes,
    }


def link(ifname: str, **changes: Any) -> dict[str, Any]:
    """A link of a node."""
    return {"ifname": ifname, "kind": "", "mtu": 1500, "vni": None, "port": None, "own": False, **changes}


def route(dst: str, **changes: Any) -> dict[str, Any]:
    """A route of a node."""
    return {"dst": dst, "gateway": None, "dev": "eth0", "prefsrc": None, "metric": 0, "own": False, **changes}


def host(local: str, **changes: Any) -> dict[str, Any]:
    """A node as the filter gives it."""
    return {"address": None, "ansible_host": local, "info": info(local), **changes}


def resolve(name: str) -> list[str]:
    """A stand-in for DNS: addresses are themselves, one name is known."""
    return [name] if name[0].isdigit() else {"named": ["10.89.0.12"]}.get(name, [])


def plan(hosts: dict[str, Any] | None = None, play: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """The plan of the description above with changes."""
    hosts = {"node1": host("10.89.0.11"), "node2": host("10.89.0.12"), **(hosts or {})}
    return make_plan({**DESCRIPTION, **changes}, hosts, resolve, play)


def test_a_node_gets_the_options_of_every_module() -> None:
    made = plan()
    assert made["faults"] == made["warnings"] == []
    node1, node2 = made["nodes"]["node1"], made["nodes"]["node2"]
    assert (node1["range"], node1["gateway"], node1["bridge_address"]) == (
        "10.244.0.0/24",
        "10.244.0.1",
        "0a:58:0a:f4:00:01",
    )
    assert node1["routes"] == [{"dst": "10.244.1.0/24", "gateway": "10.89.0.12"}]
    assert node2["routes"] == [{"dst": "10.244.0.0/24", "gateway": "10.89.0.11"}]
    assert node1["inside"] == ["10.244.0.0/16", "10.89.0.11", "10.89.0.12", "192.0.2.0/24"]
    assert [pod["name"] for pod in node1["sandboxes"]] == ["pod1", "pod2"]
    assert node1["sandboxes"][0]["netns"] == "/run/netns/lab0_default_pod1"
    assert node1["sandboxes"][0]["labels"] == {"app": "1"}
    assert [cable["ifname"] for cable in node1["cables"]] == node1["ports"]
    assert len(set(node1["ports"])) == 2
    assert all(len(name) <= 15 for name in node1["ports"])
    assert {cable["mtu"] for cable in node1["cables"]} == {1400}
    assert [(link["ifname"], link["alias"]) for link in node1["links"]] == [("lo", False), ("eth0", True)] * 2
    assert node1["pods"][0]["containers"] == [{"name": "c", "command": ["sleep", "5"]}]
    assert node1["pods"][1]["containers"] == [{"name": "web", "serve": 80}]
    assert node2["sandboxes"] == node2["cables"] == node2["pods"] == []


def test_names_differ_between_labs_and_pods_and_stay_the_same() -> None:
    one, again, other = plan(), plan(), plan(name="lab1")
    assert one == again
    for key in ("sandbox_id", "netns", "uid"):
        values = [pod[key] for made in (one, other) for pod in made["nodes"]["node1"]["sandboxes"]]
        assert len(set(values)) == 4, key


def test_faults_of_description_and_nodes_come_together_and_there_is_no_plan() -> None:
    made = plan(
        {"node1": host("10.89.0.11", info=info("10.89.0.11", privileged=False, missing_programs={"nft": "nftables"}))},
        mtu="x",
    )
    assert made["nodes"] == {}
    assert [text.partition(":")[0] for text in made["faults"]] == ["manual_lab_mtu", "node node1", "node node1"]
    assert "Install the package nftables" in made["faults"][2]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"node2": host("10.89.0.11")},
            "node node2: node1 has the address 10.89.0.11 too, as behind a hypervisor's NAT",
        ),
        ({"node2": host("10.90.0.12")}, "node node1: it shares no network with node2 (10.90.0.12)"),
        (
            {"node2": host("10.89.0.12", address="10.89.0.99")},
            "10.89.0.99 is not an address of the node, which has 10.89",
        ),
        ({"node2": host("10.89.0.12", address="here")}, "manual_lab_node_address 'here' is not an IPv4 address"),
        ({"node2": host("10.89.0.12", ansible_host="nowhere")}, "node node2: it has not the address nowhere"),
        ({"node2": host("10.89.0.12", ansible_host="127.0.0.1")}, "it has not the address 127.0.0.1, by which Ansible"),
        (
            {"node2": host("fd00::12", info={**info("fd00::12"), "routes": []})},
            "node node2: it has no IPv4 address, and nodes of the lab reach each other by IPv4, also where pods have",
        ),
        (
            {"node2": host("10.89.0.12", address="fd00::12")},
            "node node2: manual_lab_node_address fd00::12 is an IPv6 address, and nodes of the lab reach each other by",
        ),
        (
            {"node2": host("fd00::12", info=None)},
            "node node2: fd00::12, by which Ansible reaches it, is an IPv6 address, and nodes of the lab reach each",
        ),
        ({"node2": host("nowhere", info=None)}, "nowhere does not resolve and the node is not in this run"),
        ({"node2": None}, "manual_lab_nodes: 'node2' is not a host of the inventory"),
        (
            {
                "node2": host(
                    "10.89.0.12",
                    info=info("10.89.0.12", routes=[route("10.244.128.0/17", dev="tun0"), route("0.0.0.0/0")]),
                )
            },
            "node node2: its network 10.244.128.0/17 on tun0 overlaps the cluster's range 10.244.0.0/16",
        ),
        (
            {
                "node2": host(
                    "10.89.0.12",
                    info=info("10.89.0.12", links=[link("lab0", kind="vxlan")]),
                )
            },
            "node node2: a link of kind vxlan has the bridge's name lab0, and the lab did not make it",
        ),
    ],
)
def test_what_stands_in_the_way_on_a_node(changes: dict[str, Any], expected: str) -> None:
    found = plan(changes)["faults"]
    assert any(expected in text for text in found), found


def test_a_host_of_the_play_that_is_no_node_is_a_fault() -> None:
    assert plan(play=("node1", "node2"))["faults"] == []
    assert "host node3: it is in this play and not in manual_lab_nodes" in plan(play=("node1", "node3"))["faults"][0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "10.89.0.12"),
        ({"ansible_host": "named"}, "10.89.0.12"),
        ({"address": "10.89.0.12", "ansible_host": "127.0.0.1"}, "10.89.0.12"),
        (
            {
                "ansible_host": "127.0.0.1",
                "info": info("10.89.0.12", routes=[route("0.0.0.0/0", prefsrc="10.89.0.12")]),
            },
            "10.89.0.12",
        ),
        (
            {"ansible_host": "127.0.0.1", "info": info("10.89.0.12", routes=[route("0.0.0.0/0", gateway="10.89.0.1")])},
            "10.89.0.12",
        ),
        ({"info": None}, "10.89.0.12"),
    ],
)
def test_the_address_of_a_node(changes: dict[str, Any], expected: str) -> None:
    made = plan({"node2": host("10.89.0.12", **changes)})
    assert made["faults"] == []
    assert made["nodes"]["node2"]["address"] == expected


def test_a_node_alone_needs_no_address() -> None:
    made = make_plan(
        {**DESCRIPTION, "nodes": ["node1"]}, {"node1": host("10.89.0.11", ansible_host="127.0.0.1")}, resolve
    )
    assert made["faults"] == []
    assert made["nodes"]["node1"]["inside"] == ["10.244.0.0/16", "192.0.2.0/24"]


@pytest.mark.parametrize("network", ["vxlan", "wireguard", "bgp"])
def test_a_node_alone_is_joined_with_nobody(network: str) -> None:
    made = make_plan({**DESCRIPTION, "nodes": ["node1"], "network": network}, {"node1": host("10.89.0.11")}, resolve)
    node1 = made["nodes"]["node1"]
    assert node1["network"] == "routes"
    assert node1["routes"] == []
    assert node1["tunnel"] is node1["wireguard"] is node1["bgp"] is None


def test_what_the_lab_itself_made_is_not_in_its_way() -> None:
    built = info(
        "10.89.0.11",
        links=[
            link("eth0", kind="veth"),
            link("lab0", kind="bridge", own=True),
        ],
        addresses=[
            {"ifname": "eth0", "local": "10.89.0.11", "prefixlen": 24},
            {"ifname": "lab0", "local": "10.244.0.1", "prefixlen": 24},
        ],
        routes=[route("10.244.0.0/24", dev="lab0"), route("10.244.1.0/24", gateway="10.89.0.12", own=True)],
    )
    assert plan({"node1": host("10.89.0.11", info=built)})["faults"] == []


def test_pods_that_send_more_than_the_nodes_carry_are_warned_of() -> None:
    assert plan(mtu=1500)["warnings"] == []
    found = plan(mtu=9000)["warnings"]
    assert len(found) == 2
    assert "node node1: eth0 carries 1500 bytes, and pods send 9000" in found[0]


OVERLAY: dict[str, Any] = {"network": "vxlan", "vxlan_vni": 7, "mtu": "auto"}


def test_a_tunnel_has_the_first_address_of_each_range_and_a_mac_that_follows_from_it() -> None:
    made = plan(**OVERLAY)
    assert made["faults"] == made["warnings"] == []
    node1 = made["nodes"]["node1"]
    assert node1["tunnel"] == {
        "name": "vxlan7",
        "vni": 7,
        "port": 4789,
        "local": "10.89.0.11",
        "mtu": 1450,
        "lladdr": "0a:58:0a:f4:00:00",
        "vtep": "10.244.0.0",
        "peers": [{"remote": "10.89.0.12", "lladdr": "0a:58:0a:f4:01:00", "vtep": "10.244.1.0"}],
    }
    assert node1["routes"] == [{"dst": "10.244.1.0/24", "gateway": "10.244.1.0", "dev": "vxlan7"}]
    assert node1["mtu"] == 1450
    assert {cable["mtu"] for cable in node1["cables"]} == {1450}
    assert node1["unused_tunnels"] == []


def test_wireguard_gets_the_ranges_and_addresses_of_the_others_and_no_key() -> None:
    made = plan(network="wireguard", mtu="auto", wireguard_port=40000)
    assert made["faults"] == made["warnings"] == []
    node1 = made["nodes"]["node1"]
    assert node1["wireguard"] == {
        "name": "wg40000",
        "port": 40000,
        "mtu": 1440,
        "address": "10.244.0.0",
        "peers": [{"node": "node2", "remote": "10.89.0.12", "allowed": "10.244.1.0/24"}],
    }
    assert node1["routes"] == [{"dst": "10.244.1.0/24", "gateway": "10.244.1.0", "dev": "wg40000"}]
    assert node1["tunnel"] is None
    assert node1["unused_wireguard"] is False


def test_wireguard_of_an_earlier_description_is_unused_and_a_node_that_is_not_asked_has_no_key() -> None:
    hosts = {"node1": host("10.89.0.11", info=info("10.89.0.11", wireguard=True))}
    assert plan(hosts)["nodes"]["node1"]["unused_wireguard"] is True
    assert plan(hosts, network="wireguard")["nodes"]["node1"]["unused_wireguard"] is False
    (fault,) = plan({"node2": host("10.89.0.12", info=None)}, network="wireguard")["faults"]
    assert fault == "node node2: it is not in this run, so that its public key is not known. Run without --limit."


def test_reflectors_are_told_who_they_tell() -> None:
    hosts = {"node3": host("10.89.0.13")}
    made = plan(hosts, network="bgp", nodes=["node1", "node2", "node3"], bgp_reflectors=["node2"], bgp_bfd=True)
    assert made["faults"] == []
    roles = {
        name: [peer["role"] for peer in made["nodes"][name]["bgp"]["peers"]] for name in ("node1", "node2", "node3")
    }
    assert roles == {
        "node1": ["reflector", "behind"],
        "node2": ["client", "client"],
        "node3": ["behind", "reflector"],
    }
    assert made["nodes"]["node1"]["bgp"]["bfd"] is True
    assert plan(network="bgp", bgp_reflectors=["node9"])["faults"] == [
        "manual_lab_bgp_reflectors: 'node9' is no node of the lab. Use names of manual_lab_nodes."
    ]
    (fault,) = plan(network="bgp", bgp_reflectors="node1")["faults"]
    assert fault.startswith("manual_lab_bgp_reflectors: 'node1' is not a list.")
    (fault,) = plan(network="bgp", bgp_bfd="perhaps")["faults"]
    assert fault.startswith("manual_lab_bgp_bfd: 'perhaps' is neither true nor false.")


def test_static_routes_stay_until_bird_has_those_in_their_place() -> None:
    route = {"dst": "10.244.1.0/24", "gateway": "10.89.0.12", "dev": "eth0", "prefsrc": None, "own": True}
    for metric, replaced in ((0, True), (32, False)):
        seen = info("10.89.0.11")
        seen["routes"] = [*seen["routes"], {**route, "metric": metric}]
        hosts = {"node1": host("10.89.0.11", info=seen)}
        assert plan(hosts, network="bgp")["nodes"]["node1"]["replaced_routes"] is replaced
        assert plan(hosts)["nodes"]["node1"]["replaced_routes"] is False


def test_bgp_gets_its_neighbours_and_no_static_route() -> None:
    made = plan(network="bgp", mtu="auto", bgp_asn=65000)
    assert made["faults"] == []
    node1 = made["nodes"]["node1"]
    assert node1["bgp"] == {
        "local": "10.89.0.11",
        "asn": 65000,
        "bfd": False,
        "peers": [{"address": "10.89.0.12", "range": "10.244.1.0/24", "role": "peer"}],
    }
    assert node1["routes"] == []
    assert (node1["tunnel"], node1["wireguard"], node1["mtu"]) == (None, None, 1500)
    hosts = {"node1": host("10.89.0.11", info=info("10.89.0.11", bgp=True))}
    assert plan(hosts)["nodes"]["node1"]["unused_bgp"] is True
    assert plan(hosts)["nodes"]["node1"]["unused_network"] is True
    assert plan()["nodes"]["node1"]["unused_network"] is False
    assert plan(hosts, network="bgp")["nodes"]["node1"]["unused_bgp"] is False


@pytest.mark.parametrize(("network", "mtu"), [("ipip", 1480), ("gre", 1476), ("geneve", 1450)])
def test_a_tunnel_with_one_other_end_is_there_for_each_node(network: str, mtu: int) -> None:
    hosts = {"node3": host("10.89.0.13")}
    node1 = plan(hosts, nodes=["node1", "node2", "node3"], network=network, mtu="auto")["nodes"]["node1"]
    made = node1["peer_tunnel"]
    assert (made["kind"], made["local"], made["vtep"], made["mtu"]) == (network, "10.89.0.11", "10.244.0.0", mtu)
    assert [(peer["name"], peer["remote"], peer["vtep"]) for peer in made["peers"]] == [
        (network + "0a59000c", "10.89.0.12", "10.244.1.0"),
        (network + "0a59000d", "10.89.0.13", "10.244.2.0"),
    ]
    assert [route["dev"] for route in node1["routes"]] == [network + "0a59000c", network + "0a59000d"]
    assert node1["tunnel"] is node1["wireguard"] is node1["bgp"] is None
    links = [link("eth0"), link(network + "0a59000c", kind=network, own=True), link("gre1", kind="gre", own=True)]
    hosts = {"node1": host("10.89.0.11", info=info("10.89.0.11", links=links))}
    assert plan(hosts, network=network)["nodes"]["node1"]["unused_peer_tunnels"] == ["gre1"]
    assert plan(hosts)["nodes"]["node1"]["unused_peer_tunnels"] == [network + "0a59000c", "gre1"]


def test_the_mtu_is_what_the_narrowest_link_between_nodes_carries_less_the_tunnels_header() -> None:
    narrow = {"node2": host("10.89.0.12", info=info("10.89.0.12", links=[link("eth0", mtu=1400)]))}
    assert plan(narrow, mtu="auto")["nodes"]["node1"]["mtu"] == 1400
    assert plan(narrow, **OVERLAY)["nodes"]["node1"]["mtu"] == 1350
    assert plan({"node2": host("10.89.0.12", info=None)}, **OVERLAY)["nodes"]["node1"]["mtu"] == 1450
    warned = plan(narrow, **{**OVERLAY, "mtu": 1400})["warnings"]
    assert len(warned) == 1
    assert "eth0 carries 1400 bytes, 50 of them the tunnel's, and pods send 1400" in warned[0]
    assert "Set manual_lab_mtu to 1350 or less, or to auto." in warned[0]


def test_nodes_of_different_networks_need_a_tunnel_and_a_tunnel_needs_a_route() -> None:
    routes = [route("10.89.0.0/24"), route("10.90.0.0/24", gateway="10.89.0.1")]
    near = {"node1": host("10.89.0.11", info=info("10.89.0.11", routes=routes))}
    far = {"node2": host("10.90.0.12", info=info("10.90.0.12", routes=[route("0.0.0.0/0")]))}
    refused = plan({**near, **far})["faults"]
    assert len(refused) == 2
    assert "node node1: it shares no network with node2 (10.90.0.12)" in refused[0]
    assert "or set manual_lab_network to vxlan" in refused[0]
    assert plan({**near, **far}, **OVERLAY)["faults"] == []
    (fault,) = plan(far, **OVERLAY)["faults"]
    assert fault.startswith("node node1: it has no route to node2 (10.90.0.12), so that no tunnel leads there.")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"missing_module": "vxlan"}, "node node2: its kernel has no vxlan: the module vxlan is missing"),
        ({"links": [link("vxlan7", kind="vxlan", vni=9, port=4789)]}, "a link has the tunnel's name vxlan7"),
        (
            {"links": [link("flannel.7", kind="vxlan", vni=7, port=4789)]},
            "its link flannel.7 has the tunnel's VNI 7 and port 4789",
        ),
        ({"links": [link("flannel.7", kind="vxlan", vni=7, port=8472)]}, None),
        ({"links": [link("vxlan7", kind="vxlan", vni=7, port=4789, own=True)]}, None),
    ],
)
def test_what_stands_in_the_way_of_a_tunnel(changes: dict[str, Any], expected: str | None) -> None:
    found = plan({"node2": host("10.89.0.12", info=info("10.89.0.12", **changes))}, **OVERLAY)["faults"]
    assert len(found) == (expected is not None)
    assert expected is None or expected in found[0]


def test_a_tunnel_that_is_not_described_any_more_is_unused() -> None:
    links = [link("eth0"), link("vxlan1", kind="vxlan", own=True), link("vxlan9", kind="vxlan")]
    hosts = {"node1": host("10.89.0.11", info=info("10.89.0.11", links=links))}
    assert plan(hosts)["nodes"]["node1"]["unused_tunnels"] == ["vxlan1"]
    assert plan(hosts, **OVERLAY)["nodes"]["node1"]["unused_tunnels"] == ["vxlan1"]
    assert plan(hosts, **{**OVERLAY, "vxlan_vni": 1})["nodes"]["node1"]["unused_tunnels"] == []


def test_commands_are_shown_and_counted_when_they_are_many() -> None:
    result = {"commands": ["a", "b", "c"], "see": ["d", "e"]}
    assert shown("n1", result, 2) == [
        "n1 $ a",
        "n1 $ b",
        "n1   ... and 1 more like these",
        "n1   look with d or e",
    ]
    assert shown("n1", result, 0) == ["n1 $ a", "n1 $ b", "n1 $ c", "n1   look with d or e"]
    assert shown("n1", {"commands": [], "see": ["d"]}, 0) == []
    assert shown("n1", {"msg": "unreachable"}, 0) == []
    assert shown("n1", {"commands": ["ip \x1b[2J"]}, 0) == ["n1 $ ip \\x1b[2J"]


def test_the_filter_reads_what_it_needs_of_the_hosts() -> None:
    hosts = {
        "node1": {"ansible_host": "10.89.0.11", "__manual_lab_seen": {"node": info("10.89.0.11")}},
        "node2": {"ansible_host": "10.89.0.99", "manual_lab_node_address": "10.89.0.12"},
        "other": {},
    }
    made = lab_plan(DESCRIPTION, hosts, ["node1"])
    assert made["faults"] == []
    assert made["nodes"]["node1"]["routes"] == [{"dst": "10.244.1.0/24", "gateway": "10.89.0.12"}]
    with pytest.raises(AnsibleFilterError):
        lab_plan(["no", "dictionary"], hosts)


WEB = {"name": "web", "selector": {"app": "1"}, "ports": [{"port": 80}]}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"services": [WEB]},
            "node node1: pod default/pod1 is behind Service default/web, and its address is not known",
        ),
        (
            {"policies": [{"name": "closed"}]},
            "node node1: the address of pod default/pod2 is not known in this run, and pol",
        ),
        (
            {"dns": True, "dns_domain": "cluster.local"},
            "the address of pod default/pod2 is not known in this run, and nam",
        ),
    ],
)
def test_pods_of_nodes_that_are_left_out_need_an_address_where_others_must_know_it(
    changes: dict[str, Any], expected: str
) -> None:
    left_out = {"node1": host("10.89.0.11", info=None)}
    made = plan(left_out, service_cidr="10.96.0.0/16", **changes)
    assert any(expected in fault for fault in made["faults"]), made["faults"]
    assert plan(left_out)["faults"] == []
    given = [{**one, "address": f"10.244.0.{number + 5}"} for number, one in enumerate(DESCRIPTION["pods"])]
    made = plan({"node2": host("10.89.0.12", info=None)}, service_cidr="10.96.0.0/16", pods=given, **changes)
    assert made["faults"] == []


def test_a_network_in_the_range_of_services_is_in_the_way() -> None:
    routes = [route("10.89.0.0/24", prefsrc="10.89.0.11"), route("10.96.7.0/24", gateway="10.89.0.1")]
    inside = {"node1": host("10.89.0.11", info=info("10.89.0.11", routes=routes))}
    (fault,) = plan(inside, services=[WEB], service_cidr="10.96.0.0/16")["faults"]
    assert fault.startswith("node node1: its network 10.96.7.0/24 on eth0 overlaps the range of Services 10.96.0.0/16")
    assert plan(inside, service_cidr="10.96.0.0/16")["faults"] == []
