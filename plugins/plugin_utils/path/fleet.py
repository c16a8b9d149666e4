# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes of a report folder, read when they are asked for: of a large fleet only those on the way are.

Which files may hold a name or an address is found in their bytes, so that a file is taken apart only when it is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from ..model.reading import ShapeError
from ..report import files
from .node import Link, Namespace, Node, read_node
from .records import address_of
from .routing import UnknownError

SEARCHES = 8
"""After so many searches of all files, one more finds all addresses: many paths lead over many nodes."""
_LOCAL = re.compile(rb'"local": "([0-9a-f.:]+)"')


class NodeFiles:
    """The nodes of one report folder."""

    def __init__(self, folder: Path, instead: Path | None = None) -> None:
        """Look which files there are; raise files.FolderError when there are none.

        Files of the folder *instead*, which need not be there, take the place of those of the same nodes.
        """
        self.folder = folder
        self._paths = files.node_files(folder)
        if instead is not None and (instead / files.NODES).is_dir():
            known = {path.name: path for path in self._paths}
            known.update((path.name, path) for path in (instead / files.NODES).glob("*.json"))
            self._paths = [known[name] for name in sorted(known)]
        self._nodes: dict[Path, Node | None] = {}
        self._owners: dict[tuple[str, int], list[tuple[Node, Namespace, Link]]] = {}
        self._holding: dict[str, list[Path]] = {}
        """Which files hold a text."""
        self._searches = 0
        self._addresses: dict[str, list[Path]] | None = None
        """Which files hold an address of an interface; None as long as few were looked for."""
        self.unusable: list[str] = []
        """Files that were needed and cannot be used, and why."""

    def named(self, host: str) -> Node | None:
        """Return the node with an inventory name, None when there is no file of it."""
        for path in self._paths:
            if path.name == files.node_file_name(host):
                return self._node(path)
        return None

    def look_for(self, texts: Iterable[str]) -> None:
        """Find in one pass which files hold which of *texts*, so that `holding` needs none of its own."""
        wanted = {text: text.encode("ascii", "backslashreplace") for text in texts if text not in self._holding}
        if not wanted:
            return
        self._searches += 1
        self._holding.update((text, []) for text in wanted)
        for path in self._paths:
            data = _bytes(path)
            for text, pattern in wanted.items():
                if pattern in data:
                    self._holding[text].append(path)

    def hint(self, texts: Mapping[str, Iterable[str]]) -> None:
        """Take in which hosts' files hold which texts, so that no file is searched for them."""
        by_name = {path.name: path for path in self._paths}
        for text, hosts in texts.items():
            paths = (by_name.get(files.node_file_name(host)) for host in hosts)
            self._holding[text] = [path for path in paths if path is not None]

    def holding(self, text: str, fits: Callable[[Node], bool]) -> Iterator[Node]:
        """Yield the nodes in whose files *text* is, as JSON writes it, and that fit."""
        self.look_for([text])
        for path in self._holding[text]:
            node = self._node(path)
            if node is not None and fits(node):
                yield node

    def owners(self, family: str, number: int) -> list[tuple[Node, Namespace, Link]]:
        """Return the nodes that have an address in their own namespace, each with the interface."""
        key = family, number
        if key not in self._owners:
            text = f'"local": "{address_of(family, number)}"'
            if text not in self._holding and self._searches >= SEARCHES:
                self._holding[text] = self._indexed().get(address_of(family, number), [])
            self._owners[key] = [
                place
                for node in self.holding(text, lambda one: one.own is not None)
                for place in _places(node, family, number)
            ]
        return self._owners[key]

    def _indexed(self) -> dict[str, list[Path]]:
        """Find in one pass which files hold which addresses of interfaces."""
        if self._addresses is None:
            found: dict[str, list[Path]] = {}
            for path in self._paths:
                for address in set(_LOCAL.findall(_bytes(path))):
                    found.setdefault(address.decode("ascii"), []).append(path)
            self._addresses = found
        return self._addresses

    def _node(self, path: Path) -> Node | None:
        if path not in self._nodes:
            source = files.read_source(path)
            self._nodes[path] = None
            if source.error is not None:
                self.unusable.append(f"{source.error['object']}: {source.error['cause']}")
                return None
            try:
                self._nodes[path] = read_node(source.document, path.name)
            except (ShapeError, ValueError) as problem:
                self.unusable.append(f"{path}: {problem}")
        return self._nodes[path]


def _places(node: Node, family: str, number: int) -> list[tuple[Node, Namespace, Link]]:
    own = node.own
    if own is None:
        return []
    for link in own.links.values():
        if any(one.family == family and one.number == number for one in link.addresses):
            return [(node, own, link)]
    return []


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        raise UnknownError(f"{path} cannot be read: {problem.strerror}") from None
