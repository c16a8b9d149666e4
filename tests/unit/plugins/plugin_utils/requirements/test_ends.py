# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the packets of broken pairs end: alike ones together, all of them counted, and never too many told."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import ends, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Pair, Verification
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import node, spaces, write
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.requirements.network import Network, captured


def pair(source: str, to: str, port: int = 80) -> Pair:
    return {
        "sender": f"default/{source}", "source": source, "to": to, "protocol": "tcp", "port": port, "size": None,
        "ends": None,
    }  # fmt: skip


def broken(pairs: list[Pair]) -> Verification:
    """Return a verification in which these pairs are broken."""
    made = Network(captured("lab")).judged()
    made["requirements"][0]["faults"] = [
        {"host": "node1", "sender": "x", "receiver": "y", "message": "m", "evidence": [], "count": len(pairs),
         "command": None, "pairs": pairs},
    ]  # fmt: skip
    return made


def without_route(folder: Path) -> NodeFiles:
    """Two nodes, of which the first has no route to the second's pods, and no default route."""
    one = node(1)
    host = spaces(one)["host"]
    host["routes"] = [route for route in host["routes"] if route["dst"] not in ("default", "10.244.2.0/24")]
    return NodeFiles(write(folder, one, node(2)))


def test_pairs_that_end_at_one_place_are_one_entry(tmp_path: Path) -> None:
    sent = [pair("10.244.1.2", "10.244.2.2"), pair("10.244.1.3", "10.244.2.3"), pair("10.244.1.2", "10.244.2.3", 81)]
    found = ends.explained(broken([*sent, pair("10.244.2.2", "10.244.1.2")]), without_route(tmp_path))
    told = [(one["number"], one["verdict"], one["answer"], one["host"], one["pairs"]) for one in found["ends"]]
    assert told == [(1, "dropped", False, "node1", 3), (2, "dropped", True, "node1", 1)]
    first = found["ends"][0]
    assert first["reason"] == "node1: no route leads to 10.244.2.2"
    assert first["command"] is not None
    assert first["command"].startswith("ip route get 10.244.2.2")
    assert first["path"] is not None
    assert first["path"]["ways"][0]["there"]["hops"]
    assert [one["ends"] for one in ends.pairs(found)] == [1, 1, 1, 2]
    text = terminal.summary(found, None)
    assert " 1 3 pairs: dropped: node1: no route leads to 10.244.2.2\n" in text
    assert " 2 1 pair: dropped: the answer: node1: no route leads to 10.244.2.2\n" in text
    assert "ends at 1 and 2 below" in text
    assert "## Where broken pairs end" in markdown.report(found)


def test_what_the_facts_do_not_explain_is_said(tmp_path: Path) -> None:
    files = NodeFiles(write(tmp_path, node(1), node(2)))
    found = ends.explained(broken([pair("10.244.1.2", "10.244.2.2"), pair("10.9.9.9", "10.244.2.2")]), files)
    assert [one["verdict"] for one in found["ends"]] == ["delivered", "unknown"]
    assert "nothing that was read explains it" in found["ends"][0]["reason"]
    assert "no node that was read has this address" in found["ends"][1]["reason"]


def test_of_very_many_pairs_some_are_counted_only(tmp_path: Path) -> None:
    many = [pair("10.244.1.2", "10.244.2.2", port) for port in range(1, ends.MOST + 11)]
    found = ends.explained(broken(many), without_route(tmp_path))
    assert [one["pairs"] for one in found["ends"]] == [ends.MOST]
    assert found["not_computed"] == 10
    assert "10 more pairs were not computed" in terminal.summary(found, None)


def test_a_thousand_places_are_not_a_thousand_texts(tmp_path: Path) -> None:
    found = broken([])
    one = ends.explained(broken([pair("10.244.1.2", "10.244.2.2")]), without_route(tmp_path))["ends"][0]
    found["ends"] = [{**one, "number": number, "pairs": number} for number in range(1, 1001)]
    text = terminal.summary(found, None)
    assert text.count("such as default/") == terminal.ENDS
    assert "and 994 more places where" in text


def test_only_who_was_stopped_on_the_way_has_a_path() -> None:
    network = Network(captured("lab"))
    found = network.judged(
        lambda _check, answer: {**answer, "outcome": "timeout", "seen_as": None, "answered_by": None, "detail": {}}
    )
    by_key = {one["key"]: one for one in found["requirements"]}
    pods = [one for fault in by_key["pods-reach-pods"]["faults"] for one in fault["pairs"]]
    assert len(pods) == sum(fault["count"] for fault in by_key["pods-reach-pods"]["faults"])
    assert all(one["port"] for one in pods), "the port that the listener got"
    assert all(one["source"].startswith(("10.", "node/")) for one in pods)
    sizes = {one["protocol"] for fault in by_key["path-mtu"]["faults"] for one in fault["pairs"]}
    assert sizes == {"icmp"}
