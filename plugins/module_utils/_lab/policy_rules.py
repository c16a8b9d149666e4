# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules that let through to and from pods what network policies allow.

A pod that a policy selects for a direction has a chain for it, which returns for what some policy allows and drops the
rest; a map leads from the pod's address to the chain. A packet from pod to pod passes two of them, the sender's for
egress and the receiver's for ingress, on the node of each. Peers are sets, so that a rule is one line however many they
are. Replies pass before all that.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .names import policies_table
from .nft import Block, Table, bring
from .service_rules import TYPES, chain_name
from .step import LAB_ARGUMENT, LABEL, Step
from .store import Store

"""Families of nftables, and the type that their addresses have in its sets."""
_DISCOVERY = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
"""A pod must find a MAC before it can say anything: the node's (input), or with ``br_netfilter`` another pod's
(forward). For IPv4 that is ARP, which passes no such rule."""
_SIDES = {"ingress": ("saddr", "daddr"), "egress": ("daddr", "saddr")}
"""By direction: where the peer's address is, and the pod's own."""


class Rule(NamedTuple):
    """What one rule of a policy allows."""

    policy: str
    """``namespace/name``."""
    number: int
    """Its place among the rules of the policy in this direction."""
    peers: Optional[Tuple[str, ...]]
    """Ranges of addresses; None: everybody."""
    ports: Optional[Tuple[Tuple[str, int, int], ...]]
    """Protocol, first and last port; None: all of every protocol."""
    pairs: Tuple[Tuple[str, str, int], ...]
    """Protocol, address and port of peers that have a port of the name that the rule has."""

    def base(self, direction: str) -> str:
        """The rule's part of the names of its sets."""
        return "%s/%s/%d" % (self.policy, direction, self.number)


class Pod(NamedTuple):
    """A pod that is selected; a direction that is None is open."""

    name: str
    """``namespace/name``."""
    address: str
    ingress: Optional[Tuple[Rule, ...]]
    egress: Optional[Tuple[Rule, ...]]

    def rules(self, direction: str) -> Optional[Tuple[Rule, ...]]:
        """The rules of a direction."""
        return self.ingress if direction == "ingress" else self.egress


def rule_sets(rule: Rule, direction: str, family: str = "ip") -> Iterator[Block]:
    """Yield the sets that a rule needs."""
    if rule.peers is not None and rule.ports != ():
        name = chain_name("peers", rule.base(direction))
        yield _set(name, TYPES[family], list(rule.peers), interval=True)
    for protocol in sorted({item[0] for item in rule.pairs}):
        members = ["%s . %d" % (address, port) for kind, address, port in rule.pairs if kind == protocol]
        yield _set(chain_name("pairs-" + protocol, rule.base(direction)), TYPES[family] + " . inet_service", members)


def _set(name: str, of: str, members: List[str], interval: bool = False) -> Block:
    lines = ["set %s {" % name, "  type " + of]
    if interval:
        lines.append("  flags interval")
    listed = list(dict.fromkeys(members))
    return lines + (["  elements = {", *("    %s," % item for item in listed), "  }"] if listed else []) + ["}"]


def rule_lines(rule: Rule, direction: str, family: str = "ip") -> Iterator[str]:
    """Yield the lines by which a chain returns for what a rule allows."""
    peer = _SIDES[direction][0]
    among = ""
    if rule.peers is not None:
        among = "%s %s @%s " % (family, peer, chain_name("peers", rule.base(direction)))
    ends = 'return comment "%s"' % rule.policy
    if rule.ports is None:
        yield among + ends
        return
    for protocol in ("tcp", "udp", "sctp"):
        spans = sorted({(first, last) for kind, first, last in rule.ports if kind == protocol})
        if (1, 65535) in spans:
            yield "%smeta l4proto %s %s" % (among, protocol, ends)
        elif spans:
            members = ", ".join(_span(*item) for item in _joined(spans))
            yield "%s%s dport { %s } %s" % (among, protocol, members, ends)
        if any(item[0] == protocol for item in rule.pairs):
            name = chain_name("pairs-" + protocol, rule.base(direction))
            yield "%s %s . %s dport @%s %s" % (family, peer, protocol, name, ends)


def _span(first: int, last: int) -> str:
    return str(first) if first == last else "%d-%d" % (first, last)


def _joined(spans: List[Tuple[int, int]]) -> List[Tuple[int, int]]:
    """Return sorted spans without overlaps, which nft does not take in one set.

    >>> _joined([(80, 80), (80, 90), (91, 95), (443, 443)])
    [(80, 95), (443, 443)]
    """
    found: List[Tuple[int, int]] = []
    for first, last in spans:
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def blocks(pods: List[Pod], family: str = "ip") -> List[Block]:
    """Return the blocks of the table of a family; none when no pod is selected."""
    if not pods:
        return []
    found: List[Block] = []
    headers = set()
    for direction in ("egress", "ingress"):
        for pod in pods:
            rules = pod.rules(direction)
            if rules is None:
                continue
            for block in (block for rule in rules for block in rule_sets(rule, direction, family)):
                if block[0] not in headers:
                    headers.add(block[0])
                    found.append(block)
            lines = [line for rule in rules for line in rule_lines(rule, direction, family)]
            name = chain_name(direction, pod.name)
            found.append(["chain %s {" % name, *("  " + line for line in lines), "  drop", "}"])
    for direction in ("egress", "ingress"):
        members = [
            "    %s : goto %s," % (pod.address, chain_name(direction, pod.name))
            for pod in pods
            if pod.rules(direction) is not None
        ]
        listed = ["  elements = {", *members, "  }"] if members else []
        found.append(["map pods-%s {" % direction, "  type %s : verdict" % TYPES[family], *listed, "}"])
        lookup = "  %s %s vmap @pods-%s" % (family, _SIDES[direction][1], direction)
        found.append(["chain %s {" % direction, lookup, "}"])
    found.append(
        _set(
            "selves",
            "%s . %s" % (TYPES[family], TYPES[family]),
            ["%s . %s" % (pod.address, pod.address) for pod in pods],
        )
    )
    begin = ["  ct state established,related accept", *(["  " + _DISCOVERY] if family == "ip6" else [])]
    found.append(
        [
            "chain forward {",
            "  type filter hook forward priority filter; policy accept;",
            *begin,
            "  %s saddr . %s daddr @selves accept" % (family, family),
            "  jump egress",
            "  jump ingress",
            "}",
        ]
    )
    hook = "  type filter hook input priority filter; policy accept;"
    found.append(["chain input {", hook, *begin, "  jump egress", "}"])
    return found


def read_pods(options: List[Dict[str, Any]], family: str = "ip") -> List[Pod]:
    """Turn the option into records, in the order of names. Raise ValueError, with words for a person."""
    pods = [
        Pod(
            name=_full_name("%s/%s" % (item["namespace"], item["name"])),
            address=_network(item["address"], family),
            ingress=_rules(item["ingress"], family),
            egress=_rules(item["egress"], family),
        )
        for item in options
    ]
    for key in ("name", "address"):
        values = [getattr(pod, key) for pod in pods]
        if len(set(values)) < len(values):
            raise ValueError("two pods have the same %s" % key)
    return sorted(pods)


def _full_name(text: str) -> str:
    if not all(LABEL.match(part) for part in text.split("/")) or text.count("/") != 1:
        raise ValueError("%r is no namespace and name of the form of RFC 1123" % text)
    return text


def _rules(options: Optional[List[Dict[str, Any]]], family: str) -> Optional[Tuple[Rule, ...]]:
    return None if options is None else tuple(_rule(item, family) for item in options)


def _rule(item: Dict[str, Any], family: str) -> Rule:
    ports, peers = item["ports"], item["peers"]
    spans = None if ports is None else tuple((one["protocol"], one["first"], one["last"]) for one in ports)
    pairs = tuple((one["protocol"], _network(one["address"], family), one["port"]) for one in item["pairs"])
    if not all(
        0 < first <= last < 65536 for _kind, first, last in [*(spans or ()), *((p, n, n) for p, _a, n in pairs)]
    ):
        raise ValueError("%s: ports are numbers from 1 to 65535" % item["policy"])
    return Rule(
        policy=_full_name(item["policy"]),
        number=item["number"],
        peers=None if peers is None else tuple(_network(text, family) for text in peers),
        ports=spans,
        pairs=pairs,
    )


def _network(text: str, family: str) -> str:
    network = ipaddress.IPv6Network(text) if family == "ip6" else ipaddress.IPv4Network(text)
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


_PROTOCOL: Dict[str, Any] = {"type": "str", "choices": ["tcp", "udp", "sctp"], "required": True}
_NUMBER: Dict[str, Any] = {"type": "int", "required": True}
_SPAN_OPTIONS: Dict[str, Any] = {"protocol": _PROTOCOL, "first": _NUMBER, "last": _NUMBER}
_PAIR_OPTIONS: Dict[str, Any] = {"protocol": _PROTOCOL, "address": {"type": "str", "required": True}, "port": _NUMBER}
_RULE_OPTIONS: Dict[str, Any] = {
    "policy": {"type": "str", "required": True},
    "number": _NUMBER,
    "peers": {"type": "list", "elements": "str"},
    "ports": {"type": "list", "elements": "dict", "options": _SPAN_OPTIONS},
    "pairs": {"type": "list", "elements": "dict", "options": _PAIR_OPTIONS, "default": []},
}
_RULES: Dict[str, Any] = {"type": "list", "elements": "dict", "options": _RULE_OPTIONS}
_POD_OPTIONS: Dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "ingress": _RULES,
    "egress": _RULES,
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "family": {"type": "str", "choices": list(TYPES), "default": "ip"},
        "pods": {"type": "list", "elements": "dict", "required": True, "options": _POD_OPTIONS},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    family = module.params["family"]
    try:
        made = blocks(read_pods(module.params["pods"], family), family)
    except ValueError as error:
        step.fail("pods", str(error), "Correct the options.")
    table = Table(family, policies_table(step.lab), made)
    before, after = bring(step, Store(step.lab), table)
    step.exit(before=before, after=after, see=["nft list table " + table.key] if after else [])
