# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From templates to text: the one way in which anything becomes HTML here.

Every value that a template shows is escaped by Jinja2, and before that loses what does not print (control characters,
text direction), so that a name from a container is never more than a name.
"""

from __future__ import annotations

import functools
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import compiler, nodes
from jinja2.runtime import Macro
from markupsafe import Markup, escape

from ..text import commands, words
from ..text.escape import visible
from . import names
from .picture import Box, Label, Line

TEMPLATES = Path(__file__).parent / "templates"

STYLE = "style.css"
"""The style sheet of all pages."""

KEPT = 10_000
"""So many rendered parts, links and escaped texts are kept at most."""

SEVERITIES = {"fault": "Fault", "unproven": "Not proven", "note": "Note"}
SIGNS = {"fault": "!", "unproven": "?", "note": "i"}
"""What marks a thing in a picture, so that nothing depends on colour."""

ENDINGS = {"fault": "Dropped", "unproven": "Unknown", "note": "Leaves", "well": "Delivered"}
"""How a packet's way ends, by how that is marked."""
ENDING_SIGNS = {**SIGNS, "well": "✓"}


def asset(name: str) -> str:
    """Return a file that pages load as it stands: the style sheet, or a script."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def environment() -> jinja2.Environment:
    """Return what renders the templates of this room."""
    made = _Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        finalize=_escaped,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters.update(
        counted=words.counted, line_places=_line_places, box_places=_box_places, label_places=_label_places
    )
    made.globals.update(
        once=_Once(),
        node_href=_node_href,
        kind_href=lambda kind: names.href(names.finding(kind)),
        listing_href=lambda what: names.href(names.listing(what)),
        severities=SEVERITIES,
        signs=SIGNS,
        endings=ENDINGS,
        ending_signs=ENDING_SIGNS,
        way_command=commands.path,
        way_href=lambda _path: "",
        home=names.HOME,
    )
    for name in made.list_templates(["j2"]):
        made.get_template(name)  # compiled now, all processes that are started later have it
    return made


class _Generator(compiler.CodeGenerator):
    """Compiles templates so that what they show is escaped by ``_escaped`` and not once more after that.

    A page has 1,500 values in it, and markupsafe.escape takes longer to see that one is escaped than to escape it. Were
    these two functions not called, by another version of Jinja2, pages would be the same and take longer.
    """

    def _output_child_pre(
        self, node: nodes.Expr, frame: compiler.Frame, finalize: compiler.CodeGenerator._FinalizeInfo
    ) -> None:
        self.write("environment.finalize(")

    def _output_child_post(
        self, node: nodes.Expr, frame: compiler.Frame, finalize: compiler.CodeGenerator._FinalizeInfo
    ) -> None:
        self.write(")")


class _Environment(jinja2.Environment):
    code_generator_class = _Generator


class _Once:
    """Renders what many pages show of one and the same thing only once, such as a Service that leads to many nodes."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._known: dict[tuple[Hashable, ...], tuple[object, Markup]] = {}

    def __call__(self, part: Macro, thing: object, *options: Hashable) -> Markup:
        """Return the macro *part* of *thing*, which does not change, and of *options*."""
        key = (part.name, id(thing), *options)
        if key not in self._known:
            if len(self._known) == KEPT:
                self._known.clear()
            # As long as a thing is held, no other one has its id.
            self._known[key] = (thing, Markup(part(thing, *options)))
        return self._known[key][1]


@functools.lru_cache(maxsize=KEPT)
def _node_href(host: str) -> str:
    return names.href(names.node(host))


_safe = functools.partial(str.__new__, Markup)
"""Marks text as markup: what Markup() makes of a text, without its search for what else that may be."""


def _line_places(lines: Iterable[Line]) -> Iterator[tuple[Markup, str, str]]:
    """Yield of each line where it stands, as attributes of SVG, its style and its title.

    Nearly all that a picture consists of are numbers: put down here, they are not escaped one by one.
    """
    for x1, y1, x2, y2, style, title in lines:
        yield _safe(f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'), style, title


def _box_places(boxes: Iterable[Box]) -> Iterator[tuple[Markup, str, str, str, list[tuple[Markup, str]]]]:
    """Yield of each box where it stands, its style, title and link, and its texts with the attributes of each.

    All lines of text together stand in the middle of the box.
    """
    for x, y, width, height, style, lines, title, href in boxes:
        first = y + height / 2 + 4 - (len(lines) - 1) / 2 * 14
        texts = [
            (_safe(f'class="line-{number + 1}" x="{x + 8:g}" y="{first + number * 14:g}"'), line)
            for number, line in enumerate(lines)
        ]
        yield _safe(f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'), style, title, href, texts


def _label_places(labels: Iterable[Label]) -> Iterator[tuple[Markup, str, str]]:
    """Yield of each label where it stands, its anchor and its text."""
    for x, y, anchor, text in labels:
        yield _safe(f'x="{x:g}" y="{y:g}"'), anchor, text


def _escaped(value: Any) -> Markup:
    """Return *value* as it may be shown; markup of the templates' own macros stays as it is."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return _escaped_text(value)
    return _escaped_text("" if value is None else str(value))


@functools.lru_cache(maxsize=KEPT)
def _escaped_text(text: str) -> Markup:
    """Return *text* as it may be shown. Most texts of a node's page, names and addresses, are there several times."""
    return escape(visible(text))
