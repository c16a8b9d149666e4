# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The walk as a whole: its steps, what a node is asked to run, and what it answered."""

from __future__ import annotations

from itertools import islice
from typing import TypedDict

from ..model.reading import Item
from ..model.records import Json
from . import processes, traffic, wiring
from .commands import programs
from .records import Answer, Command, Scene, Step, Told


class AskedChoice(TypedDict):
    """One way to show something: its words, and the programs that it needs."""

    argv: list[str]
    programs: list[str]


class AskedRequest(TypedDict):
    """A request as the node makes it without a program."""

    doors: list[str]
    inode: int
    address: str
    port: int


class Asked(TypedDict):
    """One command as the module ``walkthrough_commands`` takes it."""

    choices: list[AskedChoice]
    request: AskedRequest | None


def steps(scene: Scene) -> list[Step]:
    """Return all steps, in the order of the walk."""
    return [*processes.steps(scene), *wiring.steps(scene), *traffic.steps(scene)]


def asked(found: list[Step]) -> list[Asked]:
    """Return the commands of all steps, in their order."""
    return [_asked(command) for step in found for command in step.commands]


def _asked(command: Command) -> Asked:
    request = command.request
    return {
        "choices": [{"argv": list(words), "programs": list(programs(words))} for words in command.choices],
        "request": None
        if request is None
        else {
            "doors": list(request.doors),
            "inode": request.inode,
            "address": request.address,
            "port": request.port,
        },
    }


def following(found: list[Step], results: Json, place: str) -> list[Asked]:
    """Return the commands that follow from what the first ones showed: further along the path of one connection.

    Raises model.reading.ShapeError as `told` does.
    """
    answers = [answer for one in told("", found, results, place) if one.step.key == "service" for answer in one.answers]
    return [_asked(command) for command in map(traffic.next_rules, answers) if command]


def told(host: str, found: list[Step], results: Json, place: str) -> list[Told]:
    """Return each step with its answers; *results* is what the module returned for `asked`, then for `following`.

    *place* names the results in errors. Raises model.reading.ShapeError when they are something else.
    """
    answers = iter([_answer(one) for one in Item({"results": results}, place).items("results")])
    shown = [Told(host, step, list(islice(answers, len(step.commands)))) for step in found]
    further = list(answers)
    return [Told(host, one.step, one.answers + further) if one.step.key == "service" else one for one in shown]


def _answer(item: Item) -> Answer:
    output = item.text_or_none("output") or ""
    return Answer(
        argv=tuple(item.texts("argv")) or None,
        code=item.number("rc"),
        output=output.splitlines(),
        left_out=item.number_or_none("left_out") or 0,
        missing=tuple(item.texts("missing")),
    )
