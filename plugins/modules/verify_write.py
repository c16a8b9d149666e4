# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_write
short_description: "Internal: judge what was sent, write which requirements hold, and show it"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Last step of the playbook C(podnet.lab.verify). It runs on the control node and uses no connection.
  - Writes C(verify.json), C(verify.md) and, in the form of JUnit, C(verify.xml) to the report folder, and shows the
    same in at most 80 columns.
options:
  path:
    description: The report folder with plan and answers.
    type: str
    required: true
  phase:
    description:
      - V(judge) judges what came back, keeps that, and returns the nodes that are to be read so that V(write) can
        compute where the packets of broken pairs end.
      - V(write) computes that, writes the report and shows it.
    type: str
    choices: [judge, write]
    default: write
  paths:
    description: Whether the paths of broken pairs are computed, and nodes are to be read for that.
    type: bool
    default: true
  fail:
    description: Whether the task fails when a requirement is broken.
    type: bool
    default: false
  show:
    description: Whether to show the summary. The files are written in any case.
    type: bool
    default: true
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode the summary is shown, and no report is left behind.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes but the report, and that is no state of a node.
  - With a callback plugin whose name contains C(json), the summary goes to standard error.
seealso:
  - module: podnet.lab.verify_plan
  - module: podnet.lab.verify_probe
"""

EXAMPLES = r"""
- name: Write what holds, and fail when something is broken
  podnet.lab.verify_write:
    path: "{{ podnet_folder.path }}"
    fail: true
  run_once: true
"""

RETURN = r"""
path:
  description: The report folder; null in check mode.
  type: str
  returned: with O(phase=write)
  sample: /home/anna/reports/2026-11-20T110504Z
held:
  description: Number of requirements that hold.
  type: int
  returned: with O(phase=write)
  sample: 6
broken:
  description: Keys of the requirements that are broken.
  type: list
  elements: str
  returned: with O(phase=write)
  sample: ["pods-reach-pods"]
not_applicable:
  description: Number of requirements that cannot be asked here.
  type: int
  returned: with O(phase=write)
  sample: 4
read:
  description: Nodes whose facts with the subset V(diagnose) belong in C(verify/way) of the report folder.
  type: list
  elements: str
  returned: with O(phase=judge)
  sample: ["node1", "node2"]
unsent:
  description: Why nodes took no part, by inventory name.
  type: dict
  returned: with O(phase=write)
  sample: {}
"""
