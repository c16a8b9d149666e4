# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Names that stand beside ids: pods' log directories, docker's and podman's containers.

``/var/log/pods/<namespace>_<name>_<uid>/`` (kubelet, ``pkg/kubelet/kuberuntime/helpers.go``).
Neither a namespace nor a pod has an underscore in its name (RFC 1123).

``/var/lib/docker/containers/<id>/config.v2.json`` (moby, ``container/container.go``)::

    {"ID": "5a50…", "Name": "/web", "Config": {…}, …}

``/var/lib/containers/storage/overlay-containers/containers.json`` (containers/storage)::

    [{"id": "0f3e…", "names": ["db"], "image": "…", …}]
"""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional

from .._files.reader import Files
from .claims import objects, text

POD_LOGS = "/var/log/pods"
DOCKER_CONTAINERS = "/var/lib/docker/containers"
PODMAN_STORAGE = "/var/lib/containers/storage"

_ID = re.compile(r"[0-9a-f]{64}\Z")
_REMEDY = "Look at the file on the node."


class PodDirectory(NamedTuple):
    """One log directory of a pod."""

    namespace: str
    name: str
    uid: str
    path: str


def parse_pod_directory(name: str) -> Optional[PodDirectory]:
    """Return what the name of a directory in /var/log/pods says; None when it is not a pod's.

    >>> parse_pod_directory("default_pod2_b935428f-7d1c-4f0e-9d55-0f2f6d0f9a11").name
    'pod2'
    """
    parts = name.split("_")
    if len(parts) != 3 or not all(parts):
        return None
    return PodDirectory(parts[0], parts[1], parts[2], "%s/%s" % (POD_LOGS, name))


def read_pod_directories(files: Files) -> List[PodDirectory]:
    """Return every pod's log directory, sorted by path."""
    return [found for found in map(parse_pod_directory, files.names(POD_LOGS)) if found is not None]


def read_container_names(files: Files) -> Dict[str, str]:
    """Return id -> name of docker's and podman's containers."""
    names: Dict[str, str] = {}
    for container_id in files.names(DOCKER_CONTAINERS):
        if _ID.match(container_id):
            path = "%s/%s/config.v2.json" % (DOCKER_CONTAINERS, container_id)
            value = files.json(path)
            docker_name = text(value.get("Name")) if isinstance(value, dict) else None
            if docker_name is not None:
                names[container_id] = docker_name.lstrip("/")
            elif value is not None:
                files.fail(path, "It does not name a container.", _REMEDY)
    for driver in files.names(PODMAN_STORAGE):
        if driver.endswith("-containers"):
            for entry in objects(files.json("%s/%s/containers.json" % (PODMAN_STORAGE, driver))):
                podman_id, found = text(entry.get("id")), entry.get("names")
                podman_name = text(found[0]) if isinstance(found, list) and found else None
                if podman_id is not None and podman_name is not None:
                    names[podman_id] = podman_name
    return names
