#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node offers to a lab, and what of the lab is on it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_info
short_description: "Internal: look at a node before, during and after a lab"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns what the role P(podnet.lab.manual_lab#role) needs to know of a node before it touches it, and
    everything on the node that carries the lab's mark. After a teardown that is nothing.
  - It looks for marks, not at what the lab's state says, and so also finds what a lost state file would hide.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
  - podnet.lab.lab
options:
  network:
    description:
      - Way in which the lab is about to join its nodes, as O(podnet.lab.manual_lab#role:main:manual_lab_network).
      - Whether the kernel makes such a link is tried in a network namespace of its own that ends with the attempt.
    type: str
"""

EXAMPLES = r"""
- name: Look for what a lab left
  podnet.lab.lab_info:
    lab: lab0
  register: seen

- name: Prove that nothing is left
  ansible.builtin.assert:
    that: not seen.present
    fail_msg: "{{ seen.left }}"
"""

RETURN = r"""
present:
  description: Whether anything on the node carries the lab's mark.
  returned: success
  type: bool
  sample: true
left:
  description: Everything on the node that carries the lab's mark, one line each, sorted by kind.
  returned: success
  type: list
  elements: str
  sample:
    - process 812 (sandbox 9f31c20d77aa)
    - network namespace /run/netns/lab0_default_pod1
    - link veth1f0c22aa
    - route 10.244.1.0/24 via 10.89.0.12
    - nft table ip podnet_lab0
    - file /var/lib/cni/networks/lab0/10.244.0.2
foreign_leases:
  description: Leases in the lab's directory that the lab did not make, and keeps.
  returned: success
  type: list
  elements: str
  sample: []
routes:
  description: Static routes of the lab.
  returned: success
  type: list
  elements: str
  sample: [10.244.1.0/24 via 10.89.0.12]
tables:
  description: The lab's tables of nftables, by family and name.
  returned: success
  type: list
  elements: str
  sample: [ip podnet_lab0, ip podnet_lab0_services]
services:
  description: Addresses of the lab's Services as noted on this node, by namespace and name.
  returned: success
  type: dict
  sample: {default/web: 10.96.1.1}
services_v6:
  description: The same of their IPv6 addresses.
  returned: success
  type: dict
  sample: {default/web: 'fd00:10:96::101'}
load_balancers:
  description: Addresses of the lab's load balancers as noted on this node, by namespace and name of the Service.
  returned: success
  type: dict
  sample: {default/web: 10.89.0.241}
load_balancers_v6:
  description: The same of their IPv6 addresses.
  returned: success
  type: dict
  sample: {default/web: '2001:db8:89::f1'}
announced:
  description: Addresses of the lab's load balancers that this node has.
  returned: success
  type: list
  elements: str
  sample: [10.89.0.241]
node:
  description: What the node offers.
  returned: success
  type: dict
  contains:
    privileged:
      description: Whether the module ran with the rights to make namespaces, links and rules.
      type: bool
    missing_programs:
      description: Programs that a lab needs and that are not on the node, each with the package that has it.
      type: dict
    missing_for_names:
      description: The same of what the node of the lab's name server needs.
      type: dict
    missing_for_ingress:
      description: The same of what the node of the lab's ingress needs.
      type: dict
    missing_module:
      description: Module that the kernel lacks for O(network), or null.
      type: str
    wireguard:
      description: Whether the lab has a WireGuard link or a key for one on the node.
      type: bool
    bgp:
      description: Whether the lab has a BIRD on the node, or has noted routes of one.
      type: bool
    ip_forward:
      description: Value of C(net.ipv4.ip_forward), or null.
      type: str
    ipv6:
      description: Whether the kernel has IPv6, and it is not switched off.
      type: bool
    links:
      description: Links of the node's network namespace.
      type: list
      elements: dict
      contains:
        ifname:
          description: Name.
          type: str
        kind:
          description: Kind as in C(ip -d link); empty for hardware and loopback.
          type: str
        mtu:
          description: MTU in bytes.
          type: int
        vni:
          description: VXLAN network identifier of a link of kind C(vxlan), or null.
          type: int
        port:
          description: UDP port of a link of kind C(vxlan), or null.
          type: int
        own:
          description: Whether it carries the lab's mark.
          type: bool
    addresses:
      description: Addresses of the node.
      type: list
      elements: dict
      contains:
        ifname:
          description: Link that has it.
          type: str
        local:
          description: The address.
          type: str
        prefixlen:
          description: Length of its network's prefix.
          type: int
    routes:
      description: Routes of the main table, but those to link-local addresses.
      type: list
      elements: dict
      contains:
        dst:
          description: Destination; the default routes are C(0.0.0.0/0) and C(::/0).
          type: str
        gateway:
          description: Next hop, or null.
          type: str
        dev:
          description: Link.
          type: str
        prefsrc:
          description: Preferred source address, or null.
          type: str
        metric:
          description: Metric.
          type: int
        own:
          description: Whether it is of the lab.
          type: bool
  sample:
    privileged: true
    missing_programs: {}
    missing_module: null
    wireguard: false
    bgp: false
    ip_forward: "0"
    ipv6: true
    links: [{ifname: eth0, kind: veth, mtu: 1500, vni: null, port: null, own: false}]
    addresses: [{ifname: eth0, local: 10.89.0.11, prefixlen: 24}]
    routes: [{dst: 10.89.0.0/24, gateway: null, dev: eth0, prefsrc: 10.89.0.11, metric: 0, own: false}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.info import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
