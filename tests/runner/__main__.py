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

from .job import OUTPUT, Job, StageError, interrupt_all
from .outcome import FAILED, Outcome, total
from .stages import GROUPS, ON_REQUEST, STAGES, Stage

_TAIL = 60
_HEARTBEAT = 60.0
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


def _run(stage: Stage, progress: _Progress) -> Outcome:
    begun = progress.started[stage.name] = time.monotonic()
    try:
        job = Job(stage.name, stage.limit)
        why_not = stage.obstacle() if stage.obstacle else None
        if why_not:
            outcome = Outcome(skipped=1, notes=(f"skipped: {why_not}",))
            failure = ""
        else:
            try:
                outcome, failure = stage.run(job), ""
            except (StageError, ValueError, OSError) as error:
                outcome, failure = FAILED, str(error)
    finally:
        del progress.started[stage.name]
    seconds = time.monotonic() - begun
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
    return outcome


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.runner",
        description="Runs the tests in stages. The last line is 'N passed, N failed, N skipped'.",
        epilog="Groups: " + "; ".join(f"{name} ({meaning})" for name, meaning in GROUPS.items()),
    )
    parser.add_argument("group", nargs="*", help="run only these groups, or stages by name (default: all but cluster)")
    parser.add_argument("--list", action="store_true", help="print the stages and end")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> int:
    arguments = _arguments(words)
    wanted = set(arguments.group)
    unknown = wanted - GROUPS.keys() - {stage.name for stage in STAGES}
    if unknown:
        print(f"No group or stage is called {', '.join(sorted(unknown))}; --list prints them.", file=sys.stderr)
        return 2
    if not wanted:
        wanted = set(GROUPS) if arguments.list else GROUPS.keys() - ON_REQUEST
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
    outcomes: list[Outcome] = []
    side_by_side = [stage for stage in stages if not stage.alone]
    alone = [stage for stage in stages if stage.alone]
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2))
    try:
        outcomes += pool.map(lambda stage: _run(stage, progress), side_by_side)
        for stage in alone:
            outcomes.append(_run(stage, progress))
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        interrupt_all()
        pool.shutdown(wait=True)
        print("interrupted", file=sys.stderr)
        return 130
    finally:
        progress.over.set()
        pool.shutdown(wait=True)

    result = total(outcomes)
    _say(f"\n{len(stages)} stages in {time.monotonic() - begun:.0f} s; logs are in {os.path.relpath(OUTPUT / 'logs')}")
    _say(result.closing_line())
    return 0 if result.passed and not result.failed else 1


if __name__ == "__main__":
    sys.exit(main())
