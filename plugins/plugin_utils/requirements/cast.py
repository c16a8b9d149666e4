# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who can send and receive: from the model to parties, and who is left out and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from ..comparison.translation import is_for_services
from ..comparison.world import Nat, World
from ..model import ranges
from ..model.records import Node, Pod
from ..report import rows
from ..text import words
from .records import Party

NODE = "node"
"""How podnet.lab.probe calls the node's own namespace."""


class Cast(NamedTuple):
    """All who take part."""

    world: World
    pods: list[Party]
    nodes: list[Party]
    """Nodes of the pod network that were read."""
    outside: list[Party]
    """Hosts that are no part of it, which packets of pods leave the cluster for."""
    left_out: list[str]
    """Who takes no part, each with the reason."""
    pods_on: Mapping[str, list[Party]]
    """The pods of each node."""
    holders: Mapping[str, list[Party]]
    """Pods and nodes that have an address, by the address."""

    def holder(self, address: str) -> Party | None:
        """Return the only one that has *address*, None when nobody or several have it."""
        found = self.holders.get(address, ())
        return found[0] if len(found) == 1 else None


def cast(world: World, outside: Collection[str] = ()) -> Cast:
    """Return who takes part, with *outside* the inventory names of hosts that are no part of the pod network."""
    left_out = [
        f"{node['host']} was not read: {node['error']['cause']}" for node in world.model["nodes"] if node["error"]
    ]
    pods = []
    for pod in world.model["pods"]:
        if pod["host"] in outside:
            continue
        party = _pod(world, pod)
        if party is not None:
            pods.append(party)
    own = [one for one in world.model["pods"] if one["host"] not in outside]
    on_host = sum(pod["host_network"] for pod in own)
    if on_host:
        left_out.append(f"{words.counted(on_host, 'pod')} on the network of the node: what is sent there is the node's")
    bare = [words.pod_name(pod) for pod in own if not pod["host_network"] and not pod["addresses"]]
    if bare:
        left_out.append(f"{words.counted(len(bare), 'pod')} without an address: {words.listed(bare)}")
    read = [_node(world, node) for node in world.read if rows.node_addresses(node)]
    nodes = [one for one in read if one.host not in outside]
    pods_on: dict[str, list[Party]] = {}
    for one in pods:
        pods_on.setdefault(one.host, []).append(one)
    holders: dict[str, list[Party]] = {}
    for one in (*pods, *nodes):
        for address in one.own:
            holders.setdefault(address, []).append(one)
    return Cast(
        world=world,
        pods=pods,
        nodes=nodes,
        outside=[one for one in read if one.host in outside],
        left_out=left_out,
        pods_on=pods_on,
        holders=holders,
    )


def _pod(world: World, pod: Pod) -> Party | None:
    if pod["host_network"] or not pod["addresses"]:
        return None
    inside = world.namespace(pod)["interfaces"]
    cables = {one["ifname"] for one in pod["cables"]}
    mtus = [one["mtu"] for one in inside if one["mtu"] is not None and (one["ifname"] in cables or not cables)]
    return Party(
        name=words.pod_name(pod),
        host=pod["host"],
        at=f"net:[{pod['netns']}]",
        addresses=_firsts(one["local"] for one in pod["addresses"]),
        own=frozenset(one["local"] for one in pod["addresses"]),
        bridges=frozenset(one["bridge"] for one in pod["cables"] if one["bridge"]),
        mtu=min(mtus, default=None),
        pod=pod,
        inside=world.namespace(pod),
    )


def _node(world: World, node: Node) -> Party:
    inner = [one["cidr"] for one in world.views[node["host"]].ranges if one["what"] == "pod" and one["scope"] == "node"]
    known = rows.node_addresses(node)
    # On a node without a default route these are all; its bridge's address is one of the pods' range.
    outer = [one for one in known if not any(ranges.contains(cidr, one) for cidr in inner)]
    # One that it answers at for a Service, as for a load balancer's, leads to pods.
    lent = {one["virtual_address"] for one in world.model["services"]}
    outer.sort(key=lambda one: one in lent)
    return Party(
        name=node["host"],
        host=node["host"],
        at=NODE,
        addresses=_firsts(outer or known),
        own=frozenset(one["local"] for one in node["addresses"]),
        bridges=frozenset(),
        mtu=None,
        pod=None,
        inside=None,
    )


def _firsts(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the first address of each family, IPv4 before IPv6."""
    firsts: dict[str, str] = {}
    for one in addresses:
        firsts.setdefault(family(one), one)
    return tuple(firsts[key] for key in sorted(firsts))


def family(address: str) -> str:
    """Return ``inet`` or ``inet6``."""
    return "inet6" if ":" in address else "inet"


def common(one: Party, other: Party) -> list[tuple[str, str]]:
    """Return pairs of addresses of one family, that of *one* and that of *other*."""
    return [(mine, theirs) for mine in one.addresses for theirs in other.addresses if family(mine) == family(theirs)]


def rules_for_pods(world: World, host: str) -> list[Nat] | None:
    """Return the rules of *host* that give packets of pods another source address; None when they were not read."""
    rules = world.nat.get(host)
    return None if rules is None else [one for one in rules if not is_for_services(one)]
