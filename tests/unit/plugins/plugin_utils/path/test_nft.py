# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of nftables as nft's JSON has them: what they do with a packet, and what is said of those not understood."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path import nft, nft_expressions, nft_statements
from ansible_collections.podnet.lab.plugins.plugin_utils.path.hook import Context
from ansible_collections.podnet.lab.plugins.plugin_utils.path.node import Namespace, read_node
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Packet, number_of
from ansible_collections.podnet.lab.plugins.plugin_utils.path.routing import UnknownError
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import node

TABLE = {"table": {"family": "ip", "name": "t"}}
DROP: dict[str, Any] = {"drop": None}


def namespace() -> Namespace:
    found = read_node(node(1), "node1.json").own
    assert found is not None
    return found


def verdict(*expressions: dict[str, Any], sets: list[dict[str, Any]] | None = None, **changes: Any) -> str | None:
    """Return what a rule does with a packet of TCP from 10.244.1.2 to 10.244.2.3:80; None when it is not for it."""
    packet = Packet("inet", 6, number_of("10.244.1.2")[1], number_of("10.244.2.3")[1], 40000, 80, 84)
    items = [TABLE, *(sets or []), {"chain": {"family": "ip", "table": "t", "name": "c"}}]
    items.append({"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 1, "expr": list(expressions)}})
    (table,) = nft.read_ruleset(json.dumps({"nftables": items}))
    values: dict[str, Any] = {
        "namespace": namespace(), "packet": packet, "mark": 0, "iif": "br0", "oif": "eth0", "state": "new",
        "status": frozenset(), "ct_mark": 0, "reply": False, "original": packet, "choose": lambda _number, _what: 0,
    }  # fmt: skip
    context = Context(**{**values, **changes})
    for act, _handle in table.rules("c"):
        found = act(context)
        return None if found is None else found.kind
    return None


def left(expression: dict[str, Any], right: Any, operator: str = "==") -> dict[str, Any]:
    return {"match": {"op": operator, "left": expression, "right": right}}


def payload(protocol: str, field: str) -> dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": field}}


def meta(key: str) -> dict[str, Any]:
    return {"meta": {"key": key}}


def ct(key: str) -> dict[str, Any]:
    return {"ct": {"key": key}}


FIT = [
    left(payload("ip", "saddr"), "10.244.1.2"),
    left(payload("ip", "saddr"), {"prefix": {"addr": "10.244.0.0", "len": 16}}),
    left(payload("ip", "daddr"), {"range": ["10.244.2.1", "10.244.2.9"]}),
    left(payload("ip", "daddr"), {"set": ["10.0.0.1", {"prefix": {"addr": "10.244.2.0", "len": 24}}]}),
    left(payload("ip", "daddr"), {"set": [{"elem": {"val": "10.244.2.3", "timeout": 9}}]}),
    left(payload("tcp", "dport"), 80),
    left(payload("th", "dport"), {"set": [{"range": [50, 90]}]}),
    left(payload("tcp", "dport"), 79, ">"),
    left(payload("tcp", "flags"), "syn", "in"),
    left({"&": [payload("tcp", "flags"), ["fin", "syn", "rst", "ack"]]}, "syn"),
    left(meta("l4proto"), "tcp"),
    left(meta("l4proto"), {"set": ["tcp", "udp"]}),
    left(meta("iifname"), "br*"),
    left(meta("oifname"), "lo", "!="),
    left(meta("nfproto"), "ipv4"),
    left({"&": [meta("mark"), 0x4000]}, 0),
    left(ct("state"), "new", "in"),
    left(ct("state"), ["new", "related"], "in"),
    left(ct("state"), {"set": ["established", "new"]}),
    left(ct("state"), "invalid", "!="),
    left({"fib": {"result": "type", "flags": "daddr"}}, "unicast"),
    left({"fib": {"result": "type", "flags": ["saddr"]}}, "local", "!="),
    left(
        {"concat": [payload("ip", "daddr"), meta("l4proto"), payload("th", "dport")]},
        {"set": [{"concat": ["10.244.2.3", "tcp", 80]}]},
    ),
    left(
        {"concat": [payload("ip", "saddr"), payload("tcp", "dport")]},
        {"set": [{"concat": [{"prefix": {"addr": "10.244.1.0", "len": 24}}, {"range": [1, 99]}]}]},
    ),
    left({"ct": {"key": "ip daddr", "dir": "original"}}, "10.244.2.3"),
]  # fmt: skip
MISS = [
    left(payload("ip", "saddr"), "10.244.1.2", "!="),
    left(payload("ip6", "saddr"), "fd00::1", "!="),
    left(payload("udp", "dport"), 80, "!="),
    left(payload("icmp", "type"), "echo-request"),
    left(meta("mark"), 1),
    left(ct("status"), "dnat", "in"),
    left(ct("state"), ["established", "related"], "in"),
    left(payload("ip", "daddr"), {"set": []}),
]


@pytest.mark.parametrize("condition", FIT, ids=json.dumps)
def test_a_condition_that_holds(condition: dict[str, Any]) -> None:
    assert verdict(condition, DROP) == "drop"


@pytest.mark.parametrize("condition", MISS, ids=json.dumps)
def test_a_condition_that_does_not_hold(condition: dict[str, Any]) -> None:
    assert verdict(condition, DROP) is None


NOT_UNDERSTOOD = [
    (left(meta("cgroup"), 7), "the expression meta cgroup is not understood"),
    (left({"socket": {"key": "mark"}}, 7), 'the expression {"socket": {"key": "mark"}} is not understood'),
    (left(payload("ip", "dscp"), 7), "the expression ip dscp is not understood"),
    (left({"ct": {"key": "bytes", "dir": "reply"}}, 7), "the expression ct reply bytes is not understood"),
    (left({"fib": {"result": "oif", "flags": ["saddr"]}}, 0), "the expression"),
    (left(payload("ip", "daddr"), "@gone"), "the set gone of the table t is not in its listing"),
    (left(payload("ip", "daddr"), "example.org"), "the address example.org of a rule is not understood"),
    ({"limit": {"rate": 5, "per": "second"}}, "a rule counts packets (limit), which one packet does not tell"),
    ({"xt": {"type": "match", "name": "recent"}}, "the statement xt is not understood"),
]


@pytest.mark.parametrize(("expression", "said"), NOT_UNDERSTOOD, ids=[said for _one, said in NOT_UNDERSTOOD])
def test_what_is_not_understood_is_named_where_it_matters(expression: dict[str, Any], said: str) -> None:
    with pytest.raises(UnknownError) as problem:
        verdict(expression, DROP)
    assert str(problem.value).startswith(said)


def test_what_is_not_understood_does_not_matter_where_the_rule_is_not_for_the_packet() -> None:
    odd = left(meta("cgroup"), 7)
    assert verdict(odd, left(payload("tcp", "dport"), 81), DROP) is None
    assert verdict(left(payload("tcp", "dport"), 81), odd, DROP) is None
    assert verdict({"limit": {"rate": 5}}, left(payload("tcp", "dport"), 81), DROP) is None
    assert verdict(odd, {"counter": {"packets": 1, "bytes": 2}}, {"log": None}) is None, "a rule that does nothing"


def test_a_port_that_nobody_can_tell_is_unknown() -> None:
    packet = Packet("inet", 17, 1, 2, None, 80, 84)
    with pytest.raises(UnknownError, match="udp sport is a number that nobody can tell beforehand"):
        verdict(left(payload("udp", "sport"), 53), DROP, packet=packet)


def test_maps_lead_on() -> None:
    ways = {"set": [["10.0.0.1", {"drop": None}], ["10.244.2.3", {"goto": {"target": "x"}}]]}
    assert verdict({"vmap": {"key": payload("ip", "daddr"), "data": ways}}) == "goto"
    named = {"map": {"family": "ip", "table": "t", "name": "ways", "elem": ways["set"]}}
    assert verdict({"vmap": {"key": payload("ip", "daddr"), "data": "@ways"}}, sets=[named]) == "goto"
    assert verdict({"vmap": {"key": payload("ip", "saddr"), "data": "@ways"}}, sets=[named]) is None
    assert verdict({"vmap": {"key": payload("ip", "saddr"), "data": {"set": []}}}, DROP) is None, "as NFT_BREAK"


def test_translations_take_constants_and_maps() -> None:
    numgen = {"numgen": {"mode": "inc", "mod": 2, "offset": 0}}
    to = {
        "map": {
            "key": numgen,
            "data": {"set": [[0, {"concat": ["10.244.1.9", 8080]}], [1, {"concat": ["10.244.1.8", 81]}]]},
        }
    }
    asked: list[int] = []

    def second(number: int, _what: str) -> int:
        asked.append(number)
        return 1

    items: list[dict[str, Any]] = [TABLE, {"chain": {"family": "ip", "table": "t", "name": "c"}}]
    items.append({"rule": {"family": "ip", "table": "t", "chain": "c", "handle": 1, "expr": [{"dnat": {"addr": to}}]}})
    (table,) = nft.read_ruleset(json.dumps({"nftables": items}))
    packet = Packet("inet", 6, 1, 2, 3, 4, 84)
    context = Context(namespace(), packet, 0, "", "", "new", frozenset(), 0, False, packet, second)
    ((act, _handle),) = table.rules("c")
    found = act(context)
    assert found is not None
    assert (found.kind, found.address, found.port, asked) == ("dnat", number_of("10.244.1.8")[1], 81, [2])
    with pytest.raises(UnknownError, match="the translation"):
        verdict({"dnat": {"addr": {"range": ["10.0.0.1", "10.0.0.9"]}}})


def test_marks_are_set_and_seen_by_the_next_statement() -> None:
    packet = Packet("inet", 6, 1, 2, 3, 4, 84)
    mark = {"mangle": {"key": meta("mark"), "value": {"|": [meta("mark"), 0x4000]}}}
    assert verdict(mark, left({"&": [meta("mark"), 0x4000]}, 0, "!="), DROP, packet=packet) == "drop"


def test_a_table_that_sleeps_does_nothing() -> None:
    items = [{"table": {"family": "ip", "name": "t", "flags": "dormant"}}]
    assert nft.read_ruleset(json.dumps({"nftables": items})) == []


@pytest.mark.parametrize("text", ["", "[]", "null", '{"nftables": 7}', "{}", '{"nftables": [{"rule": {}}]}'])
def test_what_is_no_listing_is_unknown(text: str) -> None:
    with pytest.raises(UnknownError, match="is not what nft writes"):
        nft.read_ruleset(text)


def test_the_page_lists_what_is_understood() -> None:
    page = next(one for one in Path(__file__).parents if (one / "galaxy.yml").is_file()) / "docs" / "path.md"
    text = page.read_text(encoding="utf-8").partition("**nftables**")[2].partition("**iptables**")[0]
    rows = {line.split(" | ")[0].strip("| `"): line.split(" | ")[1] for line in text.splitlines() if " | " in line}
    assert {f"`{key}`" for key in nft_expressions.META} == set(rows["meta"].split(", "))
    assert {f"`{protocol} {field}`" for protocol, field in nft_expressions.PAYLOAD} == set(rows["headers"].split(", "))
    silent = "may hold or not" + rows["without effect on one packet"] + text
    assert all(f"`{name}`" in silent for name in nft_statements.SILENT)


def test_a_checksum_stands_where_others_have_a_port() -> None:
    ping = Packet("inet", 1, 1, 2, None, None, 84, icmp_type=8)
    assert verdict(left(payload("th", "dport"), 80, "!="), DROP, packet=ping) == "drop"
    assert verdict(left(payload("th", "dport"), 80), DROP, packet=ping) is None
    assert verdict(left(payload("th", "sport"), 0x0800), DROP, packet=ping) == "drop", "its type and code"
    assert verdict(left(payload("udp", "dport"), 80, "!="), DROP, packet=ping) is None, "these ask for the protocol"
    with pytest.raises(UnknownError, match="a checksum in their place"):
        verdict(left(payload("th", "dport"), {"range": [1, 99]}), DROP, packet=ping)
