# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of a cluster: what stands in the way on each, and what each needs next.

Everything is decided from what ``podnet.lab.kubeadm_info`` saw; nothing here touches a node.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..description.checks import Fault
from .description import Cluster
from .hosts import Host
from .ranges import PODS, VARIABLE
from .versions import CGROUP_2_ONLY

_CONTROLLERS = {1: ("cpu", "cpuset", "memory", "devices", "freezer", "pids"), 2: ("cpu", "cpuset", "memory", "pids")}
"""What kubelet and runc need; in version 2 devices and freezer are no controllers."""

KEEP, INIT, JOIN, AGAIN = "keep", "init", "join", "again"
"""Steps: a member as it should be; begin a cluster; join; take the rests away and then join or begin."""


class Node:
    """One node: what is wanted of it and what was seen on it."""

    def __init__(self, host: Host, seen: Mapping[str, Any]) -> None:
        self.host = host
        self.seen = seen
        self.faults: list[Fault] = []
        self.address: str | None = None
        self.address6: str | None = None
        self.step = KEEP

    @property
    def where(self) -> str:
        """How faults name the node."""
        return f"node {self.host.name}"

    @property
    def addresses(self) -> list[str]:
        """The addresses by which the cluster knows the node, one of each of its families."""
        return [address for address in (self.address, self.address6) if address is not None]

    @property
    def mark(self) -> Mapping[str, Any] | None:
        """The role's mark on the node."""
        return self.seen["kubernetes"]["mark"]  # type: ignore[no-any-return]

    def fault(self, what: str, remedy: str) -> None:
        """Note something that stands in the way."""
        self.faults.append(Fault(self.where, what, remedy))

    def has(self, path: str) -> bool:
        """Tell whether a file of a cluster is on the node."""
        return path in self.seen["kubernetes"]["files"]


def check_machine(node: Node, cluster: Cluster, supported: Collection[str]) -> None:
    """Find what on the machine itself stands in the way."""
    seen = node.seen
    distribution = seen["distribution"]
    known = [name for name in (distribution["id"], *distribution["id_like"]) if name in supported]
    if not known:
        text = f"{distribution['name'] or distribution['id']} is not supported, but {', '.join(sorted(supported))} are"
        node.fault(text, "Use one of these, or add it as the role's README shows under Other distributions")
    if not seen["privileged"]:
        node.fault("the role needs root there", "Run with --become")
    if not seen["systemd"]:
        node.fault("systemd is not its first process, and kubelet and containerd are services", "Use a full node")
    role = "control_plane" if node.host.control_plane else "worker"
    least = cluster.memory[role]
    if seen["memory_mib"] < least:
        text = f"it has {seen['memory_mib']} MiB of memory, and a node of this kind needs {least}"
        node.fault(text, f"Give it more, or lower {VARIABLE}minimum_memory if you know that less will do")
    if node.host.control_plane and seen["cpus"] < 2 and "NumCPU" not in cluster.ignored:
        node.fault("it has one processor, and kubeadm wants two on the control plane", "Give it two")
    if seen["swap"] and not cluster.allow_swap:
        text = f"swap is on ({', '.join(seen['swap'])})"
        node.fault(text, f"Run swapoff -a and take it out of /etc/fstab, or set {VARIABLE}allow_swap: true")
    version = seen["cgroup"]["version"]
    lacking = [name for name in _CONTROLLERS[version] if name not in seen["cgroup"]["controllers"]]
    if lacking:
        text = f"its control groups (version {version}) lack {', '.join(lacking)}"
        node.fault(text, "Enable them on the kernel's command line, as with cgroup_enable=memory")
    accepted = {**cluster.kubelet, **node.host.kubelet}.get("failCgroupV1") is False
    if version == 1 and cluster.version is not None and cluster.version >= CGROUP_2_ONLY and not accepted:
        text = f"it has control groups of version 1, and the kubelet of {cluster.version} wants version 2"
        consent = f"{VARIABLE}kubelet_node_config: {{failCgroupV1: false}}"
        node.fault(text, f"Boot it with systemd.unified_cgroup_hierarchy=1, or accept that for now with {consent}")
    for feature, state in seen["kernel"]["features"].items():
        if state == "missing":
            text = f"its kernel {seen['kernel']['release']} has no {feature}, built in or as a module"
            node.fault(text, f"Install the kernel's modules, or a kernel that has {feature}")
        elif state == "loadable" and not cluster.manage_kernel:
            node.fault(f"the kernel module {feature} is not loaded", f"Load it, or set {VARIABLE}manage_kernel: true")
    if cluster.cni == "flannel" and seen["kernel"].get("vxlan") == "missing":
        text = f"its kernel {seen['kernel']['release']} has no vxlan, built in or as a module, which flannel needs"
        node.fault(text, f"Install the kernel's modules, or choose {VARIABLE}cni: bridge")
    if cluster.dual and seen["kernel"]["ipv6"] != "present":
        how = "has it switched off (net.ipv6.conf.all.disable_ipv6)"
        how = how if seen["kernel"]["ipv6"] == "disabled" else "has none"
        node.fault(f"the cluster has IPv6, and its kernel {how}", f"Switch it on, or take IPv6 out of {PODS}")
    _check_proxy_mode(node, cluster)
    if cluster.bundle is not None and cluster.source == "bundle":
        if cluster.bundle["architecture"] != seen["architecture"]:
            text = f"it is {seen['architecture']}, and the bundle is for {cluster.bundle['architecture']}"
            node.fault(text, "Use a bundle for that architecture")
        packaged = sorted(
            f"{name} ({program['package']})"
            for name, program in seen["programs"].items()
            if name in ("kubeadm", "kubelet", "kubectl", "crictl") and program["package"]
        )
        if packaged:
            text = f"packages of the distribution own {', '.join(packaged)}, which the bundle brings too"
            node.fault(text, f"Remove these packages, or set {VARIABLE}source: repository")


def _check_proxy_mode(node: Node, cluster: Cluster) -> None:
    """Find a kernel that does not have what kube-proxy's mode needs."""
    mode, kernel = cluster.proxy_mode or cluster.kube_proxy.get("mode"), node.seen["kernel"]
    if mode == "ipvs" and kernel.get("ip_vs") == "missing":
        text = f"its kernel {kernel['release']} has no ip_vs, built in or as a module, which mode ipvs needs"
        node.fault(text, f"Install the kernel's modules, or choose another {VARIABLE}kube_proxy_mode")
    release = re.match(r"([0-9]+)\.([0-9]+)", kernel["release"])
    # pkg/proxy/nftables of kubernetes/kubernetes refuses older ones.
    if mode == "nftables" and release and (int(release[1]), int(release[2])) < (5, 13):
        text = f"its kernel {kernel['release']} is older than 5.13, which kube-proxy's mode nftables needs"
        node.fault(text, f"Use a newer kernel, or choose another {VARIABLE}kube_proxy_mode")


def driver(nodes: Sequence[Node], cluster: Cluster) -> tuple[str, list[Fault]]:
    """Return the cgroup driver of kubelet and containerd, the same on all nodes."""
    if cluster.cgroup_driver != "auto":
        return cluster.cgroup_driver, []
    versions = {node.seen["cgroup"]["version"] for node in nodes}
    if len(versions) > 1:
        listed = ", ".join(f"{node.host.name}: {node.seen['cgroup']['version']}" for node in nodes)
        text = f"the nodes' control groups are of different versions ({listed})"
        remedy = "Boot them alike, or choose systemd or cgroupfs for all"
        return "systemd", [Fault(VARIABLE + "cgroup_driver", text, remedy)]
    return ("systemd" if versions <= {2} else "cgroupfs"), []


def speaker(nodes: Sequence[Node]) -> Node | None:
    """Return the node of the control plane whose API answers, the first if several do."""
    return next((node for node in nodes if node.seen["api"] is not None and node.seen["api"]["reachable"]), None)


def decide(node: Node, speaking: Node | None, first: Host) -> None:
    """Decide a node's step, or note why none is possible."""
    state = node.seen["kubernetes"]
    mark = node.mark
    remains = node.has("/etc/kubernetes/kubelet.conf") or state["ca_sha256"] is not None
    if mark is None:
        if remains or node.has("/etc/kubernetes/manifests/kube-apiserver.yaml"):
            remedy = "Run kubeadm reset there if it may go, or take the host out of the inventory's groups"
            node.fault("it is part of a cluster that this role did not make, or has remains of one", remedy)
            return
        node.step = INIT if speaking is None and node.host is first else JOIN
        return
    begin = INIT if speaking is None and node.host is first else JOIN
    if mark.get("phase") != "member":
        # An earlier run did not end: nothing of value can be on it.
        node.step = AGAIN if remains else begin
        return
    if speaking is None:
        if node.host.control_plane and node.has("/etc/kubernetes/manifests/etcd.yaml"):
            said = (node.seen["api"] or {}).get("error") or "it does not answer"
            remedy = (
                "Look there with journalctl -u kubelet and crictl ps -a; a member with data is never reset by itself"
            )
            node.fault(f"it is of the control plane, and its API does not answer: {said}", remedy)
            return
        node.step = AGAIN if remains else begin
        return
    authority = speaking.seen["kubernetes"]["ca_sha256"]
    objects = {entry["name"]: entry for entry in speaking.seen["api"]["nodes"]}
    if state["ca_sha256"] == authority and node.host.node_name in objects:
        node.step = KEEP
    elif (
        node.host.control_plane and state["ca_sha256"] == authority and node.has("/etc/kubernetes/manifests/etcd.yaml")
    ):
        text = f"it is of the control plane, and the cluster has no node {node.host.node_name}"
        node.fault(text, f"Remove it with {VARIABLE}removed_nodes, then add it again")
    else:
        node.step = AGAIN if remains else JOIN


def check_configuration(cluster: Cluster, configuration: Mapping[str, Any] | None) -> list[Fault]:
    """Find options that differ from the running cluster's and cannot be changed in it.

    `configuration` is the ClusterConfiguration in the ConfigMap ``kubeadm-config``.
    """
    networking = (configuration or {}).get("networking") or {}
    faults = []
    for option, key, wanted in (
        ("pod_cidr", "podSubnet", ",".join(map(str, cluster.pods))),
        ("service_cidr", "serviceSubnet", ",".join(map(str, cluster.services))),
        ("dns_domain", "dnsDomain", cluster.domain),
    ):
        have = networking.get(key)
        if have is not None and wanted and str(have) != wanted:
            text = f"{wanted} is wanted, and the running cluster has {have}, which cannot be changed in it"
            remedy = f"Set it to {have}, or remove the cluster first ({VARIABLE}state: absent)"
            faults.append(Fault(VARIABLE + option, text, remedy))
    return faults
