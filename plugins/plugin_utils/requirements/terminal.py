# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A verification for people at a terminal: plain text, 80 columns.

Every line goes through layout.py, so that nothing from a node can act on the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..text import words
from ..text.layout import paragraph
from .records import Ends, Fault, Requirement, Verdict, Verification

VERDICTS: dict[Verdict, str] = {"held": "held", "broken": "BROKEN", "not_applicable": "n/a"}
ENDS = 6
"""So many places are told where packets of broken pairs end; verify.json has all."""
FAULTS = 6
"""So many faults of a requirement are told here; the report has all."""
_INDENT = " " * 11


def summary(found: Verification, report: str | None) -> str:
    """Return the summary of *found*; *report* names the file with the rest, None when there is none."""
    sent = found["sent"]
    pods, nodes = words.counted(sent["pods"], "pod"), words.counted(sent["nodes"], "node")
    lines = paragraph(f"VERIFICATION of the network of {pods} on {nodes}")
    pairs = f"{sent['pairs_planned']} of {words.counted(sent['pairs_possible'], 'pair')}"
    lines.extend(
        paragraph(f"{words.counted(sent['probes'], 'probe')}; {pairs} of pods: {sent['pairs_chosen']}", "  ", "    ")
    )
    for told in found["left_out"]:
        lines.extend(paragraph(f"left out: {told}", "  ", "    "))
    for one in found["unsent"]:
        lines.extend(paragraph(f"{one['host']} took no part: {one['cause']}", "  ", "    "))
    lines.append("")
    for requirement in found["requirements"]:
        lines.extend(_requirement(requirement))
    lines.extend(_ends(found))
    lines.extend(["", *paragraph(totals(found))])
    if report:
        lines.extend(paragraph(f"Report: {report}", rest="        "))
    return "\n".join(lines)


def _ends(found: Verification) -> Iterator[str]:
    """Yield where the packets of broken pairs end, most pairs first."""
    if not found["ends"]:
        return
    yield ""
    yield "WHERE BROKEN PAIRS END, as computed"
    ordered = sorted(found["ends"], key=lambda one: -one["pairs"])
    for one in ordered[:ENDS]:
        yield from paragraph(ending(one), f"{one['number']:>2} ", "   ")
        yield from paragraph(f"such as {one['sender']} to {one['to']}", "   ", "     ")
        if one["command"]:
            yield from paragraph(one["command"], f"   {one['host']} # ", "     ")
    left = ordered[ENDS:]
    if left:
        pairs = words.counted(sum(one["pairs"] for one in left), "pair")
        yield from paragraph(f"and {words.counted(len(left), 'more place')} where {pairs} end", "   ")
    if found["not_computed"]:
        yield from paragraph(f"{words.counted(found['not_computed'], 'more pair')} were not computed", "   ")


def ending(one: Ends) -> str:
    """Return where packets end, in one sentence."""
    what = f"{words.counted(one['pairs'], 'pair')}: {SAID[one['verdict']]}"
    return f"{what}{'the answer: ' if one['answer'] else ''}{one['reason']}"


SAID = {"dropped": "dropped: ", "unknown": "unknown: ", "left": "", "delivered": ""}


def of_fault(fault: Fault) -> list[int]:
    """Return the numbers of where the pairs of a fault end."""
    return sorted({one["ends"] for one in fault["pairs"] if one["ends"] is not None})


def totals(found: Verification) -> str:
    """Return how many requirements hold, in one sentence."""
    return f"{found['held']} held, {found['broken']} broken, {found['not_applicable']} not applicable."


def _requirement(one: Requirement) -> Iterator[str]:
    yield from paragraph(one["title"], f"{one['number']:>2} {VERDICTS[one['verdict']]:<6}  ", _INDENT)
    yield from paragraph(one["summary"], _INDENT, _INDENT)
    for fault in one["faults"][:FAULTS]:
        yield from _fault(fault)
    left = len(one["faults"]) - FAULTS
    if left > 0:
        yield from paragraph(f"and {words.counted(left, 'more fault')}", _INDENT + "- ", _INDENT)
    for note in one["notes"]:
        yield from paragraph(note, _INDENT + "(", _INDENT + " ")[:-1]
        yield paragraph(note, _INDENT + "(", _INDENT + " ")[-1] + ")"


def _fault(fault: Fault) -> Iterator[str]:
    yield from paragraph(f"{called(fault)}: {fault['message']}", _INDENT + "- ", _INDENT + "  ")
    for told in fault["evidence"][:1]:
        yield from paragraph(told, _INDENT + "  ", _INDENT + "    ")
    numbers = of_fault(fault)
    if numbers:
        yield from paragraph(f"ends at {words.listed([str(one) for one in numbers])} below", _INDENT + "  ")
    if fault["command"]:
        yield from paragraph(fault["command"], f"{_INDENT}  {fault['host']} # ", _INDENT + "    ")


def called(fault: Fault) -> str:
    """Return who a fault is about, with how many others are alike."""
    pair = f"{fault['sender']} to {fault['receiver']}" if fault["receiver"] else fault["sender"]
    more = f" and {fault['count'] - 1} more" if fault["count"] > 1 else ""
    return f"{pair}{more}"
