# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A verification as GitHub Flavored Markdown: every fault with its evidence, and the truth table of policies."""

from __future__ import annotations

from collections.abc import Iterator

from ..comparison.markdown import table
from ..text import words
from ..text.escape import markdown_code as code
from ..text.escape import markdown_text as text
from .records import Fault, Requirement, TruthRow, Verdict, Verification
from .terminal import called, ending, of_fault, totals

VERDICTS: dict[Verdict, str] = {"held": "held", "broken": "**broken**", "not_applicable": "not applicable"}
ROWS = 500
"""So many rows of the truth table are shown; verify.json has more."""
_OPEN = {True: "open", False: "closed", None: "not measured"}


def report(found: Verification) -> str:
    """Return the whole report."""
    return "\n".join(_lines(found)).rstrip() + "\n"


def _lines(found: Verification) -> Iterator[str]:
    sent = found["sent"]
    yield "# Does the network keep its promises?"
    yield ""
    yield f"{words.counted(sent['pods'], 'pod')} on {words.counted(sent['nodes'], 'node')}. {totals(found)}"
    yield ""
    yield (
        f"{words.counted(sent['probes'], 'probe')}, {words.counted(sent['listeners'], 'listener')}; "
        f"{sent['pairs_planned']} of {words.counted(sent['pairs_possible'], 'pair')} of pods: "
        f"{text(sent['pairs_chosen'])}."
    )
    yield ""
    for told in found["left_out"]:
        yield f"- left out: {text(told)}"
    for one in found["unsent"]:
        yield f"- {text(one['host'])} took no part: {text(one['cause'])}"
    if found["left_out"] or found["unsent"]:
        yield ""
    rows = [
        (str(one["number"]), text(one["title"]), VERDICTS[one["verdict"]], text(one["summary"]))
        for one in found["requirements"]
    ]
    yield from table(("", "Requirement", "", "What was found"), rows)
    for requirement in found["requirements"]:
        if requirement["faults"] or requirement["notes"]:
            yield from _requirement(requirement)
    yield from _ends(found)
    yield from _truth(found["policies"])


def _requirement(one: Requirement) -> Iterator[str]:
    yield f"## {one['number']}. {text(one['title'])}"
    yield ""
    for note in one["notes"]:
        yield f"- {text(note)}"
    for fault in one["faults"]:
        yield from _fault(fault)
    yield ""


def _fault(fault: Fault) -> Iterator[str]:
    yield f"- **{text(called(fault))}**: {text(fault['message'])}"
    for told in fault["evidence"]:
        yield f"  - {text(told)}"
    numbers = of_fault(fault)
    if numbers:
        yield f"  - ends at {words.listed([str(one) for one in numbers])} below"
    if fault["command"]:
        yield f"  - see on {text(fault['host'])}: {code(fault['command'])}"


def _ends(found: Verification) -> Iterator[str]:
    if not found["ends"]:
        return
    yield "## Where broken pairs end"
    yield ""
    yield "Computed from routes, rules and tables, which were read after the probes; verify.json has the hops."
    yield ""
    shown = [
        (
            str(one["number"]), text(ending(one)), text(f"{one['sender']} to {one['to']}"),
            f"{text(one['host'] or '')}: {code(one['command'])}" if one["command"] else "",
        )
        for one in sorted(found["ends"], key=lambda one: -one["pairs"])[:ROWS]
    ]  # fmt: skip
    yield from table(("", "Where", "Such as", "See it"), shown)
    if found["not_computed"]:
        yield f"{words.counted(found['not_computed'], 'more pair')} were not computed."
    yield ""


def _truth(rows: list[TruthRow]) -> Iterator[str]:
    if not rows:
        return
    yield "## The truth table of policies"
    yield ""
    yield "Those that differ come first."
    yield ""
    shown = [
        (
            text(row["sender"]), text(row["receiver"]), text(row["port"]), _OPEN[row["expected"]],
            _OPEN[row["measured"]] if row["measured"] in (row["expected"], None) else f"**{_OPEN[row['measured']]}**",
            text(row["because"]),
        )
        for row in rows[:ROWS]
    ]  # fmt: skip
    yield from table(("From", "To", "Port", "Expected", "Measured", "Because"), shown)
    if len(rows) > ROWS:
        yield f"And {len(rows) - ROWS} more, in verify.json."
