# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the steps of a build: a line on the screen for each, their output in a log, one clear error."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Words = Sequence[str | os.PathLike[str]]
"""A command line."""

_TAIL = 25


class BuildError(Exception):
    """A bundle cannot be built; the message says what, why and what to do."""


class Steps:
    """Where the steps of one build write to: progress to standard error, output of commands to ``log``."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._title = "before the first step"

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Say that a step begins, and how long it took when it has ended well."""
        print(f"  {title} ...", end="", file=sys.stderr, flush=True)
        begun = time.monotonic()
        self._title = title
        try:
            yield
        except BaseException:
            print(" failed", file=sys.stderr, flush=True)
            raise
        print(f" {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)

    def run(self, command: Words, env: Mapping[str, str] | None = None) -> None:
        """Run a command to its end, with `env` instead of this process's environment if given.

        Raises BuildError, with the end of its output, when it fails.
        """
        with self.log.open("ab") as log:
            log.write(f"$ {_shown(command)}\n".encode())
            log.flush()
            begin = log.tell()
            code = _finish(command, log.fileno(), env)
        if code:
            with self.log.open("rb") as log:
                log.seek(begin)
                said = log.read().decode(errors="backslashreplace").splitlines()[-_TAIL:]
            raise BuildError(
                "\n    ".join([f"the step '{self._title}' ended with exit code {code}. The end of its output:", *said])
                + f"\n  All of it is in {self.log}. A new start goes on behind the last finished step."
            )

    def ask(self, command: Words, env: Mapping[str, str] | None = None) -> str:
        """Return what a command prints. Raises BuildError when it fails."""
        try:
            return subprocess.run(list(command), capture_output=True, text=True, check=True, env=env).stdout
        except OSError as error:
            raise _absent(command, error) from error
        except subprocess.CalledProcessError as error:
            raise BuildError(
                f"the step '{self._title}' failed: {_shown(command)} said {error.stderr.strip() or 'nothing'!r}."
            ) from error


def _shown(command: Words) -> str:
    return shlex.join(str(word) for word in command)


def _absent(command: Words, error: OSError) -> BuildError:
    return BuildError(f"{command[0]!s} cannot be started: {error.strerror}. Bundles are built on Debian only.")


def _finish(command: Words, output: int, env: Mapping[str, str] | None) -> int:
    try:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env
        )
    except OSError as error:
        raise _absent(command, error) from error
    try:
        return process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
