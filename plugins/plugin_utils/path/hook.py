# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A packet at a hook of netfilter: what rules see of it and change of it, and the verdict that ends its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .node import Namespace
from .records import Packet

Value = int | str | frozenset[str] | tuple[Any, ...]


class NoMatchError(Exception):
    """The packet has not what a rule looks at (NFT_BREAK): the rule is not for it."""


@dataclass(slots=True)
class Context:
    """A packet at a hook, and what rules change of it."""

    namespace: Namespace
    packet: Packet
    mark: int
    iif: str
    """Empty for what the namespace sends itself."""
    oif: str
    """Empty where that is not decided yet."""
    state: str
    """Of connection tracking: ``new``, ``established``, ``invalid`` or ``untracked``."""
    status: frozenset[str]
    ct_mark: int
    reply: bool
    original: Packet | None
    """The first packet of the connection before anything was translated."""
    choose: Callable[[int, str], int]
    """Chooses one of so many possibilities, by what name."""
    mac: str | None = None
    """Whom the frame is for, where chains look at frames."""
    bridge: str = ""
    """The bridge whose chains look at it."""
    pkttype: str = "host"
    untrack: bool = False
    told: list[str] = field(default_factory=list)
    """What rules did to it, in words."""


class Verdict(NamedTuple):
    """What ends a packet's way through a chain."""

    kind: str
    """``accept``, ``drop``, ``reject``, ``return``, ``jump``, ``goto``, ``dnat``, ``snat``, ``masquerade``,
    ``redirect`` or ``continue``."""
    target: str = ""
    address: int | None = None
    port: int | None = None
    random: bool = False
    """Whether the port is chosen by chance."""


Read = Callable[[Context], Value]
Test = Callable[[Value], bool]
Act = Callable[[Context], Verdict | None]
