# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arithmetic on address ranges."""

from __future__ import annotations

import ipaddress
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


def contains(cidr: str, address: str) -> bool:
    """Tell whether *address* lies in *cidr*; false when either cannot be read."""
    outer, inner = network(cidr), network(address)
    if outer is None or inner is None or outer.version != inner.version:
        return False
    return bool(outer.first <= inner.first and inner.last <= outer.last)


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


@lru_cache(maxsize=65536)
def is_specific(address: str) -> bool:
    """Tell whether *address* belongs to one interface in a network: not loopback, link-local, multicast or zero."""
    try:
        one = ipaddress.ip_address(address)  # five times as fast as netaddr, and asked of every address
    except ValueError:
        return False
    return not (one.is_loopback or one.is_link_local or one.is_multicast or one.is_unspecified)


def order(cidr: str) -> tuple[int, int, int, str]:
    """Return a sort key: family, address, length, and then whatever is no address at all."""
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
