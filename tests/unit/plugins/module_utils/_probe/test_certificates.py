# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""For whom a certificate is: of a real one, and of bytes that only look like one."""

from __future__ import annotations

import base64
from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._probe.certificates import NAMES, elements, names_of

# openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -subj /CN=lab0
#   -addext subjectAltName=DNS:shop.example,DNS:*.shop.example,IP:10.89.0.241,IP:2001:db8::f1
CERTIFICATE = base64.b64decode(
    "MIIBuDCCAV6gAwIBAgIUO0nUcr7Uk56o3TZ6NArbaZq/KbkwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEbGFiMDAgFw0yNjExMzAx"
    "MDE1MjJaGA8yMTI2MTEwNjEwMTUyMlowDzENMAsGA1UEAwwEbGFiMDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDG0SVVN1udD"
    "vSQhi3CK2AiuLiNC/2HnHZVRLC1SGX6cCnwkMvGvDblAXQxiWOHhZmD7AWs+Jyf8K4eOcttwt6GjgZUwgZIwHQYDVR0OBBYEFJzx"
    "H/I1mbpYv9HqxLGiedQxpIokMB8GA1UdIwQYMBaAFJzxH/I1mbpYv9HqxLGiedQxpIokMA8GA1UdEwEB/wQFMAMBAf8wPwYDVR0R"
    "BDgwNoIMc2hvcC5leGFtcGxlgg4qLnNob3AuZXhhbXBsZYcEClkA8YcQIAENuAAAAAAAAAAAAAAA8TAKBggqhkjOPQQDAgNIADBF"
    "AiEAiszOTwue3YIVeN7/UiFHNUKjseL7VP62tfGG7jL6Y9YCID4b0XZnSrb5xU5dSC6ESkDGXuiLsb1Ae7yuJc/Ne03b"
)
ALT_NAME = bytes.fromhex("0603551d11")


def element(tag: int, contents: bytes) -> bytes:
    """An element of DER."""
    length = len(contents)
    if length < 0x80:
        return bytes([tag, length]) + contents
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 + size]) + length.to_bytes(size, "big") + contents


def certificate(alt_name: bytes, *more: bytes) -> bytes:
    """A certificate with nothing but a serial number and the hosts that it is for."""
    extension = element(0x30, ALT_NAME + b"".join(more) + element(0x04, alt_name))
    body = element(0x02, b"\1") + element(0xA3, element(0x30, extension))
    return element(0x30, element(0x30, body) + element(0x30, b"") + element(0x03, b"\0"))


def test_a_certificate_says_which_hosts_and_addresses_it_is_for() -> None:
    assert names_of(CERTIFICATE) == ["shop.example", "*.shop.example", "10.89.0.241", "2001:db8::f1"]


def test_a_critical_extension_and_kinds_of_names_that_are_no_hosts() -> None:
    names = element(0x81, b"me@shop.example") + element(0x82, b"shop.example") + element(0x87, b"\1\2\3")
    assert names_of(certificate(element(0x30, names), element(0x01, b"\xff"))) == ["shop.example"]


def test_hostile_names_are_shown_and_not_decoded_and_their_number_has_a_limit() -> None:
    name = element(0x82, b"\xff\x1b[2J\n")
    assert names_of(certificate(element(0x30, name * (NAMES + 1)))) == ["\\xff\x1b[2J\n"] * NAMES


def test_without_the_extension_it_is_for_nobody() -> None:
    body = element(0x30, element(0x02, b"\1"))
    assert names_of(element(0x30, body)) == []


@pytest.mark.parametrize("wrong", [b"", b"\x30", b"\x02\1\1", b"\x30\x84\xff\xff\xff\xff", b"\x1f\1\1", b"\x30\x80"])
def test_what_is_none_is_said(wrong: bytes) -> None:
    with pytest.raises(ValueError):
        names_of(wrong)


@given(length=st.integers(0, len(CERTIFICATE) - 1))
def test_one_that_is_cut_off_is_none(length: int) -> None:
    with pytest.raises(ValueError):
        names_of(CERTIFICATE[:length])


@given(at=st.integers(0, len(CERTIFICATE) - 1), byte=st.integers(0, 255))
def test_a_byte_that_is_changed_does_no_harm(at: int, byte: int) -> None:
    changed = bytearray(CERTIFICATE)
    changed[at] = byte
    try:
        assert len(names_of(bytes(changed))) <= NAMES
    except ValueError:
        pass


@given(st.lists(st.tuples(st.integers(0, 0x1E), st.binary(max_size=300)), max_size=5))
def test_elements_are_those_that_were_written(pairs: List[Tuple[int, bytes]]) -> None:
    assert list(elements(b"".join(element(*pair) for pair in pairs))) == pairs
