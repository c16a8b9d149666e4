# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scopes of a cluster's network, and what is compared in each: from the container to the cluster.

What is compared of Services, names, policies and the way in stands in the file of each.
"""

from __future__ import annotations

from ..model import ranges
from ..model.records import Pod
from ..report import rows
from ..text import commands, words
from . import dns, external, policies, services, tunnels
from .measured import (
    NO_PODS,
    Measured,
    Question,
    absent,
    bridge_command,
    inside,
    pod_bridges,
    pod_cables,
    ranges_of,
    seen,
    spread,
    written,
)
from .routing import TUNNELS
from .world import World

# Container


def _workers(pod: Pod) -> list[str]:
    """Return the containers of a pod, without the one that only holds the sandbox."""
    return [one["name"] or (one["id"] or "?")[:12] for one in pod["containers"] if one["id"] != pod["sandbox_id"]]


def _containers(world: World) -> Measured:
    together = [pod for pod in world.pods if len(_workers(pod)) > 1]
    if not together:
        return absent("no pod with several containers")
    pod = together[0]
    text = f"{words.listed(_workers(pod), 3)} of {words.pod_name(pod)} are in one namespace"
    return seen("shared", text, inside(world.namespace(pod), "ip -br addr"))


def _runtime(world: World) -> Measured:
    known = [pod["runtime"] for pod in world.model["pods"] if pod["runtime"]]
    if not known:
        return absent(NO_PODS if not world.model["pods"] else "nobody says who runs the pods")
    values, text = spread(known, "pod")
    return seen(values, text, (world.model["pods"][0]["host"], "lsns -t net -o NS,PID,COMMAND"))


# Pod


def _addresses(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    held = [one["local"] for pod in world.pods for one in pod["addresses"]]
    values, text = spread((words.counted(len(pod["addresses"]), "address") for pod in world.pods), "pod")
    unique = "each its own" if len(held) == len(set(held)) else "some shared"
    return seen((values, unique), f"{text}, {unique}", inside(world.namespace(world.pods[0]), "ip -br addr"))


def _same_node(world: World) -> Measured:
    for bridge in pod_bridges(world):
        ports = [port for port in bridge["ports"] if port["pod"] is not None]
        if len(ports) > 1:
            values, text = spread((port["state"] or "unknown" for port in ports), "port")
            told = f"{words.counted(len(ports), 'port')} of {bridge['ifname']}, {text}"
            return seen(("bridge", values), told, bridge_command(world, bridge))
    hosts = [pod["host"] for pod in world.pods]
    if len(hosts) == len(set(hosts)):
        return absent("no node with two pods")
    return seen("routed", "by the node's routes", (hosts[0], "ip route"))


def _host_network(world: World) -> Measured:
    shared = [pod for pod in world.model["pods"] if pod["host_network"]]
    if not shared:
        return absent("none")
    text = words.listed(list(dict.fromkeys(words.pod_name(pod) for pod in shared)), 3)
    return seen("there", text, (shared[0]["host"], "ip -br addr"))


# Node


def _own_range(world: World) -> Measured:
    found: dict[str, str] = {}
    for bridge in pod_bridges(world):
        for one in bridge["addr_info"]:
            network = ranges.network(words.address(one))
            if network is not None and ranges.is_specific(one["local"]):
                found[f"{bridge['host']} {network.cidr}"] = str(network.cidr)
    if not found:
        return absent("no bridge with pods and an address")
    apart = not any(True for _pair in ranges.overlaps((cidr, name) for name, cidr in found.items()))
    text = f"{words.listed(list(found), 3)}{'' if apart else ': they overlap'}"
    return seen(apart, text, (pod_bridges(world)[0]["host"], "ip -br addr"))


def _tunnel(world: World) -> Measured:
    hosts = [(view.host, view.own_namespace) for view in world.views.values()]
    kinds = [(host, one["kind"] or "") for host, own in hosts for one in (own["interfaces"] if own else [])]
    tunnels = [(host, kind) for host, kind in kinds if kind in TUNNELS]
    host = world.read[0]["host"]
    if not tunnels:
        return seen(frozenset(), "none: packets between nodes are routed as they are", (host, "ip -d link"))
    return seen(
        frozenset(kind for _host, kind in tunnels),
        spread((kind for _host, kind in tunnels), "link")[1],
        (tunnels[0][0], f"ip -d link show type {tunnels[0][1]}"),
    )


def _room(world: World) -> Measured:
    sizes = []
    inner: dict[str, int] = {}
    for pod, _cable, near, _far in pod_cables(world):
        inner[pod["host"]] = max(near["mtu"] or 0, inner.get(pod["host"], 0))
    for node in world.read:
        own = world.views[node["host"]].own_namespace
        ways = {route["dev"] for route in node["default_route"]} or {one["ifname"] for one in node["addresses"]}
        uplinks = [one["mtu"] for one in own["interfaces"] if one["ifname"] in ways and one["mtu"]] if own else []
        if uplinks and inner.get(node["host"]):
            sizes.append((inner[node["host"]], min(uplinks)))
    if not sizes:
        return absent("no pod with a cable")
    most, uplink = max(sizes)
    fits = all(size <= room for size, room in sizes)
    text = f"pods {most}, uplink {uplink}{'' if fits else ': too small'}"
    return seen(fits, text, (world.read[0]["host"], "ip link"))


# Cluster


def _cni(world: World) -> Measured:
    found = [(node["host"], active) for node in world.read if (active := node["cni"]["active"]) is not None]
    if not found:
        return absent("no CNI configuration", (world.read[0]["host"], commands.CNI))
    host, active = found[0]
    plugins = frozenset(tuple(one["plugins"]) for _host, one in found)
    text = f"{active['path']}: {', '.join(active['plugins'])}"
    names = [one["name"] or "" for _host, one in found]
    return seen(plugins, text, (host, commands.file(active["path"])), names)


_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")


def _control_plane(world: World) -> Measured:
    found = [pod for pod in world.model["pods"] if pod["host_network"] and pod["name"].startswith(_CONTROL_PLANE)]
    if not found:
        return absent("no pod of a control plane on these nodes")
    kinds = sorted({kind for kind in _CONTROL_PLANE for pod in found if pod["name"].startswith(kind)})
    hosts = sorted({pod["host"] for pod in found})
    return seen("there", f"{', '.join(kinds)} on {words.listed(hosts, 3)}", (hosts[0], "ls /etc/kubernetes/manifests/"))


def _node_addresses(world: World) -> Measured:
    found = [(node["host"], rows.node_addresses(node)) for node in world.read]
    counts = frozenset(bool(addresses) for _host, addresses in found)
    text = words.listed([f"{host} {', '.join(addresses[:2])}" for host, addresses in found], 3)
    return seen(counts, text, (world.read[0]["host"], commands.NODE_ADDRESSES))


SCOPES: tuple[tuple[str, str, tuple[Question, ...]], ...] = (
    (
        "container",
        "Container",
        (
            Question(
                "container.shared", "containers of one pod, at 127.0.0.1", _containers,
                "Containers that share a namespace share its ports: no two may listen on one.",
            ),
            Question("container.runtime", "who runs them", _runtime, "Its files say which namespace is whose."),
        ),
    ),
    (
        "pod",
        "Pod",
        (
            Question("pod.address", "an address for each pod", _addresses, "By it others reach the pod."),
            Question(
                "pod.same-node", "pods of one node", _same_node,
                "Over a bridge packets between them need no route; routed ones pass the node's firewall.",
            ),
            Question(
                "pod.host-network", "pods on the node's own network", _host_network,
                "These share the node's addresses and ports: there is no namespace or cable of theirs to look for.",
            ),
        ),
    ),
    (
        "node",
        "Node",
        (
            Question("node.address", "addresses that nodes know each other by", _node_addresses,
                     "Routes between nodes lead to them."),
            Question("node.range", "a range of its own", _own_range,
                     "With overlapping ranges two pods get one address, and routes lead to the wrong node."),
            Question("node.tunnel", "a tunnel between nodes", _tunnel,
                     "A tunnel needs room in each packet and passes networks that do not know the pods' addresses."),
            Question("node.mtu", "room for the pods' packets on the way out", _room,
                     "Packets of pods that are larger than the uplink takes are cut up or dropped."),
        ),
    ),
    ("tunnel", "Tunnel", tunnels.QUESTIONS),
    ("service", "Service", services.QUESTIONS),
    ("dns", "Names", dns.QUESTIONS),
    ("policy", "Policies", policies.QUESTIONS),
    ("external", "Way in", external.QUESTIONS),
    (
        "cluster",
        "Cluster",
        (
            Question("cluster.range", "the range of all pods",
                     lambda world: written(ranges_of(world, "pod", "cluster"), "no file on the nodes says it"),
                     "What must not masquerade or block pods has to know it; where it is not written, it is guessed."),
            Question("cluster.cni", "the CNI configuration", _cni,
                     "The runtime calls the plugins named there for each pod; without it somebody does their work."),
            Question("cluster.control-plane", "a control plane", _control_plane,
                     "It gives nodes their ranges and says which pods belong to a Service."),
        ),
    ),
)  # fmt: skip
"""Key, title and questions of each scope, from the smallest to the largest."""
