# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which way each node sends packets for the pods of the others: what findings between nodes look at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..model import ranges
from ..model.facts import TUNNELS
from ..model.index import NodeView
from ..model.records import Interface, Model, Node, Route
from .nodes import VIRTUAL

_REFUSING = ("blackhole", "unreachable", "prohibit")


class Home(NamedTuple):
    """A range of pods' addresses, and the node whose pods have them."""

    cidr: str
    host: str


class Ways:
    """The nodes' routes, addresses and pods' ranges, looked up from one node to another.

    Everything is indexed, so that the work grows with the routes there are and not with the pairs of nodes.
    """

    def __init__(self, model: Model, views: Mapping[str, NodeView]) -> None:
        """Look at *model* once."""
        self.views = views
        self.nodes = {node["host"]: node for node in model["nodes"]}
        self.homes = {home.cidr: home for home in _homes(model, views)}
        self.homes_of: dict[str, list[Home]] = defaultdict(list)
        for home in self.homes.values():
            self.homes_of[home.host].append(home)
        self.owners = _owners(model["nodes"])
        self.routes: dict[str, dict[str, Route]] = {}
        """By node, what it routes to exactly the range of another node. Of nodes with pods whose routes were read."""
        self._others: dict[str, list[str]] = {}
        self.routed_by: dict[str, list[str]] = defaultdict(list)
        """By range, the nodes that have a route to exactly it."""
        for host in self.homes_of:
            self._take(host)
        self._networks = {host: _outward_networks(self.nodes[host], views[host]) for host in self.nodes}
        self._interfaces = {host: _interfaces(views[host]) for host in self.homes_of}
        self._tunnels = {
            host: [one for one in known.values() if one["tunnel"] is not None]
            for host, known in self._interfaces.items()
        }

    def _take(self, host: str) -> None:
        own = self.views[host].own_namespace
        if own is None or own["routes"] is None:
            return
        mine = {home.cidr for home in self.homes_of[host]}
        routes = [route for route in own["routes"] if route["dst"] != "default"]
        self.routes[host] = {
            route["dst"]: route for route in routes if route["dst"] in self.homes and route["dst"] not in mine
        }
        for cidr in self.routes[host]:
            self.routed_by[cidr].append(host)
        self._others[host] = [route["dst"] for route in routes if route["dst"] not in self.homes]

    def leads(self, host: str, home: Home) -> bool:
        """Tell whether another route or a network of *host*, other than a default route, has to do with the range.

        A wider route for all nodes (OVN), a network that all pods share (Weave Net) and routes to parts of it
        (Calico's blocks, single pods) do.
        """
        connected = (one["cidr"] for one in self.nodes[host]["networks"])
        return any(ranges.share(cidr, home.cidr) for cidr in (*connected, *self._others[host]))

    def networks(self, host: str) -> set[str]:
        """Return the networks that a node is in with others, where one can be another's next hop."""
        return self._networks[host]

    def neighbours(self, first: str, second: str) -> bool:
        """Tell whether two nodes are in one network."""
        return bool(self._networks[first] & self._networks[second])

    def interface(self, host: str, ifname: str | None) -> Interface | None:
        """Return an interface of the node itself."""
        return self._interfaces[host].get(ifname or "")

    def tunnels(self, host: str) -> list[Interface]:
        """Return the tunnels of a node with pods."""
        return self._tunnels.get(host, [])

    def by_tunnel(self, host: str, route: Route) -> bool:
        """Tell whether a route of the node leads into a tunnel."""
        interface = self.interface(host, route["dev"])
        return interface is not None and interface["tunnel"] is not None

    def arrives_by(self, sender: str, host: str) -> tuple[str, Route] | None:
        """Return the interface of *host* by which packets of *sender*'s pods come in, and the route that says so.

        None where that is not known.
        """
        for home in self.homes_of[host]:
            route = self.routes.get(sender, {}).get(home.cidr)
            if route is None:
                continue
            out = self.interface(sender, route["dev"])
            for interface in self._interfaces[host].values():
                fits = (
                    same_tunnel(interface, out)
                    if out is not None and out["tunnel"] is not None
                    else any(one["local"] == route["gateway"] for one in interface["addr_info"])
                )
                if fits:
                    return interface["ifname"], route
        return None


def same_tunnel(one: Interface, other: Interface) -> bool:
    """Tell whether two interfaces are ends of one tunnel: of one kind, and with one network number."""
    first, second = one["tunnel"], other["tunnel"]
    return one["kind"] == other["kind"] and first is not None and second is not None and first["id"] == second["id"]


def _interfaces(view: NodeView) -> dict[str, Interface]:
    own = view.own_namespace
    return {} if own is None else {one["ifname"]: one for one in own["interfaces"]}


def any_between(model: Model) -> bool:
    """Tell whether any node has a route to exactly the range of a node; where none has, there is nothing to look at."""
    cidrs = {one["cidr"] for one in model["ranges"] if one["what"] == "pod" and one["scope"] in ("node", "block")}
    return any(
        route["dst"] in cidrs and not refuses(route)
        for namespace in model["namespaces"]
        if namespace["kind"] == "host"
        for route in namespace["routes"] or ()
    )


def refuses(route: Route) -> bool:
    """Tell whether a route throws away what it is for."""
    return route["type"] in _REFUSING


def _homes(model: Model, views: Mapping[str, NodeView]) -> Iterator[Home]:
    """Yield the ranges of one node each in which its pods really have their addresses.

    A range that is only written down may be of no use: where Calico gives out blocks, nobody asks for the node's.
    """
    for one in model["ranges"]:
        if one["what"] != "pod" or one["scope"] not in ("node", "block") or len(one["hosts"]) != 1:
            continue
        host = one["hosts"][0]
        if any(ranges.contains(one["cidr"], local) for local in views[host].main_addresses(one["family"])):
            yield Home(one["cidr"], host)


def _owners(nodes: list[Node]) -> dict[str, list[str]]:
    """Return which nodes have an address."""
    found: dict[str, list[str]] = {}
    for node in nodes:
        for address in node["addresses"]:
            if ranges.is_specific(address["local"]) and node["host"] not in found.setdefault(address["local"], []):
                found[address["local"]].append(node["host"])
    return found


def _outward_networks(node: Node, view: NodeView) -> set[str]:
    """Return the networks that a node is in with others: not those of bridges and dummies that end on it."""
    own = view.own_namespace
    kinds = {} if own is None else {one["ifname"]: one["kind"] for one in own["interfaces"]}
    ways_out = {route["dev"] for route in node["default_route"]}
    return {
        one["cidr"]
        for one in node["networks"]
        if one["dev"] in ways_out or kinds.get(one["dev"] or "") not in (*VIRTUAL, "veth", *TUNNELS)
    }
