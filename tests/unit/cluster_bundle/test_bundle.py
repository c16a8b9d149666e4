# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles by version: the cache, one build at a time, nothing half-built, and what keeps a build from beginning.

The long part, compiling, is replaced here; the tests on a real cluster use what it makes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.cluster_bundle import debian

# The package's name `bundle` is the function of the module `bundle`.
MODULE = "ansible_collections.podnet.lab.tests.cluster_bundle.bundle"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "podnet-lab" / "cluster"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A build whose long steps do nothing; the list says which versions were assembled."""
    assembled: list[str] = []

    def assemble(folder: Path, version: str, *_rest: object) -> None:
        folder.mkdir()
        (folder / "manifest.json").write_text(version)
        assembled.append(version)

    import importlib

    module = importlib.import_module(MODULE)
    monkeypatch.setattr(debian, "why_not", lambda: None)
    monkeypatch.setattr(debian, "build_root", lambda tree, _steps: tree / "root")
    monkeypatch.setattr(module, "prepare", lambda *_rest: None)
    monkeypatch.setattr(module, "compile_stand_ins", lambda *_rest: {})
    monkeypatch.setattr(module, "compile_programs", lambda *_rest: {})
    monkeypatch.setattr(module, "_assemble", assemble)
    return assembled
