# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which veth ends belong together. Decisions over records; the kernel is asked through a function.

What the kernel says about one end (net/core/rtnetlink.c): IFLA_LINK is the ifindex of the other
end *in the other end's namespace*; IFLA_LINK_NETNSID is the id that the namespace of the other
end has *as seen from here*; without it the other end is in the same namespace; -1 means
that no id is assigned.

Ends that point at each other are therefore only candidates: every pod's eth0 may be
interface 2, and two bridges in two namespaces repeat the same pairs. A candidate becomes the answer when
the kernel confirms, by RTM_GETNSID on the asking namespace's own socket, that the candidate's namespace
has the id in question, and when it confirms the same from the other side.
"""

from __future__ import annotations

from itertools import chain

from .linkinfo import PEER_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Set, Tuple

    from .records import Link, Peer

    Ask = Callable[[int, int], Optional[int]]
    """(asking namespace, namespace asked about) -> its nsid there, -1 when none is assigned,
    None when the kernel could not be asked. Both are inodes."""

SEARCH_BUDGET = 20000
"""Questions that may be spent on explaining what stays unresolved; each takes some 10 µs."""


class Resolution:
    """Everything that was found out about the ends of cables."""

    __slots__ = ("nsids", "peers", "stale")

    def __init__(self) -> None:
        self.peers: Dict[int, Dict[int, Peer]] = {}
        """Inode -> ifindex of each paired link -> its other end."""
        self.nsids: Dict[int, Dict[int, int]] = {}
        """Inode -> nsid as seen from there -> inode; only what the kernel confirmed."""
        self.stale: Set[int] = set()
        """Namespaces that changed while they were read: reading them again may resolve more."""


class _Questions:
    """What the kernel answered so far, so that nothing is asked twice."""

    __slots__ = ("_answers", "_ask", "nsids", "spent")

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._answers: Dict[Tuple[int, int], Optional[int]] = {}
        self.nsids: Dict[int, Dict[int, int]] = {}
        self.spent = 0

    def nsid(self, asking: int, about: int) -> Optional[int]:
        """The id of `about` as seen from `asking`."""
        key = (asking, about)
        if key in self._answers:
            return self._answers[key]
        self.spent += 1
        answer = self._answers[key] = self._ask(asking, about)
        if answer is not None and answer >= 0:
            self.nsids.setdefault(asking, {})[answer] = about
        return answer


def resolve_peers(links: Mapping[int, Sequence[Link]], others: Sequence[int], ask: Ask) -> Resolution:
    """The other end of every veth, netkit and vxcan link.

    `links` are the links of every namespace that was read, `others` namespaces that are known but
    were not read. Every paired link gets a `Peer`: ``exact`` is proven; ``ambiguous`` has candidates that
    could not be proven; ``unresolved`` has none. The last two say why.
    """
    resolver = _Resolver(links, others, _Questions(ask))
    for inode, items in links.items():
        resolver.learn_nsids(inode, items)
    for inode, items in links.items():
        peers = resolver.resolution.peers[inode] = {}
        for link in items:
            if link.get("info_kind") in PEER_KINDS:
                peers[link["ifindex"]] = resolver.peer_of(inode, link)
    resolver.resolution.nsids = resolver.questions.nsids
    return resolver.resolution


def _other_index(link: Link) -> int:
    """Kernels before 5.1 leave IFLA_LINK out when both ends have the same ifindex in two namespaces."""
    return link.get("link", link["ifindex"])


def _points_at(other: Link, link: Link) -> bool:
    return other.get("info_kind") == link.get("info_kind") and _other_index(other) == link["ifindex"]


class _Resolver:
    """The links of all namespaces, indexed, and the decision about each of them."""

    __slots__ = ("by_index", "ends", "others", "questions", "resolution", "searches")

    def __init__(self, links: Mapping[int, Sequence[Link]], others: Sequence[int], questions: _Questions) -> None:
        self.questions = questions
        self.others = others
        self.resolution = Resolution()
        self.searches: Dict[int, Iterator[int]] = {}
        """Asking namespace -> those that it was not asked about yet."""
        self.by_index = {inode: {link["ifindex"]: link for link in items} for inode, items in links.items()}
        self.ends: Dict[Tuple[int, int], List[int]] = {}
        """(own ifindex, the other end's ifindex) -> namespaces with such a link to another namespace."""
        for inode, items in links.items():
            for link in items:
                if "link_netnsid" in link and link.get("info_kind") in PEER_KINDS:
                    self.ends.setdefault((link["ifindex"], _other_index(link)), []).append(inode)

    def candidates(self, inode: int, link: Link) -> List[int]:
        """Other namespaces that have a link pointing back at this one."""
        found = self.ends.get((_other_index(link), link["ifindex"]), ())
        return [candidate for candidate in found if candidate != inode]

    def learn_nsids(self, inode: int, items: Sequence[Link]) -> None:
        """Ask about each nsid that a paired link of this namespace names, until one candidate has it."""
        known = self.questions.nsids.setdefault(inode, {})
        for link in items:
            nsid = link.get("link_netnsid", -1)
            if nsid < 0 or nsid in known or link.get("info_kind") not in PEER_KINDS:
                continue
            for candidate in self.candidates(inode, link):
                if self.questions.nsid(inode, candidate) == nsid:
                    break

    def peer_of(self, inode: int, link: Link) -> Peer:
        """Decide about one link."""
        nsid = link.get("link_netnsid")
        if nsid is None:
            return self._peer_in_same_namespace(inode, link)
        if nsid < 0:
            return self._peer_without_nsid(inode, link)
        home = self.questions.nsids[inode].get(nsid)
        if home is None:
            return self._explain_unknown_nsid(inode, link, nsid)
        other = self.by_index.get(home, {}).get(_other_index(link))
        if other is not None and "link_netnsid" in other and _points_at(other, link):
            back = self.questions.nsid(home, inode)
            if back == other["link_netnsid"]:
                return _exact(home, other)
            if back is None:
                return _ambiguous(nsid, [home], "the other side could not be asked")
        return self._elsewhere(inode, link, home)

    def _peer_in_same_namespace(self, inode: int, link: Link) -> Peer:
        index = link.get("link", 0)
        if index == 0:
            return _unresolved("the kernel names no other end: the pair is being removed")
        other = self.by_index[inode].get(index)
        if other is not None and "link_netnsid" not in other and _points_at(other, link):
            return _exact(inode, other)
        return self._elsewhere(inode, link, inode)

    def _peer_without_nsid(self, inode: int, link: Link) -> Peer:
        """No id is assigned here, but the other side may have one for this namespace: that proves it as well."""
        index = _other_index(link)
        candidates = self.candidates(inode, link)
        proven = []
        for candidate in candidates:
            other = self.by_index[candidate][index]
            nsid = other["link_netnsid"]
            if nsid >= 0 and _points_at(other, link) and self.questions.nsid(candidate, inode) == nsid:
                proven.append(candidate)
        if len(proven) == 1:
            return _exact(proven[0], self.by_index[proven[0]][index])
        if candidates:
            return _ambiguous(-1, proven or candidates, "the kernel has assigned no id to its namespace")
        return _unresolved(
            "the kernel has assigned no id to the namespace where it is interface %d, "
            "and no namespace that was read has a matching end" % index
        )

    def _explain_unknown_nsid(self, inode: int, link: Link, nsid: int) -> Peer:
        """No candidate was confirmed: could one not be asked, or is the namespace not known at all?"""
        unasked = [about for about in self.candidates(inode, link) if self.questions.nsid(inode, about) is None]
        if unasked:
            return _ambiguous(nsid, unasked, "the kernel could not be asked which one has this id")
        found = self._search(inode, nsid)
        if found is not None:
            return self._elsewhere(inode, link, found)
        where = "nsid %d, where it is interface %d, belongs to no namespace that was found" % (nsid, _other_index(link))
        hint = "the subset hidden searches open descriptors and sockets as well"
        closed = sum(1 for about in self.others if self.questions.nsid(inode, about) is None)
        if closed:
            return _unresolved(
                "%s and could be asked about; it may be one of %d that could not, or %s" % (where, closed, hint)
            )
        return _unresolved("%s; %s" % (where, hint))

    def _search(self, inode: int, nsid: int) -> Optional[int]:
        """Ask about one namespace after the other until one has the id; the next search goes on from there."""
        known = self.questions.nsids[inode]
        # Namespaces that could not be read come first: one of those is the likely answer.
        for about in self.searches.setdefault(inode, chain(self.others, self.by_index)):
            if about != inode and self.questions.nsid(inode, about) == nsid:
                return about
            if self.questions.spent >= SEARCH_BUDGET:
                break
        return known.get(nsid)

    def _elsewhere(self, inode: int, link: Link, home: int) -> Peer:
        """The namespace of the other end is known, but the end itself was not read there."""
        index = _other_index(link)
        where = "the same namespace" if home == inode else "namespace net:[%d]" % home
        if home not in self.by_index:
            return _unresolved("it is interface %d of %s, which could not be read" % (index, where))
        self.resolution.stale.update((inode, home))
        return _unresolved("interface %d of %s was gone or had changed when it was read" % (index, where))


def _exact(inode: int, other: Link) -> Peer:
    return {
        "resolution": "exact",
        "end": {"netns": inode, "ifindex": other["ifindex"], "ifname": other["ifname"]},
        "reason": None,
    }


def _unresolved(reason: str) -> Peer:
    return {"resolution": "unresolved", "end": None, "reason": reason}


def _ambiguous(nsid: int, candidates: Sequence[int], cause: str) -> Peer:
    names = ", ".join("net:[%d]" % candidate for candidate in candidates[:5])
    if len(candidates) > 5:
        names += " and %d more" % (len(candidates) - 5)
    shown = "nsid %d" % nsid if nsid >= 0 else "no nsid"
    return {"resolution": "ambiguous", "end": None, "reason": "%s: %s matches, but %s" % (shown, names, cause)}
