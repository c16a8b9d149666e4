# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter of ``verify.yml``: the door from its tasks to what the description of a lab wants of the network."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_objects
short_description: Turn the description of a lab into objects of the Kubernetes API
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns the pods with their labels, the labels of namespaces, the network policies and the ingresses of a lab as
    Kubernetes has them.
  - A part of the playbook C(podnet.lab.verify), which holds the network against them.
positional: _input
options:
  _input:
    description:
      - The description, as P(podnet.lab.lab_plan#filter) takes it. C(pods), C(policies), C(namespaces), C(nodes),
        C(dns), C(services) and C(ingresses) are read.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what the policies of a lab are
  ansible.builtin.debug:
    msg: "{{ {'policies': manual_lab_policies} | podnet.lab.lab_objects }}"
"""

RETURN = r"""
_value:
  description: The objects.
  type: list
  elements: dict
  sample:
    - kind: Pod
      metadata: {name: web1, namespace: default, labels: {app: web}}
    - kind: NetworkPolicy
      metadata: {name: closed, namespace: default}
      spec: {podSelector: {}}
"""

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError


def lab_objects(description: Any) -> list[dict[str, Any]]:
    """Return the objects of a description; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.lab.objects import objects

    if not isinstance(description, Mapping):
        raise AnsibleFilterError(
            "podnet.lab.lab_objects: the description is no dictionary; see the filter's documentation."
        )
    return objects(description)


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"lab_objects": lab_objects}
