# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which mount points hold network namespaces: real lines, odd lines, hostile lines."""

from __future__ import annotations

from typing import List

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel.mountinfo import (
    covered_mounts,
    parse_namespace_mounts,
    unescape,
)

REAL = b"""\
25 30 0:23 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
30 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
541 34 0:4 net:[4026532179] /run/netns/pod1 rw shared:8 - nsfs nsfs rw
542 34 0:4 net:[4026532179] /run/docker/netns/0f1e rw - nsfs nsfs rw
543 34 0:4 mnt:[4026532180] /run/snapd/ns/lxd.mnt rw - nsfs nsfs rw
544 34 0:4 net:[4026532249] /run/netns/with\\040space\\012and\\134backslash rw shared:9 master:1 - nsfs nsfs rw
545 34 0:4 net:[4026532250] /run/netns/bytes\xff\xfe rw - nsfs nsfs rw
"""


def test_real_lines() -> None:
    assert parse_namespace_mounts(REAL) == {
        4026532179: [b"/run/netns/pod1", b"/run/docker/netns/0f1e"],
        4026532249: [b"/run/netns/with space\nand\\backslash"],
        4026532250: [b"/run/netns/bytes\xff\xfe"],
    }


def test_lines_that_only_look_like_it() -> None:
    lines = [
        b"1 2 0:4 / /tmp/\\040net:[1] rw - ext4 net:[1] rw",  # a path with the text in it
        b"1 2 0:4 net:[77] /x rw - ext4 nsfs rw",  # another file system
        b"1 2 0:4 net:[] /x rw - nsfs nsfs rw",
        b"1 2 0:4 net:[12x] /x rw - nsfs nsfs rw",
        b"1 2 0:4 net:[-5] /x rw - nsfs nsfs rw",
        b"1 2 0:4 net:[99999999999999999999999] /x rw - nsfs nsfs rw",
        b"1 2 0:4 net:[5",
        b"1 2 0:4 net:[5] /x rw nsfs nsfs rw no separator",
        b"1 2 0:4 net:[5] /x rw -",
    ]
    assert parse_namespace_mounts(b"\n".join(lines)) == {}


def test_escapes() -> None:
    assert unescape(rb"/plain") == b"/plain"
    assert unescape(rb"/a\040b\011c\134") == b"/a b\tc\\"
    assert unescape(b"/cut\\04") == b"/cut\\04"
    assert unescape(b"/no\\089") == b"/no\\089"


@given(st.binary())
def test_escapes_come_back(path: bytes) -> None:
    written = path
    for byte, code in ((b"\\", b"\\134"), (b" ", b"\\040"), (b"\t", b"\\011"), (b"\n", b"\\012")):
        written = written.replace(byte, code)
    assert unescape(written) == path


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    parse_namespace_mounts(data)
    parse_namespace_mounts(b"1 2 0:4 net:[5] /x rw - nsfs nsfs rw\n" + data + b"\n1 net:[5] " + data)


@given(st.integers(0, len(REAL)))
def test_a_file_that_is_cut(cut: int) -> None:
    whole = parse_namespace_mounts(REAL)
    for inode, paths in parse_namespace_mounts(REAL[:cut]).items():
        known: List[bytes] = whole[inode]
        assert paths == known[: len(paths)]


def test_a_name_that_a_shared_mount_lists_twice() -> None:
    # What `ip netns add` leaves when /run itself is shared: the name is mounted below both mounts of /run/netns.
    data = b"""92 91 0:4 net:[4026612423] /run/netns/pod1 rw shared:1271 - nsfs nsfs rw
93 1025 0:4 net:[4026612423] /run/netns/pod1 rw shared:1271 - nsfs nsfs rw
"""
    assert parse_namespace_mounts(data) == {4026612423: [b"/run/netns/pod1"]}


# As written by Linux 6.18 after `ip netns add covered`, `ip netns add cover` and
# `mount --bind /run/netns/cover /run/netns/covered` below a private /run.
COVERED = b"""\
43 37 254:0 / / rw,relatime - ext4 /dev/vda rw
65 43 0:41 / /run rw,nosuid,nodev,relatime - tmpfs tmpfs rw,mode=755
71 65 0:41 /netns /run/netns rw,nosuid,nodev,relatime shared:1 - tmpfs tmpfs rw,mode=755
72 71 0:4 net:[4026532250] /run/netns/covered rw shared:2 - nsfs nsfs rw
73 71 0:4 net:[4026532323] /run/netns/cover rw shared:3 - nsfs nsfs rw
74 72 0:4 net:[4026532323] /run/netns/covered rw shared:3 - nsfs nsfs rw
"""


def test_a_mount_under_another_one_is_covered() -> None:
    assert covered_mounts(COVERED) == {(4026532250, b"/run/netns/covered")}


def test_a_mount_below_a_directory_that_was_mounted_over_is_covered() -> None:
    over = b"80 71 0:45 / /run/netns rw,relatime - tmpfs tmpfs rw\n"
    again = b"81 80 0:4 net:[4026532323] /run/netns/back rw - nsfs nsfs rw\n"
    assert covered_mounts(COVERED + over + again) == {
        (4026532250, b"/run/netns/covered"),
        (4026532323, b"/run/netns/covered"),
        (4026532323, b"/run/netns/cover"),
    }


def test_a_name_that_is_listed_twice_is_visible_once() -> None:
    """Where /run is shared, one of the two mounts lies under the mount of /run/netns on itself."""
    data = b"""\
43 37 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
65 43 0:41 / /run rw shared:2 - tmpfs tmpfs rw
71 65 0:41 /netns /run/netns rw shared:2 - tmpfs tmpfs rw
72 71 0:4 net:[4026532250] /run/netns/pod rw shared:3 - nsfs nsfs rw
73 65 0:4 net:[4026532250] /run/netns/pod rw shared:3 - nsfs nsfs rw
"""
    assert covered_mounts(data) == set()


def test_nothing_is_covered_in_an_ordinary_table() -> None:
    assert covered_mounts(REAL) == set()
    assert covered_mounts(b"1 1 0:4 net:[5] / rw - nsfs nsfs rw\n") == set()  # its own parent: no way up, no end
    deep = b"/d" * 2000
    assert covered_mounts(b"2 1 0:1 / / rw - x x rw\n3 2 0:4 net:[5] " + deep + b" rw - nsfs nsfs rw\n") == set()


@given(st.binary())
def test_any_bytes_cover_nothing_for_ever(data: bytes) -> None:
    covered_mounts(data)
    covered_mounts(COVERED + data)
    covered_mounts(data.replace(b"x", b" ").replace(b"y", b"\n"))
