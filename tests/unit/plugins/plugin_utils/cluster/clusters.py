# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters as the role sees them, for tests of its plan: what is described, and what is seen on each node."""

from __future__ import annotations

from typing import Any

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import REQUIRED
from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.plan import make_plan


def described(**options: Any) -> dict[str, Any]:
    raw = {
        "name": "kubernetes",
        "control_plane": ["node1"],
        "workers": ["node2"],
        "hosts": {"node1": {"ansible_host": "192.0.2.11"}, "node2": {"ansible_host": "192.0.2.12"}},
        "removed_nodes": [],
        "source": "repository",
        "version": "1.34.2",
        "bundle_manifest": {},
        "image_repository": "",
        "pod_cidr": "10.244.0.0/16",
        "service_cidr": "10.96.0.0/16",
        "node_prefix": 24,
        "dns_domain": "cluster.local",
        "endpoint": "",
        "cgroup_driver": "auto",
        "minimum_memory": {"control_plane": 1700, "worker": 700},
        "cni": "bridge",
        "bridge": "cni0",
        "mtu": 0,
        "packages": {"containerd": "containerd"},
    }
    return {**raw, **options}


def manifest(version: str, *images: str, architecture: str = "amd64") -> dict[str, Any]:
    """A bundle's manifest without faults, with the images of one archive."""
    return {
        "format": 1,
        "kubernetes_version": version,
        "architecture": architecture,
        "files": [{"path": path, "sha256": "0" * 64} for path in REQUIRED],
        "images": [{"file": "images/all.tar", "sha256": "1" * 64, "names": list(images)}],
    }


def node(address: str, **changes: Any) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "distribution": {"id": "debian", "id_like": [], "version_id": "12", "name": "Debian GNU/Linux 12"},
        "architecture": "amd64",
        "privileged": True,
        "systemd": True,
        "cpus": 2,
        "memory_mib": 4000,
        "swap": [],
        "cgroup": {"version": 2, "controllers": ["cpu", "cpuset", "io", "memory", "pids"]},
        "can_lower_oom_score": True,
        "kernel": {
            "release": "6.1.0",
            "features": {"overlay": "present", "br_netfilter": "loadable"},
            "ipv6": "present",
            "sysctls": {"net.ipv4.ip_forward": "0", "net.bridge.bridge-nf-call-iptables": None},
            "sysctls6": {"net.ipv6.conf.all.forwarding": "0"},
            "conntrack_writable": True,
        },
        "addresses": [{"ifname": "eth0", "local": address, "prefixlen": 24}],
        "routes": [
            {"dst": "0.0.0.0/0", "gateway": "192.0.2.1", "dev": "eth0", "protocol": "", "prefsrc": None, "metric": 0},
            {
                "dst": "192.0.2.0/24",
                "gateway": None,
                "dev": "eth0",
                "protocol": "kernel",
                "prefsrc": address,
                "metric": 0,
            },
        ],
        "addresses6": [],
        "routes6": [],
        "programs": {},
        "kubernetes": {
            "mark": None,
            "files": [],
            "ca_sha256": None,
            "masquerade": None,
            "masquerade6": None,
            "control_plane": {},
        },
        "api": None,
    }
    for key, value in changes.items():
        seen[key] = {**seen[key], **value} if isinstance(seen[key], dict) and isinstance(value, dict) else value
    return seen


def both(**changes: Any) -> dict[str, Any]:
    return {"node1": node("192.0.2.11", **changes), "node2": node("192.0.2.12", **changes)}


def plan(raw: dict[str, Any], seen: dict[str, Any], hosts: list[str] | None = None) -> dict[str, Any]:
    return make_plan(raw, seen, lambda name: [name], ["debian", "ubuntu"], hosts or list(seen))


PODS = "10.244.0.0/16,fd00:10:244::/56"
SERVICES = "10.96.0.0/16,fd00:10:96::/112"


def both_families(seen: dict[str, Any]) -> dict[str, Any]:
    """Give each node an address of IPv6 on its link, and its ranges of both families where the API knows it."""
    for index, host in enumerate(seen.values(), 11):
        address = {"ifname": "eth0", "local": f"fd00:192::{index}", "prefixlen": 64, "dynamic": False}
        host["addresses6"] = [address]
        for number, entry in enumerate((host["api"] or {}).get("nodes", [])):
            entry["pod_cidrs"] = [
                f"10.244.{number}.0/24",
                f"fd00:10:244:{number}::/64" if number else "fd00:10:244::/64",
            ]
    return seen


MEMBER = {"mark": {"phase": "member"}, "files": ["/etc/kubernetes/kubelet.conf"], "ca_sha256": "ca"}


def api(*names: str, version: str = "v1.34.2", configuration: str | None = None) -> dict[str, Any]:
    nodes = [
        {
            "name": name, "labels": {}, "annotations": {}, "taints": [], "pod_cidrs": [f"10.244.{index}.0/24"],
            "ready": True, "unschedulable": False, "kubelet_version": version,
        }
        for index, name in enumerate(names)
    ]  # fmt: skip
    return {
        "reachable": True, "error": None, "nodes": nodes, "configuration": configuration, "kube_proxy": version,
        "bare_pods": [], "policies": [], "proxy": {"configuration": None, "changing": False},
    }  # fmt: skip


def running() -> dict[str, Any]:
    seen = both(kubernetes=MEMBER)
    seen["node1"]["api"] = api("node1", "node2")
    return seen
