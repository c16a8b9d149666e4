# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Joining the cables of a snapshot: asking the kernel, and doubting what changed while it was read.

Which ends belong together is decided in ``_peers``; here the kernel is asked, and a pair that was proven
is given up again when one of its ends was removed after it had been read.
"""

from __future__ import annotations

import time

from .netlink import MalformedMessageError
from .peers import resolve_peers
from .rtnetlink import (
    GET_LINKS,
    GET_NSIDS,
    nsid_request,
    parse_link,
    parse_nsid,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set

    from .handles import Handles
    from .records import Peer, Snapshot

COMPARISONS = 3
"""How often links are read for a comparison while they change at the same time."""

_CHANGED = "the cable was removed or changed while it was read"
_NOT_COMPARED = "the kernel dropped notifications of changes, and the cable could not be read again to compare it"

_SAME = ("ifname", "address", "link", "link_netnsid", "info_kind")
"""What makes two records of one ifindex the same link."""


class Cables:
    """The cables of one snapshot."""

    __slots__ = ("_buffer", "_deadline", "_handles", "_namespaces", "_own")

    def __init__(self, snapshot: Snapshot, handles: Handles, buffer: bytearray, deadline: Optional[float]) -> None:
        self._namespaces = snapshot["namespaces"]
        self._own = snapshot["own"]
        self._handles = handles
        self._buffer = buffer
        self._deadline = deadline

    def join(self) -> Set[int]:
        """Write ``peers`` and ``nsids`` into the records; returns the namespaces that should be read again."""
        namespaces = self._namespaces
        links = {inode: namespace["links"] for inode, namespace in namespaces.items() if "links" in namespace}
        others = [
            inode for inode, namespace in namespaces.items() if "links" not in namespace and not namespace["vanished"]
        ]
        resolution = resolve_peers(links, others, self._ask)
        self._complete_own_nsids(resolution.nsids.setdefault(self._own, {}))
        for inode in links:
            namespaces[inode]["peers"] = resolution.peers[inode]
            namespaces[inode]["nsids"] = resolution.nsids.get(inode, {})
        stale = resolution.stale
        for inode, changed in self._changed_ends().items():
            stale.add(inode)
            for index in changed:
                end = namespaces[inode]["peers"][index]["end"]
                if end is not None:
                    stale.add(end["netns"])
        return stale

    def give_up_doubtful(self) -> None:
        """Call no pair exact of which one end was removed after it had been read."""
        namespaces = self._namespaces
        for inode, changed in self._changed_ends().items():
            for index, reason in changed.items():
                end = namespaces[inode]["peers"][index]["end"]
                doubt: Peer = {"resolution": "unresolved", "end": None, "reason": reason}
                namespaces[inode]["peers"][index] = doubt
                if end is not None and end["ifindex"] in namespaces[end["netns"]].get("peers", {}):
                    namespaces[end["netns"]]["peers"][end["ifindex"]] = doubt.copy()

    def _ask(self, asking: int, about: int) -> Optional[int]:
        """The id of one namespace as another one sees it; None when the kernel could not be asked."""
        if self._deadline is not None and time.monotonic() > self._deadline:
            return None
        try:
            connection = self._handles.connection(asking)
            descriptor = self._handles.descriptor(about)
            answer: List[int] = connection.ask(nsid_request(descriptor), parse_nsid, self._buffer)
        except (OSError, MalformedMessageError):
            return None
        return answer[0]

    def _complete_own_nsids(self, known: Dict[int, int]) -> None:
        """Ids that the node's own namespace has given out without a veth that proves them."""
        try:
            assigned, _consistent = self._handles.connection(self._own).dump(GET_NSIDS, parse_nsid, self._buffer)
        except (OSError, MalformedMessageError):
            return
        missing = {nsid for nsid in assigned if nsid >= 0} - set(known)
        if not missing:
            return
        proven = set(known.values())
        for inode, namespace in self._namespaces.items():
            if inode in proven or namespace["vanished"]:
                continue
            nsid = self._ask(self._own, inode)
            if nsid is not None and nsid in missing:
                missing.discard(nsid)
                known[nsid] = inode
            if not missing:
                return

    def _changed_ends(self) -> Dict[int, Dict[int, str]]:
        """Ends of exact pairs whose ifindex may mean another link by now, and why it is doubtful.

        It may belong to another cable.
        """
        found = {}
        for inode, namespace in self._namespaces.items():
            peers = namespace.get("peers")
            if not peers:
                continue
            exact = {index for index, peer in peers.items() if peer["end"] is not None}
            changed = self._changed_of(inode, exact) if exact else {}
            if changed:
                found[inode] = changed
        return found

    def _changed_of(self, inode: int, indexes: Set[int]) -> Dict[int, str]:
        try:
            watch = self._handles.watch(inode, self._buffer)
            # A namespace that could not be kept open was not watched, and what overflowed was not heard.
            if watch is None or watch.missed:
                return dict.fromkeys(self._compare_again(inode, indexes), _CHANGED)
        except (OSError, MalformedMessageError):
            return dict.fromkeys(indexes, _NOT_COMPARED)
        return dict.fromkeys(indexes & watch.removed, _CHANGED)

    def _compare_again(self, inode: int, indexes: Set[int]) -> Set[int]:
        """Those of the links that do not say the same when they are read once more."""
        links: Dict[int, Any] = {link["ifindex"]: link for link in self._namespaces[inode]["links"]}
        different = set(indexes)
        for _attempt in range(COMPARISONS):
            now, consistent = self._handles.connection(inode).dump(GET_LINKS, parse_link, self._buffer)
            different -= {
                link["ifindex"]
                for link in now
                if link["ifindex"] in different
                and all(links[link["ifindex"]].get(key) == link.get(key) for key in _SAME)
            }
            if consistent or not different:
                break
        return different
