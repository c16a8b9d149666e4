# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The view ``podnet_service``: what the node's rules say about Services, with the pods behind their backends."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Set

from .._files.reader import Files
from .._firewall.commands import CONNTRACK, kernel_has
from .._kernel.flows import Flow
from .._kernel.netlink import MalformedMessageError
from .._pods.identity import owners_of
from .._ranges.kernel import addresses_in_use
from .._services.flows import stale_flows
from .._services.ipvs import DEVICE
from .._services.policies import PolicyTable, read_policies
from .._services.records import Service, Unrecognised, order
from .._services.sources import Read, read_services
from .fact_module import Pass
from .views import Facts, envelope, pod_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error, Snapshot

MOST_UNRECOGNISED = 100
"""So many rules that were not understood are listed; an error says how many there are."""


class Addresses:
    """Whose the addresses of this node are."""

    def __init__(self, snapshot: Snapshot, owners: Mapping[int, Mapping[str, Any]]) -> None:
        own = snapshot["namespaces"].get(snapshot["own"])
        names = {link["ifindex"]: link["ifname"] for link in own.get("links", ())} if own else {}
        self.own: Set[str] = set()
        """Those of the node itself, without those of kube-ipvs0."""
        self.dummy: Set[str] = set()
        """Those of kube-ipvs0."""
        for address in own.get("addresses", ()) if own else ():
            local = address.get("local")
            if local is not None:
                (self.dummy if names.get(address["ifindex"]) == DEVICE else self.own).add(local)
        self.pods: Dict[str, List[Optional[str]]] = {}
        """Address -> the pods of the namespaces that have it."""
        for one in addresses_in_use(snapshot, owners):
            pod = pod_reference(one["pod"])
            if pod not in self.pods.setdefault(one["local"], []):
                self.pods[one["local"]].append(pod)

    def is_local(self, address: str) -> bool:
        """Tell whether this node, or a namespace on it, has an address."""
        return address in self.own or address in self.pods

    def pod(self, address: str) -> Optional[str]:
        """Return the pod on this node that has an address; None when none has it, or two have it."""
        pods = self.pods.get(address, [])
        return pods[0] if len(pods) == 1 else None


def service_facts(found: Pass) -> Facts:
    """Read the rules and return the value of ``podnet_service``."""
    node = found.node
    addresses = Addresses(node.snapshot, owners_of(node.identities))
    flows = _flows(node.subsets, found.files)
    reads = read_services(found.files, found.run, addresses.own, addresses.dummy)
    if flows:
        # Rules change together with flows. One that is there before and after they were read belongs to them.
        later = _flows(node.subsets, found.files)
        flows = None if later is None else flows & later
    policies = read_policies(found.files, found.run)
    objects = _service_objects(found.files) if "api" in node.subsets else None
    errors: List[Error] = []
    for error in node.all_errors() + found.files.errors:
        if error not in errors:  # the evidence of owners was read with the same reader
            errors.append(error)
    facts = combine(reads, policies, addresses, errors, node.snapshot["partial"])
    if "api" in node.subsets:
        facts["api"] = objects
    if "flows" in node.subsets:
        services = [one for read in reads for one in read.found.services]
        facts["stale_flows"] = None if flows is None else stale_flows(flows, services, addresses.own)
    return facts


def _service_objects(files: Files) -> Optional[Facts]:
    # Imported only here: Python compiles each module of a task anew, and few ask for this one.
    from .._services.api import read_service_objects

    return read_service_objects(files)


def _flows(subsets: FrozenSet[str], files: Files) -> Optional[Set[Flow]]:
    """Return the node's UDP flows to other addresses than were asked; None when they cannot be read."""
    if "flows" not in subsets or not kernel_has(files, *CONNTRACK):
        return None
    # Imported only here: Python compiles each module of a task anew, and few ask for this one.
    from .._kernel.conntrack import read_flows

    try:
        return read_flows()
    except (OSError, MalformedMessageError):
        return None


def combine(
    reads: List[Read],
    policies: Optional[List[PolicyTable]],
    addresses: Addresses,
    errors: List[Error],
    partial: bool,
) -> Facts:
    """Put together what the places say."""
    services: List[Service] = sorted((one for read in reads for one in read.found.services), key=order)
    unrecognised: List[Unrecognised] = [one for read in reads for one in read.found.unrecognised]
    if len(unrecognised) > MOST_UNRECOGNISED:
        error: Error = {
            "object": "rules of Services",
            "cause": "%d rules were not understood; %d are listed." % (len(unrecognised), MOST_UNRECOGNISED),
            "remedy": "Look at the rules on the node.",
        }
        errors = [*errors, error]
    facts = envelope(errors, partial or bool(unrecognised))
    modes = sorted({read.source["mode"] for read in reads if read.source["services"]})
    facts["mode"] = modes[0] if len(modes) == 1 else "mixed" if modes else "none"
    facts["sources"] = [read.source for read in reads]
    facts["node_port_addresses"] = sorted({one for read in reads for one in read.found.node_port_addresses})
    facts["services"] = [_shown(one, addresses) for one in services]
    facts["unrecognised"] = unrecognised[:MOST_UNRECOGNISED]
    facts["policies"] = policies
    return facts


def _shown(one: Service, addresses: Addresses) -> Facts:
    backends = [
        {
            "address": backend["address"],
            "port": backend["port"],
            "weight": backend["weight"],
            "local": addresses.is_local(backend["address"]),
            "pod": addresses.pod(backend["address"]),
        }
        for backend in one["backends"]
    ]
    return {**one, "backends": backends}
