# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How full ranges are: numbers for a sentence, and columns for a bar."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..model.records import Model, Range

COLUMNS = 128
"""A bar has this many columns at most; one column stands for as many addresses as it takes."""
_LEVELS = 8
"""In so many steps a column says how much of it is used."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Column(NamedTuple):
    """Neighbouring columns of a bar that are alike: where they begin, how many, and how high, in eighths."""

    first: int
    columns: int
    level: int


class Bar(NamedTuple):
    """One range: what is known of it, how much is used, and the columns of its bar.

    ``given`` are the parts of a cluster's range that nodes have, ``used`` the addresses that somebody has.
    """

    range: Range
    size: int
    taken: int
    percent: str
    columns: int
    given: list[Column]
    used: list[Column]


class Usage:
    """All addresses in use, sorted, so that a range is counted without looking at the others."""

    def __init__(self, model: Model) -> None:
        """Read the addresses of pods with a network of their own, and those of Services."""
        pods = (one["local"] for pod in model["pods"] if not pod["host_network"] for one in pod["addresses"])
        virtual = (one["virtual_address"] for one in model["services"])
        self._of = {"pod": _sorted(pods), "service": _sorted(one for one in virtual if one is not None)}
        self._parts = [
            network
            for one in model["ranges"]
            if one["what"] == "pod" and one["scope"] in ("node", "block") and (network := _network(one["cidr"]))
        ]

        self._bars: dict[tuple[str, str, str], Bar | None] = {}

    def gauge(self, one: Range) -> Bar | None:
        """Return the bar of a range; None when it is no range that can be read.

        Every node shows the cluster's ranges, so each bar is made once.
        """
        key = (one["what"], one["scope"], one["cidr"])
        if key not in self._bars:
            self._bars[key] = self._made(one)
        return self._bars[key]

    def _made(self, one: Range) -> Bar | None:
        network = _network(one["cidr"])
        if network is None:
            return None
        size, base = network.num_addresses, int(network.network_address)
        addresses = self._of[one["what"]][network.version]
        taken = addresses[bisect_left(addresses, base) : bisect_left(addresses, base + size)]
        columns = min(size, COLUMNS)
        counts = [0] * columns
        for address in taken:
            counts[(address - base) * columns // size] += 1
        room = size / columns
        used = [min(_LEVELS, max(1, round(_LEVELS * count / room))) if count else 0 for count in counts]
        given = [0] * columns
        if one["what"] == "pod" and one["scope"] == "cluster":
            for part in self._parts:
                offset = int(part.network_address) - base
                if part.version == network.version and 0 <= offset < size:
                    last = min(offset + part.num_addresses, size) - 1
                    first = offset * columns // size
                    given[first : last * columns // size + 1] = [_LEVELS] * (last * columns // size + 1 - first)
        return Bar(
            range=one,
            size=size,
            taken=len(taken),
            percent=_percent(len(taken), size),
            columns=columns,
            given=_joined(given),
            used=_joined(used),
        )


@lru_cache(maxsize=65536)
def _network(cidr: str) -> Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _sorted(addresses: Iterable[str]) -> dict[int, list[int]]:
    """Return addresses as numbers, each once, by family; what is none is left out."""
    found: dict[int, set[int]] = {4: set(), 6: set()}
    for text in addresses:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            continue
        found[address.version].add(int(address))
    return {version: sorted(numbers) for version, numbers in found.items()}


def _percent(taken: int, size: int) -> str:
    share = 100 * taken / size
    if 0 < share < 1:
        return "less than 1 %"
    return f"{share:.0f} %"


def _joined(levels: Sequence[int]) -> list[Column]:
    """Return the columns that are not empty, neighbours of one level together."""
    joined: list[Column] = []
    for place, level in enumerate(levels):
        if joined and joined[-1].level == level and joined[-1].first + joined[-1].columns == place:
            joined[-1] = joined[-1]._replace(columns=joined[-1].columns + 1)
        elif level:
            joined.append(Column(place, 1, level))
    return joined
