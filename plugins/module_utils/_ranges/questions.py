# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Questions to the Kubernetes API with the credentials that a control-plane node keeps, with GET only."""

from __future__ import annotations

import time
from typing import Any, Dict, List, NamedTuple, Optional
from urllib.parse import quote

from .._files.reader import Files
from .kube_api import Api, ApiError
from .kube_config import KubeConfigError, parse_kubeconfig
from .kubernetes import documents

KUBECONFIGS = (
    "/etc/kubernetes/admin.conf",  # kubeadm, kubespray, kind, minikube
    "/etc/kubernetes/super-admin.conf",
    "/etc/kubernetes/controller-manager.conf",
    "/etc/rancher/k3s/k3s.yaml",
    "/etc/rancher/rke2/rke2.yaml",
    "/var/lib/k0s/pki/admin.conf",
    "/var/snap/microk8s/current/credentials/client.config",
)
"""Where control-plane nodes keep credentials. The first that is there is used, with the rights that it has."""

SECONDS = 10.0
"""Longest time for all questions together; never more than half of what is left of the module's."""

_PAGE = 500
_ABSENT = 404


class Opened(NamedTuple):
    """An API that can be asked: where the credentials lie and what they lead to, None where that went wrong."""

    path: str
    server: Optional[str]
    asked: Optional[Questions]


def open_api(files: Files) -> Optional[Opened]:
    """Return the API of this node's credentials; None where none lie. What went wrong goes to ``files.errors``."""
    path = next((path for path in KUBECONFIGS if files.exists(path)), None)
    if path is None or files.timed_out:
        return None
    known = len(files.errors)
    found = documents(files, path)
    if len(files.errors) > known:
        return Opened(path, None, None)
    now = time.monotonic()
    left = SECONDS if files.deadline is None else min(SECONDS, (files.deadline - now) / 2)
    server = None
    try:
        access = parse_kubeconfig(found[0] if found else None, path, files.data)
        server = access.server
        return Opened(path, server, Questions(Api(access, now + left), server, files))
    except KubeConfigError as error:
        files.fail(path, "It leads to no API server: %s." % error, "Correct the file, or leave the subset api out.")
    except ApiError as error:
        files.fail(path, error.cause, error.remedy)
    return Opened(path, server, None)


class Questions:
    """Asks, and notes what went wrong; after a question that was not even heard no more are asked."""

    def __init__(self, api: Api, server: str, files: Files) -> None:
        self._api = api
        self._server = server
        self._files = files
        self._silent = False

    def one(self, path: str) -> Any:
        """Return the object at `path`, None when there is none."""
        if self._silent:
            return None
        try:
            return self._api.get(path)
        except ApiError as error:
            self._silent = error.status is None
            if error.status != _ABSENT:
                self._files.fail(self._server + path, error.cause, error.remedy)
            return None

    def items(self, path: str) -> Optional[List[Any]]:
        """Return the objects of the list at `path`, read in pages; None when there is none."""
        found: List[Any] = []
        following = ""
        while True:
            answer = self.one("%s?limit=%d%s" % (path, _PAGE, following))
            page = answer.get("items") if isinstance(answer, dict) else None
            if not isinstance(page, list):
                return found if following else None
            found.extend(page)
            mark = mapping(answer.get("metadata")).get("continue")
            if not isinstance(mark, str) or not mark:
                return found
            following = "&continue=" + quote(mark, safe="")


def mapping(value: Any) -> Dict[Any, Any]:
    """Return a mapping as it is, and anything else as an empty one."""
    return value if isinstance(value, dict) else {}
