# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every requirement plans and judges from: who takes part, what is expected, and what listens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from . import sampling
from .cast import Cast, family
from .objects import NOTHING, GivenName, Objects
from .policies import End, PolicyVerdict, allowed
from .records import Answer, Check, Listener, Listening, Party

DOMAIN = "cluster.local"
"""Default of kubeadm, and of the kubelet's ``clusterDomain`` in practice."""


class Expected(NamedTuple):
    """What is given from outside."""

    objects: Objects = NOTHING
    names: tuple[GivenName, ...] = ()
    policy_ports: tuple[tuple[int, str], ...] = ()
    """Port and protocol, tried beside those that the policies name."""
    domain: str = DOMAIN
    pairs: int = sampling.PAIRS


class Scene(NamedTuple):
    """Everything that is known before something is sent, and of the listeners once they are there."""

    cast: Cast
    expected: Expected
    sample: sampling.Sample
    receivers: dict[str, Listener]
    """The listener of each party, by the party's key."""
    by_id: dict[str, Listener]
    listening: Mapping[str, Listening] = {}

    def listener(self, party: Party) -> Listener:
        """Return the listener at which others reach *party*."""
        return self.receivers[party.key]

    def owner(self, check: Check) -> Listener:
        """Return the listener that *check* is meant for."""
        return self.by_id[check.listener or ""]

    def end(self, party: Party) -> End | None:
        """Return what policies need to know of *party*; None of a node, and of a pod whose labels nobody gave."""
        if party.pod is None:
            return None
        name = (party.pod["namespace"], party.pod["name"])
        facts = self.expected.objects.pods.get(name)
        return None if facts is None else End(name[0], facts, party.own)

    def verdict(
        self, source: Party, target: Party, port: int, protocol: str = "tcp", to: str | None = None
    ) -> PolicyVerdict | None:
        """Return what the given policies say of a connection between pods; None when that is unknown.

        *to* is the address that is connected to. A block of a policy is of one family, and says nothing of connections
        of the other; without *to* any address of a pod will do.
        """
        objects = self.expected.objects
        if not objects.policies:
            return PolicyVerdict(True, "no policy was given")
        one, other = self.end(source), self.end(target)
        if one is None or other is None:
            return None
        if to is not None:
            one, other = (
                end._replace(addresses=frozenset(item for item in end.addresses if family(item) == family(to)))
                for end in (one, other)
            )
        return allowed(objects.policies, objects.namespaces, one, other, port, protocol)

    def is_free(self, party: Party) -> bool:
        """Tell whether no given policy selects *party*, so that nothing is forbidden to it or from it."""
        policies = self.expected.objects.policies
        if party.pod is None or not policies:
            return True
        end = self.end(party)
        return end is not None and not any(
            one.namespace == end.namespace and one.pods.selects(end.facts.labels) for one in policies
        )

    def is_open(self, source: Party, target: Party, port: int, protocol: str = "tcp", to: str | None = None) -> bool:
        """Tell whether no policy is known to forbid a connection. Policies do not hold for nodes' own traffic."""
        if source.pod is None or target.pod is None:
            return True
        verdict = self.verdict(source, target, port, protocol, to)
        return verdict is not None and verdict.allowed


def scene(cast: Cast, expected: Expected, listening: Mapping[str, Listening] | None = None) -> Scene:
    """Return the scene of *cast*; with *listening* as it is once the listeners are there."""
    receivers = {}
    for number, party in enumerate((*cast.pods, *cast.nodes, *cast.outside)):
        receivers[party.key] = Listener(f"l{number}", party.host, party.at, party.name)
    by_id = {one.id: one for one in receivers.values()}
    return Scene(cast, expected, sampling.pairs(cast.pods, expected.pairs), receivers, by_id, listening or {})


def of(answers: Iterable[Answer], requirement: str, about: str | None = None) -> list[Answer]:
    """Return the answers of one requirement that came, with *about* those of one subject."""
    return [
        (check, results)
        for check, results in answers
        if check.requirement == requirement and about in (None, check.about) and results
    ]
