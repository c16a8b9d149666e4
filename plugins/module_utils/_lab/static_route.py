# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Static routes of a node to the pods of other nodes."""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, List, NamedTuple, Tuple

from ansible.module_utils.basic import AnsibleModule

from .._kernel.records import Route
from .forwarding import KEY, switch_on
from .names import ROUTE_PROTOCOL
from .read import prefix, read_node
from .step import LAB_ARGUMENT, Step
from .store import Store


class Plan(NamedTuple):
    """Destinations and gateways: to add, to replace, to delete; and what stands in the way."""

    add: List[Tuple[str, str]]
    replace: List[Tuple[str, str]]
    delete: List[Tuple[str, str]]
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


def decide(wanted: Dict[str, str], routes: List[Route], own: List[Route]) -> Plan:
    """Decide what makes the lab's routes those of `wanted` (destination to gateway)."""
    plan = Plan([], [], [], [])
    mine = {prefix(route): route.get("gateway", "") for route in own}
    foreign = {prefix(route): route for route in routes if route not in own}
    for dst, gateway in wanted.items():
        if dst in foreign:
            via = foreign[dst].get("gateway")
            plan.conflicts.append("%s%s" % (dst, " via " + via if via else ""))
        elif dst not in mine:
            plan.add.append((dst, gateway))
        elif mine[dst] != gateway:
            plan.replace.append((dst, gateway))
    plan.delete.extend((dst, gateway) for dst, gateway in mine.items() if dst not in wanted)
    return plan


_ROUTE_OPTIONS: Dict[str, Any] = {
    "dst": {"type": "str", "required": True},
    "gateway": {"type": "str", "required": True},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "routes": {"type": "list", "elements": "dict", "required": True, "options": _ROUTE_OPTIONS},
        "forward": {"type": "bool", "default": False},
        "source": {"type": "str", "default": "10.244.0.0/16"},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    wanted: Dict[str, str] = {}
    for item in module.params["routes"]:
        try:
            dst, gateway = ipaddress.IPv4Network(item["dst"]), ipaddress.IPv4Address(item["gateway"])
        except ValueError as error:
            step.fail("route to %s via %s" % (item["dst"], item["gateway"]), str(error), "Correct it.")
        if wanted.setdefault(str(dst), str(gateway)) != str(gateway):
            step.fail("route to %s" % dst, "it has two gateways", "Give it one.")
    store = Store(step.lab)
    noted = [(entry["dst"], entry["gateway"]) for entry in store.routes()]
    others = [(e["dst"], e["gateway"]) for lab in store.other_labs() for e in Store(lab).routes()]
    routes = read_node().routes
    own = own_routes(routes, noted, others)
    plan = decide(wanted, routes, own)
    if plan.conflicts:
        step.fail(
            "route to %s" % plan.conflicts[0],
            "it is on this node already, and lab %s did not make it" % step.lab,
            "Choose another range for the lab, or remove that route if nobody needs it.",
        )
    after = [{"dst": dst, "gateway": gateway} for dst, gateway in sorted(wanted.items())]
    changing = plan.add or plan.replace or plan.delete
    if step.real and changing:
        both = dict.fromkeys(noted + sorted(wanted.items()))  # noted before it is made: a cut-off run is known again
        store.write_routes([{"dst": dst, "gateway": gateway} for dst, gateway in both])
    step.ip(["route delete %s via %s proto %d" % (dst, via, ROUTE_PROTOCOL) for dst, via in plan.delete])
    step.ip(["route replace %s via %s proto %d" % (dst, via, ROUTE_PROTOCOL) for dst, via in plan.replace])
    step.ip(["route add %s via %s proto %d" % (dst, via, ROUTE_PROTOCOL) for dst, via in plan.add])
    if step.real and (changing or noted != sorted(wanted.items())):
        store.write_routes(after)
    before = sorted("%s via %s" % pair_of(route) for route in own)
    result = sorted("%s via %s" % item for item in wanted.items())
    see = ["ip route show proto %d" % ROUTE_PROTOCOL]
    more = {}
    if module.params["forward"]:
        change = switch_on(step, store, module.params["source"])
        before.append("%s = %s" % (KEY, change.before))
        result.append("%s = %s" % (KEY, change.after))
        see.append("sysctl " + KEY)
        more["obstacles"] = change.obstacles
    step.exit(before=before, after=result, see=see, **more)
