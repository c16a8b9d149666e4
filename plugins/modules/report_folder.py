# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report_folder
short_description: "Internal: make the folder for a report on pod networks"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - First step of the playbook C(podnet.lab.inspect). It runs on the control node and uses no connection.
  - Checks everything that can be checked before a node is touched, which is the Python libraries of the control node,
    the query, the folders to read from, and whether the report's folder can be written.
options:
  path:
    description:
      - Folder for the report. It is made when it is missing; what is in it is kept.
      - Without this option a new folder is made for each run, C(reports/TIME) in the working directory.
    type: str
  query:
    description:
      - A JMESPath expression whose grammar is checked.
    type: str
  sources:
    description:
      - Report folders, or C(nodes) folders, that a report is to be made from. Each must hold node files.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode the folder is a temporary one, which M(podnet.lab.report_write) removes.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - With O(path). Without it, each run has a folder of its own.
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes but the report, and that is no state of a node.
seealso:
  - module: podnet.lab.report_node
  - module: podnet.lab.report_write
"""

EXAMPLES = r"""
- name: Prepare the report folder
  podnet.lab.report_folder:
    path: /var/lib/reports/pods
  run_once: true
  register: podnet_folder
"""

RETURN = r"""
path:
  description: The folder, as an absolute path.
  type: str
  returned: success
  sample: /home/anna/reports/2026-11-20T110504Z
began_at:
  description: When the run began, in UTC. Node files that are older were not written by it.
  type: str
  returned: success
  sample: "2026-11-20T11:05:04.120Z"
"""
