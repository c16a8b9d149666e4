# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 9: NetworkPolicies hold as a truth table, expected beside measured."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..text import words
from .cast import common
from .connections import PODS
from .faults import Broken, merged, outcome
from .policies import End, PodFacts, PolicyPort, PolicyRule
from .records import ANSWERED, Answer, Check, Line, Listener, Listening, Party, Result, TruthRow
from .scene import Scene, of

KEY = "policies"
ANY_OTHER = "any other"
"""In a row of the truth table, every port that no policy names."""

PER_NODE = 20000
"""So many probes of pairs and ports a node sends before a part of the ports takes the place of all."""

Port = tuple[int, str]
"""Number and protocol."""


class Tried(NamedTuple):
    """What is tried of the policies."""

    ways: list[tuple[Party, Party, list[Port]]]
    """Pairs of pods with ports."""
    left_out: str | None = None
    """What of all pairs and ports is not, for people."""


def tried(scene: Scene) -> Tried:
    """Return the pairs of pods with the ports that are tried: all that some policy names, and those asked for.

    Where that is more than :data:`PER_NODE` on a node, the ports of a pair are those that policies of its two ends
    name: every other one is like any that no policy names. Where these are still too many, the pairs of a receiver take
    turns.
    """
    if not scene.expected.objects.policies:
        return Tried([])
    known = {pod.key: end for pod in scene.cast.pods if (end := scene.end(pod)) is not None}
    pairs = [(one, other) for one, other in scene.sample.pairs if one.key in known and other.key in known]
    every = _every(scene, known)
    if _most((one.host, len(every[other.key])) for one, other in pairs) <= PER_NODE:
        return Tried([(one, other, every[other.key]) for one, other in pairs])
    found = [(one, other, _of_ends(scene, known[one.key], known[other.key])) for one, other in pairs]
    if _most((one.host, len(ports)) for one, _other, ports in found) <= PER_NODE:
        return Tried(found, "of the ports that policies name, each pair was asked for those of its own two ends")
    share = max(PER_NODE // _most((one.host, bool(ports)) for one, _other, ports in found), 1)
    told = f"of the ports that policies of its two ends name, each pair was asked for {share}, in turns"
    return Tried(list(_in_turns(found, share)), told)


def _in_turns(
    found: Iterable[tuple[Party, Party, list[Port]]], share: int
) -> Iterator[tuple[Party, Party, list[Port]]]:
    """Yield the same pairs with at most *share* ports, those who ask one receiver with others each time."""
    turns: Counter[str] = Counter()
    for one, other, ports in found:
        first = turns[other.key]
        turns[other.key] += share
        yield one, other, sorted({ports[(first + step) % len(ports)] for step in range(min(share, len(ports)))})


def _every(scene: Scene, known: Mapping[str, End]) -> dict[str, list[Port]]:
    """Return for each pod the ports that any policy names; they differ by the names that ports have in pods."""
    entries = [entry for policy in scene.expected.objects.policies for entry in _entries(policy.ingress, policy.egress)]
    found: dict[frozenset[tuple[tuple[str, str], int]], list[Port]] = {}
    for end in known.values():
        named = frozenset(end.facts.ports.items())
        if named not in found:
            found[named] = _ports(scene, entries, end)
    return {key: found[frozenset(end.facts.ports.items())] for key, end in known.items()}


def _most(costs: Iterable[tuple[str, int]]) -> int:
    """Return the largest sum of a node."""
    sums: Counter[str] = Counter()
    for host, cost in costs:
        sums[host] += cost
    return max(sums.values(), default=0)


def _entries(*directions: Iterable[PolicyRule]) -> Iterator[PolicyPort]:
    """Yield the ports that rules name."""
    return (entry for rules in directions for rule in rules for entry in rule.ports)


def _ports(scene: Scene, entries: Iterable[PolicyPort], end: End) -> list[Port]:
    """Return the ports of a pod that entries stand for, and those that were asked for."""
    found: set[Port] = set(scene.expected.policy_ports)
    for entry in entries:
        found.update((number, entry.protocol) for number in _numbers(entry.port, entry.end, entry.protocol, end.facts))
    return sorted(one for one in found if one[1] in ("tcp", "udp"))


def _of_ends(scene: Scene, one: End, other: End) -> list[Port]:
    """Return the ports that the policies of both ends of a connection name."""
    out = (rule for policy in scene.selecting.of(one, "Egress") for rule in policy.egress)
    into = (rule for policy in scene.selecting.of(other, "Ingress") for rule in policy.ingress)
    return _ports(scene, _entries(out, into), other)


def _numbers(port: int | str | None, end: int | None, protocol: str, facts: PodFacts) -> Iterator[int]:
    if isinstance(port, int):
        yield port
        if end is not None and end > port:
            yield end
            if end < 65535:
                yield end + 1
    elif port is not None and (port, protocol) in facts.ports:
        yield facts.ports[port, protocol]


def listeners(scene: Scene) -> Iterator[Listener]:
    """Yield a listener for each port that is tried; where it is taken, the pod's own server answers instead."""
    wanted: dict[str, set[Port]] = defaultdict(set)
    for _one, other, ports in tried(scene).ways:
        wanted[other.key].update(ports)
    for number, pod in enumerate(scene.cast.pods):
        for port, protocol in sorted(wanted.get(pod.key, ())):
            yield Listener(f"q{number}-{port}-{protocol}", pod.host, pod.at, pod.name, protocol, port)


def planned(scene: Scene) -> Iterator[Check]:
    """Yield a probe for each pair and port."""
    numbers = {pod.key: number for number, pod in enumerate(scene.cast.pods)}
    for one, other, ports in tried(scene).ways:
        for port, protocol in ports:
            for _mine, theirs in common(one, other):
                listener = f"q{numbers[other.key]}-{port}-{protocol}"
                verdict = scene.verdict(one, other, port, protocol)
                yield Check(
                    KEY, f"{port}/{protocol}", one, other.name, protocol, theirs, listener, port,
                    patient=verdict is not None and verdict.allowed,
                )  # fmt: skip


def table(scene: Scene, answers: Sequence[Answer]) -> list[tuple[TruthRow, Check, Result]]:
    """Return a row for each pair and port, those of the ports that no policy names from requirement 1."""
    if not scene.expected.objects.policies:
        return []
    parties = {scene.listener(pod).id: pod for pod in scene.cast.pods}
    by_name = {f"q{number}": pod for number, pod in enumerate(scene.cast.pods)}
    rows = []
    for check, results in (*of(answers, KEY), *of(answers, PODS)):
        target = parties.get(check.listener or "") or by_name[(check.listener or "").partition("-")[0]]
        listening = scene.listening.get(check.listener or "")
        port = check.port or (listening.port if listening else None)
        protocol = "udp" if check.kind == "udp" else "tcp"
        verdict = None if port is None else scene.verdict(check.sender, target, port, protocol, check.to)
        if verdict is None:
            continue
        row: TruthRow = {
            "sender": check.sender.name,
            "receiver": target.name,
            "port": f"{port}/{protocol}" if check.requirement == KEY else ANY_OTHER,
            "expected": verdict.allowed,
            "measured": _measured(check, results[0], listening),
            "because": verdict.because,
        }
        rows.append((row, check, results[0]))
    return rows


def _measured(check: Check, result: Result, listening: Listening | None) -> bool | None:
    """Tell whether a connection came about; None when the answer does not say."""
    if result.connected or result.outcome in ANSWERED:
        return True
    if result.outcome in ("not-sent", "error", "too-big"):
        return None
    ours = listening is not None and listening.error is None
    # Where our listener could not open the port, a server of the pod has it, which speaks another language on UDP.
    return False if ours or check.kind == "tcp" else None


def judged(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 9."""
    rows = table(scene, answers)
    found = []
    for row, check, result in rows:
        if row["measured"] is None or row["measured"] == row["expected"]:
            continue
        wide = "open although no policy allows it" if row["measured"] else "closed although the policies allow it"
        port = "any other port" if row["port"] == ANY_OTHER else f"port {row['port']}"
        way = f"{row['sender']} to {row['receiver']}, {port}"
        told = f"{way}: {outcome(result) if not row['measured'] else 'it answered'}; {row['because']}"
        stopped = not row["measured"]
        asked = check._replace(about=row["port"])
        found.append(Broken(asked, row["receiver"], f"{port} is {wide}", told, stopped=stopped))
    measured = [row for row, _check, _result in rows if row["measured"] is not None]
    open_ = sum(row["expected"] for row in measured)
    notes = _notes(scene, len(rows) - len(measured))
    count = len(scene.expected.objects.policies)
    return Line(
        len(measured),
        f"{words.counted(count, 'policy', 'policies')}, {words.counted(len(measured), 'pair')} of pods with a port: "
        f"{open_} open and {len(measured) - open_} closed, as they should be",
        merged(found),
        notes,
        _reason(scene),
    )


def _notes(scene: Scene, unmeasured: int) -> list[str]:
    left_out = tried(scene).left_out
    notes = [] if left_out is None else [left_out]
    unknown = [pod.name for pod in scene.cast.pods if scene.end(pod) is None]
    if scene.expected.objects.policies and unknown:
        notes.append(f"the labels of {words.counted(len(unknown), 'pod')} were not given: {words.listed(unknown)}")
    if unmeasured:
        notes.append(f"{words.counted(unmeasured, 'pair')} of pods and port could not be measured")
    return notes


def _reason(scene: Scene) -> str:
    if not scene.expected.objects.policies:
        return "no NetworkPolicy was given with podnet_verify_objects"
    return "the labels of the pods were not given: add the Pods to podnet_verify_objects"
