# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From templates to text: the one way in which anything becomes HTML here.

Every value that a template shows is escaped by Jinja2, and before that loses what does not print (control characters,
text direction), so that a name from a container is never more than a name.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ..text import words
from ..text.escape import visible
from . import names
from .picture import Box

TEMPLATES = Path(__file__).parent / "templates"

STYLE = "style.css"
"""The style sheet of all pages."""

SEVERITIES = {"fault": "Fault", "unproven": "Not proven", "note": "Note"}
SIGNS = {"fault": "!", "unproven": "?", "note": "i"}
"""What marks a thing in a picture, so that nothing depends on colour."""


def asset(name: str) -> str:
    """Return a file that pages load as it stands: the style sheet, or a script."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def environment() -> jinja2.Environment:
    """Return what renders the templates of this room."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_shown,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(counted=words.counted, place=_place, text_place=_text_place)
    made.globals.update(
        node_href=lambda host: names.href(names.node(host)),
        kind_href=lambda kind: names.href(names.finding(kind)),
        listing_href=lambda what: names.href(names.listing(what)),
        severities=SEVERITIES,
        signs=SIGNS,
        home=names.HOME,
    )
    return made


def _place(shape: Any, *attributes: str) -> Markup:
    """Return numbers of a shape as attributes of SVG, at once: nearly all that a picture consists of are numbers."""
    return Markup(" ".join([f'{name}="{getattr(shape, name):g}"' for name in attributes]))


def _text_place(box: Box, line: int) -> Markup:
    """Return where a line of a box's text stands; all lines together stand in the middle."""
    y = box.y + box.height / 2 + 4 + (line - (len(box.lines) - 1) / 2) * 14
    return Markup(f'x="{box.x + 8:g}" y="{y:g}"')


def _shown(value: Any) -> Any:
    """Return *value* as it may be shown; markup of the templates' own macros stays as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value
