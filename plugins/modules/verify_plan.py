# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the action plugin of the same name, which works on the control node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: verify_plan
short_description: "Internal: plan what is sent to verify the pod network"
version_added: 1.0.0
author:
  - podnet.lab contributors (@podnet-lab)
description:
  - Third step of the playbook C(podnet.lab.verify), after M(podnet.lab.report_node) has read all nodes. It runs on the
    control node and uses no connection.
  - Decides which probes each node sends and where listeners wait for them, and writes each node's part into the report
    folder, where M(podnet.lab.verify_probe) finds it.
options:
  path:
    description: The report folder, with a file for each node that was read.
    type: str
    required: true
  hosts:
    description: Inventory names of the nodes that were asked. One that left no file counts as not read.
    type: list
    elements: str
    default: []
  began_at:
    description: When the report began, as M(podnet.lab.report_folder) returned it. Older files do not count.
    type: str
  outside:
    description: Inventory names of hosts that are no part of the pod network, for which packets leave the cluster.
    type: list
    elements: str
    default: []
  objects:
    description:
      - Objects of the Kubernetes API that say what the network should do, each as a dictionary or as the name of a file
        in JSON or YAML. NetworkPolicies, Pods (labels and named ports), Namespaces, Services, Endpoints,
        EndpointSlices and Ingresses are read, all others passed over.
      - No more of them is kept than is needed.
    type: list
    elements: raw
    default: []
  names:
    description: Names that pods should be able to resolve, each with its C(addresses), none for a name not to be known.
    type: list
    elements: dict
    default: []
  policy_ports:
    description: Ports that are tried beside those which policies name, as in V(80) or V(53/udp).
    type: list
    elements: str
    default: []
  domain:
    description: Domain of the cluster.
    type: str
    default: cluster.local
  pairs:
    description: Up to so many pairs of pods are sent from one node before a sample takes the place of all.
    type: int
    default: 2000
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - The plan is made in check mode as well, in the temporary folder of that run.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
notes:
  - Never reports a change, because nothing changes but the report folder, and that is no state of a node.
seealso:
  - module: podnet.lab.verify_probe
  - module: podnet.lab.verify_write
"""

EXAMPLES = r"""
- name: Plan what is sent
  podnet.lab.verify_plan:
    path: "{{ podnet_folder.path }}"
    objects: [policies.yml]
    outside: [gateway]
  run_once: true
"""

RETURN = r"""
pods:
  description: Number of pods that send and receive.
  type: int
  returned: success
  sample: 3
pairs:
  description: Number of pairs of pods, each direction counted.
  type: int
  returned: success
  sample: 6
probes:
  description: Number of probes.
  type: int
  returned: success
  sample: 30
listeners:
  description: Number of listeners.
  type: int
  returned: success
  sample: 6
"""
