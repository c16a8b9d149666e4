# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Control groups of full nodes: one directory a node in each hierarchy of the machine, on versions 1 and 2.

The node's processes see that directory as the root (cgroup_namespaces(7)), so systemd and a kubelet in it can
divide it as they like, and nothing above it changes.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from . import state

CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
"""What a node must be able to limit: kubeadm's preflight asks for these."""

_FLAGS = re.compile(r"rw|ro|xattr|noprefix|none|clone_children|cpuset_v2_mode|\w+=.*")
"""Super options of a cgroup mount that are no controllers (cgroup1_show_options in kernel/cgroup/cgroup-v1.c)."""


@dataclass(frozen=True)
class Hierarchy:
    """One hierarchy of control groups, where the machine has it mounted.

    `fstype` is cgroup (version 1) or cgroup2. `options` are what version 1 mounts it by: its controllers,
    or name=…; empty for version 2.
    """

    fstype: str
    options: str
    mountpoint: str


def read_hierarchies(mountinfo: str) -> List[Hierarchy]:
    """The hierarchies in a text of /proc/self/mountinfo (proc_pid_mountinfo(5)), in its order, once for each mount."""
    found = []
    for line in mountinfo.splitlines():
        fields, separator, rest = line.partition(" - ")
        columns, kind = fields.split(" "), rest.split(" ")
        if not separator or len(columns) < 6 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        words = kind[2].split(",") if kind[0] == "cgroup" else []
        names = [word for word in words if word.startswith("name=") or not _FLAGS.fullmatch(word)]
        found.append(Hierarchy(kind[0], ",".join(names), columns[4]))
    return found


def distinct(hierarchies: Sequence[Hierarchy]) -> List[Hierarchy]:
    """Each hierarchy once, where it is mounted first."""
    found: Dict[Tuple[str, str], Hierarchy] = {}
    for hierarchy in hierarchies:
        found.setdefault((hierarchy.fstype, hierarchy.options), hierarchy)
    return list(found.values())


def check_hierarchies(hierarchies: Sequence[Hierarchy], passed_on: str, available: str) -> List[str]:
    """Why systemd could not run in groups below these; each as a sentence with its remedy.

    `available` and `passed_on` are cgroup.controllers and cgroup.subtree_control of version 2's root.
    """
    if not hierarchies:
        return ["this machine has no control groups mounted, and systemd needs them: mount /sys/fs/cgroup."]
    if all(hierarchy.fstype == "cgroup2" for hierarchy in hierarchies):
        missing = [name for name in CONTROLLERS if name in available.split() and name not in passed_on.split()]
        top = hierarchies[0].mountpoint
        if not missing:
            return []
        remedy = "echo '%s' > %s/cgroup.subtree_control" % (" ".join("+" + name for name in missing), top)
        return [
            "the control groups in %s do not pass on %s, which a full node needs: %s"
            % (top, ", ".join(missing), remedy)
        ]
    if "name=systemd" in [hierarchy.options for hierarchy in hierarchies]:
        return []
    remedy = "mkdir {0} && mount -t cgroup -o none,name=systemd cgroup {0}".format("/sys/fs/cgroup/systemd")
    return ["this machine has control groups of version 1 without the hierarchy that systemd needs: %s" % remedy]


def _prefix(mark: str) -> str:
    """What the names of a fabric's groups begin with; `mark` is `fabric_mark`, which tells containers' apart."""
    return "podnet-nodes.%s." % mark


def node_groups(hierarchies: Sequence[Hierarchy], mark: str, node: str) -> List[str]:
    """The node's directory in each hierarchy."""
    return [os.path.join(hierarchy.mountpoint, _prefix(mark) + node) for hierarchy in hierarchies]


def describe_groups(hierarchies: Sequence[Hierarchy], groups: Sequence[str]) -> str:
    """What full-node-init reads: a line of type, options and directory for each hierarchy."""
    lines = ["%s %s %s" % (h.fstype, h.options or "-", group) for h, group in zip(hierarchies, groups)]
    return "\n".join(lines)


# --- on the machine --------------------------------------------------------------------------------------------


def see_hierarchies() -> List[Hierarchy]:
    """The hierarchies of this machine. Of those that another mount covers, nothing can be used."""
    found = read_hierarchies(state.read_all("/proc/self/mountinfo"))
    return distinct([h for h in found if os.path.isfile(os.path.join(h.mountpoint, "cgroup.procs"))])


def faults_of_machine() -> List[str]:
    """Why this machine's control groups cannot take a full node; each as a sentence with its remedy."""
    hierarchies = see_hierarchies()
    top = next((hierarchy.mountpoint for hierarchy in hierarchies if hierarchy.fstype == "cgroup2"), "")
    passed_on = state.read_text(os.path.join(top, "cgroup.subtree_control"))
    available = state.read_text(os.path.join(top, "cgroup.controllers"))
    return check_hierarchies(hierarchies, passed_on, available)


def make_groups(groups: Sequence[str]) -> None:
    """Make these directories, ready for processes that are never swapped out. Raises OSError."""
    for group in groups:
        os.makedirs(group, mode=0o755, exist_ok=True)
        # A new group of version 1 may run nowhere until it is told (cpusets(7)).
        for name in ("cpuset.cpus", "cpuset.mems"):
            path = os.path.join(group, name)
            if os.path.exists(os.path.join(group, "cgroup.clone_children")) and os.path.exists(path):
                above = state.read_text(os.path.join(os.path.dirname(group), name))
                state.write_text_in_place(path, above + "\n")
                state.write_text_in_place(os.path.join(group, "cgroup.clone_children"), "1\n")
        # A node says that it has no swap, and so must not use the machine's.
        for name in ("memory.swappiness", "memory.swap.max"):
            path = os.path.join(group, name)
            if os.path.exists(path):
                state.write_text_in_place(path, "0\n")


def find_groups(mark: str, nodes: Optional[Sequence[str]] = None) -> List[str]:
    """The groups of these nodes, or of all that the fabric has or had."""
    names = None if nodes is None else {_prefix(mark) + node for node in nodes}
    found = []
    for hierarchy in see_hierarchies():
        for name in os.listdir(hierarchy.mountpoint):
            if name.startswith(_prefix(mark)) and (names is None or name in names):
                found.append(os.path.join(hierarchy.mountpoint, name))
    return sorted(found)


def thaw(groups: Sequence[str]) -> None:
    """Let go what was frozen in these groups: a frozen process of version 1 does not even end."""
    for group in groups:
        for directory, _below, files in os.walk(group):
            if "freezer.state" in files:
                state.write_text_in_place(os.path.join(directory, "freezer.state"), "THAWED\n")


def remove_groups(groups: Sequence[str], patience: float = 10.0) -> List[str]:
    """Remove these directories and all below, when their processes are gone; those that are still in use."""
    deadline = time.monotonic() + patience
    left = [group for group in groups if not _remove(group)]
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = [group for group in left if not _remove(group)]
    return left


def _remove(group: str) -> bool:
    """Remove the directories from the innermost on; the files in them go with them. Whether that worked."""
    for directory, _below, _files in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True
