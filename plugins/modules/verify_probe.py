# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which runs a module on the node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_probe
short_description: "Internal: do one node's part of verifying the pod network"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Runs M(podnet.lab.probe) on the node with what M(podnet.lab.verify_plan) planned for it, and keeps what that module
    says in the report folder.
  - In three phases, each of which all nodes end before the next one begins. First listeners are opened, then probes are
    sent to them, then the listeners are ended.
options:
  path:
    description: The report folder with the plan.
    type: str
    required: true
  phase:
    description: What to do.
    type: str
    required: true
    choices: [listen, send, collect]
  hold:
    description: Seconds for which the listeners stay at most, should nobody end them.
    type: int
    default: 900
  timeout:
    description: Seconds that a probe waits for an answer.
    type: float
    default: 2.0
  total_timeout:
    description: Seconds that all probes of the node may take together.
    type: float
    default: 300.0
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode nothing is sent and nothing listens.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change. What it starts on the node ends with the phase V(collect), or after O(hold).
seealso:
  - module: podnet.lab.probe
  - module: podnet.lab.verify_plan
  - module: podnet.lab.verify_write
"""

EXAMPLES = r"""
- name: Send what was planned
  podnet.lab.verify_probe:
    path: "{{ podnet_folder.path }}"
    phase: send
  become: true
"""

RETURN = r"""
probes:
  description: Number of probes that were sent.
  type: int
  returned: success
  sample: 30
listeners:
  description: Number of listeners that were opened or ended.
  type: int
  returned: success
  sample: 6
"""
