# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whether the network namespace that the thread is in has tables of nftables: asked of the kernel, without a command.

A node has a namespace for every pod and hardly one has rules of its own, so that starting ``nft`` in each is dear.
"""

from __future__ import annotations

import socket
import struct

NETLINK_NETFILTER = 12
"""linux/netlink.h"""
_GET_TABLE = (10 << 8) | 1
_NEW_TABLE = 10 << 8
"""NFNL_SUBSYS_NFTABLES with NFT_MSG_GETTABLE and NFT_MSG_NEWTABLE (linux/netfilter/nf_tables.h)."""
_REQUEST_DUMP = 0x301
_DONE, _ERROR = 3, 2
_HEAD = struct.Struct("=IHHII")


def has_tables() -> bool:
    """Tell whether the thread's namespace has tables of nftables. Asked without nf_tables in the kernel, it is loaded.

    Raises OSError when the kernel does not answer.
    """
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
        kernel.settimeout(2)
        kernel.send(_HEAD.pack(_HEAD.size + 4, _GET_TABLE, _REQUEST_DUMP, 1, 0) + bytes(4))
        data = kernel.recv(65536)
    return first_kind(data) == _NEW_TABLE


def first_kind(data: bytes) -> int:
    """Return the kind of the first message in *data*; raise OSError for one that is cut off, or an error."""
    if len(data) < _HEAD.size:
        raise OSError("the kernel's answer has %d bytes" % len(data))
    length, kind = _HEAD.unpack_from(data)[:2]
    if kind == _ERROR and len(data) >= _HEAD.size + 4:
        number = -struct.unpack_from("=i", data, _HEAD.size)[0]
        if number:
            raise OSError(number, "the kernel refuses to list tables")
    if length < _HEAD.size:
        raise OSError("the kernel's answer says that it has %d bytes" % length)
    return _DONE if kind == _ERROR else int(kind)
