# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The things of one side as drift sees them: each with an identity that lasts, and its values as text.

A pod is its uid, then its namespace and name; a bridge is its name on its node; a node its
inventory name. What the kernel numbers anew with every boot or pod (ifindex, inode, pid, nsid) is
neither identity nor value. Names that were made up with the thing are values that only name it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from ..model.records import Address, Interface, Namespace, Pod
from ..report import rows
from ..text import words
from .names import form, without_hash, without_uid
from .services import service_name
from .world import World

KINDS = (
    "node",
    "pod",
    "bridge",
    "interface",
    "route",
    "namespace",
    "range",
    "lease",
    "service",
    "nat",
    "sysctl",
    "finding",
)
"""What is compared, in this order."""


_FIREWALL = ("iptables", "nftables")
"""Kinds of sources of ranges that are read with the subset ``firewall`` only."""


class Value(NamedTuple):
    """One value of a thing."""

    text: str
    name_only: bool = False


class Thing(NamedTuple):
    """One thing on one side."""

    what: str
    host: str | None
    """The node that it is on, None for what belongs to all nodes."""
    name: str
    identity: str
    """What makes it the same thing on the other side."""
    likeness: str | None
    """What makes it the successor of a thing with another identity: a pod's name, a bridge's addresses."""
    values: dict[str, Value]


def things(world: World, hosts: set[str], firewall: set[str], services: set[str]) -> Iterator[Thing]:
    """Yield all things of *world* on the nodes *hosts*.

    Ranges in firewall rules count on the nodes *firewall* only, where both sides read such rules,
    and rules of Services on the nodes *services* only.
    """
    for maker in (_nodes, _pods, _bridges, _interfaces, _routes, _namespaces, _leases, _nat, _sysctls, _findings):
        yield from (one for one in maker(world) if one.host in hosts)
    yield from _ranges(world, hosts, firewall)
    yield from _services(world, services)


def _listed(texts: list[str]) -> str:
    return ", ".join(sorted(texts)) or "none"


def _addresses(addresses: list[Address]) -> Value:
    """Return addresses as text, without the link-local ones, which follow from the MAC address."""
    return Value(_listed([words.address(one) for one in addresses if one["scope"] != "link"]))


def _nodes(world: World) -> Iterator[Thing]:
    for node in world.read:
        active = node["cni"]["active"]
        values = {
            "host name": Value(node["name"] or "unknown"),
            "addresses": Value(_listed(rows.node_addresses(node))),
            "default route": Value(
                _listed([f"{one['gateway'] or 'link'} dev {one['dev']}" for one in node["default_route"]])
            ),
            "CNI configuration": Value(
                f"{active['path']} ({active['name']}: {', '.join(active['plugins'])})" if active else "none"
            ),
            "CNI configurations without effect": Value(_listed([one["path"] for one in node["cni"]["shadowed"]])),
        }
        yield Thing("node", node["host"], node["host"], node["host"], None, values)


def _pods(world: World) -> Iterator[Thing]:
    seen: Counter[str] = Counter()
    for pod in world.model["pods"]:
        name = words.pod_name(pod)
        identity = pod["uid"] or f"{pod['host']}/{name}"
        seen[identity] += 1
        # A sandbox that was made anew may stand beside the old one, with the same uid, for a while.
        identity = identity if seen[identity] == 1 else f"{identity} {seen[identity]}"
        yield Thing("pod", pod["host"], name, identity, name, _pod_values(world, pod))


def _pod_values(world: World, pod: Pod) -> dict[str, Value]:
    workers = [one for one in pod["containers"] if one["id"] != pod["sandbox_id"]]
    values = {
        "node": Value(pod["host"]),
        "uid": Value(pod["uid"] or "unknown", True),
        "network": Value("the node's own" if pod["host_network"] else "its own"),
        "containers": Value(_listed([one["name"] or "?" for one in workers])),
        "container ids": Value(_listed([one["id"] or "?" for one in workers]), True),
        "sandbox": Value(pod["sandbox_id"] or "unknown", True),
        "runtime": Value(pod["runtime"] or "unknown"),
    }
    if pod["host_network"]:
        return values
    namespace = world.namespace(pod)
    links = {one["ifname"]: one for one in namespace["interfaces"]}
    values["addresses"] = _addresses(pod["addresses"])
    values["interfaces"] = Value(_listed([_link(one) for one in links.values()]))
    values["bridges"] = Value(_listed([plug["bridge"] or "none" for plug in pod["cables"]]))
    values["ends on the node"] = _names([plug["peer"] or plug["resolution"] for plug in pod["cables"]])
    values["names of the namespace"] = _names(sorted(set(namespace["names"])))
    values["MAC addresses"] = Value(_listed([one["address"] or "?" for one in links.values()]), True)
    if namespace["routes"] is not None:
        values["routes"] = Value(
            _listed([f"{one['dst']} via {one['gateway'] or one['dev']}" for one in namespace["routes"]])
        )
    return values


def _names(names: list[str]) -> Value:
    return Value(_listed(names), all(form(name) is not None for name in names))


def _link(one: Interface) -> str:
    return f"{one['ifname']} {one['operstate'] or '?'} MTU {one['mtu']}"


def _bridges(world: World) -> Iterator[Thing]:
    for bridge in world.model["bridges"]:
        namespace = world.views[bridge["host"]].namespaces.get(bridge["netns"])
        place = f" in {elsewhere}" if (elsewhere := words.elsewhere(namespace)) else ""
        values = {
            "addresses": _addresses(bridge["addr_info"]),
            "MTU": Value(str(bridge["mtu"])),
            "state": Value(bridge["operstate"] or "unknown"),
            "MAC address": Value(bridge["address"] or "none"),
            "STP": Value(str(bridge["stp_state"])),
            "VLAN filtering": Value(str(bridge["vlan_filtering"])),
        }
        for port in bridge["ports"]:
            # A pod's port is known by the pod: the port's own name is made up with the pod.
            if port["pod"] is None and form(port["ifname"]) is None:
                values[f"port {port['ifname']}"] = Value(_port(port["state"], port["hairpin"], port["isolated"]))
        flags = Counter(
            _port(port["state"], port["hairpin"], port["isolated"]) for port in bridge["ports"] if port["pod"]
        )
        values["modes of pods' ports"] = Value(_listed(list(flags)))
        likeness = f"{bridge['host']}{place} {values['addresses'].text}"
        name = f"{bridge['ifname']}{place}"
        yield Thing("bridge", bridge["host"], name, f"{bridge['host']} {name}", likeness, values)


def _port(state: str | None, hairpin: bool | None, isolated: bool | None) -> str:
    told = [state or "state unknown"]
    for word, value in (("hairpin", hairpin), ("isolated", isolated)):
        told.append(f"{word} {'unknown' if value is None else 'on' if value else 'off'}")
    return " ".join(told)


def _interfaces(world: World) -> Iterator[Thing]:
    """Yield the interfaces of the nodes themselves; the ends of pods' cables belong to the pods."""
    for host, view in world.views.items():
        own = view.own_namespace
        if own is None:
            continue
        bridges = {one["ifname"] for one in view.bridges if one["netns"] == own["inode"]}
        ends = {
            (end["netns"], end["ifname"]) for cable in view.cables if cable["pod"] is not None for end in cable["ends"]
        }
        for link in own["interfaces"]:
            if link["ifname"] in bridges or (own["inode"], link["ifname"]) in ends:
                continue
            values = {
                "kind": Value(link["kind"] or link["link_type"] or "unknown"),
                "addresses": _addresses(link["addr_info"]),
                "MTU": Value(str(link["mtu"])),
                "state": Value(link["operstate"] or "unknown"),
                "MAC address": Value(link["address"] or "none"),
                "master": Value(link["master"] or "none"),
            }
            yield Thing("interface", host, link["ifname"], f"{host} {link['ifname']}", None, values)


def _routes(world: World) -> Iterator[Thing]:
    for host, view in world.views.items():
        own = view.own_namespace
        grouped: dict[str, list[str]] = {}
        for route in (own["routes"] or []) if own else []:
            way = f"{route['gateway'] or 'link'} dev {route['dev'] or 'none'}"
            kind = f"{route['type']} " if route["type"] else ""
            grouped.setdefault(f"{kind}{route['dst']}", []).append(f"{way} protocol {route['protocol'] or 'boot'}")
        for destination, ways in grouped.items():
            yield Thing("route", host, destination, f"{host} {destination}", None, {"via": Value(_listed(ways))})


def _namespaces(world: World) -> Iterator[Thing]:
    """Yield namespaces of nobody's pods: named ones one by one, the others only in number."""
    for host, view in world.views.items():
        unnamed = 0
        for namespace in view.namespaces.values():
            if namespace["kind"] == "host" or namespace["pod"] is not None:
                continue
            if not namespace["names"]:
                unnamed += 1
                continue
            name = namespace["names"][0]
            yield Thing("namespace", host, name, f"{host} {name}", None, _namespace_values(namespace))
        if unnamed:
            values = {"number": Value(str(unnamed))}
            yield Thing("namespace", host, "those without a name", f"{host} ", None, values)


def _namespace_values(namespace: Namespace) -> dict[str, Value]:
    addresses = [one for link in namespace["interfaces"] for one in link["addr_info"]]
    return {
        "kind": Value(namespace["kind"]),
        "addresses": _addresses(addresses),
        "interfaces": Value(_listed([_link(one) for one in namespace["interfaces"]])),
    }


def _ranges(world: World, hosts: set[str], firewall: set[str]) -> Iterator[Thing]:
    for one in world.model["ranges"]:
        places = sorted(
            {
                f"{source['host']}: {without_uid(source['place'])} {source['key'] or ''}".rstrip()
                for source in one["sources"]
                if source["host"] in (firewall if source["kind"] in _FIREWALL else hosts)
            }
        )
        if places:
            name = f"{one['what']} {one['scope']} {one['cidr']}"
            yield Thing("range", None, name, name, None, {"written in": Value("; ".join(places))})


def _leases(world: World) -> Iterator[Thing]:
    for lease in world.model["leases"]:
        name = f"{lease['network']}/{lease['address'] or lease['path'].rpartition('/')[2]}"
        values = {
            "pod": Value(words.pod_name(lease["pod"]) if lease["pod"] else "none"),
            "state": Value(lease["state"]),
            "sandbox": Value(lease["container_id"] or "none", True),
        }
        yield Thing("lease", lease["host"], name, f"{lease['host']} {name}", None, values)


def _services(world: World, hosts: set[str]) -> Iterator[Thing]:
    for one in world.model["services"]:
        rules = [rule for rule in one["rules"] if rule["host"] in hosts]
        if not rules:
            continue
        name = f"{service_name(one)} ({one['type'] or 'of unknown type'})"
        values = {
            "backends": Value(_listed(sorted({backend for rule in rules for backend in rule["backends"]}))),
            "action": Value(_listed(sorted({rule["action"] for rule in rules}))),
            "mode": Value(_listed(sorted({rule["mode"] for rule in rules}))),
            "nodes with a rule": Value(_listed([rule["host"] for rule in rules])),
            "affinity": Value(one["affinity"] or "none"),
            "traffic policy": Value(one["traffic_policy"] or "none"),
            "sources": Value(_listed(one["source_ranges"])),
        }
        yield Thing("service", None, name, name, None, values)


def _nat(world: World) -> Iterator[Thing]:
    for host, rules in world.nat.items():
        for rule in rules:
            told = f"{rule['action']} from {rule['saddr'] or 'anywhere'}"
            told += f" to {rule['daddr']}" if rule["daddr"] else ""
            told += " on conditions" if rule["conditional"] else ""
            name = f"{told} ({rule['command']}, {without_hash(rule['chain'])})"
            values = {"not to": Value(_listed(rule["not_daddr"]))}
            yield Thing("nat", host, name, f"{host} {name}", None, values)


def _sysctls(world: World) -> Iterator[Thing]:
    """Yield the settings of the nodes, without those of single interfaces of pods, which come and go with the pods."""
    for host, settings in world.sysctls.items():
        for key, value in settings.items():
            parts = key.split(".")
            if len(parts) > 3 and parts[2] == "conf" and form(parts[3]) is not None:
                continue
            shown = "not there" if value is None else str(value)
            yield Thing("sysctl", host, key, f"{host} {key}", None, {"value": Value(shown)})


def _findings(world: World) -> Iterator[Thing]:
    """Yield what is odd, by kind and node: what it is about may be named anew with every pod."""
    counts: Counter[tuple[str, str]] = Counter()
    for finding in world.model["odd"]:
        counts.update((host, finding["kind"]) for host in finding["hosts"])
    for (host, kind), count in counts.items():
        yield Thing("finding", host, kind, f"{host} {kind}", None, {"number": Value(str(count))})
