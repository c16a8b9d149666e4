# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges in the configurations that OpenShift's control plane takes the place of flags with.

The manifest of a static pod names the folder of its revision, and in that lies the configuration (openshift/api
``kubecontrolplane/v1``), as JSON or YAML::

    apiVersion: kubecontrolplane.config.openshift.io/v1
    kind: KubeControllerManagerConfig
    extendedArguments:
      cluster-cidr: ["10.128.0.0/14"]
      service-cluster-ip-range: ["172.30.0.0/16"]
"""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, Iterator

from .._files.reader import Files
from .kubernetes import add_flags, documents
from .records import CLUSTER, Ranges, in_file

MANIFESTS = (
    "/etc/kubernetes/manifests/kube-controller-manager-pod.yaml",
    "/etc/kubernetes/manifests/kube-apiserver-pod.yaml",
)
RESOURCES = "/etc/kubernetes/static-pod-resources/"
_CONFIGURATION = "/configmaps/config/config.yaml"
_PROGRAMS = {
    "KubeControllerManagerConfig": ("kube-controller-manager", "extendedArguments"),
    "KubeAPIServerConfig": ("kube-apiserver", "apiServerArguments"),
}


def revisions(manifest: Any) -> Iterator[str]:
    """Yield the folders of this revision's files that a static pod's manifest mounts."""
    spec = _mapping(_mapping(manifest).get("spec"))
    volumes = spec.get("volumes")
    for volume in volumes if isinstance(volumes, list) else ():
        path = _mapping(_mapping(volume).get("hostPath")).get("path")
        if isinstance(path, str) and path.startswith(RESOURCES) and "/../" not in path:
            yield path.rstrip("/")


def add_configuration(ranges: Ranges, document: Any, path: str) -> None:
    """Note the ranges of one configuration; one of another kind has none."""
    content = _mapping(document)
    known = _PROGRAMS.get(str(content.get("kind")))
    if known is None:
        return
    program, key = known
    where = partial(in_file, "openshift", path)
    arguments = [
        (str(flag), ",".join(str(one) for one in (values if isinstance(values, list) else [values])))
        for flag, values in _mapping(content.get(key)).items()
    ]
    add_flags(ranges, program, arguments, where)
    ranges.add("service", content.get("servicesSubnet"), CLUSTER, where("servicesSubnet"))


def read_openshift(files: Files, ranges: Ranges) -> None:
    """Read the configurations of the revisions that run."""
    for manifest in MANIFESTS:
        for document in documents(files, manifest):
            for folder in revisions(document):
                path = folder + _CONFIGURATION
                for configuration in documents(files, path):
                    add_configuration(ranges, configuration, path)


def _mapping(value: Any) -> Dict[Any, Any]:
    return value if isinstance(value, dict) else {}
