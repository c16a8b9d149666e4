# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A comparison as a page beside comparison.md: what differs and why it matters first, then everything."""

from __future__ import annotations

from pathlib import Path

from ..comparison.drift import FIGURES, figures
from ..comparison.records import Comparison, Side
from ..report import files
from ..report.terminal import period
from ..text import words
from . import names, rendering
from .overview import Health

DIFFERENCES = 1000
"""So many differences between two snapshots are told; the others are in comparison.json."""

VERDICTS = {
    "same": ("same", "="),
    "name": ("only the name differs", "≈"),
    "different": ("different", "!"),
    "missing": ("missing", "!"),
    "not_read": ("not read", "?"),
}
"""A verdict in words, and the sign that stands before it."""

PAGE = "comparison.html"


def write(comparison: Comparison, folder: Path) -> Path:
    """Write the page of *comparison* into *folder*; return its path. Raises files.FolderError."""
    files.write(folder / names.FOLDER / rendering.STYLE, rendering.asset(rendering.STYLE))
    files.write(folder / PAGE, page(comparison))
    return folder / PAGE


def page(comparison: Comparison) -> str:
    """Return the whole page."""
    drift = comparison["drift"]
    counts = [] if drift is None else [(count["what"], figures(count)) for count in drift["counts"]]
    left, right = comparison["left"], comparison["right"]
    template = rendering.environment().get_template("comparison.html.j2")
    return template.render(
        title=f"{left['name']} and {right['name']}",
        mark=names.MARK,
        base=f"{names.FOLDER}/",
        up="",
        one=comparison,
        sides=[(side, _told(side)) for side in (left, right)],
        health=_health(comparison),
        verdicts=VERDICTS,
        figures=FIGURES,
        counts=[(what, numbers) for what, numbers in counts if any(numbers)],
        differences=[] if drift is None else drift["differences"][:DIFFERENCES],
    )


def _health(comparison: Comparison) -> Health:
    number = len(comparison["unexpected"])
    details = []
    unmet = len(comparison["expected_unmet"])
    if unmet:
        details.append(f"{words.counted(unmet, 'expected difference was', 'expected differences were')} not found.")
    if number:
        sentence = f"{words.counted(number, 'difference')} that nobody expected."
        return Health("fault", sentence, details)
    return Health("well", "No difference that nobody expected.", details)


def _told(side: Side) -> str:
    told = f"{words.counted(len(side['hosts']), 'node')}, {words.counted(side['pods'], 'pod')}"
    if side["first_collected_at"]:
        told += f", read {period(side['first_collected_at'], side['last_collected_at'])}"
    return told
