# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is done on nodes to see a packet, and what came of it, for people at a terminal: plain text, 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from ..text import words
from ..text.layout import paragraph
from .comparing import place
from .live import LivePlan
from .records import Leg, Live, Path, Point, shown
from .sightings import table_in

_SIGNS = {"same": "=", "different": "!", "not_seen": "!", "also_seen": "+", "not_watched": "?"}
_LEGEND = "= as computed  + seen too  ! not as computed  ? not watched  > first difference"


def announcement(plan: LivePlan) -> str:
    """Return what will be done on which node, before it is done."""
    sent = plan["sent"]
    lines = paragraph(f"LIVE: {sent['host']} sends one packet to {sent['dst']}, and it is watched for", "", "  ")
    for host, places in plan["hosts"].items():
        lines.extend(
            paragraph(f"{host}: by packet sockets in {', '.join(one['name'] for one in places)}", "  - ", "    ")
        )
    traced = {host: [one["name"] for one in places if one["trace"]] for host, places in plan["hosts"].items()}
    if any(traced.values()):
        lines.extend(paragraph("Changed for it, and undone:", "", "  "))
        for host, names in traced.items():
            if names:
                lines.extend(paragraph(f"{host}: {table_in(plan, names)}", "  - ", "    "))
    lines.extend(
        paragraph(
            f"Sockets and tables are of one process on each node, which ends with the play or after {plan['hold']} "
            "seconds; the kernel takes them away with it.",
        )
    )
    return "\n".join(lines)


def seen(path: Path, live: Live) -> str:
    """Return the computed path and what was seen, side by side."""
    of = f" (way {live['way']} of {len(path['ways'])})" if len(path["ways"]) > 1 else ""
    lines = paragraph(f"LIVE: {_verdict(live)}{of}", "", "      ")
    lines.extend(paragraph(_LEGEND))
    lines.extend(_leg("The packet", live["there"]))
    if live["back"] is not None:
        lines.extend(_leg("The answer", live["back"]))
    if live["changes"]:
        lines.extend(paragraph("Changed for it:"))
        for one in live["changes"]:
            lines.extend(paragraph(one, "  - ", "    "))
    for one in live["skipped"]:
        lines.extend(paragraph(f"skipped: {one}", "", "  "))
    return "\n".join(lines)


def difference(live: Live) -> str | None:
    """Return the first difference in words, None when there is none."""
    legs = [live["there"]] if live["back"] is None else [live["there"], live["back"]]
    return next((one["difference"] for one in legs if one["difference"] is not None), None)


def _verdict(live: Live) -> str:
    if live["verdict"] == "different":
        return f"NOT AS COMPUTED: {difference(live)}"
    legs = [live["there"]] if live["back"] is None else [live["there"], live["back"]]
    known = next((one["resolved"] for one in legs if one["resolved"] is not None), None)
    if known is not None:
        return f"seen where nothing is computed: {known}"
    if any(point["verdict"] == "not_watched" for leg in legs for point in leg["points"]):
        return "as computed, as far as it was watched"
    return "as computed"


def _leg(title: str, leg: Leg) -> Iterator[str]:
    yield from paragraph(f"{title}: {words.counted(len(leg['points']), 'place')}")
    for number, point in enumerate(leg["points"]):
        yield from _point(point, number == leg["first"])
    for one in leg["rules"]:
        yield from paragraph(f"rule: {one}", "    ", "      ")


def _point(point: Point, is_first: bool) -> Iterator[str]:
    sign = f"{'>' if is_first else ' '} {_SIGNS[point['verdict']]} "
    inside = f", with {point['inside']} inside" if point["inside"] is not None else ""
    computed, real = point["computed"], point["seen"]
    if point["verdict"] in ("same", "also_seen") and real is not None:
        yield from paragraph(f"{place(point)}: {shown(real)}{inside}", sign, "      ")
        return
    yield from paragraph(place(point), sign, "      ")
    if computed is not None:
        yield from paragraph(f"computed: {shown(computed)}", "      ", "        ")
    if point["verdict"] != "not_watched":
        yield from paragraph(
            f"seen:     {shown(real) + inside if real is not None else 'not at all'}", "      ", "        "
        )
