# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""/proc/PID/mountinfo: which mount points hold network namespaces (proc_pid_mountinfo(5))."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Set, Tuple

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
    mount (`covered_mounts`): whoever opens it has to compare the inode.
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


def covered_mounts(data: bytes) -> Set[Tuple[int, bytes]]:
    """(inode, mount point) of network namespaces to which this path does not lead any more.

    The path is walked as the kernel walks it (path_mount, follow_down in fs/namei.c): at each directory into
    the mount that lies there on the mount reached so far. Where the walk ends elsewhere, something else was
    mounted over the name or over a directory above it, and `ip netns exec` would enter that.
    """
    lies: Dict[Tuple[bytes, bytes], bytes] = {}  # (parent mount, mount point) -> mount
    mounts: Set[bytes] = set()
    namespaces: List[Tuple[bytes, bytes, int, bytes]] = []
    start = None
    for line in data.split(b"\n"):
        fields = line.split(b" ", 5)
        if len(fields) < 6:
            continue
        mount, parent, _device, root, point = fields[:5]
        mounts.add(mount)
        lies[(parent, point)] = mount
        if point == b"/" and start is None:
            start = parent
        if root.startswith(b"net:[") and root[5:-1].isdigit() and len(root) < 26:
            namespaces.append((mount, parent, int(root[5:-1]), point))
    if start is None:
        return set()
    reached: Dict[bytes, bytes] = {}
    covered: Set[Tuple[int, bytes]] = set()
    visible: Set[Tuple[int, bytes]] = set()
    for mount, parent, inode, point in namespaces:
        known = parent not in mounts or _walk(point, start, lies, reached) == mount
        (visible if known else covered).add((inode, unescape(point)))
    return covered - visible


def _walk(point: bytes, start: bytes, lies: Dict[Tuple[bytes, bytes], bytes], reached: Dict[bytes, bytes]) -> bytes:
    """The mount that a path ends in; `reached` remembers directories."""
    ahead = [point]
    while ahead[-1] not in reached and ahead[-1] != b"/":
        ahead.append(ahead[-1].rpartition(b"/")[0] or b"/")
    at = reached.get(ahead[-1], start)
    for place in reversed(ahead):
        passed = {at}
        while (at, place) in lies and lies[(at, place)] not in passed:
            at = lies[(at, place)]
            passed.add(at)
        if place != point:
            reached[place] = at
    return at
