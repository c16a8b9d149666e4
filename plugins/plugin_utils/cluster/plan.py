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

from ..description.checks import Fault
from . import addresses
from . import nodes as at
from .config import init_documents, join_documents, kubelet_drop_in, upgrade_documents
from .description import Cluster, read_description
from .kube_proxy import change_of_mode
from .policies import unenforced
from .ranges import VARIABLE
from .upgrade import drain_flags, plan_upgrade
from .versions import (
    Version,
    config_api,
    parse_version,
    sandbox_image,
)


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
        addresses.check_ranges(node, cluster)
        addresses.choose_address(node, resolve)
        if cluster.dual:
            addresses.choose_address6(node)
    faults += addresses.check_addresses(members, cluster)
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
    result["warnings"] = _warnings(cluster, members) + upgrade.warnings + unenforced(cluster, speaking)
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
        "pod_cidr": str(cluster.pods[0]),
        "dual": cluster.dual,
        "kube_proxy": change_of_mode(cluster, speaking, members),
        "nodes": [node.host.node_name for node in members],
        "removed": [{"host": node.host.name, "node": node.host.node_name} for node in nodes if node not in members],
        "changing": any(node.step != at.KEEP for node in members),
        "upgrade": {"from": str(upgrade.oldest or ""), "steps": upgrade.steps},
        "upgrade_documents": upgrade_documents(cluster),
        "drain": drain_flags(_kubectl(start, cluster)),
    }
    sans = list(dict.fromkeys([*cluster.sans, *_names(cluster, members)]))
    conntrack = all(node.seen["kernel"]["conntrack_writable"] for node in members)
    for node in members:
        begins = speaking is None and node.host is first
        documents = (
            init_documents(
                cluster,
                node.host,
                node.addresses,
                endpoint=endpoint,
                sans=sans,
                driver=driver,
                own_conntrack=conntrack,
            )
            if begins
            else join_documents(cluster, node.host, node.addresses, endpoint)
        )
        result["nodes"][node.host.name] = {
            "name": node.host.node_name,
            "addresses": node.addresses,
            "control_plane": node.host.control_plane,
            "step": node.step,
            "upgrade": upgrade.turns[node.host.name].as_dict(),
            "action": "init" if begins else "join",
            "documents": documents,
            "kubelet_config": kubelet_drop_in(cluster, node.host),
            "packages": _missing(raw.get("packages") or {}, node),
            "modules": sorted(k for k, v in node.seen["kernel"]["features"].items() if v == "loadable"),
            "settings": _settings(node, cluster),
            "sysctls": _sysctls(node, cluster),
            "containerd": {
                "sandbox_image": image,
                "systemd_cgroup": driver == "systemd",
                "restrict_oom_score_adj": not node.seen["can_lower_oom_score"],
                "cni_bin_dir": _cni_directory(cluster),
            },
        }
    return result


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
    names += [address for node in control for address in node.addresses]
    return names + [node.host.node_name for node in control]


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


def _settings(node: at.Node, cluster: Cluster) -> list[str]:
    """Return the kernel's settings that a node needs, each as 1."""
    names = list(node.seen["kernel"]["sysctls"])
    return names + (list(node.seen["kernel"]["sysctls6"]) if cluster.dual else [])


def _sysctls(node: at.Node, cluster: Cluster) -> list[str]:
    """Return the settings that differ now, as ``name=value``. What br_netfilter brings may come later."""
    have = {**node.seen["kernel"]["sysctls"], **node.seen["kernel"]["sysctls6"]}
    return [f"{name}=1" for name in _settings(node, cluster) if have[name] != "1"]


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
    if cluster.dual:
        found += addresses.lost_defaults(members)
    return found
