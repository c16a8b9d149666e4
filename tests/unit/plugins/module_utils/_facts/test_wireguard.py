# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""WireGuard interfaces and their peers, as wg(8) says them."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

from ansible_collections.podnet.lab.plugins.module_utils._facts.wireguard import parse, wireguard_facts
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files

KEY = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="
PORTS = "wg0\t51820\nwg1\t0\n"
ALLOWED = "wg0\t%s\t10.244.2.0/24 10.89.0.12/32\nwg0\tOTHER\t(none)\n" % KEY
FOUND = [
    {
        "ifname": "wg0",
        "port": 51820,
        "peers": [
            {"public_key": KEY, "allowed_ips": ["10.244.2.0/24", "10.89.0.12/32"]},
            {"public_key": "OTHER", "allowed_ips": []},
        ],
    },
    {"ifname": "wg1", "port": 0, "peers": []},
]


def node(root: Path, *paths: str) -> Files:
    for path in paths:
        place = root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return Files(str(root))


def run(command: List[str]) -> Tuple[int, str, str]:
    return 0, {"listen-port": PORTS, "allowed-ips": ALLOWED}[command[-1]], ""


def test_what_wg_says() -> None:
    assert parse(PORTS, ALLOWED) == FOUND
    assert parse("wg0\noff\n\n", "wg0\t\nx") == []


def test_interfaces_of_the_kernel_and_of_wireguard_go(tmp_path: Path) -> None:
    assert wireguard_facts(node(tmp_path, "/usr/bin/wg"), run, True) == FOUND
    assert wireguard_facts(node(tmp_path, "/usr/bin/wg", "/run/wireguard/wg0.sock"), run, False) == FOUND


def test_no_command_is_started_where_there_is_nothing_to_ask(tmp_path: Path) -> None:
    def started(command: List[str]) -> Tuple[int, str, str]:
        raise AssertionError(command)

    assert wireguard_facts(node(tmp_path, "/usr/bin/wg"), started, False) == []


def test_what_could_not_be_read_is_null(tmp_path: Path) -> None:
    assert wireguard_facts(node(tmp_path), run, True) is None
    assert wireguard_facts(node(tmp_path, "/usr/bin/wg"), lambda _command: (1, "", "denied"), True) is None
