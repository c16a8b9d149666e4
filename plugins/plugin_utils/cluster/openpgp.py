# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Fingerprints of OpenPGP keys (RFC 4880), without gpg."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

_ARMOR = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(.*?)-----END PGP PUBLIC KEY BLOCK-----", re.DOTALL)
_PUBLIC_KEY = 6  # RFC 4880, 4.3: Public-Key Packet; 14 would be a subkey


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and body of each packet (RFC 4880, 4.2). Raises ValueError when they are damaged."""
    position = 0
    while position < len(data):
        head = data[position]
        position += 1
        if not head & 0x80:
            raise ValueError("it is no OpenPGP packet")
        if head & 0x40:
            tag, (length, position) = head & 0x3F, _new_length(data, position)
        else:
            tag, kind = head >> 2 & 0x0F, head & 3
            if kind == 3:
                raise ValueError("a packet has no length")
            size = 1 << kind
            length, position = int.from_bytes(data[position : position + size], "big"), position + size
        if position + length > len(data):
            raise ValueError("it ends in the middle of a packet")
        yield tag, data[position : position + length]
        position += length


def _new_length(data: bytes, position: int) -> tuple[int, int]:
    first = data[position] if position < len(data) else 0
    if first < 192:
        return first, position + 1
    if first < 224:
        second = data[position + 1] if position + 1 < len(data) else 0
        return (first - 192 << 8) + second + 192, position + 2
    if first == 255:
        return int.from_bytes(data[position + 1 : position + 5], "big"), position + 5
    raise ValueError("a key has a packet of partial length")


def fingerprints(key: bytes) -> list[str]:
    """Return the fingerprints of the primary keys in a key file, armoured or binary, in capitals.

    Raises ValueError when it is no key of version 4.
    """
    block = _ARMOR.search(key)
    if block:
        # Headers end with an empty line; a line that begins with = is the checksum.
        text = re.split(rb"\r?\n\r?\n", b"\n" + block.group(1), maxsplit=1)[-1]
        lines = [line for line in text.split() if not line.startswith(b"=")]
        try:
            key = base64.b64decode(b"".join(lines), validate=True)
        except binascii.Error as error:
            raise ValueError("its armour is damaged") from error
    found = []
    for tag, body in _packets(key):
        if tag != _PUBLIC_KEY:
            continue
        if not body or body[0] != 4:
            raise ValueError("a key is not of version 4")
        # RFC 4880, 12.2
        total = hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body, usedforsecurity=False)
        found.append(total.hexdigest().upper())
    if not found:
        raise ValueError("there is no public key in it")
    return found
