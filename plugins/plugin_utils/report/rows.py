# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One node's pods, cables and bridges as rows: what the terminal and the Markdown both show."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from ..model import ranges
from ..model.index import NodeView
from ..model.records import (
    Address,
    Cable,
    Finding,
    Model,
    Namespace,
    Node,
    Pod,
    PodCable,
)
from ..text import commands, words


class Row(NamedTuple):
    """A pod, or another namespace that a cable leads to."""

    name: str
    addresses: list[str]
    cables: list[str]
    """As in ``eth0 - veth1a2b3c4d``: the interface inside and the other end."""
    bridges: list[str]
    containers: list[str]
    command: str
    odd: bool


def rows(view: NodeView, odd: set[str]) -> list[Row]:
    """Return the node's pods with a network of their own, then its other namespaces that have a cable.

    *odd* holds the names that odd things are about.
    """
    result = [_pod_row(pod, view.namespaces[pod["netns"]], odd) for pod in view.pods if not pod["host_network"]]
    taken = {pod["netns"] for pod in view.pods if not pod["host_network"]}
    plugs: dict[int, list[PodCable]] = defaultdict(list)
    for cable in view.cables:
        for end, other in (cable["ends"], cable["ends"][::-1]):
            if end["netns"] is not None and end["netns"] not in taken:
                plugs[end["netns"]].append(_plug(cable, end["ifname"] or "?", other["ifname"]))
    for inode, namespace in view.namespaces.items():
        if inode in taken or namespace["kind"] == "host" or inode not in plugs:
            continue
        addresses = [
            one
            for interface in namespace["interfaces"]
            for one in interface["addr_info"]
            if ranges.is_specific(one["local"])
        ]
        name = f"({words.namespace_name(namespace)})"
        result.append(_row(name, addresses, plugs[inode], [], namespace, name[1:-1] in odd))
    return result


def _plug(cable: Cable, ifname: str, peer: str | None) -> PodCable:
    return {
        "ifname": ifname,
        "peer": peer,
        "bridge": cable["bridge"]["ifname"] if cable["bridge"] else None,
        "resolution": cable["resolution"],
    }


def _pod_row(pod: Pod, namespace: Namespace, odd: set[str]) -> Row:
    name = words.pod_name(pod)
    containers = [
        container["name"] or (container["id"] or "?")[:12]
        for container in pod["containers"]
        if container["name"] or container["id"] != pod["sandbox_id"]
    ]
    touched = name in odd or any(plug["peer"] in odd for plug in pod["cables"])
    return _row(name, pod["addresses"], pod["cables"], containers, namespace, touched)


def _row(
    name: str, addresses: list[Address], plugs: list[PodCable], containers: list[str], namespace: Namespace, odd: bool
) -> Row:
    return Row(
        name=name,
        addresses=[words.address(one) for one in addresses],
        cables=[f"{plug['ifname']} - {plug['peer'] or plug['resolution']}" for plug in plugs],
        bridges=[plug["bridge"] or "" for plug in plugs],
        containers=containers,
        command=commands.addresses(namespace),
        odd=odd,
    )


def host_network(view: NodeView) -> list[str]:
    """Return the names of the pods that use the node's own network."""
    return [words.pod_name(pod) for pod in view.pods if pod["host_network"]]


def node_addresses(node: Node) -> list[str]:
    """Return the addresses by which others know the node: those of the interfaces that lead out.

    Without a default route these are all that are not loopback or link-local.
    """
    ways_out = {route["dev"] for route in node["default_route"]}
    specific = [one for one in node["addresses"] if ranges.is_specific(one["local"]) and one["ifname"] != "lo"]
    chosen = [one for one in specific if one["ifname"] in ways_out] or specific
    return [one["local"] for one in chosen]


def node_ranges(view: NodeView) -> list[str]:
    """Return the ranges from which the node's pods get their addresses."""
    own = [one["cidr"] for one in view.ranges if one["what"] == "pod" and one["scope"] == "node"]
    blocks = [one["cidr"] for one in view.ranges if one["what"] == "pod" and one["scope"] == "block"]
    return own or blocks


def odd_by_host(model: Model) -> dict[str, list[Finding]]:
    """Return the odd things of each node."""
    result: dict[str, list[Finding]] = {node["host"]: [] for node in model["nodes"]}
    for finding in model["odd"]:
        for host in finding["hosts"]:
            result[host].append(finding)
    return result


_OF_LINKS = (
    "bridge-down",
    "bridge-mtu",
    "bridge-promiscuous",
    "bridge-second-",
    "bridge-wrong-",
    "cable-",
    "hairpin-",
    "port-",
    "mtu-",
    "mac-twice-",
    "pod-",
    "namespace-",
)
"""Kinds of odd things, by their beginning, whose objects are pods, interfaces, bridges or namespaces."""


def odd_names(found: list[Finding]) -> set[str]:
    """Return the names of pods, interfaces, bridges and namespaces that *found* is about."""
    told = [one for finding in found for one in (finding, *finding.get("consequences", ()))]
    concerned = [one["object"] for one in told if one["kind"].startswith(_OF_LINKS)]
    return {word for name in concerned for word in (name, *name.split(" "))}


def grouped(found: list[Finding]) -> list[list[Finding]]:
    """Return *found* in groups of one severity and kind, in their order."""
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in found:
        groups[finding["severity"], finding["kind"]].append(finding)
    return list(groups.values())


def range_nodes(hosts: list[str], model: Model) -> str:
    """Return on which nodes a range was found."""
    read = model["totals"]["nodes_read"]
    if len(hosts) == read and read > 1:
        return f"all {read} nodes"
    return words.listed(hosts, 3)
