# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rooms of the house are those that CONTRIBUTING.md draws, and import from each other as it says."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PLUGINS = CHECKOUT / "plugins"
PACKAGE = "ansible_collections.podnet.lab.plugins"
SIDES = {"module_utils": "`plugins/module_utils/`", "plugin_utils": "`plugins/plugin_utils/`"}
# What ansible.module_utils.basic loads anyway, so that it costs a managed node nothing.
NODE_MAY_IMPORT = tuple(f"ansible.module_utils.{name}" for name in ("basic", "common", "errors"))


def _imported(file: Path) -> Iterator[str]:
    """The full names of the modules that a file imports from, and of what it takes from the collection's packages."""
    package = ".".join([PACKAGE, *file.relative_to(PLUGINS).parts[:-1]])
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            yield from (f"{origin}.{alias.name}" if origin.startswith(PACKAGE) else origin for alias in node.names)


def _rooms(side: str) -> dict[str, set[str]]:
    """Room to the rooms that its files import from; those of the other side as ``module_utils/_lab``."""
    found: dict[str, set[str]] = {}
    for file in sorted((PLUGINS / side).rglob("*.py")):
        room = file.relative_to(PLUGINS / side).parts[0]
        others = found.setdefault(room, set())
        for name in _imported(file):
            if name.startswith(PACKAGE + "."):
                other_side, other = name.removeprefix(PACKAGE + ".").split(".")[:2]
                others.add(other if other_side == side else f"{other_side}/{other}")
        others.discard(room)
    return found


def _drawn(side: str) -> dict[str, set[str]]:
    """The same, from the table of CONTRIBUTING.md that follows the words "in `plugins/SIDE/`"."""
    text = (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = re.search(rf"in {re.escape(SIDES[side])}[^|]*\n\n((?:\|.*\n)+)", text)
    assert table, side
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table[1].splitlines()]
    assert rows[0][0] == "room"
    assert rows[0][-1] == "imports from"
    return {row[0].strip("`"): set(re.findall(r"`([\w/]+)`", row[-1])) for row in rows[2:]}


@pytest.mark.parametrize("side", SIDES)
def test_the_drawing_shows_the_house(side: str) -> None:
    assert _drawn(side) == _rooms(side)


@pytest.mark.parametrize("side", SIDES)
def test_rooms_import_in_one_direction(side: str) -> None:
    left = {room: {other for other in others if "/" not in other} for room, others in _rooms(side).items()}
    while left:
        free = {room for room, others in left.items() if not others & left.keys()}
        assert free, f"these rooms import from each other in a circle: {left}"
        left = {room: others for room, others in left.items() if room not in free}


def test_every_file_of_a_side_is_in_a_room() -> None:
    assert [str(file) for side in SIDES for file in (PLUGINS / side).glob("*.py")] == []


def test_the_node_side_needs_nothing_but_python_and_what_every_module_loads() -> None:
    for side in ("module_utils", "modules"):
        for file in (PLUGINS / side).rglob("*.py"):
            foreign = {name for name in _imported(file) if name.startswith("ansible")}
            foreign = {name for name in foreign if not name.startswith((*NODE_MAY_IMPORT, f"{PACKAGE}.module_utils"))}
            assert foreign == set(), file


def test_the_control_nodes_rooms_know_no_ansible() -> None:
    for file in (PLUGINS / "plugin_utils").rglob("*.py"):
        assert not [name for name in _imported(file) if name.startswith("ansible.")], file


def test_tests_stand_where_the_rooms_are() -> None:
    for side in SIDES:
        tested = {folder.name for folder in (CHECKOUT / "tests" / "unit" / "plugins" / side).iterdir()}
        assert tested - {"__pycache__"} <= _rooms(side).keys(), side
        assert not list((CHECKOUT / "tests" / "unit" / "plugins" / side).glob("test_*.py"))
