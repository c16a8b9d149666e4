# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of the table of connections as Linux 6.18 dumps them, and as nothing dumps them."""

from __future__ import annotations

import struct
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel import conntrack
from ansible_collections.podnet.lab.plugins.module_utils._kernel.flows import Flow
from ansible_collections.podnet.lab.plugins.module_utils._kernel.netlink import MalformedMessageError

FOUR = bytes.fromhex(
    "020000003400018014000180080001000a090909080002000a60000a1c000280050001001100000006000200d673000006000300003500003400"
    "028014000180080001000a090909080002000a0909091c00028005000100110000000600020014e9000006000300d673000008000300000001a8"
    "080008000000000008000c0054d9313108000b0000000001080007000000001d"
)
SIX = bytes.fromhex(
    "0a0000004c0001802c00018014000300fd00000000000000000000000000000914000400fd0000000000000000000000000000101c0002800500"
    "01001100000006000200b737000006000300003500004c0002802c00018014000300fd00000000000000000000000000000914000400fd000000"
    "0000000000000000000000091c00028005000100110000000600020014e9000006000300b737000008000300000001a808000800000000000800"
    "0c00ba713b5e08000b0000000001080007000000001d"
)


def parsed(message: bytes) -> List[Flow]:
    flows: List[Flow] = []
    conntrack.parse_flow(message, 0, len(message), flows)
    return flows


def test_flows_of_both_families() -> None:
    assert parsed(FOUR) == [Flow(("10.9.9.9", 54899), ("10.96.0.10", 53), ("10.9.9.9", 5353))]
    assert parsed(SIX) == [Flow(("fd00::9", 46903), ("fd00::10", 53), ("fd00::9", 5353))]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("08000300000001a8", "0800030000000188"),  # not translated
        ("0500010011000000", "0500010006000000"),  # TCP
        ("0600030000350000", "0600090000350000"),  # without a port
        ("080002000a60000a", "080009000a60000a"),  # without an address
    ],
)
def test_what_is_no_translated_flow_of_udp_is_passed_over(old: str, new: str) -> None:
    changed = bytes.fromhex(FOUR.hex().replace(old, new))
    assert changed != FOUR
    assert parsed(changed) == []


def test_another_zone_is_that_of_another_program() -> None:
    assert parsed(FOUR + struct.pack("=HH", 6, 18) + struct.pack("!Hxx", 0)) != []
    assert parsed(FOUR + struct.pack("=HH", 6, 18) + struct.pack("!Hxx", 7)) == []


def test_no_more_are_kept_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conntrack, "MOST", 1)
    flows: List[Flow] = []
    for message in (FOUR, SIX):
        conntrack.parse_flow(message, 0, len(message), flows)
    assert len(flows) == 1


@given(st.binary() | st.integers(0, len(SIX)).map(lambda size: SIX[:size]))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    try:
        assert len(parsed(message)) <= 1
    except MalformedMessageError:
        pass
