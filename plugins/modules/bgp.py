#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Routes to the pods of other nodes by BGP."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bgp
short_description: "Lab step: have the nodes tell each other by BGP which pods they have"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Runs BIRD 2 on the node with a configuration of the lab's own, beside whatever configuration the package has. It
    announces the range of the bridge within one autonomous system, to every other node or to reflectors that tell the
    others, and takes of each node the one range that is that node's. The routes carry C(proto bird).
  - A node on which another BIRD has put routes is refused, as two would remove each other's.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description:
      - Whether the lab has BIRD on the node. V(awaited) waits until the routes that the other nodes announce are there,
        and changes nothing. V(absent) ends BIRD, and its routes with it.
    type: str
    choices: [present, awaited, absent]
    default: present
  local:
    description: The node's own address, which is its router id as well. Needed when O(state=present).
    type: str
  local_v6:
    description:
      - Where the node's own IPv6 pods are reached, which the others are told as next hop. It may be link-local. Needed
        when a node has O(peers[].range_v6). The sessions are IPv4 all the same.
    type: str
  asn:
    description: Number of the autonomous system, the same on all nodes.
    type: int
    default: 64512
  bridge:
    description: Bridge of the node's pods, whose network is announced. Needed when O(state=present).
    type: str
  bfd:
    description:
      - Whether both ends of a session send each other a packet each 300 ms (RFC 5880, UDP port 3784), so that it ends
        about a second after the other went silent.
    type: bool
    default: false
  peers:
    description: The other nodes.
    type: list
    elements: dict
    default: []
    suboptions:
      address:
        description: Address of the node, in a network that this node is connected to.
        type: str
        required: true
      range:
        description: IPv4 range that is taken from it. It or O(peers[].range_v6) is needed.
        type: str
      range_v6:
        description: IPv6 range that is taken from it.
        type: str
      address_v6:
        description: Next hop of that range. Needed with O(peers[].range_v6).
        type: str
      role:
        description:
          - What the node is to this one. V(peer) tells of itself. A V(client) is told of all others by this node, which
            is then a reflector (RFC 4456). A V(reflector) tells this node of all others. A node V(behind) a reflector
            has no session with this one.
        type: str
        choices: [peer, client, reflector, behind]
        default: peer
  timeout:
    description: Seconds to wait at most with O(state=awaited).
    type: int
    default: 30
requirements:
  - bird2
"""

EXAMPLES = r"""
- name: Tell node2 of the pods of node1
  podnet.lab.bgp:
    lab: lab0
    local: 10.89.0.11
    bridge: lab0
    peers:
      - address: 10.89.0.12
        range: 10.244.1.0/24

- name: Let node2 tell of the pods of node3, and notice within a second when it goes silent
  podnet.lab.bgp:
    lab: lab0
    local: 10.89.0.11
    bridge: lab0
    bfd: true
    peers:
      - address: 10.89.0.12
        range: 10.244.1.0/24
        role: reflector
      - address: 10.89.0.13
        range: 10.244.2.0/24
        role: behind

- name: Wait for the route to the pods of node2
  podnet.lab.bgp:
    lab: lab0
    state: awaited
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - bird -c /run/podnet-lab/lab0/bird.conf -s /run/podnet-lab/lab0/bird.ctl -P /run/podnet-lab/lab0/bird.pid
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - birdc -s /run/podnet-lab/lab0/bird.ctl show protocols
    - birdc -s /run/podnet-lab/lab0/bird.ctl show route
    - ip route show proto bird
protocols:
  description: What C(birdc show protocols) printed when no route came in time.
  returned: failure with O(state=awaited)
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.bgp import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
