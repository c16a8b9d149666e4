# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services as the rules of a node have them: records, and what the readers of the modes share."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple, TypedDict

from .._files.reader import printable
from .._ranges.records import ip_address, parse_address

TYPES = ("cluster_ip", "external_ip", "load_balancer", "external", "node_port", "health_check")
"""In the order of the facts. ``external``: an external IP or a load balancer's address, the rules do not say which."""

FORWARD, REJECT, DROP, ACCEPT, NONE = "forward", "reject", "drop", "accept", "none"
UNKNOWN = "unknown"
"""There are rules, and it was not understood what they do."""

_MAX_TEXT = 400
_SERVICE_PORT = re.compile(r"([a-z0-9.-]{1,253})/([a-z0-9.-]{1,253})(?::([A-Za-z0-9_.-]{1,253}))?\Z")
_NUMBER = re.compile(r"[0-9]{1,5}\Z")
_PROTOCOLS = {"6": "tcp", "17": "udp", "132": "sctp", "tcp": "tcp", "udp": "udp", "sctp": "sctp"}


class Backend(TypedDict):
    """Where connections are sent. `weight` is the share of new ones (0 to 1), None when it is not fixed."""

    address: str
    port: Optional[int]
    weight: Optional[float]


class Affinity(TypedDict):
    """Connections of one client stay with one backend, until `timeout` seconds without a new one."""

    type: str
    timeout: Optional[int]


class Rule(TypedDict):
    """The rule or map element that catches the packets: a command that shows it, and its text."""

    command: str
    table: str
    chain: Optional[str]
    """The chain or the map that it is in."""
    text: str
    target: Optional[str]
    """The chain that it leads to, where one finds what happens next."""


class Service(TypedDict):
    """One address and port that rules send to backends."""

    namespace: Optional[str]
    name: Optional[str]
    port_name: Optional[str]
    type: Optional[str]
    family: str
    virtual_address: Optional[str]
    port: int
    protocol: str
    action: str
    backends: List[Backend]
    affinity: Optional[Affinity]
    traffic_policy: Optional[str]
    source_ranges: List[str]
    scheduler: Optional[str]
    mode: str
    rule: Rule


class Unrecognised(TypedDict):
    """A rule where Services are, that was not understood."""

    command: str
    table: str
    chain: Optional[str]
    text: str
    reason: str


class ServiceName(NamedTuple):
    """What a Service port is called."""

    namespace: Optional[str]
    name: Optional[str]
    port_name: Optional[str]


UNNAMED = ServiceName(None, None, None)


class Found(NamedTuple):
    """What one source says."""

    services: List[Service]
    unrecognised: List[Unrecognised]
    node_port_addresses: List[str]
    """Addresses of the node at which NodePorts are answered; ``0.0.0.0/0`` and ``::/0`` for all of them."""


class Destination(NamedTuple):
    """Where a chain leads."""

    backends: List[Backend]
    affinity: Optional[Affinity]
    policy: Optional[str]
    source_ranges: List[str]
    action: str


NOWHERE = Destination([], None, None, [], NONE)
NOT_READ = Destination([], None, None, [], UNKNOWN)

Place = Tuple[str, Optional[str], int, str]
"""Family, address (None for a NodePort), port, protocol."""


def parse_service_port(text: str) -> ServiceName:
    """Return the parts of ``namespace/name:port``, as kube-proxy writes it (``ServicePortName.String``)."""
    match = _SERVICE_PORT.match(text)
    return ServiceName(*match.groups()) if match else UNNAMED


def parse_port(text: object) -> Optional[int]:
    """Return a port number, or None when `text` is none."""
    if isinstance(text, int) and not isinstance(text, bool):
        return text if 0 <= text <= 65535 else None
    if isinstance(text, str) and _NUMBER.match(text) and int(text) <= 65535:
        return int(text)
    return None


def parse_protocol(text: object) -> Optional[str]:
    """Return ``tcp``, ``udp`` or ``sctp`` of a name or a number (RFC 1700), else None."""
    return _PROTOCOLS.get(str(text))


def parse_endpoint(text: str) -> Optional[Tuple[str, Optional[int]]]:
    """Return address and port of ``10.244.0.2:80``, ``[fd00::2]:80`` or an address alone; None for all else."""
    address = parse_address(text)
    if address is not None:
        return address, None
    host, colon, port = text.rpartition(":")
    number = parse_port(port)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None
    address = parse_address(host)
    return (address, number) if colon and address is not None and number is not None else None


def service(name: ServiceName, kind: Optional[str], place: Place, mode: str, rule: Rule) -> Service:
    """Return a Service of which only the head is known."""
    family, address, port, protocol = place
    return {
        "namespace": name.namespace,
        "name": name.name,
        "port_name": name.port_name,
        "type": kind,
        "family": family,
        "virtual_address": address,
        "port": port,
        "protocol": protocol,
        "action": NONE,
        "backends": [],
        "affinity": None,
        "traffic_policy": None,
        "source_ranges": [],
        "scheduler": None,
        "mode": mode,
        "rule": rule,
    }


def lead(one: Service, to: Destination) -> None:
    """Say where a Service leads."""
    one["backends"] = to.backends
    one["affinity"] = to.affinity
    one["traffic_policy"] = to.policy
    one["source_ranges"] = to.source_ranges
    one["action"] = to.action


def cut(text: str) -> str:
    """Return the text of a rule, not longer than what anybody reads."""
    text = printable(text)
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"


def weight(share: float) -> float:
    """Return a share as it is shown: kube-proxy writes probabilities with ten digits, the kernel keeps 31 bits."""
    return round(share, 4)


def order(one: Service) -> Tuple[object, ...]:
    """Return a sort key: by name, then type, then address."""
    kind = one["type"]
    address = one["virtual_address"]
    return (
        one["namespace"] is None,
        one["namespace"] or "",
        one["name"] or "",
        one["port_name"] or "",
        TYPES.index(kind) if kind in TYPES else len(TYPES),
        one["family"],
        _number(address),
        one["protocol"],
        one["port"],
        one["mode"],
        one["rule"]["command"],
        one["rule"]["text"],
    )


def backend_order(one: Backend) -> Tuple[int, int, int]:
    """Return a sort key of backends: by address and port."""
    version, number = _number(one["address"])
    return version, number, -1 if one["port"] is None else one["port"]


def _number(address: Optional[str]) -> Tuple[int, int]:
    if address is None:
        return (0, 0)
    parsed = ip_address(address)
    return (parsed.version, int(parsed))


def merge_backends(entries: List[Backend]) -> List[Backend]:
    """Return backends sorted, those that occur twice as one with the sum of their shares."""
    merged: Dict[Tuple[str, Optional[int]], Backend] = {}
    for entry in entries:
        key = (entry["address"], entry["port"])
        known = merged.get(key)
        if known is None:
            merged[key] = {"address": entry["address"], "port": entry["port"], "weight": entry["weight"]}
        elif known["weight"] is not None and entry["weight"] is not None:
            known["weight"] = min(1.0, weight(known["weight"] + entry["weight"]))
        else:
            known["weight"] = None
    return sorted(merged.values(), key=backend_order)
