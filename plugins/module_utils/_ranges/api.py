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

from functools import partial
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .._files.reader import Files, printable
from .kubernetes import add_component_document, parse_documents
from .questions import mapping, open_api
from .records import CLUSTER, NODE, Ranges, in_output

_CONFIG_MAPS = (("kubeadm-config", "ClusterConfiguration"), ("kube-proxy", "config.conf"))
_SERVICE_CIDRS = ("/apis/networking.k8s.io/v1/servicecidrs", "/apis/networking.k8s.io/v1beta1/servicecidrs")


class ThisNode(NamedTuple):
    """What tells which Node object is the node that is read."""

    hostname: str
    addresses: Sequence[str]


def read_api(files: Files, ranges: Ranges, this: ThisNode) -> Optional[Dict[str, Any]]:
    """Ask the API server and return the key ``api`` of ``podnet_pod_cidr``; None where no credentials lie.

    What it says goes to `ranges`, what went wrong to ``files.errors``.
    """
    opened = open_api(files)
    if opened is None:
        return None
    path, server, asked = opened
    facts: Dict[str, Any] = {"path": path, "server": server, "node": None, "nodes": [], "service_cidrs": None}
    if asked is None:
        return facts
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


def _name(item: Any) -> Optional[str]:
    name = mapping(mapping(item).get("metadata")).get("name")
    return printable(name) if isinstance(name, str) else None


def _cidrs(item: Any, *keys: str) -> List[Tuple[str, str]]:
    """Return (key, range) of the first of `keys` in the object's spec that says something."""
    spec = mapping(mapping(item).get("spec"))
    for key in keys:
        value = spec.get(key)
        if isinstance(value, str) and value:
            return [("spec." + key, printable(value))]
        values = [printable(one) for one in (value if isinstance(value, list) else ()) if isinstance(one, str)]
        if values:
            return [("spec.%s[%d]" % (key, place), one) for place, one in enumerate(values)]
    return []


def _addresses(item: Any) -> Iterator[str]:
    listed = mapping(mapping(item).get("status")).get("addresses")
    for entry in listed if isinstance(listed, list) else ():
        if mapping(entry).get("type") in ("InternalIP", "ExternalIP") and isinstance(entry.get("address"), str):
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
    text = mapping(mapping(content).get("data")).get(key)
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
