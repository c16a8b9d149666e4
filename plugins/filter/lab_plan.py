# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters of the role ``manual_lab``: doors from its tasks to the plan and to readable commands."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_plan
short_description: Check the description of a lab, and plan it
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Reads the description of a lab, finds every fault in it and in the nodes that it names, and
    returns what each node gets, as options of the collection's modules.
  - A part of the role P(podnet.lab.manual_lab#role), which gives it the role's variables.
positional: _input, hosts, play_hosts
options:
  _input:
    description:
      - The description. Its keys are the variables of the role without C(manual_lab_), these being C(name),
        C(nodes), C(pods), C(cluster_cidr), C(node_prefix), C(node_cidrs), their like for IPv6 that end in C(_v6),
        C(masquerade_v6), C(bridge), C(mtu), C(not_masqueraded),
        C(services), C(service_cidr), C(service_cidr_v6), C(dns), C(dns_domain), C(dns_address), C(dns_upstreams),
        C(policies), C(namespaces), C(network), C(vxlan_vni), C(vxlan_port), C(wireguard_port), C(bgp_asn),
        C(load_balancer_cidr), C(load_balancer_cidr_v6), C(load_balancer_announce), C(gone_nodes),
        C(ingresses), C(ingress_node_ports).
    type: dict
    required: true
  hosts:
    description:
      - C(hostvars), or a dictionary of the same form. Of each host C(ansible_host), C(manual_lab_node_address),
        C(manual_lab_node_address_v6) and C(__manual_lab_seen), the result of M(podnet.lab.lab_info), are read.
    type: dict
    required: true
  play_hosts:
    description: Names of the hosts that the play builds on. One that is no node of the lab is a fault.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Show every fault of a description
  ansible.builtin.debug:
    msg: "{{ (description | podnet.lab.lab_plan(hostvars)).faults }}"
  vars:
    description:
      name: lab0
      nodes: [node1]
      cluster_cidr: 10.244.0.0/16
      node_prefix: 24
      bridge: a-name-that-is-too-long
      mtu: 1500
      pods: []
"""

RETURN = r"""
_value:
  description: Faults, warnings, and what each node gets. Without C(faults) C(nodes) is complete, with them it is empty.
  type: dict
  sample:
    faults: ["manual_lab_bridge: 'a-name-that-is-too-long' has 23 characters, and Linux allows 15. Shorten it."]
    warnings: []
    nodes: {}
    services: []
    dns: null
    ingress: null
    policies: []
    namespaces: {}
    ends: []
    pods: []
    addresses: {}
    addresses_v6: {}
    versions: [4]
"""

import socket
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from ansible.errors import AnsibleFilterError

_NOTED = ("services", "services_v6", "load_balancers", "load_balancers_v6", "announced")
"""What ``podnet.lab.lab_info`` says that a node has of the lab's Services."""


def resolve(name: str) -> list[str]:
    """Return the IPv4 addresses of a host name, as the control node resolves it; none when it cannot."""
    try:
        answers = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def lab_plan(description: Any, hosts: Any, play_hosts: Any = ()) -> dict[str, Any]:
    """Return the plan of a lab; see DOCUMENTATION."""
    from ansible_collections.podnet.lab.plugins.plugin_utils.lab.plan import make_plan

    if find_spec("netaddr") is None:
        raise AnsibleFilterError(
            "The lab's ranges are computed with netaddr, which the control node's Python lacks. "
            "Install it there: python3 -m pip install netaddr, or the package python3-netaddr."
        )
    if not isinstance(description, Mapping):
        raise AnsibleFilterError(
            "podnet.lab.lab_plan: the description is no dictionary; see the filter's documentation."
        )
    chosen: dict[str, dict[str, Any]] = {}
    names = description.get("nodes")
    for name in names if isinstance(names, (list, tuple)) else []:
        if name not in hosts:
            continue
        variables = hosts[name]
        seen = variables.get("__manual_lab_seen") or {}
        chosen[str(name)] = {
            "address": variables.get("manual_lab_node_address"),
            "address_v6": variables.get("manual_lab_node_address_v6"),
            "ansible_host": variables.get("ansible_host"),
            "info": seen.get("node"),
            **{key: seen.get(key) for key in _NOTED},
        }
    return make_plan(description, chosen, resolve, [str(name) for name in play_hosts])


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"lab_plan": lab_plan}
