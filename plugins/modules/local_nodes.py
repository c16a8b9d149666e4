#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: local_nodes
short_description: "Internal: make several SSH-reachable nodes on one machine"
version_added: 1.0.0
description:
  - Makes nodes out of network, mount, PID, UTS and IPC namespaces. Each runs its own C(sshd) and has its own address,
    SSH host key, machine ID and processes.
  - A light node has its own C(/etc), C(/run), C(/var) and C(/root), in memory. The programs in C(/usr) and C(/opt) are
    the machine's own, read-only. It takes about 2 MB of memory and a quarter of a second to start.
  - A full node (O(kind=full)) has systemd as its first process, control groups of its own, and a Debian root file
    system that it can change. kubeadm and a container runtime work in it as on a machine. It takes 25 MB of memory
    and two seconds to start. The root file system is built with mmdebstrap once, which takes a minute or two, and kept.
    Nothing that belongs to the whole machine can be set from it.
  - The nodes are joined by a fabric, a bridge in a network namespace of its own. The machine has one link into it, with
    the first address of the subnet. Nodes have a default route to that address, and the machine forwards nothing that
    comes from there.
  - A node that died, or that no longer answers, is replaced by a new one with a new host key.
  - Nodes that are not wanted any more are ended, with everything that runs on them.
  - The role P(podnet.lab.local_nodes#role) uses this module, and adds the SSH key, the C(known_hosts) file and the
    inventory.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
options:
  state:
    description:
      - V(present) makes exactly O(count) nodes.
      - V(absent) ends all nodes of the fabric and removes the fabric. It looks at no other option but O(fabric),
        O(directory) and O(data). Root file systems in O(cache) stay.
    type: str
    choices: [present, absent]
    default: present
  kind:
    description:
      - V(light) nodes run the machine's own programs below C(sshd).
      - V(full) nodes are systemd over a Debian root file system. They need root on the machine itself.
      - Nodes of the other kind are replaced.
    type: str
    choices: [light, full]
    default: light
  suite:
    description: Debian release of full nodes. A change replaces them.
    type: str
    default: bookworm
  packages:
    description:
      - Debian packages in full nodes, beside systemd, OpenSSH, Python, iproute2, iputils, kmod, nftables and procps. A
        change replaces them.
    type: list
    elements: str
    default: []
  mirror:
    description:
      - Debian mirror from which a root file system is built.
      - The default is the first one of the machine's own apt, by the way that apt takes there.
    type: str
  cache:
    description:
      - Directory for root file systems, one for each O(suite) and list of O(packages). They are built when they are
        missing, and can be removed when no nodes run.
    type: path
    default: /var/cache/podnet-lab
  data:
    description:
      - Directory for what full nodes write, on a disk with ext4, xfs or btrfs. It lasts as long as the nodes.
    type: path
    default: /var/lib/podnet-nodes
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
      - Directories of the machine that nodes see at the same path, read-only. For example another Python installation.
      - Light nodes see C(/usr) and C(/opt) in any case.
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
      - Path of the script that becomes a node's first process. The role has it in its C(files), C(node-init) for light
        and C(full-node-init) for full nodes.
      - Required when O(state=present).
    type: path
requirements:
  - Root on the machine, or root inside a user namespace (C(tools/rootless)).
  - Linux with veth and bridge.
  - C(ip), C(unshare), C(nsenter), C(setpriv), C(ssh-keygen), C(/usr/sbin/sshd), C(/usr/bin/python3).
  - For full nodes overlayfs, control groups of version 1 or 2, and C(mmdebstrap) to build a root file system.
  - Python 3.9 or newer.
notes:
  - State is kept in C(/run/podnet-nodes), and does not survive a reboot any more than the nodes do.
  - Calls for the same fabric wait for each other, and so do calls that build root file systems in the same O(cache).
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

- name: Make two full nodes for a cluster
  podnet.lab.local_nodes:
    kind: full
    fabric: podk0
    subnet: 10.90.0.0/24
    count: 2
    packages: [containerd, containernetworking-plugins, iptables]
    directory: /home/me/cluster
    public_key: "{{ lookup('ansible.builtin.file', '/home/me/cluster/id_ed25519.pub') }}"
    init: "{{ role_path }}/files/full-node-init"
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
root:
  description: The root file system that the nodes lie over.
  returned: when O(state=present) and O(kind=full)
  type: dict
  contains:
    path:
      description: Where it is. The last but one directory is named after its content.
      type: str
      sample: /var/cache/podnet-lab/bookworm-0123456789abcdef/root
    built:
      description: Whether this call built it, or would build it in check mode.
      type: bool
      sample: false
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
import shlex
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Dict, List, Optional, Sequence, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import cgroups, state
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import plan as nodes
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes import root as roots
from ansible_collections.podnet.lab.plugins.module_utils._local_nodes.machine import Machine, MachineError


def main() -> None:
    """Make or remove the nodes."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "kind": {"type": "str", "choices": ["light", "full"], "default": "light"},
            "suite": {"type": "str", "default": "bookworm"},
            "packages": {"type": "list", "elements": "str", "default": []},
            "mirror": {"type": "str"},
            "cache": {"type": "path", "default": "/var/cache/podnet-lab"},
            "data": {"type": "path", "default": "/var/lib/podnet-nodes"},
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
    except (MachineError, roots.RootError) as error:
        module.fail_json(msg="local_nodes: %s" % error, commands=machine.commands)
    except OSError as error:
        module.fail_json(
            msg="local_nodes: cannot use %s (%s): nodes need a writable /run%s."
            % (error.filename, error.strerror, ", cache and data" if wanted.kind == "full" else ""),
            commands=machine.commands,
        )
    module.exit_json(commands=machine.commands, **result)


def _wanted(params: Dict[str, Any]) -> nodes.Wanted:
    owner = params["owner"]
    if owner is None:
        owner = int(os.environ.get("SUDO_UID", "") or os.getuid())
    full = params["kind"] == "full"
    return nodes.Wanted(
        fabric=params["fabric"],
        subnet=params["subnet"],
        count=params["count"],
        prefix=params["prefix"],
        directory=os.path.abspath(params["directory"]),
        public_key=params["public_key"].strip(),
        binds=tuple(params["binds"]),
        owner=owner,
        kind=params["kind"],
        root=roots.root_path(params["cache"], roots.key_of(params["suite"], params["packages"])) if full else "",
        data=params["data"] if full else "",
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
    root_built = True
    if wanted.kind == "full":
        root_built = roots.is_built(module.params["cache"], os.path.basename(os.path.dirname(wanted.root)))
        faults += _full_faults(module, root_built)
    _refuse(module, faults)

    if module.check_mode:
        seen = machine.see_fabric(wanted.fabric, try_nodes=True)
        _refuse(module, machine.check(wanted, seen))
        return _present_result(wanted, seen, nodes.plan_present(wanted, seen, root_built), seen)

    _need_root(module)
    if not root_built:
        # Whatever else would stand in the way is better said before a minute's work.
        _refuse(module, machine.check(wanted, machine.see_fabric(wanted.fabric, try_nodes=False)))
        # Another call may have built it while this one waited, and have nodes over it.
        root_built = not _build_root(module, machine)
    directory = state.fabric_directory(wanted.fabric)
    try:
        with ExitStack() as locks:
            # Of two fabrics that are made at the same time, one must see the other's subnet taken.
            with state.locked(state.BASE):
                locks.enter_context(state.locked(directory))
                seen = machine.see_fabric(wanted.fabric, try_nodes=True)
                _refuse(module, machine.check(wanted, seen))
                plan = nodes.plan_present(wanted, seen, root_built)
                if plan.rebuild_fabric:
                    machine.remove_fabric(wanted.fabric, wanted.data)
                    machine.build_fabric(wanted)
            if plan.repair_uplink and seen is not None and seen.holder is not None:
                machine.repair_uplink(wanted, seen.holder)
                seen = machine.see_fabric(wanted.fabric, try_nodes=True)
                plan = replace(nodes.plan_present(wanted, seen, root_built), repair_uplink=plan.repair_uplink)
            machine.remove_nodes(wanted.fabric, [name for name, _reason in plan.remove])
            machine.start_nodes(wanted.fabric, plan.create, init)
            now = machine.see_fabric(wanted.fabric, try_nodes=False)
            return _present_result(wanted, seen, plan, now)
    finally:
        _leave_no_empty(directory)


def _leave_no_empty(directory: str) -> None:
    """Remove a fabric's state directory, and that of all fabrics, when nothing is in them."""
    with state.locked(state.BASE, fleeting=True), state.locked(directory, fleeting=True):
        pass


def _full_faults(module: AnsibleModule, root_built: bool) -> List[str]:
    """Why there cannot be full nodes as they are wanted, or on this machine."""
    params = module.params
    faults = roots.check_recipe(params["suite"], params["packages"])
    for option in ("cache", "data"):
        faults += roots.check_directory(option, params[option])
    if faults:
        return faults
    if not state.is_initial_user_namespace():
        faults.append(
            "full nodes need root of the machine itself: use sudo, or take light nodes inside tools/rootless."
        )
    if not root_built and module.get_bin_path("mmdebstrap") is None:
        faults.append("mmdebstrap is not installed: install Debian's package mmdebstrap (apt-get install mmdebstrap).")
    if not root_built:
        fstype, free = roots.see_disk(params["cache"])
        faults += roots.check_disk("cache", params["cache"], fstype, free, roots.SPACE_TO_BUILD, is_upper=False)
    fstype, free = roots.see_disk(params["data"])
    faults += roots.check_disk("data", params["data"], fstype, free, roots.SPACE_FOR_NODES, is_upper=True)
    return faults + state.check_data(params["data"], params["fabric"]) + cgroups.faults_of_machine()


def _build_root(module: AnsibleModule, machine: Machine) -> bool:
    """Build the root file system, unless another call did meanwhile; whether it was built here."""
    params = module.params

    def run(argv: Sequence[str]) -> Tuple[int, str]:
        code, out, err = module.run_command(list(argv))
        return code, out if code == 0 else err or out

    def build(argv: Sequence[str]) -> Tuple[int, str]:
        machine.commands.append(shlex.join(argv))
        return run(argv)

    mirror = params["mirror"] or roots.mirror_of_machine(run)
    if not mirror:
        _refuse(module, ["this machine's apt knows no mirror of Debian: say where one is with mirror."])
    code, dump = run(["apt-config", "dump"])
    options = roots.apt_options(dump) if code == 0 else []
    return roots.build(params["cache"], params["suite"], params["packages"], str(mirror), options, build)


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
    root = {"root": {"path": wanted.root, "built": bool(plan.build_root)}} if wanted.root else {}
    return {
        **root,
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
    data = module.params["data"]
    there = machine.has_traces(wanted.fabric, data)
    if there and not module.check_mode:
        _need_root(module)
        try:
            with state.locked(directory):
                machine.remove_fabric(wanted.fabric, data)
        finally:
            _leave_no_empty(directory)
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
