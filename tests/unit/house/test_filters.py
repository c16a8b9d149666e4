# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filters load nothing of the collection before they are called.

To find one filter Ansible loads all that the collection has, in each task's process of each host.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

FILTERS = Path(__file__).resolve().parents[3] / "plugins" / "filter"


@pytest.mark.parametrize("file", sorted(FILTERS.glob("*.py")), ids=lambda file: file.stem)
def test_a_filter_imports_its_room_when_it_is_called(file: Path) -> None:
    statements = ast.parse(file.read_text(encoding="utf-8")).body
    imported = [str(node.module) for node in statements if isinstance(node, ast.ImportFrom)]
    assert not [name for name in imported if ".plugin_utils" in name or ".module_utils" in name]
