# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""ansible-test on a copy of the checkout, with no network but the package index and nobody's home touched."""

from __future__ import annotations

import configparser
import contextlib
import io
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence

from . import get_pip
from .cores import Core, directory_of
from .interpreters import interpreters
from .job import CHECKOUT, OUTPUT, Job, StageError, Words, cache_directory, environment
from .outcome import FAILED, PASSED, Outcome, from_junit, skipped
from .venvs import locked


def files_of_checkout() -> list[str]:
    """What git keeps, or would keep: committed or not, but nothing ignored and nothing deleted."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in sorted(set(listing.stdout.split("\0"))) if name and (CHECKOUT / name).is_file()]


@contextlib.contextmanager
def copied_tree() -> Iterator[pathlib.Path]:
    """A copy of the checkout at ``ansible_collections/podnet/lab``, as ansible-test demands, while in the context."""
    with tempfile.TemporaryDirectory(prefix="podnet-lab-") as parent:
        tree = pathlib.Path(parent) / "ansible_collections" / "podnet" / "lab"
        for name in files_of_checkout():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, target, follow_symlinks=False)
        yield tree


def pip_configuration(environ: Mapping[str, str], home: pathlib.Path) -> str:
    """The user's own pip settings as one ``pip.conf``: ansible-test runs in a private home and clears the environment.

    Files and variables are taken in pip's order, the later one wins (pip's documentation, "Configuration").
    """
    merged = configparser.RawConfigParser()
    configuration = pathlib.Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    files = [home / ".pip" / "pip.conf", configuration / "pip" / "pip.conf"]
    if "PIP_CONFIG_FILE" in environ:
        files.append(pathlib.Path(environ["PIP_CONFIG_FILE"]))
    merged.read(files, encoding="utf-8")
    for name, value in sorted(environ.items()):
        option = name.removeprefix("PIP_").lower().replace("_", "-")
        if name.startswith("PIP_") and option not in ("config-file", "require-virtualenv"):
            if not merged.has_section("global"):
                merged.add_section("global")
            merged.set("global", option, value)
    text = io.StringIO()
    merged.write(text)
    return text.getvalue()


def _private_home(core: Core, directory: pathlib.Path) -> pathlib.Path:
    home = cache_directory() / "ansible-test" / core.series
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(pip_configuration(os.environ, pathlib.Path.home()), encoding="utf-8")
    code = "import ansible_test._internal.python_requirements as module; print(module.__file__)"
    where = subprocess.run([directory / "python", "-c", code], capture_output=True, text=True, check=True)
    source = pathlib.Path(where.stdout.strip()).read_text(encoding="utf-8")
    shim = pathlib.Path(get_pip.__file__)
    for version in set(re.findall(r"""pip['"]?\s*[=:]\s*['"]([0-9.]+)['"]""", source)):
        shutil.copyfile(shim, cache / f"get_pip_{version.replace('.', '_')}.py")
    return home


def _environment(home: pathlib.Path, directory: pathlib.Path) -> dict[str, str]:
    env = environment()
    pythons = [str(executable.parent) for executable in interpreters().values()]
    env["PATH"] = os.pathsep.join([str(directory), *pythons, env["PATH"]])
    env["HOME"] = str(home)
    for name in [name for name in env if name.startswith(("ANSIBLE_", "XDG_", "VIRTUAL_ENV"))]:
        del env[name]
    return env


def _unfetchable_tests(directory: pathlib.Path) -> list[str]:
    """Sanity tests whose requirements ansible-core takes from a URL, which a package index cannot serve.

    Release candidates do that for a while: ``dill @ https://.../dill/archive/2308ffb0.zip`` for pylint.
    """
    code = "import ansible_test; print(ansible_test.__path__[0])"
    where = subprocess.run([directory / "python", "-c", code], capture_output=True, text=True, check=True)
    requirements = pathlib.Path(where.stdout.strip()) / "_data" / "requirements"
    return [
        file.name.split(".")[1]
        for file in sorted(requirements.glob("sanity.*.txt"))
        if re.search(r"@\s*https?://", file.read_text(encoding="utf-8"))
    ]


def sanity(core: Core, job: Job) -> Outcome:
    """``ansible-test sanity``: every test of that ansible-core, on every Python that it knows and this machine has."""
    directory = directory_of(core, job)
    command: list[str | os.PathLike[str]] = [directory / "ansible-test", "sanity", "--venv", "--color", "no"]
    notes = []
    for test in _unfetchable_tests(directory):
        command += ["--skip-test", test]
        notes.append(f"skipped: {test}: this ansible-core takes it from a URL and not from the package index")
    with copied_tree() as tree, locked(f"ansible-test-{core.series}", job):
        env = _environment(_private_home(core, directory), directory)
        code = job.run(command, cwd=tree, env=env)
    absent = set(re.findall(r"Skipping sanity test .* on Python ([0-9.]+) because it could not be found", job.text()))
    notes += [f"skipped: Python {version} is not on this machine" for version in sorted(absent)]
    return (FAILED if code else PASSED) + Outcome(skipped=len(notes), notes=tuple(notes))


def units(core: Core, pythons: Sequence[str], job: Job) -> Outcome:
    """``ansible-test units`` on ``pythons``, as far as they are here.

    Tests of node code run on each of them, tests of control node code where that ansible-core itself runs.
    """
    directory = directory_of(core, job)
    kept = OUTPUT / "junit" / f"ansible-test-units-{core.series}"
    shutil.rmtree(kept, ignore_errors=True)
    outcome = Outcome()
    for version in pythons:
        if version not in interpreters():
            outcome += skipped(f"Python {version} is not on this machine")
            continue
        with copied_tree() as tree, locked(f"ansible-test-{core.series}", job):
            env = _environment(_private_home(core, directory), directory)
            command: Words = [directory / "ansible-test", "units", "--venv", "--color", "no", "--python", version]
            code = job.run(command, cwd=tree, env=env)
            results = kept / version
            produced = tree / "tests" / "output" / "junit"
            if produced.is_dir():
                shutil.copytree(produced, results)
        counted = from_junit(sorted(results.glob("*.xml")))
        if code and not counted.failed:
            raise StageError(f"ansible-test units ended with exit code {code} on Python {version}")
        if not counted.passed:
            raise StageError(f"ansible-test units ran no test on Python {version}")
        outcome += counted
    return outcome
