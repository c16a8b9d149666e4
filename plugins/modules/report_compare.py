# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report_compare
short_description: "Internal: compare the pod networks of two groups of nodes, or of the same nodes at two times"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Last step of the playbook C(podnet.lab.compare). It runs on the control node and uses no connection.
  - Two groups of nodes, such as the lab and a cluster, are compared by the eight duties of a CNI plugin and by the
    scopes container, pod, node, service and cluster. Of each thing it says what both sides did, the command that shows
    it, and whether that is the same, differs only in a name, is different and why that matters, or is missing.
  - Two snapshots of the same nodes are compared thing by thing. Pods are known by their uid, then by namespace and
    name, other things by name and node, and nothing by what the kernel numbers anew.
  - What was not read is never taken to be missing or the same.
  - Writes C(comparison.json), C(comparison.md) and the page C(comparison.html), and shows a summary of at most 80
    columns.
options:
  path:
    description:
      - Folder to write to, as M(podnet.lab.report_folder) returned it.
      - The node files of the sides are in C(left/nodes) and C(right/nodes) in it. Others are copied there.
    type: str
    required: true
  left_name:
    description:
      - What to call the left side, or what was before.
      - Without this option, the names of the folders in O(left_sources), or V(left).
    type: str
  right_name:
    description:
      - What to call the right side, or what is after.
      - Without this option, the names of the folders in O(right_sources), or V(right).
    type: str
  left_sources:
    description:
      - Report folders, or C(nodes) folders, to read the left side from.
      - Without this option, that is C(left/nodes) in O(path).
    type: list
    elements: str
    default: []
  right_sources:
    description:
      - Report folders, or C(nodes) folders, to read the right side from.
      - Without this option, that is C(right/nodes) in O(path).
    type: list
    elements: str
    default: []
  left_hosts:
    description: Inventory names of the nodes that were asked for the left side. Only they count.
    type: list
    elements: str
    default: []
  right_hosts:
    description: Inventory names of the nodes that were asked for the right side. Only they count.
    type: list
    elements: str
    default: []
  began_at:
    description: When the run began, as M(podnet.lab.report_folder) returned it.
    type: str
  mode:
    description:
      - V(worlds) compares by duty and scope, V(drift) thing by thing.
      - V(auto) takes V(drift) when a node of both sides has the same inventory name and an address in common.
    type: str
    choices: [auto, worlds, drift]
    default: auto
  expected:
    description:
      - Keys of differences that are expected, such as V(bridge.hairpin) or V(pod:default/web-1).
      - The shell's patterns for file names are allowed, such as V(pod:kube-system/*).
    type: list
    elements: str
    default: []
  fail:
    description: Whether to fail when there are differences that O(expected) does not name.
    type: bool
    default: false
  show:
    description: Whether to show the summary. The files are written in any case.
    type: bool
    default: true
  page:
    description: Whether to write C(comparison.html), to be opened in a browser from disk.
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
  - module: podnet.lab.report_folder
  - module: podnet.lab.report_node
"""

EXAMPLES = r"""
- name: What changed since Monday
  podnet.lab.report_compare:
    path: reports/since-monday
    left_name: monday
    left_sources: [reports/monday]
    right_name: today
    right_sources: [reports/latest]
  run_once: true

- name: Nothing may have changed but the pods of the system
  podnet.lab.report_compare:
    path: reports/gate
    left_sources: [reports/before]
    right_sources: [reports/after]
    expected: ["pod:kube-system/*", "lease:*"]
    fail: true
  run_once: true
"""

RETURN = r"""
path:
  description: The report folder; null in check mode.
  type: str
  returned: success
  sample: /home/anna/reports/2026-11-20T110504Z
page:
  description: The page to open in a browser; null in check mode and when none was asked for.
  type: str
  returned: success
  sample: /home/anna/reports/2026-11-20T110504Z/comparison.html
mode:
  description: How the sides were compared, V(worlds) or V(drift).
  type: str
  returned: success
  sample: drift
unexpected:
  description: Keys of the differences that were not expected.
  type: list
  elements: str
  returned: success
  sample: ["pod:default/pod2"]
unread:
  description: Why nodes could not be read, by inventory name.
  type: dict
  returned: success
  sample: {}
"""
