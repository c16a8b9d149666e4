# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Expressions of nftables: how what a rule asks for is read of a packet (libnftables-json(5), nft(8))."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .hook import Context, NoMatchError, Read, Value
from .nft_values import CHECKSUM, Lookup, Sets, constant_of, short
from .node import Namespace
from .records import Packet
from .routing import Flow, UnknownError, look_up


def reader_of(table: Sets, expression: Any) -> tuple[Read, str]:
    """Return how to read the left side of a match, and of what kind its values are; raise UnknownError."""
    if not isinstance(expression, dict):
        constant = constant_of(expression, "number")
        return (lambda _context: constant), "number"
    name, content = next(iter(expression.items()))
    if name in _READERS:
        return _READERS[name](table, content)
    if name in ("&", "|", "^", "<<", ">>"):
        left, kind = reader_of(table, content[0])
        right = constant_of(content[1], kind) if not isinstance(content[1], dict) or "|" in content[1] else None
        if right is None:
            other, _kind = reader_of(table, content[1])
            return (lambda context: _combined(name, left(context), other(context))), kind
        return (lambda context: _combined(name, left(context), right)), kind
    raise UnknownError(f"the expression {short(expression)} is not understood")


def _combined(operator: str, left: Value, right: Value) -> Value:
    if not isinstance(left, int) or not isinstance(right, int):
        raise UnknownError(f"the operator {operator} of a rule is used on what is no number")
    results = {"&": left & right, "|": left | right, "^": left ^ right}
    if operator in results:
        return results[operator]
    return (left << right) & 0xFFFFFFFF if operator == "<<" else left >> right


def _meta(_table: Sets, content: dict[str, Any]) -> tuple[Read, str]:
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


def _ct(_table: Sets, content: dict[str, Any]) -> tuple[Read, str]:
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


def _payload(_table: Sets, content: dict[str, Any]) -> tuple[Read, str]:
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


def _fib(_table: Sets, content: dict[str, Any]) -> tuple[Read, str]:
    flags = content.get("flags", [])
    flags = [flags] if isinstance(flags, str) else list(flags)
    if content.get("result") != "type" or len(flags) != 1 or flags[0] not in ("saddr", "daddr"):
        raise UnknownError(f"the expression {short({'fib': content})} is not understood")

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


def _numgen(_table: Sets, content: dict[str, Any]) -> tuple[Read, str]:
    modulus, offset = int(content.get("mod", 1)), int(content.get("offset", 0))
    return (lambda context: context.choose(modulus, "a number by chance") + offset), "number"


def _hash(_table: Sets, content: dict[str, Any]) -> tuple[Read, str]:
    return _numgen(_table, content)


def _concat(table: Sets, content: list[Any]) -> tuple[Read, str]:
    parts = [reader_of(table, one) for one in content]
    reads = [read for read, _kind in parts]
    return (lambda context: tuple(read(context) for read in reads)), ".".join(kind for _read, kind in parts)


def _map(table: Sets, content: dict[str, Any]) -> tuple[Read, str]:
    """Return how to look a value up; what it gives is translated where it is used."""
    read, looked = looking_up(table, content)

    def value(context: Context) -> Value:
        found = looked.get(read(context))
        if found is None:
            raise NoMatchError
        if isinstance(found, dict) and "concat" in found:
            return tuple(found["concat"])
        if isinstance(found, (int, str)):
            return found
        raise UnknownError(f"the value {short(found)} of a map is not understood")

    return value, "mapped"


def looking_up(table: Sets, content: dict[str, Any]) -> tuple[Read, Lookup]:
    read, kind = reader_of(table, content.get("key"))
    data = content.get("data")
    if isinstance(data, str) and data.startswith("@"):
        return read, table.lookup(data[1:], kind)
    if isinstance(data, dict) and isinstance(data.get("set"), list):
        return read, Lookup(table, data["set"], kind)
    raise UnknownError(f"the map {short(data)} is not understood")


_READERS: dict[str, Callable[[Sets, Any], tuple[Read, str]]] = {
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
