# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ranges of pods and Services as they are described, of IPv4 alone or of IPv4 and IPv6, with every fault in them.

Those against the networks of the nodes come with the nodes.

Sources: kubernetes/kubernetes, cmd/kubeadm/app/apis/kubeadm/validation (ten addresses for Services, a node's range 16
bits longer at most), pkg/controlplane/apiserver (20 bits for Services);
https://kubernetes.io/docs/concepts/services-networking/dual-stack/.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

try:
    from netaddr import AddrFormatError, IPNetwork
except ImportError:  # the filter cluster_plan says so, in words, before anything here is called
    pass

from ..description.checks import Fault, overlap

VARIABLE = "kubeadm_cluster_"
PODS, SERVICES = VARIABLE + "pod_cidr", VARIABLE + "service_cidr"

NODE_PREFIX = {4: VARIABLE + "node_prefix", 6: VARIABLE + "node_prefix_v6"}
"""The option that has the length of a node's range, by family."""

_RESERVED = {
    "0.0.0.0/8": "this network",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "224.0.0.0/3": "multicast and reserved",
    "::/8": "loopback and IPv4 in IPv6",
    "fe80::/10": "link-local",
    "ff00::/8": "multicast",
}
_EXAMPLES = {
    (PODS, 4): "10.244.0.0/16",
    (SERVICES, 4): "10.96.0.0/16",
    (PODS, 6): "fd00:10:244::/56",
    (SERVICES, 6): "fd00:10:96::/112",
}
_SERVICE_LENGTHS = {4: (12, 28), 6: (108, 124)}
_LONGEST_NODE_PREFIX = {4: 29, 6: 120}


def family_name(version: int) -> str:
    """Return how a family is called."""
    return f"IPv{version}"


def _network(text: str, where: str, faults: list[Fault]) -> IPNetwork | None:
    try:
        if "/" not in text:
            raise ValueError
        network = IPNetwork(text)
    except (AddrFormatError, ValueError):
        faults.append(Fault(where, f"{text!r} is not a network", f"Write it as {_EXAMPLES[where, 4]}"))
        return None
    example = _EXAMPLES[where, network.version]
    if network.ip != network.network:
        faults.append(Fault(where, f"{text} has bits set behind its length", f"Write it as {network.cidr}"))
    for reserved, use in _RESERVED.items():
        other = IPNetwork(reserved)
        if other.version == network.version and overlap(network, other):
            faults.append(Fault(where, f"{text} overlaps {reserved}, {use}", f"Use a private range like {example}"))
            return None
    return network.cidr


def read_ranges(value: Any, where: str, faults: list[Fault]) -> list[IPNetwork]:
    """Return the range of IPv4 and, of a cluster of both families, that of IPv6 behind it; empty when it is wrong.

    `value` is a text, with a comma between the two, or a list.
    """
    both = f"{_EXAMPLES[where, 4]},{_EXAMPLES[where, 6]}"
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts) or len(parts) > 2:
        remedy = f"Write one of IPv4, or one of each family: {both}"
        faults.append(Fault(where, f"{value!r} is not a range, or a pair of them", remedy))
        return []
    found = [_network(part.strip(), where, faults) for part in parts]
    ranges = [network for network in found if network is not None]
    if len(ranges) < len(parts):
        return []
    versions = [network.version for network in ranges]
    if versions == [6]:
        text = f"{ranges[0]} is IPv6 alone, which this role does not set up"
        faults.append(Fault(where, text, f"Write a range of IPv4 before it: {both}"))
        return []
    if versions == [6, 4]:
        text = f"{ranges[0]},{ranges[1]} has IPv6 first, and this role sets up clusters whose first family is IPv4"
        faults.append(Fault(where, text, f"Write it as {ranges[1]},{ranges[0]}"))
        return []
    if versions not in ([4], [4, 6]):
        text = f"{', '.join(map(str, ranges))} are not one of IPv4 and one of IPv6"
        faults.append(Fault(where, text, f"Write one of IPv4, or one of each family: {both}"))
        return []
    return ranges


def range_faults(
    pods: Sequence[IPNetwork], services: Sequence[IPNetwork], node_prefix: dict[int, int], nodes: int
) -> list[Fault]:
    """Find faults in the ranges by themselves, for a cluster of so many nodes."""
    faults = []
    if pods and services and len(pods) != len(services):
        more, fewer = (PODS, SERVICES) if len(pods) > len(services) else (SERVICES, PODS)
        remedy = f"Add a range like {_EXAMPLES[fewer, 6]} to {fewer}, or take IPv6 out of {more}"
        faults.append(Fault(more, f"it has IPv4 and IPv6, and {fewer} has IPv4 alone", remedy))
    for one in pods:
        for other in services:
            if one.version == other.version and overlap(one, other):
                text = f"the pods' range {one} and the services' range {other} overlap"
                faults.append(Fault(PODS, text, f"Choose another {PODS} or {SERVICES}"))
    for network in services:
        least, most = _SERVICE_LENGTHS[network.version]
        if not least <= network.prefixlen <= most:
            text = f"{network} is no range for services, which have a length of {least} to {most}"
            faults.append(Fault(SERVICES, text, f"Use one like {_EXAMPLES[SERVICES, network.version]}"))
    for network in pods:
        faults += _node_range_faults(network, node_prefix[network.version], nodes)
    return faults


def _node_range_faults(pods: IPNetwork, length: int, nodes: int) -> list[Fault]:
    """Find what is wrong with the part of a range that each node gets."""
    where, longest = NODE_PREFIX[pods.version], _LONGEST_NODE_PREFIX[pods.version]
    if not pods.prefixlen <= length <= longest:
        text = f"a range of length {length} for each node does not fit into {pods}"
        return [Fault(where, text, f"Use {pods.prefixlen} to {longest}, or a larger {PODS}")]
    if length - pods.prefixlen > 16:
        # MaxNodeCIDRs of the controller manager's range allocator: 2^16.
        text = f"a range of length {length} for each node is too small a part of {pods}: 16 bits is the most"
        return [Fault(where, text, f"Use {pods.prefixlen} to {pods.prefixlen + 16}")]
    room = 2 ** (length - pods.prefixlen)
    if nodes > room:
        text = f"{pods} has room for {room} ranges of length {length}, and there are {nodes} nodes"
        return [Fault(PODS, text, f"Use a larger range, or a larger {where}")]
    return []
