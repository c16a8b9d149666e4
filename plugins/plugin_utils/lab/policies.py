# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network policies of a lab: from what a person wrote to the options of ``podnet.lab.policy_rules``.

Words and meanings are those of the Kubernetes API (networking.k8s.io/v1, ``NetworkPolicySpec``); the fields of ``spec``
stand beside the name. What a policy means is read by :mod:`requirements.policies`, which ``verify.yml`` judges by as
well; here its selectors become addresses, for rules know nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

try:
    from netaddr import AddrFormatError, IPNetwork, IPSet
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description import checks
from ..description.checks import Fault
from ..model.reading import Item, ShapeError
from ..requirements.policies import NAMESPACE_LABEL, Policy, PolicyPeer, PolicyPort, PolicyRule, policy
from .description import Description
from .options import VARIABLE
from .pods import is_port_name

_WHERE = VARIABLE + "policies"
_NAMESPACES = VARIABLE + "namespaces"
_FIELDS = ("name", "namespace", "podSelector", "policyTypes", "ingress", "egress")
_PEER_FIELDS = ("podSelector", "namespaceSelector", "ipBlock")
_PORT_FIELDS = ("protocol", "port", "endPort")
_SELECTOR_FIELDS = ("matchLabels", "matchExpressions")
_PROTOCOLS = ("tcp", "udp", "sctp")


class PodEnd(NamedTuple):
    """What policies and rules ask of a pod."""

    namespace: str
    name: str
    node: str
    labels: Mapping[str, str]
    ports: Mapping[tuple[str, str], int]
    """Numbers of named ports by name and protocol, in small letters."""

    @property
    def full_name(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


def read_namespaces(raw: Mapping[str, Any], faults: list[Fault]) -> dict[str, dict[str, str]]:
    """Return the labels of namespaces that the description gives."""
    value = raw.get("namespaces") or {}
    if not isinstance(value, Mapping):
        faults.append(Fault(_NAMESPACES, f"{value!r} is not a mapping", "Write it as {shop: {team: a}}"))
        return {}
    found = {}
    for name, labels in value.items():
        where = f"{_NAMESPACES}.{name}"
        checks.label_name(name, where, faults)
        found[str(name)] = checks.labels(labels, where, "{team: a}", faults)
    return found


def read_policies(raw: Mapping[str, Any], faults: list[Fault]) -> list[dict[str, Any]]:
    """Return the policies of a description as they are written, each with a namespace; faults say what is wrong."""
    value = raw.get("policies") or []
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(_WHERE, f"{value!r} is not a list of policies", "See the role's README for an example"))
        return []
    found: list[dict[str, Any]] = []
    names: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(value):
        where = f"{_WHERE}[{index}]"
        if not isinstance(entry, Mapping):
            faults.append(Fault(where, f"{entry!r} is not a policy", "Write it as {name: closed, podSelector: {}}"))
            continue
        written = {"namespace": "default", **entry}
        before = len(faults)
        name = checks.label_name(written.get("name"), where + ".name", faults)
        namespace = checks.label_name(written["namespace"], where + ".namespace", faults)
        _check_fields(written, where, faults)
        if name is None or namespace is None or len(faults) > before:
            continue
        first = names.setdefault((namespace, name), where)
        if first != where:
            faults.append(Fault(where, f"{first} is policy {namespace}/{name} too", "Rename one of them"))
        try:
            _check_values(policy(namespace, name, Item(_plain(written), where)), where, faults)
        except ShapeError as error:
            faults.append(Fault(where, str(error), "See the reference of NetworkPolicy, networking.k8s.io/v1"))
            continue
        found.append(_plain(written))
    return found


def _plain(value: Any) -> Any:
    """Return nested mappings and lists as those of JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return [_plain(inner) for inner in value]
    return value


def _check_fields(value: Mapping[Any, Any], where: str, faults: list[Fault]) -> None:
    """Find fields without a meaning: a selector that is misspelt would select everything."""
    checks.unknown_fields(value, _FIELDS, where, faults)
    _check_selector(value.get("podSelector"), where + ".podSelector", faults)
    for direction, key in (("ingress", "from"), ("egress", "to")):
        for rule, at in _entries(value.get(direction), f"{where}.{direction}"):
            checks.unknown_fields(rule, (key, "ports"), at, faults)
            for peer, here in _entries(rule.get(key), f"{at}.{key}"):
                checks.unknown_fields(peer, _PEER_FIELDS, here, faults)
                _check_selector(peer.get("podSelector"), here + ".podSelector", faults)
                _check_selector(peer.get("namespaceSelector"), here + ".namespaceSelector", faults)
                if isinstance(peer.get("ipBlock"), Mapping):
                    checks.unknown_fields(peer["ipBlock"], ("cidr", "except"), here + ".ipBlock", faults)
            for port, here in _entries(rule.get("ports"), f"{at}.ports"):
                checks.unknown_fields(port, _PORT_FIELDS, here, faults)


def _check_selector(value: Any, where: str, faults: list[Fault]) -> None:
    if isinstance(value, Mapping):
        checks.unknown_fields(value, _SELECTOR_FIELDS, where, faults)


def _entries(value: Any, where: str) -> Iterator[tuple[Mapping[Any, Any], str]]:
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        yield from ((entry, f"{where}[{index}]") for index, entry in enumerate(value) if isinstance(entry, Mapping))


def _check_values(read: Policy, where: str, faults: list[Fault]) -> None:
    """Find values that no rule can have."""
    for direction, rules in (("ingress", read.ingress), ("egress", read.egress)):
        for index, rule in enumerate(rules):
            at = f"{where}.{direction}[{index}]"
            for port in rule.ports:
                _check_port(port, at + ".ports", faults)
            for block in (peer.block for peer in rule.peers):
                for cidr in (block.cidr, *block.excepted) if block is not None else ():
                    _check_cidr(cidr, block.cidr if block is not None else "", at, faults)


def _check_port(entry: PolicyPort, where: str, faults: list[Fault]) -> None:
    if entry.protocol not in _PROTOCOLS:
        faults.append(Fault(where, f"{entry.protocol.upper()!r} is no protocol", "Use TCP, UDP or SCTP"))
    named = isinstance(entry.port, str)
    good = is_port_name(entry.port) if named else entry.port is None or 1 <= int(entry.port) <= 65535
    if not good:
        faults.append(Fault(where, f"{entry.port!r} is not a port", "Use 1 to 65535, or the name of a containerPort"))
    if entry.end is not None and (named or entry.port is None or not int(entry.port) <= entry.end <= 65535):
        text = f"endPort {entry.end} does not end a range that begins with {entry.port!r}"
        faults.append(Fault(where, text, "Give a number as port, and endPort not below it"))


def _check_cidr(text: str, within: str, where: str, faults: list[Fault]) -> None:
    remedy = "Write ranges as 192.0.2.0/24, those of except inside that of cidr"
    try:
        part, whole = IPNetwork(text), IPNetwork(within)
    except (AddrFormatError, ValueError):
        faults.append(Fault(where, f"{text!r} is not a range of addresses", remedy))
        return
    if "/" not in text or part not in whole:
        faults.append(Fault(where, f"{text!r} is not a range of addresses that can stand here", remedy))


def pod_ends(description: Description) -> list[dict[str, Any]]:
    """Return what policies ask of all pods, as JSON has it."""
    return [
        {
            "namespace": pod.namespace,
            "name": pod.name,
            "node": pod.node,
            "labels": pod.labels,
            "ports": [[name, protocol.lower(), number] for (name, protocol), number in pod.ports.items()],
        }
        for pod in description.pods
    ]


def node_policies(
    written: Iterable[Mapping[str, Any]],
    namespaces: Mapping[str, Mapping[str, str]],
    pods: Iterable[Mapping[str, Any]],
    addresses: Mapping[str, str],
    node: str,
) -> list[dict[str, Any]]:
    """Return the option ``pods`` of ``podnet.lab.policy_rules`` for one node: its pods that some policy selects.

    The addresses are of one family, and so are the rules: of a block of the other family they know nothing.

    `written` is what `read_policies` returned, `pods` what `pod_ends` did, `addresses` has those that the pods have
    got, by full name.
    """
    policies = [policy(one["namespace"], one["name"], Item(dict(one), _WHERE)) for one in written]
    ends = [
        PodEnd(
            pod["namespace"], pod["name"], pod["node"], pod["labels"], {(n, p): number for n, p, number in pod["ports"]}
        )
        for pod in pods
    ]
    found = []
    for pod in ends:
        own = [one for one in policies if one.namespace == pod.namespace and one.pods.selects(pod.labels)]
        if pod.node != node or not own:
            continue
        entry: dict[str, Any] = {"namespace": pod.namespace, "name": pod.name, "address": addresses[pod.full_name]}
        for direction in ("Ingress", "Egress"):
            selecting = [one for one in own if direction in one.types]
            entry[direction.lower()] = (
                [rule for one in selecting for rule in _rules(one, direction, pod, ends, namespaces, addresses)]
                if selecting
                else None
            )
        found.append(entry)
    return found


def _rules(
    one: Policy,
    direction: str,
    pod: PodEnd,
    ends: list[PodEnd],
    namespaces: Mapping[str, Mapping[str, str]],
    addresses: Mapping[str, str],
) -> Iterator[dict[str, Any]]:
    for index, rule in enumerate(one.ingress if direction == "Ingress" else one.egress):
        others = [other for other in ends if _is_peer(rule, one.namespace, namespaces, other, addresses)]
        numbers, pairs = [], []
        for port in rule.ports:
            if not isinstance(port.port, str):
                first, last = port.port or 1, port.end or port.port or 65535
                numbers.append({"protocol": port.protocol, "first": first, "last": last})
                continue
            for target in [pod] if direction == "Ingress" else others:
                number = target.ports.get((port.port, port.protocol))
                if number is not None and direction == "Ingress":
                    numbers.append({"protocol": port.protocol, "first": number, "last": number})
                elif number is not None:
                    pair = {"protocol": port.protocol, "address": addresses[target.full_name], "port": number}
                    pairs.append(pair)
        yield {
            "policy": f"{one.namespace}/{one.name}",
            "number": index,
            "peers": _ranges(rule, others, addresses) if rule.peers else None,
            "ports": numbers if rule.ports else None,
            "pairs": pairs,
        }


def _is_peer(
    rule: PolicyRule,
    namespace: str,
    namespaces: Mapping[str, Mapping[str, str]],
    other: PodEnd,
    addresses: Mapping[str, str],
) -> bool:
    """Tell whether a pod is among those that a rule is about, also by its address."""
    if not rule.peers:
        return True
    return any(
        _selects(peer, namespace, namespaces, other)
        if peer.block is None
        else addresses[other.full_name] in _block(peer, addresses)
        for peer in rule.peers
    )


def _selects(peer: PolicyPeer, namespace: str, namespaces: Mapping[str, Mapping[str, str]], other: PodEnd) -> bool:
    if peer.namespaces is None:
        fits = other.namespace == namespace
    else:
        fits = peer.namespaces.selects({NAMESPACE_LABEL: other.namespace, **namespaces.get(other.namespace, {})})
    return fits and (peer.pods is None or peer.pods.selects(other.labels))


def _block(peer: PolicyPeer, addresses: Mapping[str, str]) -> IPSet:
    """Return the addresses of a peer's block, none when it is of another family than the pods' `addresses`."""
    one = next(iter(addresses.values()), "")
    if peer.block is None or (":" in one) != (":" in peer.block.cidr):
        return IPSet()
    return IPSet([peer.block.cidr]) - IPSet(peer.block.excepted)


def _ranges(rule: PolicyRule, others: list[PodEnd], addresses: Mapping[str, str]) -> list[str]:
    """Return the addresses of a rule's peers as ranges that do not overlap."""
    whole = IPSet([addresses[other.full_name] for other in others])
    for peer in rule.peers:
        whole |= _block(peer, addresses)
    return [str(part) for part in whole.iter_cidrs()]
