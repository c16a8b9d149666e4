# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the pages are called, and how one leads to another.

report.html
html/node-NODE.html, html/finding-KIND.html, html/nodes.html, html/ranges.html, html/services.html
html/paths.html
html/style.css, html/search.js, html/index.js, html/index-0000.js
"""

from __future__ import annotations

from urllib.parse import quote

from ..report.files import safe_name

HOME = "report.html"
"""The page that people open, beside report.md."""
FOLDER = "html"
"""All other pages, beside it."""
MARK = "made by podnet.lab"
"""What each file of the folder says in its first kilobyte; whatever does not is not ours to remove."""


def node(host: str) -> str:
    """Return the file name of a node's page."""
    return f"node-{safe_name(host)}.html"


def finding(kind: str, number: int = 1) -> str:
    """Return the file name of a page with findings of one kind; *number* counts its pages from 1."""
    return f"finding{'' if number == 1 else number}-{safe_name(kind)}.html"


def listing(what: str, number: int = 1) -> str:
    """Return the file name of a page that lists all ``nodes``, ``ranges`` or ``services``."""
    return f"{what}{'' if number == 1 else f'-{number}'}.html"


def paths() -> str:
    """Return the file name of the page with the paths of packets that findings stop."""
    return "paths.html"


def href(file: str) -> str:
    """Return a file name as a relative link: a ``%`` in a name is no escape there."""
    return quote(file)
