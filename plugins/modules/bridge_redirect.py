#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Frames between pods of one bridge, handed to the node's IP rules."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_redirect
short_description: "Lab step: hand frames between pods of a bridge to the node's IP rules"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Keeps an nftables table of the lab's own, C(bridge podnet_LAB), with a rule that gives frames from pod to pod the
    MAC address of the bridge. So the node routes them, and its rules see them. Neighbour discovery is left alone.
  - Without it a pod that answers as a backend of a Service answers a client on its own bridge past the node, which
    cannot translate the answer back; and no rule for network policies sees the packets. Clusters use
    C(br_netfilter) for that, which concerns all bridges of a node.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description: Whether the lab has its table on this node.
    type: str
    choices: [present, absent]
    default: present
  source:
    description: Range of the node's pods, an IPv4 network. It or O(source_v6) is needed when O(state=present).
    type: str
  source_v6:
    description: IPv6 range of the node's pods.
    type: str
  address:
    description: MAC address of the bridge. Needed when O(state=present).
    type: str
"""

EXAMPLES = r"""
- name: Let the node see what its pods send each other
  podnet.lab.bridge_redirect:
    lab: lab0
    source: 10.244.0.0/24
    address: "0a:58:0a:f4:00:01"
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - "nft 'table bridge podnet_lab0 { chain prerouting { type filter hook prerouting priority dstnat; policy accept;
      ip saddr 10.244.0.0/24 ip daddr 10.244.0.0/24 meta pkttype other ether daddr set 0a:58:0a:f4:00:01
      meta pkttype set host; }; }'"
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - nft list table bridge podnet_lab0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.bridge_redirect import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
