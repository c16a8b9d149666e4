# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which ends belong together: shapes that invite wrong answers, and random worlds with a known truth."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set, Tuple

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel import peers

HOST, LAB, POD1, POD2, POD3 = 100, 200, 301, 302, 303

End = Tuple[int, int]


def veth(index: int, peer: Optional[int], nsid: Optional[int] = None, kind: str = "veth") -> Any:
    """A link as the kernel describes it."""
    link: Dict[str, Any] = {"ifindex": index, "ifname": "if%d" % index, "flags": 0, "link_type": 1, "info_kind": kind}
    if peer is not None:
        link["link"] = peer
    if nsid is not None:
        link["link_netnsid"] = nsid
    return link


class Kernel:
    """Answers questions about namespace ids, and counts them."""

    def __init__(self, nsids: Dict[Tuple[int, int], int]) -> None:
        self.nsids = nsids
        self.asked: List[Tuple[int, int]] = []
        self.silent: Set[int] = set()

    def ask(self, asking: int, about: int) -> Optional[int]:
        """As RTM_GETNSID does."""
        self.asked.append((asking, about))
        if asking in self.silent or about in self.silent:
            return None
        return self.nsids.get((asking, about), -1)


def end_of(resolution: peers.Resolution, inode: int, index: int) -> Optional[End]:
    """The other end, if it is proven."""
    peer = resolution.peers[inode][index]
    if peer["resolution"] == "exact":
        assert peer["end"] is not None
        assert peer["reason"] is None
        return peer["end"]["netns"], peer["end"]["ifindex"]
    assert peer["end"] is None
    assert peer["reason"]
    return None


def test_pods_whose_eth0_is_always_interface_2() -> None:
    links = {
        HOST: [veth(10, 2, 0), veth(11, 2, 1), veth(12, 2, 2)],
        POD1: [veth(2, 10, 0)],
        POD2: [veth(2, 11, 0)],
        POD3: [veth(2, 12, 0)],
    }
    nsids = {(HOST, POD1): 0, (HOST, POD2): 1, (HOST, POD3): 2, (POD1, HOST): 0, (POD2, HOST): 0, (POD3, HOST): 0}
    kernel = Kernel(nsids)
    resolution = peers.resolve_peers(links, [], kernel.ask)
    assert [end_of(resolution, HOST, index) for index in (10, 11, 12)] == [(POD1, 2), (POD2, 2), (POD3, 2)]
    assert [end_of(resolution, pod, 2) for pod in (POD1, POD2, POD3)] == [(HOST, 10), (HOST, 11), (HOST, 12)]
    assert resolution.nsids[HOST] == {0: POD1, 1: POD2, 2: POD3}
    assert len(kernel.asked) == 6, "one question per end"
    assert not resolution.stale


def test_two_bridges_in_two_namespaces_with_equal_pairs() -> None:
    """HOST and LAB both have interface 10 towards an interface 2: only the kernel can tell which is which."""
    links = {
        HOST: [veth(10, 2, 0)],
        LAB: [veth(10, 2, 0)],
        POD1: [veth(2, 10, 5)],
        POD2: [veth(2, 10, 5)],
    }
    nsids = {(HOST, POD2): 0, (LAB, POD1): 0, (POD1, LAB): 5, (POD2, HOST): 5}
    resolution = peers.resolve_peers(links, [], Kernel(nsids).ask)
    assert end_of(resolution, HOST, 10) == (POD2, 2)
    assert end_of(resolution, LAB, 10) == (POD1, 2)
    assert end_of(resolution, POD1, 2) == (LAB, 10)
    assert end_of(resolution, POD2, 2) == (HOST, 10)


def test_both_ends_in_one_namespace() -> None:
    resolution = peers.resolve_peers({HOST: [veth(3, 4), veth(4, 3)]}, [], Kernel({}).ask)
    assert end_of(resolution, HOST, 3) == (HOST, 4)
    assert end_of(resolution, HOST, 4) == (HOST, 3)


def test_an_index_of_another_namespace_is_no_local_one() -> None:
    """The peer's ifindex is 4 elsewhere; the local interface 4 has nothing to do with it."""
    links = {HOST: [veth(3, 4, 7), veth(4, 3, 8)]}
    resolution = peers.resolve_peers(links, [], Kernel({}).ask)
    assert end_of(resolution, HOST, 3) is None
    assert end_of(resolution, HOST, 4) is None
    assert "nsid 7" in str(resolution.peers[HOST][3]["reason"])


def test_a_peer_in_a_namespace_that_nobody_sees() -> None:
    links = {HOST: [veth(10, 2, 0)], POD1: [veth(2, 10, 0)]}
    resolution = peers.resolve_peers(links, [], Kernel({(POD1, HOST): 3}).ask)
    assert end_of(resolution, HOST, 10) is None
    reason = str(resolution.peers[HOST][10]["reason"])
    assert "nsid 0" in reason
    assert "interface 2" in reason
    assert "hidden" in reason


def test_a_peer_in_a_namespace_that_could_not_be_read() -> None:
    resolution = peers.resolve_peers({HOST: [veth(10, 2, 4)]}, [POD1], Kernel({(HOST, POD1): 4}).ask)
    assert end_of(resolution, HOST, 10) is None
    assert "net:[301] (" not in str(resolution.peers[HOST][10]["reason"])
    assert "net:[301], which could not be read" in str(resolution.peers[HOST][10]["reason"])


def test_a_peer_that_may_be_in_a_namespace_that_cannot_be_entered() -> None:
    """Without privileges every pod is known and none can be asked about: none of them is 'not found'."""
    kernel = Kernel({})
    kernel.silent = {POD1, POD2}
    resolution = peers.resolve_peers({HOST: [veth(10, 2, 0)]}, [POD1, POD2], kernel.ask)
    assert end_of(resolution, HOST, 10) is None
    assert "one of 2 that could not" in str(resolution.peers[HOST][10]["reason"])


def test_one_namespace_that_cannot_be_asked_about_does_not_hide_the_deep_search() -> None:
    """It cannot be the other end of all of them: each has another id."""
    kernel = Kernel({(POD1, HOST): 3})
    kernel.silent = {POD2}
    links = {HOST: [veth(10, 2, 0), veth(11, 2, 1), veth(12, 2, 2)], POD1: [veth(2, 9, 3)]}
    resolution = peers.resolve_peers(links, [POD2], kernel.ask)
    for index in (10, 11, 12):
        reason = str(resolution.peers[HOST][index]["reason"])
        assert "one of 1 that could not" in reason
        assert "subset hidden" in reason


def test_a_kernel_that_does_not_answer_makes_it_ambiguous() -> None:
    links = {HOST: [veth(10, 2, 0)], POD1: [veth(2, 10, 0)], POD2: [veth(2, 10, 0)]}
    kernel = Kernel({})
    kernel.silent = {HOST, POD1, POD2}
    resolution = peers.resolve_peers(links, [], kernel.ask)
    peer = resolution.peers[HOST][10]
    assert peer["resolution"] == "ambiguous"
    assert "net:[301], net:[302]" in str(peer["reason"])


def test_one_side_that_cannot_be_asked_is_not_enough() -> None:
    links = {HOST: [veth(10, 2, 0)], POD1: [veth(2, 10, 0)]}

    def ask(asking: int, about: int) -> Optional[int]:
        return 0 if asking == HOST else None

    resolution = peers.resolve_peers(links, [], ask)
    assert resolution.peers[HOST][10]["resolution"] == "ambiguous"
    assert resolution.peers[POD1][2]["resolution"] == "ambiguous"


def test_no_id_here_but_one_on_the_other_side() -> None:
    links = {HOST: [veth(10, 2, -1)], POD1: [veth(2, 10, 3)]}
    resolution = peers.resolve_peers(links, [], Kernel({(POD1, HOST): 3}).ask)
    assert end_of(resolution, HOST, 10) == (POD1, 2)
    assert end_of(resolution, POD1, 2) == (HOST, 10)


def test_no_id_on_either_side_proves_nothing() -> None:
    links = {HOST: [veth(10, 2, -1)], POD1: [veth(2, 10, -1)]}
    resolution = peers.resolve_peers(links, [], Kernel({}).ask)
    assert resolution.peers[HOST][10]["resolution"] == "ambiguous"
    resolution = peers.resolve_peers({HOST: [veth(10, 2, -1)]}, [], Kernel({}).ask)
    assert resolution.peers[HOST][10]["resolution"] == "unresolved"


def test_old_kernels_leave_out_an_index_that_is_the_same_on_both_sides() -> None:
    links = {HOST: [veth(2, None, 0)], POD1: [veth(2, None, 0)]}
    resolution = peers.resolve_peers(links, [], Kernel({(HOST, POD1): 0, (POD1, HOST): 0}).ask)
    assert end_of(resolution, HOST, 2) == (POD1, 2)


def test_an_end_that_changed_asks_for_another_reading() -> None:
    links = {HOST: [veth(10, 2, 0)], POD1: [veth(2, 11, 0)]}
    resolution = peers.resolve_peers(links, [], Kernel({(HOST, POD1): 0, (POD1, HOST): 0}).ask)
    assert end_of(resolution, HOST, 10) is None
    assert resolution.stale == {HOST, POD1}
    resolution = peers.resolve_peers({HOST: [veth(3, 4)]}, [], Kernel({}).ask)
    assert end_of(resolution, HOST, 3) is None
    assert resolution.stale == {HOST}


def test_a_pair_that_is_being_removed() -> None:
    for link in (veth(3, None), veth(3, 0)):
        resolution = peers.resolve_peers({HOST: [link]}, [], Kernel({}).ask)
        assert "being removed" in str(resolution.peers[HOST][3]["reason"])


def test_other_kinds_have_no_peer_and_pairs_do_not_mix_kinds() -> None:
    links = {HOST: [veth(3, 2, 0, "macvlan"), veth(4, 5, None, "netkit"), veth(5, 4, None, "veth")]}
    resolution = peers.resolve_peers(links, [], Kernel({}).ask)
    assert set(resolution.peers[HOST]) == {4, 5}
    assert end_of(resolution, HOST, 4) is None


def test_many_candidates_are_named_briefly() -> None:
    links = {HOST: [veth(10, 2, 0)], **{number: [veth(2, 10, 0)] for number in range(300, 310)}}
    resolution = peers.resolve_peers(links, [], lambda asking, about: None)
    assert "and 5 more" in str(resolution.peers[HOST][10]["reason"])


# ------------------------------------------------------------------- random worlds


class World:
    """Namespaces and cables between them, and what the kernel would say about each."""

    def __init__(self, spaces: int, cables: List[Tuple[int, int, int, int]], bare: Set[Tuple[int, int]]) -> None:
        self.links: Dict[int, List[Any]] = {space: [] for space in range(spaces)}
        self.truth: Dict[End, End] = {}
        self.nsids: Dict[Tuple[int, int], int] = {}
        self.bare = bare
        for one, other, index, far_index in cables:
            a, b = one % spaces, other % spaces
            taken_a = {link["ifindex"] for link in self.links[a]}
            taken_b = {link["ifindex"] for link in self.links[b]}
            if index in taken_a or far_index in taken_b or (a == b and index == far_index):
                continue
            self.truth[(a, index)] = (b, far_index)
            self.truth[(b, far_index)] = (a, index)
            self.links[a].append(veth(index, far_index, self.nsid(a, b)))
            self.links[b].append(veth(far_index, index, self.nsid(b, a)))

    def nsid(self, seen_from: int, space: int) -> Optional[int]:
        """The id, given out on first use; -1 where none is assigned, None for the namespace itself."""
        if seen_from == space:
            return None
        if (seen_from, space) in self.bare:
            return -1
        used = {value for (asking, _about), value in self.nsids.items() if asking == seen_from}
        return self.nsids.setdefault((seen_from, space), len(used))

    def ask(self, asking: int, about: int) -> Optional[int]:
        """RTM_GETNSID."""
        return self.nsids.get((asking, about), -1)


SPACES = st.integers(1, 6)
CABLES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(2, 6), st.integers(2, 6)), max_size=20)
SOME = st.sets(st.integers(0, 5))
PAIRS = st.sets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6)


@given(spaces=SPACES, cables=CABLES, hidden=SOME, unread=SOME)
def test_all_that_is_seen_is_joined_and_joined_right(
    spaces: int, cables: List[Tuple[int, int, int, int]], hidden: Set[int], unread: Set[int]
) -> None:
    """With a kernel that answers, a cable is exact just when both ends were read."""
    world = World(spaces, cables, set())
    read = {space: links for space, links in world.links.items() if space not in hidden and space not in unread}
    others = [space for space in world.links if space in unread and space not in hidden]
    resolution = peers.resolve_peers(read, others, world.ask)
    assert not resolution.stale
    for space, links in read.items():
        for link in links:
            far = world.truth[(space, link["ifindex"])]
            assert end_of(resolution, space, link["ifindex"]) == (far if far[0] in read else None)
            if far[0] not in read:
                assert resolution.peers[space][link["ifindex"]]["resolution"] == "unresolved"
    for space, known in resolution.nsids.items():
        for nsid, about in known.items():
            assert world.nsids[(space, about)] == nsid


@given(spaces=SPACES, cables=CABLES, hidden=SOME, bare=PAIRS, silent=PAIRS, lost=st.sets(st.integers(0, 40)))
def test_nothing_is_ever_joined_wrong(
    spaces: int,
    cables: List[Tuple[int, int, int, int]],
    hidden: Set[int],
    bare: Set[Tuple[int, int]],
    silent: Set[Tuple[int, int]],
    lost: Set[int],
) -> None:
    """Namespaces without ids, questions without answers, links missing from a dump: what is known is true."""
    world = World(spaces, cables, bare)
    number = 0
    read: Dict[int, List[Any]] = {}
    for space, links in world.links.items():
        if space in hidden:
            continue
        read[space] = []
        for link in links:
            number += 1
            if number not in lost:
                read[space].append(link)

    def ask(asking: int, about: int) -> Optional[int]:
        return None if (asking, about) in silent else world.ask(asking, about)

    resolution = peers.resolve_peers(read, [], ask)
    for space, links in read.items():
        assert set(resolution.peers[space]) == {link["ifindex"] for link in links}
        for link in links:
            found = end_of(resolution, space, link["ifindex"])
            assert found in (None, world.truth[(space, link["ifindex"])])


@given(st.integers(1, 60))
def test_questions_grow_with_the_pods_and_not_faster(pods: int) -> None:
    cables = [(0, 1 + number, 10 + number, 2) for number in range(pods)]
    world = World(pods + 1, cables, set())
    asked = []

    def ask(asking: int, about: int) -> Optional[int]:
        asked.append((asking, about))
        return world.ask(asking, about)

    peers.resolve_peers(world.links, [], ask)
    assert len(asked) == 2 * pods
