# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services whose rules are not on a node, or do not reach a flow, and a bridge that hands out twice what they send.

Rules and flows are those of a real kernel. All tests have the same two nodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ansible_collections.podnet.lab.tests.integration.findings.test_faults import open_nodes
from ansible_collections.podnet.lab.tests.integration.support import layouts, probes

_RULES = """
table ip podnet_lab0 {{
  chain output {{
    type nat hook output priority -100
    ip daddr 10.96.0.10 udp dport 53 dnat to 10.244.1.{backend}:53
  }}
}}
table ip6 podnet_lab0 {{
  chain output {{
    type nat hook output priority -100
    ip6 daddr fd00:96::10 udp dport 53 dnat to [fd00:1::{backend}]:53
  }}
}}
"""

_ASK = """
import pathlib, socket, time
sockets = []
for family, address in ((socket.AF_INET, "10.96.0.10"), (socket.AF_INET6, "fd00:96::10")):
    sockets.append(socket.socket(family, socket.SOCK_DGRAM))
    sockets[-1].connect((address, 53))
while True:
    for one in sockets:
        try:
            one.send(b"?")
        except OSError:  # the error that the packet before met
            pass
    pathlib.Path("/run/asked").touch()
    time.sleep(0.1)
"""


def lead_to(nodes: list[layouts.Node], backend: int) -> None:
    """Write the rules of the Service on all nodes."""
    for node in nodes:
        node.world.run("nft", "flush", "ruleset")
        node.world.run("nft", "-f", "-", stdin=_RULES.format(backend=backend))


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[layouts.Node]]:
    """Two nodes with a Service of two pods on the first one, of which the rules lead to the second pod."""
    probes.require_tool("nft", "nftables")
    with ExitStack() as stack:
        made = open_nodes(stack, "routed")
        for node in made:
            node.sh("ip -6 addr add fd00:89::1$N/64 dev eth0 nodad; ip -6 route add default via fd00:89::1 dev eth0")
        lead_to(made, 3)
        yield made


def kinds(*nodes: layouts.Node) -> list[str]:
    return [one["kind"] for one in layouts.odd(*(node.document(services=True) for node in nodes))]


def test_a_node_without_any_rule(nodes: list[layouts.Node]) -> None:
    assert kinds(*nodes) == []
    first, second = nodes
    second.world.run("nft", "flush", "ruleset")
    found = layouts.odd(first.document(services=True), second.document(services=True))
    lead_to(nodes, 3)
    assert [(one["kind"], one["hosts"]) for one in found] == [("service-missing", ["node2"])]
    assert "no rule of any Service" in found[0]["message"]


def test_a_promiscuous_bridge(nodes: list[layouts.Node]) -> None:
    first, _second = nodes
    if first.document("firewall")["podnet_netns"]["firewall"]["bridges"]:
        pytest.skip("this kernel has rules for bridges built in, which may drop what would be handed out twice")
    first.sh("ip link set cni0 promisc on; echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables")
    found = kinds(*nodes)
    first.sh("ip link set cni0 promisc off")
    assert found == ["bridge-promiscuous"]
    assert kinds(*nodes) == []


def test_flows_that_go_on_to_a_pod_that_is_gone(nodes: list[layouts.Node]) -> None:
    first, second = nodes
    other = second.document(services=True)
    client = first.world.spawn("python3", "-c", _ASK)
    try:
        first.world.sh("for _ in $(seq 100); do [ -e /run/asked ] && break; sleep 0.1; done")
        asked = first.document(services=True)
        if asked["podnet_service"]["stale_flows"] is None:
            pytest.skip("this kernel does not show its table of connections: nf_conntrack_netlink is not loaded")
        assert asked["podnet_service"]["stale_flows"] == []
        assert layouts.odd(asked, other) == []

        lead_to(nodes, 2)  # the pod is there still, as one that ends
        ending = first.document(services=True)
        found = {(one["address"], one["backend"], one["count"]) for one in ending["podnet_service"]["stale_flows"]}
        assert found == {("10.96.0.10", "10.244.1.3", 1), ("fd00:96::10", "fd00:1::3", 1)}
        assert layouts.odd(ending, second.document(services=True)) == []

        gone = first.pods["db"]
        first.sh(f"kill $(ip netns pids {gone}); ip netns del {gone}; rm /var/lib/cni/networks/pods/10.244.1.3")
        (finding,) = layouts.odd(first.document(services=True), second.document(services=True))
        assert (finding["kind"], finding["hosts"]) == ("conntrack-stale", ["node1"])
        assert finding["evidence"] == ["1 flow to 10.96.0.10:53/udp translated to 10.244.1.3:53, an address of node1"]
    finally:
        first.world.kill(client)
