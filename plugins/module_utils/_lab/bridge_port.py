# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The ports of a node's bridge: the node's ends of the pods' cables."""

from __future__ import annotations

from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule

from .names import link_alias
from .read import View, is_up, kind, read_node
from .step import LAB_ARGUMENT, Step, check_ifname


def ports_of(node: View, name: str) -> List[str]:
    """Return the names of a bridge's ports."""
    index = node.links[name]["ifindex"] if name in node.links else -1
    return sorted(port for port, link in node.links.items() if link.get("master") == index)


def port_lines(node: View, name: str, ports: List[str], alias: str) -> List[str]:
    """Return the lines for ``ip -batch`` that attach the ports and set everything up."""
    lines = []
    bridge = node.links.get(name)
    index = bridge["ifindex"] if bridge else -1
    if bridge is None or not is_up(bridge):
        lines.append("link set %s up" % name)
    for port in ports_of(node, name):
        if port not in ports and node.links[port].get("ifalias") == alias:
            lines.append("link set %s nomaster" % port)
    for port in ports:
        link = node.links.get(port)
        words = [] if link and link.get("master") == index else ["master " + name]
        words += [] if link and is_up(link) else ["up"]
        if words:
            lines.append("link set %s %s" % (port, " ".join(words)))
    return lines


def describe(name: str, up: bool, ports: List[str], down: List[str]) -> List[str]:
    """Describe a bridge and its ports for the diff, one line each.

    >>> describe("lab0", True, ["veth1", "veth2"], ["veth2"])
    ['lab0 up', 'lab0 port veth1 up', 'lab0 port veth2 down']
    """
    lines = ["%s %s" % (name, "up" if up else "down")]
    return lines + ["%s port %s %s" % (name, port, "down" if port in down else "up") for port in ports]


def describe_now(node: View, name: str) -> List[str]:
    """Describe the bridge as it is; nothing when there is none."""
    if name not in node.links:
        return []
    ports = ports_of(node, name)
    return describe(name, is_up(node.links[name]), ports, [port for port in ports if not is_up(node.links[port])])


ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "bridge": {"type": "str", "required": True},
        "ports": {"type": "list", "elements": "str", "required": True},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias = link_alias(step.lab)
    bridge, ports = module.params["bridge"], module.params["ports"]
    for name in [bridge, *ports]:
        check_ifname(step, name)
    node = read_node()
    if step.real and (bridge not in node.links or kind(node.links[bridge]) != "bridge"):
        step.fail("bridge %s" % bridge, "there is none on this node", "Make it with podnet.lab.bridge before.")
    missing = [port for port in ports if port not in node.links]
    if step.real and missing:
        step.fail("link %s" % missing[0], "there is none on this node", "Lay the cable with podnet.lab.veth before.")
    step.ip(port_lines(node, bridge, ports, alias))
    others = [port for port in ports_of(node, bridge) if port not in ports]
    foreign = [port for port in others if node.links[port].get("ifalias") != alias]
    down = [port for port in foreign if not is_up(node.links[port])]
    step.exit(
        before=describe_now(node, bridge),
        after=describe(bridge, True, sorted([*ports, *foreign]), down),
        see=["bridge link show", "bridge fdb show br " + bridge],
    )
