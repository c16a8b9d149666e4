# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arithmetic with addresses is that of netaddr and of ipaddress, and of what is no address nothing is said."""

from __future__ import annotations

import ipaddress

import netaddr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.model import ranges

NO_ADDRESS = (
    "",
    "x",
    "10",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4/33",
    "1::2::3",
    "1.2.3.4\0",
    "\ud800",
    "fe80::1%e",
)
EDGES = (
    *("0.0.0.0", "0.0.0.1", "126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "169.253.255.255"),
    *("169.254.0.0", "169.254.255.255", "169.255.0.0", "223.255.255.255", "224.0.0.0", "239.255.255.255", "240.0.0.0"),
    *(
        "::",
        "::1",
        "::2",
        "fe7f::",
        "fe80::",
        "febf:ffff::",
        "fec0::",
        "feff::",
        "ff00::",
        "ff02::1",
        "::ffff:10.0.0.1",
    ),
)


def _same(text: str) -> None:
    address, network = ipaddress.ip_address(text), netaddr.IPNetwork(text)
    elsewhere = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    if address.version == 4 or address.ipv4_mapped is None:  # newer versions of Python judge what is mapped
        assert ranges.is_specific(text) is not elsewhere
    assert ranges.order(text) == (network.version, network.value, network.prefixlen, text)
    for length in (0, 8, 23, address.max_prefixlen):
        for cidr in (f"{text}/{length}", f"10.0.0.0/{min(length, 32)}", f"fd00::/{length}"):
            inside = address in ipaddress.ip_network(cidr, strict=False)
            assert ranges.contains(cidr, text) is inside, (cidr, text)


@pytest.mark.parametrize("text", EDGES)
def test_the_edges_of_what_is_somebodys_own(text: str) -> None:
    _same(text)


@given(st.ip_addresses().map(str))
def test_any_address(text: str) -> None:
    _same(text)


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address(text: str) -> None:
    assert not ranges.is_specific(text)
    if text != "10":  # netaddr takes it for a short form
        assert ranges.order(text) == (9, 0, 0, text)
        assert not ranges.contains("0.0.0.0/0", text)
        assert not ranges.contains(text, "1.2.3.4")


def test_networks_in_networks() -> None:
    assert ranges.contains("10.0.0.0/8", "10.1.0.0/16")
    assert not ranges.contains("10.1.0.0/16", "10.0.0.0/8")
    assert not ranges.contains("::/0", "10.0.0.0/8")
    assert ranges.order("10.1.2.3/8") == (4, int(ipaddress.IPv4Address("10.1.2.3")), 8, "10.1.2.3/8")
