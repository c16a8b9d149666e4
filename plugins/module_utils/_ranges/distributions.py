# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges in what the distributions leave on a node: k3s, rke2, microk8s, k0s, kind, minikube.

A default is noted only when the distribution's own files are there and no source states the cluster's range.
Where the file that would change it is on the node and does not, the default is the cluster's range;
elsewhere (an agent, a worker) it is a hint. Its source says ``default`` either way.
"""

from __future__ import annotations

import re
import shlex
from functools import partial
from typing import Any, Dict, List, Sequence, Tuple

from .._files.reader import Files
from .kubernetes import (
    add_flags,
    documents,
    parse_flags,
    read_kubeadm,
)
from .network_plugins import (
    read_flannel_network,
    read_subnet_env,
)
from .records import CLUSTER, HINT, Ranges, in_file
from .units import UNIT_FOLDERS, unit_arguments

# https://docs.k3s.io/cli/server, https://docs.rke2.io/reference/server_config
RANCHER_DEFAULTS = {"pod": "10.42.0.0/16", "service": "10.43.0.0/16"}
# microk8s: microk8s-resources/default-args/{kube-proxy,kube-apiserver}
MICROK8S_DEFAULTS = {"pod": "10.1.0.0/16", "service": "10.152.183.0/24"}
# https://docs.k0sproject.io/stable/configuration/#specnetwork
K0S_DEFAULTS = {"pod": "10.244.0.0/16", "service": "10.96.0.0/12"}
# https://kind.sigs.k8s.io/docs/user/configuration/#networking
KIND_DEFAULTS = {"pod": "10.244.0.0/16", "service": "10.96.0.0/16"}

MICROK8S = "/var/snap/microk8s/current/args"
K8S_SNAP = "/var/snap/k8s/common/args"
"""Canonical Kubernetes, the snap ``k8s``."""
MINIKUBE_FILES = ("/var/tmp/minikube/kubeadm.yaml",)
KIND_FILES = ("/kind/kubeadm.conf",)
_RANCHER_KEYS = ("cluster-cidr", "service-cidr", "cluster-dns", "kube-controller-manager-arg")
_CALICO_POOL = re.compile(
    r"""^ *- name: ["']?(CALICO_IPV[46]POOL_CIDR)["']?[ \t]*\r?\n *value: *["']?([0-9A-Fa-f:./]+)["']?[ \t]*\r?$""",
    re.MULTILINE,
)


def merge_rancher_config(layers: Sequence[Tuple[str, Any]]) -> Dict[str, List[Tuple[str, Any]]]:
    """Return key -> [(file, value)] of the configurations of k3s or rke2, in the order of reading.

    A later file replaces a value; a key that ends in ``+`` appends to it
    (https://docs.k3s.io/installation/configuration#multiple-config-files).
    """
    merged: Dict[str, List[Tuple[str, Any]]] = {}
    for path, layer in layers:
        for key, value in layer.items() if isinstance(layer, dict) else ():
            name = str(key)
            if name.rstrip("+") not in _RANCHER_KEYS:
                continue
            if name.endswith("+"):
                merged.setdefault(name[:-1], []).append((path, value))
            else:
                merged[name] = [(path, value)]
    return merged


def _add_rancher(ranges: Ranges, kind: str, key: str, path: str, value: Any) -> None:
    if key == "cluster-cidr":
        ranges.add("pod", value, CLUSTER, in_file(kind, path, key))
    elif key == "service-cidr":
        ranges.add("service", value, CLUSTER, in_file(kind, path, key))
    elif key == "cluster-dns":
        ranges.add_address("service", value, in_file(kind, path, key))
    elif key == "kube-controller-manager-arg":
        words = ["--" + str(word).lstrip("-") for word in (value if isinstance(value, list) else [value])]
        add_flags(ranges, "kube-controller-manager", list(parse_flags(words)), partial(in_file, kind, path))


def read_rancher(files: Files, ranges: Ranges, kind: str) -> None:
    """Read k3s or rke2 (`kind`): its configuration, then the options in its unit, which override it."""
    base = "/etc/rancher/" + kind
    paths = [base + "/config.yaml"]
    paths.extend(
        base + "/config.yaml.d/" + name
        for name in files.names(base + "/config.yaml.d")
        if name.endswith((".yaml", ".yml")) and not name.startswith(".")
    )
    merged = merge_rancher_config([(path, document) for path in paths for document in documents(files, path)])
    units = ("k3s.service",) if kind == "k3s" else ("rke2-server.service",)
    for path in [folder + "/" + unit for unit in units for folder in UNIT_FOLDERS]:
        text = files.text(path)
        if text is not None:
            given: Dict[str, List[Any]] = {}
            for flag, value in parse_flags(unit_arguments(text)):
                if flag in _RANCHER_KEYS:
                    # A flag may be given several times: for two families, or for several arguments.
                    given.setdefault(flag, []).append(value)
            merged.update({flag: [(path, values)] for flag, values in given.items()})
            break
    for key in _RANCHER_KEYS:
        for path, value in merged.get(key, ()):
            _add_rancher(ranges, kind, key, path, value)


def parse_argument_file(text: str) -> List[Tuple[str, str]]:
    """Return the flags of a microk8s file of arguments: one per line, with comments and quotes."""
    words: List[str] = []
    for line in text.splitlines():
        try:
            words.extend(shlex.split(line, comments=True))
        except ValueError:
            words.extend(line.split())
    return list(parse_flags(words))


def calico_pools(manifest: str) -> List[Tuple[str, str]]:
    """Return (name, value) of the pools in Calico's manifest, found by pattern.

    The manifest has thousands of lines of custom resource definitions, which are not worth reading for two.
    """
    return _CALICO_POOL.findall(manifest)


def read_microk8s(files: Files, ranges: Ranges) -> None:
    """Read the argument files of microk8s and of the snap k8s, and the manifest or network of microk8s' plugin."""
    for kind, folder in (("microk8s", MICROK8S), ("k8s_snap", K8S_SNAP)):
        for program in ("kube-apiserver", "kube-controller-manager", "kube-proxy", "kubelet"):
            path = folder + "/" + program
            text = files.text(path)
            if text is not None:
                add_flags(ranges, program, parse_argument_file(text), partial(in_file, kind, path))
    path = MICROK8S + "/cni-network/cni.yaml"
    text = files.text(path)
    for name, value in calico_pools(text) if text is not None else ():
        ranges.add("pod", value, CLUSTER, in_file("microk8s", path, name))
    read_flannel_network(files, ranges, MICROK8S + "/flannel-network-mgr-config", "microk8s")
    read_subnet_env(files, ranges, "/var/snap/microk8s/common/run/flannel/subnet.env")


def add_k0s(ranges: Ranges, document: Any, path: str) -> None:
    """Note the ranges of a ClusterConfig of k0s."""
    spec = document.get("spec") if isinstance(document, dict) else None
    network = spec.get("network") if isinstance(spec, dict) else None
    if not isinstance(network, dict):
        return
    dual = network.get("dualStack")
    dual = dual if isinstance(dual, dict) and dual.get("enabled") is True else {}
    for role, single, second in (("pod", "podCIDR", "IPv6podCIDR"), ("service", "serviceCIDR", "IPv6serviceCIDR")):
        ranges.add(role, network.get(single), CLUSTER, in_file("k0s", path, "spec.network." + single))
        ranges.add(role, dual.get(second), CLUSTER, in_file("k0s", path, "spec.network.dualStack." + second))


def read_distributions(files: Files, ranges: Ranges) -> None:
    """Read every distribution's own files."""
    for kind in ("k3s", "rke2"):
        read_rancher(files, ranges, kind)
    read_microk8s(files, ranges)
    path = "/etc/k0s/k0s.yaml"
    for document in documents(files, path):
        add_k0s(ranges, document, path)
    read_kubeadm(files, ranges, KIND_FILES, "kind")
    read_kubeadm(files, ranges, MINIKUBE_FILES, "minikube")


def read_defaults(files: Files, ranges: Ranges) -> None:
    """Note the defaults of the distributions that are there; to be called when all else was read."""
    for kind in ("k3s", "rke2"):
        state = "/var/lib/rancher/" + kind
        if files.exists(state + "/server"):
            ranges.add_defaults(RANCHER_DEFAULTS, CLUSTER, kind + "_default", state + "/server")
        elif files.exists(state + "/agent"):
            ranges.add_defaults(RANCHER_DEFAULTS, HINT, kind + "_default", state + "/agent")
    if files.exists(MICROK8S):
        ranges.add_defaults(MICROK8S_DEFAULTS, HINT, "microk8s_default", MICROK8S)
    for path, scope in (("/etc/k0s/k0s.yaml", CLUSTER), ("/var/lib/k0s/manifests", CLUSTER), ("/var/lib/k0s", HINT)):
        if files.exists(path):
            ranges.add_defaults(K0S_DEFAULTS, scope, "k0s_default", path)
            break
    if files.exists("/kind/version"):
        ranges.add_defaults(KIND_DEFAULTS, HINT, "kind_default", "/kind/version")
