# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model's flat lists, looked up by node: built once, used by findings and reports."""

from __future__ import annotations

from . import ranges
from .records import (
    Bridge,
    Cable,
    End,
    Interface,
    Lease,
    Model,
    Namespace,
    Pod,
    Range,
)

MAIN_INTERFACE = "eth0"
"""The name that containerd, CRI-O and podnet.lab give a pod's first interface; Multus adds net1 and so on."""


class NodeView:
    """Everything in the model that belongs to one node."""

    __slots__ = ("bridges", "cables", "host", "leases", "namespaces", "pods", "ranges")

    def __init__(self, host: str) -> None:
        """Begin with nothing."""
        self.host = host
        self.bridges: list[Bridge] = []
        self.cables: list[Cable] = []
        self.leases: list[Lease] = []
        self.namespaces: dict[int, Namespace] = {}
        self.pods: list[Pod] = []
        self.ranges: list[Range] = []

    @property
    def own_namespace(self) -> Namespace | None:
        """The node's own network namespace."""
        return next((one for one in self.namespaces.values() if one["kind"] == "host"), None)

    def main_addresses(self, family: str) -> list[str]:
        """Return the addresses of the pods' first interfaces; others are in networks of their own."""
        return [
            one["local"]
            for pod in self.pods
            for one in pod["addresses"]
            if one["family"] == family and one["ifname"] == MAIN_INTERFACE
        ]

    def interface(self, end: End) -> Interface | None:
        """Return the interface that an end of a cable is."""
        namespace = self.namespaces.get(end["netns"]) if end["netns"] is not None else None
        if namespace is None:
            return None
        return next((one for one in namespace["interfaces"] if one["ifindex"] == end["ifindex"]), None)

    def leaves_node(self, cable: Cable) -> bool:
        """Tell whether a cable is the node's own way out, whose other end nobody on the node can see.

        So it is where the node is a container itself. Such an end holds an address in a network
        with others; plugins give the node's end of a pod's cable none, or one without neighbours
        (/32, /128).
        """
        near, far = cable["ends"]
        if far["netns"] is not None or near["master"] is not None:  # as it is with nearly all cables
            return False
        own = self.own_namespace
        interface = self.interface(near)
        if own is None or interface is None or near["netns"] != own["inode"]:
            return False
        return any(
            ranges.is_specific(one["local"]) and one["prefixlen"] < (128 if one["family"] == "inet6" else 32)
            for one in interface["addr_info"]
        )

    def count_cables(self) -> int:
        """Return the number of cables on the node, without its own way out: that one belongs to no pod network."""
        return sum(not self.leaves_node(cable) for cable in self.cables)


def by_node(model: Model) -> dict[str, NodeView]:
    """Return a view of each node, in the model's order."""
    views = {node["host"]: NodeView(node["host"]) for node in model["nodes"]}
    for bridge in model["bridges"]:
        views[bridge["host"]].bridges.append(bridge)
    for cable in model["cables"]:
        views[cable["host"]].cables.append(cable)
    for lease in model["leases"]:
        views[lease["host"]].leases.append(lease)
    for namespace in model["namespaces"]:
        views[namespace["host"]].namespaces[namespace["inode"]] = namespace
    for pod in model["pods"]:
        views[pod["host"]].pods.append(pod)
    for one in model["ranges"]:
        for host in one["hosts"]:
            views[host].ranges.append(one)
    return views
