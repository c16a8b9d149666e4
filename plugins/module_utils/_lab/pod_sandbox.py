# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Sandboxes of pods: the processes that hold their network namespaces, and the namespaces' names."""

from __future__ import annotations

import os
import re
import time
from typing import Any, Dict, List, NamedTuple, Optional, Set

from ansible.module_utils.basic import AnsibleModule

from .names import NETNS_DIR, host_ifname, link_alias
from .processes import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWUTS,
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
from .read import (
    NOT_A_NAMESPACE,
    named_inode,
    read_netns,
    read_node,
)
from .step import (
    LAB_ARGUMENT,
    LABEL,
    Step,
    check_netns,
    netns_name,
)
from .store import (
    SCHEMA_VERSION,
    PodState,
    Store,
    container_process,
    sandbox_process,
)

_HEX = re.compile(r"[0-9a-f]{8,64}\Z")
_VANISH_SECONDS = 2.0


class Seen(NamedTuple):
    """What there is of one sandbox: its living process, that process's namespace, the named namespace."""

    process: Optional[Process]
    held: Optional[int]
    named: Optional[int]
    """Inode, None when nothing has the name, or NOT_A_NAMESPACE."""


class Repair(NamedTuple):
    """What one sandbox lacks."""

    unname: bool
    """Take the name from what has it now."""
    start: str
    """``new``: start a process in a new namespace; ``named``: in the named one; empty: none."""
    attach: bool
    """Give the process's namespace the name."""


def decide(seen: Seen) -> Repair:
    """Decide what brings a sandbox about. A living process's namespace is the pod's, whatever has the name.

    >>> decide(Seen(None, None, None))
    Repair(unname=False, start='new', attach=True)
    """
    if seen.process is not None:
        wrong = seen.named is not None and seen.named != seen.held
        return Repair(unname=wrong, start="", attach=wrong or seen.named is None)
    if seen.named is None or seen.named == NOT_A_NAMESPACE:
        return Repair(unname=seen.named is not None, start="new", attach=True)
    return Repair(unname=False, start="named", attach=False)


class Sandboxes:
    """The sandboxes of one lab on this node."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.store = Store(step.lab)
        self.states = self.store.pods()
        self.marked = find_marked(step.lab)
        self.before = self.summary()

    def summary(self) -> List[str]:
        """Describe the sandboxes that are complete, one line each."""
        lines = []
        for state in self.states.values():
            seen = self.look(state["sandbox_id"], state["netns"] or "")
            if decide(seen) == Repair(False, "", False):
                lines.append(describe(state["namespace"], state["name"], state["netns"] or "", state["labels"]))
        return sorted(lines)

    def look(self, sandbox: str, netns: str) -> Seen:
        """Look at one sandbox: the process noted, else one that carries the mark."""
        state = self.states.get(sandbox)
        process = sandbox_process(state) if state else None
        if process is None or not alive(process):
            candidates = [item.process for item in self.marked if item.sandbox_id == sandbox and not item.container]
            process = next((item for item in candidates if alive(item)), None)
        held = namespace_of(process) if process else None
        return Seen(process if held else None, held, named_inode(netns) if netns else None)

    def check_ours(self, pod: Dict[str, Any], seen: Seen) -> None:
        """End the module when the pod's name belongs to a namespace that the lab did not make."""
        if seen.named is None or pod["sandbox_id"] in self.states or self.is_marked(pod["netns"], seen.named):
            return
        self.step.fail(
            "network namespace %s" % pod["netns"],
            "the name is taken by something that lab %s did not make" % self.step.lab,
            "Remove it with `ip netns delete %s`, or choose another name for the pod or the lab."
            % netns_name(pod["netns"]),
        )

    def is_marked(self, netns: str, inode: int) -> bool:
        """Tell whether a named namespace holds a link or a process with the lab's mark."""
        if any(item.netns == inode for item in self.marked):
            return True
        view = read_netns(netns)
        alias = link_alias(self.step.lab)
        return view is not None and any(link.get("ifalias") == alias for link in view.links.values())

    # -- making ---------------------------------------------------------------------------------------

    def make(self, pods: List[Dict[str, Any]]) -> None:
        """Bring every pod's sandbox about."""
        seen = {pod["sandbox_id"]: self.look(pod["sandbox_id"], pod["netns"]) for pod in pods}
        for pod in pods:
            self.check_ours(pod, seen[pod["sandbox_id"]])
        repairs = {sandbox: decide(item) for sandbox, item in seen.items()}
        self.unname([pod["netns"] for pod in pods if repairs[pod["sandbox_id"]].unname])
        processes = {sandbox: item.process for sandbox, item in seen.items()}
        processes.update(self.start([pod for pod in pods if repairs[pod["sandbox_id"]].start], repairs))
        for pod in pods:
            self.note(pod, processes[pod["sandbox_id"]])
        attach = [pod for pod in pods if repairs[pod["sandbox_id"]].attach]
        self.attach(attach, repairs, processes)

    def unname(self, paths: List[str]) -> None:
        """Take names away: from namespaces, and plain files that a lost mount left."""
        self.step.ip(["netns delete %s" % netns_name(path) for path in paths if (named_inode(path) or 0) > 0])
        for path in paths:
            if named_inode(path) == NOT_A_NAMESPACE:
                self.step.commands.append("rm %s" % path)
                if self.step.real:
                    os.unlink(path)

    def start(self, pods: List[Dict[str, Any]], repairs: Dict[str, Repair]) -> Dict[str, Optional[Process]]:
        """Start the processes that are missing; the answer is what runs now, by sandbox id."""
        programs: List[Program] = []
        sleep = self.step.tool("sleep") if pods and self.step.real else "sleep"
        for pod in pods:
            sandbox = pod["sandbox_id"]
            new = repairs[sandbox].start == "new"
            programs.append(
                Program(
                    key=sandbox,
                    argv=(sleep, "infinity"),
                    environment={"PATH": os.defpath, LAB_VARIABLE: self.step.lab, SANDBOX_VARIABLE: sandbox},
                    hostname=pod["name"],
                    new=CLONE_NEWUTS | CLONE_NEWIPC | (CLONE_NEWNET if new else 0),
                    join=() if new else ((pod["netns"], CLONE_NEWNET),),
                )
            )
            if self.step.real:
                self.note(pod, None)
            if not new:  # a new one is shown by `attach`, beside the name that it gets
                self.step.commands.append(
                    "nsenter --net=%s unshare --uts --ipc %s &" % (pod["netns"], _hold(pod["name"]))
                )
        if not self.step.real or not programs:
            return dict.fromkeys((pod["sandbox_id"] for pod in pods), None)
        results = start(programs, apart_from_names=False)
        for pod in pods:
            if results[pod["sandbox_id"]].process is None:
                self.step.fail(
                    "sandbox of pod %s/%s" % (pod["namespace"], pod["name"]),
                    "its process did not start: %s" % results[pod["sandbox_id"]].error,
                    "Run the task with become: true on a node that allows network namespaces.",
                )
        return {sandbox: result.process for sandbox, result in results.items()}

    def attach(
        self, pods: List[Dict[str, Any]], repairs: Dict[str, Repair], processes: Dict[str, Optional[Process]]
    ) -> None:
        """Give namespaces their names."""
        lines: List[str] = []
        shown: List[str] = []
        for pod in pods:
            process = processes[pod["sandbox_id"]]
            name = netns_name(pod["netns"])
            if repairs[pod["sandbox_id"]].start:
                shown.append("unshare --net --uts --ipc %s &" % _hold(pod["name"]))
                shown.append("ip netns attach %s $!" % name)
            else:
                shown.append("ip netns attach %s %d" % (name, process.pid if process else 0))
            lines.append("netns attach %s %d" % (name, process.pid if process else 0))
        kept = self.step.commands + shown
        self.step.ip(lines)
        self.step.commands = kept

    def note(self, pod: Dict[str, Any], process: Optional[Process]) -> None:
        """Write a pod's state when it is not what the file says."""
        old = self.states.get(pod["sandbox_id"])
        state: PodState = {
            "schema_version": SCHEMA_VERSION,
            "lab": self.step.lab,
            "namespace": pod["namespace"],
            "name": pod["name"],
            "uid": pod["uid"],
            "sandbox_id": pod["sandbox_id"],
            "netns": pod["netns"],
            "labels": {str(key): str(value) for key, value in pod["labels"].items()},
            "pid": process.pid if process else None,
            "starttime": process.starttime if process else None,
            "containers": old["containers"] if old else [],
        }
        if state != old:
            self.states[pod["sandbox_id"]] = state
            if self.step.real:
                self.store.write_pod(state)

    # -- removing -------------------------------------------------------------------------------------

    def remove_others(self, pods: List[Dict[str, Any]]) -> None:
        """Remove every pod of the lab that is not wanted, also one whose state file is gone."""
        wanted = {pod["sandbox_id"] for pod in pods}
        unwanted = [sandbox for sandbox in self.states if sandbox not in wanted]
        processes = [item.process for item in self.marked if item.sandbox_id not in wanted]
        for sandbox in unwanted:
            holder = sandbox_process(self.states[sandbox])
            processes += [holder] if holder else []
            processes += [container_process(item) for item in self.states[sandbox]["containers"]]
        paths = {str(self.states[sandbox]["netns"] or "") for sandbox in unwanted}
        paths |= self.stray_names({pod["netns"] for pod in pods})
        ends = {host_ifname(sandbox) for sandbox in unwanted}
        self.end(processes)
        self.unname(sorted(path for path in paths if path and named_inode(path) is not None))
        if not self.step.real:
            for sandbox in unwanted:
                del self.states[sandbox]
            return
        self.wait_for_cables(ends)
        for sandbox in unwanted:
            self.store.remove_pod(sandbox)
            del self.states[sandbox]

    def stray_names(self, wanted: Set[str]) -> Set[str]:
        """Find names of the lab's form, not wanted, whose namespaces carry the lab's mark."""
        found: Set[str] = set()
        try:
            names = os.listdir(NETNS_DIR)
        except OSError:
            return found
        for name in names:
            path = "%s/%s" % (NETNS_DIR, name)
            if name.startswith(self.step.lab + "_") and path not in wanted:
                inode = named_inode(path)
                if inode is not None and inode > 0 and self.is_marked(path, inode):
                    found.add(path)
        return found

    def end(self, processes: List[Process]) -> None:
        """End processes and wait for them."""
        living = sorted({process for process in processes if alive(process)})
        if not living:
            return
        self.step.commands += ["kill -KILL %d" % process.pid for process in living]
        left = end(living) if self.step.real else []
        if left:
            self.step.fail(
                "process %d" % left[0].pid,
                "it does not end after SIGKILL",
                "See what it waits for in /proc/%d/stack, and run this again." % left[0].pid,
            )

    def wait_for_cables(self, ends: Set[str]) -> None:
        """Wait until the cables of removed namespaces are gone: the kernel takes them away a little later."""
        deadline = time.monotonic() + _VANISH_SECONDS
        while ends and ends & set(read_node().links) and time.monotonic() < deadline:
            time.sleep(0.02)


def _hold(hostname: str) -> str:
    return "sh -c 'hostname %s; exec sleep infinity'" % hostname


def describe(namespace: str, name: str, netns: str, labels: Dict[str, Any]) -> str:
    """Describe a sandbox for the diff.

    >>> describe("default", "pod1", "/run/netns/lab0_default_pod1", {"app": "a"})
    'default/pod1 netns=/run/netns/lab0_default_pod1 app=a'
    """
    words = ["%s/%s" % (namespace, name), "netns=" + netns]
    return " ".join(words + ["%s=%s" % item for item in sorted(labels.items())])


def check(step: Step, pods: List[Dict[str, Any]]) -> None:
    """End the module unless every name is safe to use."""
    for pod in pods:
        what = "pod %s/%s" % (pod["namespace"], pod["name"])
        if not (LABEL.match(pod["namespace"]) and LABEL.match(pod["name"])):
            step.fail(what, "the name is not of the form of RFC 1123", "Use up to 63 of a-z, 0-9 and '-'.")
        if not _HEX.match(pod["sandbox_id"]):
            step.fail(what, "its sandbox_id is not hexadecimal", "Use 8 to 64 of 0-9 and a-f.")
        check_netns(step, pod["netns"])
    for key in ("sandbox_id", "netns"):
        values = [pod[key] for pod in pods]
        double = next((value for value in values if values.count(value) > 1), None)
        if double is not None:
            step.fail("%s %s" % (key, double), "two pods have it", "Give each pod its own.")


_POD_OPTIONS: Dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "uid": {"type": "str", "required": True},
    "sandbox_id": {"type": "str", "required": True},
    "netns": {"type": "path", "required": True},
    "labels": {"type": "dict", "default": {}},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "pods": {"type": "list", "elements": "dict", "required": True, "options": _POD_OPTIONS},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    pods: List[Dict[str, Any]] = sorted(module.params["pods"], key=lambda pod: (pod["namespace"], pod["name"]))
    check(step, pods)
    sandboxes = Sandboxes(step)
    sandboxes.remove_others(pods)
    sandboxes.make(pods)
    step.exit(
        before=sandboxes.before,
        after=sorted(describe(pod["namespace"], pod["name"], pod["netns"], pod["labels"]) for pod in pods),
        see=["ip netns list", "lsns --type net"],
        sandboxes=[
            {
                **{key: pod[key] for key in ("namespace", "name", "sandbox_id", "netns")},
                "pid": sandboxes.states[pod["sandbox_id"]]["pid"],
            }
            for pod in pods
        ],
    )
