# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""UDP flows in the kernel's table of connections that go to another address than the one that was asked.

They are dumped by ctnetlink (linux/netfilter/nfnetlink_conntrack.h, net/netfilter/nf_conntrack_netlink.c). The first
question to it loads the module nf_conntrack_netlink, so who asks makes sure that it is there. Root is needed.
"""

from __future__ import annotations

import socket
import struct

from .flows import Flow
from .netlink import (
    RECEIVE_BUFFER,
    Connection,
    Watch,
    decode_attributes,
    decode_be16,
    decode_be32,
    decode_ip,
    decode_u8,
    request,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Set

    from .netlink import AttributeTable, Buffer

MOST = 50_000
"""So many flows are looked at; the table may hold a hundred times as many, and all of them take memory here."""

_NETLINK_NETFILTER = 12
_GET = 0x101  # IPCTNL_MSG_CT_GET of NFNL_SUBSYS_CTNETLINK
_TRANSLATED = 0x20  # IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h)
_STATUS, _STATUS_MASK = 3, 26  # CTA_STATUS, CTA_STATUS_MASK
_HEADER = 4  # struct nfgenmsg (linux/netfilter/nfnetlink.h): family, version, resource

# The mask leaves the others to the kernel since Linux 5.14. Those before send all, and ignore it.
_REQUEST = request(
    _GET,
    struct.pack("!BBH", socket.AF_UNSPEC, 0, 0)
    + b"".join(struct.pack("=HH", 8, kind) + struct.pack("!I", _TRANSLATED) for kind in (_STATUS, _STATUS_MASK)),
    1,
)

_IP: AttributeTable = {
    1: ("source", decode_ip),
    2: ("target", decode_ip),
    3: ("source", decode_ip),
    4: ("target", decode_ip),
}
"""enum ctattr_ip: addresses of IPv4 and of IPv6."""
_PROTOCOL: AttributeTable = {
    1: ("protocol", decode_u8),
    2: ("source_port", decode_be16),
    3: ("target_port", decode_be16),
}
"""enum ctattr_l4proto."""


def _decode_ip(buffer: Buffer, start: int, end: int) -> Any:
    return decode_attributes(buffer, start, end, _IP)


def _decode_protocol(buffer: Buffer, start: int, end: int) -> Any:
    return decode_attributes(buffer, start, end, _PROTOCOL)


_TUPLE: AttributeTable = {1: ("addresses", _decode_ip), 2: ("ports", _decode_protocol)}


def _decode_tuple(buffer: Buffer, start: int, end: int) -> Any:
    return decode_attributes(buffer, start, end, _TUPLE)


_HEAD: AttributeTable = {_STATUS: ("status", decode_be32), 18: ("zone", decode_be16)}
_ENTRY: AttributeTable = {1: ("asked", _decode_tuple), 2: ("answered", _decode_tuple)}
"""enum ctattr_type. Entries of another zone than the first are those of Open vSwitch."""


def parse_flow(buffer: Buffer, start: int, end: int, flows: List[Flow]) -> None:
    """Add the flow that one message describes, if it is one of UDP to another address than was asked.

    Raises MalformedMessageError.
    """
    start += _HEADER
    head = decode_attributes(buffer, start, end, _HEAD)
    if not head.get("status", 0) & _TRANSLATED or head.get("zone") or len(flows) >= MOST:
        return
    entry = decode_attributes(buffer, start, end, _ENTRY)
    asked, answered = entry.get("asked", {}), entry.get("answered", {})
    to, ports = asked.get("addresses", {}), asked.get("ports", {})
    back, back_ports = answered.get("addresses", {}), answered.get("ports", {})
    if ports.get("protocol") != socket.IPPROTO_UDP:
        return
    try:
        flows.append(
            Flow(
                (to["source"], ports["source_port"]),
                (to["target"], ports["target_port"]),
                (back["source"], back_ports["source_port"]),
            )
        )
    except KeyError:
        return  # an entry that is about to go may lack a part


def read_flows() -> Set[Flow]:
    """Return the flows of the namespace that the calling thread is in, at most `MOST`.

    Raises OSError, and MalformedMessageError.
    """
    connection = Connection(Watch(), _NETLINK_NETFILTER)
    try:
        return set(connection.read_long(_REQUEST, parse_flow, bytearray(RECEIVE_BUFFER)))
    finally:
        connection.close()
