# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From report folders to the model: the one way in, for every kind of report."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from . import files, findings, model
from .reading import ShapeError
from .records import Model, NodePart


def read_model(folders: Sequence[Path]) -> tuple[Model, list[files.Source]]:
    """Return the model of all nodes in *folders*, its odd things found, and the node files it was made from.

    Raises files.FolderError when a folder holds no node files. A node file that cannot be used
    becomes a node that could not be read, with the reason.
    """
    paths = [path for folder in folders for path in files.node_files(folder)]
    with _collector_paused():
        sources, left_out = files.newest(map(files.read_source, paths))
        return findings.with_findings(model.merged(map(_part, sources), left_out)), sources


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector from looking through a growing model again and again.

    There are no cycles in it; for 500 nodes this takes half of the time away.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _part(source: files.Source) -> NodePart:
    if source.error is not None:
        return model.unread(source.host, source.collected_at, source.error)
    try:
        return model.node_part(source.document, source.path.name)
    except ShapeError as exc:
        return model.unread(
            source.host,
            source.collected_at,
            {
                "object": str(source.path),
                "cause": str(exc),
                "remedy": "Read the node again with this version of podnet.lab, or remove the file",
            },
        )
