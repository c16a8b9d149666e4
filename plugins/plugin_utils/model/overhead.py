# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tunnels put around a packet, by the kind of their link."""

from __future__ import annotations

from collections.abc import Mapping

OVERHEAD: Mapping[str, tuple[int, int]] = {
    # Bytes around a packet, over IPv4 and over IPv6 (RFC 7348, RFC 8926, RFC 2003, RFC 2784; WireGuard's paper, 5.4)
    "vxlan": (50, 70),
    "geneve": (50, 70),
    "ipip": (20, 40),
    "sit": (20, 40),
    "ip6tnl": (40, 40),
    "gre": (24, 44),
    "wireguard": (60, 80),
}
"""Bytes over IPv4 and over IPv6."""
