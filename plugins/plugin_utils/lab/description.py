# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description of a lab: its options and ranges as a typed record, with every fault in what a person wrote.

Nothing here knows a node. A fault says where in the description it is, by the names of the role's
variables, what is wrong and what to do. Reading goes on after a fault, so that all are found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

try:
    from netaddr import AddrFormatError, IPAddress, IPNetwork, IPSet
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description import checks
from ..description.checks import IFNAME, IFNAMSIZ, Fault, integer, overlap
from ..text.words import counted
from .networks import ETH_DATA_LEN, NETWORKS
from .options import PRIVATE_RANGES, SUFFIXES, VARIABLE
from .pods import Pod, read_pods

MTU_LIMITS = (68, 65535)
"""What Linux allows on a veth: ETH_MIN_MTU and ETH_MAX_MTU."""
AUTO = "auto"
"""The MTU that follows from the links between the nodes."""
_VNI_LIMITS = (1, 2**24 - 1)
"""A VNI has 24 bits (RFC 7348, section 5)."""
_PORT_LIMITS = (1, 65535)
_ASN_LIMITS = (1, 2**32 - 2)
"""RFC 6793; the largest is reserved (RFC 7300)."""

_RESERVED_RANGES = {
    4: {
        "0.0.0.0/8": "this network",
        "127.0.0.0/8": "loopback",
        "169.254.0.0/16": "link-local addresses",
        "224.0.0.0/4": "multicast",
        "240.0.0.0/4": "reserved",
    },
    6: {"::/8": "loopback and reserved", "fe80::/10": "link-local addresses", "ff00::/8": "multicast"},
}
_PREFIX_LIMITS = {4: (8, 30), 6: (8, 126)}
"""Shortest and longest prefix of a node's range."""
_USUAL_PREFIX = {4: 24, 6: 64}


@dataclass
class Description:
    """A lab as described, as far as it could be understood, and the faults found on the way."""

    name: str
    nodes: list[str]
    bridge: str
    mtu: int | None
    """None: to be worked out from the nodes."""
    network: str
    """How nodes are joined, a key of `NETWORKS`."""
    vni: int
    port: int
    """UDP port of the VXLAN tunnel."""
    wireguard_port: int
    asn: int
    """Number of the autonomous system of all nodes."""
    reflectors: list[str]
    """Nodes that tell the others by BGP which pods all nodes have; none: each tells all."""
    bfd: bool
    cluster: IPNetwork | None
    """None: pods have no IPv4."""
    ranges: dict[str, IPNetwork]
    """IPv4 range of each node that has one."""
    pods: list[Pod]
    outside: list[IPNetwork]
    """Networks beside the cluster's that are not masqueraded."""
    gone: list[str]
    """Nodes that are not there, and may come back."""
    faults: list[Fault]
    cluster_v6: IPNetwork | None = None
    """None: pods have no IPv6."""
    ranges_v6: dict[str, IPNetwork] = field(default_factory=dict)
    masquerade_v6: bool = False
    """Whether IPv6 packets that leave the cluster get the node's address (NAT66)."""

    @property
    def clusters(self) -> list[IPNetwork]:
        """The ranges of all pods, IPv4 before IPv6."""
        return [part for part in (self.cluster, self.cluster_v6) if part is not None]

    def ranges_of(self, node: str) -> list[IPNetwork]:
        """Return the ranges of a node, IPv4 before IPv6."""
        return [ranges[node] for ranges in (self.ranges, self.ranges_v6) if node in ranges]

    def leave_out_gone(self) -> None:
        """Go on as if nodes that are gone had never been there, nor their pods; their ranges stay cut."""
        self.nodes = [node for node in self.nodes if node not in self.gone]
        self.pods = [pod for pod in self.pods if pod.node not in self.gone]


def network(value: Any, where: str, faults: list[Fault], version: int | None = 4) -> IPNetwork | None:
    """Return a network of a version of IP, or of any, written as ``address/length`` without host bits.

    None and a fault when it is none.
    """
    example = f"Write it as {PRIVATE_RANGES[version or 4]}"
    if not isinstance(value, str) or "/" not in value:
        faults.append(Fault(where, f"{value!r} is not a network", example))
        return None
    try:
        result = IPNetwork(str(value))
    except (AddrFormatError, ValueError):
        faults.append(Fault(where, f"{value!r} is not a network", example))
        return None
    if version is not None and result.version != version:
        faults.append(Fault(where, f"{value} is IPv{result.version}, and IPv{version} is asked for here", example))
        return None
    if result.ip != result.network:
        faults.append(Fault(where, f"{value} has bits set behind its length", f"Write it as {result.cidr}"))
    for reserved, use in _RESERVED_RANGES[result.version].items():
        if overlap(result, IPNetwork(reserved)):
            remedy = f"Use a private range like {PRIVATE_RANGES[result.version]}"
            faults.append(Fault(where, f"{value} overlaps {reserved}, {use}", remedy))
            return None
    return result.cidr


def _bridge(value: Any, faults: list[Fault]) -> str:
    where = VARIABLE + "bridge"
    if not isinstance(value, str) or not IFNAME.match(value) or value in ("lo", "all", "default"):
        faults.append(Fault(where, f"{value!r} is not a name for a link", "Use letters, digits, '_', '.' and '-'"))
    elif len(value) >= IFNAMSIZ:
        text = f"{value!r} has {len(value)} characters, and Linux allows {IFNAMSIZ - 1}"
        faults.append(Fault(where, text, "Shorten it"))
    return str(value)


def _mtu(value: Any, faults: list[Fault]) -> int | None:
    if value == AUTO:
        return None
    number = integer(value)
    low, high = MTU_LIMITS
    if number is None or not low <= number <= high:
        text = f"{value!r} is not an MTU that a cable can have"
        remedy = f"Use a number from {low} to {high}, or {AUTO}, which works it out"
        faults.append(Fault(VARIABLE + "mtu", text, remedy))
        return ETH_DATA_LEN
    return number


def _network(value: Any, faults: list[Fault]) -> str:
    if isinstance(value, str) and value in NETWORKS:
        return str(value)
    remedy = f"Use one of {', '.join(NETWORKS)}"
    faults.append(Fault(VARIABLE + "network", f"{value!r} is no way to join nodes", remedy))
    return "routes"


def _reflectors(value: Any, nodes: Sequence[str], faults: list[Fault]) -> list[str]:
    where = VARIABLE + "bgp_reflectors"
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list", "List the names of one or two of the lab's nodes"))
        return []
    found = list(dict.fromkeys(str(name) for name in value))
    for name in found:
        if name not in nodes:
            faults.append(Fault(where, f"{name!r} is no node of the lab", f"Use names of {VARIABLE}nodes"))
    return found


def _switch(value: Any, name: str, faults: list[Fault]) -> bool:
    if not isinstance(value, bool):
        faults.append(Fault(VARIABLE + name, f"{value!r} is neither true nor false", "Use one of them"))
    return value is True


def _number(value: Any, name: str, limits: tuple[int, int], faults: list[Fault]) -> int:
    number = integer(value)
    low, high = limits
    if number is None or not low <= number <= high:
        faults.append(Fault(VARIABLE + name, f"{value!r} does not fit", f"Use a number from {low} to {high}"))
        return low
    return number


def cut(
    cluster: IPNetwork, length: int, nodes: list[str], given: Mapping[str, IPNetwork]
) -> tuple[dict[str, IPNetwork], list[str]]:
    """Cut a range of `length` for each node that has none `given`, in order, beside those given.

    Returns the ranges of all nodes, and the nodes for which none is left. Adding a node at the end
    leaves the ranges of the others as they are.
    """
    ranges = dict(given)
    taken = IPSet(given.values())
    cuts = cluster.subnet(length)
    without = []
    for node in nodes:
        if node in given:
            continue
        free = next((part for part in cuts if taken.isdisjoint(IPSet([part]))), None)
        if free is None:
            without.append(node)
        else:
            ranges[node] = free
    return ranges, without


def _cluster(raw: Mapping[str, Any], version: int, faults: list[Fault]) -> IPNetwork | None:
    """Return the range of all pods of one version of IP; None without one, which is right when the other is there."""
    key = "cluster_cidr" + SUFFIXES[version]
    if not raw.get(key) and raw.get("cluster_cidr" + SUFFIXES[10 - version]):
        return None
    if version == 6 and not raw.get(key):
        return None
    return network(raw.get(key), VARIABLE + key, faults, version)


def _ranges(
    raw: Mapping[str, Any], version: int, cluster: IPNetwork | None, nodes: list[str], faults: list[Fault]
) -> dict[str, IPNetwork]:
    """Find the range of each node, of one version of IP: the given one, or one cut from the cluster's."""
    where = VARIABLE + "node_cidrs" + SUFFIXES[version]
    value = raw.get("node_cidrs" + SUFFIXES[version]) or {}
    if not isinstance(value, Mapping):
        example = {4: "10.244.7.0/24", 6: "'fd00:10:244:7::/64'"}[version]
        faults.append(Fault(where, f"{value!r} is not a mapping", f"Write it as {{node1: {example}}}"))
        value = {}
    range_key = VARIABLE + "cluster_cidr" + SUFFIXES[version]
    if value and not raw.get("cluster_cidr" + SUFFIXES[version]):
        text = f"there is no range of all pods that they are parts of, {range_key}"
        faults.append(Fault(where, text, "Give one, or leave them out"))
        return {}
    given: dict[str, IPNetwork] = {}
    for node, text in value.items():
        here = f"{where}.{node}"
        if node not in nodes:
            faults.append(
                Fault(here, f"{node!r} is not a node of the lab", f"Use one of {', '.join(nodes) or '(none)'}")
            )
        part = network(text, here, faults, version)
        if part is None:
            continue
        if cluster is not None and part not in cluster:
            faults.append(Fault(here, f"{part} is not inside the cluster's range {cluster}", "Choose a part of it"))
        for other, taken in given.items():
            if overlap(part, taken):
                faults.append(Fault(here, f"{part} overlaps {taken} of {other}", "Give each node a range of its own"))
        given[str(node)] = part
    key = "node_prefix" + SUFFIXES[version]
    here = VARIABLE + key
    length = integer(raw.get(key, _USUAL_PREFIX[version]))
    shortest, longest = _PREFIX_LIMITS[version]
    if length is None or not shortest <= length <= longest:
        remedy = f"Use {shortest} to {longest}, as a rule {_USUAL_PREFIX[version]}"
        faults.append(Fault(here, f"{raw.get(key)!r} is not a prefix length", remedy))
        return given
    if cluster is None:
        return given
    if set(nodes) <= set(given):
        return given
    if length < cluster.prefixlen:
        text = f"a range of length {length} does not fit into {cluster}"
        faults.append(Fault(here, text, f"Use {cluster.prefixlen} to {longest}, or a larger {range_key}"))
        return given
    ranges, without = cut(cluster, length, nodes, given)
    if without:
        text = f"{cluster} has no /{length} left for {', '.join(without)}"
        faults.append(Fault(range_key, text, f"Use a larger range, or a larger {here}"))
    return ranges


def _check_sizes(description: Description) -> None:
    """Find nodes with more pods than addresses, and addresses that are not for pods of their node."""
    for version, ranges in ((4, description.ranges), (6, description.ranges_v6)):
        for node, part in ranges.items():
            _check_size(description, version, node, part)
    for version, whole in ((4, description.cluster), (6, description.cluster_v6)):
        for pod in description.pods if whole is None else ():
            if _address_of(pod, version) is not None:
                text = f"the lab has no IPv{version}: there is no {VARIABLE}cluster_cidr{SUFFIXES[version]}"
                where = f"{pod.where}.address{SUFFIXES[version]}"
                description.faults.append(Fault(where, text, "Give one, or leave the address out"))


def _address_of(pod: Pod, version: int) -> IPAddress | None:
    return pod.address if version == 4 else pod.address_v6


def _check_size(description: Description, version: int, node: str, part: IPNetwork) -> None:
    suffix = SUFFIXES[version]
    pods = [pod for pod in description.pods if pod.node == node]
    use = {part.network: "the network's", part.network + 1: "the gateway's"}
    if version == 4:
        use[IPAddress(part.last)] = "the broadcast"
    usable = max(part.size - len(use), 0)
    if len(pods) > usable:
        room = counted(usable, "address", "addresses")
        text = f"{part} of {node} has {room} for pods, and {counted(len(pods), 'pod is', 'pods are')} on it"
        remedy = f"Use a smaller {VARIABLE}node_prefix{suffix}, or give the node a larger range in "
        remedy += f"{VARIABLE}node_cidrs{suffix}"
        description.faults.append(Fault(VARIABLE + "pods", text, remedy))
    for pod in pods:
        address = _address_of(pod, version)
        if address is None:
            continue
        if address not in part:
            text = f"{address} is not in {part}, the range of {node}"
        elif address in use:
            text = f"{address} is {use[address]} address of {part}"
        else:
            continue
        description.faults.append(Fault(f"{pod.where}.address{suffix}", text, "Choose another, or leave it out"))


def _masquerade_v6(value: Any, cluster: IPNetwork | None, faults: list[Fault]) -> bool:
    where = VARIABLE + "masquerade_v6"
    if not isinstance(value, bool):
        faults.append(Fault(where, f"{value!r} is neither true nor false", "Use one of them"))
    elif value and cluster is None:
        remedy = f"Give {VARIABLE}cluster_cidr_v6, or leave this out"
        faults.append(Fault(where, "the lab has no IPv6", remedy))
    return value is True


def _gone(value: Any, nodes: list[str], faults: list[Fault]) -> list[str]:
    where = VARIABLE + "gone_nodes"
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list", "List the inventory's names of nodes, such as [node2]"))
        return []
    for name in value:
        if name not in nodes:
            faults.append(Fault(where, f"{name!r} is not a node of the lab", f"List it in {VARIABLE}nodes as well"))
    gone = [node for node in nodes if node in value]
    if nodes and gone == nodes:
        faults.append(Fault(where, "no node of the lab is left", "Leave one out"))
        return []
    return gone


def read_description(raw: Mapping[str, Any]) -> Description:
    """Read a description; the keys are the role's variables without ``manual_lab_``."""
    faults: list[Fault] = []
    name = checks.label_name(raw.get("name"), VARIABLE + "name", faults) or ""
    value = raw.get("nodes")
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(VARIABLE + "nodes", f"{value!r} is not a list", "List the inventory's names of the nodes"))
        value = []
    nodes = [str(node) for node in value]
    if not nodes:
        faults.append(Fault(VARIABLE + "nodes", "there is no node", "List at least one host of the inventory"))
    for node in sorted({node for node in nodes if nodes.count(node) > 1}):
        faults.append(Fault(VARIABLE + "nodes", f"{node} is there twice", "List it once"))
    nodes = list(dict.fromkeys(nodes))
    cluster, cluster_v6 = (_cluster(raw, version, faults) for version in (4, 6))
    where = VARIABLE + "not_masqueraded"
    value = raw.get("not_masqueraded") or []
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list", "List ranges, such as 192.168.0.0/16"))
        value = []
    outside = []
    for index, text in enumerate(value):
        part = network(text, f"{where}[{index}]", faults, None)
        outside += [part] if part is not None else []
    description = Description(
        name=name,
        nodes=nodes,
        bridge=_bridge(raw.get("bridge"), faults),
        mtu=_mtu(raw.get("mtu", AUTO), faults),
        network=_network(raw.get("network", "routes"), faults),
        vni=_number(raw.get("vxlan_vni", 1), "vxlan_vni", _VNI_LIMITS, faults),
        port=_number(raw.get("vxlan_port", 4789), "vxlan_port", _PORT_LIMITS, faults),
        wireguard_port=_number(raw.get("wireguard_port", 51820), "wireguard_port", _PORT_LIMITS, faults),
        asn=_number(raw.get("bgp_asn", 64512), "bgp_asn", _ASN_LIMITS, faults),
        reflectors=_reflectors(raw.get("bgp_reflectors") or [], nodes, faults),
        bfd=_switch(raw.get("bgp_bfd", False), "bgp_bfd", faults),
        cluster=cluster,
        ranges=_ranges(raw, 4, cluster, nodes, faults),
        pods=read_pods(raw.get("pods"), nodes, faults),
        outside=outside,
        gone=_gone(raw.get("gone_nodes") or [], nodes, faults),
        faults=faults,
        cluster_v6=cluster_v6,
        ranges_v6=_ranges(raw, 6, cluster_v6, nodes, faults),
        masquerade_v6=_masquerade_v6(raw.get("masquerade_v6", False), cluster_v6, faults),
    )
    _check_sizes(description)
    return description
