#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels that have one other end each."""

from __future__ import annotations

DOCUMENTATION = r"""
module: peer_tunnel
short_description: "Lab step: lay an IPIP, GRE or Geneve tunnel to each of the other nodes"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Makes a link for each other node, whose packets go to that node and no other. With Geneve, which carries frames, the
    MAC of the other end is written down, so that nobody asks for it.
  - GRE and Geneve carry IPv4 and IPv6. IPIP carries IPv4 alone.
  - M(podnet.lab.static_route) with C(dev) then routes the pods of each node into the link to it.
  - A link with a wanted name that the lab did not make is never touched; the module fails then.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description:
      - Whether the lab has the tunnels. V(present) leaves other tunnels of the lab as they are, so that routes can be
        moved from one to the other. V(absent) removes every IPIP, GRE and Geneve link of the lab but those of O(keep).
    type: str
    choices: [present, absent]
    default: present
  kind:
    description: What is put before a packet. Needed when O(state=present).
    type: str
    choices: [ipip, gre, geneve]
  vni:
    description: Virtual network identifier with O(kind=geneve), the same on all nodes.
    type: int
    default: 1
  local:
    description: The node's own address, from which packets are sent. Needed when O(state=present).
    type: str
  mtu:
    description:
      - MTU of the links in bytes. It is less than what the nodes' own network carries by 20 with IPIP, 24 with GRE and
        50 with Geneve.
    type: int
    default: 1450
  lladdr:
    description: MAC address of the node's ends, used with O(kind=geneve). Needed when O(state=present).
    type: str
  vtep:
    description:
      - IPv4 address of the node's ends, without a length. Leave it out when pods have IPv6 alone, which needs no
        address but the link-local one that the kernel gives a link.
    type: str
  peers:
    description: The other nodes.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the link to the node.
        type: str
        required: true
      remote:
        description: Address of the node, to which packets for its pods are sent.
        type: str
        required: true
      vtep:
        description: IPv4 address of its end of the tunnel.
        type: str
      vtep_v6:
        description:
          - Link-local IPv6 address of its end of the tunnel, to which packets are routed. With O(kind=geneve) a
            neighbour entry has the MAC for it.
        type: str
      lladdr:
        description: MAC address of its end of the tunnel, used with O(kind=geneve).
        type: str
        required: true
  keep:
    description: Names of links that stay when O(state=absent).
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Lay a tunnel from node1 to node2
  podnet.lab.peer_tunnel:
    lab: lab0
    kind: ipip
    local: 10.89.0.11
    mtu: 1480
    lladdr: 0a:58:0a:f4:00:00
    vtep: 10.244.0.0
    peers:
      - name: ipip0a59000c
        remote: 10.89.0.12
        vtep: 10.244.1.0
        lladdr: 0a:58:0a:f4:01:00

- name: Remove the lab's tunnels
  podnet.lab.peer_tunnel:
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
    - ip link add ipip0a59000c mtu 1480 type ipip local 10.89.0.11 remote 10.89.0.12
    - ip link set ipip0a59000c alias podnet.lab:lab0
    - ip address add 10.244.0.0/32 dev ipip0a59000c
    - ip link set ipip0a59000c up
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -d link show type ipip
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.peer_tunnel import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
