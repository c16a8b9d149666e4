# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab sends to announce an address, and what it notes of it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.podnet.lab.plugins.module_utils._lab.announced_address import frame, states
from ansible_collections.podnet.lab.plugins.module_utils._lab.store import Store


def test_an_announcement_is_a_request_for_the_address_by_the_address() -> None:
    """RFC 5227, section 3: sender and target address are the same, and the target's hardware address is not said."""
    mac = bytes([0x02, 0, 0, 0, 0, 0x0B])
    sent = frame("10.89.0.241", mac)
    assert sent[:14] == b"\xff" * 6 + mac + b"\x08\x06"
    assert sent[14:22] == bytes([0, 1, 8, 0, 6, 4, 0, 1])
    assert sent[22:32] == mac + bytes([10, 89, 0, 241])
    assert sent[32:42] == b"\0" * 6 + bytes([10, 89, 0, 241])
    assert len(sent) == 42


def test_addresses_are_noted_until_the_last_is_gone(tmp_path: Path) -> None:
    store = Store("lab0", str(tmp_path))
    noted = states({"10.89.0.242": "eth0", "10.89.0.241": "eth1"}, told=False)
    store.write_announced(noted)
    assert store.announced() == noted
    assert [entry["address"] for entry in noted] == ["10.89.0.241", "10.89.0.242"]
    store.write_announced([])
    assert store.files() == []
    (tmp_path / "lab0").mkdir(parents=True)
    (tmp_path / "lab0" / "announced.json").write_text('{"addresses": [{"address": 7}, "x", null]}', encoding="utf-8")
    assert store.announced() == []
