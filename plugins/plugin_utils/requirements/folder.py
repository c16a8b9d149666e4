# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A verification in its report folder: what the steps of the playbook hand to each other.

reports/TIME/verify/given.json          what is expected, as it was given
reports/TIME/verify/plan/node1.json     listeners and probes of a node
reports/TIME/verify/listen/node1.json   what podnet.lab.probe said in each phase, or why it said nothing
reports/TIME/verify/send/node1.json
reports/TIME/verify/collect/node1.json
reports/TIME/verify/judged.json         what holds, before the paths of broken pairs were computed
reports/TIME/verify/way/nodes/node1.json  what decides on the node, read for that
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from typing import cast as cast_to

from ..comparison.world import world_of
from ..model.reading import Item, ShapeError
from ..model.records import Json
from ..report import files, gathering
from . import ends, judgement, plan, results
from .cast import cast
from .objects import given_names, read_objects
from .records import Plan, Unsent, Verification
from .scene import Expected, Scene, scene

PHASES = ("listen", "send", "collect")
KEPT = ("listeners", "probes", "held")
"""What is kept of a result of podnet.lab.probe."""
ALL_NODES = 50
"""Of so many nodes all are read again to compute paths: a wrong route may lead over any of them."""
_PORT = re.compile(r"(\d{1,5})(?:/(tcp|udp))?")


def write_given(path: Path, given: Json) -> None:
    """Keep what is expected. Raises FolderError."""
    files.write(path / "verify" / "given.json", files.layered_json(given, 2) + "\n")


def read_scene(path: Path) -> Scene:
    """Return the scene of the nodes in *path* and what is expected of them. Raises FolderError and ShapeError."""
    given = _document(path / "verify" / "given.json")
    item = Item(given, "given.json")
    expected = Expected(
        objects=read_objects((one[0], one[1]) for one in given["objects"]),
        names=tuple(given_names(given["names"])),
        policy_ports=tuple(port_numbers(item.texts("policy_ports"))),
        domain=item.text("domain"),
        pairs=item.number("pairs"),
    )
    world = world_of(*gathering.read_model([path]))
    outside = item.texts("outside")
    unknown = sorted(set(outside) - {node["host"] for node in world.model["nodes"]})
    if unknown:
        raise ShapeError(f"podnet_verify_outside names {', '.join(unknown)}, which is no host of this play")
    listening = results.listening(_phase(path, "listen"))
    return scene(cast(world, outside), expected, listening)


def port_numbers(texts: Iterable[str]) -> list[tuple[int, str]]:
    """Return port and protocol of each of *texts*, as in ``80`` or ``53/udp``. Raises ShapeError."""
    found = []
    for text in texts:
        match = _PORT.fullmatch(str(text))
        if match is None or not 0 < int(match[1]) < 65536:
            raise ShapeError(f"podnet_verify_policy_ports has {text!r}, which is not like 80 or 53/udp")
        found.append((int(match[1]), match[2] or "tcp"))
    return found


def write_plan(path: Path, planned: Plan, hosts: Sequence[str]) -> None:
    """Write each node's part of *planned*. Raises FolderError."""
    parts = plan.parts(planned)
    for host in hosts:
        part = parts.get(host, plan.Part([], []))
        files.write(_file(path, "plan", host), files.layered_json(part._asdict(), 2) + "\n")


def asked(path: Path, host: str, phase: str, timeout: float) -> dict[str, Any] | None:
    """Return the arguments of podnet.lab.probe for *host* in *phase*; None when there is nothing to do.

    *timeout* is for how many seconds a probe waits.

    Raises FolderError and ShapeError.
    """
    if not _file(path, "plan", host).exists():
        return None
    part = _document(_file(path, "plan", host))
    if phase == "listen":
        return {"listeners": part["listeners"]} if part["listeners"] else None
    if phase == "send":
        probes = plan.ready(part["probes"], results.listening(_phase(path, "listen")), timeout)
        return {"probes": probes} if probes else None
    kept = _file(path, "listen", host)
    held = Item(_document(kept), kept.name).item_or_none("held") if kept.exists() else None
    return None if held is None else {"collect": held.text("token")}


def keep(path: Path, host: str, phase: str, document: Json) -> None:
    """Keep what *host* said in *phase*. Raises FolderError."""
    files.write(_file(path, phase, host), files.layered_json(document, 2) + "\n")


def verification(path: Path) -> Verification:
    """Return the verification of what was sent. Raises FolderError and ShapeError."""
    found = read_scene(path)
    planned = plan.plan(found)
    answers = results.answers(planned, _phase(path, "send"))
    return judgement.verification(found, planned, answers, list(_unsent(path)))


def keep_judged(path: Path, found: Verification) -> None:
    """Keep what was judged. Raises FolderError."""
    files.write(path / "verify" / "judged.json", files.layered_json(dict(found), 4) + "\n")


def judged(path: Path) -> Verification:
    """Return what was judged and kept. Raises FolderError and ShapeError."""
    kept = path / "verify" / "judged.json"
    return cast_to(Verification, _document(kept)) if kept.exists() else verification(path)


def to_read(path: Path, found: Verification) -> list[str]:
    """Return the nodes whose rules and routes decide about broken pairs: all, or of many those at both ends."""
    pairs = list(ends.pairs(found))
    world = read_scene(path).cast
    hosts = [one.host for one in (*world.nodes, *world.outside)]
    if not pairs or len(hosts) <= ALL_NODES:
        return hosts if pairs else []
    asked = {one[key] for one in pairs for key in ("source", "to")}
    parties = (*world.pods, *world.nodes, *world.outside)
    near = {one.host for one in parties if asked & {*one.addresses, f"node/{one.host}"}}
    for service in world.world.model["services"]:
        if service["virtual_address"] in asked:
            near.update(backend["host"] for backend in service["backends"] if backend["host"] is not None)
    return [host for host in hosts if host in near]


def way(path: Path) -> Path:
    """Return the folder with what was read of nodes to compute paths from."""
    return path / "verify" / "way"


def _unsent(path: Path) -> Iterable[Unsent]:
    told = set()
    for phase in PHASES[:2]:
        for one in _kept(path, phase):
            document = _document(one)
            if "error" in document:
                host = files.Source(one, None, None).host
                if host not in told:
                    told.add(host)
                    yield {"host": host, "cause": Item(document, one.name).item("error").text("cause")}


def _phase(path: Path, phase: str) -> Iterable[tuple[Json, str]]:
    for one in _kept(path, phase):
        document = _document(one)
        if "error" not in document:
            yield document, one.name


def _kept(path: Path, phase: str) -> list[Path]:
    return sorted((path / "verify" / phase).glob("*.json"))


def _file(path: Path, phase: str, host: str) -> Path:
    return path / "verify" / phase / files.node_file_name(host)


def _document(path: Path) -> Any:
    source = files.read_source(path)
    if source.error is not None:
        raise files.FolderError(f"{source.error['object']}: {source.error['cause']}. Plan the verification anew")
    return source.document
