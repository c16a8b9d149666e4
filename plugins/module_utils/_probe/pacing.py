# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How fast probes may be sent, so that they do not fill the node's table of neighbours.

A sender needs an entry (ARP, NDP) for each receiver on its own link, and the receiver one for it; towards all others it
and its gateway need one of each other. The kernel has one table for all namespaces of a machine. When it holds
``gc_thresh3`` entries, 1024 by default, nobody on the node gets a new one (arp(7)). An entry in use makes no room
before it is stale, which takes up to one and a half of ``base_reachable_time``, 45 seconds (``neigh_forced_gc``,
``neigh_rand_reach_time`` in net/core/neighbour.c). A hundred pods that all ask each other on one bridge need ten
thousand entries.
"""

from __future__ import annotations

import asyncio
import collections
import ipaddress
import socket
import struct
import sys
import time
from typing import Deque, Dict, FrozenSet, List, Optional, Set, Tuple

from .places import Place, Places
from .records import Probe, ProbeError

_LIMIT = "/proc/sys/net/ipv4/neigh/default/gc_thresh3"
_DEFAULT = 1024
_SHARE = 2
"""The part of the table that is used: a half, for the node has other entries, and old ones go late."""
_AGE = 50.0
"""Seconds after which an entry can make room."""
_ENDS = 2
"""Two that talk need an entry each."""

Routes = List[Tuple[int, int, int]]
"""Network, mask, and the gateway or 0, the longest masks first."""


def table_size() -> int:
    """Return how many neighbours the machine may have. Namespaces that are not the first one do not say."""
    try:
        with open(_LIMIT, encoding="ascii") as stream:
            return max(int(stream.read()), 1)
    except (OSError, ValueError):
        return _DEFAULT


def parse_routes(text: str) -> Routes:
    """Return the routes in /proc/net/route (``fib_route_seq_show``), whose numbers are in the machine's byte order.

    A sample::

        Iface   Destination Gateway     Flags RefCnt Use Metric Mask        MTU Window IRTT
        eth0    00000000    0100F40A    0003  0      0   0      00000000    0   0      0
        eth0    0000F40A    00000000    0001  0      0   0      00FFFFFF    0   0      0
    """
    order = "<I" if sys.byteorder == "little" else ">I"

    def number(word: str) -> int:
        return int(struct.unpack(">I", struct.pack(order, int(word, 16)))[0])

    found: Routes = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 7:
            found.append((number(words[1]), number(words[7]), number(words[2])))
    return sorted(found, key=lambda route: -route[1])


def next_hop(routes: Routes, address: str) -> Optional[str]:
    """Return who is asked for on the link to reach an address: the address itself or a gateway; None without a route.

    Of IPv6, whose routes are not read, each counts as on the link.
    """
    parsed = ipaddress.ip_address(address)
    if parsed.is_loopback:
        return None
    if parsed.version == 6:
        return address
    for network, mask, gateway in routes:
        if int(parsed) & mask == network:
            return str(ipaddress.IPv4Address(gateway)) if gateway else address
    return None


class Pace:
    """Lets probes go, those that need new neighbours not faster than the table can forget others."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._routes: Dict[int, Routes] = {}
        self._asked: Set[Tuple[int, str]] = set()
        self._known: Set[FrozenSet[str]] = set()
        self._recent: Deque[float] = collections.deque()
        self._allowed = max(table_size() // _SHARE // _ENDS, 1)

    async def wait(self, probe: Probe) -> None:
        """Wait until a probe may be sent."""
        if not self._needs_neighbour(probe):
            return
        while True:
            now = time.monotonic()
            while self._recent and now - self._recent[0] >= _AGE:
                self._recent.popleft()
            if len(self._recent) < self._allowed:
                self._recent.append(now)
                return
            await asyncio.sleep(self._recent[0] + _AGE - now)

    def _needs_neighbour(self, probe: Probe) -> bool:
        """Tell whether a probe is the first between two neighbours on a link, in whichever direction."""
        try:
            address = str(ipaddress.ip_address(probe.to))
            place = self._places.find(probe.at)
            routes = self._routes.get(place.inode)
            if routes is None:
                routes = parse_routes(self._places.home.inside(place.descriptor, _routes_here))
                self._routes[place.inode] = routes
            neighbour = next_hop(routes, address)
            if neighbour is None or (place.inode, neighbour) in self._asked:
                return False
            self._asked.add((place.inode, neighbour))
            pair = frozenset((neighbour, self._source(place, address)))
        except (ValueError, OSError, ProbeError):
            return False  # it fails when it is sent, and says why
        if len(pair) == 1 or pair in self._known:
            return False
        self._known.add(pair)
        return True

    def _source(self, place: Place, address: str) -> str:
        """Return the address from which the kernel would send to another one. Raises OSError."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with self._places.home.inside(place.descriptor, lambda: socket.socket(family, socket.SOCK_DGRAM)) as sock:
            sock.connect((address, 9))
            return str(sock.getsockname()[0])


def _routes_here() -> str:
    with open("/proc/thread-self/net/route", encoding="ascii") as stream:
        return stream.read()
