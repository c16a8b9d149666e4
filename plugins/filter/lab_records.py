# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter of the role ``manual_lab``: the door from its tasks to the records of the lab's names."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_records
short_description: Put the addresses that pods have got into the records of the lab's names
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns the option O(podnet.lab.dns_records#module:records) of M(podnet.lab.dns_records).
  - A part of the role P(podnet.lab.manual_lab#role), which gives it the role's variables.
positional: _input, hosts
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
"""

EXAMPLES = r"""
- name: Show all records
  ansible.builtin.debug:
    msg: "{{ plan | podnet.lab.lab_records(hostvars) }}"
"""

RETURN = r"""
_value:
  description: The records; none when the lab has no names.
  type: list
  elements: dict
  sample:
    - {type: TXT, name: dns-version.cluster.local, value: 1.1.0}
    - {type: A, name: web.default.svc.cluster.local, value: 10.96.1.1}
"""

from collections.abc import Callable, Mapping
from typing import Any


def lab_records(plan: Mapping[str, Any], hosts: Any) -> list[dict[str, Any]]:
    """Return all records; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.lab.dns import records
    from ansible_collections.podnet.lab.plugins.plugin_utils.lab.services import pod_addresses

    if plan["dns"] is None:
        return []
    addresses, addresses_v6 = (pod_addresses(plan, hosts, version) for version in (4, 6))
    return list(records(plan["dns"]["domain"], plan["services"], plan["pods"], addresses, addresses_v6))


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"lab_records": lab_records}
