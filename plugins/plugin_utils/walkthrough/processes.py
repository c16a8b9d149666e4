# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first part of the walk: processes, the namespace that they share, and what it holds."""

from __future__ import annotations

from ..text import words
from .commands import inside, name_of, on_node
from .records import Scene, Step
from .scene import address, sandbox_pid


def steps(scene: Scene) -> list[Step]:
    """Return the steps from the node's processes to the pod's interfaces."""
    return [_pid_namespaces(scene), _net_namespaces(scene), _sandbox(scene), _identify(scene), _interfaces(scene),
            _shared(scene)]  # fmt: skip


def _pid_namespaces(scene: Scene) -> Step:
    return Step(
        "lsns-pid",
        "Processes and their namespaces",
        "Which processes on this node see only themselves?",
        "Each line is a PID namespace with the first process in it. The line with the node's own first process is the "
        "node, every other one is a container or a sandbox that counts its processes from 1.",
        (on_node("lsns", "--type", "pid", "--output", "NS,NPROCS,PID,COMMAND"),),
    )


def _net_namespaces(scene: Scene) -> Step:
    return Step(
        "lsns-net",
        "Network namespaces",
        "How many networks are on this node, and which is the pod's?",
        f"Each line is a network of its own, and {scene.inside['inode']} is that of {words.pod_name(scene.pod)}. "
        "There are fewer of them than of PID namespaces where containers share one: that is what a pod is.",
        (on_node("lsns", "--type", "net", "--output", "NS,NPROCS,PID,NSFS,COMMAND"),),
    )


def _sandbox(scene: Scene) -> Step:
    """The process that was there first, whose only work is to be there."""
    pids = sorted({pid for one in scene.pod["containers"] for pid in one["pids"]} or _any_process(scene))
    sandbox = sandbox_pid(scene.pod)
    named = [f"{one['name'] or one['id'] or '?'} is {one['pids'][0]}" for one in scene.containers]
    if sandbox is not None:
        named.insert(0, f"the sandbox is process {sandbox}")
    return Step(
        "sandbox",
        "The sandbox",
        "Which process holds the pod's network while its containers come and go?",
        "It is /pause with containerd, CRI-O and docker, and sleeps in the lab: the namespace was made with it, so a "
        f"container that crashes loses nothing. Here {words.listed(named) or 'no container was seen to run'}.",
        (on_node("ps", "-o", "pid,ppid,args", "-p", ",".join(map(str, pids))),) if pids else (),
        None if pids else "no process of the pod was seen: its namespace is held by its mount point alone",
    )


def _any_process(scene: Scene) -> set[int]:
    return set() if scene.inside["pid"] is None else {scene.inside["pid"]}


def _identify(scene: Scene) -> Step:
    pid = scene.containers[0]["pids"][0] if scene.containers else scene.inside["pid"]
    name = name_of(scene.inside)
    lacking = None
    if pid is None:
        lacking = "the pod has no process that a namespace could be looked up by"
    elif name is None:
        lacking = "the namespace has no name under /run/netns; its processes lead to it (see the next step)"
    return Step(
        "identify",
        "From a process to its namespace",
        f"Whose network does process {pid} use?",
        f"ip netns looks the process up among the names under /run/netns and says {name}. The link under /proc shows "
        f"the same without a name: the number {scene.inside['inode']}, which lsns showed too.",
        () if lacking else (on_node("ip", "netns", "identify", str(pid)), on_node("readlink", f"/proc/{pid}/ns/net")),
        lacking,
    )


def _interfaces(scene: Scene) -> Step:
    shown = address(scene.pod) or "none"
    return Step(
        "interfaces",
        "The pod's interfaces",
        "What does the pod's network consist of?",
        f"A loopback interface of its own, and one that leads out, with the address {shown}. The program that you see "
        "at work is the node's; only the network is the pod's.",
        (inside(scene.inside, "ip", "addr"),),
    )


def _shared(scene: Scene) -> Step:
    pids = [one["pids"][0] for one in scene.containers[:2]]
    return Step(
        "shared",
        "Two containers of one pod",
        "Do two containers of a pod have one network or two?",
        "Both links show the same number: one namespace, so one address and one set of ports. That is why containers "
        "of a pod reach each other on localhost, and cannot both listen on port 80.",
        tuple(on_node("readlink", f"/proc/{pid}/ns/net") for pid in pids)
        + tuple(on_node("nsenter", "--target", str(pid), "--net", "ip", "-brief", "addr") for pid in pids)
        if len(pids) > 1
        else (),
        None if len(pids) > 1 else f"{words.pod_name(scene.pod)} has not two containers that run",
    )
