# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab sends to announce an address, and what it notes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._lab import announced_address
from ansible_collections.podnet.lab.plugins.module_utils._lab.announced_address import (
    advertisement,
    command_to_add,
    commands_to_announce,
    frame,
    own_addresses,
    states,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab.read import View
from ansible_collections.podnet.lab.plugins.module_utils._lab.service_leases import ServiceLeases
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


def test_an_announcement_of_ipv6_is_what_ndptool_sends() -> None:
    """Captured of ``ndptool -t na -U -i va -T 2001:db8::f1 send`` (libndp 1.8), from the ICMPv6 header on."""
    sent = "88 00 df fa 20 00 00 00 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 f1 02 01 0a 12 0d 26 0f 05"
    made = advertisement("2001:db8::f1", bytes.fromhex("0a120d260f05"))
    assert made[2:4] == b"\0\0", "the checksum is the kernel's to write"
    assert made[:2] + bytes.fromhex("dffa") + made[4:] == bytes.fromhex(sent)


def test_what_is_shown_adds_and_announces_each_family_in_its_own_way() -> None:
    assert command_to_add("10.89.0.241", "eth0") == "address add 10.89.0.241/32 dev eth0"
    added = "address add 2001:db8:89::f1/128 dev eth0 nodad preferred_lft 0"
    assert command_to_add("2001:db8:89::f1", "eth0") == added
    assert commands_to_announce({"10.89.0.241": "eth0", "2001:db8:89::f1": "eth1"}) == [
        "arping -U -c 2 -I eth0 10.89.0.241",
        *["ndptool -t na -U -i eth1 -T 2001:db8:89::f1 send"] * 2,
    ]


@pytest.mark.parametrize("lost", ["nothing", "announced", "leases"])
def test_addresses_of_both_families_are_the_labs_when_one_of_two_notes_is_left(
    lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address of a longer network is not of the lab, whatever is noted."""
    store = Store("lab0", str(tmp_path / "run"))
    monkeypatch.setattr(announced_address, "Store", lambda _lab: store)
    monkeypatch.setattr(
        announced_address, "ServiceLeases", lambda _lab, family: ServiceLeases("lab0", str(tmp_path / "lib"), family)
    )
    own = {"10.89.0.241": 32, "2001:db8:89::f1": 128}
    others = {"10.89.0.242": 24, "2001:db8:89::f2": 64, "10.89.0.243": 32, "2001:db8:89::f3": 128}
    noted = [*own, "10.89.0.242", "2001:db8:89::f2"]
    if lost != "announced":
        store.write_announced(states(dict.fromkeys(noted, "eth0"), told=True))
    if lost != "leases":
        for family, part in (("ip", "10.96.0.0/16"), ("ip6", "fd00:10:96::/112")):
            outside = {"default/%d" % n: one for n, one in enumerate(noted) if (":" in one) == (family == "ip6")}
            ServiceLeases("lab0", str(tmp_path / "lib"), family).change({"default/0": "x"}, outside, part, real=True)
    addresses: List[Any] = [
        {"local": local, "prefixlen": length, "ifindex": 2} for local, length in {**own, **others}.items()
    ]
    links: Dict[str, Any] = {"eth0": {"ifindex": 2}}
    assert own_addresses("lab0", View(links, addresses, [])) == dict.fromkeys(own, "eth0")


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
