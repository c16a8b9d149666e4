# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test run's closing line must be true: what is counted, and what must never count as passed."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.podnet.lab.tests.runner.outcome import FAILED, PASSED, Outcome, from_junit, skipped, total

# As pytest 9 writes it: a pass, a failure, an error in a fixture, two skips with one reason, a failed teardown.
PYTEST = """<?xml version="1.0" encoding="utf-8"?>
<testsuites name="pytest tests"><testsuite name="pytest" errors="2" failures="1" skipped="2" tests="7" time="0.031">
<testcase classname="tests.test_a" name="test_good" time="0.001" />
<testcase classname="tests.test_a" name="test_bad"><failure message="assert 1 == 2">E</failure></testcase>
<testcase classname="tests.test_a" name="test_fixture"><error message="failed on setup">E</error></testcase>
<testcase classname="tests.test_a" name="test_v4"><skipped message="no vlan here">x:1</skipped></testcase>
<testcase classname="tests.test_a" name="test_v6"><skipped message="no vlan here">x:2</skipped></testcase>
<testcase classname="tests.test_a" name="test_leaves"><error message="failed on teardown">E</error></testcase>
</testsuite></testsuites>
"""


def test_counts_every_kind_of_test_case(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "result.xml"
    file.write_text(PYTEST, encoding="utf-8")
    assert from_junit([file]) == Outcome(1, 3, 2, ("skipped: no vlan here (2 tests)",))


def test_several_files_are_added_up(tmp_path: pathlib.Path) -> None:
    files = [tmp_path / "one.xml", tmp_path / "two.xml"]
    for file in files:
        file.write_text(PYTEST, encoding="utf-8")
    assert from_junit(files) == Outcome(2, 6, 4, ("skipped: no vlan here (4 tests)",))


@pytest.mark.parametrize("text", ["", "<testsuites><testcase", "all fine"])
def test_a_result_that_was_cut_off_does_not_count(tmp_path: pathlib.Path, text: str) -> None:
    file = tmp_path / "result.xml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="no JUnit XML file"):
        from_junit([file])


def test_a_missing_result_does_not_count(tmp_path: pathlib.Path) -> None:
    with pytest.raises(ValueError, match=r"missing\.xml"):
        from_junit([tmp_path / "missing.xml"])


def test_the_closing_line_is_the_sum() -> None:
    result = total([PASSED, PASSED, FAILED, skipped("no root")])
    assert result.closing_line() == "2 passed, 1 failed, 1 skipped"
    assert result.notes == ("skipped: no root",)
    assert total([]).closing_line() == "0 passed, 0 failed, 0 skipped"
