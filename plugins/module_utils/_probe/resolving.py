# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Names as a pod resolves them: its servers, its search domains, one question after another."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from typing import Any, Dict, List, Optional, Tuple

from . import dns
from .places import Place, Places, resolv_conf
from .records import DNS_PORT, Probe, ProbeError, endpoint, failed
from .sending import connected, family_of, numeric, open_socket, refused

_MESSAGE = 65535


class Resolver:
    """Asks from one namespace."""

    def __init__(
        self, places: Places, place: Place, settings: dns.Settings, source: Optional[str], port: int = DNS_PORT
    ) -> None:
        """`settings` are those of the namespace's resolv.conf, whose path on the node is `source`."""
        self.places = places
        self.place = place
        self.settings = settings
        self.source = source
        self.port = port

    async def resolve(self, name: str, record: str, timeout: float, transport: str = "udp") -> Dict[str, Any]:
        """Return what came of a name: outcome, server, the name that had an answer, and its records."""
        if record == "PTR" and numeric(name):
            name = dns.reverse_name(name)
        asked: List[str] = []
        last: Dict[str, Any] = {"outcome": "no-server"}
        for candidate in dns.candidates(name, self.settings):
            asked.append(candidate)
            reply, last = await self._ask(candidate, record, timeout, transport)
            if reply is None:
                break
            found = [one for one in reply.records if one["type"] == record]
            if found:
                last["outcome"] = "ok"
                last["detail"].update(records=reply.records, name_asked=candidate)
                break
            last["outcome"] = "no-name"
        last.setdefault("detail", {}).update(asked=asked, resolv_conf=self.source)
        return last

    async def _ask(
        self, name: str, record: str, timeout: float, transport: str
    ) -> Tuple[Optional[dns.Reply], Dict[str, Any]]:
        """Ask each server until one knows whether there is such a name; None when none of them says anything."""
        last: Dict[str, Any] = {"outcome": "no-server"}
        for server in self.settings.servers:
            found: Dict[str, Any] = {"address": server, "detail": {"server": server}}
            began = time.monotonic()
            try:
                reply, found["sent_from"] = await self._exchange(server, name, record, timeout, transport)
                if reply.truncated and transport == "udp":
                    reply, found["sent_from"] = await self._exchange(server, name, record, timeout, "tcp")
            except asyncio.TimeoutError:
                last = {**found, "outcome": "no-server", "errno": "ETIMEDOUT"}
                continue
            except _RefusedError as error:
                last = {**found, **error.said, "outcome": "no-server"}
                continue
            except (OSError, ValueError) as error:
                cause = getattr(error, "strerror", None) or str(error)
                last = {**found, **failed(getattr(error, "errno", None)), "outcome": "no-server"}
                last["detail"] = {"server": server, "cause": cause}
                continue
            found["latency_ms"] = round((time.monotonic() - began) * 1000, 3)
            found["detail"]["code"] = reply.code
            if reply.code in (dns.NOERROR, dns.NXDOMAIN):
                return reply, found
            last = {**found, "outcome": "no-server"}
        return None, last

    async def _exchange(
        self, server: str, name: str, record: str, timeout: float, transport: str
    ) -> Tuple[dns.Reply, Dict[str, Any]]:
        kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
        sock = open_socket(self.places, self.place, family_of(server), kind)
        try:
            number = struct.unpack("=H", os.urandom(2))[0]
            query = dns.question(name, record, number)
            try:
                data = await asyncio.wait_for(_spoken(sock, server, self.port, query), timeout)
            except OSError as error:
                raise _RefusedError(refused(sock, error)) from None
            return dns.parse_reply(data, number), endpoint(sock.getsockname())
        finally:
            sock.close()


class _RefusedError(Exception):
    """A question could not be sent, or its answer was an ICMP error."""

    def __init__(self, said: Dict[str, Any]) -> None:
        Exception.__init__(self)
        self.said = said


async def _spoken(sock: socket.socket, server: str, port: int, query: bytes) -> bytes:
    loop = asyncio.get_event_loop()
    await connected(sock, server, port)
    if sock.type == socket.SOCK_DGRAM:
        await loop.sock_sendall(sock, query)
        return await loop.sock_recv(sock, _MESSAGE)
    await loop.sock_sendall(sock, struct.pack(">H", len(query)) + query)  # RFC 1035, 4.2.2
    data = b""
    while len(data) < 2 or len(data) < 2 + struct.unpack_from(">H", data)[0]:
        part = await loop.sock_recv(sock, _MESSAGE)
        if not part:
            break
        data += part
    return data[2:]


def resolver(places: Places, probe: Probe) -> Resolver:
    """Return who resolves names for a probe: the server that it names, or those of its place. Raises ProbeError."""
    place = places.find(probe.at)
    named = probe.server if probe.kind == "dns" else None
    try:
        text, source = resolv_conf(place)
    except ProbeError:
        if named is None:
            raise
        return Resolver(places, place, dns.Settings((named,), (), 1), None, probe.port)
    settings = dns.parse_resolv_conf(text)
    if named is None:
        return Resolver(places, place, settings, source)
    return Resolver(places, place, settings._replace(servers=(named,)), source, probe.port)
