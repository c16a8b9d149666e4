# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text in columns."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import visible, width
from ansible_collections.podnet.lab.plugins.plugin_utils.text.layout import Column, paragraph, table


@given(st.text(max_size=300), st.integers(20, 80))
def test_paragraph_fits_and_loses_nothing(text: str, columns: int) -> None:
    lines = paragraph(text, "  ", "    ", columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(visible(text).split())


def test_paragraph() -> None:
    assert paragraph("one two three", "- ", None, 9) == ["- one two", "  three"]


def test_table_cuts_what_may_be_cut() -> None:
    rows = [("default/a-pod-with-a-long-name", "10.0.0.1"), ("b", "10.0.0.2")]
    assert table((Column("POD", 6), Column("ADDRESS")), rows, indent="", limit=22) == [
        "POD           ADDRESS",
        "defaul…-name  10.0.0.1",
        "b             10.0.0.2",
    ]


def test_table_never_cuts_an_address() -> None:
    address = "fd00:1111:2222:3333:4444:5555:6666:7777/64"
    lines = table((Column("POD", 4), Column("ADDRESS")), [("x" * 90, address)])
    assert address in lines[1]
    assert width(lines[1]) <= 80
