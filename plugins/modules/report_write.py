# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report_write
short_description: "Internal: write the report on pod networks and show its summary"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Makes C(report.json), C(report.md) and the page C(report.html) from node files, and shows a summary of at most 80
    columns, whatever callback plugin is in use. It runs on the control node and uses no connection.
  - When several folders hold a file of the same host, the one that was read last counts, and the report says so.
options:
  path:
    description: Folder to write to. Node files from elsewhere are copied to C(nodes) in it.
    type: str
    required: true
  sources:
    description:
      - Report folders, or C(nodes) folders, to read from.
      - Without this option, that is O(path) itself.
    type: list
    elements: str
    default: []
  hosts:
    description:
      - Inventory names of the nodes that were asked. One that left no file since O(began_at) is reported as not read.
    type: list
    elements: str
    default: []
  began_at:
    description: When the run began, as M(podnet.lab.report_folder) returned it.
    type: str
  query:
    description:
      - A JMESPath expression over the model in C(report.json), for example V(pods[].addresses[].local).
      - Its result is shown, as JSON, instead of the summary.
    type: str
  show:
    description: Whether to show the summary, or the query's result. The files are written in any case.
    type: bool
    default: true
  latest:
    description: Whether to let the link C(latest) beside O(path) lead to it.
    type: bool
    default: false
  ignore:
    description:
      - Odd things that are no faults here. They do not count, and stand after the others with their reason.
      - Each entry has V(reason) and at least one of V(kind) and V(object); with V(host) it is only about that node.
        These are shell patterns, such as V(lease-*).
      - What could not be read cannot be ignored.
    type: list
    elements: dict
    default: []
  page:
    description:
      - Whether to write C(report.html) and the folder C(html), to be opened in a browser from disk.
      - Without it, pages of an earlier report in O(path) stay as they are.
    type: bool
    default: true
  fail:
    description:
      - When the task fails, after all files are written, for pipelines.
      - V(fault) is when something does not work, V(any) also when something may surprise or is not proven.
      - What O(ignore) sets aside does not count.
    type: str
    choices: [never, fault, any]
    default: never
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
- name: Write the report
  podnet.lab.report_write:
    path: "{{ podnet_folder.path }}"
    hosts: "{{ ansible_play_hosts_all }}"
    began_at: "{{ podnet_folder.began_at }}"
  run_once: true

- name: Let a pipeline fail when something does not work
  podnet.lab.report_write:
    path: "{{ podnet_folder.path }}"
    fail: fault
  run_once: true

- name: One report of what two runners collected
  podnet.lab.report_write:
    path: reports/both
    sources:
      - /mnt/runner1/report
      - /mnt/runner2/report
    query: odd[?severity=='fault'].message
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
  sample: /home/anna/reports/2026-11-20T110504Z/report.html
nodes:
  description: Number of nodes in the report.
  type: int
  returned: success
  sample: 3
odd:
  description: Number of odd things.
  type: int
  returned: success
  sample: 0
ignored:
  description: Number of odd things that O(ignore) set aside.
  type: int
  returned: success
  sample: 0
unread:
  description: Why nodes could not be read, by inventory name.
  type: dict
  returned: success
  sample: {}
"""
