# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading pages as a browser does, as far as tests need it."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

_VOID = {"meta", "link", "input", "br"}


class Element(NamedTuple):
    """One start tag."""

    tag: str
    attributes: dict[str, str]


class Page(HTMLParser):
    """A page: its elements in order, its text, and whether every element was closed in its turn."""

    def __init__(self, text: str) -> None:
        """Read *text*."""
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element of SVG without content."""
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """See that it ends what began last."""
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join("".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of all elements of one tag."""
        return [element.attributes for element in self.elements if element.tag == tag]

    @property
    def anchors(self) -> list[str]:
        """All ids."""
        return [element.attributes["id"] for element in self.elements if "id" in element.attributes]

    @property
    def links(self) -> list[str]:
        """Where links and style sheets lead."""
        return [element.attributes["href"] for element in self.elements if "href" in element.attributes]


def pages(folder: Path) -> dict[Path, Page]:
    """Return all pages of a report folder."""
    return {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}


def broken_links(folder: Path) -> list[str]:
    """Return the links of all pages in *folder* that lead nowhere."""
    read = pages(folder)
    broken = []
    for path, page in read.items():
        for link in page.links:
            file, _hash, anchor = link.partition("#")
            target = (path.parent / unquote(file)).resolve() if file else path
            if not target.is_relative_to(folder) or not target.is_file():
                broken.append(f"{path.name}: {link}")
            elif anchor and anchor not in read[target].anchors:
                broken.append(f"{path.name}: {link} has no such place")
    return broken
