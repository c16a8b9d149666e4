# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done on nodes to see where one packet really goes: which packet, from where, and where it is waited for."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import TypedDict

from .ends import holder
from .fleet import NodeFiles
from .node import Namespace, Node
from .records import PROTOCOLS, Hop, Path, number_of

HOLD = 60
"""Seconds after which watchers end by themselves, whatever became of who started them."""
_PORTS = range(40000, 60000)
"""One of these is sent from: of those that Linux gives to a client (ip_local_port_range)."""
_LEGACY = "iptables-legacy"


class WatchedPlace(TypedDict):
    """A namespace where the packet is waited for."""

    netns: int
    name: str
    trace: bool
    """Whether nftables has rules there, so that it is asked which of them decide."""


class Interface(TypedDict):
    """An interface of a namespace that is watched."""

    host: str
    netns: int
    ifname: str


class Marked(TypedDict):
    """The packet, as the modules of the nodes take it."""

    family: str
    protocol: int
    mark: int
    sport: int
    dport: int
    size: int
    answers: list[int]


class Sent(TypedDict):
    """Who sends it."""

    host: str
    netns: int
    src: str | None
    dst: str


class LivePlan(TypedDict):
    """What is done on nodes."""

    packet: Marked
    sent: Sent
    hosts: dict[str, list[WatchedPlace]]
    between: list[Interface]
    """Those that pass a packet on inside the namespace, as bridges and tunnels do: seen there, it is still in."""
    ports: list[Interface]
    """Those of a bridge: they take frames for others."""
    table: str
    """What the table is called that asks for a trace."""
    hold: int
    unread: list[str]
    """Rules that decide and cannot be asked about, and why."""


def source_port() -> int:
    """Return a port to send from: another one each time, so that the packet is the first of its connection."""
    return secrets.choice(_PORTS)


def plan(nodes: NodeFiles, path: Path, sport: int) -> LivePlan:
    """Return what is done to see the packet of *path*, which was computed to be sent from *sport*."""
    first = path["ways"][0]["there"]["hops"][0]
    protocol = PROTOCOLS[path["protocol"]]
    target = path["receiver"]["address"]
    if target is None:
        raise AssertionError("a path has a receiver with an address")
    has_ports = path["port"] is not None
    packet: Marked = {
        "family": "inet6" if ":" in target else "inet",
        "protocol": protocol,
        "mark": secrets.randbits(32),
        "sport": sport,
        "dport": path["port"] or 1,
        "size": path["size"],
        "answers": sorted({path["port"] or 0, *_ports(path)}) if has_ports and path["protocol"] == "udp" else [],
    }
    sender = path["sender"]
    hosts: dict[str, list[WatchedPlace]] = {}
    between: list[Interface] = []
    ports: list[Interface] = []
    unread: list[str] = []
    for node, namespace in _places(nodes, path):
        hosts.setdefault(node.host, []).append(_watched(namespace))
        for link in namespace.links.values():
            named: Interface = {"host": node.host, "netns": namespace.inode, "ifname": link.ifname}
            if link.kind in ("bridge", "vxlan"):
                between.append(named)
            if link.master is not None:
                ports.append(named)
        if any(variant == _LEGACY for variant, _family, _text in namespace.ruleset or ()):
            unread.append(
                f"{node.host}, {namespace.name}: nftables' trace says nothing of the rules of iptables-legacy there"
            )
    return {
        "packet": packet,
        "sent": {
            "host": first["host"],
            "netns": first["netns"],
            "src": sender["address"] if sender["what"] == "address" else None,
            "dst": target,
        },
        "hosts": hosts,
        "between": between,
        "ports": ports,
        "table": f"podnet_trace_{secrets.token_hex(4)}",
        "hold": HOLD,
        "unread": unread,
    }


def _hops(path: Path) -> Iterable[Hop]:
    for way in path["ways"]:
        yield from way["there"]["hops"]
        yield from way["back"]["hops"] if way["back"] is not None else ()


def _ports(path: Path) -> Iterable[int]:
    for hop in _hops(path):
        if hop["packet"]["dport"] is not None and hop["packet"]["protocol"] == path["protocol"]:
            yield hop["packet"]["dport"]
    for way in path["ways"]:
        if way["there"]["packet"]["dport"] is not None:
            yield way["there"]["packet"]["dport"]


def _places(nodes: NodeFiles, path: Path) -> Iterable[tuple[Node, Namespace]]:
    """Yield where the packet may be: on its ways, where whoever it is for is, and on these nodes themselves."""
    found: dict[tuple[str, int], tuple[Node, Namespace]] = {}

    def add(node: Node | None, namespace: Namespace | None) -> None:
        if node is not None and namespace is not None:
            found.setdefault((node.host, namespace.inode), (node, namespace))

    for hop in _hops(path):
        node = nodes.named(hop["host"])
        add(node, node.namespaces.get(hop["netns"]) if node is not None else None)
    for address in {path["receiver"]["address"], *(way["there"]["packet"]["dst"] for way in path["ways"])} - {None}:
        owner = holder(nodes, *number_of(str(address)))
        add(*owner if owner is not None else (None, None))
    for node, _namespace in list(found.values()):
        add(node, node.own)
    return found.values()


def _watched(namespace: Namespace) -> WatchedPlace:
    return {
        "netns": namespace.inode,
        "name": namespace.name,
        "trace": any(variant != _LEGACY for variant, _family, _text in namespace.ruleset or ()),
    }
