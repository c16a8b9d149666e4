#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Source NAT for what leaves the cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: masquerade
short_description: "Lab step: masquerade packets of pods that leave the cluster"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Keeps an nftables table of the lab's own, C(ip podnet_LAB), with one chain of type nat in the
    postrouting hook. Packets from the node's pods to anything outside the cluster leave with the node's address.
    Packets to other pods and to the nodes keep the pod's address. With O(source_v6) there is a table C(ip6 podnet_LAB)
    of the same kind.
  - The table is compared as a whole and replaced at once, so that no packet sees half of it. No other
    table is touched.
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
    description: Range of the node's pods, an IPv6 network, when IPv6 is to be masqueraded too (NAT66).
    type: str
  inside:
    description:
      - Networks and addresses of both families that belong to the cluster, the range of all pods and the addresses of
        the nodes. Packets to them are not masqueraded.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Masquerade what leaves the cluster
  podnet.lab.masquerade:
    lab: lab0
    source: 10.244.0.0/24
    inside: [10.244.0.0/16, 10.89.0.11, 10.89.0.12]
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - "nft 'table ip podnet_lab0 { chain postrouting { type nat hook postrouting priority srcnat;
      policy accept; ip daddr 10.244.0.0/16 return; ip saddr 10.244.0.0/24 counter masquerade; }; }'"
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - nft list table ip podnet_lab0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.masquerade import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
