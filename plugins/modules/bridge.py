#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bridge of a node that joins the cables of its pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge
short_description: Create a bridge for pods
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Creates a Linux bridge. M(podnet.lab.bridge_port) attaches links to it and sets it up.
  - A bridge that carries the lab's mark and has another name is removed. A link with the wanted name
    that the lab did not make is never touched; the module fails then.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  name:
    description: Name of the bridge. Needed when O(state=present).
    type: str
  state:
    description: Whether the lab has a bridge. V(absent) removes every bridge with the lab's mark, whatever its name.
    type: str
    choices: [present, absent]
    default: present
  mtu:
    description: MTU in bytes.
    type: int
    default: 1500
  address:
    description:
      - MAC address of the bridge. Without it the kernel takes the lowest one of the ports, so that the
        pods' gateway changes its address when a pod comes or goes.
    type: str
"""

EXAMPLES = r"""
- name: Create the bridge
  podnet.lab.bridge:
    lab: lab0
    name: lab0
    mtu: 1400

- name: Remove the lab's bridge
  podnet.lab.bridge:
    lab: lab0
    state: absent
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip link add lab0 mtu 1400 type bridge
    - ip link set lab0 alias podnet.lab:lab0
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -d link show lab0
"""

import re
from typing import List, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab_names import link_alias
from ansible_collections.podnet.lab.plugins.module_utils._lab_read import View, kind, read_node
from ansible_collections.podnet.lab.plugins.module_utils._lab_step import LAB_ARGUMENT, Step, check_ifname

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


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "lab": LAB_ARGUMENT,
            "name": {"type": "str"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "mtu": {"type": "int", "default": 1500},
            "address": {"type": "str"},
        },
        required_if=[("state", "present", ["name"])],
        supports_check_mode=True,
    )
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


if __name__ == "__main__":
    main()
