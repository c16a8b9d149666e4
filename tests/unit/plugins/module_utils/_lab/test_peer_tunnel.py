# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tunnels to single nodes are made of, and what of them is corrected."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab import peer_tunnel
from ansible_collections.podnet.lab.plugins.module_utils._lab.read import Neighbours, View
from ansible_collections.podnet.lab.plugins.module_utils._lab.tunnel import NUD_PERMANENT, neighbour_lines

ALIAS = "podnet.lab:lab0"
MAC1, MAC2 = "0a:58:0a:f4:00:00", "0a:58:0a:f4:01:00"
DATA: Dict[str, Dict[str, Any]] = {
    "ipip": {"local": "10.89.0.11", "remote": "10.89.0.12"},
    "gre": {"local": "10.89.0.11", "remote": "10.89.0.12"},
    "geneve": {"id": 7, "remote": "10.89.0.12", "port": 6081},
}
CREATED = {
    "ipip": "link add ipip0a59000c mtu 1450 type ipip local 10.89.0.11 remote 10.89.0.12",
    "gre": "link add gre0a59000c mtu 1450 type gre local 10.89.0.11 remote 10.89.0.12",
    "geneve": "link add geneve0a59000c mtu 1450 address %s type geneve id 7 remote 10.89.0.12 dstport 6081" % MAC1,
}


def tunnels(kind: str) -> peer_tunnel.Tunnels:
    """The tunnels of node1, of which there is one."""
    peer = peer_tunnel.Peer(kind + "0a59000c", "10.89.0.12", MAC2, "10.244.1.0")
    return peer_tunnel.Tunnels(kind, 7, "10.89.0.11", 1450, MAC1, "10.244.0.0", [peer])


def node(kind: str, **changes: Any) -> View:
    """A node with the link as it should be, and changes to it."""
    name = kind + "0a59000c"
    link: Any = {"ifindex": 7, "ifname": name, "flags": 1, "link_type": 1, "mtu": 1450, "address": MAC1}
    link.update({"info_kind": kind, "info_data": DATA[kind], "ifalias": ALIAS, **changes})
    address: Any = {"ifindex": 7, "family": 2, "prefixlen": 32, "scope": 0, "local": "10.244.0.0"}
    return View({name: link}, [address], [])


@pytest.mark.parametrize("kind", ["ipip", "gre", "geneve"])
def test_a_link_is_made_corrected_or_left(kind: str) -> None:
    wanted = tunnels(kind)
    (peer,) = wanted.peers
    name = peer.name
    assert len(name) <= 15
    created = [
        CREATED[kind],
        "link set %s alias podnet.lab:lab0" % name,
        "address add 10.244.0.0/32 dev %s" % name,
        "link set %s up" % name,
    ]

    def lines(seen: View) -> List[str]:
        return peer_tunnel.link_lines(seen, wanted, peer, ALIAS)

    assert lines(View({}, [], [])) == created
    assert lines(node(kind)) == []
    assert lines(node(kind, mtu=1500)) == ["link set %s mtu 1450" % name]
    assert lines(node(kind, flags=0)) == ["link set %s up" % name]
    other = {**DATA[kind], "remote": "10.89.0.99"}
    assert lines(node(kind, info_data=other)) == ["link delete " + name, *created]
    corrected = ["link set %s address %s" % (name, MAC1)] if kind == "geneve" else []
    assert lines(node(kind, address=MAC2)) == corrected


def lasting(address: str, lladdr: str = MAC2) -> Any:
    """A neighbour entry that was written by hand."""
    return {"family": 2, "ifindex": 7, "state": NUD_PERMANENT, "flags": 0, "lladdr": lladdr, "dst": address}


def entry_lines(have: List[Any], wanted: peer_tunnel.Tunnels) -> List[str]:
    """What makes the entries of the one link those that it is to have."""
    (peer,) = wanted.peers
    return neighbour_lines(have, peer.name, wanted.neighbours(peer))


def test_only_frames_need_the_mac_of_the_other_end() -> None:
    for kind in ("ipip", "gre"):
        assert entry_lines([], tunnels(kind)) == []
    wanted = tunnels("geneve")
    expected = ["neigh replace 10.244.1.0 lladdr %s dev geneve0a59000c nud permanent" % MAC2]
    assert entry_lines([], wanted) == expected
    assert entry_lines([lasting("10.244.1.0")], wanted) == []
    assert entry_lines([lasting("10.244.1.0", MAC1)], wanted) == expected


V6 = "fe80::858:aff:fef4:100"


def dual(kind: str, vtep: bool = True) -> peer_tunnel.Tunnels:
    """The same tunnels with IPv6 as well, or with IPv6 alone."""
    made = tunnels(kind)
    peers = [peer._replace(vtep=peer.vtep if vtep else None, vtep_v6=V6) for peer in made.peers]
    return made._replace(peers=peers, vtep=made.vtep if vtep else None)


@pytest.mark.parametrize("kind", ["gre", "geneve"])
def test_ipv6_needs_no_address_of_the_link_and_with_frames_an_entry_more(kind: str) -> None:
    name = kind + "0a59000c"
    both, alone = dual(kind), dual(kind, vtep=False)
    assert peer_tunnel.link_lines(node(kind), both, both.peers[0], ALIAS) == []
    assert peer_tunnel.link_lines(node(kind), alone, alone.peers[0], ALIAS) == [
        "address delete 10.244.0.0/32 dev " + name
    ]
    made = peer_tunnel.link_lines(View({}, [], []), alone, alone.peers[0], ALIAS)
    assert made == [CREATED[kind], "link set %s alias podnet.lab:lab0" % name, "link set %s up" % name]
    entry = "neigh replace %s lladdr %s dev %s nud permanent" % (V6, MAC2, name)
    frames = kind == "geneve"
    assert entry_lines([lasting("10.244.1.0")] if frames else [], both) == ([entry] if frames else [])
    # From both families to one, in both directions.
    if frames:
        have = [lasting("10.244.1.0"), lasting(V6)]
        assert entry_lines(have, tunnels(kind)) == ["neigh delete %s dev %s" % (V6, name)]
        assert entry_lines(have, alone) == ["neigh delete 10.244.1.0 dev " + name]
    entries = Neighbours([], [lasting("10.244.1.0"), lasting(V6)] if frames else [])
    assert peer_tunnel.describe_now(node(kind), name, entries) == both.describe(both.peers[0])


@pytest.mark.parametrize("kind", ["ipip", "gre", "geneve"])
def test_a_link_as_it_should_be_is_described_as_it_is(kind: str) -> None:
    entries = Neighbours([], [lasting("10.244.1.0")] if kind == "geneve" else [])
    wanted = tunnels(kind)
    assert peer_tunnel.describe_now(node(kind), kind + "0a59000c", entries) == wanted.describe(wanted.peers[0])


def test_only_links_with_the_labs_mark_are_the_labs() -> None:
    assert peer_tunnel.own_links(node("gre"), ALIAS) == ["gre0a59000c"]
    assert peer_tunnel.own_links(node("gre", ifalias="podnet.lab:lab00"), ALIAS) == []
    assert peer_tunnel.own_links(node("gre", info_kind="vxlan"), ALIAS) == []
