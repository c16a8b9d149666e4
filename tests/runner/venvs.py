# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Virtual environments that are slow to make, kept between runs and clones."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import time
from collections.abc import Iterator, Sequence

from .job import Job, cache_directory


@contextlib.contextmanager
def locked(name: str, job: Job) -> Iterator[None]:
    """Keeps other clones' test runs from making or filling the same cache entry at the same time.

    Waiting for them is not on the stage's time.
    """
    directory = cache_directory() / "locks"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / name).open("w", encoding="utf-8") as lock:
        begun = time.monotonic()
        fcntl.flock(lock, fcntl.LOCK_EX)
        job.prolong(time.monotonic() - begun)
        yield


def cached(name: str, python: pathlib.Path, requirements: Sequence[str], job: Job) -> pathlib.Path:
    """The ``bin`` directory of a virtual environment that has ``requirements``, made when it is missing.

    Its place is a digest of what is in it, and it appears whole or not at all.
    Raises StageError when it cannot be made.
    """
    digest = hashlib.sha256("\n".join([str(python), *requirements]).encode()).hexdigest()[:16]
    venv = cache_directory() / "venvs" / f"{name}-{digest}"
    with locked(name, job):
        if not (venv / "complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            job.check([python, "-m", "venv", venv])
            pip: list[str | os.PathLike[str]] = [
                venv / "bin" / "python",
                "-m",
                "pip",
                "--disable-pip-version-check",
                "install",
            ]
            job.check([*pip, "--quiet", "--progress-bar", "off", *requirements])
            (venv / "complete").touch()
    return venv / "bin"
