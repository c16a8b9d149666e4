# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What is asked of a probe and what it says: records, outcomes, and the empty result."""

from __future__ import annotations

import errno
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

KINDS = ("tcp", "udp", "icmp", "http", "https", "dns", "path_mtu")
WEB = ("http", "https")
CHUNK = 4096
"""So many bytes of an answer are read at once, and kept of a page."""
DNS_PORT = 53
_PORTS = {"http": 80, "https": 443, "dns": DNS_PORT}
"""Those of kinds that need not be told one."""


class Probe(NamedTuple):
    """One probe."""

    id: str
    kind: str
    at: str
    """Where it starts: ``namespace/name`` of a pod, ``container:NAME``, ``node``, a path, ``pid:N`` or ``net:[N]``."""
    to: str
    port: int
    timeout: float
    record: str
    """dns: type of record."""
    server: Optional[str]
    """dns: address of a name server, None for those of the pod's resolv.conf."""
    transport: str
    """dns: ``udp`` or ``tcp``."""
    path: str
    """http and https: what is asked for."""
    headers: Tuple[Tuple[str, str], ...]
    """http and https: sent beside ``Host``."""

    @property
    def host(self) -> str:
        """The host that a web server is asked for, without a port; empty when it is not named."""
        named = [value for name, value in self.headers if name.lower() == "host"]
        return re.sub(r":\d*\Z", "", named[0]) if named else ""


class Listener(NamedTuple):
    """One listener."""

    id: str
    at: str
    protocol: str
    address: str
    """Empty: any, of both families where the namespace has both."""
    port: int


class Icmp(NamedTuple):
    """An ICMP error, as the kernel hands it to the socket that it is about (ip(7), IP_RECVERR)."""

    number: int
    kind: int
    code: int
    sender: Optional[str]
    info: int
    """Of "fragmentation needed": the MTU of the next hop."""


class ProbeError(Exception):
    """A probe or a listener cannot be had; with the object, the cause and what would help."""

    def __init__(self, about: str, cause: str, remedy: str) -> None:
        Exception.__init__(self, "%s: %s. %s" % (about, cause, remedy))
        self.entry = {"object": about, "cause": cause, "remedy": remedy}


_OUTCOMES = {
    errno.ECONNREFUSED: "refused",
    errno.ECONNRESET: "reset",
    errno.EPIPE: "reset",
    errno.ETIMEDOUT: "timeout",
    errno.EHOSTUNREACH: "unreachable",
    errno.ENETUNREACH: "unreachable",
    errno.EHOSTDOWN: "unreachable",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.EMSGSIZE: "too-big",
}
_PROHIBITED = {("inet", 3): (9, 10, 13), ("inet6", 1): (1,)}
"""ICMP codes for "administratively prohibited" (RFC 1812, 5.2.7.1; RFC 4443, 3.1), by family and type."""


def outcome_of(number: Optional[int], icmp: Optional[Icmp] = None, family: str = "inet") -> str:
    """Return the outcome that an errno, or the ICMP error behind it, stands for."""
    if icmp is not None and icmp.code in _PROHIBITED.get((family, icmp.kind), ()):
        return "prohibited"
    return _OUTCOMES.get(number or 0, "error")


def result_of(probe: Probe, **known: Any) -> Dict[str, Any]:
    """Return the result of a probe, with what is not known as None."""
    found: Dict[str, Any] = {
        "id": probe.id,
        "kind": probe.kind,
        "at": probe.at,
        "to": probe.to,
        "address": None,
        "port": probe.port or None,
        "outcome": "not-sent",
        "sent_from": None,
        "seen_as": None,
        "answered_by": None,
        "latency_ms": None,
        "errno": None,
        "icmp": None,
        "detail": {},
    }
    found.update(known)
    return found


def failed(number: Optional[int], icmp: Optional[Icmp] = None, family: str = "inet") -> Dict[str, Any]:
    """Return what an error says of a probe's result."""
    shown = None
    if icmp is not None:
        shown = {"type": icmp.kind, "code": icmp.code, "from": icmp.sender}
    return {
        "outcome": outcome_of(number, icmp, family),
        "errno": errno.errorcode.get(number or 0),
        "icmp": shown,
    }


def endpoint(pair: Any) -> Dict[str, Any]:
    """Return a socket's address as a result shows it; an IPv4 address that IPv6 wraps is shown as what it is."""
    address = str(pair[0])
    return {"address": address[7:] if address.startswith("::ffff:") else address, "port": int(pair[1])}


def listeners_from(entries: List[Dict[str, Any]]) -> List[Listener]:
    """Return the listeners that a task asks for."""
    return [
        Listener(one["id"], one["at"], one.get("protocol") or "tcp", one.get("address") or "", one.get("port") or 0)
        for one in entries
    ]


def probes_from(entries: List[Dict[str, Any]], timeout: float) -> List[Probe]:
    """Return the probes that a task asks for; `timeout` is for those that name none. Raises ProbeError."""
    found = []
    for one in entries:
        port = one.get("port") or _PORTS.get(one["kind"], 0)
        if not port and one["kind"] in ("tcp", "udp"):
            raise ProbeError("probe %s" % one["id"], "a %s probe needs a port" % one["kind"], "Name it with port")
        found.append(
            Probe(
                one["id"],
                one["kind"],
                one["at"],
                one["to"],
                port,
                one.get("timeout") or timeout,
                one.get("type") or "A",
                one.get("server"),
                one.get("transport") or "udp",
                one.get("path") or "/",
                tuple(sorted((str(name), str(value)) for name, value in (one.get("headers") or {}).items())),
            )
        )
    return found
