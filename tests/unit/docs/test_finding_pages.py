# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How each kind of finding comes about is told for every kind, in their order."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.podnet.lab.plugins.plugin_utils.findings.kinds import KINDS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "finding-origins.md").read_text(encoding="utf-8")


def test_every_kind_has_its_paragraph_in_the_order_in_which_findings_are_told() -> None:
    told = re.findall(r"^### (\S+)\n\n(\S.+?)\n\n?(?=#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert [kind for kind, _text in told] == list(KINDS)


def test_a_kind_that_is_named_is_one() -> None:
    named = re.findall(r"see\s+`([a-z-]+)`|As `([a-z-]+)`", PAGE)
    assert named
    assert {one or other for one, other in named} <= set(KINDS)
