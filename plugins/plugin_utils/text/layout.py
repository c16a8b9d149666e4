# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain text in columns and paragraphs, for terminals of 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .escape import shortened, visible, width

COLUMNS = 80


class Column(NamedTuple):
    """A column of a table: its title, and how narrow it may get. Zero: never cut."""

    title: str
    minimum: int = 0


def paragraph(text: str, first: str = "", rest: str | None = None, columns: int = COLUMNS) -> list[str]:
    """Return *text* in lines of at most *columns*, the first line after *first*, the others after *rest*.

    A word that is longer than a line is broken. *rest* defaults to spaces as wide as *first*.
    """
    later = " " * width(first) if rest is None else rest
    lines: list[str] = []
    line, empty = first, True
    for word in visible(text).split(" "):
        while True:
            gap = "" if empty else " "
            if width(line) + len(gap) + width(word) <= columns:
                line, empty = line + gap + word, False
                break
            if not empty:
                lines.append(line)
                line, empty = later, True
                continue
            room = max(columns - width(line), 2)
            piece = _piece(word, room)
            lines.append(line + piece)
            line, word = later, word[len(piece) :]
    lines.append(line)
    return [line.rstrip() for line in lines]


def _piece(word: str, room: int) -> str:
    used = 0
    for index, character in enumerate(word):
        used += width(character)
        if used > room:
            return word[: max(index, 1)]
    return word


def table(
    columns: Sequence[Column], rows: Iterable[Sequence[str]], indent: str = "  ", limit: int = COLUMNS
) -> list[str]:
    """Return *rows* under the titles of *columns*, at most *limit* columns wide.

    Where that is too narrow, the widest cells that may be cut lose their middle.
    """
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [
        max(width(text) for text in (column.title, *(row[place] for row in cells)))
        for place, column in enumerate(columns)
    ]
    room = limit - len(indent) - 2 * (len(columns) - 1)
    while sum(widths) > room:
        spare = [place for place, column in enumerate(columns) if column.minimum and widths[place] > column.minimum]
        if not spare:
            break
        widths[max(spare, key=lambda place: widths[place])] -= 1
    lines = [_line([column.title for column in columns], widths, indent)]
    lines.extend(_line(row, widths, indent) for row in cells)
    return lines


def _line(cells: Sequence[str], widths: Sequence[int], indent: str) -> str:
    fitted = [shortened(cell, size) for cell, size in zip(cells, widths, strict=True)]
    padded = [cell + " " * (size - width(cell)) for cell, size in zip(fitted, widths, strict=True)]
    return (indent + "  ".join(padded)).rstrip()
