# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: path_compute
short_description: "Internal: compute from node files which way a packet takes, and show it"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Computes each hop that a packet takes from a sender to a receiver, and that of its answer, from what
    M(podnet.lab.report_node) wrote with the subset V(diagnose). No node is touched, and no connection is used.
  - What is not understood, or was not read, makes a way V(unknown) that says what is missing. Nothing is guessed.
options:
  path:
    description: Report folder with the node files. C(path.json) is written to it.
    type: str
    required: true
  sender:
    description: Who sends. A pod as in V(default/web-0), a node by its inventory name, or an address of one.
    type: str
    required: true
  receiver:
    description: >-
      Who is asked. A pod, a node, a Service as in V(default/web:80), or any address; with a port after a colon, IPv6
      addresses with a port in brackets.
    type: str
    required: true
  protocol:
    description: >-
      Without it V(tcp) where there is a port, or what the Service's port is for, and V(icmp) where there is none.
    type: str
    choices: [tcp, udp, icmp]
  family:
    description: Which address is taken of who has both.
    type: str
    choices: [inet, inet6]
  size:
    description: Bytes of the IP packet, which may not be taken apart on its way.
    type: int
    default: 84
  live:
    description: >-
      Whether the packet is then really sent, by M(podnet.lab.path_send). It is computed from another port each time,
      and RV(live) says what is done on which node.
    type: bool
    default: false
  fail:
    description: Whether the task fails, after all is written, when a way or its answer is dropped or unknown.
      With O(live), M(podnet.lab.path_compare) fails instead.
    type: bool
    default: false
  page:
    description: Whether the path is also written as C(path.html), a page for a browser, with pictures.
    type: bool
    default: true
  show:
    description: Whether to show the path.
    type: bool
    default: true
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode the path is shown and not written.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes but the report, and that is no state of a node.
  - With a callback plugin whose name contains C(json), the path goes to standard error.
seealso:
  - module: podnet.lab.report_node
"""

EXAMPLES = r"""
- name: Show how a packet comes from a pod to a Service
  podnet.lab.path_compute:
    path: reports/latest
    sender: default/pod1
    receiver: default/web:80
"""

RETURN = r"""
path:
  description: The file with all hops; null in check mode.
  type: str
  returned: success
  sample: /home/anna/reports/latest/path.json
page:
  description: The page for a browser; null in check mode, and where it was not to be written.
  type: str
  returned: success
  sample: /home/anna/reports/latest/path.html
verdict:
  description: The worst end of all ways, V(dropped), V(unknown), V(left) or V(delivered).
  type: str
  returned: success
  sample: delivered
ways:
  description: Number of ways that the packet may take.
  type: int
  returned: success
  sample: 3
reasons:
  description: Why ways are dropped or unknown. Empty when all arrive and are answered.
  type: list
  elements: str
  returned: success
  sample: []
live:
  description: What M(podnet.lab.path_watch) and M(podnet.lab.path_send) are to do on each node.
  type: dict
  returned: with O(live)
"""
