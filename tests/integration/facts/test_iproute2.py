# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts use iproute2's words: every value is compared with what ip and bridge print themselves."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import lookup, oracle
from ansible_collections.podnet.lab.tests.integration.support.schemas import assert_valid
from ansible_collections.podnet.lab.tests.integration.support.world import Arg, World

KEYS = ("podnet_netns", "podnet_veth", "podnet_bridge", "podnet_pod_cidr")
ZOO = """
ip link add br0 type bridge ageing_time 20000; ip link set br0 up
ip addr add 192.0.2.1/24 brd + dev br0; ip addr add 192.0.2.5/24 dev br0
ip addr add 2001:db8::1/64 dev br0 nodad
ip netns add x
ip link add c type veth peer name eth0 netns x
ip link set c master br0 up
bridge link set dev c hairpin on learning off isolated on flood off
ip -n x link set lo up; ip -n x link set eth0 alias "the only one" up
ip -n x addr add 192.0.2.77/24 dev eth0; ip -n x addr add 10.9.0.1 peer 10.9.0.2 dev eth0
ip -n x route add default via 192.0.2.1 mtu 1400 metric 7
ip route add blackhole 10.244.3.0/26 proto bird
ip route add unreachable 10.244.4.0/26
ip route add 10.50.0.0/16 via 192.0.2.7 metric 5 src 192.0.2.5
ip route add 10.60.0.0/16 nexthop via 192.0.2.8 weight 2 nexthop via 192.0.2.9
ip route add 10.70.0.0/16 via inet6 2001:db8::9 dev br0
ip route add 2001:db8:7::/48 via 2001:db8::7
ip route add 10.80.0.0/16 via 192.0.2.7 table 100
ip rule add from 10.1.0.0/16 fwmark 0x4/0x4 table 100 priority 500
ip rule add iif c blackhole priority 600
ip neigh add 192.0.2.70 lladdr 02:11:22:33:44:66 dev br0 nud permanent
ip neigh add 192.0.2.71 lladdr 02:11:22:33:44:67 dev br0 nud stale
bridge fdb add 02:11:22:33:44:55 dev c master static
bridge fdb add 02:11:22:33:44:56 dev c master dynamic
ip link set lo up
"""
OPTIONAL = (
    "ip link add vx0 type vxlan id 7 dstport 4789 local 192.0.2.1 dev br0",
    "ip link add mv0 link br0 type macvlan mode bridge",
    "ip tuntap add tap0 mode tap",
    "ip link add dummy0 type dummy",
    "ip link add v7 link br0 type vlan id 7",
)


@pytest.fixture(scope="module")
def zoo(module_world: World) -> World:
    """A node with every kind of link, route and table entry that the kernel lets one make."""
    module_world.sh(ZOO)
    for command in OPTIONAL:
        module_world.sh(command, check=False)
    module_world.sh("ip link set vx0 up && bridge fdb append 02:11:22:33:44:57 dev vx0 dst 192.0.2.9", check=False)
    module_world.sh("sleep 2")  # carrier and duplicate address detection come to rest
    return module_world


@pytest.fixture(scope="module")
def everything(zoo: World) -> dict[str, Any]:
    return zoo.facts("pod_network_facts", ["all", "!hidden"])


def test_nothing_is_missing_and_the_schema_is_kept(everything: dict[str, Any]) -> None:
    assert set(everything) == set(KEYS)
    for key in KEYS:
        assert everything[key]["errors"] == []
        assert everything[key]["partial"] is False
        assert_valid(key, everything[key])


@pytest.mark.parametrize("subset", [["default"], ["min"], ["default", "ends"], ["links"], ["all", "!routes"]])
def test_every_subset_keeps_the_schema(zoo: World, subset: list[str]) -> None:
    facts = zoo.facts("pod_network_facts", subset)
    for key in KEYS:
        assert_valid(key, facts[key])


NETNS: list[Arg | None] = [None, "x"]


def _entry(zoo: World, facts: dict[str, Any], netns: Arg | None) -> dict[str, Any]:
    return lookup.namespace(facts, zoo.inode() if netns is None else zoo.inode(f"/run/netns/{netns!s}"))


@pytest.mark.parametrize("netns", NETNS)
def test_interfaces_are_those_of_ip_d_addr(zoo: World, everything: dict[str, Any], netns: Arg | None) -> None:
    theirs = {link["ifname"]: link for link in oracle.addresses(zoo, netns)}
    ours = {link["ifname"]: link for link in _entry(zoo, everything, netns)["interfaces"]}
    assert list(ours) == list(theirs)
    for name, link in ours.items():
        for key in ("ifindex", "flags", "mtu", "qdisc", "operstate", "group", "txqlen", "link_type", "address",
                    "broadcast", "master", "link", "link_index", "link_netnsid", "ifalias", "altnames"):  # fmt: skip
            usual = "UP" if key == "operstate" else None
            assert link.get(key, usual) == theirs[name].get(key), (name, key)
        info = link.get("linkinfo", {})
        expected = theirs[name].get("linkinfo", {})
        assert (info.get("info_kind"), info.get("info_slave_kind")) == (
            expected.get("info_kind"),
            expected.get("info_slave_kind"),
        )
        for part in ("info_data", "info_slave_data"):
            for key, value in info.get(part, {}).items():
                if key in expected.get(part, {}):
                    assert value == expected[part][key], (name, part, key)
        assert [_without_lifetimes(address) for address in theirs[name]["addr_info"]] == link["addr_info"], name


def _without_lifetimes(address: dict[str, Any]) -> dict[str, Any]:
    """What ip prints about an address, without the clock."""
    return {key: value for key, value in address.items() if not key.endswith("life_time") and key != "protocol"}


@pytest.mark.parametrize("netns", NETNS)
@pytest.mark.parametrize("family", ["-4", "-6"])
def test_routes_are_those_of_ip_route(zoo: World, everything: dict[str, Any], netns: Arg | None, family: str) -> None:
    text = zoo.run("ip", family, "-j", "route", "show", "table", "all", netns=netns).stdout
    theirs = [_comparable(route) for route in json.loads(text)]
    name = "inet" if family == "-4" else "inet6"
    ours = [_comparable(route) for route in _entry(zoo, everything, netns)["routes"] if route["family"] == name]
    assert sorted(map(_text, ours)) == sorted(map(_text, theirs))


def _comparable(route: dict[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in route.items() if k not in ("family", "flags", "pref")}
    kept["nexthops"] = [{k: v for k, v in hop.items() if k != "flags"} for hop in route.get("nexthops", [])]
    return kept


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def test_default_routes_are_the_main_table_without_what_addresses_make(zoo: World) -> None:
    entry = lookup.host(zoo.facts("netns_facts"))
    shown = {(route["dst"], route["family"]) for route in entry["routes"]}
    expected = {
        ("10.244.3.0/26", "inet"), ("10.244.4.0/26", "inet"), ("10.50.0.0/16", "inet"), ("10.60.0.0/16", "inet"),
        ("10.70.0.0/16", "inet"), ("2001:db8:7::/48", "inet6"),
    }  # fmt: skip
    assert shown == expected
    more = lookup.host(zoo.facts("netns_facts", ["connected_routes"]))
    theirs = [route["dst"] for family in ("-4", "-6") for route in oracle.routes(zoo, None, family)]
    assert sorted(route["dst"] for route in more["routes"]) == sorted(theirs)


def test_rules_are_those_of_ip_rule(zoo: World, everything: dict[str, Any]) -> None:
    ours = _entry(zoo, everything, None)["rules"]
    for family, name in (("-4", "inet"), ("-6", "inet6")):
        theirs = json.loads(zoo.run("ip", family, "-j", "rule").stdout)
        mine = [rule for rule in ours if rule["family"] == name]
        keys = ("priority", "src", "srclen", "dst", "dstlen", "fwmark", "fwmask", "iif", "oif", "table")
        assert [[rule.get(key) for key in keys] for rule in mine] == [
            [rule.get(key) for key in keys] for rule in theirs
        ]
    assert [rule["action"] for rule in ours if rule["priority"] == 600] == ["blackhole"]


def _values(entry: dict[str, Any], keys: tuple[str, ...]) -> list[Any]:
    return [entry.get(key) for key in keys]


def test_neighbours_are_those_of_ip_neigh(zoo: World, everything: dict[str, Any]) -> None:
    theirs = {entry["dst"]: entry for entry in json.loads(zoo.run("ip", "-j", "neigh").stdout)}
    ours = {entry["dst"]: entry for entry in _entry(zoo, everything, None)["neighbours"]}
    assert set(ours) == set(theirs)
    for dst in ("192.0.2.70", "192.0.2.71"):
        for key in ("dev", "lladdr", "state"):
            assert ours[dst][key] == theirs[dst][key]


def test_ports_are_those_of_bridge_link(zoo: World, everything: dict[str, Any]) -> None:
    bridge = lookup.bridge(everything, "br0", zoo.inode())
    theirs = {port["ifname"]: port for port in oracle.bridge_ports(zoo)}
    assert {port["ifname"] for port in bridge["ports"]} == set(theirs)
    port = next(port for port in bridge["ports"] if port["ifname"] == "c")
    usual = {"state": "forwarding", "hairpin": False, "learning": True, "isolated": False, "flood": True}
    for key in ("ifindex", *usual):
        assert port.get(key, usual.get(key)) == theirs["c"][key], key
    assert (port["hairpin"], port["learning"], port["isolated"], port["flood"]) == (True, False, True, False)
    details = oracle.link(zoo, "br0")
    data = details["linkinfo"]["info_data"]
    for key in ("stp_state", "vlan_filtering", "ageing_time"):
        assert bridge[key] == data[key]
    assert bridge["ageing_time"] == 20000


def test_forwarding_table_is_that_of_bridge_fdb(zoo: World, everything: dict[str, Any]) -> None:
    bridge = lookup.bridge(everything, "br0", zoo.inode())
    words = {"": "learned", "static": "static", "permanent": "permanent", "stale": "stale"}
    theirs = {(e["mac"], e["ifname"], words[e["state"]], e.get("vlan")) for e in oracle.fdb(zoo, "br0")}
    assert {(e["mac"], e["dev"], e["state"], e.get("vlan")) for e in bridge["fdb"]} == theirs
    learned = lookup.bridge(zoo.facts("bridge_facts"), "br0", zoo.inode())["fdb"]
    assert {(e["mac"], e["state"]) for e in learned} >= {
        ("02:11:22:33:44:55", "static"),
        ("02:11:22:33:44:56", "learned"),
    }
    assert all(e["state"] != "permanent" for e in learned)


def test_vxlan_table_says_which_node_is_behind_a_mac(zoo: World, everything: dict[str, Any]) -> None:
    links = {link["ifname"]: link for link in _entry(zoo, everything, None)["interfaces"]}
    if "vx0" not in links:
        pytest.skip("this kernel makes no link of kind vxlan")
    assert links["vx0"]["fdb"] == [{"mac": "02:11:22:33:44:57", "dst": "192.0.2.9", "state": "permanent"}]


def test_counters_are_those_of_ip_s_link(zoo: World, everything: dict[str, Any]) -> None:
    theirs = json.loads(zoo.run("ip", "-s", "-j", "link", "show", "dev", "lo").stdout)[0]["stats64"]
    ours = lookup.interface(_entry(zoo, everything, None), "lo")["stats64"]
    assert set(ours["rx"]) <= set(theirs["rx"])
    assert set(ours["tx"]) <= set(theirs["tx"])


def test_order_is_the_same_every_time(zoo: World) -> None:
    subset = ["all", "!hidden", "!statistics", "!host_processes"]
    first, second = (zoo.facts("pod_network_facts", subset) for _time in range(2))
    for key in KEYS:
        host_counts = [facts["podnet_netns"]["namespaces"][0].pop("process_count", None) for facts in (first, second)]
        assert len(host_counts) == 2
        assert json.dumps(_still(first[key])) == json.dumps(_still(second[key])), key


def _still(value: Any) -> Any:
    """Facts without what moves by itself: the states of neighbours."""
    if isinstance(value, dict):
        return {k: _still(v) for k, v in value.items() if k not in ("neighbours", "sockets")}
    return [_still(item) for item in value] if isinstance(value, list) else value
