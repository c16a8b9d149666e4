# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A picture of one node: where every line, box and word of it stands. The template only writes it down as SVG.

From left to right it is the way of a packet: the world outside, the node's routing, a bridge, its port, the cable, the
pod, the Service that leads there. Each bridge is a rail with one row for each of its cables; what is in no bridge
stands at a rail of the node's routing. From many cables on, a rail has rows on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Bridge, Cable, End, Interface, Node
from ..report import rows
from ..text import words
from ..text.escape import shortened, visible
from .told import Odd, Told

DRAWN = 400
"""So many rows are drawn, odd ones first; of more, the others are only counted."""
ONE_SIDE = 12
"""A picture with more rows at one rail than this has rows on both sides."""
TUNNELS = 8
"""So many tunnels of a node are drawn."""
UPLINKS = 4
"""So many interfaces by which packets leave the node are drawn."""

_PITCH = 40
_HEIGHT = 32
_TOP = 16
_COLUMN = 6.75
"""Width of a letter in boxes, in pixels: they have the only font whose width is known."""
_TUNNELS = ("vxlan", "geneve", "ipip", "ip6tnl", "sit", "gre", "gretap", "wireguard", "xfrm")

_OUTSIDE = "outside"
_BETWEEN = "between"
_UNSEEN = "unseen"
_NO_CABLE = "no cable"
_ROUTED = "routed"


class Line(NamedTuple):
    """A cable, or another way of packets, from one point to another."""

    x1: float
    y1: float
    x2: float
    y2: float
    style: str
    title: str


class Box(NamedTuple):
    """A thing, with up to three lines of text in it, and where a click on it leads."""

    x: float
    y: float
    width: float
    height: float
    style: str
    lines: Sequence[str]
    title: str
    href: str


class Label(NamedTuple):
    """A word beside a line; *anchor* is SVG's ``text-anchor``."""

    x: float
    y: float
    anchor: str
    text: str


class Mark(NamedTuple):
    """Where something odd is, and where it is told."""

    x: float
    y: float
    severity: str
    title: str
    href: str


class Picture(NamedTuple):
    """A whole picture, in pixels; *description* says in words what is to be seen."""

    width: int
    height: int
    title: str
    description: str
    lines: list[Line]
    boxes: list[Box]
    labels: list[Label]
    marks: list[Mark]


class _Row(NamedTuple):
    """One thing at a rail: what is at the far end of its line, and what is odd about the line and about the thing."""

    near: str
    far: str
    style: str
    lines: tuple[str, ...]
    title: str
    href: str
    line: str
    line_odd: list[Odd]
    odd: list[Odd]
    services: list[str]


class _Rail:
    """What rows are plugged into."""

    def __init__(self, style: str, lines: Sequence[str], odd: list[Odd], *, joined: bool) -> None:
        self.style = style
        self.lines = lines
        self.odd = odd
        self.joined = joined
        """Whether the node's routing leads to it."""
        self.rows: list[_Row] = []


class _Places(NamedTuple):
    """Where the columns of a picture stand: one side or both sides of the rails."""

    width: int
    rail: int
    rail_width: int
    cable: int
    box: int
    service: int
    both: bool


_ONE = _Places(width=900, rail=40, rail_width=130, cable=200, box=270, service=180, both=False)
_BOTH = _Places(width=1360, rail=630, rail_width=130, cable=180, box=240, service=150, both=True)
_GAP = 20


def _places(rails: Iterable[_Rail], tunnels: Sequence[Interface]) -> _Places:
    """Return where the columns stand: on one side or both, with room for Services and tunnels where there are some."""
    places = _BOTH if any(len(rail.rows) > ONE_SIDE for rail in rails) else _ONE
    if any(row.services for rail in rails for row in rail.rows) or (tunnels and not places.both):
        return places
    if places.both:
        return places._replace(width=places.width - 2 * places.service, rail=places.rail - places.service)
    return places._replace(width=places.width - places.service)


def picture(node: Node, view: NodeView, told: Told, services: Mapping[str, Sequence[str]]) -> Picture:
    """Return the picture of a node; *services* names the Services that lead to a pod, by the pod's name."""
    return _Drawing(node, view, told, services).picture()


class _Drawing:
    """One picture while it is drawn, from top to bottom."""

    def __init__(self, node: Node, view: NodeView, told: Told, services: Mapping[str, Sequence[str]]) -> None:
        self.node = node
        self.view = view
        self.told = told
        self.services = services
        self.bridges = {(bridge["netns"], bridge["ifname"]): bridge for bridge in view.bridges}
        self.pods = {pod["netns"]: number for number, pod in enumerate(view.pods, 1) if not pod["host_network"]}
        self.ends = {(end["netns"], end["ifname"]) for cable in view.cables for end in cable["ends"]}
        self.lines: list[Line] = []
        self.boxes: list[Box] = []
        self.labels: list[Label] = []
        self.marks: list[Mark] = []

    def picture(self) -> Picture:
        """Return the whole picture."""
        rails = self._rails()
        left_out = _cut(rails)
        own = self.view.own_namespace
        tunnels = [one for one in (own["interfaces"] if own else ()) if one["kind"] in _TUNNELS][:TUNNELS]
        places = _places(rails, tunnels)
        trunk = bottom = self._head(places, tunnels)
        for rail in rails:
            bottom = self._rail(rail, places, bottom + 24, trunk)
        if left_out:
            text = f"and {words.counted(left_out, 'more row')}, which the tables below have"
            self.labels.append(Label(places.width / 2, bottom + 28, "middle", text))
            bottom += 32
        return Picture(
            width=places.width,
            height=round(bottom + _TOP),
            title=f"The pod network of {self.node['host']}",
            description=self._description(rails),
            lines=self.lines,
            boxes=self.boxes,
            labels=self.labels,
            marks=self.marks,
        )

    def _description(self, rails: list[_Rail]) -> str:
        parts = [f"{words.counted(len(rail.rows), 'row')} at {' '.join(rail.lines)}" for rail in rails]
        odd = dict.fromkeys(odd.message for rail in rails for row in rail.rows for odd in (*row.line_odd, *row.odd))
        marked = f" Marked as odd: {'; '.join(list(odd)[:5])}." if odd else " Nothing in it is marked as odd."
        return f"{'; '.join(parts) or 'No pod or namespace with a cable'}.{marked} The tables below say the same."

    # What there is

    def _rails(self) -> list[_Rail]:
        """Return the bridges and what else rows are plugged into, with their rows."""
        own = self.view.own_namespace
        rails: dict[object, _Rail] = {}
        for place, bridge in self.bridges.items():
            elsewhere = words.elsewhere(self.view.namespaces.get(bridge["netns"]))
            addresses = [words.address(one) for one in bridge["addr_info"] if ranges.is_specific(one["local"])]
            name = f"bridge {bridge['ifname']}" + (f" in {elsewhere}" if elsewhere else "")
            mtu = f"MTU {bridge['mtu']}, {words.counted(len(bridge['ports']), 'port')}"
            odd = self.told.about(bridge["ifname"], *(one["local"] for one in bridge["addr_info"]))
            joined = own is not None and bridge["netns"] == own["inode"]
            rails[place] = _Rail("bridge", (name, ", ".join(addresses) or "no address", mtu), odd, joined=joined)
        rails[_ROUTED] = _Rail("host", ("in no bridge", "the node routes to each"), [], joined=True)
        rails[_BETWEEN] = _Rail("other", ("past the node", "from one namespace to another"), [], joined=False)
        rails[_UNSEEN] = _Rail("other", ("not to be seen", "where these cables lead"), [], joined=False)
        rails[_NO_CABLE] = _Rail("other", ("without a cable", "as far as the kernel says"), [], joined=False)
        wired: set[int | None] = set()
        for cable in self.view.cables:
            wired.update(end["netns"] for end in cable["ends"])
            if not self.view.leaves_node(cable):
                key, row = self._cable(cable)
                rails[key].rows.append(row)
        for place, bridge in self.bridges.items():
            rails[place].rows.extend(self._ports(bridge))
        for inode in self.pods:
            if inode not in wired:
                rails[_NO_CABLE].rows.append(self._loose(inode))
        return [rail for rail in rails.values() if rail.rows or rail.style == "bridge"]

    def _place(self, end: End) -> tuple[int, object]:
        """Return at which rail an end may be plugged, and how gladly: the lower, the better."""
        own = self.view.own_namespace
        if end["netns"] is None or end["netns"] not in self.view.namespaces:
            return 2, _UNSEEN
        if end["master"] is not None and (end["netns"], end["master"]) in self.bridges:
            return 0, (end["netns"], end["master"])
        if own is not None and end["netns"] == own["inode"]:
            return 1, _ROUTED
        return 3, _BETWEEN

    def _cable(self, cable: Cable) -> tuple[object, _Row]:
        first, second = (self._place(end) for end in cable["ends"])
        near, far = cable["ends"] if first[0] <= second[0] else cable["ends"][::-1]
        key = min(first, second, key=lambda place: place[0])[1]
        told = self.told.of_cable(cable, near["ifname"])
        line = "cable"
        if any(odd.kind == "cable-unplugged" for odd in told):
            line = "cable unplugged"
            key = self._asked_for(far) or key
        elif cable["resolution"] != "exact":
            line = "cable unproven"
        elif "DOWN" in (near["operstate"], far["operstate"]):
            line = "cable down"
        near_name = words.end(near)
        if key == _BETWEEN:
            near_name += f" in {words.namespace_name(self.view.namespaces[near['netns'] or 0])}"
        style, lines, href, odd = self._far(far, cable)
        title = f"{words.cable(cable)}: {', '.join(lines)}"
        services = list(self.services.get(lines[0], ())) if style == "pod" else []
        return key, _Row(near_name, words.end(far), style, lines, title, href, line, told, odd, services)

    def _asked_for(self, end: End) -> object | None:
        """Return the bridge in whose network the pod at *end* is, for a cable that is not plugged in there."""
        interface = self.view.interface(end)
        for key, bridge in self.bridges.items():
            for own in bridge["addr_info"]:
                for one in interface["addr_info"] if interface else ():
                    if ranges.is_specific(one["local"]) and ranges.contains(words.address(own), one["local"]):
                        return key
        return None

    def _far(self, end: End, cable: Cable) -> tuple[str, tuple[str, ...], str, list[Odd]]:
        """Return what stands at the far end of a cable: its style, its text, its link, and what is odd about it."""
        namespace = self.view.namespaces.get(end["netns"]) if end["netns"] is not None else None
        if namespace is None:
            return "unknown", (cable["resolution"], cable["reason"] or "the other end cannot be seen"), "", []
        if namespace["kind"] == "host":
            place = f"bridge {end['master']}" if end["master"] else "the node itself"
            return "host", (place, words.end(end)), "", []
        interface = self.view.interface(end)
        specific = [one for one in (interface["addr_info"] if interface else ()) if ranges.is_specific(one["local"])]
        name = words.namespace_name(namespace)
        odd = self.told.of_pod(name, (one["local"] for one in specific), [end["address"]])
        lines = (name, ", ".join(words.address(one) for one in specific) or "no address")
        number = self.pods.get(namespace["inode"])
        return ("namespace", lines, "", odd) if number is None else ("pod", lines, f"#pod-{number}", odd)

    def _ports(self, bridge: Bridge) -> Iterable[_Row]:
        """Yield the ports of a bridge that are no end of a cable: cards, tunnels, taps."""
        namespace = self.view.namespaces.get(bridge["netns"])
        interfaces = {one["ifname"]: one for one in (namespace["interfaces"] if namespace else ())}
        for port in bridge["ports"]:
            if (bridge["netns"], port["ifname"]) in self.ends:
                continue
            interface = interfaces.get(port["ifname"])
            lines = (port["ifname"], kind(interface) if interface else "a port without a cable")
            style = "tunnel" if interface and interface["kind"] in _TUNNELS else "card"
            odd = self.told.about(port["ifname"], f"{bridge['ifname']} {port['ifname']}")
            yield _Row(port["state"] or "", "", style, lines, " ".join(lines), "", "cable", odd, [], [])

    def _loose(self, inode: int) -> _Row:
        """Return a pod without a cable: it has macvlan, a card of its own, or nothing."""
        namespace = self.view.namespaces[inode]
        specific = [
            one["local"]
            for each in namespace["interfaces"]
            for one in each["addr_info"]
            if ranges.is_specific(one["local"])
        ]
        name = words.namespace_name(namespace)
        lines = (name, ", ".join(specific) or "no address")
        odd = self.told.of_pod(name, specific, ())
        kinds = ", ".join(kind(one) for one in namespace["interfaces"] if one["ifname"] != "lo")
        services = list(self.services.get(name, ()))
        return _Row(kinds, "", "pod", lines, ", ".join(lines), f"#pod-{self.pods[inode]}", "none", [], odd, services)

    # Where it stands

    def _head(self, places: _Places, tunnels: Sequence[Interface]) -> float:
        """Draw the way out, the node's routing and its tunnels; return where the rails may begin."""
        left = _GAP + 60
        width = 190
        uplinks = self._uplinks()
        height = max(len(uplinks), len(tunnels), 2) * _PITCH
        x = left + width + 60
        gateways = ", ".join(route["gateway"] or "on the link" for route in self.node["default_route"]) or "none"
        shared = len(rows.host_network(self.view))
        text = [f"routing of {self.node['host']}", f"default route: {gateways}"]
        if shared:
            text.append(f"{words.counted(shared, 'pod')} on the node's own network")
        routing = 300 if places.both else 260
        self._box(x, _TOP, routing, height - 8, "host", text, "", self.told.of_routing(self.node["host"]), "")
        for number, (ifname, address) in enumerate(uplinks):
            y = _TOP + number * _PITCH + _HEIGHT / 2
            odd = self.told.about(ifname, address.rpartition("/")[0])
            self._box(left, y - _HEIGHT / 2, width, _HEIGHT, "card", (ifname, address), "", odd, "")
            self.lines.append(Line(left + width, y, x, y, "wire", f"{ifname} of the node"))
            self.lines.append(Line(left - 44, y, left, y, "wire", "outside of the node"))
            if number == 0:
                self.labels.append(Label(left - 44, y - 6, "start", _OUTSIDE))
        right = x + routing + 60
        for number, tunnel in enumerate(tunnels):
            y = _TOP + number * _PITCH + _HEIGHT / 2
            odd = self.told.of_tunnel(tunnel["ifname"], tunnel["address"])
            lines = (f"tunnel {tunnel['ifname']}", kind(tunnel))
            self._box(right, y - _HEIGHT / 2, 230, _HEIGHT, "tunnel", lines, "", odd, "")
            self.lines.append(Line(x + routing, y, right, y, "wire", f"{tunnel['ifname']} of the node"))
        bottom = _TOP + height
        middle = x + routing / 2
        self.lines.append(Line(middle, bottom - 8, middle, bottom + 8, "trunk", "routing"))
        self.lines.append(Line(_GAP - 4, bottom + 8, middle, bottom + 8, "trunk", "routing"))
        return bottom + 8

    def _uplinks(self) -> list[tuple[str, str]]:
        """Return the interfaces by which packets leave the node, with an address of each."""
        known = set(rows.node_addresses(self.node))
        bridges = {bridge["ifname"] for bridge in self.view.bridges}
        found = [one for one in self.node["addresses"] if one["local"] in known and one["ifname"] not in bridges]
        return [(one["ifname"], words.address(one)) for one in found[:UPLINKS]]

    def _rail(self, rail: _Rail, places: _Places, top: float, trunk: float) -> float:
        """Draw a rail with its rows, from *top* on; return where it ends.

        The way from the node's routing begins at *trunk*.
        """
        head_height = 18 + 15 * len(rail.lines)
        spread = 0 if not places.both else 80
        x = places.rail
        head_width = places.rail_width + (2 * spread or 150)
        self._box(x - spread, top, head_width, head_height, rail.style, rail.lines, "", rail.odd, "")
        if rail.joined:
            y = top + head_height / 2
            self.lines.append(Line(_GAP - 4, trunk, _GAP - 4, y, "trunk", "routing"))
            self.lines.append(Line(_GAP - 4, y, x - spread, y, "trunk", rail.lines[0]))
        first = top + head_height
        if not rail.rows:
            return first
        left = rail.rows[: len(rail.rows) // 2] if places.both and len(rail.rows) > 2 else []
        right = rail.rows[len(left) :]
        length = max(len(left), len(right)) * _PITCH + 8
        self.boxes.append(Box(x, first, places.rail_width, length, f"bar {rail.style}", (), rail.lines[0], ""))
        for rows_of_side, sign in ((left, -1), (right, 1)):
            edge = x if sign < 0 else x + places.rail_width
            for number, row in enumerate(rows_of_side):
                self._row(row, edge, sign, first + 8 + number * _PITCH + _HEIGHT / 2, places)
        return first + length

    def _row(self, row: _Row, edge: float, sign: int, y: float, places: _Places) -> None:
        """Draw one row; *sign* is -1 where it goes to the left of its rail."""
        end = edge + sign * places.cable
        box = end if sign > 0 else end - places.box
        worst = f" {row.line_odd[0].severity}" if row.line_odd else ""
        if row.line != "none":
            begin = edge + sign * (46 if row.line == "cable unplugged" else 0)
            self.lines.append(Line(begin, y, end, y, row.line + worst, row.title))
            if row.line != "cable unplugged":
                self.boxes.append(Box(edge - 5, y - 5, 10, 10, f"port{worst}", (), row.title, ""))
        near_anchor, far_anchor = ("start", "end") if sign > 0 else ("end", "start")
        near = edge + sign * (50 if row.line == "cable unplugged" else 10)
        self.labels.append(Label(near, y - 5, near_anchor, shortened(visible(row.near), 15)))
        self.labels.append(Label(end - sign * 6, y - 5, far_anchor, shortened(visible(row.far), 8)))
        self._box(box, y - _HEIGHT / 2, places.box, _HEIGHT, row.style, row.lines, row.title, row.odd, row.href)
        if row.line_odd:
            # In the gap where the port should be, or between the names of both ends.
            self._mark(
                edge + sign * (23 if row.line == "cable unplugged" else places.cable * 0.635), y, row.line_odd[0]
            )
        if row.services:
            outer = end + sign * places.box
            begin = outer + sign * 20
            more = f" +{len(row.services) - 1}" if len(row.services) > 1 else ""
            # A Service of the pod's own namespace goes by its name alone.
            name = visible(row.services[0].removeprefix(f"{row.lines[0].partition('/')[0]}/"))
            width = places.service - 20
            odd = self.told.about(*row.services)
            self.lines.append(Line(outer, y, begin, y, "wire", "a Service leads here"))
            text = (f"{shortened(name, int(width / _COLUMN) - 2 - len(more))}{more}",)
            title = f"Services that lead to {row.lines[0]}: {', '.join(row.services[:20])}"
            left = begin if sign > 0 else begin - width
            self._box(left, y - _HEIGHT / 2 + 4, width, _HEIGHT - 8, "service", text, title, odd, "")

    def _box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        style: str,
        lines: Sequence[str],
        title: str,
        odd: list[Odd],
        href: str,
    ) -> None:
        """Draw a box with its text, and mark it when something about it is odd."""
        room = int((width - 14 - (18 if odd else 0)) / _COLUMN)
        worst = f" {odd[0].severity}" if odd else ""
        text = [shortened(visible(line), room) for line in lines]
        self.boxes.append(Box(x, y, width, height, style + worst, text, title or ", ".join(lines), href))
        if odd:
            self._mark(x + width - 12, y + height / 2, odd[0])

    def _mark(self, x: float, y: float, odd: Odd) -> None:
        self.marks.append(Mark(x, y, odd.severity, f"{odd.kind}: {odd.message}", f"#odd-{odd.number}"))


def _cut(rails: Iterable[_Rail]) -> int:
    """Leave the odd rows and the first of the others in each rail, as far as there is room; return what is left out."""
    room, left_out = DRAWN, 0
    for rail in rails:
        if len(rail.rows) > room:
            ordered = sorted(rail.rows, key=lambda row: not (row.line_odd or row.odd))
            left_out += len(ordered) - room
            rail.rows = ordered[:room]
        room -= len(rail.rows)
    return left_out


def kind(interface: Interface) -> str:
    """Return what an interface is, in a few words."""
    parts = [interface["kind"] or "card"]
    tunnel = interface["tunnel"]
    if tunnel is not None:
        parts.extend(f"{name} {value}" for name, value in (("VNI", tunnel["id"]), ("port", tunnel["port"])) if value)
    if interface["mtu"] is not None:
        parts.append(f"MTU {interface['mtu']}")
    return " ".join(parts)
