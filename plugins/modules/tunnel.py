#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tunnel that carries packets of pods from node to node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: tunnel
short_description: "Lab step: lay a VXLAN tunnel to the other nodes"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Makes the node's end of a VXLAN tunnel (VTEP) with a MAC and an address of its own, without learning, and writes
    down for every other node what it would otherwise flood and ask for, a forwarding entry and a neighbour entry.
    It is what flannel's backend C(vxlan) does.
  - M(podnet.lab.static_route) with C(dev) then routes the pods of the other nodes into it.
  - O(peers) is the whole of what is behind the tunnel. Entries on the link that are not in it are removed.
  - A link that the lab did not make is never touched. With the wanted name, or the wanted VNI and port, it is refused.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description:
      - Whether the lab has the tunnel. V(present) leaves other tunnels of the lab as they are, so that routes can be
        moved from one to the other. V(absent) removes every tunnel of the lab but O(name).
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the link. Needed when O(state=present); when O(state=absent) the tunnel that stays.
    type: str
  vni:
    description: VXLAN network identifier, the same on all nodes.
    type: int
    default: 1
  port:
    description: UDP port to which packets are sent, the same on all nodes.
    type: int
    default: 4789
  local:
    description: The node's own address, from which packets are sent. Needed when O(state=present).
    type: str
  mtu:
    description: MTU of the link in bytes, 50 less than what the nodes' own network carries.
    type: int
    default: 1450
  lladdr:
    description: MAC address of the link. Needed when O(state=present).
    type: str
  vtep:
    description:
      - IPv4 address of the link, without a length. Without it the link has only the link-local address of IPv6 that the
        kernel gives it.
    type: str
  peers:
    description: The other nodes.
    type: list
    elements: dict
    default: []
    suboptions:
      remote:
        description: Address of the node, to which packets for its pods are sent.
        type: str
        required: true
      lladdr:
        description: MAC address of its end of the tunnel.
        type: str
        required: true
      vtep:
        description: IPv4 address of its end of the tunnel.
        type: str
      vtep_v6:
        description:
          - Link-local IPv6 address of its end of the tunnel, to which IPv6 is routed. Packets between the nodes are
            IPv4 all the same.
        type: str
"""

EXAMPLES = r"""
- name: Lay the tunnel of node1 to node2
  podnet.lab.tunnel:
    lab: lab0
    name: vxlan1
    local: 10.89.0.11
    lladdr: 0a:58:0a:f4:00:00
    vtep: 10.244.0.0
    peers:
      - remote: 10.89.0.12
        lladdr: 0a:58:0a:f4:01:00
        vtep: 10.244.1.0

- name: Route the pods of node2 into it
  podnet.lab.static_route:
    lab: lab0
    routes:
      - dst: 10.244.1.0/24
        gateway: 10.244.1.0
        dev: vxlan1

- name: Remove the lab's tunnels
  podnet.lab.tunnel:
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
    - ip link add vxlan1 mtu 1450 address 0a:58:0a:f4:00:00 type vxlan id 1 local 10.89.0.11 dstport 4789 nolearning
    - ip link set vxlan1 alias podnet.lab:lab0
    - ip address add 10.244.0.0/32 dev vxlan1
    - ip link set vxlan1 up
    - bridge fdb add 0a:58:0a:f4:01:00 dev vxlan1 dst 10.89.0.12
    - ip neigh replace 10.244.1.0 lladdr 0a:58:0a:f4:01:00 dev vxlan1 nud permanent
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -d link show vxlan1
    - bridge fdb show dev vxlan1
    - ip neigh show dev vxlan1
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.tunnel import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
