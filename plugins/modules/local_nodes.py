#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: local_nodes
short_description: Make several SSH-reachable nodes on one machine
version_added: 1.0.0
description:
  - Makes light nodes out of network, mount, PID, UTS and IPC namespaces. Each runs its own C(sshd) and has its own
    address, SSH host key, machine ID, processes, C(/etc), C(/run), C(/var) and C(/root). The programs in C(/usr) and
    C(/opt) are the machine's own, read-only. A node takes about 2 MB of memory and a quarter of a second to start.
  - The nodes are joined by a fabric, a bridge in a network namespace of its own. The machine has one link into it, with
    the first address of the subnet. Nodes have a default route to that address, and the machine forwards nothing that
    comes from there.
  - A node that died, or that no longer answers, is replaced by a new one with a new host key.
  - Nodes that are not wanted any more are ended, with everything that runs on them.
  - The role P(podnet.lab.local_nodes#role) uses this module, and adds the SSH key, the C(known_hosts) file and the
    inventory.
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description:
      - V(present) makes exactly O(count) nodes.
      - V(absent) ends all nodes of the fabric and removes the fabric. It looks at no other option but O(fabric) and
        O(directory).
    type: str
    choices: [present, absent]
    default: present
  fabric:
    description:
      - Name of the fabric, which is also the name of its link on the machine. Several fabrics can exist side by side,
        each with a O(subnet) of its own.
      - At most 15 characters.
    type: str
    default: podfab0
  subnet:
    description:
      - IPv4 network of the nodes. The machine has its first address, node 1 the eleventh, node 2 the twelfth and so on.
      - It must not overlap a network that the machine already has an address in or a route to.
    type: str
    default: 10.89.0.0/24
  count:
    description: Number of nodes.
    type: int
    default: 3
  prefix:
    description: What the nodes' host names begin with. The number follows.
    type: str
    default: node
  directory:
    description:
      - Directory that the fabric belongs to, where its user keeps the SSH key and the inventory. Nothing is written
        there.
      - A fabric that belongs to another directory is left alone, and the module fails.
    type: path
    required: true
  public_key:
    description:
      - SSH public key that may log in to the nodes as root, as in C(authorized_keys).
      - Required when O(state=present), except in check mode.
    type: str
    default: ""
  binds:
    description:
      - Directories of the machine that nodes see at the same path, read-only, beside C(/usr) and C(/opt). For example
        another Python installation.
    type: list
    elements: path
    default: []
  owner:
    description:
      - User ID for which a directory for SSH master sockets is made. Short paths are needed for these.
      - The default is the user who ran C(sudo), or the one who runs the module.
    type: int
  init:
    description:
      - Path of the script that becomes a node's first process. The role has it in its C(files).
      - Required when O(state=present).
    type: path
requirements:
  - Root on the machine, or root inside a user namespace (C(tools/rootless)).
  - Linux with veth and bridge.
  - C(ip), C(unshare), C(nsenter), C(setpriv), C(ssh-keygen), C(/usr/sbin/sshd), C(/usr/bin/python3).
  - Python 3.9 or newer.
notes:
  - State is kept in C(/run/podnet-nodes), and does not survive a reboot any more than the nodes do.
  - Calls for the same fabric wait for each other.
seealso:
  - module: podnet.lab.local_nodes_info
author:
  - podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Make three nodes
  podnet.lab.local_nodes:
    directory: /home/me/lab
    public_key: "{{ lookup('ansible.builtin.file', '/home/me/lab/id_ed25519.pub') }}"
    init: "{{ role_path }}/files/node-init"
  become: true

- name: Make five nodes beside them, with a Python of their own
  podnet.lab.local_nodes:
    fabric: podfab1
    subnet: 10.89.1.0/24
    count: 5
    directory: /home/me/lab1
    public_key: "{{ lookup('ansible.builtin.file', '/home/me/lab1/id_ed25519.pub') }}"
    init: "{{ role_path }}/files/node-init"
    binds:
      - /srv/python-3.8
  become: true

- name: Remove the first three
  podnet.lab.local_nodes:
    state: absent
    directory: /home/me/lab
  become: true
"""

RETURN = r"""
fabric:
  description: The fabric that the nodes are plugged into.
  returned: when O(state=present)
  type: dict
  contains:
    name:
      description: Name of the fabric and of its link on the machine.
      type: str
      sample: podfab0
    subnet:
      description: IPv4 network of the nodes.
      type: str
      sample: 10.89.0.0/24
    gateway:
      description: The machine's address on the fabric.
      type: str
      sample: 10.89.0.1
    sockets:
      description: Directory for the sockets of SSH masters, writable by O(owner).
      type: str
      sample: /run/podnet-nodes/podfab0/ssh
nodes:
  description: The nodes, in the order of their numbers.
  returned: when O(state=present)
  type: list
  elements: dict
  contains:
    name:
      description: Host name.
      type: str
      sample: node1
    address:
      description: IPv4 address.
      type: str
      sample: 10.89.0.11
    host_key:
      description: Public SSH host key, as in C(known_hosts). Empty in check mode for a node that would be made.
      type: str
      sample: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILh2wT4pyl0eGQf0l0dHzm7ZWp0bnvT6sAHS9lq1g1tO
    pid:
      description: The node's first process, as the machine numbers it. Null for a node that check mode would make.
      type: int
      sample: 4711
actions:
  description: What was done, or would be done in check mode, as sentences.
  returned: always
  type: list
  elements: str
  sample: [replaced node2 (died)]
commands:
  description: The commands behind it, as a person would type them.
  returned: always
  type: list
  elements: str
  sample: ["ip address add 10.89.0.1/24 dev podfab0"]
"""

import ipaddress
import os
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils import _local_nodes as nodes
from ansible_collections.podnet.lab.plugins.module_utils import _local_nodes_state as state
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes_machine import Machine, MachineError


def main() -> None:
    """Make or remove the nodes."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "fabric": {"type": "str", "default": "podfab0"},
            "subnet": {"type": "str", "default": "10.89.0.0/24"},
            "count": {"type": "int", "default": 3},
            "prefix": {"type": "str", "default": "node"},
            "directory": {"type": "path", "required": True},
            "public_key": {"type": "str", "default": ""},
            "binds": {"type": "list", "elements": "path", "default": []},
            "owner": {"type": "int"},
            "init": {"type": "path"},
        },
        required_if=[("state", "present", ("init",))],
        supports_check_mode=True,
    )
    wanted = _wanted(module.params)
    machine = Machine(module.run_command, module.get_bin_path)
    work = _present if module.params["state"] == "present" else _absent
    try:
        result = work(module, machine, wanted)
    except MachineError as error:
        module.fail_json(msg="local_nodes: %s" % error, commands=machine.commands)
    except OSError as error:
        module.fail_json(
            msg="local_nodes: cannot use %s (%s): nodes need a writable /run." % (error.filename, error.strerror),
            commands=machine.commands,
        )
    module.exit_json(commands=machine.commands, **result)


def _wanted(params: Dict[str, Any]) -> nodes.Wanted:
    owner = params["owner"]
    if owner is None:
        owner = int(os.environ.get("SUDO_UID", "") or os.getuid())
    return nodes.Wanted(
        fabric=params["fabric"],
        subnet=params["subnet"],
        count=params["count"],
        prefix=params["prefix"],
        directory=os.path.abspath(params["directory"]),
        public_key=params["public_key"].strip(),
        binds=tuple(params["binds"]),
        owner=owner,
    )


def _refuse(module: AnsibleModule, faults: List[str]) -> None:
    """Fail with all faults in one message, when there are any."""
    if faults:
        module.fail_json(msg="local_nodes: " + " ".join(faults), faults=faults)


def _need_root(module: AnsibleModule) -> None:
    if os.geteuid() != 0:
        _refuse(
            module,
            ["making network namespaces needs root: use become (sudo), or run the command inside tools/rootless."],
        )


def _present(module: AnsibleModule, machine: Machine, wanted: nodes.Wanted) -> Dict[str, Any]:
    init = module.params["init"]
    faults = nodes.check_wanted(wanted)
    if not wanted.public_key and not module.check_mode:
        faults.append("public_key is empty: give the key that may log in, as in the file id_ed25519.pub.")
    faults += [
        "binds: %s is not a directory of this machine." % path for path in wanted.binds if not os.path.isdir(path)
    ]
    if not os.path.isfile(init):
        faults.append("init: there is no file %s: give the path of the role's files/node-init." % init)
    faults += machine.missing_programs()
    _refuse(module, faults)

    if module.check_mode:
        seen = machine.see_fabric(wanted.fabric, try_nodes=True)
        _refuse(module, machine.check(wanted, seen))
        return _present_result(wanted, seen, nodes.plan_present(wanted, seen), seen)

    _need_root(module)
    directory = state.fabric_directory(wanted.fabric)
    try:
        with ExitStack() as locks:
            # Of two fabrics that are made at the same time, one must see the other's subnet taken.
            with state.locked(state.BASE):
                locks.enter_context(state.locked(directory))
                seen = machine.see_fabric(wanted.fabric, try_nodes=True)
                _refuse(module, machine.check(wanted, seen))
                plan = nodes.plan_present(wanted, seen)
                if plan.rebuild_fabric:
                    machine.remove_fabric(wanted.fabric)
                    machine.build_fabric(wanted)
            if plan.repair_uplink and seen is not None and seen.holder is not None:
                machine.repair_uplink(wanted, seen.holder)
                seen = machine.see_fabric(wanted.fabric, try_nodes=True)
                plan = replace(nodes.plan_present(wanted, seen), repair_uplink=plan.repair_uplink)
            machine.remove_nodes(wanted.fabric, [name for name, _reason in plan.remove])
            machine.start_nodes(wanted.fabric, plan.create, init)
            now = machine.see_fabric(wanted.fabric, try_nodes=False)
            return _present_result(wanted, seen, plan, now)
    finally:
        state.remove_if_empty(directory)
        state.remove_if_empty(state.BASE)


def _present_result(
    wanted: nodes.Wanted, seen: Optional[nodes.FabricSeen], plan: nodes.Plan, now: Optional[nodes.FabricSeen]
) -> Dict[str, Any]:
    """What the module returns; `now` is the fabric after the change, or as it was in check mode."""
    found = {node.name: node for node in now.nodes} if now else {}
    made = {spec.name for spec in plan.create}
    result = []
    for spec in nodes.node_specs(wanted):
        node = found.get(spec.name)
        # In check mode a node that would be replaced is still the old one, whose key will not last.
        lasting = node if node is not None and (spec.name not in made or now is not seen) else None
        result.append(
            {
                "name": spec.name,
                "address": spec.address,
                "host_key": lasting.host_key if lasting else "",
                "pid": lasting.init.pid if lasting and lasting.init else None,
            }
        )
    return {
        "changed": plan.changes,
        "fabric": {
            "name": wanted.fabric,
            "subnet": wanted.subnet,
            "gateway": nodes.gateway_of(ipaddress.IPv4Network(wanted.subnet)),
            "sockets": state.sockets_directory(wanted.fabric),
        },
        "nodes": result,
        "actions": nodes.describe(wanted.fabric, plan),
        "diff": {
            "before": nodes.picture(wanted.fabric, seen),
            "after": nodes.picture_wanted(wanted),
            "before_header": "fabric %s" % wanted.fabric,
            "after_header": "fabric %s" % wanted.fabric,
        },
    }


def _absent(module: AnsibleModule, machine: Machine, wanted: nodes.Wanted) -> Dict[str, Any]:
    directory = state.fabric_directory(wanted.fabric)
    seen = machine.see_fabric(wanted.fabric, try_nodes=False)
    if seen is not None and seen.directory != wanted.directory:
        _refuse(
            module,
            [
                "fabric %s belongs to %s, not to %s: remove it from there, or give that directory."
                % (wanted.fabric, seen.directory, wanted.directory)
            ],
        )
    there = machine.has_traces(wanted.fabric)
    if there and not module.check_mode:
        _need_root(module)
        try:
            with state.locked(directory):
                machine.remove_fabric(wanted.fabric)
        finally:
            state.remove_if_empty(directory)
            state.remove_if_empty(state.BASE)
    return {
        "changed": there,
        "actions": ["removed fabric %s" % wanted.fabric] if there else [],
        "diff": {
            "before": nodes.picture(wanted.fabric, seen),
            "after": "",
            "before_header": "fabric %s" % wanted.fabric,
            "after_header": "fabric %s" % wanted.fabric,
        },
    }


if __name__ == "__main__":
    main()
