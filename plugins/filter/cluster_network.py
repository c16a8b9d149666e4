# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter of the role ``kubeadm_cluster``: from what the API says to the nodes' part of the pod network."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_network
short_description: Plan the pod network of a kubeadm cluster
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns, for each host whose node has a range of pod addresses, the CNI configuration, the routes to the pods of
    the other nodes and the rules for what leaves the cluster; and the arguments of C(kubectl) that bring labels and
    taints to what is wanted.
  - A part of the role P(podnet.lab.kubeadm_cluster#role).
positional: _input, hosts, plan, api
options:
  _input:
    description: The description, as for P(podnet.lab.cluster_plan#filter).
    type: dict
    required: true
  hosts:
    description: C(hostvars), as for P(podnet.lab.cluster_plan#filter).
    type: dict
    required: true
  plan:
    description: What P(podnet.lab.cluster_plan#filter) returned.
    type: dict
    required: true
  api:
    description: C(node.api) of M(podnet.lab.kubeadm_info), now. Null when there is no cluster yet.
    type: dict
"""

EXAMPLES = r"""
- name: Show the routes of this node
  ansible.builtin.debug:
    msg: "{{ network.nodes[inventory_hostname].routes }}"
  vars:
    network: "{{ description | podnet.lab.cluster_network(hostvars, plan, seen.node.api) }}"
"""

RETURN = r"""
_value:
  description: C(nodes) by host, C(commands), and whether all nodes are C(ready).
  type: dict
  sample:
    nodes: {}
    commands: []
    ready: false
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.podnet.lab.plugins.filter.cluster_plan import with_hosts


def cluster_network(description: Any, hosts: Any, plan: Any, api: Any = None) -> dict[str, Any]:
    """Return the plan of the pod network; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.network import network_plan

    raw, seen = with_hosts(description, hosts)
    return network_plan(raw, plan, seen, api)


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"cluster_network": cluster_network}
