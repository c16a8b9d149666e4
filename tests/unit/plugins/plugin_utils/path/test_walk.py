# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way of a packet over two small nodes, whole and with one thing broken at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Outcome
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Path as ComputedPath
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import (
    Document,
    chain,
    link,
    match,
    node,
    route,
    rules,
    spaces,
    write,
)

Break = Callable[[Document, Document], Any]


def path(folder: Path, sender: str, receiver: str, change: Break | None = None, **asked: Any) -> ComputedPath:
    one, two = node(1), node(2)
    if change is not None:
        change(one, two)
    return compute(NodeFiles(write(folder, one, two)), Asked(sender, receiver)._replace(**asked))


def there(found: ComputedPath) -> Outcome:
    (way,) = found["ways"]
    return way["there"]


def names(outcome: Outcome) -> list[tuple[str, str]]:
    return [(hop["host"], hop["name"]) for hop in outcome["hops"]]


@pytest.mark.parametrize(
    ("receiver", "expected"),
    [
        ("default/b1:80", [("node1", "default/a1"), ("node1", "the node itself"), ("node1", "default/b1")]),
        (
            "default/b2:80",
            [
                ("node1", "default/a1"), ("node1", "the node itself"),
                ("node2", "the node itself"), ("node2", "default/b2"),
            ],
        ),
        ("node1", [("node1", "default/a1"), ("node1", "the node itself")]),
        ("node2", [("node1", "default/a1"), ("node1", "the node itself"), ("node2", "the node itself")]),
        ("default/a1:80", [("node1", "default/a1")]),
    ],
)  # fmt: skip
def test_a_packet_arrives_and_its_answer_comes_back(tmp_path: Path, receiver: str, expected: list[Any]) -> None:
    found = path(tmp_path, "default/a1", receiver)
    outcome = there(found)
    assert (outcome["verdict"], names(outcome)) == ("delivered", expected), outcome["reason"]
    back = found["ways"][0]["back"]
    assert back is not None
    assert (back["verdict"], back["receiver"]) == ("delivered", "default/a1")
    assert found["sender"]["address"] == "10.244.1.2"
    assert outcome["path_mtu"] == (1500 if len(expected) > 1 else None)
    assert outcome["listening"] is (True if ":80" in receiver else None)


def test_what_is_no_node_is_left_to_the_outside(tmp_path: Path) -> None:
    outcome = there(path(tmp_path, "default/a1", "198.51.100.7:443"))
    assert (outcome["verdict"], outcome["reason"]) == ("left", "leaves node1 by eth0 to 192.0.2.254")


def routes(document: Document, space: str) -> list[Document]:
    found: list[Document] = spaces(document)[space]["routes"]
    return found


BROKEN: dict[str, tuple[Break, str, str]] = {
    "no route to the other node": (
        lambda one, _two: routes(one, "host").__delitem__(slice(3, None)),
        "dropped", "node1: no route leads to 10.244.2.3",
    ),
    "a blackhole": (
        lambda one, _two: routes(one, "host").append(route("10.244.2.3", type="blackhole")),
        "dropped", "node1: the route blackhole 10.244.2.3: the packet is dropped without a word",
    ),
    "a route that throws": (
        lambda one, _two: routes(one, "host").append(route("10.244.2.3", type="throw")),
        "dropped", "node1: no route leads to 10.244.2.3",
    ),
    "a rule that prohibits": (
        lambda one, _two: spaces(one)["host"]["rules"].insert(
            1, {"priority": 9, "family": "inet", "src": "10.244.1.0", "srclen": 24, "action": "prohibit"}
        ),
        "dropped", "node1: the policy rule 9: from 10.244.1.0 prohibit: the sender is told that it is prohibited",
    ),
    "forwarding off": (
        lambda _one, two: spaces(two)["host"]["sysctls"].update({"net.ipv4.conf.default.forwarding": 0}),
        "dropped", "node2: it does not forward packets: net.ipv4.conf.eth0.forwarding is 0",
    ),
    "forwarding not read": (
        lambda _one, two: spaces(two)["host"]["sysctls"].pop("net.ipv4.conf.default.forwarding"),
        "unknown", "node2: whether it forwards packets was not read: inspect with podnet_diagnose=true",
    ),
    "rp_filter": (
        lambda _one, two: [
            spaces(two)["host"]["sysctls"].update({"net.ipv4.conf.all.rp_filter": 1}),
            spaces(two)["host"].update(routes=[*routes(two, "host"), route("10.244.1.2", dev="br0")]),
        ],
        "dropped",
        "node2: eth0 takes nothing from 10.244.1.2: rp_filter=1: the way back to its source is 10.244.1.2 dev br0",
    ),
    "a cable that is down": (
        lambda _one, two: link(two, "host", "vethb").update(operstate="DOWN"),
        "dropped", "node2: nobody answers for 10.244.2.3 on br0: vethb is down",
    ),
    "a port that is no port": (
        lambda _one, two: two["podnet_bridge"]["bridges"][0]["ports"].pop(),
        "dropped", "node2: nobody answers for 10.244.2.3 on br0",
    ),
    "a port that blocks": (
        lambda one, _two: one["podnet_bridge"]["bridges"][0]["ports"][0].update(state="blocking"),
        "dropped",
        "default/a1 on node1: nobody answers for 10.244.1.1 on eth0: the port vetha of br0 passes nothing on",
    ),
    "a wrong permanent neighbour": (
        lambda _one, two: spaces(two)["host"]["neighbours"].append(
            {"dst": "10.244.2.3", "dev": "br0", "lladdr": "02:00:00:00:00:99", "state": ["PERMANENT"]}
        ),
        "dropped", "node2: bridge br0: no port leads to who has 02:00:00:00:00:99",
    ),
    "a failed neighbour is asked for again": (
        lambda _one, two: spaces(two)["host"]["neighbours"].append(
            {"dst": "10.244.2.3", "dev": "br0", "state": ["FAILED"]}
        ),
        "delivered", "delivered to default/b2",
    ),
    "a MAC behind the wrong port": (
        lambda _one, two: two["podnet_bridge"]["bridges"][0]["fdb"].append(
            {"mac": "02:00:00:00:02:23", "dev": "vetha", "state": "static"}
        ),
        "dropped", "default/a2 on node2: the frame is for 02:00:00:00:02:23, and eth0 has 02:00:00:00:02:22",
    ),
    "another MAC on the fabric": (
        lambda one, _two: spaces(one)["host"]["neighbours"].append(
            {"dst": "192.0.2.2", "dev": "eth0", "lladdr": "02:00:00:00:00:99", "state": ["STALE"]}
        ),
        "unknown",
        (
            "node1: the frame to 192.0.2.2 is for 02:00:00:00:00:99, and eth0 of node2 has 02:00:00:00:02:01: "
            "a router in between, or a wrong entry"
        ),
    ),
    "rules that were not read": (
        lambda _one, two: spaces(two)["host"].pop("ruleset"),
        "unknown", "node2: the firewall rules were not read there, or not all: inspect with podnet_diagnose=true",
    ),
    "routes that were not read": (
        lambda one, _two: spaces(one)["a1"].pop("rules"),
        "unknown",
        ("default/a1 on node1: the rules and all tables of routes were not read there: "
         "inspect with podnet_diagnose=true"),
    ),
    "a circle": (
        lambda _one, two: routes(two, "host").append(route("10.244.2.3", gateway="192.0.2.1", dev="eth0")),
        "dropped", "it goes in a circle until nobody forwards it any more",
    ),
    "a drop": (
        lambda _one, two: rules(two, *chain("forward", [match("ip", "daddr", "10.244.2.3"), {"drop": None}])),
        "dropped", "node2: ip t, forward chain c, rule 1: drops it",
    ),
    "a policy that drops": (
        lambda _one, two: rules(two, *chain("forward", policy="drop")),
        "dropped", "node2: ip t, forward chain c, the policy: drops it",
    ),
    "a rule in the pod": (
        lambda _one, two: rules(two, *chain("input", [{"reject": None}]), space="b2"),
        "dropped", "default/b2 on node2: ip t, input chain c, rule 1: refuses it and tells the sender",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_the_path_names_what_breaks_it(tmp_path: Path, fault: str) -> None:
    change, verdict, reason = BROKEN[fault]
    found = path(tmp_path, "default/a1", "default/b2:80", change)
    assert (there(found)["verdict"], there(found)["reason"].removeprefix("node1: " if fault == "a circle" else "")) in (
        (verdict, reason), (verdict, f"node2: {reason}"),
    )  # fmt: skip
    assert found["verdict"] == verdict


def test_ports_of_a_bridge_that_are_isolated_do_not_meet(tmp_path: Path) -> None:
    def isolate(one: Document, _two: Document) -> None:
        for port in one["podnet_bridge"]["bridges"][0]["ports"]:
            port["isolated"] = True

    assert there(path(tmp_path, "default/a1", "default/b1:80", isolate))["reason"].endswith(
        "nobody answers for 10.244.1.3 on eth0"
    )
    assert there(path(tmp_path, "default/a1", "default/b2:80", isolate))["verdict"] == "delivered"


def test_a_packet_that_is_too_long_is_dropped_where_the_mtu_is_smaller(tmp_path: Path) -> None:
    def narrow(_one: Document, two: Document) -> None:
        link(two, "host", "br0")["mtu"] = 1400

    assert there(path(tmp_path, "default/a1", "default/b2:80", narrow))["path_mtu"] == 1400
    outcome = there(path(tmp_path, "default/a1", "default/b2:80", narrow, size=1500))
    assert outcome["reason"] == "node2: 1500 bytes are more than br0 takes, 1400: the sender is told"
    outcome = there(path(tmp_path, "default/a1", "default/b2:80", size=1501))
    assert (
        outcome["reason"]
        == "default/a1 on node1: 1501 bytes are more than eth0 takes, 1500: the sender's kernel refuses it"
    )


def test_each_next_hop_is_a_way(tmp_path: Path) -> None:
    def double(one: Document, _two: Document) -> None:
        hops = [{"gateway": f"192.0.2.{last}", "dev": "eth0", "weight": 1, "flags": []} for last in (2, 3)]
        routes(one, "host")[-1] = route("10.244.2.0/24", nexthops=hops)

    found = path(tmp_path, "default/a1", "default/b2:80", double)
    assert [way["there"]["verdict"] for way in found["ways"]] == ["delivered", "left"]
    assert [way["there"]["choices"] for way in found["ways"]] == [
        ["next hop of 10.244.2.0/24: 1 of 2"], ["next hop of 10.244.2.0/24: 2 of 2"],
    ]  # fmt: skip


def dnat(*backends: str) -> list[Document]:
    chosen = [[number, {"goto": {"target": f"e{number}"}}] for number in range(len(backends))]
    rule = [
        match("ip", "daddr", "10.96.0.1"), match("tcp", "dport", 80),
        {"vmap": {"key": {"numgen": {"mode": "random", "mod": len(backends), "offset": 0}}, "data": {"set": chosen}}},
    ]  # fmt: skip
    made = chain("prerouting", rule, kind="nat", prio=-100)
    for number, backend in enumerate(backends):
        made.append({"chain": {"family": "ip", "table": "t", "name": f"e{number}"}})
        to = {"dnat": {"addr": backend, "port": 80}}
        made.append({"rule": {"family": "ip", "table": "t", "chain": f"e{number}", "handle": 9, "expr": [to]}})
    return made


def test_a_service_leads_to_each_backend_and_the_answer_has_its_address(tmp_path: Path) -> None:
    found = path(
        tmp_path, "default/a1", "default/web:80", lambda one, _two: rules(one, *dnat("10.244.1.3", "10.244.2.3"))
    )
    assert [(way["there"]["receiver"], way["there"]["packet"]["dst"]) for way in found["ways"]] == [
        ("default/b1", "10.244.1.3"), ("default/b2", "10.244.2.3"),
    ]  # fmt: skip
    # b1 is on the sender's own bridge: its answer does not come by where its address was changed.
    assert [way["back"] and way["back"]["verdict"] for way in found["ways"]] == ["dropped", "delivered"]
    first, second = (way["back"] for way in found["ways"])
    assert first is not None
    assert second is not None
    assert first["reason"] == (
        "the answer arrives as tcp 10.244.1.3:80 to 10.244.1.2:40000, and the sender waits for "
        "tcp 10.96.0.1:80 to 10.244.1.2:40000"
    )
    assert second["packet"]["src"] == "10.96.0.1"
    assert found["verdict"] == "dropped"


def test_more_ways_than_are_computed_are_unknown(tmp_path: Path) -> None:
    found = path(tmp_path, "default/a1", "default/web:80", lambda one, _two: rules(one, *dnat(*["10.244.2.3"] * 70)))
    assert found["ways"][-1]["there"]["reason"] == "there are more than 64 ways, and no more are computed"
    assert found["verdict"] == "unknown"


def test_who_leaves_with_another_address_is_answered_there(tmp_path: Path) -> None:
    rule = [match("ip", "daddr", {"prefix": {"addr": "192.0.2.0", "len": 24}}), {"masquerade": None}]
    made = chain("postrouting", rule, kind="nat", prio=100)
    found = path(tmp_path, "default/a1", "node2", lambda one, _two: rules(one, *made))
    assert there(found)["packet"]["src"] == "192.0.2.1"
    back = found["ways"][0]["back"]
    assert back is not None
    assert (back["verdict"], back["packet"]["dst"]) == ("delivered", "10.244.1.2")


def test_a_mark_is_lost_between_namespaces_and_leads_to_a_table(tmp_path: Path) -> None:
    def mark(one: Document, _two: Document) -> None:
        rule = [{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 7}}]
        rules(one, *chain("prerouting", rule, prio=-150))
        spaces(one)["host"]["rules"].insert(
            1, {"priority": 5, "family": "inet", "src": "all", "fwmark": "0x7", "table": "7"}
        )
        routes(one, "host").append(route("default", dev="br0", table="7"))
        routes(one, "host").append(route("10.244.2.0/24", type="unreachable", table="7"))

    outcome = there(path(tmp_path, "default/a1", "default/b2:80", mark))
    assert outcome["reason"] == (
        "node1: the route unreachable 10.244.2.0/24 table 7: the sender is told that the host is unreachable"
    )
    assert outcome["packet"]["mark"] == "0x7"
    outcome = there(path(tmp_path, "default/a1", "default/b1:80", mark))
    assert (outcome["verdict"], outcome["packet"]["mark"]) == ("delivered", None)


def two_chains(first: list[Document], second: list[Document], kind: str, hook: str) -> list[Document]:
    made = chain(hook, first, kind=kind)
    for one in chain(hook, second, kind=kind)[1:]:
        (content,) = one.values()
        content["chain" if "rule" in one else "name"] = "d"
        made.append(one)
    return made


def test_chains_of_one_priority_are_unknown_only_where_their_order_matters(tmp_path: Path) -> None:
    mark = [{"mangle": {"key": {"meta": {"key": "mark"}}, "value": 7}}]
    asks: list[Document] = [{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 7}}, {"drop": None}]
    counts: list[Document] = [{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 8}}, {"drop": None}]

    def with_rules(*items: Document) -> ComputedPath:
        return path(tmp_path, "default/a1", "default/b2", lambda one, _two: rules(one, *items))

    outcome = there(with_rules(*two_chains(mark, asks, "filter", "forward")))
    assert (
        outcome["reason"]
        == "node1: ip t c and ip t d have the same priority at forward, and it matters which comes first"
    )
    assert there(with_rules(*two_chains(mark, counts, "filter", "forward")))["verdict"] == "delivered"
    to = [[{"snat": {"addr": f"192.0.2.{last}"}}] for last in (1, 9)]
    outcome = there(with_rules(*two_chains(to[0], to[1], "nat", "postrouting")))
    assert outcome["reason"] == "node1: ip t c and ip t d have the same priority at postrouting, and both translate"
    assert there(with_rules(*two_chains(to[0], to[0], "nat", "postrouting")))["packet"]["src"] == "192.0.2.1"
