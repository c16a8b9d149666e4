# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the packets of broken pairs end, computed from what decides on the nodes; pairs that end alike become one."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..path import compute, terminal
from ..path.ends import EndError, searched
from ..path.fleet import NodeFiles
from ..path.records import Outcome, Path, Way
from ..path.routing import UnknownError
from .records import Ends, Pair, Verification

MOST = 2000
"""So many different pairs are computed."""

_ADDRESS = re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b|\b\d+(?:\.\d+){3}(?:/\d+)?(?::\d+)?|[0-9a-f]*:[0-9a-f:]+")
"""What differs in the words about pairs that end alike: MACs, addresses of both families, ports."""

Key = tuple[str, str, str, int | None, int | None]


def pairs(found: Verification) -> Iterator[Pair]:
    """Yield the broken pairs of all requirements."""
    for requirement in found["requirements"]:
        for fault in requirement["faults"]:
            yield from fault["pairs"]


def explained(found: Verification, nodes: NodeFiles) -> Verification:
    """Return a verification with where the packet of each broken pair ends."""
    every = list(pairs(found))
    wanted = dict.fromkeys(_key(one) for one in every)
    chosen = list(wanted)[:MOST]
    nodes.look_for(text for source, to, *_rest in chosen for text in searched(source, _asked(to, None)))
    ends: dict[tuple[str | None, ...], Ends] = {}
    of: dict[Key, int] = {}
    for key in chosen:
        one = _end(nodes, key)
        place = (one["verdict"], str(one["answer"]), one["host"], _ADDRESS.sub("*", one["reason"]))
        known = ends.setdefault(place, one)
        known["number"] = known["number"] or len(ends)
        of[key] = known["number"]
    by_number = {one["number"]: one for one in ends.values()}
    names = {_key(one): one["sender"] for one in reversed(every)}
    for key, number in of.items():
        by_number[number]["pairs"] += 1
        by_number[number]["sender"] = by_number[number]["sender"] or names[key]
    for pair in every:
        pair["ends"] = of.get(_key(pair))
    return {**found, "ends": list(ends.values()), "not_computed": len(wanted) - len(chosen)}


def _key(one: Pair) -> Key:
    return one["source"], one["to"], one["protocol"], one["port"], one["size"]


def _asked(to: str, port: int | None) -> str:
    if port is None:
        return to
    return f"[{to}]:{port}" if ":" in to else f"{to}:{port}"


def _end(nodes: NodeFiles, key: Key) -> Ends:
    """Return where the packet of one pair ends; neither counted nor numbered yet."""
    source, to, protocol, port, size = key
    asked = compute.Asked(source, _asked(to, port), protocol, None, size or compute.SMALLEST)
    one: Ends = {
        "number": 0,
        "verdict": "unknown",
        "answer": False,
        "host": None,
        "name": None,
        "reason": "",
        "command": None,
        "pairs": 0,
        "sender": "",
        "to": asked.receiver,
        "path": None,
    }
    try:
        path = compute.compute(nodes, asked)
    except (EndError, UnknownError) as exc:
        return {**one, "reason": str(exc)}
    outcome, answer = _worst(path)
    hop = outcome["hops"][-1] if outcome["hops"] else None
    told: Ends = {
        **one,
        "verdict": outcome["verdict"],
        "answer": answer,
        "host": outcome["host"],
        "name": hop["name"] if hop is not None else None,
        "reason": outcome["reason"],
        "path": path,
    }
    if outcome["verdict"] == "delivered":
        return {**told, "reason": f"it arrives as computed{_changed(outcome)}: nothing that was read explains it"}
    steps = hop["steps"] if hop is not None else []
    if outcome["verdict"] == "left":  # the route decided
        steps = [step for step in steps if step["what"] == "route"]
    commands = [step["command"] for step in steps if step["command"] is not None]
    return {**told, "command": commands[-1] if commands else None}


def _worst(path: Path) -> tuple[Outcome, bool]:
    """Return the end of the first way that does not end well, and whether it is that of the answer."""
    way = next((one for one in path["ways"] if not terminal.well(one)), None)
    if way is None:
        way = next((one for one in path["ways"] if _leaves(one)), path["ways"][0])
    if way["there"]["verdict"] == "delivered" and way["back"] is not None and way["back"]["verdict"] != "delivered":
        return way["back"], True
    return way["there"], False


def _leaves(way: Way) -> bool:
    return "left" in (way["there"]["verdict"], way["back"]["verdict"] if way["back"] is not None else "")


def _changed(one: Outcome) -> str:
    """Return what changed an address on the way, the rules of Services and masquerade among them."""
    before = one["hops"][0]["packet"]
    if before["src"] == one["packet"]["src"]:
        return ""
    rules = [
        f"{hop['host']}: {step['text']}" for hop in one["hops"] for step in hop["steps"] if step["what"] == "firewall"
    ]
    return f", from {one['packet']['src']} ({rules[-1]})" if rules else f", from {one['packet']['src']}"
