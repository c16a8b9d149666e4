# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about address ranges, within a node and between nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Model, Range, RangeSource
from ..text import commands, words
from .nodes import cut

_REMEDIES = {
    "overlap": "Ranges that overlap must be changed before pods use them: pod, service and node networks "
    "each need addresses of their own",
    "disagreement": "One of these places is out of date or was never adapted: make them say the same, "
    "and restart what reads them",
    "out_of_range": "Delete the pod to have it made anew with an address of the range in force",
    "duplicate": "Delete all but one of those that have the address, and look for a lease that was removed by hand",
}


def _place(source: RangeSource) -> str:
    return f"{source['place'] or source['kind']}{' ' + source['key'] if source['key'] else ''}"


def conflict_on_node(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """What a node's own facts already contradict."""
    for node in model["nodes"]:
        for conflict in node["conflicts"]:
            yield {
                "kind": f"range-{conflict['kind'].replace('_', '-')}",
                "severity": "fault",
                "hosts": [node["host"]],
                "object": words.listed(list(dict.fromkeys(side["value"] for side in conflict["sides"]))),
                "message": conflict["message"].rstrip("."),
                "evidence": cut([f"{side['value']} ({side['source']})" for side in conflict["sides"]]),
                "remedy": _REMEDIES.get(conflict["kind"], ""),
                "command": next(
                    (
                        commands.file(side["source"].split()[0])
                        for side in conflict["sides"]
                        if side["source"][:1] == "/"
                    ),
                    None,
                ),
            }


def node_ranges_overlap(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Ranges of different nodes that share addresses, so that two pods can get the same one."""
    by_cidr = {one["cidr"]: one for one in model["ranges"] if one["what"] == "pod" and one["scope"] == "node"}
    for cidr, one in sorted(by_cidr.items(), key=lambda entry: ranges.order(entry[0])):
        if len(one["hosts"]) > 1:
            yield _overlap(
                one["hosts"],
                cidr,
                f"{words.listed(one['hosts'])} give addresses of the same range {cidr} to their pods",
                _said_by([one]),
                commands.source(one["sources"][0]),
            )
    for (wide, one), (narrow, other) in ranges.overlaps(by_cidr.items()):
        hosts = list(dict.fromkeys([*one["hosts"], *other["hosts"]]))
        if len(hosts) > 1:
            yield _overlap(
                hosts,
                f"{wide} {narrow}",
                f"the pod ranges {wide} of {words.listed(one['hosts'])} and {narrow} of "
                f"{words.listed(other['hosts'])} overlap",
                _said_by([one, other]),
                commands.source(one["sources"][0]),
            )


def _said_by(entries: list[Range]) -> list[str]:
    return [f"{source['host']}: {one['cidr']} ({_place(source)})" for one in entries for source in one["sources"]]


def _overlap(hosts: list[str], thing: str, message: str, evidence: list[str], command: str | None) -> Finding:
    return {
        "kind": "node-ranges-overlap",
        "severity": "fault",
        "hosts": hosts,
        "object": thing,
        "message": message,
        "evidence": cut(evidence),
        "remedy": "Give each node a range of its own, cut from the cluster's range. "
        "If these nodes belong to different clusters, inspect one cluster at a time (podnet_hosts)",
        "command": command,
    }


def cluster_ranges_differ(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes that disagree about the cluster's pod or service range.

    A control plane may know more ranges than a worker; two nodes disagree when each knows one
    of the same family that the other does not.
    """
    known: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one in model["ranges"]:
        if one["scope"] == "cluster":
            for host in one["hosts"]:
                known[one["what"], one["family"]][host].add(one["cidr"])
    for (what, family), by_host in sorted(known.items()):
        groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for host, cidrs in by_host.items():
            groups[tuple(sorted(cidrs, key=ranges.order))].append(host)
        opinions = [
            group
            for group in groups
            if any(not set(group) <= set(other) and not set(other) <= set(group) for other in groups)
        ]
        if not opinions:
            continue
        concerned = [
            one for one in model["ranges"] if (one["what"], one["family"], one["scope"]) == (what, family, "cluster")
        ]
        speakers = {groups[group][0] for group in opinions}
        said = [
            (f"{source['host']}: {one['cidr']} ({_place(source)})", source)
            for one in concerned
            for source in one["sources"]
            if source["host"] in speakers
        ]
        yield {
            "kind": "cluster-ranges-differ",
            "severity": "fault",
            "hosts": [host for group in opinions for host in groups[group]],
            "object": " ".join(dict.fromkeys(cidr for group in opinions for cidr in group)),
            "message": f"the nodes do not agree about the cluster's {what} range: "
            + "; ".join(f"{words.listed(groups[group])}: {', '.join(group)}" for group in opinions),
            "evidence": cut([line for line, _source in said]),
            "remedy": "Find the place that is out of date and make it say what the others say. "
            "If these nodes belong to different clusters, inspect one cluster at a time (podnet_hosts)",
            "command": commands.source(said[0][1]),
        }


ALL = (
    conflict_on_node,
    node_ranges_overlap,
    cluster_ranges_differ,
)
