# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which pairs of pods are tried: all, or a sample that covers what can differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ..text import words
from .records import Party

Pair = tuple[Party, Party]

PAIRS = 2000
"""So many pairs are sent from one node before a sample takes the place of all."""
ON_ONE_BRIDGE = 1000
"""So many pairs on one bridge are tried, those of 32 pods.

Each needs an entry in the neighbour tables, of which a machine has 1024 by default, and podnet.lab.probe waits for
entries to be forgotten rather than fill the table: that many take about two minutes.
"""


class Sample(NamedTuple):
    """The pairs, in both directions, and how they were chosen."""

    pairs: list[Pair]
    possible: int
    how: str


def pairs(pods: Sequence[Party], limit: int = PAIRS) -> Sample:
    """Return the pairs to try; all when no node sends more than *limit*, and no bridge carries too many.

    Otherwise: every pod sends to the next one and receives from the one before, in an order in which neighbours are on
    different nodes; every node sends to every other one; all that share a bridge send to each other, or where these are
    too many each to some.
    """
    possible = len(pods) * (len(pods) - 1)
    on = _by_host(pods)
    largest = max((len(ports) for own in on.values() for ports in _bridges(own).values()), default=0)
    few = all(len(own) * (len(pods) - 1) <= limit for own in on.values())
    if few and largest * (largest - 1) <= ON_ONE_BRIDGE:
        return Sample([(one, other) for one in pods for other in pods if one is not other], possible, "all of them")
    chosen: dict[tuple[str, str], Pair] = {}
    for one, other in (*_ring(on), *_node_pairs(on), *_on_bridges(on)):
        if one is not other:
            chosen.setdefault((one.key, other.key), (one, other))
    hosts = len(on)
    nodes = f", the {hosts} nodes send to each other in {hosts * (hosts - 1)} pairs" if hosts > 1 else ""
    how = f"a sample in which each of the {len(pods)} pods sends and receives{nodes}, and {_bridge_words(largest)}"
    return Sample(_sorted(chosen.values()), possible, how)


def extended(sample: Sample, more: Iterable[Pair]) -> Sample:
    """Return a sample with the pairs that policies let through; one of all pairs has them."""
    if len(sample.pairs) == sample.possible:
        return sample
    known = {(one.key, other.key) for one, other in sample.pairs}
    added = {(one.key, other.key): (one, other) for one, other in more if (one.key, other.key) not in known}
    if not added:
        return sample
    are = "is" if len(added) == 1 else "are"
    how = f"{sample.how}; beside these {are} {words.counted(len(added), 'pair')} that policies let through"
    return Sample(_sorted([*sample.pairs, *added.values()]), sample.possible, how)


def _sorted(found: Iterable[Pair]) -> list[Pair]:
    return sorted(found, key=lambda pair: (pair[0].host, pair[0].name, pair[1].name))


def _by_host(pods: Sequence[Party]) -> dict[str, list[Party]]:
    found: dict[str, list[Party]] = defaultdict(list)
    for pod in pods:
        found[pod.host].append(pod)
    return dict(found)


def _ring(on: dict[str, list[Party]]) -> Iterator[Pair]:
    """Yield pairs in which each pod is first once and second once; nodes take turns as long as they have pods."""
    longest = max(map(len, on.values()), default=0)
    order = [own[turn] for turn in range(longest) for own in on.values() if turn < len(own)]
    yield from zip(order, order[1:] + order[:1], strict=True)


def _node_pairs(on: dict[str, list[Party]]) -> Iterator[Pair]:
    """Yield a pair for every two nodes, with another pod each time."""
    hosts = list(on)
    for number, host in enumerate(hosts):
        for turn, other in enumerate(hosts):
            if other != host:
                yield on[host][turn % len(on[host])], on[other][number % len(on[other])]


def _bridges(own: Sequence[Party]) -> dict[str, list[Party]]:
    found: dict[str, list[Party]] = defaultdict(list)
    for pod in own:
        for bridge in pod.bridges:
            found[bridge].append(pod)
    return found


def _on_bridges(on: dict[str, list[Party]]) -> Iterator[Pair]:
    for own in on.values():
        for ports in _bridges(own).values():
            count = len(ports)
            reach = _reach(count)
            for place, one in enumerate(ports):
                for step in range(1, reach + 1):
                    yield one, ports[(place + step) % count]


def _reach(count: int) -> int:
    """Return to how many others each of *count* pods on one bridge sends."""
    return count - 1 if count * (count - 1) <= ON_ONE_BRIDGE else max(ON_ONE_BRIDGE // (2 * count), 1)


def _bridge_words(largest: int) -> str:
    if _reach(largest) == largest - 1:
        return "all that share a bridge send to each other"
    others = words.counted(_reach(largest), "other")
    return f"all that share a bridge send to each other, or to {others} where these are {largest}"
