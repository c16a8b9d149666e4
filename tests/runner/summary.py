# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a reader of the last lines must know: what did not run at all, and what took the time."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from .outcome import Outcome

SLOWEST = 10
"""So many are named."""


@dataclasses.dataclass(frozen=True)
class Done:
    """A stage that has ended: how long it took, and the JUnit file that it may have written."""

    name: str
    seconds: float
    outcome: Outcome
    junit: pathlib.Path | None = None


def _tests(done: Done) -> Iterable[tuple[float, str]]:
    if done.junit is None or not done.junit.exists():
        return
    try:
        cases = list(ElementTree.parse(done.junit).iter("testcase"))
    except ElementTree.ParseError:
        return
    for case in cases:
        file = case.get("classname", "").rpartition(".")[2]
        yield float(case.get("time") or 0), f"{done.name}: {file}::{case.get('name')}"


def slowest(stages: Iterable[Done], count: int = SLOWEST) -> list[tuple[float, str]]:
    """Return the *count* slowest stages and single tests, as seconds and name; a stage's tests count in both."""
    found = [(done.seconds, done.name) for done in stages]
    for done in stages:
        found.extend(_tests(done))
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
    return lines
