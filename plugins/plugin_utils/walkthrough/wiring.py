# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The second part of the walk: the cable, the bridge, and the way to other nodes."""

from __future__ import annotations

from ..model import ranges
from ..model.records import Bridge, End, Namespace, Range
from ..text import words
from .commands import inside, on_node
from .records import Command, Scene, Step
from .scene import address

_WIDE = ("cluster", "node")
"""Ranges that addresses are given from. The others are parts of them, or only say that there is one."""


def steps(scene: Scene) -> list[Step]:
    """Return the steps from the pod's cable to the ranges that its address is from."""
    return [_cable(scene), _bridge(scene), _forwarding(scene), _routes(scene), _ranges(scene)]


def _ends(scene: Scene) -> tuple[End, End] | None:
    """Return the end of the pod's cable inside and the other one, when both are known."""
    if scene.cable is None:
        return None
    first, second = scene.cable["ends"]
    near, other = (first, second) if first["netns"] == scene.pod["netns"] else (second, first)
    return (near, other) if near["ifname"] and other["ifname"] and other["netns"] in scene.namespaces else None


def _cable(scene: Scene) -> Step:
    ends = _ends(scene)
    if ends is None:
        return Step(
            "cable", "The cable", "Where does the pod's interface lead?", "", (),
            (scene.cable and scene.cable["reason"]) or "no veth cable of this pod was found with both its ends",
        )  # fmt: skip
    near, other = ends
    return Step(
        "cable",
        "The cable",
        "Where does the pod's interface lead?",
        f"{near['ifname']}@if{other['ifindex']} says that the other end is interface {other['ifindex']} of another "
        f"namespace. There, {other['ifindex']}: {other['ifname']}@if{near['ifindex']} says the same of this one.",
        (
            inside(scene.inside, "ip", "link", "show", "dev", near["ifname"] or ""),
            _where(scene, other["netns"], "ip", "link", "show", "dev", other["ifname"] or ""),
        ),
    )


def _where(scene: Scene, inode: int | None, *argv: str) -> Command:
    """Return a command in a namespace of the node: mostly its own."""
    namespace: Namespace | None = scene.namespaces.get(inode) if inode is not None else None
    return on_node(*argv) if namespace is None or namespace["kind"] == "host" else inside(namespace, *argv)


def _bridge(scene: Scene) -> Step:
    one = scene.bridge
    return Step(
        "bridge",
        "The bridge",
        "What is the node's end plugged into?",
        f"The cable is a port of {one['ifname']} (master), a switch in the kernel that all pods of this node share. "
        "Look for state forwarding, and for hairpin, which decides whether a pod can reach itself through a Service."
        if one
        else "",
        (_where(scene, one["netns"], "bridge", "-d", "link", "show", "master", one["ifname"]),) if one else (),
        None if one else _no_bridge(scene),
    )


def _no_bridge(scene: Scene) -> str:
    return "the node's end of the cable is no port of a bridge: packets are routed to it, as Calico and others do"


def _forwarding(scene: Scene) -> Step:
    one = scene.bridge
    return Step(
        "forwarding",
        "Forwarding table and neighbours",
        "How does the bridge know behind which port a pod is?",
        f"The forwarding table says which MAC address is behind which port of {one['ifname']}, learned from packets. "
        "The neighbours say which MAC address an IP address has, learned by ARP; both forget what was silent for long."
        if one
        else "",
        _tables(scene, one) if one else (),
        None if one else "there is no bridge in the pod's way",
    )


def _tables(scene: Scene, one: Bridge) -> tuple[Command, ...]:
    return (
        _where(scene, one["netns"], "bridge", "fdb", "show", "br", one["ifname"]),
        _where(scene, one["netns"], "ip", "neigh", "show", "dev", one["ifname"]),
    )


def _routes(scene: Scene) -> Step:
    far = address(scene.far) if scene.far else None
    commands = [inside(scene.inside, "ip", "route"), on_node("ip", "route")]
    if far is not None and scene.far is not None:
        commands.append(on_node("ip", "route", "get", far))
        target = f"ip route get asks for {far}, {words.pod_name(scene.far)} on {scene.far['host']}."
    else:
        target = "No pod on another node was seen, so that there is no route to ask for."
    return Step(
        "routes",
        "Routes",
        "How does a packet find a pod on another node?",
        "The pod knows one way, its gateway on the node; the node has a line for the pods of each other node, and says "
        f"by whom they are reached. {target}",
        tuple(commands),
    )


def _ranges(scene: Scene) -> Step:
    of_pods = [one["cidr"] for one in scene.ranges if one["what"] == "pod" and one["scope"] in _WIDE]
    of_services = [one for one in scene.model["ranges"] if one["what"] == "service" and one["scope"] == "cluster"]
    of_nodes = [one["cidr"] for one in scene.node["networks"]]
    networks = words.listed([one for one in of_nodes if not any(ranges.contains(outer, one) for outer in of_pods)])
    pods = words.listed(of_pods)
    services = words.listed([one["cidr"] for one in of_services])
    return Step(
        "ranges",
        "Three ranges, and where they are written",
        "Where do the addresses of nodes, pods and Services come from?",
        f"Nodes are in {networks or 'a network that was not read'}, pods in {pods or 'a range not known here'}, "
        f"Services in {services or 'none that is known here'}{_elsewhere(scene, of_services)}. The three must not "
        "overlap, and the file is where one would change them.",
        (on_node("ip", "-4", "route", "show", "proto", "kernel", "scope", "link"), *_written(scene)),
    )


def _written(scene: Scene) -> list[Command]:
    """Return commands that find the ranges in files of this node, one for each file."""
    places: dict[str, list[str]] = {}
    for what, scope in (("pod", "cluster"), ("pod", "node"), ("service", "cluster")):
        for one in scene.ranges:
            place = _file(one, scene.pod["host"]) if (one["what"], one["scope"]) == (what, scope) else None
            if place is not None:
                places.setdefault(place, []).append(one["cidr"])
                break
    return [
        on_node("grep", "--line-number", "--fixed-strings", *_patterns(found), "--", place)
        for place, found in places.items()
    ]


def _elsewhere(scene: Scene, found: list[Range]) -> str:
    """Return where the Services' range is written, when that is on another node."""
    if any(_file(one, scene.pod["host"]) for one in found):
        return ""
    for one in found:
        for host in one["hosts"]:
            place = _file(one, host)
            if place is not None:
                return f" (written on {host}, in {place})"
    return ""


def _patterns(cidrs: list[str]) -> list[str]:
    return [f"--regexp={one}" for one in dict.fromkeys(cidrs)]


def _file(one: Range, host: str) -> str | None:
    places = (source["place"] for source in one["sources"] if source["host"] == host)
    found = [place for place in places if place.startswith("/") and not place.startswith("/proc/")]
    # The administrator's own file says more than a copy of it in a pod's volume.
    return min(found, key=lambda place: not place.startswith("/etc/"), default=None)
