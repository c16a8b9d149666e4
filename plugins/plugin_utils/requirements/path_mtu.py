# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 10: the path MTU between pods is what their interfaces promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product

from ..path.compute import SMALLEST
from ..text import words
from .cast import common
from .faults import Broken, merged, outcome
from .records import Answer, Check, Line, Party
from .scene import Scene, of

KEY = "path-mtu"
TRIED = 1000
"""So many pairs of two nodes are looked at for one that policies let through; all, where each has 31 pods."""


def planned(scene: Scene) -> Iterator[Check]:
    """Yield a probe for every two nodes that have pods, in both directions, and one within each node."""
    on = list(scene.cast.pods_on.values())
    senders, receivers = (
        [[pod for pod in pods if _may_pass(scene, pod, direction)] for pods in on]
        for direction in ("Egress", "Ingress")
    )
    for number, own in enumerate(senders):
        for turn, others in enumerate(receivers):
            pair = _pair(scene, _from(own, turn), _from(others, number))
            if pair is not None:
                yield from _between(scene, *pair)


def _may_pass(scene: Scene, pod: Party, direction: str) -> bool:
    """Tell whether policies may let an echo pass at one end: only a rule that names no ports does."""
    end = scene.end(pod)
    if end is None:
        return not scene.expected.objects.policies
    own = scene.selecting.of(end, direction)
    rules = (rule for one in own for rule in (one.ingress if direction == "Ingress" else one.egress))
    return not own or any(not rule.ports for rule in rules)


def _from(pods: list[Party], place: int) -> list[Party]:
    """Return *pods* beginning at another place, so that not one of them is asked by all."""
    place %= max(len(pods), 1)
    return pods[place:] + pods[:place]


def _pair(scene: Scene, own: list[Party], others: list[Party]) -> tuple[Party, Party] | None:
    """Return the first two between whom echoes may pass: policies only let those through that allow all ports."""
    return next(
        (
            (one, other)
            for one, other in islice(product(own, others), TRIED)
            if one is not other
            and all(scene.is_open(one, other, 0, "icmp", theirs) for _mine, theirs in common(one, other))
        ),
        None,
    )


def _between(scene: Scene, one: Party, other: Party) -> Iterator[Check]:
    if one.mtu is not None and other.mtu is not None:
        for _mine, theirs in common(one, other):
            yield Check(KEY, "", one, other.name, "path_mtu", theirs, scene.listener(other).id)


def judged(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 10: the largest packet that passed, against the smaller MTU of both ends' interfaces."""
    parties = {scene.listener(pod).id: pod for pod in scene.cast.pods}
    found: list[Broken] = []
    sizes: set[int] = set()
    came = of(answers, KEY)
    for check, results in came:
        result, receiver = results[0], parties[check.listener or ""]
        promised = min(check.sender.mtu or 0, receiver.mtu or 0)
        way = f"{check.sender.name} (MTU {check.sender.mtu}) to {check.receiver} (MTU {receiver.mtu})"
        if result.mtu is None:
            told = f"no packet passed: {outcome(result)}"
            found.append(Broken(check, receiver.host, told, f"{way}: {outcome(result)}", size=SMALLEST))
        elif result.mtu < promised:
            told = f"packets of {promised} bytes do not pass, {result.mtu} do"
            by = f" ({result.reason})" if result.reason else ""
            found.append(Broken(check, receiver.host, told, f"{way}: at most {result.mtu} bytes{by}", size=promised))
        else:
            sizes.add(promised)
    passed = [str(one) for one in sorted(sizes)]
    return Line(
        len(came),
        f"{words.counted(len(came), 'path')}: packets of {words.listed(passed)} bytes pass",
        merged(found),
        [],
        "there are no two pods with addresses of one family and a known MTU",
    )
