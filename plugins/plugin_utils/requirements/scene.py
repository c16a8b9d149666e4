# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every requirement plans and judges from: who takes part, what is expected, and what listens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from . import sampling
from .cast import Cast, family
from .objects import NOTHING, GivenName, Objects
from .policies import End, Policy, PolicyPort, PolicyRule, PolicyVerdict, Selecting, allowed, fits, numbered
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
    selecting: Selecting
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
        return allowed(self.selecting, objects.namespaces, one, other, port, protocol)

    def is_free(self, party: Party) -> bool:
        """Tell whether no given policy selects *party*, so that nothing is forbidden to it or from it."""
        if party.pod is None or not self.expected.objects.policies:
            return True
        end = self.end(party)
        return end is not None and not self.selecting.all_of(end)

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
    found = Scene(
        cast=cast,
        expected=expected,
        sample=sampling.pairs(cast.pods, expected.pairs),
        receivers=receivers,
        by_id={one.id: one for one in receivers.values()},
        selecting=Selecting(expected.objects.policies),
        listening=listening or {},
    )
    return found._replace(sample=sampling.extended(found.sample, _let_through(found)))


def _let_through(scene: Scene) -> Iterator[sampling.Pair]:
    """Yield for each rule of each policy one pair of pods that it lets through, where there is one.

    Of very many pods hardly any two may talk, and a sample of them would say nothing of what is allowed.
    """
    pods = [(pod, end) for pod in scene.cast.pods if (end := scene.end(pod)) is not None]
    for policy in scene.expected.objects.policies:
        chosen = next(
            (one for one in pods if one[1].namespace == policy.namespace and policy.pods.selects(one[1].facts.labels)),
            None,
        )
        if chosen is None:
            continue
        own, end = chosen
        for rule in policy.ingress:
            fitting = (one for one, other in pods if one is not own and _names(scene, policy, rule, other, end))
            yield from islice(((one, own) for one in fitting if _lets(scene, rule, one, own, end)), 1)
        for rule in policy.egress:
            ends = ((one, other) for one, other in pods if one is not own)
            fitting_ends = ((one, other) for one, other in ends if _names(scene, policy, rule, other, other))
            yield from islice(((own, one) for one, other in fitting_ends if _lets(scene, rule, own, one, other)), 1)


def _first(rule: PolicyRule, target: End) -> tuple[int, str]:
    """Return number and protocol of the port that a rule names first; 0 where it names none, or no number."""
    port = rule.ports[0] if rule.ports else PolicyPort("tcp", None, None)
    return numbered(port, target.facts) or 0, port.protocol


def _names(scene: Scene, policy: Policy, rule: PolicyRule, other: End, target: End) -> bool:
    """Tell whether a rule is for the pod at the other end; that is asked before what all policies say."""
    return fits(rule, policy.namespace, scene.expected.objects.namespaces, other, target, *_first(rule, target))


def _lets(scene: Scene, rule: PolicyRule, one: Party, other: Party, end: End) -> bool:
    """Tell whether all policies together let *one* in to *other* at the port that a rule names first."""
    verdict = scene.verdict(one, other, *_first(rule, end))
    return verdict is not None and verdict.allowed


def of(answers: Iterable[Answer], requirement: str, about: str | None = None) -> list[Answer]:
    """Return the answers of one requirement that came, with *about* those of one subject."""
    return [
        (check, results)
        for check, results in answers
        if check.requirement == requirement and about in (None, check.about) and results
    ]
