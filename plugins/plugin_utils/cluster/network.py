# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pod network of a cluster: each node's part of it, once the API says which ranges the nodes got.

And what kubectl has to change at the nodes' objects, their labels and taints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

try:
    from netaddr import IPNetwork
except ImportError:  # the filter cluster_network says so, in words, before anything here is called
    pass

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.mark import ROUTE_PROTOCOL

from .config import cni_configuration
from .description import Cluster, read_description
from .hosts import Host, Taint

LABELS_NOTE = "podnet.lab/labels"
"""Annotation of a node: the keys of the labels that this role set, so that it can take them back."""

_WORDS = {4: "ip", 6: "ip6"}
"""A family as nftables names its tables and its headers."""


def network_plan(
    raw: Mapping[str, Any],
    plan: Mapping[str, Any],
    seen: Mapping[str, Mapping[str, Any]],
    api: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return for each host its part of the pod network, and what kubectl has to change at the nodes.

    `plan` is the answer of :func:`make_plan`, `api` what ``kubeadm_info`` says of the cluster's API now.
    A node that the API does not know yet, as in check mode, has no part.
    """
    cluster = read_description(raw)
    objects = {entry["name"]: entry for entry in (api or {}).get("nodes") or []}
    parts: dict[str, Any] = {}
    wanted = plan["nodes"]
    commands: list[list[str]] = []
    for host in cluster.members:
        entry = objects.get(wanted[host.name]["name"])
        if entry is None or not entry["pod_cidrs"]:
            continue
        families = [
            _family(cluster, network.version, host.name, wanted, objects)
            for network in sorted(cluster.pods, key=lambda network: int(network.version))
            if _of_family(entry["pod_cidrs"], network.version)
        ]
        parts[host.name] = {
            "pod_cidrs": entry["pod_cidrs"],
            "ready": bool(entry["ready"]),
            "cni": cni_configuration(cluster, entry["pod_cidrs"]),
            "families": families,
            "intact": all(_intact(family, seen[host.name]) for family in families),
        }
        commands += node_commands(host, entry)
    ready = bool(wanted) and all((objects.get(node["name"]) or {}).get("ready") for node in wanted.values())
    return {"nodes": parts, "commands": commands, "ready": ready}


def _of_family(texts: Sequence[str], version: int) -> str | None:
    """Return which of some networks or addresses is of a family."""
    return next((text for text in texts if IPNetwork(text).version == version), None)


def _family(
    cluster: Cluster,
    version: int,
    host: str,
    wanted: Mapping[str, Mapping[str, Any]],
    objects: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what a node has of one family: its ``table`` and its ``rules``, and its ``routes`` to the others' pods."""
    ranges = {
        name: _of_family((objects.get(node["name"]) or {}).get("pod_cidrs") or [], version)
        for name, node in wanted.items()
    }
    addresses = {name: _of_family(node["addresses"], version) for name, node in wanted.items()}
    inside = [str(network) for network in cluster.pods if network.version == version]
    inside += sorted(address for address in addresses.values() if address is not None)
    routes = sorted(
        (dst, gateway)
        for name, dst in ranges.items()
        if name != host and dst is not None and (gateway := addresses[name]) is not None
    )
    return {
        "version": version,
        "table": _WORDS[version],
        "routes": [{"dst": dst, "gateway": gateway} for dst, gateway in routes],
        "rules": masquerade_rules(str(ranges[host]), inside, version),
    }


def _intact(family: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Tell whether a node has exactly the role's routes and masquerading of a family, whatever its files say."""
    protocol, end = str(ROUTE_PROTOCOL), "6" if family["version"] == 6 else ""
    have = sorted((route["dst"], route["gateway"]) for route in seen["routes" + end] if route["protocol"] == protocol)
    wanted = [(route["dst"], route["gateway"]) for route in family["routes"]]
    return have == wanted and seen["kubernetes"]["masquerade" + end] == "\n".join(family["rules"])


def masquerade_rules(pod_cidr: str, inside: Sequence[str], version: int = 4) -> list[str]:
    """Return the rules of the role's table: what stays in the cluster keeps its address, all else gets the node's."""
    word = _WORDS[version]
    return [f"{word} daddr {item} return" for item in inside] + [f"{word} saddr {pod_cidr} masquerade"]


def node_commands(host: Host, entry: Mapping[str, Any]) -> list[list[str]]:
    """Return the arguments of kubectl that bring labels and taints of a node to what is wanted."""
    commands = []
    noted = [key for key in str(entry["annotations"].get(LABELS_NOTE) or "").split(",") if key]
    have = entry["labels"]
    words = [f"{key}={value}" for key, value in sorted(host.labels.items()) if have.get(key) != value]
    words += [f"{key}-" for key in sorted(noted) if key not in host.labels and key in have]
    name = str(entry["name"])
    keys = ",".join(sorted(host.labels))
    if keys != ",".join(sorted(noted)):
        note = f"{LABELS_NOTE}={keys}" if keys else LABELS_NOTE + "-"
        commands.append(["annotate", "node", name, "--overwrite", note])
    if words:
        commands.append(["label", "node", name, "--overwrite", *words])
    if host.taints is not None:
        # What Kubernetes itself sets, like node.kubernetes.io/not-ready, is not ours to take away.
        there = {
            str(Taint(t["key"], t["value"] or "", t["effect"]))
            for t in entry["taints"]
            if not str(t["key"]).startswith("node.kubernetes.io/")
        }
        wanted = {str(taint) for taint in host.taints}
        # One that only gets another value is overwritten: kubectl refuses to take it away in the same command.
        gone = {_without_value(text) for text in there} - {_without_value(text) for text in wanted}
        words = sorted(wanted - there) + [text + "-" for text in sorted(gone)]
        if words:
            commands.append(["taint", "node", name, "--overwrite", *words])
    return commands


def _without_value(taint: str) -> str:
    key, _sep, effect = taint.partition(":")
    return key.partition("=")[0] + ":" + effect
