# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters of the role ``kubeadm_cluster``: doors from its tasks to the plan."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_plan
short_description: Check the description of a kubeadm cluster, and plan it
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Reads the description of a cluster, finds every fault in it and in the nodes, and returns what the cluster and each
    node get and what step each node needs next.
  - A part of the role P(podnet.lab.kubeadm_cluster#role), which gives it the role's variables.
positional: _input, hosts, supported, play_hosts
options:
  _input:
    description: The description. Its keys are the variables of the role without C(kubeadm_cluster_).
    type: dict
    required: true
  hosts:
    description:
      - C(hostvars), or a dictionary of the same form. Of each host C(ansible_host), the role's variables of a host, and
        C(__kubeadm_cluster_seen), the result of M(podnet.lab.kubeadm_info), are read.
    type: dict
    required: true
  supported:
    description: Distributions that the role knows, by the C(ID) of C(/etc/os-release).
    type: list
    elements: str
    required: true
  play_hosts:
    description: Names of the hosts of the play.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show every fault of a description
  ansible.builtin.debug:
    msg: "{{ (description | podnet.lab.cluster_plan(hostvars, ['debian'])).faults }}"
"""

RETURN = r"""
_value:
  description: C(faults), C(warnings), C(cluster) and C(nodes). With faults there are no nodes.
  type: dict
  sample:
    faults: ["node node1: swap is on (/dev/sda2). Run swapoff -a and take it out of /etc/fstab, or ..."]
    warnings: []
    nodes: {}
"""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from ansible.errors import AnsibleFilterError

from ansible_collections.podnet.lab.plugins.filter.lab_plan import resolve

HOST_OPTIONS = (
    "node_name",
    "node_address",
    "node_address_v6",
    "labels",
    "taints",
    "kubelet_extra_args",
    "kubelet_node_config",
)


def with_hosts(description: Any, hosts: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the description with the options of each host, and what was seen on each."""
    if find_spec("netaddr") is None:
        raise AnsibleFilterError(
            "The cluster's ranges are computed with netaddr, which the control node's Python lacks. "
            "Install it there: python3 -m pip install netaddr, or the package python3-netaddr."
        )
    if not isinstance(description, Mapping):
        raise AnsibleFilterError("The description of the cluster is no dictionary; see the filter's documentation.")
    options: dict[str, Any] = {}
    seen: dict[str, Any] = {}
    for name in [*(description.get("control_plane") or []), *(description.get("workers") or [])]:
        if name not in hosts:
            continue
        variables = hosts[name]
        options[str(name)] = {key: variables.get("kubeadm_cluster_" + key) for key in HOST_OPTIONS}
        options[str(name)]["ansible_host"] = variables.get("ansible_host")
        looked = variables.get("__kubeadm_cluster_seen") or {}
        if looked.get("node"):
            seen[str(name)] = looked["node"]
    return {**description, "hosts": options}, seen


def cluster_plan(description: Any, hosts: Any, supported: Any, play_hosts: Any = ()) -> dict[str, Any]:
    """Return the plan of a cluster; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.plan import make_plan

    raw, seen = with_hosts(description, hosts)
    return make_plan(raw, seen, resolve, list(supported), [str(name) for name in play_hosts])


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"cluster_plan": cluster_plan}
