# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The way from a pod to the variables of its node."""

from __future__ import annotations

DOCUMENTATION = r"""
name: node_connection
short_description: How a node is reached, for the pods on it
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns those variables of a host that its connection and its become plugin read.
  - A part of the inventory P(podnet.lab.pods#inventory), which gives it to the connection
    P(podnet.lab.pod#connection). It is evaluated with the task, so that passwords and what O(_input) computes are
    never written into the inventory.
positional: _input, node
options:
  _input:
    description: The magic variable C(hostvars).
    type: dict
    required: true
  node:
    description: The name of a host in it. It is an error when there is none.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show how a pod's node is reached
  ansible.builtin.debug:
    msg: "{{ hostvars | podnet.lab.node_connection('node1') }}"
"""

RETURN = r"""
_value:
  description: Variables and their values.
  type: dict
  sample:
    ansible_connection: ssh
    ansible_host: 10.89.0.11
    ansible_user: root
    inventory_hostname: node1
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible import constants
from ansible.errors import AnsibleFilterError
from ansible.plugins.loader import become_loader, connection_loader

ALWAYS = (
    "ansible_connection",
    "ansible_become_method",
    "ansible_python_interpreter",
    "inventory_hostname",
)


def node_connection(hosts: Mapping[str, Any], node: str) -> dict[str, Any]:
    """Return how *node* is reached; see DOCUMENTATION. Only what is asked for is templated."""
    if not isinstance(hosts, Mapping) or node not in hosts:
        raise AnsibleFilterError(
            f"The node {node!r} of this pod is not in the inventory, so nothing says how it is reached. Give the "
            "inventory that it was inspected with too, with a second -i or as 'nodes' of the pods' inventory."
        )
    variables = hosts[node]
    connection = str(variables.get("ansible_connection", "ssh"))
    method = str(variables.get("ansible_become_method", constants.DEFAULT_BECOME_METHOD))
    names = [
        *ALWAYS,
        *_read_by("connection", connection_loader, connection),
        *_read_by("become", become_loader, method),
    ]
    return {name: variables[name] for name in dict.fromkeys(names) if name in variables}


def _read_by(kind: str, loader: Any, name: str) -> list[str]:
    """Return the names of the variables that a plugin reads; raise AnsibleFilterError when there is none."""
    # Ansible knows the options of a plugin once it has loaded it.
    plugin = loader.get(name, class_only=True)
    if plugin is None:
        raise AnsibleFilterError(f"The node's {kind} plugin {name} was not found. Install its collection.")
    return list(constants.config.get_plugin_vars(kind, plugin._load_name))


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"node_connection": node_connection}
