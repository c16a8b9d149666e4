# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Image archives as ``docker save`` and skopeo make them: whether one is whole, from itself alone.

The format: moby/moby, image/spec/spec.md. ``manifest.json`` names the image, its configuration and its layers; the
configuration's file is named by its SHA-256 sum, and lists the sum of each layer as it is uncompressed.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from typing import IO, Any, Dict, Optional

_LARGEST_JSON = 4 * 1024 * 1024
_REFERENCE = re.compile(
    r"[a-z0-9]+(?:[.-][a-z0-9]+)*(?::[0-9]+)?(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)+:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\Z"
)


def is_reference(name: str) -> bool:
    """Tell whether a name is that of an image with registry and tag, like ``registry.k8s.io/pause:3.10``."""
    return bool(_REFERENCE.match(name))


def fault_of(path: str, name: str, architecture: str) -> Optional[str]:
    """Return what is wrong with an image archive, None when it holds that image, whole and for that architecture."""
    try:
        with tarfile.open(path, "r:") as archive:
            return _fault(archive, name, architecture)
    except (OSError, EOFError, ValueError, KeyError, TypeError, IndexError, AttributeError, tarfile.TarError) as error:
        return "it is no whole image archive (%s)" % error


def _fault(archive: tarfile.TarFile, name: str, architecture: str) -> Optional[str]:
    entries = json.loads(_open(archive, "manifest.json").read(_LARGEST_JSON))
    entry = next((item for item in entries if name in (item.get("RepoTags") or [])), None)
    if entry is None:
        return "it has no image %s" % name
    raw = _open(archive, entry["Config"]).read(_LARGEST_JSON)
    if hashlib.sha256(raw).hexdigest() not in entry["Config"]:
        return "its configuration has another SHA-256 sum than its name says"
    configuration: Dict[str, Any] = json.loads(raw)
    if configuration.get("architecture") != architecture:
        return "its image is for %s, not for %s" % (configuration.get("architecture"), architecture)
    sums = configuration["rootfs"]["diff_ids"]
    if len(sums) != len(entry["Layers"]):
        return "it has %d layers, and its configuration lists %d" % (len(entry["Layers"]), len(sums))
    for layer, expected in zip(entry["Layers"], sums):
        if "sha256:" + _sum(_open(archive, layer)) != expected:
            return "its layer %s has another SHA-256 sum than its configuration says" % layer
    return None


def _open(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    opened = archive.extractfile(name)
    if opened is None:
        raise ValueError("%s is not a file" % name)
    return opened


def _sum(opened: IO[bytes]) -> str:
    total = hashlib.sha256()
    for block in iter(lambda: opened.read(1 << 20), b""):
        total.update(block)
    return total.hexdigest()
