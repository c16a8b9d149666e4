# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the overview says: how healthy the nodes are, in words, and what is odd by kind."""

from __future__ import annotations

from typing import NamedTuple

from ..model.index import NodeView
from ..model.records import Finding, Model, Node
from ..report import rows
from ..text import words

HOSTS = 12
"""So many nodes of a kind of finding, or of one finding, are named; the others are counted."""


class Health(NamedTuple):
    """How healthy all nodes are together: the worst that is known, and what that means in words."""

    severity: str
    sentence: str
    details: list[str]


class Kind(NamedTuple):
    """All findings of one severity and kind."""

    severity: str
    kind: str
    found: list[Finding]
    hosts: list[str]
    following: int
    """How many other things follow from them."""


class NodeLine(NamedTuple):
    """A node in a table of nodes."""

    node: Node
    addresses: list[str]
    ranges: list[str]
    pods: int
    cables: int
    severities: list[tuple[str, int]]


def health(model: Model) -> Health:
    """Return in words how healthy the nodes are."""
    totals = model["totals"]
    nodes = words.counted(totals["nodes"], "node")
    details = []
    if totals["nodes"] and not totals["nodes_read"]:
        return Health("unproven", "No node could be read, so nothing is known.", [])
    if not totals["nodes"]:
        return Health("unproven", "There is no node in this report.", [])
    by_severity = {
        severity: [one for one in model["odd"] if one["severity"] == severity]
        for severity in ("fault", "unproven", "note")
    }
    faults, unproven, notes = by_severity["fault"], by_severity["unproven"], by_severity["note"]
    if faults:
        hosts = {host for one in faults for host in one["hosts"]}
        kinds = {one["kind"] for one in faults}
        sentence = (
            f"Something does not work: {words.counted(len(faults), 'fault')}"
            + (f" of {len(kinds)} kinds" if len(kinds) > 1 else "")
            + f" on {len(hosts)} of {nodes}."
        )
        severity = "fault"
    elif unproven:
        severity = "unproven"
        sentence = "Nothing is known to be broken, but not everything could be read or proven."
    elif notes:
        severity, sentence = "note", f"No fault was found on {nodes}; something may surprise."
    else:
        severity, sentence = "well", f"Nothing odd was found on {nodes}."
    if totals["nodes_read"] < totals["nodes"]:
        missing = totals["nodes"] - totals["nodes_read"]
        whom = "it" if missing == 1 else "them"
        details.append(f"{words.counted(missing, 'node')} could not be read, so nothing is known of {whom}.")
    if faults and unproven:
        details.append(f"{words.counted(len(unproven), 'thing')} could not be read or proven.")
    if model["ignored"]:
        details.append(f"{words.counted(len(model['ignored']), 'finding')} set aside with a reason, listed below.")
    if notes and severity != "note":
        details.append(
            f"{words.counted(len(notes), 'thing')} works, and may surprise."
            if len(notes) == 1
            else f"{len(notes)} things work, and may surprise."
        )
    return Health(severity, sentence, details)


def kinds(model: Model) -> list[Kind]:
    """Return what is odd by severity and kind, in the order in which it is told."""
    return [
        Kind(
            severity=group[0]["severity"],
            kind=group[0]["kind"],
            found=group,
            hosts=list(dict.fromkeys(host for one in group for host in one["hosts"])),
            following=sum(len(one.get("consequences", ())) for one in group),
        )
        for group in rows.grouped(model["odd"])
    ]


def node_line(node: Node, view: NodeView, found: list[Finding]) -> NodeLine:
    """Return a node as a line of a table."""
    counts: dict[str, int] = {}
    for one in found:
        counts[one["severity"]] = counts.get(one["severity"], 0) + 1
    return NodeLine(
        node=node,
        addresses=rows.node_addresses(node),
        ranges=rows.node_ranges(view),
        pods=len(view.pods),
        cables=view.count_cables(),
        severities=list(counts.items()),
    )
