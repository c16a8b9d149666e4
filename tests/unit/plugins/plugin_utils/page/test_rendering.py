# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Parts that are rendered once: each thing has its own, whoever else looks like it or was there before."""

from __future__ import annotations

import jinja2
import pytest
from markupsafe import Markup

from ansible_collections.podnet.lab.plugins.plugin_utils.page import rendering

TEMPLATE = "{% macro part(thing, more) %}<b>{{ thing.name }}{{ more }}</b>{% endmacro %}{{ once(part, one, more) }}"


def test_a_part_is_rendered_once_for_each_thing_and_option() -> None:
    template = rendering.environment().from_string(TEMPLATE)
    first, second = {"name": "<1>"}, {"name": "<2>"}
    assert template.render(one=first, more="a") == "<b>&lt;1&gt;a</b>"
    assert template.render(one=second, more="a") == "<b>&lt;2&gt;a</b>"
    assert template.render(one=first, more="b") == "<b>&lt;1&gt;b</b>"
    first["name"] = "changed"
    assert template.render(one=first, more="a") == "<b>&lt;1&gt;a</b>"


def test_things_that_are_gone_are_not_mistaken_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "KEPT", 7)
    template = rendering.environment().from_string(TEMPLATE)
    for number in range(100):  # each may get the memory, and so the id, of one before it
        assert template.render(one={"name": number}, more="") == f"<b>{number}</b>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("<b>&\"'\u202e", "&lt;b&gt;&amp;&#34;&#39;\\u202e"),
        (type("Text", (str,), {})("<i>"), "&lt;i&gt;"),
        (["<u>"], "[&#39;&lt;u&gt;&#39;]"),
        (None, ""),
        (True, "True"),
        (1.5, "1.5"),
        (Markup("<p>"), "<p>"),
    ],
)
def test_all_but_markup_is_escaped_once(value: object, shown: str) -> None:
    template = rendering.environment().from_string(
        "{{ value }}|{% macro part(one) %}{{ one }}{% endmacro %}{{ part(value) }}"
    )
    for _again in range(2):  # texts that were escaped are kept
        assert template.render(value=value) == f"{shown}|{shown}"
    assert template.render(value="<p>") == "&lt;p&gt;|&lt;p&gt;"  # whatever markup had the same text


def test_a_value_that_is_not_there_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError):
        rendering.environment().from_string("{{ value }}").render()
