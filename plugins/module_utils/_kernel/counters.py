# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What TCP and UDP counted since their namespace was made (Documentation/networking/snmp_counter.rst).

The files of /proc/net show the namespace of whoever opens them, so these are read inside.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

_FILES = (b"/proc/thread-self/net/snmp", b"/proc/thread-self/net/snmp6")
_LIMIT = 64 * 1024  # bytes of one file, which has a few kilobytes

COUNTERS = (
    "TcpInSegs",
    "TcpInCsumErrors",
    "UdpInDatagrams",
    "UdpInCsumErrors",
    "Udp6InDatagrams",
    "Udp6InCsumErrors",
)
"""By the names of nstat(8). ``TcpInSegs`` counts segments with a wrong checksum too, and of both families;
``UdpInDatagrams`` does not count datagrams with one. What the kernel does not count is left out."""


def read_counters() -> List[bytes]:
    """Return the raw files of the namespace that the calling thread is in, empty where there is none."""
    return [_read(path) for path in _FILES]


def _read(path: bytes) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, _LIMIT)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def parse_counters(files: List[bytes]) -> Dict[str, int]:
    """Return the counters that decide.

    /proc/net/snmp has a line of names and one of values for each protocol, both after ``Udp:``; /proc/net/snmp6 has
    one counter a line (net/ipv4/proc.c, snmp_seq_show; net/ipv6/proc.c, snmp6_seq_show).
    """
    found: Dict[str, str] = {}
    names: List[str] = []
    for line in b"\n".join(files).decode("ascii", "replace").splitlines():
        words = line.split()
        if words and words[0].endswith(":"):
            if names[:1] == words[:1]:
                found.update((words[0][:-1] + name, value) for name, value in zip(names[1:], words[1:]))
                words = []
            names = words
        elif len(words) == 2:
            found[words[0]] = words[1]
    return {name: int(found[name]) for name in COUNTERS if _is_count(found.get(name, ""))}


def _is_count(text: str) -> bool:
    return text.isdigit() and text.isascii() and len(text) <= 20
