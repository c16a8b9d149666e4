# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which runs a module on the node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: walkthrough_node
short_description: "Internal: walk through the node that a pod is on"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Second step of the playbook C(podnet.lab.walkthrough), after M(podnet.lab.report_node) has read all nodes. Chooses a
    pod in the report folder, plans the walk, and on that pod's node runs its commands with
    M(podnet.lab.walkthrough_commands). What they print goes to C(walk.json) in the report folder.
  - On all other nodes it does nothing.
options:
  path:
    description: The report folder whose node files are looked at.
    type: str
    required: true
  pod:
    description:
      - Which pod to look at, as in V(default/pod1).
      - Without this option, one that shows much, with several containers and neighbours on this node and another one.
    type: str
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - The commands run in check mode as they do otherwise, because they change nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes on the node.
seealso:
  - module: podnet.lab.walkthrough_write
"""

EXAMPLES = r"""
- name: Walk through the node of the pod
  podnet.lab.walkthrough_node:
    path: "{{ podnet_folder.path }}"
    pod: default/pod1
  become: true
"""

RETURN = r"""
walked:
  description: Whether the pod is on this node.
  type: bool
  returned: success
  sample: true
pod:
  description: The pod.
  type: str
  returned: when it is on this node
  sample: default/pod1
"""
