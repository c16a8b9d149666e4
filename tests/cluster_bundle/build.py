# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bundles by version: one that was given, from the cache, or built."""

from __future__ import annotations

import functools
import json
import os
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from . import cache, debian, debian_source, go_modules
from .images import FURTHER, WORKLOAD_IMAGE, Source, names_of, write_images
from .manifest import manifest_of
from .recipe import PROGRAMS_OF_CONTAINERD, Recipe, Versions
from .steps import BuildError, Steps, Words

GIVEN = "PODNET_CLUSTER_BUNDLE"
"""The environment's variable that names a bundle's folder, which then takes the place of all that is built here."""

_HERE = Path(__file__).resolve().parent


@functools.cache
def recipe() -> Recipe:
    """Return the way to build that this machine takes: Go modules, or else Debian's source, which a line says."""
    if _ready(go_modules):
        return go_modules
    obstacle = go_modules.why_not()
    if obstacle is None:
        return go_modules
    older, newer = debian_source.VERSIONS.base, go_modules.VERSIONS.base
    print(f"cluster bundle: Kubernetes {older} instead of {newer}, because {obstacle}", file=sys.stderr, flush=True)
    return debian_source


def given() -> Path | None:
    """Return the folder that GIVEN names. Raises BuildError when it is no bundle's."""
    named = os.environ.get(GIVEN)
    if not named:
        return None
    if not (Path(named) / "manifest.json").is_file():
        raise BuildError(f"{GIVEN} is {named}, which has no manifest.json: name the folder of a bundle.")
    return Path(named).resolve()


def versions() -> Versions:
    """Return the versions that there are bundles of. Raises BuildError when a given bundle is none."""
    folder = given()
    if folder is None:
        return recipe().VERSIONS
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return Versions(base=manifest["kubernetes_version"], patch=None, minor=None)


def workload_image() -> str:
    """Return the name of the image for pods: of a given bundle, the one that is a busybox. Raises BuildError."""
    folder = given()
    if folder is None:
        return WORKLOAD_IMAGE
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    names = [name for image in manifest["images"] for name in image["names"]]
    for name in names:
        if name == WORKLOAD_IMAGE or name.rpartition("/")[2].startswith("busybox:"):
            return str(name)
    raise BuildError(
        f"{folder} has no image of busybox, from which the workload's pods are made; it has {', '.join(names)}."
    )


def bundle(version: str) -> Path:
    """Return the folder of a version's bundle; when it is missing, all missing ones are built, as in one go they share
    the long part. Raises BuildError.
    """
    if given() is None and cache.place(version).exists() and version in (*versions(), versions().previous):
        return cache.place(version)
    return bundles([version, *versions()])[version]


def bundles(wanted: Iterable[str] = ()) -> dict[str, Path]:
    """Return the folders of these versions' bundles, of all by default, built when missing. Raises BuildError."""
    there = versions()
    asked = list(dict.fromkeys(wanted)) or list(there)
    unknown = [version for version in asked if version not in (*there, there.previous)]
    if unknown:
        raise BuildError(f"{', '.join(unknown)} cannot be built; there are {', '.join(there)}.")
    folder = given()
    if folder is not None:
        return {there.base: folder}
    if not all(cache.place(version).exists() for version in asked):
        obstacle = debian.why_not()
        if obstacle:
            raise BuildError(f"The bundle is not in {cache.directory()}, and it cannot be built. {obstacle}")
        try:
            with cache.locked():
                missing = [version for version in asked if not cache.place(version).exists()]
                if missing:
                    _build(recipe(), missing)
        except OSError as error:
            raise BuildError(f"Building in {cache.directory()} failed: {error}. Mend that and start again.") from error
    return {version: cache.place(version) for version in asked}


def _ready(one: Recipe) -> bool:
    return all(cache.place(version).exists() for version in one.VERSIONS)


def _build(way: Recipe, wanted: list[str]) -> None:
    """Build bundles, with the lock held. Each appears in its place whole or not at all."""
    steps = Steps(cache.directory() / "build.log")
    tree = cache.build_tree()
    for left in cache.directory().glob("building-*"):
        if left != tree:
            shutil.rmtree(left)
    free = shutil.disk_usage(cache.directory()).free
    if free < way.DISK and not tree.exists():
        raise BuildError(
            f"{cache.directory()} has {free / 1e9:.1f} GB left, and a build needs {way.DISK / 1e9:.0f} GB meanwhile: "
            "make room, or set XDG_CACHE_HOME to another disk."
        )
    steps.log.write_bytes(b"")
    tree.mkdir(exist_ok=True)
    print(
        f"cluster bundle: building {', '.join(wanted)} from {way.TITLE}; it takes {way.PATIENCE}, once.\n"
        f"  log: {steps.log}",
        file=sys.stderr,
    )
    begun = time.monotonic()
    root = debian.build_root(tree, way.PACKAGES, way.SOURCE, steps)
    for version in wanted:
        programs = way.compile_programs(tree, root, version, steps)
        with steps.step(f"images and manifest {version}"):
            half = tree / version
            shutil.rmtree(half, ignore_errors=True)
            _assemble(half, version, way, Source(root, programs, steps))
            half.rename(cache.place(version))
    shutil.rmtree(tree)
    print(f"cluster bundle: ready after {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _assemble(folder: Path, version: str, way: Recipe, source: Source) -> None:
    for name in ("bin", "images"):
        (folder / name).mkdir(parents=True)
    for name in ("kubeadm", "kubelet", "kubectl", "crictl"):
        shutil.copy2(source.programs[name], folder / "bin" / name)
    shutil.copytree(_HERE / "units", folder / "units")
    list_images: Words = [source.programs["kubeadm"], "config", "images", "list", "--kubernetes-version", version]
    architecture = debian.architecture()
    images = write_images(folder / "images", names_of(source.steps.ask(list_images)), architecture, source)
    if version == way.VERSIONS.base:
        _add_further(folder, architecture, source)
    packages = debian.versions_of(source.root, (*debian.PACKAGES, *way.PACKAGES), source.steps)
    manifest = manifest_of(folder, version, way, architecture, images, packages)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _add_further(folder: Path, architecture: str, source: Source) -> None:
    """Add what is not of the bundle, and so not in its manifest: images that some clusters of the tests have, and each
    containerd that is not the nodes' own, in a folder of its own.
    """
    (folder / "further").mkdir()
    names = [name for program, name in FURTHER.items() if program in source.programs]
    write_images(folder / "further", names, architecture, source)
    containerds = {name: program for name, program in source.programs.items() if "/" in name}
    for name in PROGRAMS_OF_CONTAINERD:
        containerds[f"{debian.CONTAINERD}/{name}"] = source.root / debian.BUILD[1:] / debian.CONTAINERD / name
    for name, program in containerds.items():
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy2(program, folder / name)
