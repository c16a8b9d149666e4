# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The words that iproute2 6.1 uses for the kernel's numbers in its JSON output."""

from __future__ import annotations

import socket
from typing import Dict, List, Tuple

_LINK_FLAGS: Tuple[Tuple[int, str], ...] = (
    # linux/if.h, in the order of ip/ipaddress.c print_link_flags()
    (0x8, "LOOPBACK"),
    (0x2, "BROADCAST"),
    (0x10, "POINTOPOINT"),
    (0x1000, "MULTICAST"),
    (0x80, "NOARP"),
    (0x200, "ALLMULTI"),
    (0x100, "PROMISC"),
    (0x400, "MASTER"),
    (0x800, "SLAVE"),
    (0x4, "DEBUG"),
    (0x8000, "DYNAMIC"),
    (0x4000, "AUTOMEDIA"),
    (0x2000, "PORTSEL"),
    (0x20, "NOTRAILERS"),
    (0x1, "UP"),
    (0x10000, "LOWER_UP"),
    (0x20000, "DORMANT"),
    (0x40000, "ECHO"),
)
IFF_UP = 0x1
IFF_RUNNING = 0x40

_LINK_TYPES: Dict[int, str] = {
    # linux/if_arp.h, as lib/ll_types.c names them
    1: "ether",
    32: "infiniband",
    280: "can",
    512: "ppp",
    768: "ipip",
    769: "tunnel6",
    772: "loopback",
    776: "sit",
    778: "gre",
    823: "gre6",
    824: "netlink",
    0xFFFE: "none",
}
LOOPBACK = 772

FAMILIES: Dict[int, str] = {int(socket.AF_INET): "inet", int(socket.AF_INET6): "inet6"}

_SCOPES: Dict[int, str] = {0: "global", 200: "site", 253: "link", 254: "host", 255: "nowhere"}

_PROTOCOLS: Dict[int, str] = {
    # linux/rtnetlink.h RTPROT_*
    0: "unspec",
    1: "redirect",
    2: "kernel",
    3: "boot",
    4: "static",
    8: "gated",
    9: "ra",
    10: "mrt",
    11: "zebra",
    12: "bird",
    13: "dnrouted",
    14: "xorp",
    15: "ntk",
    16: "dhcp",
    17: "mrouted",
    18: "keepalived",
    42: "babel",
    186: "bgp",
    187: "isis",
    188: "ospf",
    189: "rip",
    192: "eigrp",
}
_ROUTE_TYPES = (
    "none", "unicast", "local", "broadcast", "anycast", "multicast",
    "blackhole", "unreachable", "prohibit", "throw", "nat", "xresolve",
)  # fmt: skip
_TABLES: Dict[int, str] = {0: "unspec", 253: "default", 254: "main", 255: "local"}

_NEXTHOP_FLAGS = ((1, "dead"), (2, "pervasive"), (4, "onlink"), (8, "offload"), (16, "linkdown"), (32, "unresolved"))

_NEIGHBOUR_STATES: Tuple[Tuple[int, str], ...] = (
    # linux/neighbour.h NUD_*
    (0x01, "INCOMPLETE"),
    (0x02, "REACHABLE"),
    (0x04, "STALE"),
    (0x08, "DELAY"),
    (0x10, "PROBE"),
    (0x20, "FAILED"),
    (0x40, "NOARP"),
    (0x80, "PERMANENT"),
)
NTF_SELF = 0x02
_NEIGHBOUR_FLAGS = (
    (0x02, "self"), (0x04, "master"), (0x08, "proxy"), (0x10, "extern_learn"),
    (0x20, "offload"), (0x40, "sticky"), (0x80, "router"),
)  # fmt: skip

_RULE_ACTIONS: Dict[int, str] = {2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}


def _bits(value: int, names: Tuple[Tuple[int, str], ...]) -> List[str]:
    return [name for bit, name in names if value & bit]


def link_flags(flags: int) -> List[str]:
    """Return the names of ``IFF_*`` bits. ``NO-CARRIER`` stands for up but not running."""
    head = ["NO-CARRIER"] if flags & IFF_UP and not flags & IFF_RUNNING else []
    rest = flags & ~(IFF_RUNNING | sum(bit for bit, _name in _LINK_FLAGS))
    return head + _bits(flags, _LINK_FLAGS) + (["%x" % rest] if rest else [])


def link_type(number: int) -> str:
    """Return the name of an ``ARPHRD_*`` number."""
    return _LINK_TYPES.get(number, "[%d]" % number)


def family(number: int) -> str:
    """Return ``inet`` or ``inet6``."""
    return FAMILIES.get(number, str(number))


def scope(number: int) -> str:
    """Return the name of an ``RT_SCOPE_*`` number."""
    return _SCOPES.get(number, str(number))


def protocol(number: int) -> str:
    """Return the name of an ``RTPROT_*`` number."""
    return _PROTOCOLS.get(number, str(number))


def route_type(number: int) -> str:
    """Return the name of an ``RTN_*`` number."""
    return _ROUTE_TYPES[number] if 0 <= number < len(_ROUTE_TYPES) else str(number)


def table(number: int) -> str:
    """Return the name of a routing table. Names of /etc/iproute2/rt_tables are not used: they differ between nodes."""
    return _TABLES.get(number, str(number))


def nexthop_flags(flags: int) -> List[str]:
    """Return the names of ``RTNH_F_*`` bits."""
    return _bits(flags, _NEXTHOP_FLAGS)


def neighbour_states(state: int) -> List[str]:
    """Return the names of ``NUD_*`` bits."""
    return _bits(state, _NEIGHBOUR_STATES)


def neighbour_flags(flags: int) -> List[str]:
    """Return the names of ``NTF_*`` bits."""
    return _bits(flags, _NEIGHBOUR_FLAGS)


def fdb_state(state: int) -> str:
    """Return ``permanent``, ``static``, ``stale`` or ``learned``, for which ``bridge fdb`` prints nothing."""
    if state & 0x80:
        return "permanent"
    if state & 0x40:
        return "static"
    return "stale" if state & 0x04 else "learned"


def rule_action(number: int) -> str:
    """Return the name of an ``FR_ACT_*`` number."""
    return _RULE_ACTIONS.get(number, str(number))
