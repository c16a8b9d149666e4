#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules that let through to and from pods what network policies allow."""

from __future__ import annotations

DOCUMENTATION = r"""
module: policy_rules
short_description: "Lab step: let through to and from pods what network policies allow"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Keeps an nftables table of the lab's own, C(ip podnet_LAB_policies), or C(ip6) with O(family=ip6). Each pod in
    O(pods) has a chain for each direction in which it is selected, which lets pass what is listed and drops the rest;
    peers are sets of addresses.
  - Replies pass, the node reaches its own pods, and a pod reaches itself.
  - M(podnet.lab.bridge_redirect) has to be there, or the rules see nothing of what pods of one node send each other.
  - The table is compared as a whole and replaced in one transaction, so that no packet sees half of it. No other table
    is touched. Connections that are open already go on.
  - O(pods) is the whole of what the lab has on this node. Empty removes the table.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  family:
    description:
      - Family of the table. With V(ip6) all addresses and ranges in O(pods) are IPv6, and neighbour discovery passes.
    type: str
    choices: [ip, ip6]
    default: ip
  pods:
    description: Every pod of the node that some policy selects.
    type: list
    elements: dict
    required: true
    suboptions:
      namespace:
        description: Namespace of the pod.
        type: str
        required: true
      name:
        description: Name of the pod.
        type: str
        required: true
      address:
        description: The pod's address.
        type: str
        required: true
      ingress:
        description: Who may connect to the pod. Everybody when not given, nobody when empty.
        type: list
        elements: dict
        suboptions: &rule
          policy:
            description: Namespace and name of the policy, with a slash between.
            type: str
            required: true
          number:
            description: Place of the rule among those of the policy in this direction.
            type: int
            required: true
          peers:
            description: Ranges at the other end, without overlaps. All when not given.
            type: list
            elements: str
          ports:
            description: Ports that may be connected to. All of every protocol when not given.
            type: list
            elements: dict
            suboptions:
              protocol:
                description: Protocol.
                type: str
                choices: [tcp, udp, sctp]
                required: true
              first:
                description: The first port.
                type: int
                required: true
              last:
                description: The last port.
                type: int
                required: true
          pairs:
            description: Ports of single peers, which have them under one name, beside O(pods[].egress[].ports).
            type: list
            elements: dict
            default: []
            suboptions:
              protocol:
                description: Protocol.
                type: str
                choices: [tcp, udp, sctp]
                required: true
              address:
                description: Address of the peer.
                type: str
                required: true
              port:
                description: Port of the peer.
                type: int
                required: true
      egress:
        description: To whom the pod may connect. To everybody when not given, to nobody when empty.
        type: list
        elements: dict
        suboptions: *rule
requirements:
  - nftables
"""

EXAMPLES = r"""
- name: Let one pod alone connect to another, at one port
  podnet.lab.policy_rules:
    lab: lab0
    pods:
      - namespace: default
        name: web1
        address: 10.244.0.3
        ingress:
          - policy: default/web
            number: 0
            peers: [10.244.0.2]
            ports: [{protocol: tcp, first: 80, last: 80}]
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order. The module loads all at once.
  returned: always
  type: list
  elements: str
  sample:
    - "nft 'table ip podnet_lab0_policies { chain ingress-PFISGYVC-default/web1 {
      ip saddr @peers-XS2SJBME-default/web/ingress/0 tcp dport { 80 } return comment \"default/web\"; drop; }; }'"
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - nft list table ip podnet_lab0_policies
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.policy_rules import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
