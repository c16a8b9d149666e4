# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a cluster: what each node gets, decided from the description and from what the nodes are.

The role itself decides nothing: it does what the plan says, and the plan says of most things that they
are as they should be. Faults of the description and of the nodes come together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.mark import ROUTE_PROTOCOL

from ..description.checks import Fault
from . import nodes as at
from .config import (
    cni_configuration,
    init_documents,
    join_documents,
)
from .description import (
    VARIABLE,
    Cluster,
    Host,
    Taint,
    read_description,
)
from .upgrade import drain_flags, plan_upgrade
from .versions import (
    Version,
    config_api,
    parse_version,
    sandbox_image,
)

LABELS_NOTE = "podnet.lab/labels"
"""Annotation of a node: the keys of the labels that this role set, so that it can take them back."""


def make_plan(
    raw: Mapping[str, Any],
    seen: Mapping[str, Mapping[str, Any]],
    resolve: Callable[[str], list[str]],
    supported: Collection[str],
    play_hosts: Sequence[str],
) -> dict[str, Any]:
    """Return ``faults``, ``warnings`` and, without faults, what the cluster and each node get.

    `raw` is the description (see :func:`read_description`). `seen` has ``node`` of
    ``podnet.lab.kubeadm_info`` for each host. `supported` are the distributions that the role knows.
    """
    cluster = read_description(raw)
    faults = list(cluster.faults)
    known = {host.name for host in cluster.hosts}
    for name in play_hosts:
        if name not in known:
            remedy = "Put it into the group of the control plane or of the workers, or leave it out"
            faults.append(Fault(f"host {name}", "it is in this play and in none of the cluster's groups", remedy))
    for host in cluster.hosts:
        if seen.get(host.name) is None:
            text = "it is of the cluster, and was not looked at in this run"
            faults.append(Fault(f"host {host.name}", text, "Run without --limit, and see that the host can be reached"))
    nodes = [at.Node(host, seen[host.name]) for host in cluster.hosts if seen.get(host.name) is not None]
    members = [node for node in nodes if node.host.name not in cluster.removed]
    for node in members:
        at.check_machine(node, cluster, supported)
        at.check_ranges(node, cluster)
        at.choose_address(node, resolve)
    faults += at.check_addresses(members, cluster.cni)
    driver, more = at.driver(members, cluster)
    faults += more
    speaking = at.speaker(members) or at.speaker(nodes)
    configuration = _configuration(speaking)
    faults += at.check_configuration(cluster, configuration)
    first = cluster.first
    for node in members:
        if first is not None:
            at.decide(node, speaking, first)
        faults += node.faults
    upgrade = plan_upgrade(cluster, speaking, members, configuration)
    faults += upgrade.faults
    result: dict[str, Any] = {"faults": [str(fault) for fault in faults], "nodes": {}, "warnings": []}
    if faults or first is None or cluster.version is None:
        return result
    by_name = {node.host.name: node for node in members}
    start = speaking or by_name[first.name]
    endpoint = f"{cluster.endpoint or start.address}:{cluster.port}"
    if speaking is not None and configuration is not None:
        endpoint = str(configuration.get("controlPlaneEndpoint") or endpoint)
    result["warnings"] = _warnings(cluster, members) + upgrade.warnings
    image = _sandbox(cluster)
    result["cluster"] = {
        "name": cluster.name,
        "version": str(cluster.version),
        "series": cluster.version.series,
        "api": config_api(cluster.version),
        "endpoint": endpoint,
        "exists": speaking is not None,
        "speaker": start.host.name,
        "cgroup_driver": driver,
        "sandbox_image": image,
        "pod_cidr": str(cluster.pods),
        "nodes": [node.host.node_name for node in members],
        "removed": [{"host": node.host.name, "node": node.host.node_name} for node in nodes if node not in members],
        "changing": any(node.step != at.KEEP for node in members),
        "upgrade": {"from": str(upgrade.oldest or ""), "steps": upgrade.steps},
        "drain": drain_flags(_kubectl(start, cluster)),
    }
    sans = list(dict.fromkeys([*cluster.sans, *_names(cluster, members)]))
    conntrack = all(node.seen["kernel"]["conntrack_writable"] for node in members)
    for node in members:
        address = str(node.address)
        begins = speaking is None and node.host is first
        documents = (
            init_documents(
                cluster,
                node.host,
                address,
                endpoint=endpoint,
                sans=sans,
                driver=driver,
                own_conntrack=conntrack,
            )
            if begins
            else join_documents(cluster, node.host, address, endpoint)
        )
        result["nodes"][node.host.name] = {
            "name": node.host.node_name,
            "address": address,
            "control_plane": node.host.control_plane,
            "step": node.step,
            "upgrade": upgrade.turns[node.host.name].as_dict(),
            "action": "init" if begins else "join",
            "documents": documents,
            "packages": _missing(raw.get("packages") or {}, node),
            "modules": sorted(k for k, v in node.seen["kernel"]["features"].items() if v == "loadable"),
            "sysctls": _sysctls(node),
            "containerd": {
                "sandbox_image": image,
                "systemd_cgroup": driver == "systemd",
                "restrict_oom_score_adj": not node.seen["can_lower_oom_score"],
                "cni_bin_dir": _cni_directory(cluster),
            },
        }
    return result


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
    inside = [str(cluster.pods), *sorted(str(node["address"]) for node in wanted.values())]
    commands: list[list[str]] = []
    for host in cluster.members:
        node = wanted[host.name]
        entry = objects.get(node["name"])
        if entry is None or not entry["pod_cidr"]:
            continue
        routes = sorted(
            (str(objects[other["name"]]["pod_cidr"]), str(other["address"]))
            for name, other in wanted.items()
            if name != host.name and (objects.get(other["name"]) or {}).get("pod_cidr")
        )
        parts[host.name] = {
            "pod_cidr": entry["pod_cidr"],
            "ready": bool(entry["ready"]),
            "cni": cni_configuration(cluster, str(entry["pod_cidr"])),
            "routes": [{"dst": dst, "gateway": gateway} for dst, gateway in routes],
            "rules": masquerade_rules(str(entry["pod_cidr"]), inside),
            "intact": network_intact(routes, inside, str(entry["pod_cidr"]), seen[host.name]),
        }
        commands += node_commands(host, entry)
    ready = bool(wanted) and all((objects.get(node["name"]) or {}).get("ready") for node in wanted.values())
    return {"nodes": parts, "commands": commands, "ready": ready}


def network_intact(
    routes: Sequence[tuple[str, str]], inside: Sequence[str], pod_cidr: str, seen: Mapping[str, Any]
) -> bool:
    """Tell whether a node has exactly the role's routes and masquerading, whatever its files say."""
    protocol = str(ROUTE_PROTOCOL)
    have = sorted((route["dst"], route["gateway"]) for route in seen["routes"] if route["protocol"] == protocol)
    return have == list(routes) and seen["kubernetes"]["masquerade"] == "\n".join(masquerade_rules(pod_cidr, inside))


def masquerade_rules(pod_cidr: str, inside: Sequence[str]) -> list[str]:
    """Return the rules of the role's table: what stays in the cluster keeps its address, all else gets the node's."""
    return [f"ip daddr {item} return" for item in inside] + [f"ip saddr {pod_cidr} masquerade"]


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
        words = sorted(wanted - there) + [_without_value(text) + "-" for text in sorted(there - wanted)]
        if words:
            commands.append(["taint", "node", name, "--overwrite", *words])
    return commands


def _without_value(taint: str) -> str:
    key, _sep, effect = taint.partition(":")
    return key.partition("=")[0] + ":" + effect


def _configuration(speaking: at.Node | None) -> Mapping[str, Any] | None:
    text = speaking.seen["api"]["configuration"] if speaking is not None else None
    try:
        value = yaml.safe_load(text) if text else None
    except yaml.YAMLError:
        return None
    return value if isinstance(value, dict) else None


def _kubectl(node: at.Node, cluster: Cluster) -> Version:
    """Return the version of kubectl on a node: what is there, or what this run brings."""
    return parse_version((node.seen["programs"].get("kubectl") or {}).get("version")) or cluster.known_version


def _names(cluster: Cluster, members: Sequence[at.Node]) -> list[str]:
    control = [node for node in members if node.host.control_plane]
    names = [cluster.endpoint] if cluster.endpoint else []
    return names + [str(node.address) for node in control] + [node.host.node_name for node in control]


def _sandbox(cluster: Cluster) -> str:
    if cluster.source == "bundle" and cluster.bundle is not None:
        return str(next(name for name in cluster.bundle["images"] if "/pause:" in name))
    return sandbox_image(cluster.known_version, cluster.repository or None)


def _cni_directory(cluster: Cluster) -> str:
    """Return where the CNI plugins are: those of Debian's package, or of upstream's package or the bundle."""
    if cluster.source == "bundle" and cluster.bundle is not None and not cluster.bundle["cni"]:
        return "/usr/lib/cni"
    return "/opt/cni/bin"


def _missing(packages: Mapping[str, str], node: at.Node) -> list[str]:
    """Return the packages whose program is not on the node; `packages` is program or path to package."""
    missing = []
    for program, package in packages.items():
        if program.startswith("/"):
            there = node.has(program)
        else:
            there = bool((node.seen["programs"].get(program) or {}).get("path"))
        if not there and package not in missing:
            missing.append(package)
    return missing


def _sysctls(node: at.Node) -> list[str]:
    """Return the settings that differ now, as ``name=value``. What br_netfilter brings may come later."""
    return [f"{name}=1" for name, value in node.seen["kernel"]["sysctls"].items() if value != "1"]


def _warnings(cluster: Cluster, members: Sequence[at.Node]) -> list[str]:
    found = []
    control = [node for node in members if node.host.control_plane]
    if len(control) > 1 and not cluster.endpoint:
        found.append(
            f"The control plane has {len(control)} nodes, and {VARIABLE}endpoint is not set: all others reach the API "
            f"at {control[0].host.name} alone. Set it to a name or address that moves with the API."
        )
    if len(control) == 2:
        found.append("Two nodes of the control plane stand less than one: etcd needs both. Use one or three.")
    if not all(node.seen["kernel"]["conntrack_writable"] for node in members):
        found.append("kube-proxy may not size the connection tracking table on every node, and is told not to try.")
    return found
