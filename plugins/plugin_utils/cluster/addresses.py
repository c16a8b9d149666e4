# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes' addresses: which the cluster knows them by, and what their networks have against the cluster's ranges.

Everything is decided from what ``podnet.lab.kubeadm_info`` saw. A family is 4 or 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

try:
    from netaddr import IPAddress, IPNetwork
except ImportError:  # the filter cluster_plan says so, in words, before anything here is called
    pass

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.mark import ROUTE_PROTOCOL

from ..description.checks import Fault, overlap
from .description import Cluster
from .nodes import Node
from .ranges import PODS, SERVICES, VARIABLE

_OPTION = {4: VARIABLE + "node_address", 6: VARIABLE + "node_address_v6"}
_SEEN = {4: ("addresses", "routes"), 6: ("addresses6", "routes6")}
_DEFAULT = ("0.0.0.0/0", "::/0")


def choose_address(node: Node, resolve: Callable[[str], list[str]]) -> None:
    """Choose the address of IPv4 by which the cluster knows the node; a fault says why there is none.

    In this order: ``kubeadm_cluster_node_address``; ``ansible_host``, resolved on the control node, when
    the node itself has that address; the source address of the node's default route.
    """
    own = {entry["local"]: entry for entry in node.seen["addresses"]}
    usable = sorted(local for local in own if not local.startswith("127."))
    given = node.host.address
    if given is not None:
        if given in usable:
            node.address = given
        else:
            text = f"{_OPTION[4]} {given} is not an address of the node, which has {', '.join(usable) or 'none'}"
            node.fault(text, "Choose one that the other nodes reach")
        return
    found = [text for text in resolve(node.host.ansible_host) if text in usable]
    defaults = [route for route in node.seen["routes"] if route["dst"] == "0.0.0.0/0"]
    for route in sorted(defaults, key=lambda item: int(item["metric"])):
        sources = [route["prefsrc"]] if route["prefsrc"] else []
        sources += [local for local in usable if own[local]["ifname"] == route["dev"]]
        found += sources[:1]
    if not found:
        text = f"it has not the address {node.host.ansible_host}, by which Ansible reaches it, and no default route"
        node.fault(text, f"Give it {_OPTION[4]}, an address that the other nodes reach")
        return
    node.address = found[0]


def choose_address6(node: Node) -> None:
    """Choose the address of IPv6, once that of IPv4 is known; a fault says why there is none.

    In this order: ``kubeadm_cluster_node_address_v6``; an address on the link of the IPv4 address, first one that
    was given to it for good.
    """
    usable = node.seen["addresses6"]
    listed = ", ".join(sorted(entry["local"] for entry in usable)) or "none"
    given = node.host.address6
    if given is not None:
        same = [entry["local"] for entry in usable if _equal(entry["local"], given)]
        if same:
            node.address6 = str(same[0])
        else:
            text = f"{_OPTION[6]} {given} is not an address of the node, which has {listed}"
            node.fault(text, "Choose one that the other nodes reach")
        return
    links = [entry["ifname"] for entry in node.seen["addresses"] if entry["local"] == node.address]
    found = sorted(
        (bool(entry.get("dynamic")), str(entry["local"])) for entry in usable if entry["ifname"] in links[:1]
    )
    if node.address is None:
        return
    if not found:
        text = (
            f"the cluster has IPv6, and {links[0]}, which has {node.address}, has no address of IPv6 but its own link's"
        )
        node.fault(text, f"Give the link one, like fd00:192:168::11/64, or choose {_OPTION[6]}; it has {listed}")
        return
    node.address6 = found[0][1]


def _equal(one: str, other: str) -> bool:
    try:
        return bool(IPAddress(one) == IPAddress(other))
    except ValueError:
        return False


def check_addresses(nodes: Sequence[Node], cluster: Cluster) -> list[Fault]:
    """Find nodes with one address, and with CNI bridge nodes that share no network."""
    faults = _check_family(nodes, 4, cluster.cni)
    return faults + (_check_family(nodes, 6, cluster.cni) if cluster.dual else [])


def _check_family(nodes: Sequence[Node], family: int, cni: str) -> list[Fault]:
    faults = []
    of = {node.host.name: node.address if family == 4 else node.address6 for node in nodes}
    first: dict[str, Node] = {}
    for node in nodes:
        address = of[node.host.name]
        other = first.setdefault(address, node) if address is not None else node
        if other is not node:
            text = f"{other.host.name} has the address {address} too, as virtual machines behind one NAT do"
            remedy = f"Give each node its own {_OPTION[family]}, on a network that they share"
            faults.append(Fault(node.where, text, remedy))
    if cni != "bridge":
        return faults
    for node in nodes:
        entries = node.seen[_SEEN[family][0]]
        links = [IPNetwork(f"{entry['local']}/{entry['prefixlen']}") for entry in entries]
        far = [
            f"{name} ({address})"
            for name, address in of.items()
            if of[node.host.name] and address and not any(IPAddress(address) in link for link in links)
        ]
        if far:
            text = f"it shares no network with {', '.join(far)}, so that it cannot route pods there"
            remedy = f"Give the nodes a {_OPTION[family]} each, all in one network, or use a CNI with an overlay"
            faults.append(Fault(node.where, text, remedy))
    return faults


def own_link(cluster: Cluster, name: str | None) -> bool:
    """Tell whether a link belongs to the pod network itself, of which overlaps say nothing."""
    return name == cluster.bridge or str(name).startswith(("veth", "flannel.", "cali", "cni"))


def check_ranges(node: Node, cluster: Cluster) -> None:
    """Find networks of the node that overlap the cluster's ranges."""
    for family in (4, 6) if cluster.dual else (4,):
        for network, dev in sorted(_networks(node.seen, family, cluster)):
            for what, option, parts in (("pods", PODS, cluster.pods), ("services", SERVICES, cluster.services)):
                for part in parts:
                    if part.version == family and overlap(network, part):
                        text = f"its network {network} on {dev} overlaps the {what}' range {part}"
                        node.fault(text, f"Choose another {option}")


def _networks(seen: Mapping[str, Any], family: int, cluster: Cluster) -> set[tuple[IPNetwork, str]]:
    """Return the networks of a family that a node has an address in or a route to, with the link of each."""
    addresses, routes = _SEEN[family]
    ours = str(ROUTE_PROTOCOL)
    found = {
        (IPNetwork(route["dst"]), str(route["dev"]))
        for route in seen[routes]
        if route["dst"] not in _DEFAULT and route["protocol"] != ours and not own_link(cluster, route["dev"])
    }
    return found | {
        (IPNetwork(f"{entry['local']}/{entry['prefixlen']}").cidr, str(entry["ifname"]))
        for entry in seen[addresses]
        if entry["ifname"] not in ("lo", "kube-ipvs0") and not own_link(cluster, entry["ifname"])
    }


def lost_defaults(nodes: Sequence[Node]) -> list[str]:
    """Return warnings of nodes that would lose their default route of IPv6.

    The kernel heeds no router advertisements on a link that forwards, unless its accept_ra is 2
    (Documentation/networking/ip-sysctl.rst); what it learned before ends in time. What networkd learns is ``proto ra``
    as well, and stays: it reads advertisements itself, so this is a warning and no fault.
    """
    return [
        f"{node.host.name} has its default route of IPv6 from router advertisements on {route['dev']}, which the "
        f"kernel heeds no more once it forwards. Where it is the kernel that reads them, set "
        f"net.ipv6.conf.{route['dev']}.accept_ra to 2 there."
        for node in nodes
        for route in node.seen["routes6"]
        if route["dst"] == "::/0" and route["protocol"] == "ra"
    ]
