# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The collection as a user gets it: built, installed, listed, documented."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

from .ansible_test import copied_tree
from .job import CHECKOUT, VENV, Job, StageError, Words, environment
from .outcome import FAILED, PASSED, Outcome
from .venvs import cached

# What must not be in the archive that users install.
_PRIVATE = (
    ".venv/",
    ".git",
    ".ci/",
    ".podnet/",
    "reports/",
    "tests/",
    "molecule/",
    "tools/",
    "Makefile",
    "ansible.cfg",
)

# What must be in it: a file of each kind that is no Python, and one that is.
_NEEDED = (
    "README.md",
    "meta/runtime.yml",
    "LICENSES/GPL-3.0-or-later.txt",
    "docs/findings.md",
    "plugins/modules/netns_facts.py",
    "plugins/plugin_utils/page/templates/report.html.j2",
    "plugins/plugin_utils/page/templates/search.js",
)


def _ansible_doc(job: Job, kind: str, *words: str) -> dict[str, dict[str, object]]:
    command = [str(VENV / "bin" / "ansible-doc"), "--type", kind, "--json", *words]
    shown = subprocess.run(command, capture_output=True, text=True, env=environment(), cwd=CHECKOUT, check=False)
    job.note(f"$ {' '.join(command)}\n{shown.stderr}")
    if shown.returncode:
        raise StageError(f"ansible-doc ended with exit code {shown.returncode}")
    documented: dict[str, dict[str, object]] = json.loads(shown.stdout)
    return documented


def _without_configuration() -> dict[str, str]:
    return {name: value for name, value in environment().items() if not name.startswith("ANSIBLE_CO")}


def documentation(job: Job) -> Outcome:
    """``ansible-doc`` shows every plugin and role of the collection; modules with examples and results."""
    count = 0
    for kind in ("module", "filter", "lookup", "callback", "connection", "inventory", "role"):
        names = sorted(_ansible_doc(job, kind, "--list", "podnet.lab"))
        shown = _ansible_doc(job, kind, *names) if names else {}
        for name in names:
            parts = {part for part, text in shown.get(name, {}).items() if text}
            if kind == "role":
                needed = {"entry_points"}
            else:
                needed = {"doc", "examples", "return"} if kind == "module" else {"doc"}
            if not parts >= needed:
                raise StageError(f"the {kind} {name} does not document its {', '.join(sorted(needed - parts))}")
        count += len(names)
    if not count:
        raise StageError("ansible-doc found no plugin of podnet.lab")
    job.check([VENV / "bin" / "ansible-doc", "podnet.lab.netns_facts"])
    return Outcome(passed=count)


def lint_documentation(job: Job) -> Outcome:
    """``antsibull-docs lint-collection-docs`` on a copy: in the checkout .venv holds a link back to the checkout."""
    with copied_tree() as tree:
        command: Words = [
            VENV / "bin" / "antsibull-docs",
            "lint-collection-docs",
            "--plugin-docs",
            "--skip-rstcheck",
            ".",
        ]
        return FAILED if job.run(command, cwd=tree, env=_without_configuration()) else PASSED


def build_and_install(job: Job) -> Outcome:
    """Builds the archive, installs it elsewhere, and runs its playbooks by name from there.

    Four tests: it builds and installs; it holds nothing private; its playbooks can be read; one says what is
    wrong on an inventory without hosts.
    """
    galaxy = VENV / "bin" / "ansible-galaxy"
    with tempfile.TemporaryDirectory(prefix="podnet-lab-") as scratch_name, copied_tree() as tree:
        scratch = pathlib.Path(scratch_name)
        collections = scratch / "collections"
        configuration = scratch / "ansible.cfg"
        configuration.touch()
        env = {
            **environment(),
            "ANSIBLE_CONFIG": str(configuration),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_HOME": str(scratch / "home"),
        }
        job.check([galaxy, "collection", "build", "--output-path", scratch, tree], cwd=scratch, env=env)
        archives = sorted(scratch.glob("podnet-lab-*.tar.gz"))
        job.check([galaxy, "collection", "install", "--offline", "-p", collections, archives[0]], cwd=scratch, env=env)
        _check_contents(archives[0], job)
        playbooks = sorted(collections.glob("ansible_collections/podnet/lab/playbooks/*.yml"))
        if not playbooks:
            raise StageError("the installed collection has no playbook")
        for playbook in playbooks:
            words: Words = [VENV / "bin" / "ansible-playbook", "-i", "localhost,", f"podnet.lab.{playbook.stem}"]
            job.check([*words, "--syntax-check"], cwd=scratch, env=env)
            job.check([*words, "--list-tasks"], cwd=scratch, env=env)
    return Outcome(passed=2 + len(playbooks))


def import_as_galaxy_does(job: Job) -> Outcome:
    """galaxy-importer: the checks that Ansible Galaxy makes of an archive before it accepts it."""
    python = pathlib.Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    directory = cached("galaxy-importer", python, ["galaxy-importer >= 0.4.30"], job)
    env = environment()
    env = {**env, "PATH": os.pathsep.join([str(directory), env["PATH"]]), "VIRTUAL_ENV": str(directory.parent)}
    with tempfile.TemporaryDirectory(prefix="podnet-lab-") as scratch, copied_tree() as tree:
        env["HOME"] = scratch
        build: Words = [VENV / "bin" / "ansible-galaxy", "collection", "build", "--output-path", scratch, tree]
        job.check(build, cwd=pathlib.Path(scratch))
        (archive,) = pathlib.Path(scratch).glob("podnet-lab-*.tar.gz")
        words: Words = [directory / "python", "-m", "galaxy_importer.main", archive]
        code = job.run(words, cwd=pathlib.Path(scratch), env=env)
    said = job.text().rpartition("\n$ ")[2].splitlines()
    complaints = [line for line in said if line.startswith(("WARNING: ", "ERROR: "))]
    if code or complaints:
        raise StageError("galaxy-importer complains: " + "; ".join(complaints or [f"exit code {code}"]))
    return PASSED


def _check_contents(archive: pathlib.Path, job: Job) -> None:
    with tarfile.open(archive) as opened:
        names = opened.getnames()
    job.note("\n".join(names))
    private = [name for name in names if name.startswith(_PRIVATE) or "__pycache__" in name]
    if private:
        raise StageError(f"the archive holds {', '.join(private[:5])}: see build_ignore in galaxy.yml")
    for needed in _NEEDED:
        if needed not in names:
            raise StageError(f"the archive lacks {needed}")
