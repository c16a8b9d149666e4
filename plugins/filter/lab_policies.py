# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter of the role ``manual_lab``: the door from its tasks to what a node gets of the policies."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_policies
short_description: Put the addresses that pods have got into network policies
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns the option O(podnet.lab.policy_rules#module:pods) of M(podnet.lab.policy_rules) for one node.
  - A part of the role P(podnet.lab.manual_lab#role), which gives it the role's variables.
positional: _input, hosts, node, version
options:
  _input:
    description: What P(podnet.lab.lab_plan#filter) returned.
    type: dict
    required: true
  hosts:
    description:
      - C(hostvars), or a dictionary of the same form. Of each node C(__manual_lab_addresses), the result of
        M(podnet.lab.pod_address), is read.
    type: dict
    required: true
  node:
    description: Name of the node.
    type: str
    required: true
  version:
    description: Version of IP. A lab without it has no such pods.
    type: int
    default: 4
"""

EXAMPLES = r"""
- name: Show whom the policies let through
  ansible.builtin.debug:
    msg: "{{ plan | podnet.lab.lab_policies(hostvars, inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The pods of the node that some policy selects, with what is allowed.
  type: list
  elements: dict
  sample:
    - namespace: default
      name: web1
      address: 10.244.0.3
      egress: null
      ingress:
        - {policy: default/web, number: 0, peers: [10.244.0.2/32], ports: null, pairs: []}
"""

from collections.abc import Callable, Mapping
from typing import Any


def lab_policies(plan: Mapping[str, Any], hosts: Any, node: str, version: int = 4) -> list[dict[str, Any]]:
    """Return the selected pods of a node; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.lab.policies import node_policies
    from ansible_collections.podnet.lab.plugins.plugin_utils.lab.services import pod_addresses

    if version not in plan["versions"]:
        return []
    addresses = pod_addresses(plan, hosts, version)
    return node_policies(plan["policies"], plan["namespaces"], plan["ends"], addresses, node)


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"lab_policies": lab_policies}
