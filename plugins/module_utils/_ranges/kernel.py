# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the kernel's tables say about a node's ranges: pure functions over a snapshot.

They need the subsets ``addresses`` and ``routes``; with ``all_routes`` Calico's own table is seen as well.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Set, Tuple, TypedDict

from .leases import pod_of
from .records import (
    BLOCK,
    NODE,
    Ranges,
    in_output,
    ip_address,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Link, Namespace, Route, Snapshot

_FAMILIES = {2: "inet", 10: "inet6"}
# linux/rtnetlink.h
_RTN_UNICAST, _RTN_BLACKHOLE = 1, 6
_RTPROT_BIRD = 12
_RT_SCOPE_LINK = 253
_RT_TABLE_MAIN = 254
# Felix's default route protocol, and the table that users often give it.
_CALICO_PROTOCOL, _CALICO_TABLE = 80, 80
_TUNNELS = ("vxlan", "geneve", "ipip", "ip6tnl", "sit", "gre", "gretap", "ip6gre", "wireguard", "tun")
_PHYSICAL_KINDS = ("vlan", "bond", "team", "macvlan", "macvtap", "ipvlan", "hsr")


class NodeNetwork(TypedDict):
    """A network that the node is connected to. `virtual`: it ends at this node (a bridge of veths, a dummy)."""

    cidr: str
    dev: str
    virtual: bool
    joins: bool
    """The device may join the node to its pods, and no default route leaves by it, as one does by a bridge of
    Open vSwitch that the node's own address has moved to."""
    pods: bool
    """Pods with addresses of this network are at the device."""


def _links(namespace: Namespace) -> Dict[int, Link]:
    return {link["ifindex"]: link for link in namespace.get("links", ())}


def _network(address: str, length: int) -> str:
    return str(ipaddress.ip_network("%s/%d" % (address, length), strict=False))


def _addresses(namespace: Namespace) -> Iterator[Tuple[Link, str, str, int, int]]:
    """Yield (link, family, local address, prefix length, scope) of addresses that others can reach."""
    links = _links(namespace)
    for address in namespace.get("addresses", ()):
        family = _FAMILIES.get(address["family"])
        local = address.get("local") or address.get("address")
        link = links.get(address["ifindex"])
        if family and local and link and address["scope"] < _RT_SCOPE_LINK:
            yield link, family, local, address["prefixlen"], address["scope"]


def addresses_in_use(snapshot: Snapshot, owners: Mapping[int, Mapping[str, Any]]) -> List[Dict[str, Any]]:
    """Return the addresses in every namespace but the node's own, with their pods, sorted by address."""
    found: List[Dict[str, Any]] = []
    for inode, namespace in snapshot["namespaces"].items():
        if inode == snapshot["own"]:
            continue
        pod = pod_of(owners.get(inode))
        for link, family, local, prefixlen, _scope in _addresses(namespace):
            found.append(
                {
                    "local": local,
                    "prefixlen": prefixlen,
                    "family": family,
                    "ifname": link["ifname"],
                    "netns": inode,
                    "pod": pod,
                }
            )
    found.sort(key=lambda entry: (entry["family"], ip_address(entry["local"]), entry["netns"], entry["ifname"]))
    return found


def _connected(route: Route) -> bool:
    return (
        route["type"] == _RTN_UNICAST
        and route["table"] == _RT_TABLE_MAIN
        and "dst" in route
        and "gateway" not in route
        and "via" not in route
        and "nexthops" not in route
        and "nhid" not in route
    )


def node_networks(snapshot: Snapshot, owners: Mapping[int, Mapping[str, Any]]) -> List[NodeNetwork]:
    """Return the networks that the node's own namespace is connected to, sorted.

    They come from its addresses and from its routes without a gateway. Host routes and the single
    addresses of virtual links (flannel.1, tunl0, kube-ipvs0, a veth's end) are no networks, nor are
    routes into a tunnel: they lead to other nodes' pods.
    """
    own = snapshot["namespaces"].get(snapshot["own"])
    if own is None:
        return []
    links = _links(own)
    found: Set[Tuple[str, int]] = set()
    for link, _family, local, prefixlen, _scope in _addresses(own):
        full = prefixlen == (128 if ":" in local else 32)
        if link["ifname"] != "lo" and not (full and _is_virtual(link, links)):
            found.add((_network(local, prefixlen), link["ifindex"]))
    for route in own.get("routes", ()):
        oif = links.get(route.get("oif", 0))
        if oif is None or not _connected(route) or route["family"] not in _FAMILIES:
            continue
        destination = ipaddress.ip_network(_network(route["dst"], route["dst_len"]))
        if (
            oif["ifname"] != "lo"
            and oif.get("info_kind") not in _TUNNELS
            and destination.prefixlen < destination.max_prefixlen
            and not destination.is_link_local
            and not destination.is_multicast
        ):
            found.add((str(destination), oif["ifindex"]))
    carriers = _pod_networks(snapshot, owners, own)
    leaving = {hop.get("oif") for route in _defaults(own) for hop in route.get("nexthops") or (route,)}
    result: List[NodeNetwork] = []
    for cidr, ifindex in found:
        network = ipaddress.ip_network(cidr)
        result.append(
            {
                "cidr": cidr,
                "dev": links[ifindex]["ifname"],
                "virtual": _is_virtual(links[ifindex], links),
                "joins": _may_join(links[ifindex]) and ifindex not in leaving,
                "pods": any(
                    address in network for address in carriers.get(ifindex, ()) if address.version == network.version
                ),
            }
        )
    result.sort(key=lambda entry: (":" in entry["cidr"], ipaddress.ip_network(entry["cidr"]), entry["dev"]))
    return result


def _may_join(link: Link) -> bool:
    """Tell whether a plugin may join the node to its pods by a link: a port of Open vSwitch, a tap, a dummy.

    A tun is none: it leads to other machines.
    """
    if link.get("info_kind") == "tun":
        return link.get("info_data", {}).get("type") == "tap"
    return link.get("info_kind") in ("openvswitch", "dummy")


def _is_virtual(link: Link, links: Mapping[int, Link]) -> bool:
    """Tell whether a link ends at this node: neither hardware nor on top of hardware."""
    kind = link.get("info_kind")
    if kind is None or kind in _PHYSICAL_KINDS:
        return False
    if kind == "bridge":
        ports = [port for port in links.values() if port.get("master") == link["ifindex"]]
        return all(port.get("info_kind") not in (None, *_PHYSICAL_KINDS) for port in ports)
    return True


def _pod_networks(snapshot: Snapshot, owners: Mapping[int, Mapping[str, Any]], own: Namespace) -> Dict[int, List[Any]]:
    """Return ifindex of a bridge or veth of the node -> addresses of the pods behind it."""
    links = _links(own)
    by_namespace: Dict[int, List[Any]] = {}
    carriers: Dict[int, List[Any]] = {}
    for ifindex, peer in own.get("peers", {}).items():
        end = peer["end"]
        if end is None or pod_of(owners.get(end["netns"])) is None or ifindex not in links:
            continue
        if end["netns"] not in by_namespace:
            namespace = snapshot["namespaces"].get(end["netns"])
            by_namespace[end["netns"]] = [
                ip_address(local) for _l, _f, local, _p, _s in (_addresses(namespace) if namespace else ())
            ]
        carriers.setdefault(links[ifindex].get("master", ifindex), []).extend(by_namespace[end["netns"]])
    return carriers


def own_addresses(snapshot: Snapshot) -> List[str]:
    """Return the addresses of the node's own namespace that others can reach."""
    own = snapshot["namespaces"].get(snapshot["own"])
    return [local for _link, _family, local, _prefixlen, _scope in _addresses(own)] if own is not None else []


def node_facts(snapshot: Snapshot, networks: List[NodeNetwork]) -> Dict[str, Any]:
    """Return the key ``node`` of ``podnet_pod_cidr``."""
    own = snapshot["namespaces"].get(snapshot["own"])
    addresses: List[Dict[str, Any]] = []
    routes: List[Dict[str, Any]] = []
    if own is not None:
        for link, family, local, prefixlen, _scope in _addresses(own):
            addresses.append({"ifname": link["ifname"], "family": family, "local": local, "prefixlen": prefixlen})
        routes = list(_default_routes(own))
    addresses.sort(key=lambda entry: (entry["family"], ip_address(entry["local"]), entry["ifname"]))
    return {
        "name": snapshot["hostname"],
        "addresses": addresses,
        "networks": [{"cidr": entry["cidr"], "dev": entry["dev"]} for entry in networks],
        "default_route": routes,
    }


def _defaults(own: Namespace) -> List[Route]:
    return [
        route
        for route in own.get("routes", ())
        if "dst" not in route
        and route["dst_len"] == 0
        and route["table"] == _RT_TABLE_MAIN
        and route["type"] == _RTN_UNICAST
        and route["family"] in _FAMILIES
    ]


def _default_routes(own: Namespace) -> Iterator[Dict[str, Any]]:
    links = _links(own)

    def name(ifindex: Optional[int]) -> Optional[str]:
        return links[ifindex]["ifname"] if ifindex in links else None

    for route in sorted(
        _defaults(own), key=lambda route: (route["family"], route.get("metric", 0), route.get("oif", 0))
    ):
        hops: Iterable[Mapping[str, Any]] = route.get("nexthops") or (route,)
        for hop in hops:
            yield {
                "family": _FAMILIES[route["family"]],
                "gateway": hop.get("gateway") or hop.get("via"),
                "dev": name(hop.get("oif")),
                "prefsrc": route.get("prefsrc"),
            }


def add_calico_blocks(ranges: Ranges, snapshot: Snapshot) -> None:
    """Note the blocks of Calico's IPAM that are this node's: blackhole routes of BIRD or Felix."""
    own = snapshot["namespaces"].get(snapshot["own"])
    for route in own.get("routes", ()) if own else ():
        if route["type"] != _RTN_BLACKHOLE or "dst" not in route or route["family"] not in _FAMILIES:
            continue
        if route["protocol"] in (_RTPROT_BIRD, _CALICO_PROTOCOL) or route["table"] == _CALICO_TABLE:
            cidr = _network(route["dst"], route["dst_len"])
            option = "-6 " if ":" in cidr else ""
            command = "ip %sroute show table %d type blackhole" % (option, route["table"])
            ranges.add("pod", cidr, BLOCK, in_output("calico_route", command, cidr))


def add_cilium(ranges: Ranges, snapshot: Snapshot) -> None:
    """Note Cilium's range of this node: the route through cilium_host that holds cilium_host's own address.

    The other routes through it lead to other nodes' pods. Without that route (native routing, IPAM of a cloud)
    the address itself is a hint.
    """
    own = snapshot["namespaces"].get(snapshot["own"])
    if own is None:
        return
    for link, family, local, _prefixlen, _scope in _addresses(own):
        if link["ifname"] != "cilium_host":
            continue
        ranges.add_address("pod", local, in_output("cilium_address", "ip address show dev cilium_host", local))
        for route in own.get("routes", ()):
            if _FAMILIES.get(route["family"]) != family or route.get("oif") != link["ifindex"] or "dst" not in route:
                continue
            network = ipaddress.ip_network(_network(route["dst"], route["dst_len"]))
            if network.prefixlen < network.max_prefixlen and ip_address(local) in network:
                option = "-6 " if family == "inet6" else ""
                command = "ip %sroute show dev cilium_host" % option
                ranges.add("pod", str(network), NODE, in_output("cilium_route", command, str(network)))
