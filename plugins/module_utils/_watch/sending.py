# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Sends the marked packet from any namespace, and waits for its answer.

TCP's SYN and an echo go through a raw socket, by which the sequence number can be chosen; the kernel ends a connection
that is answered by itself, with a RST, for nobody waits for it.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
import time
from typing import Any, Dict, Optional, Tuple

from .._probe.icmp import checksum, echo_request
from .._probe.places import Places
from .marked import TCP, UDP, Marked, kind_of

_MTU_DISCOVER = {"inet": (socket.IPPROTO_IP, 10), "inet6": (socket.IPPROTO_IPV6, 23)}
"""IP_MTU_DISCOVER and IPV6_MTU_DISCOVER (linux/in.h, linux/in6.h)."""
_PROBE = 3
"""IP_PMTUDISC_PROBE: never taken apart, and whatever was learnt of the path before is not minded."""
_SYN, _WINDOW = 0x02, 64240
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
_MOST = 65535


def segment(marked: Marked, source: str, target: str) -> bytes:
    """Return the SYN from *source* to *target*."""
    family = _FAMILIES[marked.family]
    words = [marked.sport, marked.dport, marked.mark, 0, 5 << 12 | _SYN, _WINDOW]
    body = struct.pack(">2H2I2H2H", *words, 0, 0) + marked.payload
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, target)
    if family == socket.AF_INET:
        pseudo = ends + struct.pack(">BBH", 0, TCP, len(body))
    else:
        pseudo = ends + struct.pack(">I3xB", len(body), TCP)
    return struct.pack(">2H2I2H2H", *words, checksum(pseudo + body), 0) + marked.payload


def send(
    places: Places, where: str, marked: Marked, ends: Tuple[Optional[str], str], patience: float
) -> Dict[str, Any]:
    """Send the packet from the namespace *where*; return what is known of it there.

    *ends* are the source, None for the one that the kernel chooses, and the destination. Raises ProbeError, and OSError
    when sockets cannot be had.
    """
    source, target = ends
    family = _FAMILIES[marked.family]
    place = places.find(where)
    raw = marked.protocol != UDP
    kind = socket.SOCK_RAW if raw else socket.SOCK_DGRAM
    sock = places.home.inside(
        place.descriptor, lambda: socket.socket(family, kind | socket.SOCK_CLOEXEC, marked.protocol)
    )
    reserved: Optional[socket.socket] = None
    found: Dict[str, Any] = {"error": None, "src": None, "answered": False}
    try:
        if marked.protocol == TCP:
            # Otherwise another program could be given the port meanwhile, and get the answer.
            reserved = places.home.inside(
                place.descriptor, lambda: socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            )
            reserved.bind((source or "", marked.sport))
        sock.setsockopt(*_MTU_DISCOVER[marked.family], _PROBE)
        if source is not None or not raw:
            sock.bind((source or "", 0 if raw else marked.sport))
        try:
            sock.connect((target, 0 if raw else marked.dport))
            found["src"] = sock.getsockname()[0]
            sock.send(_data(marked, found["src"], target))
        except OSError as problem:
            found["error"] = errno.errorcode.get(problem.errno or 0, str(problem))
            return found
        found["answered"] = _answered(sock, marked, patience)
        return found
    finally:
        sock.close()
        if reserved is not None:
            reserved.close()


def _data(marked: Marked, source: str, target: str) -> bytes:
    if marked.protocol == TCP:
        return segment(marked, source, target)
    if marked.protocol == UDP:
        return marked.payload
    return echo_request(_FAMILIES[marked.family], marked.sport, marked.dport, marked.payload)


def _answered(sock: socket.socket, marked: Marked, patience: float) -> bool:
    """Wait until the answer is there, or the time is over."""
    until = time.monotonic() + patience
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([sock], [], [], left)[0]:
            return False
        try:
            data = sock.recv(_MOST)
        except OSError:
            return True  # an ICMP error is an answer as well
        if marked.protocol == UDP:
            return True
        start = (data[0] & 15) * 4 if marked.family == "inet" and data else 0
        if kind_of(marked, marked.protocol, data[start:]) == "answer":
            return True
