# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Open sockets and descriptors of the namespaces being read, within the limit on open files.

While a socket or a descriptor of a namespace is open, the namespace lives and its inode cannot be
given to another one. One that had to be closed is opened again only when its cookie
(SO_NETNS_COOKIE) proves that it is still the same.
"""

from __future__ import annotations

import errno
import os

from .namespaces import NamespaceAccessError
from .netlink import Connection, MalformedMessageError
from .rtnetlink import LinkWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterable, List, Optional, Tuple

    from .namespaces import Home

_SMALLEST_LIMIT = 4


class Handles:
    """A connection and a descriptor per namespace; the oldest are closed when there are too many."""

    __slots__ = ("_cookies", "_doors", "_home", "_limit", "_open")

    def __init__(self, home: Home, limit: int) -> None:
        """`limit` is the number of namespaces that may be open at once; each needs two descriptors."""
        self._home = home
        self._limit = max(limit, _SMALLEST_LIMIT)
        self._doors: Dict[int, List[str | bytes]] = {}
        self._open: Dict[int, Tuple[Connection, int]] = {}
        self._cookies: Dict[int, int] = {}

    def set_limit(self, limit: int) -> None:
        """Change the number of namespaces that may be open at once."""
        self._limit = max(limit, _SMALLEST_LIMIT)

    def add_doors(self, inode: int, doors: Iterable[str | bytes]) -> None:
        """Remember ways into a namespace, best first."""
        self._doors.setdefault(inode, []).extend(doors)

    def doors(self, inode: int) -> List[str | bytes]:
        """The ways into a namespace that are known: mount points as bytes, links in /proc as text."""
        return self._doors.get(inode, [])

    def connection(self, inode: int, inside: Optional[Callable[[], None]] = None) -> Connection:
        """The connection of a namespace, opened when it is not; `inside` runs there when it is entered.

        Raises OSError, `NamespaceAccessError` among them.
        """
        handles = self._open.get(inode)
        if handles is None:
            handles = self._enter(inode, inside)
        return handles[0]

    def descriptor(self, inode: int) -> int:
        """A descriptor of the namespace, for questions about it; raises OSError."""
        handles = self._open.get(inode)
        if handles is None:
            handles = self._enter(inode, None)
        return handles[1]

    def visit(self, inode: int, inside: Callable[[], None]) -> None:
        """Run `inside` in a namespace that is already open; raises OSError."""
        if inode == self._home.inode:
            inside()
        else:
            self._home.inside(self.descriptor(inode), inside)

    def watch(self, inode: int, buffer: bytearray) -> Optional[LinkWatch]:
        """What the connection of a namespace heard until now; None when it was not open all the time.

        Raises OSError and `MalformedMessageError`.
        """
        handles = self._open.get(inode)
        if handles is None or inode in self._cookies:
            return None
        handles[0].drain(buffer)
        watch = handles[0].watch
        return watch if isinstance(watch, LinkWatch) else None

    def forget(self, inode: int, buffer: bytearray) -> None:
        """Before a namespace is read again: what was heard until now no longer matters."""
        try:
            watch = self.watch(inode, buffer)
        except (OSError, MalformedMessageError):
            self.close(inode)
            return
        if watch is not None:
            watch.forget()

    def close(self, inode: int) -> None:
        """Close what is open of one namespace."""
        handles = self._open.pop(inode, None)
        if handles is not None:
            handles[0].close()
            os.close(handles[1])

    def close_all(self) -> None:
        """Close everything; the namespaces may go."""
        for inode in list(self._open):
            self.close(inode)

    def _enter(self, inode: int, inside: Optional[Callable[[], None]]) -> Tuple[Connection, int]:
        while len(self._open) >= self._limit:
            self._evict()
        home = self._home
        own = inode == home.inode
        doors: Iterable[str | bytes] = ("/proc/thread-self/ns/net",) if own else self._doors.get(inode, ())
        descriptor = home.open_namespace(inode, doors)
        connection: Optional[Connection] = None

        def work() -> Connection:
            opened = Connection(LinkWatch())
            if own:  # where the ports of all pods come and go
                opened.hear_much()
            if inside is not None:
                try:
                    inside()
                except BaseException:
                    opened.close()
                    raise
            return opened

        try:
            connection = work() if own else home.inside(descriptor, work)
            self._check_identity(inode, connection)
        except BaseException:
            if connection is not None:
                connection.close()
            os.close(descriptor)
            raise
        handles = self._open[inode] = (connection, descriptor)
        return handles

    def _evict(self) -> None:
        """Close the namespace that has been open longest, but the node's own last."""
        for inode in self._open:
            if inode != self._home.inode:
                self._cookies[inode] = self._open[inode][0].cookie()
                self.close(inode)
                return
        self.close(self._home.inode)

    def _check_identity(self, inode: int, connection: Connection) -> None:
        """After a namespace was closed its inode may have been given to another one."""
        cookie = self._cookies.get(inode)
        if cookie is None or inode == self._home.inode:
            return
        if cookie == 0 or cookie != connection.cookie():
            raise NamespaceAccessError(errno.ESTALE, "it cannot be proven to be the namespace that it was a moment ago")
