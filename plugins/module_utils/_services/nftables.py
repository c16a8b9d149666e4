# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services in the table of kube-proxy's nftables mode, as ``nft -j list table ip kube-proxy`` shows it.

Maps lead from addresses and ports to chains (kubernetes ``pkg/proxy/nftables/proxier.go``), in the words of ``nft``::

    map service-ips           10.96.0.1 . tcp . 443 : goto service-2QRHZV4L-default/kubernetes/tcp/https
    map service-nodeports     tcp . 30080 : goto external-47HOX222-default/front/tcp/http
    map no-endpoint-services  10.96.0.46 . tcp . 80 comment "default/empty:http" : goto reject-chain
    map firewall-ips          198.51.100.11 . tcp . 80 : goto firewall-…     loadBalancerSourceRanges
    chain external-…          goto service-… or local-…, by externalTrafficPolicy
    chain service-…           numgen random mod 2 vmap { 0 : goto endpoint-…, 1 : goto endpoint-… }
    chain endpoint-…          meta l4proto tcp dnat to 10.244.0.2:80

Since 1.36 a chain without affinity translates at once, and marks are set in place::

    chain service-…           meta l4proto tcp dnat to numgen random mod 2 map { 0 : 10.244.0.2 . 80, 1 : … }
    chain external-…          meta mark set mark or 0x4000

The set ``cluster-ips`` tells ClusterIPs from the addresses outside; which of those are external IPs and which are a
load balancer's is not in the table, unless the latter have source ranges.
"""

from __future__ import annotations

import json
import re
from typing import Any, Dict, Iterator, List, Optional, Set, Tuple

from .._firewall.commands import as_dict, as_list, nft_items
from .._ranges.records import parse_address
from .records import (
    DROP,
    FORWARD,
    NONE,
    NOWHERE,
    REJECT,
    UNKNOWN,
    UNNAMED,
    Affinity,
    Backend,
    Destination,
    Found,
    Rule,
    Service,
    ServiceName,
    Unrecognised,
    cut,
    lead,
    merge_backends,
    order,
    parse_port,
    parse_protocol,
    parse_service_port,
    service,
    weight,
)

_CHAIN = re.compile(r"[a-z]+-[A-Z2-7]{8}-([^/]+)/([^/]+)/(?:tcp|udp|sctp)/([^/]*)\Z")
_SERVICE_CHAINS = ("service-", "local-", "external-")
_MASQUERADE = "mark-for-masquerade"
_MOST = 0xFFFFFFFF

Json = Dict[str, Any]
Key = Tuple[Optional[str], int, str]
"""Address (None for a NodePort), port, protocol."""
End = Tuple[str, Optional[int]]
"""Address and port of a backend."""


class NftTable:
    """One table of ``nft -j list table``: its sets, maps and rules by chain. Raises ValueError when it is not JSON."""

    def __init__(self, text: str) -> None:
        self.sets: Dict[str, Json] = {}
        self.maps: Dict[str, Json] = {}
        self.rules: Dict[str, List[Json]] = {}
        for item in nft_items(text):
            for kind, known in (("set", self.sets), ("map", self.maps)):
                if isinstance(as_dict(item.get(kind)).get("name"), str):
                    known[item[kind]["name"]] = item[kind]
            chain, rule = as_dict(item.get("chain")), as_dict(item.get("rule"))
            if isinstance(chain.get("name"), str):
                self.rules.setdefault(chain["name"], [])
            if isinstance(rule.get("chain"), str):
                self.rules.setdefault(rule["chain"], []).append(rule)


def expressions(rule: Json) -> List[Json]:
    """Return what a rule consists of."""
    return [as_dict(one) for one in as_list(rule.get("expr"))]


def rule_text(rule: Json) -> str:
    """Return a rule as one line: the JSON of its parts, as ``nft -j`` has it."""
    return cut(json.dumps(rule.get("expr"), sort_keys=True))


def verdict(value: Any) -> Optional[str]:
    """Return the chain that a verdict leads to, None when it is no jump."""
    found = as_dict(value)
    target = as_dict(found.get("goto")).get("target") or as_dict(found.get("jump")).get("target")
    return target if isinstance(target, str) else None


def matches(one: Json) -> Tuple[str, str, Any]:
    """Return field, operator and value of a match (``saddr``, ``dport``, ``l4proto``, ``fib saddr`` …), or blanks."""
    match = as_dict(one.get("match"))
    left = as_dict(match.get("left"))
    field = as_dict(left.get("payload")).get("field") or as_dict(left.get("meta")).get("key")
    if field is None and "fib" in left:
        field = "fib " + " ".join(str(flag) for flag in as_list(as_dict(left["fib"]).get("flags")))
    return str(field or ""), str(match.get("op", "")), match.get("right")


def map_addresses(table: NftTable, name: str) -> Iterator[str]:
    """Yield the addresses that a map of addresses alone leads from."""
    for pair in as_list(table.maps.get(name, {}).get("elem")):
        key = pair[0] if isinstance(pair, list) and len(pair) == 2 else None
        address = as_dict(as_dict(key).get("elem")).get("val") or key
        if isinstance(address, str) and parse_address(address) is not None:
            yield address


def numgen_shares(value: Any) -> Optional[Tuple[str, List[Tuple[Any, float]]]]:
    """Return how ``numgen random mod N map { … }`` shares out: its mode, and each result with its share."""
    key, data = as_dict(as_dict(value).get("key")), as_dict(as_dict(value).get("data"))
    numgen = as_dict(key.get("numgen"))
    modulus = numgen.get("mod")
    if not isinstance(modulus, int) or isinstance(modulus, bool) or not 1 <= modulus <= _MOST:
        return None
    shares: List[Tuple[Any, float]] = []
    for pair in as_list(data.get("set")):
        if not isinstance(pair, list) or len(pair) != 2:
            return None
        ends = as_list(as_dict(pair[0]).get("range")) or [pair[0], pair[0]]
        if len(ends) != 2 or not all(isinstance(end, int) and not isinstance(end, bool) for end in ends):
            return None
        if not 0 <= ends[0] <= ends[1] < modulus:
            return None
        shares.append((pair[1], weight((ends[1] - ends[0] + 1) / modulus)))
    return ("round-robin" if numgen.get("mode") == "inc" else "random"), shares


def read_kube_proxy(text: str, family: str, name: str = "kube-proxy") -> Found:
    """Return the Services in a table of kube-proxy's form, of one family (``ip`` or ``ip6``); raise ValueError."""
    reader = _Reader(NftTable(text), family, name)
    reader.read()
    return Found(sorted(reader.services.values(), key=order), reader.unrecognised, reader.node_port_addresses())


class _Reader:
    """Follows the maps and chains of one table."""

    def __init__(self, table: NftTable, family: str, name: str) -> None:
        self.table = table
        self.family = family
        self.name = name
        self.services: Dict[Key, Service] = {}
        self.unrecognised: List[Unrecognised] = []
        self._destinations: Dict[str, Destination] = {}

    def _show(self, kind: str, name: str) -> str:
        return "nft list %s %s %s %s" % (kind, self.family, self.name, name)

    def _note(self, kind: str, name: str, text: str, reason: str) -> None:
        self.unrecognised.append(
            {
                "command": self._show(kind, name),
                "table": self.name,
                "chain": name,
                "text": cut(text),
                "reason": reason,
            }
        )

    # -- maps -----------------------------------------------------------------------------------------

    def read(self) -> None:
        """Read the maps."""
        cluster_ips = set(self._set("cluster-ips"))
        firewalls = {key: target for key, target, _comment, _text in self._elements("firewall-ips") if target}
        for name in ("service-ips", "service-nodeports"):
            for key, target, _comment, text in self._elements(name):
                if target is None or not target.startswith(_SERVICE_CHAINS):
                    self._note("map", name, text, "It does not lead to a Service.")
                    continue
                kind = self._kind(key, target, cluster_ips, firewalls)
                one = self._service(key, _named(target), kind, name, text, target)
                lead(one, self._destination(target))
                one["scheduler"] = "random" if one["backends"] else None
                if key in firewalls:
                    one["source_ranges"] = self._source_ranges(firewalls[key])
        for name in ("no-endpoint-services", "no-endpoint-nodeports"):
            for key, target, comment, text in self._elements(name):
                known = self.services.get(key)
                if known is None:
                    kind = self._kind(key, None, cluster_ips, firewalls)
                    known = self._service(key, parse_service_port(comment), kind, name, text, target)
                known["action"] = DROP if target is None else REJECT
                if target is None:
                    known["traffic_policy"] = "local"

    def _kind(self, key: Key, target: Optional[str], cluster_ips: Set[str], firewalls: Dict[Key, str]) -> str:
        if key[0] is None:
            return "node_port"
        if key[0] in cluster_ips or (target is not None and not target.startswith("external-")):
            return "cluster_ip"
        return "load_balancer" if key in firewalls else "external"

    def _service(self, key: Key, name: ServiceName, kind: str, where: str, text: str, target: Optional[str]) -> Service:
        address, port, protocol = key
        rule: Rule = {
            "command": self._show("map", where),
            "table": self.name,
            "chain": where,
            "text": text,
            "target": target,
        }
        family = "inet6" if self.family == "ip6" else "inet"
        self.services[key] = service(name, kind, (family, address, port, protocol), "nftables", rule)
        return self.services[key]

    def _set(self, name: str) -> Iterator[str]:
        for value in as_list(self.table.sets.get(name, {}).get("elem")):
            inner = as_dict(value).get("elem")
            address = as_dict(inner).get("val") if inner is not None else value
            if isinstance(address, str) and parse_address(address) is not None:
                yield address

    def _elements(self, name: str) -> Iterator[Tuple[Key, Optional[str], str, str]]:
        """Yield key, chain (None for a drop), comment and text of a verdict map's elements."""
        for pair in as_list(self.table.maps.get(name, {}).get("elem")):
            key, result = pair if isinstance(pair, list) and len(pair) == 2 else (None, None)
            element = as_dict(as_dict(key).get("elem"))
            comment = element.get("comment")
            parts = as_list(as_dict(element.get("val") if element else key).get("concat"))
            address = parts[0] if len(parts) == 3 else None
            protocol, port = (
                (parse_protocol(parts[-2]), parse_port(parts[-1])) if len(parts) in (2, 3) else (None, None)
            )
            target = verdict(result)
            wrong = target is None and "drop" not in as_dict(result)
            if address is not None:
                address = parse_address(address) if isinstance(address, str) else None
                wrong = wrong or address is None
            if protocol is None or port is None or wrong:
                self._note("map", name, json.dumps(pair), "It is no address, protocol and port with a verdict.")
                continue
            comment = comment if isinstance(comment, str) else ""
            shown = "%s%s : %s" % (
                " . ".join(str(part) for part in parts),
                ' comment "%s"' % comment if comment else "",
                "goto " + target if target else "drop",
            )
            yield (address, port, protocol), target, comment, cut(shown)

    def _source_ranges(self, chain: str) -> List[str]:
        ranges: List[str] = []
        for rule in self.table.rules.get(chain, ()):
            for field, operator, right in map(matches, expressions(rule)):
                if field != "saddr" or operator != "!=":
                    continue
                ranges.extend(_prefix(member) for member in as_list(as_dict(right).get("set")) or [right])
        return sorted(ranges)

    def node_port_addresses(self) -> List[str]:
        """Return at which addresses NodePorts are answered."""
        found: Set[str] = set()
        for rule in self.table.rules.get("services", ()):
            parts = expressions(rule)
            if not any(as_dict(one.get("vmap")).get("data") == "@service-nodeports" for one in parts):
                continue
            for field, operator, right in map(matches, parts):
                if field == "daddr" and operator == "==" and isinstance(right, str) and right.startswith("@"):
                    found.update(self._set(right[1:]))
                elif field == "fib daddr" and right == "local":
                    found.add("::/0" if self.family == "ip6" else "0.0.0.0/0")
        return sorted(found)

    # -- where a chain leads ----------------------------------------------------------------------------

    def _destination(self, chain: str) -> Destination:
        if chain not in self._destinations:
            self._destinations[chain] = NOWHERE  # a chain that leads to itself leads nowhere
            follow = self._follow_outside if chain.startswith("external-") else self._follow
            self._destinations[chain] = follow(chain)
        return self._destinations[chain]

    def _follow_outside(self, chain: str) -> Destination:
        unread = chain not in self.table.rules
        for rule in self.table.rules.get(chain, ()):
            parts = expressions(rule)
            targets = [target for target in map(verdict, parts) if target is not None]
            if _marks(parts, targets):
                continue
            if len(targets) != 1 or not targets[0].startswith(_SERVICE_CHAINS):
                self._note("chain", chain, rule_text(rule), "It does not lead to a Service.")
                unread = True
            elif len(parts) == 1:
                return self._destination(targets[0])
            elif {matches(one)[0] for one in parts if "match" in one} - {"saddr", "fib saddr", "iifname"}:
                self._note("chain", chain, rule_text(rule), "Its conditions are not those of a Service.")
                unread = True
        return Destination([], None, "local", [], UNKNOWN if unread else NONE)

    def _follow(self, chain: str) -> Destination:
        backends: List[Backend] = []
        affinity: Optional[Affinity] = None
        unread = chain not in self.table.rules
        for rule in self.table.rules.get(chain, ()):
            parts = expressions(rule)
            targets = [target for target in map(verdict, parts) if target is not None]
            if _marks(parts, targets):
                continue
            sticky = [str(right) for field, _op, right in map(matches, parts) if field == "saddr"]
            if len(targets) == 1 and len(sticky) == 1 and sticky[0].startswith("@affinity-"):
                timeout = self.table.sets.get(sticky[0][1:], {}).get("timeout")
                affinity = {"type": "ClientIP", "timeout": timeout if isinstance(timeout, int) else None}
                continue
            ends = self._shared_out(parts)
            if ends is None:
                self._note("chain", chain, rule_text(rule), "It does not share out to backends.")
                unread = True
                continue
            for end, share in ends:
                if end is None:
                    self._note("chain", chain, rule_text(rule), "Not all its chains send packets to one address.")
                    unread = True
                else:
                    backends.append({"address": end[0], "port": end[1], "weight": share})
        policy = "local" if chain.startswith("local-") else "cluster"
        action = FORWARD if backends else UNKNOWN if unread else NONE
        return Destination(merge_backends(backends), affinity, policy, [], action)

    def _shared_out(self, parts: List[Json]) -> Optional[List[Tuple[Optional[End], float]]]:
        """Return the backends that a rule shares out to, by a chain for each or at once; None when it does neither."""
        shares = numgen_shares(parts[0].get("vmap")) if len(parts) == 1 else None
        if shares is not None:
            return [(self._endpoint(verdict(result) or ""), share) for result, share in shares[1]]
        translated = [as_dict(one["dnat"]) for one in parts if "dnat" in one]
        others = [one for one in parts if "dnat" not in one and matches(one)[:2] != ("l4proto", "==")]
        if len(translated) != 1 or others:
            return None
        shares = numgen_shares(as_dict(translated[0].get("addr")).get("map"))
        return None if shares is None else [(_end(result), share) for result, share in shares[1]]

    def _endpoint(self, chain: str) -> Optional[End]:
        for rule in self.table.rules.get(chain, ()):
            for one in expressions(rule):
                dnat = as_dict(one.get("dnat"))
                address = dnat.get("addr")
                parsed = parse_address(address) if isinstance(address, str) else None
                if parsed is not None:
                    return parsed, parse_port(dnat.get("port"))
        return None


def _marks(parts: List[Json], targets: List[str]) -> bool:
    """Tell whether a rule only marks packets, whose source is then translated: by a chain or in place."""
    if targets:
        return targets == [_MASQUERADE]
    keys = [as_dict(as_dict(as_dict(one.get("mangle")).get("key")).get("meta")).get("key") for one in parts]
    return "mark" in keys and all("match" in one or key == "mark" for one, key in zip(parts, keys))


def _end(value: Any) -> Optional[End]:
    """Return address and port of ``10.244.0.2 . 80``, None when they are none."""
    parts = as_list(as_dict(value).get("concat"))
    if len(parts) != 2 or not isinstance(parts[0], str):
        return None
    address, port = parse_address(parts[0]), parse_port(parts[1])
    return (address, port) if address is not None and port is not None else None


def _prefix(value: Any) -> str:
    """Return a prefix, also of a lone address, as iptables writes it; what is neither as its JSON."""
    prefix = as_dict(as_dict(value).get("prefix"))
    if isinstance(prefix.get("addr"), str) and isinstance(prefix.get("len"), int):
        return "%s/%d" % (prefix["addr"], prefix["len"])
    if isinstance(value, str):
        return "%s/%d" % (value, 128 if ":" in value else 32)
    return cut(json.dumps(value))


def _named(chain: str) -> ServiceName:
    match = _CHAIN.match(chain)
    if match is None:
        return UNNAMED
    return ServiceName(match.group(1), match.group(2), match.group(3) or None)
