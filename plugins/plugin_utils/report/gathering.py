# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From report folders to the model: the one way in, for every kind of report."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..findings import find
from ..model import merge, node_file
from ..model.reading import ShapeError
from ..model.records import SCHEMA_VERSION, Error, Json, Model, NodePart
from . import causes, files, second_process


def read_model(
    folders: Sequence[Path], hosts: Collection[str] | None = None, *, keep_documents: bool = True
) -> tuple[Model, list[files.Source]]:
    """Return the model of all nodes in *folders*, its odd things found, and the node files it was made from.

    With *hosts*, only nodes of these inventory names count. Without *keep_documents* the sources only say who was read
    when: of a large fleet all documents take twice the memory of the model. Raises files.FolderError when a folder
    holds no node files. A node file that cannot be used becomes a node that could not be read, with the reason.
    """
    paths = [path for folder in folders for path in files.node_files(folder)]
    parts: dict[Path, NodePart] = {}

    def read() -> Iterator[files.Source]:
        results = map(_whole, paths) if keep_documents else second_process.in_order(paths, _headed)
        for path, (document, error, part) in zip(paths, results, strict=True):
            source = files.Source(path, document, error)
            if hosts is None or source.host in hosts:
                parts[path] = part
                yield source

    with _collector_paused():
        sources, left_out = files.newest(read())
        model = merge.merged((parts[source.path] for source in sources), left_out)
        return find.with_findings(model), sources


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Keep the cyclic garbage collector from looking through a growing model again and again.

    There are no cycles in it; for 500 nodes this takes half of the time away. What was made meanwhile is not looked
    through afterwards either.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.freeze()
            gc.enable()


def _whole(path: Path) -> tuple[Json, Error | None, NodePart]:
    """Return what a node file holds, why it cannot be read, and what it adds to the model."""
    source = files.read_source(path)
    return source.document, source.error, _part(source)


def _headed(path: Path) -> tuple[Json, Error | None, NodePart]:
    """Return the same with no more of what it holds than who was read, and when."""
    source = files.read_source(path)
    return source.head().document, source.error, _part(source)


def _part(source: files.Source) -> NodePart:
    if source.error is not None:
        return node_file.unread(source.host, source.collected_at, source.error)
    try:
        return node_file.node_part(source.document, source.path.name)
    except ShapeError as exc:
        return node_file.unread(
            source.host,
            source.collected_at,
            {
                "object": str(source.path),
                "cause": str(exc),
                "remedy": "Read the node again with this version of podnet.lab, or remove the file",
            },
        )


def note_missing(folder: Path, hosts: Iterable[str], began_at: str | None) -> None:
    """Write a node file for each host that was asked and left none, such as one whose task was stopped."""
    for host in hosts:
        path = folder / files.NODES / files.node_file_name(str(host))
        if path.exists():
            source = files.read_source(path)
            if source.error is None and (not began_at or (source.collected_at or "") >= began_at):
                continue
        document = {
            "schema_version": SCHEMA_VERSION,
            "host": str(host),
            "collected_at": files.timestamp(datetime.now(UTC)),
            "error": causes.no_result(str(host)),
            "status": "failed",
        }
        files.write(path, files.layered_json(document, 3) + "\n")
