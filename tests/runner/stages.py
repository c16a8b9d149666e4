# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""All stages of the test run, in order."""

from __future__ import annotations

import dataclasses
import functools
import os
import pathlib
import shutil
from collections.abc import Callable

from . import ansible_test, packaging
from .ansible_test import files_of_checkout
from .cores import CORES, Core, directory_of, series_of_checkout
from .job import CHECKOUT, VENV, Job, StageError, Words, environment
from .outcome import FAILED, PASSED, Outcome, from_junit

GROUPS = {
    "lint": "linters, types, licences, documentation",
    "build": "the built collection, installed and used",
    "unit": "unit tests in .venv",
    "sanity": "ansible-test sanity on each ansible-core",
    "units": "ansible-test units on each Python",
    "integration": "pytest on real namespaces and nodes",
    "molecule": "the molecule scenario",
    "bare": "the demo on a bare Debian, only when asked for",
    "cluster": "a real Kubernetes cluster on full nodes, only when asked for",
}

ON_REQUEST = frozenset({"bare", "cluster"})
"""Groups that run only when they are named."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One line of the test run.

    ``obstacle`` returns why the stage cannot run on this machine, or None. ``alone`` keeps other stages off the
    processor meanwhile, because something is timed or time-outs are at play. ``limit`` is in seconds.
    """

    name: str
    group: str
    run: Callable[[Job], Outcome]
    obstacle: Callable[[], str | None] | None = None
    alone: bool = False
    limit: float = 600.0


def _command(*words: str | pathlib.Path) -> Callable[[Job], Outcome]:
    """A stage that is one command of the checkout's .venv: exit code 0 is one test passed."""

    def run(job: Job) -> Outcome:
        return FAILED if job.run([VENV / "bin" / words[0], *words[1:]]) else PASSED

    return run


def _needs_root() -> str | None:
    if os.geteuid() == 0:
        return None
    return "it needs root for network namespaces; run it again with sudo"


def _lacks(*programs: str) -> Callable[[], str | None]:
    def obstacle() -> str | None:
        missing = [program for program in programs if not shutil.which(program, path=environment()["PATH"])]
        return f"{', '.join(missing)} is not installed" if missing else None

    return obstacle


def _shellcheck(job: Job) -> Outcome:
    scripts = [name for name in files_of_checkout() if _is_shell(CHECKOUT / name)]
    return FAILED if job.run(["shellcheck", *scripts]) else PASSED


def _is_shell(file: pathlib.Path) -> bool:
    if "/fixtures/" in str(file):
        return False
    with file.open("rb") as opened:
        first = opened.readline(80)
    return file.suffix == ".sh" or (first.startswith(b"#!") and first.split(b"/")[-1].split()[-1] in (b"sh", b"bash"))


def _pytest(directory: str) -> Callable[[Job], Outcome]:
    def run(job: Job) -> Outcome:
        options = ["-v", "--durations=10", f"--junitxml={job.junit}"]
        command: Words = [VENV / "bin" / "python", "-m", "pytest", directory, *options]
        code = job.run(command)
        outcome = from_junit([job.junit])
        # 5: no test was found. Whatever else is not 0 or 1 is pytest's own failure.
        if code not in (0, 1) or (code and not outcome.failed):
            raise StageError(f"pytest ended with exit code {code}")
        return outcome

    return run


def _cluster_bundle(job: Job) -> Outcome:
    """Kubernetes itself, built from Debian's source package where it is not in the cache."""
    return FAILED if job.run([VENV / "bin" / "python", "-m", "tests.cluster_bundle"]) else PASSED


def _bare(suite: str, job: Job) -> Outcome:
    """``make demo`` on a Debian that has next to nothing."""
    return FAILED if job.run([VENV / "bin" / "python", "-m", "tests.bare_debian", suite]) else PASSED


def _cannot_make_a_debian() -> str | None:
    return _needs_root() or _lacks("mmdebstrap")()


def _molecule(core: Core | None, job: Job) -> Outcome:
    """The molecule scenario, played by the checkout's own Ansible or by another ``core``."""
    env = {**environment(), "MOLECULE_GLOB": "molecule/*/molecule.yml"}
    if core:
        env["PATH"] = os.pathsep.join([str(directory_of(core, job)), env["PATH"]])
        job.check(["ansible", "--version"], env=env)
        if f"[core {core.series}." not in job.text():
            raise StageError(f"the ansible on the PATH is not {core.series}")
    return FAILED if job.run([VENV / "bin" / "molecule", "test", "--scenario-name", "default"], env=env) else PASSED


def _molecule_with(core: Core) -> Stage:
    def obstacle() -> str | None:
        if core.series == series_of_checkout():
            return f"ansible-core {core.series} is the one in .venv, with which the stage molecule ran"
        return _needs_root() or _no_python_for(core)

    return Stage(
        f"molecule {core.series}", "molecule", functools.partial(_molecule, core), obstacle=obstacle, alone=True
    )


def _no_python_for(core: Core) -> str | None:
    if core.python():
        return None
    return f"ansible-core {core.series} needs Python {' or '.join(core.pythons)}, and this machine has none of them"


def _sanity(core: Core) -> Stage:
    return Stage(
        f"ansible-test sanity {core.series}",
        "sanity",
        functools.partial(ansible_test.sanity, core),
        obstacle=functools.partial(_no_python_for, core),
        limit=1200,
    )


def _units(core: Core, *pythons: str) -> Stage:
    return Stage(
        f"ansible-test units {core.series}",
        "units",
        functools.partial(ansible_test.units, core, pythons),
        obstacle=functools.partial(_no_python_for, core),
        limit=1200,
    )


STAGES: tuple[Stage, ...] = (
    Stage("ruff check", "lint", _command("ruff", "check", ".")),
    Stage("ruff format", "lint", _command("ruff", "format", "--check", ".")),
    Stage("mypy", "lint", _command("mypy")),
    Stage("reuse", "lint", _command("reuse", "lint")),
    Stage("yamllint", "lint", _command("yamllint", "--strict", ".")),
    Stage("shellcheck", "lint", _shellcheck, obstacle=_lacks("shellcheck")),
    Stage("antsibull-changelog", "lint", _command("antsibull-changelog", "lint")),
    Stage("unit", "unit", _pytest("tests/unit")),
    Stage("ansible-doc", "lint", packaging.documentation),
    Stage("antsibull-docs", "lint", packaging.lint_documentation),
    Stage("ansible-lint", "lint", _command("ansible-lint", "--offline", "--strict", "--nocolor")),
    Stage("collection build", "build", packaging.build_and_install),
    Stage("galaxy-importer", "build", packaging.import_as_galaxy_does),
    *(_sanity(core) for core in CORES),
    # The oldest ansible-core manages Python 3.8, the newest release 3.14: together, every Python of a node.
    _units(CORES[0], "3.8", "3.9", "3.10", "3.11", "3.12", "3.13"),
    _units(CORES[2], "3.12", "3.14"),
    Stage("integration", "integration", _pytest("tests/integration"), obstacle=_needs_root, alone=True, limit=2400),
    Stage("molecule", "molecule", functools.partial(_molecule, None), obstacle=_needs_root, alone=True),
    # The newest release of ansible-core; .venv has the oldest on Debian 12.
    _molecule_with(CORES[2]),
    *(
        Stage(
            f"demo on bare Debian {number}",
            "bare",
            functools.partial(_bare, suite),
            obstacle=_cannot_make_a_debian,
            alone=True,
        )
        for number, suite in ((12, "bookworm"), (13, "trixie"))
    ),
    Stage("cluster bundle", "cluster", _cluster_bundle, obstacle=_cannot_make_a_debian, alone=True, limit=2400),
    Stage("cluster", "cluster", _pytest("tests/cluster"), obstacle=_cannot_make_a_debian, alone=True, limit=2700),
)
