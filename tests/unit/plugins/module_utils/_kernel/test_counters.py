# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Counters as Linux 6.1 prints them, and as nothing prints them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel.counters import COUNTERS, parse_counters

SNMP = b"""\
Icmp: InMsgs InErrors InCsumErrors
Icmp: 10 1 7
Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs \
RetransSegs InErrs OutRsts InCsumErrors
Tcp: 1 200 120000 -1 23119 2756 4861 1627 7 2418566 36577643 3362 3 2373 2
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
Udp: 9419 3 5 9424 0 12 4 0 0
UdpLite: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors
UdpLite: 1 1 1 1 1 1 1 1 1
"""
SNMP6 = b"""\
Icmp6InCsumErrors               \t9
Udp6InDatagrams                 \t17
Udp6InCsumErrors                \t6
UdpLite6InCsumErrors            \t8
"""


def test_both_files() -> None:
    assert parse_counters([SNMP, SNMP6]) == {
        "TcpInSegs": 2418566,
        "TcpInCsumErrors": 2,
        "UdpInDatagrams": 9419,
        "UdpInCsumErrors": 4,
        "Udp6InDatagrams": 17,
        "Udp6InCsumErrors": 6,
    }


def test_a_kernel_without_ipv6_and_an_old_one() -> None:
    assert set(parse_counters([SNMP, b""])) == set(COUNTERS[:4])
    assert parse_counters([b"Udp: InDatagrams NoPorts\nUdp: 5 6\n"]) == {"UdpInDatagrams": 5}
    assert parse_counters([b"", b""]) == {}


@given(st.lists(st.binary() | st.sampled_from([SNMP, SNMP6, SNMP[:-30], SNMP[::-1]]), max_size=3))
def test_anything(files: list[bytes]) -> None:
    assert all(name in COUNTERS and value >= 0 for name, value in parse_counters(files).items())
