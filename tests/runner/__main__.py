# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The test runner's command line and its progress: see ``--help``."""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import dataclasses
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence

from .job import OUTPUT, Job, StageError, end_all
from .lanes import Lanes
from .outcome import FAILED, Outcome, skipped, total
from .stages import GROUPS, ON_REQUEST, STAGES, Stage
from .summary import Done, last_lines

_TAIL = 60
_HEARTBEAT = 60.0
_NICE = 10
_screen = threading.Lock()


def _say(text: str) -> None:
    with _screen:
        print(text, flush=True)


@dataclasses.dataclass
class _Progress:
    """Says every minute what is still running, so that a slow stage does not look like a hang."""

    started: dict[str, float] = dataclasses.field(default_factory=dict)
    over: threading.Event = dataclasses.field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.over.wait(_HEARTBEAT):
            now = time.monotonic()
            running = [f"{name} ({now - begun:.0f} s)" for name, begun in list(self.started.items())]
            if running:
                _say(f"        still running: {', '.join(running)}")


def _run(stage: Stage, lanes: Lanes, progress: _Progress) -> Done:
    with lanes.place(alone=stage.alone):
        begun = progress.started[stage.name] = time.monotonic()
        try:
            # A lower priority leaves the processor to the stages with time-outs.
            job = Job(stage.name, stage.limit, nice=_NICE if stage.patient and not stage.alone else 0)
            why_not = stage.obstacle() if stage.obstacle else None
            failure = ""
            if why_not:
                outcome = skipped(why_not)
            else:
                try:
                    outcome = stage.run(job)
                except (StageError, ValueError, OSError) as error:
                    outcome, failure = FAILED, str(error)
        finally:
            del progress.started[stage.name]
    seconds = time.monotonic() - begun
    _report(stage, job, outcome, failure, seconds)
    return Done(stage.name, seconds, outcome, job.junit, failure)


def _report(stage: Stage, job: Job, outcome: Outcome, failure: str, seconds: float) -> None:
    word = "FAILED" if outcome.failed else "ok" if outcome.passed else "skipped"
    numbers = f"  {outcome.closing_line()}" if outcome.passed + outcome.failed + outcome.skipped > 1 else ""
    lines = [f"{word:<7} {stage.name} ({seconds:.1f} s){numbers}"]
    if outcome.failed:
        lines += [f"    {line}" for line in job.tail(_TAIL).splitlines()]
        if failure:
            lines.append(f"    {stage.name}: {failure}")
        lines.append(f"    the whole output: {os.path.relpath(job.log)}")
    notes = collections.Counter(outcome.notes)
    lines += [f"        {note}" + (f", {count} times" if count > 1 else "") for note, count in notes.items()]
    _say("\n".join(lines))


class _Runs:
    """The stages that run, in threads that wait for a place in the lanes; each lane keeps the order of the list."""

    def __init__(self, stages: Sequence[Stage], progress: _Progress) -> None:
        """Begin."""
        self.done: list[Done] = []
        self._progress = progress
        self._lanes = Lanes(os.cpu_count() or 2)
        self._stopped = threading.Event()
        alone: collections.deque[Stage] = collections.deque(stage for stage in stages if stage.alone)
        others: collections.deque[Stage] = collections.deque(stage for stage in stages if not stage.alone)
        queues = [alone, *[others] * max(2, os.cpu_count() or 2)]
        workers = concurrent.futures.ThreadPoolExecutor(len(queues))
        # Not threads to join: up to Python 3.12 a thread counts as ended once a signal has interrupted its join.
        self._works = [workers.submit(self._work, queue) for queue in queues]

    def _work(self, queue: collections.deque[Stage]) -> None:
        while not self._stopped.is_set():
            try:
                stage = queue.popleft()
            except IndexError:
                return
            self.done.append(_run(stage, self._lanes, self._progress))

    def wait(self) -> None:
        """Return when all stages have ended."""
        for work in self._works:
            work.result()

    def stop(self) -> None:
        """End what is running, begin nothing more."""
        self._stopped.set()
        end_all()
        self.wait()


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.runner",
        description="Runs the tests in stages. The last line is 'N passed, N failed, N skipped'.",
        epilog="Groups: " + "; ".join(f"{name} ({meaning})" for name, meaning in GROUPS.items()),
    )
    on_request = ", ".join(sorted(ON_REQUEST))
    parser.add_argument(
        "group", nargs="*", help=f"run only these groups, or stages by name (default: all but {on_request})"
    )
    parser.add_argument("--also", nargs="+", default=[], metavar="GROUP", help="and these")
    parser.add_argument("--list", action="store_true", help="print the stages and end")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    arguments = _arguments(words)
    wanted = set(arguments.group) | set(arguments.also)
    unknown = wanted - GROUPS.keys() - {stage.name for stage in STAGES}
    if unknown:
        print(f"No group or stage is called {', '.join(sorted(unknown))}; --list prints them.", file=sys.stderr)
        return 2
    if not arguments.group:
        wanted |= set(GROUPS) if arguments.list else GROUPS.keys() - ON_REQUEST
    stages = [stage for stage in STAGES if stage.group in wanted or stage.name in wanted]
    if arguments.list:
        for stage in stages:
            print(f"{stage.group:<12} {stage.name}")
        return 0

    # Being ended from outside must not leave nodes behind either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    progress = _Progress()
    threading.Thread(target=progress.watch, daemon=True).start()
    runs = _Runs(stages, progress)
    try:
        runs.wait()
    except KeyboardInterrupt:
        runs.stop()
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        progress.over.set()

    result = total(done.outcome for done in runs.done)
    logs = os.path.relpath(OUTPUT / "logs")
    ended = ["", f"{len(stages)} stages in {time.monotonic() - begun:.0f} s; logs are in {logs}"]
    _say("\n".join([*last_lines(runs.done), *ended, result.closing_line()]))
    return 0 if result.passed and not result.failed else 1


if __name__ == "__main__":
    sys.exit(main())
