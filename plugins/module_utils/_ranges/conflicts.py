# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which values of one node contradict each other: pure functions over what was read.

What is *not* a conflict: a node's range inside the cluster's; the network of the bridge that the pods
are at; one value from several sources; a source that says nothing about a family; hints and the defaults of
other machines; an address that Calico borrowed from another node's block; further interfaces of a pod.
"""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Sequence, Set, Tuple

from .kernel import NodeNetwork
from .records import (
    BLOCK,
    CLUSTER,
    HINT,
    NODE,
    Conflict,
    Network,
    PrefixLength,
    Range,
    Ranges,
    Source,
    ip_address,
)

_MAIN_INTERFACE = "eth0"
"""The name that containerd, CRI-O and podnet.lab give a pod's first interface; Multus adds net1 and so on."""


def describe(source: Source) -> str:
    """Return a source in one line: file and key, or the command."""
    return "%s %s" % (source["path"], source["key"]) if "path" in source else source.get("command", source["key"])


def find_conflicts(
    ranges: Ranges,
    networks: Sequence[NodeNetwork],
    node_addresses: Iterable[str],
    in_use: Sequence[Mapping[str, Any]],
    leases: Sequence[Mapping[str, Any]],
) -> List[Conflict]:
    """Return every conflict, sorted by kind and message.

    `networks` as of :func:`node_networks`, `in_use` as of :func:`addresses_in_use`, `leases` as of
    :func:`lease_facts`; `node_addresses` are the node's own.
    """
    found = [
        *overlaps(ranges, networks),
        *disagreements(ranges, frozenset(node_addresses)),
        *out_of_range([entry for entry in ranges.pod if not ranges.flat or entry["scope"] != CLUSTER], in_use),
        *duplicates(in_use, leases),
    ]
    unique = {(one["kind"], one["message"]): one for one in found}
    return [unique[key] for key in sorted(unique)]


def _conflict(kind: str, message: str, first: Tuple[str, str], second: Tuple[str, str]) -> Conflict:
    return {
        "kind": kind,
        "message": message,
        "sides": [{"value": value, "source": source} for value, source in (first, second)],
    }


def _network(entry: Mapping[str, Any]) -> Network:
    return ipaddress.ip_network(entry["cidr"])


def _inside(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _side(entry: Range) -> Tuple[str, str]:
    return entry["cidr"], describe(entry["source"])


def _widest(entries: Sequence[Range]) -> List[Range]:
    """Return one entry for each range that lies in no other one, the first that states it."""
    firsts: Dict[Network, Range] = {}
    for entry in entries:
        if entry["scope"] != HINT:
            firsts.setdefault(_network(entry), entry)
    return [
        entry
        for network, entry in firsts.items()
        if not any(other != network and _inside(network, other) for other in firsts)
    ]


def overlaps(ranges: Ranges, networks: Sequence[NodeNetwork]) -> Iterator[Conflict]:
    """Yield pod, service and node networks that share addresses, the widest of each."""
    pods, services = _widest(ranges.pod), _widest(ranges.service)
    # Where pods take addresses of the nodes' own network, a wider range is only what that network lies in.
    given = _widest([entry for entry in ranges.pod if entry["scope"] != CLUSTER]) if ranges.flat else pods
    for pod in pods:
        for service in services:
            if _network(pod).overlaps(_network(service)):
                message = "The pod range %s overlaps the service range %s." % (pod["cidr"], service["cidr"])
                yield _conflict("overlap", message, _side(pod), _side(service))
    for what, entries in (("pod", given), ("service", services)):
        for entry in entries:
            for network in networks:
                if _network(entry).overlaps(_network(network)) and not (what == "pod" and _of_pods(network, ranges)):
                    message = "The %s range %s overlaps the node's network %s on %s." % (
                        what,
                        entry["cidr"],
                        network["cidr"],
                        network["dev"],
                    )
                    option = "-6 " if ":" in network["cidr"] else ""
                    where = "ip %sroute show dev %s" % (option, network["dev"])
                    yield _conflict("overlap", message, _side(entry), (network["cidr"], where))


def _of_pods(network: NodeNetwork, ranges: Ranges) -> bool:
    """Tell whether a network of the node is there for its pods.

    It is when pods with its addresses are at the device, when it is a pod range itself, or lies in one, and the device
    ends at this node (a bridge before the first pod, a port of Open vSwitch, a tap, a dummy, by which a plugin joins
    the node to its pods), or when pods share the node's network by design.
    """
    cidr = _network(network)
    if any(_inside(ipaddress.ip_network(shared), cidr) for shared in ranges.shared):
        return True
    pods = [_network(entry) for entry in ranges.pod if entry["scope"] != HINT]
    if network["pods"] and any(_inside(cidr, pod) for pod in pods):
        return True
    return (network["virtual"] and cidr in pods) or (network["joins"] and any(_inside(cidr, pod) for pod in pods))


def disagreements(ranges: Ranges, node_addresses: Iterable[str]) -> Iterator[Conflict]:
    """Yield what the sources say differently about the same thing."""
    for what, entries in (("pod", ranges.pod), ("service", ranges.service)):
        for scope in (CLUSTER, NODE):
            yield from _differing_sources(what, scope, [entry for entry in entries if entry["scope"] == scope])
    yield from _outside_cluster(ranges)
    yield from _wrong_prefix_lengths(ranges)
    yield from _dns_outside(ranges.service, frozenset(node_addresses))


def _first_not_in(cidrs: Set[str], entries: Sequence[Range]) -> Range:
    """Return the first range that is none of `cidrs`; there is one."""
    return next(entry for entry in entries if entry["cidr"] not in cidrs)


def _differing_sources(what: str, scope: str, entries: Sequence[Range]) -> Iterator[Conflict]:
    """Compare what each file or command says, by family. One that says more than another does not differ."""
    said: Dict[Tuple[str, str], List[Range]] = {}
    for entry in entries:
        source = entry["source"]
        place = source.get("path") or source.get("command", "")
        # Two programs' flags in one file are two sources; two keys of one list are one.
        said.setdefault((entry["family"], place + " " + source["key"].split("[")[0]), []).append(entry)
    for family in ("inet", "inet6"):
        groups = [group for (of, _place), group in said.items() if of == family]
        for index, group in enumerate(groups):
            values = {entry["cidr"] for entry in group}
            for other in groups[index + 1 :]:
                others = {entry["cidr"] for entry in other}
                if values <= others or others <= values:
                    continue
                first = _first_not_in(others, group)
                second = _first_not_in(values, other)
                message = "Sources disagree about the %s range of the %s: %s and %s." % (
                    what,
                    scope,
                    first["cidr"],
                    second["cidr"],
                )
                yield _conflict("disagreement", message, _side(first), _side(second))


def _outside_cluster(ranges: Ranges) -> Iterator[Conflict]:
    clusters = [entry for entry in ranges.pod if entry["scope"] == CLUSTER]
    for entry in ranges.pod:
        wider = [one for one in clusters if one["family"] == entry["family"]]
        if entry["scope"] not in (NODE, BLOCK) or not wider or entry["cidr"] in ranges.shared:
            continue
        if not any(_inside(_network(entry), _network(one)) for one in wider):
            message = "The node's pod range %s is not inside the cluster's range %s." % (
                entry["cidr"],
                wider[0]["cidr"],
            )
            yield _conflict("disagreement", message, _side(entry), _side(wider[0]))


def _wrong_prefix_lengths(ranges: Ranges) -> Iterator[Conflict]:
    """Compare the nodes' prefix length with this node's range. Calico's blocks and its nodes have other ones."""
    if any(entry["scope"] == BLOCK for entry in ranges.pod):
        return
    wanted: Dict[str, PrefixLength] = {}
    for length in ranges.prefix_lengths:
        wanted.setdefault(length["family"], length)
    clusters = [_network(entry) for entry in ranges.pod if entry["scope"] == CLUSTER]
    for entry in ranges.pod:
        if entry["scope"] != NODE or entry["family"] not in wanted:
            continue
        length = wanted[entry["family"]]
        network = _network(entry)
        if network.prefixlen != length["prefixlen"] and any(_inside(network, cluster) for cluster in clusters):
            message = "The node's pod range %s does not have the prefix length /%d that nodes are to get." % (
                entry["cidr"],
                length["prefixlen"],
            )
            first = ("/%d" % length["prefixlen"], describe(length["source"]))
            yield _conflict("disagreement", message, first, _side(entry))


def _dns_outside(services: Sequence[Range], node_addresses: Iterable[str]) -> Iterator[Conflict]:
    """Compare the cluster's DNS address with the service ranges; a cache on the node is neither."""
    for entry in services:
        address = _network(entry).network_address
        known = [one for one in services if one["scope"] == CLUSTER and one["family"] == entry["family"]]
        if entry["scope"] != HINT or not known or _network(entry).num_addresses != 1:
            continue
        if address.is_link_local or address.is_loopback or str(address) in node_addresses:
            continue
        if not any(address in _network(one) for one in known):
            message = "The cluster's DNS address %s is not inside the service range %s." % (address, known[0]["cidr"])
            yield _conflict("disagreement", message, (str(address), describe(entry["source"])), _side(known[0]))


def _pod_name(pod: Mapping[str, Any]) -> str:
    return "%s/%s" % (pod.get("namespace"), pod["name"]) if pod.get("name") else "with uid %s" % pod.get("uid")


def _address_source(entry: Mapping[str, Any]) -> str:
    return "pod %s, %s" % (_pod_name(entry["pod"]), entry["ifname"])


def _main_addresses(in_use: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in in_use if entry["pod"] is not None and entry["ifname"] == _MAIN_INTERFACE)


def out_of_range(pods: Sequence[Range], in_use: Iterable[Mapping[str, Any]]) -> Iterator[Conflict]:
    """Yield pods' addresses that lie in no range of the node, or of the cluster where the node has none of its own."""
    allowed: Dict[str, List[Range]] = {}
    for family in ("inet", "inet6"):
        known = [entry for entry in pods if entry["family"] == family]
        # With Calico's blocks any address of the pool may be here.
        blocks = any(entry["scope"] == BLOCK for entry in known)
        own = [] if blocks else [entry for entry in known if entry["scope"] == NODE]
        allowed[family] = own or [entry for entry in known if entry["scope"] == CLUSTER]
    networks = {family: [_network(entry) for entry in entries] for family, entries in allowed.items()}
    for entry in _main_addresses(in_use):
        family = entry["family"]
        address = ip_address(entry["local"])
        if not networks[family] or any(address in network for network in networks[family]):
            continue
        judge = allowed[family][0]
        message = "The address %s of pod %s is outside the %s's pod range %s." % (
            entry["local"],
            _pod_name(entry["pod"]),
            judge["scope"],
            judge["cidr"],
        )
        yield _conflict("out_of_range", message, (entry["local"], _address_source(entry)), _side(judge))


def duplicates(in_use: Iterable[Mapping[str, Any]], leases: Iterable[Mapping[str, Any]]) -> Iterator[Conflict]:
    """Yield addresses that two pods have, and addresses that two live leases name."""
    held: Dict[str, Mapping[str, Any]] = {}
    for entry in _main_addresses(in_use):
        first = held.setdefault(entry["local"], entry)
        if first["netns"] != entry["netns"]:
            message = "The pods %s and %s have the same address %s." % (
                _pod_name(first["pod"]),
                _pod_name(entry["pod"]),
                entry["local"],
            )
            sides = [(one["local"], _address_source(one)) for one in (first, entry)]
            yield _conflict("duplicate", message, sides[0], sides[1])
    leased: Dict[str, Mapping[str, Any]] = {}
    for lease in leases:
        if lease["state"] != "in_use":
            continue
        address = str(ip_address(lease["address"]))
        first = leased.setdefault(address, lease)
        if first is not lease:
            message = "Two leases that are in use name the address %s." % address
            sides = [("%s by %s" % (address, one["container_id"]), one["path"]) for one in (first, lease)]
            yield _conflict("duplicate", message, sides[0], sides[1])
