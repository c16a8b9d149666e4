# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about cables and bridges."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from operator import itemgetter

from ..model import ranges
from ..model.index import NodeView
from ..model.records import (
    Bridge,
    Cable,
    End,
    Finding,
    Model,
    Namespace,
)
from ..text import commands, words
from ..text.escape import shell_word
from .nodes import cut


def cable_not_proven(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Cables whose other end is not proven; one finding for each node and reason.

    The node's own way out is none of these: on a node that is a container itself (kind, or the
    nodes of podnet.lab.local_nodes) it is a veth whose other end is outside of the node.
    """
    for host, view in views.items():
        alike: dict[tuple[str, str], list[Cable]] = defaultdict(list)
        for cable in view.cables:
            if cable["resolution"] != "exact" and not view.leaves_node(cable):
                alike[cable["resolution"], cable["reason"] or "no reason given"].append(cable)
        for (resolution, reason), cables in sorted(alike.items()):
            names = [words.end(cable["ends"][0]) for cable in cables]
            yield {
                "kind": f"cable-{resolution}",
                "severity": "unproven",
                "hosts": [host],
                "object": words.listed(names),
                "message": f"where {words.listed(names)} {'leads' if len(names) == 1 else 'lead'} "
                f"is {resolution}: {reason}",
                "evidence": cut([_whole(cable, view.namespaces) for cable in cables]),
                "remedy": "Inspect as root with -e podnet_gather_subset=default,hidden, which also looks for "
                "namespaces that are held by nothing but an open descriptor or a socket",
                "command": commands.cable(cables[0], view.namespaces),
            }


def _whole(cable: Cable, namespaces: dict[int, Namespace]) -> str:
    return " - ".join(f"{words.end(end)}{_where(end, namespaces)}" for end in cable["ends"])


def _where(end: End, namespaces: dict[int, Namespace]) -> str:
    namespace = namespaces.get(end["netns"]) if end["netns"] is not None else None
    return "" if namespace is None else f" in {words.namespace_name(namespace)}"


def cable_unplugged(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Pods' cables that are no port of the bridge which their address asks for.

    Only where it is certain that the cable belongs into a bridge: the pod's address lies in the
    network of a bridge beside the cable's end, and no route of its own leads to the pod. A pod
    that is routed to (ptp, kindnet, Calico) has such a route and needs no bridge.
    """
    for host, view in views.items():
        bridges = [bridge for bridge in view.bridges if bridge["addr_info"]]
        if not bridges:
            continue
        for cable in view.cables:
            if cable["pod"] is None or cable["bridge"] is not None or cable["resolution"] != "exact":
                continue
            inner, outer = _sides(cable, view)
            if inner is None or outer is None or outer["master"] is not None or outer["ifname"] is None:
                continue
            bridge = _bridge_for(inner, outer, bridges, view)
            if bridge is None:
                continue
            name = words.pod_name(cable["pod"])
            beside = view.namespaces.get(bridge["netns"])
            remedy = f"ip link set dev {shell_word(outer['ifname'])} master {shell_word(bridge['ifname'])}"
            yield {
                "kind": "cable-unplugged",
                "severity": "fault",
                "hosts": [host],
                "object": outer["ifname"],
                "message": f"{outer['ifname']}, the cable of {name}, is no port of {bridge['ifname']}, "
                "in whose network the pod's address lies",
                "evidence": [
                    _whole(cable, view.namespaces),
                    f"{bridge['ifname']} has {', '.join(words.address(one) for one in bridge['addr_info'])}",
                ],
                "remedy": commands.inside(beside, remedy) if beside is not None else remedy,
                "command": commands.cable(cable, view.namespaces),
            }


def _sides(cable: Cable, view: NodeView) -> tuple[End | None, End | None]:
    """Return the end inside the cable's pod and the one outside."""
    pods = {pod["netns"] for pod in view.pods if not pod["host_network"]}
    inner = [end for end in cable["ends"] if end["netns"] in pods]
    outer = [end for end in cable["ends"] if end["netns"] not in pods]
    return (inner[0], outer[0]) if len(inner) == 1 and len(outer) == 1 else (None, None)


def _bridge_for(inner: End, outer: End, bridges: list[Bridge], view: NodeView) -> Bridge | None:
    interface = view.interface(inner)
    beside = view.namespaces.get(outer["netns"]) if outer["netns"] is not None else None
    if interface is None or beside is None or beside["routes"] is None:
        return None
    addresses = [one["local"] for one in interface["addr_info"] if ranges.is_specific(one["local"])]
    routed = [route["dst"] for route in beside["routes"] if route["dev"] == outer["ifname"]]
    for address in addresses:
        if any(dst != "default" and ranges.contains(dst, address) for dst in routed):
            continue
        for bridge in bridges:
            inside = any(ranges.contains(words.address(one), address) for one in bridge["addr_info"])
            if inside and bridge["netns"] == outer["netns"]:
                return bridge
    return None


def port_not_forwarding(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Ports of pods in a bridge that pass no packets.

    Without the spanning tree protocol a port is forwarding as soon as its link is up. Ports
    without a pod or peer, such as a card without a plug, may be idle in good health.
    """
    for host, view in views.items():
        for bridge in view.bridges:
            for port in bridge["ports"]:
                if port["state"] in (None, "forwarding") or (port["pod"] is None and port["peer"] is None):
                    continue
                if bridge["stp_state"] and port["state"] in ("listening", "learning", "blocking"):
                    continue
                owner = f", the cable of {words.pod_name(port['pod'])}," if port["pod"] else ""
                yield {
                    "kind": "port-not-forwarding",
                    "severity": "fault",
                    "hosts": [host],
                    "object": f"{bridge['ifname']} {port['ifname']}",
                    "message": f"the port {port['ifname']}{owner} of {bridge['ifname']} is {port['state']}",
                    "evidence": [f"{bridge['ifname']}: {port['ifname']} state {port['state']}"],
                    "remedy": f"Set both ends of the cable up, or see why they are down; as a last resort: "
                    f"bridge link set dev {shell_word(port['ifname'])} state 3",
                    "command": commands.bridge(bridge, view.namespaces),
                }


def mtu_mismatch(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Cables whose ends disagree on the MTU, and bridges that pass on less than their pods send."""
    for host, view in views.items():
        bridges = {(bridge["netns"], bridge["ifname"]): bridge for bridge in view.bridges}
        small: dict[tuple[int, str], list[tuple[Cable, int]]] = defaultdict(list)
        for cable in view.cables:
            if cable["resolution"] != "exact":
                continue
            first, second = cable["ends"]
            sizes = [end["mtu"] for end in cable["ends"] if end["mtu"] is not None]
            owner = f"of {words.pod_name(cable['pod'])}" if cable["pod"] else words.cable(cable)
            if len(sizes) == 2 and sizes[0] != sizes[1]:
                yield _mtu_finding(
                    host,
                    words.cable(cable),
                    f"the ends of the cable {owner} have different MTUs, so larger packets are lost without a word",
                    [f"{words.end(end)}{_where(end, view.namespaces)}: MTU {end['mtu']}" for end in (first, second)],
                    f"Set both to {min(sizes)}, and set the network plugin's mtu so that new pods get it",
                    commands.cable(cable, view.namespaces),
                )
                continue
            bridge = bridges.get((cable["bridge"]["netns"], cable["bridge"]["ifname"])) if cable["bridge"] else None
            if cable["pod"] is None or bridge is None or bridge["mtu"] is None or not sizes:
                continue
            if sizes[0] > bridge["mtu"]:
                small[bridge["netns"], bridge["ifname"]].append((cable, sizes[0]))
        for key, larger in small.items():
            yield _small_bridge(host, bridges[key], larger, view)


def _small_bridge(host: str, bridge: Bridge, larger: list[tuple[Cable, int]], view: NodeView) -> Finding:
    pods = [words.pod_name(cable["pod"]) for cable, _size in larger if cable["pod"] is not None]
    return {
        "kind": "bridge-mtu",
        "severity": "fault",
        "hosts": [host],
        "object": bridge["ifname"],
        "message": f"{bridge['ifname']} passes on packets of {bridge['mtu']} bytes, and {words.listed(pods)} may send "
        f"{larger[0][1]}: larger ones are lost without a word",
        "evidence": cut(
            [
                f"{bridge['ifname']}: MTU {bridge['mtu']}",
                *(f"{words.cable(cable)}: MTU {size}" for cable, size in larger),
            ]
        ),
        "remedy": f"Give all ports of {bridge['ifname']} one MTU, of which it takes the smallest, and set it as the "
        "network plugin's mtu so that new pods get it",
        "command": commands.bridge(bridge, view.namespaces),
    }


def _mtu_finding(host: str, thing: str, message: str, evidence: list[str], remedy: str, command: str) -> Finding:
    return {
        "kind": "mtu-mismatch",
        "severity": "fault",
        "hosts": [host],
        "object": thing,
        "message": message,
        "evidence": evidence,
        "remedy": remedy,
        "command": command,
    }


def mac_twice_on_bridge(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Two interfaces behind one bridge with the same MAC: the bridge sends packets to one of them at a time.

    Compared are the far ends of the ports. What many cables' near ends share, as Calico's
    ee:ee:ee:ee:ee:ee, is behind no bridge.
    """
    for host, view in views.items():
        behind: dict[tuple[int, str, str], list[End]] = defaultdict(list)
        for cable in view.cables:
            name = cable["bridge"]
            if name is None or cable["resolution"] != "exact":
                continue
            for end in cable["ends"]:
                plugged = end["master"] == name["ifname"] and end["netns"] == name["netns"]
                if not plugged and end["address"]:
                    behind[name["netns"], name["ifname"], end["address"]].append(end)
        twice = [(place, ends) for place, ends in behind.items() if len(ends) > 1]
        for (netns, ifname, mac), ends in sorted(twice, key=itemgetter(0)):
            places = [f"{words.end(end)}{_where(end, view.namespaces)}" for end in ends]
            bridge = next((one for one in view.bridges if (one["netns"], one["ifname"]) == (netns, ifname)), None)
            yield {
                "kind": "mac-twice-on-bridge",
                "severity": "fault",
                "hosts": [host],
                "object": mac,
                "message": f"{words.listed(places)} behind {ifname} have the same MAC {mac}",
                "evidence": cut([f"{place}: {mac}" for place in places]),
                "remedy": "Delete all but one of them to have them made anew; "
                "if a plugin sets MAC addresses, let it leave that to the kernel",
                "command": None if bridge is None else commands.bridge(bridge, view.namespaces),
            }


_MARK = "podnet.lab:"
"""How the alias of a lab's link begins; the lab's name follows."""

_PLUGINS_BRIDGES = ("cni0", "cbr0", "kube-bridge", "weave")
"""What the plugin bridge with flannel or by custom, kubenet, kube-router and Weave Net name theirs.

Others (docker0, virbr0, lxcbr0) are often without ports in good health, and of no pod network.
"""


def bridge_left_over(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Bridges of a pod network that has gone: without ports, and in no range that the node gives its pods.

    So they remain after a teardown that was interrupted, after `kubeadm reset`, which leaves the plugins' links
    alone, and after a change of the range: then the plugin fails because its bridge has another address. A bridge
    without ports in a range that is in force only waits for the next pod.
    """
    for node in model["nodes"]:
        view = views[node["host"]]
        own = view.own_namespace
        if node["status"] != "read" or own is None:
            continue
        aliases = {interface["ifindex"]: interface["ifalias"] or "" for interface in own["interfaces"]}
        in_force = [one["cidr"] for one in view.ranges if one["what"] == "pod" and one["scope"] != "hint"]
        for bridge in view.bridges:
            if bridge["ports"] or bridge["netns"] != own["inode"]:
                continue
            alias = aliases.get(bridge["ifindex"], "")
            if not alias.startswith(_MARK) and bridge["ifname"] not in _PLUGINS_BRIDGES:
                continue
            held = [one["local"] for one in bridge["addr_info"] if ranges.is_specific(one["local"])]
            if any(ranges.contains(cidr, local) for cidr in in_force for local in held):
                continue
            whose = f"lab {alias[len(_MARK) :]}" if alias.startswith(_MARK) else "a network plugin"
            addresses = ", ".join(words.address(one) for one in bridge["addr_info"]) or "no address"
            yield {
                "kind": "bridge-left-over",
                "severity": "note",
                "hosts": [node["host"]],
                "object": bridge["ifname"],
                "message": f"{bridge['ifname']}, a bridge of {whose}, has no ports and is in no range that this node "
                "gives to pods, so it seems to be left over",
                "evidence": [
                    f"{bridge['ifname']}: {addresses}, no ports",
                    f"ranges of pods on this node: {', '.join(in_force) or 'none is written down'}",
                ],
                "remedy": f"If nothing of yours needs it: ip link delete dev {shell_word(bridge['ifname'])}",
                "command": commands.link(bridge["ifname"], own),
            }


ALL = (
    cable_not_proven,
    cable_unplugged,
    port_not_forwarding,
    mtu_mismatch,
    mac_twice_on_bridge,
    bridge_left_over,
)
