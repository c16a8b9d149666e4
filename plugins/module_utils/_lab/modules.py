# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The lab's modules by name, for the module ``lab_step``, which can do the work of each."""

from __future__ import annotations

import importlib
from typing import Any, Callable, Dict, NamedTuple

from ansible.module_utils.basic import AnsibleModule


class LabModule(NamedTuple):
    """What AnsibleModule is to know of a module's options, and the module's work."""

    arguments: Dict[str, Any]
    run: Callable[[AnsibleModule], None]


FILES: Dict[str, str] = {
    "announced_address": "announced_address",
    "bgp": "bgp",
    "bridge": "bridge",
    "bridge_port": "bridge_port",
    "bridge_redirect": "bridge_redirect",
    "dns_records": "dns_records",
    "forwarding": "forwarding",
    "ingress": "ingress",
    "lab_info": "info",
    "masquerade": "masquerade",
    "netns_link": "netns_link",
    "peer_tunnel": "peer_tunnel",
    "pod_address": "pod_address",
    "pod_container": "pod_container",
    "pod_sandbox": "pod_sandbox",
    "policy_rules": "policy_rules",
    "resolv_conf": "resolv_conf",
    "service_rules": "service_rules",
    "static_route": "static_route",
    "tunnel": "tunnel",
    "veth": "veth",
    "wireguard": "wireguard",
    "wireguard_key": "wireguard_key",
}
"""The file of each module in this folder."""


def lab_module(name: str) -> LabModule:
    """Return a module of `FILES`. No other file is compiled: on a node that takes longer than most of them run."""
    found = importlib.import_module("." + FILES[name], __package__)
    return LabModule(found.ARGUMENTS, found.run)


def all_of_them() -> None:
    """Name all files to Ansible, which sends to the node what import statements name, wherever these stand."""
    from . import (  # noqa: F401
        announced_address,
        bgp,
        bridge,
        bridge_port,
        bridge_redirect,
        dns_records,
        forwarding,
        info,
        ingress,
        masquerade,
        netns_link,
        peer_tunnel,
        pod_address,
        pod_container,
        pod_sandbox,
        policy_rules,
        resolv_conf,
        service_rules,
        static_route,
        tunnel,
        veth,
        wireguard,
        wireguard_key,
    )
