# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of finding has its place in the order and its row in docs/findings.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import causes, kinds

ROOT = next(parent for parent in Path(__file__).parents if (parent / "galaxy.yml").exists())
ROW = re.compile(r"^\| ((?:`[a-z-]+`(?:, )?)+) \| ([a-z, ]+) \| ([a-z, ]+) \|(.+)\|$")


def rows() -> Iterator[tuple[list[str], list[str], str, str]]:
    """Yield kinds, severities, how sure and the rest of each row of the page."""
    for line in (ROOT / "docs" / "findings.md").read_text(encoding="utf-8").splitlines():
        found = ROW.match(line)
        if found is not None:
            yield re.findall(r"`([a-z-]+)`", found[1]), found[2].split(", "), found[3], found[4]


def literals(key: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the file and the texts of each value under *key* in a finder; none of one that is put together."""
    for path in sorted((ROOT / "plugins" / "plugin_utils" / "findings").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Dict):
                for name, value in zip(node.keys, node.values, strict=True):
                    if isinstance(name, ast.Constant) and name.value == key:
                        sides = [value.body, value.orelse] if isinstance(value, ast.IfExp) else [value]
                        yield path.name, {str(side.value) for side in sides if isinstance(side, ast.Constant)}


def test_the_page_has_every_kind_once_and_in_order() -> None:
    documented = [kind for names, _severities, _sure, _rest in rows() for kind in names]
    assert documented == list(kinds.KINDS)
    assert len(set(documented)) == len(documented)


def test_every_row_says_all_of_it() -> None:
    for names, severities, _sure, rest in rows():
        assert set(severities) <= set(causes.SEVERITIES), names
        assert len([cell for cell in rest.split(" | ") if cell.strip()]) == 3, names


def test_the_page_says_how_sure_each_kind_is() -> None:
    assert {kind: sure for names, _severities, sure, _rest in rows() for kind in names} == {
        kind: kinds.certainty(kind) for kind in kinds.KINDS
    }
    assert set(kinds.KINDS) >= kinds.INFERRED


def test_every_kind_that_a_finder_writes_is_listed() -> None:
    written = {kind for _file, found in literals("kind") for kind in found}
    assert len(written) > 20
    assert written <= set(kinds.KINDS)


def test_causes_name_kinds_that_there_are() -> None:
    assert {kind for rule in causes.RULES for kind in (rule.cause, rule.effect)} <= set(kinds.KINDS)


def test_what_nobody_knows_stands_last() -> None:
    assert kinds.place("range-of-a-newer-version") == len(kinds.KINDS)
