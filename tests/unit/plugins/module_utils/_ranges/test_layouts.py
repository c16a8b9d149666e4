# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every layout of a node that was tried, and the page that lists them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_config import read_cni_configs
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_network import cni_facts
from ansible_collections.podnet.lab.plugins.module_utils._ranges.conflicts import find_conflicts
from ansible_collections.podnet.lab.plugins.module_utils._ranges.sources import add_defaults, read_sources
from ansible_collections.podnet.lab.tests.unit.plugins.module_utils._ranges.layouts import LAYOUTS

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "..", "..", "docs", "layouts.md")


def _shown(entries: Any) -> Any:
    return [one["cidr"] + ("" if one["scope"] == "cluster" else " " + one["scope"]) for one in entries]


@pytest.mark.parametrize("name", sorted(LAYOUTS))
def test_a_layout_says_what_it_is_and_nothing_contradicts(tmp_path: Path, name: str) -> None:
    layout = LAYOUTS[name]
    for path, content in layout.files.items():
        target = tmp_path / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content))
    files = Files(str(tmp_path))
    configs = read_cni_configs(files)
    ranges = read_sources(files, configs)
    add_defaults(files, ranges)
    assert (files.errors, ranges.errors, configs["unreadable"]) == ([], [], [])
    assert (_shown(ranges.pod), _shown(ranges.service)) == (list(layout.pod), list(layout.service))
    assert ranges.flat is layout.flat
    facts = cni_facts(configs)
    active = facts["active"]
    assert (active and active["plugins"]) == layout.plugins
    assert [one["path"].rsplit("/", 1)[-1] for one in (active["through"] if active else [])] == list(layout.through)
    assert find_conflicts(ranges, [], [], [], []) == []


def test_the_page_lists_every_layout() -> None:
    with open(PAGE, encoding="utf-8") as stream:
        rows = [line.split("|") for line in stream if line.startswith("| ") and "---" not in line]
    listed = {row[1].strip(): row[2].strip() for row in rows if row[1].strip() != "layout"}
    assert sorted(listed) == sorted(LAYOUTS)
    for name, plugins in listed.items():
        assert plugins == ", ".join("`%s`" % one for one in LAYOUTS[name].plugins or []) or plugins == "–"
