# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Where probes start and listeners wait: from what a person writes to a network namespace of this node."""

from __future__ import annotations

import os
import re
import socket
import stat
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple

from .._kernel.mountinfo import parse_namespace_mounts
from .._kernel.namespaces import OWN_NAMESPACE, Home
from .._kernel.processes import namespace_inode
from .naming import CONTAINER, NamedPlace, is_name, read_names
from .records import ProbeError

NODE = "node"
_INODE = re.compile(r"net:\[(\d{1,20})\]\Z")
_PID = re.compile(r"pid:(\d{1,10})\Z")
_AGAIN = "Read the node again: it names what is there now"
_RESOLV_CONF = 65536
"""So many bytes of a resolv.conf are read."""


class Place(NamedTuple):
    """A network namespace that is held open."""

    inode: int
    descriptor: int
    pids: Tuple[int, ...]
    """Processes in it; none for the node itself."""


class Places:
    """The namespaces of a task, each opened once. Close them when done."""

    def __init__(self, home: Home) -> None:
        """`home` is the namespace that the task runs in."""
        self.home = home
        self._open: Dict[str, Place] = {}
        self._by_inode: Dict[int, Place] = {}
        self._doors: Optional[Dict[int, List[str]]] = None
        self._pids: Dict[int, List[int]] = {}
        self._names: Optional[Dict[str, List[NamedPlace]]] = None

    def close(self) -> None:
        """Let go of all namespaces."""
        for place in self._by_inode.values():
            os.close(place.descriptor)
        self._open.clear()
        self._by_inode.clear()

    def find(self, where: str) -> Place:
        """Return the place that `where` names. Raises ProbeError."""
        known = self._open.get(where)
        if known is None:
            known = self._open[where] = self._find(where)
        return known

    def addresses_of(self, name: str) -> Tuple[str, ...]:
        """Return the addresses of a pod or a container of this node, or of the node itself. Raises ProbeError."""
        return _own_addresses() if name == NODE else self._named(name).addresses

    def _find(self, where: str) -> Place:
        if where == NODE:
            return self._opened(where, self.home.inode, [OWN_NAMESPACE])
        inode = _INODE.match(where)
        if inode is not None:
            return self._by_number(where, int(inode.group(1)))
        pid = _PID.match(where)
        if pid is not None:
            return self._by_door(where, "/proc/%s/ns/net" % pid.group(1))
        if where.startswith("/"):
            return self._by_door(where, where)
        if is_name(where):
            return self._by_number(where, self._named(where).inode)
        known = "namespace/name of a pod, container:NAME, node, a path, pid:N or net:[N]"
        raise ProbeError(where, "it names no place", "Give %s" % known)

    def _by_door(self, where: str, door: str) -> Place:
        try:
            inode = os.stat(door).st_ino
        except OSError as error:
            raise ProbeError(where, "%s: %s" % (door, error.strerror), _AGAIN) from None
        return self._opened(where, inode, [door])

    def _by_number(self, where: str, inode: int) -> Place:
        if inode == self.home.inode:
            return self._opened(where, inode, [OWN_NAMESPACE])
        if self._doors is None:
            self._doors = self._all_doors()
        return self._opened(where, inode, self._doors.get(inode, []))

    def _opened(self, where: str, inode: int, doors: Iterable[str]) -> Place:
        known = self._by_inode.get(inode)
        if known is not None:
            return known
        try:
            descriptor = self.home.open_namespace(inode, doors)
        except OSError as error:
            raise ProbeError(where, str(error.strerror or error), _AGAIN) from None
        if self._doors is None and inode != self.home.inode:
            self._doors = self._all_doors()
        place = Place(inode, descriptor, tuple(self._pids.get(inode, ())))
        self._by_inode[inode] = place
        return place

    def _all_doors(self) -> Dict[int, List[str]]:
        """Return the files that lead to each namespace: mounts first, then processes, which are noted as well."""
        doors: Dict[int, List[str]] = {}
        try:
            with open("/proc/thread-self/mountinfo", "rb") as stream:
                for inode, paths in parse_namespace_mounts(stream.read()).items():
                    doors[inode] = [os.fsdecode(path) for path in paths]
        except OSError:
            pass  # processes lead there as well
        for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int):
            door = "/proc/%s/ns/net" % name
            try:
                inode = namespace_inode(os.readlink(door))
            except OSError:
                continue
            if inode and inode != self.home.inode:
                doors.setdefault(inode, []).append(door)
                self._pids.setdefault(inode, []).append(int(name))
        return doors

    def _named(self, name: str) -> NamedPlace:
        if self._names is None:
            self._names = read_names()
        found = self._names.get(name, [])
        if len(found) == 1:
            return found[0]
        what = "container" if name.startswith(CONTAINER) else "pod"
        cause = "no %s of this node is called so" % what
        if found:
            cause = "%d network namespaces of this node have a %s that is called so" % (len(found), what)
        raise ProbeError(name, cause, "Name its namespace with net:[N]; podnet.lab.netns_facts has the numbers")


def _own_addresses() -> Tuple[str, ...]:
    """Return the addresses by which this node speaks to the world, those that its routes to documentation's networks
    have (RFC 5737, RFC 3849): a connected socket of UDP has one, and sends nothing. Raises ProbeError.
    """
    found = []
    for family, elsewhere in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((elsewhere, 9))
                found.append(str(sock.getsockname()[0]))
        except OSError:
            continue  # no route, or not a word of this family
    if not found:
        raise ProbeError(NODE, "it has no default route, which would tell its address", "Give the address itself")
    return tuple(found)


def _sees_the_nodes_files(pid: int) -> bool:
    """Tell whether a process is in the node's own mount namespace, as a sandbox that only holds a network may be."""
    try:
        return os.readlink("/proc/%d/ns/mnt" % pid) == os.readlink("/proc/self/ns/mnt")
    except OSError:
        return True


def resolv_conf(place: Place) -> Tuple[str, str]:
    """Return the text of the resolv.conf that processes of a place see, and where it is. Raises ProbeError.

    Those with files of their own are asked first, in the order of their ids.

    A link in a container's own root could lead anywhere on the node, so that none is followed there.
    """
    own = os.stat("/")
    problem = "no process in it has one"
    for pid in sorted(place.pids, key=_sees_the_nodes_files) or (os.getpid(),):
        root = "/proc/%d/root" % pid
        try:
            status = os.stat(root)
            same = (status.st_dev, status.st_ino) == (own.st_dev, own.st_ino)
            descriptor = _open_below(root, ("etc", "resolv.conf"), not same)
        except OSError as error:
            problem = "/etc/resolv.conf of process %d: %s" % (pid, error.strerror)
            continue
        with os.fdopen(descriptor, "rb") as stream:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                text = stream.read(_RESOLV_CONF).decode("utf-8", "backslashreplace")
                return text, "%s/etc/resolv.conf" % root
            problem = "/etc/resolv.conf of process %d is no regular file" % pid
    raise ProbeError("net:[%d]" % place.inode, problem, "Name a server with the option server")


def _open_below(root: str, steps: Tuple[str, ...], careful: bool) -> int:
    """Open a file below a root, step by step; where `careful`, none of the steps may be a link. Raises OSError."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if careful else 0)
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for step in steps:
        above = descriptor
        try:
            descriptor = os.open(step, flags, dir_fd=above)
        finally:
            os.close(above)
    return descriptor
