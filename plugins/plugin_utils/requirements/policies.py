# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NetworkPolicies: whether a connection is allowed, as a pure function of policies, labels and addresses.

The rules are those of the API reference, ``NetworkPolicySpec`` of networking.k8s.io/v1: policies only add up; a pod
that one selects for a direction is closed in it but for what some policy allows; both ends must allow a connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..model import ranges
from ..model.reading import Item, ShapeError

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
"""The API server gives it to every namespace (KEP-2161)."""
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_DIRECTIONS = ("Ingress", "Egress")


class Expression(NamedTuple):
    """One entry of ``matchExpressions``."""

    key: str
    operator: str
    values: tuple[str, ...]


class Selector(NamedTuple):
    """A label selector; without any term it selects everything."""

    terms: tuple[Expression, ...]

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Tell whether *labels* satisfy all terms."""
        return all(_satisfied(term, labels) for term in self.terms)


class Block(NamedTuple):
    """An ``ipBlock``."""

    cidr: str
    excepted: tuple[str, ...]


class PolicyPeer(NamedTuple):
    """One entry of ``from`` or ``to``."""

    pods: Selector | None
    namespaces: Selector | None
    block: Block | None


class PolicyPort(NamedTuple):
    """One entry of ``ports``. No port: all of the protocol."""

    protocol: str
    port: int | str | None
    end: int | None


class PolicyRule(NamedTuple):
    """One entry of ``ingress`` or ``egress``. No peers: everybody; no ports: all."""

    peers: tuple[PolicyPeer, ...]
    ports: tuple[PolicyPort, ...]


class Policy(NamedTuple):
    """One NetworkPolicy."""

    namespace: str
    name: str
    pods: Selector
    types: tuple[str, ...]
    ingress: tuple[PolicyRule, ...]
    egress: tuple[PolicyRule, ...]


class PodFacts(NamedTuple):
    """What policies ask of a pod."""

    labels: Mapping[str, str]
    ports: Mapping[tuple[str, str], int] = {}
    """Ports of its containers that have a name, by name and protocol."""


class End(NamedTuple):
    """One end of a connection."""

    namespace: str
    facts: PodFacts
    addresses: frozenset[str]


class PolicyVerdict(NamedTuple):
    """Whether a connection is allowed, and by what it is decided, for people."""

    allowed: bool
    because: str


class Selecting:
    """The policies that select a pod. Pods of one namespace with the same labels are looked up once."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._by_namespace: dict[str, list[Policy]] = {}
        for one in policies:
            self._by_namespace.setdefault(one.namespace, []).append(one)
        self._known: dict[tuple[str, frozenset[tuple[str, str]]], list[Policy]] = {}

    def of(self, end: End, direction: str) -> list[Policy]:
        """Return those that are for a direction, ``Ingress`` or ``Egress``."""
        return [one for one in self.all_of(end) if direction in one.types]

    def all_of(self, end: End) -> list[Policy]:
        """Return those for either direction."""
        key = (end.namespace, frozenset(end.facts.labels.items()))
        if key not in self._known:
            own = self._by_namespace.get(end.namespace, ())
            self._known[key] = [one for one in own if one.pods.selects(end.facts.labels)]
        return self._known[key]


def allowed(
    selecting: Selecting,
    namespaces: Mapping[str, Mapping[str, str]],
    source: End,
    target: End,
    port: int,
    protocol: str = "tcp",
) -> PolicyVerdict:
    """Tell whether *source* may connect to *port* of *target*; *namespaces* has the labels that are known."""
    if source == target:
        return PolicyVerdict(True, "no policy applies to a pod that asks itself")
    reasons = []
    for direction, own, other in (("Egress", source, target), ("Ingress", target, source)):
        own_policies = selecting.of(own, direction)
        if not own_policies:
            continue
        for one in own_policies:
            rules = one.ingress if direction == "Ingress" else one.egress
            if any(fits(rule, one.namespace, namespaces, other, target, port, protocol) for rule in rules):
                reasons.append(f"{one.namespace}/{one.name} allows it ({direction.lower()})")
                break
        else:
            names = ", ".join(f"{one.namespace}/{one.name}" for one in own_policies)
            return PolicyVerdict(False, f"no {direction.lower()} rule of {names} allows it")
    return PolicyVerdict(True, "; ".join(reasons) or "no policy selects either end")


def fits(
    rule: PolicyRule,
    namespace: str,
    namespaces: Mapping[str, Mapping[str, str]],
    other: End,
    target: End,
    port: int,
    protocol: str,
) -> bool:
    """Tell whether a rule of a policy of *namespace* is for *other*, at a port of *target*."""
    peers = not rule.peers or any(_is_peer(one, namespace, namespaces, other) for one in rule.peers)
    return peers and (not rule.ports or any(_is_port(one, target, port, protocol) for one in rule.ports))


def _is_peer(peer: PolicyPeer, namespace: str, namespaces: Mapping[str, Mapping[str, str]], other: End) -> bool:
    if peer.block is not None:
        block = peer.block
        return any(
            ranges.contains(block.cidr, one) and not any(ranges.contains(cidr, one) for cidr in block.excepted)
            for one in other.addresses
        )
    if peer.namespaces is None:
        fits = other.namespace == namespace
    else:
        labels = {NAMESPACE_LABEL: other.namespace, **namespaces.get(other.namespace, {})}
        fits = peer.namespaces.selects(labels)
    return fits and (peer.pods is None or peer.pods.selects(other.facts.labels))


def _is_port(entry: PolicyPort, target: End, port: int, protocol: str) -> bool:
    if entry.protocol != protocol:
        return False
    if entry.port is None:
        return True
    if isinstance(entry.port, str):
        return target.facts.ports.get((entry.port, protocol)) == port
    return entry.port <= port <= (entry.end or entry.port)


def numbered(entry: PolicyPort, facts: PodFacts) -> int | None:
    """Return the first number of an entry of ``ports``, a name being that of a pod's; None where there is none."""
    return facts.ports.get((entry.port, entry.protocol)) if isinstance(entry.port, str) else entry.port


def _satisfied(term: Expression, labels: Mapping[str, str]) -> bool:
    value = labels.get(term.key)
    if term.operator == "In":
        return value in term.values
    if term.operator == "NotIn":  # also where the label is missing: metav1.LabelSelectorRequirement
        return value not in term.values
    return (value is not None) == (term.operator == "Exists")


def policy(namespace: str, name: str, spec: Item) -> Policy:
    """Return the policy whose ``spec`` is *spec*. Raises ShapeError."""
    types = tuple(spec.texts("policyTypes"))
    if not types:  # the API server's default (SetDefaults_NetworkPolicy): Egress only where there are rules for it
        types = _DIRECTIONS if list(spec.items("egress")) else _DIRECTIONS[:1]
    for one in types:
        if one not in _DIRECTIONS:
            raise ShapeError(f"{spec.place}.policyTypes has {one!r}, neither 'Ingress' nor 'Egress'")
    return Policy(
        namespace=namespace,
        name=name,
        pods=_selector(spec, "podSelector") or Selector(()),
        types=types,
        ingress=tuple(_rule(one, "from") for one in spec.items("ingress")),
        egress=tuple(_rule(one, "to") for one in spec.items("egress")),
    )


def _rule(item: Item, key: str) -> PolicyRule:
    return PolicyRule(tuple(_peer(one) for one in item.items(key)), tuple(_port(one) for one in item.items("ports")))


def _peer(item: Item) -> PolicyPeer:
    block = item.item_or_none("ipBlock")
    found = PolicyPeer(
        pods=_selector(item, "podSelector"),
        namespaces=_selector(item, "namespaceSelector"),
        block=None if block is None else Block(_cidr(block.text("cidr"), block), tuple(block.texts("except"))),
    )
    if found == (None, None, None) or (found.block and (found.pods or found.namespaces)):
        raise ShapeError(f"{item.place} must have an ipBlock, or a podSelector, a namespaceSelector or both")
    return found


def _cidr(text: str, item: Item) -> str:
    if ranges.network(text) is None:
        raise ShapeError(f"{item.place}.cidr is {text!r}, no range of addresses")
    return text


def _port(item: Item) -> PolicyPort:
    protocol = (item.text_or_none("protocol") or "TCP").lower()
    try:
        port: int | str | None = item.number_or_none("port")
    except ShapeError:
        port = item.text("port")
    return PolicyPort(protocol, port, item.number_or_none("endPort"))


def _selector(item: Item, key: str) -> Selector | None:
    selector = item.item_or_none(key)
    if selector is None:
        return None
    terms = [Expression(name, "In", (str(value),)) for name, value in selector.scalars("matchLabels").items()]
    for one in selector.items("matchExpressions"):
        operator = one.text("operator")
        if operator not in _OPERATORS:
            raise ShapeError(f"{one.place}.operator is {operator!r}, none of {', '.join(_OPERATORS)}")
        terms.append(Expression(one.text("key"), operator, tuple(one.texts("values"))))
    return Selector(tuple(terms))
