# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a watched packet says of itself: its addresses, and the tunnels around it.

Packets are read from the IP header on. Those that end too early, or hold anything else, are not ours.
"""

from __future__ import annotations

import socket
import struct
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .marked import HEADERS, ICMP, ICMPV6, TCP, UDP, Marked, kind_of

IPV4, IPV6, BRIDGED = 0x0800, 0x86DD, 0x6558
"""ETH_P_IP, ETH_P_IPV6, ETH_P_TEB (linux/if_ether.h)."""
_IPIP, _SIX_IN_FOUR, _GRE = 4, 41, 47
_ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMPV6: (1, 2, 3, 4)}
"""Types of ICMP messages that quote a packet (RFC 792, RFC 4443)."""
_MOST_LAYERS = 4

Flow = Tuple[str, Optional[int], str, Optional[int]]
"""Source, its port, destination, its port."""


class Layer(NamedTuple):
    """One IP packet."""

    protocol: int
    flow: Flow
    transport: bytes
    """From the transport header on."""
    tunnel: Optional[str]
    """How it is carried by the one around it: ``vxlan 7``, ``geneve 7``, ``gre``, ``ipip``; None for the outermost."""


class Read(NamedTuple):
    """A packet that is ours."""

    kind: str
    """``packet``, ``answer``, or ``error``: an ICMP error about the packet."""
    layers: Tuple[Layer, ...]
    """From the outermost to the innermost."""
    error: Optional[Tuple[int, int]]
    """Type and code of an ICMP error."""


def read(marked: Marked, ethertype: int, data: bytes, known: List[Flow]) -> Optional[Read]:
    """Return what a packet is, None when it is not ours.

    *known* are the flows by which the packet was seen in this namespace: an answer of UDP is one that turns them.
    """
    layers = _layers(ethertype, data)
    if not layers:
        return None
    inner = layers[-1]
    kind = kind_of(marked, inner.protocol, inner.transport)
    error = None
    if kind is None and inner.protocol in _ERRORS and inner.transport[:1] and len(inner.transport) > 8:
        number, code = inner.transport[0], inner.transport[1]
        quoted = _layer(IPV4 if inner.protocol == ICMP else IPV6, inner.transport[8:], None)
        if number in _ERRORS[inner.protocol] and quoted is not None and _is_quote(marked, quoted):
            kind, error = "error", (number, code)
    if kind is None and inner.protocol == marked.protocol == UDP and _turned(inner.flow) in known:
        kind = "answer"
    return None if kind is None else Read(kind, tuple(layers), error)


def _is_quote(marked: Marked, quoted: Layer) -> bool:
    """Tell whether a quote is of the packet. Of TCP only 8 bytes need be there, and the sequence number is in them."""
    if marked.protocol == TCP == quoted.protocol:
        return quoted.transport[4:8] == marked.mark.to_bytes(4, "big")
    return kind_of(marked, quoted.protocol, quoted.transport) == "packet"


def _turned(flow: Flow) -> Flow:
    return flow[2], flow[3], flow[0], flow[1]


def _layers(ethertype: int, data: bytes) -> List[Layer]:
    found: List[Layer] = []
    inside: Optional[Tuple[int, bytes, Optional[str]]] = (ethertype, data, None)
    while inside is not None and len(found) < _MOST_LAYERS:
        layer = _layer(*inside)
        if layer is None:
            break
        found.append(layer)
        inside = _carried(layer)
    return found


def _layer(ethertype: int, data: bytes, tunnel: Optional[str]) -> Optional[Layer]:
    if ethertype == IPV4 and len(data) >= 20 and data[0] >> 4 == 4:
        start = (data[0] & 15) * 4
        protocol, family, source, target = data[9], socket.AF_INET, data[12:16], data[16:20]
        if int.from_bytes(data[6:8], "big") & 0x1FFF:
            return None  # a later piece of a packet has no transport header
    elif ethertype == IPV6 and len(data) >= 40 and data[0] >> 4 == 6:
        start, protocol, family, source, target = 40, data[6], socket.AF_INET6, data[8:24], data[24:40]
    else:
        return None
    transport = data[start:]
    sport = dport = None
    if protocol in (TCP, UDP) and len(transport) >= 4:
        sport, dport = struct.unpack_from(">HH", transport)
    flow = (socket.inet_ntop(family, source), sport, socket.inet_ntop(family, target), dport)
    return Layer(protocol, flow, transport, tunnel)


def _carried(layer: Layer) -> Optional[Tuple[int, bytes, Optional[str]]]:
    """Return what a tunnel's packet holds: its type, its bytes from the IP header on, and the tunnel's name."""
    data = layer.transport
    if layer.protocol == _IPIP:
        return IPV4, data, "ipip"
    if layer.protocol == _SIX_IN_FOUR:
        return IPV6, data, "ipip"
    if layer.protocol == _GRE and len(data) > 4 and data[:2] == b"\0\0":
        return int.from_bytes(data[2:4], "big"), data[4:], "gre"
    start = HEADERS[UDP] + 8 + 14
    if layer.protocol != UDP or len(data) <= start:
        return None
    number = int.from_bytes(data[12:15], "big")
    ethertype = int.from_bytes(data[start - 2 : start], "big")
    if data[8:12] == b"\x08\0\0\0":
        return ethertype, data[start:], "vxlan %d" % number
    if data[8:10] in (b"\0\0", b"\0\x40") and int.from_bytes(data[10:12], "big") == BRIDGED:
        return ethertype, data[start:], "geneve %d" % number
    return None


def words(layer: Layer) -> Dict[str, Any]:
    """Return a layer as results show it."""
    source, sport, target, dport = layer.flow
    return {"protocol": layer.protocol, "src": source, "sport": sport, "dst": target, "dport": dport}
