#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of pods, leased on the node as the CNI plugin host-local does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_address
short_description: "Lab step: lease addresses to pods, assign them, and route through the bridge"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Leases each pod an address of the node's range, in files of the format of the CNI plugin host-local
    below C(/var/lib/cni/networks). A pod keeps its lease as long as it fits.
  - Assigns the address to the pod's link, the gateway's address to the bridge, and makes the gateway the
    pod's default route. With O(range) and O(range_v6) each pod gets an address and a default route of both.
  - IPv6 addresses are assigned with C(nodad). The lease says that nobody else has them, and duplicate address detection
    would take a second in which no server can bind to them.
  - O(pods) is the whole of what the lab has on this node. Leases of other pods of the lab are released.
    Leases in the same directory that the lab did not make are kept, and their addresses are not used.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description: V(absent) releases every lease of the lab on this node. The addresses go with their links.
    type: str
    choices: [present, absent]
    default: present
  range:
    description:
      - The node's range, an IPv4 network like V(10.244.0.0/24). It or O(range_v6) is needed when O(state=present).
    type: str
  cluster:
    description: Range of the pods of all nodes. It is noted on the node, where M(podnet.lab.pod_cidr_facts) finds it.
    type: str
  gateway:
    description: Address of the bridge in O(range), the pods' default route. The first address when not given.
    type: str
  range_v6:
    description: The node's IPv6 range, a network like V(fd00:10:244::/64).
    type: str
  cluster_v6:
    description: IPv6 range of the pods of all nodes, as O(cluster).
    type: str
  gateway_v6:
    description:
      - Address of the bridge in O(range_v6), the pods' IPv6 default route. The first after the range's own when not
        given.
    type: str
  bridge:
    description: Name of the bridge that gets the gateway's address. Needed when O(state=present).
    type: str
  pods:
    description: Every pod that the lab has on this node.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the pod, in the sense of Kubernetes.
        type: str
        required: true
      name:
        description: Name of the pod.
        type: str
        required: true
      sandbox_id:
        description: Id of the pod's sandbox, to whom the lease is given.
        type: str
        required: true
      netns:
        description: Path of the pod's network namespace, below C(/run/netns).
        type: path
        required: true
      ifname:
        description: Name of the pod's link.
        type: str
        default: eth0
      address:
        description: Address that the pod must have. Without it, it keeps the one it has or gets the lowest free one.
        type: str
      address_v6:
        description: IPv6 address that the pod must have, in the same way.
        type: str
"""

EXAMPLES = r"""
- name: Give two pods addresses, one of them a certain one
  podnet.lab.pod_address:
    lab: lab0
    range: 10.244.0.0/24
    bridge: lab0
    pods:
      - namespace: default
        name: pod1
        sandbox_id: 9f31c20d77aa
        netns: /run/netns/lab0_default_pod1
      - namespace: default
        name: pod3
        sandbox_id: 9f31c20d04be
        netns: /run/netns/lab0_default_pod3
        address: 10.244.0.30

- name: Give a pod an address of each family
  podnet.lab.pod_address:
    lab: lab0
    range: 10.244.0.0/24
    range_v6: fd00:10:244::/64
    bridge: lab0
    pods:
      - namespace: default
        name: pod1
        sandbox_id: 9f31c20d77aa
        netns: /run/netns/lab0_default_pod1

- name: Release every lease of the lab on this node
  podnet.lab.pod_address:
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
    - ip address add 10.244.0.1/24 dev lab0
    - printf '9f31c20d77aa\\r\\neth0' > /var/lib/cni/networks/lab0/10.244.0.2
    - ip -n lab0_default_pod1 address add 10.244.0.2/24 dev eth0
    - ip -n lab0_default_pod1 route add default via 10.244.0.1 dev eth0
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -n lab0_default_pod1 address
    - ls /var/lib/cni/networks/lab0
addresses:
  description: The address of each pod.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
    name:
      description: Name of the pod.
      type: str
    address:
      description: The address, without a prefix length. Missing without O(range).
      type: str
    address_v6:
      description: The IPv6 address, without a prefix length. Missing without O(range_v6).
      type: str
  sample:
    - namespace: default
      name: pod1
      address: 10.244.0.2
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.pod_address import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
