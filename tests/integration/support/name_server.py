# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A name server on a node that is outside the lab."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ansible_collections.podnet.lab.tests.integration.support.lab import Lab

ANSWER = "192.0.2.80"
"""What it says of every name, when it is asked for an IPv4 address."""

_PROGRAM = r"""
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53)); s.settimeout(60)
while True:
    data, peer = s.recvfrom(512)
    end = data.index(b"\0", 12) + 5
    record = b"\xc0\x0c\0\1\0\1\0\0\0\5\0\4" + socket.inet_aton(sys.argv[2])
    answer = record if data[end - 4 : end - 2] == b"\0\1" else b""
    s.sendto(data[:2] + b"\x85\x80\0\1\0" + (b"\1" if answer else b"\0") + b"\0\0\0\0" + data[12:end] + answer, peer)
"""


@contextmanager
def name_server(lab: Lab, node: str, address: str) -> Iterator[str]:
    """Have it answer at an address of a node, which is given back."""
    argv = f"{address} {ANSWER}"
    lab.sh(node, f"setsid python3 -c '{_PROGRAM}' {argv} >/dev/null 2>&1 </dev/null & echo $! > /run/outside.pid")
    try:
        yield address
    finally:
        lab.sh(node, "kill $(cat /run/outside.pid); rm /run/outside.pid", check=False)
