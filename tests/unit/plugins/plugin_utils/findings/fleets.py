# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes with the routes that network plugins give them, as found on nodes of each."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import Facts, NodeFile

Fleet = list[NodeFile]


def nodes(count: int = 3) -> Fleet:
    """Return nodes with pods at a bridge and no route to each other, as clouds route pods themselves."""
    return [NodeFile(number, pods=2) for number in range(1, count + 1)]


def node_address(node: NodeFile) -> str:
    """Return the address by which others reach a node."""
    return str(node.addresses[0]["local"])


def route(node: NodeFile, dst: str, gateway: str | None, dev: str, **more: str) -> Facts:
    """Add a route to a node."""
    one: Facts = {"dst": dst, "family": "inet6" if ":" in dst else "inet", "dev": dev, **more}
    if gateway is not None:
        one["gateway"] = gateway
    node.own["routes"].append(one)
    return one


def routed(count: int = 3) -> Fleet:
    """Return nodes that route to each other's address: kindnet, flannel's host-gw, this collection's clusters."""
    fleet = nodes(count)
    for node in fleet:
        for other in fleet:
            if other is not node:
                route(node, str(other.range), node_address(other), "eth0")
    return fleet


def tunnel(node: NodeFile, name: str = "flannel.1", **changes: object) -> Facts:
    """Add a VXLAN interface as flannel makes it."""
    link = node.link(30, name, "vxlan", f"ce:00:00:00:00:{node.number:02x}", (f"{node.range[0]}/32",), full=True)
    data = {"id": 1, "port": 8472, "local": node_address(node), "link": "eth0", "learning": False, **changes}
    link.update(mtu=1450, operstate="UNKNOWN")
    link["linkinfo"]["info_data"] = data
    node.own["interfaces"].append(link)
    node.addresses.append({"ifname": name, "family": "inet", "local": str(node.range[0]), "prefixlen": 32})
    return link


def flannel(count: int = 3) -> Fleet:
    """Return nodes as flannel's vxlan backend makes them: each other's VTEP is the next hop."""
    fleet = nodes(count)
    for node in fleet:
        tunnel(node)
        node.bridges[0]["mtu"] = node.interface(node.own, "cni0")["mtu"] = 1450
        for number, pod in enumerate(node.namespaces[1:]):
            pod["interfaces"][0]["mtu"] = node.port_link(number)["mtu"] = 1450
        for other in fleet:
            if other is not node:
                route(node, str(other.range), str(other.range[0]), "flannel.1")
    return fleet


def vtep(node: NodeFile) -> str:
    """Return the MAC of a node's VXLAN interface."""
    return str(node.interface(node.own, "flannel.1")["address"])


def flannel_diagnosed(count: int = 3) -> Fleet:
    """Return the same nodes with neighbours and the table of the tunnel, all of which flannel sets itself."""
    fleet = flannel(count)
    for node in fleet:
        others = [other for other in fleet if other is not node]
        node.own["neighbours"] = [
            {"dst": str(other.range[0]), "dev": "flannel.1", "lladdr": vtep(other), "state": ["PERMANENT"]}
            for other in others
        ]
        node.interface(node.own, "flannel.1")["fdb"] = [
            {"mac": vtep(other), "dst": node_address(other), "state": "permanent"} for other in others
        ]
    return fleet


def cilium(count: int = 3) -> Fleet:
    """Return nodes as Cilium's tunnel mode makes them: the next hop is the node's own address in the pods' range."""
    fleet = [NodeFile(number, bridge=None, pods=2) for number in range(1, count + 1)]
    for node in fleet:
        own = str(node.range[200])
        node.own["interfaces"].append(node.link(31, "cilium_host", "veth", "ae:00:00:00:00:01", (f"{own}/32",)))
        node.addresses.append({"ifname": "cilium_host", "family": "inet", "local": own, "prefixlen": 32})
        vxlan = node.link(32, "cilium_vxlan", "vxlan", f"ae:00:00:00:01:{node.number:02x}", full=True)
        vxlan["linkinfo"]["info_data"] = {"external": True, "id": 0, "port": 8472, "learning": True}
        node.own["interfaces"].append(vxlan)
        for other in fleet:
            if other is not node:
                route(node, str(other.range), own, "cilium_host")
    return fleet


def calico(count: int = 3, kind: str = "ipip") -> Fleet:
    """Return nodes as Calico makes them: a block for each, routed through IP-in-IP by BIRD, the node's own refused."""
    fleet = [NodeFile(number, bridge=None, pods=2) for number in range(1, count + 1)]
    for node in fleet:
        block = f"10.244.{node.number}.0/26"
        node.pod_ranges = [
            node.pod_ranges[0],
            node.range_("block", block, "calico_route", "ip route show table main", block),
            node.range_("node", f"10.244.{100 + node.number}.0/24", "api", "kubectl get node", "spec.podCIDR"),
        ]
        tunl0 = node.link(30, "tunl0", kind, "0.0.0.0", (f"10.244.{node.number}.63/32",), full=True)
        for number, pod in enumerate(node.namespaces[1:]):
            pod["interfaces"][0]["mtu"] = node.port_link(number)["mtu"] = 1480
        tunl0.update(mtu=1480, link_type="ipip", operstate="UNKNOWN", flags=["NOARP", "UP", "LOWER_UP"])
        node.own["interfaces"].append(tunl0)
        node.leases.clear()
        route(node, block, None, "lo", type="blackhole", protocol="bird")
        for number, pair in enumerate(node.pairs):
            route(node, f"10.244.{node.number}.{number + 2}", None, pair["ends"][0]["ifname"], scope="link")
        for other in fleet:
            if other is not node:
                route(node, f"10.244.{other.number}.0/26", node_address(other), "tunl0", protocol="bird")
    return fleet


def weave(count: int = 3) -> Fleet:
    """Return nodes as Weave Net makes them: one network over all nodes, which each bridge is in."""
    fleet = [NodeFile(number, bridge=None) for number in range(1, count + 1)]
    for node in fleet:
        node.pod_ranges = [node.range_("cluster", "10.32.0.0/12", "config_map", "weave", "IPALLOC_RANGE")]
        node.add_bridge("weave", f"10.{31 + node.number}.0.1/12")
        node.pod("web", address=f"10.{31 + node.number}.0.2/12")
        node.networks.append({"cidr": "10.32.0.0/12", "dev": "weave"})
        node.leases.clear()
    return fleet


def ovn(count: int = 3) -> Fleet:
    """Return nodes as OVN-Kubernetes makes them: one route for the pods of all nodes, through Open vSwitch."""
    fleet = [NodeFile(number, bridge=None, pods=2) for number in range(1, count + 1)]
    for node in fleet:
        node.own["interfaces"].append(
            node.link(30, "ovn-k8s-mp0", "openvswitch", "0a:00:00:00:00:01", (f"{node.range[2]}/24",), full=True)
        )
        geneve = node.link(31, "genev_sys_6081", "geneve", "0a:00:00:00:00:02", full=True)
        geneve["mtu"] = 65000
        geneve["linkinfo"]["info_data"] = {"external": True, "id": 0, "port": 6081}
        node.own["interfaces"].append(geneve)
        route(node, "10.244.0.0/16", str(node.range[1]), "ovn-k8s-mp0")
        node.leases.clear()
        for number, pod in enumerate(node.namespaces[1:]):
            pod["interfaces"][0]["addr_info"] = [node.address(f"{node.range[number + 10]}/24")]
    return fleet


def aws(count: int = 3) -> Fleet:
    """Return nodes as the AWS VPC CNI makes them: pods have addresses of the nodes' own network, each a route."""
    fleet = [NodeFile(number, bridge=None) for number in range(1, count + 1)]
    for node in fleet:
        node.pod_ranges = []
        for number in range(2):
            node.pod(f"pod{number}", address=f"10.89.0.{100 + 10 * node.number + number}/32")
            near = node.pairs[number]["ends"][0]["ifname"]
            route(node, f"10.89.0.{100 + 10 * node.number + number}", None, near, scope="link")
        node.leases.clear()
    return fleet


HEALTHY: dict[str, Callable[[], Fleet]] = {
    "cloud": nodes,
    "routed": routed,
    "flannel": flannel,
    "flannel, diagnosed": flannel_diagnosed,
    "cilium": cilium,
    "calico": calico,
    "weave": weave,
    "ovn": ovn,
    "aws": aws,
}
"""Every layout of a healthy cluster."""
