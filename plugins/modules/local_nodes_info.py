#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: local_nodes_info
short_description: "Internal: list the nodes that M(podnet.lab.local_nodes) made on this machine"
version_added: 1.0.0
description:
  - Lists the fabrics of this machine and their nodes, and whether each still runs and answers.
  - Needs no root.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
options:
  fabric:
    description: Name of the only fabric to list. All of them when it is not given.
    type: str
seealso:
  - module: podnet.lab.local_nodes
author:
  - podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Ask which nodes there are
  podnet.lab.local_nodes_info:
  register: there

- name: Show those that do not answer
  ansible.builtin.debug:
    msg: "{{ there.fabrics | map(attribute='nodes') | flatten | rejectattr('answers') | map(attribute='name') }}"
"""

RETURN = r"""
fabrics:
  description: The fabrics, sorted by name.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: Name of the fabric and of its link on the machine.
      type: str
      sample: podfab0
    subnet:
      description: IPv4 network of the nodes.
      type: str
      sample: 10.89.0.0/24
    directory:
      description: Directory that the fabric belongs to, where its SSH key and inventory are.
      type: str
      sample: /home/me/lab
    owner:
      description: User ID of the one who may use the fabric's SSH master sockets.
      type: int
      sample: 1000
    faults:
      description: What is wrong with the fabric itself. The next run of M(podnet.lab.local_nodes) repairs it.
      type: list
      elements: str
      sample: [link podfab0 is down]
    nodes:
      description: The nodes, in the order of their numbers.
      type: list
      elements: dict
      contains:
        name:
          description: Host name.
          type: str
          sample: node1
        address:
          description: IPv4 address. Null when the node was never finished.
          type: str
          sample: 10.89.0.11
        kind:
          description: V(light) or V(full). Null when the node was never finished.
          type: str
          sample: light
        alive:
          description: Whether its first process runs.
          type: bool
          sample: true
        answers:
          description: Whether its C(sshd) answers. Null when the fabric has faults, so that nothing could.
          type: bool
          sample: true
        pid:
          description: The node's first process, as the machine numbers it. Null when it does not run.
          type: int
          sample: 4711
"""

from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import state
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes.machine import Machine, MachineError
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes.plan import FabricSeen


def main() -> None:
    """List the nodes."""
    module = AnsibleModule(argument_spec={"fabric": {"type": "str"}}, supports_check_mode=True)
    machine = Machine(module.run_command, module.get_bin_path)
    wanted = module.params["fabric"]
    try:
        seen = [machine.see_fabric(name, try_nodes=True) for name in state.fabric_names() if wanted in (None, name)]
    except MachineError as error:
        module.fail_json(msg="local_nodes_info: %s" % error)
    module.exit_json(changed=False, fabrics=[_public(fabric) for fabric in seen if fabric is not None])


def _public(fabric: FabricSeen) -> Dict[str, Any]:
    faults = list(fabric.uplink_faults)
    if not fabric.holder_alive:
        faults.insert(0, "the process that holds the bridge is gone")
    return {
        "name": fabric.name,
        "subnet": fabric.subnet,
        "directory": fabric.directory,
        "owner": fabric.owner,
        "faults": faults,
        "nodes": [
            {
                "name": node.name,
                "address": node.spec.address if node.spec else None,
                "kind": node.spec.kind if node.spec else None,
                "alive": node.alive,
                "answers": node.answers,
                "pid": node.init.pid if node.alive and node.init else None,
            }
            for node in fabric.nodes
        ],
    }


if __name__ == "__main__":
    main()
