# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Kubeconfig files: which API server a file of the node leads to, and with what credentials.

The format is that of client-go (``tools/clientcmd/api/v1/types.go``)::

    apiVersion: v1
    kind: Config
    clusters:
    - name: kubernetes
      cluster: {server: "https://10.0.0.11:6443", certificate-authority-data: LS0t…}
    users:
    - name: kubernetes-admin
      user: {client-certificate-data: LS0t…, client-key-data: LS0t…}
    contexts:
    - name: kubernetes-admin@kubernetes
      context: {cluster: kubernetes, user: kubernetes-admin}
    current-context: kubernetes-admin@kubernetes

What is in such a file opens the cluster: nothing of it but the path and the server's address is ever shown.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Any, Callable, Dict, Optional
from urllib.parse import urlsplit

Read = Callable[[str], Optional[bytes]]
"""Reads a file of the node; None when it cannot be read."""

_HTTPS = 443
_HOST = re.compile(r"[0-9A-Za-z._:%-]+\Z")
_NO_SERVER = "its server is not https://HOST:PORT"
# RFC 6750, 2.1: what an Authorization header may carry.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+\Z")


class KubeConfigError(ValueError):
    """A kubeconfig that leads to no server. The message holds nothing secret."""


class Access:
    """A server, what it has to prove, and who asks. No NamedTuple: those show their values."""

    __slots__ = ("authority", "certificate", "host", "port", "server", "server_name", "token")

    def __init__(
        self,
        server: str,
        authority: bytes,
        certificate: Optional[bytes] = None,
        token: Optional[str] = None,
        server_name: Optional[str] = None,
    ) -> None:
        try:
            parts = urlsplit(server)
            host, port = parts.hostname, parts.port or _HTTPS
        except ValueError:  # brackets without an end, a port that is no number
            raise KubeConfigError(_NO_SERVER) from None
        if host is None or not _HOST.match(host) or parts.scheme != "https" or parts.path not in ("", "/"):
            raise KubeConfigError(_NO_SERVER)
        if parts.username is not None:
            raise KubeConfigError(_NO_SERVER)
        self.host = host
        self.port = port
        self.server = "https://%s:%d" % ("[%s]" % host if ":" in host else host, port)
        """The server's address, in one spelling."""
        self.server_name = server_name or host
        """The name that the server's certificate has to be for."""
        self.authority = authority
        """Certificates (PEM) of those who may vouch for the server."""
        self.certificate = certificate
        """Certificate and key (PEM) of who asks."""
        self.token = token


def parse_kubeconfig(document: Any, path: str, read: Read) -> Access:
    """Return what the current context of a kubeconfig leads to; raise :class:`KubeConfigError`.

    `read` reads the files that it names; relative names count from the directory of `path`.
    """
    content = _mapping(document)
    context = _mapping(_named(content, "contexts", content.get("current-context")).get("context"))
    cluster = _mapping(_named(content, "clusters", context.get("cluster")).get("cluster"))
    user = _mapping(_named(content, "users", context.get("user")).get("user"))
    if cluster.get("insecure-skip-tls-verify"):
        raise KubeConfigError("it does not want the server to be verified; credentials are not sent to anybody")
    if cluster.get("proxy-url"):
        raise KubeConfigError("it names a proxy, which is not supported here")

    def part(entry: Dict[Any, Any], key: str) -> Optional[bytes]:
        data, name = entry.get(key + "-data"), entry.get(key)
        if isinstance(data, str) and data:
            try:
                return base64.b64decode("".join(data.split()), validate=True)
            except (binascii.Error, ValueError):
                raise KubeConfigError("its %s-data is not base64" % key) from None
        if not isinstance(name, str) or not name:
            return None
        found = read(os.path.normpath(os.path.join(os.path.dirname(path), name)))
        if found is None:
            raise KubeConfigError("the file that its %s names cannot be read" % key)
        return found

    authority = part(cluster, "certificate-authority")
    if authority is None:
        raise KubeConfigError("it names no certificate authority")
    certificate, key = part(user, "client-certificate"), part(user, "client-key")
    token = user.get("token")
    if certificate is not None and key is not None:
        return Access(_text(cluster, "server"), authority, certificate + b"\n" + key, None, _name_of(cluster))
    if isinstance(token, str) and _TOKEN.match(token):
        return Access(_text(cluster, "server"), authority, None, token, _name_of(cluster))
    raise KubeConfigError("its user has neither a client certificate with its key nor a token")


def _mapping(value: Any) -> Dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _text(entry: Dict[Any, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""


def _name_of(cluster: Dict[Any, Any]) -> Optional[str]:
    return _text(cluster, "tls-server-name") or None


def _named(content: Dict[Any, Any], key: str, name: Any) -> Dict[Any, Any]:
    """Return the entry of a list that has the name; raise :class:`KubeConfigError` when there is none."""
    entries = content.get(key)
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and name and entry.get("name") == name:
            return entry
    raise KubeConfigError("its %s have not the name that is asked for" % key)
