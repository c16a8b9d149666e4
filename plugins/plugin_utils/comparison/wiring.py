# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a plugin makes and plugs in: namespaces, bridges, cables and their set-up (duties 1 to 4 and 6).

Each function without an underscore answers one question of the table in :mod:`duties`.
"""

from __future__ import annotations

from ..model import ranges
from ..text import commands, words
from ..text.escape import shell_word
from .measured import (
    NO_PODS,
    Measured,
    absent,
    bridge_command,
    inside,
    not_read,
    pod_bridges,
    pod_cables,
    seen,
    spread,
)
from .world import World

# 1. Create the namespace


def namespace_of_its_own(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    places = {(pod["host"], pod["netns"]) for pod in world.pods}
    text = f"{words.counted(len(world.pods), 'pod')} in {words.counted(len(places), 'namespace')}"
    return seen(len(places) == len(world.pods), text, (world.pods[0]["host"], commands.NAMESPACES))


def mount(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    paths = [path for pod in world.pods for path in world.namespace(pod)["paths"][:1]]
    if not paths:
        return absent("no mount: only processes hold the namespaces", (world.pods[0]["host"], commands.NAMESPACES))
    folders = {path.rpartition("/")[0].replace("/var/run/", "/run/") for path in paths}
    return seen(
        (frozenset(folders), len(paths) == len(world.pods)),
        paths[0],
        (world.pods[0]["host"], "ip netns list"),
        (path.rpartition("/")[2] for path in paths),
    )


def sandbox(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    held = [world.sandboxes.get((pod["host"], pod["sandbox_id"] or "")) for pod in world.pods]
    names = [one for one in held if one is not None]
    if not names:
        return absent("no process of a sandbox was seen")
    _values, text = spread(names, "pod")
    return seen(len(names) == len(held), text, (world.pods[0]["host"], "lsns -t net -o NS,PID,COMMAND"), names)


# 2. Create interfaces


def bridge(world: World) -> Measured:
    hosts = {pod["host"] for pod in world.pods}
    if not hosts:
        return absent(NO_PODS)
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge: the pods are routed one by one", (min(hosts), commands.BRIDGES))
    counts = frozenset(sum(one["host"] == host for one in bridges) for host in hosts)
    names = [one["ifname"] for one in bridges]
    _values, text = spread(names, "node")
    host = bridges[0]["host"]
    return seen(counts, text, (host, "ip -d link show type bridge"), names)


def bridge_mtu(world: World) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    values, text = spread((str(one["mtu"]) for one in bridges), "bridge")
    return seen(values, f"MTU {text}", (bridges[0]["host"], commands.link(bridges[0]["ifname"])))


# 3. Create the veth pair


def pair(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    if any(cable["resolution"] != "exact" for _pod, cable, _near, _far in pod_cables(world)):
        return not_read("the other end of a pod's cable is not proven; see the report of the nodes")
    counts = [len(pod["cables"]) for pod in world.pods]
    values, text = spread((words.counted(count, "cable") for count in counts), "pod")
    return seen(values, f"{text} for each pod" if len(values) == 1 else text, (world.pods[0]["host"], commands.LINKS))


def inner_end(world: World) -> Measured:
    ends = [(pod, near["ifname"]) for pod, _cable, near, _far in pod_cables(world) if near["ifname"]]
    if not ends:
        return absent("no pod with a cable")
    names = [name for _pod, name in ends]
    _values, text = spread((name or "?" for name in names), "pod")
    at = inside(world.namespace(ends[0][0]), "ip -br link")
    return seen("in the pod", text, at, (name or "?" for name in names))


def outer_end(world: World) -> Measured:
    ends = [(pod, far) for pod, _cable, _near, far in pod_cables(world)]
    if not ends:
        return absent("no pod with a cable")
    hosts = {host: view.own_namespace for host, view in world.views.items()}
    at_home = {(own := hosts[pod["host"]]) is not None and far["netns"] == own["inode"] for pod, far in ends}
    names = [words.end(far) for _pod, far in ends]
    place = "on the node" if at_home == {True} else "not on the node"
    return seen(frozenset(at_home), f"{names[0]} {place}", (ends[0][0]["host"], commands.LINKS), names)


def pod_mtu(world: World) -> Measured:
    ends = [(pod, near["mtu"]) for pod, _cable, near, _far in pod_cables(world)]
    if not ends:
        return absent("no pod with a cable")
    values, text = spread((str(mtu) for _pod, mtu in ends), "pod")
    return seen(values, f"MTU {text}", inside(world.namespace(ends[0][0]), "ip link"))


# 4. Set up the namespace's network


def loopback(world: World) -> Measured:
    """Loopback that is up and as usual is left out of the facts (docs/facts.md), so what is not there is up."""
    if not world.pods:
        return absent(NO_PODS)
    states = []
    for pod in world.pods:
        links = [one for one in world.namespace(pod)["interfaces"] if one["ifname"] == "lo"]
        states.append("down" if any("UP" not in (one["flags"] or []) for one in links) else "up")
    values, text = spread(states, "pod")
    return seen(values, f"lo is {text}", inside(world.namespace(world.pods[0]), "ip -br link"))


def link_state(world: World) -> Measured:
    states = [(pod, near["operstate"] or "UNKNOWN") for pod, _cable, near, _far in pod_cables(world)]
    if not states:
        return absent("no pod with a cable")
    values, text = spread((state for _pod, state in states), "pod")
    return seen(values, f"the pod's end is {text}", inside(world.namespace(states[0][0]), "ip -br link"))


# 6. Configure the bridge


def ports(world: World) -> Measured:
    ends = list(pod_cables(world))
    if not ends:
        return absent("no pod with a cable")
    plugged = ["plugged into the bridge" if cable["bridge"] else "no port of a bridge" for _p, cable, _n, _f in ends]
    values, text = spread(plugged, "cable")
    bridges = pod_bridges(world)
    return seen(values, text, bridge_command(world, bridges[0]) if bridges else None)


def gateway(world: World) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    kinds: list[str] = []
    shown: list[str] = []
    for bridge in bridges:
        addresses = [one for one in bridge["addr_info"] if ranges.is_specific(one["local"])]
        shown.extend(words.address(one) for one in addresses)
        kinds.extend("first of its range" if _is_first(words.address(one)) else "within its range" for one in addresses)
        if not addresses:
            kinds.append("no address")
    values, text = spread(kinds, "bridge")
    at = (bridges[0]["host"], f"ip addr show dev {shell_word(bridges[0]['ifname'])}")
    return seen(values, f"{words.listed(shown, 2)}: {text}" if shown else text, at)


def _is_first(address: str) -> bool:
    one = ranges.network(address)
    return one is not None and int(one.ip) == one.first + 1


def port_flag(world: World, flag: str) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    ports = [port for bridge in bridges for port in bridge["ports"] if port["pod"] is not None]
    states = [port["hairpin"] if flag == "hairpin" else port["isolated"] for port in ports]
    if any(state is None for state in states):
        return not_read(f"{flag} was not read")
    values, text = spread(("on" if state else "off" for state in states), "port")
    return seen(values, f"{flag} {text}", bridge_command(world, bridges[0]))


def bridge_settings(world: World) -> Measured:
    bridges = pod_bridges(world)
    if not bridges:
        return absent("no bridge with pods")
    told = [f"STP {_switch(one['stp_state'])}, VLAN filtering {_switch(one['vlan_filtering'])}" for one in bridges]
    values, text = spread(told, "bridge")
    return seen(values, text, (bridges[0]["host"], commands.link(bridges[0]["ifname"])))


def _switch(value: int | None) -> str:
    return "unknown" if value is None else "on" if value else "off"
