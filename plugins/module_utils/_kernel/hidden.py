# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The deep search: network namespaces that no mount and no process of ours shows.

Three things can keep one alive without a trace in this mount namespace and in /proc/PID/ns: an open
descriptor, a socket, and a mount in another mount namespace. Looking at each descriptor of each
process is expensive, so this is done only when it is asked for.

A thread can have its own descriptors and its own mounts (unshare(2)), and can outlive the leader of its
process, whose files in /proc are empty then: each table of descriptors and each mount namespace is looked at once.

Needs CAP_SYS_PTRACE; sockets also Linux 5.6 (pidfd_getfd) and CAP_NET_ADMIN (SIOCGSKNS), those in a thread's own
table Linux 6.9 (PIDFD_THREAD).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import time

from .mountinfo import parse_namespace_mounts
from .processes import namespace_inode, read_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, List, Optional, Set, Tuple

    from .records import Error

# System calls newer than 5.0 have the same number on every architecture (asm-generic/unistd.h).
_PIDFD_OPEN = 434
_OPENAT2 = 437
_PIDFD_GETFD = 438
_PIDFD_THREAD = os.O_EXCL  # linux/pidfd.h
_KCMP = {"x86_64": 312, "aarch64": 272, "riscv64": 272, "loongarch64": 272, "ppc64le": 354, "s390x": 343, "armv7l": 378}
"""The number of kcmp(2): asm/unistd_64.h of x86, asm-generic/unistd.h, and the tables of the other architectures."""
_KCMP_FILES = 2  # linux/kcmp.h
_RESOLVE = 0x02 | 0x04 | 0x10  # RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_IN_ROOT of linux/openat2.h
_SIOCGSKNS = 0x894C  # linux/sockios.h
_NS_GET_NSTYPE = 0xB703  # linux/nsfs.h
_CLONE_NEWNET = 0x40000000
_AT_FDCWD = -100
_AT_STATX_DONT_SYNC = 0x4000
_STATX_INO = 0x100
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY

MOUNTINFO_LIMIT = 8 * 1024 * 1024  # bytes


class Finding:
    """One namespace: who holds it, and the ways in."""

    __slots__ = ("doors", "holders")

    def __init__(self) -> None:
        self.holders: Set[str] = set()
        self.doors: List[str] = []


class HiddenSearch:
    """What the deep search found. `close` it when the namespaces have been read."""

    __slots__ = ("_descriptors", "errors", "found")

    def __init__(self) -> None:
        self.found: Dict[int, Finding] = {}
        self.errors: List[Error] = []
        self._descriptors: List[int] = []

    def add(self, inode: int, holder: str, door: Optional[str] = None) -> None:
        """Note a holder of a namespace, and a door that leads in by itself."""
        finding = self.found.setdefault(inode, Finding())
        finding.holders.add(holder)
        if door is not None and len(finding.doors) < 8:
            finding.doors.append(door)

    def keep(self, inode: int, descriptor: int) -> None:
        """Keep an open descriptor as the way in."""
        self._descriptors.append(descriptor)
        self.found[inode].doors.append("/proc/self/fd/%d" % descriptor)

    def close(self) -> None:
        """Give back the descriptors that were kept."""
        while self._descriptors:
            os.close(self._descriptors.pop())


def find_hidden(known: Set[int], device: int, deadline: Optional[float]) -> HiddenSearch:
    """Look through every descriptor and every mount namespace.

    `known` namespaces get their holders noted, but no way in. `device` is st_dev of nsfs. Stops at
    `deadline` (time.monotonic) with an error in the result.
    """
    search = HiddenSearch()
    kernel = _Kernel()
    mount_namespaces: Set[int] = set()
    sockets: Set[str] = set()
    denied = 0
    myself = os.readlink("/proc/self")  # holds every namespace that it is reading
    for name in os.listdir("/proc"):
        if name[0] > "9" or name == myself:
            continue
        if deadline is not None and time.monotonic() > deadline:
            search.errors.append(
                {
                    "object": "hidden network namespaces",
                    "cause": "the time limit was reached during the search through open descriptors",
                    "remedy": "give it more time with the option timeout",
                }
            )
            break
        base = "/proc/" + name
        searched: List[int] = []  # threads of this process whose tables of descriptors were searched
        for thread in _threads(base, int(name)):
            task = "%s/task/%d" % (base, thread)
            try:
                mounts = read_namespace(task + "/ns/mnt")
                if mounts not in mount_namespaces:
                    mount_namespaces.add(mounts)
                    _search_mounts(search, kernel, task, known, device)
                if not any(kernel.same_descriptors(thread, other) for other in searched):
                    searched.append(thread)
                    _search_descriptors(search, kernel, task, thread, known, device, sockets)
            except PermissionError:
                denied += 1
                break
            except OSError:
                continue  # it has ended
    if denied or kernel.refused:
        search.errors.append(
            {
                "object": "hidden network namespaces",
                "cause": "%d processes and %d sockets could not be looked into: permission denied"
                % (denied, kernel.refused),
                "remedy": "run the task with become: true (it needs CAP_SYS_PTRACE and CAP_NET_ADMIN)",
            }
        )
    if kernel.missing:
        search.errors.append(
            {
                "object": "network namespaces that only a socket holds",
                "cause": "this kernel cannot show them (%s)" % kernel.missing,
                "remedy": "use Linux 5.6 or newer",
            }
        )
    if kernel.unopened:
        search.errors.append(
            {
                "object": "network namespaces that only a socket holds",
                "cause": "this kernel cannot show those of %d threads that have descriptors of their own"
                % kernel.unopened,
                "remedy": "use Linux 6.9 or newer",
            }
        )
    return search


def _threads(base: str, leader: int) -> List[int]:
    """The threads of a process, its leader first."""
    try:
        names = os.listdir(base + "/task")
    except OSError:
        return []
    return sorted((int(name) for name in names), key=lambda thread: (thread != leader, thread))


def _search_mounts(search: HiddenSearch, kernel: _Kernel, base: str, known: Set[int], device: int) -> None:
    """Mount points of a thread's mount namespace, opened below its root without following any link."""
    with open(base + "/mountinfo", "rb") as file:
        found = parse_namespace_mounts(file.read(MOUNTINFO_LIMIT))
    for inode, paths in found.items():
        search.add(inode, "mount")
        if inode in known or search.found[inode].doors:
            continue
        for path in paths:
            descriptor = kernel.open_below(base + "/root", path)
            if descriptor is None:
                continue
            if _is_namespace(descriptor, inode, device):
                search.keep(inode, descriptor)
                break
            os.close(descriptor)


def _is_namespace(descriptor: int, inode: int, device: int) -> bool:
    status = os.fstat(descriptor)
    return status.st_ino == inode and status.st_dev == device


def _search_descriptors(
    search: HiddenSearch, kernel: _Kernel, base: str, thread: int, known: Set[int], device: int, sockets: Set[str]
) -> None:
    """Descriptors of namespaces, and sockets that live in another namespace than their thread."""
    pidfd: Optional[int] = None
    try:
        for name in os.listdir(base + "/fd"):
            path = base + "/fd/" + name
            try:
                target = os.readlink(path)
            except OSError:
                continue
            if target.startswith("net:["):
                inode = namespace_inode(target)
                search.add(inode, "fd", None if inode in known else path)
            elif target.startswith("socket:["):
                if target in sockets or kernel.missing:
                    continue
                sockets.add(target)
                if pidfd is None:
                    pidfd = kernel.open_thread(thread)
                    if pidfd is None:
                        continue
                _search_socket(search, kernel, pidfd, int(name), known)
            elif target.startswith("/") and not target.startswith("/dev/"):
                # A descriptor opened through a bind mount reads as the path of the mount.
                identity = kernel.identity(path)
                if identity is not None and identity[0] == device and _is_network(path):
                    search.add(identity[1], "fd", None if identity[1] in known else path)
    finally:
        if pidfd is not None:
            os.close(pidfd)


def _search_socket(search: HiddenSearch, kernel: _Kernel, pidfd: int, number: int, known: Set[int]) -> None:
    namespace = kernel.namespace_of_socket(pidfd, number)
    if namespace is None:
        return
    inode = os.fstat(namespace).st_ino
    search.add(inode, "socket")
    if inode in known or search.found[inode].doors:
        os.close(namespace)
    else:
        search.keep(inode, namespace)


def _is_network(path: str) -> bool:
    """Whether a namespace file is of a network namespace (NS_GET_NSTYPE)."""
    try:
        descriptor = os.open(path, _OPEN)
    except OSError:
        return False
    try:
        return fcntl.ioctl(descriptor, _NS_GET_NSTYPE) == _CLONE_NEWNET
    except OSError:
        return False
    finally:
        os.close(descriptor)


class _Kernel:
    """The system calls that Python has no function for."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None, use_errno=True)
        self._library.syscall.restype = ctypes.c_long
        self._statx: Optional[Callable[..., int]] = getattr(self._library, "statx", None)
        self._kcmp = _KCMP.get(os.uname().machine)
        self.missing = ""
        """Why sockets cannot be looked into on this kernel; empty while they can."""
        self.refused = 0
        """Sockets that this process may not look into."""
        self.unopened = 0
        """Threads with sockets in a table of their own that this kernel does not open."""

    def open_thread(self, thread: int) -> Optional[int]:
        """pidfd_open(2), of a leader on every kernel that has it."""
        for flags in (0, _PIDFD_THREAD):
            opened = self._call("pidfd_open", _PIDFD_OPEN, ctypes.c_int(thread), ctypes.c_uint(flags))
            if opened is not None or self.missing:
                return opened
        if ctypes.get_errno() == errno.EINVAL:  # neither a leader nor a flag that this kernel knows
            self.unopened += 1
        return None

    def same_descriptors(self, one: int, other: int) -> bool:
        """Whether two threads are known to share their table of descriptors (kcmp(2))."""
        if self._kcmp is None:
            return False
        arguments = [ctypes.c_int(one), ctypes.c_int(other), ctypes.c_int(_KCMP_FILES), ctypes.c_ulong(0)]
        return bool(self._library.syscall(ctypes.c_long(self._kcmp), *arguments, ctypes.c_ulong(0)) == 0)

    def namespace_of_socket(self, pidfd: int, number: int) -> Optional[int]:
        """A descriptor of the namespace that another process's socket is in (pidfd_getfd(2), SIOCGSKNS)."""
        copy = self._call("pidfd_getfd", _PIDFD_GETFD, ctypes.c_int(pidfd), ctypes.c_int(number), ctypes.c_uint(0))
        if copy is None:
            return None
        try:
            return fcntl.ioctl(copy, _SIOCGSKNS)
        except PermissionError:
            self.refused += 1
            return None
        except OSError:
            return None
        finally:
            os.close(copy)

    def open_below(self, root: str, path: bytes) -> Optional[int]:
        """Open a path below a directory that a container controls: no link is followed (openat2(2))."""
        try:
            directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None
        how = struct.pack("=QQQ", _OPEN, 0, _RESOLVE)
        try:
            result = self._library.syscall(
                ctypes.c_long(_OPENAT2),
                ctypes.c_int(directory),
                ctypes.c_char_p(path),
                ctypes.c_char_p(how),
                ctypes.c_size_t(len(how)),
            )
            return None if result < 0 else int(result)
        finally:
            os.close(directory)

    def identity(self, path: str) -> Optional[Tuple[int, int]]:
        """Device and inode behind a link in /proc/PID/fd, without waiting for a file server (statx(2))."""
        if self._statx is None:
            try:
                status = os.stat(path)
            except OSError:
                return None
            return status.st_dev, status.st_ino
        answer = ctypes.create_string_buffer(256)  # struct statx of linux/stat.h
        if self._statx(_AT_FDCWD, os.fsencode(path), _AT_STATX_DONT_SYNC, _STATX_INO, answer) != 0:
            return None
        inode = struct.unpack_from("=Q", answer, 32)[0]
        major, minor = struct.unpack_from("=II", answer, 136)
        return os.makedev(major, minor), inode

    def _call(self, name: str, number: int, *arguments: object) -> Optional[int]:
        result = self._library.syscall(ctypes.c_long(number), *arguments)
        if result >= 0:
            return int(result)
        problem = ctypes.get_errno()
        if problem == errno.ENOSYS:
            self.missing = name
        elif problem in (errno.EPERM, errno.EACCES):
            self.refused += 1
        return None
