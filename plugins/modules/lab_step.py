#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any of the lab's modules, sent to the node in one and the same package."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_step
short_description: "Internal: do the work of any of the lab's modules"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - A task of M(podnet.lab.veth), M(podnet.lab.bridge) or another of the lab's modules is sent to the node as this one.
    Ansible packs each module once in a run of C(ansible-playbook), which takes longer than what most of these modules
    do, and so packs one for all of them.
  - In playbooks, use those modules. What a task of theirs returns is the same.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
options:
  module:
    description: Name of the module, without that of the collection.
    type: str
    required: true
    choices:
      - announced_address
      - bgp
      - bridge
      - bridge_port
      - bridge_redirect
      - dns_records
      - forwarding
      - ingress
      - lab_info
      - masquerade
      - netns_link
      - peer_tunnel
      - pod_address
      - pod_container
      - pod_sandbox
      - policy_rules
      - resolv_conf
      - service_rules
      - static_route
      - tunnel
      - veth
      - wireguard
      - wireguard_key
  options:
    description: Options of that module.
    type: dict
    required: true
requirements:
  - iproute2
  - dnsmasq, for V(pod_container) of the name server
  - nftables, for V(masquerade), V(bridge_redirect), V(service_rules) and V(policy_rules)
seealso:
  - name: The lab
    description: The steps, and the modules that they are made of.
    link: https://github.com/podnet-lab/podnet.lab/blob/main/docs/lab.md
"""

EXAMPLES = r"""
- name: Lay a cable into a pod's namespace, as podnet.lab.veth does
  podnet.lab.lab_step:
    module: veth
    options:
      lab: lab0
      pairs:
        - ifname: veth1f0c22aa
          netns: /run/netns/lab0_default_pod1
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order. The other values are those of O(module).
  returned: always, but for V(lab_info)
  type: list
  elements: str
  sample:
    - ip link add veth1f0c22aa mtu 1500 type veth peer name eth0 mtu 1500 netns lab0_default_pod1
    - ip link set veth1f0c22aa alias podnet.lab:lab0
see:
  description: What a person would type to look at the result.
  returned: always, but for V(lab_info)
  type: list
  elements: str
  sample:
    - ip -d link show type veth
"""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.errors import AnsibleValidationError, UnsupportedError

from ansible_collections.podnet.lab.plugins.module_utils._lab.modules import FILES, lab_module


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "module": {"type": "str", "required": True, "choices": sorted(FILES)},
            "options": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    name = module.params["module"]
    arguments, run = lab_module(name)
    checked = ArgumentSpecValidator(**arguments).validate(module.params["options"])
    if checked.error_messages:
        module.fail_json(msg="podnet.lab.%s: %s" % (name, "; ".join(map(fault, checked.errors))))
    module.params = checked.validated_parameters
    run(module)


def fault(error: AnsibleValidationError) -> str:
    """Say what is wrong with an option. The message about one that does not exist begins with its bare name."""
    return "unsupported option " + error.msg if isinstance(error, UnsupportedError) else str(error.msg)


if __name__ == "__main__":
    main()
