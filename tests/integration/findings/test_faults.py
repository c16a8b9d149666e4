# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Common faults, made one at a time in nodes as network plugins leave them: each is found, and no healthy node is.

Everything is read from a real kernel by the code of the modules.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from ansible_collections.podnet.lab.tests.integration.support import layouts
from ansible_collections.podnet.lab.tests.integration.support.world import WorldUnavailableError, open_world


def open_nodes(stack: ExitStack, layout: str) -> list[layouts.Node]:
    """Make two nodes of one layout, in worlds that end with the stack."""
    try:
        nodes = [layouts.Node(stack.enter_context(open_world(f"node{number}")), number) for number in (1, 2)]
    except WorldUnavailableError as error:
        pytest.skip(str(error))
    for node in nodes:
        layouts.LAYOUTS[layout](node)
    return nodes


@pytest.mark.parametrize("layout", layouts.LAYOUTS)
def test_nothing_is_odd_about_healthy_nodes(layout: str) -> None:
    with ExitStack() as stack:
        assert layouts.odd(*(node.document() for node in open_nodes(stack, layout))) == []


class Fault(NamedTuple):
    """What breaks the first of two nodes, what mends it again, and the one thing that is found."""

    layout: str
    breaks: str
    mends: str
    kind: str
    host: str = "node1"


_TUNNEL = (
    "ip link del flannel.1; ip link add flannel.1 address ce:00:00:00:00:01 mtu 1450 type vxlan id {vni}"
    " local 10.89.0.11 dev eth0 dstport {port} nolearning;"
    "ip addr add 10.244.1.0/32 dev flannel.1; ip link set flannel.1 up;"
    "ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink;"
    "ip neigh add 10.244.2.0 lladdr ce:00:00:00:00:02 dev flannel.1 nud permanent;"
    "bridge fdb append ce:00:00:00:00:02 dev flannel.1 dst 10.89.0.12"
)
"""Makes the tunnel anew."""

_NEIGHBOUR = "ip neigh replace 10.244.2.0 lladdr ce:00:00:00:00:02 dev flannel.1 nud permanent"
"""Sets what the kernel forgets when an interface gets another MAC."""

FAULTS = {
    "no route": Fault(
        "routed", "ip route del 10.244.2.0/24", "ip route add 10.244.2.0/24 via 10.89.0.12", "route-missing"
    ),
    "route to nobody": Fault(
        "routed",
        "ip route replace blackhole 10.244.2.0/24; ip route del 10.244.2.0/24 via 10.89.0.12 || true",
        "ip route replace 10.244.2.0/24 via 10.89.0.12",
        "route-wrong",
    ),
    "forwarding off": Fault(
        "routed",
        "echo 0 > /proc/sys/net/ipv4/ip_forward",
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "forwarding-off",
    ),
    "forwarding off on the bridge": Fault(
        "routed",
        "echo 0 > /proc/sys/net/ipv4/conf/cni0/forwarding",
        "echo 1 > /proc/sys/net/ipv4/conf/cni0/forwarding",
        "forwarding-off",
    ),
    "address of an earlier life": Fault(
        "routed",
        "ip addr add 10.244.7.1/24 dev cni0; ip addr del 10.244.1.1/24 dev cni0",
        "ip addr add 10.244.1.1/24 dev cni0; ip addr del 10.244.7.1/24 dev cni0",
        "bridge-wrong-address",
    ),
    "second address": Fault(
        "routed",
        "ip addr add 10.244.2.1/24 dev cni0",
        "ip addr del 10.244.2.1/24 dev cni0",
        "bridge-second-address",
    ),
    "stale range": Fault(
        "routed",
        "sed -i s/10.244.1.0/10.99.1.0/ /etc/cni/net.d/10-pods.conflist",
        "sed -i s/10.99.1.0/10.244.1.0/ /etc/cni/net.d/10-pods.conflist",
        "range-stale",
    ),
    "no free address": Fault(
        "routed",
        "for i in $(seq 4 254); do printf 'gone\r\neth0' > /var/lib/cni/networks/pods/10.244.1.$i; done;"
        "touch -d '1 hour ago' /var/lib/cni/networks/pods/*",
        "for i in $(seq 4 254); do rm /var/lib/cni/networks/pods/10.244.1.$i; done",
        "leases-full",
    ),
    "gateway that nobody has": Fault(
        "routed",
        "ip -n $WEB route replace default via 10.244.1.254",
        "ip -n $WEB route replace default via 10.244.1.1",
        "pod-gateway-missing",
    ),
    "pod without default route": Fault(
        "routed",
        "ip -n $WEB route del default",
        "ip -n $WEB route add default via 10.244.1.1",
        "pod-without-default-route",
    ),
    "gateway under another MAC": Fault(
        "routed",
        "ip -n $WEB neigh replace 10.244.1.1 lladdr de:ad:00:00:00:01 dev eth0 nud permanent",
        "ip -n $WEB neigh del 10.244.1.1 dev eth0",
        "neighbour-wrong",
    ),
    "pod under another MAC": Fault(
        "routed",
        "ip neigh replace 10.244.1.2 lladdr de:ad:00:00:00:01 dev cni0 nud permanent",
        "ip neigh del 10.244.1.2 dev cni0",
        "neighbour-wrong",
    ),
    "tunnel too large": Fault(
        "flannel",
        "ip link set eth0 mtu 1460; ip -n outside link set wire mtu 1460",
        "ip link set eth0 mtu 1500; ip -n outside link set wire mtu 1500",
        "tunnel-mtu",
    ),
    "tunnel with another MAC": Fault(
        "flannel",
        "ip link set flannel.1 address ce:00:00:00:00:77;" + _NEIGHBOUR,
        "ip link set flannel.1 address ce:00:00:00:00:01;" + _NEIGHBOUR,
        "tunnel-mac-changed",
        "node1 node2",
    ),
    "entry to another address": Fault(
        "flannel",
        "bridge fdb replace ce:00:00:00:00:02 dev flannel.1 dst 10.89.0.11",
        "bridge fdb replace ce:00:00:00:00:02 dev flannel.1 dst 10.89.0.12",
        "tunnel-fdb-wrong",
    ),
    "no entry": Fault(
        "flannel",
        "bridge fdb del ce:00:00:00:00:02 dev flannel.1 dst 10.89.0.12",
        "bridge fdb append ce:00:00:00:00:02 dev flannel.1 dst 10.89.0.12",
        "tunnel-fdb-missing",
    ),
    "next hop under another MAC": Fault(
        "flannel",
        "ip neigh replace 10.244.2.0 lladdr ce:00:00:00:00:09 dev flannel.1 nud permanent",
        "ip neigh replace 10.244.2.0 lladdr ce:00:00:00:00:02 dev flannel.1 nud permanent",
        "tunnel-neighbour-wrong",
    ),
    "tunnel down": Fault(
        "flannel",
        "ip link set flannel.1 down",
        "ip link set flannel.1 up; ip route add 10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink;"
        "ip neigh replace 10.244.2.0 lladdr ce:00:00:00:00:02 dev flannel.1 nud permanent",
        "route-missing",
    ),
    "cloned tunnel": Fault(
        "flannel",
        "ip link set flannel.1 address ce:00:00:00:00:02;" + _NEIGHBOUR,
        "ip link set flannel.1 address ce:00:00:00:00:01;" + _NEIGHBOUR,
        "mac-shared-by-nodes",
        "node1 node2",
    ),
    "no route to a block": Fault(
        "calico",
        "ip route del 10.244.2.0/26",
        "ip route add 10.244.2.0/26 via 10.244.2.63 dev vxlan.calico onlink proto 80",
        "route-missing",
    ),
    "other network number": Fault(
        "flannel", _TUNNEL.format(vni=2, port=8472), _TUNNEL.format(vni=1, port=8472), "tunnel-differs", "node1 node2"
    ),
    "other port": Fault(
        "flannel", _TUNNEL.format(vni=1, port=4789), _TUNNEL.format(vni=1, port=8472), "tunnel-differs", "node1 node2"
    ),
    "older configuration first": Fault(
        "routed",
        "sed s/pods/old/ /etc/cni/net.d/10-pods.conflist > /etc/cni/net.d/05-old.conflist",
        "rm /etc/cni/net.d/05-old.conflist",
        "cni-wrong-first",
    ),
    "one address twice": Fault(
        "routed",
        "ip -n $DB addr add 10.244.1.2/24 dev eth0",
        "ip -n $DB addr del 10.244.1.2/24 dev eth0",
        "range-duplicate",
    ),
    "one MAC twice": Fault(
        "routed",
        "ip -n $DB link set eth0 address $(ip netns exec $WEB cat /sys/class/net/eth0/address)",
        "ip -n $DB link set eth0 address 0a:58:00:00:00:03",
        "mac-twice-on-bridge",
    ),
    "no address": Fault(
        "routed",
        "ip -n $WEB addr del 10.244.1.2/24 dev eth0",
        "ip -n $WEB addr add 10.244.1.2/24 dev eth0; ip -n $WEB route add default via 10.244.1.1",
        "pod-without-address",
    ),
    "bridge down": Fault("routed", "ip link set cni0 down", "ip link set cni0 up", "bridge-down"),
    "range of the other node": Fault(
        "routed",
        "sed -i s/10.244.1.0/10.244.2.0/ /etc/cni/net.d/10-pods.conflist",
        "sed -i s/10.244.2.0/10.244.1.0/ /etc/cni/net.d/10-pods.conflist",
        "range-stale",
    ),
    "address of a pod that somebody else has": Fault(
        "routed",
        "ip netns add gone; ip link add vethgone type veth peer name eth0 netns gone;"
        "ip link set vethgone master cni0 up; ip -n gone addr add 10.244.1.2/24 dev eth0; ip -n gone link set eth0 up",
        "ip link del vethgone; ip netns del gone",
        "address-twice-on-bridge",
    ),
    "out of the bridge": Fault(
        "routed",
        "ip link set vethweb nomaster",
        "ip link set vethweb master cni0; bridge link set dev vethweb hairpin on",
        "cable-unplugged",
    ),
    "pod's end down": Fault(
        "routed",
        "ip -n $WEB link set eth0 down",
        "ip -n $WEB link set eth0 up; ip -n $WEB route add default via 10.244.1.1",
        "pod-interface-down",
    ),
    "node's end down": Fault("routed", "ip link set vethweb down", "ip link set vethweb up", "pod-interface-down"),
    "MTU of one end": Fault("routed", "ip link set vethweb mtu 1400", "ip link set vethweb mtu 1500", "mtu-mismatch"),
    "pod behind another port": Fault(
        "routed",
        # Sticky, for else the next packet of the pod moves the entry to the right port (br_fdb_update).
        "bridge fdb replace $(ip netns exec $WEB cat /sys/class/net/eth0/address) dev vethdb master static sticky",
        "bridge fdb del $(ip netns exec $WEB cat /sys/class/net/eth0/address) dev vethdb master",
        "bridge-fdb-wrong",
    ),
    "pod that the bridge keeps": Fault(
        "routed",
        "bridge fdb replace $(ip netns exec $WEB cat /sys/class/net/eth0/address) dev cni0 self permanent",
        "bridge fdb del $(ip netns exec $WEB cat /sys/class/net/eth0/address) dev cni0 self",
        "bridge-fdb-wrong",
    ),
    "tunnel that networkd configures": Fault(
        "flannel",
        "mkdir -p /run/systemd/netif/links; F=/run/systemd/netif/links/$(cat /sys/class/net/flannel.1/ifindex);"
        "printf 'ADMIN_STATE=configured\nNETWORK_FILE=/etc/systemd/network/10-all.network\n' > $F",
        "rm -r /run/systemd",
        "link-managed",
    ),
    "few dots in resolv.conf": Fault(
        "routed",
        "sed -i s/ndots:5/ndots:1/ /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/*/resolv.conf",
        "sed -i s/ndots:1/ndots:5/ /var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/*/resolv.conf",
        "dns-ndots",
    ),
    "rp_filter strict": Fault(
        "kindnet",
        "ip link add eth1 type veth peer name wire1 netns outside; ip -n outside link set wire1 up;"
        "ip addr add 10.77.0.11/24 dev eth1; ip link set eth1 up; ip route replace 10.244.2.0/24 via 10.77.0.12;"
        "echo 1 > /proc/sys/net/ipv4/conf/eth0/rp_filter;"
        "echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter",
        "ip route replace 10.244.2.0/24 via 10.89.0.12; ip link del eth1;"
        "echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter",
        "rp-filter-strict",
    ),
}


@pytest.fixture(scope="module")
def clusters() -> Iterator[dict[str, tuple[list[layouts.Node], dict[str, Any]]]]:
    """Two nodes of each layout that a fault needs, and what the second one says."""
    with ExitStack() as stack:
        found = {}
        for layout in sorted({fault.layout for fault in FAULTS.values()}):
            nodes = open_nodes(stack, layout)
            found[layout] = (nodes, nodes[1].document())
        yield found


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_found_by_its_cause(
    clusters: dict[str, tuple[list[layouts.Node], dict[str, Any]]], name: str
) -> None:
    fault = FAULTS[name]
    (node, _other), second = clusters[fault.layout]
    setting = f"WEB={node.pods['web']} DB={node.pods['db']}\n"
    node.sh(setting + fault.breaks)
    try:
        found = layouts.odd(node.document(), copy.deepcopy(second))
    finally:
        node.sh(setting + fault.mends)
    assert [one["kind"] for one in found] == [fault.kind], found
    assert found[0]["hosts"] == fault.host.split()
    assert found[0]["command"]
    assert found[0]["remedy"]
