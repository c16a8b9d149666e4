# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and values of sysctls."""

from __future__ import annotations

from typing import Dict, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel.sysctls import parse_sysctls, sysctl_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        (b"net/ipv4/conf/eth0/rp_filter", "net.ipv4.conf.eth0.rp_filter"),
        (b"net/ipv4/conf/eth0.100/rp_filter", "net.ipv4.conf.eth0/100.rp_filter"),
        (b"net/ipv4/conf/eth\xff/rp_filter", "net.ipv4.conf.eth\\xff.rp_filter"),
    ],
)
def test_names_are_those_of_sysctl(path: bytes, name: str) -> None:
    assert sysctl_name(path) == name


def test_values() -> None:
    raw: Dict[bytes, Optional[bytes]] = {
        b"net/b": b"0\n",
        b"net/a": b"-1\n",
        b"net/c": None,
        b"net/d": b"4096\t87380\t6291456\n",
        b"net/e": b"",
    }
    assert parse_sysctls(raw) == {"net.a": -1, "net.b": 0, "net.c": None, "net.d": "4096\t87380\t6291456", "net.e": ""}
    assert list(parse_sysctls(raw)) == sorted(parse_sysctls(raw))


@given(st.dictionaries(st.binary(min_size=1, max_size=30), st.one_of(st.none(), st.binary(max_size=60))))
def test_any_bytes(raw: Dict[bytes, Optional[bytes]]) -> None:
    repr(parse_sysctls(raw)).encode("utf-8")
