# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What BIRD is told, and by what it is known again."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab import bgp
from ansible_collections.podnet.lab.plugins.module_utils._lab.store import Store

CONFIG = "/run/podnet-lab/lab0/bird.conf"
PEERS = [bgp.Peer("10.89.0.12", "10.244.1.0/24"), bgp.Peer("10.89.0.13", "10.244.2.0/24")]


def test_every_other_node_is_a_neighbour_and_may_announce_its_own_range() -> None:
    text = bgp.configuration("10.89.0.11", 64512, "lab0", PEERS)
    assert text.count("{") == text.count("}")
    assert 'interface "lab0";' in text
    for name, peer in (("peer_10_89_0_12", PEERS[0]), ("peer_10_89_0_13", PEERS[1])):
        part = text.partition("protocol bgp %s {" % name)[2].partition("protocol")[0]
        assert "local 10.89.0.11 as 64512;" in part
        assert "neighbor %s as 64512;" % peer.address in part
        assert "import where net = %s;" % peer.range in part
    assert "bgp" not in bgp.configuration("10.89.0.11", 64512, "lab0", []).replace("RTS_BGP", "")


def part_of(text: str, address: str) -> str:
    """The session with a node."""
    found = text.partition("protocol bgp peer_%s {" % address.replace(".", "_"))[2]
    return found.partition("protocol")[0]


def test_a_node_with_a_reflector_has_one_session_and_takes_each_range_from_its_own_node() -> None:
    peers = [
        bgp.Peer("10.89.0.12", "10.244.1.0/24", role=bgp.REFLECTOR),
        bgp.Peer("10.89.0.13", "10.244.2.0/24", role=bgp.BEHIND),
    ]
    text = bgp.configuration("10.89.0.11", 64512, "lab0", peers)
    assert text.count("protocol bgp") == 1
    part = part_of(text, "10.89.0.12")
    assert (
        "import where (net = 10.244.1.0/24 && gw = 10.89.0.12) || (net = 10.244.2.0/24 && gw = 10.89.0.13);"
    ) in part
    assert "export where source = RTS_DEVICE;" in part
    assert "rr client" not in text


def test_a_reflector_tells_what_it_was_told_and_leaves_the_next_hop() -> None:
    peers = [
        bgp.Peer("10.89.0.12", "10.244.1.0/24", role=bgp.CLIENT),
        bgp.Peer("10.89.0.13", "10.244.2.0/24", role=bgp.REFLECTOR),
    ]
    text = bgp.configuration("10.89.0.11", 64512, "lab0", peers)
    client, other = part_of(text, "10.89.0.12"), part_of(text, "10.89.0.13")
    assert "rr client;" in client
    assert "import where net = 10.244.1.0/24;" in client
    assert "rr client;" not in other
    for part in (client, other):
        assert "export where source = RTS_DEVICE || source = RTS_BGP;" in part
        assert "next hop self" not in part
        assert "next hop keep;" in part


V6_PEERS = [
    bgp.Peer("10.89.0.12", "10.244.1.0/24", "fd00:10:244:1::/64", "fe80::12", bgp.REFLECTOR),
    bgp.Peer("10.89.0.13", "10.244.2.0/24", "fd00:10:244:2::/64", "fe80::13", bgp.BEHIND),
]


def test_a_reflector_is_believed_about_ipv6_as_about_ipv4() -> None:
    text = bgp.configuration("10.89.0.11", 64512, "lab0", V6_PEERS, "fe80::11", bfd=True)
    assert text.count("{") == text.count("}")
    assert text.count("bfd on;") == 1
    part = part_of(text, "10.89.0.12")
    assert (
        "  ipv6 {\n"
        "    import where (net = fd00:10:244:1::/64 && gw = fe80::12) || (net = fd00:10:244:2::/64 && gw = fe80::13);\n"
        "    export where source = RTS_DEVICE;\n"
        "    next hop address fe80::11;\n"
        "  };\n"
    ) in part
    assert "import where (net = 10.244.1.0/24 && gw = 10.89.0.12)" in part


def test_a_reflector_names_itself_for_its_own_range_and_leaves_the_next_hop_of_others() -> None:
    peers = [peer._replace(role=bgp.CLIENT) for peer in V6_PEERS]
    text = bgp.configuration("10.89.0.11", 64512, "lab0", peers, "fe80::11")
    for peer in peers:
        assert (
            "  ipv6 {\n"
            "    import where net = %s;\n"
            "    export where source = RTS_DEVICE || source = RTS_BGP;\n"
            "    next hop address fe80::11;\n"
            "    next hop keep;\n"
            "  };\n"
        ) % peer.range_v6 in part_of(text, peer.address)


def test_ipv6_alone_has_one_channel() -> None:
    peers = [peer._replace(range=None) for peer in V6_PEERS]
    text = bgp.configuration("10.89.0.11", 64512, "lab0", peers, "fe80::11")
    assert "ipv4" not in text
    assert peers[1].routes() == [{"dst": "fd00:10:244:2::/64", "gateway": "fe80::13"}]


def test_bfd_is_asked_for_by_each_session() -> None:
    text = bgp.configuration("10.89.0.11", 64512, "lab0", PEERS, bfd=True)
    assert text.count("{") == text.count("}")
    assert text.count("bfd on;") == 2
    assert "interval 300 ms;" in text
    assert "bfd" not in bgp.configuration("10.89.0.11", 64512, "lab0", PEERS)


def test_a_configuration_is_shown_as_one_line() -> None:
    line = bgp.one_line(bgp.configuration("10.89.0.11", 64512, "lab0", PEERS))
    assert "\n" not in line
    assert line.startswith('router id 10.89.0.11; protocol device { } protocol direct { ipv4; interface "lab0"; }')


@pytest.mark.parametrize(
    ("command_line", "expected"),
    [
        (b"bird\0-c\0/run/podnet-lab/lab0/bird.conf\0-s\0x\0", True),
        (b"/usr/sbin/bird\0-c\0/run/podnet-lab/lab0/bird.conf\0", True),
        (b"bird\0-c\0/run/podnet-lab/lab00/bird.conf\0", False),
        (b"/usr/sbin/bird\0-f\0-u\0bird\0", False),
        (b"vi\0/run/podnet-lab/lab0/bird.conf\0", False),
        (b"", False),
    ],
)
def test_a_daemon_is_known_by_its_configuration(command_line: bytes, expected: bool) -> None:
    assert bgp.is_daemon(command_line, CONFIG) is expected


def test_the_routes_to_be_learned_are_noted_beside_the_static_ones(tmp_path: Path) -> None:
    store = Store("lab0", str(tmp_path))
    learned = [{"dst": "10.244.1.0/24", "gateway": "10.89.0.12"}]
    store.write_bgp_routes(learned)
    assert store.routes() == []
    assert store.bgp_routes() == learned
    store.keep("bird.conf", "router id 10.89.0.11;\n")
    assert store.text("bird.conf") == "router id 10.89.0.11;\n"
    store.write_bgp_routes([])
    assert store.bgp_routes() == []
    assert store.files() == [str(tmp_path / "lab0"), str(tmp_path / "lab0" / "bird.conf")]
