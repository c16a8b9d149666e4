# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of links that a test machine's kernel may lack, from bytes laid out as linux/if_link.h says.

The expected values are what iproute2's print functions write for these attributes (ip/iplink_*.c, ip/link_*.c).
"""

from __future__ import annotations

import ipaddress
import struct
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel import linkinfo
from ansible_collections.podnet.lab.plugins.module_utils._kernel.netlink import MalformedMessageError


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def u8(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=B", value))


def u16(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=H", value))


def be16(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack(">H", value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def address(kind: int, text: str) -> bytes:
    return attribute(kind, ipaddress.ip_address(text).packed)


def decode(kind: str, data: bytes = b"", slave: str = "", slave_data: bytes = b"") -> Dict[str, Any]:
    body = attribute(1, kind.encode() + b"\0")
    if data:
        body += attribute(2 | 0x8000, data)
    if slave:
        body += attribute(4, slave.encode() + b"\0") + attribute(5 | 0x8000, slave_data)
    return linkinfo.decode_linkinfo(body, 0, len(body))


@pytest.mark.parametrize("kind", ["veth", "dummy", "wireguard", "ifb", "somethingnew"])
def test_kinds_without_data(kind: str) -> None:
    assert decode(kind) == {"info_kind": kind}
    assert decode(kind, u32(1, 7)) == {"info_kind": kind}


SAMPLES = [
    ("ipvlan", u16(1, 0) + u16(2, 0), {"mode": "l2", "bridge": True}),
    ("ipvlan", u16(1, 1) + u16(2, 1), {"mode": "l3", "private": True}),
    ("ipvtap", u16(1, 2) + u16(2, 2), {"mode": "l3s", "vepa": True}),
    ("macvlan", u32(1, 8), {"mode": "passthru"}),
    ("macvlan", u32(1, 64), {"mode": "64"}),
    (
        "vlan",
        u16(1, 100) + attribute(2, struct.pack("=II", 0x11, 0xFFFFFFFF)) + be16(5, 0x8100),
        {"id": 100, "flags": ["REORDER_HDR", "BRIDGE_BINDING"], "protocol": "802.1Q"},
    ),
    ("vlan", u16(1, 5) + be16(5, 0x88A8), {"id": 5, "protocol": "802.1ad"}),
    (
        "bond",
        u8(1, 4) + u32(2, 0) + u32(3, 100) + u8(6, 1) + u32(11, 3) + u8(14, 1) + u8(21, 1) + u32(18, 1),
        {
            "mode": "802.3ad",
            "miimon": 100,
            "use_carrier": 1,
            "primary": 3,
            "xmit_hash_policy": "layer3+4",
            "ad_lacp_rate": "fast",
            "min_links": 1,
        },
    ),
    (
        "ipip",
        u32(1, 2) + address(2, "10.0.0.1") + address(3, "0.0.0.0") + u8(4, 0) + u8(5, 0) + u8(9, 4) + u8(10, 1),
        {"link": 2, "local": "10.0.0.1", "remote": "any", "ttl": 0, "proto": "ipip", "pmtudisc": True},
    ),
    ("ipip", attribute(19, b""), {"external": True}),
    (
        "sit",
        u32(1, 0) + address(2, "0.0.0.0") + address(3, "0.0.0.0") + u8(4, 64) + u8(5, 16) + u8(9, 41) + u8(10, 0),
        {"local": "any", "remote": "any", "ttl": 64, "tos": "0x10", "proto": "ip6ip", "pmtudisc": False},
    ),
    (
        "gre",
        be16(2, 0x2000) + be16(3, 0xB000) + address(4, "0.0.0.5") + address(5, "0.0.0.6") + address(6, "10.0.0.1"),
        {"local": "10.0.0.1", "ikey": "0.0.0.5", "okey": "0.0.0.6", "oseq": True, "ocsum": True},
    ),
    (
        "gretap",
        be16(2, 0) + be16(3, 0) + address(4, "0.0.0.0") + address(7, "10.0.0.2") + u32(20, 255),
        {"remote": "10.0.0.2", "fwmark": "0xff"},
    ),
    ("ip6gre", address(6, "fd00::1") + address(7, "fd00::2"), {"local": "fd00::1", "remote": "fd00::2"}),
    (
        "ip6tnl",
        u32(1, 0) + address(2, "fd00::1") + address(3, "::") + u8(4, 64) + u8(6, 4) + u8(9, 41),
        {"local": "fd00::1", "remote": "::", "ttl": 64, "encap_limit": 4, "proto": "ip6ip6"},
    ),
    (
        "vxlan",
        u32(1, 42) + address(2, "239.1.1.1") + u32(3, 2) + be16(15, 4789) + u8(7, 1) + u8(25, 0),
        {"id": 42, "group": "239.1.1.1", "link": 2, "port": 4789, "learning": True},
    ),
    (
        "vxlan",
        u32(1, 42) + address(16, "ff02::5") + address(17, "::") + attribute(23, b"") + u8(29, 2),
        {"id": 42, "group6": "ff02::5", "gbp": True, "df": "inherit"},
    ),
    (
        "vxlan",
        u32(1, 1) + address(2, "10.0.0.9") + address(4, "0.0.0.0") + attribute(10, struct.pack(">HH", 1000, 2000)),
        {"id": 1, "remote": "10.0.0.9", "port_range": {"low": 1000, "high": 2000}},
    ),
    (
        "geneve",
        u32(1, 7) + address(2, "10.0.0.2") + u8(3, 0) + u8(4, 1) + be16(5, 6081) + u8(8, 1),
        {"id": 7, "remote": "10.0.0.2", "ttl": 0, "tos": "0x1", "port": 6081, "udp_csum": True},
    ),
    ("vrf", u32(1, 100), {"table": 100}),
    ("tun", u8(3, 1) + u8(7, 0) + u32(8, 0), {"type": "tun", "multi_queue": False}),
    (
        "netkit",
        u8(2, 1) + u32(3, 0) + u32(4, 2) + u32(5, 1),
        {"type": "primary", "policy": "forward", "peer_policy": "blackhole", "mode": "l3"},
    ),
]


@pytest.mark.parametrize(
    ("kind", "data", "expected"), SAMPLES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_kinds_with_data(kind: str, data: bytes, expected: Dict[str, Any]) -> None:
    assert decode(kind, data)["info_data"] == expected


def test_every_kind_that_is_decoded_has_a_sample() -> None:
    in_the_capture = {"bridge", "macvtap", "ip6gretap"}
    assert {sample[0] for sample in SAMPLES} | in_the_capture == set(linkinfo.KINDS)


def test_ports_of_a_bond_and_of_a_vrf() -> None:
    data = u8(1, 1) + u8(2, 0) + u32(3, 2) + attribute(4, b"\2\0\0\0\0\1") + u16(5, 0) + u16(6, 1)
    assert decode("dummy", b"", "bond", data) == {
        "info_kind": "dummy",
        "info_slave_kind": "bond",
        "info_slave_data": {
            "state": "BACKUP",
            "mii_status": "UP",
            "link_failure_count": 2,
            "perm_hwaddr": "02:00:00:00:00:01",
            "queue_id": 0,
            "ad_aggregator_id": 1,
        },
    }
    assert decode("veth", b"", "vrf", u32(1, 10))["info_slave_data"] == {"table": 10}
    assert decode("veth", b"", "newkind", u32(1, 10)) == {"info_kind": "veth", "info_slave_kind": "newkind"}


def test_a_bridge_port() -> None:
    data = u8(1, 3) + u16(2, 32) + u32(3, 2) + u8(4, 1) + u8(8, 0) + u8(33, 1)
    assert decode("veth", b"", "bridge", data)["info_slave_data"] == {
        "state": "forwarding",
        "priority": 32,
        "cost": 2,
        "hairpin": True,
        "learning": False,
        "isolated": True,
    }


def test_a_bridge_id_has_no_leading_zeros() -> None:
    data = attribute(11, b"\x80\x00\x02\x00\x0a\x00\x00\xff")
    assert decode("bridge", data)["info_data"] == {"bridge_id": "8000.2:0:a:0:0:ff"}


def test_lower_links_get_names() -> None:
    links: List[Any] = [
        {"ifindex": 1, "ifname": "lo"},
        {"ifindex": 2, "ifname": "eth0"},
        {"ifindex": 3, "ifname": "vx", "info_data": {"link": 2}},
        {"ifindex": 4, "ifname": "gone", "info_data": {"link": 99}},
        {"ifindex": 5, "ifname": "far", "info_data": {"link": 2}, "link_netnsid": 0},
        {"ifindex": 6, "ifname": "bond", "info_data": {"active_slave": 2, "primary": 1}},
        {"ifindex": 7, "ifname": "br", "info_data": {"stp_state": 0}},
    ]
    linkinfo.name_lower_links(links)
    assert links[2]["info_data"] == {"link": "eth0"}
    assert links[3]["info_data"] == {"link": "if99"}
    assert links[4]["info_data"] == {"link": "if2"}, "the index counts in another namespace"
    assert links[5]["info_data"] == {"active_slave": "eth0", "primary": "lo"}
    assert links[6]["info_data"] == {"stp_state": 0}


def test_a_remote_that_is_no_address_is_shown_as_it_is() -> None:
    """IFLA_VXLAN_GROUP is number 2 (linux/if_link.h) and four bytes long."""
    found = decode("vxlan", attribute(2, bytes(15) + b"\x01"))
    assert "remote" in found["info_data"]
    assert "group" not in found["info_data"]


@given(
    kind=st.sampled_from(sorted(linkinfo.KINDS)),
    slave=st.sampled_from(sorted(linkinfo.SLAVE_KINDS)),
    attributes=st.lists(st.tuples(st.integers(0, 60), st.binary(max_size=40)), max_size=12),
)
def test_any_attributes_of_any_kind(kind: str, slave: str, attributes: Any) -> None:
    data = b"".join(attribute(number, value) for number, value in attributes)
    try:
        found = decode(kind, data, slave, data)
    except MalformedMessageError:
        return
    links: List[Any] = [{"ifindex": 1, "ifname": "a", **found}]
    linkinfo.name_lower_links(links)
    repr(links).encode("utf-8")


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    try:
        linkinfo.decode_linkinfo(data, 0, len(data))
    except MalformedMessageError:
        pass
