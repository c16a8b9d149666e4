#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The encrypted tunnel that carries packets of pods from node to node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wireguard
short_description: "Lab step: lay a WireGuard tunnel to the other nodes"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Makes a WireGuard link with the node's key from M(podnet.lab.wireguard_key), and tells it of each other node its
    public key, where it listens, and its range. Packets to that range are encrypted for that node, and packets from it
    are taken only with addresses of that range.
  - Where the kernel has no WireGuard, C(wireguard-go) does the same in a process, which ends with its link.
  - M(podnet.lab.static_route) with C(dev) then routes the pods of the other nodes into it.
  - O(peers) is the whole of what is behind the tunnel. Peers of the link that are not in it are removed, as is a
    WireGuard link of the lab with another name. A link with the wanted name that the lab did not make is refused.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description: Whether the lab has the tunnel. V(absent) removes every WireGuard link of the lab, and the node's key.
    type: str
    choices: [present, absent]
    default: present
  name:
    description: Name of the link. Needed when O(state=present).
    type: str
  port:
    description: UDP port on which the nodes listen, the same on all.
    type: int
    default: 51820
  mtu:
    description: MTU of the link in bytes, 60 less than what the nodes' own network carries.
    type: int
    default: 1440
  address:
    description: IPv4 address of the link, without a length. IPv6 needs none.
    type: str
  peers:
    description: The other nodes.
    type: list
    elements: dict
    default: []
    suboptions:
      node:
        description: Name of the node in O(public_keys).
        type: str
        required: true
      remote:
        description: Address of the node, to which packets for its pods are sent.
        type: str
        required: true
      allowed:
        description: IPv4 range of the node's pods. It or O(peers[].allowed_v6) is needed.
        type: str
      allowed_v6:
        description: IPv6 range of the node's pods.
        type: str
  public_keys:
    description: Public key of each node, by the node's name.
    type: dict
    default: {}
requirements:
  - wireguard-tools
  - wireguard-go, where the kernel has no WireGuard
"""

EXAMPLES = r"""
- name: Lay the tunnel of node1 to node2
  podnet.lab.wireguard:
    lab: lab0
    name: wg0
    address: 10.244.0.0
    peers:
      - node: node2
        remote: 10.89.0.12
        allowed: 10.244.1.0/24
    public_keys:
      node2: HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw=

- name: Remove the lab's tunnel and the node's key
  podnet.lab.wireguard:
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
    - ip link add wg0 type wireguard
    - ip link set wg0 alias podnet.lab:lab0
    - wg set wg0 listen-port 51820 private-key /run/podnet-lab/lab0/wireguard.key
    - >-
      wg set wg0 peer HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw= allowed-ips 10.244.1.0/24 endpoint 10.89.0.12:51820
    - ip link set wg0 mtu 1440
    - ip address add 10.244.0.0/32 dev wg0
    - ip link set wg0 up
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - wg show wg0
    - ip -d link show wg0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.wireguard import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
