# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A comparison for people at a terminal: plain text, 80 columns.

As in terminal.py, every line goes through layout.py, so nothing from a node can act on the terminal.
"""

from __future__ import annotations

from collections import defaultdict

from ..report.terminal import period
from ..text import words
from ..text.layout import Column, paragraph, table
from .drift import FIGURES, figures
from .records import (
    Aspect,
    Comparison,
    Difference,
    Drift,
    Side,
    Subject,
    Verdict,
)

VERDICTS: dict[Verdict, str] = {
    "same": "same",
    "name": "only the name differs",
    "different": "DIFFERENT",
    "missing": "MISSING",
    "not_read": "NOT READ",
}
DIFFERENCES_OF_A_KIND = 8
"""So many differences of one kind and change are told; the others are counted."""
PATTERNS = 5
"""So many expected keys that nothing fitted are named."""


def summary(comparison: Comparison, report: str | None, page: str | None = None) -> str:
    """Return the summary of *comparison*; *report* names the file with the rest, *page* the one to open in a browser.

    Each is None when there is none.
    """
    left, right = comparison["left"], comparison["right"]
    lines = [
        *paragraph(f"COMPARISON of {left['name']} with {right['name']}"),
        *_side(left),
        *_side(right),
        *paragraph(comparison["mode_reason"], "  ", "    "),
        "",
    ]
    if comparison["drift"] is not None:
        lines.extend(_drift(comparison["drift"], report))
    else:
        lines.extend(_worlds(comparison))
    lines.extend(_end(comparison))
    if report:
        lines.extend(["", *paragraph(f"Report: {report}", rest="        ")])
    if page:
        lines.extend(paragraph(f"Page:   {page}", rest="        "))
    return "\n".join(lines).rstrip("\n")


def _side(side: Side) -> list[str]:
    told = f"{words.counted(len(side['hosts']), 'node')}, {words.counted(side['pods'], 'pod')}"
    if side["first_collected_at"]:
        told += f", read {period(side['first_collected_at'], side['last_collected_at'])}"
    lines = paragraph(f"{side['name']}: {told}", "  ", "    ")
    for one in side["unread"]:
        lines.extend(paragraph(f"{one['host']} was not read: {one['cause']}", "    ", "      "))
    return lines


def _worlds(comparison: Comparison) -> list[str]:
    duties, scopes = comparison["duties"], comparison["scopes"]
    cells = [
        (f"{number} {one['title']}", VERDICTS[one["verdict"]], _tally(one)) for number, one in enumerate(duties, 1)
    ]
    columns = (Column("DUTY OF THE CNI PLUGIN"), Column("VERDICT"), Column("ALIKE"))
    lines = [*table(columns, cells, indent=""), ""]
    cells = [(one["title"], VERDICTS[one["verdict"]], _tally(one)) for one in scopes]
    columns = (Column("SCOPE"), Column("VERDICT"), Column("ALIKE"))
    lines.extend([*table(columns, cells, indent=""), ""])
    sides = (comparison["left"]["name"], comparison["right"]["name"])
    for number, subject in enumerate(duties, 1):
        lines.extend([*_subject(f"{number} {subject['title']}", subject, sides), ""])
    for subject in scopes:
        lines.extend([*_subject(subject["title"], subject, sides), ""])
    return lines


def _tally(subject: Subject) -> str:
    alike = sum(aspect["verdict"] in ("same", "name") for aspect in subject["aspects"])
    return f"{alike} of {len(subject['aspects'])}"


def _subject(title: str, subject: Subject, sides: tuple[str, str]) -> list[str]:
    lines = paragraph(title.upper())
    for aspect in subject["aspects"]:
        if aspect["verdict"] == "same":
            lines.extend(_same(aspect))
        else:
            lines.extend(_unlike(aspect, sides))
    return lines


def _same(aspect: Aspect) -> list[str]:
    left, right = aspect["left"]["text"], aspect["right"]["text"]
    told = left if left == right else f"{left}; {right}"
    return paragraph(f"{aspect['title']}: {told}", "  same  ", "        ")


def _unlike(aspect: Aspect, sides: tuple[str, str]) -> list[str]:
    expected = ", expected" if aspect["expected"] else ""
    told = VERDICTS[aspect["verdict"]]
    if aspect["verdict"] in ("missing", "not_read"):
        lacking = {"missing": "absent", "not_read": "not_read"}[aspect["verdict"]]
        where = [
            name for name, one in zip(sides, (aspect["left"], aspect["right"]), strict=True) if one["state"] == lacking
        ]
        told += f" in {' and '.join(where)}"
    lines = paragraph(f"{told}: {aspect['title']} ({aspect['key']}{expected})", "  ", "    ")
    for name, one in zip(sides, (aspect["left"], aspect["right"]), strict=True):
        lines.extend(paragraph(f"{name}: {one['text']}", "    ", "      "))
        if one["command"]:
            lines.extend(paragraph(one["command"], f"      see on {one['host']}: ", "        "))
    if aspect["why"]:
        lines.extend(paragraph(aspect["why"], "    why: ", "         "))
    return lines


def _drift(drift: Drift, report: str | None) -> list[str]:
    cells = [
        (count["what"], *(str(figure or "") for figure in figures(count)))
        for count in drift["counts"]
        if any(figures(count))
    ]
    columns = (Column("WHAT"), *(Column(change.replace("_", " ").upper()) for change in FIGURES))
    lines = [*table(columns, cells, indent=""), ""]
    grouped: dict[tuple[str, str], list[Difference]] = defaultdict(list)
    for one in drift["differences"]:
        grouped[one["what"], one["change"]].append(one)
    for (what, change), group in grouped.items():
        for one in group[:DIFFERENCES_OF_A_KIND]:
            lines.extend(_difference(one))
        if len(group) > DIFFERENCES_OF_A_KIND:
            more = f"and {len(group) - DIFFERENCES_OF_A_KIND} more of {what} {change.replace('_', ' ')}"
            lines.extend(paragraph(more + (f", all in {report}" if report else ""), "  "))
    if not drift["differences"]:
        lines.append("Nothing changed.")
    skipped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for left_out in drift["not_compared"]:
        skipped[left_out["what"], left_out["reason"]].append(left_out["host"])
    if skipped:
        lines.append("")
    for (what, reason), hosts in skipped.items():
        lines.extend(paragraph(f"not compared: {what} of {words.listed(hosts, 4)}: {reason}", "", "  "))
    return [*lines, ""]


def _difference(one: Difference) -> list[str]:
    change = one["change"].replace("_", " ").upper()
    place = f" on {one['host']}" if one["host"] and one["host"] != one["name"] else ""
    head = f"{change} {one['what']} {one['name']}{place}"
    head += f": {one['note']}" if one["note"] else ""
    lines = paragraph(head + (" (expected)" if one["expected"] else ""), "  ", "    ")
    real = [field for field in one["fields"] if not field["name_only"]]
    if one["change"] in ("added", "removed"):
        told = ", ".join(f"{field['field']} {field['new'] or field['old']}" for field in real)
        return [*lines, *(paragraph(told, "    ", "    ") if told else [])]
    for field in real:
        change = f"{field['field']}: {field['old'] or 'none'} -> {field['new'] or 'none'}"
        lines.extend(paragraph(change, "    ", "      "))
    names = [field["field"] for field in one["fields"] if field["name_only"]]
    if names:
        lines.extend(paragraph(f"only names: {', '.join(names)}", "    ", "      "))
    return lines


def _end(comparison: Comparison) -> list[str]:
    number = len(comparison["unexpected"])
    lines = [f"{words.counted(number, 'unexpected difference')}." if number else "No unexpected difference."]
    unmet = comparison["expected_unmet"]
    if unmet:
        lines.extend(paragraph(f"Expected, but not found: {words.listed(unmet, PATTERNS)}."))
    return lines
