# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kubeadm's configuration in each version of its API, and the CNI configuration of a node.

Sources: kubernetes/kubernetes, cmd/kubeadm/app/apis/kubeadm/v1beta2, v1beta3 and v1beta4 (types.go);
containernetworking/plugins, plugins bridge, host-local and portmap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.podnet.lab.plugins.module_utils._kubeadm.mark import CNI_NETWORK

from .description import Cluster
from .hosts import Host
from .versions import config_api

SOCKET = "/run/containerd/containerd.sock"
TOKEN_TTL = "15m0s"
API_PORT = 6443
KUBELET_API = "kubelet.config.k8s.io/v1beta1"


def extra_args(args: dict[str, list[str]], api: str) -> Any:
    """Return arguments as a version of the API has them: a mapping, and from v1beta4 on a list of name and value.

    In the mapping a flag has one value: of several the last is taken, as the flag itself would.
    """
    if api == "v1beta4":
        return [{"name": name, "value": value} for name, values in args.items() for value in values]
    return {name: values[-1] for name, values in args.items() if values}


def registration(cluster: Cluster, host: Host, addresses: Sequence[str], api: str) -> dict[str, Any]:
    """Return the nodeRegistration of a node with its address of each family."""
    result: dict[str, Any] = {
        "name": host.node_name,
        "criSocket": SOCKET if api == "v1beta2" else "unix://" + SOCKET,
        "kubeletExtraArgs": extra_args({"node-ip": [",".join(addresses)], **host.kubelet_args}, api),
    }
    if host.taints is not None:
        result["taints"] = [
            {"key": taint.key, "value": taint.value, "effect": taint.effect} if taint.value
            else {"key": taint.key, "effect": taint.effect}
            for taint in host.taints
        ]  # fmt: skip
    # kubeadm up to 1.21 refuses swap whatever the kubelet may; later ones warn.
    ignored = cluster.ignored + (["Swap"] if cluster.allow_swap and "Swap" not in cluster.ignored else [])
    if ignored:
        result["ignorePreflightErrors"] = ignored
    return result


def node_range_lengths(cluster: Cluster) -> dict[str, list[str]]:
    """Return the controller manager's arguments for the length of each node's range of pods."""
    if cluster.dual:
        return {f"node-cidr-mask-size-ipv{family}": [str(length)] for family, length in cluster.node_prefix.items()}
    return {"node-cidr-mask-size": [str(cluster.node_prefix[4])]}


def init_documents(
    cluster: Cluster,
    host: Host,
    addresses: Sequence[str],
    *,
    endpoint: str,
    sans: list[str],
    driver: str,
    own_conntrack: bool,
) -> list[dict[str, Any]]:
    """Return the documents for ``kubeadm init`` on the first node.

    `addresses` are the node's, one of each family of the cluster, and the API listens on the first.
    `endpoint` is ``host:port`` of the API for all, `sans` are names and addresses of its certificate,
    `driver` is the kubelet's cgroup driver. `own_conntrack` is false where kube-proxy may not size
    the connection tracking table.
    """
    api = config_api(cluster.known_version)
    version = "kubeadm.k8s.io/" + api
    controller = {**node_range_lengths(cluster), **cluster.extra_args["controller_manager"]}
    configuration: dict[str, Any] = {
        "apiVersion": version,
        "kind": "ClusterConfiguration",
        "clusterName": cluster.name,
        "kubernetesVersion": str(cluster.version),
        "controlPlaneEndpoint": endpoint,
        "networking": {
            "podSubnet": ",".join(map(str, cluster.pods)),
            "serviceSubnet": ",".join(map(str, cluster.services)),
            "dnsDomain": cluster.domain,
        },
        "apiServer": {"certSANs": sans, "extraArgs": extra_args(cluster.extra_args["apiserver"], api)},
        "controllerManager": {"extraArgs": extra_args(controller, api)},
        "scheduler": {"extraArgs": extra_args(cluster.extra_args["scheduler"], api)},
    }
    if cluster.repository:
        configuration["imageRepository"] = cluster.repository
    init: dict[str, Any] = {
        "apiVersion": version,
        "kind": "InitConfiguration",
        # Without one kubeadm makes a token that is good for a day; nodes join with tokens of their own.
        "bootstrapTokens": [{"ttl": TOKEN_TTL}],
        "localAPIEndpoint": {"advertiseAddress": addresses[0], "bindPort": API_PORT},
        "nodeRegistration": registration(cluster, host, addresses, api),
    }
    if cluster.timeouts:
        init["timeouts"] = cluster.timeouts
    kubelet = {
        "apiVersion": KUBELET_API,
        "kind": "KubeletConfiguration",
        "cgroupDriver": driver,
        **({"failSwapOn": False} if cluster.allow_swap else {}),
        **cluster.kubelet,
    }
    proxy: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        **({} if own_conntrack else {"conntrack": {"maxPerCore": 0, "min": 0}}),
        **({"mode": cluster.proxy_mode} if cluster.proxy_mode else {}),
        **cluster.kube_proxy,
    }
    return [init, configuration, kubelet, proxy]


def join_documents(cluster: Cluster, host: Host, addresses: Sequence[str], endpoint: str) -> list[dict[str, Any]]:
    """Return the document for ``kubeadm join``, without what belongs to one moment: token, key and hash."""
    api = config_api(cluster.known_version)
    join: dict[str, Any] = {
        "apiVersion": "kubeadm.k8s.io/" + api,
        "kind": "JoinConfiguration",
        "discovery": {"bootstrapToken": {"apiServerEndpoint": endpoint}},
        "nodeRegistration": registration(cluster, host, addresses, api),
    }
    if cluster.timeouts:
        join["timeouts"] = cluster.timeouts
    if host.control_plane:
        join["controlPlane"] = {"localAPIEndpoint": {"advertiseAddress": addresses[0], "bindPort": API_PORT}}
    return [join]


def upgrade_documents(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the document for ``kubeadm upgrade``, empty where flags say all."""
    if not cluster.timeouts:
        return []
    api = "kubeadm.k8s.io/" + config_api(cluster.known_version)
    return [{"apiVersion": api, "kind": "UpgradeConfiguration", "timeouts": cluster.timeouts}]


def kubelet_drop_in(cluster: Cluster, host: Host) -> dict[str, Any]:
    """Return the KubeletConfiguration beside the cluster's, which can be changed at any time; empty without any."""
    fields = {**({"serverTLSBootstrap": True} if cluster.serving else {}), **host.kubelet}
    return {"apiVersion": KUBELET_API, "kind": "KubeletConfiguration", **fields} if fields else {}


def cni_configuration(cluster: Cluster, pod_cidrs: Sequence[str]) -> dict[str, Any]:
    """Return the CNI configuration of a node: the bridge that the lab builds by hand, and host ports.

    `pod_cidrs` are the node's ranges, one of each family of the cluster; a pod gets an address of each.
    ipMasq stays false: the plugin would masquerade what goes to other nodes' pods as well.
    """
    bridge: dict[str, Any] = {
        "type": "bridge",
        "bridge": cluster.bridge,
        "isGateway": True,
        "isDefaultGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "ranges": [[{"subnet": pod_cidr}] for pod_cidr in pod_cidrs],
            "dataDir": "/var/lib/cni/networks",
        },
    }
    if cluster.mtu:
        bridge["mtu"] = cluster.mtu
    # 0.4.0 is understood by every plugin since 0.8; 1.0.0 from plugins 1.0 and containerd 1.6 on.
    cni_version = "1.0.0" if cluster.version and cluster.version >= (1, 24, 0) else "0.4.0"
    return {
        "cniVersion": cni_version,
        "name": CNI_NETWORK,
        "plugins": [bridge, {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}],
    }
