# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

r"""The OCI bundles of running containers (opencontainers/runtime-spec, ``config.md``).

containerd keeps ``<state>/io.containerd.runtime.v2.task/k8s.io/<id>/config.json`` while a
container runs, CRI-O ``/run/containers/storage/overlay-containers/<id>/userdata/config.json``.
Of a file of some 20 kB the annotations and the network namespace matter::

    {"annotations": {"io.kubernetes.cri.container-type": "sandbox",
                     "io.kubernetes.cri.sandbox-id": "1da4…", "io.kubernetes.cri.sandbox-name": "pod2",
                     "io.kubernetes.cri.sandbox-namespace": "default", "io.kubernetes.cri.sandbox-uid": "b935428f-…"},
     "linux": {"namespaces": [{"type": "pid"}, {"type": "network", "path": "/var/run/netns/cni-6d1c…"}]}}

A sandbox of a ``hostNetwork`` pod has no namespace of type ``network``. Arguments and environment,
which the same file holds, are not looked at.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

from .._files.reader import Files
from .claims import (
    Claims,
    ContainerClaim,
    SandboxClaim,
    mapping,
    objects,
    text,
)

CONTAINERD_STATES = (
    "/run/containerd",
    "/run/k3s/containerd",  # k3s and rke2
    "/run/k0s/containerd",
    "/run/k0s",
    "/var/snap/microk8s/common/run/containerd",
)
CONTAINERD_TASKS = ("io.containerd.runtime.v2.task/k8s.io", "io.containerd.runtime.v1.linux/k8s.io")
CRIO_STORAGE = "/run/containers/storage"
"""Holds ``<driver>-containers``; the driver is nearly always overlay."""

_CRI = "io.kubernetes.cri."
_CRIO = "io.kubernetes.cri-o."
_REMEDY = "Look at the container with `crictl inspect`; restart the pod when its bundle is damaged."


def parse_bundle(value: Any, path: str, container_id: str) -> Claims:
    """Return what one ``config.json`` (its JSON `value`) says about the container of that id.

    A bundle that Kubernetes did not order says nothing. Raises ValueError when it is no bundle.
    """
    config = mapping(value, "the file")
    annotations = config.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise ValueError("its annotations are not a JSON object")

    def note(*keys: str) -> Optional[str]:
        return next((text(annotations[key]) for key in keys if text(annotations.get(key))), None)

    kind = note(_CRI + "container-type", _CRIO + "ContainerType")
    sandbox_id = note(_CRI + "sandbox-id", _CRIO + "SandboxID")
    if kind is None:
        return Claims([], [])
    if kind != "sandbox":
        name = note(_CRI + "container-name", "io.kubernetes.container.name", _CRIO + "ContainerName")
        return Claims([], [ContainerClaim(container_id, name, sandbox_id, None)])
    isolated, netns = _network_namespace(config)
    crio = _CRIO + "ContainerType" in annotations
    claim = SandboxClaim(
        source="oci_bundle",
        path=path,
        sandbox_id=sandbox_id or container_id,
        namespace=note(_CRI + "sandbox-namespace", _CRIO + "Namespace", "io.kubernetes.pod.namespace"),
        name=note(_CRI + "sandbox-name", _CRIO + "KubeName", "io.kubernetes.pod.name"),
        uid=note(_CRI + "sandbox-uid", "io.kubernetes.pod.uid"),
        runtime="cri-o" if crio else "containerd",
        netns=netns,
        host_network=note(_CRIO + "HostNetwork") == "true" or not isolated,
    )
    return Claims([claim], [ContainerClaim(container_id, None, claim.sandbox_id, None)])


def _network_namespace(config: Any) -> Tuple[bool, Optional[str]]:
    """Return whether the container has a network namespace of its own, and its path if that is told.

    A path like ``/proc/4711/ns/net`` tells nothing: that process id may be another's by now.
    """
    linux = config.get("linux")
    for entry in objects(linux.get("namespaces") if isinstance(linux, dict) else None):
        if entry.get("type") == "network":
            path = text(entry.get("path"))
            return True, None if path is None or path.startswith("/proc/") else path
    return False, None


def _bundles(files: Files) -> List[Tuple[str, str]]:
    """Return container id and path of the ``config.json`` of every bundle, sorted by path."""
    found: List[Tuple[str, str]] = []
    for state in CONTAINERD_STATES:
        for task in CONTAINERD_TASKS:
            directory = "%s/%s" % (state, task)
            found += [(name, "%s/%s/config.json" % (directory, name)) for name in files.names(directory)]
    for driver in files.names(CRIO_STORAGE):
        if driver.endswith("-containers"):
            directory = "%s/%s" % (CRIO_STORAGE, driver)
            found += [(name, "%s/%s/userdata/config.json" % (directory, name)) for name in files.names(directory)]
    return found


def read_bundles(files: Files) -> Claims:
    """Read every bundle. Unusable ones are in ``files.errors``."""
    sandboxes: List[SandboxClaim] = []
    containers: List[ContainerClaim] = []
    for container_id, path in _bundles(files):
        value = files.json(path)
        if value is None:
            continue
        try:
            claims = parse_bundle(value, path, container_id)
        except ValueError as error:
            files.fail(path, "It is not an OCI bundle: %s." % error, _REMEDY)
            continue
        sandboxes += claims.sandboxes
        containers += claims.containers
    return Claims(sandboxes, containers)
