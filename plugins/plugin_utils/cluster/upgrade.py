# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upgrade of a running cluster: which steps are left, in kubeadm's order, and what stands in the way.

What is left follows from what runs: the version in the ConfigMap ``kubeadm-config``, the static pods of each node
of the control plane, kube-proxy and each kubelet. So an upgrade that was killed goes on where it stood. Nothing here
touches a node.

Sources: https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/ and
https://kubernetes.io/releases/version-skew-policy/. First the whole control plane, since no kubelet may be newer than
an API server that it may reach; then the kubelets, one node after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from ..description.checks import Fault
from . import nodes as at
from .description import Cluster
from .ranges import VARIABLE
from .versions import Version, parse_version

CORDON_NOTE = "podnet.lab/cordoned"
"""Annotation of a node that this role cordoned, so that it lets pods onto that node again, and onto no other."""

PART_OF_WORKLOAD = "podnet-lab"
"""Label ``app.kubernetes.io/part-of`` of the role's workload, which it makes again after a drain."""

CONFIGURATION = "kubeadm's configuration"
_VERSION = VARIABLE + "version"


class Part(NamedTuple):
    """Something of the cluster that has a version: where it is, what it is."""

    where: str
    what: str
    version: Version


@dataclass
class Turn:
    """What one node needs. Without a turn it is as it should be, but perhaps for its control plane."""

    control_plane: str = ""
    """``upgrade_apply`` on the first node, ``upgrade_node`` on the others, empty when its static pods are right."""
    kubelet: bool = False
    """Whether kubelet and kubectl are replaced and the kubelet is restarted."""
    drain: bool = False
    cordon: bool = False
    """Whether it is the role that cordons the node, and not somebody before it."""
    uncordon: bool = False

    @property
    def due(self) -> bool:
        """Whether the node has a turn after the control plane's."""
        return self.kubelet or self.uncordon

    def as_dict(self) -> dict[str, Any]:
        """Return the turn for the role's tasks."""
        return {**asdict(self), "due": self.due}


@dataclass
class Upgrade:
    """The upgrade of a cluster; without steps there is none."""

    oldest: Version | None = None
    """The oldest version that anything in the cluster has."""
    turns: dict[str, Turn] = field(default_factory=dict)
    steps: list[dict[str, str]] = field(default_factory=list)
    """In order, each with ``host`` and ``part``: ``control_plane`` or ``node``."""
    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan_upgrade(
    cluster: Cluster, speaking: at.Node | None, nodes: Sequence[at.Node], configuration: Mapping[str, Any] | None
) -> Upgrade:
    """Return what is left of the upgrade of a cluster to the wanted version, and every fault in the way.

    `speaking` is the node whose API was asked, `nodes` are those that are to stay, with their steps decided;
    `configuration` is the ClusterConfiguration in the ConfigMap ``kubeadm-config``.
    """
    plan = Upgrade(turns={node.host.name: Turn() for node in nodes})
    target = cluster.version
    if speaking is None or target is None:
        return plan
    api = speaking.seen["api"]
    objects = {str(entry["name"]): entry for entry in api["nodes"]}
    members = [node for node in nodes if node.step == at.KEEP and node.host.node_name in objects]
    parts = _parts(members, objects, api, configuration)
    plan.oldest = min((part.version for part in parts), key=lambda version: version.precedence, default=None)
    applied = all(part.version == target for part in parts if not part.where.startswith("node "))
    first = next((node for node in members if node.host.control_plane), None)
    for node in members:
        turn = plan.turns[node.host.name]
        entry = objects[node.host.node_name]
        turn.kubelet = parse_version(entry["kubelet_version"]) != target
        turn.uncordon = CORDON_NOTE in entry["annotations"]
        old = any(str(target) != version for version in node.seen["kubernetes"]["control_plane"].values())
        begun = "upgrading" in (node.mark or {})
        if node is first and (not applied or begun):
            turn.control_plane = "upgrade_apply"
        elif node.host.control_plane and (old or begun):
            turn.control_plane = "upgrade_node"
    order = sorted(members, key=lambda node: not node.host.control_plane)
    hosts = [node.host.name for node in order]
    plan.steps = [{"host": name, "part": "control_plane"} for name in hosts if plan.turns[name].control_plane]
    plan.steps += [{"host": name, "part": "node"} for name in hosts if plan.turns[name].due]
    if not plan.steps:
        return plan
    _plan_drains(plan, cluster, members, objects)
    plan.faults += _version_faults(parts, target)
    plan.faults += _state_faults(cluster, nodes, members, objects, target)
    plan.faults += _pod_faults(plan, cluster, members, api["bare_pods"])
    return plan


def drain_flags(kubectl: Version) -> list[str]:
    """Return kubectl's flags for a drain; the pods of DaemonSets stay.

    ``--force`` is for pods without a controller, of which an upgrade's plan lets pass only the role's own. The flag
    for emptyDir volumes was renamed in 1.20.
    """
    volumes = "--delete-emptydir-data" if kubectl >= (1, 20, 0) else "--delete-local-data"
    return ["--ignore-daemonsets", "--force", volumes]


def _parts(
    members: Sequence[at.Node],
    objects: Mapping[str, Mapping[str, Any]],
    api: Mapping[str, Any],
    configuration: Mapping[str, Any] | None,
) -> list[Part]:
    """Return what has a version, as far as it can be read. Of the cluster's own parts `where` is ``cluster``."""
    found = [
        ("cluster", CONFIGURATION, (configuration or {}).get("kubernetesVersion")),
        ("cluster", "kube-proxy", api.get("kube_proxy")),
    ]
    for node in members:
        found += [(node.where, name, text) for name, text in node.seen["kubernetes"]["control_plane"].items()]
        found.append((node.where, "kubelet", objects[node.host.node_name]["kubelet_version"]))
    read = ((where, what, parse_version(text)) for where, what, text in found)
    return [Part(where, what, version) for where, what, version in read if version is not None]


def _version_faults(parts: Sequence[Part], target: Version) -> list[Fault]:
    """Find ways back, minor versions left out, and kubelets that the skew policy does not allow."""
    faults = []
    if not any(part.what == CONFIGURATION for part in parts):
        text = "the ConfigMap kubeadm-config, from which kubeadm upgrades, says no version"
        faults.append(
            Fault("cluster", text, "Upload it with kubeadm config upload, or kubeadm init phase upload-config")
        )
    newer = [part for part in parts if part.version.precedence > target.precedence]
    if newer:
        newest = max((part.version for part in newer), key=lambda version: version.precedence)
        listed = ", ".join(f"{part.what} of {part.where} is {part.version}" for part in newer)
        text = f"{target} is wanted, and {listed}; there is no way back to an older version"
        faults.append(Fault(_VERSION, text, f"Ask for {newest} or a newer one; an upgrade that was begun is ended so"))
    older = [part for part in parts if (part.version.major, part.version.minor + 1) < (target.major, target.minor)]
    if older:
        oldest = min((part.version for part in older), key=lambda version: version.precedence)
        listed = ", ".join(f"{part.what} of {part.where} is {part.version}" for part in older)
        text = f"{target} is wanted, and {listed}; minor versions are upgraded one at a time"
        remedy = f"Upgrade to the newest {oldest.major}.{oldest.minor + 1} first"
        faults.append(Fault(_VERSION, text, remedy))
    servers = [part.version for part in parts if part.what == "kube-apiserver"]
    if servers:
        lowest = min(servers, key=lambda version: version.precedence)
        for part in parts:
            if part.what == "kubelet" and part.version[:2] > lowest[:2]:
                text = f"its kubelet is {part.version}, newer than the API server {lowest}, which is not supported"
                faults.append(Fault(part.where, text, f"Install a kubelet of {lowest.series} there, and run again"))
    return faults


def _state_faults(
    cluster: Cluster,
    nodes: Sequence[at.Node],
    members: Sequence[at.Node],
    objects: Mapping[str, Mapping[str, Any]],
    target: Version,
) -> list[Fault]:
    """Find nodes that cannot be upgraded as they are, and those that the role does not know."""
    faults = []
    for node in nodes:
        if node not in members:
            text = f"it is to join, and the cluster is to be upgraded to {target}; these are two runs"
            remedy = "Take it out of the inventory's groups until the upgrade has ended, or add it with the old version"
            faults.append(Fault(node.where, text, remedy))
            continue
        # A kubelet that was replaced already may be the very thing that the next run repairs.
        begun = (node.seen["programs"].get("kubelet") or {}).get("version") == str(target).removeprefix("v")
        if not objects[node.host.node_name]["ready"] and not begun:
            text = f"it is not ready, and the cluster is to be upgraded to {target}, which takes nodes away one by one"
            remedy = f"Look there with journalctl -u kubelet; or remove it with {VARIABLE}removed_nodes"
            faults.append(Fault(node.where, text, remedy))
    known = {host.node_name for host in cluster.hosts}
    for name, entry in sorted(objects.items()):
        if name not in known:
            text = f"it is in none of the inventory's groups, and would stay behind with {entry['kubelet_version']}"
            faults.append(Fault(f"node {name}", text, "Add it to the inventory, or delete it from the cluster"))
    return faults


def _plan_drains(
    plan: Upgrade, cluster: Cluster, members: Sequence[at.Node], objects: Mapping[str, Mapping[str, Any]]
) -> None:
    """Decide which nodes are drained: those whose kubelet is replaced, when another node takes their pods."""
    if not cluster.upgrade_drain:
        return
    takes = [node for node in members if _takes_pods(objects[node.host.node_name])]
    for node in members:
        turn = plan.turns[node.host.name]
        if not turn.kubelet:
            continue
        if all(other is node for other in takes):
            plan.warnings.append(
                f"{node.host.name} is upgraded without being drained: no other node takes its pods. "
                "Containers on it may be started again."
            )
            continue
        turn.drain = True
        turn.cordon = not objects[node.host.node_name]["unschedulable"]
        turn.uncordon = turn.uncordon or turn.cordon


def _takes_pods(entry: Mapping[str, Any]) -> bool:
    """Tell whether pods without tolerations can come to a node; a cordon of the role's own ends in time."""
    cordoned = entry["unschedulable"] and CORDON_NOTE not in entry["annotations"]
    effects = [t["effect"] for t in entry["taints"] if not str(t["key"]).startswith("node.kubernetes.io/")]
    return bool(entry["ready"]) and not cordoned and not {"NoSchedule", "NoExecute"} & set(effects)


def _pod_faults(
    plan: Upgrade, cluster: Cluster, members: Sequence[at.Node], bare_pods: Sequence[Mapping[str, str]]
) -> list[Fault]:
    """Find pods that a drain would delete and nothing makes again; the role makes those of its workload again."""
    faults = []
    for node in members:
        if not plan.turns[node.host.name].drain:
            continue
        lost = [
            f"{pod['namespace']}/{pod['name']}"
            for pod in bare_pods
            if pod["node"] == node.host.node_name and not (cluster.workload and pod["part_of"] == PART_OF_WORKLOAD)
        ]
        if lost:
            text = f"to drain it would delete pods without a controller, for ever: {', '.join(sorted(lost))}"
            remedy = f"Delete them, or make them part of a Deployment, or set {VARIABLE}upgrade_drain: false"
            faults.append(Fault(node.where, text, remedy))
    return faults
