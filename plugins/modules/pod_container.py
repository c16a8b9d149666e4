#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Containers of pods: processes that share the pod's network."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_container
short_description: Run the containers of pods in their network namespaces
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Starts each container as a process in the network, UTS and IPC namespaces of its pod's sandbox, with a PID
    namespace and a mount namespace (with its own C(/proc)) of its own. Containers of one pod reach each
    other on localhost.
  - The processes outlive the module and the SSH connection. Nothing watches over them; a container that ended is
    started again by the next run. One whose command changed, or that is not in its pod's namespace, is started anew.
  - O(pods) is the whole of what the lab has on this node. A container of the lab that is not in it is ended.
  - There is no image and no root file system. A container sees the node's files and runs the node's programs,
    as root of the node. It is a model for learning, not an isolation.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  pods:
    description: Every pod that the lab has on this node. Empty ends every container.
    type: list
    elements: dict
    required: true
    suboptions:
      namespace:
        description: Namespace of the pod, in the sense of Kubernetes.
        type: str
        required: true
      name:
        description: Name of the pod.
        type: str
        required: true
      sandbox_id:
        description: Id of the pod's sandbox, as given to M(podnet.lab.pod_sandbox).
        type: str
        required: true
      node:
        description: Name of the node. The web server tells it, and C(NODE_NAME) holds it.
        type: str
        default: ""
      containers:
        description:
          - Containers of the pod. Each has either O(pods[].containers[].command) or O(pods[].containers[].serve).
        type: list
        elements: dict
        required: true
        suboptions:
          name:
            description: Name of the container.
            type: str
            required: true
          command:
            description: Program and arguments. The program is looked for on the node when it has no C(/).
            type: list
            elements: str
          serve:
            description:
              - Port of the collection's small web server. It answers every request with lines that say which pod and
                container answered, and which address the request came from.
            type: int
"""

EXAMPLES = r"""
- name: Run two idle containers and a web server in one pod
  podnet.lab.pod_container:
    lab: lab0
    pods:
      - namespace: default
        name: pod1
        sandbox_id: 9f31c20d77aa
        containers:
          - name: container1
            command: [sleep, infinity]
          - name: container2
            command: [sleep, infinity]
          - name: web
            serve: 80
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - nsenter --target 812 --net --uts --ipc unshare --pid --fork --mount --mount-proc sleep infinity &
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - nsenter --target 815 --net --pid --mount ps -ef
containers:
  description:
    - The containers as they are now.
    - RV(containers[].pid) is null in check mode for what would be started.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
    pod:
      description: Name of the pod.
      type: str
    name:
      description: Name of the container.
      type: str
    pid:
      description: The container's first process, as the node counts.
      type: int
  sample:
    - namespace: default
      pod: pod1
      name: web
      pid: 815
"""

import shlex
import shutil
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab_names import container_id
from ansible_collections.podnet.lab.plugins.module_utils._lab_processes import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    CONTAINER_VARIABLE,
    ENDED,
    LAB_VARIABLE,
    SANDBOX_VARIABLE,
    Process,
    Program,
    alive,
    end,
    find_marked,
    namespace_of,
    start,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab_step import LAB_ARGUMENT, LABEL, Step
from ansible_collections.podnet.lab.plugins.module_utils._lab_store import (
    ContainerState,
    PodState,
    Store,
    container_process,
    sandbox_process,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab_web import NAME, PROGRAM

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SETTLE_SECONDS = 0.15
"""A command that cannot run has ended by then: it is reported instead of taken as started."""


class Wanted(NamedTuple):
    """One container that is to run."""

    pod: str
    """``namespace/name``."""
    namespace: str
    pod_name: str
    node: str
    sandbox_id: str
    name: str
    command: Tuple[str, ...]

    @property
    def id(self) -> str:
        """The container's id."""
        return container_id(self.sandbox_id, self.name)

    def describe(self) -> str:
        """Describe the container for the diff."""
        return "%s %s: %s" % (self.pod, self.name, show(self.command))


def show(command: Tuple[str, ...]) -> str:
    """Return a command as a person would type it."""
    return " ".join(shlex.quote(word) for word in command)


def is_current(
    wanted: Wanted, state: Optional[ContainerState], running: bool, netns: Optional[int], pod: Optional[int]
) -> bool:
    """Tell whether a container is as wanted: same command, alive, in its pod's namespace."""
    if state is None or not running or netns is None:
        return False
    return tuple(state["command"]) == wanted.command and netns == pod


class Containers:
    """The containers of one lab on this node."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.store = Store(step.lab)
        self.states = self.store.pods()
        self.marked = find_marked(step.lab)

    def before(self) -> List[str]:
        """Describe the containers that run, one line each."""
        lines = []
        for pod in self.states.values():
            for state in pod["containers"]:
                if alive(container_process(state)):
                    words = "%s/%s" % (pod["namespace"], pod["name"]), state["name"], show(tuple(state["command"]))
                    lines.append("%s %s: %s" % words)
        return sorted(lines)

    def state_of(self, wanted: Wanted) -> Optional[ContainerState]:
        """Return what is noted of a container."""
        pod = self.states.get(wanted.sandbox_id)
        return next((item for item in pod["containers"] if item["name"] == wanted.name), None) if pod else None

    def current(self, wanted: Wanted) -> bool:
        """Tell whether a container needs nothing."""
        state = self.state_of(wanted)
        process = container_process(state) if state else None
        pod = self.states.get(wanted.sandbox_id)
        holder = sandbox_process(pod) if pod else None
        return is_current(
            wanted,
            state,
            process is not None and alive(process),
            namespace_of(process) if process else None,
            namespace_of(holder) if holder else None,
        )

    def end_others(self, keep: List[Wanted]) -> None:
        """End every container of the lab that is not to be kept, whether noted or only marked."""
        kept = {(item.sandbox_id, item.name) for item in keep}
        processes: List[Process] = []
        for pod in self.states.values():
            processes += [
                container_process(item) for item in pod["containers"] if (pod["sandbox_id"], item["name"]) not in kept
            ]
        known = {container_process(item) for pod in self.states.values() for item in pod["containers"]}
        inside = {namespace_of_init(process) for process in known}
        processes += [
            item.process
            for item in self.marked
            if item.container and item.process not in known and namespace_of_init(item.process) not in inside
        ]
        living = sorted({process for process in processes if alive(process)})
        self.step.commands += ["kill -KILL %d" % process.pid for process in living]
        left = end(living) if self.step.real else []
        if left:
            self.step.fail(
                "container process %d" % left[0].pid,
                "it does not end after SIGKILL",
                "See what it waits for in /proc/%d/stack, and run this again." % left[0].pid,
            )
        for pod in self.states.values():
            remaining = [item for item in pod["containers"] if (pod["sandbox_id"], item["name"]) in kept]
            if remaining != pod["containers"]:
                pod["containers"] = remaining
                if self.step.real:
                    self.store.write_pod(pod)

    def start(self, wanted: List[Wanted]) -> None:
        """Start containers, and note them; one that ends at once fails the module."""
        programs = []
        for item in wanted:
            state = self.states.get(item.sandbox_id)
            holder = sandbox_process(state) if state else None
            if self.step.real and (holder is None or not alive(holder)):
                self.step.fail(
                    "pod %s" % item.pod, "it has no sandbox on this node", "Run podnet.lab.pod_sandbox before."
                )
            pid = str(holder.pid) if holder and alive(holder) else "SANDBOX_PID"
            self.step.commands.append(
                "nsenter --target %s --net --uts --ipc unshare --pid --fork --mount --mount-proc %s &"
                % (pid, show(item.command))
            )
            if self.step.real:
                programs.append(self.program(item, pid))
        if not programs:
            return
        results = start(programs, apart_from_names=True)
        for item in wanted:
            process = results[item.id].process
            if process is not None:
                self.note(item, process)
        time.sleep(_SETTLE_SECONDS)
        for item in wanted:
            process, error = results[item.id]
            if process is None or not alive(process):
                cause = "%s: %s" % (ENDED, show(item.command)) if error in ("", ENDED) else error
                self.step.fail(
                    "container %s of pod %s" % (item.name, item.pod),
                    cause,
                    "Give it a command that runs until it is ended; try it by hand: `%s`." % show(item.command),
                )

    def program(self, item: Wanted, pid: str) -> Program:
        """Return how a container is started."""
        command = item.command
        if "/" not in command[0]:
            found = shutil.which(command[0], path=PATH)
            if found is None:
                self.step.fail(
                    "container %s of pod %s" % (item.name, item.pod),
                    "this node has no program %r" % command[0],
                    "Install it, or give another command.",
                )
            command = (found, *command[1:])
        namespaces = (("net", CLONE_NEWNET), ("uts", CLONE_NEWUTS), ("ipc", CLONE_NEWIPC))
        return Program(
            key=item.id,
            argv=command,
            environment={
                "PATH": PATH,
                "HOME": "/",
                "HOSTNAME": item.pod_name,
                "POD_NAME": item.pod_name,
                "POD_NAMESPACE": item.namespace,
                "NODE_NAME": item.node,
                LAB_VARIABLE: self.step.lab,
                SANDBOX_VARIABLE: item.sandbox_id,
                CONTAINER_VARIABLE: item.name,
            },
            new=CLONE_NEWPID | CLONE_NEWNS,
            join=tuple(("/proc/%s/ns/%s" % (pid, name), kind) for name, kind in namespaces),
        )

    def note(self, item: Wanted, process: Process) -> None:
        """Write a container into its pod's state."""
        pod: PodState = self.states[item.sandbox_id]
        pod["containers"] = sorted(
            [entry for entry in pod["containers"] if entry["name"] != item.name]
            + [
                {
                    "name": item.name,
                    "id": item.id,
                    "pid": process.pid,
                    "starttime": process.starttime,
                    "command": list(item.command),
                }
            ],
            key=lambda entry: entry["name"],
        )
        self.store.write_pod(pod)


def namespace_of_init(process: Process) -> Optional[int]:
    """Return the inode of a process's PID namespace, or None when it is gone."""
    return namespace_of(process, "pid")


def read_wanted(step: Step, pods: List[Dict[str, Any]], web: str) -> List[Wanted]:
    """Turn the option into records, and end the module when one makes no sense.

    `web` is the path of the web server's program.
    """
    wanted: List[Wanted] = []
    for pod in pods:
        for container in pod["containers"]:
            what = "container %s of pod %s/%s" % (container["name"], pod["namespace"], pod["name"])
            if not all(LABEL.match(text) for text in (pod["namespace"], pod["name"], container["name"])):
                step.fail(what, "the name is not of the form of RFC 1123", "Use up to 63 of a-z, 0-9 and '-'.")
            command = tuple(container["command"] or ())
            if (container["serve"] is None) == (not command):
                step.fail(what, "it has not exactly one of command and serve", "Give one of them.")
            if container["serve"] is not None:
                command = (sys.executable, "-I", "-S", web, str(container["serve"]))
            if not command[0] or any("\0" in word for word in command):
                step.fail(what, "its command is empty or holds a NUL", "Give a program and its arguments.")
            wanted.append(
                Wanted(
                    pod="%s/%s" % (pod["namespace"], pod["name"]),
                    namespace=pod["namespace"],
                    pod_name=pod["name"],
                    node=pod["node"],
                    sandbox_id=pod["sandbox_id"],
                    name=container["name"],
                    command=command,
                )
            )
    ids = [item.id for item in wanted]
    double = next((item for item in wanted if ids.count(item.id) > 1), None)
    if double is not None:
        step.fail("container %s of pod %s" % (double.name, double.pod), "it is there twice", "Rename one.")
    return wanted


def main() -> None:
    """Run the module."""
    container_options: Dict[str, Any] = {
        "name": {"type": "str", "required": True},
        "command": {"type": "list", "elements": "str"},
        "serve": {"type": "int"},
    }
    pod_options: Dict[str, Any] = {
        "namespace": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "sandbox_id": {"type": "str", "required": True},
        "node": {"type": "str", "default": ""},
        "containers": {"type": "list", "elements": "dict", "required": True, "options": container_options},
    }
    module = AnsibleModule(
        argument_spec={
            "lab": LAB_ARGUMENT,
            "pods": {"type": "list", "elements": "dict", "required": True, "options": pod_options},
        },
        supports_check_mode=True,
    )
    step = Step(module)
    containers = Containers(step)
    wanted = read_wanted(step, module.params["pods"], "%s/%s" % (containers.store.path, NAME))
    serving = any(container["serve"] is not None for pod in module.params["pods"] for container in pod["containers"])
    before = containers.before()
    keep = [item for item in wanted if containers.current(item)]
    missing = [item for item in wanted if item not in keep]
    containers.end_others(keep)
    if step.real:
        containers.store.keep_program(NAME, PROGRAM if serving else None)
    containers.start(missing)
    now = []
    for item in wanted:
        state = containers.state_of(item)
        now.append(
            {
                "namespace": item.namespace,
                "pod": item.pod_name,
                "name": item.name,
                "pid": state["pid"] if state else None,
            }
        )
    first = next((str(entry["pid"]) for entry in now if entry["pid"]), None)
    step.exit(
        before=before,
        after=sorted(item.describe() for item in wanted),
        see=["nsenter --target %s --net --pid --mount ps -ef" % first] if first else [],
        containers=now,
    )


if __name__ == "__main__":
    main()
