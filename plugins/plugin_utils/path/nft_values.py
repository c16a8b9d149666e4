# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values in rules of nftables: constants of nft's JSON, tests of what a packet has, sets and maps (nft(8))."""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Protocol

from .hook import Test, Value
from .records import PROTOCOLS
from .routing import UnknownError

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


class Sets(Protocol):
    """What a rule needs of its table: the sets and maps that it names."""

    def lookup(self, name: str, kind: str) -> Lookup:
        """Return what a named set or map holds, read as values of *kind*; raise UnknownError."""


def constant_of(value: Any, kind: str) -> Value:
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
        numbers = [constant_of(one, kind) for one in value["|"]]
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
    raise UnknownError(f"the value {short(value)} of a rule is not understood")


def test_of(table: Sets, value: Any, kind: str) -> Test:
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
            return test_of(table, value["elem"]["val"], kind)
        if "prefix" in value:
            first, last = _bounds(value["prefix"])
            return lambda found: _within(found, first, last)
        if "range" in value:
            low, high = (constant_of(one, kind) for one in value["range"])
            if isinstance(low, int) and isinstance(high, int):
                return lambda found: _within(found, low, high)
            raise UnknownError(f"the range {short(value)} of a rule is not understood")
        if "concat" in value:
            tests = [test_of(table, one, part) for one, part in zip(value["concat"], kind.split("."), strict=True)]
            return lambda found: (
                isinstance(found, tuple) and all(test(part) for test, part in zip(tests, found, strict=True))
            )
    wanted = constant_of(value, kind)
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

    def __init__(self, table: Sets, elements: list[Any], kind: str) -> None:
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
                values = tuple(constant_of(part, one) for part, one in zip(parts, kinds, strict=True))
                self._exact[values if len(values) > 1 else values[0]] = data
            else:
                self._tried.append((test_of(table, key, kind), data))

    def get(self, value: Value) -> Any:
        """Return what the map has for *value*, True for a member of a set, None when there is nothing."""
        if isinstance(value, frozenset):
            return next((data for test, data in self._tried if test(value)), None)
        if value in self._exact:
            return self._exact[value]
        return next((data for test, data in self._tried if test(value)), None)


def short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else text[:159] + "…"
