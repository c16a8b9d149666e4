# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arithmetic on address ranges."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeVar

try:
    import netaddr
except ImportError:  # libraries.missing() says so, in words, before anything here is called
    pass

T = TypeVar("T")


@lru_cache(maxsize=65536)
def network(cidr: str) -> netaddr.IPNetwork | None:
    """Return *cidr* (an address with or without a length) as a network, or None when it is no such thing."""
    try:
        return netaddr.IPNetwork(cidr)
    except (ValueError, TypeError, netaddr.AddrFormatError):
        return None


def _address(text: str) -> tuple[int, int] | None:
    """Return version and number of an address without a length; None when it is no such thing.

    A fleet has more addresses than a cache should hold, and this is ten times as fast as netaddr.
    """
    version, family = (6, socket.AF_INET6) if ":" in text else (4, socket.AF_INET)
    try:
        return version, int.from_bytes(socket.inet_pton(family, text), "big")
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=65536)
def _span_of_network(cidr: str) -> tuple[int, int, int] | None:
    one = network(cidr)
    return None if one is None else (one.version, one.first, one.last)


def _span(text: str) -> tuple[int, int, int] | None:
    """Return version, first and last number of an address or a network."""
    one = None if "/" in text else _address(text)
    return _span_of_network(text) if one is None else (*one, one[1])


def contains(cidr: str, address: str) -> bool:
    """Tell whether *address* lies in *cidr*; false when either cannot be read."""
    outer, inner = _span(cidr), _span(address)
    if outer is None or inner is None or outer[0] != inner[0]:
        return False
    return outer[1] <= inner[1] and inner[2] <= outer[2]


def between(first: str, last: str, address: str) -> bool | None:
    """Tell whether *address* is one of those from *first* to *last*, None when that cannot be read."""
    ends, inner = (network(first), network(last)), network(address)
    if ends[0] is None or ends[1] is None or inner is None:
        return None
    return bool(ends[0].version == inner.version and ends[0].first <= inner.first <= ends[1].first)


def share(first: str, second: str) -> bool:
    """Tell whether two networks share addresses; those of networks nest or lie apart."""
    return contains(first, second) or contains(second, first)


def is_loopback(address: str) -> bool:
    """Tell whether *address* is of the loopback interface; false when it cannot be read."""
    one = network(address)
    return one is not None and bool(one.ip.is_loopback())


_OF_NO_ONE = tuple(
    (one.version, int(one.network_address), int(one.broadcast_address))
    for one in map(
        ipaddress.ip_network,
        ("0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::/128", "::1/128", "fe80::/10", "ff00::/8"),
    )
)
"""Version, first and last number of what belongs to no single interface: zero, loopback, link-local, multicast."""


def is_specific(address: str) -> bool:
    """Tell whether *address* belongs to one interface in a network: not loopback, link-local, multicast or zero."""
    one = _address(address)
    if one is None:
        return False
    return not any(one[0] == version and first <= one[1] <= last for version, first, last in _OF_NO_ONE)


def order(cidr: str) -> tuple[int, int, int, str]:
    """Return a sort key: family, address, length, and then whatever is no address at all."""
    plain = _address(cidr)
    if plain is not None:
        return (*plain, 32 if plain[0] == 4 else 128, cidr)
    one = network(cidr)
    if one is None:
        return (9, 0, 0, cidr)
    return (one.version, one.value or 0, one.prefixlen, cidr)


def overlaps(entries: Iterable[tuple[str, T]]) -> Iterator[tuple[tuple[str, T], tuple[str, T]]]:
    """Yield pairs of (cidr, mark) entries whose ranges share an address.

    Sorted by first address, ranges nest or lie apart, so that each one is compared only with
    those that are still open: linear in the entries, plus the pairs that are found.
    """
    known = [(network(cidr), cidr, mark) for cidr, mark in entries]
    ranged = sorted(
        ((one.version, one.first, -one.last, cidr, mark) for one, cidr, mark in known if one is not None),
        key=lambda entry: entry[:4],
    )
    open_: list[tuple[int, int, str, T]] = []
    for version, first, negative_last, cidr, mark in ranged:
        open_ = [entry for entry in open_ if entry[0] == version and entry[1] >= first]
        for _version, _last, other, other_mark in open_:
            yield (other, other_mark), (cidr, mark)
        open_.append((version, -negative_last, cidr, mark))
