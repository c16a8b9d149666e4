# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cables whose two ends are known by construction, laid in any shape, and the judge of what facts say of them.

Every end has a MAC that names it: ``02:00:NN:NN:00:01`` and ``…:02`` for cable number NNNN. Whatever
interface a fact gives as a peer must be the one with the partner's MAC: that is the truth that no name,
index or namespace id can blur.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ansible_collections.podnet.lab.tests.integration.support import lookup
from ansible_collections.podnet.lab.tests.integration.support.world import World


@dataclass
class End:
    """One end: namespace (inode), the name given to it, its MAC."""

    netns: int
    ifname: str
    mac: str


@dataclass
class Cables:
    """Lays cables in a world and remembers who is whose partner."""

    world: World
    ends: list[tuple[End, End]] = field(default_factory=list)

    def lay(
        self,
        a: str | None,
        a_name: str,
        b: str | None,
        b_name: str,
        *,
        a_index: int | None = None,
        b_index: int | None = None,
    ) -> tuple[End, End]:
        """Lay a cable from namespace `a` to namespace `b` (names under /run/netns; None: the node's own), both up.

        Give both indexes or none: the kernel heeds the peer's only beside one for the first end (veth_newlink).
        """
        assert (a_index is None) == (b_index is None)
        number = len(self.ends) + 1
        macs = [f"02:00:{number >> 8:02x}:{number & 255:02x}:00:0{side}" for side in (1, 2)]
        command = ["link", "add", "name", a_name, "address", macs[0]]
        command += ["index", str(a_index)] if a_index else []
        command += ["type", "veth", "peer", "name", b_name, "address", macs[1]]
        command += ["index", str(b_index)] if b_index else []
        command += ["netns", b] if b is not None else []
        if b is None and a is not None:
            command += ["netns", "1"]  # a PID: the world's init lives in the node's own namespace
        self.world.ip(*command, netns=a)
        self.world.ip("link", "set", "dev", a_name, "up", netns=a)
        self.world.ip("link", "set", "dev", b_name, "up", netns=b)
        cable = (End(self._inode(a), a_name, macs[0]), End(self._inode(b), b_name, macs[1]))
        self.ends.append(cable)
        return cable

    def _inode(self, netns: str | None) -> int:
        return self.world.inode() if netns is None else self.world.inode("/run/netns/" + netns)

    def judge(self, facts: dict[str, Any], hidden: frozenset[int] | set[int] = frozenset()) -> None:
        """Fail unless every cable is right in ``podnet_netns`` and ``podnet_veth``, gathered with the subsets `FULL`.

        A cable into a namespace in `hidden` must be ``unresolved`` with a reason; every other must be ``exact``.
        No other cable may be there.
        """
        pairs = facts["podnet_veth"]["pairs"]
        seen = {end["address"]: pair for pair in pairs for end in pair["ends"] if end["netns"] is not None}
        expected_macs: set[str] = set()
        for cable in self.ends:
            visible = [end for end in cable if end.netns not in hidden]
            expected_macs |= {end.mac for end in visible}
            for near in visible:
                far = cable[1] if near is cable[0] else cable[0]
                self._judge_end(facts, near, far, far.netns not in hidden)
                pair = seen.get(near.mac)
                assert pair is not None, f"{near} is in no pair"
                resolution = "exact" if far.netns not in hidden else "unresolved"
                assert pair.get("resolution", "exact") == resolution, (near, pair)
                got = {(end["netns"], end["ifname"], end.get("address")) for end in pair["ends"]}
                want: set[tuple[int | None, str | None, str | None]] = {(near.netns, near.ifname, near.mac)}
                if resolution == "exact":
                    want.add((far.netns, far.ifname, far.mac))
                    assert "reason" not in pair
                else:
                    want.add((None, None, None))
                    assert pair["reason"]
                assert got == want
        assert set(seen) == expected_macs
        assert len(pairs) == sum(1 for a, b in self.ends if a.netns not in hidden or b.netns not in hidden)

    def _judge_end(self, facts: dict[str, Any], near: End, far: End, visible: bool) -> None:
        interface = lookup.interface(lookup.namespace(facts, near.netns), near.ifname)
        assert interface["address"] == near.mac
        if visible:
            assert interface["peer_resolution"] == "exact", interface
            peer = interface["peer"]
            assert (peer["netns"], peer["ifname"]) == (far.netns, far.ifname), interface
            other = lookup.interface(lookup.namespace(facts, far.netns), far.ifname)
            assert other["ifindex"] == peer["ifindex"]
            assert other["address"] == far.mac
        else:
            assert interface["peer"] is None, interface
            assert interface["peer_resolution"] == "unresolved"
            assert interface["peer_reason"]
