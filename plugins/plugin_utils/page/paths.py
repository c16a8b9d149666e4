# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Computed paths as a page: pictures first, then each step with the command that shows it on the node.

The report has one for the packets that its findings stop, playbooks/path.yml writes one beside ``path.json``, and
verify.yml one of where broken pairs end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path as File
from typing import NamedTuple

from ..model.records import Finding, Model
from ..path import compute, terminal
from ..path.ends import EndError, searched
from ..path.fleet import NodeFiles
from ..path.records import Hop, Outcome, Path, shown
from ..path.routing import UnknownError
from ..report import files
from ..text import commands, words
from . import names, rendering
from .path_picture import SEVERITY, picture
from .picture import Picture

PAGE = "path.html"
"""What playbooks/path.yml writes."""
VERIFIED = "verify-paths.html"
"""What playbooks/verify.yml writes."""
OF_A_KIND = 2
"""So many findings of a kind have their path computed for the report."""
COMPUTED = 20
"""So many paths it has at most."""


class Told(NamedTuple):
    """One direction of a way: what is said of it, how bad that is, its picture, and its hops, numbered."""

    key: str
    head: str
    severity: str
    sentence: str
    packet: str
    picture: Picture
    hops: list[tuple[int, Hop]]


class Entry(NamedTuple):
    """A path on a page."""

    anchor: str
    title: str
    severity: str
    sentence: str
    command: str
    about: str
    """The kind of finding that it shows; empty where it shows none."""
    host: str
    more: int
    """So many more ways there are that are not drawn."""
    told: list[Told]


def entry(
    path: Path, anchor: str, command: str = "", about: str = "", href: Callable[[str], str] | None = None
) -> Entry:
    """Return a path as a page has it: the ways that do not end well, as the terminal shows them, else the first."""
    leads = href or (lambda _host: "")
    every = path["ways"]
    chosen = terminal.told(every)
    told: list[Told] = []
    for number in chosen:
        way = every[number - 1]
        head = f"Way {number} of {len(every)}" if len(every) > 1 else "The way"
        told.append(_told(way["there"], f"{anchor}-{number}", head, leads))
        if way["back"] is not None:
            told.append(_told(way["back"], f"{anchor}-{number}-back", "The answer", leads))
    worst = min(told, key=lambda one: _ORDER.index(one.severity))
    title = f"{path['protocol']} from {path['sender']['asked']} to {path['receiver']['asked']}"
    host = next((hop["host"] for one in told if one is worst for _number, hop in one.hops[-1:]), "")
    return Entry(
        anchor, title, worst.severity, worst.sentence, command, about, host, len(every) - len(chosen), told
    )  # fmt: skip


_ORDER = ("fault", "unproven", "note", "well")


def _told(one: Outcome, key: str, head: str, href: Callable[[str], str]) -> Told:
    chance = f" ({'; '.join(one['choices'])})" if one["choices"] else ""
    sentence = terminal.outcome(one)
    packet = shown(one["hops"][0]["packet"]) if one["hops"] else ""
    made = picture(one, f"{head}: {sentence}", key, href)
    return Told(
        key, f"{head}{chance}", SEVERITY[one["verdict"]], sentence, packet, made, list(enumerate(one["hops"], 1))
    )  # fmt: skip


def of_findings(model: Model, folder: File) -> dict[tuple[str, str], Entry]:
    """Return the paths of findings' packets, by both ends, as far as the node files hold what decides on the way."""
    chosen: list[Finding] = []
    counts: dict[str, int] = {}
    for one in model["odd"]:
        if "path" in one and counts.get(one["kind"], 0) < OF_A_KIND and len(chosen) < COMPUTED:
            counts[one["kind"]] = counts.get(one["kind"], 0) + 1
            chosen.append(one)
    found: dict[tuple[str, str], Entry] = {}
    try:
        nodes = NodeFiles(folder)
        if not chosen or not _decisive(nodes, chosen[0]["hosts"][0]):
            return {}
        nodes.hint(_known(model, {end for one in chosen for end in (one["path"]["sender"], one["path"]["receiver"])}))
    except (files.FolderError, UnknownError):
        return {}
    known = {node["host"] for node in model["nodes"]}
    for one in chosen:
        ends = one["path"]
        asked = compute.Asked(ends["sender"], ends["receiver"], size=ends.get("size", compute.SMALLEST))
        try:
            path = compute.compute(nodes, asked)
        except (EndError, UnknownError):
            continue
        key = ends["sender"], ends["receiver"]
        if key not in found:
            found[key] = entry(
                path, f"path-{len(found) + 1}", commands.path(ends), one["kind"], lambda host: _node_page(host, known)
            )
    return found


def _known(model: Model, ends: set[str]) -> dict[str, list[str]]:
    """Return what the files of which nodes hold: the model knows it, and of a large fleet a search takes seconds."""
    found: dict[str, list[str]] = defaultdict(list)
    asked = {one.removeprefix("pod/") for one in ends}
    asked |= {one.rpartition(":")[0].strip("[]") for one in asked}
    of_services = {one["name"] for one in model["services"]}
    for pod in model["pods"]:
        name, addresses = words.pod_name(pod), [one["local"] for one in pod["addresses"]]
        if asked & {name, *addresses}:
            # What a Service is called is also in the files of other nodes.
            texts = searched(name) if pod["name"] not in of_services else []
            for text in (*texts, *(f'"{address}/' for address in addresses)):
                found[text].append(pod["host"])
    for node in model["nodes"]:
        for address in node["addresses"]:
            found[f'"local": "{address["local"]}"'].append(node["host"])
    return {text: list(dict.fromkeys(hosts)) for text, hosts in found.items()}


def _decisive(nodes: NodeFiles, host: str) -> bool:
    """Tell whether a node's file holds its rules: then those of the others were asked for as well."""
    node = nodes.named(host)
    return node is not None and node.own is not None and node.own.ruleset is not None


def _node_page(host: str, known: set[str]) -> str:
    return names.href(names.node(host)) if host in known else ""


def write(folder: File, name: str, title: str, entries: Sequence[Entry]) -> File:
    """Write a page of paths into a report folder; return its path. Raises files.FolderError."""
    files.write(folder / names.FOLDER / rendering.STYLE, rendering.asset(rendering.STYLE))
    files.write(folder / name, page(title, entries, in_report=(folder / names.HOME).exists()))
    return folder / name


def page(title: str, entries: Iterable[Entry], *, in_report: bool) -> str:
    """Return a page of its own; with *in_report* it leads to the report beside it."""
    template = rendering.environment().get_template("path.html.j2")
    return template.render(
        title=title,
        mark=names.MARK,
        base=f"{names.FOLDER}/",
        up="",
        entries=list(entries),
        in_report=in_report,
        alone=True,
    )


def beside(folder: File) -> Callable[[str], str]:
    """Return what leads from a page beside the report to the page of a node, where there is one."""
    return lambda host: (
        f"{names.FOLDER}/{names.href(names.node(host))}" if (folder / names.FOLDER / names.node(host)).exists() else ""
    )
