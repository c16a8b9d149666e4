#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The bridge of a node that joins the cables of its pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge
short_description: "Lab step: create a bridge for pods"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Creates a Linux bridge. M(podnet.lab.bridge_port) attaches links to it and sets it up.
  - A bridge that carries the lab's mark and has another name is removed. A link with the wanted name
    that the lab did not make is never touched; the module fails then.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  name:
    description: Name of the bridge. Needed when O(state=present).
    type: str
  state:
    description: Whether the lab has a bridge. V(absent) removes every bridge with the lab's mark, whatever its name.
    type: str
    choices: [present, absent]
    default: present
  mtu:
    description: MTU in bytes.
    type: int
    default: 1500
  address:
    description:
      - MAC address of the bridge. Without it the kernel takes the lowest one of the ports, so that the
        pods' gateway changes its address when a pod comes or goes.
    type: str
"""

EXAMPLES = r"""
- name: Create the bridge
  podnet.lab.bridge:
    lab: lab0
    name: lab0
    mtu: 1400

- name: Remove the lab's bridge
  podnet.lab.bridge:
    lab: lab0
    state: absent
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip link add lab0 mtu 1400 type bridge
    - ip link set lab0 alias podnet.lab:lab0
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -d link show lab0
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.bridge import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
