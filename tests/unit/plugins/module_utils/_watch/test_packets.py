# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The marked packet as Linux 6.18 hands it to a packet socket, and what is not it; the kernel's filter lets it pass."""

from __future__ import annotations

import struct
from typing import List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._watch import kernel_filter, packets, sending
from ansible_collections.podnet.lab.plugins.module_utils._watch.marked import Marked, checks, marked_from

MARK = 0x12345678
TCP = Marked("inet", 6, MARK, 41000, 80, 84, ())
UDP = Marked("inet", 17, MARK, 41000, 53, 84, (53,))
ICMP = Marked("inet", 1, MARK, 41000, 1, 84, ())
SIX = Marked("inet6", 58, MARK, 41000, 1, 84, ())
PAYLOAD = "12345678706f646e65742e6c6162"

SYN = bytes.fromhex(
    "45000054c752400040065f450a0500010a050002a028005012345678000000005002faf064c70000" + PAYLOAD + "00" * 30
)
SYN_IN_VXLAN = bytes.fromhex(
    "4500008635c700004011309c0a0100010a010002af6412b5007214880800000000000700221f188bde87e291909d9aec0800"
) + SYN  # fmt: skip
RST = bytes.fromhex("4500002800004000400626c40a0500020a0500010050a02800000000123456a55014000092720000")
RST_IN_VXLAN = bytes.fromhex(
    "4500005af61100004011707d0a0100020a010001af6412b50046145c0800000000000700e291909d9aec221f188bde870800"
) + RST  # fmt: skip
DATAGRAM = bytes.fromhex("450000546fc840004011b6cc0a0100010a010002a028003500401456" + PAYLOAD + "00" * 42)
PORT_UNREACHABLE = bytes.fromhex("45c00070950b00004001d0bd0a0100020a0100010303153c00000000") + DATAGRAM
ECHO = bytes.fromhex("4500005403e94000400122b40a0500010a05000208002509a0280001" + PAYLOAD + "00" * 42)
REPLY = bytes.fromhex("45000054638000004001031d0a0500020a05000100002d09a0280001" + PAYLOAD + "00" * 42)
ECHO_SIX = bytes.fromhex(
    "60063adf002c3a40fd000000000000000000000000000001fd0000000000000000000000000000028000b29da0280001"
    + PAYLOAD
    + "00" * 22
)
REPLY_SIX = bytes.fromhex(
    "60053970002c3a40fd000000000000000000000000000002fd0000000000000000000000000000018100b19da0280001"
    + PAYLOAD
    + "00" * 22
)
# Of UDP, as a name server may answer: nothing of the question is in it.
ANSWER = bytes.fromhex("4500002100004000401126bd0a0100020a0100010035a028000d000068656c6c6f")
SAMPLES: List[Tuple[Marked, bytes, str]] = [
    (TCP, SYN, "packet"),
    (TCP, SYN_IN_VXLAN, "packet"),
    (TCP, RST, "answer"),
    (TCP, RST_IN_VXLAN, "answer"),
    (UDP, DATAGRAM, "packet"),
    (UDP, PORT_UNREACHABLE, "error"),
    (ICMP, ECHO, "packet"),
    (ICMP, REPLY, "answer"),
    (SIX, ECHO_SIX, "packet"),
    (SIX, REPLY_SIX, "answer"),
]


def ethertype(data: bytes) -> int:
    return packets.IPV4 if data[0] >> 4 == 4 else packets.IPV6


def read(marked: Marked, data: bytes, known: Optional[List[packets.Flow]] = None) -> Optional[packets.Read]:
    return packets.read(marked, ethertype(data), data, known or [])


def passes(program: bytes, data: bytes) -> bool:
    """Run a filter as the kernel does, which rejects a packet that a load goes beyond."""
    lines = list(struct.iter_unpack("=HBBI", program))
    at, value = 0, 0
    while True:
        code, if_true, if_false, number = lines[at]
        at += 1
        if code in (0x20, 0x28):
            width = 4 if code == 0x20 else 2
            if number + width > len(data):
                return False
            value = int.from_bytes(data[number : number + width], "big")
        elif code == 0x15:
            at += if_true if value == number else if_false
        else:
            return bool(number)


@pytest.mark.parametrize(("marked", "data", "kind"), SAMPLES)
def test_a_packet_is_known_and_passes_the_filter(marked: Marked, data: bytes, kind: str) -> None:
    found = read(marked, data)
    assert found is not None
    assert found.kind == kind
    assert passes(kernel_filter.program(checks(marked)), data)


@pytest.mark.parametrize(("marked", "data", "kind"), SAMPLES)
def test_another_mark_is_another_packet(marked: Marked, data: bytes, kind: str) -> None:
    other = marked._replace(mark=MARK ^ 0xFF00FF00)
    assert read(other, data) is None, kind
    assert not passes(kernel_filter.program(checks(other)), data)


def test_a_tunnel_is_taken_apart() -> None:
    found = read(TCP, SYN_IN_VXLAN)
    assert found is not None
    assert [packets.words(layer) for layer in found.layers] == [
        {"protocol": 17, "src": "10.1.0.1", "sport": 44900, "dst": "10.1.0.2", "dport": 4789},
        {"protocol": 6, "src": "10.5.0.1", "sport": 41000, "dst": "10.5.0.2", "dport": 80},
    ]
    assert found.layers[-1].tunnel == "vxlan 7"


def test_geneve_gre_and_ipip_are_taken_apart() -> None:
    udp = SYN_IN_VXLAN[:28]
    geneve = udp + bytes.fromhex("0000655800000900") + SYN_IN_VXLAN[36:]
    gre = SYN_IN_VXLAN[:9] + b"\x2f" + SYN_IN_VXLAN[10:20] + bytes.fromhex("00000800") + SYN
    ipip = SYN_IN_VXLAN[:9] + b"\x04" + SYN_IN_VXLAN[10:20] + SYN
    for data, tunnel in ((geneve, "geneve 9"), (gre, "gre"), (ipip, "ipip")):
        found = read(TCP, data)
        assert found is not None
        assert found.layers[-1].tunnel == tunnel
        assert passes(kernel_filter.program(checks(TCP)), data)


def test_an_error_says_its_type_and_code() -> None:
    found = read(UDP, PORT_UNREACHABLE)
    assert found is not None
    assert found.error == (3, 3)


def test_an_answer_of_udp_turns_a_flow_that_was_seen() -> None:
    assert read(UDP, ANSWER) is None
    found = read(UDP, ANSWER, [("10.1.0.1", 41000, "10.1.0.2", 53)])
    assert found is not None
    assert found.kind == "answer"
    assert passes(kernel_filter.program(checks(UDP)), ANSWER)


def test_a_later_segment_of_the_connection_is_not_the_packet() -> None:
    assert read(TCP, SYN[:33] + b"\x10" + SYN[34:]) is None


@given(st.sampled_from(SAMPLES), st.data())
def test_what_is_cut_off_or_changed_is_read_without_failing(
    sample: Tuple[Marked, bytes, str], data: st.DataObject
) -> None:
    marked, whole, _kind = sample
    read(marked, whole[: data.draw(st.integers(1, len(whole)))])
    at = data.draw(st.integers(1, len(whole) - 1))
    read(marked, whole[:at] + data.draw(st.binary(min_size=1, max_size=8)) + whole[at + 1 :])


@given(st.binary(min_size=1, max_size=200))
def test_anything_else_is_nothing(data: bytes) -> None:
    assert read(TCP, data) is None


def test_what_is_sent_is_what_is_known() -> None:
    assert sending.segment(TCP, "10.5.0.1", "10.5.0.2") == SYN[20:]
    assert len(marked_from({**TCP._asdict(), "size": 1500}).payload) == 1460
    six = Marked("inet6", 6, MARK, 41000, 80, 84, ())
    assert len(sending.segment(six, "fd00::1", "fd00::2")) == 44


def test_a_packet_needs_room_for_its_mark() -> None:
    with pytest.raises(ValueError, match="43 bytes have no room for the mark"):
        marked_from({**TCP._asdict(), "size": 43})
