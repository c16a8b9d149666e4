#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resolv.conf of each pod."""

from __future__ import annotations

DOCUMENTATION = r"""
module: resolv_conf
short_description: "Lab step: tell pods whom to ask for names"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Writes C(/etc/netns/NAME/resolv.conf) for each pod, which C(ip netns exec) shows to what it runs, and which
    containers have over their own when O(podnet.lab.pod_container#module:pods[].resolv_conf) is set.
  - The first line is the lab's mark. A file without it is refused, never overwritten.
  - O(pods) is the whole of the lab's files on this node. Empty removes them.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  pods:
    description: Every pod that is to have a file.
    type: list
    elements: dict
    required: true
    suboptions:
      netns:
        description: Name of the pod's network namespace, a path below C(/run/netns).
        type: path
        required: true
      servers:
        description: Addresses of name servers.
        type: list
        elements: str
        required: true
      search:
        description: Domains by which a short name is completed, in order.
        type: list
        elements: str
        default: []
      options:
        description: Options of the resolver, as in resolv.conf(5).
        type: list
        elements: str
        default: []
"""

EXAMPLES = r"""
- name: Let a pod find Services by their names
  podnet.lab.resolv_conf:
    lab: lab0
    pods:
      - netns: /run/netns/lab0_default_pod1
        servers: [10.96.0.10]
        search: [default.svc.cluster.local, svc.cluster.local, cluster.local]
        options: [ndots:5]
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - "printf '# podnet.lab:lab0\\nsearch default.svc.cluster.local svc.cluster.local cluster.local\\nnameserver
      10.96.0.10\\noptions ndots:5\\n' > /etc/netns/lab0_default_pod1/resolv.conf"
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - cat /etc/netns/lab0_default_pod1/resolv.conf
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.resolv_conf import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
