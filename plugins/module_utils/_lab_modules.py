# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The lab's modules by name, for the module ``lab_step``, which can do the work of each."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils import (
    _lab_bridge,
    _lab_bridge_port,
    _lab_forwarding,
    _lab_info,
    _lab_masquerade,
    _lab_netns_link,
    _lab_pod_address,
    _lab_pod_container,
    _lab_pod_sandbox,
    _lab_static_route,
    _lab_veth,
)


class LabModule(NamedTuple):
    """What AnsibleModule is to know of a module's options, and the module's work."""

    arguments: Dict[str, Any]
    run: Callable[[AnsibleModule], None]


MODULES: Dict[str, LabModule] = {
    "bridge": LabModule(_lab_bridge.ARGUMENTS, _lab_bridge.run),
    "bridge_port": LabModule(_lab_bridge_port.ARGUMENTS, _lab_bridge_port.run),
    "forwarding": LabModule(_lab_forwarding.ARGUMENTS, _lab_forwarding.run),
    "lab_info": LabModule(_lab_info.ARGUMENTS, _lab_info.run),
    "masquerade": LabModule(_lab_masquerade.ARGUMENTS, _lab_masquerade.run),
    "netns_link": LabModule(_lab_netns_link.ARGUMENTS, _lab_netns_link.run),
    "pod_address": LabModule(_lab_pod_address.ARGUMENTS, _lab_pod_address.run),
    "pod_container": LabModule(_lab_pod_container.ARGUMENTS, _lab_pod_container.run),
    "pod_sandbox": LabModule(_lab_pod_sandbox.ARGUMENTS, _lab_pod_sandbox.run),
    "static_route": LabModule(_lab_static_route.ARGUMENTS, _lab_static_route.run),
    "veth": LabModule(_lab_veth.ARGUMENTS, _lab_veth.run),
}
