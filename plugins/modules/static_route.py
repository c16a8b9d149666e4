#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static routes of a node to the pods of other nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: static_route
short_description: Route the pod ranges of other nodes to those nodes
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Adds IPv4 routes to the node's main table. They carry C(proto 112), and the lab notes them in its state.
  - O(routes) is the whole of what the lab has on this node. A route of the lab that is not in it is removed.
  - A route to a wanted destination that the lab did not make is never touched; the module fails then.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  routes:
    description: Every static route of the lab on this node. Empty removes all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      dst:
        description: Destination, an IPv4 network like V(10.244.1.0/24).
        type: str
        required: true
      gateway:
        description: Address of the node that has this range, on a network that this node is connected to.
        type: str
        required: true
  forward:
    description:
      - Whether the node is made to forward packets as well, without which a route for others is of no use.
      - It is what M(podnet.lab.forwarding) does, which also takes it back. Here it costs no connection of its own.
    type: bool
    default: false
  source:
    description: Range of the pods of the whole cluster. Used in the remedies of warnings, with O(forward).
    type: str
    default: 10.244.0.0/16
"""

EXAMPLES = r"""
- name: Route the pods of node2 to node2
  podnet.lab.static_route:
    lab: lab0
    routes:
      - dst: 10.244.1.0/24
        gateway: 10.89.0.12
    forward: true
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip route add 10.244.1.0/24 via 10.89.0.12 proto 112
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip route show proto 112
obstacles:
  description: What keeps packets from being forwarded. Each is a warning too.
  returned: with O(forward)
  type: list
  elements: str
  sample: []
"""

import ipaddress
from typing import Any, Dict, List, NamedTuple, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab_forwarding import KEY, switch_on
from ansible_collections.podnet.lab.plugins.module_utils._lab_names import ROUTE_PROTOCOL
from ansible_collections.podnet.lab.plugins.module_utils._lab_read import prefix, read_node
from ansible_collections.podnet.lab.plugins.module_utils._lab_step import LAB_ARGUMENT, Step
from ansible_collections.podnet.lab.plugins.module_utils._lab_store import Store
from ansible_collections.podnet.lab.plugins.module_utils._records import Route


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


def main() -> None:
    """Run the module."""
    route_options: Dict[str, Any] = {
        "dst": {"type": "str", "required": True},
        "gateway": {"type": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "lab": LAB_ARGUMENT,
            "routes": {"type": "list", "elements": "dict", "required": True, "options": route_options},
            "forward": {"type": "bool", "default": False},
            "source": {"type": "str", "default": "10.244.0.0/16"},
        },
        supports_check_mode=True,
    )
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


if __name__ == "__main__":
    main()
