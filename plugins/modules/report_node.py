# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which runs a module on the node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: report_node
short_description: "Internal: read the pod network of a node into a file on the control node"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Runs M(podnet.lab.pod_network_facts) on the node and writes what it says to C(nodes/HOST.json) in a report folder
    on the control node. The facts do not become host variables, so a large fleet slows nothing down.
  - A node that cannot be reached or read gets a file too, with the reason, and then fails as any task does. Use
    C(ignore_unreachable) and C(ignore_errors) to let the play go on to the report.
  - When becoming root fails, the node is read without root, and the file says what is missing because of that.
options:
  path:
    description: The report folder, as M(podnet.lab.report_folder) returned it.
    type: str
    required: true
  gather_subset:
    description: What to read. See M(podnet.lab.pod_network_facts).
    type: list
    elements: str
  timeout:
    description: How many seconds reading the node may take. See M(podnet.lab.pod_network_facts).
    type: int
  on_timeout:
    description: What to do when the time is up. See M(podnet.lab.pod_network_facts).
    type: str
    choices: [error, warn, ignore]
  services:
    description:
      - Whether to read the rules of Services as well, with M(podnet.lab.service_rule_facts).
      - When they cannot be read, the file says so in C(errors), and has the other facts.
    type: bool
    default: false
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - The node is read in check mode as it is otherwise, because reading changes nothing.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes on the node.
seealso:
  - module: podnet.lab.pod_network_facts
  - module: podnet.lab.service_rule_facts
  - module: podnet.lab.report_write
"""

EXAMPLES = r"""
- name: Read the node
  podnet.lab.report_node:
    path: "{{ podnet_folder.path }}"
  become: true
  ignore_unreachable: true
  ignore_errors: true
  register: podnet_node
"""

RETURN = r"""
path:
  description: The node file.
  type: str
  returned: always
  sample: /home/anna/reports/2026-11-20T110504Z/nodes/node1.json
partial:
  description: Whether something could not be read.
  type: bool
  returned: success
  sample: false
namespaces:
  description: Number of network namespaces.
  type: int
  returned: success
  sample: 4
cables:
  description: Number of veth pairs.
  type: int
  returned: success
  sample: 3
bridges:
  description: Number of bridges.
  type: int
  returned: success
  sample: 1
services:
  description: Number of addresses and ports of Services.
  type: int
  returned: when O(services=true) and they could be read
  sample: 15
"""
