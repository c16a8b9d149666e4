# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about address ranges, within a node and between nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Address, Bridge, Finding, Model, Range, RangeSource
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


def conflict_on_node(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
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
                        command
                        for side in conflict["sides"]
                        if (command := _shown_by(side["source"], views[node["host"]])) is not None
                    ),
                    None,
                ),
            }


def _shown_by(source: str, view: NodeView) -> str | None:
    """Return the command that shows one side of a contradiction: a file and its key, or a pod and its interface."""
    if source.startswith("/"):
        return commands.file(source.split(maxsplit=1)[0])
    for pod in view.pods:
        namespace = view.namespaces.get(pod["netns"])
        if namespace is not None and source.startswith(f"pod {words.pod_name(pod)}, "):
            return commands.addresses(namespace)
    return None


def range_stale(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """CNI configurations that give another range than the one in which all pods of the node have their addresses.

    Either the configuration was changed under the pods, or it was never adapted to the range that the cluster gave the
    node. Pods outside beside others inside, or at a bridge that is inside, are those that were not made anew yet: each
    of them is said by itself.
    """
    routed = _routed_by_others(model)
    for node in model["nodes"]:
        host, view = node["host"], views[node["host"]]
        for family in ("inet", "inet6"):
            given = [one for one in view.ranges if one["family"] == family and _in_cni(one, host)]
            held = view.main_addresses(family)
            if not given or not held or any(ranges.contains(one["cidr"], local) for one in given for local in held):
                continue
            if any(ranges.contains(cidr["cidr"], one["local"]) for cidr in given for one in _on_bridges(view)):
                continue
            [file, *_others] = [one for one in given[0]["sources"] if one["host"] == host and one["kind"] == "cni"]
            actual = _network_of(held, view)
            here = [(other, dst) for other, dst in routed[host] if any(ranges.contains(dst, local) for local in held)]
            there = [(other, dst) for other, dst in routed[host] if dst == given[0]["cidr"]]
            yield {
                "kind": "range-stale",
                "severity": "fault",
                "hosts": [host],
                "object": given[0]["cidr"],
                "message": f"{file['place']} gives pods addresses of {given[0]['cidr']}, and "
                f"{words.counted(len(held), 'pod')} there, which is all, {'has' if len(held) == 1 else 'have'} "
                f"addresses of {actual}",
                "evidence": cut(
                    [
                        f"{given[0]['cidr']} ({_place(file)})",
                        f"{actual}: {words.listed(held)}",
                        *(f"{bridge['ifname']}: {words.address(one)}" for bridge, one in _bridges_with(held, view)),
                        *(f"{other} routes {dst} to {host}" for other, dst in (*here, *there)),
                    ]
                ),
                "remedy": _stale_remedy(file["place"], given[0]["cidr"], actual, _true_range(given, held, view, here)),
                "command": commands.file(file["place"]),
            }


def _on_bridges(view: NodeView) -> list[Address]:
    return [one for bridge in view.bridges for one in bridge["addr_info"]]


def _in_cni(one: Range, host: str) -> bool:
    return one["scope"] == "node" and any(src["host"] == host and src["kind"] == "cni" for src in one["sources"])


def _routed_by_others(model: Model) -> dict[str, list[tuple[str, str]]]:
    """Return for each node what others route to its address: (other node, destination)."""
    owner = {one["local"]: node["host"] for node in model["nodes"] for one in node["addresses"]}
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for namespace in model["namespaces"]:
        if namespace["kind"] != "host":
            continue
        for route in namespace["routes"] or ():
            to = owner.get(route["gateway"] or "")
            if to is not None and to != namespace["host"] and route["dst"] != "default":
                found[to].append((namespace["host"], route["dst"]))
    return found


def _bridges_with(held: list[str], view: NodeView) -> Iterator[tuple[Bridge, Address]]:
    for bridge in view.bridges:
        for one in bridge["addr_info"]:
            if any(ranges.contains(words.address(one), local) for local in held):
                yield bridge, one


def _network_of(held: list[str], view: NodeView) -> str:
    """Return the network that the addresses are in: of their bridge, else another range of the node, else the first."""
    for _bridge, one in _bridges_with(held, view):
        net = ranges.network(words.address(one))
        if net is not None:
            return str(net.cidr)
    own = (one["cidr"] for one in view.ranges if one["what"] == "pod" and one["scope"] == "node")
    return next((cidr for cidr in own if ranges.contains(cidr, held[0])), held[0])


def _true_range(given: list[Range], held: list[str], view: NodeView, here: list[tuple[str, str]]) -> bool | None:
    """Tell whether the range in which the pods are is the right one; None when nothing decides that.

    Other sources of the node's range decide, and what other nodes route to it, and then the cluster's range.
    """
    pods = [one for one in view.ranges if one["what"] == "pod" and one["family"] == given[0]["family"]]
    for scope in ("node", "cluster"):
        others = [one["cidr"] for one in pods if one["scope"] == scope and _said_elsewhere(one, view.host)]
        old = any(ranges.contains(cidr, held[0]) for cidr in others)
        new = any(ranges.contains(cidr, given[0]["cidr"]) for cidr in others)
        if old != new:
            return old
        if here and scope == "node":
            return True
    return None


def _said_elsewhere(one: Range, host: str) -> bool:
    return any(source["host"] == host and source["kind"] != "cni" for source in one["sources"])


def _stale_remedy(path: str, given: str, actual: str, pods_are_right: bool | None) -> str:
    keep = f"Put the range {actual} back into {path}, or let the network plugin write the file anew"
    move = (
        f"Drain the node, delete its bridge and the leases of {actual}, and let its pods be made anew: "
        f"new pods cannot start while the bridge has an address outside of {given}"
    )
    if pods_are_right is None:
        return f"If {actual} is right: {keep[0].lower()}{keep[1:]}. If {given} is: {move[0].lower()}{move[1:]}"
    return keep if pods_are_right else move


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
    range_stale,
    node_ranges_overlap,
    cluster_ranges_differ,
)
