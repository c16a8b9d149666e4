# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of nftables, from ``nft -j list ruleset`` to what they do with a packet (libnftables-json(5), nft(8)).

A rule becomes functions once, and these are asked for each packet. What is not understood raises UnknownError when a
packet comes to it, and only then: a rule that is not for the packet needs not be understood.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ..text.escape import shell_word
from .node import Namespace
from .records import PROTOCOLS, Packet
from .routing import Flow, UnknownError, look_up

Value = int | str | frozenset[str] | tuple[Any, ...]


class NoMatchError(Exception):
    """The packet has not what a rule looks at (NFT_BREAK): the rule is not for it."""


@dataclass(slots=True)
class Context:
    """A packet at a hook, and what rules change of it."""

    namespace: Namespace
    packet: Packet
    mark: int
    iif: str
    """Empty for what the namespace sends itself."""
    oif: str
    """Empty where that is not decided yet."""
    state: str
    """Of connection tracking: ``new``, ``established``, ``invalid`` or ``untracked``."""
    status: frozenset[str]
    ct_mark: int
    reply: bool
    original: Packet | None
    """The first packet of the connection before anything was translated."""
    choose: Callable[[int, str], int]
    """Chooses one of so many possibilities, by what name."""
    mac: str | None = None
    """Whom the frame is for, where chains look at frames."""
    bridge: str = ""
    """The bridge whose chains look at it."""
    pkttype: str = "host"
    untrack: bool = False
    told: list[str] = field(default_factory=list)
    """What rules did to it, in words."""


class Verdict(NamedTuple):
    """What ends a packet's way through a chain."""

    kind: str
    """``accept``, ``drop``, ``reject``, ``return``, ``jump``, ``goto``, ``dnat``, ``snat``, ``masquerade``,
    ``redirect`` or ``continue``."""
    target: str = ""
    address: int | None = None
    port: int | None = None
    random: bool = False
    """Whether the port is chosen by chance."""


Read = Callable[[Context], Value]
Test = Callable[[Value], bool]
Act = Callable[[Context], Verdict | None]


class Chain(NamedTuple):
    """A chain with its rules as they are written; they are understood when a packet comes."""

    family: str
    table: str
    name: str
    kind: str | None
    hook: str | None
    priority: int
    policy: str
    device: str | None
    rules: list[dict[str, Any]]


class Table:
    """A table: its chains by name, and its sets and maps."""

    def __init__(self, family: str, name: str) -> None:
        """Begin with nothing in it."""
        self.family = family
        self.name = name
        self.chains: dict[str, Chain] = {}
        self.sets: dict[str, dict[str, Any]] = {}
        self.flags: set[str] = set()
        self._ready: dict[str, list[tuple[Act, str]]] = {}
        self._looked: dict[tuple[str, str], Lookup] = {}

    @property
    def title(self) -> str:
        """What the table is called."""
        return f"{self.family} {self.name}"

    def shown(self, chain: str) -> str:
        """Return the command that shows a chain, its rules numbered."""
        return f"nft -a list chain {self.family} {shell_word(self.name)} {shell_word(chain)}"

    def rules(self, chain: str) -> list[tuple[Act, str]]:
        """Return the rules of a chain that do something, each with the number by which ``nft -a`` shows it."""
        ready = self._ready.get(chain)
        if ready is None:
            ready = []
            for rule in self.chains[chain].rules:
                act = _rule(self, [one for one in rule.get("expr", []) if isinstance(one, dict)])
                if act is not None:
                    ready.append((act, str(rule.get("handle"))))
            self._ready[chain] = ready
        return ready

    def lookup(self, name: str, kind: str) -> Lookup:
        """Return what a named set or map holds, read as values of *kind*."""
        key = (name, kind)
        if key not in self._looked:
            found = self.sets.get(name)
            if found is None:
                raise UnknownError(f"the set {name} of the table {self.name} is not in its listing")
            self._looked[key] = Lookup(self, found.get("elem") or [], kind)
        return self._looked[key]


def read_ruleset(text: str) -> list[Table]:
    """Return the tables in the output of ``nft -j list ruleset``; raise UnknownError when it is none."""
    try:
        tables = _tables(json.loads(text)["nftables"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UnknownError("the output of nft -j list ruleset is not what nft writes") from None
    return [table for table in tables.values() if "dormant" not in table.flags]


def _tables(items: list[Any]) -> dict[tuple[str, str], Table]:
    tables: dict[tuple[str, str], Table] = {}
    for item in items:
        kind, content = _only(item)
        if kind == "table":
            table = tables[content["family"], content["name"]] = Table(content["family"], content["name"])
            flags = content.get("flags", [])
            table.flags = {flags} if isinstance(flags, str) else set(flags)
        elif kind in ("chain", "rule", "set", "map"):
            table = tables[content["family"], content["table"]]
            if kind == "chain":
                table.chains[content["name"]] = Chain(
                    table.family, table.name, content["name"], content.get("type"), content.get("hook"),
                    content.get("prio", 0), content.get("policy", "accept"), _device(content), [],
                )  # fmt: skip
            elif kind == "rule":
                table.chains[content["chain"]].rules.append(content)
            else:
                table.sets[content["name"]] = content
    return tables


def _only(item: Any) -> tuple[str, dict[str, Any]]:
    """Return the one key of an object of the listing, and what it holds."""
    kind, content = next(iter(item.items()), ("", {})) if isinstance(item, dict) else ("", {})
    return str(kind), content if isinstance(content, dict) else {}


def _device(content: dict[str, Any]) -> str | None:
    device = content.get("dev")
    return ",".join(map(str, device)) if isinstance(device, list) else device


# ------------------------------------------------------------------ values

_NFPROTO = {"ipv4": 2, "ipv6": 10, "ip": 2, "ip6": 10}
_ETHERTYPE = {"ip": 0x0800, "ip6": 0x86DD, "arp": 0x0806, "vlan": 0x8100}
_ICMP = {"echo-reply": 0, "destination-unreachable": 3, "redirect": 5, "echo-request": 8, "time-exceeded": 11}
_ICMPV6 = {
    "destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "echo-request": 128, "echo-reply": 129,
    "nd-router-solicit": 133, "nd-router-advert": 134, "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136,
}  # fmt: skip
_FLAGS = {"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ecn": 64, "cwr": 128}
_MORE_PROTOCOLS = {**PROTOCOLS, "ipv6-icmp": 58, "esp": 50, "ah": 51, "udplite": 136, "dccp": 33, "gre": 47, "igmp": 2}
_NAMES: dict[str, dict[str, int]] = {
    "protocol": _MORE_PROTOCOLS,
    "nfproto": _NFPROTO,
    "ethertype": _ETHERTYPE,
    "icmp": _ICMP,
    "icmpv6": _ICMPV6,
    "flags": _FLAGS,
}
_SETS = ("state", "status")
"""Kinds whose values are sets of names: they fit when they have one in common."""


def _constant(value: Any, kind: str) -> Value:
    """Return a constant of nft's JSON as a value of *kind*; raise UnknownError."""
    if isinstance(value, bool):
        return int(value)
    if kind in _SETS or kind in ("name", "fibtype"):
        return str(value)
    if isinstance(value, int):
        return value
    if isinstance(value, list) and kind == "flags":
        return sum(_FLAGS.get(str(one), 0) for one in value)
    if isinstance(value, dict) and "|" in value:
        numbers = [_constant(one, kind) for one in value["|"]]
        return numbers[0] | numbers[1] if all(isinstance(one, int) for one in numbers) else 0  # type: ignore[operator]
    if isinstance(value, str):
        if kind == "address":
            try:
                return int(ipaddress.ip_address(value))
            except ValueError:
                raise UnknownError(f"the address {value} of a rule is not understood") from None
        if value in _NAMES.get(kind, {}):
            return _NAMES[kind][value]
        if value.isdigit():
            return int(value)
    raise UnknownError(f"the value {_short(value)} of a rule is not understood")


def _test(table: Table, value: Any, kind: str) -> Test:
    """Return the test whether a value of *kind* is what the right side of a match says."""
    if isinstance(value, str) and value.startswith("@"):
        looked = table.lookup(value[1:], kind)
        return lambda found: looked.get(found) is not None
    if isinstance(value, dict):
        if "set" in value:
            members = value["set"] if isinstance(value["set"], list) else [value["set"]]
            looked = Lookup(table, members, kind)
            return lambda found: looked.get(found) is not None
        if "elem" in value:
            return _test(table, value["elem"]["val"], kind)
        if "prefix" in value:
            first, last = _bounds(value["prefix"])
            return lambda found: _within(found, first, last)
        if "range" in value:
            low, high = (_constant(one, kind) for one in value["range"])
            if isinstance(low, int) and isinstance(high, int):
                return lambda found: _within(found, low, high)
            raise UnknownError(f"the range {_short(value)} of a rule is not understood")
        if "concat" in value:
            tests = [_test(table, one, part) for one, part in zip(value["concat"], kind.split("."), strict=True)]
            return lambda found: (
                isinstance(found, tuple) and all(test(part) for test, part in zip(tests, found, strict=True))
            )
    wanted = _constant(value, kind)
    if kind in _SETS:
        return lambda found: wanted in found if isinstance(found, frozenset) else False
    if kind == "name" and isinstance(wanted, str) and wanted.endswith("*"):
        start = wanted[:-1]
        return lambda found: isinstance(found, str) and found.startswith(start)
    return lambda found: found == wanted


CHECKSUM = -1
"""What stands where other protocols have a port: the checksum of ICMP. It is taken for no port that a rule names."""


def _within(found: Value, first: int, last: int) -> bool:
    if found == CHECKSUM:
        raise UnknownError("a rule asks for a range of ports, and the packet has a checksum in their place")
    return isinstance(found, int) and first <= found <= last


def _bounds(prefix: dict[str, Any]) -> tuple[int, int]:
    network = ipaddress.ip_network(f"{prefix['addr']}/{prefix['len']}", strict=False)
    return int(network.network_address), int(network.broadcast_address)


class Lookup:
    """What a set or a map holds: exact keys for a quick look, and those that must be tried one by one."""

    def __init__(self, table: Table, elements: list[Any], kind: str) -> None:
        """Read *elements* as nft's JSON has them, keys of *kind*; raise UnknownError."""
        self._exact: dict[Any, Any] = {}
        self._tried: list[tuple[Test, Any]] = []
        for element in elements:
            key, data = element if isinstance(element, list) and len(element) == 2 else (element, True)
            if isinstance(key, dict) and "elem" in key:
                key = key["elem"]["val"]
            parts = key["concat"] if isinstance(key, dict) and "concat" in key else [key]
            kinds = kind.split(".")
            plain = all(not isinstance(part, (dict, list)) for part in parts) and not set(kinds) & {*_SETS, "name"}
            if plain and len(parts) == len(kinds):
                values = tuple(_constant(part, one) for part, one in zip(parts, kinds, strict=True))
                self._exact[values if len(values) > 1 else values[0]] = data
            else:
                self._tried.append((_test(table, key, kind), data))

    def get(self, value: Value) -> Any:
        """Return what the map has for *value*, True for a member of a set, None when there is nothing."""
        if isinstance(value, frozenset):
            return next((data for test, data in self._tried if test(value)), None)
        if value in self._exact:
            return self._exact[value]
        return next((data for test, data in self._tried if test(value)), None)


# ------------------------------------------------------------- expressions


def _expression(table: Table, expression: Any) -> tuple[Read, str]:
    """Return how to read the left side of a match, and of what kind its values are; raise UnknownError."""
    if not isinstance(expression, dict):
        constant = _constant(expression, "number")
        return (lambda _context: constant), "number"
    name, content = next(iter(expression.items()))
    if name in _READERS:
        return _READERS[name](table, content)
    if name in ("&", "|", "^", "<<", ">>"):
        left, kind = _expression(table, content[0])
        right = _constant(content[1], kind) if not isinstance(content[1], dict) or "|" in content[1] else None
        if right is None:
            other, _kind = _expression(table, content[1])
            return (lambda context: _combined(name, left(context), other(context))), kind
        return (lambda context: _combined(name, left(context), right)), kind
    raise UnknownError(f"the expression {_short(expression)} is not understood")


def _combined(operator: str, left: Value, right: Value) -> Value:
    if not isinstance(left, int) or not isinstance(right, int):
        raise UnknownError(f"the operator {operator} of a rule is used on what is no number")
    results = {"&": left & right, "|": left | right, "^": left ^ right}
    if operator in results:
        return results[operator]
    return (left << right) & 0xFFFFFFFF if operator == "<<" else left >> right


def _meta(_table: Table, content: dict[str, Any]) -> tuple[Read, str]:
    key = str(content.get("key"))
    found = META.get(key)
    if found is None:
        raise UnknownError(f"the expression meta {key} is not understood")
    return found


META: dict[str, tuple[Read, str]] = {
    "iif": (lambda context: context.iif, "name"),
    "iifname": (lambda context: context.iif, "name"),
    "oif": (lambda context: context.oif, "name"),
    "oifname": (lambda context: context.oif, "name"),
    "l4proto": (lambda context: context.packet.protocol, "protocol"),
    "nfproto": (lambda context: 2 if context.packet.family == "inet" else 10, "nfproto"),
    "protocol": (lambda context: 0x0800 if context.packet.family == "inet" else 0x86DD, "ethertype"),
    "mark": (lambda context: context.mark, "number"),
    "length": (lambda context: context.packet.size, "number"),
    "pkttype": (lambda context: context.pkttype, "name"),
    "ibrname": (lambda context: context.bridge if context.iif else "", "name"),
    "obrname": (lambda context: context.bridge if context.oif else "", "name"),
}


def _ct(_table: Table, content: dict[str, Any]) -> tuple[Read, str]:
    key, direction = str(content.get("key")), content.get("dir")
    if direction is None and key in _CT:
        return _CT[key]
    if direction == "original" and key in _ORIGINAL:
        attribute, kind = _ORIGINAL[key]

        def read(context: Context) -> Value:
            value = getattr(context.original, attribute, None)
            if value is None:
                raise NoMatchError
            return int(value)

        return read, kind
    raise UnknownError(f"the expression ct {f'{direction} ' if direction else ''}{key} is not understood")


NOT_TRACKED = "?"
"""The state of a connection where chains look at frames: whether that is tracked is not computed."""


def _tracked(context: Context) -> str:
    if context.state == NOT_TRACKED:
        raise UnknownError("the state of connections is not computed for rules that look at frames")
    return context.state


_CT: dict[str, tuple[Read, str]] = {
    "state": (lambda context: frozenset((_tracked(context),)), "state"),
    "status": (lambda context: context.status, "status"),
    "mark": (lambda context: context.ct_mark, "number"),
    "direction": (lambda context: "reply" if context.reply else "original", "fibtype"),
}
_ORIGINAL = {
    "saddr": ("src", "address"), "daddr": ("dst", "address"), "ip saddr": ("src", "address"),
    "ip daddr": ("dst", "address"), "ip6 saddr": ("src", "address"), "ip6 daddr": ("dst", "address"),
    "proto-src": ("sport", "number"), "proto-dst": ("dport", "number"), "protocol": ("protocol", "protocol"),
}  # fmt: skip


def _payload(_table: Table, content: dict[str, Any]) -> tuple[Read, str]:
    protocol, name = str(content.get("protocol")), str(content.get("field"))
    found = PAYLOAD.get((protocol, name))
    if found is None:
        raise UnknownError(f"the expression {protocol} {name} is not understood")
    attribute, kind = found

    def read(context: Context) -> Value:
        packet = context.packet
        if not _FITS[protocol](packet):
            raise NoMatchError
        if attribute == "flags":
            return 18 if packet.ack else 2
        if attribute == "ethertype":
            return 0x0800 if packet.family == "inet" else 0x86DD
        if protocol == "th" and packet.protocol in (1, 58):
            return CHECKSUM if attribute == "dport" else (packet.icmp_type or 0) << 8
        if attribute == "mac":
            if context.mac is None:
                raise UnknownError("whom the frame is for is not known")
            return context.mac
        value = getattr(packet, attribute)
        if value is None:
            raise UnknownError(f"{protocol} {name} is a number that nobody can tell beforehand")
        return int(value)

    return read, kind


_FITS: dict[str, Callable[[Packet], bool]] = {
    "ip": lambda packet: packet.family == "inet",
    "ip6": lambda packet: packet.family == "inet6",
    "tcp": lambda packet: packet.protocol == 6,
    "udp": lambda packet: packet.protocol == 17,
    "sctp": lambda packet: packet.protocol == 132,
    "th": lambda packet: packet.protocol in (1, 6, 17, 58, 132, 136),
    "icmp": lambda packet: packet.protocol == 1,
    "icmpv6": lambda packet: packet.protocol == 58,
    "ether": lambda _packet: True,
}
PAYLOAD = {
    **{(family, "saddr"): ("src", "address") for family in ("ip", "ip6")},
    **{(family, "daddr"): ("dst", "address") for family in ("ip", "ip6")},
    **{(family, "length"): ("size", "number") for family in ("ip",)},
    ("ip", "protocol"): ("protocol", "protocol"),
    ("ip6", "nexthdr"): ("protocol", "protocol"),
    **{(one, "sport"): ("sport", "number") for one in ("tcp", "udp", "sctp", "th")},
    **{(one, "dport"): ("dport", "number") for one in ("tcp", "udp", "sctp", "th")},
    ("tcp", "flags"): ("flags", "flags"),
    ("ether", "type"): ("ethertype", "ethertype"),
    ("ether", "daddr"): ("mac", "name"),
    ("icmp", "type"): ("icmp_type", "icmp"),
    ("icmpv6", "type"): ("icmp_type", "icmpv6"),
}


def _fib(_table: Table, content: dict[str, Any]) -> tuple[Read, str]:
    flags = content.get("flags", [])
    flags = [flags] if isinstance(flags, str) else list(flags)
    if content.get("result") != "type" or len(flags) != 1 or flags[0] not in ("saddr", "daddr"):
        raise UnknownError(f"the expression {_short({'fib': content})} is not understood")

    def read(context: Context) -> Value:
        packet = context.packet
        number = packet.src if flags[0] == "saddr" else packet.dst
        return address_type(context.namespace, packet.family, number)

    return read, "fibtype"


def address_type(namespace: Namespace, family: str, number: int) -> str:
    """Return what kind of address it is in a namespace (inet_dev_addr_type()): ``local``, ``unicast`` and so on."""
    if family == "inet":
        if number == 0xFFFFFFFF:
            return "broadcast"
        if number >> 28 == 0xE:
            return "multicast"
        table = (namespace.tables or {}).get(("inet", "local"))
        if table is None:
            raise UnknownError("the local routes were not read there: inspect with podnet_diagnose=true")
        for length, same in table.items():
            for route in same.get(number >> (32 - length), ()):
                return route.kind
        return "unicast"
    found = look_up(namespace, Flow(family, None, number, 0, "lo", None, None, None, None))
    return found.route.kind if found.route is not None else "unicast"


def _numgen(_table: Table, content: dict[str, Any]) -> tuple[Read, str]:
    modulus, offset = int(content.get("mod", 1)), int(content.get("offset", 0))
    return (lambda context: context.choose(modulus, "a number by chance") + offset), "number"


def _hash(_table: Table, content: dict[str, Any]) -> tuple[Read, str]:
    return _numgen(_table, content)


def _concat(table: Table, content: list[Any]) -> tuple[Read, str]:
    parts = [_expression(table, one) for one in content]
    reads = [read for read, _kind in parts]
    return (lambda context: tuple(read(context) for read in reads)), ".".join(kind for _read, kind in parts)


def _map(table: Table, content: dict[str, Any]) -> tuple[Read, str]:
    """Return how to look a value up; what it gives is translated where it is used."""
    read, looked = _looking(table, content)

    def value(context: Context) -> Value:
        found = looked.get(read(context))
        if found is None:
            raise NoMatchError
        if isinstance(found, dict) and "concat" in found:
            return tuple(found["concat"])
        if isinstance(found, (int, str)):
            return found
        raise UnknownError(f"the value {_short(found)} of a map is not understood")

    return value, "mapped"


def _looking(table: Table, content: dict[str, Any]) -> tuple[Read, Lookup]:
    read, kind = _expression(table, content.get("key"))
    data = content.get("data")
    if isinstance(data, str) and data.startswith("@"):
        return read, table.lookup(data[1:], kind)
    if isinstance(data, dict) and isinstance(data.get("set"), list):
        return read, Lookup(table, data["set"], kind)
    raise UnknownError(f"the map {_short(data)} is not understood")


_READERS: dict[str, Callable[[Table, Any], tuple[Read, str]]] = {
    "meta": _meta,
    "ct": _ct,
    "payload": _payload,
    "fib": _fib,
    "numgen": _numgen,
    "jhash": _hash,
    "symhash": _hash,
    "concat": _concat,
    "map": _map,
}


# -------------------------------------------------------------- statements

SILENT = (
    "comment",
    "counter",
    "log",
    "limit",
    "quota",
    "last",
    "ct helper",
    "ct timeout",
    "ct expectation",
    "set",
    "flow",
)
"""Statements that neither end a packet's way nor change it; a limit is one that may keep a rule from being used."""
_MAY_NOT_MATCH = ("limit", "quota")
_PLAIN = ("accept", "drop", "return", "continue")


def _rule(table: Table, expressions: list[dict[str, Any]]) -> Act | None:
    """Return what a rule does with a packet; None for one that neither ends its way nor changes it."""
    names = [next(iter(one), "") for one in expressions]
    if all(name == "match" or name in SILENT for name in names):
        return None
    try:
        parts = [_statement(table, name, one[name]) for name, one in zip(names, expressions, strict=True)]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return _raising(f"a rule has a form that is not understood: {_short(expressions)}")
    acts = [part for part in parts if part is not None]

    def act(context: Context) -> Verdict | None:
        doubt: UnknownError | None = None
        for one in acts:
            try:
                verdict = one(context)
            except NoMatchError:
                return None
            except UnknownError as problem:
                if not getattr(one, "only_asks", False):
                    raise doubt or problem from None
                # Another condition may still show that the rule is not for this packet.
                doubt = doubt or problem
                continue
            if verdict is not None:
                if doubt is not None:
                    raise doubt
                return verdict
            if doubt is not None and not getattr(one, "only_asks", False):
                raise doubt
        return None

    return act


class _Condition:
    """A match: it raises NoMatchError, or UnknownError, and changes nothing."""

    only_asks = True

    def __init__(self, table: Table, content: dict[str, Any]) -> None:
        operator, right = content.get("op"), content.get("right")
        self._problem: UnknownError | None = None
        try:
            self._read, kind = _expression(table, content.get("left"))
            self._negated = operator == "!="
            if operator in ("<", ">", "<=", ">="):
                bound = _constant(right, kind)
                self._test: Test = lambda found: _compared(operator, found, bound)
            elif operator in ("==", "!=", "in"):
                self._test = _matching(table, right, kind, operator)
            else:
                raise UnknownError(f"the operator {operator} of a rule is not understood")
        except UnknownError as problem:
            self._problem = problem

    def __call__(self, context: Context) -> Verdict | None:
        if self._problem is not None:
            raise self._problem
        if self._test(self._read(context)) == self._negated:
            raise NoMatchError
        return None


def _compared(operator: str, found: Value, bound: Value) -> bool:
    if not isinstance(found, int) or not isinstance(bound, int):
        raise UnknownError(f"the operator {operator} of a rule is used on what is no number")
    if found == CHECKSUM:
        raise UnknownError("a rule compares ports, and the packet has a checksum in their place")
    return {"<": found < bound, ">": found > bound, "<=": found <= bound, ">=": found >= bound}[operator]


def _matching(table: Table, right: Any, kind: str, operator: str) -> Test:
    if isinstance(right, list) and kind == "flags" and operator != "in":
        wanted = _constant(right, kind)
        return lambda found: found == wanted
    if isinstance(right, list):
        tests = [_test(table, one, kind) for one in right]
        return lambda found: any(test(found) for test in tests)
    if operator == "in" and kind == "flags":
        mask = _constant(right, kind)
        return lambda found: isinstance(found, int) and isinstance(mask, int) and bool(found & mask)
    return _test(table, right, kind)


def _raising(text: str) -> Act:
    def act(_context: Context) -> Verdict | None:
        raise UnknownError(text)

    return act


class _Doubt:
    """A condition that one packet does not tell; another one of the rule may still show that it is not for it."""

    only_asks = True

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, _context: Context) -> Verdict | None:
        raise UnknownError(self._text)


def _statement(table: Table, name: str, content: Any) -> Act | None:
    """Return what a statement does; None for one that does nothing."""
    if name == "match":
        return _Condition(table, content)
    if name in _MAY_NOT_MATCH:
        return _Doubt(f"a rule counts packets ({name}), which one packet does not tell")
    if name in SILENT:
        return None
    if name in _PLAIN:
        verdict = Verdict(name)
        return lambda _context: verdict
    if name in ("jump", "goto"):
        led = Verdict(name, str(content["target"]))
        return lambda _context: led
    if name == "reject":
        refused = Verdict("reject")
        return lambda _context: refused
    if name == "notrack":
        return untrack
    try:
        if name == "vmap":
            return _verdict_map(table, content)
        if name == "mangle":
            return _mangle(table, content)
        if name in ("dnat", "snat", "redirect", "masquerade"):
            return _translation(table, name, content if isinstance(content, dict) else {})
    except UnknownError as problem:
        return _raising(str(problem))
    return _raising(f"the statement {name} is not understood")


def untrack(context: Context) -> Verdict | None:
    """Let connection tracking leave the packet alone."""
    context.untrack = True
    context.state = "untracked"
    return None


def _verdict_map(table: Table, content: dict[str, Any]) -> Act:
    read, looked = _looking(table, content)

    def act(context: Context) -> Verdict | None:
        found = looked.get(read(context))
        if found is None:
            raise NoMatchError
        kind = next(iter(found), "") if isinstance(found, dict) else ""
        if kind in ("jump", "goto"):
            return Verdict(kind, str(found[kind]["target"]))
        if kind in _PLAIN:
            return Verdict(kind) if kind != "continue" else None
        raise UnknownError(f"the verdict {_short(found)} of a map is not understood")

    return act


def _mangle(table: Table, content: dict[str, Any]) -> Act:
    key, value = content["key"], content["value"]
    if isinstance(value, str):
        read: Read = lambda _context: value  # noqa: E731
    else:
        read, _kind = _expression(table, value)
    if key == {"meta": {"key": "mark"}}:

        def mark(context: Context) -> Verdict | None:
            context.mark = _number(read(context))
            context.told.append(f"gives it the mark 0x{context.mark:x}")
            return None

        return mark
    if key == {"ct": {"key": "mark"}}:

        def remember(context: Context) -> Verdict | None:
            context.ct_mark = _number(read(context))
            return None

        return remember
    if key == {"payload": {"protocol": "ether", "field": "daddr"}}:

        def readdress(context: Context) -> Verdict | None:
            context.mac = str(read(context))
            context.told.append(f"sends the frame to {context.mac}")
            return None

        return readdress
    if key == {"meta": {"key": "pkttype"}}:

        def declare(context: Context) -> Verdict | None:
            context.pkttype = str(read(context))
            return None

        return declare
    if isinstance(key, dict) and key.get("meta", {}).get("key") in ("priority", "nftrace"):
        return lambda _context: None
    return _raising(f"the statement {_short({'mangle': content})} is not understood")


def _number(value: Value) -> int:
    if not isinstance(value, int):
        raise UnknownError(f"a rule sets a mark to what is no number: {value}")
    return value


def _translation(table: Table, kind: str, content: dict[str, Any]) -> Act:
    address, port = content.get("addr"), content.get("port")
    flags = content.get("flags", [])
    by_chance = any("random" in one for one in ([flags] if isinstance(flags, str) else flags))
    known = set(content) - {"addr", "port", "flags", "family"}
    if known or any(isinstance(one, dict) and ("range" in one or "prefix" in one) for one in (address, port)):
        return _raising(f"the translation {_short({kind: content})} is not understood")
    read_address = _target(table, address, "address")
    read_port = _target(table, port, "number")

    def act(context: Context) -> Verdict | None:
        to = read_address(context) if read_address is not None else None
        at = read_port(context) if read_port is not None else None
        if isinstance(to, tuple):  # a map gave both: dnat ip to numgen … map { 0 : 10.244.1.2 . 80 }
            to, at = to[0], to[1]
        number = _constant(to, "address") if to is not None else None
        port_number = _constant(at, "number") if at is not None else None
        if not isinstance(number, (int, type(None))) or not isinstance(port_number, (int, type(None))):
            raise UnknownError(f"the translation {_short({kind: content})} is not understood")
        return Verdict(kind, "", number, port_number, by_chance)

    return act


def _target(table: Table, value: Any, kind: str) -> Read | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return _expression(table, value)[0]
    constant = _constant(value, kind)
    return lambda _context: constant


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else text[:159] + "…"
