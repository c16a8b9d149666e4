# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 6: what is asked of Services. :mod:`service_answers` judges what came back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from ..model import ranges, services
from ..model.records import Service, ServiceBackend
from ..text import words
from .cast import family
from .records import Check, Party
from .scene import Scene

KEY = "services"
MISS = 1e-6
"""Largest accepted probability that a backend which gets its share of connections is seen by none of a sender's."""
MOST = 400
"""So many connections a sender makes to one Service at most; with more than 24 backends the probability grows."""
PER_NODE = 8000
"""So many connections a node makes; with more Services, nodes take turns."""
DIRECT = 2
"""So many answers of each backend itself are compared, to know what they have in common."""


class Way(NamedTuple):
    """One way to one Service: who asks which address, and who may answer."""

    service: Service
    sender: Party
    entry: str
    """The node whose rule decides."""
    address: str
    action: str
    """What that rule does: ``forward``, ``reject`` or ``drop``."""
    backends: tuple[str, ...]
    """As in ``10.244.1.2:80``."""

    @property
    def about(self) -> str:
        """What keeps the answers of one way together."""
        name = services.name(self.service)
        return f"{name} {self.address}:{self.service['port']}"

    @property
    def called(self) -> str:
        """The way for people."""
        place = services.place({**self.service, "virtual_address": self.address})
        return place if self.service["name"] is None else f"{services.name(self.service)} at {place}"


def connections(backends: int) -> int:
    """Return how many connections make it improbable (see MISS) that one of *backends* is not seen.

    Each connection goes to one of n backends at random, so that a given one is missed by all k with probability
    (1 - 1/n)^k, and any of them with at most n times that.
    """
    if backends <= 1:
        return 3
    needed = math.ceil(math.log(MISS / backends) / math.log(1 - 1 / backends))
    return min(needed, MOST)


def miss(backends: int, made: int) -> float:
    """Return the bound for the probability that some backend is missed by *made* connections."""
    return 0.0 if backends <= 1 else min(1.0, backends * (1 - 1 / backends) ** made)


def ways(scene: Scene) -> list[Way]:
    """Return every way that is tried."""
    hosts = [node.host for node in scene.cast.nodes]
    found: list[Way] = []
    spent = dict.fromkeys(hosts, 0)
    rules = [one for one in scene.cast.world.model["services"] if is_asked(one)]
    cost = sum(connections(len(one["backends"])) + DIRECT * len(one["backends"]) for one in rules) * 2
    for number, service in enumerate(rules):
        turns = hosts if cost <= PER_NODE else [hosts[number % len(hosts)]] if hosts else []
        for way in _of_service(scene, service, turns):
            price = connections(len(way.backends)) + DIRECT * len(way.backends)
            if spent[way.sender.host] + price <= 2 * PER_NODE:
                spent[way.sender.host] += price
                found.append(way)
    return found


def is_asked(one: Service) -> bool:
    """Tell whether a Service can be asked from inside the cluster, by a question that every server answers."""
    inside = one["type"] in ("cluster_ip", "node_port", None)
    inside = inside or is_outside(one)
    return inside and one["protocol"] == "tcp" and not one["source_ranges"]


def is_outside(one: Service) -> bool:
    """Tell whether it is an address for those outside: of a load balancer, or an external IP."""
    return one["type"] in ("external", "load_balancer")


def _of_service(scene: Scene, service: Service, hosts: Sequence[str]) -> Iterator[Way]:
    rules = {rule["host"]: rule for rule in service["rules"] if rule["action"] in ("forward", "reject", "drop")}
    nodes = {node.host: node for node in scene.cast.nodes}
    if is_outside(service) and not _is_let_in(scene, service, None):
        return  # such a connection comes to the backend from the address of a node
    if is_outside(service) and service["traffic_policy"] != "cluster":
        yield from _from_own_node(scene, service, hosts)
        return
    for host in hosts:
        if host not in rules:
            continue
        if service["virtual_address"] is not None:
            for sender in _senders(scene, service, host):
                if any(family(one) == service["family"] for one in sender.addresses):
                    yield _way(service, sender, rules[host]["host"], service["virtual_address"])
            continue
        if not _is_let_in(scene, service, None):
            continue
        others = [node for node in scene.cast.nodes if node.host != host] or [nodes[host]]
        asker = others[hosts.index(host) % len(others)]
        for address in nodes[host].addresses:
            if family(address) == service["family"]:
                yield _way(service, asker, host, address)


def _from_own_node(scene: Scene, service: Service, hosts: Sequence[str]) -> Iterator[Way]:
    """Yield ways to an address for those outside with the policy Local, which leads what nodes send to every backend.

    kube-proxy does so with iptables and nftables ("route LOCAL traffic"), for certain where a backend is on the node;
    of IPVS and of pods it depends on the version and the options. Which backends there are says the Service's own
    address.
    """
    own = [
        one
        for one in scene.cast.world.model["services"]
        if one["type"] == "cluster_ip" and one["traffic_policy"] == "cluster" and _is_same_port(one, service)
    ]
    everywhere = {rule["host"]: tuple(rule["backends"]) for one in own for rule in one["rules"]}
    for rule in service["rules"]:
        host, backends = rule["host"], everywhere.get(rule["host"])
        if host in hosts and rule["action"] == "forward" and rule["mode"] in ("iptables", "nftables") and backends:
            for node in scene.cast.nodes:
                if node.host == host and any(family(one) == service["family"] for one in node.addresses):
                    yield Way(service, node, host, service["virtual_address"] or "", "forward", backends)


def _is_same_port(one: Service, other: Service) -> bool:
    return all(one[key] == other[key] for key in ("namespace", "name", "port_name", "family", "protocol", "port"))


def _way(service: Service, sender: Party, entry: str, address: str) -> Way:
    rule = next(one for one in service["rules"] if one["host"] == entry)
    return Way(service, sender, entry, address, rule["action"], tuple(rule["backends"]))


def _senders(scene: Scene, service: Service, host: str) -> Iterator[Party]:
    """Yield who asks on *host*: a pod that is no backend, a pod that is one (so that it may meet itself), the node."""
    behind = {one["address"] for one in service["backends"]}
    pods = scene.cast.pods_on.get(host, [])
    others = sorted((pod for pod in pods if not pod.own & behind), key=lambda pod: pod.name.startswith("kube-"))
    for able in (others, [pod for pod in pods if pod.own & behind]):
        yield from islice((pod for pod in able if may_ask(scene, pod, service)), 1)
    yield from (node for node in scene.cast.nodes if node.host == host and _is_let_in(scene, service, host))


def _is_let_in(scene: Scene, service: Service, host: str | None) -> bool:
    """Tell whether every backend must answer the node *host*, None for one that none of them is on.

    Where policies select a pod, only its own node is sure to reach it.
    """
    holders = [scene.cast.holder(backend["address"]) for backend in service["backends"]]
    return all(holder is None or scene.is_free(holder) or holder.host == host for holder in holders)


def may_ask(scene: Scene, pod: Party, service: Service) -> bool:
    """Tell whether policies let *pod* reach every backend; one that may not proves nothing of a Service."""
    for backend in service["backends"]:
        holder = scene.cast.holder(backend["address"])
        port = backend["port"] or service["port"]
        if holder is not None and not scene.is_open(pod, holder, port, service["protocol"], backend["address"]):
            return False
    return True


def planned(scene: Scene) -> Iterator[Check]:
    """Yield for each way the connections to the Service, and those to its backends themselves."""
    for way in ways(scene):
        if way.action != "forward" or not way.backends:
            yield Check(KEY, way.about, way.sender, way.called, "http", way.address, port=way.service["port"])
            continue
        yield Check(
            KEY, way.about, way.sender, way.called, "http", way.address, port=way.service["port"],
            times=connections(len(way.backends)),
        )  # fmt: skip
        for backend in way.backends:
            address, port = split(backend)
            port = port or way.service["port"]
            yield Check(KEY, way.about, way.sender, backend, "http", address, port=port, times=DIRECT)


def split(backend: str) -> tuple[str, int | None]:
    """Return address and port of ``10.244.1.2:80`` or ``[fd00::2]:80``."""
    address, colon, port = backend.rpartition(":")
    if colon and port.isdecimal() and (address.startswith("[") or ":" not in address):
        return address.strip("[]"), int(port)
    return backend, None


def given_backends(scene: Scene, service: Service) -> set[str] | None:
    """Return the backends that the given objects of the API have for *service*; None when none were given."""
    key = (service["namespace"] or "", service["name"] or "")
    ends = scene.expected.objects.endpoints.get(key)
    if ends is None:
        return None
    wanted = service["port_name"] or ""
    return {
        services.endpoint(_backend(one.address, one.port))
        for one in ends
        if one.port_name == wanted and (":" in one.address) == (service["family"] == "inet6")
    }


def _backend(address: str, port: int | None) -> ServiceBackend:
    return {"address": address, "port": port, "pod": None, "host": None}


def disagreements(scene: Scene) -> Iterator[tuple[Service, str, str]]:
    """Yield (Service, node, what) where the rules of a node lead elsewhere than the API says, or than other nodes'."""
    for service in scene.cast.world.model["services"]:
        if service["type"] not in ("cluster_ip", None) or service["virtual_address"] is None:
            continue
        if service["traffic_policy"] == "local":
            continue
        given = given_backends(scene, service)
        sides = {rule["host"]: set(rule["backends"]) for rule in service["rules"]}
        usual = given if given is not None else _usual(list(sides.values()))
        says = "the API" if given is not None else "the other nodes"
        for host, own in sides.items():
            if own != usual:
                more, less = sorted(own - usual, key=ranges.order), sorted(usual - own, key=ranges.order)
                parts = [f"leads to {words.listed(more)} as well"] if more else []
                parts += [f"does not lead to {words.listed(less)}"] if less else []
                yield service, host, f"the rule of {host} {' and '.join(parts)}, unlike {says}"


def _usual(sides: list[set[str]]) -> set[str]:
    """Return what most nodes say; of two that are equally frequent the first."""
    return max(sides, key=sides.count) if sides else set()
