# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Static routes of a node to the pods of other nodes."""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .._kernel.records import Route
from .forwarding import SOURCES, V4, V6, shown, switch
from .names import ROUTE_PROTOCOL, RTPROT_BIRD
from .read import is_link_local, prefix, read_node
from .step import LAB_ARGUMENT, Step, check_ifname
from .store import Store

RTNH_F_ONLINK = 4
"""linux/rtnetlink.h: the gateway is behind the route's link, whatever the node's networks say."""


class Way(NamedTuple):
    """How packets to a destination go: to a gateway of a network of the node, or to one behind a tunnel.

    A link-local gateway is on the link that `dev` names, and needs no network.
    """

    gateway: str
    dev: Optional[str] = None

    def words(self) -> str:
        """Return the way in the words of ``ip route``."""
        dev = " dev " + self.dev if self.dev else ""
        return "via " + self.gateway + dev + (" onlink" if self.dev and not is_link_local(self.gateway) else "")


class Plan(NamedTuple):
    """Destinations and ways: to add, to replace, to delete; and what stands in the way."""

    add: List[Tuple[str, Way]]
    replace: List[Tuple[str, Way]]
    delete: List[Tuple[str, Way]]
    conflicts: List[str]


def pair_of(route: Route) -> Tuple[str, str]:
    """Return destination and gateway of a route."""
    return prefix(route), route.get("gateway", "")


def own_routes(routes: List[Route], noted: List[Tuple[str, str]], others: List[Tuple[str, str]]) -> List[Route]:
    """Return the routes of the lab: those of the lab's protocol that it noted, or that no lab noted.

    `noted` and `others` are destinations and gateways that this lab and the others noted.
    """
    return [
        route
        for route in routes
        if route["protocol"] == ROUTE_PROTOCOL and (pair_of(route) in noted or pair_of(route) not in others)
    ]


def way_of(route: Route, names: Dict[int, str]) -> Way:
    """Return the way of a route, given the names of the node's links."""
    gateway = route.get("gateway", "")
    named = route.get("flags", 0) & RTNH_F_ONLINK or is_link_local(gateway)
    return Way(gateway, names.get(route.get("oif", -1)) if named else None)


def decide(wanted: Dict[str, Way], routes: List[Route], own: List[Route], names: Dict[int, str]) -> Plan:
    """Decide what makes the lab's routes those of `wanted` (destination to way)."""
    plan = Plan([], [], [], [])
    mine = {prefix(route): way_of(route, names) for route in own}
    foreign = {prefix(route): route for route in routes if route not in own}
    for dst, way in wanted.items():
        if dst in foreign:
            via = foreign[dst].get("gateway")
            plan.conflicts.append("%s%s" % (dst, " via " + via if via else ""))
        elif dst not in mine:
            plan.add.append((dst, way))
        elif mine[dst] != way:
            plan.replace.append((dst, way))
    plan.delete.extend((dst, way) for dst, way in mine.items() if dst not in wanted)
    return plan


_ROUTE_OPTIONS: Dict[str, Any] = {
    "dst": {"type": "str", "required": True},
    "gateway": {"type": "str", "required": True},
    "dev": {"type": "str"},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "routes": {"type": "list", "elements": "dict", "required": True, "options": _ROUTE_OPTIONS},
        "prune": {"type": "bool", "default": True},
        "forward": {"type": "bool", "default": False},
        **SOURCES,
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    wanted: Dict[str, Way] = {}
    for item in module.params["routes"]:
        try:
            dst, gateway = ipaddress.ip_network(item["dst"]), ipaddress.ip_address(item["gateway"])
            if dst.version != gateway.version:
                raise ValueError("one is IPv4 and the other IPv6")
            if is_link_local(str(gateway)) and item["dev"] is None:
                raise ValueError("a link-local gateway needs the link that it is on, dev")
        except ValueError as error:
            step.fail("route to %s via %s" % (item["dst"], item["gateway"]), str(error), "Correct it.")
        if item["dev"] is not None:
            check_ifname(step, item["dev"])
        way = Way(str(gateway), item["dev"])
        if wanted.setdefault(str(dst), way) != way:
            step.fail("route to %s" % dst, "it has two gateways", "Give it one.")
    store = Store(step.lab)
    noted = [(entry["dst"], entry["gateway"]) for entry in store.routes()]
    others = [(e["dst"], e["gateway"]) for lab in store.other_labs() for e in Store(lab).routes()]
    node = read_node()
    names = {link["ifindex"]: name for name, link in node.links.items()}
    learned = [(entry["dst"], entry["gateway"]) for entry in store.bgp_routes()]
    # The same routes by BGP have a metric that comes after; they go when BIRD ends.
    routes = [r for r in node.routes if r["protocol"] != RTPROT_BIRD or pair_of(r) not in learned]
    own = own_routes(routes, noted, others)
    if not module.params["prune"]:
        wanted = {**{prefix(route): way_of(route, names) for route in own}, **wanted}
    plan = decide(wanted, routes, own, names)
    if plan.conflicts:
        step.fail(
            "route to %s" % plan.conflicts[0],
            "it is on this node already, and lab %s did not make it" % step.lab,
            "Choose another range for the lab, or remove that route if nobody needs it.",
        )
    pairs = [(dst, way.gateway) for dst, way in sorted(wanted.items())]
    changing = plan.add or plan.replace or plan.delete
    if step.real and changing:
        both = dict.fromkeys(noted + pairs)  # noted before it is made: a cut-off run is known again
        store.write_routes([{"dst": dst, "gateway": gateway} for dst, gateway in both])
    for verb, ways in (("delete", plan.delete), ("replace", plan.replace), ("add", plan.add)):
        step.ip(["route %s %s %s proto %d" % (verb, dst, way.words(), ROUTE_PROTOCOL) for dst, way in ways])
    if step.real and (changing or noted != pairs):
        store.write_routes([{"dst": dst, "gateway": gateway} for dst, gateway in pairs])
    before = sorted("%s %s" % (prefix(route), way_of(route, names).words()) for route in own)
    result = sorted("%s %s" % (dst, way.words()) for dst, way in wanted.items())
    see = ["ip route show proto %d" % ROUTE_PROTOCOL]
    if any(":" in dst for dst in wanted):
        see.append("ip -6 route show proto %d" % ROUTE_PROTOCOL)
    more = {}
    if module.params["forward"]:
        changes = switch(step, store, {V4: module.params["source"], V6: module.params["source_v6"]})
        was, becomes, commands = shown(changes)
        before, result, see = before + was, result + becomes, see + commands
        more["obstacles"] = [obstacle for change in changes for obstacle in change.obstacles]
    step.exit(before=before, after=result, see=see, **more)
