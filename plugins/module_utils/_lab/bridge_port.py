# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The ports of a node's bridge: the node's ends of the pods' cables."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from ansible.module_utils.basic import AnsibleModule

from .names import link_alias
from .read import View, is_up, kind, read_node
from .step import LAB_ARGUMENT, Step, check_ifname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Link


def ports_of(node: View, name: str) -> List[str]:
    """Return the names of a bridge's ports."""
    index = node.links[name]["ifindex"] if name in node.links else -1
    return sorted(port for port, link in node.links.items() if link.get("master") == index)


def turns_back(link: Link) -> bool:
    """Tell whether a port sends frames back to where they came from."""
    return bool(link.get("info_slave_data", {}).get("hairpin"))


def port_lines(node: View, name: str, ports: List[str], alias: str, hairpin: bool = False) -> List[str]:
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
        attached = link is not None and link.get("master") == index
        if (link is not None and attached and turns_back(link)) != hairpin:
            lines.append("link set %s type bridge_slave hairpin %s" % (port, "on" if hairpin else "off"))
    return lines


def describe(name: str, up: bool, ports: List[str], down: List[str], hairpin: Sequence[str] = ()) -> List[str]:
    """Describe a bridge and its ports for the diff, one line each.

    >>> describe("lab0", True, ["veth1", "veth2"], ["veth2"], ["veth1"])
    ['lab0 up', 'lab0 port veth1 up hairpin', 'lab0 port veth2 down']
    """
    lines = ["%s %s" % (name, "up" if up else "down")]
    for port in ports:
        words = [name, "port", port, "down" if port in down else "up", *(["hairpin"] if port in hairpin else [])]
        lines.append(" ".join(words))
    return lines


def describe_now(node: View, name: str) -> List[str]:
    """Describe the bridge as it is; nothing when there is none."""
    if name not in node.links:
        return []
    ports = ports_of(node, name)
    down = [port for port in ports if not is_up(node.links[port])]
    return describe(
        name, is_up(node.links[name]), ports, down, [port for port in ports if turns_back(node.links[port])]
    )


ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "bridge": {"type": "str", "required": True},
        "ports": {"type": "list", "elements": "str", "required": True},
        "hairpin": {"type": "bool", "default": False},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias = link_alias(step.lab)
    bridge, ports, hairpin = module.params["bridge"], module.params["ports"], module.params["hairpin"]
    for name in [bridge, *ports]:
        check_ifname(step, name)
    node = read_node()
    if step.real and (bridge not in node.links or kind(node.links[bridge]) != "bridge"):
        step.fail("bridge %s" % bridge, "there is none on this node", "Make it with podnet.lab.bridge before.")
    missing = [port for port in ports if port not in node.links]
    if step.real and missing:
        step.fail("link %s" % missing[0], "there is none on this node", "Lay the cable with podnet.lab.veth before.")
    step.ip(port_lines(node, bridge, ports, alias, hairpin))
    others = [port for port in ports_of(node, bridge) if port not in ports]
    foreign = [port for port in others if node.links[port].get("ifalias") != alias]
    down = [port for port in foreign if not is_up(node.links[port])]
    back = [port for port in foreign if turns_back(node.links[port])] + (ports if hairpin else [])
    step.exit(
        before=describe_now(node, bridge),
        after=describe(bridge, True, sorted([*ports, *foreign]), down, back),
        see=["bridge link show", "bridge fdb show br " + bridge],
    )
