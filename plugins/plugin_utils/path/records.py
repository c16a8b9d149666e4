# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of a computed path: packets, what happens to them hop by hop, and how their way ends.

``path.json`` holds `Path`; docs/schema/path.schema.json describes it for other programs.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Literal, TypedDict

SCHEMA_VERSION = 1

Verdict = Literal["delivered", "left", "dropped", "unknown"]

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
"""Numbers of protocols (/etc/protocols)."""
NAMES = {number: name for name, number in PROTOCOLS.items()}


@dataclass(frozen=True, slots=True)
class Packet:
    """One IP packet. Addresses are numbers, as the family says."""

    family: str
    """``inet`` or ``inet6``."""
    protocol: int
    src: int
    dst: int
    sport: int | None
    """None for a protocol without ports, and where the kernel chooses one that nobody can tell."""
    dport: int | None
    size: int
    """Bytes of the IP packet, header included."""
    icmp_type: int | None = None
    ack: bool = False
    """For TCP: whether it is the answer to the first packet (SYN and ACK) and not that (SYN)."""
    may_fragment: bool = False
    """Whether a node may take it apart: tunnels allow that for what they send."""


class PacketWords(TypedDict):
    """A packet as reports show it."""

    protocol: str
    src: str
    sport: int | None
    dst: str
    dport: int | None
    mark: str | None
    """Null when it has none."""


class Step(TypedDict):
    """What a part of the kernel does with the packet."""

    what: str
    """``route``, ``firewall``, ``neighbour``, ``cable``, ``bridge``, ``overlay``, ``fabric``, ``mtu`` or
    ``end``."""
    text: str
    command: str | None
    """What shows it to a person, on the node as root."""


class Hop(TypedDict):
    """A packet's stay in one network namespace."""

    host: str
    netns: int
    name: str
    """The pod, the node itself, or what else the namespace is called."""
    came_in: str | None
    """The interface that it came in by; null where it begins."""
    went_out: str | None
    """The interface that it left by; null where it ends."""
    packet: PacketWords
    """As it came in."""
    steps: list[Step]


class Outcome(TypedDict):
    """One way that a packet may take, and its end."""

    verdict: Verdict
    """``delivered`` to who has the address; ``left`` for what is not a node that was read; ``dropped``; ``unknown``."""
    reason: str
    """To whom, where to, by what, or what is missing or not understood."""
    host: str | None
    """The node where it ends."""
    receiver: str | None
    """Who gets it: the pod, or the node itself."""
    listening: bool | None
    """Whether somebody listens there; null where that was not read or is not a matter of listening."""
    packet: PacketWords
    """As it is at its end."""
    path_mtu: int | None
    """The smallest MTU of the way in bytes; null when nothing of it is known."""
    choices: list[str]
    """What chance decided on this way: a backend, a next hop. Empty where there is one way only."""
    hops: list[Hop]


class Way(TypedDict):
    """One way of a packet with that of the answer."""

    there: Outcome
    back: Outcome | None
    """The way of the answer; null where the packet does not arrive at somebody who answers."""


class Point(TypedDict):
    """An interface that the packet passes, computed and seen side by side."""

    host: str
    netns: int
    name: str
    interface: str
    direction: Literal["in", "out"]
    verdict: Literal["same", "different", "not_seen", "also_seen", "not_watched"]
    """``also_seen``: seen where nothing is computed, which contradicts nothing."""
    computed: PacketWords | None
    seen: PacketWords | None
    inside: str | None
    """The tunnel whose packet was seen there with ours inside, as ``vxlan 7``; null for a plain packet."""


class Leg(TypedDict):
    """One direction of what was sent, computed and seen side by side."""

    points: list[Point]
    rules: list[str]
    """The rules that decided, as nftables' trace told them, in order."""
    first: int | None
    """Which of the points is the first that is not as computed; null when none is, or the difference is its end."""
    difference: str | None
    """In words; null when all is as computed."""
    resolved: str | None
    """What was seen where the computation ends in ``unknown``."""


class Live(TypedDict):
    """What became of one packet that was really sent, and of its answer."""

    verdict: Literal["same", "different", "resolved"]
    """``resolved`` where the computation knew no more and what was seen went on."""
    way: int
    """The number, from 1, of the way that fits best."""
    error: str | None
    """Why it was not sent, as ``EPERM`` where the kernel of the sender refused."""
    answered: bool
    """Whether the sender got an answer."""
    there: Leg
    back: Leg | None
    changes: list[str]
    """What was changed on nodes for it, and undone."""
    skipped: list[str]
    """What could not be watched, and why."""


class End(TypedDict):
    """One end of a path as it was asked for, and what it is."""

    asked: str
    what: str
    """``pod``, ``node``, ``service`` or ``address``."""
    host: str | None
    name: str
    address: str | None


class Path(TypedDict):
    """What ``path.json`` holds."""

    schema_version: int
    sender: End
    receiver: End
    protocol: str
    port: int | None
    size: int
    verdict: Verdict
    """The worst of all ways: ``dropped`` before ``unknown``, ``left`` and ``delivered``."""
    ways: list[Way]
    live: Live | None
    """What became of a packet that was really sent; null where none was."""


def number_of(text: str) -> tuple[str, int]:
    """Return the family and the number of an address; raise ValueError."""
    address = ipaddress.ip_address(text.partition("%")[0])
    return ("inet" if address.version == 4 else "inet6"), int(address)


def address_of(family: str, number: int) -> str:
    """Return an address as it is written."""
    return str(ipaddress.IPv4Address(number) if family == "inet" else ipaddress.IPv6Address(number))


def words_of(packet: Packet, mark: int) -> PacketWords:
    """Return a packet as reports show it."""
    return {
        "protocol": NAMES.get(packet.protocol, str(packet.protocol)),
        "src": address_of(packet.family, packet.src),
        "sport": packet.sport,
        "dst": address_of(packet.family, packet.dst),
        "dport": packet.dport,
        "mark": f"0x{mark:x}" if mark else None,
    }


def shown(packet: PacketWords) -> str:
    """Return a packet in a few words, as in ``tcp 10.244.0.2:40000 to 10.96.1.1:80``."""
    ends = []
    for address, port in ((packet["src"], packet["sport"]), (packet["dst"], packet["dport"])):
        written = f"[{address}]" if ":" in address and port is not None else address
        ends.append(written if port is None else f"{written}:{port}")
    return f"{packet['protocol']} {ends[0]} to {ends[1]}" + (f" mark {packet['mark']}" if packet["mark"] else "")
