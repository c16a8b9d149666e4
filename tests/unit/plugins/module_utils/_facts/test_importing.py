# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Modules from a zip archive are the same however they are imported; compile_once has each compiled once."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._facts import importing

FILES = {
    "house/__init__.py": "",
    "house/room/__init__.py": "INSIDE = True",
    "house/room/table.py": "from .. import room\nfrom . import missing_or_not\nSIZE = 3\n",
    "house/room/missing_or_not.py": "",
}
SAY = """
import json, sys
compiled = []
sys.addaudithook(lambda event, about: event == "compile" and compiled.append(str(about[1])))
sys.path.insert(0, sys.argv[1])
import house
if sys.argv[2]:
    sys.path.append(sys.argv[2])
    import importing
    importing.compile_once()
    importing.compile_once()
from house.room import table
try:
    import house.cellar
except ModuleNotFoundError as error:
    missing = str(error)
modules = [sys.modules[name] for name in ("house.room", "house.room.table", "house.room.missing_or_not")]
print(json.dumps({
    "files": [one.__file__ for one in modules],
    "packages": [one.__package__ for one in modules],
    "paths": [getattr(one, "__path__", None) for one in modules],
    "size": table.SIZE,
    "missing": missing,
    "compiled": [sum(name.endswith(one.__file__.split(".zip")[1]) for name in compiled) for one in modules],
}))
"""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "payload.zip"
    with zipfile.ZipFile(path, "w") as payload:
        for name, text in FILES.items():
            payload.writestr(name, text)
    return path


def imported(archive: Path, helper: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SAY, str(archive), helper], capture_output=True, text=True, check=True, timeout=60
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_what_is_imported_is_the_same_and_compiled_once(archive: Path) -> None:
    usual, once = imported(archive, ""), imported(archive, str(Path(importing.__file__).parent))
    assert once.pop("compiled") == [1, 1, 1]
    del usual["compiled"]
    assert once == usual
    assert once["files"][0] == f"{archive}/house/room/__init__.py"
    assert once["missing"] == "No module named 'house.cellar'"
