# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The manifest of a bundle, as docs/bundle.md describes it."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .debian import SUITE
from .recipe import STAMPED, Recipe


def manifest_of(
    folder: Path,
    version: str,
    recipe: Recipe,
    architecture: str,
    images: Mapping[str, str],
    packages: Mapping[str, str],
) -> dict[str, Any]:
    """Return the manifest of a bundle's folder.

    `images` are names by file name below ``images/``, `packages` the versions of the build root's packages. Raises
    OSError.
    """
    files: list[dict[str, Any]] = []
    for path in sorted(folder.glob("bin/*")):
        known = {"version": version} if path.name in STAMPED else {}
        files.append({"path": f"bin/{path.name}", "sha256": _digest(path), "mode": "0755", **known})
    for path in sorted(folder.glob("units/*")):
        files.append({"path": f"units/{path.name}", "sha256": _digest(path), "mode": "0644"})
    return {
        "format": 1,
        "kubernetes_version": version,
        "architecture": architecture,
        "created_at": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "files": files,
        "images": [
            {"file": f"images/{file}", "sha256": _digest(folder / "images" / file), "names": [name]}
            for file, name in sorted(images.items())
        ],
        "components": {
            "containerd": "debian",
            **{name: f"Debian {SUITE}, {number}" for name, number in sorted(packages.items())},
            **recipe.components(version),
        },
        "stand_ins": _stand_ins(recipe, version, images.values()),
    }


def _stand_ins(recipe: Recipe, version: str, images: Iterable[str]) -> list[str]:
    """Return what is in the place of something else: in images too, whose names kubeadm of each version chooses."""
    base = recipe.VERSIONS.base
    if version == recipe.VERSIONS.previous:
        return [
            f"{name}: that of the bundle of {base}" for name in sorted(images) if re.search("/(etcd|coredns):", name)
        ]
    numbered = [] if version == base else [f"Kubernetes {version}: {base} under another number"]
    return [*recipe.STAND_INS, *numbered]


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
