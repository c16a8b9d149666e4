# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 9: NetworkPolicies hold as a truth table, expected beside measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..text import words
from .cast import common
from .connections import PODS
from .faults import Broken, merged, outcome
from .policies import PodFacts
from .records import ANSWERED, Answer, Check, Line, Listener, Listening, Party, Result, TruthRow
from .scene import Scene, of

KEY = "policies"
ANY_OTHER = "any other"
"""In a row of the truth table, every port that no policy names."""

Port = tuple[int, str]
"""Number and protocol."""


def ports_of(scene: Scene, pod: Party) -> list[Port]:
    """Return the ports of *pod* that are tried: those that policies name, and those asked for."""
    end = scene.end(pod)
    if end is None or not scene.expected.objects.policies:
        return []
    found: set[Port] = set(scene.expected.policy_ports)
    for policy in scene.expected.objects.policies:
        for entry in (port for rule in (*policy.ingress, *policy.egress) for port in rule.ports):
            found.update(
                (number, entry.protocol) for number in _numbers(entry.port, entry.end, entry.protocol, end.facts)
            )
    return sorted(one for one in found if one[1] in ("tcp", "udp"))


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
    """Yield a listener for each port of each pod; where the port is taken, the pod's own server answers instead."""
    for number, pod in enumerate(scene.cast.pods):
        for port, protocol in ports_of(scene, pod):
            yield Listener(f"q{number}-{port}-{protocol}", pod.host, pod.at, pod.name, protocol, port)


def planned(scene: Scene) -> Iterator[Check]:
    """Yield a probe for each pair and port."""
    numbers = {pod.key: number for number, pod in enumerate(scene.cast.pods)}
    ports = {pod.key: ports_of(scene, pod) for pod in scene.cast.pods}
    for one, other in scene.sample.pairs:
        if scene.end(one) is None:
            continue
        for port, protocol in ports[other.key]:
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
        found.append(Broken(check._replace(about=row["port"]), row["receiver"], f"{port} is {wide}", told))
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
    notes = []
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
