# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules of nftables, from the output of ``nft -j list table FAMILY NAME`` (libnftables-json(5)).

As nft(8) writes them::

    chain forward { type filter hook forward priority filter; policy drop;
        ct state vmap { established : accept, related : accept, invalid : drop }
        iifname "cni0" ip saddr 10.244.0.0/16 accept
        meta mark & 0x4000 == 0x4000 accept }
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Optional, Tuple

from .commands import as_dict, as_list, nft_items
from .rules import (
    ACCEPT,
    CONTINUE,
    DROP,
    GOTO,
    JUMP,
    MASQUERADE,
    OTHER,
    REJECT,
    RETURN,
    SNAT,
    UNKNOWN,
    Chain,
    Match,
    Rule,
    match,
    rule,
)
from .saved import TARGETS

_ENDING = (ACCEPT, DROP, REJECT, RETURN, MASQUERADE, SNAT)
_SILENT = (
    "comment",
    "continue",
    "counter",
    "ct helper",
    "ct timeout",
    "flow",
    "last",
    "log",
    "mangle",
    "notrack",
    "set",
)
"""Statements that neither ask for anything nor end anything."""
_META = {"iif": "iif", "iifname": "iif", "oif": "oif", "oifname": "oif", "l4proto": "protocol", "mark": "mark"}
_FAMILIES = {"ip": "inet", "ip6": "inet6", "ipv4": "inet", "ipv6": "inet6"}
_PROTOCOL_FIELDS = {("ip", "protocol"), ("ip6", "nexthdr")}
_FIB = {"saddr": "source_type", "daddr": "destination_type"}
_WORDS = {"iif": "iifname", "oif": "oifname", "ct_state": "ct state", "ct_status": "ct status", "mark": "meta mark"}


def parse_table(text: str) -> Dict[str, Chain]:
    """Return the chains of one table; raise ValueError."""
    chains: Dict[str, Chain] = {}
    items = nft_items(text)
    for item in items:
        chain = as_dict(item.get("chain"))
        if chain:
            name = str(chain.get("name"))
            chains[name] = {
                "name": name,
                "type": _text(chain.get("type")),
                "hook": _text(chain.get("hook")),
                "policy": _text(chain.get("policy")),
                "rules": [],
            }
    for item in items:
        entry = as_dict(item.get("rule"))
        if entry and str(entry.get("chain")) in chains:
            chains[str(entry["chain"])]["rules"].extend(_rules(as_list(entry.get("expr")), entry.get("handle")))
    return chains


def is_of_iptables(text: str) -> bool:
    """Tell whether a table has rules that only iptables-nft can read; raise ValueError."""
    return any(
        as_dict(as_dict(expression).get("xt")).get("name") not in (None, "comment")
        for item in nft_items(text)
        for expression in as_list(as_dict(item.get("rule")).get("expr"))
    )


def _text(value: Any) -> Optional[str]:
    return value if isinstance(value, str) else None


def _rules(expressions: List[Any], handle: Any) -> Iterator[Rule]:
    """Yield what one rule comes to: one rule, or one for each element of its verdict map."""
    matches: List[Match] = []
    for expression in map(as_dict, expressions):
        name = next(iter(expression), "")
        content = expression.get(name)
        if name == "match":
            matches.extend(_match(as_dict(content)))
        elif name in _ENDING or name in (JUMP, GOTO):
            yield _named(handle, matches, name, content)
            return
        elif name == "vmap":
            yield from _mapped(handle, matches, as_dict(content))
        elif name == "xt":
            kind, extension = as_dict(content).get("type"), as_dict(content).get("name")
            if kind == "target" and TARGETS.get(str(extension)) != CONTINUE:
                yield rule(_shown(matches, str(extension), handle), TARGETS.get(str(extension), UNKNOWN), matches)
                return
            if kind != "target" and extension != "comment":
                matches.append(match(OTHER, ["xt"]))
        elif name in ("limit", "quota", "meter", "connlimit"):
            matches.append(match(OTHER, [name]))
        elif name not in _SILENT:
            yield rule(_shown(matches, name, handle), UNKNOWN, matches)
            return


def _named(handle: Any, matches: List[Match], name: str, content: Any) -> Rule:
    target = _text(as_dict(content).get("target")) if name in (JUMP, GOTO) else None
    words = name if target is None else "%s %s" % (name, target)
    return rule(_shown(matches, words, handle), name, list(matches), target)


def _mapped(handle: Any, matches: List[Match], content: Dict[str, Any]) -> Iterator[Rule]:
    """Yield a rule for each element of an anonymous verdict map; what a named one says is not looked up."""
    elements = as_dict(content.get("data")).get("set")
    if not isinstance(elements, list):
        yield rule(_shown(matches, "vmap", handle), UNKNOWN, list(matches))
        return
    for element in elements:
        key, verdict = element if isinstance(element, list) and len(element) == 2 else (None, None)
        found = _match({"op": "==", "left": content.get("key"), "right": key})
        name = next(iter(as_dict(verdict)), "")
        if name in _ENDING or name in (JUMP, GOTO):
            yield _named(handle, [*matches, *found], name, as_dict(verdict)[name])
        elif name != "continue":
            yield rule(_shown(matches, "vmap", handle), UNKNOWN, [*matches, *found])


def _match(content: Dict[str, Any]) -> List[Match]:
    """Return the conditions that one match comes to: what a header's field asks for, its protocol does as well."""
    implied, key = _key(content.get("left"))
    operator = content.get("op")
    values = _values(content.get("right"))
    if key == OTHER or values is None or operator not in ("==", "!=", "in"):
        return [*implied, match(OTHER, [_left(content.get("left"))])]
    if key == "family":
        values = [_FAMILIES.get(one, one) for one in values]
    if key == "mark":
        mask = as_list(as_dict(content.get("left")).get("&"))
        values = ["%s/%s" % (one, mask[1]) if mask else one for one in values]
    return [*implied, match(key, values, operator == "!=")]


def _key(left: Any) -> Tuple[List[Match], str]:
    """Return what the left side of a match is, and what it implies."""
    side = as_dict(left)
    masked = as_list(side.get("&"))
    if masked:
        is_mark = as_dict(as_dict(masked[0]).get("meta")).get("key") == "mark" and len(masked) == 2
        return [], "mark" if is_mark and isinstance(masked[1], int) else OTHER
    meta = as_dict(side.get("meta")).get("key")
    if meta is not None:
        return [], "family" if meta == "nfproto" else _META.get(str(meta), OTHER)
    tracked = as_dict(side.get("ct"))
    if tracked.get("key") in ("state", "status") and "dir" not in tracked:
        return [], "ct_%s" % tracked["key"]
    fib = as_dict(side.get("fib"))
    if fib.get("result") == "type" and len(as_list(fib.get("flags"))) == 1:
        return [], _FIB.get(str(as_list(fib.get("flags"))[0]), OTHER)
    payload = as_dict(side.get("payload"))
    protocol, field = str(payload.get("protocol")), str(payload.get("field"))
    if protocol in ("ip", "ip6"):
        family = [match("family", [_FAMILIES[protocol]])]
        if (protocol, field) in _PROTOCOL_FIELDS:
            return family, "protocol"
        return family, field if field in ("saddr", "daddr") else OTHER
    if protocol in ("tcp", "udp", "udplite", "sctp", "dccp", "icmp", "icmpv6"):
        return [match("protocol", [protocol])], field if field in ("sport", "dport") else OTHER
    return [], field if protocol == "th" and field in ("sport", "dport") else OTHER


def _values(right: Any) -> Optional[List[str]]:
    """Return the values on the right side of a match, None when one of them is not understood."""
    members = as_dict(right).get("set", right)
    found: List[str] = []
    for member in members if isinstance(members, list) else [members]:
        prefix, bounds = as_dict(as_dict(member).get("prefix")), as_list(as_dict(member).get("range"))
        element = as_dict(as_dict(member).get("elem"))
        if element:
            inner = _values(element.get("val"))
            if inner is None:
                return None
            found.extend(inner)
        elif isinstance(prefix.get("addr"), str) and isinstance(prefix.get("len"), int):
            found.append("%s/%d" % (prefix["addr"], prefix["len"]))
        elif len(bounds) == 2 and all(isinstance(one, (str, int)) and one != "" for one in bounds):
            found.append("%s-%s" % (bounds[0], bounds[1]))
        elif isinstance(member, (str, int)) and not isinstance(member, bool) and str(member)[:1] not in ("", "@"):
            found.append(str(member))
        else:
            return None
    return found


def _left(left: Any) -> str:
    return next(iter(as_dict(left)), OTHER)


def _shown(matches: List[Match], verdict: str, handle: Any) -> str:
    """Return a rule in words near to those of nft, with the number by which ``nft -a`` shows it."""
    words = [
        "%s %s%s"
        % (
            _WORDS.get(one["key"], one["key"]),
            "!= " if one["negated"] else "",
            one["one_of"][0] if len(one["one_of"]) == 1 else "{ %s }" % ", ".join(one["one_of"]),
        )
        for one in matches
        if one["key"] != "family"
    ]
    return " ".join([*words, verdict, "(handle %s)" % handle])
