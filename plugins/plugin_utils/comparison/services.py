# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What leads from a Service's address to pods: what kube-proxy does in a cluster, and a table of nftables in a lab.

Each function without an underscore answers one question of the table at the end.
"""

from __future__ import annotations

from ..model.records import Service, ServiceRule
from ..text import words
from ..text.escape import shell_word
from .measured import (
    Measured,
    Question,
    absent,
    not_read,
    ranges_of,
    seen,
    spread,
    unread_services,
    written,
)
from .translation import is_for_services
from .wiring import port_flag
from .world import Nat, World

NO_RULES = "no rules of Services"
OUTSIDE = frozenset(("node_port", "external_ip", "load_balancer", "external", "health_check"))
"""Types of entries that are for others than pods."""


def service_name(one: Service) -> str:
    """Return what an address and port of a Service is called."""
    name = "/".join(part or "?" for part in (one["namespace"], one["name"]))
    address = one["virtual_address"] or "every node"
    return f"{name} {address} port {one['port']}/{one['protocol']}"


def inner(world: World) -> list[Service]:
    """Return the Services as pods see them: by the cluster's address."""
    return [one for one in world.model["services"] if one["type"] not in OUTSIDE]


def at(one: Service) -> tuple[str, str]:
    """Return where one sees the rule of a Service."""
    return one["rules"][0]["host"], one["rules"][0]["command"]


def where_backends_are(rule: ServiceRule) -> tuple[str, str]:
    """Return where one sees how a backend is chosen: the chain that a rule leads to.

    >>> where_backends_are({"host": "node1", "mode": "iptables", "command": "iptables -t nat -S KUBE-SERVICES",
    ...                     "target": "KUBE-SVC-X"})
    ('node1', 'iptables -t nat -S KUBE-SVC-X')
    """
    parts = rule["command"].split(" ")
    if rule["target"] is None or len(parts) < 3:
        return rule["host"], rule["command"]
    chain = shell_word(rule["target"])
    if parts[:3] == ["nft", "list", "map"]:
        return rule["host"], " ".join(["nft", "list", "chain", *parts[3:-1], chain])
    return rule["host"], " ".join([*parts[:-1], chain])


def rules(world: World) -> Measured:
    """Return the rules themselves, or where only NAT rules were read, those by which kube-proxy shows itself."""
    if unread_services(world):
        return _by_nat(world)
    found = world.model["services"]
    if not found:
        return absent(NO_RULES)
    text = f"{words.counted(len(found), 'rule')} for Services, such as {service_name(found[0])}"
    return seen("rules", text, at(found[0]))


def _by_nat(world: World) -> Measured:
    found = _marked(world)
    if isinstance(found, Measured):
        return found
    if not found:
        return absent("no rules of kube-proxy")
    hosts = {host for host, _rule in found}
    text = f"kube-proxy on {words.counted(len(hosts), 'node')}: {found[0][1]['chain']}"
    command = found[0][1]["command"]
    if command == "nft list table ip nat":
        command = "iptables-save -t nat | grep KUBE-SVC"
    return seen("rules", text, (found[0][0], command))


def _marked(world: World) -> Measured | list[tuple[str, Nat]]:
    """Return the NAT rules for packets that were marked on their way to a Service, each with its host."""
    unknown = [node["host"] for node in world.read if node["host"] not in world.nat]
    if unknown:
        return not_read(f"NAT rules were not read on {words.listed(unknown, 2)} (subset firewall)")
    return [(host, rule) for host, found in world.nat.items() for rule in found if is_for_services(rule)]


def mode(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = [rule for one in world.model["services"] for rule in one["rules"]]
    if not found:
        return absent(NO_RULES)
    values, text = spread((rule["mode"] for rule in found), "rule")
    return seen(values, text, (found[0]["host"], found[0]["command"]))


def spread_over_nodes(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = inner(world)
    if not found:
        return absent(NO_RULES)
    nodes = len(world.read)
    lacking = [one for one in found if len(one["hosts"]) < nodes]
    if not lacking:
        return seen("all", f"on all of {words.counted(nodes, 'node')}", at(found[0]))
    one = lacking[0]
    return seen("some", f"{service_name(one)} only on {words.listed(one['hosts'], 3)}", at(one))


def choice(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    several = [rule for one in inner(world) for rule in one["rules"] if len(rule["backends"]) > 1]
    if not several:
        return absent("no Service with several pods")
    values, text = spread((rule["scheduler"] or "unknown" for rule in several), "rule")
    return seen(values, text, where_backends_are(several[0]))


def affinity(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = [one for one in world.model["services"] if one["affinity"]]
    if not found:
        return absent("none asks for it")
    values, _text = spread((one["affinity"] or "" for one in found), "Service")
    text = f"{words.listed(sorted(values))} for {service_name(found[0])}"
    return seen(values, text, where_backends_are(found[0]["rules"][0]))


def internal_policy(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = [one for one in inner(world) if one["traffic_policy"]]
    if not found:
        return absent("no rule says one" if world.model["services"] else NO_RULES)
    values, text = spread((one["traffic_policy"] or "" for one in found), "Service")
    one = next((one for one in found if one["traffic_policy"] == "local"), found[0])
    return seen(values, text, where_backends_are(one["rules"][0]))


def nobody_behind(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = [one for one in inner(world) if not one["backends"]]
    if not found:
        return absent("every Service has pods behind it" if world.model["services"] else NO_RULES)
    values, text = spread((rule["action"] for one in found for rule in one["rules"]), "rule")
    return seen(values, f"{text} for {service_name(found[0])}", at(found[0]))


def masquerade(world: World) -> Measured:
    found = _marked(world)
    if isinstance(found, Measured):
        return found
    if not found:
        return absent("no rule for marked packets")
    host, rule = found[0]
    return seen("marked", f"packets with a mark, in {rule['chain']}", (host, rule["command"]), {rule["chain"]})


def hairpin(world: World) -> Measured:
    """Return whether a pod that a Service sends to itself gets its packet: who sent it must not be itself, and the
    port must let it out where it came in."""
    ports, marked = port_flag(world, "hairpin"), _marked(world)
    if isinstance(marked, Measured) or ports.seen["state"] != "seen":
        return marked if isinstance(marked, Measured) else ports
    if not marked:
        return absent(NO_RULES)
    host, command = ports.seen["host"], ports.seen["command"]
    text = f"it gets the node's address, and its port has {ports.seen['text']}"
    return seen(ports.value, text, (host, command) if host and command else None)


QUESTIONS: tuple[Question, ...] = (
    Question("service.range", "a range for Services",
             lambda world: written(ranges_of(world, "service", "cluster"), "no file on the nodes says one"),
             "Without Services a client has to know the address of each pod, which changes with the pod."),
    Question("service.rules", "rules that lead to the pods behind a Service", rules,
             "They, not an interface, hold a Service's address: it answers to no ping and has no cable."),
    Question("service.mode", "who translates a Service's address", mode,
             "It decides where one looks: chains of iptables, maps of nftables, or the table of IPVS."),
    Question("service.nodes", "the nodes that have the rules", spread_over_nodes,
             "The client's own node translates: on one without the rules the address leads nowhere."),
    Question("service.choice", "how one of several pods is chosen", choice,
             "It is chosen once for each connection; some ways to choose go by load, others by chance."),
    Question("service.affinity", "clients that stay with one pod", affinity,
             "Without it the next connection of a client may meet another pod, which knows nothing of the last one."),
    Question("service.policy", "which pods a client in the cluster meets", internal_policy,
             "With local, only those of the client's own node; where there is none, its packets are dropped."),
    Question("service.empty", "what happens when no pod is behind a Service", nobody_behind,
             "A client that is refused knows at once; one whose packets are dropped waits for its timeout."),
    Question("service.masquerade", "which packets get the node's address", masquerade,
             "Where a reply would not come back through the node that translated, the client would not know it."),
    Question("service.hairpin", "a pod that a Service sends to itself", hairpin,
             "Without hairpin mode a bridge drops the packet; the pod reaches its own Service now and then."),
)  # fmt: skip
"""What is compared of Services."""
