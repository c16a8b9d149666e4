# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Image archives as ``docker save`` writes them: one layer, made from a list of entries.

Format: https://github.com/moby/moby/blob/master/image/spec/v1.2.md. The same entries make the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

_TIME = 1610544000  # 2021-01-13, when Kubernetes 1.20.2 was released
_CREATED = "2021-01-13T13:20:00Z"


@dataclasses.dataclass(frozen=True)
class Entry:
    """A path in an image, without its leading slash, and what is there.

    Exactly one of `source` (a regular file of this machine), `content`, `target` (of a symbolic link) is given, or none
    for a directory.
    """

    path: str
    mode: int = 0o755
    source: Path | None = None
    content: bytes | None = None
    target: str | None = None

    def header(self) -> tarfile.TarInfo:
        """Return the entry's header in a layer; everything belongs to root."""
        header = tarfile.TarInfo(self.path)
        header.mode, header.mtime = self.mode, _TIME
        if self.target is not None:
            header.type, header.linkname, header.mode = tarfile.SYMTYPE, self.target, 0o777
        elif self.source is not None:
            header.size = self.source.stat().st_size
        elif self.content is not None:
            header.size = len(self.content)
        else:
            header.type = tarfile.DIRTYPE
        return header


def complete(entries: Iterable[Entry]) -> list[Entry]:
    """Return entries in the order of a layer, with the directories that they are in; of one path the last counts."""
    by_path = {entry.path: entry for entry in entries}
    for path in list(by_path):
        for parent in PurePosixPath(path).parents:
            if parent.name:
                by_path.setdefault(str(parent), Entry(str(parent)))
    return [by_path[path] for path in sorted(by_path)]


def write(target: Path, name: str, architecture: str, entries: Iterable[Entry], config: Mapping[str, Any]) -> None:
    """Write the image `name` to `target`. Raises OSError.

    `config` is what the image says about its container: ``Entrypoint``, ``Cmd``, ``User``.
    """
    layer = target.with_suffix(".layer")
    with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as archive:
        for entry in complete(entries):
            _add(archive, entry)
    with layer.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    description = {
        "architecture": architecture,
        "os": "linux",
        "created": _CREATED,
        "config": {"Env": environment, "WorkingDir": "/", **config},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        "history": [{"created": _CREATED, "created_by": "podnet.lab tests/cluster_bundle"}],
    }
    described = json.dumps(description).encode()
    config_name = f"{hashlib.sha256(described).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]
    with tarfile.open(target, "w", format=tarfile.GNU_FORMAT) as archive:
        _add(archive, Entry(config_name, 0o644, content=described))
        _add(archive, Entry(f"{digest}/layer.tar", 0o644, source=layer))
        _add(archive, Entry("manifest.json", 0o644, content=json.dumps(manifest).encode()))
    layer.unlink()


def _add(archive: tarfile.TarFile, entry: Entry) -> None:
    header = entry.header()
    if entry.source is not None:
        with entry.source.open("rb") as opened:
            archive.addfile(header, opened)
    else:
        archive.addfile(header, io.BytesIO(entry.content or b""))
