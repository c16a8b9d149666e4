# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a stage came to, in numbers that can be added."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable
from xml.etree import ElementTree


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Tests passed, failed and skipped; ``notes`` says why something was skipped, a sentence each."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: tuple[str, ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.passed + other.passed,
            self.failed + other.failed,
            self.skipped + other.skipped,
            self.notes + other.notes,
        )

    def closing_line(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


PASSED = Outcome(passed=1)
FAILED = Outcome(failed=1)


def skipped(why: str) -> Outcome:
    """A stage that cannot run here."""
    return Outcome(skipped=1, notes=(f"skipped: {why}",))


def total(outcomes: Iterable[Outcome]) -> Outcome:
    """The sum of ``outcomes``."""
    return sum(outcomes, Outcome())


def from_junit(files: Iterable[pathlib.Path]) -> Outcome:
    """Adds up JUnit XML files as pytest writes them (``<testcase>`` with ``<failure>``, ``<error>``, ``<skipped>``).

    A test whose body failed and whose teardown failed too has two ``<testcase>``; both count as failed.
    Raises ValueError for a file that is not such XML: a run that was cut off must not count as a good one.
    """
    passed = failed = skipped_count = 0
    reasons: collections.Counter[str] = collections.Counter()
    for file in files:
        try:
            cases = list(ElementTree.parse(file).iter("testcase"))
        except (ElementTree.ParseError, OSError) as error:
            raise ValueError(f"{file} is no JUnit XML file: {error}") from error
        for case in cases:
            skip = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif skip is None:
                passed += 1
            else:
                skipped_count += 1
                reasons[skip.get("message") or "no reason given"] += 1
    notes = tuple(
        f"skipped: {reason}" + (f" ({count} tests)" if count > 1 else "") for reason, count in sorted(reasons.items())
    )
    return Outcome(passed, failed, skipped_count, notes)
