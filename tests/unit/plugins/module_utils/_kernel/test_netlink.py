# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The netlink framing: what is understood, and that nothing malformed gets through or hangs."""

from __future__ import annotations

import struct
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel import netlink

TABLE: Dict[int, Any] = {
    1: ("byte", netlink.decode_u8),
    2: ("flag", netlink.decode_bool),
    3: ("short", netlink.decode_u16),
    4: ("port", netlink.decode_be16),
    5: ("word", netlink.decode_u32),
    6: ("signed", netlink.decode_s32),
    7: ("long", netlink.decode_u64),
    8: ("mac", netlink.decode_mac),
    9: ("ip", netlink.decode_ip),
    10: ("text", netlink.decode_text),
    11: ("label", netlink.decode_be32),
    12: ("present", netlink.decode_flag),
}


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute with its padding."""
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def message(kind: int, body: bytes, sequence: int = 7, flags: int = 0) -> bytes:
    """One message with its padding."""
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body + bytes(-len(body) % 4)


def keep(buffer: Any, start: int, end: int, records: List[bytes]) -> None:
    """A parser that keeps the body."""
    records.append(bytes(buffer[start:end]))


def read(data: bytes, sequence: int = 7) -> Tuple[Tuple[bool, bool], List[bytes]]:
    """Parse one datagram."""
    records: List[bytes] = []
    return netlink.parse_datagram(data, len(data), sequence, keep, records, netlink.Watch()), records


def test_every_type_of_value() -> None:
    data = b"".join(
        (
            attribute(1, b"\x05"),
            attribute(2, b"\x01"),
            attribute(3, struct.pack("=H", 500)),
            attribute(4, b"\x12\xb5"),
            attribute(5, struct.pack("=I", 1 << 31)),
            attribute(6, struct.pack("=i", -1)),
            attribute(7, struct.pack("=Q", 1 << 40)),
            attribute(8, b"\x02\x00\x00\x00\x00\x0a"),
            attribute(9, b"\x0a\x01\x02\x03"),
            attribute(10, b"eth0\0"),
            attribute(11, b"\x00\x00\x01\x00"),
            attribute(12, b""),
        )
    )
    assert netlink.decode_attributes(data, 0, len(data), TABLE) == {
        "byte": 5,
        "flag": True,
        "short": 500,
        "port": 4789,
        "word": 1 << 31,
        "signed": -1,
        "long": 1 << 40,
        "mac": "02:00:00:00:00:0a",
        "ip": "10.1.2.3",
        "text": "eth0",
        "label": 256,
        "present": True,
    }


def test_nested_and_byte_order_bits_are_no_part_of_the_type() -> None:
    data = attribute(5 | 0x8000, struct.pack("=I", 3)) + attribute(1 | 0x4000, b"\x09")
    assert netlink.decode_attributes(data, 0, len(data), TABLE) == {"word": 3, "byte": 9}


@pytest.mark.parametrize("kind", [kind for kind in TABLE if kind not in (8, 10, 12)])
def test_a_value_that_is_too_short_is_refused(kind: int) -> None:
    data = attribute(kind, b"")
    with pytest.raises(netlink.MalformedMessageError):
        netlink.decode_attributes(data, 0, len(data), TABLE)


@pytest.mark.parametrize("length", [0, 1, 3, 9, 65535])
def test_an_attribute_that_lies_about_its_length_is_refused(length: int) -> None:
    data = struct.pack("=HH", length, 5) + bytes(4)
    with pytest.raises(netlink.MalformedMessageError):
        netlink.decode_attributes(data, 0, len(data), TABLE)
    with pytest.raises(netlink.MalformedMessageError):
        netlink.attribute_ranges(data, 0, len(data))


@given(st.binary(max_size=200))
def test_any_bytes_as_attributes(data: bytes) -> None:
    for function in (
        lambda: netlink.decode_attributes(data, 0, len(data), TABLE),
        lambda: netlink.attribute_ranges(data, 0, len(data)),
    ):
        try:
            result: Any = function()
        except netlink.MalformedMessageError:
            continue
        repr(result).encode("utf-8")  # no surrogate anywhere


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=40))))
def test_attributes_come_back_as_they_were_written(attributes: List[Tuple[int, bytes]]) -> None:
    data = b"".join(attribute(kind, value) for kind, value in attributes)
    found = [(kind, data[start:end]) for kind, start, end in netlink.attribute_ranges(data, 0, len(data))]
    assert found == attributes


@given(st.binary())
def test_text_keeps_names_apart_and_has_no_surrogates(data: bytes) -> None:
    shown = netlink.text(data)
    shown.encode("utf-8")
    assert "\0" not in shown
    if b"\\" not in data and b"\0" not in data:
        assert shown.encode("utf-8") == data or "\\x" in shown


def test_different_bytes_are_different_names() -> None:
    assert netlink.text(b"pod\xff") == "pod\\xff"
    assert netlink.text(b"pod\xfe") == "pod\\xfe"
    assert netlink.text(b"pod\0rest") == "pod"


def test_a_dump_ends_with_done() -> None:
    data = message(16, b"one!") + message(16, b"two!") + message(3, bytes(4))
    assert read(data) == ((True, False), [b"one!", b"two!"])
    assert read(message(16, b"one!")) == ((False, False), [b"one!"])


def test_an_interrupted_dump_is_noticed() -> None:
    assert read(message(16, b"one!", flags=0x10) + message(3, bytes(4)))[0] == (True, True)
    assert read(message(3, bytes(4), flags=0x10))[0] == (True, True)


def test_messages_of_another_request_are_left_alone() -> None:
    assert read(message(16, b"old!", sequence=6) + message(16, b"new!"))[1] == [b"new!"]
    assert read(message(3, bytes(4), sequence=6))[0] == (False, False)


@pytest.mark.parametrize("kind", [2, 3])
def test_the_kernels_error_is_raised(kind: int) -> None:
    with pytest.raises(PermissionError):
        read(message(kind, struct.pack("=i", -1) + bytes(16)))


def test_an_acknowledgement_is_no_error() -> None:
    assert read(message(2, struct.pack("=i", 0) + bytes(16)))[0] == (True, False)


@pytest.mark.parametrize("data", [b"", bytes(15), struct.pack("=IHHII", 15, 16, 0, 7, 0), message(16, b"four")[:-2]])
def test_a_datagram_that_is_cut_is_refused(data: bytes) -> None:
    with pytest.raises(netlink.MalformedMessageError):
        read(data)


@given(st.binary(max_size=300))
def test_any_bytes_as_a_datagram(data: bytes) -> None:
    try:
        read(data)
    except (netlink.MalformedMessageError, OSError):
        pass


@given(st.lists(st.tuples(st.integers(16, 100), st.binary(max_size=60)), max_size=6), st.integers(0, 400))
def test_a_cut_anywhere_is_refused_or_gives_the_messages_before_it(messages: List[Tuple[int, bytes]], cut: int) -> None:
    parts = [message(kind, body) for kind, body in messages]
    data = b"".join(parts)[:cut]
    whole = [body for kind, body in messages]
    try:
        _end, records = read(data)
    except netlink.MalformedMessageError:
        return
    assert records == whole[: len(records)]


class FakeSocket:
    """Answers with prepared datagrams."""

    def __init__(self, answers: List[Any]) -> None:
        self.answers = answers
        self.sent = 0

    def send(self, data: bytes) -> None:
        """Count the requests."""
        self.sent += 1

    def recv_into(self, buffer: bytearray, size: int = 0, flags: int = 0) -> int:
        """The next datagram, or the next error."""
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        buffer[: len(answer)] = answer
        return len(answer)


def connection(answers: List[Any], watch: netlink.Watch) -> netlink.Connection:
    """A connection without a kernel."""
    made = netlink.Connection.__new__(netlink.Connection)
    made._socket = FakeSocket(answers)  # type: ignore[assignment]
    made.watch = watch
    return made


REQUEST = netlink.request(18, b"", 7)
DONE = message(3, bytes(4))


def test_an_interrupted_dump_is_asked_again() -> None:
    answers = [message(16, b"old!", flags=0x10) + DONE, message(16, b"new!") + DONE]
    made = connection(answers, netlink.Watch())
    assert made.dump(REQUEST, keep, bytearray(512)) == ([b"new!"], True)


def test_a_dump_that_never_settles_is_given_back_as_inconsistent() -> None:
    answers = [message(16, b"one!", flags=0x10) + DONE for _number in range(netlink.DUMP_ATTEMPTS)]
    made = connection(list(answers), netlink.Watch())
    assert made.dump(REQUEST, keep, bytearray(512)) == ([b"one!"], False)


class Everything(netlink.Watch):
    """Hears all."""

    groups = 1

    def __init__(self) -> None:
        super().__init__()
        self.kinds: List[int] = []

    def notice(self, kind: int, buffer: Any, start: int, end: int) -> None:
        """Keep the type."""
        self.kinds.append(kind)


def test_notifications_between_the_answers_go_to_the_watch() -> None:
    watch = Everything()
    note = message(17, b"gone", sequence=0)
    made = connection([message(16, b"one!"), note, DONE], watch)
    assert made.dump(REQUEST, keep, bytearray(512)) == ([b"one!"], True)
    assert watch.kinds == [17]
    made = connection([note, message(88, b"nsid")], watch)
    assert made.ask(REQUEST, keep, bytearray(512)) == [b"nsid"]
    made = connection([note, note, BlockingIOError()], watch)
    made.drain(bytearray(512))
    assert watch.kinds == [17] * 4


def test_dropped_notifications_are_remembered_and_the_answer_is_still_read() -> None:
    watch = Everything()
    made = connection([OSError(105, "No buffer space available"), message(16, b"one!") + DONE], watch)
    assert made.dump(REQUEST, keep, bytearray(512)) == ([b"one!"], True)
    assert watch.missed


def test_a_question_whose_answer_was_dropped_is_asked_again_and_not_waited_for() -> None:
    """Notifications filled the socket: the answer never comes, more notifications always do."""
    note = message(17, b"gone", sequence=0)
    made = connection(
        [OSError(105, "No buffer space available"), note, BlockingIOError(), message(88, b"nsid")], Everything()
    )
    assert made.ask(REQUEST, keep, bytearray(512)) == [b"nsid"]
    made = connection([BlockingIOError() for _attempt in range(netlink.ASK_ATTEMPTS)], Everything())
    with pytest.raises(OSError, match="dropped"):
        made.ask(REQUEST, keep, bytearray(512))


def test_a_lost_answer_is_an_error_where_nothing_is_watched() -> None:
    with pytest.raises(OSError):
        connection([OSError(105, "No buffer space available")], netlink.Watch()).dump(REQUEST, keep, bytearray(512))


def test_an_answer_that_fills_the_buffer_may_be_cut_and_is_refused() -> None:
    with pytest.raises(netlink.MalformedMessageError):
        connection([message(16, bytes(48))], netlink.Watch()).dump(REQUEST, keep, bytearray(64))


def test_an_acknowledgement_is_no_answer_to_a_question() -> None:
    with pytest.raises(netlink.MalformedMessageError):
        connection([message(2, bytes(20))], netlink.Watch()).ask(REQUEST, keep, bytearray(512))
