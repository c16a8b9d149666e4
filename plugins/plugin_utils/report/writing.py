# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a report, from the model."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..model.records import Json, Model
from . import files, junit, markdown, second_process

ENTRIES = 1000
"""So many entries of a list of report.json are encoded at once, of every other thousand by a second process."""
FEWEST = 8
"""For fewer thousands there is none."""


def write_report(folder: Path, model: Model, sources: Sequence[files.Source]) -> None:
    """Write report.json, report.md and report.xml, and copies of node files that are elsewhere.

    Raises files.FolderError.
    """
    for source in sources:
        # A report is complete in itself: what it was made from lies beside it.
        copy = folder / files.NODES / files.node_file_name(source.host)
        if source.error is None and source.path.resolve() != copy.resolve():
            files.write(copy, [*files.layered_pieces(files.read_source(source.path).document, 3), "\n"])
    files.write(folder / "report.json", itertools.chain(files.layered_pieces(dict(model), 2, runs=_runs), ["\n"]))
    files.write(folder / "report.md", markdown.report(model))
    files.write(folder / "report.xml", junit.report(model))


def _runs(entries: Sequence[Json], between: str) -> Iterator[str]:
    """Yield a long list as JSON; each has a second process of its own, which copies memory of no other."""
    starts = range(0, len(entries), ENTRIES)
    runs = second_process.in_order(
        starts,
        lambda start: files.encoded(entries[start : start + ENTRIES], between),
        batch_size=1,
        fewest=FEWEST,
    )
    for number, run in enumerate(runs):
        if number:
            yield between
        yield run
