# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles by version: from the cache, or built."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from . import cache, debian
from .compile import VERSIONS, compile_programs, compile_stand_ins, prepare
from .images import Source, names_of, write_images
from .manifest import manifest_of
from .steps import BuildError, Steps, Words

_HERE = Path(__file__).resolve().parent
_NEEDED = 7 * 10**9
"""What a build of all versions needs of the disk, in bytes."""


def bundle(version: str) -> Path:
    """Return the folder of a version's bundle; when it is missing, all missing VERSIONS are built, as in one go they
    share the long part. Raises BuildError.
    """
    if version in VERSIONS and cache.place(version).exists():
        return cache.place(version)
    return bundles([version, *VERSIONS])[version]


def bundles(versions: Iterable[str] = VERSIONS) -> dict[str, Path]:
    """Return the folders of these versions' bundles, built when missing. Raises BuildError."""
    wanted = list(dict.fromkeys(versions))
    unknown = [version for version in wanted if version not in VERSIONS]
    if unknown:
        raise BuildError(f"{', '.join(unknown)} cannot be built; there are {', '.join(VERSIONS)}.")
    if not all(cache.place(version).exists() for version in wanted):
        obstacle = debian.why_not()
        if obstacle:
            raise BuildError(f"The bundle is not in {cache.directory()}, and it cannot be built. {obstacle}")
        try:
            with cache.locked():
                missing = [version for version in wanted if not cache.place(version).exists()]
                if missing:
                    _build(missing)
        except OSError as error:
            raise BuildError(f"Building in {cache.directory()} failed: {error}. Mend that and start again.") from error
    return {version: cache.place(version) for version in wanted}


def _build(versions: list[str]) -> None:
    """Build bundles, with the lock held. Each appears in its place whole or not at all."""
    steps = Steps(cache.directory() / "build.log")
    tree = cache.build_tree()
    for left in cache.directory().glob("building-*"):
        if left != tree:
            shutil.rmtree(left)
    free = shutil.disk_usage(cache.directory()).free
    if free < _NEEDED and not tree.exists():
        raise BuildError(
            f"{cache.directory()} has {free / 1e9:.1f} GB left, and a build needs {_NEEDED / 1e9:.0f} GB meanwhile: "
            "make room, or set XDG_CACHE_HOME to another disk."
        )
    steps.log.write_bytes(b"")
    tree.mkdir(exist_ok=True)
    print(
        f"cluster bundle: building {', '.join(versions)}; it takes ten to fifteen minutes on two free cores, once.\n"
        f"  log: {steps.log}",
        file=sys.stderr,
    )
    begun = time.monotonic()
    root = debian.build_root(tree, steps)
    prepare(root, steps)
    stand_ins = compile_stand_ins(root, _HERE / "standins", steps)
    for version in versions:
        programs = {**stand_ins, **compile_programs(root, version, steps)}
        with steps.step(f"images and manifest {version}"):
            half = tree / version
            shutil.rmtree(half, ignore_errors=True)
            _assemble(half, version, Source(root, programs, steps))
            half.rename(cache.place(version))
    shutil.rmtree(tree)
    print(f"cluster bundle: ready after {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _assemble(folder: Path, version: str, source: Source) -> None:
    for name in ("bin", "images"):
        (folder / name).mkdir(parents=True)
    for name in ("kubeadm", "kubelet", "kubectl", "crictl"):
        shutil.copy2(source.programs[name], folder / "bin" / name)
    shutil.copytree(_HERE / "units", folder / "units")
    list_images: Words = [source.programs["kubeadm"], "config", "images", "list", "--kubernetes-version", version]
    architecture = debian.architecture()
    images = write_images(folder / "images", names_of(source.steps.ask(list_images)), architecture, source)
    manifest = manifest_of(folder, version, architecture, images, debian.versions_of(source.root, source.steps))
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
