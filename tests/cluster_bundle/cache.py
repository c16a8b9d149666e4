# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where bundles are kept between runs and clones, under which key, and one build at a time."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_RECIPE = (
    "archive.py",
    "debian.py",
    "debian_source.py",
    "go_modules.py",
    "images.py",
    "manifest.py",
    "modules/**/*",
    "standins/**/*",
    "units/*",
)
"""What decides what is in a bundle. The source's version and the toolchain's are named in it."""


def directory() -> Path:
    """Return where bundles, the log and the build tree are: below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "podnet-lab" / "cluster"


@functools.cache
def key(recipe: Path = _HERE) -> str:
    """Return a digest of everything that decides what is in a bundle, as it was when this was first asked."""
    total = hashlib.sha256()
    for path in sorted({path for pattern in _RECIPE for path in recipe.glob(pattern) if path.is_file()}):
        content = path.read_bytes()
        total.update(f"{path.relative_to(recipe)} {len(content)}\n".encode())
        total.update(content)
    return total.hexdigest()[:16]


def place(version: str) -> Path:
    """Return the folder of a version's bundle, which exists only when it is complete."""
    return directory() / f"{version}-{key()}"


def build_tree() -> Path:
    """Return the directory of a build: what a killed build left there is used by the next."""
    return directory() / f"building-{key()}"


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Keep other processes from building at the same time; wait for one that does, and say so."""
    directory().mkdir(parents=True, exist_ok=True)
    with (directory() / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("cluster bundle: waiting for another process that builds", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prune() -> list[Path]:
    """Remove every bundle and build tree of another key; return what was removed."""
    with locked():
        others = [path for path in sorted(directory().iterdir()) if path.is_dir() and not path.name.endswith(key())]
        for path in others:
            shutil.rmtree(path)
    return others
