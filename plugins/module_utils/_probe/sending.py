# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The sockets that probes are sent by: opened in the namespace that they start from, used from here.

A socket stays in the namespace that it was opened in, so that one process with one event loop serves all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import struct
import time
from typing import Any, Dict, Optional, Union

from .naming import is_name
from .places import NODE, Place, Places
from .records import CHUNK, Icmp, Probe, endpoint, failed
from .securing import Secured, why

_RECVERR = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (socket.IPPROTO_IPV6, 25)}
"""Level and number of IP_RECVERR and IPV6_RECVERR (linux/in.h, linux/in6.h)."""
_ERROR = struct.Struct("=I4B2I")
"""struct sock_extended_err (linux/errqueue.h): errno, origin, type, code, padding, info, data."""
_ORIGINS = (2, 3)
"""SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6."""


def family_of(address: str) -> socket.AddressFamily:
    """Return AF_INET6 for an address with a colon, else AF_INET."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_socket(places: Places, place: Place, family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Return a socket of a namespace that does not wait and hears of ICMP errors. Raises OSError."""
    opened = places.home.inside(place.descriptor, lambda: socket.socket(family, kind, protocol))
    try:
        opened.setblocking(False)
        opened.setsockopt(*_RECVERR[socket.AddressFamily(family)], 1)
    except OSError:
        opened.close()
        raise
    return opened


def queued_error(sock: socket.socket) -> Optional[Icmp]:
    """Return the last ICMP error that the kernel queued for a socket, None when there is none."""
    last: Optional[Icmp] = None
    while True:
        try:
            _data, ancillary, _flags, _address = sock.recvmsg(512, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return last
        for _level, _kind, data in ancillary:
            if len(data) >= _ERROR.size:
                number, origin, kind, code, _pad, info, _rest = _ERROR.unpack_from(data)
                if origin in _ORIGINS:
                    last = Icmp(number, kind, code, _offender(data[_ERROR.size :]), info)


def _offender(data: bytes) -> Optional[str]:
    """Return the address in the sockaddr that follows an error: who sent it."""
    if len(data) < 2:
        return None
    family = struct.unpack_from("=H", data)[0]
    if family == socket.AF_INET and len(data) >= 8:
        return socket.inet_ntop(socket.AF_INET, data[4:8])
    if family == socket.AF_INET6 and len(data) >= 24:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return None


def refused(sock: socket.socket, error: OSError) -> Dict[str, Any]:
    """Return what an error of a socket says of a probe's result, with the ICMP message behind it."""
    family = "inet6" if sock.family == socket.AF_INET6 else "inet"
    return failed(error.errno, queued_error(sock), family)


async def connected(sock: socket.socket, address: str, port: int) -> float:
    """Connect, and return how many milliseconds it took. Raises OSError."""
    began = time.monotonic()
    if sock.type == socket.SOCK_STREAM:
        await asyncio.get_event_loop().sock_connect(sock, (address, port))
    else:  # nothing to wait for, and asyncio would look the address of a raw socket up
        sock.connect((address, port))
    return round((time.monotonic() - began) * 1000, 3)


async def tcp(sock: socket.socket, probe: Probe, address: str, known: Dict[str, Any]) -> Dict[str, Any]:
    """Connect, say a nonce, and read who answers."""
    known["latency_ms"] = await connected(sock, address, probe.port)
    known["sent_from"] = endpoint(sock.getsockname())
    known["detail"] = {"connected": True}
    nonce = os.urandom(8).hex()
    loop = asyncio.get_event_loop()
    await loop.sock_sendall(sock, ("podnet %s\n" % nonce).encode("ascii"))
    data = b""
    while not data.endswith(b"\n") and len(data) < CHUNK:
        part = await loop.sock_recv(sock, CHUNK)
        if not part:
            break
        data += part
    return answer_of(data, nonce)


async def udp(sock: socket.socket, probe: Probe, address: str, known: Dict[str, Any]) -> Dict[str, Any]:
    """Send a nonce, and wait for whoever answers."""
    began = time.monotonic()
    await connected(sock, address, probe.port)
    known["sent_from"] = endpoint(sock.getsockname())
    nonce = os.urandom(8).hex()
    loop = asyncio.get_event_loop()
    await loop.sock_sendall(sock, ("podnet %s\n" % nonce).encode("ascii"))
    data = await loop.sock_recv(sock, CHUNK)
    known["latency_ms"] = round((time.monotonic() - began) * 1000, 3)
    return answer_of(data, nonce)


def answer_of(data: bytes, nonce: str) -> Dict[str, Any]:
    """Return what an answer says of a probe's result; whether it is one of our listeners' is told by the nonce."""
    if not data:
        return {"outcome": "closed"}
    try:
        said = json.loads(data.decode("utf-8"))
        if said["podnet"] == 1 and said["nonce"] == nonce:
            return {"outcome": "ok", "answered_by": str(said["listener"]), "seen_as": endpoint(said["peer"])}
    except (ValueError, KeyError, TypeError, IndexError):
        pass
    return {"outcome": "ok", "detail": {"connected": True, "answer": data[:200].decode("utf-8", "backslashreplace")}}


class Plain:
    """A connection without TLS."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises OSError."""
        await asyncio.get_event_loop().sock_sendall(self._sock, data)

    async def receive(self) -> bytes:
        """Return some bytes, none at the end. Raises OSError."""
        return await asyncio.get_event_loop().sock_recv(self._sock, CHUNK)


async def http(sock: socket.socket, probe: Probe, address: str, known: Dict[str, Any]) -> Dict[str, Any]:
    """Ask a web server for a page."""
    known["latency_ms"] = await connected(sock, address, probe.port)
    known["sent_from"] = endpoint(sock.getsockname())
    known["detail"] = {"connected": True}
    return await _asked(Plain(sock), probe, address, known)


async def https(sock: socket.socket, probe: Probe, address: str, known: Dict[str, Any]) -> Dict[str, Any]:
    """Ask a web server for a page over TLS, and read for whom its certificate is."""
    known["latency_ms"] = await connected(sock, address, probe.port)
    known["sent_from"] = endpoint(sock.getsockname())
    known["detail"] = {"connected": True}
    stream = Secured(sock, _name(probe))
    try:
        await stream.begin()
        known["detail"] = {"connected": True, "certificate": {"names": stream.names()}}
        return await _asked(stream, probe, address, known)
    except ssl.SSLError as error:
        return {"outcome": "no-tls", "detail": {**known["detail"], "cause": why(error)}}


def _name(probe: Probe) -> Optional[str]:
    """Return the name of the host that is asked for; None when it is an address or a pod."""
    name = probe.host or probe.to
    nameless = numeric(name) or name.startswith("[") or is_name(name) or name == NODE
    return None if nameless else name


async def _asked(stream: Union[Plain, Secured], probe: Probe, address: str, known: Dict[str, Any]) -> Dict[str, Any]:
    """Ask for the page over what is connected."""
    host = "[%s]" % address if ":" in address else address
    lines = ["GET %s HTTP/1.0" % probe.path]
    if not any(name.lower() == "host" for name, _value in probe.headers):
        lines.append("Host: %s:%d" % (host, probe.port))
    lines += ["%s: %s" % header for header in probe.headers]
    await stream.send(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "backslashreplace"))
    data = b""
    while len(data) < 2 * CHUNK and not _is_whole(data):
        try:
            part = await stream.receive()
        except ConnectionResetError:
            if not data:
                raise
            break  # a server that does not read all of a request may end so
        if not part:
            break
        data += part
    said = _page(data) if data.startswith(b"HTTP/") else _no_page(data)
    return {**said, "detail": {**known["detail"], **said["detail"]}}


def _is_whole(data: bytes) -> bool:
    """Tell whether an answer has as many bytes as its head says."""
    head, blank, body = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:] if blank else ():
        name, _colon, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit():
            return len(body) >= int(value)
    return False


def _page(data: bytes) -> Dict[str, Any]:
    head, _blank, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split()
    headers = [line.partition(":")[::2] for line in lines[1:] if ":" in line]
    page = {
        "status": int(words[1]) if len(words) > 1 and words[1].isdecimal() else None,
        "headers": {name.strip().lower(): value.strip() for name, value in headers},
        "body": body[:CHUNK].decode("utf-8", "backslashreplace"),
    }
    return {"outcome": "ok", "detail": page}


def _no_page(data: bytes) -> Dict[str, Any]:
    shown = data[:200].decode("utf-8", "backslashreplace")
    return {"outcome": "closed", "detail": {"answer": shown}}


def numeric(address: str) -> bool:
    """Tell whether `address` is one, rather than a name."""
    try:
        socket.inet_pton(family_of(address), address)
    except (OSError, ValueError):
        return False
    return True
