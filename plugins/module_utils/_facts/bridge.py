# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The view ``podnet_bridge``: every bridge, its ports, what is behind them, and its forwarding table."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Set, Tuple

from .iproute2 import fdb_state, neighbour_flags
from .views import (
    Facts,
    Node,
    addr_info,
    addresses_by_index,
    envelope,
    is_port_of,
    names_by_index,
    without,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Link, Namespace, Neighbour

_PERMANENT = 0x80
USUAL_PORT: Facts = {
    "state": "forwarding", "hairpin": False, "learning": True, "isolated": False, "flood": True,
}  # fmt: skip


def bridge_facts(node: Node) -> Facts:
    """Return the value of ``podnet_bridge``."""
    owners = _owners_of_macs(node)
    bridges: List[Facts] = []
    for namespace in node.ordered():
        links = sorted(namespace.get("links", ()), key=lambda link: link["ifname"])
        bridges += [_bridge(node, namespace, link, owners) for link in links if link.get("info_kind") == "bridge"]
    facts = envelope(node.all_errors(), node.snapshot["partial"])
    facts["bridges"] = bridges
    return facts


def _owners_of_macs(node: Node) -> Dict[str, Optional[int]]:
    """Return MAC -> inode of the one pod namespace that has it; None when several do."""
    owners: Dict[str, Optional[int]] = {}
    for inode, namespace in node.snapshot["namespaces"].items():
        if node.pod(inode) is None:
            continue
        for mac in {link["address"] for link in namespace.get("links", ()) if "address" in link}:
            owners[mac] = None if mac in owners else inode
    return owners


def _bridge(node: Node, namespace: Namespace, bridge: Link, owners: Dict[str, Optional[int]]) -> Facts:
    data = bridge.get("info_data", {})
    ports = [link for link in namespace.get("links", ()) if is_port_of(link, bridge)]
    facts: Facts = {
        "ifname": bridge["ifname"],
        "ifindex": bridge["ifindex"],
        "netns": namespace["inode"],
        "netns_name": node.netns_name(namespace["inode"]),
        "address": bridge.get("address"),
        "addr_info": addr_info(addresses_by_index(namespace).get(bridge["ifindex"], []), True),
        "operstate": bridge.get("operstate"),
        "mtu": bridge.get("mtu"),
        "stp_state": data.get("stp_state"),
        "vlan_filtering": data.get("vlan_filtering"),
        "ageing_time": data.get("ageing_time"),
        "ports": [_port(node, namespace, port) for port in sorted(ports, key=lambda port: port["ifname"])],
    }
    if "fdb" in node.subsets:
        facts["fdb"] = _forwarding(node, namespace, bridge, {port["ifindex"] for port in ports}, owners)
    return facts


def _port(node: Node, namespace: Namespace, port: Link) -> Facts:
    """Return a port. Its far end, and the pod that its cable leads to, belong to the subset ``ends``."""
    data = port.get("info_slave_data", {})
    peer = namespace.get("peers", {}).get(port["ifindex"])
    end = peer["end"] if peer is not None else None
    facts: Facts = {"ifname": port["ifname"], "ifindex": port["ifindex"]}
    for key in ("state", "hairpin", "learning", "isolated", "flood"):
        facts[key] = data.get(key)
    if "ends" in node.subsets:
        facts["peer"] = dict(end) if end is not None else None
        facts["pod"] = node.pod(end["netns"]) if end is not None else None
    return without(facts, USUAL_PORT)


def _forwarding(
    node: Node, namespace: Namespace, bridge: Link, ports: Set[int], owners: Dict[str, Optional[int]]
) -> List[Facts]:
    """Return what the bridge learned; with the subset ``permanent_fdb`` all of its table."""
    names = names_by_index(namespace)
    mine = ports | {bridge["ifindex"]}
    result: List[Facts] = []
    for entry in namespace.get("fdb", ()):
        if not (entry.get("master") == bridge["ifindex"] or entry["ifindex"] in mine):
            continue
        if "permanent_fdb" in node.subsets or not entry["state"] & _PERMANENT:
            result.append(_entry(node, namespace, entry, names, owners))
    return sorted(result, key=_order)


def _order(entry: Facts) -> Tuple[Any, ...]:
    return (entry["dev"], entry["mac"] or "", entry.get("vlan") or 0, entry.get("dst") or "", entry.get("flags") or [])


def _entry(
    node: Node, namespace: Namespace, entry: Neighbour, names: Dict[int, str], owners: Dict[str, Optional[int]]
) -> Facts:
    mac = entry.get("lladdr")
    facts: Facts = {
        "mac": mac,
        "dev": names.get(entry["ifindex"], "if%d" % entry["ifindex"]),
        "state": fdb_state(entry["state"]),
    }
    facts.update((key, entry[key]) for key in ("vlan", "dst") if key in entry)
    flags = neighbour_flags(entry["flags"])
    if flags:
        facts["flags"] = flags
    facts["pod"] = _pod_of(node, namespace, entry, mac, owners)
    return facts


def _pod_of(
    node: Node, namespace: Namespace, entry: Neighbour, mac: Optional[str], owners: Dict[str, Optional[int]]
) -> Optional[str]:
    """Return the pod that has the MAC: the one behind the port when it has it, else the only one that has."""
    peer = namespace.get("peers", {}).get(entry["ifindex"])
    if mac is None:
        return None
    if peer is not None and peer["end"] is not None:
        behind = node.snapshot["namespaces"].get(peer["end"]["netns"])
        if behind is not None and any(link.get("address") == mac for link in behind.get("links", ())):
            return node.pod(behind["inode"])
    return node.pod(owners.get(mac))
