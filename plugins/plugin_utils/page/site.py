# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pages as files: writes all of them beside a report, node by node, and removes those of an earlier report."""

from __future__ import annotations

import contextlib
import gc
import math
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from ..model import services
from ..model.index import by_node
from ..model.records import FindingPath, Model, Node
from ..report import files, rows, service_rows
from ..report.service_rows import ServiceRow
from ..report.terminal import period
from ..text import commands, words
from . import names, node_page, overview, paths, search
from .meanings import meanings
from .rendering import STYLE, asset, environment
from .usage import Usage

NODES = 60
"""The overview lists so many nodes, odd ones first; of more, all are on pages of their own."""
PER_PAGE = 300
"""So many entries are on one page of a long list."""
RANGES = 12
"""So many ranges the overview shows as bars, those of the cluster first."""
SERVICES = 20
"""So many Services the overview lists, odd ones first."""
PROCESSES = 4
"""So many processes make pages of nodes at once at most, as far as there are processors."""
NODES_OF_A_PROCESS = 100
"""So many of them one process makes at least; for fewer it is not worth its start."""
PARTS = 25
"""Into so many parts the nodes are divided at most: the larger the model, the longer takes each start."""
IGNORED = 100
"""So many findings that were set aside the overview lists."""

_ASSETS = (STYLE, "search.js")

T = TypeVar("T")
Named = tuple[str, str]
"""A file name in the folder of pages, and what the file holds."""


def write(model: Model, folder: Path) -> Path:
    """Write the pages of *model* into the report folder *folder*; return the page that people open.

    Pages are made and written one by one, those of many nodes by several processes. The overview comes last, so that
    what it leads to is there. Raises files.FolderError.
    """
    html = folder / names.FOLDER
    pages = _Pages(model, paths.of_findings(model, folder))
    kept = {names.node(node["host"]) for node in model["nodes"]}
    with _Beside(model["nodes"], lambda part: _write_all(html, pages.nodes(part))) as beside:
        for named in chain(_assets(), pages.lists(), pages.findings(), pages.paths(), pages.index(html)):
            beside.go_on()
            _write_all(html, [named])
            kept.add(named[0])
    files.write(folder / names.HOME, pages.home())
    _remove_others(html, kept)
    return folder / names.HOME


def _write_all(folder: Path, pages: Iterable[Named]) -> None:
    for name, text in pages:
        files.write(folder / name, text)


class _Beside:
    """Work on parts of the nodes in processes beside this one, a few at a time; with one processor, in this one.

    A process begins with what this one knows, and only writes files. Of the memory that it shares it copies what it
    looks at, so it has a small part of the nodes, and ends. A part whose process failed is done here, where what is
    wrong can be said.
    """

    def __init__(self, nodes: Sequence[Node], work: Callable[[Sequence[Node]], None]) -> None:
        """Take in the work; nothing begins yet."""
        self._work = work
        self._processes = min(os.cpu_count() or 1, PROCESSES)
        size = max(NODES_OF_A_PROCESS, math.ceil(len(nodes) / PARTS))
        self._waiting = deque(nodes[start : start + size] for start in range(0, len(nodes), size))
        if self._processes < 2 or len(self._waiting) < 2:
            self._processes = 0
        self._running: dict[int, Sequence[Node]] = {}
        self._failed: list[Sequence[Node]] = []

    def __enter__(self) -> _Beside:
        """Begin."""
        # Looking through what was there before would copy all of it into each process. It is not looked through after
        # them either: for a large fleet that takes seconds.
        gc.freeze()
        self.go_on()
        return self

    def go_on(self) -> None:
        """Take note of the processes that have ended, and start others in their place."""
        for process in list(self._running):
            self._take(process, os.WNOHANG)
        while self._waiting and len(self._running) < self._processes:
            part = self._waiting.popleft()
            self._running[_start(part, self._work)] = part

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        """Wait for all work to be done; after an error, for that which was begun."""
        while self._running:
            self._take(min(self._running), 0)
            if kind is None:
                self.go_on()
        if kind is None:
            for part in (*self._failed, *self._waiting):
                self._work(part)

    def _take(self, process: int, options: int) -> None:
        ended, status = os.waitpid(process, options)
        if ended:
            part = self._running.pop(process)
            if status:
                self._failed.append(part)


def _start(part: Sequence[Node], work: Callable[[Sequence[Node]], None]) -> int:
    """Do *work* in a process of its own, which ends without what this one would do at its end; return its id."""
    process = os.fork()
    if process:
        return process
    status = 1
    gc.disable()  # it ends before what is left behind grows large, and looking for that takes a fifth of the time
    try:
        work(part)
        status = 0
    finally:
        os._exit(status)


def _assets() -> Iterator[Named]:
    for name in _ASSETS:
        yield name, asset(name)


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove files of an earlier report, such as pages of nodes that are gone. What others put there stays."""
    for path in folder.iterdir():
        if path.name in kept or path.is_symlink() or not path.is_file():
            continue
        with contextlib.suppress(OSError):
            with path.open("rb") as stream:
                ours = names.MARK.encode() in stream.read(1024)
            if ours:
                path.unlink()


class _Pages:
    """All pages of one report, with what several of them need."""

    def __init__(self, model: Model, ways: Mapping[tuple[str, str], paths.Entry]) -> None:
        self.model = model
        self.ways = ways
        self.views = by_node(model)
        self.odd = rows.odd_by_host(model)
        self.usage = Usage(model)
        self.kinds = overview.kinds(model)
        self.services = service_rows.rows(model)
        self.rows_of, self.leading = _leading(model, self.services)
        self.templates = environment()
        self.templates.globals.update(way_href=self._way_href)
        first, last = model["first_collected_at"], model["last_collected_at"]
        self.read = period(first, last) if first is not None else "never"
        self.ranges = sorted(model["ranges"], key=lambda one: (one["scope"] != "cluster", one["what"]))

    def _render(self, template: str, context: dict[str, Any], base: str = "") -> str:
        return self.templates.get_template(template).render(
            base=base,
            up="" if base else "../",
            mark=names.MARK,
            has_services=bool(self.services),
            many_nodes=len(self.model["nodes"]) > NODES,
            **context,
        )

    def _way_href(self, path: FindingPath) -> str:
        """Return what leads to the computed path of a finding's packet from the folder of pages; empty for none."""
        way = self.ways.get((path["sender"], path["receiver"]))
        return f"{names.paths()}#{way.anchor}" if way is not None else ""

    def home(self) -> str:
        """Return the page that people open."""
        nodes = self.model["nodes"]
        odd = [node for node in nodes if self.odd[node["host"]]]
        shown = nodes if len(nodes) <= NODES else (odd or nodes)[:NODES]
        gauges = [self.usage.gauge(one) for one in self.ranges[:RANGES]]
        return self._render(
            "report.html.j2",
            {
                "title": "Pod networks",
                "health": overview.health(self.model),
                "kinds": self.kinds,
                "hosts_shown": overview.HOSTS,
                "totals": self.model["totals"],
                "read": self.read,
                "nodes": [self._node_line(node) for node in shown],
                "all_nodes": len(nodes),
                "bars": [gauge for gauge in gauges if gauge is not None],
                "all_ranges": len(self.ranges),
                "ways": list(self.ways.values()),
                "ways_href": names.paths(),
                "services": list(enumerate(self.services[:SERVICES])),
                "all_services": len(self.services),
                "ignored": self.model["ignored"][:IGNORED],
                "all_ignored": len(self.model["ignored"]),
                "superseded": self.model["superseded"],
            },
            base=f"{names.FOLDER}/",
        )

    def _node_line(self, node: Node) -> overview.NodeLine:
        return overview.node_line(node, self.views[node["host"]], self.odd[node["host"]])

    def lists(self) -> Iterator[Named]:
        """Yield the pages that list everything of one sort."""
        if len(self.model["nodes"]) > NODES:
            yield from self._paged("nodes", "Nodes", [self._node_line(node) for node in self.model["nodes"]])
        entries = [(one, self.usage.gauge(one), commands.source(one["sources"][0])) for one in self.ranges]
        yield from self._paged("ranges", "Ranges", entries)
        if self.services:
            yield from self._paged("services", "Services", list(enumerate(self.services)))

    def _paged(self, what: str, title: str, entries: Sequence[Any]) -> Iterator[Named]:
        parts = _parts(entries)
        for number, part in enumerate(parts, 1):
            pages = [names.href(names.listing(what, page)) for page in range(1, len(parts) + 1)]
            context = {"title": title, "entries": part, "all": len(entries), "page": number, "pages": pages}
            yield names.listing(what, number), self._render(f"{what}.html.j2", context)

    def index(self, folder: Path) -> Iterator[Named]:
        """Yield the files of the search, which are written to *folder*."""
        return search.index(self.model, self.views, self.services, PER_PAGE, folder)

    def findings(self) -> Iterator[Named]:
        """Yield the pages of each kind of finding that is there."""
        by_kind: dict[str, list[overview.Kind]] = defaultdict(list)
        for kind in self.kinds:
            by_kind[kind.kind].append(kind)
        for name, groups in by_kind.items():
            found = [one for group in groups for one in group.found]
            parts = _parts(list(enumerate(found, 1)))
            pages = [names.href(names.finding(name, page)) for page in range(1, len(parts) + 1)]
            for number, part in enumerate(parts, 1):
                context = {
                    "title": name,
                    "meaning": meanings().get(name),
                    "entries": part,
                    "all": len(found),
                    "page": number,
                    "pages": pages,
                    "hosts_shown": overview.HOSTS,
                }
                yield names.finding(name, number), self._render("finding.html.j2", context)

    def paths(self) -> Iterator[Named]:
        """Yield the page of the paths of packets that findings stop, where some were computed."""
        if self.ways:
            context = {"title": "Paths", "entries": list(self.ways.values()), "alone": False, "in_report": True}
            yield names.paths(), self._render("path.html.j2", context)

    def nodes(self, nodes: Iterable[Node]) -> Iterator[Named]:
        """Yield the page of each of these nodes."""
        for node in nodes:
            host = node["host"]
            leading_here = self.rows_of.get(host, []), self.leading.get(host, {})
            context = node_page.context(node, self.views[host], self.odd[host], self.usage, *leading_here)
            yield names.node(host), self._render("node.html.j2", {"title": host, "hosts_shown": 4, **context})


def _parts(entries: Sequence[T]) -> list[Sequence[T]]:
    """Return *entries* in parts of one page each; one empty part when there are none."""
    return [entries[start : start + PER_PAGE] for start in range(0, len(entries), PER_PAGE)] or [[]]


def _leading(
    model: Model, rows_by_number: Sequence[ServiceRow]
) -> tuple[dict[str, list[tuple[int, ServiceRow]]], dict[str, dict[str, list[str]]]]:
    """Return by node the Services that lead to its pods, and their names by the pod's name."""
    numbered = {(row.name, row.place): (number, row) for number, row in enumerate(rows_by_number)}
    rows_of: dict[str, dict[int, ServiceRow]] = defaultdict(dict)
    leading: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for one in model["services"]:
        name = services.name(one)
        found = numbered.get((name, services.place(one)))
        for backend in one["backends"]:
            host = backend["host"]
            if host is None or found is None:
                continue
            rows_of[host][found[0]] = found[1]
            if backend["pod"] is not None:
                known = leading[host][words.pod_name(backend["pod"])]
                if name not in known:
                    known.append(name)
    return {host: list(entries.items()) for host, entries in rows_of.items()}, dict(leading)
