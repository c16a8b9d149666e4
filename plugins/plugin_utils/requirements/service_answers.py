# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 6: which backend answered, by what its own answers have that no other's have."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ..model import ranges
from ..model import services as model_services
from ..text import words
from ..text.escape import shortened, visible
from .faults import Broken, fault, merged, outcome
from .records import ANSWERED, Answer, Check, Fault, Line, Party, Result
from .scene import Scene, of
from .services import KEY, Way, disagreements, is_asked, is_outside, miss, split, ways


class Marks(NamedTuple):
    """By which lines the answers of each backend are known."""

    of: Mapping[str, frozenset[str]]
    dead: Mapping[str, Result]
    """Backends that nobody reached when they were asked themselves."""
    idle: frozenset[str]
    """Backends that were reached and refuse: nothing in the pod listens at the port, which is no fault of a network."""

    @property
    def tell(self) -> bool:
        """Whether every backend can be told from all others."""
        return bool(self.of) and all(self.of.values()) and not self.dead and not self.idle


def lines(result: Result) -> frozenset[str]:
    """Return an HTTP answer as a set of lines, its status among them."""
    return frozenset({f"status {result.status}", *(one.strip() for one in result.body.splitlines() if one.strip())})


def marks(direct: Mapping[str, Sequence[Result]], sender: Party) -> Marks:
    """Return what each backend's answers have in common and no other backend's have.

    Lines with an address of *sender* do not count: a Service may translate it.
    """
    idle = frozenset(name for name, results in direct.items() if all(one.outcome == "refused" for one in results))
    dead = {
        name: results[0] for name, results in direct.items() if name not in idle and not any(map(_reached, results))
    }
    said = {
        name: [lines(one) for one in results if one.outcome == "ok"]
        for name, results in direct.items()
        if name not in dead and name not in idle
    }
    found = {}
    for name, own in said.items():
        others = frozenset(line for other in said if other != name for one in said[other] for line in one)
        common = frozenset.intersection(*own) - others if own else frozenset()
        strangers = sender.own - {split(name)[0]}
        found[name] = frozenset(
            line for line in common if not line.startswith("status ") and not any(one in line for one in strangers)
        )
    return Marks(found, dead, idle)


def _reached(result: Result) -> bool:
    """Whether somebody was there; one that waits for other words than these says nothing."""
    return result.outcome in ANSWERED or result.connected


def who(result: Result, known: Marks) -> str | None:
    """Return the backend that gave an answer; None when it is none of those that are known."""
    said = lines(result)
    fitting = [name for name, own in known.of.items() if own & said]
    return fitting[0] if len(fitting) == 1 else None


class Told(NamedTuple):
    """What one way came to."""

    broken: list[Broken]
    proven: bool
    """Whether each answer could be given to a backend."""
    missed: float
    """Bound for the probability that a missing backend was not seen."""
    idle: frozenset[str] = frozenset()
    """Backends that refuse when they are asked themselves."""


def of_way(way: Way, answers: Sequence[Answer]) -> Told | None:
    """Judge one way; None when nothing came back of it."""
    asked = [(check, results) for check, results in answers if check.receiver == way.called]
    if not asked:
        return None
    check, results = asked[0]
    failed = [one for one in results if not _reached(one)]
    if way.action != "forward" or not way.backends:
        if len(failed) == len(results):
            return Told([], True, 0.0)
        return Told([_broken(check, way, "answers although no backend is ready", "somebody answered")], True, 0.0)
    direct = {other.receiver: several for other, several in answers if other.receiver in way.backends}
    known = marks(direct, way.sender)
    broken = [
        _of_backend(
            _broken(check, way, f"backend {name} does not answer itself", f"asked directly: {outcome(result)}"), name
        )
        for name, result in known.dead.items()
    ]
    tell = known.tell and all(one.outcome == "ok" or not _reached(one) for one in results)
    if known.idle:
        failed = [one for one in failed if one.outcome != "refused"]
    if failed and not broken:
        made = f"{len(failed)} of {words.counted(len(results), 'connection')} failed: {outcome(failed[0])}"
        meets = " (it is a backend itself: hairpin)" if _is_own(way) else ""
        shares = f"; answers by backend: {_shares(_counts(results, known))}" if tell else ""
        broken.append(_broken(check, way, f"connections fail{meets}", f"{made}{shares}"))
    if not tell:
        return Told(broken, False, 0.0, known.idle)
    broken.extend(_strange(check, way, results, known))
    if not failed:
        broken.extend(_uneven(check, way, results, known))
    return Told(broken, True, 0.0 if way.service["affinity"] else miss(len(way.backends), len(results)))


def _is_own(way: Way) -> bool:
    return any(split(one)[0] in way.sender.own for one in way.backends)


def _counts(results: Sequence[Result], known: Marks) -> Counter[str | None]:
    """Return how many answers each backend gave, and under None how many somebody else did."""
    return Counter(who(one, known) for one in results if one.outcome == "ok")


def _shares(counts: Counter[str | None]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items(), key=str) if name) or "none"


def _strange(check: Check, way: Way, results: Sequence[Result], known: Marks) -> Iterator[Broken]:
    """Yield that somebody answered who is no backend."""
    strange = [one for one in results if one.outcome == "ok" and who(one, known) is None]
    if strange:
        first = shortened(visible(" ".join(strange[0].body.split())), 60)
        told = f"{words.counted(len(strange), 'answer')} such as: {first}"
        yield _broken(check, way, "somebody who is no backend answers", told)


def _uneven(check: Check, way: Way, results: Sequence[Result], known: Marks) -> Iterator[Broken]:
    """Yield backends that got nothing; with affinity, that a sender got more than one."""
    counts = _counts(results, known)
    shares = _shares(counts)
    backends = set(counts) - {None}
    if way.service["affinity"]:
        if len(backends) > 1:
            yield _broken(check, way, "a sender does not stay with one backend", f"answers by backend: {shares}")
        return
    for name in sorted(set(way.backends) - backends):
        made = words.counted(len(results), "connection")
        told = f"{made}, answers by backend: {shares}; by chance: {miss(len(way.backends), len(results)):.1g}"
        yield _broken(check, way, f"backend {name} gets no connection", told)


def _of_backend(one: Broken, name: str) -> Broken:
    """Return the same of a backend that was asked directly."""
    address, port = split(name)
    return one._replace(to=address, check=one.check._replace(port=port))


def _broken(check: Check, way: Way, what: str, evidence: str) -> Broken:
    told = f"{way.sender.name} to {way.called}: {evidence}"
    return Broken(check, way.entry, what, told)


def judged(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 6."""
    came = of(answers, KEY)
    grouped: dict[tuple[str, str], list[Answer]] = defaultdict(list)
    for check, results in came:
        grouped[check.sender.key, check.about].append((check, results))
    broken: list[Broken] = []
    proven: list[Way] = []
    reached: list[Way] = []
    idle: set[str] = set()
    missed = 0.0
    for way in ways(scene):
        told = of_way(way, grouped[way.sender.key, way.about])
        if told is None:
            continue
        (proven if told.proven else reached).append(way)
        broken.extend(told.broken)
        idle |= told.idle
        missed = max(missed, told.missed)
    faults = [*_disagreeing(scene), *merged(broken)]
    return Line(
        len(proven) + len(reached),
        _summary(proven, reached, missed),
        faults,
        _notes(scene, reached, idle),
        "no node has rules of a Service"
        if not scene.cast.world.model["services"]
        else "no Service can be asked over TCP",
    )


def _summary(proven: list[Way], reached: list[Way], missed: float) -> str:
    several = {way.about for way in (*proven, *reached)}
    ports = sum(way.service["virtual_address"] is None for way in (*proven, *reached))
    told = f"{words.counted(len(several), 'address', 'addresses')} of Services, asked from pods and nodes"
    outside = {way.about for way in (*proven, *reached) if is_outside(way.service)}
    several_kinds = [words.counted(len(outside), "address", "addresses") + " for those outside"] if outside else []
    several_kinds += [words.counted(ports, "NodePort")] if ports else []
    told += f", {words.listed(several_kinds)} among them" if several_kinds else ""
    if not proven:
        return f"{told}: all answer"
    chance = f". A missing one would have been overlooked with a probability of {missed:.0e}" if missed else ""
    return f"{told}: each backend answers and nobody else{chance}"


def _notes(scene: Scene, reached: list[Way], idle: set[str]) -> list[str]:
    notes = []
    if idle:
        shown = words.listed(sorted(idle, key=ranges.order))
        notes.append(f"nothing listens at {shown}: the pod itself refuses, which is no fault of the network")
    names = sorted({model_services.name(way.service) for way in reached})
    if names:
        notes.append(
            f"of {words.listed(names)} it was only seen that somebody answers: the backends' own answers are alike, or "
            "not HTTP"
        )
    asked = {model_services.name(one) for one in scene.cast.world.model["services"] if is_asked(one)}
    left = sorted({model_services.name(one) for one in scene.cast.world.model["services"]} - asked)
    if left:
        notes.append(f"not asked, being for UDP, SCTP or the outside: {words.listed(left)}")
    tried = {way.address for way in ways(scene)}
    outer = [one for one in scene.cast.world.model["services"] if is_asked(one) and is_outside(one)]
    untried = [model_services.place(one) for one in outer if one["virtual_address"] not in tried]
    if untried:
        told = "policies select the backends, or the policy Local leaves no node that is sure to reach them"
        notes.append(f"addresses for those outside not asked, as {told}: {words.listed(untried)}")
    return notes


def _disagreeing(scene: Scene) -> Iterator[Fault]:
    nodes = {node.host: node for node in scene.cast.nodes}
    for service, host, what in disagreements(scene):
        if host in nodes:
            place = model_services.place(service)
            check = Check(KEY, "", nodes[host], place, "tcp", service["virtual_address"] or "")
            told = [rule["text"] for rule in service["rules"] if rule["host"] == host]
            one = fault(check, f"{model_services.name(service)}: {what}", told)
            one["command"] = next((rule["command"] for rule in service["rules"] if rule["host"] == host), None)
            yield one
