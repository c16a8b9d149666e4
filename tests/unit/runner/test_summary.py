# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the last lines say: what failed, what did not run, and what took the time."""

from __future__ import annotations

import pathlib

from ansible_collections.podnet.lab.tests.runner.outcome import PASSED, Outcome, skipped
from ansible_collections.podnet.lab.tests.runner.summary import REASON, Done, failed, last_lines, not_run, slowest

JUNIT = """<testsuites><testsuite>
<testcase classname="tests.integration.churn.test_churn" name="test_fast" time="0.5" />
<testcase classname="tests.integration.churn.test_churn" name="test_slow" time="41.25" />
</testsuite></testsuites>
"""

BAD = """<testsuites><testsuite>
<testcase classname="tests.cluster.test_both" name="test_mode">
<failure message="AssertionError: not so&#10;  assert 1"/>
</testcase>
<testcase classname="tests.cluster.test_both" name="test_left"><error>in a fixture</error></testcase>
<testcase classname="tests.cluster.test_both" name="test_good" />
</testsuite></testsuites>
"""


def test_stages_and_their_tests_by_time(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "integration.xml"
    file.write_text(JUNIT, encoding="utf-8")
    stages = [Done("mypy", 9, PASSED, tmp_path / "missing.xml"), Done("integration", 60, PASSED, file)]
    assert slowest(stages, 3) == [(60, "integration"), (41.25, "integration: test_churn::test_slow"), (9, "mypy")]


def test_a_junit_file_that_was_cut_off_only_costs_its_tests(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "integration.xml"
    file.write_text(JUNIT[:40], encoding="utf-8")
    assert slowest([Done("integration", 60, PASSED, file)]) == [(60, "integration")]


def test_a_stage_that_did_not_run_is_named_with_its_reason() -> None:
    stages = [
        Done("unit", 1, PASSED + skipped("no root")),
        Done("integration", 0, skipped("it needs root")),
        Done("broken", 1, Outcome(failed=1, skipped=2)),
    ]
    assert not_run(stages) == ["integration: skipped: it needs root"]
    lines = last_lines(stages)
    assert lines[1] == "NOT RUN, so that the numbers below are not all tests (1 of 3 stages):"
    assert lines[2] == "  integration: skipped: it needs root"


def test_nothing_is_said_of_what_ran() -> None:
    assert last_lines([Done("unit", 1.25, PASSED)]) == ["", "The 1 slowest stages and tests:", "      1.2 s  unit"]


def test_what_failed_stands_last_with_its_reason(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "cluster.xml"
    file.write_text(BAD, encoding="utf-8")
    stages = [
        Done("cluster", 60, Outcome(passed=1, failed=2), file),
        Done("mypy", 9, Outcome(failed=1)),
        Done("integration", 9, Outcome(failed=1), tmp_path / "missing.xml", "it took longer than 9 s, " + "and " * 200),
        Done("unit", 9, PASSED),
    ]
    assert failed(stages)[:3] == [
        ("cluster: test_both::test_mode", "AssertionError: not so assert 1"),
        ("cluster: test_both::test_left", "in a fixture"),
        ("mypy", "its log says why"),
    ]
    name, reason = failed(stages)[3]
    assert name == "integration"
    assert reason.startswith("it took longer than 9 s")
    assert len(reason) <= REASON
    assert last_lines(stages)[-9:-6] == [
        "FAILED (4):",
        "  cluster: test_both::test_mode",
        f"      {failed(stages)[0][1]}",
    ]
