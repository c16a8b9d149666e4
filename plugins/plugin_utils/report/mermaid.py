# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A picture of one node as a Mermaid flow chart, as GitHub and others draw it.

Written by hand from https://mermaid.js.org/syntax/flowchart.html. Identifiers are numbered, so
that no name from a node is ever one; names appear in labels only, escaped.
"""

from __future__ import annotations

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Bridge, Cable, Finding, Node
from ..text import words
from ..text.escape import mermaid_label, shortened
from . import rows

PODS = 24
"""With more pods or namespaces than this in one picture, only the odd ones are drawn one by one."""
_LABEL = 60
"""Longest name in a label, in columns."""


def node_chart(node: Node, view: NodeView, found: list[Finding]) -> list[str]:
    """Return the lines of a flow chart: pods and namespaces, their cables, bridges, and the node's way out."""
    return _Chart(node, view, rows.odd_names(found)).lines()


class _Chart:
    """One chart while it is written: statements in order, and the identifiers that need a style."""

    def __init__(self, node: Node, view: NodeView, odd: set[str]) -> None:
        self.node = node
        self.view = view
        self.odd = odd
        self.boxes: list[str] = []
        self.edges: list[str] = []
        self.strange: list[str] = []
        self.bridges: dict[tuple[int, str], str] = {}
        self.boxed: dict[int, str] = {}
        self.pods = {pod["netns"]: pod for pod in view.pods if not pod["host_network"]}

    def lines(self) -> list[str]:
        """Return the whole chart."""
        self.boxes.append(f"    host{{{{{_label('routing', *_uplinks(self.node))}}}}}")
        for number, bridge in enumerate(self.view.bridges):
            self._bridge(f"b{number}", bridge)
        inodes = self._inodes()
        drawn = inodes if len(inodes) <= PODS else [inode for inode in inodes if self._is_odd(inode)][:PODS]
        for number, inode in enumerate(drawn):
            self._namespace(f"p{number}", inode)
        self._rest([inode for inode in inodes if inode not in self.boxed])
        for cable in self.view.cables:
            self._cable(cable)
        lines = ["flowchart LR", f"  subgraph node[{_label(self.node['host'])}]", *self.boxes, "  end", *self.edges]
        if self.strange:
            lines.append("  classDef odd stroke:#c00,stroke-width:3px")
            lines.append(f"  class {','.join(self.strange)} odd")
        return lines

    def _inodes(self) -> list[int]:
        """Return the namespaces with a cable or a pod, pods first."""
        wired = {end["netns"] for cable in self.view.cables for end in cable["ends"]}
        others = [
            inode
            for inode, namespace in self.view.namespaces.items()
            if inode in wired and inode not in self.pods and namespace["kind"] != "host"
        ]
        return [*self.pods, *others]

    def _is_odd(self, inode: int) -> bool:
        pod = self.pods.get(inode)
        if pod is None:
            return words.namespace_name(self.view.namespaces[inode]) in self.odd
        return words.pod_name(pod) in self.odd or any(plug["peer"] in self.odd for plug in pod["cables"])

    def _bridge(self, mark: str, bridge: Bridge) -> None:
        addresses = [words.address(one) for one in bridge["addr_info"] if ranges.is_specific(one["local"])]
        self.boxes.append(f"    {mark}[/{_label(bridge['ifname'], *addresses)}/]")
        self.bridges[bridge["netns"], bridge["ifname"]] = mark
        if bridge["ifname"] in self.odd:
            self.strange.append(mark)
        own = self.view.own_namespace
        if own is not None and bridge["netns"] == own["inode"]:
            self.edges.append(f"  {mark} --- host")

    def _namespace(self, mark: str, inode: int) -> None:
        namespace = self.view.namespaces[inode]
        pod = self.pods.get(inode)
        addresses = [
            one["local"]
            for interface in namespace["interfaces"]
            for one in interface["addr_info"]
            if ranges.is_specific(one["local"])
        ]
        name = words.namespace_name(namespace)
        self.boxes.append(f"    {mark}({_label(name if pod else f'namespace {name}', *addresses)})")
        self.boxed[inode] = mark
        if self._is_odd(inode):
            self.strange.append(mark)

    def _rest(self, inodes: list[int]) -> None:
        """Draw the namespaces that have no box of their own as one box for each bridge."""
        behind: dict[str | None, int] = {}
        left = set(inodes)
        for cable in self.view.cables:
            if any(end["netns"] in left for end in cable["ends"]):
                mark = (
                    self.bridges.get((cable["bridge"]["netns"], cable["bridge"]["ifname"])) if cable["bridge"] else None
                )
                behind[mark] = behind.get(mark, 0) + 1
        for number, (mark, count) in enumerate(behind.items()):
            self.boxes.append(f"    r{number}([{_label(words.counted(count, 'more cable'))}])")
            self.edges.append(f"  r{number} --- {mark or 'host'}")
        for inode in inodes:
            self.boxed[inode] = ""

    def _cable(self, cable: Cable) -> None:
        sides = [self._side(cable, place) for place in (0, 1)]
        if "" in sides:
            return
        known = [side for side in sides if side is not None]
        first, second = words.end(cable["ends"][0]), words.end(cable["ends"][1])
        if len(known) == 2:
            left, right = known
            if left == "host" or left.startswith("b"):
                left, right, first, second = right, left, second, first
            self.edges.append(f"  {left} ---|{_label(f'{first} - {second}')}| {right}")
            return
        mark = f"x{len(self.edges)}"
        if self.view.leaves_node(cable):
            self.edges.append(f"  host --- {mark}[{_label('outside of the node')}]")
            return
        self.boxes.append(f"    {mark}[{_label(cable['resolution'])}]")
        self.strange.append(mark)
        for side in known:
            self.edges.append(f"  {side} -.-|{_label(f'{first} - {second}')}| {mark}")

    def _side(self, cable: Cable, place: int) -> str | None:
        """Return the box at which an end of a cable is drawn; empty when it is summed up, None when unknown."""
        end = cable["ends"][place]
        if end["netns"] is None or end["netns"] not in self.view.namespaces:
            return None
        if end["master"] is not None and (end["netns"], end["master"]) in self.bridges:
            return self.bridges[end["netns"], end["master"]]
        return self.boxed.get(end["netns"], "host")


def _uplinks(node: Node) -> list[str]:
    ways_out = {route["dev"] for route in node["default_route"]}
    chosen = [one for one in node["addresses"] if one["ifname"] in ways_out and ranges.is_specific(one["local"])]
    return [f"{one['ifname']} {words.address(one)}" for one in chosen[:4]]


def _label(*lines: str) -> str:
    """Return a quoted label of several lines, which a literal ``<br/>`` keeps apart."""
    quoted = [mermaid_label(shortened(line, _LABEL))[1:-1] for line in lines]
    return f'"{"<br/>".join(quoted)}"'
