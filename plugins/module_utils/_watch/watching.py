# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Watchers of the marked packet: packet sockets and traces in namespaces, held by a process of their own that ends by
itself, so that they are open on all nodes before the packet is sent.

Whatever they change is tied to that process: when it is gone, so are the sockets and the tables of the traces.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from typing import Any, Dict, List, NamedTuple, Tuple, Union

from .._kernel.netlink import SO_RCVBUFFORCE, MalformedMessageError
from .._probe.holding import answer, leave
from .._probe.places import Place, Places
from .._probe.records import ProbeError
from .kernel_filter import SO_ATTACH_FILTER, program
from .marked import Marked, checks
from .packets import Flow, read, words
from .tracing import Trace, TraceError, open_trace

_ALL = 0x0003
"""ETH_P_ALL."""
_TIMESTAMPS = 35
"""SO_TIMESTAMPNS (asm-generic/socket.h)."""
_STATISTICS = 6
"""PACKET_STATISTICS (linux/if_packet.h)."""
_SOL_PACKET = 263
_ROOM = 8 * 1024 * 1024
_CHUNK = 65536
_MOST = 1000
_KINDS = {0: "host", 1: "broadcast", 2: "multicast", 3: "other", 4: "outgoing"}
"""PACKET_HOST and so on (linux/if_packet.h)."""


class Watcher:
    """A packet socket that hears every interface of one namespace, and what it saw."""

    def __init__(self, inode: int, marked: Marked, opened: socket.socket) -> None:
        """*opened* is a packet socket of that namespace."""
        self.inode = inode
        self.socket = opened
        self._marked = marked
        self._seen: List[Dict[str, Any]] = []
        self._flows: List[Flow] = []

    def take(self) -> None:
        """Take what waits."""
        while True:
            try:
                data, ancillary, _flags, address = self.socket.recvmsg(_CHUNK, 64)
            except BlockingIOError:
                return
            except OSError:
                continue  # an interface went down, which is told once
            moment = next(
                (struct.unpack("@qq", one[2]) for one in ancillary if one[1] == _TIMESTAMPS and len(one[2]) == 16),
                (0, 0),
            )
            self.note(address, data, moment[0] * 10**9 + moment[1])

    def note(self, address: Tuple[Any, ...], data: bytes, moment: int) -> None:
        """Keep a packet if it is ours. *address* is as in Python's ``AF_PACKET``, *moment* in nanoseconds."""
        interface, ethertype, kind = str(address[0]), int(address[1]), int(address[2])
        found = read(self._marked, ethertype, data, self._flows)
        if found is None or len(self._seen) >= _MOST:
            return
        if found.kind == "packet":
            self._flows.extend(layer.flow for layer in found.layers)
        inner = found.layers[-1]
        self._seen.append(
            {
                "netns": self.inode,
                "interface": interface,
                "direction": "out" if kind == 4 else "in",
                "frame": _KINDS.get(kind, str(kind)),
                "kind": found.kind,
                "at_ns": moment,
                "packet": words(inner),
                "icmp": None if found.error is None else {"type": found.error[0], "code": found.error[1]},
                "outer": [words(layer) for layer in found.layers[:-1]],
                "tunnel": inner.tunnel,
            }
        )

    def missed(self) -> int:
        """Return how many packets the kernel could not hand over since the last time it was asked."""
        data = self.socket.getsockopt(_SOL_PACKET, _STATISTICS, 8)
        return int(struct.unpack("@II", data)[1])

    def seen(self) -> List[Dict[str, Any]]:
        """Return what was seen, in order."""
        return self._seen


class Opened(NamedTuple):
    """All watchers of a node."""

    watchers: List[Watcher]
    traces: List[Trace]
    unwatched: List[Dict[str, Any]]
    """What is not watched, as ``netns``, ``what`` and ``cause``."""
    table: str
    """What the traces' tables are called."""


def open_watchers(places: Places, asked: List[Dict[str, Any]], marked: Marked, table: str) -> Opened:
    """Open a packet socket in each of the namespaces, and a trace in those where it is asked for.

    A namespace that cannot be watched is skipped and says why. Raises OSError for what concerns them all.
    """
    wanted = checks(marked)
    opened = Opened([], [], [], table)
    for one in asked:
        inode = int(one["netns"])
        try:
            place = places.find("net:[%d]" % inode)
            opened.watchers.append(Watcher(inode, marked, _listen(places, place, program(wanted))))
        except (ProbeError, OSError) as problem:
            opened.unwatched.append({"netns": inode, "what": "packets", "cause": str(problem)})
            continue
        if one.get("trace"):
            try:
                sock = places.home.inside(place.descriptor, lambda: open_trace(table, wanted))
                opened.traces.append(Trace(inode, table, sock))
            except (TraceError, OSError) as problem:
                opened.unwatched.append({"netns": inode, "what": "rules", "cause": str(problem)})
    return opened


def _listen(places: Places, place: Place, instructions: bytes) -> socket.socket:
    """Return a packet socket with the filter; what came before the filter was there is thrown away."""
    kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    sock: socket.socket = places.home.inside(
        place.descriptor, lambda: socket.socket(socket.AF_PACKET, kind, socket.htons(_ALL))
    )
    try:
        import ctypes

        room = ctypes.create_string_buffer(instructions, len(instructions))
        attached = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(room))
        sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)
        sock.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, _ROOM)
        while True:
            try:
                sock.recv(1)
            except BlockingIOError:
                break
        sock.getsockopt(_SOL_PACKET, _STATISTICS, 8)
    except BaseException:
        sock.close()
        raise
    return sock


def hold(opened: Opened, seconds: float) -> str:
    """Leave the watchers to a process of their own for *seconds* at most; return the token that ends it.

    Raises OSError.
    """
    keep = [one.socket.fileno() for one in opened.watchers] + [one.socket.fileno() for one in opened.traces]
    return leave(lambda control: _held(opened, control, seconds), keep)


def _held(opened: Opened, control: socket.socket, seconds: float) -> None:
    """Watch until told to end, and say what was seen. Nothing is left when this returns."""
    until = time.monotonic() + seconds
    members: Dict[int, Union[Watcher, Trace]] = {one.socket.fileno(): one for one in opened.watchers}
    members.update((one.socket.fileno(), one) for one in opened.traces)
    poll = select.poll()
    for descriptor in [*members, control.fileno()]:
        poll.register(descriptor, select.POLLIN)
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return
        ready = {descriptor for descriptor, _event in poll.poll(left * 1000)}
        for descriptor in ready & set(members):
            _take(members[descriptor])
        if control.fileno() in ready and answer(control, lambda: _said(opened)):
            return


def _take(one: Union[Watcher, Trace]) -> None:
    try:
        one.take()
    except MalformedMessageError:
        pass  # what the kernel says next may be understood again


def _said(opened: Opened) -> Dict[str, Any]:
    """Take the rest, end everything, and return what was seen."""
    everyone: List[Union[Watcher, Trace]] = [*opened.watchers, *opened.traces]
    for one in everyone:
        _take(one)
    found = {
        "sightings": sorted((seen for one in opened.watchers for seen in one.seen()), key=lambda seen: seen["at_ns"]),
        "traces": [event for one in opened.traces for event in one.events()],
        "traced": [one.inode for one in opened.traces],
        "table": opened.table,
        "missed": [one.inode for one in opened.watchers if one.missed()]
        + [one.inode for one in opened.traces if one.missed],
    }
    for one in everyone:
        one.socket.close()
    return found
