#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node is and has, before, during and after it is part of a kubeadm cluster."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kubeadm_info
short_description: "Internal: look at a node and at the kubeadm cluster that it is part of"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Returns what the role P(podnet.lab.kubeadm_cluster#role) needs to know of a node before it touches it. That is the
    distribution, memory, swap, control groups, kernel features, addresses, programs and services, and, on a node of
    the control plane, what the cluster's API says of its nodes.
  - Returns no secret. Waits while a kubeadm that an earlier play started is still at work.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
options:
  packages:
    description: Packages of the distribution whose versions are wanted.
    type: list
    elements: str
    default: []
  api:
    description: Whether to ask the cluster's API, where C(/etc/kubernetes/admin.conf) is.
    type: bool
    default: true
  requests:
    description: Whether to ask the API for kubelets' requests for serving certificates too.
    type: bool
    default: false
  wait:
    description: How many seconds to wait for a kubeadm that is at work, and for an API that does not answer.
    type: int
    default: 30
notes:
  - Needs root on the node.
"""

EXAMPLES = r"""
- name: Look at the node
  podnet.lab.kubeadm_info:
    packages: [containerd]
  register: seen

- name: Show which nodes the cluster has
  ansible.builtin.debug:
    msg: "{{ seen.node.api.nodes | map(attribute='name') }}"
  when: seen.node.api is not none
"""

RETURN = r"""
node:
  description: The node.
  returned: success
  type: dict
  contains:
    distribution:
      description: C(id), C(id_like), C(version_id) and C(name) of C(/etc/os-release).
      type: dict
      sample: {id: debian, id_like: [], version_id: "12", name: Debian GNU/Linux 12 (bookworm)}
    architecture:
      description: As Kubernetes names it.
      type: str
      sample: amd64
    hostname:
      description: Host name.
      type: str
      sample: node1
    privileged:
      description: Whether the module ran as root.
      type: bool
    systemd:
      description: Whether systemd is the node's first process.
      type: bool
    cpus:
      description: Number of processors.
      type: int
    memory_mib:
      description: Memory in MiB.
      type: int
    swap:
      description: Swap areas in use.
      type: list
      elements: str
    cgroup:
      description: C(version) (V(1) or V(2)) and the enabled C(controllers).
      type: dict
    can_lower_oom_score:
      description: Whether processes of the node may have CAP_SYS_RESOURCE.
      type: bool
    kernel:
      description:
        - C(features) (C(overlay) and C(br_netfilter), each V(present), V(loadable) or V(missing)), C(vxlan) and
          C(ip_vs) alike, C(ipv6) (V(present), V(disabled) or V(missing)), C(sysctls), those of IPv6 in C(sysctls6),
          and C(conntrack_writable), which is false in a network namespace that is not the
          machine's first.
      type: dict
    addresses:
      description: IPv4 addresses, each with C(ifname), C(local), C(prefixlen) and C(mtu).
      type: list
      elements: dict
    routes:
      description: IPv4 routes of the main table.
      type: list
      elements: dict
    addresses6:
      description:
        - IPv6 addresses that others can reach, without deprecated and temporary ones, each as in RV(node.addresses),
          and whether it is C(dynamic).
      type: list
      elements: dict
    routes6:
      description: IPv6 routes of the main table.
      type: list
      elements: dict
    programs:
      description: By name, C(path), C(version) and the C(package) that has it, each null when there is none.
      type: dict
    packages:
      description: Versions of those of O(packages) that are installed.
      type: dict
    services:
      description: C(active) and C(enabled) of containerd, kubelet and the unit of the routes, as systemd says.
      type: dict
    kubernetes:
      description:
        - C(mark) of the role, C(files) of C(/etc/kubernetes) and C(/etc/cni/net.d) that matter, C(ca_sha256),
          C(kubelet_healthy), C(proxy_mode) (the mode in which the node's kube-proxy says that it runs, null when none
          answers), rules of C(masquerade) and C(masquerade6), whether there is a record of a C(bundle), and
          C(control_plane), the versions in the manifests of its static pods.
      type: dict
    api:
      description:
        - Null where there is no C(admin.conf). C(reachable), C(error), C(nodes), kubeadm's C(configuration), the
          version of C(kube_proxy), the C(configuration) of C(proxy) and whether its mode is C(changing), C(bare_pods),
          those that have no controller and would be gone for ever, the C(policies) (NetworkPolicies), and with
          O(requests) the C(requests) for certificates.
      type: dict
"""

import glob
import hashlib
import os
import platform
import time
from typing import Any, Dict, List, Optional, Tuple
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import ARCHITECTURES
from ansible_collections.podnet.lab.plugins.module_utils._files.yaml import YamlError, load_all
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import mark as kubeadm
from ansible_collections.podnet.lab.plugins.module_utils._kubeadm import node as parse

SBIN = ["/usr/local/sbin", "/usr/sbin", "/sbin"]
# Program and the arguments with which it says its version.
VERSIONED = {
    "kubeadm": ["version", "-o", "short"],
    "kubelet": ["--version"],
    "kubectl": ["version", "--client"],
    "crictl": ["--version"],
    "containerd": ["--version"],
}
# What kubeadm's preflight and the role itself call.
PLAIN = ("ip", "iptables", "conntrack", "nft", "mount", "nsenter", "ctr", "runc", "modprobe", "sysctl", "diff")
SYSCTLS = ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")
SYSCTLS6 = ("net.ipv6.conf.all.forwarding",)
FILES = (
    "/etc/containerd/config.toml",
    "/etc/crictl.yaml",
    "/etc/podnet-lab/kubeadm_cluster/before",
    kubeadm.FLANNEL_SIGN,
    "/etc/kubernetes/admin.conf",
    "/etc/kubernetes/kubelet.conf",
    "/etc/kubernetes/bootstrap-kubelet.conf",
    "/etc/kubernetes/pki/ca.crt",
    "/etc/kubernetes/pki/ca.key",
    "/etc/kubernetes/manifests/etcd.yaml",
    "/etc/kubernetes/manifests/kube-apiserver.yaml",
    "/var/lib/kubelet/config.yaml",
    "/etc/systemd/system/kubelet.service.d/20-podnet-kubeadm.conf",
    "/opt/cni/bin/bridge",
    "/usr/lib/cni/bridge",
)
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""Static pods whose images carry the version of Kubernetes; etcd has its own."""
CAP_SYS_RESOURCE = 24  # linux/capability.h


def read(path: str) -> str:
    """Return the text of a file, empty when it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as opened:
            return opened.read(1 << 20)
    except OSError:
        return ""


class Node:
    """Reads the node with programs and files."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module

    def run(self, name: str, *argv: str) -> Optional[str]:
        """Return what a program says; None when it is not there or fails."""
        path = self.module.get_bin_path(name, opt_dirs=SBIN)
        if path is None:
            return None
        status, out, _err = self.module.run_command([path, *argv], environ_update={"LC_ALL": "C"})
        return out if status == 0 else None

    def programs(self) -> Dict[str, Any]:
        """Return path, version and package of the programs that matter."""
        found: Dict[str, Any] = {}
        for name in (*VERSIONED, *PLAIN):
            path = self.module.get_bin_path(name, opt_dirs=SBIN)
            said = self.run(name, *VERSIONED[name]) if path and name in VERSIONED else None
            found[name] = {"path": path, "version": parse.parse_version(said or ""), "package": None}
        kubernetes = [
            found[name]["path"] for name in ("kubeadm", "kubelet", "kubectl", "crictl") if found[name]["path"]
        ]
        dpkg = self.module.get_bin_path("dpkg-query")
        if dpkg and kubernetes:
            _status, out, _err = self.module.run_command([dpkg, "-S", *kubernetes])
            owners = parse.parse_owners(out)
            for program in found.values():
                program["package"] = owners.get(program["path"])
        return found

    def feature(self, name: str, present: bool) -> str:
        """Tell whether the kernel has a feature, could load it, or lacks it."""
        if present:
            return "present"
        base = "/lib/modules/" + platform.release()
        if "/%s.ko" % name in read(base + "/modules.builtin"):
            return "present"
        return "loadable" if "/%s.ko" % name in read(base + "/modules.dep") else "missing"

    def kernel(self) -> Dict[str, Any]:
        """Return what the kernel offers."""
        conntrack = "/proc/sys/net/netfilter/nf_conntrack_max"
        return {
            "release": platform.release(),
            "features": {
                "overlay": self.feature("overlay", "\toverlay\n" in read("/proc/filesystems")),
                "br_netfilter": self.feature("br_netfilter", os.path.isdir("/proc/sys/net/bridge")),
            },
            "vxlan": self.feature("vxlan", os.path.isdir("/sys/module/vxlan")),
            "ip_vs": self.feature("ip_vs", os.path.exists("/proc/net/ip_vs")),
            "ipv6": ipv6(),
            "sysctls": settings(SYSCTLS),
            "sysctls6": settings(SYSCTLS6),
            "conntrack_writable": not os.path.exists(conntrack) or os.access(conntrack, os.W_OK),
        }

    def cgroup(self) -> Dict[str, Any]:
        """Return version and controllers of the control groups."""
        unified = "/sys/fs/cgroup/cgroup.controllers"
        if os.path.exists(unified):
            return {"version": 2, "controllers": sorted(read(unified).split())}
        return {"version": 1, "controllers": parse.parse_cgroups(read("/proc/cgroups"))}

    def kubernetes(self) -> Dict[str, Any]:
        """Return what of a cluster is on the node."""
        authority = read("/etc/kubernetes/pki/ca.crt").strip()
        masquerade = self.run("nft", "list", "table", "ip", kubeadm.NFT_TABLE)
        masquerade6 = self.run("nft", "list", "table", "ip6", kubeadm.NFT_TABLE)
        return {
            "mark": kubeadm.read_mark(),
            "files": [path for path in FILES if os.path.exists(path)],
            "cni_files": sorted(os.path.basename(path) for path in glob.glob("/etc/cni/net.d/*.conf*")),
            "ca_sha256": hashlib.sha256(authority.encode()).hexdigest() if authority else None,
            "kubelet_healthy": said("http://127.0.0.1:10248/healthz") is not None,
            "proxy_mode": said("http://127.0.0.1:10249/proxyMode") or said("http://[::1]:10249/proxyMode"),
            "masquerade": parse.parse_masquerade(masquerade or ""),
            "masquerade6": parse.parse_masquerade(masquerade6 or ""),
            "bundle": os.path.exists("/var/lib/podnet-lab/bundle.json"),
            "control_plane": static_pod_versions(),
        }

    def api(self, wait: int) -> Optional[Dict[str, Any]]:
        """Return what the cluster's API says; None without the administrator's file."""
        kubectl = self.module.get_bin_path("kubectl")
        if kubectl is None or not os.path.exists(kubeadm.ADMIN):
            return None
        base = [kubectl, "--kubeconfig", kubeadm.ADMIN, "--request-timeout=10s"]
        end = time.monotonic() + wait
        while True:
            status, out, err = self.module.run_command([*base, "get", "nodes", "-o", "json"])
            if status == 0 or time.monotonic() >= end:
                break
            time.sleep(1)
        if status != 0:
            error = " ".join(err.split())[-400:]
            return {
                "reachable": False,
                "error": error,
                "nodes": [],
                "configuration": None,
                "kube_proxy": None,
                "proxy": {"configuration": None, "changing": False},
                "bare_pods": [],
                "policies": [],
                "requests": [],
            }
        names = ["configmap/kubeadm-config", "configmap/kube-proxy", "daemonset/kube-proxy"]
        _status, shown, _err = self.module.run_command(
            [*base, "-n", "kube-system", "get", *names, "--ignore-not-found", "-o", "json"]
        )
        # Without the ConfigMap kubeadm did not come so far, or the cluster is not kubeadm's.
        objects = parse.parse_objects(shown)
        proxy = objects.get("DaemonSet/kube-proxy", {})
        _status, pods, _err = self.module.run_command(
            [*base, "get", "pods", "-A", "-o", "go-template=" + parse.BARE_PODS]
        )
        _status, policies, _err = self.module.run_command(
            [*base, "get", "networkpolicies", "-A", "-o", "go-template=" + parse.POLICIES]
        )
        requests = ""
        if self.module.params["requests"]:
            of_kubelets = "--field-selector=spec.signerName=kubernetes.io/kubelet-serving"
            _status, requests, _err = self.module.run_command([*base, "get", "csr", of_kubelets, "-o", "json"])
        return {
            "reachable": True,
            "error": None,
            "nodes": parse.parse_nodes(out),
            "configuration": data_of(objects, "kubeadm-config").get("ClusterConfiguration"),
            "kube_proxy": parse.container_version((proxy.get("spec") or {}).get("template"), "kube-proxy"),
            "proxy": {
                "configuration": data_of(objects, "kube-proxy").get("config.conf"),
                "changing": "podnet.lab/mode" in ((proxy.get("metadata") or {}).get("annotations") or {}),
            },
            "bare_pods": parse.parse_bare_pods(pods),
            "policies": sorted(policies.split()),
            "requests": parse.parse_requests(requests),
        }


def data_of(objects: Dict[str, Dict[str, Any]], name: str) -> Dict[str, Any]:
    """Return the data of a ConfigMap among objects, empty when it is not there."""
    return objects.get("ConfigMap/" + name, {}).get("data") or {}


def ipv6() -> str:
    """Tell whether the kernel has IPv6: ``present``, ``disabled`` or ``missing``."""
    if not os.path.isdir("/proc/sys/net/ipv6"):
        return "missing"
    return "disabled" if read("/proc/sys/net/ipv6/conf/all/disable_ipv6").strip() == "1" else "present"


def settings(names: Tuple[str, ...]) -> Dict[str, Optional[str]]:
    """Return the values of settings of the kernel, None of those that it does not have now."""
    return {name: read("/proc/sys/" + name.replace(".", "/")).strip() or None for name in names}


def static_pod_versions() -> Dict[str, str]:
    """Return the version of each component of the control plane in its manifest, as far as it can be read."""
    versions = {}
    for name in COMPONENTS:
        try:
            documents = load_all(read("/etc/kubernetes/manifests/%s.yaml" % name))
        except YamlError:
            continue  # half written, or not kubeadm's
        version = parse.container_version(documents[0] if documents else None, name)
        if version is not None:
            versions[name] = version
    return versions


def said(url: str) -> Optional[str]:
    """Return what a local service answers when all is well; None otherwise."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=3) as answer:
            return str(answer.read(1000).decode(errors="backslashreplace")) if answer.status == 200 else None
    except (URLError, OSError, ValueError):
        return None


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "default": []},
            "api": {"type": "bool", "default": True},
            "requests": {"type": "bool", "default": False},
            "wait": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    params = module.params
    try:
        kubeadm.wait_for_others(params["wait"] + 300)
    except kubeadm.BusyError as error:
        module.fail_json(msg="node: %s. Look at it with ps, end it if it hangs, and run again." % error)
    node = Node(module)
    release = parse.parse_os_release(read("/etc/os-release"))
    packages: Dict[str, str] = {}
    wanted: List[str] = params["packages"]
    dpkg = module.get_bin_path("dpkg-query")
    if wanted and dpkg:
        shape = "${Package} ${Version} ${db:Status-Abbrev}\n"
        _status, out, _err = module.run_command([dpkg, "-W", "-f", shape, *wanted])
        packages = parse.parse_packages(out)
    units = ["containerd.service", "kubelet.service", kubeadm.ROUTES_UNIT]
    shown = node.run("systemctl", "show", *units, "--property=Id,ActiveState,UnitFileState")
    capabilities = parse.parse_capabilities(read("/proc/self/status"))
    result = {
        "distribution": {
            "id": release.get("ID", "linux"),
            "id_like": release.get("ID_LIKE", "").split(),
            "version_id": release.get("VERSION_ID", ""),
            "name": release.get("PRETTY_NAME", ""),
        },
        "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
        "hostname": platform.node(),
        "privileged": os.geteuid() == 0,
        "systemd": os.path.isdir("/run/systemd/system"),
        "cpus": len(os.sched_getaffinity(0)),
        "memory_mib": parse.parse_memory(read("/proc/meminfo")),
        "swap": parse.parse_swaps(read("/proc/swaps")),
        "cgroup": node.cgroup(),
        "can_lower_oom_score": bool(capabilities >> CAP_SYS_RESOURCE & 1),
        "kernel": node.kernel(),
        "addresses": parse.parse_addresses(node.run("ip", "-j", "-4", "address", "show") or ""),
        "routes": parse.parse_routes(node.run("ip", "-j", "-4", "route", "show") or ""),
        "addresses6": parse.parse_addresses6(node.run("ip", "-j", "-6", "address", "show") or ""),
        "routes6": parse.parse_routes(node.run("ip", "-j", "-6", "route", "show") or "", "::/0"),
        "programs": node.programs(),
        "packages": packages,
        "services": parse.parse_units(shown or ""),
        "kubernetes": node.kubernetes(),
        "api": node.api(params["wait"]) if params["api"] else None,
    }
    module.exit_json(changed=False, node=result)


if __name__ == "__main__":
    main()
