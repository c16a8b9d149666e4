# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of type LoadBalancer: which address each has outside, and which node answers for it.

A node is chosen as MetalLB chooses it in its layer 2 mode: by a hash of node and address, so that addresses spread over
the nodes, and a node that goes takes no address along but its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    from netaddr import IPAddress, IPNetwork
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description.checks import Fault, overlap
from .description import Description, network
from .options import SUFFIXES, VARIABLE
from .pods import one_of
from .services import BALANCER_KEYS, Service, lease, service_ranges, service_versions

_RANGE = VARIABLE + "load_balancer_cidr"
_EXAMPLES = {
    4: "Use a free part of the nodes' network, like 10.89.0.240/28",
    6: "Use a free part of the nodes' IPv6 network, like 2001:db8:89::f0/124",
}
NODE, ALL = "node", "all"
"""Who answers for an address: one node, by ARP or neighbour discovery, or whichever a router sends packets to."""


@dataclass(frozen=True)
class Balancers:
    """The addresses outside: their ranges, who answers for them, and which Service has which, by its full name.

    Ranges and addresses are by version of IP.
    """

    parts: dict[int, IPNetwork]
    announce: str
    addresses: dict[int, dict[str, IPAddress]]

    def of(self, service: Service) -> list[IPAddress]:
        """Return the addresses of a Service, in the order of its families."""
        known = [self.addresses.get(version, {}).get(service.full_name) for version in service.versions]
        return [address for address in known if address is not None]


def read_load_balancers(
    raw: Mapping[str, Any],
    description: Description,
    services: Iterable[Service],
    leases: Mapping[int, Sequence[Mapping[str, str]]],
    faults: list[Fault],
) -> Balancers | None:
    """Read what a description says of addresses outside, and give them; None when no Service needs one.

    A Service gets one of each family that it has and that there is a range for, and needs one at least.
    `leases` are those that the nodes have noted, by version of IP and full names.
    """
    wanting = [service for service in services if service.balanced]
    announce = one_of(raw.get("load_balancer_announce", NODE), (NODE, ALL), VARIABLE + "load_balancer_announce", faults)
    if not wanting:
        return None
    given = [version for version in (4, 6) if raw.get("load_balancer_cidr" + SUFFIXES[version])]
    _check_wanting(wanting, given, faults)
    parts, addresses = {}, {}
    for version in given:
        part = _part(raw, version, description, faults)
        if part is None:
            continue
        parts[version] = part
        served = [service for service in wanting if version in service.versions]
        _check_given(served, part, faults)
        if len(served) > part.size - 2:
            text = f"{part} has {max(part.size - 2, 0)} addresses, and {len(served)} Services need one"
            faults.append(Fault(_RANGE + SUFFIXES[version], text, "Use a larger range"))
        else:
            addresses[version] = give(served, part, leases[version])
    return Balancers(parts, announce, addresses)


def _part(raw: Mapping[str, Any], version: int, description: Description, faults: list[Fault]) -> IPNetwork | None:
    """Read the range of a version of IP; None when it is none, or the lab's Services are not of this version."""
    where = _RANGE + SUFFIXES[version]
    if version not in service_versions(raw):
        remedy = f"Give {VARIABLE}service_cidr{SUFFIXES[version]}, or leave this out"
        faults.append(Fault(where, f"the lab's Services have no IPv{version}", remedy))
        return None
    part = network(raw["load_balancer_cidr" + SUFFIXES[version]], where, faults, version)
    others = [(cluster, "of the pods") for cluster in description.clusters]
    others += [(inside, "of Services") for inside in service_ranges(raw, []).values()]
    for other, whose in others:
        if part is not None and other.version == version and overlap(part, other):
            faults.append(Fault(where, f"{part} overlaps the range {whose} {other}", _EXAMPLES[version]))
    return part


def _check_wanting(services: list[Service], given: Sequence[int], faults: list[Fault]) -> None:
    """Find Services without a range for their addresses, and asked for ones that are of no family of theirs."""
    missing: dict[int, Service] = {}
    for service in services:
        if service.versions and not set(service.versions) & set(given):
            missing.setdefault(service.versions[0], service)
        for version in (4, 6):
            where = service.where + BALANCER_KEYS[version]
            if service.given_outside(version) is None:
                continue
            if version not in service.versions:
                text = f"it is of IPv{version}, and the Service is not"
                faults.append(Fault(where, text, "Leave it out, or name its family in ipFamilies"))
            elif version not in given:
                faults.append(Fault(where, f"there is no {_RANGE}{SUFFIXES[version]}", _EXAMPLES[version]))
    for version, service in missing.items():
        text = f"there is none, and {service.full_name} is of type LoadBalancer and needs an address"
        faults.append(Fault(_RANGE + SUFFIXES[version], text, _EXAMPLES[version]))


def _check_given(services: list[Service], part: IPNetwork, faults: list[Fault]) -> None:
    seen: dict[IPAddress, str] = {}
    for service in services:
        address, where = service.given_outside(part.version), service.where + BALANCER_KEYS[part.version]
        if address is None:
            continue
        if not part.first < int(address) < part.last:
            remedy = f"Choose another, or another {_RANGE}{SUFFIXES[part.version]}"
            faults.append(Fault(where, f"{address} is not an address in {part}", remedy))
        first = seen.setdefault(address, where)
        if first != where:
            faults.append(Fault(where, f"{first} is {address} too", "Give each Service its own, or leave it out"))


def give(services: list[Service], part: IPNetwork, leases: Iterable[Mapping[str, str]]) -> dict[str, IPAddress]:
    """Return the address of each of these Services: the given one, else the one that it had, else the lowest free."""
    asked = {service.full_name: service.given_outside(part.version) for service in services}
    found = {name: address for name, address in asked.items() if address is not None}
    for noted in leases:
        for name, text in sorted(noted.items()):
            address = lease(text, part) if name in asked.keys() - found.keys() else None
            if address is not None and address not in found.values():
                found[name] = address
    for service in services:
        if service.full_name not in found:
            numbers = range(part.first + 1, part.last)
            free = (IPAddress(one, part.version) for one in numbers)
            first = next((one for one in free if one not in found.values()), None)
            found[service.full_name] = IPAddress(part.first, part.version) if first is None else first
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
    for version, part in balancers.parts.items():
        choose = f"Choose another {_RANGE}{SUFFIXES[version]}"
        for entry in info.get("addresses", []):
            if entry["local"] not in announced and IPAddress(entry["local"]) in part:
                text = f"its address {entry['local']} on {entry['ifname']} is in the load balancers' range {part}"
                yield Fault(where, text, choose)
        if balancers.announce == NODE and connected(info, part) is None:
            text = f"no network of it has all of {part}, so that nobody would ask it for these addresses"
            remedy = f"{_EXAMPLES[version]}, or set {VARIABLE}load_balancer_announce to {ALL} and route them there"
            yield Fault(where, text, remedy)


def announced_by(
    balancers: Balancers | None, services: Iterable[Service], nodes: list[str], behind: Mapping[str, set[str]]
) -> dict[str, str]:
    """Return the node that is to announce each address; `behind` has the nodes with pods of each Service.

    It is one for both families of a Service, chosen by the first, as MetalLB's is.
    """
    found: dict[str, str] = {}
    if balancers is None or balancers.announce == ALL or not nodes:
        return found
    for service in services:
        addresses = balancers.of(service) if service.balanced else []
        for address in addresses:
            chosen = chosen_node(addresses[0], service, nodes, behind.get(service.full_name, ()))
            found[str(address)] = chosen
    return found
