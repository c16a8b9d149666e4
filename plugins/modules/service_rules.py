#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that lead from the addresses of Services to pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_rules
short_description: "Lab step: lead from the addresses of Services to pods"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Keeps an nftables table of the lab's own, C(ip podnet_LAB_services) or C(ip6 podnet_LAB_services), that does what
    kube-proxy's nftables mode does, with the same maps and chains. Maps lead from address, protocol and port to a
    chain, the chain chooses an endpoint by C(numgen), and the endpoint's chain translates the address.
  - Another source address is given only where a reply could not find back. That is a pod that reaches itself, a
    connection to a NodePort unless O(services[].external_traffic_policy=Local), and one to a Service's address from
    outside the cluster.
  - The table is compared as a whole and replaced in one transaction, so that no packet sees half of it. Clients that
    session affinity keeps with an endpoint stay with it. No other table is touched.
  - UDP flows that still lead to what is no endpoint any more are ended with C(conntrack), where the node has it.
  - The addresses are noted in C(/var/lib/podnet-lab/LAB/services.json), those of IPv6 in
    C(services_v6.json) beside it, also over a reboot.
  - O(services) is the whole of the lab's Services of the O(family), which all addresses and ranges are of. Empty
    removes the table.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  family:
    description: Family of the table. V(ip) is of IPv4, V(ip6) of IPv6.
    type: str
    choices: [ip, ip6]
    default: ip
  services:
    description: Every Service that has an address.
    type: list
    elements: dict
    required: true
    suboptions:
      namespace:
        description: Namespace of the Service.
        type: str
        required: true
      name:
        description: Name of the Service.
        type: str
        required: true
      address:
        description: The Service's address.
        type: str
        required: true
      ports:
        description: Its ports.
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Name of the port.
            type: str
          protocol:
            description: Protocol.
            type: str
            choices: [TCP, UDP, SCTP]
            default: TCP
          port:
            description: Port at the Service's address.
            type: int
            required: true
          node_port:
            description: Port at the nodes' addresses, if there is to be one.
            type: int
          endpoints:
            description: Where connections are sent, each with the same probability. Without any they are rejected.
            type: list
            elements: dict
            required: true
            suboptions:
              address:
                description: Address of the pod.
                type: str
                required: true
              port:
                description: Port of the pod.
                type: int
                required: true
              local:
                description: Whether the pod is on this node.
                type: bool
                required: true
      load_balancer:
        description:
          - Address of the load balancer, at which its ports are reached from outside. At other ports it is rejected.
          - M(podnet.lab.announced_address) gives it to a node.
        type: str
      affinity_timeout:
        description:
          - For how many seconds after its last connection a client stays with an endpoint, as C(ClientIP) of
            Kubernetes. It does not when this is not given.
        type: int
      internal_traffic_policy:
        description: Whether pods reach all endpoints or those on their node.
        type: str
        choices: [Cluster, Local]
        default: Cluster
      external_traffic_policy:
        description:
          - Whether NodePorts and the load balancer's address lead to all endpoints or to those on their node, which
            see the client's address.
        type: str
        choices: [Cluster, Local]
        default: Cluster
  service_cidr:
    description: Range of the Services' addresses. Needed when there are O(services).
    type: str
  cluster_cidr:
    description: Range of all pods. Needed when there are O(services).
    type: str
  nodes:
    description: Addresses of all nodes.
    type: list
    elements: str
    default: []
  node_port_addresses:
    description: Addresses of this node at which NodePorts are answered. All but loopback when empty.
    type: list
    elements: str
    default: []
requirements:
  - nftables
  - conntrack, if UDP flows are to follow the rules
"""

EXAMPLES = r"""
- name: Lead from 10.96.0.10 and from port 30080 of the nodes to two pods
  podnet.lab.service_rules:
    lab: lab0
    service_cidr: 10.96.0.0/16
    cluster_cidr: 10.244.0.0/16
    nodes: [10.89.0.11, 10.89.0.12]
    node_port_addresses: [10.89.0.11]
    services:
      - namespace: default
        name: web
        address: 10.96.0.10
        ports:
          - name: http
            port: 80
            node_port: 30080
            endpoints:
              - {address: 10.244.0.3, port: 8080, local: true}
              - {address: 10.244.1.2, port: 8080, local: false}
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order. The module loads all at once.
  returned: always
  type: list
  elements: str
  sample:
    - "nft 'table ip podnet_lab0_services { chain endpoint-GLFSBF6I-default/web/tcp/__10.244.0.3/8080 {
      ip saddr 10.244.0.3 jump mark-for-masquerade; meta l4proto tcp dnat to 10.244.0.3:8080; }; }'"
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - nft list table ip podnet_lab0_services
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.service_rules import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
