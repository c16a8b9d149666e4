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
import sys
from collections.abc import Callable, Mapping

from . import ansible_test, packaging, root
from .ansible_test import files_of_checkout
from .cores import CORES, NEWEST, OLDEST, RELEASE, Core, directory_of, newest_python, series_of_checkout
from .job import CHECKOUT, OUTPUT, VENV, Job, StageError, Words, environment, other_fabric
from .outcome import FAILED, PASSED, Outcome, from_junit

GROUPS = {
    "lint": "linters, types, licences, documentation",
    "build": "the built collection, installed and used",
    "unit": "unit tests in .venv",
    "sanity": "ansible-test sanity on the oldest and the newest ansible-core",
    "units": "ansible-test units on the oldest and the newest Python, and a middle one if .venv has another",
    "integration": "pytest on real namespaces and nodes",
    "molecule": "the molecule scenario",
    "matrix": "other ansible-cores and Pythons, and the longest tests, for releases, only when asked for",
    "bare": "the demo on a bare Debian, only when asked for",
    "cluster": "a real Kubernetes cluster on full nodes, only when asked for",
}

ON_REQUEST = frozenset({"bare", "cluster", "matrix"})
"""Groups that run only when they are named."""


@dataclasses.dataclass(frozen=True)
class Stage:
    """One line of the test run.

    ``obstacle`` returns why the stage cannot run on this machine, or None. ``alone`` keeps other stages off the
    processors but one meanwhile, because it makes nodes, or time-outs are at play. ``patient`` stages give way to those
    that are alone; the others beside them have time-outs of their own. ``limit`` is in seconds.
    """

    name: str
    group: str
    run: Callable[[Job], Outcome]
    obstacle: Callable[[], str | None] | None = None
    alone: bool = False
    patient: bool = True
    limit: float = 600.0


def _command(*words: str | pathlib.Path) -> Callable[[Job], Outcome]:
    """A stage that is one command of the checkout's .venv: exit code 0 is one test passed."""

    def run(job: Job) -> Outcome:
        return FAILED if job.run([VENV / "bin" / words[0], *words[1:]]) else PASSED

    return run


def _as_root(job: Job, command: Words, env: Mapping[str, str] | None = None) -> int:
    """Runs a command of the checkout as root; what it writes to tests/output is the user's afterwards."""
    env = environment() if env is None else env
    try:
        return job.run(root.as_root(command, env, os.geteuid()), env=env)
    finally:
        # ansible-compat, which molecule and ansible-lint share, keeps its cache in the virtual environment.
        root.give_back(OUTPUT, VENV / ".ansible")


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


def _pytest(
    directory: str, *more: str, env: Mapping[str, str] | None = None, needs_root: bool = False
) -> Callable[[Job], Outcome]:
    def run(job: Job) -> Outcome:
        options = ["-v", "--durations=10", f"--junitxml={job.junit}", "-o", f"cache_dir={OUTPUT / 'pytest'}", *more]
        command: Words = [VENV / "bin" / "python", "-m", "pytest", directory, *options]
        code = _as_root(job, command, env) if needs_root else job.run(command, env=env)
        outcome = from_junit([job.junit])
        # 5: no test was found. Whatever else is not 0 or 1 is pytest's own failure.
        if code not in (0, 1) or (code and not outcome.failed):
            raise StageError(f"pytest ended with exit code {code}")
        return outcome

    return run


def _cluster(chosen: str, job: Job) -> Outcome:
    """The life of a cluster, in the tests that a mark chooses; Kubernetes itself is built first, if no cache has it."""
    if _as_root(job, [VENV / "bin" / "python", "-m", "tests.cluster_bundle"]):
        return FAILED
    return _pytest("tests/cluster", "-m", chosen, env=other_fabric("cluster"), needs_root=True)(job)


def _bare(suite: str, job: Job) -> Outcome:
    """``make demo`` on a Debian that has next to nothing."""
    return FAILED if _as_root(job, [VENV / "bin" / "python", "-m", "tests.bare_debian", suite]) else PASSED


def _cannot_make_a_debian() -> str | None:
    return root.why_not() or _lacks("mmdebstrap")()


def _molecule(core: Core | None, job: Job) -> Outcome:
    """The molecule scenario, played by the checkout's own Ansible or by another ``core``."""
    env = {**environment(), "MOLECULE_GLOB": "molecule/*/molecule.yml"}
    if core:
        env["PATH"] = os.pathsep.join([str(directory_of(core, job)), env["PATH"]])
        job.check(["ansible", "--version"], env=env)
        if f"[core {core.series}." not in job.text():
            raise StageError(f"the ansible on the PATH is not {core.series}")
    command: Words = [VENV / "bin" / "molecule", "test", "--scenario-name", "default"]
    return FAILED if _as_root(job, command, env) else PASSED


def _molecule_with(core: Core) -> Stage:
    def obstacle() -> str | None:
        if core.series == series_of_checkout():
            return f"ansible-core {core.series} is the one in .venv, with which the stage molecule ran"
        return root.why_not() or _no_python_for(core)

    return Stage(f"molecule {core.series}", "matrix", functools.partial(_molecule, core), obstacle=obstacle, alone=True)


def _no_python_for(core: Core) -> str | None:
    if core.python():
        return None
    return f"ansible-core {core.series} needs Python {' or '.join(core.pythons)}, and this machine has none of them"


def _sanity(core: Core, group: str) -> Stage:
    return Stage(
        f"ansible-test sanity {core.series}",
        group,
        functools.partial(ansible_test.sanity, core),
        obstacle=functools.partial(_no_python_for, core),
        limit=1200,
    )


def _units(core: Core, pythons: tuple[str, ...], group: str) -> Stage:
    return Stage(
        f"ansible-test units {core.series} on {', '.join(pythons)}",
        group,
        functools.partial(ansible_test.units, core, pythons),
        obstacle=functools.partial(_no_python_for, core),
        limit=1200,
    )


# On Debian 12 the stage unit has run on it.
_MIDDLE = () if sys.version_info[:2] == (3, 11) else ("3.11",)

STAGES: tuple[Stage, ...] = (
    # First, for it is the longest. Nodes of its own, on a fabric of its own: it runs beside the integration tests, for
    # it waits more than they do.
    Stage(
        "cluster",
        "cluster",
        functools.partial(_cluster, "not release"),
        obstacle=_cannot_make_a_debian,
        patient=False,
        limit=5100,
    ),
    Stage("ruff check", "lint", _command("ruff", "check", ".")),
    Stage("ruff format", "lint", _command("ruff", "format", "--check", ".")),
    Stage("mypy", "lint", _command("mypy")),
    Stage("reuse", "lint", _command("reuse", "lint")),
    Stage("yamllint", "lint", _command("yamllint", "--strict", ".")),
    Stage("shellcheck", "lint", _shellcheck, obstacle=_lacks("shellcheck")),
    Stage("antsibull-changelog", "lint", _command("antsibull-changelog", "lint")),
    # The long ones before the short, so that no processor is without work at the end.
    *(_sanity(core, "sanity") for core in (OLDEST, NEWEST)),
    # On fabrics of their own, too.
    *(
        Stage(
            f"demo on bare Debian {number}",
            "bare",
            functools.partial(_bare, suite),
            obstacle=_cannot_make_a_debian,
            patient=False,
        )
        for number, suite in ((12, "bookworm"), (13, "trixie"))
    ),
    # The oldest ansible-core manages the oldest Pythons, the newest release the newest.
    _units(OLDEST, ("3.8", *_MIDDLE), "units"),
    _units(RELEASE, (newest_python(RELEASE),), "units"),
    Stage("unit", "unit", _pytest("tests/unit")),
    Stage("ansible-doc", "lint", packaging.documentation),
    Stage("antsibull-docs", "lint", packaging.lint_documentation),
    Stage("ansible-lint", "lint", _command("ansible-lint", "--offline", "--strict", "--nocolor")),
    Stage("collection build", "build", packaging.build_and_install),
    Stage("galaxy-importer", "build", packaging.import_as_galaxy_does),
    *(_sanity(core, "matrix") for core in CORES if core not in (OLDEST, NEWEST)),
    _units(OLDEST, ("3.9", "3.10", *sorted({"3.11", "3.12", "3.13"} - {*_MIDDLE})), "matrix"),
    _units(RELEASE, tuple(python for python in ("3.12", "3.14") if python != newest_python(RELEASE)), "matrix"),
    Stage(
        "integration",
        "integration",
        # A test waits for nodes and tasks more than it computes. A file's tests share nodes, so they stay together;
        # the longest files come first, as the tests' conftest.py says.
        _pytest(
            "tests/integration",
            "-n2",
            "--dist=loadfile",
            "--no-loadscope-reorder",
            "-m",
            "not release",
            needs_root=True,
        ),
        obstacle=root.why_not,
        alone=True,
        limit=4800,
    ),
    Stage(
        "integration, the longest",
        "matrix",
        _pytest("tests/integration", "-m", "release", needs_root=True),
        obstacle=root.why_not,
        alone=True,
        limit=7200,
    ),
    Stage(
        "cluster, the longest",
        "matrix",
        functools.partial(_cluster, "release"),
        obstacle=_cannot_make_a_debian,
        alone=True,
        limit=3600,
    ),
    Stage("molecule", "molecule", functools.partial(_molecule, None), obstacle=root.why_not, alone=True),
    # The newest release of ansible-core; .venv has the oldest on Debian 12.
    _molecule_with(RELEASE),
)
