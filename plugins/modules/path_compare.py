# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: path_compare
short_description: "Internal: hold a computed path against what was seen of a packet, and show both"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Last step of the playbook C(podnet.lab.path) with C(podnet_live), after M(podnet.lab.path_watch) has waited for the
    packet that M(podnet.lab.path_send) sent. No node is touched, and no connection is used.
  - Puts each interface that the packet was computed to pass beside what was seen there, and marks the first difference.
options:
  path:
    description: The file that M(podnet.lab.path_compute) wrote. What was seen is added to it.
    type: str
    required: true
  plan:
    description: The RV(podnet.lab.path_compute#module:live) of M(podnet.lab.path_compute).
    type: dict
    required: true
  opened:
    description: By host, what M(podnet.lab.path_watch) returned when it opened the watchers.
    type: dict
    required: true
  sent:
    description: By host, what M(podnet.lab.path_send) returned.
    type: dict
    required: true
  seen:
    description: By host, what M(podnet.lab.path_watch) returned when it ended the watchers.
    type: dict
    required: true
  fail:
    description: >-
      Whether the task fails, after all is written, when the packet did not go as computed, or is
      dropped as computed.
    type: bool
    default: false
  show:
    description: Whether to show both.
    type: bool
    default: true
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode nothing was sent, and the task is skipped.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes but the report, and that is no state of a node.
  - With a callback plugin whose name contains C(json), both go to standard error.
seealso:
  - module: podnet.lab.path_compute
  - module: podnet.lab.path_watch
  - module: podnet.lab.path_send
"""

EXAMPLES = r"""
- name: Compare
  podnet.lab.path_compare:
    path: reports/latest/path.json
    plan: "{{ computed.live }}"
    opened: {node1: "{{ opened }}"}
    sent: {node1: "{{ sent }}"}
    seen: {node1: "{{ seen }}"}
"""

RETURN = r"""
verdict:
  description: V(same), V(different), or V(resolved) where the packet went on behind the end of what is computed.
  type: str
  returned: success
  sample: same
difference:
  description: The first difference in words; null when all is as computed.
  type: str
  returned: success
  sample: null
way:
  description: The number of the computed way that fits best.
  type: int
  returned: success
  sample: 1
"""
