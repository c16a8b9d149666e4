# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the page of one node says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ..model.index import NodeView
from ..model.records import Cable, End, Finding, Interface, Lease, Node, Pod
from ..report import rows
from ..report.service_rows import ServiceRow
from ..report.terminal import moment
from ..text import commands, words
from . import picture
from .told import Odd, Told, ordered
from .usage import Usage

Context = dict[str, Any]


def context(
    node: Node,
    view: NodeView,
    found: list[Finding],
    usage: Usage,
    services: Sequence[tuple[int, ServiceRow]],
    leading: Mapping[str, Sequence[str]],
) -> Context:
    """Return what the template of a node's page needs.

    *services* are those that lead to this node's pods, with their numbers, *leading* are their names by the name of
    the pod. A pod's row has the number that it has among all pods of the node, as its picture's box does.
    """
    told = Told(found)
    entries = rows.rows(view, rows.odd_names(found))
    of_cables = _odd_of_cables(view, told)
    numbers = [number for number, pod in enumerate(view.pods, 1) if not pod["host_network"]]
    return {
        "node": node,
        "read": moment(node["collected_at"]),
        "addresses": rows.node_addresses(node),
        "found": found,
        "picture": picture.picture(node, view, told, leading) if node["error"] is None else None,
        "pods": [
            (number, row, _odd_of_pod(view.pods[number - 1], told, of_cables))
            for number, row in zip(numbers, entries[: len(numbers)], strict=True)
        ],
        "others": [(row, told.of_pod(row.name[1:-1], (), ())) for row in entries[len(numbers) :]],
        "host_network": rows.host_network(view),
        "cables": [
            (*_cable(cable, view), _odd_of_cable(cable, view, told)) for cable in view.cables if cable["pod"] is None
        ],
        "bridges": [
            (
                bridge,
                words.elsewhere(view.namespaces.get(bridge["netns"])),
                commands.bridge(bridge, view.namespaces),
                told.about(bridge["ifname"], *(one["local"] for one in bridge["addr_info"])),
            )
            for bridge in view.bridges
        ],
        "bars": [gauge for one in view.ranges if (gauge := usage.gauge(one)) is not None],
        "leases": _leases(view),
        "interfaces": _interfaces(view, told),
        "errors": [*node["errors"], *(error for one in view.namespaces.values() for error in one["errors"])],
        "services": services,
        "commands": commands,
    }


def _interfaces(view: NodeView, told: Told) -> list[tuple[Interface, str, str, list[Odd]]]:
    """Return the node's own interfaces that are neither bridges nor ends of cables.

    With each: what it is, how to see it on the node, and what is odd about it.
    """
    own = view.own_namespace
    if own is None:
        return []
    elsewhere = {end["ifname"] for cable in view.cables for end in cable["ends"] if end["netns"] == own["inode"]}
    elsewhere.update(bridge["ifname"] for bridge in view.bridges if bridge["netns"] == own["inode"])
    return [
        (
            interface,
            picture.kind(interface),
            commands.link(interface["ifname"]),
            ordered(
                [
                    *told.of_tunnel(interface["ifname"], interface["address"]),
                    *told.about(*(one["local"] for one in interface["addr_info"])),
                ]
            ),
        )
        for interface in own["interfaces"]
        if interface["ifname"] != "lo" and interface["ifname"] not in elsewhere
    ]


def _odd_of_cables(view: NodeView, told: Told) -> dict[int, list[Odd]]:
    """Return what is told of cables, by the namespace at either end."""
    result: dict[int, list[Odd]] = defaultdict(list)
    for cable in view.cables:
        for end, other in (cable["ends"], cable["ends"][::-1]):
            if end["netns"] is not None:
                result[end["netns"]].extend(told.of_cable(cable, other["ifname"]))
    return result


def _odd_of_cable(cable: Cable, view: NodeView, told: Told) -> list[Odd]:
    """Return what is told of a cable that leads to no pod; nothing is told of the node's own way out."""
    return [] if view.leaves_node(cable) else told.of_cable(cable, cable["ends"][0]["ifname"])


def _odd_of_pod(pod: Pod, told: Told, of_cables: Mapping[int, list[Odd]]) -> list[Odd]:
    addresses = [one["local"] for one in pod["addresses"]]
    return ordered([*told.of_pod(words.pod_name(pod), addresses, ()), *of_cables.get(pod["netns"], ())])


def _cable(cable: Cable, view: NodeView) -> tuple[list[str], str, str]:
    """Return a cable that leads to no pod: its ends, where it leads, and how to see it."""

    def place(end: End) -> str:
        namespace = view.namespaces.get(end["netns"]) if end["netns"] is not None else None
        return words.end(end) + ("" if namespace is None else f" in {words.namespace_name(namespace)}")

    if view.leaves_node(cable):
        state = "the node's own way out"
    else:
        state = cable["resolution"] + (f": {cable['reason']}" if cable["reason"] else "")
    return [place(end) for end in cable["ends"]], state, commands.cable(cable, view.namespaces)


def _leases(view: NodeView) -> list[tuple[str, str, str]]:
    """Return the networks of host-local: how many leases are in which state, and how to see them."""
    by_network: dict[str, list[Lease]] = {}
    for lease in view.leases:
        by_network.setdefault(lease["network"], []).append(lease)
    result = []
    for network, leases in sorted(by_network.items()):
        states = sorted({lease["state"] for lease in leases})
        counts = [f"{sum(one['state'] == state for one in leases)} {state.replace('_', ' ')}" for state in states]
        result.append((network, ", ".join(counts), commands.leases(leases[0])))
    return result
