# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The trace of nftables: a table that asks the kernel to tell of the marked packet, and what the kernel tells.

The table belongs to the socket that made it (NFT_TABLE_F_OWNER, Linux 5.12): the kernel takes it away when the socket
is closed, also when its process was killed, and lets nobody else change it. Its rules only set ``nftrace``, in chains
of their own, before all others.

Messages are those of linux/netfilter/nf_tables.h; ``nft monitor trace`` prints the same.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any, Dict, List, Tuple

from .._kernel.netlink import (
    SOL_NETLINK,
    MalformedMessageError,
    decode_attributes,
    decode_be32,
    decode_text,
)
from .marked import Check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.netlink import AttributeTable, Buffer

NETLINK_NETFILTER = 12
_NFTABLES = 10  # NFNL_SUBSYS_NFTABLES
_BATCH_BEGIN, _BATCH_END = 0x10, 0x11
_NEW_TABLE, _NEW_CHAIN, _NEW_RULE, _TRACE = 0, 3, 6, 17
_ADD_MEMBERSHIP, _TRACE_GROUP = 1, 9  # NETLINK_ADD_MEMBERSHIP, NFNLGRP_NFTRACE
_REQUEST, _ACK, _EXCLUSIVE, _CREATE, _APPEND = 0x01, 0x04, 0x200, 0x400, 0x800
_OWNER = 0x2
_INET = 1  # NFPROTO_INET
_EQUAL, _ACCEPT = 0, 1
_TRANSPORT_HEADER = 2  # NFT_PAYLOAD_TRANSPORT_HEADER
_NFTRACE = 12  # NFT_META_NFTRACE
_REGISTER = 1
HOOKS = (("prerouting", 0), ("output", 3))
"""Where a packet begins in a namespace, and the numbers of these hooks (linux/netfilter.h)."""
PRIORITY = -1000
"""Before what every other table does: connections are tracked at -200, and raw is at -300."""
_RECEIVE = 65536
_PATIENCE = struct.pack("@ll", 5, 0)
_MOST_EVENTS = 2000

FAMILIES = {1: "inet", 2: "ip", 3: "arp", 5: "netdev", 7: "bridge", 10: "ip6"}
_WHAT = {1: "policy", 2: "return", 3: "rule"}
_VERDICTS = {
    0: "drop", 1: "accept", 2: "stolen", 3: "queue", 4: "repeat", -1: "continue", -2: "break", -3: "jump", -4: "goto",
    -5: "return",
}  # fmt: skip


class TraceError(Exception):
    """The kernel cannot be asked; the text says why."""


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def _nested(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | 0x8000, b"".join(parts))


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack(">i" if value < 0 else ">I", value))


def _name(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode("ascii") + b"\0")


def _message(kind: int, flags: int, sequence: int, family: int, resource: int, body: bytes) -> bytes:
    body = struct.pack("!BBH", family, 0, resource) + body
    return struct.pack("=IHHII", 16 + len(body), kind, flags | _REQUEST, sequence, 0) + body


def _expression(name: str, *parts: bytes) -> bytes:
    return _nested(1, _name(1, name), _nested(2, *parts))


def _rule(table: str, chain: str, one: Check) -> bytes:
    """Return the body of a rule that traces what has *one*'s bytes behind the transport header's start."""
    value = one.value.to_bytes(one.width, "big")
    parts = (
        _expression(
            "payload", _number(1, _REGISTER), _number(2, _TRANSPORT_HEADER), _number(3, one.offset),
            _number(4, one.width),
        ),
        _expression("cmp", _number(1, _REGISTER), _number(2, _EQUAL), _nested(3, _attribute(1, value))),
        _expression("immediate", _number(1, _REGISTER), _nested(2, _attribute(1, b"\1\0\0\0"))),
        _expression("meta", _number(2, _NFTRACE), _number(3, _REGISTER)),
    )  # fmt: skip
    return _name(1, table) + _name(2, chain) + _nested(4, *parts)


def batch(table: str, checks: List[Check]) -> Tuple[bytes, int]:
    """Return the messages that make the table, and how many of them the kernel acknowledges."""
    messages = [_message(_BATCH_BEGIN, 0, 0, 0, _NFTABLES, b"")]
    owned = _name(1, table) + _number(2, _OWNER)
    messages.append(_message(_NFTABLES << 8 | _NEW_TABLE, _ACK | _CREATE | _EXCLUSIVE, 1, _INET, 0, owned))
    for hook, number in HOOKS:
        for way in ("there", "back"):
            chain = chain_name(way, hook)
            body = _name(1, table) + _name(3, chain) + _nested(4, _number(1, number), _number(2, PRIORITY))
            body += _number(5, _ACCEPT) + _name(7, "filter")
            messages.append(_message(_NFTABLES << 8 | _NEW_CHAIN, _ACK | _CREATE, len(messages), _INET, 0, body))
            for one in checks:
                if one.answer == (way == "back"):
                    flags = _ACK | _CREATE | _APPEND
                    body = _rule(table, chain, one)
                    messages.append(_message(_NFTABLES << 8 | _NEW_RULE, flags, len(messages), _INET, 0, body))
    acknowledged = len(messages) - 1
    messages.append(_message(_BATCH_END, 0, len(messages), 0, _NFTABLES, b""))
    return b"".join(messages), acknowledged


def chain_name(way: str, hook: str) -> str:
    """Return what a chain of the table is called; its name says for which of the two ways it is."""
    return "%s_%s" % (way, hook)


def open_trace(table: str, checks: List[Check]) -> socket.socket:
    """Make the table in the namespace that the thread is in, and return the socket that it lives with.

    Raises TraceError and OSError.
    """
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
    try:
        opened.bind((0, 0))
        opened.setsockopt(SOL_NETLINK, _ADD_MEMBERSHIP, _TRACE_GROUP)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _PATIENCE)
        messages, acknowledged = batch(table, checks)
        opened.send(messages)
        while acknowledged > 0:
            acknowledged -= _acknowledged(opened.recv(_RECEIVE))
        opened.setblocking(False)
    except BaseException:
        opened.close()
        raise
    return opened


def _acknowledged(data: bytes) -> int:
    found, offset = 0, 0
    while offset + 20 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        if kind == 2:  # NLMSG_ERROR, which also acknowledges
            number = -struct.unpack_from("=i", data, offset + 16)[0]
            if number in (errno.EINVAL, errno.EOPNOTSUPP):
                raise TraceError(
                    "the kernel has no tables that vanish with who made them (Linux 5.12), and none is left behind"
                )
            if number:
                raise OSError(number, os.strerror(number))
            found += 1
        offset += max((length + 3) & ~3, 16)
    return found


# -- what the kernel tells ------------------------------------------------------------------------------


def _decode_be64(buffer: Buffer, start: int, end: int) -> int:
    if end - start < 8:
        raise MalformedMessageError("64-bit attribute of %d bytes" % (end - start))
    return int.from_bytes(buffer[start : start + 8], "big")


def _decode_signed(buffer: Buffer, start: int, end: int) -> int:
    number = decode_be32(buffer, start, end)
    return number - 2**32 if number >= 2**31 else number


_VERDICT: AttributeTable = {1: ("code", _decode_signed), 2: ("chain", decode_text)}


def _decode_verdict(buffer: Buffer, start: int, end: int) -> Dict[str, Any]:
    return decode_attributes(buffer, start, end, _VERDICT)


_EVENT: AttributeTable = {
    1: ("table", decode_text),
    2: ("chain", decode_text),
    3: ("handle", _decode_be64),
    4: ("type", decode_be32),
    5: ("verdict", _decode_verdict),
    6: ("id", decode_be32),
    16: ("policy", decode_be32),
}
"""enum nft_trace_attributes."""


def parse_events(data: bytes) -> List[Dict[str, Any]]:
    """Return the trace events of one datagram, in order; raise MalformedMessageError."""
    found = []
    offset = 0
    while offset + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        end = offset + length
        if length < 16 or end > len(data):
            raise MalformedMessageError("message of length %d in %d bytes" % (length, len(data) - offset))
        if kind == _NFTABLES << 8 | _TRACE and length >= 20:
            found.append(_event(data, offset + 16, end))
        offset = (end + 3) & ~3
    return found


def _event(data: bytes, start: int, end: int) -> Dict[str, Any]:
    said = decode_attributes(data, start + 4, end, _EVENT)
    verdict = said.get("verdict", {})
    code = verdict.get("code", said.get("policy"))
    return {
        "id": said.get("id", 0),
        "family": FAMILIES.get(data[start], str(data[start])),
        "table": said.get("table", ""),
        "chain": said.get("chain", ""),
        "what": _WHAT.get(said.get("type", 0), "unknown"),
        "handle": said.get("handle"),
        "verdict": _VERDICTS.get(code, "unknown"),
        "target": verdict.get("chain"),
    }


class Trace:
    """What the kernel told of the marked packet in one namespace."""

    def __init__(self, inode: int, table: str, opened: socket.socket) -> None:
        """*opened* is what `open_trace` returned."""
        self.inode = inode
        self.table = table
        self.socket = opened
        self.missed = False
        """Whether the kernel told more than could be taken."""
        self._ways: Dict[int, str] = {}
        self._told: List[Dict[str, Any]] = []

    def take(self) -> None:
        """Take what waits."""
        while True:
            try:
                data = self.socket.recv(_RECEIVE)
            except BlockingIOError:
                return
            except OSError as problem:
                if problem.errno != errno.ENOBUFS:
                    raise
                self.missed = True
                continue
            for one in parse_events(data):
                self.note(one)

    def note(self, one: Dict[str, Any]) -> None:
        """Keep an event if it is of the marked packet; others may trace as well, and our own table says which is it."""
        if one["table"] == self.table:
            # The end of a chain is told as a rule without a number.
            if one["what"] == "rule" and one["handle"] is not None:
                self._ways[one["id"]] = one["chain"].partition("_")[0]
        elif one["id"] in self._ways and len(self._told) < _MOST_EVENTS:
            self._told.append({**one, "netns": self.inode, "way": self._ways[one["id"]]})

    def events(self) -> List[Dict[str, Any]]:
        """Return what was told, in order."""
        return self._told
