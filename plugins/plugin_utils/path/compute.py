# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what a person asks to the computed path."""

from __future__ import annotations

from typing import NamedTuple

from . import ends
from .fleet import NodeFiles
from .records import PROTOCOLS, SCHEMA_VERSION, Path, Verdict, Way, address_of, number_of
from .walk import Request, all_ways

SOURCE_PORT = 40000
"""The port that a packet is sent from: one of those that Linux gives to a client (ip_local_port_range)."""
SMALLEST = 84
"""Bytes of a packet where nothing else is asked: those of ``ping``."""
_ORDER: tuple[Verdict, ...] = ("dropped", "unknown", "left", "delivered")


class Asked(NamedTuple):
    """What a person asks."""

    sender: str
    receiver: str
    protocol: str | None = None
    family: str | None = None
    size: int = SMALLEST
    sport: int = SOURCE_PORT


def compute(nodes: NodeFiles, asked: Asked) -> Path:
    """Return the path; raise ends.EndError when an end of it cannot be used."""
    nodes.look_for(ends.searched(asked.sender, asked.receiver))
    to = ends.receiver(nodes, asked.receiver, asked.family)
    sender = ends.sender(nodes, asked.sender, to.family)
    protocol = asked.protocol or to.protocol or ("icmp" if to.port is None else "tcp")
    if protocol in ("tcp", "udp") and to.port is None:
        raise ends.EndError(
            f"podnet_to is {asked.receiver!r}, and {protocol} needs a port: "
            f"{asked.receiver}:80, or podnet_protocol=icmp"
        )
    if sender.node is None or sender.namespace is None:
        raise AssertionError("a sender is in a namespace of a node")
    if to.family is None or to.number is None:
        raise AssertionError("a receiver has an address")
    if protocol == "icmp" and to.family == "inet6":
        protocol = "icmpv6"
    has_ports = protocol in ("tcp", "udp")
    request = Request(
        node=sender.node,
        namespace=sender.namespace,
        family=to.family,
        protocol=PROTOCOLS[protocol],
        src=sender.number,
        dst=to.number,
        sport=asked.sport if has_ports else None,
        dport=to.port if has_ports else None,
        size=asked.size,
    )
    ways = all_ways(nodes, request)
    _say_whose(nodes, ways)
    return {
        "schema_version": SCHEMA_VERSION,
        "sender": {**sender.end, "address": sender.end["address"] or _source(ways)},
        "receiver": {**to.end, "address": address_of(to.family, to.number)},
        "protocol": protocol,
        "port": request.dport,
        "size": asked.size,
        "verdict": verdict_of(ways),
        "ways": ways,
        "live": None,
    }


def _say_whose(nodes: NodeFiles, ways: list[Way]) -> None:
    """Say of packets that leave who has the address: a router in between may know, and may not."""
    for way in ways:
        for one in (way["there"], way["back"]):
            if one is not None and one["verdict"] == "left":
                found = ends.holder(nodes, *number_of(one["packet"]["dst"]))
                if found is not None:
                    node, namespace = found
                    who = node.host if namespace.kind == "host" else f"{namespace.name} on {node.host}"
                    one["reason"] += f", and {who} has {one['packet']['dst']}"


def _source(ways: list[Way]) -> str | None:
    hops = ways[0]["there"]["hops"]
    return hops[0]["packet"]["src"] if hops else None


def verdict_of(ways: list[Way]) -> Verdict:
    """Return the worst end of all ways, answers included."""
    found = {way["there"]["verdict"] for way in ways} | {way["back"]["verdict"] for way in ways if way["back"]}
    return next(one for one in _ORDER if one in found)
