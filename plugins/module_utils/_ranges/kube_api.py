# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Questions to a Kubernetes API server: GET over TLS, within a time and a size.

The whole answer is read before it is looked at, so that a server that sends a byte now and then is held to
the same time as one that sends nothing. Redirections are not followed: credentials go to the one server.
"""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import time
from typing import Any, List, Optional, Tuple

from .._files.reader import load_json, printable
from .kube_config import Access

MAX_BYTES = 16 * 1024 * 1024
"""Longest answer that is read. A Node has some 10 kB, mostly the names of its images."""

_CHUNK = 65536


class ApiError(Exception):
    """A question that got no answer: the cause, what would help, and the status of HTTP if there was one."""

    def __init__(self, cause: str, remedy: str, status: Optional[int] = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy
        self.status = status


class _Received:
    """What http.client needs of a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        """Return what was received as a file."""
        return io.BytesIO(self._data)


class Api:
    """An API server, for the time until `deadline` (of :func:`time.monotonic`)."""

    def __init__(self, access: Access, deadline: float) -> None:
        """Raise :class:`ApiError` when the credentials are none."""
        self._access = access
        self._deadline = deadline
        self._context = _tls(access)

    def get(self, path: str) -> Any:
        """Return the JSON value at `path`; raise :class:`ApiError`."""
        status, body = self._exchange(path)
        if status in (401, 403):
            raise ApiError(
                "The server answered %d: the credentials do not allow it." % status,
                "Let the user of the kubeconfig get it, or leave the subset api out.",
                status,
            )
        if status != 200:
            raise ApiError("The server answered %d." % status, "Look at it with kubectl get --raw.", status)
        try:
            return load_json(body.decode("utf-8", "backslashreplace"))
        except ValueError as error:
            raise ApiError("The answer is not JSON: %s." % error, "See whether it is an API server.", status) from None

    def _exchange(self, path: str) -> Tuple[int, bytes]:
        access = self._access
        lines = [
            "GET %s HTTP/1.1" % path,
            "Host: %s" % access.server[len("https://") :],
            "Accept: application/json",
            "User-Agent: podnet.lab",
            "Connection: close",
        ]
        if access.token is not None:
            lines.append("Authorization: Bearer " + access.token)
        remedy = "See whether the API server runs, or leave the subset api out."
        try:
            plain = socket.create_connection((access.host, access.port), timeout=self._left())
            with plain, self._context.wrap_socket(plain, server_hostname=access.server_name) as tls:
                tls.settimeout(self._left())
                tls.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
                data = self._receive(tls)
        except ssl.SSLCertVerificationError as error:
            reason = printable(error.verify_message)
            raise ApiError("The server did not prove who it is: %s." % reason, "Renew its certificate.") from None
        except socket.timeout:
            raise ApiError("The server did not answer in time.", remedy) from None
        except (OSError, ValueError) as error:  # ValueError: a host name that cannot be encoded
            reason = printable(getattr(error, "strerror", None) or type(error).__name__)
            raise ApiError("The server cannot be reached: %s." % reason, remedy) from None
        try:
            response = http.client.HTTPResponse(_Received(data), method="GET")  # type: ignore[arg-type]
            response.begin()
            return response.status, response.read()
        except (http.client.HTTPException, ValueError):
            raise ApiError("The answer is not HTTP, or it was cut off.", "See whether it is an API server.") from None

    def _receive(self, tls: ssl.SSLSocket) -> bytes:
        chunks: List[bytes] = []
        size = 0
        while True:
            tls.settimeout(self._left())
            chunk = tls.recv(_CHUNK)
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)
            size += len(chunk)
            if size > MAX_BYTES:
                raise ApiError("The answer is longer than %d bytes." % MAX_BYTES, "Leave the subset api out.")

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout
        return left


def _tls(access: Access) -> ssl.SSLContext:
    """Return the settings of a connection that verifies the server, and shows our certificate."""
    # As kubectl verifies: the certificates of old clusters lack what OpenSSL's strict mode asks for.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    remedy = "Correct the kubeconfig, or leave the subset api out."
    try:
        context.load_verify_locations(cadata=access.authority.decode("ascii"))
    except (ssl.SSLError, ValueError):
        raise ApiError("Its certificate authority is no certificate (PEM).", remedy) from None
    if access.certificate is not None:
        # OpenSSL wants a file. This one is in memory, has no name, and ends with its descriptor.
        try:
            descriptor = os.memfd_create("podnet-lab", os.MFD_CLOEXEC)
        except (AttributeError, OSError):
            raise ApiError("This system cannot keep the key in memory.", "Leave the subset api out.") from None
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(access.certificate)
            # The empty password stops OpenSSL from asking at the terminal.
            context.load_cert_chain("/proc/self/fd/%d" % descriptor, password="")
        except (OSError, ValueError):
            raise ApiError("Its client certificate and key do not fit, or are not in PEM.", remedy) from None
        finally:
            os.close(descriptor)
    return context
