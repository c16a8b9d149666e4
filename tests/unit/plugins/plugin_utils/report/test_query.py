# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath over the model."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.report import query
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    HOSTILE,
    NodeFile,
    model_of,
    three_nodes,
)


def test_query() -> None:
    assert query.run("pods[?host=='node2' && !host_network].addresses[].local", model_of(*three_nodes())) == [
        "10.244.2.2",
        "10.244.2.3",
        "10.244.2.4",
        "10.244.2.5",
    ]


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("pods[?x=]", "Unknown token '=' at character 8: pods[?x >>>=]"),
        ("pods[", "it ends too early at character 6: pods[ >>> (end)"),
        ("a b", "Unexpected token: b at character 3: a  >>>b"),
        ("nodes[].lenght(@)", "there is no function lenght() in JMESPath at character 9: nodes[]. >>>lenght(@)"),
        (" ", "podnet_query is empty"),
    ],
)
def test_error_shows_the_place(expression: str, said: str) -> None:
    with pytest.raises(query.QueryError) as caught:
        query.check(expression)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_error_in_use_is_short() -> None:
    with pytest.raises(query.QueryError, match="fails on this report") as caught:
        query.run("sum(nodes)", model_of(*three_nodes()))
    assert len(str(caught.value)) < 400


@given(st.one_of(st.text(max_size=30), st.text(alphabet="pods[]?=&@.|'`{}()*,x ", max_size=20)))
def test_any_text_is_a_query_or_one_error(expression: str) -> None:
    try:
        query.check(expression)
    except query.QueryError as exc:
        said = str(exc)
    else:
        said = "podnet_query"
    assert said.startswith("podnet_query")


def test_result_cannot_act_on_the_terminal() -> None:
    node = NodeFile(1)
    for text in HOSTILE:
        node.pod(text)
    text = query.as_text(query.run("pods[].name", model_of(node)))
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\n"))
    assert sorted(json.loads(text)) == sorted(HOSTILE)
