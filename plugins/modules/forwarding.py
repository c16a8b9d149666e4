#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a node forwards packets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: forwarding
short_description: "Lab step: make a node forward packets, and put it back"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Sets the sysctl C(net.ipv4.ip_forward) of the node's network namespace to 1, and notes the earlier value. With
    O(source_v6) the same for C(net.ipv6.conf.all.forwarding).
  - With O(state=absent) the earlier value is put back, if this lab or one before it changed it and no other
    lab is left on the node.
  - A node that forwards IPv6 does not listen to other routers any more (C(accept_ra)). It warns when the node's default
    route comes from one.
  - Warns when something else on the node keeps packets from being forwarded. That is a forward chain of
    nftables or iptables with policy drop, which for packets between pods of one node counts when
    C(bridge-nf-call-iptables) is set. The module never changes rules that the lab did not make.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description: Whether the lab needs forwarding.
    type: str
    choices: [present, absent]
    default: present
  source:
    description: Range of the pods of the whole cluster. Used in the remedies of warnings. Empty leaves IPv4 alone.
    type: str
    default: 10.244.0.0/16
  source_v6:
    description: IPv6 range of the pods of the whole cluster. Without it nothing is done for IPv6.
    type: str
"""

EXAMPLES = r"""
- name: Forward packets
  podnet.lab.forwarding:
    lab: lab0
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - sysctl -w net.ipv4.ip_forward=1
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - sysctl net.ipv4.ip_forward
obstacles:
  description: What keeps packets from being forwarded. Each is a warning too.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.forwarding import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
