#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links inside the namespaces of pods."""

from __future__ import annotations

DOCUMENTATION = r"""
module: netns_link
short_description: "Lab step: set up links inside network namespaces"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Sets links inside named network namespaces up, and sets their MTU.
  - What is not listed is left alone.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  links:
    description:
      - The links. One that is not there fails the module. In check mode it is taken as still to come.
    type: list
    elements: dict
    required: true
    suboptions:
      netns:
        description: Path of the namespace, below C(/run/netns).
        type: path
        required: true
      ifname:
        description: Name of the link.
        type: str
        required: true
      mtu:
        description: MTU in bytes. Left as it is when not given.
        type: int
      alias:
        description: Whether the link gets the lab's mark as its alias.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Set the loopback and the cable of a pod up
  podnet.lab.netns_link:
    lab: lab0
    links:
      - netns: /run/netns/lab0_default_pod1
        ifname: lo
      - netns: /run/netns/lab0_default_pod1
        ifname: eth0
        alias: true
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip -n lab0_default_pod1 link set lo up
    - ip -n lab0_default_pod1 link set eth0 alias podnet.lab:lab0 up
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -n lab0_default_pod1 link
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.netns_link import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
