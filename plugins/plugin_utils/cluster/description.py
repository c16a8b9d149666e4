# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description of a cluster: from the role's options to typed records, with every fault in it.

Nothing here knows a node. Reading goes on after a fault, so that all are found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

try:
    from netaddr import IPNetwork
except ImportError:  # the filter cluster_plan says so, in words, before anything here is called
    pass

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import full_image_name, read_manifest

from ..description.checks import IFNAME, IFNAMSIZ, LABEL, Fault, integer
from .hosts import NAME, Host, read_args, read_hosts, read_mapping
from .ranges import PODS, SERVICES, VARIABLE, range_faults, read_ranges
from .versions import (
    CERTIFICATES_AS_JSON,
    DUAL_STACK,
    KUBELET_DROP_INS,
    NFTABLES_PROXY,
    OLDEST,
    TIMEOUTS,
    Version,
    parse_version,
)

PROXY_MODES = ("iptables", "nftables", "ipvs")

_TIMEOUTS = (
    "controlPlaneComponentHealthCheck", "kubeletHealthCheck", "kubernetesAPICall", "etcdAPICall", "tlsBootstrap",
    "discovery", "upgradeManifests",
)  # fmt: skip
_DURATION = re.compile(r"(?:[0-9]+(?:h|m|s|ms))+\Z")
_COMPONENTS = ("apiserver", "controller_manager", "scheduler")


@dataclass
class Cluster:
    """A cluster as described, as far as it could be understood, and the faults found on the way."""

    name: str
    version: Version | None
    source: str
    pods: list[IPNetwork]
    """The range of IPv4 and, of a cluster of both families, that of IPv6; empty when it could not be understood."""
    services: list[IPNetwork]
    node_prefix: dict[int, int]
    """Length of each node's range of pods, by family."""
    domain: str
    endpoint: str
    port: int
    sans: list[str]
    repository: str
    extra_args: dict[str, dict[str, list[str]]]
    kubelet: dict[str, Any]
    kube_proxy: dict[str, Any]
    proxy_mode: str
    """How kube-proxy writes its rules, empty for its own choice."""
    cgroup_driver: str
    allow_swap: bool
    memory: dict[str, int]
    ignored: list[str]
    cni: str
    bridge: str
    mtu: int
    hosts: list[Host]
    removed: list[str]
    flannel_images: list[str]
    bundle: Mapping[str, Any] | None
    """``version``, ``architecture`` and ``images`` (names) of the bundle, null without one."""
    manage_kernel: bool = True
    workload: bool = False
    serving: bool = False
    """Whether kubelets get serving certificates from the cluster's authority."""
    policy_engine: bool = False
    """Whether the role brings what holds NetworkPolicies."""
    upgrade_drain: bool = True
    timeouts: dict[str, str] = field(default_factory=dict)
    """kubeadm's own, by its names."""
    renewal: int = 0
    """Certificates that end within so many days are renewed; 0 leaves them alone."""
    patience: int = 180
    """How many seconds nodes and pods may take to become ready."""
    faults: list[Fault] = field(default_factory=list)

    @property
    def known_version(self) -> Version:
        """The version, once the description is known to have no faults. Raises ValueError when it has none."""
        if self.version is None:
            raise ValueError("the cluster has no version")
        return self.version

    @property
    def dual(self) -> bool:
        """Whether pods and Services have addresses of both families."""
        return len(self.pods) > 1

    @property
    def members(self) -> list[Host]:
        """The hosts that are to be nodes: all but those to be removed."""
        return [host for host in self.hosts if host.name not in self.removed]

    @property
    def first(self) -> Host | None:
        """The first of the control plane, where a new cluster begins."""
        return next((host for host in self.members if host.control_plane), None)


def _endpoint(value: Any, faults: list[Fault]) -> tuple[str, int]:
    """Return host and port of ``host``, ``host:port`` or nothing."""
    text = str(value or "").strip()
    host, _sep, port = text.partition(":")
    if not text:
        return "", 6443
    number = integer(port) if port else 6443
    if not host or number is None or not 1 <= number <= 65535:
        remedy = "Write it as api.example.org:6443 or 192.0.2.10:6443, or leave it empty"
        faults.append(Fault(VARIABLE + "endpoint", f"{text!r} is not a host with a port", remedy))
        return "", 6443
    return host, number


def _family_faults(cluster: Cluster) -> None:
    """Find what cannot be had with both families."""
    if not cluster.dual:
        return
    if cluster.version is not None and cluster.version < DUAL_STACK:
        text = f"{cluster.version} has no clusters of both families by itself, which came with {DUAL_STACK}"
        cluster.faults.append(Fault(PODS, text, "Take IPv6 out of it, or use a newer version"))
    if cluster.cni == "flannel":
        text = f"{VARIABLE}cni is flannel, which this role sets up with IPv4 alone"
        remedy = f"Take IPv6 out of it, or use {VARIABLE}cni bridge, or manifest with a manifest of both families"
        cluster.faults.append(Fault(PODS, text, remedy))


def _proxy_faults(cluster: Cluster) -> None:
    """Find what is wrong with kube-proxy's mode."""
    where = VARIABLE + "kube_proxy_mode"
    mode, other = cluster.proxy_mode, str(cluster.kube_proxy.get("mode") or "")
    if mode and mode not in PROXY_MODES:
        cluster.faults.append(Fault(where, f"{mode!r} is no mode", f"Use one of {', '.join(PROXY_MODES)}"))
    if mode and other and mode != other:
        text = f"it is {mode}, and mode in {VARIABLE}kube_proxy_config is {other}"
        cluster.faults.append(Fault(where, text, f"Take mode out of {VARIABLE}kube_proxy_config"))
    wanted = mode or other
    if wanted == "nftables" and cluster.version is not None and cluster.version < NFTABLES_PROXY:
        text = f"kube-proxy of {cluster.version} has no mode nftables by itself, which came with {NFTABLES_PROXY}"
        cluster.faults.append(Fault(where, text, "Use iptables, or a newer version"))


def _timeouts(value: Any, faults: list[Fault]) -> dict[str, str]:
    """Return kubeadm's timeouts, durations as Go writes them."""
    where, example = VARIABLE + "timeouts", "{controlPlaneComponentHealthCheck: 10m}"
    found = read_mapping(value, where, example, faults)
    for name, duration in found.items():
        if name not in _TIMEOUTS or not _DURATION.match(str(duration)):
            remedy = f"Write it as {example}; known are {', '.join(_TIMEOUTS)}"
            faults.append(Fault(f"{where}.{name}", f"{name}: {duration!r} is not a timeout of kubeadm", remedy))
    return {name: str(duration) for name, duration in found.items()}


def _version_faults(cluster: Cluster) -> None:
    """Find options that the version does not have."""
    version = cluster.version
    if version is None:
        return
    for option, given, since in (
        ("timeouts", bool(cluster.timeouts), TIMEOUTS),
        ("renew_certificates", cluster.renewal > 0, CERTIFICATES_AS_JSON),
        ("kubelet_serving_certificates", cluster.serving, KUBELET_DROP_INS),
        ("kubelet_node_config", any(host.kubelet for host in cluster.members), KUBELET_DROP_INS),
    ):
        if given and version < since:
            text = f"Kubernetes {version} does not have what it needs, which came with {since}"
            cluster.faults.append(Fault(VARIABLE + option, text, "Leave it out, or use a newer version"))


def _bridge(value: Any, faults: list[Fault]) -> str:
    name = str(value or "")
    if not IFNAME.match(name) or len(name) >= IFNAMSIZ or name in ("lo", "all", "default"):
        remedy = f"Use up to {IFNAMSIZ - 1} letters, digits, '_', '.' and '-'"
        faults.append(Fault(VARIABLE + "bridge", f"{name!r} is not a name for a link", remedy))
    return name


def _bundle(manifest: Any, faults: list[Fault]) -> dict[str, Any] | None:
    """Return what the plan needs of a bundle's manifest; one that lies on a node is checked here for the first time."""
    if not manifest:
        return None
    bundle, wrong = read_manifest(manifest)
    if wrong:
        remedy = "Make the bundle again, or correct its manifest.json"
        faults.append(Fault(VARIABLE + "bundle", f"its manifest is wrong: {'; '.join(wrong)}", remedy))
    return {
        "version": bundle.kubernetes_version,
        "architecture": bundle.architecture,
        "images": [name for image in bundle.images for name in image.names],
        "cni": any(item.path.startswith("cni/bin/") for item in bundle.files),
    }


def _bundle_faults(cluster: Cluster, given: Version | None) -> None:
    where = VARIABLE + "bundle"
    if cluster.source != "bundle":
        return
    if cluster.bundle is None:
        remedy = f"Give the folder or archive of one, or set {VARIABLE}source: repository"
        cluster.faults.append(Fault(where, "there is no bundle", remedy))
        return
    if given is not None and str(given) != cluster.bundle["version"]:
        text = f"the bundle has Kubernetes {cluster.bundle['version']}, and {VARIABLE}version is {given}"
        cluster.faults.append(Fault(where, text, f"Use a bundle of that version, or leave {VARIABLE}version out"))
    if not any("/pause:" in name for name in cluster.bundle["images"]):
        text = "no image in the bundle is named pause, which holds a pod's namespaces"
        cluster.faults.append(Fault(where, text, "Make the bundle again with it"))
    have = {full_image_name(name) for name in cluster.bundle["images"]}
    missing = [name for name in cluster.flannel_images if full_image_name(name) not in have]
    if cluster.cni == "flannel" and missing:
        text = f"it lacks images of flannel: {', '.join(missing)}"
        cluster.faults.append(Fault(where, text, "Make the bundle again with kubernetes_bundle_flannel: true"))


def read_description(raw: Mapping[str, Any]) -> Cluster:
    """Return the cluster that the role's options describe.

    `raw` has the options by their names without ``kubeadm_cluster_``, ``control_plane`` and ``workers``
    (names of hosts), ``hosts`` (options of each host) and ``bundle_manifest``.
    """
    faults: list[Fault] = []
    given = parse_version(raw.get("version")) if raw.get("version") else None
    if raw.get("version") and given is None:
        faults.append(Fault(VARIABLE + "version", f"{raw['version']!r} is not a version", "Write it as 1.34.2"))
    bundle = _bundle(raw.get("bundle_manifest"), faults)
    source = str(raw.get("source") or "repository")
    version = parse_version(bundle["version"]) if source == "bundle" and bundle else given
    if source == "repository" and given is None and not faults:
        faults.append(Fault(VARIABLE + "version", "it is not set", "Set the version to install, like 1.34.2"))
    if version is not None and version < OLDEST:
        faults.append(Fault(VARIABLE + "version", f"{version} is older than {OLDEST}", "Use a newer one"))
    prefixes = {4: integer(raw.get("node_prefix")), 6: integer(raw.get("node_prefix_v6") or 64)}
    mtu = integer(raw.get("mtu") or 0)
    if mtu is None or (mtu and not 1280 <= mtu <= 65535):
        faults.append(
            Fault(VARIABLE + "mtu", f"{raw.get('mtu')!r} is not an MTU", "Use 1280 to 65535, or 0 for the nodes'")
        )
    host, port = _endpoint(raw.get("endpoint"), faults)
    ignored = [str(item) for item in raw.get("ignore_preflight_errors") or []]
    if any(item.lower() == "all" for item in ignored):
        remedy = "Name the checks that you know and accept, or correct what they find"
        faults.append(Fault(VARIABLE + "ignore_preflight_errors", "all checks are not ignored at once", remedy))
    cluster = Cluster(
        name=str(raw.get("name") or ""),
        version=version,
        source=source,
        pods=read_ranges(raw.get("pod_cidr"), PODS, faults),
        services=read_ranges(raw.get("service_cidr"), SERVICES, faults),
        node_prefix={family: -1 if length is None else length for family, length in prefixes.items()},
        domain=str(raw.get("dns_domain") or ""),
        endpoint=host,
        port=port,
        sans=[str(item) for item in raw.get("cert_sans") or []],
        repository=str(raw.get("image_repository") or ""),
        extra_args={
            name: read_args(raw.get(f"{name}_extra_args") or {}, f"{VARIABLE}{name}_extra_args", faults)
            for name in _COMPONENTS
        },
        kubelet=dict(raw.get("kubelet_config") or {}),
        kube_proxy=dict(raw.get("kube_proxy_config") or {}),
        proxy_mode=str(raw.get("kube_proxy_mode") or ""),
        cgroup_driver=str(raw.get("cgroup_driver") or "auto"),
        allow_swap=bool(raw.get("allow_swap")),
        memory={
            "control_plane": int(raw["minimum_memory"]["control_plane"]),
            "worker": int(raw["minimum_memory"]["worker"]),
        },
        ignored=ignored,
        cni=str(raw.get("cni") or "bridge"),
        bridge=_bridge(raw.get("bridge"), faults),
        mtu=mtu or 0,
        hosts=read_hosts(raw, faults),
        flannel_images=[str(name) for name in raw.get("flannel_images") or []],
        removed=[str(name) for name in raw.get("removed_nodes") or []],
        bundle=bundle,
        manage_kernel=bool(raw.get("manage_kernel", True)),
        workload=bool(raw.get("workload")),
        serving=bool(raw.get("kubelet_serving_certificates")),
        policy_engine=bool(raw.get("policy_manifest")),
        timeouts=_timeouts(raw.get("timeouts"), faults),
        renewal=integer(raw.get("renew_certificates") or 0) or 0,
        patience=integer(raw.get("ready_timeout")) or 180,
        upgrade_drain=bool(raw.get("upgrade_drain", True)),
        faults=faults,
    )
    if not LABEL.match(cluster.name):
        remedy = "Use up to 63 of a-z, 0-9 and '-'"
        faults.append(Fault(VARIABLE + "name", f"{cluster.name!r} is not a name for a cluster", remedy))
    if not NAME.match(cluster.domain):
        faults.append(
            Fault(VARIABLE + "dns_domain", f"{cluster.domain!r} is not a domain", "Use one like cluster.local")
        )
    known = {host.name: host for host in cluster.hosts}
    for name in cluster.removed:
        if name not in known:
            text, remedy = (
                f"{name!r} is no host of the cluster's groups",
                "Keep it in the inventory until it is removed",
            )
            faults.append(Fault(VARIABLE + "removed_nodes", text, remedy))
    if cluster.hosts and cluster.first is None and any(host.control_plane for host in cluster.hosts):
        remedy = f"Use {VARIABLE}state: absent to remove the whole cluster"
        faults.append(Fault(VARIABLE + "removed_nodes", "nothing of the control plane would be left", remedy))
    faults += range_faults(cluster.pods, cluster.services, cluster.node_prefix, len(cluster.members))
    _family_faults(cluster)
    _proxy_faults(cluster)
    _version_faults(cluster)
    _bundle_faults(cluster, given)
    if cluster.cni == "manifest" and not raw.get("cni_manifest"):
        remedy = "Give a path on the control node or a URL"
        faults.append(Fault(VARIABLE + "cni_manifest", f"it is empty, and {VARIABLE}cni is manifest", remedy))
    return cluster
