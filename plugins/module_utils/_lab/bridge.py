# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The bridge of a node that joins the cables of its pods."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from .names import link_alias
from .read import View, kind, read_node
from .step import LAB_ARGUMENT, Step, check_ifname

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")


def own_bridges(node: View, alias: str) -> List[str]:
    """Return the names of the bridges that carry the lab's mark."""
    return sorted(name for name, link in node.links.items() if kind(link) == "bridge" and link.get("ifalias") == alias)


def conflict(node: View, name: str, alias: str) -> Optional[str]:
    """Say why the name cannot be the lab's bridge, or None when it can."""
    link = node.links.get(name)
    if link is None or (kind(link) == "bridge" and link.get("ifalias") == alias):
        return None
    what = "a bridge" if kind(link) == "bridge" else "a link of kind %s" % (kind(link) or "device")
    return "%s of this name is on the node, and lab %s did not make it" % (what, alias.partition(":")[2])


def create_lines(node: View, name: str, mtu: int, address: Optional[str], alias: str) -> List[str]:
    """Return the lines for ``ip -batch`` that create the bridge or correct it."""
    link = node.links.get(name)
    if link is None:
        mac = " address %s" % address if address else ""
        return ["link add %s mtu %d%s type bridge" % (name, mtu, mac), "link set %s alias %s" % (name, alias)]
    lines = []
    if link.get("mtu") != mtu:
        lines.append("link set %s mtu %d" % (name, mtu))
    if address and link.get("address") != address:
        lines.append("link set %s address %s" % (name, address))
    return lines


def describe(name: str, mtu: Optional[int], address: Optional[str]) -> str:
    """Describe a bridge for the diff.

    >>> describe("lab0", 1500, "0a:58:0a:f4:00:01")
    'lab0 mtu 1500 address 0a:58:0a:f4:00:01'
    """
    return "%s mtu %s address %s" % (name, mtu, address or "of a port")


ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "mtu": {"type": "int", "default": 1500},
        "address": {"type": "str"},
    },
    "required_if": [("state", "present", ["name"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias = link_alias(step.lab)
    name, address = module.params["name"], module.params["address"]
    node = read_node()
    own = own_bridges(node, alias)
    before = [describe(item, node.links[item].get("mtu"), node.links[item].get("address")) for item in own]
    if module.params["state"] == "absent":
        step.ip(["link delete " + item for item in own])
        step.exit(before=before, after=[], see=["ip -d link show type bridge"])
    check_ifname(step, name)
    if address and not _MAC.match(address):
        step.fail("address %r" % address, "it is no MAC address", "Write it as 0a:58:0a:f4:00:01.")
    problem = conflict(node, name, alias)
    if problem:
        step.fail("bridge %s" % name, problem, "Choose another bridge name, or remove that link if nobody needs it.")
    step.ip(["link delete " + item for item in own if item != name])
    step.ip(create_lines(node, name, module.params["mtu"], address, alias))
    kept = node.links[name].get("address") if name in node.links else None
    after = describe(name, module.params["mtu"], address or kept)
    step.exit(before=before, after=[after], see=["ip -d link show " + name])
