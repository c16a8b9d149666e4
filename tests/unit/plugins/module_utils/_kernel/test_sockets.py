# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Listening sockets from the tables of /proc/net."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel import sockets

HEAD = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TCP = (
    HEAD
    + b"   0: 0100007F:0035 00000000:0000 0A 0:0 0:0 0   101        0 20 1 f1 100 0 0 10 0\n"
    + b"   1: 00000000:0016 00000000:0000 0A 0:0 0:0 0     0        0 21 1 f2 100 0 0 10 0\n"
    + b"   2: 0100007F:9C40 0100007F:0035 01 0:0 0:0 0     0        0 22 1 f3 20 4 0 10 -1\n"
)
TCP6 = (
    HEAD
    + b"   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
    + b"00000000:00000000 00:00000000 00000000     0        0 30 1 f4 100 0 0 10 0\n"
    + b"   1: 000000FD000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A "
    + b"00000000:00000000 00:00000000 00000000  1000        0 31 1 f5 100 0 0 10 0\n"
)
UDP = (
    HEAD
    + b"  99: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 40 2 f6 0\n"
    + b" 100: 0100007F:0045 0100007F:0046 01 00000000:00000000 00:00000000 00000000     0        0 41 2 f7 0\n"
)
little_endian = pytest.mark.skipif(sys.byteorder != "little", reason="the sample comes from a little-endian machine")


@little_endian
def test_listening_tcp() -> None:
    assert sockets.parse_socket_table("tcp", TCP) == [
        {"protocol": "tcp", "local": "127.0.0.1", "port": 53, "inode": 20, "uid": 101},
        {"protocol": "tcp", "local": "0.0.0.0", "port": 22, "inode": 21, "uid": 0},
    ]


@little_endian
def test_listening_tcp6() -> None:
    assert [(each["protocol"], each["local"], each["port"]) for each in sockets.parse_socket_table("tcp6", TCP6)] == [
        ("tcp", "::", 80),
        ("tcp", "fd00::1", 8080),
    ]


@little_endian
def test_bound_udp() -> None:
    assert [(each["local"], each["port"]) for each in sockets.parse_socket_table("udp", UDP)] == [("0.0.0.0", 68)]


def test_reading_stops_behind_the_listeners() -> None:
    assert sockets._past_listeners(bytearray(TCP))
    assert not sockets._past_listeners(bytearray(TCP[: TCP.index(b"   2:")]))
    assert not sockets._past_listeners(bytearray(HEAD))
    assert not sockets._past_listeners(bytearray())


@pytest.mark.parametrize(
    "line",
    [
        b"0: 0100007F 0:0 0A 0:0 0:0 0 0 0 20",
        b"0: 0100007F:003 0:0 0A 0:0 0:0 0 0 0 20",
        b"0: -100007F:0035 0:0 0A 0:0 0:0 0 0 0 20",
        b"0: 0100007FZZ:0035 0:0 0A 0:0 0:0 0 0 0 20",
        b"0: 0100007F:0035 0:0 0A 0:0 0:0 0 x 0 20",
        b"0: 0100007F:0035 0:0 0A",
    ],
)
def test_lines_that_are_none_are_passed_over(line: bytes) -> None:
    assert sockets.parse_socket_table("tcp", line) == []


@given(name=st.sampled_from(sockets.TABLES), data=st.binary())
def test_any_bytes(name: str, data: bytes) -> None:
    sockets.parse_socket_table(name, data)
    sockets._past_listeners(bytearray(data))


@given(
    name=st.sampled_from(sockets.TABLES),
    fields=st.lists(st.text(alphabet="0123456789ABCDEFabcdef:-+_ x", max_size=40), min_size=10, max_size=12),
)
def test_lines_of_almost_the_right_shape(name: str, fields: Any) -> None:
    fields[3] = "0A" if name.startswith("tcp") else "07"
    found = sockets.parse_socket_table(name, " ".join(fields).encode())
    for each in found:
        assert 0 <= each["port"] <= 65535
