# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The one packet that is sent and watched: what it is, and by which bytes it and its answer are known anywhere.

A packet carries a number, the mark, at the start of its payload, and as TCP's sequence number. Neither NAT nor a
tunnel changes it, so that it is known by what stands so many bytes behind the outermost transport header.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Set, Tuple

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
"""Numbers of protocols (/etc/protocols)."""
HEADERS = {TCP: 20, UDP: 8, ICMP: 8, ICMPV6: 8}
"""Bytes of the headers that are sent: none has options."""
IP_HEADERS = {"inet": 20, "inet6": 40}
PADDING = b"podnet.lab"
"""Stands behind the mark, for who looks at the packet by other means."""
_TUNNELS = (8 + 8 + 14, 4, 0)
"""Bytes from a tunnel's transport header to the IP header inside: VXLAN and Geneve over UDP with the Ethernet header
inside (RFC 7348, RFC 8926), GRE (RFC 2784), and IPIP."""
_SEQUENCE, _ACKNOWLEDGED = 4, 8
"""Where a TCP header has these numbers (RFC 9293)."""
_ICMP_ERROR = 8
"""Bytes of an ICMP error before the packet that it is about (RFC 792, RFC 4443)."""


ARGUMENTS: Dict[str, Dict[str, Any]] = {
    "family": {"type": "str", "required": True, "choices": ["inet", "inet6"]},
    "protocol": {"type": "int", "required": True, "choices": [ICMP, TCP, UDP, ICMPV6]},
    "mark": {"type": "int", "required": True},
    "sport": {"type": "int", "required": True},
    "dport": {"type": "int", "required": True},
    "size": {"type": "int", "required": True},
    "answers": {"type": "list", "elements": "int", "default": []},
}
"""How modules are told which packet it is."""


class Marked(NamedTuple):
    """The packet that is sent."""

    family: str
    """``inet`` or ``inet6``."""
    protocol: int
    mark: int
    """32 bits that nobody else sends."""
    sport: int
    """Of an echo, its identifier."""
    dport: int
    """Of an echo, its sequence number."""
    size: int
    """Bytes of the IP packet."""
    answers: Tuple[int, ...]
    """The ports that an answer of UDP may come from; it need not carry the mark."""

    @property
    def payload(self) -> bytes:
        """What stands behind the transport header."""
        length = self.size - IP_HEADERS[self.family] - HEADERS[self.protocol]
        return (self.mark.to_bytes(4, "big") + PADDING).ljust(length, b"\0")[:length]

    @property
    def acknowledged(self) -> Tuple[int, int]:
        """The numbers by which TCP answers: the SYN alone, and with what came with it, as a RST does."""
        return (self.mark + 1) & 0xFFFFFFFF, (self.mark + 1 + len(self.payload)) & 0xFFFFFFFF


class Check(NamedTuple):
    """Bytes by which the packet, or the answer to it, is known."""

    offset: int
    """From the start of the outermost transport header."""
    width: int
    """2 or 4 bytes."""
    value: int
    answer: bool
    """Whether it is an answer's, or an error's about the packet."""


def marked_from(asked: Dict[str, Any]) -> Marked:
    """Return the packet that a module's option describes; raise ValueError."""
    found = Marked(
        asked["family"],
        asked["protocol"],
        asked["mark"],
        asked["sport"],
        asked["dport"],
        asked["size"],
        tuple(asked.get("answers") or ()),
    )
    if len(found.payload) < 4 or not 0 <= found.mark < 2**32:
        raise ValueError("%d bytes have no room for the mark %s" % (found.size, found.mark))
    return found


def checks(marked: Marked) -> List[Check]:
    """Return by which bytes the packet and its answer are known, plain or inside a tunnel or an ICMP error."""
    own = IP_HEADERS[marked.family]
    plain = _plain(marked)
    # What an error is about is quoted from the IP header on; the first 8 bytes behind it are always there.
    quoted = [(_ICMP_ERROR + own + offset, width, value, True) for offset, width, value, answer in plain if not answer]
    found: Set[Check] = set()
    for start in (0, *(skipped + own for skipped in _TUNNELS)):
        found.update(Check(start + offset, width, value, answer) for offset, width, value, answer in plain + quoted)
    return sorted(found)


def _plain(marked: Marked) -> List[Tuple[int, int, int, bool]]:
    if marked.protocol == TCP:
        sent = (_SEQUENCE, 4, marked.mark, False)
        return [sent, *((_ACKNOWLEDGED, 4, number, True) for number in marked.acknowledged)]
    sent = (HEADERS[marked.protocol], 4, marked.mark, False)
    return [sent, *((0, 2, port, True) for port in marked.answers if marked.protocol == UDP)]


def kind_of(marked: Marked, protocol: int, header: bytes) -> Optional[str]:
    """Return what a transport header with what follows is to the packet: ``packet``, ``answer`` or None.

    An answer of UDP is none here: only who knows where the packet went can tell.
    """
    if protocol != marked.protocol or len(header) < HEADERS[protocol]:
        return None
    if protocol == TCP:
        if int.from_bytes(header[_SEQUENCE : _SEQUENCE + 4], "big") == marked.mark and header[13] & 0x02:
            return "packet"
        acknowledges = header[13] & 0x10 and int.from_bytes(header[_ACKNOWLEDGED : _ACKNOWLEDGED + 4], "big")
        return "answer" if acknowledges in marked.acknowledged else None
    if header[HEADERS[protocol] : HEADERS[protocol] + 4] != marked.mark.to_bytes(4, "big"):
        return None
    return "answer" if (protocol, header[0]) in ((ICMP, 0), (ICMPV6, 129)) else "packet"
