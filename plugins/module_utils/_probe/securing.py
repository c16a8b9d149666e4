# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""TLS over a socket of a probe. asyncio's own would open the socket here, and not in a pod's namespace.

Nothing is verified: whether a server shows a certificate for the host that was asked for is told by the result, and
whom to trust nobody said.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from typing import Callable, List, Optional, TypeVar

from .certificates import names_of
from .records import CHUNK

Found = TypeVar("Found")


@functools.lru_cache(maxsize=1)
def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Secured:
    """A connection with TLS; what it is read from and written to is as that of `_probe.sending.Plain`."""

    def __init__(self, sock: socket.socket, host: Optional[str]) -> None:
        """Take a connected socket, and for whom to ask (SNI, RFC 6066, section 3). Raise ValueError of no host."""
        self._sock = sock
        self._came, self._goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = _context().wrap_bio(self._came, self._goes, server_hostname=host)

    async def _done(self, act: Callable[[], Found]) -> Found:
        """Do something of TLS, with as many bytes there and back as it needs. Raises SSLError and OSError."""
        loop = asyncio.get_event_loop()
        while True:
            try:
                found = act()
            except ssl.SSLWantReadError:
                await self._send()
                part = await loop.sock_recv(self._sock, CHUNK)
                if part:
                    self._came.write(part)
                else:
                    self._came.write_eof()
            else:
                await self._send()
                return found

    async def _send(self) -> None:
        data = self._goes.read()
        if data:
            await asyncio.get_event_loop().sock_sendall(self._sock, data)

    async def begin(self) -> None:
        """Agree with the server. Raises SSLError and OSError."""
        await self._done(self._tls.do_handshake)

    def names(self) -> List[str]:
        """Return the hosts and addresses that the server's certificate names; none of what cannot be read."""
        certificate = self._tls.getpeercert(binary_form=True)
        try:
            return names_of(certificate) if certificate else []
        except ValueError:
            return []

    async def send(self, data: bytes) -> None:
        """Send bytes. Raises SSLError and OSError."""
        await self._done(lambda: self._tls.write(data))

    async def receive(self) -> bytes:
        """Return some bytes, none at the end. Raises OSError."""
        try:
            return await self._done(lambda: self._tls.read(CHUNK))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""


def why(error: ssl.SSLError) -> str:
    """Return what an error says, as in ``wrong version number``."""
    return (error.reason or str(error.args[-1])).replace("_", " ").lower()
