# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which stages may run at the same time."""

from __future__ import annotations

import threading
from contextlib import ExitStack

from ansible_collections.podnet.lab.tests.runner.lanes import Lanes


def _begin(lanes: Lanes, alone: bool) -> tuple[threading.Event, threading.Event]:
    """Ask for a place in a thread of its own; return when it has it (an event), and the event that ends it."""
    has, may_end = threading.Event(), threading.Event()

    def work() -> None:
        with lanes.place(alone=alone):
            has.set()
            may_end.wait(30)

    threading.Thread(target=work, daemon=True).start()
    return has, may_end


def _is_kept_out(event: threading.Event) -> bool:
    return not event.wait(0.2)


def test_one_single_threaded_stage_runs_beside_the_one_that_is_alone() -> None:
    lanes = Lanes(2)
    with lanes.place(alone=True), lanes.place(alone=False):
        third, end = _begin(lanes, alone=False)
        assert _is_kept_out(third)
        end.set()


def test_two_that_are_alone_never_meet() -> None:
    lanes = Lanes(8)
    with lanes.place(alone=True):
        other, end = _begin(lanes, alone=True)
        assert _is_kept_out(other)
    assert other.wait(10)
    end.set()


def test_others_fill_all_places_when_nobody_is_alone() -> None:
    lanes = Lanes(4)
    with ExitStack() as stack:
        for _place in range(4):
            stack.enter_context(lanes.place(alone=False))
        fifth, end = _begin(lanes, alone=False)
        assert _is_kept_out(fifth)
        end.set()


def test_who_waits_to_be_alone_is_not_starved() -> None:
    lanes = Lanes(3)
    with lanes.place(alone=False):
        with lanes.place(alone=False):
            first, end_first = _begin(lanes, alone=True)
            assert _is_kept_out(first)
            later, end_later = _begin(lanes, alone=False)
            assert _is_kept_out(later), "a place is free, but somebody waits to be alone"
        assert first.wait(10)
    assert later.wait(10)
    end_first.set()
    end_later.set()


def test_one_processor_is_divided() -> None:
    lanes = Lanes(1)
    with lanes.place(alone=True):
        beside, end = _begin(lanes, alone=False)
        assert beside.wait(10)
        end.set()


def test_who_asked_first_comes_first_when_a_worker_asks_again_at_once() -> None:
    lanes = Lanes(2)
    order: list[str] = []

    def work(name: str, times: int) -> None:
        for _time in range(times):
            with lanes.place(alone=False):
                order.append(name)

    with lanes.place(alone=True):
        with lanes.place(alone=False):
            first, end = _begin(lanes, alone=False)
            assert _is_kept_out(first)
            busy = threading.Thread(target=work, args=("busy", 50))
            busy.start()
            assert busy.is_alive()
        assert first.wait(10)
        patient = threading.Thread(target=work, args=("patient", 1))
        patient.start()
        while len(lanes._queue) < 2:
            pass
        end.set()
        busy.join(10)
        patient.join(10)
    assert order.index("patient") == 1, "after the one that was there before, and not after all of its fifty"
