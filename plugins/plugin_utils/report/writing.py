# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a report, from the model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from ..model.records import Model
from . import files, junit, markdown


def write_report(folder: Path, model: Model, sources: Sequence[files.Source]) -> None:
    """Write report.json, report.md and report.xml, and copies of node files that are elsewhere.

    Raises files.FolderError.
    """
    for source in sources:
        # A report is complete in itself: what it was made from lies beside it.
        copy = folder / files.NODES / files.node_file_name(source.host)
        if source.error is None and source.path.resolve() != copy.resolve():
            files.write(copy, [*files.layered_pieces(files.read_source(source.path).document, 3), "\n"])
    files.write(folder / "report.json", itertools.chain(files.layered_pieces(dict(model), 2), ["\n"]))
    files.write(folder / "report.md", markdown.report(model))
    files.write(folder / "report.xml", junit.report(model))
