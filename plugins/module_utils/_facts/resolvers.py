# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The resolv.conf of each pod, from the file that its runtime binds over ``/etc/resolv.conf`` in its containers.

The file is found by the id of the pod's sandbox in the runtime's own directory, never by way of the container's root,
where a container would decide which file is opened. A container that runs as root can write into it all the same.
"""

from __future__ import annotations

import re
from typing import Iterator, List, Optional, Tuple

from .._files.reader import Files
from .machine import parse_resolv_conf
from .views import Facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._pods.identity import Identity

_CONTAINERD = (
    "/var/lib/containerd",
    "/var/lib/rancher/k3s/agent/containerd",
    "/var/lib/rancher/rke2/agent/containerd",
    "/var/lib/k0s/containerd",
    "/var/snap/microk8s/common/var/lib/containerd",
)
_BY_SANDBOX = (
    *((root + "/io.containerd.grpc.v1.cri/sandboxes", "%s/resolv.conf") for root in _CONTAINERD),
    ("/run/containers/storage/overlay-containers", "%s/userdata/resolv.conf"),
    ("/var/lib/docker/containers", "%s/resolv.conf"),
)
"""Directories and the file in them: containerd (internal/cri/server, sandboxes), CRI-O, cri-dockerd."""
_BY_NAME = ("/etc/netns", "%s/resolv.conf")
"""Of a namespace that has a name: ip-netns(8), which the lab's pods are made for."""
_ID = re.compile(r"[0-9a-f]{12,64}")
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_LIMIT = 64 * 1024


def resolver_facts(files: Files, identity: Identity, names: List[str]) -> Optional[Facts]:
    """Return what a pod's resolv.conf says, None where no file is found."""
    if identity.kind not in ("pod", "lab") or identity.owner is None:
        return None
    for directory, path in _places(identity, names):
        if files.exists(path):
            text = files.text(path, _LIMIT, within=directory)
            if text is None:
                return None
            facts: Facts = {"path": path}
            facts.update(parse_resolv_conf(text))
            return facts
    return None


def _places(identity: Identity, names: List[str]) -> Iterator[Tuple[str, str]]:
    """Yield directories and the file in each that may be the pod's."""
    sandbox = identity.owner["sandbox_id"] if identity.owner is not None else None
    if sandbox is not None and _ID.fullmatch(sandbox):
        for directory, path in _BY_SANDBOX:
            yield directory, "%s/%s" % (directory, path % sandbox)
    for name in names if identity.kind == "lab" else ():
        if _NAME.fullmatch(name):
            yield _BY_NAME[0], "%s/%s" % (_BY_NAME[0], _BY_NAME[1] % name)
