# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A comparison as GitHub Flavored Markdown: everything, with the commands that show it on the nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..report.terminal import period
from ..text import words
from ..text.escape import markdown_code as code
from ..text.escape import markdown_text as text
from .drift import FIGURES, figures
from .records import (
    Aspect,
    Comparison,
    Difference,
    Drift,
    Seen,
    Side,
    Subject,
    Verdict,
)

VERDICTS: dict[Verdict, str] = {
    "same": "same",
    "name": "only the name differs",
    "different": "**different**",
    "missing": "**missing**",
    "not_read": "not read",
}
DIFFERENCES = 500
"""So many differences between two snapshots are told; the others are in comparison.json."""


def report(comparison: Comparison) -> str:
    """Return the whole report."""
    left, right = comparison["left"], comparison["right"]
    lines = [f"# {text(left['name'])} and {text(right['name'])}", ""]
    lines.extend([*_side(left), *_side(right), "", f"Compared: {text(comparison['mode_reason'])}.", ""])
    if comparison["drift"] is not None:
        lines.extend(_drift(comparison["drift"]))
    else:
        lines.extend(_worlds(comparison))
    lines.extend(_unexpected(comparison))
    return "\n".join(lines).rstrip() + "\n"


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table of cells that are Markdown already."""
    yield f"| {' | '.join(titles)} |"
    yield f"|{'|'.join(' --- ' for _title in titles)}|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"
    yield ""


def _side(side: Side) -> Iterator[str]:
    told = f"{words.counted(len(side['hosts']), 'node')}, {words.counted(side['pods'], 'pod')}"
    if side["first_collected_at"]:
        told += f", read {code(period(side['first_collected_at'], side['last_collected_at']))}"
    yield f"- **{text(side['name'])}**: {told}"
    for one in side["unread"]:
        yield f"  - {text(one['host'])} was not read: {text(one['cause'])}. {text(one['remedy'])}"
    for host in side["partial"]:
        yield f"  - {text(host)} was read only in part"


def _worlds(comparison: Comparison) -> Iterator[str]:
    duties, scopes = comparison["duties"], comparison["scopes"]
    sides = (comparison["left"]["name"], comparison["right"]["name"])
    rows = [(f"{number}. {text(one['title'])}", VERDICTS[one["verdict"]]) for number, one in enumerate(duties, 1)]
    yield from table(("Duty of the CNI plugin", "Verdict"), rows)
    yield from table(("Scope", "Verdict"), [(text(one["title"]), VERDICTS[one["verdict"]]) for one in scopes])
    yield "## The eight duties"
    yield ""
    for number, one in enumerate(duties, 1):
        yield from _subject(f"{number}. {one['title']}", one, sides)
    yield "## The five scopes"
    yield ""
    for one in scopes:
        yield from _subject(one["title"], one, sides)


def _subject(title: str, subject: Subject, sides: tuple[str, str]) -> Iterator[str]:
    yield f"### {text(title)}"
    yield ""
    rows = [
        (text(aspect["title"]), _seen(aspect["left"]), _seen(aspect["right"]), _verdict(aspect, sides))
        for aspect in subject["aspects"]
    ]
    yield from table(("What", text(sides[0]), text(sides[1]), "Verdict"), rows)


def _seen(one: Seen) -> str:
    told = text(one["text"])
    if one["command"] is None:
        return told
    return f"{told}<br>{text(one['host'] or '')}: {code(one['command'])}"


def _verdict(aspect: Aspect, sides: tuple[str, str]) -> str:
    told = VERDICTS[aspect["verdict"]]
    if aspect["verdict"] == "missing":
        told += f" in {text(sides[aspect['left']['state'] != 'absent'])}"
    parts = [told + (" (expected)" if aspect["expected"] else "")]
    if aspect["why"]:
        parts.append(text(aspect["why"]))
    if aspect["verdict"] != "same":
        parts.append(code(aspect["key"]))
    return "<br>".join(parts)


def _drift(drift: Drift) -> Iterator[str]:
    rows = [
        (count["what"], *(str(figure or "") for figure in figures(count)))
        for count in drift["counts"]
        if any(figures(count))
    ]
    yield from table(("What", *(change.replace("_", " ").capitalize() for change in FIGURES)), rows)
    yield "## Differences"
    yield ""
    if not drift["differences"]:
        yield "Nothing changed."
    for one in drift["differences"][:DIFFERENCES]:
        yield from _difference(one)
    if len(drift["differences"]) > DIFFERENCES:
        yield f"- and {len(drift['differences']) - DIFFERENCES} more, all in comparison.json"
    yield ""
    if drift["not_compared"]:
        yield "## Not compared"
        yield ""
        for skipped in drift["not_compared"]:
            yield f"- {text(skipped['what'])} of {text(skipped['host'])}: {text(skipped['reason'])}"
        yield ""


def _difference(one: Difference) -> Iterator[str]:
    place = f" on {text(one['host'])}" if one["host"] and one["host"] != one["name"] else ""
    note = f": {text(one['note'])}" if one["note"] else ""
    expected = " (expected)" if one["expected"] else ""
    yield f"- **{one['change'].replace('_', ' ')}** {one['what']} {code(one['name'])}{place}{note}{expected}"
    for field in one["fields"]:
        suffix = " (only a name)" if field["name_only"] else ""
        if one["change"] in ("added", "removed"):
            yield f"  - {text(field['field'])}: {code(field['new'] or field['old'] or '')}{suffix}"
        else:
            old, new = field["old"] or "none", field["new"] or "none"
            yield f"  - {text(field['field'])}: {code(old)} → {code(new)}{suffix}"


def _unexpected(comparison: Comparison) -> Iterator[str]:
    yield "## Unexpected differences"
    yield ""
    for key in comparison["unexpected"]:
        yield f"- {code(key)}"
    if not comparison["unexpected"]:
        yield "None."
    for pattern in comparison["expected_unmet"]:
        yield f"- expected, but not found: {code(pattern)}"
    yield ""
