# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Service rules: outputs captured from real kernels (tests/unit/fixtures/services), and text of any shape.

``ip_vs.txt`` alone was written by hand, after ip_vs_info_seq_show() in the kernel's ip_vs_ctl.c.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._services.dnat import read_lab_table
from ansible_collections.podnet.lab.plugins.module_utils._services.iptables import (
    is_nf_tables,
    parse_rule,
    read_iptables,
)
from ansible_collections.podnet.lab.plugins.module_utils._services.ipvs import read_ipvs
from ansible_collections.podnet.lab.plugins.module_utils._services.nftables import read_kube_proxy
from ansible_collections.podnet.lab.plugins.module_utils._services.records import (
    Found,
    ServiceName,
    merge_backends,
    order,
    parse_endpoint,
    parse_port,
    parse_service_port,
)

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "services")

A, B, REMOTE = "10.244.0.3", "10.244.0.4", "10.244.1.13"
HALVES = [(A, 8080, 0.5), (REMOTE, 8080, 0.5)]
LOCAL = [(A, 8080, 1.0)]
# name, port name, type, address, port -> action, policy, backends: what the rules of these fixtures were made for.
EXPECTED: Dict[Tuple[Any, ...], Tuple[Any, ...]] = {
    ("away", "http", "cluster_ip", "10.96.0.43", 80): ("forward", "cluster", [(REMOTE, 8080, 1.0)]),
    ("away", "http", "load_balancer", "198.51.100.10", 80): ("drop", "local", []),
    ("away", "http", "node_port", None, 30081): ("drop", "local", []),
    ("away", "http", "health_check", None, 32101): ("accept", None, []),
    ("empty", "http", "cluster_ip", "10.96.0.46", 80): ("reject", None, []),
    ("empty", "http", "external", "203.0.113.8", 80): ("reject", None, []),
    ("empty", "http", "node_port", None, 30083): ("reject", None, []),
    ("front", "http", "cluster_ip", "10.96.0.42", 80): ("forward", "cluster", HALVES),
    ("front", "http", "external_ip", "203.0.113.7", 80): ("forward", "local", LOCAL),
    ("front", "http", "load_balancer", "198.51.100.9", 80): ("forward", "local", LOCAL),
    ("front", "http", "node_port", None, 30080): ("forward", "local", LOCAL),
    ("front", "http", "health_check", None, 32100): ("accept", None, []),
    ("kubernetes", "https", "cluster_ip", "10.96.0.1", 443): ("forward", "cluster", [("172.30.99.11", 6443, 1.0)]),
    ("near", "http", "cluster_ip", "10.96.0.45", 80): ("forward", "local", LOCAL),
    ("sticky", "http", "cluster_ip", "10.96.0.44", 80): ("forward", "cluster", [(A, 8080, 0.5), (B, 8080, 0.5)]),
    ("sticky", "http", "load_balancer", "198.51.100.11", 80): (
        "forward",
        "cluster",
        [(A, 8080, 0.5), (B, 8080, 0.5)],
    ),
    ("sticky", "http", "node_port", None, 30082): ("forward", "cluster", [(A, 8080, 0.5), (B, 8080, 0.5)]),
    ("web", None, "cluster_ip", "10.96.0.41", 80): (
        "forward",
        "cluster",
        [(A, 8080, 0.3333), (B, 8080, 0.3333), (REMOTE, 8080, 0.3333)],
    ),
    ("kube-dns", "dns", "cluster_ip", "10.96.0.10", 53): (
        "forward",
        "cluster",
        [("10.244.0.2", 53, 0.5), ("10.244.1.12", 53, 0.5)],
    ),
}


def _sample(name: str) -> str:
    with open(os.path.join(FIXTURES, name), encoding="utf-8") as stream:
        return stream.read()


def _table(found: Found) -> Dict[Tuple[Any, ...], Tuple[Any, ...]]:
    return {
        (one["name"], one["port_name"], one["type"], one["virtual_address"], one["port"]): (
            one["action"],
            one["traffic_policy"],
            [(backend["address"], backend["port"], backend["weight"]) for backend in one["backends"]],
        )
        for one in found.services
    }


def _one(found: Found, name: str, kind: str) -> Any:
    (one,) = [entry for entry in found.services if (entry["name"], entry["type"]) == (name, kind)]
    return one


@pytest.mark.parametrize(
    ("sample", "command"), [("iptables-legacy-save", "iptables-legacy"), ("iptables-nft-save", "iptables-nft")]
)
def test_both_variants_of_iptables(sample: Any, command: Any) -> None:
    text = _sample(sample + ".txt")
    found = read_iptables(text, text, "inet", command)
    assert _table(found) == EXPECTED
    assert len(found.services) == len(EXPECTED)
    assert found.unrecognised == []
    assert found.node_port_addresses == ["0.0.0.0/0"]
    assert {one["namespace"] for one in found.services} == {"default", "kube-system"}
    sticky = _one(found, "sticky", "load_balancer")
    assert sticky["affinity"] == {"type": "ClientIP", "timeout": 10800}
    assert sticky["source_ranges"] == ["192.0.2.0/24", "203.0.113.0/25"]
    assert sticky["rule"]["command"] == command + " -t nat -S KUBE-SERVICES"
    assert sticky["rule"]["target"] == "KUBE-FW-T2ECBIYT2WDZZK45"
    assert sticky["rule"]["text"] in text.splitlines()
    assert _one(found, "empty", "node_port")["rule"]["command"] == command + " -t filter -S KUBE-EXTERNAL-SERVICES"
    assert _one(found, "kube-dns", "cluster_ip")["protocol"] == "udp"


def test_the_variant_is_in_the_first_line() -> None:
    assert is_nf_tables(_sample("iptables-nft-save.txt"))
    assert not is_nf_tables(_sample("iptables-legacy-save.txt"))


SIX = {
    ("kubernetes", "https", "cluster_ip", "fd00:10:96::1", 443): ("forward", "cluster", [("fd00:99::11", 6443, 1.0)]),
    ("web", None, "cluster_ip", "fd00:10:96::41", 80): (
        "forward",
        "cluster",
        [("fd00:10:244::3", 8080, 0.3333), ("fd00:10:244::4", 8080, 0.3333), ("fd00:10:244::13", 8080, 0.3333)],
    ),
    ("kube-dns", "dns", "cluster_ip", "fd00:10:96::10", 53): (
        "forward",
        "cluster",
        [("fd00:10:244::2", 53, 0.5), ("fd00:10:244::12", 53, 0.5)],
    ),
}


@pytest.mark.parametrize("sample", ["ip6tables-legacy-save", "ip6tables-nft-save"])
def test_ip6tables(sample: Any) -> None:
    text = _sample(sample + ".txt")
    found = read_iptables(text, text, "inet6", "ip6tables")
    assert _table(found) == SIX
    assert {one["family"] for one in found.services} == {"inet6"}
    assert (found.unrecognised, found.node_port_addresses) == ([], ["::/0"])


def test_nftables_mode() -> None:
    found = read_kube_proxy(_sample("nft-list-table-ip-kube-proxy.json"), "ip")
    # Of a load balancer's address and an external IP the table does not say which is which, unless there are source
    # ranges; and kube-proxy answers health checks without a rule.
    expected = {}
    for (name, port_name, kind, address, port), value in EXPECTED.items():
        if kind == "external_ip" or (kind == "load_balancer" and name != "sticky"):
            kind = "external"
        if kind != "health_check":
            expected[(name, port_name, kind, address, port)] = value
    assert _table(found) == expected
    assert (found.unrecognised, found.node_port_addresses) == ([], ["172.30.99.11"])
    sticky = _one(found, "sticky", "load_balancer")
    assert sticky["affinity"] == {"type": "ClientIP", "timeout": 10800}
    assert sticky["source_ranges"] == ["192.0.2.0/24", "203.0.113.0/25"]
    assert sticky["rule"] == {
        "command": "nft list map ip kube-proxy service-ips",
        "table": "kube-proxy",
        "chain": "service-ips",
        "text": "198.51.100.11 . tcp . 80 : goto external-H6U4RGLG-default/sticky/tcp/http",
        "target": "external-H6U4RGLG-default/sticky/tcp/http",
    }
    empty = _one(found, "empty", "cluster_ip")
    assert empty["rule"]["text"] == '10.96.0.46 . tcp . 80 comment "default/empty:http" : goto reject-chain'


def test_nftables_mode_that_translates_at_once() -> None:
    """As kube-proxy 1.36 lays it out: a chain for an endpoint only where there is affinity, marks in place."""
    found = read_kube_proxy(_sample("nft-list-table-ip-kube-proxy-1.36.json"), "ip")
    assert _table(found) == {
        ("front", "http", "cluster_ip", "10.96.0.42", 80): ("forward", "cluster", HALVES),
        ("front", "http", "external", "198.51.100.9", 80): ("forward", "local", LOCAL),
        ("front", "http", "node_port", None, 30080): ("forward", "local", LOCAL),
        ("near", "http", "cluster_ip", "10.96.0.45", 80): ("forward", "local", LOCAL),
        ("sticky", "http", "cluster_ip", "10.96.0.44", 80): ("forward", "cluster", [(B, 8080, 1.0)]),
    }
    assert (found.unrecognised, found.node_port_addresses) == ([], ["192.0.2.11"])
    assert _one(found, "sticky", "cluster_ip")["affinity"] == {"type": "ClientIP", "timeout": 10800}


def test_a_prefix_without_a_length_is_shown_as_it_is() -> None:
    text = _sample("nft-list-table-ip-kube-proxy.json").replace(
        '"prefix": {"addr": "192.0.2.0", "len": 24}', '"prefix": {"addr": "192.0.2.0"}'
    )
    assert '"len": 24' not in text
    ranges = _one(read_kube_proxy(text, "ip"), "sticky", "load_balancer")["source_ranges"]
    assert ranges == ["203.0.113.0/25", '{"prefix": {"addr": "192.0.2.0"}}']


def test_a_lone_address_is_a_range_in_both_modes() -> None:
    """kube-proxy lets a load balancer's own address ask where the node is in a range, as seen with 1.34."""
    text = _sample("nft-list-table-ip-kube-proxy.json").replace(
        '{"prefix": {"addr": "192.0.2.0", "len": 24}}', '"203.0.113.7"'
    )
    ranges = _one(read_kube_proxy(text, "ip"), "sticky", "load_balancer")["source_ranges"]
    assert ranges == ["203.0.113.0/25", "203.0.113.7/32"]


def test_nftables_mode_with_ipv6() -> None:
    found = read_kube_proxy(_sample("nft-list-table-ip6-kube-proxy.json"), "ip6")
    assert _table(found) == SIX
    assert (found.unrecognised, found.node_port_addresses) == ([], ["fd00:99::11"])


def test_ipvs() -> None:
    found = read_ipvs(_sample("ip_vs.txt"), {"172.30.99.11", "10.244.0.1"}, {"10.96.0.1", "10.96.0.10", "10.96.0.44"})
    table = {
        (one["virtual_address"], one["port"], one["protocol"]): (
            one["type"],
            one["scheduler"],
            one["action"],
            [(backend["address"], backend["port"], backend["weight"]) for backend in one["backends"]],
        )
        for one in found.services
    }
    assert table == {
        ("10.96.0.1", 443, "tcp"): (None, "rr", "forward", [("172.30.99.11", 6443, 1.0)]),
        ("10.96.0.10", 53, "udp"): (None, "rr", "forward", [("10.244.0.2", 53, 0.5), ("10.244.1.12", 53, 0.5)]),
        ("10.96.0.44", 80, "tcp"): (None, "rr", "forward", LOCAL),
        ("10.96.0.45", 80, "tcp"): (None, "lc", "forward", [(A, 8080, None), (REMOTE, 8080, None)]),
        ("10.96.0.46", 80, "tcp"): (None, "rr", "reject", []),
        ("172.30.99.11", 30080, "tcp"): (
            "node_port",
            "wrr",
            "forward",
            [(A, 8080, 0.75), (B, 8080, 0.25), (REMOTE, 8080, 0.0)],
        ),
        ("fd00:10:96::1", 443, "tcp"): (None, "rr", "forward", [("fd00:99::11", 6443, 1.0)]),
    }
    assert (found.unrecognised, found.node_port_addresses) == ([], ["172.30.99.11"])
    (sticky,) = [one for one in found.services if one["affinity"]]
    assert sticky["virtual_address"] == "10.96.0.44"
    assert sticky["affinity"] == {"type": "ClientIP", "timeout": None}


def test_a_backend_without_weight_gets_nothing() -> None:
    """As kube-proxy does it with a backend that is about to end, whatever the scheduler."""
    lines = _sample("ip_vs.txt").splitlines()[:3]
    lines += ["TCP  0A600001:0050 rr "] + [
        "  -> 0AF4000%d:0050      Masq    %d      0          0         " % (number, number % 2) for number in (1, 2, 3)
    ]
    (one,) = read_ipvs("\n".join(lines), set(), set()).services
    assert [backend["weight"] for backend in one["backends"]] == [0.5, 0.0, 0.5]


def test_ipvs_of_others_has_no_types() -> None:
    """Without kube-ipvs0 nobody can tell what an address is for (keepalived, ldirectord)."""
    found = read_ipvs(_sample("ip_vs.txt"), {"172.30.99.11"}, set())
    assert {one["type"] for one in found.services} == {None}


def test_ipvs_lists_what_it_does_not_know() -> None:
    text = _sample("ip_vs.txt") + "FWM  00000001 rr \n  -> 0AF40003:1F90      Route   1      0          0         \n"
    found = read_ipvs(text, set(), set())
    assert [one["text"][:6] for one in found.unrecognised] == ["FWM  0", "  -> 0"]
    assert len(found.services) == 7


def test_a_lab() -> None:
    found = read_lab_table(_sample("nft-list-table-inet-podnet_lab0.json"), "inet", "podnet_lab0")
    assert [
        (
            one["virtual_address"],
            one["port"],
            one["protocol"],
            one["scheduler"],
            [(backend["address"], backend["port"], backend["weight"]) for backend in one["backends"]],
        )
        for one in found.services
    ] == [
        ("10.96.0.10", 80, "tcp", None, [("10.244.0.2", 8080, 1.0)]),
        ("10.96.0.11", 53, "udp", "round-robin", [("10.244.0.2", 5353, 0.5), ("10.244.0.3", 53, 0.5)]),
        ("10.96.0.12", 80, "tcp", "random", [("10.244.0.2", None, 0.75), ("10.244.0.3", None, 0.25)]),
        ("fd00:96::10", 80, "tcp", None, [("fd00:244::2", 8080, 1.0)]),
    ]
    # A rule without an address of its own is no Service.
    assert [one["command"] for one in found.unrecognised] == ["nft list chain inet podnet_lab0 prerouting"]


def test_the_services_of_a_lab_are_read_as_those_of_a_cluster() -> None:
    found = read_lab_table(_sample("nft-list-table-ip-podnet_lab0_services.json"), "ip", "podnet_lab0_services")
    assert found.unrecognised == []
    assert found.node_port_addresses == ["10.89.0.11"]
    shown = [
        (one["name"], one["type"], one["protocol"], one["port"], one["action"], one["traffic_policy"])
        for one in found.services
    ]
    assert shown == [
        ("empty", "cluster_ip", "tcp", 80, "reject", None),
        ("empty", "node_port", "tcp", 30081, "reject", None),
        ("far", "cluster_ip", "sctp", 53, "drop", "local"),
        ("far", "node_port", "sctp", 30055, "drop", "local"),
        ("sticky", "cluster_ip", "udp", 53, "forward", "local"),
        ("sticky", "node_port", "udp", 30053, "forward", "local"),
        ("web", "cluster_ip", "tcp", 80, "forward", "cluster"),
        ("web", "node_port", "tcp", 30080, "forward", "cluster"),
    ]
    assert found.services[4]["affinity"] == {"type": "ClientIP", "timeout": 600}
    assert found.services[6]["backends"] == [
        {"address": "10.244.0.3", "port": 8080, "weight": 0.5},
        {"address": "10.244.1.3", "port": 8080, "weight": 0.5},
    ]
    assert found.services[6]["rule"]["command"] == "nft list map ip podnet_lab0_services service-ips"


def _dnat(*expressions: Any) -> Found:
    rule = {"family": "ip", "table": "podnet_x", "chain": "c", "expr": list(expressions)}
    return read_lab_table(json.dumps({"nftables": [{"rule": rule}]}), "ip", "podnet_x")


def _match(protocol: str, field: str, right: Any) -> Any:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


HEAD = (_match("ip", "daddr", "10.96.0.1"), _match("tcp", "dport", 80))


def test_a_lab_rule_with_a_condition_of_its_own_is_no_service() -> None:
    found = _dnat(*HEAD, {"dnat": {"addr": "10.244.0.2"}})
    assert (len(found.services), len(found.unrecognised)) == (1, 0)
    found = _dnat(*HEAD, _match("ip", "saddr", "10.1.1.1"), {"dnat": {"addr": "10.244.0.2"}})
    assert (len(found.services), len(found.unrecognised)) == (0, 1)


@pytest.mark.parametrize("keys", [[0, 2], [0, {"range": [1, 5]}], [-1, 0], [0, {"range": [1, 0]}], [0, True]])
def test_shares_beyond_what_is_drawn_are_not_understood(keys: Any) -> None:
    drawn = {"numgen": {"mode": "random", "mod": 2, "offset": 0}}
    ends = [[key, "10.244.0.%d" % (2 + number)] for number, key in enumerate(keys)]
    found = _dnat(*HEAD, {"dnat": {"addr": {"map": {"key": drawn, "data": {"set": ends}}}}})
    assert (len(found.services), len(found.unrecognised)) == (0, 1)


def _wanted(node: str) -> Dict[Tuple[Any, ...], Tuple[Any, ...]]:
    """What the API of the cluster said: name, port name, type, address, port, protocol -> action and backends."""
    wanted: Dict[Tuple[Any, ...], Tuple[Any, ...]] = {}
    for entry in json.loads(_sample("kube-proxy-1.20-api.json")):
        if entry["clusterIP"] == "None":
            continue
        for port in entry["ports"]:
            name = port.get("name")
            every = [(one["ip"], one["ports"][name or ""]) for one in entry["endpoints"]]
            here = [(one["ip"], one["ports"][name or ""]) for one in entry["endpoints"] if one["nodeName"] == node]
            local = entry["externalTrafficPolicy"] == "Local"
            outside = here if local else every
            places = [("cluster_ip", entry["clusterIP"], port["port"], every)]
            places += [("external_ip", address, port["port"], outside) for address in entry["externalIPs"]]
            places += [("load_balancer", address, port["port"], outside) for address in entry["loadBalancerIPs"]]
            if "nodePort" in port:
                places.append(("node_port", None, port["nodePort"], outside))
            for kind, address, number, ends in places:
                action = "forward" if ends else "drop" if every else "reject"
                key = (entry["namespace"], entry["name"], name, kind, address, number, port["protocol"].lower())
                wanted[key] = (action, ends)
    return wanted


@pytest.mark.parametrize("node", ["node1", "node2"])
def test_a_real_cluster_says_what_its_api_says(node: Any) -> None:
    """Kubernetes 1.20.2, two nodes, iptables-nft; its API is the judge."""
    text = _sample("kube-proxy-1.20-%s.txt" % node)
    found = read_iptables(text, text, "inet", "iptables-nft")
    got = {
        (
            one["namespace"],
            one["name"],
            one["port_name"],
            one["type"],
            one["virtual_address"],
            one["port"],
            one["protocol"],
        ): (one["action"], [(backend["address"], backend["port"]) for backend in one["backends"]])
        for one in found.services
    }
    wanted = _wanted(node)
    assert got == wanted
    assert len(wanted) == 15
    assert (found.unrecognised, found.node_port_addresses) == ([], ["0.0.0.0/0"])
    for one in found.services:
        assert one["affinity"] == ({"type": "ClientIP", "timeout": 10800} if one["name"] == "sticky" else None)
        assert one["source_ranges"] == (["192.0.2.0/24"] if one["type"] == "load_balancer" else [])
        policy = "local" if one["name"] in ("front", "one") and one["type"] != "cluster_ip" else "cluster"
        assert one["traffic_policy"] == (policy if one["name"] != "empty" else None)


def _iptables(*lines: str) -> Found:
    head = "*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVC-A - [0:0]\n:KUBE-SEP-A - [0:0]\n"
    return read_iptables(head + "\n".join(lines) + "\nCOMMIT\n", "", "inet", "iptables")


SERVICE = '-A KUBE-SERVICES -d 10.96.0.9/32 -p tcp -m comment --comment "a/b:c cluster IP" -m tcp --dport 80 '


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([SERVICE + "-j DOCKER"], "It leads to DOCKER, which is no chain of a Service."),
        ([SERVICE + "-m time --utc -j KUBE-SVC-A"], "Its conditions are not those of a Service."),
        ([SERVICE.replace("10.96.0.9/32", "10.96.0.0/16") + "-j KUBE-SVC-A"], "Its conditions are not those"),
        ([SERVICE.replace("-d ", "! -d ") + "-j KUBE-SVC-A"], "Its conditions are not those"),
        ([SERVICE.replace("-p ", "! -p ") + "-j KUBE-SVC-A"], "Its conditions are not those"),
        ([SERVICE.replace("--dport ", "! --dport ") + "-j KUBE-SVC-A"], "Its conditions are not those"),
        ([SERVICE + "-j KUBE-SVC-GONE"], "There is no chain KUBE-SVC-GONE."),
        ([SERVICE + "-j KUBE-SVC-A", "-A KUBE-SVC-A -j KUBE-SEP-A"], "The chain KUBE-SEP-A sends packets nowhere."),
        ([SERVICE + "-j KUBE-SVC-A", "-A KUBE-SVC-A -j ACCEPT"], "It does not lead to a backend."),
        (
            [SERVICE + "-j KUBE-SVC-A", "-A KUBE-SVC-A -m statistic --mode nth --every 2 --packet 0 -j KUBE-SEP-A"],
            "It does not lead to a backend.",
        ),
        (
            [
                SERVICE + "-j KUBE-SVC-A",
                "-A KUBE-SVC-A -j KUBE-SEP-A",
                "-A KUBE-SEP-A -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:80",
            ],
            "It sends packets to no single address.",
        ),
        ([SERVICE + "-j KUBE-SVC-A", SERVICE + "-j KUBE-SVC-B"], "A rule before it has the same address and port."),
        (["-A KUBE-SERVICES -j KUBE-NODEPORTS"], "It does not say at which addresses NodePorts are answered."),
    ],
)
def test_what_is_not_understood_is_listed(lines: Any, reason: Any) -> None:
    (one,) = _iptables(*lines).unrecognised
    assert one["reason"].startswith(reason)
    assert one["text"] in lines


def test_a_chain_that_leads_to_itself_ends() -> None:
    found = read_iptables(
        "*nat\n:KUBE-EXT-A - [0:0]\n%s-j KUBE-EXT-A\n-A KUBE-EXT-A -j KUBE-EXT-A\nCOMMIT\n" % SERVICE,
        "",
        "inet",
        "iptables",
    )
    assert found.services[0]["backends"] == []


def test_ipvs_modes_own_rules_are_no_services() -> None:
    found = _iptables(
        '-A KUBE-SERVICES ! -s 10.244.0.0/16 -m comment --comment "Kubernetes service cluster ip + port for masquerade '
        'purpose" -m set --match-set KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ',
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
        "-A KUBE-SERVICES -m set --match-set KUBE-CLUSTER-IP dst,dst -j ACCEPT",
    )
    assert (found.services, found.unrecognised) == ([], [])


NODE_PORT = '-A KUBE-NODEPORTS {}-p tcp -m comment --comment "a/b:c" -m tcp --dport 30080 {}-j KUBE-EXT-A'


def test_what_counts_connections_to_localhost_is_no_second_node_port() -> None:
    """kube-proxy 1.32 and newer."""
    counted = NODE_PORT.format("-d 127.0.0.0/8 ", "-m nfacct --nfacct-name  localhost_nps_accepted_pkts ")
    found = _iptables(
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
        counted,
        NODE_PORT.format("", ""),
        "-A KUBE-EXT-A -j KUBE-SVC-A",
        "-A KUBE-SVC-A -j KUBE-SEP-A",
        "-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.3:8080",
    )
    assert found.unrecognised == []
    assert _table(found) == {("b", "c", "node_port", None, 30080): ("forward", "cluster", LOCAL)}


@pytest.mark.parametrize("local", ["-i cbr0", "-i eni+", "-s 10.244.0.0/24", "-s 10.244.0.0/16"])
def test_every_way_of_telling_local_traffic(local: Any) -> None:
    """BridgeInterface, InterfaceNamePrefix, NodeCIDR and ClusterCIDR, in the chains of all versions."""
    head = "*nat\n:KUBE-SERVICES - [0:0]\n:KUBE-SVL-A - [0:0]\n:KUBE-SVC-A - [0:0]\n:KUBE-SEP-A - [0:0]\n"
    lines = [
        SERVICE.replace("10.96.0.9", "203.0.113.9").replace("cluster IP", "loadbalancer IP") + "-j {0}",
        SERVICE + "-j KUBE-SVC-A",
        '-A {0} %s -m comment --comment "pod traffic for a/b:c external destinations" -j KUBE-SVC-A' % local,
        "-A {0} -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ",
        "-A {0} -m addrtype --src-type LOCAL -j KUBE-SVC-A",
        "-A KUBE-SVC-A -d 10.96.0.9/32 ! %s -p tcp -j KUBE-MARK-MASQ" % local,
        "-A KUBE-SVC-A -j KUBE-SEP-A",
        "-A KUBE-SEP-A -p tcp -m tcp -j DNAT --to-destination 10.244.0.3:8080",
    ]
    for chain, last in (
        ("KUBE-EXT-A", '-A KUBE-EXT-A -j KUBE-SVL-A\n-A KUBE-SVL-A -m comment --comment "x" -j DROP'),
        ("KUBE-XLB-A", '-A KUBE-XLB-A -m comment --comment "a/b:c has no local endpoints" -j KUBE-MARK-DROP'),
    ):
        text = head + "\n".join([*lines, last]).replace("{0}", chain) + "\nCOMMIT\n"
        found = read_iptables(text, "", "inet", "iptables")
        assert found.unrecognised == []
        assert _table(found) == {
            ("b", "c", "load_balancer", "203.0.113.9", 80): ("drop", "local", []),
            ("b", "c", "cluster_ip", "10.96.0.9", 80): ("forward", "cluster", LOCAL),
        }


@pytest.mark.parametrize(
    ("lines", "action"),
    [
        (
            ["-A KUBE-SVC-A -j KUBE-SEP-A", "-A KUBE-SEP-A -p tcp -j DNAT --to-destination 10.0.0.1-10.0.0.9:80"],
            "unknown",
        ),
        (["-A KUBE-SVC-A -j ACCEPT"], "unknown"),
        (["-A KUBE-SVC-A -j KUBE-MARK-MASQ"], "none"),
    ],
)
def test_none_is_said_only_where_the_rules_do_nothing(lines: Any, action: Any) -> None:
    (one,) = _iptables(SERVICE + "-j KUBE-SVC-A", *lines).services
    assert (one["action"], one["backends"]) == (action, [])


def test_of_a_chain_that_is_not_there_it_is_unknown_what_it_does() -> None:
    (one,) = _iptables(SERVICE + "-j KUBE-SVC-GONE").services
    assert one["action"] == "unknown"
    table = json.loads(_sample("nft-list-table-ip-kube-proxy.json"))
    table["nftables"] = [
        item for item in table["nftables"] if not str(item.get("rule", {}).get("chain", "")).startswith("endpoint-")
    ]
    actions = {one["action"] for one in read_kube_proxy(json.dumps(table), "ip").services}
    assert actions == {"unknown", "reject", "drop"}


def test_rules_beside_ipvs_are_no_services() -> None:
    """kube-proxy 1.36; the Services themselves are in /proc/net/ip_vs."""
    found = _iptables(
        "-A KUBE-SERVICES -s 127.0.0.0/8 -j RETURN",
        '-A KUBE-SERVICES -m comment --comment "x" -m set --match-set KUBE-LOAD-BALANCER dst,dst -j KUBE-LOAD-BALANCER',
        "-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODE-PORT",
        "-A KUBE-SERVICES -m set --match-set KUBE-EXTERNAL-IP dst,dst -m physdev ! --physdev-is-in -j ACCEPT",
        "-A KUBE-LOAD-BALANCER -j KUBE-MARK-MASQ",
    )
    assert (found.services, found.unrecognised) == ([], [])


def test_a_comment_may_look_like_an_option() -> None:
    rule = parse_rule('-A X -m comment --comment -j -m comment --comment "say \\"! -d\\" -j Y" ! -d 10.0.0.0/8 -j Z')
    assert rule is not None
    assert rule.options["--comment"] == ["-j", 'say "! -d" -j Y']
    assert (rule.target, rule.negated) == ("Z", frozenset(["-d"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("default/web", ServiceName("default", "web", None)),
        ("default/web:http", ServiceName("default", "web", "http")),
        ("kubernetes service portals", ServiceName(None, None, None)),
        ("default/web:{{ 7 * 7 }}", ServiceName(None, None, None)),
    ],
)
def test_names(text: Any, expected: Any) -> None:
    assert parse_service_port(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1:80", ("10.0.0.1", 80)),
        ("10.0.0.1", ("10.0.0.1", None)),
        ("[fd00::1]:80", ("fd00::1", 80)),
        ("fd00::1", ("fd00::1", None)),
        ("10.0.0.1:99999", None),
        ("10.0.0.1:", None),
        ("10.0.0.1-10.0.0.2", None),
        ("", None),
    ],
)
def test_endpoints(text: Any, expected: Any) -> None:
    assert parse_endpoint(text) == expected


# -- text of any shape --------------------------------------------------------------------------------------------

IPTABLES = _sample("iptables-legacy-save.txt").splitlines()
IPVS = _sample("ip_vs.txt").splitlines()
NFT = json.loads(_sample("nft-list-table-ip-kube-proxy.json"))["nftables"]
NFT_AT_ONCE = json.loads(_sample("nft-list-table-ip-kube-proxy-1.36.json"))["nftables"]
LAB = json.loads(_sample("nft-list-table-inet-podnet_lab0.json"))["nftables"]


def _sound(found: Found) -> None:
    """What holds of every result, whatever was read."""
    json.dumps(found).encode("utf-8")  # no half of a surrogate pair, nothing that JSON lacks
    for one in found.services:
        assert 0 <= one["port"] <= 65535
        assert one["protocol"] in ("tcp", "udp", "sctp")
        assert one["action"] in ("forward", "reject", "drop", "accept", "none", "unknown")
        if one["mode"] != "ipvs" and one["action"] == "forward":
            assert one["backends"]
        weights = [backend["weight"] for backend in one["backends"] if backend["weight"] is not None]
        assert all(0 <= share <= 1 for share in weights)
        ends: List[Tuple[Any, Any]] = [(backend["address"], backend["port"]) for backend in one["backends"]]
        assert one["mode"] == "ipvs" or len(set(ends)) == len(ends)
    assert found.services == sorted(found.services, key=order)


@given(st.lists(st.sampled_from(IPTABLES) | st.text(max_size=60), max_size=60), st.booleans())
def test_iptables_lines_in_any_order(lines: Any, six: Any) -> None:
    text = "*nat\n" + "\n".join(lines)
    _sound(read_iptables(text, text.replace("*nat", "*filter", 1), "inet6" if six else "inet", "iptables"))


@given(st.data())
def test_iptables_rules_with_words_missing_or_changed(data: Any) -> None:
    lines = list(IPTABLES)
    words = ["!", "-d", "-j", "KUBE-SVC-LOLE4ISW44XBNF3G", "--probability", "0.5", "nan", "1e400", "--dport", '"', "\\"]
    for _change in range(data.draw(st.integers(1, 8))):
        index = data.draw(st.integers(0, len(lines) - 1))
        parts = lines[index].split(" ")
        at = data.draw(st.integers(0, len(parts) - 1))
        parts[at : at + 1] = data.draw(st.lists(st.sampled_from(words), max_size=2))
        lines[index] = " ".join(parts)
    _sound(read_iptables("\n".join(lines), "\n".join(lines), "inet", "iptables"))


@given(st.permutations(IPTABLES[IPTABLES.index("*nat") + 1 :]))
def test_order_of_chains_does_not_matter(lines: Any) -> None:
    """Rules of one chain keep their order, those of different chains may come in any."""
    first = {
        chain: index for index, chain in reversed(list(enumerate(line.split(" ")[1] for line in lines if " " in line)))
    }
    ordered = sorted(
        (line for line in IPTABLES if line.startswith("-A KUBE-")), key=lambda line: first.get(line.split(" ")[1], 0)
    )
    nat = IPTABLES[IPTABLES.index("*nat") :]
    text = "\n".join(["*nat", *(line for line in ordered if line in nat)])
    whole = "\n".join(IPTABLES)
    assert read_iptables(text, whole, "inet", "x").services == read_iptables(whole, whole, "inet", "x").services


@given(st.lists(st.sampled_from(IPVS) | st.text(max_size=60), max_size=40))
def test_ipvs_lines_in_any_order(lines: Any) -> None:
    _sound(read_ipvs("\n".join(lines), {"172.30.99.11"}, {"10.96.0.1"}))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["ip", "saddr", "daddr", "==", "tcp", "10.96.0.1", "@service-ips", "service-A", "service-ips"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["elem", "val", "concat", "goto", "target", "match", "left", "right", "payload", "field", "vmap", "key",
                 "numgen", "mod", "data", "set", "range", "dnat", "addr", "map", "prefix", "len", "name", "expr", "fib"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)  # fmt: skip


@given(st.data())
def test_nft_objects_with_parts_replaced(data: Any) -> None:
    sample, read = data.draw(
        st.sampled_from(
            [
                (NFT, lambda text: read_kube_proxy(text, "ip")),
                (NFT_AT_ONCE, lambda text: read_kube_proxy(text, "ip")),
                (LAB, lambda text: read_lab_table(text, "inet", "podnet_lab0")),
            ]
        )
    )
    items = json.loads(json.dumps(sample))
    for _change in range(data.draw(st.integers(1, 6))):
        place: Any = items
        key: Any = data.draw(st.integers(0, len(items) - 1))
        for _step in range(data.draw(st.integers(0, 10))):
            inner = place[key]
            keys = (
                list(inner) if isinstance(inner, dict) else list(range(len(inner))) if isinstance(inner, list) else []
            )
            if not keys:
                break
            place, key = inner, data.draw(st.sampled_from(keys))
        if isinstance(place, dict) and data.draw(st.booleans()):
            del place[key]
        else:
            place[key] = data.draw(JSON)
    _sound(read(json.dumps({"nftables": items})))


@given(JSON)
def test_any_json_is_an_output_or_a_value_error(value: Any) -> None:
    for text in (json.dumps(value), json.dumps({"nftables": [value, {"map": value}, {"rule": value}]})):
        _sound(read_kube_proxy(text, "ip"))
        _sound(read_lab_table(text, "ip", "podnet_x"))


@pytest.mark.parametrize("text", ["", "{", "[1", '{"nftables": "\\ud800"}', "Error: syntax"])
def test_what_is_no_json_is_a_value_error(text: Any) -> None:
    with pytest.raises(ValueError):
        read_kube_proxy(text, "ip")


@given(st.lists(st.tuples(st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"]), st.none() | st.integers(0, 9))))
def test_backends_are_sorted_and_occur_once(ends: Any) -> None:
    merged = merge_backends([{"address": one, "port": port, "weight": 0.0} for one, port in ends])
    assert {(one["address"], one["port"]) for one in merged} == set(ends)
    assert len(merged) == len(set(ends))
    assert merged == merge_backends(list(reversed(merged)))


@given(st.one_of(st.text(max_size=8), st.integers(), st.floats(), st.none(), st.booleans()))
def test_any_value_is_a_port_or_none(value: Any) -> None:
    port = parse_port(value)
    assert port is None or 0 <= port <= 65535
