# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of a lab as they are, by what ``podnet.lab.lab_info`` says of each, and what on them stands in the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

try:
    from netaddr import AddrFormatError, IPAddress, IPNetwork
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass


from ..description.checks import Fault, overlap
from .description import Description
from .dns import Dns
from .networks import ETH_DATA_LEN, IPV6_MIN_MTU, NETWORKS
from .options import SUFFIXES, VARIABLE
from .pods import Pod
from .services import Service
from .tunnels import what_is_in_the_way

_ADDRESS = VARIABLE + "node_address"
_BY_IPV4 = "nodes of the lab reach each other by IPv4, also where pods have IPv6"


class Node:
    """One node: its inventory's words and what ``podnet.lab.lab_info`` saw, null if it was not asked.

    `services` and `load_balancers` are addresses of Services that the node has noted, by version of IP and by their
    full names, `announced` those of load balancers that it has.
    """

    def __init__(self, name: str, raw: Mapping[str, Any]) -> None:
        self.name = name
        self.given: str | None = raw.get("address") or None
        self.ansible_host: str = str(raw.get("ansible_host") or name)
        self.info: Mapping[str, Any] | None = raw.get("info")
        self.services = {version: raw.get("services" + SUFFIXES[version]) or {} for version in (4, 6)}
        self.load_balancers = {version: raw.get("load_balancers" + SUFFIXES[version]) or {} for version in (4, 6)}
        self.announced: Sequence[str] = raw.get("announced") or ()
        self.faults: list[Fault] = []
        self.address: IPAddress | None = None
        self.given_v6: str | None = raw.get("address_v6") or None
        self.address_v6: IPAddress | None = None
        """Where the other nodes route IPv6 to."""

    @property
    def where(self) -> str:
        """How faults name the node."""
        return f"node {self.name}"

    @property
    def addresses(self) -> dict[str, Mapping[str, Any]]:
        """The node's own addresses."""
        return {entry["local"]: entry for entry in (self.info or {}).get("addresses", [])}

    @property
    def networks(self) -> list[tuple[IPNetwork, str]]:
        """Networks that the node is connected to or routes to, the lab's own and the default route left out."""
        if self.info is None:
            return []
        own = {link["ifname"] for link in self.info["links"] if link["own"]}
        found = {
            (IPNetwork(route["dst"]), route["dev"] or "?")
            for route in self.info["routes"]
            if not route["own"] and route["dst"] not in ("0.0.0.0/0", "::/0") and route["dev"] not in own
        }
        found |= {
            (IPNetwork(f"{entry['local']}/{entry['prefixlen']}").cidr, entry["ifname"])
            for entry in self.info["addresses"]
            if entry["ifname"] not in own and entry["ifname"] != "lo"
        }
        return sorted(found)

    def reaches(self, address: IPAddress) -> bool:
        """Tell whether the node has a route to an address; the default route is one."""
        return any(address in IPNetwork(route["dst"]) for route in (self.info or {}).get("routes", []))

    def uplink(self) -> Mapping[str, Any] | None:
        """Return the link that has the node's address, when both are known."""
        entry = self.addresses.get(str(self.address))
        links = (self.info or {}).get("links", [])
        return next((link for link in links if entry is not None and link["ifname"] == entry["ifname"]), None)

    def uplink_addresses_v6(self) -> list[IPAddress]:
        """Return the IPv6 addresses of the link that has the node's address, those that are not link-local first."""
        link = self.uplink()
        entries = (self.info or {}).get("addresses", []) if link is not None else []
        found = [IPAddress(entry["local"]) for entry in entries if link and entry["ifname"] == link["ifname"]]
        return sorted((one for one in found if one.version == 6), key=lambda one: (one.is_link_local(), one))

    def known_addresses_v6(self) -> list[str]:
        """Return those of them that are the node's own: not link-local, and of no load balancer."""
        return [
            str(one) for one in self.uplink_addresses_v6() if not one.is_link_local() and str(one) not in self.announced
        ]

    def choose_address_v6(self) -> None:
        """Choose the address that other nodes route IPv6 to; a fault says why there is none.

        In this order: ``manual_lab_node_address_v6``; the link-local address of the link that has the node's address,
        which every node on that link reaches, whatever networks it has. Routers name each other so (RFC 5942).
        """
        if self.given_v6 is not None:
            where, self.address_v6 = VARIABLE + "node_address_v6", _ip(self.given_v6, 6)
            if self.address_v6 is None:
                remedy = "Write an IPv6 address that the other nodes reach"
                self.faults.append(Fault(self.where, f"{where} {self.given_v6!r} is not an IPv6 address", remedy))
            elif self.info is not None and str(self.address_v6) not in self.addresses:
                text = f"{where} {self.address_v6} is not an address of the node"
                self.faults.append(Fault(self.where, text, "Choose one that the other nodes reach"))
            return
        self.address_v6 = next((one for one in self.uplink_addresses_v6() if one.is_link_local()), None)
        if self.address_v6 is None and (self.address is not None or self.info is None):
            text = "no IPv6 address is known by which the others route IPv6 to its pods"
            remedy = f"Give it {VARIABLE}node_address_v6, or choose a {VARIABLE}network that packs packets, like vxlan"
            self.faults.append(Fault(self.where, text, remedy))

    def choose_address(self, resolve: Callable[[str], list[str]]) -> None:
        """Choose the address that other nodes route to; a fault says why there is none.

        In this order: ``manual_lab_node_address``; ``ansible_host``, resolved on the control node, when
        the node itself has that address; the source address of the node's default route.
        """
        lacking = self._without_ipv4()
        if lacking is not None:
            remedy = f"Give it an IPv4 address that the other nodes reach, and set {_ADDRESS} to that"
            self.faults.append(Fault(self.where, f"{lacking}, and {_BY_IPV4}", remedy))
            return
        if self.given is not None:
            self._take(self.given, _ADDRESS)
            return
        candidates = [text for text in resolve(self.ansible_host) if _ipv4(text) is not None]
        if self.info is None:
            if candidates:
                self.address = _ipv4(candidates[0])
            else:
                text = f"its address is not known: {self.ansible_host} does not resolve and the node is not in this run"
                self.faults.append(Fault(self.where, text, f"Give it {_ADDRESS}, or run without --limit"))
            return
        own = [text for text in candidates if text in self.addresses and not _ipv4_loopback(text)]
        if own:
            self.address = _ipv4(own[0])
            return
        fallback = self._towards_default_route()
        if fallback is None:
            text = f"it has not the address {self.ansible_host}, by which Ansible reaches it, and no default route"
            self.faults.append(Fault(self.where, text, f"Give it {_ADDRESS}, an address that the other nodes reach"))
            return
        self.address = _ipv4(fallback)

    def _without_ipv4(self) -> str | None:
        """Say why there is no IPv4 address by which others could reach the node; None where there may be one."""
        if self.given is not None and _ip(self.given, 6) is not None:
            return f"{_ADDRESS} {self.given} is an IPv6 address"
        if self.info is None:
            named = self.given is None and _ip(self.ansible_host, 6) is not None
            return f"{self.ansible_host}, by which Ansible reaches it, is an IPv6 address" if named else None
        have = [name for name in self.addresses if _ipv4(name) is not None and not _ipv4_loopback(name)]
        return None if have else "it has no IPv4 address"

    def _take(self, text: str, where: str) -> None:
        address = _ipv4(text)
        if address is None:
            remedy = "Write an IPv4 address that the other nodes reach"
            self.faults.append(Fault(self.where, f"{where} {text!r} is not an IPv4 address", remedy))
        elif self.info is not None and str(address) not in self.addresses:
            have = ", ".join(sorted(name for name in self.addresses if not _ipv4_loopback(name))) or "none"
            text = f"{where} {address} is not an address of the node, which has {have}"
            self.faults.append(Fault(self.where, text, "Choose one that the other nodes reach"))
        else:
            self.address = address

    def _towards_default_route(self) -> str | None:
        if self.info is None:
            raise AssertionError("a node that nothing is known of has no default route to look for")
        defaults = [route for route in self.info["routes"] if route["dst"] == "0.0.0.0/0"]
        for route in sorted(defaults, key=lambda item: item["metric"]):
            if route["prefsrc"]:
                return str(route["prefsrc"])
            for local, entry in self.addresses.items():
                network = IPNetwork(f"{local}/{entry['prefixlen']}")
                gateway = _ipv4(str(route["gateway"]))
                if entry["ifname"] == route["dev"] and (gateway is None or gateway in network):
                    return local
        return None


def _ip(text: str, version: int) -> IPAddress | None:
    try:
        address = IPAddress(str(text))
    except (AddrFormatError, ValueError):
        return None
    return address if address.version == version else None


def _ipv4(text: str) -> IPAddress | None:
    return _ip(text, 4)


def _ipv4_loopback(text: str) -> bool:
    return text.startswith("127.")


def check_node(node: Node, description: Description) -> None:
    """Find what on a node stands in the way of the lab."""
    if node.info is None:
        if description.network == "wireguard":
            text = "it is not in this run, so that its public key is not known"
            node.faults.append(Fault(node.where, text, "Run without --limit"))
        return
    if not node.info["privileged"]:
        node.faults.append(Fault(node.where, "the lab needs root there", "Run with --become"))
    for program, package in node.info["missing_programs"].items():
        text = f"the program {program} is not there"
        node.faults.append(Fault(node.where, text, f"Install the package {package}"))
    for link in node.info["links"]:
        if link["ifname"] == description.bridge and not link["own"]:
            kind = link["kind"] or "device"
            text = f"a link of kind {kind} has the bridge's name {description.bridge}, and the lab did not make it"
            node.faults.append(Fault(node.where, text, f"Choose another {VARIABLE}bridge, or remove that link"))
        node.faults += what_is_in_the_way(link, description, node.where)
    if node.info.get("missing_module"):
        text = f"its kernel has no {description.network}: the module {node.info['missing_module']} is missing"
        remedy = f"Install it with the kernel's other modules, or choose another {VARIABLE}network"
        node.faults.append(Fault(node.where, text, remedy))
    if description.cluster_v6 is not None and not node.info["ipv6"]:
        text = "its kernel has no IPv6, or it is switched off (net.ipv6.conf.all.disable_ipv6, or default)"
        remedy = f"Switch it on with sysctl, or leave {VARIABLE}cluster_cidr_v6 out"
        node.faults.append(Fault(node.where, text, remedy))
    for network, dev in node.networks:
        for cluster in description.clusters:
            if overlap(network, cluster):
                text = f"its network {network} on {dev} overlaps the cluster's range {cluster}"
                key = "cluster_cidr" + SUFFIXES[cluster.version]
                node.faults.append(Fault(node.where, text, f"Choose another {VARIABLE}{key}"))


def check_services(node: Node, services: list[Service], parts: Iterable[IPNetwork], pods: Sequence[Pod]) -> None:
    """Find what on a node stands in the way of Services: a network in their range, pods whose address nobody knows."""
    for network, dev in node.networks:
        for part in parts:
            if overlap(network, part):
                text = f"its network {network} on {dev} overlaps the range of Services {part}"
                key = "service_cidr" + SUFFIXES[part.version]
                node.faults.append(Fault(node.where, text, f"Choose another {VARIABLE}{key}"))
    for pod in pods:
        if node.info is not None or pod.node != node.name:
            continue
        unknown = {version for version, given in ((4, pod.address), (6, pod.address_v6)) if given is None}
        behind = [one.full_name for one in services if one.selects(pod) and unknown & set(one.versions)]
        if behind:
            text = f"pod {pod.full_name} is behind Service {behind[0]}, and its address is not known in this run"
            node.faults.append(Fault(node.where, text, "Run without --limit, or give the pod its address"))


def check_addresses(node: Node, needed: str, description: Description) -> None:
    """Find pods whose addresses nobody knows, where what is `needed`, policies or names, is about all pods."""
    unknown = [
        pod
        for pod in description.pods
        if node.info is None
        and pod.node == node.name
        and (
            (description.cluster is not None and pod.address is None)
            or (description.cluster_v6 is not None and pod.address_v6 is None)
        )
    ]
    if needed and unknown:
        text = f"the address of pod {unknown[0].full_name} is not known in this run, and {needed} are about all pods"
        node.faults.append(Fault(node.where, text, "Run without --limit, or give the pod its address"))


def check_names(node: Node, dns: Dns | None) -> None:
    """Find what the node of the name server lacks."""
    if dns is None or node.info is None or node.name != dns.node:
        return
    for program, package in node.info.get("missing_for_names", {}).items():
        text = f"the program {program}, which answers for names, is not there"
        node.faults.append(Fault(node.where, text, f"Install the package {package}, or leave {VARIABLE}dns out"))


def check_links(nodes: list[Node], network: str) -> list[Fault]:
    """Find nodes with one address, and nodes that do not reach each other as the lab's network needs it."""
    faults = []
    by_address: dict[IPAddress, Node] = {}
    for node in nodes:
        if node.address is None:
            continue
        first = by_address.setdefault(node.address, node)
        if first is not node:
            text = f"{first.name} has the address {node.address} too, as behind a hypervisor's NAT"
            faults.append(Fault(node.where, text, f"Give each node its own {_ADDRESS}"))
    for node in nodes:
        if node.info is None or node.address is None:
            continue
        others = [
            (other.name, other.address)
            for other in nodes
            if other.address is not None and other.address != node.address
        ]
        if NETWORKS[network].tunnel:
            far = [(name, address) for name, address in others if not node.reaches(address)]
            text, remedy = "it has no route to {}, so that no tunnel leads there", "Give the node a route to them"
        else:
            connected = [
                IPNetwork(f"{entry['local']}/{entry['prefixlen']}")
                for entry in node.info["addresses"]
                if entry["ifname"] != "lo"
            ]
            far = [(name, address) for name, address in others if not any(address in net for net in connected)]
            text = "it shares no network with {}, so that it cannot route pods there"
            remedy = f"Give the nodes a {_ADDRESS} each, all in one network, or set {VARIABLE}network to vxlan"
        if far:
            names = ", ".join(f"{name} ({address})" for name, address in far)
            faults.append(Fault(node.where, text.format(names), remedy))
    return faults


def check_links_v6(nodes: list[Node]) -> list[Fault]:
    """Find nodes whose given IPv6 address is in no network of another node, which is to route there."""
    faults = []
    for node in nodes:
        connected = [
            IPNetwork(f"{entry['local']}/{entry['prefixlen']}")
            for entry in (node.info or {}).get("addresses", [])
            if entry["ifname"] != "lo"
        ]
        far = [
            f"{other.name} ({other.address_v6})"
            for other in nodes
            if other is not node
            and node.info is not None
            and other.address_v6 is not None
            and not other.address_v6.is_link_local()
            and not any(other.address_v6 in part for part in connected)
        ]
        if far:
            text = f"it shares no IPv6 network with {', '.join(far)}, so that it cannot route pods there"
            remedy = f"Give the nodes a {VARIABLE}node_address_v6 each, all in one network, or none"
            faults.append(Fault(node.where, text, remedy))
    return faults


def check_mtu(nodes: list[Node], description: Description) -> list[Fault]:
    """Find pods with IPv6 whose links would be too narrow for it: the kernel takes IPv6 from such a link."""
    mtu = pod_mtu(nodes, description)
    if description.cluster_v6 is None or mtu >= IPV6_MIN_MTU:
        return []
    text = f"pods would get {mtu} bytes, and IPv6 needs {IPV6_MIN_MTU} (RFC 8200, section 5)"
    remedy = f"Use a larger one, or a {VARIABLE}network that adds less"
    return [Fault(VARIABLE + "mtu", text, remedy)]


def carried(node: Node, network: str) -> int | None:
    """Return how long a pod's packet may be that crosses the node's link to the others; None when not known."""
    link = node.uplink()
    if link is None or link["mtu"] is None or node.address is None:
        return None
    return int(link["mtu"]) - NETWORKS[network].overhead(node.address.version)


def pod_mtu(nodes: list[Node], description: Description) -> int:
    """Return the MTU of bridges and cables: as described, else what every node's link carries."""
    if description.mtu is not None:
        return description.mtu
    known = [mtu for mtu in (carried(node, description.network) for node in nodes) if mtu is not None]
    return min(known, default=ETH_DATA_LEN)


def warnings_of(nodes: list[Node], description: Description) -> list[str]:
    """Say what will work, and perhaps not as expected."""
    found = []
    mtu = pod_mtu(nodes, description)
    for node in nodes:
        link, most = node.uplink(), carried(node, description.network)
        if link is None or most is None or len(nodes) < 2 or most >= mtu:
            continue
        header = link["mtu"] - most
        less = f", {header} of them the tunnel's" if header else ""
        found.append(
            f"{node.where}: {link['ifname']} carries {link['mtu']} bytes{less}, and pods send {mtu}: packets between "
            f"nodes are fragmented or refused. Set {VARIABLE}mtu to {most} or less, or to auto."
        )
    return found
