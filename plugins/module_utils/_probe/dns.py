# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Questions to name servers and their answers (RFC 1035), and how a name is completed (resolv.conf(5)).

A question for ``web.default.svc.cluster.local``, type A, and the head of an answer, in hexadecimal::

    1234 0100 0001 0000 0000 0000 03776562 0764656661756c74 03737663 07636c7573746572 056c6f63616c 00 0001 0001
    1234 8580 0001 0001 0000 0000 ...
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any, Dict, List, NamedTuple, Tuple

TYPES = {"A": 1, "CNAME": 5, "PTR": 12, "AAAA": 28, "SRV": 33}
_NAMES = {number: name for name, number in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
_TRUNCATED = 0x0200
_ANSWER = 0x8000
_MAX_JUMPS = 64
_MAX_SERVERS = 3
"""MAXNS of resolv.h."""
_MAX_NDOTS = 15
"""RES_MAXNDOTS of resolv.h."""


class Settings(NamedTuple):
    """What a resolv.conf says."""

    servers: Tuple[str, ...]
    search: Tuple[str, ...]
    ndots: int


class Reply(NamedTuple):
    """What a name server answered."""

    code: int
    truncated: bool
    records: List[Dict[str, Any]]
    """``name``, ``type``, ``ttl``, ``data``, in the order of the answer."""


def parse_resolv_conf(text: str) -> Settings:
    """Return what a resolv.conf says, as libc reads it: of ``search`` and ``domain`` the last line counts.

    >>> parse_resolv_conf("search default.svc.cluster.local\\nnameserver 10.96.0.10\\noptions ndots:5")
    Settings(servers=('10.96.0.10',), search=('default.svc.cluster.local',), ndots=5)
    """
    servers: List[str] = []
    search: Tuple[str, ...] = ()
    ndots = 1
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or line[0] in "#;":
            continue
        if words[0] == "nameserver" and len(servers) < _MAX_SERVERS:
            try:
                servers.append(str(ipaddress.ip_address(words[1].partition("%")[0])))
            except ValueError:
                continue
        elif words[0] == "search":
            search = tuple(words[1:])
        elif words[0] == "domain":
            search = (words[1],)
        elif words[0] == "options":
            for option in words[1:]:
                name, _colon, value = option.partition(":")
                if name == "ndots" and value.isdecimal():
                    ndots = min(int(value), _MAX_NDOTS)
    return Settings(tuple(servers) or ("127.0.0.1",), search, ndots)


def candidates(name: str, settings: Settings) -> List[str]:
    """Return the names that are asked for one after another, as ``res_search`` of libc does."""
    if name.endswith("."):
        return [name]
    completed = ["%s.%s." % (name, domain.strip(".")) for domain in settings.search if domain.strip(".")]
    plain = name + "."
    return [plain, *completed] if name.count(".") >= settings.ndots else [*completed, plain]


def question(name: str, record: str, number: int) -> bytes:
    """Return a query that asks for recursion. Raises ValueError for a name that cannot be asked for."""
    head = struct.pack(">6H", number, 0x0100, 1, 0, 0, 0)
    labels = b""
    for label in name.rstrip(".").split("."):
        data = label.encode("ascii", "strict")
        if not 0 < len(data) < 64:
            raise ValueError("a label of %s is empty or longer than 63 characters" % name)
        labels += struct.pack("B", len(data)) + data
    if len(labels) > 254:
        raise ValueError("%s is longer than 253 characters" % name)
    return head + labels + b"\0" + struct.pack(">2H", TYPES[record], 1)


def parse_reply(data: bytes, number: int) -> Reply:
    """Return the answer to query `number`. Raises ValueError when `data` is none."""
    try:
        found, flags, questions, answers = struct.unpack_from(">4H", data)
        if found != number or not flags & _ANSWER:
            raise ValueError("not an answer to this question")
        place = 12
        for _turn in range(questions):
            _name, place = _name_at(data, place)
            place += 4
        records = []
        for _turn in range(answers):
            name, place = _name_at(data, place)
            kind, _class, ttl, length = struct.unpack_from(">2HIH", data, place)
            place += 10
            if place + length > len(data):
                raise ValueError("a record is cut off")
            value = _value(data, place, kind, length)
            records.append({"name": name, "type": _NAMES.get(kind, str(kind)), "ttl": ttl, "data": value})
            place += length
        return Reply(flags & 15, bool(flags & _TRUNCATED), records)
    except (struct.error, IndexError):
        raise ValueError("the message is cut off") from None


def _name_at(data: bytes, place: int) -> Tuple[str, int]:
    """Return the name at `place` and where what follows it begins; pointers lead back (RFC 1035, 4.1.4)."""
    labels: List[str] = []
    end = -1
    for _jump in range(_MAX_JUMPS):
        length = data[place]
        if length == 0:
            return ".".join(labels) + ".", place + 1 if end < 0 else end
        if length & 0xC0 == 0xC0:
            if end < 0:
                end = place + 2
            place = ((length & 0x3F) << 8) | data[place + 1]
            continue
        label = data[place + 1 : place + 1 + length]
        if length & 0xC0 or len(label) != length:
            raise ValueError("a label is cut off")
        labels.append(label.decode("ascii", "backslashreplace"))
        place += 1 + length
    raise ValueError("a name has too many labels, or leads in a circle")


def _value(data: bytes, place: int, kind: int, length: int) -> str:
    raw = data[place : place + length]
    if kind == TYPES["A"] and length == 4:
        return socket.inet_ntop(socket.AF_INET, raw)
    if kind == TYPES["AAAA"] and length == 16:
        return socket.inet_ntop(socket.AF_INET6, raw)
    if kind in (TYPES["CNAME"], TYPES["PTR"]):
        return _name_at(data, place)[0]
    if kind == TYPES["SRV"] and length > 6:
        return "%d %d %d %s" % (*struct.unpack_from(">3H", data, place), _name_at(data, place + 6)[0])
    return raw.hex()


def reverse_name(address: str) -> str:
    """Return the name that a PTR record of an address has, as in ``2.0.244.10.in-addr.arpa.``. Raises ValueError."""
    return ipaddress.ip_address(address).reverse_pointer + "."
