# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs tasks inside a pod's namespaces, through the connection of its node."""

from __future__ import annotations

DOCUMENTATION = r"""
name: pod
short_description: Run tasks inside a pod's namespaces, through its node
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Goes to the pod's node by the node's own connection (ssh or any other), enters the pod's network namespace
    there, and runs modules with the node's Python and files. The pod needs neither sshd nor Python nor a shell.
  - The node needs what every managed node has, and nothing else. Neither C(nsenter) nor C(ip) is used.
  - Before it runs anything, it makes sure that the namespace is the pod's that was inspected, by its inode and by the
    MAC addresses of the pod's cables. A pod that is gone, or that was made anew, is unreachable.
  - Hosts for it come from the inventory P(podnet.lab.pods#inventory), which sets O(pod) and O(node) for each.
notes:
  - Entering a namespace takes root of the node. Unless the node's connection is root's, the node's own become
    settings (C(ansible_become_method), C(ansible_become_password) ...) are used, whatever C(ansible_become) of
    the node says.
  - Tasks therefore run as root. C(become) with the user root changes nothing; with another user, the
    task runs as that user, who is one of the node's.
  - With the namespace V(network) alone, files, processes and users are the node's. What a task writes is written
    on the node, and names are resolved by the node's C(/etc/resolv.conf). C(/sys) shows the pod's network.
options:
  pod:
    description: Which pod, as the inventory describes it.
    type: dict
    required: true
    vars:
      - name: podnet_pod
  node:
    description: How the node is reached, as P(podnet.lab.node_connection#filter) returns it.
    type: dict
    required: true
    vars:
      - name: podnet_node_connection
  namespaces:
    description:
      - Which namespaces to enter. V(network) is always entered.
      - All but V(network) take a process of the pod, which must run since the node was inspected.
      - With V(mount) the files are the pod's, and modules need a Python in it. M(ansible.builtin.raw) and
        copying files need none.
    type: list
    elements: str
    choices: [network, mount, pid, uts, ipc]
    default: [network]
    vars:
      - name: podnet_pod_namespaces
  container:
    description:
      - Which container's files, processes and host name O(namespaces) mean. They share the network.
      - Without this option the first that was seen to run, and the sandbox only when there is no other.
    type: str
    vars:
      - name: podnet_pod_container
  remote_user:
    description: Who tasks are run by before C(become) counts. Entering a namespace takes root.
    type: str
    choices: [root]
    default: root
extends_documentation_fragment:
  - connection_pipelining
"""

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase
from ansible.plugins.loader import become_loader, connection_loader

from ansible_collections.podnet.lab.plugins.module_utils._enter import program
from ansible_collections.podnet.lab.plugins.plugin_utils.pods import entering
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import visible


class Connection(ConnectionBase):
    """A pod, seen from its node."""

    transport = "podnet.lab.pod"
    has_pipelining = True

    def __init__(self, play_context: Any, *args: Any, **kwargs: Any) -> None:
        """Keep what the node's connection is made with."""
        super().__init__(play_context, *args, **kwargs)
        self._connected = False
        self._made_with = {"new_stdin": None, **kwargs, "shell": self._shell}
        self._node: Any = None
        self._python = "python3"
        self._program = ""
        self._target = ""
        self._was_root = False

    def _connect(self) -> Connection:
        if self._connected:
            return self
        try:
            self._target = entering.target(
                self.get_option("pod"), self.get_option("namespaces"), self.get_option("container")
            )
        except entering.TargetError as error:
            raise AnsibleError(f"A pod cannot be entered: {error}.") from None
        self._program = entering.program_text(Path(program.__file__).read_text(encoding="utf-8"))
        variables = dict(self.get_option("node"))
        interpreter = str(variables.get("ansible_python_interpreter", "auto"))
        if not interpreter.startswith("auto"):
            self._python = interpreter
        self._node = self._node_connection(variables)
        self._node.set_become_plugin(None if self._is_root() else self._node_become(variables))
        self._connected = True
        return self

    def _node_connection(self, variables: dict[str, Any]) -> Any:
        name = str(variables.get("ansible_connection", "ssh"))
        node = connection_loader.get(name, self._play_context, **self._made_with)
        if node is None:
            raise AnsibleError(f"The node's connection plugin {name} was not found.")
        keys = {"remote_user": self._play_context.remote_user, "timeout": self._play_context.timeout}
        if self._play_context.password:
            keys["password"] = self._play_context.password
        node.set_options(task_keys=keys, var_options=variables)
        return node

    def _is_root(self) -> bool:
        """Tell whether the node's connection is root's; the node is asked when its settings do not say."""
        try:
            user = str(self._node.get_option("remote_user") or "")
        except KeyError:
            user = ""
        if user:
            return user == "root"
        code, stdout, _stderr = self._node.exec_command("id -u", in_data=None, sudoable=False)
        return bool(code == 0 and stdout.split()[-1:] == [b"0"])

    def _node_become(self, variables: dict[str, Any]) -> Any:
        method = str(variables.get("ansible_become_method", constants.DEFAULT_BECOME_METHOD))
        become = become_loader.get(method)
        if become is None:
            raise AnsibleError(f"The node's become plugin {method} was not found.")
        keys = {"become_pass": self._play_context.become_pass} if self._play_context.become_pass else {}
        become.set_options(task_keys=keys, var_options=variables)
        become.set_option("become_user", "root")
        return become

    def _inside(self, action: str, argument: str, in_data: bytes | None, sudoable: bool) -> tuple[int, bytes, bytes]:
        """Do *action* in the pod; raise AnsibleConnectionFailure when the way in is closed."""
        self._connect()
        become = self._node.become
        command = entering.command(self._python, self._program, self._target, action, argument)
        if become is not None:
            command = become.build_become_command(command, self._shell)
        code, stdout, stderr = self._node.exec_command(
            command, in_data=in_data, sudoable=sudoable if become is None else True
        )
        problem = entering.refusal(code, stdout, stderr)
        if problem is None and entering.lacks_python(code, self._python, stderr):
            problem = (
                f"the node has no interpreter {self._python}. Name one with ansible_python_interpreter of the node"
            )
        if problem is None and code != 0 and become is not None:
            problem = self._why_not_root()
        if problem is not None:
            raise AnsibleConnectionFailure(f"The pod cannot be entered: {problem}.")
        self._was_root = True
        return code, stdout, stderr

    def _why_not_root(self) -> str | None:
        """Return what stands between the node's connection and root, when that may be why a command failed."""
        if self._was_root:
            return None
        command = self._node.become.build_become_command("true", self._shell)
        code, stdout, stderr = self._node.exec_command(command, in_data=b"\n", sudoable=True)
        if code == 0:
            return None
        said = " ".join((stderr + b" " + stdout).decode("utf-8", "backslashreplace").split())
        return (
            f"it takes root of the node, and {self._node.become.name} did not give it ({visible(said)}). Set "
            "ansible_become_method and ansible_become_password of the node, or connect to it as root"
        )

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a shell command in the pod. The task's become, if it has one, is in *cmd* already."""
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        return self._inside("exec", cmd, in_data, sudoable)

    def put_file(self, in_path: str, out_path: str) -> None:
        """Write a file of the control node to the node, or with its mount namespace to the pod."""
        super().put_file(in_path, out_path)
        try:
            content = Path(in_path).read_bytes()
        except FileNotFoundError:
            raise AnsibleFileNotFound(f"{in_path} is not there") from None
        action = "put" if content else "create"
        code, stdout, stderr = self._inside(action, out_path, content or None, sudoable=False)
        self._check(code, f"{out_path} cannot be written", stdout + stderr)

    def fetch_file(self, in_path: str, out_path: str) -> None:
        """Write a file of the node, or with its mount namespace of the pod, to the control node."""
        super().fetch_file(in_path, out_path)
        # With something to send, no terminal is asked for, which would change line ends.
        code, stdout, stderr = self._inside("fetch", in_path, b"\n", sudoable=False)
        self._check(code, f"{in_path} cannot be read", stderr)
        Path(out_path).write_bytes(stdout)

    def _check(self, code: int, what: str, said: bytes) -> None:
        if code != 0:
            raise AnsibleError(f"{what}: {said.decode('utf-8', 'backslashreplace').strip()}")

    def reset(self) -> None:
        """End what the node's connection keeps open."""
        self._connect()
        if hasattr(self._node, "reset"):
            self._node.reset()
        self.close()

    def close(self) -> None:
        """Close the node's connection."""
        if self._node is not None:
            self._node.close()
        self._connected = False
