#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of load balancers that a node has, and tells its neighbours of."""

from __future__ import annotations

DOCUMENTATION = r"""
module: announced_address
short_description: "Lab step: answer for the addresses of load balancers, and tell the neighbours"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Adds addresses to a link of the node, so that the kernel answers for them, and announces each new one by ARP, or by
    neighbour discovery when it is of IPv6, so that neighbours that have heard of another node send to this one. MetalLB
    does the same in its layer 2 mode.
  - An IPv6 address is added with C(nodad), so that it is there at once, and with C(preferred_lft 0), so that the node
    does not use it as its own source address.
  - M(podnet.lab.service_rules) leads from these addresses to pods.
  - O(addresses) is the whole of what the lab has on this node. An address of the lab that is not in it is removed.
  - Nothing watches over the node. When it goes, another one has to be told by another run.
  - An address that the node has and the lab did not add is never touched; the module fails then.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  addresses:
    description: Every address that this node is to announce. Empty removes all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      address:
        description: The address, of IPv4 or of IPv6.
        type: str
        required: true
      dev:
        description: Link of the node to those who are to reach it.
        type: str
        required: true
      again:
        description: Whether to announce it also when this node has it already, because another one had it meanwhile.
        type: bool
        default: false
  seen:
    description:
      - Addresses of this node that M(podnet.lab.lab_info) said are of the lab, before M(podnet.lab.service_rules) may
        have forgotten whose they were.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Answer for 10.89.0.241
  podnet.lab.announced_address:
    lab: lab0
    addresses:
      - address: 10.89.0.241
        dev: eth0
      - address: 2001:db8:89::f1
        dev: eth0
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order. The module sends the announcement itself.
  returned: always
  type: list
  elements: str
  sample:
    - ip address add 10.89.0.241/32 dev eth0
    - ip address add 2001:db8:89::f1/128 dev eth0 nodad preferred_lft 0
    - arping -U -c 2 -I eth0 10.89.0.241
    - ndptool -t na -U -i eth0 -T 2001:db8:89::f1 send
    - ndptool -t na -U -i eth0 -T 2001:db8:89::f1 send
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip address show dev eth0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.announced_address import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
