# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Entering network namespaces, and always coming home (setns(2), namespaces(7)).

A setns concerns the calling thread alone. Nothing but opening a socket or a file happens away
from home: the socket stays in the namespace that it was opened in.
"""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Optional, TypeVar

    Result = TypeVar("Result")

CLONE_NEWNET = 0x40000000  # linux/sched.h

OWN_NAMESPACE = "/proc/thread-self/ns/net"
RESERVED_DESCRIPTORS = 64


class CannotReturn(SystemExit):
    """The way back into the own namespace failed: nothing that would run from here on may run.

    Derived from SystemExit so that no handler for ordinary errors keeps the process going.
    """


class NamespaceAccessError(OSError):
    """A namespace that is there but cannot be opened or entered; the text says why."""


def _load_setns() -> Callable[[int, int], None]:
    native: Optional[Callable[[int, int], None]] = getattr(os, "setns", None)  # Python 3.12
    if native is not None:
        return native
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)

    def setns(descriptor: int, kind: int) -> None:
        if library.setns(descriptor, kind) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return setns


class Home:
    """The namespace that the calling thread was in first. Close it when done."""

    __slots__ = ("_descriptor", "_setns", "device", "inode")

    def __init__(self) -> None:
        """Raises OSError when /proc is not mounted."""
        self._setns = _load_setns()
        self._descriptor = os.open(OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
        status = os.fstat(self._descriptor)
        self.inode = status.st_ino
        self.device = status.st_dev
        """st_dev of nsfs: what every namespace file of this node has."""

    def close(self) -> None:
        """Release the descriptor; the thread is at home whenever this can be called."""
        os.close(self._descriptor)

    def inside(self, descriptor: int, work: Callable[[], Result]) -> Result:
        """Run `work` in the namespace open at `descriptor` and come back, whatever happens.

        Raises what setns and `work` raise, and `CannotReturn`.
        """
        self._setns(descriptor, CLONE_NEWNET)
        try:
            return work()
        finally:
            try:
                self._setns(self._descriptor, CLONE_NEWNET)
            except BaseException as problem:
                raise CannotReturn(
                    "podnet.lab: could not return to the network namespace net:[%d] (%s). "
                    "The task was ended before it could do anything in the wrong one." % (self.inode, problem)
                ) from problem

    def open_namespace(self, inode: int, doors: Iterable[str | bytes]) -> int:
        """A descriptor of the namespace `inode` through the first door that really leads to it.

        A door is opened without blocking (it may be a FIFO or a device that somebody mounted over it) and
        checked by inode and file system. Raises `NamespaceAccessError`.
        """
        problem = "it has neither a mount point nor a process any more"
        number = errno.ENOENT
        for door in doors:
            try:
                descriptor = os.open(door, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            except OSError as error:
                number = error.errno or errno.EIO
                problem = "%s: %s" % (_shown(door), error.strerror)
                continue
            status = os.fstat(descriptor)
            if status.st_ino == inode and status.st_dev == self.device:
                return descriptor
            os.close(descriptor)
            number = errno.ESTALE
            if stat.S_ISREG(status.st_mode) and status.st_dev == self.device:
                problem = "%s is now namespace %d" % (_shown(door), status.st_ino)
            else:
                problem = "%s is covered by another mount or file" % _shown(door)
        raise NamespaceAccessError(number, problem)


def _shown(door: str | bytes) -> str:
    return door if isinstance(door, str) else door.decode("utf-8", "backslashreplace")


def raise_descriptor_limit(wanted: int) -> int:
    """Raise this process's soft RLIMIT_NOFILE as far as needed and allowed; returns the limit in force."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    limit = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    except (OSError, ValueError):
        return soft
    return limit
