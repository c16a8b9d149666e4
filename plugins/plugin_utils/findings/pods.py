# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about pods: their addresses, interfaces, leases and what is left of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import (
    Address,
    Finding,
    Interface,
    Model,
    Namespace,
    Pod,
    Route,
)
from ..text import commands, words
from ..text.escape import shell_word
from .nodes import cut

_POD_LINKS = ("veth", "macvlan", "ipvlan", "netkit", "vlan")
"""Kinds of link that a network plugin gives to a pod. Others may be down in good health: the
kernel puts tunl0, sit0, gre0 and the like into every namespace once their module is loaded."""

_MADE_FOR_A_POD = re.compile(r"(?:/var)?/run/netns/(?:cni-|netns-)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""How runtimes name a pod's namespace: containerd ``cni-UUID`` (go-cni), CRI-O ``UUID``, podman ``netns-UUID``."""


def _with_network(view: NodeView) -> Iterator[tuple[Pod, Namespace]]:
    """Yield the pods that have a network of their own which could be read."""
    for pod in view.pods:
        namespace = view.namespaces.get(pod["netns"])
        if not pod["host_network"] and namespace is not None and not namespace["errors"]:
            yield pod, namespace


def pod_without_address(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Pods whose interfaces hold no address that others could reach."""
    for host, view in views.items():
        for pod, namespace in _with_network(view):
            if pod["addresses"]:
                continue
            name = words.pod_name(pod)
            yield {
                "kind": "pod-without-address",
                "severity": "fault",
                "hosts": [host],
                "object": name,
                "message": f"{name} has no address",
                "evidence": [_state(interface) for interface in namespace["interfaces"]] or ["lo is all that it has"],
                "remedy": "The network plugin failed or has not finished: look at the runtime's log on the node "
                "(journalctl -u containerd or -u crio) and delete the pod to have it made anew",
                "command": commands.addresses(namespace),
            }


def _state(interface: Interface) -> str:
    addresses = ", ".join(words.address(one) for one in interface["addr_info"])
    return f"{interface['ifname']}: {interface['operstate'] or 'state unknown'}, {addresses or 'no address'}"


def pod_interface_down(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Interfaces of pods that are down, loopback among them."""
    for host, view in views.items():
        for pod, namespace in _with_network(view):
            for interface in namespace["interfaces"]:
                if not _should_be_up(interface) or _is_up(interface):
                    continue
                name = words.pod_name(pod)
                remedy = commands.inside(namespace, f"ip link set dev {shell_word(interface['ifname'])} up")
                if interface["operstate"] == "LOWERLAYERDOWN" or "UP" in (interface["flags"] or ()):
                    remedy = f"The other end of {interface['ifname']} is down: set it up on the node"
                yield {
                    "kind": "pod-interface-down",
                    "severity": "fault",
                    "hosts": [host],
                    "object": f"{name} {interface['ifname']}",
                    "message": f"{interface['ifname']} of {name} is down",
                    "evidence": [_state(interface)],
                    "remedy": remedy,
                    "command": commands.link(interface["ifname"], namespace),
                }


def _should_be_up(interface: Interface) -> bool:
    return interface["ifname"] == "lo" or interface["kind"] in _POD_LINKS or bool(interface["addr_info"])


def _is_up(interface: Interface) -> bool:
    """Tell whether packets can pass: set up, and with a carrier (operational states of RFC 2863, 6)."""
    if interface["flags"] is not None and "UP" not in interface["flags"]:
        return False
    return interface["operstate"] not in ("DOWN", "LOWERLAYERDOWN", "NOTPRESENT")


_HALVES = ("0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1")
"""By which VPNs replace a default route without touching it."""


def pod_without_default_route(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Pods without a way to anything but their own network, where other pods have one.

    Networks that are closed by design give no pod a default route.
    """
    usual: set[str] = set()
    lacking: list[tuple[str, str, Pod, Namespace]] = []
    for host, view in views.items():
        for pod, namespace in _with_network(view):
            for family in {one["family"] for one in pod["addresses"]} if namespace["routes"] is not None else ():
                if _has_way_out(namespace, family):
                    usual.add(family)
                else:
                    lacking.append((host, family, pod, namespace))
    for host, family, pod, namespace in lacking:
        if family in usual:
            name = words.pod_name(pod)
            yield {
                "kind": "pod-without-default-route",
                "severity": "fault",
                "hosts": [host],
                "object": name if family == "inet" else f"{name} IPv6",
                "message": f"{name} has no default route{' for IPv6' if family == 'inet6' else ''}: "
                "it reaches nothing outside of its own network, neither other nodes' pods nor Services",
                "evidence": cut([_route(route) for route in namespace["routes"] or ()])
                or ["it has no route but those of its addresses"],
                "remedy": "Delete the pod to have it made anew; if it comes back so, let the network plugin set the "
                "route (isDefaultGateway, or a route to 0.0.0.0/0 in ipam.routes)",
                "command": commands.routes(namespace, family),
            }


def _has_way_out(namespace: Namespace, family: str) -> bool:
    return any(
        route["type"] in (None, "unicast")
        and (route["dst"] in _HALVES or (route["dst"] == "default" and _is_of(route, family)))
        for route in namespace["routes"] or ()
    )


def _is_of(route: Route, family: str) -> bool:
    """Tell whether a default route may be one of the family; one that names no gateway may be of either."""
    return route["gateway"] is None or (":" in route["gateway"]) == (family == "inet6")


def _route(route: Route) -> str:
    via = f" via {route['gateway']}" if route["gateway"] else ""
    return f"{route['dst']}{via} dev {route['dev'] or '?'}"


def address_shared_by_pods(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """One address in pods of different nodes. Two pods of one node are a conflict of that node's own facts."""
    holders: dict[str, list[Pod]] = defaultdict(list)
    for view in views.values():
        for pod in view.pods:
            for local in {address["local"] for address in pod["addresses"]}:
                holders[local].append(pod)
    shared = {local: pods for local, pods in holders.items() if len({pod["host"] for pod in pods}) > 1}
    for local, pods in sorted(shared.items(), key=lambda entry: ranges.order(entry[0])):
        hosts = list(dict.fromkeys(pod["host"] for pod in pods))
        namespace = views[hosts[0]].namespaces.get(pods[0]["netns"])
        names = [f"{words.pod_name(pod)} on {pod['host']}" for pod in pods]
        yield {
            "kind": "address-shared-by-pods",
            "severity": "fault",
            "hosts": hosts,
            "object": local,
            "message": f"{local} belongs to {words.listed(names)}",
            "evidence": cut([f"{pod['host']}: {words.pod_name(pod)} has {local}" for pod in pods]),
            "remedy": "Give each node a range of its own (node ranges that overlap are reported as such), "
            "then delete all but one of these pods to have them made anew",
            "command": commands.addresses(namespace) if namespace is not None else None,
        }


def lease_without_pod(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Leases of host-local that nobody uses any more; they fill the range until no pod can start."""
    for host, view in views.items():
        for state, word in (("leaked", "belong to no sandbox"), ("empty", "are empty files")):
            by_network: dict[str, list[str]] = defaultdict(list)
            command: dict[str, str] = {}
            for lease in view.leases:
                if lease["state"] == state:
                    by_network[lease["network"]].append(lease["address"] or lease["path"])
                    command.setdefault(lease["network"], commands.leases(lease))
            for name, addresses in sorted(by_network.items()):
                yield {
                    "kind": f"lease-{state}",
                    "severity": "fault",
                    "hosts": [host],
                    "object": name,
                    "message": f"{words.counted(len(addresses), 'lease')} of the network {name} {word}"
                    if len(addresses) > 1
                    else f"the lease {addresses[0]} of the network {name} "
                    + ("belongs to no sandbox" if state == "leaked" else "is an empty file"),
                    "evidence": cut(sorted(addresses, key=ranges.order)),
                    "remedy": "Make sure that no pod has the address, then remove the lease's file; "
                    "with the container runtime stopped this is safe",
                    "command": command[name],
                }


def address_without_lease(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Addresses of pods that host-local does not know to be taken, and so gives to the next pod.

    Only where neighbours have leases: a network whose addresses come from elsewhere has none at all.
    """
    for host, view in views.items():
        leased = {lease["address"] for lease in view.leases if lease["address"] and lease["state"] == "in_use"}
        for pod, namespace in _with_network(view):
            for address in pod["addresses"]:
                if address["local"] in leased or not _has_leased_neighbour(address, leased):
                    continue
                name = words.pod_name(pod)
                yield {
                    "kind": "address-without-lease",
                    "severity": "fault",
                    "hosts": [host],
                    "object": f"{name} {address['local']}",
                    "message": f"{name} has {address['local']}, and no lease says so: another pod may be given it too",
                    "evidence": [f"{words.address(address)} on {address['ifname']}, without a lease on {host}"],
                    "remedy": "Delete the pod, to have it made anew with a lease of its own",
                    "command": commands.addresses(namespace),
                }


def _has_leased_neighbour(address: Address, leased: set[str]) -> bool:
    """Tell whether a lease is for the network of *address* (a /32 or /128 has no other address in it)."""
    return any(ranges.contains(words.address(address), other) for other in leased)


def namespace_leaked(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Namespaces that were made for a pod, and in which no process is any more.

    Their addresses still answer ARP. Nothing is said of a node that was not read completely: processes
    may be among what is missing.
    """
    for node in model["nodes"]:
        if node["status"] != "read":
            continue
        for namespace in views[node["host"]].namespaces.values():
            for_a_pod = namespace["pod"] is not None or any(map(_MADE_FOR_A_POD.fullmatch, namespace["paths"]))
            if not for_a_pod or namespace["process_count"] or namespace["kind"] == "host":
                continue
            name = words.namespace_name(namespace)
            yield {
                "kind": "namespace-leaked",
                "severity": "fault",
                "hosts": [node["host"]],
                "object": name,
                "message": f"the network namespace of {name} is left over: no process is in it",
                "evidence": cut([*namespace["paths"], *map(_state, namespace["interfaces"])]),
                "remedy": "If the runtime does not know its sandbox any more (crictl pods), delete the namespace: "
                f"{_delete(namespace)}",
                "command": commands.NAMESPACES,
            }


def _delete(namespace: Namespace) -> str:
    path = namespace["paths"][0] if namespace["paths"] else ""
    folder, _slash, name = path.rpartition("/")
    if folder in ("/run/netns", "/var/run/netns"):
        return f"ip netns delete {shell_word(name)}"
    return f"umount {shell_word(path)}" if path else "end what holds it open (lsof, lsns)"


ALL = (
    pod_without_address,
    pod_interface_down,
    pod_without_default_route,
    address_shared_by_pods,
    lease_without_pod,
    address_without_lease,
    namespace_leaked,
)
