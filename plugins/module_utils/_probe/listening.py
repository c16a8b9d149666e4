# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Listeners: each tells whoever asks which address and port it saw, and remembers it.

An answer is one line of JSON: ``{"podnet": 1, "listener": "l3", "peer": ["10.244.0.2", 50001], "local":
["10.244.1.2", 40312], "nonce": "9f31…"}``; the nonce is that of the question, ``podnet 9f31…``.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any, Dict, List, Optional, Set, Tuple

from .places import Places
from .records import Listener, ProbeError, endpoint

SEEN = 1000
"""So many questions are remembered for each listener; all are counted."""
BACKLOG = 1024
_QUESTION = 256
_PATIENCE = 30.0
"""Seconds that a connection may take to say its line: where hundreds connect at once on a busy node, their process is
slow to come to each.
"""
_PKTINFO6 = 50
"""IPV6_PKTINFO (linux/in6.h)."""


class Opened:
    """A listener with its socket."""

    def __init__(self, listener: Listener, sock: socket.socket) -> None:
        self.listener = listener
        self.sock = sock
        self.seen: List[Dict[str, Any]] = []
        self.count = 0
        self.conversations: Set[asyncio.Task[None]] = set()
        """The event loop itself keeps no hold of its tasks."""

    def state(self) -> Dict[str, Any]:
        """Return what a result says of it."""
        local = endpoint(self.sock.getsockname())
        return {
            "id": self.listener.id,
            "at": self.listener.at,
            "protocol": self.listener.protocol,
            "address": local["address"],
            "port": local["port"],
            "error": None,
            "count": self.count,
            "seen": self.seen,
        }

    def answer(self, question: bytes, peer: Any, local: Any) -> bytes:
        """Return the answer to a question, and remember who asked."""
        words = question.decode("ascii", "replace").split()
        nonce = words[1] if len(words) == 2 and words[0] == "podnet" else ""
        asked, own = endpoint(peer), endpoint(local)
        self.count += 1
        if len(self.seen) < SEEN:
            self.seen.append(
                {
                    "peer": asked["address"],
                    "peer_port": asked["port"],
                    "local": own["address"],
                    "local_port": own["port"],
                    "nonce": nonce,
                }
            )
        said = {
            "podnet": 1,
            "listener": self.listener.id,
            "peer": [asked["address"], asked["port"]],
            "local": [own["address"], own["port"]],
            "nonce": nonce,
        }
        return (json.dumps(said) + "\n").encode("ascii")


def not_opened(listener: Listener, error: Dict[str, str]) -> Dict[str, Any]:
    """Return what a result says of a listener that could not be opened."""
    return {
        "id": listener.id,
        "at": listener.at,
        "protocol": listener.protocol,
        "address": listener.address or None,
        "port": None,
        "error": error,
        "count": 0,
        "seen": [],
    }


def open_all(places: Places, listeners: List[Listener]) -> Tuple[List[Opened], List[Dict[str, Any]]]:
    """Open listeners; return those that are open, and the states of the others."""
    opened: List[Opened] = []
    lacking: List[Dict[str, Any]] = []
    for one in listeners:
        try:
            opened.append(Opened(one, _open(places, one)))
        except ProbeError as error:
            lacking.append(not_opened(one, error.entry))
        except OSError as error:
            about = "%s port %d/%s" % (one.at, one.port, one.protocol)
            remedy = "Choose another port, or 0 for any that is free"
            lacking.append(not_opened(one, {"object": about, "cause": error.strerror or str(error), "remedy": remedy}))
    return opened, lacking


def _open(places: Places, listener: Listener) -> socket.socket:
    """Open a listener's socket. Raises ProbeError and OSError."""
    place = places.find(listener.at)
    kind = socket.SOCK_DGRAM if listener.protocol == "udp" else socket.SOCK_STREAM
    choices = [(socket.AF_INET6, "::"), (socket.AF_INET, "0.0.0.0")]
    if listener.address:
        choices = [choices[0] if ":" in listener.address else choices[1]]
    problem: Optional[OSError] = None
    for family, address in choices:
        sock: Optional[socket.socket] = None
        try:
            sock = places.home.inside(place.descriptor, lambda: socket.socket(family, kind))  # noqa: B023
            _prepare(sock, listener.address or address, listener.port, kind)
            return sock
        except OSError as error:
            if sock is not None:
                sock.close()
            problem = problem or error
    raise problem or OSError("no family of addresses")


def _prepare(sock: socket.socket, address: str, port: int, kind: int) -> None:
    sock.setblocking(False)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_DGRAM:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((address, port))
    if kind == socket.SOCK_STREAM:
        sock.listen(BACKLOG)


def serve(opened: List[Opened]) -> None:
    """Let the running event loop answer for listeners until it ends."""
    loop = asyncio.get_event_loop()
    for one in opened:
        if one.listener.protocol == "udp":
            loop.add_reader(one.sock.fileno(), _answer_datagrams, one)
        else:
            loop.add_reader(one.sock.fileno(), _accept, one)


def stop(opened: List[Opened]) -> None:
    """Let the running event loop no longer answer; what asks from now on waits for another one."""
    loop = asyncio.get_event_loop()
    for one in opened:
        loop.remove_reader(one.sock.fileno())


def _answer_datagrams(one: Opened) -> None:
    """Answer what has come, each from the address that it was sent to: a node has several."""
    for _turn in range(BACKLOG):
        try:
            data, ancillary, _flags, peer = one.sock.recvmsg(_QUESTION, 256)
        except OSError:  # nothing more is there, or the error of an earlier answer
            return
        local, back = one.sock.getsockname(), []
        for level, kind, value in ancillary:
            if (level, kind) == (socket.IPPROTO_IPV6, _PKTINFO6) and len(value) >= 20:
                local = (socket.inet_ntop(socket.AF_INET6, value[:16]), local[1])
                back = [(level, kind, value[:16] + struct.pack("=I", 0))]
        try:
            one.sock.sendmsg([one.answer(data, peer, local)], back, 0, peer)
        except OSError:
            continue


def _accept(one: Opened) -> None:
    loop = asyncio.get_event_loop()
    for _turn in range(BACKLOG):
        try:
            connection, peer = one.sock.accept()
        except OSError:
            return
        connection.setblocking(False)
        task = loop.create_task(_converse(one, connection, peer))
        one.conversations.add(task)
        task.add_done_callback(one.conversations.discard)


async def _converse(one: Opened, connection: socket.socket, peer: Any) -> None:
    try:
        await asyncio.wait_for(_one_answer(one, connection, peer), _PATIENCE)
    except (OSError, asyncio.TimeoutError):
        pass
    finally:
        connection.close()


async def _one_answer(one: Opened, connection: socket.socket, peer: Any) -> None:
    loop = asyncio.get_event_loop()
    question = b""
    while not question.endswith(b"\n") and len(question) < _QUESTION:
        part = await loop.sock_recv(connection, _QUESTION)
        if not part:
            return
        question += part
    await loop.sock_sendall(connection, one.answer(question, peer, connection.getsockname()))
