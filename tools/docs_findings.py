# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the site's page for each kind of finding; ``tools/docs`` calls it with the folder of the site's sources.

What stands on a page is written once: in the tables of docs/findings.md, and in docs/finding-origins.md.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from ansible_collections.podnet.lab.plugins.plugin_utils.findings.kinds import KINDS
from ansible_collections.podnet.lab.plugins.plugin_utils.page.meanings import DOCUMENT

ROW = re.compile(r"^\| ([^|]*`[a-z-]+`[^|]*) \| ([^|]+) \| ([^|]+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ORIGIN = re.compile(r"^### ([a-z-]+)\n\n(.+?)(?=\n#|\Z)", re.MULTILINE | re.DOTALL)


def origins(text: str) -> dict[str, str]:
    """Return the paragraph of each kind."""
    return {kind: origin.strip() for kind, origin in ORIGIN.findall(text)}


def linked(text: str) -> str:
    """Return a text in which the names of other kinds lead to their pages."""
    return re.sub(r"`([a-z-]+)`", lambda found: f"[{found[0]}]({found[1]}.md)" if found[1] in KINDS else found[0], text)


def page(kind: str, row: tuple[str, ...], origin: str) -> str:
    """Return a page in Markdown; *row* is what a row of the tables says after its kinds."""
    severity, sure, means, by_hand, remedy = row
    return (
        f"# {kind}\n\n"
        f"*{severity}*, {sure}\n\n"
        f"## What it means\n\n{linked(means)}\n\n"
        f"## How it comes about\n\n{linked(origin)}\n\n"
        f"## How to see it by hand\n\n{by_hand}\n\n"
        f"## Remedy\n\n{linked(remedy)}\n"
    )


def pages() -> dict[str, str]:
    """Return the pages of all kinds, in the order in which findings are told."""
    rows = {
        kind: row[1:]
        for row in ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
        for kind in re.findall(r"`([a-z-]+)`", row[0])
    }
    told = origins(DOCUMENT.with_name("finding-origins.md").read_text(encoding="utf-8"))
    return {kind: page(kind, rows[kind], told[kind]) for kind in KINDS}


def main() -> None:
    """Write the pages and the list of them."""
    folder = Path(sys.argv[1]) / "findings"
    folder.mkdir()
    found = pages()
    for kind, text in found.items():
        (folder / f"{kind}.md").write_text(text, encoding="utf-8")
    listed = "\n".join(found)
    (folder / "index.md").write_text(
        "# Kinds of findings\n\nWhat stops most traffic comes first.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
