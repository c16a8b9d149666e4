# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges that the Kubernetes API states: only when asked for, for it uses the cluster's credentials.

On a control-plane node lies a kubeconfig that may ask. What is asked, with GET only:

- the Nodes: ``spec.podCIDRs`` (``spec.podCIDR`` in old clusters), addresses to tell which of them is this one
- the config maps ``kubeadm-config`` and ``kube-proxy`` in kube-system
- ServiceCIDR objects, which add to the range of the API server's flag (v1 since 1.33, v1beta1 since 1.31)

A worker has no such file: there nothing is asked, and that is no error.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import quote

from .._files.reader import Files, printable
from .kube_api import Api, ApiError
from .kube_config import KubeConfigError, parse_kubeconfig
from .kubernetes import (
    add_component_document,
    documents,
    parse_documents,
)
from .records import CLUSTER, NODE, Ranges, in_output

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
_CONFIG_MAPS = (("kubeadm-config", "ClusterConfiguration"), ("kube-proxy", "config.conf"))
_SERVICE_CIDRS = ("/apis/networking.k8s.io/v1/servicecidrs", "/apis/networking.k8s.io/v1beta1/servicecidrs")
_ABSENT = 404


class ThisNode(NamedTuple):
    """What tells which Node object is the node that is read."""

    hostname: str
    addresses: Sequence[str]


def read_api(files: Files, ranges: Ranges, this: ThisNode) -> Optional[Dict[str, Any]]:
    """Ask the API server and return the key ``api`` of ``podnet_pod_cidr``; None where no credentials lie.

    What it says goes to `ranges`, what went wrong to ``files.errors``.
    """
    path = next((path for path in KUBECONFIGS if files.exists(path)), None)
    if path is None or files.timed_out:
        return None
    facts: Dict[str, Any] = {"path": path, "server": None, "node": None, "nodes": [], "service_cidrs": None}
    known = len(files.errors)
    found = documents(files, path)
    if len(files.errors) > known:
        return facts
    now = time.monotonic()
    left = SECONDS if files.deadline is None else min(SECONDS, (files.deadline - now) / 2)
    try:
        access = parse_kubeconfig(found[0] if found else None, path, files.data)
        facts["server"] = access.server
        api = Api(access, now + left)
    except KubeConfigError as error:
        files.fail(path, "It leads to no API server: %s." % error, "Correct the file, or leave the subset api out.")
        return facts
    except ApiError as error:
        files.fail(path, error.cause, error.remedy)
        return facts
    asked = _Questions(api, access.server, files)
    nodes = asked.items("/api/v1/nodes")
    if nodes is None:
        return facts  # who does not say this says nothing
    own = own_node(nodes, this)
    facts["nodes"] = node_facts(nodes)
    facts["node"] = own
    add_node(ranges, nodes, own)
    for name, key in _CONFIG_MAPS:
        content = asked.one("/api/v1/namespaces/kube-system/configmaps/" + name)
        if content is not None:
            add_config_map(files, ranges, content, name, key)
    for place in _SERVICE_CIDRS:
        objects = asked.items(place)
        if objects is not None:
            facts["service_cidrs"] = service_cidr_facts(objects)
            add_service_cidrs(ranges, objects)
            break
    return facts


class _Questions:
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
            mark = _mapping(answer.get("metadata")).get("continue")
            if not isinstance(mark, str) or not mark:
                return found
            following = "&continue=" + quote(mark, safe="")


def _mapping(value: Any) -> Dict[Any, Any]:
    return value if isinstance(value, dict) else {}


def _name(item: Any) -> Optional[str]:
    name = _mapping(_mapping(item).get("metadata")).get("name")
    return printable(name) if isinstance(name, str) else None


def _cidrs(item: Any, *keys: str) -> List[Tuple[str, str]]:
    """Return (key, range) of the first of `keys` in the object's spec that says something."""
    spec = _mapping(_mapping(item).get("spec"))
    for key in keys:
        value = spec.get(key)
        if isinstance(value, str) and value:
            return [("spec." + key, printable(value))]
        values = [printable(one) for one in (value if isinstance(value, list) else ()) if isinstance(one, str)]
        if values:
            return [("spec.%s[%d]" % (key, place), one) for place, one in enumerate(values)]
    return []


def _addresses(item: Any) -> Iterator[str]:
    listed = _mapping(_mapping(item).get("status")).get("addresses")
    for entry in listed if isinstance(listed, list) else ():
        if _mapping(entry).get("type") in ("InternalIP", "ExternalIP") and isinstance(entry.get("address"), str):
            yield entry["address"]


def own_node(nodes: Sequence[Any], this: ThisNode) -> Optional[str]:
    """Return the name of the one Node that has an address of this node, else that has its host name; else None."""
    mine = [_name(item) for item in nodes if any(address in this.addresses for address in _addresses(item))]
    if len(mine) != 1:
        # The kubelet's own rule (pkg/util/node, GetHostname): the host name in lower case.
        hostname = this.hostname.strip().lower()
        mine = [name for name in mine or [_name(item) for item in nodes] if name == hostname]
    return mine[0] if len(mine) == 1 else None


def node_facts(nodes: Sequence[Any]) -> List[Dict[str, Any]]:
    """Return name and pod ranges of every Node, sorted by name."""
    found = [(_name(item), [cidr for _key, cidr in _cidrs(item, "podCIDRs", "podCIDR")]) for item in nodes]
    return [{"name": name, "pod_cidrs": cidrs} for name, cidrs in sorted(one for one in found if one[0] is not None)]


def add_node(ranges: Ranges, nodes: Sequence[Any], own: Optional[str]) -> None:
    """Note the pod ranges of this node."""
    for item in nodes if own is not None else ():
        if _name(item) == own:
            for key, cidr in _cidrs(item, "podCIDRs", "podCIDR"):
                ranges.add("pod", cidr, NODE, in_output("api", "kubectl get node %s -o yaml" % own, key))


def add_config_map(files: Files, ranges: Ranges, content: Mapping[str, Any], name: str, key: str) -> None:
    """Note the ranges in a config map of kube-system."""
    text = _mapping(_mapping(content).get("data")).get(key)
    command = "kubectl -n kube-system get configmap %s -o yaml" % name
    where = partial(in_output, "api", command)
    for document in parse_documents(files, command, text) if isinstance(text, str) else ():
        add_component_document(ranges, document, where)


def service_cidr_facts(objects: Sequence[Any]) -> List[Dict[str, Any]]:
    """Return name and ranges of every ServiceCIDR, sorted by name."""
    found = [(_name(item), [cidr for _key, cidr in _cidrs(item, "cidrs")]) for item in objects]
    return [{"name": name, "cidrs": cidrs} for name, cidrs in sorted(one for one in found if one[0] is not None)]


def add_service_cidrs(ranges: Ranges, objects: Sequence[Any]) -> None:
    """Note the ranges of ServiceCIDR objects: together they are the range, so they are one source."""
    for item in objects:
        for key, cidr in _cidrs(item, "cidrs"):
            source = in_output("api", "kubectl get servicecidrs -o yaml", "items[%s].%s" % (_name(item), key))
            ranges.add("service", cidr, CLUSTER, source)
