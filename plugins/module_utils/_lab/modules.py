# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The lab's modules by name, for the module ``lab_step``, which can do the work of each."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple

from ansible.module_utils.basic import AnsibleModule

from . import (
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


class LabModule(NamedTuple):
    """What AnsibleModule is to know of a module's options, and the module's work."""

    arguments: Dict[str, Any]
    run: Callable[[AnsibleModule], None]


MODULES: Dict[str, LabModule] = {
    "announced_address": LabModule(announced_address.ARGUMENTS, announced_address.run),
    "bgp": LabModule(bgp.ARGUMENTS, bgp.run),
    "bridge": LabModule(bridge.ARGUMENTS, bridge.run),
    "bridge_port": LabModule(bridge_port.ARGUMENTS, bridge_port.run),
    "bridge_redirect": LabModule(bridge_redirect.ARGUMENTS, bridge_redirect.run),
    "dns_records": LabModule(dns_records.ARGUMENTS, dns_records.run),
    "forwarding": LabModule(forwarding.ARGUMENTS, forwarding.run),
    "ingress": LabModule(ingress.ARGUMENTS, ingress.run),
    "lab_info": LabModule(info.ARGUMENTS, info.run),
    "masquerade": LabModule(masquerade.ARGUMENTS, masquerade.run),
    "netns_link": LabModule(netns_link.ARGUMENTS, netns_link.run),
    "peer_tunnel": LabModule(peer_tunnel.ARGUMENTS, peer_tunnel.run),
    "pod_address": LabModule(pod_address.ARGUMENTS, pod_address.run),
    "pod_container": LabModule(pod_container.ARGUMENTS, pod_container.run),
    "pod_sandbox": LabModule(pod_sandbox.ARGUMENTS, pod_sandbox.run),
    "policy_rules": LabModule(policy_rules.ARGUMENTS, policy_rules.run),
    "resolv_conf": LabModule(resolv_conf.ARGUMENTS, resolv_conf.run),
    "service_rules": LabModule(service_rules.ARGUMENTS, service_rules.run),
    "static_route": LabModule(static_route.ARGUMENTS, static_route.run),
    "tunnel": LabModule(tunnel.ARGUMENTS, tunnel.run),
    "veth": LabModule(veth.ARGUMENTS, veth.run),
    "wireguard": LabModule(wireguard.ARGUMENTS, wireguard.run),
    "wireguard_key": LabModule(wireguard_key.ARGUMENTS, wireguard_key.run),
}
