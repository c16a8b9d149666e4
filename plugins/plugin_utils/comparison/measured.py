# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a side did in one respect, measured so that it can be held against the other side.

What decides is the ``value``; ``names`` are what somebody called it. Two sides with one value are
the same, or differ only in names. What was not read has no value, and is never taken to be absent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import NamedTuple

from ..model.records import Bridge, Cable, End, Namespace, Pod, Range
from ..text import commands, words
from .records import Seen
from .world import World


class Measured(NamedTuple):
    """What one side did: seen with a value, known to be absent, or not read."""

    seen: Seen
    value: Hashable = None
    names: tuple[str, ...] = ()


class Question(NamedTuple):
    """One thing in which two worlds are compared."""

    key: str
    title: str
    measure: Callable[[World], Measured]
    matters: str
    """Why a difference matters, one or two sentences."""


def seen(value: Hashable, text: str, at: tuple[str, str] | None, names: Iterable[str] = ()) -> Measured:
    """Return that a side did something; *at* is a host and a command to type there."""
    host, command = at if at is not None else (None, None)
    shown: Seen = {"state": "seen", "text": text, "host": host, "command": command}
    return Measured(shown, value, tuple(dict.fromkeys(names)))


def absent(text: str, at: tuple[str, str] | None = None) -> Measured:
    """Return that a side has nothing of the kind."""
    host, command = at if at is not None else (None, None)
    return Measured({"state": "absent", "text": text, "host": host, "command": command})


def not_read(reason: str) -> Measured:
    """Return that nobody knows; *reason* says why, or what to do."""
    return Measured({"state": "not_read", "text": reason, "host": None, "command": None})


NO_PODS = "no pod with a network of its own"


def spread(values: Iterable[str], noun: str) -> tuple[frozenset[str], str]:
    """Return the different *values* and how they are spread, as in ``on (2 ports), off (1 port)``."""
    counts = Counter(values)
    if len(counts) == 1:
        return frozenset(counts), next(iter(counts))
    told = ", ".join(f"{value} ({words.counted(count, noun)})" for value, count in sorted(counts.items()))
    return frozenset(counts), told


def pod_cables(world: World) -> Iterator[tuple[Pod, Cable, End, End]]:
    """Yield each pod with each of its cables, the end inside and the end outside."""
    ends: dict[tuple[str, int | None], list[tuple[Cable, End, End]]] = defaultdict(list)
    for cable in world.model["cables"]:
        for near, far in (cable["ends"], cable["ends"][::-1]):
            ends[cable["host"], near["netns"]].append((cable, near, far))
    for pod in world.pods:
        for cable, near, far in ends.get((pod["host"], pod["netns"]), ()):
            yield pod, cable, near, far


def pod_bridges(world: World) -> list[Bridge]:
    """Return the bridges that pods are plugged into."""
    return [one for one in world.model["bridges"] if any(port["pod"] is not None for port in one["ports"])]


def bridge_command(world: World, bridge: Bridge) -> tuple[str, str]:
    """Return where one sees the ports of *bridge*."""
    return bridge["host"], commands.bridge(bridge, world.views[bridge["host"]].namespaces)


def inside(namespace: Namespace, command: str) -> tuple[str, str]:
    """Return where one sees something of *namespace*."""
    return namespace["host"], commands.inside(namespace, command)


def sysctl(world: World, key: str) -> Measured:
    """Return a setting of the nodes' own namespaces."""
    hosts = [node["host"] for node in world.read]
    unknown = [host for host in hosts if key not in world.sysctls.get(host, {})]
    if unknown:
        return not_read(f"settings of the kernel were not read on {words.listed(unknown, 2)} (subset sysctls)")
    values, text = spread((_setting(world.sysctls[host][key]) for host in hosts), "node")
    return seen(values, f"{key} = {text}", (hosts[0], f"sysctl {key}"))


def _setting(value: int | str | None) -> str:
    return "not there" if value is None else str(value)


def ranges_of(world: World, what: str, scope: str) -> list[Range]:
    """Return the ranges of one purpose and scope."""
    return [one for one in world.model["ranges"] if one["what"] == what and one["scope"] == scope]


def written(found: list[Range], nothing: str) -> Measured:
    """Return where a range is written; *nothing* is what to say when it is nowhere."""
    if not found:
        return absent(nothing)
    source = found[0]["sources"][0]
    text = f"{words.listed([one['cidr'] for one in found], 3)} in {source['place']}"
    return seen("written", text, (source["host"], commands.source(source) or ""))


def unread_services(world: World) -> Measured | None:
    """Return that rules of Services were not read, or None when they were on every node."""
    unread = [node["host"] for node in world.read if node["host"] not in world.services]
    if not unread:
        return None
    return not_read(f"rules of Services were not read on {words.listed(unread, 2)} (podnet_services)")
