# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each kind of finding means, as docs/findings.md says it: its tables are the only place where it is written."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

DOCUMENT = Path(__file__).parents[3] / "docs" / "findings.md"

_ROW = re.compile(r"^\| (`[`\w, -]+`) \| [\w, ]+ \| [\w, ]+ \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


class Meaning(NamedTuple):
    """One row of the tables, as plain text."""

    means: str
    by_hand: str
    remedy: str


@lru_cache(maxsize=1)
def meanings() -> dict[str, Meaning]:
    """Return what the kinds mean; nothing where the collection was installed without its documentation."""
    try:
        text = DOCUMENT.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {
        kind.strip("`"): Meaning(*(cell.replace("`", "") for cell in row.groups()[1:]))
        for row in _ROW.finditer(text)
        for kind in row[1].split(", ")
    }
