# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""ICMP echo (RFC 792, RFC 4443), and the largest packet that passes without being cut."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
import time
from typing import Any, Dict, Optional

from .records import Probe, endpoint
from .sending import connected, queued_error

_ECHO = {socket.AF_INET: (8, 0), socket.AF_INET6: (128, 129)}
"""Types of request and reply."""
_HEADERS = {socket.AF_INET: 28, socket.AF_INET6: 48}
"""Bytes of the IP header and the ICMP header before an echo's payload."""
_MTU_DISCOVER = {socket.AF_INET: (socket.IPPROTO_IP, 10), socket.AF_INET6: (socket.IPPROTO_IPV6, 23)}
"""Level and number of IP_MTU_DISCOVER and IPV6_MTU_DISCOVER."""
_PROBE = 3
"""IP_PMTUDISC_PROBE: never cut, and do not mind what was learnt of the path before."""
_LEAST = {socket.AF_INET: 68, socket.AF_INET6: 1280}
"""What every link must take (RFC 791, RFC 8200)."""
_MOST = 65535
_TRY = 0.5
"""Seconds that a single size may take: sizes that do not pass are often dropped without a word."""


def open_protocol(family: int) -> int:
    """Return the protocol of a raw socket for echoes."""
    return socket.IPPROTO_ICMPV6 if family == socket.AF_INET6 else socket.IPPROTO_ICMP


def echo_request(family: int, ident: int, sequence: int, payload: bytes) -> bytes:
    """Return an echo request; of ICMPv6 the kernel adds the checksum (RFC 3542, 3.1)."""
    kind = _ECHO[socket.AddressFamily(family)][0]
    head = struct.pack(">2B3H", kind, 0, 0, ident, sequence)
    if family == socket.AF_INET6:
        return head + payload
    return struct.pack(">2B3H", kind, 0, checksum(head + payload), ident, sequence) + payload


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def is_reply(family: int, data: bytes, ident: int, sequence: int) -> bool:
    """Tell whether what a raw socket read is the reply to a request; IPv4 hands over its header too."""
    start = (data[0] & 15) * 4 if family == socket.AF_INET and data else 0
    if len(data) < start + 8:
        return False
    kind, _code, _sum, found, turn = struct.unpack_from(">2B3H", data, start)
    return (kind, found, turn) == (_ECHO[socket.AddressFamily(family)][1], ident, sequence)


async def _echo(sock: socket.socket, ident: int, sequence: int, payload: bytes) -> None:
    """Send one echo and wait for its reply. Raises OSError."""
    loop = asyncio.get_event_loop()
    await loop.sock_sendall(sock, echo_request(sock.family, ident, sequence, payload))
    while not is_reply(sock.family, await loop.sock_recv(sock, _MOST), ident, sequence):
        pass


async def icmp(sock: socket.socket, _probe: Probe, address: str, known: Dict[str, Any]) -> Dict[str, Any]:
    """Send an echo."""
    await connected(sock, address, 0)
    known["sent_from"] = {**endpoint(sock.getsockname()), "port": 0}
    began = time.monotonic()
    await _echo(sock, _ident(), 1, b"podnet.lab")
    known["latency_ms"] = round((time.monotonic() - began) * 1000, 3)
    return {"outcome": "ok"}


def _ident() -> int:
    return int.from_bytes(os.urandom(2), "big")


async def path_mtu(sock: socket.socket, probe: Probe, address: str, known: Dict[str, Any]) -> Dict[str, Any]:
    """Find the largest echo that comes back whole, by halving.

    What is larger than the own interface takes is refused at once (EMSGSIZE), so that a path which keeps its promise
    costs no waiting. A smaller size that gets no answer is tried once more, for packets may be lost.
    """
    family = socket.AddressFamily(sock.family)
    sock.setsockopt(*_MTU_DISCOVER[family], _PROBE)
    await connected(sock, address, 0)
    known["sent_from"] = {**endpoint(sock.getsockname()), "port": 0}
    ident, sequence = _ident(), 0
    limit = min(probe.timeout, _TRY)
    passes: Optional[int] = None
    low, high = _LEAST[family], _MOST
    learnt = None
    while low <= high:
        size = low if passes is None else (low + high) // 2
        for _turn in range(2):
            sequence += 1
            try:
                await asyncio.wait_for(_echo(sock, ident, sequence, bytes(size - _HEADERS[family])), limit)
                passes, low = size, size + 1
                break
            except asyncio.TimeoutError:
                continue
            except OSError as error:
                message = queued_error(sock)
                if passes is None and error.errno != errno.EMSGSIZE:
                    raise
                high = size - 1
                if message is not None and 0 < message.info < size:  # a router said what its next link takes
                    learnt, high = message, message.info
                break
        else:
            if passes is None:
                return {"outcome": "timeout"}
            high = size - 1
    shown = None if learnt is None else {"type": learnt.kind, "code": learnt.code, "from": learnt.sender}
    return {"outcome": "ok", "icmp": shown, "detail": {"mtu": passes}}
