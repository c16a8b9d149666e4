# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the WireGuard modules decide, and who can read the key that they keep."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, List, Optional

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab import wireguard, wireguard_key
from ansible_collections.podnet.lab.plugins.module_utils._lab.read import View

ALIAS = "podnet.lab:lab0"
KEY1 = "HIgo9xNzJMWLKASShiTqIybxZ0U3wGLiUeJ1PKf8ykw="
KEY2 = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
KEY3 = "gN65BkIKy1eCE9pP1wdc8ROUtkHLF2PfAqYdyYBz6EA="
PATH = "/run/podnet-lab/lab0/wireguard.key"
PEERS = [
    wireguard.Peer(KEY2, "10.89.0.12:51820", "10.244.1.0/24"),
    wireguard.Peer(KEY3, "10.89.0.13:51820", "10.244.2.0/24"),
]
TUNNEL = wireguard.Tunnel("wg51820", 51820, 1440, ["10.244.0.0/32"], PEERS)

# What `wg show wg51820 endpoints` and `wg show wg51820 allowed-ips` print (wireguard-tools 1.0.20210914).
ENDPOINTS = "%s\t10.89.0.12:51820\n%s\t(none)\n" % (KEY2, KEY3)
ALLOWED = "%s\t10.244.1.0/24\n%s\t10.244.2.0/24 10.9.0.0/16\n" % (KEY2, KEY3)


def node(**changes: Any) -> View:
    """A node with the tunnel's link as it should be, and changes to it; without it when `gone`."""
    link: Any = {"ifindex": 7, "ifname": "wg51820", "flags": 1, "link_type": 65534, "mtu": 1440}
    link.update({"info_kind": "tun", "ifalias": ALIAS, **changes})
    address: Any = {"ifindex": 7, "family": 2, "prefixlen": 32, "scope": 0, "local": "10.244.0.0"}
    return View({"wg51820": link}, [address], [])


def test_peers_are_read_from_what_wg_prints() -> None:
    assert wireguard.parse_peers(ENDPOINTS, ALLOWED) == [
        PEERS[0],
        wireguard.Peer(KEY3, "(none)", "10.244.2.0/24,10.9.0.0/16"),
    ]
    assert wireguard.parse_peers("", "") == []


SET_KEY = "listen-port 51820 private-key " + PATH
SET_PEERS = [
    "peer %s allowed-ips 10.244.1.0/24 endpoint 10.89.0.12:51820" % KEY2,
    "peer %s allowed-ips 10.244.2.0/24 endpoint 10.89.0.13:51820" % KEY3,
]


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (None, [SET_KEY, *SET_PEERS]),
        (wireguard.State(KEY1, 51820, PEERS), []),
        (wireguard.State(KEY1, 51820, PEERS[::-1]), []),
        (wireguard.State(KEY2, 51820, PEERS), [SET_KEY]),
        (wireguard.State(KEY1, 40000, PEERS), [SET_KEY]),
        (wireguard.State(KEY1, 51820, PEERS[:1]), SET_PEERS[1:]),
        (wireguard.State(KEY1, 51820, [*PEERS, PEERS[0]._replace(public_key=KEY1)]), ["peer %s remove" % KEY1]),
        (wireguard.State(KEY1, 51820, [PEERS[0]._replace(allowed="0.0.0.0/0"), PEERS[1]]), SET_PEERS[:1]),
        (wireguard.State(KEY1, 51820, [PEERS[0], PEERS[1]._replace(endpoint="(none)")]), SET_PEERS[1:]),
    ],
)
def test_a_link_is_told_what_it_does_not_know(state: Optional[wireguard.State], expected: List[str]) -> None:
    assert wireguard.set_commands(TUNNEL, state, KEY1, PATH) == expected


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (node(), []),
        (node(mtu=1420), ["link set wg51820 mtu 1440"]),
        (node(flags=0), ["link set wg51820 up"]),
        (
            View({}, [], []),
            [
                "link set wg51820 alias podnet.lab:lab0",
                "link set wg51820 mtu 1440",
                "address add 10.244.0.0/32 dev wg51820",
                "link set wg51820 up",
            ],
        ),
    ],
)
def test_a_link_is_finished_or_corrected(seen: View, expected: List[str]) -> None:
    assert wireguard.link_lines(seen, TUNNEL, ALIAS) == expected


def test_only_wireguard_with_the_labs_mark_is_the_labs() -> None:
    assert wireguard.own_links(node(), ALIAS) == ["wg51820"]
    assert wireguard.own_links(node(info_kind="wireguard"), ALIAS) == ["wg51820"]
    assert wireguard.own_links(node(info_kind="veth"), ALIAS) == []
    assert wireguard.own_links(node(ifalias="podnet.lab:lab00"), ALIAS) == []


def test_a_tunnel_as_it_should_be_is_described_as_it_is() -> None:
    state = wireguard.State(KEY1, 51820, PEERS[::-1])
    assert wireguard.describe_now(node(), "wg51820", state) == TUNNEL.describe(KEY1)


def test_a_key_is_root_s_alone_from_its_first_moment(tmp_path: Path) -> None:
    path = tmp_path / "lab0" / "wireguard.key"
    earlier = os.umask(0)
    try:
        wireguard_key.write_key(str(path), KEY1)
    finally:
        os.umask(earlier)
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(str(path.parent)) == ["wireguard.key"]
    assert wireguard_key.read_key(str(path)) == (KEY1 if os.geteuid() == 0 else None)


@pytest.mark.parametrize("damage", ["none", "readable", "no key", "link", "directory"])
def test_a_key_that_others_could_have_is_no_key(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "wireguard.key"
    if damage == "readable":
        wireguard_key.write_key(str(path), KEY1)
        path.chmod(0o640)
    elif damage == "no key":
        wireguard_key.write_key(str(path), "x" * 44)
    elif damage == "link":
        wireguard_key.write_key(str(tmp_path / "other"), KEY1)
        path.symlink_to("other")
    elif damage == "directory":
        path.mkdir()
    assert wireguard_key.read_key(str(path)) is None


@pytest.mark.parametrize(
    ("text", "good"), [(KEY1, True), (KEY1[:-1], False), (KEY1 + "\n", False), ("B" * 43 + "=", False)]
)
def test_a_key_has_32_bytes(text: str, good: bool) -> None:
    assert (wireguard_key.KEY.match(text) is not None) is good
