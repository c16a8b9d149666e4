#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual cables between the node and the namespaces of pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: veth
short_description: "Lab step: lay veth cables from the node into network namespaces"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Creates veth pairs with one end in the node's network namespace and the other end in a named one,
    directly, without the detour of creating both ends on the node.
  - O(pairs) is the whole of what the lab has on this node. A cable of the lab that is not in it is removed.
  - A cable of which an end is missing, or leads elsewhere, is laid anew. A link with the wanted name that
    the lab did not make is never touched; the module fails then.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  pairs:
    description: Every cable that the lab has on this node. Empty removes all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      ifname:
        description: Name of the node's end.
        type: str
        required: true
      netns:
        description: Path of the namespace of the other end, below C(/run/netns).
        type: path
        required: true
      peer:
        description: Name of the other end.
        type: str
        default: eth0
      mtu:
        description: MTU of both ends, in bytes.
        type: int
        default: 1500
"""

EXAMPLES = r"""
- name: Lay a cable into a pod's namespace
  podnet.lab.veth:
    lab: lab0
    pairs:
      - ifname: veth1f0c22aa
        netns: /run/netns/lab0_default_pod1
        mtu: 1400
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip link add veth1f0c22aa mtu 1400 type veth peer name eth0 mtu 1400 netns lab0_default_pod1
    - ip link set veth1f0c22aa alias podnet.lab:lab0
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -d link show type veth
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.veth import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
