# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What clusters in the field leave on a node, in the formats of their own documents and sources, with other addresses.

Written after what these projects publish; docs/layouts.md lists them. Each has what a node's files say: ranges as
``CIDR scope`` (the cluster's without a scope), and the plugins of the network that pods get.
"""

from __future__ import annotations

import json
from typing import Any, Dict, NamedTuple, Optional, Sequence

NET_D = "/etc/cni/net.d/"
MANIFESTS = "/etc/kubernetes/manifests/"
PORTMAP = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}
BANDWIDTH = {"type": "bandwidth", "capabilities": {"bandwidth": True}}


class Layout(NamedTuple):
    """One node's files, and what they say."""

    files: Dict[str, Any]
    pod: Sequence[str] = ()
    service: Sequence[str] = ()
    plugins: Optional[Sequence[str]] = None
    through: Sequence[str] = ()
    flat: bool = False


def chain(*plugins: Any, name: str = "k8s-pod-network") -> Any:
    return {"name": name, "cniVersion": "0.3.1", "plugins": list(plugins)}


def host_local(*subnets: str, **more: Any) -> Any:
    return {"type": "host-local", "ranges": [[{"subnet": one}] for one in subnets], **more}


def manifest(program: str, *flags: str, shell: bool = False) -> str:
    """A static pod, as YAML; with `shell`, as the images of some clouds start it."""
    command: Any = [program, *flags]
    if shell:
        command = ["/bin/sh", "-c", "exec %s %s 1>>/var/log/%s.log 2>&1" % (program, " ".join(flags), program)]
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": program, "namespace": "kube-system"},
            "spec": {"hostNetwork": True, "containers": [{"name": program, "command": command}]},
        }
    )


def revision(program: str, number: int) -> str:
    """The manifest of a static pod of OpenShift, which mounts the folder of its revision."""
    folder = "/etc/kubernetes/static-pod-resources/%s-pod-%d" % (program, number)
    return (
        "kind: Pod\nspec:\n  containers:\n  - name: %s\n    command: [/bin/bash, -euxo, pipefail, -c]\n"
        "  volumes:\n  - name: resource-dir\n    hostPath:\n      path: %s\n" % (program, folder)
    )


CALICO = {"type": "calico", "log_level": "info", "datastore_type": "kubernetes", "nodename": "node1", "mtu": 0}
OVN = {"cniVersion": "0.4.0", "name": "ovn-kubernetes", "type": "ovn-k8s-cni-overlay", "ipam": {}, "dns": {}}
RESOURCES = "/etc/kubernetes/static-pod-resources/"

LAYOUTS: Dict[str, Layout] = {
    "EKS, the VPC plugin": Layout(
        {
            NET_D + "10-aws.conflist": chain(
                {"name": "aws-cni", "type": "aws-cni", "vethPrefix": "eni", "mtu": "9001"},
                {
                    "name": "egress-cni",
                    "type": "egress-cni",
                    "enabled": "false",
                    "ipam": host_local("fd00::ac:00/118", dataDir="/run/cni/v4pd/egress-v6-ipam"),
                },
                PORTMAP,
                name="aws-cni",
            ),
            "/etc/kubernetes/kubelet/config.json": {"kind": "KubeletConfiguration", "clusterDNS": ["10.100.0.10"]},
        },
        service=["10.100.0.10/32 hint"],
        plugins=["aws-cni", "egress-cni", "portmap"],
        flat=True,
    ),
    "EKS, Cilium chained behind the VPC plugin": Layout(
        {
            NET_D + "05-cilium.conflist": chain({"type": "aws-cni"}, {"type": "cilium-cni"}, name="aws-cni"),
            NET_D + "10-aws.conflist.cilium_bak": chain({"type": "aws-cni"}, name="aws-cni"),
        },
        plugins=["aws-cni", "cilium-cni"],
        flat=True,
    ),
    "AKS, pods in the network of the nodes": Layout(
        {
            NET_D + "10-azure.conflist": chain(
                {"type": "azure-vnet", "mode": "transparent", "ipam": {"type": "azure-vnet-ipam"}},
                PORTMAP,
                name="azure",
            )
        },
        plugins=["azure-vnet", "portmap"],
        flat=True,
    ),
    "AKS, overlay": Layout(
        {
            NET_D + "15-azure-swift-overlay.conflist": chain(
                {"type": "azure-vnet", "executionMode": "v4swift", "ipam": {"mode": "v4overlay", "type": "azure-cns"}},
                PORTMAP,
                name="azure",
            )
        },
        plugins=["azure-vnet", "portmap"],
    ),
    "GKE, routes of the cloud": Layout(
        {
            NET_D + "10-containerd-net.conflist": chain({"type": "ptp", "ipam": host_local("10.8.1.0/24")}, PORTMAP),
            MANIFESTS + "kube-proxy.manifest": manifest(
                "kube-proxy", "--cluster-cidr=10.8.0.0/14", "--detect-local-mode=NodeCIDR", shell=True
            ),
        },
        pod=["10.8.0.0/14", "10.8.1.0/24 node"],
        plugins=["ptp", "portmap"],
    ),
    "a control plane of a cloud that routes pods itself": Layout(
        {
            MANIFESTS + "kube-controller-manager.yaml": manifest(
                "kube-controller-manager", "--cluster-cidr=10.0.0.0/8", "--configure-cloud-routes=false"
            )
        },
        pod=["10.0.0.0/8"],
        flat=True,
    ),
    "kubeadm with flannel": Layout(
        {
            NET_D + "10-flannel.conflist": chain({"type": "flannel", "delegate": {"isDefaultGateway": True}}, PORTMAP),
            "/run/flannel/subnet.env": "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\n",
        },
        pod=["10.244.0.0/16", "10.244.3.0/24 node"],
        plugins=["flannel", "portmap"],
    ),
    "kubeadm with Weave Net": Layout(
        {
            NET_D + "10-weave.conflist": chain({"name": "weave", "type": "weave-net", "hairpinMode": True}, PORTMAP),
            NET_D + "200-loopback.conf": {"name": "lo", "type": "loopback"},
        },
        plugins=["weave-net", "portmap"],
    ),
    "kube-router": Layout(
        {
            NET_D + "10-kuberouter.conflist": chain(
                {"type": "bridge", "bridge": "kube-bridge", "ipam": {"type": "host-local", "subnet": "10.244.1.0/24"}},
                PORTMAP,
            )
        },
        pod=["10.244.1.0/24 node"],
        plugins=["bridge", "portmap"],
    ),
    "kube-router, dual stack": Layout(
        {
            NET_D + "10-kuberouter.conflist": chain(
                {"type": "bridge", "bridge": "kube-bridge", "ipam": host_local("10.244.1.0/24", "fd00:244:1::/64")}
            )
        },
        pod=["10.244.1.0/24 node", "fd00:244:1::/64 node"],
        plugins=["bridge"],
    ),
    "Calico with its own IPAM": Layout(
        {NET_D + "10-calico.conflist": chain({**CALICO, "ipam": {"type": "calico-ipam"}}, BANDWIDTH, PORTMAP)},
        plugins=["calico", "bandwidth", "portmap"],
    ),
    "Calico with pools that are written out": Layout(
        {
            NET_D + "10-calico.conflist": chain(
                {
                    **CALICO,
                    "ipam": {
                        "type": "calico-ipam",
                        "ipv4_pools": ["10.233.64.0/18", "extra-pool"],
                        "ipv6_pools": ["fd85:ee78:d8a6:8607::1:0/112"],
                    },
                }
            )
        },
        pod=["10.233.64.0/18", "fd85:ee78:d8a6:8607::1:0/112"],
        plugins=["calico"],
    ),
    "Calico with host-local and the node's range": Layout(
        {
            NET_D + "10-calico.conflist": chain(
                {
                    **CALICO,
                    "ipam": {
                        "type": "host-local",
                        "ranges": [[{"subnet": "usePodCidr"}], [{"subnet": "usePodCidrIPv6"}]],
                    },
                }
            )
        },
        plugins=["calico"],
    ),
    "Canal": Layout(
        {
            NET_D + "10-canal.conflist": chain(
                {**CALICO, "ipam": {"type": "host-local", "subnet": "usePodCidr"}}, PORTMAP, BANDWIDTH
            ),
            "/run/flannel/subnet.env": "FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\n",
        },
        pod=["10.42.0.0/16", "10.42.1.0/24 node"],
        plugins=["calico", "portmap", "bandwidth"],
    ),
    "Cilium in place of kube-proxy": Layout(
        {
            NET_D + "05-cilium.conflist": chain({"type": "cilium-cni", "log-file": "/var/run/cilium/cilium-cni.log"}),
            NET_D + "87-podman-bridge.conflist.cilium_bak": chain(
                {"type": "bridge", "ipam": host_local("10.88.0.0/16")}
            ),
        },
        plugins=["cilium-cni"],
    ),
    "Cilium behind another plugin (generic-veth)": Layout(
        {
            NET_D + "05-cilium.conflist": chain(
                {**CALICO, "ipam": {"type": "calico-ipam"}},
                PORTMAP,
                {"type": "cilium-cni", "ipam": {"type": "host-local", "subnet": "192.0.2.0/24"}},
                name="generic-veth",
            )
        },
        plugins=["calico", "portmap", "cilium-cni"],
    ),
    "Antrea": Layout(
        {NET_D + "10-antrea.conflist": chain({"type": "antrea", "ipam": {"type": "host-local"}}, PORTMAP, BANDWIDTH)},
        plugins=["antrea", "portmap", "bandwidth"],
    ),
    "OVN-Kubernetes": Layout({NET_D + "10-ovn-kubernetes.conf": OVN}, plugins=["ovn-k8s-cni-overlay"]),
    "Kube-OVN": Layout(
        {
            NET_D + "01-kube-ovn.conflist": chain(
                {"type": "kube-ovn", "server_socket": "/run/openvswitch/kube-ovn-daemon.sock"}, PORTMAP
            )
        },
        plugins=["kube-ovn", "portmap"],
    ),
    "kind, kindnet since 2025": Layout(
        {
            NET_D + "10-kindnet.conflist": chain(
                {"type": "cni-kindnet", "ranges": ["10.244.2.0/24", "fd00:10:244:2::/64"]}, name="kindnet"
            )
        },
        pod=["10.244.2.0/24 node", "fd00:10:244:2::/64 node"],
        plugins=["cni-kindnet"],
    ),
    "minikube, bridge; podman's own network is switched off": Layout(
        {
            NET_D + "1-k8s.conflist": chain(
                {"type": "bridge", "bridge": "bridge", "ipam": {"type": "host-local", "subnet": "10.244.0.0/16"}},
                PORTMAP,
            ),
            NET_D + "87-podman-bridge.conflist.mk_disabled": chain({"type": "bridge"}),
            NET_D + "100-crio-bridge.conflist.mk_disabled": chain({"type": "bridge"}),
        },
        pod=["10.244.0.0/16 node"],
        plugins=["bridge", "portmap"],
    ),
    "k3s with a network of another's": Layout(
        {
            "/etc/rancher/k3s/config.yaml": "flannel-backend: none\ncluster-cidr: 10.42.0.0/16,2001:cafe:42::/56\n",
            "/var/lib/rancher/k3s/server/.keep": "",
            "/var/lib/rancher/k3s/agent/etc/containerd/config.toml": "version = 3\n",
            "/var/lib/rancher/k3s/agent/etc/cni/net.d/10-flannel.conflist": chain({"type": "flannel"}),
            NET_D + "05-cilium.conflist": chain({"type": "cilium-cni"}),
        },
        pod=["10.42.0.0/16", "2001:cafe:42::/56"],
        service=["10.43.0.0/16"],
        plugins=["cilium-cni"],
    ),
    "rke2 with Canal": Layout(
        {
            "/etc/rancher/rke2/config.yaml": "cluster-cidr: 10.60.0.0/16\nservice-cidr: 10.61.0.0/16\n",
            "/var/lib/rancher/rke2/agent/etc/containerd/config.toml": "version = 3\n",
            NET_D + "10-canal.conflist": chain({**CALICO, "ipam": {"type": "host-local", "subnet": "usePodCidr"}}),
        },
        pod=["10.60.0.0/16"],
        service=["10.61.0.0/16"],
        plugins=["calico"],
    ),
    "k0s with kube-router": Layout(
        {
            "/etc/k0s/k0s.yaml": "kind: ClusterConfig\nspec:\n  network:\n    provider: kuberouter\n"
            "    podCIDR: 10.244.0.0/16\n    serviceCIDR: 10.96.0.0/12\n",
            NET_D + "10-kuberouter.conflist": chain({"type": "bridge", "ipam": host_local("10.244.0.0/24")}),
        },
        pod=["10.244.0.0/16", "10.244.0.0/24 node"],
        service=["10.96.0.0/12"],
        plugins=["bridge"],
    ),
    "microk8s": Layout(
        {
            "/var/snap/microk8s/current/args/kube-proxy": "--cluster-cidr=10.1.0.0/16\n",
            "/var/snap/microk8s/current/args/kube-apiserver": "--service-cluster-ip-range=10.152.183.0/24\n",
            "/var/snap/microk8s/current/args/cni-network/10-calico.conflist": chain(
                {**CALICO, "ipam": {"type": "calico-ipam"}}
            ),
        },
        pod=["10.1.0.0/16"],
        service=["10.152.183.0/24"],
        plugins=["calico"],
    ),
    "Canonical Kubernetes, the snap": Layout(
        {
            "/var/snap/k8s/common/args/kube-controller-manager": "--cluster-cidr=10.1.0.0/16\n",
            "/var/snap/k8s/common/args/kube-apiserver": "--service-cluster-ip-range=10.152.183.0/24\n",
            NET_D + "05-cilium.conflist": chain({"type": "cilium-cni"}),
        },
        pod=["10.1.0.0/16"],
        service=["10.152.183.0/24"],
        plugins=["cilium-cni"],
    ),
    "kubespray with Calico": Layout(
        {
            "/etc/kubernetes/kubeadm-config.yaml": "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"
            "networking:\n  podSubnet: 10.233.64.0/18\n  serviceSubnet: 10.233.0.0/18\ncontrollerManager:\n"
            "  extraArgs:\n  - name: cluster-cidr\n    value: 10.233.64.0/18\n  - name: node-cidr-mask-size-ipv4\n"
            '    value: "24"\n',
            NET_D + "10-calico.conflist": chain(
                {**CALICO, "ipam": {"type": "calico-ipam", "assign_ipv4": "true"}}, PORTMAP
            ),
        },
        pod=["10.233.64.0/18", "10.233.64.0/18"],
        service=["10.233.0.0/18"],
        plugins=["calico", "portmap"],
    ),
    "OpenShift with OVN-Kubernetes, a control-plane node": Layout(
        {
            MANIFESTS + "kube-controller-manager-pod.yaml": revision("kube-controller-manager", 7),
            MANIFESTS + "kube-apiserver-pod.yaml": revision("kube-apiserver", 12),
            RESOURCES + "kube-controller-manager-pod-7/configmaps/config/config.yaml": {
                "apiVersion": "kubecontrolplane.config.openshift.io/v1",
                "kind": "KubeControllerManagerConfig",
                "extendedArguments": {
                    "allocate-node-cidrs": ["false"],
                    "cluster-cidr": ["10.128.0.0/14"],
                    "service-cluster-ip-range": ["172.30.0.0/16"],
                },
            },
            RESOURCES + "kube-controller-manager-pod-6/configmaps/config/config.yaml": {
                "kind": "KubeControllerManagerConfig",
                "extendedArguments": {"cluster-cidr": ["10.99.0.0/16"]},
            },
            RESOURCES + "kube-apiserver-pod-12/configmaps/config/config.yaml": {
                "kind": "KubeAPIServerConfig",
                "apiServerArguments": {"service-cluster-ip-range": ["172.30.0.0/16"]},
                "servicesSubnet": "172.30.0.0/16",
            },
            "/etc/crio/crio.conf.d/00-default": '[crio.network]\nnetwork_dir = "/etc/kubernetes/cni/net.d/"\n',
            "/etc/kubernetes/cni/net.d/00-multus.conf": {
                "name": "multus-cni-network",
                "type": "multus-shim",
                "readinessindicatorfile": "/run/multus/cni/net.d/10-ovn-kubernetes.conf",
                "clusterNetwork": "/run/multus/cni/net.d/10-ovn-kubernetes.conf",
            },
            "/run/multus/cni/net.d/10-ovn-kubernetes.conf": OVN,
        },
        pod=["10.128.0.0/14"],
        service=["172.30.0.0/16", "172.30.0.0/16", "172.30.0.0/16"],
        plugins=["ovn-k8s-cni-overlay"],
        through=["00-multus.conf"],
    ),
    "OpenShift SDN behind Multus": Layout(
        {
            NET_D + "00-multus.conf": {
                "cniVersion": "0.3.1",
                "name": "multus-cni-network",
                "type": "multus",
                "namespaceIsolation": True,
                "delegates": [{"cniVersion": "0.3.1", "name": "openshift-sdn", "type": "openshift-sdn"}],
                "readinessindicatorfile": "/var/run/multus/cni/net.d/80-openshift-network.conf",
            }
        },
        plugins=["openshift-sdn"],
        through=["00-multus.conf"],
    ),
    "Multus as a daemon before flannel": Layout(
        {
            NET_D + "00-multus.conf": {
                "name": "multus-cni-network",
                "type": "multus-shim",
                "clusterNetwork": "/host/etc/cni/net.d/10-flannel.conflist",
            },
            NET_D + "10-flannel.conflist": chain({"type": "flannel"}, PORTMAP, name="cbr0"),
            NET_D + "multus.d/daemon-config.json": {"chrootDir": "/hostroot", "cniVersion": "0.3.1"},
        },
        plugins=["flannel", "portmap"],
        through=["00-multus.conf"],
    ),
    "Multus with additional networks": Layout(
        {
            NET_D + "00-multus.conf": {
                "name": "multus-cni-network",
                "type": "multus",
                "delegates": [
                    chain({"type": "bridge", "bridge": "cni0", "ipam": host_local("10.244.7.0/24")}, name="cbr0"),
                    {"name": "storage", "type": "macvlan", "master": "eth1", "ipam": host_local("192.0.2.0/25")},
                ],
            }
        },
        pod=["10.244.7.0/24 node"],
        plugins=["bridge"],
        through=["00-multus.conf"],
    ),
    "Multus before Calico, Istio's plugin chained": Layout(
        {
            NET_D + "00-multus.conflist": chain(
                {"type": "multus", "delegates": [chain({**CALICO, "ipam": {"type": "calico-ipam"}}, PORTMAP)]},
                {"type": "istio-cni", "log_level": "info"},
            )
        },
        plugins=["calico", "portmap"],
        through=["00-multus.conflist"],
    ),
    "CNI-Genie": Layout(
        {
            NET_D + "00-genie.conf": {"name": "k8s-pod-network", "type": "genie", "default_plugin": "weave-net"},
            NET_D + "10-calico.conflist": chain(CALICO),
            NET_D + "10-weave.conf": {"name": "weave", "type": "weave-net"},
        },
        plugins=["weave-net"],
        through=["00-genie.conf"],
    ),
    "DANM": Layout(
        {
            NET_D + "00-danm.conf": {"name": "meta_cni", "type": "danm", "cniDir": "/etc/cni/net.d"},
            NET_D + "flannel.conf": {"name": "cbr0", "type": "flannel"},
        },
        plugins=["danm"],
    ),
    "whereabouts with several ranges": Layout(
        {
            NET_D + "10-net.conflist": chain(
                {
                    "type": "bridge",
                    "ipam": {"type": "whereabouts", "ipRanges": [{"range": "192.168.10.0/24"}, {"range": "abcd::/64"}]},
                }
            )
        },
        pod=["192.168.10.0/24", "abcd::/64"],
        plugins=["bridge"],
    ),
    "macvlan with whereabouts": Layout(
        {
            NET_D + "10-macvlan.conf": {
                "name": "macvlan",
                "type": "macvlan",
                "master": "eth1",
                "ipam": {"type": "whereabouts", "range": "192.0.2.64-192.0.2.126/24"},
            }
        },
        pod=["192.0.2.0/24"],
        plugins=["macvlan"],
        flat=True,
    ),
    "by hand: units, no static pods": Layout(
        {
            "/etc/systemd/system/kube-controller-manager.service": "[Service]\n"
            "ExecStart=/usr/local/bin/kube-controller-manager \\\n"
            "  --cluster-cidr=10.200.0.0/16 \\\n  --service-cluster-ip-range=10.32.0.0/24 \\\n  --v=2\n",
            "/etc/systemd/system/kube-proxy.service": "[Service]\nExecStart=/usr/local/bin/kube-proxy \\\n"
            "  --config=/var/lib/kube-proxy/kube-proxy-config.yaml\n",
            "/var/lib/kube-proxy/kube-proxy-config.yaml": "kind: KubeProxyConfiguration\nmode: iptables\n"
            "clusterCIDR: 10.200.0.0/16\n",
            NET_D + "10-bridge.conf": {
                "name": "bridge",
                "type": "bridge",
                "bridge": "cni0",
                "ipam": host_local("10.200.1.0/24"),
            },
            NET_D + "99-loopback.conf": {"name": "lo", "type": "loopback"},
        },
        pod=["10.200.0.0/16", "10.200.0.0/16", "10.200.1.0/24 node"],
        service=["10.32.0.0/24"],
        plugins=["bridge"],
    ),
}
