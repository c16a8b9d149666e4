# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which process and which thread is in which network namespace, from /proc (proc(5)).

A process ends between being listed and being read: that is no error. What cannot be
read for lack of privilege is noted.
"""

from __future__ import annotations

import os

from .netlink import text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Set

    from .records import Process

CGROUP_LIMIT = 65536  # bytes; a process in every cgroup v1 hierarchy needs some 2000
CAP_SYS_PTRACE = 19  # linux/capability.h
_NO_THREADS = 3  # st_nlink of /proc/PID/task is two plus the number of threads


class ProcessScan:
    """What one pass over /proc found."""

    __slots__ = ("counts", "denied", "doors", "processes", "threaded")

    def __init__(self) -> None:
        self.processes: Dict[int, List[Process]] = {}
        """Inode of a network namespace -> its processes, ordered by pid."""
        self.counts: Dict[int, int] = {}
        """Inode -> number of processes, those not listed included."""
        self.doors: Dict[int, List[str]] = {}
        """Inode -> files in /proc that open the namespace."""
        self.threaded: Set[int] = set()
        """Inodes that only a thread other than its process's leader was found in."""
        self.denied: List[int] = []
        """Processes whose namespaces could not be read: permission denied."""


def namespace_inode(link: str) -> int:
    """The number in "net:[4026531840]", the text of a namespace link; 0 when it is not such a text."""
    number = link[link.find(":[") + 2 : -1]
    return int(number) if link.endswith("]") and number.isdigit() and number.isascii() else 0


def read_namespace(path: str) -> int:
    """Inode of the namespace that a link like /proc/1/ns/net names; raises OSError."""
    return namespace_inode(os.readlink(path))


def read_limited(path: str, limit: int) -> bytes:
    """At most `limit` bytes of a file in /proc; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def scan_processes(own: int, own_mounts: Set[int], details: bool, host_processes: bool, seen: Set[str]) -> ProcessScan:
    """Go through /proc once, past the processes in `seen`, which is added to.

    `own` is the inode of the node's own network namespace and `own_mounts` the mount namespaces that
    count as the node's own. With `details` every process outside the node's own network
    namespace is listed with name, PID namespace and cgroup. Of those inside it, only those in
    another mount namespace are: they are the containers with the host's network. The others are counted,
    and listed, without cgroup, with `host_processes`.
    """
    scan = ProcessScan()
    for name in os.listdir("/proc"):
        if name[0] > "9" or name in seen:
            continue
        seen.add(name)
        base = "/proc/" + name
        inode = 0
        try:
            inode = read_namespace(base + "/ns/net")
        except PermissionError:
            scan.denied.append(int(name))
            continue
        except OSError:
            pass  # it ended, or its leader did and threads live on
        try:
            threads = os.stat(base + "/task").st_nlink
            if threads > _NO_THREADS or not inode:
                _scan_threads(scan, base, int(name), inode, details)
            if not inode:
                continue
            if inode != own:
                scan.doors.setdefault(inode, []).append(base + "/ns/net")
            if details:
                contained = inode != own or _has_foreign_mounts(base, own_mounts)
                if contained or host_processes:
                    scan.processes.setdefault(inode, []).append(_read_process(base, int(name), contained))
            scan.counts[inode] = scan.counts.get(inode, 0) + 1
        except OSError:
            continue  # it ended while it was being read
    for processes in scan.processes.values():
        processes.sort(key=_process_order)
    return scan


def _process_order(process: Process) -> int:
    return process["pid"]


def leads_to(path: str, inode: int) -> bool:
    """Whether a link in /proc leads to this namespace, or may: one that must not be read counts as leading there."""
    try:
        return read_namespace(path) == inode
    except PermissionError:
        return True
    except OSError:
        return False


def still_in(processes: List[Process], inode: int) -> List[Process]:
    """The processes that are in the network namespace now.

    An inode is given to a new namespace as soon as the old one is gone: what was seen before the
    namespace was held open may have been about another one.
    """
    kept = []
    for process in processes:
        base = "/proc/%d" % process["pid"]
        if "tid" in process:
            base += "/task/%d" % process["tid"]
        if leads_to(base + "/ns/net", inode):
            kept.append(process)
    return kept


def _has_foreign_mounts(base: str, own_mounts: Set[int]) -> bool:
    """Whether a process is in a mount namespace that is not the node's, as every container is."""
    try:
        return read_namespace(base + "/ns/mnt") not in own_mounts
    except PermissionError:
        return False


def _read_process(base: str, pid: int, cgroup: bool) -> Process:
    """Name, PID namespace and, if asked, cgroup; raises OSError when the process is gone."""
    process: Process = {"pid": pid, "comm": text(read_limited(base + "/comm", 64).rstrip(b"\n"))}
    try:
        process["pid_namespace"] = read_namespace(base + "/ns/pid")
    except PermissionError:
        pass
    if cgroup:
        try:
            process["cgroup"] = text(read_limited(base + "/cgroup", CGROUP_LIMIT))
        except PermissionError:
            pass
    return process


def _scan_threads(scan: ProcessScan, base: str, pid: int, leader: int, details: bool) -> None:
    """Threads that are in another network namespace than their leader, or whose leader has ended."""
    try:
        names = os.listdir(base + "/task")
    except OSError:
        return
    seen: Set[int] = {leader, 0}
    for name in names:
        thread = base + "/task/" + name
        try:
            inode = read_namespace(thread + "/ns/net")
            if inode in seen:
                continue
            seen.add(inode)
            scan.doors.setdefault(inode, []).append(thread + "/ns/net")
            scan.threaded.add(inode)
            if details:
                process = _read_process(thread, pid, True)
                process["tid"] = int(name)
                scan.processes.setdefault(inode, []).append(process)
            scan.counts[inode] = scan.counts.get(inode, 0) + 1
        except OSError:
            continue


def has_capability(number: int) -> bool:
    """Whether this process has a capability (CAP_* of linux/capability.h) in effect."""
    try:
        status = read_limited("/proc/self/status", 65536)
    except OSError:
        return False
    for line in status.split(b"\n"):
        if line.startswith(b"CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def own_mount_namespaces() -> Set[int]:
    """The mount namespaces that are the node's own: this process's and, if it may be read, that of PID 1."""
    found: Set[int] = set()
    for path in ("/proc/self/ns/mnt", "/proc/1/ns/mnt"):
        try:
            found.add(read_namespace(path))
        except OSError:
            continue
    return found


def own_pid_namespace() -> Optional[int]:
    """The PID namespace of this process, or None when /proc does not say."""
    try:
        return read_namespace("/proc/self/ns/pid")
    except OSError:
        return None
