# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: walkthrough_write
short_description: "Internal: write the walk through a node, and show it"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Last step of the playbook C(podnet.lab.walkthrough). It runs on the control node and uses no connection.
  - Writes C(walkthrough.md) to the report folder, and shows the same in at most 80 columns.
options:
  path:
    description: Folder to write to, as M(podnet.lab.report_folder) returned it.
    type: str
    required: true
  sides:
    description: What was walked through, one or two.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What to call the side.
        type: str
        required: true
      path:
        description: Its folder, with C(nodes) and C(walk.json) in it.
        type: str
        required: true
  pod:
    description: Which pod, as M(podnet.lab.walkthrough_node) was told.
    type: str
  show:
    description: Whether to show the walk. The file is written in any case.
    type: bool
    default: true
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode the walk is shown, and no report is left behind.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes but the report, and that is no state of a node.
  - With a callback plugin whose name contains C(json), the walk goes to standard error.
seealso:
  - module: podnet.lab.walkthrough_node
"""

EXAMPLES = r"""
- name: Write the walk
  podnet.lab.walkthrough_write:
    path: "{{ podnet_folder.path }}"
    sides:
      - name: lab
        path: "{{ podnet_folder.path }}"
  run_once: true
"""

RETURN = r"""
path:
  description: The file; null in check mode.
  type: str
  returned: success
  sample: /home/anna/reports/2026-11-20T110504Z/walkthrough.md
steps:
  description: Number of steps.
  type: int
  returned: success
  sample: 17
"""
