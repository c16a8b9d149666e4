# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Results come in the order of their items, whoever worked on them, and whatever happens to the other process."""

from __future__ import annotations

import os
import sys
from collections import Counter
from itertools import islice
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.report import second_process

HERE = 0


@pytest.fixture(autouse=True)
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say which process this is at the start of each test: ansible-test runs each one in a process of its own."""
    monkeypatch.setattr(sys.modules[__name__], "HERE", os.getpid())


def told(item: int) -> list[Any]:
    return [item, os.getpid() == HERE, {"name": f"pod{item}", "none": None}]


def test_every_other_batch_is_anothers() -> None:
    found = list(second_process.in_order(range(second_process.FEWEST), told))
    assert [item for item, _here, _more in found] == list(range(second_process.FEWEST))
    assert found[second_process.BATCH][2] == {"name": f"pod{second_process.BATCH}", "none": None}
    assert [here for _item, here, _more in found[: 2 * second_process.BATCH]] == [True] * second_process.BATCH + [
        False
    ] * second_process.BATCH


def test_few_items_and_one_processor_need_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(here for _item, here, _more in second_process.in_order(range(second_process.FEWEST - 1), told))
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    assert all(here for _item, here, _more in second_process.in_order(range(second_process.FEWEST), told))


def test_batches_are_as_large_and_items_as_many_as_asked() -> None:
    found = list(second_process.in_order(range(6), told, batch_size=2, fewest=6))
    assert [item for item, _here, _more in found] == list(range(6))
    assert [here for _item, here, _more in found] == [True, True, False, False, True, True]
    assert all(here for _item, here, _more in second_process.in_order(range(5), told, batch_size=2, fewest=6))


def test_what_the_other_process_cannot_do_is_done_here() -> None:
    def work(item: int) -> list[Any]:
        if os.getpid() != HERE and item >= 100:
            os._exit(9)
        return told(item)

    found = list(second_process.in_order(range(second_process.FEWEST), work))
    assert [item for item, _here, _more in found] == list(range(second_process.FEWEST))
    assert Counter(here for item, here, _more in found if item < 96) == {True: 48, False: 48}
    assert all(here for item, here, _more in found if item >= 96)


def test_what_marshal_does_not_know_is_done_here() -> None:
    found = list(
        second_process.in_order(range(second_process.FEWEST), lambda item: [item, object(), os.getpid() == HERE])
    )
    assert all(here for _item, _object, here in found)


def test_an_error_is_raised_here() -> None:
    def work(item: int) -> int:
        if item == 20:
            raise ValueError("item 20")
        return item

    with pytest.raises(ValueError, match="item 20"):
        list(second_process.in_order(range(second_process.FEWEST), work))


def test_no_process_is_left_when_nobody_reads_on() -> None:
    results = second_process.in_order(range(100_000), told)
    assert len(list(islice(results, 20))) == 20
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
