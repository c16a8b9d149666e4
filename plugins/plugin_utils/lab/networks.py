# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ways in which a lab joins its nodes, and what each takes of the bytes that a packet may have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

IPV6_MORE = 20
"""Bytes that an IPv6 header (40, RFC 8200) is longer than one of IPv4 (20, RFC 791)."""
IPV6_MIN_MTU = 1280
"""What every link must carry that IPv6 goes over (RFC 8200, section 5; linux/in6.h)."""
ETH_DATA_LEN = 1500
"""linux/if_ether.h: what a packet may have where nothing else is known."""


@dataclass(frozen=True)
class Network:
    """A way to join nodes. `header` is what it puts before a packet of a pod between nodes with IPv4, in bytes."""

    tunnel: bool
    header: int
    carries_v6: bool = True
    """Whether pods may have IPv6."""

    def overhead(self, version: int) -> int:
        """Return the bytes that are left less for a pod when the nodes speak IP of this version."""
        return self.header + (IPV6_MORE if self.tunnel and version == 6 else 0)


NETWORKS: Mapping[str, Network] = {
    "routes": Network(tunnel=False, header=0),
    "bgp": Network(tunnel=False, header=0),
    # Outer IPv4 20, UDP 8, VXLAN 8, and the Ethernet header of the packet inside 14 (RFC 7348, section 5).
    "vxlan": Network(tunnel=True, header=20 + 8 + 8 + 14),
    # Outer IPv4 20 (RFC 2003); with GRE 4 more (RFC 2784); UDP 8, Geneve 8 and the Ethernet header of the packet
    # inside 14 with Geneve (RFC 8926, section 3).
    # With IPIP the outer header's protocol is 4, which is IPv4 and nothing else; IPv6 is 41, a link of kind sit.
    "ipip": Network(tunnel=True, header=20, carries_v6=False),
    "gre": Network(tunnel=True, header=20 + 4),
    "geneve": Network(tunnel=True, header=20 + 8 + 8 + 14),
    # Outer IPv4 20, UDP 8, and of WireGuard 16 for type, receiver and counter, 16 for the authentication tag
    # (Donenfeld, WireGuard, section 5.4.6).
    "wireguard": Network(tunnel=True, header=20 + 8 + 16 + 16),
}
