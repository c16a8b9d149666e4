# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ansible-core versions that the collection supports, each in a virtual environment that has it."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

from .interpreters import interpreters
from .job import CHECKOUT, VENV, Job, StageError, cache_directory


@dataclasses.dataclass(frozen=True)
class Core:
    """One ansible-core series and the Pythons it runs on, the one to prefer first."""

    series: str
    pythons: tuple[str, ...]
    requirement: str

    def python(self) -> str | None:
        """The Python of this machine that this ansible-core would run on, None when there is none."""
        return next((version for version in self.pythons if version in interpreters()), None)


# From ansible-core's own support matrix. 2.22 has had release candidates only, so far.
CORES = (
    Core("2.19", ("3.11", "3.12", "3.13"), "ansible-core ~= 2.19.0"),
    Core("2.20", ("3.12", "3.13", "3.14"), "ansible-core ~= 2.20.0"),
    Core("2.21", ("3.12", "3.13", "3.14"), "ansible-core ~= 2.21.0"),
    Core("2.22", ("3.13", "3.14", "3.15"), "ansible-core >= 2.22.0rc1, < 2.23"),
)


@functools.cache
def series_of_checkout() -> str:
    """The ansible-core series in the checkout's own .venv, such as ``2.19``."""
    code = "import ansible.release as release; print(release.__version__)"
    version = subprocess.run(
        [VENV / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    return ".".join(version.split(".")[:2])


@contextlib.contextmanager
def locked(name: str) -> Iterator[None]:
    """Keeps other clones' test runs from making or filling the same cache entry at the same time."""
    directory = cache_directory() / "locks"
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / name).open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def directory_of(core: Core, job: Job) -> pathlib.Path:
    """The ``bin`` directory of a virtual environment with ``core``: the checkout's own, or one from the cache.

    It is made when it is missing. Its name is a digest of what is in it, and it appears whole or not at all.
    """
    if core.series == series_of_checkout():
        return VENV / "bin"
    version = core.python()
    if version is None:
        raise StageError(f"no Python for ansible-core {core.series}")
    needs = [line for line in (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line]
    needs = [line for line in needs if not line.startswith(("#", "ansible-core"))] + [core.requirement]
    python = interpreters()[version]
    digest = hashlib.sha256("\n".join([str(python), *needs]).encode()).hexdigest()[:16]
    venv = cache_directory() / "ansible-core" / f"{core.series}-{digest}"
    with locked(f"ansible-core-{core.series}"):
        if not (venv / "complete").exists():
            shutil.rmtree(venv, ignore_errors=True)
            job.check([python, "-m", "venv", venv])
            job.check([venv / "bin" / "python", "-m", "pip", "install", "--quiet", "--progress-bar", "off", *needs])
            (venv / "complete").touch()
    return venv / "bin"
