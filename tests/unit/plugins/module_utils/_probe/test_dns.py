# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Questions to name servers, their answers, and how names are completed."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._probe import dns

# What CoreDNS answered to "web.default.svc.cluster.local", type A, as tcpdump wrote it.
ANSWER = bytes.fromhex(
    "123485800001000100000000"
    "037765620764656661756c740373766307636c7573746572056c6f63616c0000010001"
    "c00c00010001000000050004" + "0a69d430"
)
# libc's question for it, but for the number.
QUESTION = bytes.fromhex(
    "123401000001000000000000037765620764656661756c740373766307636c7573746572056c6f63616c0000010001"
)
POD = """
# written by the kubelet
search default.svc.cluster.local svc.cluster.local cluster.local
nameserver 10.96.0.10
options ndots:5
"""


def test_a_question_is_what_libc_asks() -> None:
    assert dns.question("web.default.svc.cluster.local", "A", 0x1234) == QUESTION


@pytest.mark.parametrize("name", ["a..b", "a" * 64, ".".join(["a" * 60] * 5), "gr\u00fcn"])
def test_what_cannot_be_asked_for(name: Any) -> None:
    with pytest.raises(ValueError):
        dns.question(name, "A", 1)


def test_an_answer() -> None:
    reply = dns.parse_reply(ANSWER, 0x1234)
    assert (reply.code, reply.truncated) == (dns.NOERROR, False)
    assert reply.records == [
        {"name": "web.default.svc.cluster.local.", "type": "A", "ttl": 5, "data": "10.105.212.48"},
    ]


def made(kind: int, value: bytes) -> bytes:
    """An answer with one record, whose name is that of the question."""
    return ANSWER[:-16] + b"\xc0\x0c" + struct.pack(">2HIH", kind, 1, 30, len(value)) + value


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("AAAA", bytes(15) + b"\1", "::1"),
        ("CNAME", b"\1x\xc0\x10", "x.default.svc.cluster.local."),
        ("SRV", struct.pack(">3H", 0, 100, 80) + b"\1w\0", "0 100 80 w."),
        ("A", b"odd", "6f6464"),
    ],
)
def test_other_records(kind: Any, value: Any, shown: Any) -> None:
    (record,) = dns.parse_reply(made(dns.TYPES[kind], value), 0x1234).records
    assert (record["type"], record["data"]) == (kind, shown)


@pytest.mark.parametrize("data", [b"", ANSWER[:11], ANSWER[:30], ANSWER[:-1], QUESTION, b"\0\0" + ANSWER[2:]])
def test_what_is_no_answer(data: Any) -> None:
    with pytest.raises(ValueError):
        dns.parse_reply(data, 0x1234)


def test_a_name_that_leads_in_a_circle() -> None:
    with pytest.raises(ValueError, match="in a circle"):
        dns.parse_reply(ANSWER[:-16] + b"\xc0\x2f" + bytes(10), 0x1234)


@given(st.binary(max_size=300))
def test_hostile_answers_are_refused_or_read(tail: Any) -> None:
    try:
        dns.parse_reply(ANSWER[:12] + tail, 0x1234)
    except ValueError:
        pass


def test_resolv_conf() -> None:
    settings = dns.parse_resolv_conf(POD)
    assert settings.servers == ("10.96.0.10",)
    assert settings.ndots == 5
    assert dns.parse_resolv_conf("") == dns.Settings(("127.0.0.1",), (), 1)
    many = dns.parse_resolv_conf(
        "nameserver x\nnameserver fe80::1%eth0\n" + "nameserver 10.0.0.1\n" * 5 + "domain a\noptions ndots:99 rotate"
    )
    assert many == dns.Settings(("fe80::1", "10.0.0.1", "10.0.0.1"), ("a",), 15)


def test_names_are_completed_as_libc_does() -> None:
    settings = dns.parse_resolv_conf(POD)
    assert dns.candidates("web", settings) == [
        "web.default.svc.cluster.local.",
        "web.svc.cluster.local.",
        "web.cluster.local.",
        "web.",
    ]
    assert dns.candidates("a.b.c.d.e.f", settings)[0] == "a.b.c.d.e.f."
    assert dns.candidates("web.default.", settings) == ["web.default."]


def test_reverse_names() -> None:
    assert dns.reverse_name("10.244.0.2") == "2.0.244.10.in-addr.arpa."
    assert dns.reverse_name("fd00::2").endswith(".d.f.ip6.arpa.")
