# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader of the last lines must know: what failed and why, what did not run at all, and what took the time."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from .outcome import Outcome

SLOWEST = 10
"""So many are named."""

REASON = 300
"""Characters of a failure's reason that are said; the stage's log has the rest."""


@dataclasses.dataclass(frozen=True)
class Done:
    """A stage that has ended.

    How long it took, the JUnit file that it may have written, and why it could not come to its end, if so.
    """

    name: str
    seconds: float
    outcome: Outcome
    junit: pathlib.Path | None = None
    failure: str = ""


def _cases(done: Done) -> list[ElementTree.Element]:
    if done.junit is None or not done.junit.exists():
        return []
    try:
        return list(ElementTree.parse(done.junit).iter("testcase"))
    except ElementTree.ParseError:
        return []


def _name(done: Done, case: ElementTree.Element) -> str:
    return f"{done.name}: {case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"


def _reason(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= REASON else f"{line[: REASON - 4]} […]"


def failed(stages: Iterable[Done]) -> list[tuple[str, str]]:
    """Return each test that failed with its reason, and each stage that failed without naming a test."""
    found = []
    for done in (done for done in stages if done.outcome.failed):
        tests = [
            (_name(done, case), _reason(why.get("message") or why.text or ""))
            for case in _cases(done)
            for why in (*case.findall("failure"), *case.findall("error"))
        ]
        found += tests
        if done.failure or not tests:
            found.append((done.name, _reason(done.failure or "its log says why")))
    return found


def slowest(stages: Iterable[Done], count: int = SLOWEST) -> list[tuple[float, str]]:
    """Return the *count* slowest stages and single tests, as seconds and name; a stage's tests count in both."""
    found = [(done.seconds, done.name) for done in stages]
    for done in stages:
        found.extend((float(case.get("time") or 0), _name(done, case)) for case in _cases(done))
    return sorted(found, key=lambda entry: (-entry[0], entry[1]))[:count]


def not_run(stages: Iterable[Done]) -> list[str]:
    """Return a line for each stage of which nothing ran, with its reason."""
    return [
        f"{done.name}: {'; '.join(done.outcome.notes) or 'no reason given'}"
        for done in stages
        if done.outcome.skipped and not done.outcome.passed + done.outcome.failed
    ]


def last_lines(stages: Sequence[Done]) -> list[str]:
    """Return what stands before the closing line."""
    lines = []
    left_out = not_run(stages)
    if left_out:
        lines += [
            "",
            f"NOT RUN, so that the numbers below are not all tests ({len(left_out)} of {len(stages)} stages):",
        ]
        lines += [f"  {line}" for line in left_out]
    slow = slowest(stages)
    if slow:
        lines += ["", f"The {len(slow)} slowest stages and tests:"]
        lines += [f"  {seconds:7.1f} s  {name}" for seconds, name in slow]
    bad = failed(stages)
    if bad:
        lines += ["", f"FAILED ({len(bad)}):"]
        lines += [line for name, reason in bad for line in (f"  {name}", f"      {reason}")]
    return lines
