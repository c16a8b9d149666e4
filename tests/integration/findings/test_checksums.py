# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets with a wrong checksum at the port of a node's tunnel: the kernel counts them, and they are found."""

from __future__ import annotations

from contextlib import ExitStack

from ansible_collections.podnet.lab.tests.integration.findings.test_faults import open_nodes
from ansible_collections.podnet.lab.tests.integration.support import layouts

# A zero says that there is no checksum (RFC 768), and is right for VXLAN; any other number here is wrong but one.
_SEND = """
import socket, struct, sys
checksum, count = int(sys.argv[1]), int(sys.argv[2])
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
vxlan = struct.pack("!BxxxI", 8, 1 << 8) + bytes(60)
datagram = struct.pack("!HHHH", 40000, 8472, 8 + len(vxlan), checksum) + vxlan
for _ in range(count):
    raw.sendto(datagram, ("10.89.0.11", 0))
"""


def test_checksums_that_a_tunnel_does_not_fill_in() -> None:
    with ExitStack() as stack:
        node, other = open_nodes(stack, "flannel")
        second = other.document()
        node.sh("ip -n outside addr add 10.89.0.12/24 dev wire")

        def send(checksum: int, count: int) -> None:
            node.world.run("python3", "-c", _SEND, checksum, count, netns="outside")

        send(0, 1000)
        send(0xBAD, 90)
        assert layouts.odd(node.document(), second) == []
        send(0xBAD, 20)
        (finding,) = layouts.odd(node.document(), second)
        assert (finding["kind"], finding["severity"], finding["hosts"]) == ("checksum-errors", "note", ["node1"])
        assert finding["evidence"] == ["UdpInCsumErrors = 110", "UdpInDatagrams = 1000"]
        send(0xBAD, 20)
        (finding,) = layouts.odd(node.document(), second)
        assert finding["severity"] == "fault"
        assert "ethtool -K flannel.1 tx-checksum-ip-generic off" in finding["remedy"]
