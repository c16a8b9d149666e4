# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""/proc/PID/mountinfo: which mount points hold network namespaces (proc_pid_mountinfo(5))."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

_OCTAL = b"01234567"


def unescape(field: bytes) -> bytes:
    r"""Undo mountinfo's escapes: space, tab, newline and backslash are written as \040 and so on."""
    if b"\\" not in field:
        return field
    plain = bytearray()
    position = 0
    while position < len(field):
        digits = field[position + 1 : position + 4]
        if field[position] == 0x5C and len(digits) == 3 and all(digit in _OCTAL for digit in digits):
            plain.append(int(digits, 8) & 0xFF)
            position += 4
        else:
            plain.append(field[position])
            position += 1
    return bytes(plain)


def parse_namespace_mounts(data: bytes) -> Dict[int, List[bytes]]:
    """Inode of every network namespace that a mount holds -> its mount points, in mount order.

    Looks at the file system type (nsfs) and at the root field ("net:[4026532008]"), so no file is
    opened. Lines that do not follow the format are passed over: the kernel writes none, and
    an entry that is not understood must not hide the others. A mount point may be covered by a later
    mount: whoever opens it has to compare the inode.
    """
    found: Dict[int, List[bytes]] = {}
    for line in data.split(b"\n"):
        if b" net:[" not in line:
            continue
        fields = line.split(b" ")
        if len(fields) < 9 or not fields[3].startswith(b"net:[") or not fields[3].endswith(b"]"):
            continue
        number = fields[3][5:-1]
        if not number.isdigit() or len(number) > 20 or b"-" not in fields[6:]:
            continue
        separator = fields.index(b"-", 6)
        if fields[separator + 1 : separator + 2] != [b"nsfs"]:
            continue
        path, paths = unescape(fields[4]), found.setdefault(int(number), [])
        # `ip netns` makes /run/netns a shared mount on a shared mount, and then each name is listed twice.
        if path not in paths:
            paths.append(path)
    return found
