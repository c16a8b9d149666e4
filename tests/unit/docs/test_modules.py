# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a module is for is said by the first words of its short description, and by docs/modules.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[3]
RUNTIME = yaml.safe_load((CHECKOUT / "meta" / "runtime.yml").read_text(encoding="utf-8"))


def _short_descriptions() -> dict[str, str]:
    found = {}
    for file in (CHECKOUT / "plugins" / "modules").glob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
                found[file.stem] = str(yaml.safe_load(ast.literal_eval(node.value))["short_description"])
    return found


def _groups_of_the_page() -> dict[str, dict[str, str]]:
    page = (CHECKOUT / "docs" / "modules.md").read_text(encoding="utf-8")
    sections = re.split(r"^## (.+)$", page, flags=re.MULTILINE)[1:]
    return {
        title: dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))
        for title, text in zip(sections[::2], sections[1::2], strict=True)
    }


def test_every_module_says_whom_it_is_for_and_is_on_the_page() -> None:
    said = {name: description.split(": ", 1) for name, description in _short_descriptions().items()}
    groups = _groups_of_the_page()
    assert {name: title for title, modules in groups.items() for name in modules} == {
        name: words[0] for name, words in said.items()
    }
    for modules in groups.values():
        for name, text in modules.items():
            assert text == re.sub(r"M\(podnet\.lab\.(\w+)\)", r"`\1`", said[name][1]), name


def test_the_groups_are_those_of_module_defaults() -> None:
    groups = _groups_of_the_page()
    assert groups["Facts"].keys() == set(RUNTIME["action_groups"]["facts"])
    # What the lab is, is also asked by its role.
    assert groups["Lab step"].keys() == set(RUNTIME["action_groups"]["lab"]) - {"lab_info"}
