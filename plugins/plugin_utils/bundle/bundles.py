# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Offline bundles on the control node: folders and archives, read, checked and unpacked as far as needed."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ansible_collections.podnet.lab.plugins.module_utils._bundle.archive import reading
from ansible_collections.podnet.lab.plugins.module_utils._bundle.manifest import (
    LARGEST_MANIFEST,
    MANIFEST,
    Bundle,
    digest_of,
    read_manifest,
)

_BLOCK = 1 << 20


class BundleError(Exception):
    """A bundle that cannot be used; the message says what it is about, why, and what to do."""


def load(path: Path) -> tuple[dict[str, Any], Bundle]:
    """Return a bundle's manifest, as parsed JSON and as understood.

    Raises BundleError.
    """
    try:
        text = _manifest_text(path)
        raw = json.loads(text)
    except (OSError, tarfile.TarError, ValueError) as error:
        raise BundleError(
            f"bundle {path}: its {MANIFEST} cannot be read ({error}). "
            "Give a folder or an archive as docs/bundle.md describes it, on the control node."
        ) from error
    bundle, faults = read_manifest(raw)
    if faults:
        raise BundleError(f"bundle {path}: {'; '.join(faults)}. Make the bundle again, or correct its {MANIFEST}.")
    return raw, bundle


def _manifest_text(path: Path) -> str:
    if path.is_dir():
        file = path / MANIFEST
        if file.stat().st_size > LARGEST_MANIFEST:
            raise ValueError("it is larger than 4 MiB")
        return file.read_text(encoding="utf-8")
    with reading(str(path)) as archive:
        for name, opened in _members(archive):
            if name == MANIFEST:
                return opened.read(LARGEST_MANIFEST).decode("utf-8")
    raise ValueError("the archive has none")


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield regular files of an archive by their path in the bundle, a single top folder left out."""
    for member in archive:
        opened = archive.extractfile(member) if member.isreg() else None
        if opened is None:
            continue
        parts = PurePosixPath(member.name).parts
        tops = ("bin", "cni", "units", "images", "manifests", MANIFEST)
        if len(parts) > 1 and parts[0] not in tops:
            parts = parts[1:]
        yield "/".join(parts), opened


def unpack(path: Path, bundle: Bundle, wanted: Collection[str], scratch: Path) -> dict[str, Path]:
    """Return where the wanted files of a bundle are here, each with the right SHA-256 sum.

    Those of an archive are unpacked into `scratch`. Raises BundleError with every file that is
    missing or has another sum.
    """
    found: dict[str, Path] = {}
    sums: dict[str, str] = {}
    try:
        if path.is_dir():
            for name in wanted:
                file = path / name
                if file.is_file():
                    found[name], sums[name] = file, digest_of(str(file))
        else:
            with reading(str(path)) as archive:
                for name, opened in _members(archive):
                    if name in wanted:
                        found[name] = scratch / name
                        sums[name] = _copy(opened, found[name])
    except (OSError, tarfile.TarError) as error:
        raise BundleError(f"bundle {path}: it cannot be read ({error}). Copy it here again.") from error
    faults = [f"{name} is not in it" for name in wanted if name not in found]
    faults += [
        f"{name} has the SHA-256 sum {sums[name][:12]}…, and the manifest says {bundle.sums[name][:12]}…"
        for name in sorted(found)
        if sums[name] != bundle.sums[name]
    ]
    if faults:
        raise BundleError(f"bundle {path}: {'; '.join(faults)}. Nothing was installed. Make or copy the bundle again.")
    return found


def _copy(opened: IO[bytes], target: Path) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    total = hashlib.sha256()
    with target.open("wb") as out:
        while block := opened.read(_BLOCK):
            total.update(block)
            out.write(block)
    return total.hexdigest()
