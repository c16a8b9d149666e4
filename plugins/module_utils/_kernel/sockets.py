# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Listening sockets, from /proc/thread-self/net (proc_net(5), net/ipv4/tcp_ipv4.c).

The sock_diag interface would answer faster, but the first question to it may load a kernel module
(tcp_diag, udp_diag), and a fact module changes nothing. The price: the kernel walks its one table of
connections for every namespace anew, some 5 ms for each of tcp and tcp6 on a machine with 24 GiB.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Tuple

    from .records import Socket

TABLES = ("tcp", "tcp6", "udp", "udp6")
TABLE_LIMIT = 16 * 1024 * 1024  # bytes of one table
_CHUNK = 65536
_LISTEN = b"0A"  # TCP_LISTEN
_UNCONNECTED = b"07"  # TCP_CLOSE, which a bound UDP socket without a remote end is in
_NATIVE_WORD = "<" if sys.byteorder == "little" else ">"


def read_socket_tables() -> Tuple[Dict[str, bytes], List[str]]:
    """The tables of the namespace that the calling thread is in, and the names of those too long to read whole.

    Listening TCP sockets come first in their tables (tcp_seq_start), so reading stops behind them.
    A table that the kernel does not have is left out. Raises OSError.
    """
    tables: Dict[str, bytes] = {}
    cut = []
    for name in TABLES:
        try:
            descriptor = os.open("/proc/thread-self/net/" + name, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            data = bytearray()
            while True:
                chunk = os.read(descriptor, _CHUNK)
                data += chunk
                if not chunk or (name[0] == "t" and _past_listeners(data)):
                    break
                if len(data) > TABLE_LIMIT:
                    cut.append(name)
                    break
        finally:
            os.close(descriptor)
        tables[name] = bytes(data)
    return tables, cut


def _past_listeners(data: bytearray) -> bool:
    """Whether the last whole line is of a socket that does not listen."""
    lines = bytes(data[-600:]).split(b"\n")
    if len(lines) < 3:
        return False
    fields = lines[-2].split()
    return len(fields) > 3 and fields[0] != b"sl" and fields[3] != _LISTEN


def parse_socket_table(name: str, data: bytes) -> List[Socket]:
    """The listening (TCP) or bound and unconnected (UDP) sockets of one table.

    Lines that do not follow the format are passed over.
    """
    sockets: List[Socket] = []
    wanted = _LISTEN if name.startswith("tcp") else _UNCONNECTED
    for line in data.split(b"\n"):
        fields = line.split()
        if len(fields) < 10 or fields[3] != wanted:
            continue
        try:
            local, port = _parse_endpoint(fields[1])
            uid, inode = int(fields[7]), int(fields[9])
        except (ValueError, struct.error):
            continue
        sockets.append({"protocol": name[:3], "local": local, "port": port, "inode": inode, "uid": uid})
    return sockets


def _parse_endpoint(field: bytes) -> Tuple[str, int]:
    """Address and port: "0100007F:0035", the address as words in the machine's byte order."""
    address, separator, port = field.partition(b":")
    if not separator or len(address) not in (8, 32) or len(port) != 4:
        raise ValueError("not an endpoint: %r" % field)
    words = [int(address[start : start + 8], 16) for start in range(0, len(address), 8)]
    packed = struct.pack(_NATIVE_WORD + "%dI" % len(words), *words)
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, packed), int(port, 16)
