# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges in what Kubernetes itself leaves on a node: static pods, kubeadm, the kubelet, mounted config maps.

The sources are the flags of kube-controller-manager, kube-apiserver, kube-proxy and kubelet
(https://kubernetes.io/docs/reference/command-line-tools-reference/), the kinds ClusterConfiguration
(kubeadm.k8s.io), KubeProxyConfiguration and KubeletConfiguration. Of these files nothing but the ranges
leaves the functions here: arguments may hold secrets.
"""

from __future__ import annotations

import shlex
from functools import partial
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from .._files.reader import Files, load_json
from .records import (
    CLUSTER,
    HINT,
    NODE,
    Ranges,
    Where,
    in_file,
)

STATIC_POD_DIRECTORIES = (
    "/etc/kubernetes/manifests",
    "/var/lib/rancher/rke2/agent/pod-manifests",
    "/var/lib/rancher/k3s/agent/pod-manifests",
)
KUBEADM_FILES = (
    "/etc/kubernetes/kubeadm-config.yaml",  # kubespray, and what many name it
    "/etc/kubernetes/kubeadm.yaml",
    "/run/kubeadm/kubeadm.yaml",  # Cluster API
)
KUBELET_FILES = (
    "/var/lib/kubelet/config.yaml",  # kubeadm, kind, minikube
    "/etc/kubernetes/kubelet-config.yaml",  # kubespray
    "/etc/kubernetes/kubelet/config.json",  # EKS
    "/etc/kubernetes/kubelet/kubelet-config.json",
    "/var/lib/k0s/kubelet-config.yaml",
)
KUBELET_DIRECTORIES = (
    "/var/lib/rancher/k3s/agent/etc/kubelet.conf.d",
    "/var/lib/rancher/rke2/agent/etc/kubelet.conf.d",
)
KUBELET_ROOTS = (
    "/var/lib/kubelet",
    "/var/snap/microk8s/common/var/lib/kubelet",
    "/var/lib/k0s/kubelet",
)
SYSTEM_NAMESPACES = ("kube-system", "kube-flannel", "cilium", "cilium-system")

_POD = "pod"
_SERVICE = "service"
_FLAGS: Dict[str, Dict[str, Tuple[str, str]]] = {
    "kube-controller-manager": {
        "cluster-cidr": (_POD, CLUSTER),
        "service-cluster-ip-range": (_SERVICE, CLUSTER),
        "node-cidr-mask-size": ("prefix", "inet"),
        "node-cidr-mask-size-ipv4": ("prefix", "inet"),
        "node-cidr-mask-size-ipv6": ("prefix", "inet6"),
    },
    "kube-apiserver": {"service-cluster-ip-range": (_SERVICE, CLUSTER)},
    "kube-proxy": {"cluster-cidr": (_POD, CLUSTER)},
    "cloud-controller-manager": {"cluster-cidr": (_POD, CLUSTER)},
    "kubelet": {"pod-cidr": (_POD, NODE), "cluster-dns": ("dns", HINT)},
}
"""Program -> flag -> what it says. A mask size without a family is that of the only family there is."""
_GIVES_NONE = ("allocate-node-cidrs", "configure-cloud-routes")
"""Flags of kube-controller-manager that are off where a cloud or a plugin of its own gives pods their addresses."""


def documents(files: Files, path: str, within: Optional[str] = None) -> List[Any]:
    """Return the documents of a YAML or JSON file; of one that cannot be read none, with an error."""
    text = files.text(path, within=within)
    return [] if text is None else parse_documents(files, path, text)


def parse_documents(files: Files, where: str, text: str) -> List[Any]:
    """Return the documents of YAML or JSON that was found at `where`; when it is neither none, with an error."""
    try:
        if text.lstrip("\ufeff \t\r\n").startswith("{"):
            return [load_json(text)]
        # Imported only here, and so compiled only on nodes that have such a file.
        from .._files import yaml

        return yaml.load_all(text)
    except ValueError as error:
        files.fail(
            where,
            "It is not read: %s." % error,
            "Write that line in plain YAML (no anchors, tags or tabs), if it is YAML.",
        )
        return []


def parse_flags(arguments: Sequence[Any]) -> Iterator[Tuple[str, str]]:
    """Yield (flag without dashes, value) of ``--flag=value`` and ``--flag value``; a script behind -c is split.

    >>> list(parse_flags(["kube-proxy", "--cluster-cidr=10.244.0.0/16", "--v", "2"]))
    [('cluster-cidr', '10.244.0.0/16'), ('v', '2')]
    """
    words: List[str] = []
    for index, argument in enumerate(arguments):
        text = argument if isinstance(argument, str) else ""
        if index and arguments[index - 1] == "-c" and " " in text:
            try:
                words.extend(shlex.split(text))
            except ValueError:
                words.extend(text.split())
        else:
            words.append(text)
    for index, word in enumerate(words):
        if not word.startswith("--") or len(word) < 3:
            continue
        flag, equals, value = word[2:].partition("=")
        if not equals and index + 1 < len(words) and not words[index + 1].startswith("-"):
            value = words[index + 1]
        yield flag, value


def add_flags(ranges: Ranges, program: str, flags: Sequence[Tuple[str, str]], where: Where) -> None:
    """Note the ranges among the flags of a Kubernetes program. The last of equal flags counts, as in Go."""
    known = _FLAGS.get(program, {})
    if program == "kube-controller-manager" and any(
        dict(flags).get(flag, "").lower() in ("false", "f", "0") for flag in _GIVES_NONE
    ):
        ranges.flat = True
    for flag, value in dict(flags).items():
        if flag not in known or not value:
            continue
        role, scope = known[flag]
        source = where("%s --%s" % (program, flag))
        if role == "prefix":
            if flag == "node-cidr-mask-size" and ":" in dict(flags).get("cluster-cidr", ""):
                scope = "inet6"
            ranges.add_prefix_length(scope, value, source)
        elif role == "dns":
            ranges.add_address(_SERVICE, value, source)
        else:
            ranges.add(role, value, scope, source)


def pod_programs(document: Any) -> Iterator[Tuple[str, List[Tuple[str, str]]]]:
    """Yield (program, flags) of each container of a Pod that runs a program with known flags."""
    spec = _mapping(_mapping(document).get("spec"))
    containers = spec.get("containers")
    for container in containers if isinstance(containers, list) else ():
        words: List[Any] = []
        for key in ("command", "args"):
            part = _mapping(container).get(key)
            words.extend(part if isinstance(part, list) else ())
        first = words[0].rsplit("/", 1)[-1] if words and isinstance(words[0], str) else ""
        name = _mapping(container).get("name")
        for program in (first, name):
            if isinstance(program, str) and program in _FLAGS:
                yield program, list(parse_flags(words))
                break


def add_component_document(ranges: Ranges, document: Any, where: Where, hint: bool = False) -> None:
    """Note the ranges in a configuration document of kubeadm, kube-proxy or the kubelet.

    With `hint`, what is not known to belong to this cluster is noted as a hint.
    """
    content = _mapping(document)
    what = content.get("kind")
    cluster = HINT if hint else CLUSTER
    if what == "ClusterConfiguration" or (what is None and "networking" in content):
        networking = _mapping(content.get("networking"))
        ranges.add(_POD, networking.get("podSubnet"), cluster, where("networking.podSubnet"))
        ranges.add(_SERVICE, networking.get("serviceSubnet"), cluster, where("networking.serviceSubnet"))
        for part, program in (("controllerManager", "kube-controller-manager"), ("apiServer", "kube-apiserver")):
            add_flags(ranges, program, _extra_arguments(_mapping(content.get(part)).get("extraArgs")), where)
    elif what == "KubeProxyConfiguration":
        ranges.add(_POD, content.get("clusterCIDR"), cluster, where("clusterCIDR"))
    elif what == "KubeletConfiguration":
        ranges.add(_POD, content.get("podCIDR"), NODE, where("podCIDR"))
        ranges.add_address(_SERVICE, content.get("clusterDNS"), where("clusterDNS"))


def _extra_arguments(value: Any) -> List[Tuple[str, str]]:
    """Return the flags of kubeadm's ``extraArgs``: a mapping until v1beta3, a list since v1beta4."""
    if isinstance(value, dict):
        return [(str(flag), str(text)) for flag, text in value.items()]
    items = [_mapping(item) for item in (value if isinstance(value, list) else ())]
    return [(str(item.get("name")), str(item.get("value"))) for item in items]


def _mapping(value: Any) -> Dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def read_static_pods(files: Files, ranges: Ranges) -> None:
    """Read the manifests of the control plane and of kube-proxy."""
    for directory in STATIC_POD_DIRECTORIES:
        for name in files.names(directory):
            # Other people's static pods are not ours to read, and may be YAML that is not read here.
            if name.startswith(".") or not any(program in name for program in _FLAGS):
                continue
            path = directory + "/" + name
            if files.is_directory(path):
                continue  # as the kubelet does
            for document in documents(files, path):
                for program, flags in pod_programs(document):
                    add_flags(ranges, program, flags, partial(in_file, "static_pod", path))


def read_kubeadm(files: Files, ranges: Ranges, paths: Sequence[str] = KUBEADM_FILES, kind: str = "kubeadm") -> None:
    """Read configurations for kubeadm that lie where they usually lie."""
    for path in paths:
        for document in documents(files, path):
            add_component_document(ranges, document, partial(in_file, kind, path))


def read_kubelet(files: Files, ranges: Ranges) -> None:
    """Read the kubelet's configuration."""
    paths = list(KUBELET_FILES)
    for directory in KUBELET_DIRECTORIES:
        paths.extend(directory + "/" + name for name in files.names(directory) if name.endswith(".conf"))
    for path in paths:
        for document in documents(files, path):
            add_component_document(ranges, document, partial(in_file, "kubelet", path))


def pod_namespaces(files: Files) -> Dict[str, str]:
    """Return uid -> namespace of the pods that have a log directory ``<namespace>_<name>_<uid>``."""
    parts = [name.split("_") for name in files.names("/var/log/pods")]
    return {part[2]: part[0] for part in parts if len(part) == 3}


def mounted_config_maps(files: Files) -> Iterator[Tuple[str, bool]]:
    """Yield (directory of a mounted config map, whether its pod is not known to be a system pod).

    Config maps of pods in other namespaces are passed over: anyone may mount a copy of flannel's.
    """
    namespaces: Optional[Dict[str, str]] = None
    for root in KUBELET_ROOTS:
        for uid in files.names(root + "/pods"):
            directory = "%s/pods/%s/volumes/kubernetes.io~configmap" % (root, uid)
            for volume in files.names(directory):
                if namespaces is None:
                    namespaces = pod_namespaces(files)
                namespace = namespaces.get(uid)
                if namespace is None or namespace in SYSTEM_NAMESPACES:
                    yield directory + "/" + volume, namespace is None


def read_kube_proxy_config_map(files: Files, ranges: Ranges, directory: str, hint: bool) -> None:
    """Read kube-proxy's ``config.conf`` in a mounted config map."""
    path = directory + "/config.conf"
    for document in documents(files, path, within=directory):
        if _mapping(document).get("kind") == "KubeProxyConfiguration":
            add_component_document(ranges, document, partial(in_file, "config_map", path), hint)
