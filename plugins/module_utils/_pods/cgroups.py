# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

r"""What a process's cgroup says about its pod and container.

The text of ``/proc/PID/cgroup`` (cgroups(7)) has one line ``ID:CONTROLLERS:PATH`` for each
hierarchy; version 2 has the one line ``0::PATH``. The kernel refuses newlines in cgroup names.
The kubelet and the runtimes name the directories::

    0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2f9c…_….slice/cri-containerd-77a1….scope
    0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/…    (kind)
    11:memory:/kubepods/besteffort/podb935428f-…/1da4…                              (cgroupfs driver)
    12:cpu:/system.slice/containerd.service/kubepods-pod….slice:cri-containerd:77a1…
    0::/system.slice/docker-5a50….scope                                             (docker)
    0::/machine.slice/libpod-0f3e….scope/container                                  (podman)

Below its own directory a container may make cgroups of any name. Therefore the outermost match
counts, never the innermost.
"""

from __future__ import annotations

import re
from typing import Dict, NamedTuple, Optional


class CgroupIdentity(NamedTuple):
    """Pod uid, container id and runtime, each None when the cgroup does not say."""

    pod_uid: Optional[str]
    container_id: Optional[str]
    runtime: Optional[str]


NOBODY = CgroupIdentity(None, None, None)

RUNTIMES: Dict[str, str] = {
    "cri-containerd": "containerd",
    "crio": "cri-o",
    "docker": "docker",
    "libpod": "podman",
    "nerdctl": "containerd",
}
"""Prefix of a scope -> runtime."""

_HEX = "[0-9a-f]"
_UID = "%s{8}(?:[-_]%s{4}){3}[-_]%s{12}|%s{32}" % (_HEX, _HEX, _HEX, _HEX)
# Static pods have a uid of 32 hexadecimal digits without dashes: a hash of their manifest.
_POD = re.compile(r"/(?:[a-z.-]*kubepods[a-z-]*-|(?:[^/]*/)*?kubepods[^/]*/(?:[a-z]+/)?)pod(%s)(?=[./:]|$)" % _UID)
_CONTAINER = re.compile(r"[/:](?:([a-z-]+)[-:])?(%s{64})(?=[./]|$)" % _HEX)
_PARENTS = {"docker": "docker", "libpod_parent": "podman", "nerdctl": "containerd"}


def parse_cgroup(text: str) -> CgroupIdentity:
    """Return what the text of /proc/PID/cgroup says; :data:`NOBODY` for a process of no container.

    Of several hierarchies the one that says most counts.
    """
    best = NOBODY
    for line in text.splitlines():
        fields = line.split(":", 2)
        if len(fields) == 3:
            found = _parse_path(fields[2])
            if _weight(found) > _weight(best):
                best = found
    return best


def _weight(identity: CgroupIdentity) -> int:
    return sum(value is not None for value in identity) + (2 if identity.pod_uid else 0)


def _parse_path(path: str) -> CgroupIdentity:
    pod = _POD.search(path)
    container = _CONTAINER.search(path, pod.end() if pod else 0)
    runtime = None
    if container is not None:
        parent = path[: container.start()].rsplit("/", 1)[-1]
        runtime = RUNTIMES.get(container.group(1) or "") or _PARENTS.get(parent)
        if pod is None and runtime is None:
            return NOBODY
    return CgroupIdentity(
        pod.group(1).replace("_", "-") if pod else None,
        container.group(2) if container else None,
        runtime,
    )
