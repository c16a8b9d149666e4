# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of type LoadBalancer: which address each has outside, and which node answers for it.

A node is chosen as MetalLB chooses it in its layer 2 mode: by a hash of node and address, so that addresses spread over
the nodes, and a node that goes takes no address along but its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

try:
    from netaddr import IPAddress, IPNetwork
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description.checks import Fault, overlap
from .description import Description, network
from .options import VARIABLE
from .pods import one_of
from .services import Service, lease, service_ranges

_RANGE = VARIABLE + "load_balancer_cidr"
_EXAMPLE = "Use a free part of the nodes' network, like 10.89.0.240/28"
NODE, ALL = "node", "all"
"""Who answers for an address: one node, by ARP, or whichever a router sends packets to."""


@dataclass(frozen=True)
class Balancers:
    """The addresses outside: their range, who answers for them, and which Service has which, by its full name."""

    part: IPNetwork
    announce: str
    addresses: dict[str, IPAddress]


def read_load_balancers(
    raw: Mapping[str, Any],
    description: Description,
    services: Iterable[Service],
    leases: Iterable[Mapping[str, str]],
    faults: list[Fault],
) -> Balancers | None:
    """Read what a description says of addresses outside, and give them; None when no Service needs one.

    `leases` are those that the nodes have noted, by full names.
    """
    wanting = [service for service in services if service.balanced]
    announce = one_of(raw.get("load_balancer_announce", NODE), (NODE, ALL), VARIABLE + "load_balancer_announce", faults)
    if not wanting:
        return None
    if not raw.get("load_balancer_cidr"):
        text = f"there is none, and {wanting[0].full_name} is of type LoadBalancer and needs an address"
        faults.append(Fault(_RANGE, text, _EXAMPLE))
        return None
    part = network(raw["load_balancer_cidr"], _RANGE, faults)
    if part is None:
        return None
    others = ((description.cluster, "of the pods"), (service_ranges(raw, []).get(4), "of Services"))
    for other, whose in others:
        if other is not None and overlap(part, other):
            faults.append(Fault(_RANGE, f"{part} overlaps the range {whose} {other}", _EXAMPLE))
    _check_given(wanting, part, faults)
    if len(wanting) > part.size - 2:
        text = f"{part} has {max(part.size - 2, 0)} addresses, and {len(wanting)} Services need one"
        faults.append(Fault(_RANGE, text, "Use a larger range"))
        return None
    return Balancers(part, announce, give(wanting, part, leases))


def _check_given(services: list[Service], part: IPNetwork, faults: list[Fault]) -> None:
    seen: dict[IPAddress, str] = {}
    for service in services:
        address, where = service.balancer_address, service.where + ".loadBalancerIP"
        if address is None:
            continue
        if not part.first < int(address) < part.last:
            faults.append(
                Fault(where, f"{address} is not an address in {part}", f"Choose another, or another {_RANGE}")
            )
        first = seen.setdefault(address, where)
        if first != where:
            faults.append(Fault(where, f"{first} is {address} too", "Give each Service its own, or leave it out"))


def give(services: list[Service], part: IPNetwork, leases: Iterable[Mapping[str, str]]) -> dict[str, IPAddress]:
    """Return the address of each of these Services: the given one, else the one that it had, else the lowest free."""
    found = {item.full_name: item.balancer_address for item in services if item.balancer_address is not None}
    names = {service.full_name for service in services}
    for noted in leases:
        for name, text in sorted(noted.items()):
            address = lease(text, part) if name in names - found.keys() else None
            if address is not None and address not in found.values():
                found[name] = address
    for service in services:
        if service.full_name not in found:
            numbers = range(part.first + 1, part.last)
            free = (IPAddress(number) for number in numbers if IPAddress(number) not in found.values())
            found[service.full_name] = next(free, IPAddress(part.first))
    return found


def chosen_node(address: IPAddress, service: Service, nodes: list[str], behind: Iterable[str]) -> str:
    """Return the node that answers for an address (MetalLB, ``speaker/layer2_controller.go``).

    `behind` are the nodes with pods of the Service: with the policy Local no other node leads anywhere.
    """
    near = [node for node in nodes if node in set(behind)] if service.external == "Local" else []
    return min(near or nodes, key=lambda node: hashlib.sha256(f"{node}#{address}".encode()).digest())


def connected(info: Mapping[str, Any], part: IPNetwork) -> str | None:
    """Return the link of a node whose network has all of a range; None when there is none.

    `info` is what ``podnet.lab.lab_info`` says of the node.
    """
    for entry in info.get("addresses", []):
        if entry["ifname"] != "lo" and part in IPNetwork(f"{entry['local']}/{entry['prefixlen']}").cidr:
            return str(entry["ifname"])
    return None


def check_node(
    balancers: Balancers | None, where: str, info: Mapping[str, Any] | None, announced: Iterable[str]
) -> Iterable[Fault]:
    """Yield what on a node stands in the way of the addresses; `announced` are those that it has of the lab."""
    if balancers is None or info is None:
        return
    for entry in info.get("addresses", []):
        if entry["local"] not in announced and IPAddress(entry["local"]) in balancers.part:
            text = f"its address {entry['local']} on {entry['ifname']} is in the load balancers' range {balancers.part}"
            yield Fault(where, text, f"Choose another {_RANGE}")
    if balancers.announce == NODE and connected(info, balancers.part) is None:
        text = f"no network of it has all of {balancers.part}, so that nobody would ask it for these addresses"
        yield Fault(where, text, f"{_EXAMPLE}, or set {VARIABLE}load_balancer_announce to {ALL} and route them there")


def announced_by(
    balancers: Balancers | None, services: Iterable[Service], nodes: list[str], behind: Mapping[str, set[str]]
) -> dict[str, str]:
    """Return the node that is to announce each address; `behind` has the nodes with pods of each Service."""
    if balancers is None or balancers.announce == ALL or not nodes:
        return {}
    return {
        str(balancers.addresses[service.full_name]): chosen_node(
            balancers.addresses[service.full_name], service, nodes, behind.get(service.full_name, ())
        )
        for service in services
        if service.balanced
    }
