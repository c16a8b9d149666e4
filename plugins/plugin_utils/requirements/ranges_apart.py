# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 5: node, pod and service ranges do not overlap, and every pod's address lies in its node's range."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import ranges
from ..model.records import Finding, Range, RangeSource
from ..text import words
from ..text.escape import shell_word
from .records import Fault, Line
from .scene import Scene

KEY = "ranges-apart"
_FINDINGS = ("range-", "node-ranges-overlap", "cluster-ranges-differ", "bridge-wrong-address", "bridge-second-address")


def judged(scene: Scene) -> Line:
    """Judge requirement 5, from facts alone."""
    model = scene.cast.world.model
    outside = {one.host for one in scene.cast.outside}
    faults = [
        _fault(one) for one in model["odd"] if one["kind"].startswith(_FINDINGS) and not set(one["hosts"]) <= outside
    ]
    known = [
        one for one in model["ranges"] if one["scope"] in ("cluster", "node", "block") and set(one["hosts"]) - outside
    ]
    faults.extend(_kinds_overlap(known, faults))
    faults.extend(_nodes_inside(scene, known))
    faults.extend(_networks_inside(scene, known))
    addresses, unknown = 0, []
    for pod in scene.cast.pods:
        own = [one for one in known if one["what"] == "pod" and one["scope"] != "cluster" and pod.host in one["hosts"]]
        for address in pod.addresses:
            fitting = [one for one in own if (one["family"] == "inet6") == (":" in address)]
            if not fitting:
                unknown.append(f"{pod.name} {address}")
                continue
            addresses += 1
            if not any(ranges.contains(one["cidr"], address) for one in fitting):
                told = f"{pod.name} has {address}, and its node {pod.host} {_cidrs(fitting)}"
                faults.append(_stray(pod.host, pod.name, told, fitting))
    notes = []
    if unknown:
        notes.append(f"no range of the node is known for {words.counted(len(unknown), 'address', 'addresses')} of pods")
    return Line(
        len(known) + addresses if known else 0,
        f"{words.counted(len(known), 'range')} without an overlap; "
        f"{words.counted(addresses, 'address', 'addresses')} of pods in the range of the pod's node",
        faults,
        notes,
        "no range of pods or Services is written down on these nodes",
    )


def _fault(finding: Finding) -> Fault:
    return {
        "host": finding["hosts"][0],
        "sender": finding["object"],
        "receiver": "",
        "message": finding["message"],
        "evidence": finding["evidence"],
        "count": 1,
        "command": finding["command"],
        "pairs": [],
    }


def _cidrs(entries: list[Range]) -> str:
    return words.listed([one["cidr"] for one in entries])


def _place(source: RangeSource) -> str:
    return f"{source['host']}: {source['place'] or source['kind']}"


def _stray(host: str, name: str, told: str, entries: list[Range]) -> Fault:
    evidence = [f"{one['cidr']} ({_place(source)})" for one in entries for source in one["sources"][:2]]
    return {
        "host": host,
        "sender": name,
        "receiver": "",
        "message": told,
        "evidence": evidence,
        "count": 1,
        "command": None,
        "pairs": [],
    }


def _kinds_overlap(known: list[Range], told: list[Fault]) -> Iterator[Fault]:
    """Yield ranges of pods that share addresses with ranges of Services, unless a node's own facts say so already."""
    said = {one["sender"] for one in told}
    entries = [(one["cidr"], one) for one in known]
    for (wide, one), (narrow, other) in ranges.overlaps(entries):
        if one["what"] == other["what"] or words.listed([wide, narrow]) in said or words.listed([narrow, wide]) in said:
            continue
        message = f"the {one['what']} range {wide} and the {other['what']} range {narrow} overlap"
        yield _stray(one["hosts"][0], f"{wide} and {narrow}", message, [one, other])


def _nodes_inside(scene: Scene, known: list[Range]) -> Iterator[Fault]:
    """Yield nodes whose own address is one of pods or Services."""
    for node in scene.cast.nodes:
        for address in node.addresses:
            around = [one for one in known if one["scope"] == "cluster" and ranges.contains(one["cidr"], address)]
            if around:
                message = f"the node's address {address} lies in the {around[0]['what']} range {_cidrs(around)}"
                yield _stray(node.host, node.name, message, around)


def _networks_inside(scene: Scene, known: list[Range]) -> Iterator[Fault]:
    """Yield networks of a node that share addresses with Services, where only other nodes know these.

    Of the ranges that a node knows itself, its own facts say so.
    """
    model = scene.cast.world.model
    networks = {node["host"]: node["networks"] for node in model["nodes"]}
    for one in known:
        if one["what"] != "service" or one["scope"] != "cluster":
            continue
        for node in scene.cast.nodes:
            for network in networks[node.host] if node.host not in one["hosts"] else ():
                if ranges.share(one["cidr"], network["cidr"]):
                    dev = network["dev"] or "?"
                    message = f"the service range {one['cidr']} overlaps the node's network {network['cidr']} on {dev}"
                    fault = _stray(node.host, f"{one['cidr']} and {network['cidr']}", message, [one])
                    yield {**fault, "command": f"ip route show dev {shell_word(dev)}"}
