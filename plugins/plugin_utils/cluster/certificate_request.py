# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a certificate request (PKCS #10, RFC 2986) as far as one must to know for whom it is.

Nothing is verified here: the API server has checked that whoever sent the request has its key.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from ipaddress import ip_address

_PEM = re.compile(r"-----BEGIN CERTIFICATE REQUEST-----\s+([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----\s*\Z")
_SEQUENCE, _SET, _OID, _OCTETS, _ATTRIBUTES = 0x30, 0x31, 0x06, 0x04, 0xA0
_TEXTS = (0x0C, 0x13)
"""UTF8String and PrintableString, as which Go writes names."""
_COMMON_NAME, _ORGANISATION = bytes.fromhex("550403"), bytes.fromhex("55040a")
_EXTENSIONS, _ALTERNATIVE_NAMES = bytes.fromhex("2a864886f70d01090e"), bytes.fromhex("551d11")
_DNS, _IP = 0x82, 0x87


@dataclass
class Request:
    """For whom a certificate is asked: its subject, and the names and addresses that it is to be good for."""

    common_names: list[str]
    organisations: list[str]
    names: list[str]
    addresses: list[str]
    others: int = 0
    """How many alternative names are neither a name nor an address."""


def read_request(text: str) -> Request:
    """Return what a request in PEM asks for. Raises ValueError when it is not one."""
    found = _PEM.match(text.lstrip())
    if found is None:
        raise ValueError("it is no certificate request in PEM")
    try:
        der = base64.b64decode("".join(found[1].split()), validate=True)
    except binascii.Error as error:
        raise ValueError("it is no base64") from error
    body = _only(_only(der, _SEQUENCE, first=True), _SEQUENCE, first=True)
    parts = _elements(body)
    if len(parts) < 3 or parts[1][0] != _SEQUENCE:
        raise ValueError("it has no subject")
    request = Request([], [], [], [])
    _read_subject(parts[1][1], request)
    for tag, attributes in parts[3:]:
        if tag == _ATTRIBUTES:
            _read_attributes(attributes, request)
    return request


def _read_subject(data: bytes, request: Request) -> None:
    for _tag, one in _elements(data):
        for _inner, pair in _elements(one):
            (tag, oid), (kind, value) = _pair(pair)
            if tag != _OID or kind not in _TEXTS:
                raise ValueError("its subject is not of texts")
            if oid in (_COMMON_NAME, _ORGANISATION):
                texts = request.common_names if oid == _COMMON_NAME else request.organisations
                texts.append(value.decode("utf-8"))
            else:
                request.others += 1


def _read_attributes(data: bytes, request: Request) -> None:
    for _tag, attribute in _elements(data):
        (_oid_tag, oid), (_set, values) = _pair(attribute)
        if oid != _EXTENSIONS:
            continue
        for _inner, extensions in _elements(values):
            for _extension, extension in _elements(extensions):
                parts = _elements(extension)
                if parts and parts[0][1] == _ALTERNATIVE_NAMES and parts[-1][0] == _OCTETS:
                    _read_names(_only(parts[-1][1], _SEQUENCE), request)


def _read_names(data: bytes, request: Request) -> None:
    for tag, value in _elements(data):
        if tag == _DNS:
            request.names.append(value.decode("ascii"))
        elif tag == _IP:
            request.addresses.append(str(ip_address(value)))
        else:
            request.others += 1


def _pair(data: bytes) -> tuple[tuple[int, bytes], tuple[int, bytes]]:
    parts = _elements(data)
    if len(parts) != 2:
        raise ValueError("two elements were expected")
    return parts[0], parts[1]


def _only(data: bytes, tag: int, first: bool = False) -> bytes:
    """Return the content of the element of a tag; with `first` others may come behind it."""
    parts = _elements(data)
    if not parts or parts[0][0] != tag or (len(parts) > 1 and not first):
        raise ValueError("another element was expected")
    return parts[0][1]


def _elements(data: bytes) -> list[tuple[int, bytes]]:
    """Return tag and content of each element of DER (X.690). Raises ValueError where one does not end."""
    found = []
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise ValueError("an element is cut off")
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or at + size > len(data):
                raise ValueError("a length is cut off")
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise ValueError("an element is cut off")
        found.append((tag, data[at : at + length]))
        at += length
    return found
