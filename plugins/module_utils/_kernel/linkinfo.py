# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""IFLA_LINKINFO: what kind of link it is, and the fields of that kind.

Attribute numbers are those of linux/if_link.h and linux/if_tunnel.h; names and values are
those of ``ip -d -j link`` (iproute2 6.1). Timers and counters that change without anybody
changing anything are left out, so that two snapshots can be compared.

A new kind is one table here, one line in `KINDS` and one sample in the tests.
"""

from __future__ import annotations

import struct

from .netlink import (
    NLA_TYPE_MASK,
    MalformedMessageError,
    decode_attributes,
    decode_be16,
    decode_be32,
    decode_bool,
    decode_flag,
    decode_ip,
    decode_mac,
    decode_s32,
    decode_text,
    decode_u8,
    decode_u16,
    decode_u32,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Sequence

    from .netlink import AttributeTable, Buffer, Decoder
    from .records import Link

IFLA_INFO_KIND = 1
IFLA_INFO_DATA = 2
IFLA_INFO_SLAVE_KIND = 4
IFLA_INFO_SLAVE_DATA = 5

PEER_KINDS = ("veth", "netkit", "vxcan")
"""Kinds that come in pairs: IFLA_LINK of one end is the ifindex of the other."""

FDB_KINDS = ("bridge", "vxlan")
"""Kinds that keep a forwarding table worth asking for."""

_unpack_attribute = struct.Struct("=HH").unpack_from
_unpack_port_range = struct.Struct(">HH").unpack_from
_unpack_flags = struct.Struct("=II").unpack_from


def _choice(names: Sequence[str], decode: Decoder = decode_u8) -> Decoder:
    """A decoder for a number that stands for one of `names`; an unknown number stays a number as text."""

    def decode_choice(buffer: Buffer, start: int, end: int) -> str:
        value = decode(buffer, start, end)
        return names[value] if value < len(names) else str(value)

    return decode_choice


def _choice_of(names: Dict[int, str], decode: Decoder) -> Decoder:
    """The same for numbers that do not count from zero."""

    def decode_choice(buffer: Buffer, start: int, end: int) -> str:
        value = decode(buffer, start, end)
        return names.get(value, str(value))

    return decode_choice


def _decode_bridge_id(buffer: Buffer, start: int, end: int) -> str:
    """struct ifla_bridge_id: priority and MAC address, as "8000.2:0:0:0:0:1".

    iproute2 prints this one address with ether_ntoa(3), which writes no leading zeros.
    """
    if end - start < 8:
        raise MalformedMessageError("bridge id of %d bytes" % (end - start))
    value = bytes(buffer[start : start + 8])
    return value[:2].hex() + "." + ":".join("%x" % byte for byte in value[2:])


def _decode_hex(buffer: Buffer, start: int, end: int) -> str:
    """16-bit mask as iproute2 prints group_fwd_mask: hexadecimal without a prefix."""
    return "%x" % decode_u16(buffer, start, end)


def _decode_port_range(buffer: Buffer, start: int, end: int) -> Dict[str, int]:
    """struct ifla_vxlan_port_range."""
    if end - start < 4:
        raise MalformedMessageError("port range of %d bytes" % (end - start))
    low, high = _unpack_port_range(buffer, start)
    return {"low": low, "high": high}


def _decode_vlan_flags(buffer: Buffer, start: int, end: int) -> List[str]:
    """struct ifla_vlan_flags: VLAN_FLAG_* of linux/if_vlan.h."""
    if end - start < 8:
        raise MalformedMessageError("VLAN flags of %d bytes" % (end - start))
    flags = _unpack_flags(buffer, start)[0]
    names = ("REORDER_HDR", "GVRP", "LOOSE_BINDING", "MVRP", "BRIDGE_BINDING")
    return [name for bit, name in enumerate(names) if flags & 1 << bit]


def _decode_endpoint(buffer: Buffer, start: int, end: int) -> str:
    """Tunnel end: an address, or "any" when it is zero, as iproute2 prints IPv4 tunnels."""
    return "any" if not any(buffer[start:end]) else decode_ip(buffer, start, end)


_ETHERTYPES = {0x8100: "802.1Q", 0x88A8: "802.1ad"}
_decode_vlan_protocol = _choice_of(_ETHERTYPES, decode_be16)

_BRIDGE: AttributeTable = {
    1: ("forward_delay", decode_u32),
    2: ("hello_time", decode_u32),
    3: ("max_age", decode_u32),
    4: ("ageing_time", decode_u32),
    5: ("stp_state", decode_u32),
    6: ("priority", decode_u16),
    7: ("vlan_filtering", decode_u8),
    8: ("vlan_protocol", _decode_vlan_protocol),
    9: ("group_fwd_mask", _decode_hex),
    10: ("root_id", _decode_bridge_id),
    11: ("bridge_id", _decode_bridge_id),
    12: ("root_port", decode_u16),
    13: ("root_path_cost", decode_u32),
    20: ("group_addr", decode_mac),
    22: ("mcast_router", decode_u8),
    23: ("mcast_snooping", decode_u8),
    24: ("mcast_query_use_ifaddr", decode_u8),
    25: ("mcast_querier", decode_u8),
    27: ("mcast_hash_max", decode_u32),
    36: ("nf_call_iptables", decode_u8),
    37: ("nf_call_ip6tables", decode_u8),
    38: ("nf_call_arptables", decode_u8),
    39: ("vlan_default_pvid", decode_u16),
    41: ("vlan_stats_enabled", decode_u8),
    42: ("mcast_stats_enabled", decode_u8),
    43: ("mcast_igmp_version", decode_u8),
    44: ("mcast_mld_version", decode_u8),
    49: ("fdb_max_learned", decode_u32),
}

_BRIDGE_PORT: AttributeTable = {
    1: ("state", _choice(("disabled", "listening", "learning", "forwarding", "blocking"))),
    2: ("priority", decode_u16),
    3: ("cost", decode_u32),
    4: ("hairpin", decode_bool),
    5: ("guard", decode_bool),
    6: ("root_block", decode_bool),
    7: ("fastleave", decode_bool),
    8: ("learning", decode_bool),
    9: ("flood", decode_bool),
    10: ("proxy_arp", decode_bool),
    12: ("proxy_arp_wifi", decode_bool),
    25: ("multicast_router", decode_u8),
    27: ("mcast_flood", decode_bool),
    28: ("mcast_to_unicast", decode_bool),
    29: ("vlan_tunnel", decode_bool),
    30: ("bcast_flood", decode_bool),
    32: ("neigh_suppress", decode_bool),
    33: ("isolated", decode_bool),
    39: ("locked", decode_bool),
}

_VXLAN: AttributeTable = {
    1: ("id", decode_u32),
    2: ("remote", decode_ip),
    3: ("link", decode_u32),
    4: ("local", decode_ip),
    5: ("ttl", decode_u8),
    6: ("tos", decode_u8),
    7: ("learning", decode_bool),
    8: ("ageing", decode_u32),
    9: ("limit", decode_u32),
    10: ("port_range", _decode_port_range),
    11: ("proxy", decode_bool),
    12: ("rsc", decode_bool),
    13: ("l2miss", decode_bool),
    14: ("l3miss", decode_bool),
    15: ("port", decode_be16),
    16: ("remote6", decode_ip),
    17: ("local6", decode_ip),
    18: ("udp_csum", decode_bool),
    19: ("udp_zero_csum6_tx", decode_bool),
    20: ("udp_zero_csum6_rx", decode_bool),
    23: ("gbp", decode_flag),
    25: ("external", decode_bool),
    26: ("label", decode_be32),
    27: ("gpe", decode_flag),
    29: ("df", _choice(("unset", "set", "inherit"))),
    30: ("vnifilter", decode_bool),
}

_GENEVE: AttributeTable = {
    1: ("id", decode_u32),
    2: ("remote", decode_ip),
    3: ("ttl", decode_u8),
    4: ("tos", decode_u8),
    5: ("port", decode_be16),
    6: ("external", decode_flag),
    7: ("remote6", decode_ip),
    8: ("udp_csum", decode_bool),
    9: ("udp_zero_csum6_tx", decode_bool),
    10: ("udp_zero_csum6_rx", decode_bool),
    11: ("label", decode_be32),
    13: ("df", _choice(("unset", "set", "inherit"))),
}

_MACVLAN: AttributeTable = {
    1: ("mode", _choice_of({1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}, decode_u32)),
    7: ("bcqueuelen", decode_u32),
    8: ("usedbcqueuelen", decode_u32),
}

_IPVLAN: AttributeTable = {
    1: ("mode", _choice(("l2", "l3", "l3s"), decode_u16)),
    2: ("flags", decode_u16),
}

_VLAN: AttributeTable = {
    1: ("id", decode_u16),
    2: ("flags", _decode_vlan_flags),
    5: ("protocol", _decode_vlan_protocol),
}

_BOND: AttributeTable = {
    1: (
        "mode",
        _choice(
            (
                "balance-rr",
                "active-backup",
                "balance-xor",
                "broadcast",
                "802.3ad",
                "balance-tlb",
                "balance-alb",
            )
        ),
    ),
    2: ("active_slave", decode_u32),
    3: ("miimon", decode_u32),
    4: ("updelay", decode_u32),
    5: ("downdelay", decode_u32),
    6: ("use_carrier", decode_u8),
    7: ("arp_interval", decode_u32),
    11: ("primary", decode_u32),
    12: ("primary_reselect", _choice(("always", "better", "failure"))),
    13: ("fail_over_mac", _choice(("none", "active", "follow"))),
    14: (
        "xmit_hash_policy",
        _choice(("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")),
    ),
    18: ("min_links", decode_u32),
    21: ("ad_lacp_rate", _choice(("slow", "fast"))),
    22: ("ad_select", _choice(("stable", "bandwidth", "count"))),
}

_BOND_SLAVE: AttributeTable = {
    1: ("state", _choice(("ACTIVE", "BACKUP"))),
    2: ("mii_status", _choice(("UP", "GOING_DOWN", "DOWN", "GOING_BACK"))),
    3: ("link_failure_count", decode_u32),
    4: ("perm_hwaddr", decode_mac),
    5: ("queue_id", decode_u16),
    6: ("ad_aggregator_id", decode_u16),
}

_IPTUNNEL: AttributeTable = {
    1: ("link", decode_u32),
    2: ("local", _decode_endpoint),
    3: ("remote", _decode_endpoint),
    4: ("ttl", decode_u8),
    5: ("tos", decode_u8),
    9: ("proto", _choice_of({0: "any", 4: "ipip", 41: "ip6ip", 137: "mplsip"}, decode_u8)),
    10: ("pmtudisc", decode_bool),
    19: ("external", decode_flag),
    20: ("fwmark", decode_u32),
}

_IP6TUNNEL: AttributeTable = {
    1: ("link", decode_u32),
    2: ("local", decode_ip),
    3: ("remote", decode_ip),
    4: ("ttl", decode_u8),
    6: ("encap_limit", decode_u8),
    9: ("proto", _choice_of({0: "any", 4: "ipip6", 41: "ip6ip6"}, decode_u8)),
    19: ("external", decode_flag),
    20: ("fwmark", decode_u32),
}

_GRE: AttributeTable = {
    1: ("link", decode_u32),
    2: ("iflags", decode_be16),
    3: ("oflags", decode_be16),
    4: ("ikey", decode_ip),
    5: ("okey", decode_ip),
    6: ("local", _decode_endpoint),
    7: ("remote", _decode_endpoint),
    8: ("ttl", decode_u8),
    9: ("tos", decode_u8),
    10: ("pmtudisc", decode_bool),
    18: ("external", decode_flag),
    19: ("ignore_df", decode_bool),
    20: ("fwmark", decode_u32),
}

_TUN: AttributeTable = {
    3: ("type", _choice_of({1: "tun", 2: "tap"}, decode_u8)),
    4: ("pi", decode_bool),
    5: ("vnet_hdr", decode_bool),
    6: ("persist", decode_bool),
    7: ("multi_queue", decode_bool),
    8: ("numqueues", decode_u32),
    9: ("numdisabled", decode_u32),
}

_VRF: AttributeTable = {1: ("table", decode_u32)}
_VRF_PORT: AttributeTable = {1: ("table", decode_u32)}

_NETKIT_POLICY = _choice_of({0: "forward", 2: "blackhole"}, decode_s32)
_NETKIT: AttributeTable = {
    2: ("type", _choice(("peer", "primary"))),
    3: ("policy", _NETKIT_POLICY),
    4: ("peer_policy", _NETKIT_POLICY),
    5: ("mode", _choice(("l2", "l3"), decode_u32)),
}

KINDS: Dict[str, AttributeTable] = {
    "bond": _BOND,
    "bridge": _BRIDGE,
    "geneve": _GENEVE,
    "gre": _GRE,
    "gretap": _GRE,
    "ip6gre": _GRE,
    "ip6gretap": _GRE,
    "ip6tnl": _IP6TUNNEL,
    "ipip": _IPTUNNEL,
    "ipvlan": _IPVLAN,
    "ipvtap": _IPVLAN,
    "macvlan": _MACVLAN,
    "macvtap": _MACVLAN,
    "netkit": _NETKIT,
    "sit": _IPTUNNEL,
    "tun": _TUN,
    "vlan": _VLAN,
    "vrf": _VRF,
    "vxlan": _VXLAN,
}
"""Kinds whose IFLA_INFO_DATA is read; of any other (veth, dummy, wireguard, ifb …) the kind alone is kept."""

SLAVE_KINDS: Dict[str, AttributeTable] = {"bridge": _BRIDGE_PORT, "bond": _BOND_SLAVE, "vrf": _VRF_PORT}

# What iproute2 prints only when it is set.
_ONLY_WHEN_SET = frozenset(
    (
        "active_slave",
        "external",
        "fwmark",
        "ignore_df",
        "l2miss",
        "l3miss",
        "label",
        "limit",
        "link",
        "primary",
        "proxy",
        "rsc",
        "tos",
        "vnifilter",
    )
)
_GRE_FLAGS = ((0x8000, "csum"), (0x1000, "seq"))
_GRE_KEY = 0x2000
_MULTICAST = frozenset(str(number) for number in range(224, 240))
"""First numbers of IPv4's multicast addresses."""
_UNSET_ADDRESSES = ("0.0.0.0", "::")


def decode_linkinfo(buffer: Buffer, start: int, end: int) -> Dict[str, Any]:
    """The nested IFLA_LINKINFO as ``info_kind``, ``info_data``, ``info_slave_kind``, ``info_slave_data``.

    Keys that the link does not have are absent. Raises `MalformedMessageError`.
    """
    found: Dict[str, Any] = {}
    data = slave_data = (0, 0)
    while start + 4 <= end:
        length, kind = _unpack_attribute(buffer, start)
        if length < 4 or start + length > end:
            raise MalformedMessageError("attribute %d of length %d in %d bytes" % (kind, length, end - start))
        kind &= NLA_TYPE_MASK
        if kind == IFLA_INFO_KIND:
            found["info_kind"] = decode_text(buffer, start + 4, start + length)
        elif kind == IFLA_INFO_DATA:
            data = (start + 4, start + length)
        elif kind == IFLA_INFO_SLAVE_KIND:
            found["info_slave_kind"] = decode_text(buffer, start + 4, start + length)
        elif kind == IFLA_INFO_SLAVE_DATA:
            slave_data = (start + 4, start + length)
        start += (length + 3) & ~3
    if data[0]:
        table = KINDS.get(found.get("info_kind", ""))
        if table is not None:
            found["info_data"] = _as_iproute2_prints(
                found["info_kind"], decode_attributes(buffer, data[0], data[1], table)
            )
    if slave_data[0]:
        table = SLAVE_KINDS.get(found.get("info_slave_kind", ""))
        if table is not None:
            found["info_slave_data"] = decode_attributes(buffer, slave_data[0], slave_data[1], table)
    return found


def _as_iproute2_prints(kind: str, data: Dict[str, Any]) -> Dict[str, Any]:
    """Drop and rename what ``ip -d -j link`` leaves out or names by its value."""
    if kind in ("bridge", "macvlan", "macvtap", "vrf"):
        return data
    kept = {name: value for name, value in data.items() if value or name not in _ONLY_WHEN_SET}
    if kind in ("vxlan", "geneve"):
        _name_overlay_ends(kept)
    elif kind.endswith(("gre", "gretap")):
        _spell_gre_flags(kept)
    elif kind in ("ipvlan", "ipvtap"):
        flags = kept.pop("flags", 0)
        kept["private" if flags & 1 else "vepa" if flags & 2 else "bridge"] = True
    elif kind == "tun" and not kept.get("multi_queue"):
        kept.pop("numqueues", None)
        kept.pop("numdisabled", None)
    for name in ("fwmark", "tos", "label"):
        if name in kept:
            kept[name] = "0x%x" % kept[name]
    return kept


def _name_overlay_ends(data: Dict[str, Any]) -> None:
    """A multicast remote is called group; an address of zero is no address."""
    for name, group in (("remote", "group"), ("remote6", "group6")):
        address = data.get(name)
        if address is None:
            continue
        if address in _UNSET_ADDRESSES:
            del data[name]
        # Not by its number: a message may carry bytes of another length than an address has.
        elif address.startswith("ff") if name == "remote6" else address.partition(".")[0] in _MULTICAST:
            data[group] = data.pop(name)
    for name in ("local", "local6"):
        if data.get(name) in _UNSET_ADDRESSES:
            del data[name]


def _spell_gre_flags(data: Dict[str, Any]) -> None:
    """GRE_KEY, GRE_SEQ and GRE_CSUM of linux/if_tunnel.h, and keys only where they are used."""
    for side in ("i", "o"):
        flags = data.pop(side + "flags", 0)
        if not flags & _GRE_KEY:
            data.pop(side + "key", None)
        for bit, name in _GRE_FLAGS:
            if flags & bit:
                data[side + name] = True


def name_lower_links(links: List[Link]) -> None:
    """Replace the ifindexes inside ``info_data`` by names, as iproute2 does.

    An index that cannot be named here, because the device is in another namespace, becomes
    "if7". Changes the records that it is given.
    """
    names: Dict[int, str] = {}
    for link in links:
        data = link.get("info_data")
        if data is None:
            continue
        for key in ("link", "active_slave", "primary"):
            index = data.get(key)
            if not isinstance(index, int):
                continue
            if not names:
                names = {other["ifindex"]: other["ifname"] for other in links}
            foreign = key == "link" and "link_netnsid" in link
            data[key] = "if%d" % index if foreign else names.get(index, "if%d" % index)
