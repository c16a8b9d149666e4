# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""rtnetlink: requests that only read, and their answers as records.

Layouts and numbers are those of linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h,
linux/neighbour.h, linux/fib_rules.h and linux/net_namespace.h.

No request carries an IFLA_TARGET_NETNSID or IFA_TARGET_NETNSID: the kernel would allocate
namespace ids to answer it. RTM_GETNSID allocates none. RTM_GETLINK shows the id of the other end's namespace
(rtnl_fill_link_netnsid in net/core/rtnetlink.c), which the kernel assigned when it last told
anybody about the link; only an end that was made in place and never set up, renamed or moved since
gets one by being listed, by ``ip link`` and by this alike.
"""

from __future__ import annotations

import socket
import struct

from .linkinfo import decode_linkinfo
from .netlink import (
    NLM_F_REQUEST,
    MalformedMessageError,
    Watch,
    attribute_ranges,
    decode_attributes,
    decode_be16,
    decode_ip,
    decode_mac,
    decode_s32,
    decode_text,
    decode_u8,
    decode_u16,
    decode_u32,
    request,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set

    from .netlink import AttributeTable, Buffer
    from .records import (
        Address,
        Link,
        Neighbour,
        Route,
        Rule,
    )

RTM_DELLINK = 17
RTM_GETLINK = 18
RTM_GETADDR = 22
RTM_GETROUTE = 26
RTM_GETNEIGH = 30
RTM_GETRULE = 34
RTM_GETNSID = 90

AF_BRIDGE = 7
RT_TABLE_MAIN = 254
RTM_F_CLONED = 0x200
RTEXT_FILTER_SKIP_STATS = 8

NUD_NOARP = 0x40
NTF_PROXY = 0x08
NTF_EXT_LEARNED = 0x10

FIB_RULE_INVERT = 0x02

NOT_ASSIGNED = -1
"""NETNSA_NSID_NOT_ASSIGNED: the namespace has no id as seen from the asking one."""

_ifinfo = struct.Struct("=BxHiII")  # struct ifinfomsg: family, type, index, flags, change
_unpack_ifinfo = _ifinfo.unpack_from
_unpack_ifaddr = struct.Struct("=BBBBI").unpack_from  # struct ifaddrmsg: family, prefixlen, flags, scope, index
_unpack_route = struct.Struct("=BBBBBBBBI").unpack_from  # struct rtmsg: family … type, flags
_ndmsg = struct.Struct("=BxxxiHBB")  # struct ndmsg: family, ifindex, state, flags, type
_unpack_neighbour = _ndmsg.unpack_from
_unpack_rule = struct.Struct("=BBBBBxxBI").unpack_from  # struct fib_rule_hdr: family, dst_len, src_len, tos, table …
_unpack_nexthop = struct.Struct("=HBBi").unpack_from  # struct rtnexthop: len, flags, hops, ifindex
_unpack_attribute = struct.Struct("=HH").unpack_from
_unpack_range32 = struct.Struct("=II").unpack_from
_unpack_range16 = struct.Struct("=HH").unpack_from
_stats64 = struct.Struct("=10Q")
_getnsid = struct.Struct("=B3xHHi")  # struct rtgenmsg, then one 32-bit attribute

_OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")
_STATISTICS = (
    "rx_packets",
    "tx_packets",
    "rx_bytes",
    "tx_bytes",
    "rx_errors",
    "tx_errors",
    "rx_dropped",
    "tx_dropped",
    "multicast",
    "collisions",
)
# ARPHRD_TUNNEL, ARPHRD_TUNNEL6, ARPHRD_SIT, ARPHRD_IPGRE, ARPHRD_IP6GRE of linux/if_arp.h:
# links whose link-layer address is an IP address.
_ADDRESSED_BY_IP = frozenset((768, 769, 776, 778, 823))

GET_LINKS = request(
    RTM_GETLINK, _ifinfo.pack(0, 0, 0, 0, 0) + struct.pack("=HHI", 8, 29, RTEXT_FILTER_SKIP_STATS), 1
)  # IFLA_EXT_MASK
GET_ADDRESSES = request(RTM_GETADDR, bytes(8), 2)
GET_ALL_ROUTES = request(RTM_GETROUTE, bytes(12), 3)
GET_MAIN_ROUTES = request(RTM_GETROUTE, bytes(12) + struct.pack("=HHI", 8, 15, RT_TABLE_MAIN), 4)  # RTA_TABLE
GET_NEIGHBOURS = request(RTM_GETNEIGH, bytes(12), 5)
GET_FDB = request(RTM_GETNEIGH, _ndmsg.pack(AF_BRIDGE, 0, 0, 0, 0), 6)
GET_RULES = request(RTM_GETRULE, bytes(12), 7)
GET_NSIDS = request(RTM_GETNSID, bytes(4), 8)


def nsid_request(descriptor: int) -> bytes:
    """Ask which id the namespace open at `descriptor` has (RTM_GETNSID with NETNSA_FD); allocates none."""
    return request(RTM_GETNSID, _getnsid.pack(0, 8, 3, descriptor), 9, NLM_F_REQUEST)


# ---------------------------------------------------------------- links


def _decode_operstate(buffer: Buffer, start: int, end: int) -> str:
    value = decode_u8(buffer, start, end)
    return _OPERSTATES[value] if value < len(_OPERSTATES) else str(value)


def _decode_altnames(buffer: Buffer, start: int, end: int) -> List[str]:
    """IFLA_PROP_LIST: a list of IFLA_ALT_IFNAME."""
    return [
        decode_text(buffer, first, stop) for kind, first, stop in attribute_ranges(buffer, start, end) if kind == 53
    ]


def _decode_statistics(buffer: Buffer, start: int, end: int) -> Dict[str, int]:
    """The first ten counters of struct rtnl_link_stats64; the names are those of the structure."""
    if end - start < _stats64.size:
        raise MalformedMessageError("statistics of %d bytes" % (end - start))
    return dict(zip(_STATISTICS, _stats64.unpack_from(buffer, start)))


_LINK: AttributeTable = {
    1: ("address", decode_mac),
    2: ("broadcast", decode_mac),
    3: ("ifname", decode_text),
    4: ("mtu", decode_u32),
    5: ("link", decode_u32),
    6: ("qdisc", decode_text),
    10: ("master", decode_u32),
    13: ("txqlen", decode_u32),
    16: ("operstate", _decode_operstate),
    18: ("linkinfo", decode_linkinfo),
    20: ("ifalias", decode_text),
    27: ("group", decode_u32),
    33: ("carrier", decode_u8),
    37: ("link_netnsid", decode_s32),
    52: ("altnames", _decode_altnames),
    54: ("permaddr", decode_mac),
}
_LINK_WITH_STATISTICS: AttributeTable = {**_LINK, 23: ("stats", _decode_statistics)}


def parse_link(buffer: Buffer, start: int, end: int, links: List[Link]) -> None:
    """Append the link of one RTM_NEWLINK, without counters; raises `MalformedMessageError`."""
    links.append(_link(buffer, start, end, _LINK))


def parse_link_with_statistics(buffer: Buffer, start: int, end: int, links: List[Link]) -> None:
    """Append the link of one RTM_NEWLINK, with counters; raises `MalformedMessageError`."""
    links.append(_link(buffer, start, end, _LINK_WITH_STATISTICS))


def _link(buffer: Buffer, start: int, end: int, table: AttributeTable) -> Link:
    if end - start < 16:
        raise MalformedMessageError("link message of %d bytes" % (end - start))
    _family, link_type, index, flags, _change = _unpack_ifinfo(buffer, start)
    link: Any = decode_attributes(buffer, start + 16, end, table)
    link["ifindex"] = index
    link["flags"] = flags
    link["link_type"] = link_type
    if "ifname" not in link:
        raise MalformedMessageError("link %d has no name" % index)
    info = link.pop("linkinfo", None)
    if info is not None:
        link.update(info)
    if link_type in _ADDRESSED_BY_IP:
        for name in ("address", "broadcast"):
            if name in link:
                link[name] = _mac_as_ip(link[name])
    if link.get("permaddr") == link.get("address"):
        link.pop("permaddr", None)
    return link  # type: ignore[no-any-return]


def _mac_as_ip(mac: str) -> str:
    value = bytes.fromhex(mac.replace(":", ""))
    return decode_ip(value, 0, len(value)) if len(value) in (4, 16) else mac


class LinkWatch(Watch):
    """Hears which links of a namespace were removed from it, deleted or moved away.

    While none was, an ifindex means the same link as when the links were read.
    """

    __slots__ = ("removed",)

    groups = 1  # RTMGRP_LINK

    def __init__(self) -> None:
        super().__init__()
        self.removed: Set[int] = set()

    def notice(self, kind: int, buffer: Buffer, start: int, end: int) -> None:
        """Take RTM_DELLINK; one of family AF_BRIDGE only says that a port left its bridge."""
        if kind == RTM_DELLINK and end - start >= 16 and buffer[start] != AF_BRIDGE:
            self.removed.add(_unpack_ifinfo(buffer, start)[2])

    def forget(self) -> None:
        """Start anew, before the links are read again."""
        self.missed = False
        self.removed.clear()


# ------------------------------------------------------------ addresses

_ADDRESS: AttributeTable = {
    1: ("address", decode_ip),
    2: ("local", decode_ip),
    3: ("label", decode_text),
    4: ("broadcast", decode_ip),
    8: ("flags", decode_u32),
    9: ("metric", decode_u32),
}


def parse_address(buffer: Buffer, start: int, end: int, addresses: List[Address]) -> None:
    """Append the address of one RTM_NEWADDR; raises `MalformedMessageError`.

    ``local`` is the interface's own address; ``address`` is there only when it differs, which
    makes it the other end of a point-to-point link.
    """
    if end - start < 8:
        raise MalformedMessageError("address message of %d bytes" % (end - start))
    family, prefixlen, flags, scope, index = _unpack_ifaddr(buffer, start)
    address: Any = decode_attributes(buffer, start + 8, end, _ADDRESS)
    address["ifindex"] = index
    address["family"] = family
    address["prefixlen"] = prefixlen
    address["scope"] = scope
    address.setdefault("flags", flags)
    prefix = address.pop("address", None)
    if prefix is not None and prefix != address.setdefault("local", prefix):
        address["address"] = prefix
    addresses.append(address)


# --------------------------------------------------------------- routes


def _decode_via(buffer: Buffer, start: int, end: int) -> str:
    """struct rtvia: family, address."""
    return decode_ip(buffer, start + 2, end)


def _decode_encapsulation(buffer: Buffer, start: int, end: int) -> str:
    """LWTUNNEL_ENCAP_* of linux/lwtunnel.h."""
    value = decode_u16(buffer, start, end)
    names = ("none", "mpls", "ip", "ila", "ip6", "seg6", "bpf", "seg6local", "rpl", "ioam6", "xfrm")
    return names[value] if value < len(names) else str(value)


_METRICS: AttributeTable = {
    1: ("lock", decode_u32),
    2: ("mtu", decode_u32),
    3: ("window", decode_u32),
    8: ("advmss", decode_u32),
    10: ("hoplimit", decode_u32),
    11: ("initcwnd", decode_u32),
    14: ("initrwnd", decode_u32),
    15: ("quickack", decode_u32),
}


def _decode_metrics(buffer: Buffer, start: int, end: int) -> Dict[str, Any]:
    """RTA_METRICS: RTAX_* of linux/rtnetlink.h."""
    return decode_attributes(buffer, start, end, _METRICS)


def _decode_nexthops(buffer: Buffer, start: int, end: int) -> List[Dict[str, Any]]:
    """RTA_MULTIPATH: a list of struct rtnexthop, each with attributes of its own."""
    nexthops = []
    while start + 8 <= end:
        length, flags, hops, index = _unpack_nexthop(buffer, start)
        if length < 8 or start + length > end:
            raise MalformedMessageError("next hop of length %d in %d bytes" % (length, end - start))
        nexthop = decode_attributes(buffer, start + 8, start + length, _NEXTHOP)
        nexthop["oif"] = index
        nexthop["weight"] = hops + 1
        nexthop["flags"] = flags
        nexthops.append(nexthop)
        start += (length + 3) & ~3
    return nexthops


_NEXTHOP: AttributeTable = {
    5: ("gateway", decode_ip),
    18: ("via", _decode_via),
    21: ("encap", _decode_encapsulation),
}

_ROUTE: AttributeTable = {
    1: ("dst", decode_ip),
    2: ("src", decode_ip),
    4: ("oif", decode_u32),
    5: ("gateway", decode_ip),
    6: ("metric", decode_u32),
    7: ("prefsrc", decode_ip),
    8: ("metrics", _decode_metrics),
    9: ("nexthops", _decode_nexthops),
    15: ("table", decode_u32),
    18: ("via", _decode_via),
    20: ("pref", decode_u8),
    21: ("encap", _decode_encapsulation),
    30: ("nhid", decode_u32),
}
_IP_FAMILIES = frozenset((int(socket.AF_INET), int(socket.AF_INET6)))


def parse_route(buffer: Buffer, start: int, end: int, routes: List[Route]) -> None:
    """Append the IP route of one RTM_NEWROUTE; raises `MalformedMessageError`.

    Cloned routes (the cache) and routes of other families (multicast forwarding, MPLS) are left out.
    """
    if end - start < 12:
        raise MalformedMessageError("route message of %d bytes" % (end - start))
    family, dst_len, src_len, tos, table, protocol, scope, route_type, flags = _unpack_route(buffer, start)
    if flags & RTM_F_CLONED or family not in _IP_FAMILIES:
        return
    route: Any = decode_attributes(buffer, start + 12, end, _ROUTE)
    route["family"] = family
    route["dst_len"] = dst_len
    route["type"] = route_type
    route["protocol"] = protocol
    route["scope"] = scope
    route["flags"] = flags
    if "table" not in route:
        route["table"] = table
    if src_len:
        route["src_len"] = src_len
    if tos:
        route["tos"] = tos
    routes.append(route)


_REMEMBERED_ROUTES = 4096


class RouteParser:
    """Parses each different route once.

    Most routes of a pod are those of all others, byte for byte: loopback, link-local, multicast, the default. Equal
    messages become one record, which many namespaces then share; records never change.
    """

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: Dict[bytes, List[Route]] = {}

    def parse(self, buffer: Buffer, start: int, end: int, routes: List[Route]) -> None:
        """Append the route as `parse_route` does; raises `MalformedMessageError`."""
        message = bytes(buffer[start:end])
        known = self._known.get(message)
        if known is None:
            known = []
            parse_route(message, 0, len(message), known)
            if len(self._known) < _REMEMBERED_ROUTES:  # a router has a million, each only once
                self._known[message] = known
        routes += known


# ----------------------------------------------------------- neighbours

_NEIGHBOUR: AttributeTable = {
    1: ("dst", decode_ip),
    2: ("lladdr", decode_mac),
    5: ("vlan", decode_u16),
    6: ("port", decode_be16),
    7: ("vni", decode_u32),
    8: ("via_ifindex", decode_u32),
    9: ("master", decode_u32),
    13: ("nhid", decode_u32),
}


def _neighbour(buffer: Buffer, start: int, end: int) -> Any:
    if end - start < 12:
        raise MalformedMessageError("neighbour message of %d bytes" % (end - start))
    family, index, state, flags, _type = _unpack_neighbour(buffer, start)
    neighbour = decode_attributes(buffer, start + 12, end, _NEIGHBOUR)
    neighbour["family"] = family
    neighbour["ifindex"] = index
    neighbour["state"] = state
    neighbour["flags"] = flags
    return neighbour


def parse_neighbour(buffer: Buffer, start: int, end: int, neighbours: List[Neighbour]) -> None:
    """Append the ARP or NDP entry of one RTM_NEWNEIGH; raises `MalformedMessageError`.

    Entries that need no resolution (multicast, point-to-point: NUD_NOARP) are left out, as
    ``ip neigh`` leaves them out.
    """
    neighbour = _neighbour(buffer, start, end)
    if neighbour["state"] & ~NUD_NOARP or neighbour["flags"] & (NTF_PROXY | NTF_EXT_LEARNED):
        neighbours.append(neighbour)


def parse_fdb(buffer: Buffer, start: int, end: int, entries: List[Neighbour]) -> None:
    """Append the forwarding entry of one RTM_NEWNEIGH of family AF_BRIDGE; raises `MalformedMessageError`."""
    entries.append(_neighbour(buffer, start, end))


# ---------------------------------------------------------------- rules


def _decode_range32(buffer: Buffer, start: int, end: int) -> List[int]:
    """struct fib_rule_uid_range: first and last."""
    if end - start < 8:
        raise MalformedMessageError("range of %d bytes" % (end - start))
    return list(_unpack_range32(buffer, start))


def _decode_range16(buffer: Buffer, start: int, end: int) -> List[int]:
    """struct fib_rule_port_range: first and last."""
    if end - start < 4:
        raise MalformedMessageError("range of %d bytes" % (end - start))
    return list(_unpack_range16(buffer, start))


_RULE: AttributeTable = {
    1: ("dst", decode_ip),
    2: ("src", decode_ip),
    3: ("iif", decode_text),
    4: ("goto", decode_u32),
    6: ("priority", decode_u32),
    10: ("fwmark", decode_u32),
    14: ("suppress_prefixlength", decode_s32),
    15: ("table", decode_u32),
    16: ("fwmask", decode_u32),
    17: ("oif", decode_text),
    19: ("l3mdev", decode_u8),
    20: ("uid_range", _decode_range32),
    21: ("protocol", decode_u8),
    22: ("ipproto", decode_u8),
    23: ("sport", _decode_range16),
    24: ("dport", _decode_range16),
}


def parse_rule(buffer: Buffer, start: int, end: int, rules: List[Rule]) -> None:
    """Append the IP rule of one RTM_NEWRULE; raises `MalformedMessageError`."""
    if end - start < 12:
        raise MalformedMessageError("rule message of %d bytes" % (end - start))
    family, dst_len, src_len, tos, table, action, flags = _unpack_rule(buffer, start)
    if family not in _IP_FAMILIES:
        return
    rule: Any = decode_attributes(buffer, start + 12, end, _RULE)
    rule["family"] = family
    rule["action"] = action
    rule.setdefault("table", table)
    rule.setdefault("priority", 0)
    if "dst" in rule:
        rule["dst_len"] = dst_len
    if "src" in rule:
        rule["src_len"] = src_len
    if tos:
        rule["tos"] = tos
    if rule.get("suppress_prefixlength", -1) < 0:
        rule.pop("suppress_prefixlength", None)
    if not rule.get("l3mdev"):
        rule.pop("l3mdev", None)
    if flags & FIB_RULE_INVERT:
        rule["invert"] = True
    rules.append(rule)


# ------------------------------------------------------- namespace ids

_NSID: AttributeTable = {1: ("nsid", decode_s32)}


def parse_nsid(buffer: Buffer, start: int, end: int, nsids: List[int]) -> None:
    """Append the id of one RTM_NEWNSID, `NOT_ASSIGNED` included; raises `MalformedMessageError`."""
    if end - start < 4:
        raise MalformedMessageError("namespace id message of %d bytes" % (end - start))
    nsid = decode_attributes(buffer, start + 4, end, _NSID).get("nsid")
    if nsid is None:
        raise MalformedMessageError("namespace id message without an id")
    nsids.append(nsid)
