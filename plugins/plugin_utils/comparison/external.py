# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How connections come in from outside of the cluster: ports of nodes, addresses outside, and who takes HTTP.

Each function without an underscore answers one question of the table at the end.
"""

from __future__ import annotations

from ..model.records import Pod, Service
from ..text import words
from .measured import Measured, Question, absent, seen, spread, unread_services
from .services import OUTSIDE, at, service_name, where_backends_are
from .world import World

_EVERYWHERE = frozenset(("0.0.0.0/0", "::/0"))
_ADDRESSES = ("external_ip", "load_balancer", "external")
_CONTROLLERS = ("ingress-nginx", "nginx-ingress", "traefik", "haproxy-ingress", "contour", "envoy", "ingress")
"""What pods of ingress controllers are called at the beginning, as their own manifests and charts name them."""


def _of(world: World, *types: str) -> list[Service]:
    return [one for one in world.model["services"] if one["type"] in types]


def node_ports(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = _of(world, "node_port")
    if not found:
        return absent("no Service has one")
    names = [f"{one['namespace'] or '?'}/{one['name'] or '?'} {one['port']}/{one['protocol']}" for one in found]
    return seen("there", words.listed(names, 2), at(found[0]))


def node_port_addresses(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    if not _of(world, "node_port"):
        return absent("no Service has a NodePort")
    told = [
        "every address" if _EVERYWHERE & set(addresses) else "some addresses"
        for addresses in world.node_port_addresses.values()
        if addresses
    ]
    if not told:
        return absent("the rules name none")
    values, text = spread(told, "node")
    host, addresses = next((host, found) for host, found in world.node_port_addresses.items() if found)
    shown = f"{text}: {words.listed(addresses, 3)} on {host}"
    return seen(values, shown, at(_of(world, "node_port")[0]))


def outer_addresses(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = _of(world, *_ADDRESSES)
    if not found:
        return absent("no Service has one")
    return seen("there", words.listed([service_name(one) for one in found], 2), at(found[0]))


def external_policy(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = [one for one in _of(world, *OUTSIDE) if one["traffic_policy"]]
    if not found:
        return absent("nothing leads in from outside")
    values, text = spread((one["traffic_policy"] or "" for one in found), "rule")
    one = next((one for one in found if one["traffic_policy"] == "local"), found[0])
    return seen(values, text, where_backends_are(one["rules"][0]))


def source_ranges(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = [one for one in world.model["services"] if one["source_ranges"]]
    if not found:
        return absent("no Service asks for it")
    text = f"{service_name(found[0])} only from {words.listed(found[0]['source_ranges'], 3)}"
    return seen("there", text, at(found[0]))


def ingress(world: World) -> Measured:
    found = [pod for pod in world.model["pods"] if _takes_http(pod)]
    if not found:
        return absent("no pod is called as a controller of Ingresses is")
    names = sorted(words.pod_name(pod) for pod in found)
    text = f"{words.listed(names, 2)}, by {'its name' if len(names) == 1 else 'their names'}"
    return seen("there", text, (found[0]["host"], "ss -lntp"), names)


def _takes_http(pod: Pod) -> bool:
    return pod["name"].startswith(_CONTROLLERS) or pod["namespace"] in _CONTROLLERS[:3]


QUESTIONS: tuple[Question, ...] = (
    Question("external.node-ports", "ports of nodes", node_ports,
             "By a NodePort a Service is reached from wherever a node is reached."),
    Question("external.node-port-addresses", "the addresses at which these are answered", node_port_addresses,
             "At an address that is left out, the port is closed or somebody else's."),
    Question("external.addresses", "addresses of Services for others than pods", outer_addresses,
             "Somebody has to bring packets for such an address to a node; the rules only take them from there."),
    Question("external.policy", "which pods a client from outside meets", external_policy,
             "With local, pods see the client's own address, and a node without a pod drops what comes; with cluster "
             "every node answers, and pods see a node's address."),
    Question("external.sources", "clients that are let in", source_ranges,
             "Others are dropped on the node, before any pod sees them."),
    Question("external.ingress", "who takes HTTP for many Services", ingress,
             "It routes by host and path, which no rule of a node can do."),
)  # fmt: skip
"""What is compared of the way in."""
