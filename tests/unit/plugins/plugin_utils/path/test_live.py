# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A computed path and what was seen of a packet: what is done to see it, and both held against each other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.path import comparing, live, live_terminal, sightings
from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import PROTOCOLS, Live, Outcome, PacketWords
from ansible_collections.podnet.lab.plugins.plugin_utils.path.records import Path as ComputedPath
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.path.node_documents import (
    chain,
    node,
    rules,
    spaces,
    write,
)

CHECKOUT = next(one for one in Path(__file__).parents if (one / "galaxy.yml").is_file())
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "path.schema.json").read_text(encoding="utf-8"))
Json = dict[str, Any]
HOSTILE = "{{ 7*7 }}\x1b[31m\nx"
ASK = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 81}}
UNKNOWN = {"match": {"op": "==", "left": {"meta": {"key": "skuid"}}, "right": 0}}


def words(packet: PacketWords) -> Json:
    return {
        "protocol": PROTOCOLS[packet["protocol"]], **{key: packet[key] for key in ("src", "sport", "dst", "dport")},
    }  # fmt: skip


def sighting(host_netns: tuple[str, int], interface: str, direction: str, packet: Json, **more: Any) -> Json:
    frame = "outgoing" if direction == "out" else "host"
    found: Json = {
        "host": host_netns[0], "netns": host_netns[1], "interface": interface, "direction": direction, "frame": frame,
        "kind": "packet", "at_ns": 0, "packet": packet, "outer": [], "tunnel": None, "icmp": None,
    }  # fmt: skip
    return {**found, **more}


def as_computed(outcome: Outcome, kind: str) -> list[Json]:
    """What is seen when all goes as computed."""
    found: list[Json] = []
    hops = outcome["hops"]
    for number, hop in enumerate(hops):
        here = (hop["host"], hop["netns"])
        if number:
            found.append(sighting(here, str(hop["came_in"]), "in", words(hop["packet"]), kind=kind))
        if hop["went_out"] is not None:
            leaving = hops[number + 1]["packet"] if number + 1 < len(hops) else outcome["packet"]
            found.append(sighting(here, hop["went_out"], "out", words(leaving), kind=kind))
    return found


class Case:
    """A path of two nodes with what nodes say of a packet on it; what they say may be changed before it is compared."""

    def __init__(self, folder: Path, to: str = "default/b2:80", *, name: str | None = None, **asked: Any) -> None:
        one, two = node(1), node(2)
        rules(two, *chain("forward", [ASK, {"drop": None}], asked.pop("rule", [{"counter": None}])))
        if name is not None:
            spaces(two)["b2"]["owner"]["name"] = name
            to = f"default/{name}:80"
        self.nodes = NodeFiles(write(folder, one, two))
        receiver = "10.244.2.3:80" if name is not None else to
        self.path: ComputedPath = compute(self.nodes, Asked("default/a1", receiver, sport=51000, **asked))
        self.plan = live.plan(self.nodes, self.path, 51000)
        way = self.path["ways"][0]
        self.seen = as_computed(way["there"], "packet") + as_computed(way["back"] or way["there"], "answer")
        if way["back"] is None:
            self.seen = as_computed(way["there"], "packet")
        for at, one in enumerate(self.seen):
            one["at_ns"] = at + 1
        self.traces: list[Json] = []
        self.sent: Json = {"error": None, "src": "10.244.1.2", "answered": way["back"] is not None}
        self.failed: dict[str, Json] = {}

    def traced(self, chain_name: str, handle: int | None, verdict: str, way: str = "there") -> None:
        event = {
            "netns": self.own("node2"), "way": way, "id": 1, "family": "ip", "table": "t", "chain": chain_name,
            "what": "policy" if handle is None else "rule", "handle": handle, "verdict": verdict, "target": None,
        }  # fmt: skip
        self.traces.append(event)

    def own(self, host: str) -> int:
        return next(one["netns"] for one in self.plan["hosts"][host] if one["name"] == "the node itself")

    def packets(self) -> list[Json]:
        return [one for one in self.seen if one["kind"] == "packet"]

    def cut(self, number: int) -> None:
        """Nothing is seen from the packet's sighting of this number on."""
        self.seen = self.packets()[:number]
        self.sent["answered"] = False

    def compared(self) -> Live:
        results: dict[str, Json] = {}
        for host, places in self.plan["hosts"].items():
            traces = self.traces if host == "node2" else []
            results[host] = {
                "opened": {
                    "watched": [one["netns"] for one in places],
                    "traced": [one["netns"] for one in places if one["trace"]],
                    "unwatched": [],
                },
                "seen": {
                    "sightings": [one for one in self.seen if one["host"] == host], "traces": traces, "missed": [],
                },
                "sent": self.sent if host == self.plan["sent"]["host"] else {"skipped": True},
                **self.failed.get(host, {}),
            }  # fmt: skip
        found = comparing.compare(
            self.path, self.plan, sightings.read_watched(self.plan, json.loads(json.dumps(results)))
        )
        jsonschema.validate(json.loads(json.dumps({**self.path, "live": found})), SCHEMA)
        text = live_terminal.seen(self.path, found)
        assert all(width(line) <= 80 for line in text.splitlines())
        assert "\x1b" not in text
        return found


@pytest.fixture
def case(tmp_path: Path) -> Callable[..., Case]:
    return lambda *words, **options: Case(tmp_path, *words, **options)


def test_it_is_watched_on_the_way_and_at_its_end_and_traced_where_rules_are(case: Callable[..., Case]) -> None:
    dropped = case("default/b2:81")
    names = {host: [one["name"] for one in places] for host, places in dropped.plan["hosts"].items()}
    assert names == {"node1": ["default/a1", "the node itself"], "node2": ["the node itself", "default/b2"]}
    assert [one["name"] for one in dropped.plan["hosts"]["node2"] if one["trace"]] == ["the node itself"]
    assert not any(one["trace"] for one in dropped.plan["hosts"]["node1"])
    assert dropped.plan["sent"] == {
        "host": "node1", "netns": dropped.plan["hosts"]["node1"][0]["netns"], "src": None, "dst": "10.244.2.3",
    }  # fmt: skip
    text = live_terminal.announcement(dropped.plan)
    assert f"  - node2: the table inet {dropped.plan['table']}, which only sets nftrace for\n" in text
    assert all(width(line) <= 80 for line in text.splitlines())


def test_each_run_has_a_packet_and_a_table_of_its_own(case: Callable[..., Case]) -> None:
    one, other = case().plan, case().plan
    assert one["table"] != other["table"]
    assert one["packet"]["mark"] != other["packet"]["mark"]


def test_all_as_computed(case: Callable[..., Case]) -> None:
    found = case().compared()
    assert found["verdict"] == "same"
    assert found["back"] is not None
    assert {one["verdict"] for one in found["there"]["points"] + found["back"]["points"]} == {"same"}
    assert live_terminal.seen(case().path, found).startswith("LIVE: as computed\n")


def test_what_a_bridge_passes_on_is_seen_too_and_is_no_difference(case: Callable[..., Case]) -> None:
    healthy = case()
    third = healthy.seen[2]
    also = {**third, "interface": "br9", "at_ns": third["at_ns"]}
    healthy.seen.insert(3, also)
    found = healthy.compared()
    assert found["verdict"] == "same"
    assert [one["verdict"] for one in found["there"]["points"]].index("also_seen") == 3


def test_lost_between_two_nodes(case: Callable[..., Case]) -> None:
    lost = case()
    lost.cut(3)
    found = lost.compared()
    assert (found["verdict"], found["there"]["first"], found["back"]) == ("different", 3, None)
    assert found["there"]["difference"] == (
        "in by eth0 of node node2 itself: computed to pass here, and not seen; "
        "it was last seen out of eth0 of node node1 itself"
    )
    assert "> ! in by eth0 of node node2 itself\n" in live_terminal.seen(lost.path, found)


def test_dropped_by_a_rule_that_was_not_there_when_the_node_was_read(case: Callable[..., Case]) -> None:
    lost = case()
    lost.cut(4)
    lost.traced("new", 7, "drop")
    difference = lost.compared()["there"]["difference"] or ""
    assert difference.endswith("not seen; the node itself on node2 dropped it, ip t, chain new, rule 7: drop")


def test_dropped_as_computed_by_the_same_rule(case: Callable[..., Case]) -> None:
    dropped = case("default/b2:81")
    dropped.traced("c", 1, "drop")
    found = dropped.compared()
    assert (found["verdict"], found["back"]) == ("same", None)
    assert found["there"]["rules"] == ["node2, the node itself: ip t, chain c, rule 1: drop"]


def test_dropped_as_computed_by_another_rule(case: Callable[..., Case]) -> None:
    dropped = case("default/b2:81")
    dropped.traced("c", 2, "drop")
    assert (dropped.compared()["there"]["difference"] or "").startswith(
        "computed: node2: ip t, forward chain c, rule 1: drops it; the node itself on node2 dropped it, ip t, chain c, "
    )


def test_computed_to_be_dropped_and_delivered(case: Callable[..., Case]) -> None:
    dropped, healthy = case("default/b2:81"), case()
    packet = {**healthy.packets()[-1], "packet": {**healthy.packets()[-1]["packet"], "dport": 81}}
    dropped.seen.append(packet)
    found = dropped.compared()
    assert (found["there"]["difference"] or "").endswith("it went on, seen in by eth0 of default/b2 on node2")


def test_other_addresses_than_computed(case: Callable[..., Case]) -> None:
    other = case()
    other.packets()[3]["packet"] = {**other.packets()[3]["packet"], "src": "192.0.2.1"}
    found = other.compared()
    assert found["there"]["first"] == 3
    assert found["there"]["difference"] == (
        "in by eth0 of node node2 itself: computed tcp 10.244.1.2:51000 to 10.244.2.3:80, "
        "seen tcp 192.0.2.1:51000 to 10.244.2.3:80"
    )


def test_another_port_than_computed_unless_nobody_can_tell_it(case: Callable[..., Case]) -> None:
    other = case()
    other.packets()[3]["packet"] = {**other.packets()[3]["packet"], "sport": 1024}
    assert (other.compared()["there"]["difference"] or "").endswith("seen tcp 10.244.1.2:1024 to 10.244.2.3:80")
    other.path["ways"][0]["there"]["hops"][2]["packet"]["sport"] = None
    assert other.compared()["verdict"] == "same"


def test_a_rule_of_iptables_has_another_number_in_the_kernel(case: Callable[..., Case]) -> None:
    dropped = case("default/b2:81")
    dropped.path["ways"][0]["there"]["reason"] = "node2: iptables filter, forward chain FORWARD > X, rule 1: drops it"
    dropped.traced("X", 9, "drop")
    assert dropped.compared()["verdict"] == "same"
    dropped.traces[0]["chain"] = "FORWARD"
    assert dropped.compared()["verdict"] == "different"


def test_a_frame_for_somebody_else_does_not_arrive(case: Callable[..., Case]) -> None:
    other = case()
    other.cut(len(other.packets()))
    other.seen[-1]["frame"] = "other"
    found = other.compared()
    assert found["there"]["first"] == len(found["there"]["points"]) - 1
    assert found["there"]["difference"] == (
        "in by eth0 of default/b2 on node2: it came in a frame for somebody else, which is thrown away there"
    )


def test_a_port_of_a_bridge_takes_frames_for_others(case: Callable[..., Case]) -> None:
    to_node = case("node2")
    last = to_node.packets()[-1]
    last["frame"] = "other"
    assert to_node.compared()["verdict"] == "different"
    to_node.plan["ports"].append({"host": last["host"], "netns": last["netns"], "ifname": last["interface"]})
    assert to_node.compared()["verdict"] == "same"


def test_what_was_changed_is_said_with_what_became_of_it(case: Callable[..., Case]) -> None:
    healthy = case()
    table = (
        f"node2: the table inet {healthy.plan['table']}, which only sets nftrace for this packet, in the node itself"
    )
    assert healthy.compared()["changes"] == [f"{table}: undone"]
    inodes = [one["netns"] for one in healthy.plan["hosts"]["node2"]]
    opened = {"watched": inodes, "traced": [healthy.own("node2")], "unwatched": []}
    healthy.failed["node2"] = {"opened": opened, "seen": {"failed": True, "msg": "it went away"}}
    assert healthy.compared()["changes"] == [f"{table}: gone with its process within 60 seconds"]


def test_what_is_unknown_is_told_by_what_was_seen(case: Callable[..., Case]) -> None:
    unknown, healthy = case(rule=[UNKNOWN, {"drop": None}]), case()
    assert unknown.path["verdict"] == "unknown"
    unknown.seen = healthy.seen
    unknown.sent["answered"] = True
    found = unknown.compared()
    assert found["verdict"] == "resolved"
    assert (found["there"]["resolved"] or "").endswith(
        "The packet was last seen in by eth0 of default/b2 on node2, and was answered"
    )


def test_what_is_unknown_and_not_seen_any_more_is_told_where_it_was_last(case: Callable[..., Case]) -> None:
    found = case(rule=[UNKNOWN, {"drop": None}]).compared()
    assert found["verdict"] == "resolved"
    assert (found["there"]["resolved"] or "").endswith("was last seen in by eth0 of node node2 itself")


def test_nobody_answers(case: Callable[..., Case]) -> None:
    silent = case()
    silent.seen = silent.packets()
    silent.sent["answered"] = False
    found = silent.compared()
    assert found["back"] is not None
    assert (found["back"]["difference"] or "").startswith("nobody answered: out of eth0 of default/b2")
    udp = case(protocol="udp")
    udp.seen = udp.packets()
    udp.sent["answered"] = False
    quiet = udp.compared()
    assert (quiet["verdict"], quiet["back"]) == ("same", None)


def test_the_answer_is_kept_from_the_sender(case: Callable[..., Case]) -> None:
    kept = case()
    kept.sent["answered"] = False
    found = kept.compared()
    assert found["back"] is not None
    assert found["back"]["difference"] == "the answer came as computed, and the sender did not get it"


def test_the_senders_kernel_does_not_send_it(case: Callable[..., Case]) -> None:
    refused = case()
    refused.cut(0)
    refused.sent["error"] = "EPERM"
    assert (refused.compared()["there"]["difference"] or "").endswith("it was not sent: EPERM")


def test_a_node_that_was_not_watched_is_skipped_and_no_difference(case: Callable[..., Case]) -> None:
    half = case()
    half.seen = [one for one in half.seen if one["host"] == "node1"]
    half.failed["node2"] = {"opened": {"unreachable": True, "msg": "no route to host"}, "seen": {"skipped": True}}
    found = half.compared()
    assert found["verdict"] == "same"
    assert found["skipped"] == ["node2: nothing was watched: no route to host"]
    assert [one["verdict"] for one in found["there"]["points"]] == ["same"] * 3 + ["not_watched"] * 3
    assert live_terminal.seen(half.path, found).startswith("LIVE: as computed, as far as it was watched\n")


def test_the_inner_packet_is_compared_where_a_tunnel_is_computed(case: Callable[..., Case]) -> None:
    tunnel = case()
    outer = {"protocol": 17, "src": "192.168.0.1", "sport": 4444, "dst": "192.168.0.2", "dport": 4789}
    for hop in tunnel.path["ways"][0]["there"]["hops"][2:3]:
        hop["packet"] = {**hop["packet"], "protocol": "udp", "src": "192.168.0.1", "sport": None, "dst": "192.168.0.2"}
        hop["packet"]["dport"] = 4789
    for one in tunnel.packets()[2:4]:
        one.update(outer=[outer], tunnel="vxlan 7")
    found = tunnel.compared()
    assert found["verdict"] == "same"
    assert found["there"]["points"][3]["seen"] == {**outer, "protocol": "udp", "mark": None}
    assert "192.168.0.2:4789, with vxlan 7 inside" in " ".join(live_terminal.seen(tunnel.path, found).split())


def test_hostile_names_do_not_act_on_the_terminal(case: Callable[..., Case]) -> None:
    hostile = case(name=HOSTILE)
    hostile.seen[1]["interface"] = HOSTILE
    assert hostile.compared()["verdict"] == "different"
    assert "\x1b" not in live_terminal.announcement(hostile.plan)


def test_what_a_node_says_has_a_shape(case: Callable[..., Case]) -> None:
    odd = case()
    odd.seen[0]["packet"] = "x"
    with pytest.raises(ShapeError):
        odd.compared()
