# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges in what the network plugins leave on a node: CNI configurations, flannel's and Cilium's files."""

from __future__ import annotations

from typing import Any, Dict, Optional

from .._files.reader import Files, load_json
from .cni_config import CniConfigs
from .cni_network import cluster_ranges, main_plugin, network_in_force, node_ranges
from .records import CLUSTER, HINT, NODE, Ranges, in_file

SUBNET_ENV = "/run/flannel/subnet.env"
FLANNEL_FILES = (
    "/etc/kube-flannel/net-conf.json",
    "/var/lib/rancher/k3s/agent/etc/flannel/net-conf.json",
)
ON_THE_NODES_NETWORK = (
    "aws-cni", "azure-vnet", "host-device", "ipvlan", "macvlan", "sriov", "terway",
)  # fmt: skip
"""Plugins with which pods take addresses of the nodes' own network."""
WITH_RANGES_OF_THEIR_OWN = (
    "antrea", "bridge", "calico", "cni-kindnet", "flannel", "openshift-sdn", "ovn-k8s-cni-overlay", "ptp", "weave-net",
)  # fmt: skip
"""Plugins with which pods never do; the others (cilium-cni among them) do so in some of their modes."""
_CILIUM_CLUSTER = ("cluster-pool-ipv4-cidr", "cluster-pool-ipv6-cidr")
_CILIUM_PREFIX = (("cluster-pool-ipv4-mask-size", "inet"), ("cluster-pool-ipv6-mask-size", "inet6"))
_CILIUM_KEY_BYTES = 4096


def add_cni_ranges(ranges: Ranges, configs: CniConfigs) -> None:
    """Note the ranges of the plugin that gives pods their address, in the network that is in force."""
    network = network_in_force(configs)
    if network is None:
        return
    key, plugin = main_plugin(network)
    known = len(ranges.pod)
    for place, value in node_ranges(key, plugin):
        ranges.add("pod", value, NODE, in_file("cni", network.path, place))
    if plugin["type"] in WITH_RANGES_OF_THEIR_OWN or _is_azure_overlay(plugin):
        ranges.flat = False  # whatever the controller manager was told: it does not give the addresses
    elif plugin["type"] in ON_THE_NODES_NETWORK:
        ranges.flat = True
        ranges.shared.extend(entry["cidr"] for entry in ranges.pod[known:])
    for place, written in cluster_ranges(key, plugin):
        ranges.add("pod", written, CLUSTER, in_file("cni", network.path, place))


def _is_azure_overlay(plugin: Dict[str, Any]) -> bool:
    """Tell whether azure-vnet gives addresses of a range of the cluster's own (azure-container-networking, ``cni``)."""
    ipam = plugin.get("ipam")
    mode = ipam.get("mode") if isinstance(ipam, dict) else None
    return plugin["type"] == "azure-vnet" and mode in ("v4overlay", "dualStackOverlay", "overlay")


def parse_environment(text: str) -> Dict[str, str]:
    r"""Return the assignments of a file of shell variables, comments and other lines left out.

    flannel writes (pkg/subnet/subnet.go, WriteSubnetFile)::

        FLANNEL_NETWORK=10.244.0.0/16
        FLANNEL_SUBNET=10.244.1.1/24
        FLANNEL_MTU=1450
        FLANNEL_IPMASQ=true

    >>> parse_environment("# x\nA=1\nB=\"2\"\n")
    {'A': '1', 'B': '2'}
    """
    values: Dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and name.isidentifier():
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            values[name] = value
    return values


def read_subnet_env(files: Files, ranges: Ranges, path: str = SUBNET_ENV) -> None:
    """Read what flannel decided for this node."""
    text = files.text(path)
    values = parse_environment(text) if text is not None else {}
    for prefix in ("FLANNEL_", "FLANNEL_IPV6_"):
        for name, scope in ((prefix + "NETWORK", CLUSTER), (prefix + "SUBNET", NODE)):
            ranges.add("pod", values.get(name), scope, in_file("flannel", path, name))


def add_flannel_network(ranges: Ranges, text: str, kind: str, path: str, hint: bool = False) -> None:
    """Note the networks of flannel's ``net-conf.json``; raise ValueError when it is none.

    A family that is switched off has a placeholder (k3s writes ``"IPv6Network": "::/0"``), which is no range::

        {"Network": "10.42.0.0/16", "EnableIPv6": false, "EnableIPv4": true, "IPv6Network": "::/0",
         "Backend": {"Type": "vxlan"}}
    """
    content: Any = load_json(text)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    scope = HINT if hint else CLUSTER
    if content.get("EnableIPv4", True):
        ranges.add("pod", content.get("Network"), scope, in_file(kind, path, "Network"))
    if content.get("EnableIPv6", False):
        ranges.add("pod", content.get("IPv6Network"), scope, in_file(kind, path, "IPv6Network"))


def read_flannel_network(
    files: Files, ranges: Ranges, path: str, kind: str = "flannel", within: Optional[str] = None, hint: bool = False
) -> None:
    """Read a ``net-conf.json``."""
    text = files.text(path, within=within)
    if text is None:
        return
    try:
        add_flannel_network(ranges, text, kind, path, hint)
    except ValueError as error:
        files.fail(path, "It is not flannel's network configuration: %s." % error, "Correct the file.")


def read_cilium_config_map(files: Files, ranges: Ranges, directory: str, hint: bool) -> None:
    """Read Cilium's pools in a mounted ``cilium-config``, which has one file per key."""
    for key in _CILIUM_CLUSTER:
        path = directory + "/" + key
        text = files.text(path, _CILIUM_KEY_BYTES, within=directory)
        if text is not None:
            ranges.add("pod", text.split(), HINT if hint else CLUSTER, in_file("config_map", path, key))
    for key, family in _CILIUM_PREFIX:
        path = directory + "/" + key
        text = files.text(path, _CILIUM_KEY_BYTES, within=directory)
        if text is not None and not hint:
            ranges.add_prefix_length(family, text, in_file("config_map", path, key))
