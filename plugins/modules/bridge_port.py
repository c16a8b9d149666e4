#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ports of a node's bridge: the node's ends of the pods' cables."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_port
short_description: "Lab step: attach cables of pods to a bridge"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Makes links of the node's network namespace ports of a bridge, and sets them and the bridge up.
  - O(ports) is the whole of the lab's ports. A link of the lab that is a port of the bridge and is not
    in it is detached. Ports that do not carry the lab's mark are left alone.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  bridge:
    description: Name of the bridge.
    type: str
    required: true
  ports:
    description:
      - Names of the links. One that is not there fails the module. In check mode it is taken as still to come.
    type: list
    elements: str
    required: true
  hairpin:
    description:
      - Whether the bridge sends frames back through the port that they came from. A pod needs it to reach itself by a
        Service's address where C(net.bridge.bridge-nf-call-iptables) is on.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Attach the cables of two pods
  podnet.lab.bridge_port:
    lab: lab0
    bridge: lab0
    ports: [veth1f0c22aa, veth8e14d2b7]
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip link set lab0 up
    - ip link set veth1f0c22aa master lab0 up
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - bridge link show
    - bridge fdb show br lab0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.bridge_port import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
