# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about the bridges that pods are at: their addresses, and ports that a pod cannot return by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges, services
from ..model.index import MAIN_INTERFACE, NodeView
from ..model.records import Address, Bridge, Finding, Model, Pod, Port
from ..text import commands, words
from ..text.escape import shell_word
from .nodes import cut


def pods_at(bridge: Bridge, view: NodeView) -> list[tuple[Port, Pod]]:
    """Return the pods whose first interface is at *bridge*, each with its port."""
    pods = {(pod["namespace"], pod["name"]): pod for pod in view.pods if not pod["host_network"]}
    found: list[tuple[Port, Pod]] = []
    for port in bridge["ports"]:
        pod = pods.get((port["pod"]["namespace"], port["pod"]["name"])) if port["pod"] is not None else None
        if pod is not None and port["peer"] == MAIN_INTERFACE:
            found.append((port, pod))
    return found


def bridge_address(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Bridges of pods with an address outside of the node's range, beside the right one or instead of it.

    So it is after a change of the range, and after `kubeadm reset`, which leaves bridges alone. A bridge that agrees
    with its pods, both outside of the range that is written down, is the subject of ``range-stale``; a bridge without
    an address, whose pods have a gateway elsewhere, is none.
    """
    given = [one for one in model["ranges"] if one["what"] == "pod" and one["scope"] in ("cluster", "node")]
    for host, view in views.items():
        own = view.own_namespace
        mine_of = _ranges_of_node(view)
        for bridge in view.bridges:
            if own is None or bridge["netns"] != own["inode"]:
                continue
            for family, mine in mine_of.items():
                held = [
                    one for one in bridge["addr_info"] if one["family"] == family and ranges.is_specific(one["local"])
                ]
                wrong = [one for one in held if not any(ranges.contains(cidr, one["local"]) for cidr in mine)]
                pods = pods_at(bridge, view) if wrong else []
                behind = [one["local"] for _port, pod in pods for one in pod["addresses"] if one["family"] == family]
                inside = [local for local in behind if any(ranges.contains(cidr, local) for cidr in mine)]
                if not inside:
                    continue
                if len(wrong) == len(held):
                    yield _wrong_address(host, bridge, wrong, inside, mine, view)
                    continue
                stolen = [
                    one for one in wrong if any(ranges.share(words.address(one), other["cidr"]) for other in given)
                ]
                if stolen:
                    yield _second_address(host, bridge, stolen, mine, view)


def _ranges_of_node(view: NodeView) -> dict[str, list[str]]:
    """Return the node's own ranges of pods, by family."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in view.ranges:
        if one["what"] == "pod" and one["scope"] == "node":
            found[one["family"]].append(one["cidr"])
    return found


def _wrong_address(
    host: str, bridge: Bridge, wrong: list[Address], inside: list[str], mine: list[str], view: NodeView
) -> Finding:
    ifname = shell_word(bridge["ifname"])
    network = ranges.network(mine[0])
    right = f"{network[1]}/{network.prefixlen}" if network is not None else shell_word(mine[0])
    return {
        "kind": "bridge-wrong-address",
        "severity": "fault",
        "hosts": [host],
        "object": bridge["ifname"],
        "message": f"{bridge['ifname']} has {words.listed([words.address(one) for one in wrong])}, which is not in the "
        f"node's range {words.listed(mine)}: the pods at it have no gateway, and new pods cannot start",
        "evidence": cut(
            [
                *(f"{bridge['ifname']}: {words.address(one)}" for one in wrong),
                f"range of the node: {words.listed(mine)}",
                f"pods at it: {words.listed(inside)}",
            ]
        ),
        "remedy": f"ip addr del {shell_word(words.address(wrong[0]))} dev {ifname}; ip addr add {right} dev {ifname}, "
        "if that is the gateway in the pods' routes",
        "command": commands.address(bridge["ifname"], view.own_namespace),
    }


def _second_address(host: str, bridge: Bridge, wrong: list[Address], mine: list[str], view: NodeView) -> Finding:
    return {
        "kind": "bridge-second-address",
        "severity": "fault",
        "hosts": [host],
        "object": bridge["ifname"],
        "message": f"{bridge['ifname']} has a second address {words.listed([words.address(one) for one in wrong])} "
        f"outside of the node's range {words.listed(mine)}: what goes there never leaves this node",
        "evidence": cut([f"{bridge['ifname']}: {words.address(one)}" for one in bridge["addr_info"]]),
        "remedy": "; ".join(
            f"ip addr del {shell_word(words.address(one))} dev {shell_word(bridge['ifname'])}" for one in wrong
        ),
        "command": commands.address(bridge["ifname"], view.own_namespace),
    }


def bridge_down(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Bridges with pods that are not set up: nothing passes, and the node has no route to the pods."""
    for host, view in views.items():
        for bridge in view.bridges:
            namespace = view.namespaces.get(bridge["netns"])
            known = namespace["interfaces"] if namespace is not None else []
            itself = next((one for one in known if one["ifindex"] == bridge["ifindex"]), None)
            if namespace is None or itself is None or itself["flags"] is None or "UP" in itself["flags"]:
                continue
            pods = [words.pod_name(pod) for _port, pod in pods_at(bridge, view)]
            if not pods:
                continue
            yield {
                "kind": "bridge-down",
                "severity": "fault",
                "hosts": [host],
                "object": bridge["ifname"],
                "message": f"{bridge['ifname']} is down, and with it the network of {words.listed(pods)}",
                "evidence": [f"{bridge['ifname']}: {', '.join(itself['flags']) or 'no flags'}, without UP"],
                "remedy": commands.inside(namespace, f"ip link set dev {shell_word(bridge['ifname'])} up"),
                "command": commands.link(bridge["ifname"], namespace),
            }


def entry_wrong(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """MACs of pods that somebody set in a bridge's forwarding table for another port than that of the pod."""
    for host, view in views.items():
        for bridge in view.bridges:
            homes = _ports_of_macs(bridge, view) if bridge["fixed"] else {}
            for entry in bridge["fixed"]:
                ports = homes.get(entry["mac"], [])
                if len(ports) != 1 or ports[0][0] == entry["ifname"]:
                    continue
                (port, pod), namespace = ports[0], view.namespaces.get(bridge["netns"])
                command = f"bridge fdb show br {shell_word(bridge['ifname'])}"
                yield {
                    "kind": "bridge-fdb-wrong",
                    "severity": "fault",
                    "hosts": [host],
                    "object": f"{bridge['ifname']} {entry['mac']}",
                    "message": f"{bridge['ifname']} sends what is for {pod} to {entry['ifname']}, and the pod is "
                    f"behind {port}: somebody set it so, and it is never learned anew",
                    "evidence": [
                        f"forwarding table of {bridge['ifname']}: {entry['mac']} dev {entry['ifname']}, set",
                        f"{pod} has {entry['mac']}, behind {port}",
                    ],
                    "remedy": f"bridge fdb del {entry['mac']} dev {shell_word(entry['ifname'])} master",
                    "command": command if namespace is None else commands.inside(namespace, command),
                }


def _ports_of_macs(bridge: Bridge, view: NodeView) -> dict[str, list[tuple[str, str]]]:
    """Return by MAC the ports behind which a pod has it, and the pod."""
    names = {port["ifname"]: words.pod_name(port["pod"]) for port in bridge["ports"] if port["pod"] is not None}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for cable in view.cables:
        for near, far in (cable["ends"], reversed(cable["ends"])):
            name = near["ifname"]
            if near["netns"] == bridge["netns"] and name in names and name is not None and far["address"] is not None:
                found[far["address"]].append((name, names[name]))
    return found


def gateway_missing(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Pods at a bridge of the node whose default gateway is an address that nothing there has.

    A bridge with a port to something else than a pod may lead to a router that has it.
    """
    for host, view in views.items():
        own = view.own_namespace
        for bridge in view.bridges:
            if own is None or bridge["netns"] != own["inode"] or any(port["pod"] is None for port in bridge["ports"]):
                continue
            gateways = {one["local"] for interface in own["interfaces"] for one in interface["addr_info"]}
            families = {one["family"] for one in bridge["addr_info"] if ranges.is_specific(one["local"])}
            for _port, pod in pods_at(bridge, view):
                namespace = view.namespaces.get(pod["netns"])
                for route in (namespace["routes"] if namespace is not None else None) or ():
                    gateway = route["gateway"]
                    if namespace is None or route["dst"] != "default" or gateway is None or gateway in gateways:
                        continue
                    family = "inet6" if ":" in gateway else "inet"
                    if route["dev"] != MAIN_INTERFACE or family not in families or not ranges.is_specific(gateway):
                        continue
                    name = words.pod_name(pod)
                    held = [words.address(one) for one in bridge["addr_info"] if one["family"] == family]
                    yield {
                        "kind": "pod-gateway-missing",
                        "severity": "fault",
                        "hosts": [host],
                        "object": name,
                        "message": f"{name} sends all that leaves its network to {gateway}, which nothing at "
                        f"{bridge['ifname']} has",
                        "evidence": [
                            f"{name}: default via {gateway} dev {route['dev']}",
                            f"{bridge['ifname']}: {', '.join(held)}",
                        ],
                        "remedy": "Delete the pod to have it made anew; if it comes back so, look at the gateway in "
                        "the CNI configuration (ipam.ranges[].gateway) and at the bridge's address",
                        "command": commands.routes(namespace, family),
                    }


def hairpin_off(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Pods behind a Service at a bridge's port in hairpin mode off: they cannot reach themselves through the Service.

    A bridge that shows its packets to the rules of Services (bridge-nf-call-iptables) sends what comes back to its
    sender by the port it came from, which a port does only in hairpin mode (net/bridge/br_forward.c, should_deliver).
    Where other ports of the bridge are in that mode, this one was meant to be. A lab's rules name no Service.
    """
    behind: dict[tuple[str, str, str], list[str]] = {}
    for service in model["services"]:
        for backend in service["backends"]:
            if backend["pod"] is not None and backend["host"] is not None and service["name"] is not None:
                key = (backend["host"], backend["pod"]["namespace"], backend["pod"]["name"])
                behind.setdefault(key, []).append(services.name(service))
    if not behind:
        return
    for host, view in views.items():
        for bridge in view.bridges:
            ports = pods_at(bridge, view)
            off = [
                (port, pod, behind[host, pod["namespace"], pod["name"]])
                for port, pod in ports
                if port["hairpin"] is False and (host, pod["namespace"], pod["name"]) in behind
            ]
            if not off:
                continue
            meant = any(port["hairpin"] for port, _pod in ports)
            names = [words.pod_name(pod) for _port, pod, _of in off]
            yield {
                "kind": "hairpin-off",
                "severity": "fault" if meant else "note",
                "hosts": [host],
                "object": " ".join(port["ifname"] for port, _pod, _of in off) if len(off) < 4 else bridge["ifname"],
                "message": f"{words.listed(names)} cannot reach {'itself' if len(off) == 1 else 'themselves'} through "
                f"{words.listed(list(dict.fromkeys(name for *_head, of in off for name in of)))}: "
                f"the port in {bridge['ifname']} is not in hairpin mode",
                "evidence": cut([f"{port['ifname']}: hairpin off, {words.pod_name(pod)}" for port, pod, _of in off]),
                "remedy": "Set hairpinMode in the network plugin's configuration; for pods that run: "
                f"bridge link set dev {shell_word(off[0][0]['ifname'])} hairpin on",
                "command": commands.bridge(bridge, view.namespaces),
            }


def promiscuous(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Bridges of pods that somebody set promiscuous, where pods get twice what comes to them through a Service.

    The bridge passes on what a Service's rules sent to another of its ports, and gives the node a copy, which passes it
    on as well (kubernetes#25793; seen so with Linux 6.18). Rules for bridges can drop the copy: where there may be
    some, nothing is said.
    """
    for node in model["nodes"]:
        view, firewall = views[node["host"]], node["firewall"]
        unruled = firewall is not None and firewall["complete"] and firewall["bridges"] is False
        own = view.own_namespace
        if own is None or not unruled or node["service_mode"] in (None, "none"):
            continue
        shown = (node["settings"] or {}).get("net.bridge.bridge-nf-call-iptables") == 1
        flags = {link["ifname"]: link["flags"] or [] for link in own["interfaces"]}
        for bridge in view.bridges:
            name, pods = bridge["ifname"], pods_at(bridge, view)
            promisc = bridge["netns"] == own["inode"] and "PROMISC" in flags.get(name, [])
            if not promisc or len(pods) < 2 or not (shown or bridge["nf_call_iptables"] == 1):
                continue
            yield {
                "kind": "bridge-promiscuous",
                "severity": "note",
                "hosts": [node["host"]],
                "object": name,
                "message": f"{name} is promiscuous: what its {len(pods)} pods send each other through a Service "
                "arrives twice",
                "evidence": [
                    f"{name}: {', '.join(flags[name])}",
                    "it shows its packets to the rules of Services (bridge-nf-call-iptables)",
                    "no rules for packets within bridges",
                ],
                "remedy": f"ip link set dev {shell_word(name)} promisc off, and in the CNI configuration hairpinMode "
                "instead of promiscMode; or a rule of ebtables that drops what the bridge itself sends from pods' "
                "addresses",
                "command": commands.link(name),
            }


ALL = (bridge_down, bridge_address, entry_wrong, gateway_missing, hairpin_off, promiscuous)
