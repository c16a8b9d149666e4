# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which odd things are told of which thing on a node, so that tables and pictures can mark the very thing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from ..findings.causes import SEVERITIES
from ..model.records import Cable, Finding, Severity
from ..text import words

_OF_ROUTING = ("route-", "forwarding-", "conntrack-")
"""Kinds of odd things, by their beginning, that are about how the node passes packets on."""


class Odd(NamedTuple):
    """An odd thing as a node's page tells it: which entry it is there, how bad, and in one sentence."""

    number: int
    severity: Severity
    kind: str
    message: str


class Told:
    """The odd things of one node, looked up by what they are about."""

    def __init__(self, found: Iterable[Finding]) -> None:
        """Read *found*, in the order in which the node's page lists it."""
        self._all: list[Odd] = []
        self._whole: dict[str, list[Odd]] = defaultdict(list)
        self._parts: dict[str, list[Odd]] = defaultdict(list)
        self._unproven: dict[str, list[tuple[str, Odd]]] = defaultdict(list)
        for number, finding in enumerate(found, start=1):
            odd = Odd(number, finding["severity"], finding["kind"], finding["message"])
            self._all.append(odd)
            self._unproven[finding["kind"]].append((finding["message"], odd))
            for one in (finding, *finding.get("consequences", ())):
                self._whole[one["object"]].append(odd)
                for part in one["object"].split(" "):
                    self._parts[part].append(odd)

    def about(self, *things: str | None) -> list[Odd]:
        """Return what is told of exactly these things: a bridge, an interface of the node, an address, a Service."""
        return ordered(odd for thing in things if thing for odd in self._whole.get(thing, ()))

    def of_tunnel(self, ifname: str, mac: str | None) -> list[Odd]:
        """Return what is told of a tunnel: itself, and its entries for single nodes."""
        entries = (odd for odd in self._parts.get(ifname, ()) if odd.kind.startswith("tunnel-"))
        return ordered([*self.about(ifname, mac), *entries])

    def of_routing(self, host: str) -> list[Odd]:
        """Return what is told of the node as a router: itself, its routes, its settings."""
        return ordered([*self.about(host), *(odd for odd in self._all if odd.kind.startswith(_OF_ROUTING))])

    def of_pod(self, name: str, addresses: Iterable[str], macs: Iterable[str | None]) -> list[Odd]:
        """Return what is told of a pod or namespace: by its name, or of what it has."""
        return ordered([*self._parts.get(name, ()), *self.about(name, *addresses, *macs)])

    def of_cable(self, cable: Cable, near: str | None) -> list[Odd]:
        """Return what is told of a cable: by its end outside of the pod, by both ends, or as not proven."""
        by_reason = [
            odd
            for message, odd in self._unproven.get(f"cable-{cable['resolution']}", ())
            if (cable["reason"] or "no reason given") in message
        ]
        by_end = self._parts.get(near, ()) if near else ()
        return ordered([*by_end, *self.about(words.cable(cable)), *by_reason])


def ordered(found: Iterable[Odd]) -> list[Odd]:
    """Return each odd thing once, the worst first."""
    once = list(dict.fromkeys(found))
    if len(once) > 1:  # of nearly all things nothing is told
        once.sort(key=lambda odd: (SEVERITIES.index(odd.severity), odd.number))
    return once
