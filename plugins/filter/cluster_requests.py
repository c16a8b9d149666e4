# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter of the role ``kubeadm_cluster``: which requests for certificates are approved."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster_requests
short_description: Judge kubelets' requests for serving certificates
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns which pending requests are of a node of the inventory and ask for nothing but its name and its addresses,
    and why each of the others is left to you.
  - A part of the role P(podnet.lab.kubeadm_cluster#role).
positional: _input, requests
options:
  _input:
    description: C(nodes) of what P(podnet.lab.cluster_plan#filter) returned.
    type: dict
    required: true
  requests:
    description: C(node.api.requests) of M(podnet.lab.kubeadm_info), asked with C(requests=true).
    type: list
    elements: dict
    required: true
"""

EXAMPLES = r"""
- name: Show which requests are approved
  ansible.builtin.debug:
    msg: "{{ (plan.nodes | podnet.lab.cluster_requests(seen.node.api.requests)).approve }}"
"""

RETURN = r"""
_value:
  description: The names of those to C(approve), and a text for each that is C(left).
  type: dict
  sample: {approve: [csr-7x2kq], left: []}
"""

from collections.abc import Callable
from typing import Any


def cluster_requests(nodes: Any, requests: Any) -> dict[str, Any]:
    """Return which requests are approved; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.serving import judge_requests

    return judge_requests(nodes, requests or [])


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"cluster_requests": cluster_requests}
