# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Packets that reach a node with a wrong checksum, which it throws away without a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model.index import NodeView
from ..model.records import Finding, Model, Settings
from ..text.escape import shell_word
from .nodes import cut

FEWEST, NOTE, FAULT = 100, 0.01, 0.1
"""Below so many wrong ones it is noise; from these shares of all that was received on it is a note, and a fault."""

_PROTOCOLS = (
    ("TCP", "TcpInSegs", "TcpInCsumErrors", True),
    ("UDP over IPv4", "UdpInDatagrams", "UdpInCsumErrors", False),
    ("UDP over IPv6", "Udp6InDatagrams", "Udp6InCsumErrors", False),
)
"""What it is called, what counts the packets, what those with a wrong checksum, and whether the first has these too
(net/ipv4/tcp_ipv4.c, tcp_v4_rcv; net/ipv4/udp.c, udp_queue_rcv_one_skb)."""

_UDP_TUNNELS = ("vxlan", "geneve")


def wrong(counters: Settings) -> Iterator[tuple[str, str, int, str, int]]:
    """Yield the protocols with too many wrong checksums: name, counter and number of them, what was received."""
    for protocol, all_of_them, bad_ones, included in _PROTOCOLS:
        received, bad = counters.get(all_of_them), counters.get(bad_ones)
        if not isinstance(received, int) or not isinstance(bad, int):
            continue
        total = max(received, bad) if included else received + bad
        if bad >= FEWEST and bad >= total * NOTE:
            yield protocol, bad_ones, bad, all_of_them, total


def checksum_errors(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes that got far more packets with a wrong checksum than a network makes.

    Usually another node's kernel or card did not fill in the checksum of a tunnel's packets (flannel#1279,
    calico#3145). The counters are those since the node started, so it may be over.
    """
    for node in model["nodes"]:
        own = views[node["host"]].own_namespace
        tunnels = [link["ifname"] for link in own["interfaces"] if link["kind"] in _UDP_TUNNELS] if own else []
        for protocol, counter, bad, whole, total in wrong(node["counters"] or {}):
            suspects = tunnels if protocol.startswith("UDP") else []
            share = f"{100 * bad // total} %"
            yield {
                "kind": "checksum-errors",
                "severity": "fault" if bad >= total * FAULT else "note",
                "hosts": [node["host"]],
                "object": counter,
                "message": f"{share} of what this node received by {protocol} since it started had a wrong checksum "
                "and was thrown away" + (f", as packets of the tunnel {suspects[0]} can have" if suspects else ""),
                "evidence": cut([f"{counter} = {bad}", f"{whole} = {(node['counters'] or {})[whole]}"]),
                "remedy": "Look whether the counter still grows, and by whose packets (tcpdump -vv says bad cksum). "
                + (
                    f"On the nodes that send them: ethtool -K {shell_word(suspects[0])} tx-checksum-ip-generic off, "
                    "and a newer kernel or network plugin"
                    if suspects
                    else "On the nodes that send them: switch the checksum offload of their card off "
                    "(ethtool -K DEV tx off), and look for a newer driver or hypervisor"
                ),
                "command": f"nstat -asz {counter} {whole}",
            }


ALL = (checksum_errors,)
