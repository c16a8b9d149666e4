# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the Python interpreters of this machine, by version."""

from __future__ import annotations

import functools
import glob
import os
import pathlib
import subprocess

# Debian's own, built with profiles, is faster than what pyenv builds, and comes before whatever PATH has first.
_FIRST = "/usr/bin"
_PLACES = (
    "/usr/local/bin",
    "/opt/python*/bin",
    "~/.local/bin",
    "~/.local/share/uv/python/*/bin",
    "${PYENV_ROOT}/versions/*/bin",
    "~/.pyenv/versions/*/bin",
)

# Its own executable, not a launcher's; not a virtual environment; able to make one.
_PROBE = """
import sys, ensurepip, venv
assert sys.prefix == sys.base_prefix
print("%d.%d" % sys.version_info[:2])
print(sys.executable)
"""


@functools.cache
def interpreters() -> dict[str, pathlib.Path]:
    """Version (``3.12``) to executable, for every CPython 3.8 or newer that can make virtual environments."""
    found: dict[str, pathlib.Path] = {}
    directories = [_FIRST, *os.environ.get("PATH", os.defpath).split(os.pathsep)]
    for place in _PLACES:
        directories += sorted(glob.glob(os.path.expandvars(os.path.expanduser(place))))
    for directory in directories:
        for minor in range(8, 20):
            version = f"3.{minor}"
            candidate = os.path.join(directory, f"python{version}")
            if version in found or not os.access(candidate, os.X_OK):
                continue
            try:
                probe = subprocess.run(
                    [candidate, "-c", _PROBE], capture_output=True, text=True, timeout=20, check=False
                )
            except (OSError, subprocess.TimeoutExpired):
                continue
            lines = probe.stdout.split("\n")
            if probe.returncode == 0 and lines[0] == version:
                found[version] = pathlib.Path(lines[1])
    return found
