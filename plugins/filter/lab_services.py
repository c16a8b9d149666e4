# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter of the role ``manual_lab``: the door from its tasks to what a node gets of the Services."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_services
short_description: Put the addresses that pods have got into planned Services
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns the option O(podnet.lab.service_rules#module:services) of M(podnet.lab.service_rules) for one node.
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
    description: Version of IP. Services without addresses of it are left out.
    type: int
    default: 4
"""

EXAMPLES = r"""
- name: Show where the Services lead
  ansible.builtin.debug:
    msg: "{{ plan | podnet.lab.lab_services(hostvars, inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: The Services that have an address, with their endpoints.
  type: list
  elements: dict
  sample:
    - namespace: default
      name: web
      address: 10.96.1.1
      load_balancer: null
      affinity_timeout: null
      internal_traffic_policy: Cluster
      external_traffic_policy: Cluster
      ports:
        - name: null
          protocol: TCP
          port: 80
          node_port: null
          endpoints: [{address: 10.244.0.2, port: 80, local: true}]
"""

from collections.abc import Callable, Mapping
from typing import Any


def lab_services(plan: Mapping[str, Any], hosts: Any, node: str, version: int = 4) -> list[dict[str, Any]]:
    """Return the Services of a node; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.lab.services import node_services, pod_addresses

    return node_services(plan["services"], pod_addresses(plan, hosts, version), node, version)


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"lab_services": lab_services}
