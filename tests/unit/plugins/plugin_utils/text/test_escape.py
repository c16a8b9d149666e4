# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text from nodes is harmless wherever it is shown."""

from __future__ import annotations

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.text import escape
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE

ANYTHING = st.one_of(st.text(alphabet=st.characters(), max_size=40), st.sampled_from(HOSTILE))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("default/pod-1", "default/pod-1"),
        ("a\nb", "a\\x0ab"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egnp", "\\u202egnp"),
        ("a\u200bb\u00a0c", "a\\u200bb\\xa0c"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
        ("名前é", "名前é"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert escape.visible(text) == shown


@given(ANYTHING)
def test_visible_is_one_printable_line_that_can_be_encoded(text: str) -> None:
    shown = escape.visible(text)
    assert shown.isprintable()
    shown.encode("utf-8")


@given(st.text(max_size=60), st.integers(1, 40))
def test_shortened_fits(text: str, columns: int) -> None:
    text = escape.visible(text)
    short = escape.shortened(text, columns)
    assert escape.width(short) <= columns
    assert short == text or "…" in short


def test_shortened_keeps_both_ends() -> None:
    assert escape.shortened("coredns-668d6bf9bc-abcde", 12) == "coredn…abcde"


def test_width_of_wide_and_combining_characters() -> None:
    assert escape.width("名前") == 4
    assert escape.width("e\u0301") == 1


@given(ANYTHING)
def test_markdown_text_has_no_structure(text: str) -> None:
    shown = escape.markdown_text(text)
    assert not set("\\`*[]<>|~{}$@!^\n") & set(shown)
    # "&" and "#" only as parts of character references that this function wrote
    assert not re.search(r"&(?!#\d+;)|(?<!&)#", shown)
    assert "://" not in shown
    assert "www." not in shown.lower()


@given(ANYTHING)
def test_markdown_text_says_the_same(text: str) -> None:
    said = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), escape.markdown_text(text))
    assert said == escape.visible(text)


@given(ANYTHING)
def test_mermaid_label_only_holds_harmless_characters(text: str) -> None:
    assert re.fullmatch(r'"([A-Za-z0-9 ./,-]|#\d+;)*"', escape.mermaid_label(text))


@given(ANYTHING)
def test_shell_word_is_one_word(text: str) -> None:
    assert shlex.split(escape.shell_word(text)) == [escape.visible(text)]
