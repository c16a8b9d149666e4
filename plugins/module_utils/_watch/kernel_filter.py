# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The filter that a packet socket leaves to the kernel, so that of a busy node's packets only the marked one comes.

A program of the classic Berkeley packet filter (linux/filter.h), over bytes from the IP header on. A load behind the
packet's end rejects it, so that what stands further back is looked at later.
"""

from __future__ import annotations

import struct
from typing import Iterable, List, Tuple

from .marked import IP_HEADERS, Check

SO_ATTACH_FILTER = 26
"""asm-generic/socket.h."""
_LOAD = {2: 0x28, 4: 0x20}
"""BPF_LD with BPF_ABS and BPF_H or BPF_W."""
_EQUAL = 0x15
"""BPF_JMP with BPF_JEQ and BPF_K."""
_RETURN = 0x06
"""BPF_RET with BPF_K."""
_WHOLE = 0x40000
"""So many bytes of a packet are taken: more than there are."""
_instruction = struct.Struct("=HBBI")
"""struct sock_filter: code, jump if true, jump if false, value."""


def program(wanted: Iterable[Check]) -> bytes:
    """Return the instructions of a filter that takes what passes one of the checks, behind either IP header."""
    asked = sorted({(head + one.offset, one.width, one.value) for one in wanted for head in IP_HEADERS.values()})
    lines: List[Tuple[int, int, int, int]] = []
    loaded = None
    for offset, width, value in asked:
        if loaded != (offset, width):
            lines.append((_LOAD[width], 0, 0, offset))
            loaded = (offset, width)
        lines.append((_EQUAL, 0, 1, value))
        lines.append((_RETURN, 0, 0, _WHOLE))
    lines.append((_RETURN, 0, 0, 0))
    return b"".join(_instruction.pack(*line) for line in lines)
