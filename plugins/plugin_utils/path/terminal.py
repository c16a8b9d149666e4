# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A path for people at a terminal: plain text, 80 columns, one hop a block.

Every line goes through layout.py, so that nothing from a node can act on the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..text import words
from ..text.layout import paragraph
from .records import Hop, Outcome, Path, Verdict, Way, shown

_WORDS: dict[Verdict, str] = {
    "delivered": "delivered",
    "left": "leaves what was read",
    "dropped": "DROPPED",
    "unknown": "UNKNOWN",
}
_QUIET = ("cable", "fabric")
"""What is shown without its command: the next block says the same."""
SHOWN = 3
"""So many ways that do not arrive are told hop by hop; path.json has all."""


def summary(path: Path, report: str | None, page: str | None = None) -> str:
    """Return a path as text; *report* names the file with the rest, *page* the one to open in a browser.

    Each is None when there is none.
    """
    lines = paragraph(
        f"PATH of {path['protocol']} from {_end(path, 'sender')} to {_end(path, 'receiver')}", "", "     "
    )
    chosen = told(path["ways"])
    for number, way in enumerate(path["ways"], 1):
        lines.append("")
        lines.extend(_way(way, number, len(path["ways"]), number in chosen))
    lines.extend(["", *paragraph(_total(path))])
    if report:
        lines.extend(paragraph(f"All hops: {report}"))
    if page:
        lines.extend(paragraph(f"Page:     {page}"))
    return "\n".join(lines)


def _end(path: Path, side: str) -> str:
    end = path["sender"] if side == "sender" else path["receiver"]
    address = f" ({end['address']})" if end["address"] is not None and end["address"] not in end["asked"] else ""
    return f"{end['asked']}{address}"


def well(way: Way) -> bool:
    """Tell whether a packet arrives, or leaves what was read, and the answer comes back as far as that is known."""
    return way["there"]["verdict"] == "left" or (
        way["there"]["verdict"] == "delivered" and way["back"] is not None and way["back"]["verdict"] in _GOOD
    )


_GOOD = ("delivered", "left")


def told(ways: list[Way]) -> list[int]:
    """Return the numbers of the ways that are shown hop by hop: the first that do not end well, else the first."""
    bad = [number for number, way in enumerate(ways, 1) if not well(way)]
    return bad[:SHOWN] or [1]


def _way(way: Way, number: int, of: int, in_full: bool) -> Iterator[str]:
    there, back = way["there"], way["back"]
    head = f"Way {number} of {of}" if of > 1 else "The way"
    chance = f" ({'; '.join(there['choices'])})" if there["choices"] else ""
    yield from paragraph(f"{head}{chance}: {outcome(there)}", "", "  ")
    if in_full:
        yield from _hops(there)
    if back is None:
        return
    chance = f" ({'; '.join(back['choices'])})" if back["choices"] else ""
    yield from paragraph(f"The answer{chance}: {outcome(back)}", "", "  ")
    if in_full and back["verdict"] not in _GOOD:
        yield from _hops(back)


def outcome(one: Outcome) -> str:
    """Return how a way ends, in one sentence."""
    text = f"{_WORDS[one['verdict']]}: {one['reason']}" if one["verdict"] != "delivered" else one["reason"]
    if one["verdict"] == "delivered":
        text += f" as {shown(one['packet'])}"
        if one["listening"] is False:
            text += ", where nobody listens on this port"
    if one["path_mtu"] is not None and one["verdict"] in _GOOD:
        text += f"; path MTU {one['path_mtu']}"
    return text


def _hops(one: Outcome) -> Iterator[str]:
    before = None
    for number, hop in enumerate(one["hops"], 1):
        yield from _hop(hop, number, hop["packet"] != before)
        before = hop["packet"]


def _hop(hop: Hop, number: int, changed: bool) -> Iterator[str]:
    where = f"node {hop['host']} itself" if hop["name"] == "the node itself" else f"{hop['name']} on {hop['host']}"
    by = f", in by {hop['came_in']}" if hop["came_in"] is not None else ""
    yield from paragraph(f"{where}{by}", f"{number:>3} ", "    ")
    if changed:
        yield from paragraph(shown(hop["packet"]), "    ", "      ")
    for step in hop["steps"]:
        yield from paragraph(step["text"], "    - ", "      ")
        if step["command"] is not None and step["what"] not in _QUIET:
            yield from paragraph(step["command"], "      # ", "        ")


def _total(path: Path) -> str:
    ways = path["ways"]
    counts = [(verdict, sum(_verdict(way) == verdict for way in ways)) for verdict in _WORDS]
    parts = [f"{number} {_WORDS[verdict]}" for verdict, number in counts if number]
    return f"{words.counted(len(ways), 'way')}: {', '.join(parts)}."


def _verdict(way: Way) -> Verdict:
    back = way["back"]
    if way["there"]["verdict"] == "delivered" and back is not None and back["verdict"] not in _GOOD:
        return back["verdict"]
    return way["there"]["verdict"]
