# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The index that the pages' search reads: pods, addresses, interfaces, Services and nodes.

A page that is opened from disk may not read files, but it may load scripts. So the index is scripts: sorted entries
in files of bounded size, of which a search loads only those in which its words can stand, and a list of the files.

    podnetPart(7, [["10.244.1.7", "address", "default/web-0", 3, "pod-1"], ...])
    podnetList({"first": ["10.0.0.1", ...], "pages": [["node1", "node-node1.html"], ...]})

An entry is: what is looked for, in small letters; what it is; what it belongs to; the number of its page in ``pages``;
the place on that page.
"""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Model, Node
from ..report.service_rows import ServiceRow
from ..text import words
from ..text.escape import shortened, visible
from . import names

PART = 1_000_000
"""Largest size of a file of the index, in bytes."""
RUN = 100_000
"""So many entries are sorted at once; of more, sorted runs wait in files that have no name, and are merged."""
LIST = "index.js"

_HEAD = f"// {names.MARK}, the index of its search\n"
_LONGEST = 200
"""Longest text of an entry, in columns."""

_quoted = json.encoder.encode_basestring_ascii
_decode = json.JSONDecoder().raw_decode

Entry = tuple[str, str, str, int, str]


def index(
    model: Model, views: Mapping[str, NodeView], services: Sequence[ServiceRow], per_page: int, folder: Path
) -> Iterator[tuple[str, str]]:
    """Yield the files of the index: their names and what they hold.

    *per_page* Services are on one page. In *folder* there is room for what is not sorted yet.
    """
    pages = [(node["host"], names.href(names.node(node["host"]))) for node in model["nodes"]]
    for start in range(0, len(services), per_page):
        pages.append(("Services", names.href(names.listing("services", start // per_page + 1))))
    first = []
    lines_in_order = _sorted(_entries(model, views, services, per_page), folder)
    for number, (key, lines) in enumerate(_parts(lines_in_order)):
        first.append(key)
        yield f"index-{number:04}.js", f"{_HEAD}podnetPart({number}, [\n{lines}\n])\n"
    shown = [(_text(name), href) for name, href in pages]
    yield LIST, f"{_HEAD}podnetList({json.dumps({'first': first, 'pages': shown})})\n"


def _entries(
    model: Model, views: Mapping[str, NodeView], services: Sequence[ServiceRow], per_page: int
) -> Iterator[Entry]:
    """Yield all entries, node by node, and then those of Services."""
    for page, node in enumerate(model["nodes"]):
        yield from _of_node(node, views[node["host"]], page)
    for start in range(0, len(services), per_page):
        yield from _of_services(services, start, start + per_page, len(model["nodes"]) + start // per_page)


def _sorted(entries: Iterator[Entry], folder: Path) -> Iterator[str]:
    """Yield the lines of *entries* in the order in which JavaScript compares text.

    No more than one run of them is in memory.
    """
    with ExitStack() as stack:
        runs: list[Iterable[str]] = []
        run = sorted(islice(entries, RUN), key=_order)
        while len(run) == RUN:
            file = stack.enter_context(tempfile.TemporaryFile("w+", encoding="ascii", dir=folder))
            file.writelines(f"{_line(entry)}\n" for entry in run)
            file.seek(0)
            runs.append(line.rstrip("\n") for line in file)
            run = sorted(islice(entries, RUN), key=_order)
        yield from heapq.merge(*runs, map(_line, run), key=lambda line: _order(_entry_of(line)))


def _line(entry: Entry) -> str:
    """Return the line of an entry in a file of the index: compact JSON, put together here as there are so many."""
    key, kind, thing, page, place = entry
    return f"[{_quoted(key)},{_quoted(kind)},{_quoted(thing)},{page},{_quoted(place)}]"


def _entry_of(line: str) -> Entry:
    key, kind, thing, page, place = _decode(line)[0]
    return key, kind, thing, page, place


def _order(entry: Entry) -> tuple[bytes, str, str, int, str]:
    return entry[0].encode("utf-16-be"), *entry[1:]


def _parts(lines_in_order: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the first key of each file, and its lines."""
    lines: list[str] = []
    size = 0
    for line in lines_in_order:
        if lines and size + len(line) > PART:
            yield _entry_of(lines[0])[0], ",\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 2
    if lines:
        yield _entry_of(lines[0])[0], ",\n".join(lines)


def _of_node(node: Node, view: NodeView, page: int) -> Iterator[Entry]:
    """Yield what can be found on a node: the node, its addresses, its pods with theirs, its interfaces."""
    yield _entry(node["host"], "node", "", page, "main")
    for one in node["addresses"]:
        if ranges.is_specific(one["local"]):
            yield _entry(one["local"], "address", f"{one['ifname']} of the node", page, "node")
    behind: dict[str, tuple[str, str]] = {}
    for number, pod in enumerate(view.pods, 1):
        name = words.pod_name(pod)
        place = "pods" if pod["host_network"] else f"pod-{number}"
        yield _entry(name, "pod", "", page, place)
        yield _entry(pod["name"], "pod", name, page, place)
        tail = pod["name"].rpartition("-")[2]
        if tail != pod["name"]:
            yield _entry(tail, "pod", name, page, place)
        if pod["host_network"]:
            continue
        for one in pod["addresses"]:
            yield _entry(one["local"], "address", name, page, place)
        for plug in pod["cables"]:
            if plug["peer"] is not None:
                behind[plug["peer"]] = (f"cable of {name}", place)
    own = view.own_namespace
    for interface in own["interfaces"] if own else ():
        if interface["ifname"] != "lo":
            thing, place = behind.get(interface["ifname"], (interface["kind"] or "card", "picture"))
            yield _entry(interface["ifname"], "interface", thing, page, place)


def _of_services(services: Sequence[ServiceRow], start: int, end: int, page: int) -> Iterator[Entry]:
    """Yield what can be found of the Services from number *start* on, by name and by address."""
    for number, row in enumerate(services[start:end], start):
        place = f"service-{number}"
        yield _entry(row.name, "Service", row.place, page, place)
        if "/" in row.name:
            yield _entry(row.name.partition("/")[2], "Service", row.name, page, place)
        if row.place != row.name:
            yield _entry(row.place, "Service", row.name, page, place)


def _entry(key: str, kind: str, thing: str, page: int, place: str) -> Entry:
    return _text(key).lower(), kind, _text(thing), page, place


def _text(text: str) -> str:
    return shortened(visible(text), _LONGEST)
