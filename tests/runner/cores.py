# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ansible-core versions that the collection supports, each in a virtual environment that has it."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
import subprocess

from .interpreters import interpreters
from .job import CHECKOUT, VENV, Job, StageError
from .venvs import cached


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

OLDEST, RELEASE, NEWEST = CORES[0], CORES[2], CORES[-1]
"""The oldest and the newest series, and the newest that is released."""


def newest_python(core: Core) -> str:
    """The newest Python that *core* runs on and this machine has; the newest of all where it has none."""
    return next((version for version in reversed(core.pythons) if version in interpreters()), core.pythons[-1])


@functools.cache
def series_of_checkout() -> str:
    """The ansible-core series in the checkout's own .venv, such as ``2.19``."""
    code = "import ansible.release as release; print(release.__version__)"
    version = subprocess.run(
        [VENV / "bin" / "python", "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    return ".".join(version.split(".")[:2])


def directory_of(core: Core, job: Job) -> pathlib.Path:
    """The ``bin`` directory of a virtual environment with ``core``: the checkout's own, or one from the cache."""
    if core.series == series_of_checkout():
        return VENV / "bin"
    version = core.python()
    if version is None:
        raise StageError(f"no Python for ansible-core {core.series}")
    needs = [line for line in (CHECKOUT / "requirements.txt").read_text(encoding="utf-8").splitlines() if line]
    needs = [line for line in needs if not line.startswith(("#", "ansible-core"))] + [core.requirement]
    return cached(f"ansible-core-{core.series}", interpreters()[version], needs, job)
