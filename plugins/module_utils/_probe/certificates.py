# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""For which hosts a certificate is, read from its bytes: Python's ssl tells so of one alone that it has verified.

Forms: RFC 5280, sections 4.1 (``Certificate``) and 4.2.1.6 (``SubjectAltName``), in DER (ITU-T X.690, section 8). A
common name says nothing about hosts (RFC 9525, section 2).
"""

from __future__ import annotations

import socket
from typing import Iterator, List, Tuple

NAMES = 500
"""So many names are read. Authorities put a hundred into a certificate."""
_SEQUENCE, _OBJECT, _OCTETS = 0x30, 0x06, 0x04
_EXTENSIONS, _DNS_NAME, _ADDRESS = 0xA3, 0x82, 0x87
"""Tags: the third field of the certificate's body that has a number, and the second and the seventh kind of a name."""
_ALT_NAME = bytes([0x55, 0x1D, 0x11])
"""2.5.29.17, id-ce-subjectAltName."""
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}


def elements(data: bytes) -> Iterator[Tuple[int, bytes]]:
    """Yield tag and contents of each element. Raise ValueError where there is none of DER."""
    at = 0
    while at < len(data):
        if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
            raise ValueError("no element at byte %d" % at)
        tag, length, start = data[at], data[at + 1], at + 2
        if length >= 0x80:
            start += length - 0x80
            length = int.from_bytes(data[at + 2 : start], "big")
        at = start + length
        if at > len(data):
            raise ValueError("an element ends behind the last byte")
        yield tag, data[start:at]


def _only(data: bytes, tag: int) -> bytes:
    """Return the contents of the first element. Raise ValueError when it is another one."""
    for found, contents in elements(data):
        if found == tag:
            return contents
        break
    raise ValueError("no element of the type %#x" % tag)


def names_of(certificate: bytes) -> List[str]:
    """Return the hosts and addresses that a certificate of DER names, as in ``*.shop.example``, in its order.

    Raise ValueError when it is none.
    """
    body = _only(_only(certificate, _SEQUENCE), _SEQUENCE)
    found: List[str] = []
    for tag, contents in elements(body):
        for _tag, extension in elements(_only(contents, _SEQUENCE)) if tag == _EXTENSIONS else ():
            parts = list(elements(extension))
            if parts[:1] == [(_OBJECT, _ALT_NAME)] and parts[-1][0] == _OCTETS:
                found += _general_names(_only(parts[-1][1], _SEQUENCE))
    return found[:NAMES]


def _general_names(data: bytes) -> Iterator[str]:
    for tag, contents in elements(data):
        if tag == _DNS_NAME:
            yield contents.decode("ascii", "backslashreplace")
        elif tag == _ADDRESS and len(contents) in _FAMILIES:
            yield socket.inet_ntop(_FAMILIES[len(contents)], contents)
