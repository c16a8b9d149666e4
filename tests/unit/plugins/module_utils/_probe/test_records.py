# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked for, what errors stand for, and what answers say."""

from __future__ import annotations

import errno
import json
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._probe import icmp, pacing, records, sending
from ansible_collections.podnet.lab.plugins.module_utils._probe.records import Icmp, ProbeError

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100F40A\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0000F40A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""


@pytest.mark.parametrize(
    ("number", "message", "outcome"),
    [
        (errno.ECONNREFUSED, None, "refused"),
        (errno.EHOSTUNREACH, None, "unreachable"),
        (errno.EHOSTUNREACH, Icmp(errno.EHOSTUNREACH, 3, 13, "10.0.0.1", 0), "prohibited"),
        (errno.EHOSTUNREACH, Icmp(errno.EHOSTUNREACH, 3, 1, "10.0.0.1", 0), "unreachable"),
        (errno.EACCES, None, "prohibited"),
        (errno.EMSGSIZE, None, "too-big"),
        (errno.ENOMEM, None, "error"),
        (None, None, "error"),
    ],
)
def test_outcomes(number: Any, message: Any, outcome: Any) -> None:
    assert records.failed(number, message)["outcome"] == outcome


def test_an_error_is_named() -> None:
    said = records.failed(errno.EHOSTUNREACH, Icmp(errno.EHOSTUNREACH, 3, 1, "10.0.0.1", 0))
    assert said == {
        "outcome": "unreachable",
        "errno": "EHOSTUNREACH",
        "icmp": {"type": 3, "code": 1, "from": "10.0.0.1"},
    }
    assert records.outcome_of(errno.EACCES, Icmp(errno.EACCES, 1, 1, None, 0), "inet6") == "prohibited"


def test_ports_that_go_without_saying() -> None:
    asked = [{"id": "1", "kind": kind, "at": "node", "to": "x"} for kind in ("http", "https", "dns", "icmp")]
    assert [one.port for one in records.probes_from(asked, 2.0)] == [80, 443, 53, 0]
    with pytest.raises(ProbeError, match="a tcp probe needs a port"):
        records.probes_from([{"id": "1", "kind": "tcp", "at": "node", "to": "x"}], 2.0)


@pytest.mark.parametrize(
    ("headers", "host"),
    [
        ({}, ""),
        ({"Accept": "*"}, ""),
        ({"Host": "shop.example"}, "shop.example"),
        ({"HOST": "shop.example:8443"}, "shop.example"),
        ({"host": "[2001:db8::1]:443"}, "[2001:db8::1]"),
    ],
)
def test_the_host_that_is_asked_for_is_that_of_the_header(headers: Any, host: str) -> None:
    (one,) = records.probes_from([{"id": "1", "kind": "https", "at": "node", "to": "x", "headers": headers}], 2.0)
    assert one.host == host


def test_an_answer_of_ours_is_known_by_its_nonce() -> None:
    ours = {"podnet": 1, "listener": "l1", "peer": ["::ffff:10.0.0.1", 5], "local": ["10.0.0.2", 6], "nonce": "n"}
    said = sending.answer_of(json.dumps(ours).encode(), "n")
    assert said == {"outcome": "ok", "answered_by": "l1", "seen_as": {"address": "10.0.0.1", "port": 5}}
    for data in (json.dumps(ours).encode(), b"HTTP/1.0 400\r\n", b"[1]", b'{"podnet": 1}', b"\xff\xfe"):
        assert "answered_by" not in sending.answer_of(data, "another")
    assert sending.answer_of(b"", "n") == {"outcome": "closed"}


def test_the_checksum_is_that_of_the_rfc() -> None:
    # RFC 1071, section 3, and a message with its own checksum sums to nothing.
    assert icmp.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert icmp.checksum(icmp.echo_request(2, 7, 9, b"odd")) == 0


def test_a_reply_is_known_by_its_numbers() -> None:
    header = bytes([0x45]) + bytes(19)
    reply = header + bytes.fromhex("0000000000070009")
    assert icmp.is_reply(2, reply, 7, 9)
    assert not icmp.is_reply(2, reply, 7, 8)
    assert not icmp.is_reply(2, header + icmp.echo_request(2, 7, 9, b""), 7, 9)
    assert not icmp.is_reply(2, b"", 7, 9)


def test_what_is_on_the_link() -> None:
    routes = pacing.parse_routes(ROUTES)
    assert pacing.next_hop(routes, "10.244.0.9") == "10.244.0.9"
    assert pacing.next_hop(routes, "10.244.1.9") == "10.244.0.1"
    assert pacing.next_hop(routes, "127.0.0.1") is None
    assert pacing.next_hop([], "10.244.0.9") is None
    assert pacing.next_hop(routes, "fd00::9") == "fd00::9"
    assert pacing.next_hop(routes, "::1") is None
    assert pacing.parse_routes("") == []
