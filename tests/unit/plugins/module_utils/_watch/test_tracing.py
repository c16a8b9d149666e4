# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Linux 6.18 tells of a traced packet, and the messages that ask it to."""

from __future__ import annotations

import socket
import struct
from typing import Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel.netlink import MalformedMessageError
from ansible_collections.podnet.lab.plugins.module_utils._watch import tracing
from ansible_collections.podnet.lab.plugins.module_utils._watch.marked import Check

TABLE = "podnet_trace_x"
OURS = bytes.fromhex(
    "ac000000110a000000000000000000000100000008000f00000000020800040000000003080006001cee06261100020074686572655f6f757470"
    "75740000000013000100706f646e65745f74726163655f7800000c00030000000000000000140c00050008000100ffffffff08000c0000000002"
    "06000d00000100001800080045000054273540004006ff6a0a0100010a01000218000900a028005112345678000000005002faf064ce0000"
)
POLICY = bytes.fromhex(
    "5c000000110a000000000000000000000100000008000f00000000020800040000000001080006001cee06261100020074686572655f6f757470"
    "75740000000013000100706f646e65745f74726163655f7800000800100000000001"
)
# The end of the same chain.
END = bytes.fromhex(
    "60000000110a000000000000000000000100000008000f00000000020800040000000003080006001cee06261100020074686572655f6f757470"
    "75740000000013000100706f646e65745f74726163655f7800000c00050008000100ffffffff"
)
JUMP = bytes.fromhex(
    "a4000000110a000000000000000000000200000008000f00000000020800040000000003080006001cee06260b0002006f757470757400000b00"
    "010066696c74657200000c00030000000000000000031400050008000100fffffffd060002007800000008000c000000000206000d0000010000"
    "1800080045000054273540004006ff6a0a0100010a01000218000900a028005112345678000000005002faf064ce0000"
)
DROP = bytes.fromhex(
    "58000000110a000000000000000000000200000008000f00000000020800040000000003080006001cee062606000200780000000b0001006669"
    "6c74657200000c00030000000000000000040c0005000800010000000000"
)


@pytest.fixture
def trace() -> Iterator[tracing.Trace]:
    with socket.socket() as unused:
        yield tracing.Trace(7, TABLE, unused)


def noted(trace: tracing.Trace, *datagrams: bytes) -> List[str]:
    for one in datagrams:
        for event in tracing.parse_events(one):
            trace.note(event)
    return ["%(family)s %(table)s %(chain)s %(handle)s %(verdict)s %(way)s" % event for event in trace.events()]


def test_the_rules_that_decide_are_told_in_order(trace: tracing.Trace) -> None:
    told = ["ip filter output 3 jump there", "ip filter x 4 drop there"]
    assert noted(trace, OURS, POLICY, JUMP, DROP) == told
    assert trace.events()[0]["target"] == "x"
    assert trace.events()[0]["netns"] == 7


def test_an_answer_passes_the_packets_chain_as_well_without_being_it(trace: tracing.Trace) -> None:
    answers = OURS.replace(b"there_output\0", b"back_output\0\0")
    assert noted(trace, answers, END, JUMP) == ["ip filter output 3 jump back"]


def test_several_events_may_come_at_once(trace: tracing.Trace) -> None:
    assert len(noted(trace, OURS + POLICY + JUMP + DROP)) == 2


def test_what_others_trace_is_not_ours(trace: tracing.Trace) -> None:
    assert noted(trace, JUMP, DROP) == []


def test_a_policy_has_its_verdict() -> None:
    event = tracing.parse_events(POLICY)[0]
    assert (event["what"], event["verdict"], event["handle"]) == ("policy", "accept", None)


@given(st.integers(0, len(DROP)), st.binary(max_size=6))
def test_hostile_messages_are_malformed_or_read(at: int, data: bytes) -> None:
    try:
        tracing.parse_events(DROP[:at] + data + DROP[at + len(data) :])
    except MalformedMessageError:
        pass


def test_a_message_that_says_it_is_longer_is_malformed() -> None:
    with pytest.raises(MalformedMessageError):
        tracing.parse_events(DROP[:-4])


def test_the_table_is_owned_and_its_chains_come_first() -> None:
    data, acknowledged = tracing.batch(TABLE, [Check(4, 4, 1, False), Check(8, 4, 2, True)])
    kinds, offset = [], 0
    while offset < len(data):
        length, kind = struct.unpack_from("=IH", data, offset)
        kinds.append(kind)
        offset += length
    assert kinds == [0x10, 0xA00, *[0xA03, 0xA06] * 4, 0x11]
    assert acknowledged == 9
    assert struct.pack("=HH", 8, 2) + struct.pack(">I", 2) in data
    assert data.count(struct.pack(">i", tracing.PRIORITY)) == 4
