# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Netlink: the socket, the message and attribute framing, and the decoders of single values.

Constants and layouts are those of linux/netlink.h; byte order is the machine's own.
A socket belongs for its whole life to the network namespace that it was opened in.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

TYPE_CHECKING = False  # typing costs several milliseconds to import and is not needed to run
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple, Union

    Buffer = Union[bytes, bytearray]
    Decoder = Callable[[Buffer, int, int], Any]
    AttributeTable = Dict[int, Tuple[str, Decoder]]
    MessageParser = Callable[[Buffer, int, int, List[Any]], None]

NETLINK_ROUTE = 0
SOL_NETLINK = 270
NETLINK_GET_STRICT_CHK = 12

NLM_F_REQUEST = 0x01
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300

NLMSG_ERROR = 2
NLMSG_DONE = 3
NLMSG_OVERRUN = 4

NLA_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER

RECEIVE_BUFFER = 65536  # the kernel never builds a dump message larger than 32 KiB
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
SO_NETNS_COOKIE = 71  # asm-generic/socket.h
MUCH_TO_HEAR = 32 * 1024 * 1024
DUMP_ATTEMPTS = 5
ASK_ATTEMPTS = 5

# struct timeval; an answer comes at once, so silence means that it was lost
_RECEIVE_TIMEOUT = struct.pack("@ll", 5, 0)

_header = struct.Struct("=IHHII")  # struct nlmsghdr: len, type, flags, seq, pid
_unpack_header = _header.unpack_from
_unpack_attribute = struct.Struct("=HH").unpack_from  # struct nlattr: len, type
_unpack_u16 = struct.Struct("=H").unpack_from
_unpack_be16 = struct.Struct(">H").unpack_from
_unpack_u32 = struct.Struct("=I").unpack_from
_unpack_s32 = struct.Struct("=i").unpack_from
_unpack_be32 = struct.Struct(">I").unpack_from
_unpack_u64 = struct.Struct("=Q").unpack_from
_inet_ntop = socket.inet_ntop
_AF_INET = socket.AF_INET
_AF_INET6 = socket.AF_INET6


class MalformedMessageError(ValueError):
    """Bytes that do not follow the netlink framing, or a value shorter than its type."""


def text(data: bytes) -> str:
    """Text from the kernel or a container: the bytes up to the first NUL, never with surrogates."""
    return data.split(b"\0", 1)[0].decode("utf-8", "backslashreplace")


# Decoders: (buffer, start, end) -> value. Longer than needed is accepted, as the kernel's policy does.


def decode_text(buffer: Buffer, start: int, end: int) -> str:
    """NUL-terminated string."""
    return text(bytes(buffer[start:end]))


def decode_u8(buffer: Buffer, start: int, end: int) -> int:
    """Unsigned byte."""
    if end <= start:
        raise MalformedMessageError("empty 8-bit attribute")
    return buffer[start]


def decode_bool(buffer: Buffer, start: int, end: int) -> bool:
    """Byte that means true or false."""
    if end <= start:
        raise MalformedMessageError("empty 8-bit attribute")
    return buffer[start] != 0


def decode_flag(buffer: Buffer, start: int, end: int) -> bool:
    """Attribute without a value (NLA_FLAG): its presence is the value."""
    return True


def decode_u16(buffer: Buffer, start: int, end: int) -> int:
    """Unsigned 16 bits."""
    if end - start < 2:
        raise MalformedMessageError("16-bit attribute of %d bytes" % (end - start))
    return int(_unpack_u16(buffer, start)[0])


def decode_be16(buffer: Buffer, start: int, end: int) -> int:
    """Unsigned 16 bits in network byte order."""
    if end - start < 2:
        raise MalformedMessageError("16-bit attribute of %d bytes" % (end - start))
    return int(_unpack_be16(buffer, start)[0])


def decode_u32(buffer: Buffer, start: int, end: int) -> int:
    """Unsigned 32 bits."""
    if end - start < 4:
        raise MalformedMessageError("32-bit attribute of %d bytes" % (end - start))
    return _unpack_u32(buffer, start)[0]  # type: ignore[no-any-return]


def decode_s32(buffer: Buffer, start: int, end: int) -> int:
    """Signed 32 bits."""
    if end - start < 4:
        raise MalformedMessageError("32-bit attribute of %d bytes" % (end - start))
    return _unpack_s32(buffer, start)[0]  # type: ignore[no-any-return]


def decode_be32(buffer: Buffer, start: int, end: int) -> int:
    """Unsigned 32 bits in network byte order."""
    if end - start < 4:
        raise MalformedMessageError("32-bit attribute of %d bytes" % (end - start))
    return int(_unpack_be32(buffer, start)[0])


def decode_u64(buffer: Buffer, start: int, end: int) -> int:
    """Unsigned 64 bits."""
    if end - start < 8:
        raise MalformedMessageError("64-bit attribute of %d bytes" % (end - start))
    return int(_unpack_u64(buffer, start)[0])


def decode_mac(buffer: Buffer, start: int, end: int) -> str:
    """Link-layer address of any length, as colon-separated hexadecimal."""
    return bytes(buffer[start:end]).hex(":")


def decode_ip(buffer: Buffer, start: int, end: int) -> str:
    """IPv4 or IPv6 address, told apart by its length."""
    size = end - start
    if size == 4:
        return _inet_ntop(_AF_INET, buffer[start:end])
    if size == 16:
        return _inet_ntop(_AF_INET6, buffer[start:end])
    raise MalformedMessageError("IP address of %d bytes" % size)


def decode_attributes(buffer: Buffer, start: int, end: int, table: AttributeTable) -> Dict[str, Any]:
    """Decode the attributes that `table` names and step over all others.

    Raises `MalformedMessageError` when an attribute is shorter than its own header, reaches
    beyond `end`, or holds less than its type needs. Fewer than four bytes at the end
    are padding.
    """
    found: Dict[str, Any] = {}
    last = end - 4
    while start <= last:  # a node of a thousand pods has half a million attributes
        length, kind = _unpack_attribute(buffer, start)
        if length < 4 or start + length > end:
            raise MalformedMessageError("attribute %d of length %d in %d bytes" % (kind, length, end - start))
        kind &= NLA_TYPE_MASK
        if kind in table:
            name, decode = table[kind]
            found[name] = decode(buffer, start + 4, start + length)
        start += (length + 3) & ~3
    return found


def attribute_ranges(buffer: Buffer, start: int, end: int) -> List[Tuple[int, int, int]]:
    """(type, first byte, end) of every attribute, in order; raises `MalformedMessageError` as above."""
    ranges = []
    while start + 4 <= end:
        length, kind = _unpack_attribute(buffer, start)
        if length < 4 or start + length > end:
            raise MalformedMessageError("attribute %d of length %d in %d bytes" % (kind, length, end - start))
        ranges.append((kind & NLA_TYPE_MASK, start + 4, start + length))
        start += (length + 3) & ~3
    return ranges


def request(message_type: int, body: bytes, sequence: int, flags: int = NLM_F_REQUEST | NLM_F_DUMP) -> bytes:
    """One complete request message; `sequence` is how its answer is recognised."""
    return _header.pack(_header.size + len(body), message_type, flags, sequence, 0) + body


class Watch:
    """Hears the notifications of the groups that a connection joins, between its answers.

    The base class joins none. Joining is no change to the node: the kernel copies what it tells
    everybody who listens.
    """

    __slots__ = ("missed",)

    groups = 0
    """Bit mask of RTMGRP_* (linux/rtnetlink.h)."""

    def __init__(self) -> None:
        self.missed = False
        """Whether the kernel had to drop notifications because nobody took them in time."""

    def notice(self, kind: int, buffer: Buffer, start: int, end: int) -> None:
        """Take one message that is no answer."""


class Connection:
    """A netlink socket of the namespace that the calling thread is in, of NETLINK_ROUTE unless another is named.

    `OSError` from any method carries the kernel's error number. After an error the
    connection may hold the rest of an answer and must not be used again.
    """

    __slots__ = ("_socket", "watch")

    def __init__(self, watch: Watch, protocol: int = NETLINK_ROUTE) -> None:
        opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _RECEIVE_TIMEOUT)
            try:
                opened.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
            except OSError:  # kernels before 4.20 do not have it and ignore filters in dumps
                pass
            if watch.groups:
                opened.bind((0, watch.groups))
        except BaseException:
            opened.close()
            raise
        self._socket = opened
        self.watch = watch

    def close(self) -> None:
        """Give the socket back; a second call does nothing."""
        self._socket.close()

    def hear_much(self) -> None:
        """Let more notifications wait than net.core.rmem_max allows, for a namespace where much happens.

        The memory is taken only while something waits. Without CAP_NET_ADMIN in the first user namespace the
        size stays what it was, and what is missed then is noticed (`Watch.missed`).
        """
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, MUCH_TO_HEAR)
        except OSError:
            pass

    def cookie(self) -> int:
        """SO_NETNS_COOKIE: the number of this socket's namespace, never used twice (Linux 5.14).

        0 when the kernel does not have it.
        """
        try:
            return int(_unpack_u64(self._socket.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8), 0)[0])
        except (OSError, struct.error):
            return 0

    def dump(self, message: bytes, parse: MessageParser, buffer: bytearray) -> Tuple[List[Any], bool]:
        """Send a dump request and parse every message of the answer.

        Returns the records and whether they are consistent: a dump that the kernel marks as
        interrupted by a change (NLM_F_DUMP_INTR) is asked again, `DUMP_ATTEMPTS` times at most,
        and after that returned as it is.
        Raises OSError and `MalformedMessageError`.
        """
        # All of it is taken before any of it is understood: the kernel makes the next part of a dump while this one
        # is read, and each change in between interrupts it. Understanding takes twenty times as long as taking.
        messages: List[bytes] = []
        interrupted = True
        for _attempt in range(DUMP_ATTEMPTS):
            messages = []
            self._socket.send(message)
            interrupted = self._collect(message, _keep, buffer, messages)
            if not interrupted:
                break
        records: List[Any] = []
        for body in messages:
            parse(body, 0, len(body), records)
        return records, not interrupted

    def read_long(self, message: bytes, parse: MessageParser, buffer: bytearray) -> List[Any]:
        """Send a dump request and parse each message when it comes, where few of very many make a record.

        What changes meanwhile may be there twice or not at all. Raises OSError and `MalformedMessageError`.
        """
        records: List[Any] = []
        self._socket.send(message)
        self._collect(message, parse, buffer, records)
        return records

    def ask(self, message: bytes, parse: MessageParser, buffer: bytearray) -> List[Any]:
        """Send a request that has one answer and parse it; raises OSError and `MalformedMessageError`.

        The kernel answers while it takes the request (rtnetlink_rcv_msg), so an answer that is not there
        then was dropped: notifications had filled the socket. They have been read by then, and
        it is asked again, `ASK_ATTEMPTS` times in all. Waiting would be for ever while notifications come.
        """
        sequence = _unpack_header(message)[3]
        for _attempt in range(ASK_ATTEMPTS):
            records: List[Any] = []
            self._socket.send(message)
            try:
                while not records:
                    if self._receive(buffer, sequence, parse, records, socket.MSG_DONTWAIT)[0] and not records:
                        raise MalformedMessageError("an acknowledgement instead of an answer")
            except BlockingIOError:
                continue
            return records
        raise OSError(errno.ENOBUFS, "the kernel's answer was dropped %d times" % ASK_ATTEMPTS)

    def drain(self, buffer: bytearray) -> None:
        """Give what has arrived since the last answer to the watch."""
        flags = socket.MSG_DONTWAIT
        try:
            while True:
                self._receive(buffer, 0, _ignore, [], flags)
        except BlockingIOError:
            return

    def _collect(self, message: bytes, parse: MessageParser, buffer: bytearray, records: List[Any]) -> bool:
        """Receive until the end of the dump; true when the kernel says that it was interrupted."""
        sequence = _unpack_header(message)[3]
        interrupted = False
        while True:
            done, seen = self._receive(buffer, sequence, parse, records)
            interrupted = interrupted or seen
            if done:
                return interrupted

    def _receive(
        self, buffer: bytearray, sequence: int, parse: MessageParser, records: List[Any], flags: int = 0
    ) -> Tuple[bool, bool]:
        """One datagram; see `parse_datagram`."""
        try:
            size = self._socket.recv_into(buffer, 0, flags)
        except OSError as problem:
            if problem.errno != errno.ENOBUFS or not self.watch.groups:
                raise
            self.watch.missed = True  # notifications were dropped; the answer to a dump never is
            return False, False
        if size == len(buffer):
            raise MalformedMessageError("answer larger than the receive buffer of %d bytes" % size)
        return parse_datagram(buffer, size, sequence, parse, records, self.watch)


def _keep(buffer: Buffer, start: int, end: int, messages: List[Any]) -> None:
    """A parser that leaves the message for later."""
    messages.append(bytes(buffer[start:end]))


def _ignore(buffer: Buffer, start: int, end: int, records: List[Any]) -> None:
    """A parser for answers that nobody waits for any more."""


def parse_datagram(
    buffer: Buffer, size: int, sequence: int, parse: MessageParser, records: List[Any], watch: Watch
) -> Tuple[bool, bool]:
    """Give every message of one datagram to `parse`; returns (end of the answer reached, interrupted).

    Messages of another sequence number are notifications, which go to `watch`, or left over from an earlier
    request. Raises OSError for the error that the kernel answered with, and `MalformedMessageError`.
    """
    offset = 0
    interrupted = False
    if size < 16:
        raise MalformedMessageError("answer of %d bytes" % size)
    while offset + 16 <= size:
        length, kind, flags, seen, _port = _unpack_header(buffer, offset)
        end = offset + length
        if length < 16 or end > size:
            raise MalformedMessageError("message of length %d in %d bytes" % (length, size - offset))
        if seen != sequence or not sequence:
            watch.notice(kind, buffer, offset + 16, end)
        else:
            if flags & NLM_F_DUMP_INTR:
                interrupted = True
            if kind > NLMSG_OVERRUN:
                parse(buffer, offset + 16, end, records)
            elif kind == NLMSG_DONE:
                if length >= 20:
                    _raise_error(buffer, offset + 16, end)
                return True, interrupted
            elif kind == NLMSG_ERROR:
                _raise_error(buffer, offset + 16, end)
                return True, interrupted
            elif kind == NLMSG_OVERRUN:
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
        offset += (length + 3) & ~3
    return False, interrupted


def _raise_error(buffer: Buffer, start: int, end: int) -> None:
    """Raise the negative error number at `start`, if it is one (struct nlmsgerr, or the end of a dump)."""
    number = -decode_s32(buffer, start, end)
    if number > 0:
        raise OSError(number, os.strerror(number))
