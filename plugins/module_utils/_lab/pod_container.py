# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Containers of pods: processes that share the pod's network."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from . import ingress
from .names import container_id
from .processes import (
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
from .step import LAB_ARGUMENT, LABEL, Step
from .store import (
    ContainerState,
    PodState,
    Store,
    container_process,
    sandbox_process,
)
from .web import NAME, PROGRAM

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
RESOLV_CONF = "/etc/resolv.conf"
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
    resolv_conf: Optional[str] = None
    """The file that it is to have over its own, or None."""

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
    """Tell whether a container is as wanted: same command, same resolv.conf, alive, in its pod's namespace."""
    if state is None or not running or netns is None:
        return False
    return tuple(state["command"]) == wanted.command and state["resolv_conf"] == wanted.resolv_conf and netns == pod


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
        if any(item.resolv_conf is not None for item in wanted) and not os.path.exists(RESOLV_CONF):
            self.step.fail(
                RESOLV_CONF,
                "this node has none, and containers get their pod's own over it",
                "Make one, empty if need be: `touch %s`." % RESOLV_CONF,
            )
        programs = []
        for item in wanted:
            state = self.states.get(item.sandbox_id)
            holder = sandbox_process(state) if state else None
            if self.step.real and (holder is None or not alive(holder)):
                self.step.fail(
                    "pod %s" % item.pod, "it has no sandbox on this node", "Run podnet.lab.pod_sandbox before."
                )
            pid = str(holder.pid) if holder and alive(holder) else "SANDBOX_PID"
            command = show(item.command)
            if item.resolv_conf is not None:
                inner = "mount --bind %s %s; exec %s" % (item.resolv_conf, RESOLV_CONF, command)
                command = "sh -c " + shlex.quote(inner)
            self.step.commands.append(
                "nsenter --target %s --net --uts --ipc unshare --pid --fork --mount --mount-proc %s &" % (pid, command)
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
            binds=((item.resolv_conf, RESOLV_CONF),) if item.resolv_conf is not None else (),
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
                    "resolv_conf": item.resolv_conf,
                }
            ],
            key=lambda entry: entry["name"],
        )
        self.store.write_pod(pod)


def namespace_of_init(process: Process) -> Optional[int]:
    """Return the inode of a process's PID namespace, or None when it is gone."""
    return namespace_of(process, "pid")


def read_wanted(step: Step, pods: List[Dict[str, Any]], state: str, records: Optional[str]) -> List[Wanted]:
    """Turn the option into records, and end the module when one makes no sense.

    `state` is the lab's directory, `records` the path of the name server's configuration.
    """
    web = "%s/%s" % (state, NAME)
    wanted: List[Wanted] = []
    for pod in pods:
        for container in pod["containers"]:
            what = "container %s of pod %s/%s" % (container["name"], pod["namespace"], pod["name"])
            if not all(LABEL.match(text) for text in (pod["namespace"], pod["name"], container["name"])):
                step.fail(what, "the name is not of the form of RFC 1123", "Use up to 63 of a-z, 0-9 and '-'.")
            command = tuple(container["command"] or ())
            kinds = [container["serve"] is not None, bool(command), container["dns"], container["ingress"]]
            if kinds.count(True) != 1:
                step.fail(what, "it has not exactly one of command, serve, dns and ingress", "Give one of them.")
            if container["serve"] is not None:
                command = (sys.executable, "-I", "-S", web, str(container["serve"]))
            if container["dns"]:
                if not records:
                    step.fail(what, "there is no option records", "Give the path that podnet.lab.dns_records returns.")
                command = ("dnsmasq", "--keep-in-foreground", "--conf-file=%s" % records)
            if container["ingress"]:
                command = ingress.command(state)
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
                    resolv_conf=pod["resolv_conf"],
                )
            )
    ids = [item.id for item in wanted]
    double = next((item for item in wanted if ids.count(item.id) > 1), None)
    if double is not None:
        step.fail("container %s of pod %s" % (double.name, double.pod), "it is there twice", "Rename one.")
    return wanted


_CONTAINER_OPTIONS: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "command": {"type": "list", "elements": "str"},
    "serve": {"type": "int"},
    "dns": {"type": "bool", "default": False},
    "ingress": {"type": "bool", "default": False},
}
_POD_OPTIONS: Dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "sandbox_id": {"type": "str", "required": True},
    "node": {"type": "str", "default": ""},
    "resolv_conf": {"type": "path"},
    "containers": {"type": "list", "elements": "dict", "required": True, "options": _CONTAINER_OPTIONS},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "pods": {"type": "list", "elements": "dict", "required": True, "options": _POD_OPTIONS},
        "records": {"type": "path"},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    containers = Containers(step)
    wanted = read_wanted(step, module.params["pods"], containers.store.path, module.params["records"])
    serving = any(container["serve"] is not None for pod in module.params["pods"] for container in pod["containers"])
    before = containers.before()
    keep = [item for item in wanted if containers.current(item)]
    missing = [item for item in wanted if item not in keep]
    containers.end_others(keep)
    if step.real:
        containers.store.keep_one(".py", NAME, PROGRAM if serving else None)
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
