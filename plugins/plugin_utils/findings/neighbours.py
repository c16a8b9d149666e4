# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about ARP and NDP tables: addresses that are known under a MAC which their owner does not have.

Judged is what is in force: entries that somebody set, and those that were confirmed just now. A stale one is asked for
anew before it is relied on, and is stale in good health.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Cable, End, Finding, Interface, Model, Namespace, Neighbour
from ..text import commands, words
from ..text.escape import shell_word
from .nodes import VIRTUAL


class _Owner(NamedTuple):
    """Who has an address, and with which MAC."""

    mac: str
    name: str


_Owners = dict[tuple[int, str, str], list[_Owner]]
"""By namespace, interface and address, who is there: what an entry of that namespace's table must say."""


def on_node(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Entries about pods and bridges of the same node, in the node's table and in the pods' own."""
    for host, view in views.items():
        if all(namespace["neighbours"] is None for namespace in view.namespaces.values()):
            continue
        owners = _owners(view)
        for namespace in view.namespaces.values():
            for entry in namespace["neighbours"] or ():
                there = owners.get((namespace["inode"], entry["dev"], entry["dst"]), [])
                if there and all(owner.mac != entry["lladdr"] for owner in there):
                    yield _finding(host, namespace, entry, there[0], "fault" if entry["permanent"] else "note")


def _owners(view: NodeView) -> _Owners:
    owners: _Owners = defaultdict(list)
    by_bridge: dict[tuple[int, str], list[tuple[End, Interface, str]]] = defaultdict(list)
    for cable in view.cables:
        for near, far, interface in _sides(cable, view):
            name = words.namespace_name(view.namespaces[far["netns"] or 0])
            bridge = cable["bridge"]
            if bridge is not None and (near["netns"], near["master"]) == (bridge["netns"], bridge["ifname"]):
                by_bridge[bridge["netns"], bridge["ifname"]].append((far, interface, name))
            elif near["master"] is None and near["netns"] is not None and near["ifname"] is not None:
                _add(owners, near["netns"], near["ifname"], interface, name)
    for bridge_ in view.bridges:
        behind = by_bridge.get((bridge_["netns"], bridge_["ifname"]), [])
        own = view.namespaces.get(bridge_["netns"])
        itself = next((one for one in own["interfaces"] if one["ifindex"] == bridge_["ifindex"]), None) if own else None
        everyone = [(interface, name) for _end, interface, name in behind]
        if itself is not None:
            everyone.append((itself, bridge_["ifname"]))
        for interface, name in everyone:
            _add(owners, bridge_["netns"], bridge_["ifname"], interface, name)
        for end, inside, _name in behind:
            for interface, name in everyone:
                if interface is not inside and end["netns"] is not None and end["ifname"] is not None:
                    _add(owners, end["netns"], end["ifname"], interface, name)
    return owners


def _sides(cable: Cable, view: NodeView) -> Iterator[tuple[End, End, Interface]]:
    """Yield each end of a proven cable with the other end, and the interface that this one is."""
    first, second = cable["ends"]
    for near, far in ((first, second), (second, first)) if cable["resolution"] == "exact" else ():
        interface = view.interface(far)
        if interface is not None:
            yield near, far, interface


def _add(owners: _Owners, netns: int, ifname: str, interface: Interface, name: str) -> None:
    for address in interface["addr_info"]:
        if interface["address"] and ranges.is_specific(address["local"]):
            owners[netns, ifname, address["local"]].append(_Owner(interface["address"], name))


def between_nodes(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Entries that somebody set for another node, where that node has another MAC.

    Only in networks in which some entry shows that nodes see each other's MACs: in clouds the network answers for all.
    """
    nodes = _addresses_of_nodes(model, views)
    entries = [
        (host, own, entry, nodes[entry["dst"]])
        for host, view in views.items()
        if (own := view.own_namespace) is not None
        for entry in own["neighbours"] or ()
        if entry["dst"] in nodes and nodes[entry["dst"]][0] != host
    ]
    transparent = {network for _host, _own, entry, (_to, owner, network) in entries if entry["lladdr"] == owner.mac}
    for host, own, entry, (_to, owner, network) in entries:
        if entry["permanent"] and entry["lladdr"] != owner.mac and network in transparent:
            yield _finding(host, own, entry, owner, "fault")


def _addresses_of_nodes(model: Model, views: Mapping[str, NodeView]) -> dict[str, tuple[str, _Owner, str]]:
    """Return the addresses of cards, which only one node has: node, owner and network."""
    found: dict[str, tuple[str, _Owner, str]] = {}
    twice: set[str] = set()
    for node in model["nodes"]:
        own = views[node["host"]].own_namespace
        ways_out = {route["dev"] for route in node["default_route"]}
        for interface in own["interfaces"] if own is not None else ():
            inner = interface["kind"] in (*VIRTUAL, "veth") and interface["ifname"] not in ways_out
            if inner or interface["tunnel"] is not None or interface["address"] is None:
                continue
            for address in interface["addr_info"]:
                network = ranges.network(words.address(address))
                if network is None or not ranges.is_specific(address["local"]):
                    continue
                if address["local"] in found:
                    twice.add(address["local"])
                owner = _Owner(interface["address"], f"{interface['ifname']} of {node['host']}")
                found[address["local"]] = (node["host"], owner, str(network.cidr))
    return {local: value for local, value in found.items() if local not in twice}


def _finding(host: str, namespace: Namespace, entry: Neighbour, owner: _Owner, severity: str) -> Finding:
    where = words.elsewhere(namespace)
    device = shell_word(entry["dev"])
    delete = commands.inside(namespace, f"ip neigh del {shell_word(entry['dst'])} dev {device}")
    how = "somebody set so" if entry["permanent"] else "was confirmed just now, so somebody else answers for it"
    return {
        "kind": "neighbour-wrong",
        "severity": "fault" if severity == "fault" else "note",
        "hosts": [host],
        "object": f"{where + ' ' if where else ''}{entry['dst']}",
        "message": f"{where or host} sends what is for {entry['dst']} to the MAC {entry['lladdr']}, which {how}, and "
        f"{owner.name}, which has the address, has {owner.mac}",
        "evidence": [
            f"{entry['dst']} dev {entry['dev']} lladdr {entry['lladdr']}{' PERMANENT' if entry['permanent'] else ''}",
            f"{owner.name}: {entry['dst']}, {owner.mac}",
        ],
        "remedy": f"{delete}; if it comes back, look who sets it, or who else has the address",
        "command": commands.inside(namespace, f"ip neigh show dev {device}"),
    }


ALL = (on_node, between_nodes)
