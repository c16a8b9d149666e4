# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services in the rules of kube-proxy's iptables mode: the output of ``iptables-save`` (both variants, both families).

The rules (kubernetes ``pkg/proxy/iptables/proxier.go``), from the virtual address to the backend::

    -A KUBE-SERVICES -d 10.96.0.1/32 -p tcp -m comment --comment "default/kubernetes:https cluster IP"
       -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
    -A KUBE-SVC-… -m comment --comment "…" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-…
    -A KUBE-SEP-… -p tcp -m comment --comment "…" -m tcp -j DNAT --to-destination 10.244.0.2:80

=====================  ============================================================================================
KUBE-SVC-              all backends
KUBE-SVL-              those on this node (since 1.22, for internalTrafficPolicy, and since 1.24 behind KUBE-EXT-)
KUBE-XLB-              those on this node (externalTrafficPolicy: Local, until 1.23)
KUBE-EXT-              traffic from outside: to KUBE-SVC- or KUBE-SVL- (since 1.24)
KUBE-FW-               loadBalancerSourceRanges, then one of the above
KUBE-SEP-              one backend
filter, KUBE-SERVICES, KUBE-EXTERNAL-SERVICES
                       REJECT for "has no endpoints", DROP for "has no local endpoints"
filter, KUBE-NODEPORTS "health check node port"
=====================  ============================================================================================
"""

from __future__ import annotations

import re
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from .._ranges.records import parse_network
from .records import (
    ACCEPT,
    DROP,
    FORWARD,
    NONE,
    NOT_READ,
    NOWHERE,
    REJECT,
    UNKNOWN,
    UNNAMED,
    Affinity,
    Backend,
    Destination,
    Found,
    Place,
    Rule,
    Service,
    ServiceName,
    Unrecognised,
    cut,
    lead,
    merge_backends,
    order,
    parse_endpoint,
    parse_port,
    parse_protocol,
    parse_service_port,
    service,
    weight,
)

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPED = re.compile(r"\\(.)")
_KINDS = (
    (" cluster IP", "cluster_ip"),
    (" external IP", "external_ip"),
    (" loadbalancer IP", "load_balancer"),
)
_NO_ENDPOINTS = re.compile(r"(.*) has no (local )?endpoints\Z")
_HEALTH = " health check node port"
_BALANCERS = ("KUBE-SVC-", "KUBE-SVL-", "KUBE-XLB-", "KUBE-EXT-", "KUBE-FW-", "KUBE-SEP-")
_MARKS = ("KUBE-MARK-MASQ", "MARK")
_IPVS_NODE_PORTS = "KUBE-NODE-PORT"
# What a rule may say beside what is looked at: it changes nothing in where packets go.
_NEUTRAL = frozenset(
    ("-m", "-p", "-j", "-g", "--comment", "--mode", "--probability", "--reap", "--name", "--mask", "--rsource",
     "--seconds", "--rcheck", "--set", "--to-destination", "--reject-with", "--random", "--persistent",
     # Counters, since 1.32.
     "--nfacct-name")
)  # fmt: skip
# How traffic of this node's pods is told: by range, or by the interface (BridgeInterface, InterfaceNamePrefix).
_SOURCES = frozenset(("-s", "-i", "--src-type"))
# 1.20 sends what comes from outside, and what is for an address of the node, by rules of their own.
_PLACES = frozenset(("--physdev-is-in", "--src-type", "--dst-type"))
_MOST_CHAINS = 5


class IptablesRule(NamedTuple):
    """One rule: its chain, its line, its options with their values, and those that are negated."""

    chain: str
    text: str
    options: Dict[str, List[str]]
    negated: FrozenSet[str]

    def value(self, option: str) -> Optional[str]:
        """Return the first value of an option, or None."""
        values = self.options.get(option)
        return values[0] if values else None

    @property
    def target(self) -> Optional[str]:
        """The chain or target that it leads to."""
        return self.value("-j") or self.value("-g")

    @property
    def comment(self) -> str:
        """Its comment, empty when it has none."""
        return self.value("--comment") or ""

    def conditions(self, beside: FrozenSet[str]) -> List[str]:
        """Return the conditions that are neither neutral nor among `beside`, and any that is negated."""
        return sorted(
            name for name in self.options if name not in _NEUTRAL and (name not in beside or name in self.negated)
        )


Chains = Dict[str, List[IptablesRule]]


def parse_rule(line: str) -> Optional[IptablesRule]:
    """Return the rule in one line of ``iptables-save``, or None when it holds none."""
    tokens = [
        (_ESCAPED.sub(r"\1", quoted) if word == "" else word, word == "") for quoted, word in _TOKEN.findall(line)
    ]
    if len(tokens) < 2 or tokens[0][0] != "-A":
        return None
    options: Dict[str, List[str]] = {}
    negated = set()
    values: List[str] = []
    negating = taking = False
    for text, quoted in tokens[2:]:
        if taking:  # a comment may look like an option
            values.append(text)
            taking = False
        elif text == "!" and not quoted:
            negating = True
        elif text.startswith("-") and not quoted:
            values = options.setdefault(text, [])
            taking = text == "--comment"
            if negating:
                negated.add(text)
            negating = False
        else:
            values.append(text)
    return IptablesRule(tokens[1][0], line, options, frozenset(negated))


def parse_tables(text: str) -> Dict[str, Chains]:
    """Return the chains of kube-proxy in the output of ``iptables-save``: table -> chain -> rules."""
    tables: Dict[str, Chains] = {}
    chains: Chains = {}
    for line in text.splitlines():
        if line.startswith("-A KUBE-"):
            rule = parse_rule(line)
            if rule is not None:
                chains.setdefault(rule.chain, []).append(rule)
        elif line.startswith(":KUBE-"):
            chains.setdefault(line[1:].split(" ", 1)[0], [])
        elif line.startswith("*"):
            chains = tables.setdefault(line[1:].strip(), {})
    return tables


def is_nf_tables(text: str) -> bool:
    """Tell whether an output of ``iptables-save`` is that of the nf_tables variant, as its first line says."""
    return "(nf_tables)" in text.partition("\n")[0]


def read_iptables(nat: str, filters: str, family: str, command: str) -> Found:
    """Return the Services in the tables nat and filter, as ``iptables-save`` prints them.

    `command` is what shows rules to a person: ``iptables``, ``ip6tables-legacy`` …
    """
    reader = _Reader(parse_tables(nat).get("nat", {}), family, command)
    reader.read_nat()
    reader.read_filter(parse_tables(filters).get("filter", {}))
    return Found(sorted(reader.services.values(), key=order), reader.unrecognised, sorted(reader.node_port_addresses))


Key = Tuple[str, Optional[str], int, str]
"""Role (``node_port``, ``health_check`` or ``address``), address, port, protocol."""


def _is_beside_ipvs(rule: IptablesRule) -> bool:
    """Whether a rule is one that kube-proxy keeps beside IPVS (``pkg/proxy/ipvs/proxier.go``).

    These match sets, send NodePorts to a chain that matches more of them, and leave the node's own traffic alone.
    """
    if "--match-set" in rule.options or rule.target == _IPVS_NODE_PORTS:
        return True
    source = parse_network(rule.value("-s") or "")
    return rule.target == "RETURN" and source is not None and source.is_loopback and not rule.negated


class _Reader:
    """Follows the chains of one family."""

    def __init__(self, nat: Chains, family: str, command: str) -> None:
        self.nat = nat
        self.family = family
        self.command = command
        self.services: Dict[Key, Service] = {}
        self.unrecognised: List[Unrecognised] = []
        self.node_port_addresses: List[str] = []
        self._endpoints: Dict[str, Optional[Tuple[str, Optional[int]]]] = {}
        self._destinations: Dict[str, Destination] = {}

    def _show(self, table: str, chain: str) -> str:
        return "%s -t %s -S %s" % (self.command, table, chain)

    def _note(self, table: str, rule: IptablesRule, reason: str) -> None:
        self.unrecognised.append(
            {
                "command": self._show(table, rule.chain),
                "table": table,
                "chain": rule.chain,
                "text": cut(rule.text),
                "reason": reason,
            }
        )

    def _rule(self, table: str, rule: IptablesRule) -> Rule:
        target = rule.target or ""
        return {
            "command": self._show(table, rule.chain),
            "table": table,
            "chain": rule.chain,
            "text": cut(rule.text),
            "target": target if target.startswith("KUBE-") else None,
        }

    # -- table nat ------------------------------------------------------------------------------------

    def read_nat(self) -> None:
        """Read the chains KUBE-SERVICES and KUBE-NODEPORTS."""
        for rule in self.nat.get("KUBE-SERVICES", ()):
            if rule.target == "KUBE-NODEPORTS":
                self._read_node_port_address(rule)
            else:
                self._read_dispatch(rule, node_port=False)
        for rule in self.nat.get("KUBE-NODEPORTS", ()):
            self._read_dispatch(rule, node_port=True)

    def _read_node_port_address(self, rule: IptablesRule) -> None:
        address = rule.value("-d")
        if address is None or "-d" in rule.negated:
            if rule.value("--dst-type") != "LOCAL":
                self._note("nat", rule, "It does not say at which addresses NodePorts are answered.")
                return
            address = "0.0.0.0/0" if self.family == "inet" else "::/0"
        if address not in self.node_port_addresses:
            self.node_port_addresses.append(address)

    def _read_dispatch(self, rule: IptablesRule, node_port: bool) -> None:
        target = rule.target or ""
        if target in _MARKS or not target or _is_beside_ipvs(rule):
            return
        if not target.startswith(_BALANCERS):
            self._note("nat", rule, "It leads to %s, which is no chain of a Service." % target)
            return
        place = self._place(rule, node_port)
        unknown = rule.conditions(frozenset(("-d", "--dport")) | _PLACES)
        if place is None or [name for name in unknown if name not in _PLACES]:
            self._note("nat", rule, "Its conditions are not those of a Service.")
            return
        name, kind = self._named(rule, node_port)
        key = ("node_port" if node_port else "address", *place[1:])
        if key in self.services:
            # 1.20 has two rules for an external IP, with one target.
            if self.services[key]["rule"]["target"] != target:
                self._note("nat", rule, "A rule before it has the same address and port.")
            return
        one = service(name, kind, place, "iptables", self._rule("nat", rule))
        lead(one, self._destination(target, rule, 0))
        one["scheduler"] = "random" if one["backends"] else None
        if kind == "cluster_ip" and target.startswith("KUBE-SVC-"):
            one["traffic_policy"] = "cluster"
        self.services[key] = one

    def _place(self, rule: IptablesRule, node_port: bool) -> Optional[Place]:
        protocol = parse_protocol(rule.value("-p"))
        port = parse_port(rule.value("--dport"))
        if protocol is None or port is None or "-p" in rule.negated:
            return None
        if "-d" in rule.negated:
            return None
        network = parse_network(rule.value("-d") or "")
        if node_port:
            # Since 1.32 connections to localhost are counted by a rule of their own.
            if "-d" in rule.options and (network is None or not network.is_loopback):
                return None
            return self.family, None, port, protocol
        if network is None or network.prefixlen != network.max_prefixlen:
            return None
        return self.family, str(network.network_address), port, protocol

    def _named(self, rule: IptablesRule, node_port: bool) -> Tuple[ServiceName, Optional[str]]:
        if node_port:
            return parse_service_port(rule.comment), "node_port"
        for ending, kind in _KINDS:
            if rule.comment.endswith(ending):
                return parse_service_port(rule.comment[: -len(ending)]), kind
        return UNNAMED, None

    # -- where a chain leads ----------------------------------------------------------------------------

    def _destination(self, chain: str, source: IptablesRule, depth: int) -> Destination:
        """Return where a chain leads; `source` is the rule that leads to it."""
        if chain not in self._destinations:
            if chain not in self.nat or depth > _MOST_CHAINS:
                self._note("nat", source, "There is no chain %s." % chain)
                return NOT_READ
            self._destinations[chain] = NOWHERE  # a chain that leads to itself leads nowhere
            self._destinations[chain] = self._follow(chain, depth)
        return self._destinations[chain]

    def _follow(self, chain: str, depth: int) -> Destination:
        if chain.startswith(("KUBE-EXT-", "KUBE-FW-")):
            return self._follow_outside(chain, depth)
        backends: List[Backend] = []
        affinity: Optional[Affinity] = None
        left, action = 1.0, NONE
        unread = False
        for rule in self.nat[chain]:
            target = rule.target or ""
            if target in _MARKS or target == "":
                continue
            if target.startswith("KUBE-SVC-") and chain.startswith("KUBE-XLB-") and rule.options.keys() & _SOURCES:
                continue  # pods and the node itself use all backends
            if target in ("KUBE-MARK-DROP", "DROP") and not rule.conditions(frozenset()):
                action = DROP
                break
            if not target.startswith("KUBE-SEP-") or rule.conditions(frozenset()):
                self._note("nat", rule, "It does not lead to a backend.")
                unread = True
                continue
            if "--rcheck" in rule.options:
                affinity = {"type": "ClientIP", "timeout": _seconds(rule.value("--seconds"))}
                continue
            share = _probability(rule)
            if share is None:
                self._note("nat", rule, "Its probability is not read.")
                unread = True
                continue
            end = self._endpoint(target, rule)
            if end is None:
                unread = True
            else:
                backends.append({"address": end[0], "port": end[1], "weight": weight(left * share)})
            left *= 1 - share
            if share == 1:
                break
        if backends:
            action = FORWARD
        elif unread and action == NONE:
            action = UNKNOWN
        policy = "cluster" if chain.startswith("KUBE-SVC-") else "local"
        return Destination(merge_backends(backends), affinity, policy, [], action)

    def _follow_outside(self, chain: str, depth: int) -> Destination:
        """Follow KUBE-EXT- (sources by policy) and KUBE-FW- (sources by the user's ranges)."""
        ranges: List[str] = []
        behind: Optional[Destination] = None
        otherwise = NONE
        for rule in self.nat[chain]:
            target = rule.target or ""
            if target in _MARKS or target == "":
                continue
            if target in ("KUBE-MARK-DROP", "DROP"):
                otherwise = DROP
                continue
            if not target.startswith(_BALANCERS) or rule.conditions(_SOURCES):
                self._note("nat", rule, "It does not lead to a Service.")
                otherwise = UNKNOWN
                continue
            conditional = bool(rule.options.keys() & _SOURCES)
            if chain.startswith("KUBE-FW-"):
                if "-s" in rule.options:
                    ranges += rule.options["-s"]
                behind = self._destination(target, rule, depth + 1)
            elif not conditional:
                behind = self._destination(target, rule, depth + 1)
        if behind is None:
            return Destination([], None, "local", ranges, otherwise)
        return behind._replace(source_ranges=sorted(set(ranges + behind.source_ranges)))

    def _endpoint(self, chain: str, source: IptablesRule) -> Optional[Tuple[str, Optional[int]]]:
        if chain not in self._endpoints:
            self._endpoints[chain] = None
            for rule in self.nat.get(chain, ()):
                if rule.target != "DNAT":
                    continue
                self._endpoints[chain] = parse_endpoint(rule.value("--to-destination") or "")
                if self._endpoints[chain] is None:
                    self._note("nat", rule, "It sends packets to no single address.")
                return self._endpoints[chain]
            self._note("nat", source, "The chain %s sends packets nowhere." % chain)
        return self._endpoints[chain]

    # -- table filter -----------------------------------------------------------------------------------

    def read_filter(self, chains: Chains) -> None:
        """Read what is rejected or dropped, and the health checks."""
        for chain in ("KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS"):
            for rule in chains.get(chain, ()):
                if "--match-set" not in rule.options:
                    self._read_verdict(rule)

    def _read_verdict(self, rule: IptablesRule) -> None:
        target, comment = rule.target, rule.comment
        ends = _NO_ENDPOINTS.match(comment)
        node_port = rule.value("--dst-type") == "LOCAL"
        health = rule.chain == "KUBE-NODEPORTS" and comment.endswith(_HEALTH)
        place = self._place(rule, node_port or health)
        known = not rule.conditions(frozenset(("-d", "--dport", "--dst-type")))
        if health and target == "ACCEPT" and place is not None and known:
            name = parse_service_port(comment[: -len(_HEALTH)])
            one = service(name, "health_check", place, "iptables", self._rule("filter", rule))
            one["action"] = ACCEPT
            self.services[("health_check", *place[1:])] = one
            return
        if ends is None or target not in ("REJECT", "DROP") or place is None or not known:
            self._note("filter", rule, "It is none of the rules that kube-proxy has here.")
            return
        key: Key = ("node_port" if node_port else "address", *place[1:])
        if key not in self.services:
            kind = "node_port" if node_port else "cluster_ip" if rule.chain == "KUBE-SERVICES" else "external"
            self.services[key] = service(
                parse_service_port(ends.group(1)), kind, place, "iptables", self._rule("filter", rule)
            )
        one = self.services[key]
        one["action"] = REJECT if target == "REJECT" else DROP
        if ends.group(2):
            one["traffic_policy"] = "local"


def _probability(rule: IptablesRule) -> Optional[float]:
    text = rule.value("--probability")
    if text is None:
        return 1.0
    try:
        share = float(text)
    except ValueError:
        return None
    return share if 0 <= share <= 1 else None


def _seconds(text: Optional[str]) -> Optional[int]:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
