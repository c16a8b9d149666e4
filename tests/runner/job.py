# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the commands of one stage: output into a log, a time limit, nothing left running."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pathlib
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from .root import send

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
OUTPUT = CHECKOUT / "tests" / "output"
VENV = CHECKOUT / ".venv"

# Paths that a plain user's PATH lacks, and where sshd, nft and ip live.
_SBIN = ("/usr/local/sbin", "/usr/sbin", "/sbin")

Words = Sequence[str | os.PathLike[str]]
"""A command line."""

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def cache_directory() -> pathlib.Path:
    """Where things that are slow to make are kept between runs and clones."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "podnet-lab"


def environment() -> dict[str, str]:
    """The environment of every stage: the checkout's own tools first, no colours, no questions."""
    path = [str(VENV / "bin"), *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    path += [directory for directory in _SBIN if directory not in path]
    kept = {
        name: value
        for name, value in os.environ.items()
        # A caller's Ansible or molecule settings would change what is tested.
        if not name.startswith(("ANSIBLE_", "MOLECULE_", "PYTHON", "PYTEST_"))
    }
    return {
        **_fabric(str(CHECKOUT)),
        **kept,
        "PATH": os.pathsep.join(path),
        "VIRTUAL_ENV": str(VENV),
        "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(VENV / "collections"),
        # Nothing of the tests goes to the user's ~/.ansible.
        "ANSIBLE_HOME": str(OUTPUT / "ansible"),
        "ANSIBLE_NOCOLOR": "1",
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
    }


def other_fabric(stage: str) -> dict[str, str]:
    """Return the environment of a stage whose nodes stand beside those of the others, which run at the same time."""
    usual = environment()
    return {**usual, **_fabric(f"{usual['PODNET_TEST_FABRIC']}/{stage}")}


def _fabric(of_whom: str) -> dict[str, str]:
    """Name and network of the test nodes: those of a checkout's path, so that two checkouts may be tested at once."""
    digest = hashlib.sha256(os.fsencode(of_whom)).digest()
    return {
        "PODNET_TEST_FABRIC": f"podt{digest.hex()[:8]}",
        # 10.89.0.0/24 is the demo's.
        "PODNET_TEST_SUBNET": f"10.89.{64 + int.from_bytes(digest[:4], 'big') % 190}.0/24",
    }


class StageError(Exception):
    """A stage cannot go on; the text says what happened."""


class Job:
    """What a stage works with: its log, its scratch directory under tests/output, and ``run``."""

    def __init__(self, name: str, limit: float, nice: int = 0) -> None:
        self.name = name
        self._nice = nice
        slug = name.replace(" ", "-").replace("/", "-")
        self.log = OUTPUT / "logs" / f"{slug}.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.write_bytes(b"")
        self.junit = OUTPUT / "junit" / f"{slug}.xml"
        self.junit.parent.mkdir(parents=True, exist_ok=True)
        self.junit.unlink(missing_ok=True)
        self._deadline = time.monotonic() + limit
        self._limit = limit

    def note(self, text: str) -> None:
        """Writes a line of the runner's own into the log."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{text}\n")

    def prolong(self, seconds: float) -> None:
        """Moves the stage's time limit, for time that it spent waiting for another test run."""
        self._deadline += seconds

    def run(
        self,
        command: Words,
        cwd: pathlib.Path = CHECKOUT,
        env: Mapping[str, str] | None = None,
    ) -> int:
        """Runs ``command`` to its end and returns its exit code.

        Output goes to the log. When the stage's time is over the command and its children are ended,
        and StageError says so.
        """
        words = [os.fspath(word) for word in command]
        if self._nice:
            words = ["nice", "-n", str(self._nice), *words]
        self.note(f"$ {shlex.join(words)}")
        with self.log.open("ab") as log:
            try:
                process = subprocess.Popen(
                    words,
                    cwd=cwd,
                    env=dict(env if env is not None else environment()),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise StageError(f"{words[0]} cannot be started: {error.strerror}") from error
            with _watched(process):
                try:
                    return process.wait(timeout=max(0.1, self._deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    raise StageError(f"stopped: it took longer than {self._limit:.0f} s") from None

    def check(
        self,
        command: Words,
        cwd: pathlib.Path = CHECKOUT,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Like ``run``, but an exit code other than 0 raises StageError."""
        code = self.run(command, cwd, env)
        if code:
            raise StageError(f"{pathlib.Path(command[0]).name} ended with exit code {code}")

    def text(self) -> str:
        """The whole log."""
        return self.log.read_text(encoding="utf-8", errors="backslashreplace")

    def tail(self, lines: int) -> str:
        """The last ``lines`` of the log."""
        return "\n".join(self.text().splitlines()[-lines:])


@contextlib.contextmanager
def _watched(process: subprocess.Popen[bytes]) -> Iterator[None]:
    with _lock:
        _running.add(process)
    try:
        yield
    finally:
        if process.poll() is None:
            _end(process)
        with _lock:
            _running.discard(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    # The first signal lets pytest and molecule take their nodes down. What a shell began with & never hears it, so the
    # second does the same there.
    for number, patience in ((signal.SIGINT, 120), (signal.SIGTERM, 60), (signal.SIGKILL, 10)):
        with contextlib.suppress(ProcessLookupError):
            send(number, process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=patience)
            return


def end_all() -> None:
    """End what is running, as Ctrl-C would: it is in sessions of its own. Return when it has ended."""
    with _lock:
        threads = [threading.Thread(target=_end, args=(process,)) for process in _running]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
