# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What has to be read inside a namespace, because its files follow whoever opens them."""

from __future__ import annotations

from .sysctls import parse_sysctls, read_settings, read_sysctls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Collection, Dict, List, Optional

    from .records import Namespace

_REMEDY = "run the task with become: true"


class Inside:
    """The raw files of one namespace: read away from home, parsed at home."""

    def __init__(self, wanted: Collection[str]) -> None:
        self.sockets = "sockets" in wanted
        self.sysctls = "sysctls" in wanted
        self.settings = "settings" in wanted
        self.counters = "counters" in wanted
        self.ran = False
        self._tables: Dict[str, bytes] = {}
        self._cut: List[str] = []
        self._values: Dict[bytes, Optional[bytes]] = {}
        self._decisive: Dict[bytes, Optional[bytes]] = {}
        self._counted: List[bytes] = []
        self._problem: Optional[str] = None

    def run(self) -> None:
        """Read the raw files of the namespace that the thread is in now."""
        self.ran = True
        if self.sysctls:
            self._values = read_sysctls()
        if self.settings:
            self._decisive = read_settings()
        if self.counters:
            from .counters import read_counters

            self._counted = read_counters()
        if self.sockets:
            # Imported only here: Python compiles each module of a task anew, and few ask for this one.
            from .sockets import read_socket_tables

            try:
                self._tables, self._cut = read_socket_tables()
            except OSError as problem:
                self._problem = problem.strerror or "unreadable"

    def put_into(self, namespace: Namespace) -> None:
        """Parse what was read, at home."""
        if self.sysctls:
            namespace["sysctls"] = parse_sysctls(self._values)
        if self.settings:
            namespace["settings"] = parse_sysctls(self._decisive)
        if self.counters:
            from .counters import parse_counters

            namespace["counters"] = parse_counters(self._counted)
        if not self.sockets:
            return
        from .sockets import parse_socket_table

        namespace["sockets"] = [
            socket for name in sorted(self._tables) for socket in parse_socket_table(name, self._tables[name])
        ]
        thing = "sockets of network namespace net:[%d]" % namespace["inode"]
        if self._problem:
            namespace["errors"].append({"object": thing, "cause": self._problem, "remedy": _REMEDY})
        for name in self._cut:
            namespace["errors"].append(
                {"object": thing, "cause": "the table %s is too long to be read whole" % name, "remedy": "use ss -ln"}
            )
