# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""One pass over a node: every network namespace, what is in it, and which cables join them.

Nothing on the node is changed: every request reads, no file is written, and nothing is mounted. What
could not be read is listed and makes the snapshot partial; what vanished meanwhile is marked.
"""

from __future__ import annotations

import errno
import gc
import os
import time

from .cables import Cables
from .handles import Handles
from .linkinfo import FDB_KINDS, name_lower_links
from .mountinfo import covered_mounts, parse_namespace_mounts
from .namespaces import (
    RESERVED_DESCRIPTORS,
    Home,
    NamespaceAccessError,
    raise_descriptor_limit,
)
from .netlink import (
    RECEIVE_BUFFER,
    MalformedMessageError,
    text,
)
from .processes import (
    CAP_SYS_PTRACE,
    ProcessScan,
    has_capability,
    leads_to,
    own_mount_namespaces,
    own_pid_namespace,
    scan_processes,
    still_in,
)
from .rtnetlink import (
    GET_ADDRESSES,
    GET_ALL_ROUTES,
    GET_FDB,
    GET_LINKS,
    GET_MAIN_ROUTES,
    GET_NEIGHBOURS,
    GET_RULES,
    RT_TABLE_MAIN,
    RouteParser,
    parse_address,
    parse_fdb,
    parse_link,
    parse_link_with_statistics,
    parse_neighbour,
    parse_rule,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Collection, Dict, List, Optional, Set

    from .hidden import HiddenSearch
    from .inside import Inside
    from .netlink import Connection, MessageParser
    from .records import Error, Namespace, Snapshot

SUBSETS = (
    "addresses",
    "routes",
    "all_routes",
    "neighbours",
    "fdb",
    "rules",
    "sockets",
    "sysctls",
    "settings",
    "counters",
    "statistics",
    "processes",
    "host_processes",
    "hidden",
)
"""What may be asked for; links are always read and peers always resolved."""

ROUNDS = 2
"""How often a namespace that changes while it is read is read before its cables are given up.

Where namespaces come and go all the time a third reading finds as many half there as the second.
"""

_BECOME = "run the task with become: true (it needs CAP_SYS_ADMIN and CAP_SYS_PTRACE)"
_AGAIN = "run it again; it happens when the node changes while it is read"
_TIMEOUT = "give it more time with the option timeout, or ask for fewer subsets"
_RETRIED = (errno.ENOBUFS, errno.EAGAIN)


def take_snapshot(wanted: Collection[str], deadline: Optional[float] = None) -> Snapshot:
    """Read the node.

    `wanted` names `SUBSETS`; ``all_routes`` includes ``routes``. `deadline` is a point on the clock
    `time.monotonic`; what was not read by then is named in ``errors`` and the snapshot is partial.
    Raises OSError when /proc is not there, and `CannotReturn` (a SystemExit) when this thread is lost
    in a foreign namespace.
    """
    collecting = gc.isenabled()
    gc.disable()  # tens of thousands of records are made and none dies before the end
    try:
        home = Home()
        try:
            return _Pass(home, frozenset(wanted), deadline).run()
        finally:
            home.close()
    finally:
        if collecting:
            gc.enable()


class _Pass:
    """The state of one pass over the node."""

    def __init__(self, home: Home, wanted: Collection[str], deadline: Optional[float]) -> None:
        self.home = home
        self.wanted = wanted
        self.deadline = deadline
        self.buffer = bytearray(RECEIVE_BUFFER)
        self.parse_route = RouteParser().parse
        self.own_mounts = own_mount_namespaces()
        self.own_pid_namespace = own_pid_namespace()
        self.snapshot: Snapshot = {
            "own": home.inode,
            "own_pid_namespace": self.own_pid_namespace,
            "hostname": text(os.fsencode(os.uname().nodename)),
            "namespaces": {},
            "errors": [],
            "partial": False,
        }
        self.seen_pids: Set[str] = set()
        self.handles = Handles(home, 0)
        self.searches: List[HiddenSearch] = []
        self.hidden: Set[int] = set()
        self.refused = 0

    def run(self) -> Snapshot:
        """Discover, read, look again for what was born meanwhile, and join the cables."""
        found = self._discover()
        limit = raise_descriptor_limit(2 * len(found) + 2 * RESERVED_DESCRIPTORS)
        self.handles.set_limit((limit - RESERVED_DESCRIPTORS) // 2)
        try:
            self._read_all(found)
            self._read_all(self._discover())
            self._resolve()
            self._check_holders()
        finally:
            self.handles.close_all()
            for search in self.searches:
                search.close()
        self._finish()
        return self.snapshot

    # ------------------------------------------------------- discovery

    def _discover(self) -> List[int]:
        """Find namespaces that are not in the snapshot yet, and make a record of each; own first."""
        namespaces = self.snapshot["namespaces"]
        if self._late("looking for namespaces"):
            if self.home.inode in namespaces:
                return []
            self._add(self.home.inode, [], ProcessScan())
            return [self.home.inode]
        scan = scan_processes(
            self.home.inode,
            self.own_mounts,
            "processes" in self.wanted,
            "host_processes" in self.wanted,
            self.seen_pids,
        )
        mounts = parse_namespace_mounts(self._mountinfo())
        named = self._note_late_mounts(mounts)
        inodes = (set(mounts) | set(scan.counts) | {self.home.inode}) - set(namespaces)
        for inode in sorted(inodes, key=self._own_first):
            self._add(inode, mounts.get(inode, []), scan)
        self._report_denied(scan.denied)
        if "hidden" in self.wanted and not self.searches:
            inodes |= self._discover_hidden()
        return sorted(inodes | named, key=self._own_first)

    def _note_late_mounts(self, mounts: Dict[int, List[bytes]]) -> Set[int]:
        """Give names to known namespaces that were mounted after they were found, as `ip netns add` does.

        Returns those that could not be entered before: the process that led to them is gone, the mount is not.
        """
        unread = set()
        for inode, namespace in self.snapshot["namespaces"].items():
            if namespace["paths"] or inode not in mounts:
                continue
            namespace["paths"] = sorted(text(path) for path in mounts[inode])
            namespace["holders"] = sorted(set(namespace.get("holders", [])) | {"mount"})
            self.handles.add_doors(inode, mounts[inode])
            if not namespace["entered"]:
                namespace["errors"] = []
                namespace["vanished"] = False
                unread.add(inode)
        return unread

    def _report_denied(self, denied: List[int]) -> None:
        """Processes that hid their namespaces; PID 1 of some sandboxes does so even before root."""
        if not denied:
            return
        which = "the namespaces of %d processes" % len(denied) if len(denied) > 1 else "the namespaces"
        thing = "process %d" % denied[0] + (" and others" if len(denied) > 1 else "")
        if has_capability(CAP_SYS_PTRACE):
            remedy = "see what confines them with cat /proc/%d/status" % denied[0]
            self._add_error(thing, "%s cannot be read: permission denied in spite of CAP_SYS_PTRACE" % which, remedy)
        else:
            self._add_error(thing, "%s cannot be read: permission denied (CAP_SYS_PTRACE is missing)" % which, _BECOME)

    def _own_first(self, inode: int) -> int:
        return -1 if inode == self.home.inode else inode

    def _mountinfo(self) -> bytes:
        try:
            with open("/proc/self/mountinfo", "rb") as file:
                return file.read()
        except OSError as problem:
            self._add_error("/proc/self/mountinfo", problem.strerror or "unreadable", "mount /proc")
            return b""

    def _add(self, inode: int, mounts: List[bytes], scan: ProcessScan) -> None:
        holders = ["mount"] if mounts else []
        if inode in scan.counts:
            holders.append("thread" if inode in scan.threaded else "process")
        self.snapshot["namespaces"][inode] = {
            "inode": inode,
            "paths": sorted(text(path) for path in mounts),
            "processes": scan.processes.get(inode, []),
            "process_count": scan.counts.get(inode, 0),
            "errors": [],
            "entered": False,
            "vanished": False,
            "holders": holders,
        }
        self.handles.add_doors(inode, mounts)
        self.handles.add_doors(inode, scan.doors.get(inode, []))

    def _discover_hidden(self) -> Set[int]:
        """The deep search: descriptors, sockets and the mounts of other mount namespaces."""
        namespaces = self.snapshot["namespaces"]
        # Imported only here: it needs ctypes, and few ask for it.
        from .hidden import find_hidden

        search = find_hidden(set(namespaces), self.home.device, self.deadline)
        self.searches.append(search)
        self.hidden.update(search.found)
        self.snapshot["errors"].extend(search.errors)
        born = set()
        for inode, finding in search.found.items():
            namespace = namespaces.get(inode)
            if namespace is None:
                born.add(inode)
                namespace = namespaces[inode] = {
                    "inode": inode,
                    "paths": [],
                    "processes": [],
                    "process_count": 0,
                    "errors": [],
                    "entered": False,
                    "vanished": False,
                    "holders": [],
                }
                self.handles.add_doors(inode, finding.doors)
            namespace["holders"] = sorted(set(namespace.get("holders", [])) | finding.holders)
        return born

    # --------------------------------------------------------- reading

    def _read_all(self, inodes: List[int]) -> None:
        for position, inode in enumerate(inodes):
            if self._late("reading %d of %d namespaces" % (len(inodes) - position, len(inodes))):
                for left in inodes[position:]:
                    self._namespace_error(left, "it was not read before the time limit", _TIMEOUT)
                return
            self._read(inode)

    def _read(self, inode: int) -> None:
        """Enter one namespace and read it; whatever goes wrong is noted in its record."""
        namespace = self.snapshot["namespaces"][inode]
        for attempt in (1, 2):
            try:
                self._enter_and_read(namespace)
                return
            except NamespaceAccessError as problem:
                if problem.errno in (errno.ENOENT, errno.ESRCH) and not namespace["entered"]:
                    namespace["vanished"] = True
                elif problem.errno in (errno.EACCES, errno.EPERM):
                    self.refused += 1
                    self._namespace_error(inode, "it cannot be opened: %s" % problem.strerror, _BECOME)
                else:
                    self._namespace_error(
                        inode,
                        "it cannot be opened: %s" % problem.strerror,
                        "see where it is mounted with grep -F 'net:[%d]' /proc/self/mountinfo, and who is in it with "
                        "ls -l /proc/[0-9]*/ns/net" % inode,
                    )
                return
            except PermissionError as problem:
                self.refused += 1
                self._namespace_error(inode, "it cannot be entered: %s" % problem.strerror, _BECOME)
                return
            except MalformedMessageError as problem:
                self._give_up(inode, attempt, "the kernel's answer was not understood: %s" % problem)
            except OSError as problem:
                if problem.errno not in _RETRIED:
                    self._namespace_error(inode, "it cannot be read: %s" % problem.strerror, _AGAIN)
                    return
                self._give_up(inode, attempt, "the kernel's answer was lost: %s" % problem.strerror)

    def _give_up(self, inode: int, attempt: int, cause: str) -> None:
        self.handles.close(inode)
        if attempt == 2:
            self._namespace_error(inode, cause, _AGAIN)

    def _enter_and_read(self, namespace: Namespace) -> None:
        inode = namespace["inode"]
        inside = self._reader_inside(inode)
        connection = self.handles.connection(inode, inside.run if inside is not None else None)
        namespace["entered"] = True
        self._dump_all(namespace, connection)
        if inside is not None:
            if not inside.ran:
                self.handles.visit(inode, inside.run)
            inside.put_into(namespace)

    def _reader_inside(self, inode: int) -> Optional[Inside]:
        """What reads the files of a namespace from inside; None when none of them is wanted."""
        known = ("sockets", "sysctls", "settings", "counters") if inode == self.home.inode else ("sockets", "sysctls")
        wanted = [name for name in known if name in self.wanted]
        if not wanted:
            return None
        # Imported only here: Python compiles each module of a task anew, and few ask for this one.
        from .inside import Inside

        return Inside(wanted)

    def _dump_all(self, namespace: Namespace, connection: Connection) -> None:
        wanted = self.wanted
        records: Any = namespace
        parse = parse_link_with_statistics if "statistics" in wanted else parse_link
        records["links"] = items = self._dump(namespace, connection, "links", GET_LINKS, parse)
        name_lower_links(items)
        if "addresses" in wanted:
            records["addresses"] = self._dump(namespace, connection, "addresses", GET_ADDRESSES, parse_address)
        if "all_routes" in wanted:
            records["routes"] = self._dump(namespace, connection, "routes", GET_ALL_ROUTES, self.parse_route)
        elif "routes" in wanted:
            routes = self._dump(namespace, connection, "routes", GET_MAIN_ROUTES, self.parse_route)
            records["routes"] = [route for route in routes if route["table"] == RT_TABLE_MAIN]
        if "neighbours" in wanted:
            records["neighbours"] = self._dump(namespace, connection, "neighbours", GET_NEIGHBOURS, parse_neighbour)
        if "fdb" in wanted:
            has_fdb = any(link.get("info_kind") in FDB_KINDS for link in items)
            records["fdb"] = self._dump(namespace, connection, "fdb", GET_FDB, parse_fdb) if has_fdb else []
        if "rules" in wanted:
            records["rules"] = self._dump(namespace, connection, "rules", GET_RULES, parse_rule)

    def _dump(
        self, namespace: Namespace, connection: Connection, what: str, message: bytes, parse: MessageParser
    ) -> List[Any]:
        """One table; an error that the kernel answers with concerns this table alone."""
        try:
            records, consistent = connection.dump(message, parse, self.buffer)
        except OSError as problem:
            if problem.errno in _RETRIED:
                raise
            if problem.errno != errno.EOPNOTSUPP:  # a kernel without policy routing has no rules
                self._namespace_error(
                    namespace["inode"], "its %s cannot be read: %s" % (what, problem.strerror), _AGAIN
                )
            return []
        if not consistent:
            self._namespace_error(
                namespace["inode"], "its %s kept changing while they were read and may be incomplete" % what, _AGAIN
            )
        return records

    # ---------------------------------------------------------- cables

    def _resolve(self) -> None:
        """Join the cables; what changed while it was read is read again, `ROUNDS` times in all."""
        cables = Cables(self.snapshot, self.handles, self.buffer, self.deadline)
        for number in range(1, ROUNDS + 1):
            stale = cables.join()
            if not stale:
                return
            if number == ROUNDS or self._late("reading again %d namespaces that had changed" % len(stale)):
                cables.give_up_doubtful()
                return
            for inode in sorted(stale):
                self.snapshot["namespaces"][inode]["errors"] = []
                self.handles.forget(inode, self.buffer)
                self._read(inode)

    # --------------------------------------------------------- holders

    def _check_holders(self) -> None:
        """Look again at who holds each namespace, now that it is open here and its inode cannot be given away."""
        mountinfo = self._mountinfo()
        mounts, covered = parse_namespace_mounts(mountinfo), covered_mounts(mountinfo)
        for inode, namespace in self.snapshot["namespaces"].items():
            held = mounts.get(inode, [])
            if not namespace["vanished"]:
                namespace["paths"] = sorted(text(path) for path in held if (inode, path) not in covered)
            if inode == self.home.inode:
                continue
            if namespace["entered"]:
                self._check_entered(namespace, bool(held))
            elif namespace["errors"] and inode not in mounts and not self._has_door(inode):
                namespace["vanished"] = True
                namespace["errors"] = []
            if namespace["vanished"] and not namespace["entered"]:
                namespace["processes"] = []
                namespace["process_count"] = 0

    def _check_entered(self, namespace: Namespace, mounted: bool) -> None:
        if namespace["processes"]:
            kept = still_in(namespace["processes"], namespace["inode"])
            namespace["process_count"] -= len(namespace["processes"]) - len(kept)
            namespace["processes"] = kept
        held = mounted or namespace["process_count"] or namespace["inode"] in self.hidden
        namespace["vanished"] = not held

    def _has_door(self, inode: int) -> bool:
        """Whether a process is in the namespace now."""
        return any(isinstance(door, str) and leads_to(door, inode) for door in self.handles.doors(inode))

    # ---------------------------------------------------------- errors

    def _late(self, doing: str) -> bool:
        """Whether the deadline has passed; says so in the snapshot, once."""
        if self.deadline is None or time.monotonic() <= self.deadline:
            return False
        self._add_error("node", "the time limit was reached before %s" % doing, _TIMEOUT)
        return True

    def _add_error(self, thing: str, cause: str, remedy: str) -> None:
        error: Error = {"object": thing, "cause": cause, "remedy": remedy}
        if error not in self.snapshot["errors"]:
            self.snapshot["errors"].append(error)

    def _namespace_error(self, inode: int, cause: str, remedy: str) -> None:
        namespace = self.snapshot["namespaces"][inode]
        paths = namespace["paths"]
        thing = "network namespace net:[%d]" % inode + (" (%s)" % paths[0] if paths else "")
        error: Error = {"object": thing, "cause": cause, "remedy": remedy}
        if error not in namespace["errors"]:
            namespace["errors"].append(error)

    def _finish(self) -> None:
        snapshot = self.snapshot
        if self.refused:
            self._add_error(
                "network namespaces",
                "%d of %d cannot be entered: permission denied (CAP_SYS_ADMIN is missing)"
                % (self.refused, len(snapshot["namespaces"])),
                _BECOME,
            )
        snapshot["partial"] = bool(snapshot["errors"]) or any(
            namespace["errors"] for namespace in snapshot["namespaces"].values()
        )
