# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A picture of a packet's way: a frame for each node, and in it from left to right what the packet comes through.

The boxes are those of the nodes' own pictures: pods, bridges, the node's routing, tunnels. In each stands what decides
there, in the kernel's order; the last one is marked with how the way ends. The template writes it down as SVG.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ..path.records import Hop, Outcome, Step, Verdict, shown
from ..text.escape import shortened, visible
from .picture import Box, Label, Line, Mark, Picture

ACROSS = 4
"""So many boxes stand beside each other; then the way goes on below."""
DRAWN = 60
"""So many boxes are drawn; of more, the table below the picture has all."""
_COLUMNS, _LINES, _NOTES = 36, 3, 8
"""Letters of a line, lines of a note, and notes of a box."""
_WIDTH, _GAP, _LINE, _PADDING = 260, 84, 14, 10
_TOP, _DOWN, _EDGE = 30, 34, 16

SEVERITY: dict[Verdict, str] = {"dropped": "fault", "unknown": "unproven", "left": "note", "delivered": "well"}
"""How an end is marked."""
_BRIDGE = re.compile(r"bridge (?P<name>[^\s:]+)")
_WIRE = re.compile(r"(?:cable|from) (?P<out>\S+) to (?P<into>\S+) of ")


class _Station:
    """A box of the picture while it is filled."""

    def __init__(self, hop: int, style: str, name: str) -> None:
        self.hop = hop
        self.style = style
        self.name = name
        self.notes: list[str] = []
        self.wire = ""
        """What leads on to the next one, with its ends."""

    @property
    def lines(self) -> list[str]:
        """The words in the box; the template makes the first one bold."""
        found = [shortened(visible(self.name), _COLUMNS)]
        for note in self.notes[:_NOTES]:
            wrapped = textwrap.wrap(visible(note), _COLUMNS - 2) or [""]
            if len(wrapped) > _LINES:
                wrapped = [*wrapped[: _LINES - 1], shortened(" ".join(wrapped[_LINES - 1 :]), _COLUMNS - 2)]
            found += [f"{'- ' if number == 0 else '  '}{line}" for number, line in enumerate(wrapped)]
        if len(self.notes) > _NOTES:
            found.append(f"- and {len(self.notes) - _NOTES} more below")
        return found

    @property
    def height(self) -> int:
        """How high it stands, in pixels."""
        return len(self.lines) * _LINE + 2 * _PADDING


class _Frame(NamedTuple):
    """A node with what the packet comes through there."""

    host: str
    stations: list[_Station]


def picture(one: Outcome, title: str, key: str, href: Callable[[str], str]) -> Picture:
    """Return the picture of one way.

    *key* begins the anchors of its table; *href* returns what leads to a node's page, or nothing.
    """
    drawing = _Drawing(one, key, href)
    frames = list(_frames(one["hops"]))
    _say_end(frames, one)
    for frame in frames:
        drawing.add(frame)
    return drawing.finished(title)


def _say_end(frames: list[_Frame], one: Outcome) -> None:
    """Let the last box say how it ends, where none of its steps does."""
    last = frames[-1].stations[-1] if frames else None
    if last is None or one["verdict"] == "delivered":
        return
    if not last.notes or not one["reason"].endswith(last.notes[-1]):
        last.notes.append(one["reason"])


def _frames(hops: Iterable[Hop]) -> Iterator[_Frame]:
    """Yield the nodes in the order in which the packet comes to them, each stay with its stations."""
    frame: _Frame | None = None
    for number, hop in enumerate(hops, 1):
        if frame is None or frame.host != hop["host"]:
            if frame is not None:
                yield frame
            frame = _Frame(hop["host"], [])
        frame.stations.extend(_stations(hop, number))
    if frame is not None:
        yield frame


def _stations(hop: Hop, number: int) -> list[_Station]:
    own = hop["name"] == "the node itself"
    style, name = ("host", "routing of the node") if own else ("pod", hop["name"])
    found = [] if own else [_Station(number, style, name)]
    for step in hop["steps"]:
        other = _elsewhere(step)
        if other is not None and (not found or found[-1].name != other[1]):
            found.append(_Station(number, *other))
        elif not found or (step["what"] == "route" and found[-1].style not in ("host", "pod")):
            found.append(_Station(number, style, name))
        if step["what"] in ("cable", "fabric"):
            wire = _WIRE.search(step["text"])
            found[-1].wire = f"{wire['out']} {wire['into']}" if wire else " "
        else:
            found[-1].notes.append(step["text"].removeprefix(f"{found[-1].name}: "))
    return found or [_Station(number, style, name)]


def _elsewhere(step: Step) -> tuple[str, str] | None:
    """Return style and name of the box that a step is in, where that is a bridge or a tunnel."""
    if step["what"] == "overlay":
        return "tunnel", f"tunnel {step['text'].partition(' ')[0]}"
    bridge = _BRIDGE.match(step["text"]) if step["what"] == "bridge" else None
    return None if bridge is None else ("bridge", f"bridge {bridge['name']}")


class _Drawing:
    """The picture while it is drawn, from top to bottom."""

    def __init__(self, one: Outcome, key: str, href: Callable[[str], str]) -> None:
        self._one = one
        self._key = key
        self._href = href
        self._lines: list[Line] = []
        self._frames: list[Box] = []
        self._boxes: list[Box] = []
        self._labels: list[Label] = []
        self._marks: list[Mark] = []
        self._y = _EDGE
        self._across = 0
        self._last: tuple[float, float, _Station] | None = None
        """Of the box before: its middle below, and what it is."""
        self._words: list[str] = []

    def add(self, frame: _Frame) -> None:
        """Draw a node."""
        room = DRAWN - len(self._boxes)
        stations = frame.stations[:room]
        if not stations:
            return
        top = self._y
        self._y += _TOP
        for start in range(0, len(stations), ACROSS):
            self._row(stations[start : start + ACROSS], self._y - (14 if start else _TOP + 10))
        across = min(len(stations), ACROSS)
        self._across = max(self._across, across)
        width = across * _WIDTH + (across - 1) * _GAP + 2 * _EDGE
        self._frames.append(Box(_EDGE, top, width, self._y - top - _DOWN + _EDGE, "frame", (), frame.host, ""))
        name = shortened(visible(frame.host), 60)
        self._frames.append(
            Box(_EDGE, top, 20 + 7.5 * len(name), 22, "named", (name,), f"node {frame.host}", self._href(frame.host))
        )
        self._words.append(f"on {frame.host}: {', '.join(one.name for one in stations)}")
        self._y += _EDGE

    def _row(self, stations: list[_Station], between: int) -> None:
        """Draw boxes beside each other; the way to the first of them turns at the height *between*."""
        x: float = 2 * _EDGE
        height = max(one.height for one in stations)
        for place, station in enumerate(stations):
            middle = self._y + 24
            if place:
                self._wire(x - _GAP, middle, x, middle)
                self._ends_of_wire(x - _GAP, middle)
            elif self._last is not None:
                self._elbow(x + _WIDTH / 2, between)
            self._boxes.append(
                Box(
                    x,
                    self._y,
                    _WIDTH,
                    station.height,
                    station.style,
                    station.lines,
                    "; ".join([station.name, *station.notes]),
                    f"#{self._key}-{station.hop}",
                )
            )
            self._last = (x + _WIDTH / 2, self._y + station.height, station)
            x += _WIDTH + _GAP
        self._y += height + _DOWN

    def _wire(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a line with a head at its end."""
        self._lines.append(Line(x1, y1, x2, y2, "wire", "the packet's way"))
        for side in (-5, 5):
            dx, dy = (-8, side) if y1 == y2 else (side, -8)
            self._lines.append(Line(x2 + dx, y2 + dy, x2, y2, "wire", ""))

    def _ends_of_wire(self, x: float, y: float) -> None:
        out, _space, into = self._last[2].wire.partition(" ") if self._last is not None else ("", "", "")
        if out:
            self._labels.append(Label(x + _GAP / 2, y - 6, "middle", shortened(visible(out), 14)))
        if into:
            self._labels.append(Label(x + _GAP / 2, y + 16, "middle", shortened(visible(into), 14)))

    def _elbow(self, x: float, between: int) -> None:
        """Draw the way from the box before, which is in a row above, to one whose middle is at *x*."""
        if self._last is None:
            raise AssertionError("an elbow begins at a box")
        from_x, from_y, station = self._last
        self._lines.append(Line(from_x, from_y, from_x, between, "wire", "the packet's way"))
        self._lines.append(Line(from_x, between, x, between, "wire", "the packet's way"))
        self._wire(x, between, x, self._y)
        out, _space, into = station.wire.partition(" ")
        if out:
            self._labels.append(
                Label((from_x + x) / 2 + 40, between - 4, "start", f"{visible(out)} to {visible(into)}")
            )

    def finished(self, title: str) -> Picture:
        """Mark how it ends, and return the whole picture."""
        verdict = self._one["verdict"]
        if self._boxes:
            last = self._boxes[-1]
            severity = SEVERITY[verdict]
            self._boxes[-1] = last._replace(style=f"{last.style} {severity}")
            self._marks.append(
                Mark(last.x + last.width - 6, last.y + 4, severity, self._one["reason"], last.href)
            )  # fmt: skip
        width = self._across * (_WIDTH + _GAP) - _GAP + 4 * _EDGE
        return Picture(
            width=max(width, 320),
            height=round(self._y),
            title=title,
            description=f"{shown(self._one['packet'])}. {'; '.join(self._words)}. It ends: {self._one['reason']}.",
            lines=self._lines,
            boxes=[*self._frames, *self._boxes],
            labels=self._labels,
            marks=self._marks,
        )
