# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The node's YAML reader against PyYAML: the same value, or an error with a line, and never slow."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.yaml import MAX_DEPTH, YamlError, load_all


class _CoreLoader(yaml.SafeLoader):
    """PyYAML with the scalars that podnet.lab resolves, and no others; merge keys are plain keys."""

    yaml_implicit_resolvers = {}  # noqa: RUF012


_CoreLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_CoreLoader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), list("-0123456789"))


def _judge(text: Any) -> Any:
    """PyYAML's documents, or None when it refuses the text."""
    try:
        return list(yaml.load_all(text, Loader=_CoreLoader))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, IndexError):
        return None


def _ours(text: Any) -> Any:
    try:
        return load_all(text)
    except YamlError:
        return None


SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=40)
KEYS = st.text(max_size=20) | st.integers(-5, 5)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)

EXAMPLES = settings.get_profile("podnet").max_examples
"""Fewer under ansible-test, as tests/unit/conftest.py says."""


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(
    st.lists(DOCUMENTS, min_size=1, max_size=3),
    st.sampled_from([None, "'", '"', "|", ">"]),
    st.sampled_from([True, False, None]),
    st.sampled_from([2, 4, 7]),
    st.sampled_from([20, 80, 4096]),
    st.booleans(),
)
def test_what_pyyaml_dumps_is_read_alike_or_refused(
    documents: Any, style: Any, flow: Any, indent: Any, width: Any, unicode: Any
) -> None:
    text = yaml.safe_dump_all(
        documents,
        default_style=style,
        default_flow_style=flow,
        indent=indent,
        width=width,
        allow_unicode=unicode,
        explicit_start=True,
    )
    ours = _ours(text)
    # Tags (`!!int "1"`) and explicit keys come from forced styles and are refused.
    assert ours is None or ours == _judge(text)


SIMPLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.from_regex(r"[a-z][a-z0-9./:-]{0,30}", fullmatch=True),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.from_regex(r"[A-Za-z][A-Za-z0-9./-]{0,20}", fullmatch=True), inner, max_size=4)
    ),
    max_leaves=25,
)


@settings(max_examples=3 * EXAMPLES, deadline=None)
@given(SIMPLE, st.sampled_from([2, 4]))
def test_documents_like_those_of_kubernetes_are_never_refused(document: Any, indent: Any) -> None:
    assert load_all(yaml.safe_dump(document, indent=indent, default_flow_style=False)) == [document]


@settings(max_examples=3 * EXAMPLES, deadline=None)
@given(SIMPLE, st.sampled_from([None, 1, 4]))
def test_json_is_a_subset(document: Any, indent: Any) -> None:
    assert load_all(json.dumps(document, indent=indent)) == [document]


FRAGMENTS = st.sampled_from(
    [
        *"#'\"[]{},:-|>\\@`%=1a \n\n\n\t\r\x85\u2028",
        *(": ", "- ", "  ", "    ", " # c", ", ", "|-", ">+", "|2", "---", "\n---\n", "...", "\n...\n", "key", "\n- "),
        *(
            "&x",
            "*x",
            "!t",
            "? ",
            "<<",
            "\\n",
            "-1",
            "010",
            "true",
            "null",
            "~",
            "\r\n",
            "é",
            "''",
            '""',
            "k: ",
            "\n  ",
        ),
    ]
)


@settings(max_examples=30 * EXAMPLES, deadline=None)
@given(st.lists(FRAGMENTS, max_size=25).map("".join))
@example("a: |\n    \n  x\n")
@example("a: b\n  - c")
@example("- - |\n x\n")
@example("a:\n- |1\n  b\n")
@example("a: 'b\n\n  c'")
@example("--- a: b")
@example("|\n  x\n ")
@example("\n...\n...\n")
def test_whatever_is_read_is_what_pyyaml_reads(text: Any) -> None:
    ours = _ours(text)
    if ours is not None:
        assert ours == _judge(text)


@settings(max_examples=3 * EXAMPLES, deadline=None)
@given(st.text(max_size=60))
def test_arbitrary_text_is_read_alike_or_refused(text: Any) -> None:
    ours = _ours(text)
    if ours is not None:
        assert ours == _judge(text)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: &x 1\n", 1),
        ("a: 1\nb: *x\n", 2),
        ("a: !!str 1\n", 1),
        ("a:\n  <<: {b: 1}\n", 2),
        ("a: {<<: {b: 1}}\n", 1),
        ("? a\n: b\n", 1),
        ("a:\n\tb: 1\n", 2),
        ("a: b\n\n# c\n  d: e\n", 4),
        ("a: 1\na: 2\n", 2),
        ("a: {b: 1, b: 2}\n", 1),
        ("%YAML 1.2\n---\na: 1\n", 1),
        ("a: [1, 2\n", 2),
        ('a: "b\n', 1),
        ("a: b: c\n", 1),
        ("a: - b\n", 1),
        ('a: "\\ud800"\n', 1),
        ('a: "\\q"\n', 1),
        ("a: \x01\n", 1),
        ("a\rb: 1\n", 1),
        ("[a, b]: c\n", 1),
        ("x" * 2000 + ": 1\n", 1),
        ("a: 1\n b: 2\n", 2),
    ],
)
def test_what_lies_outside_is_refused_with_its_line(text: Any, line: Any) -> None:
    with pytest.raises(YamlError) as caught:
        load_all(text)
    assert caught.value.line == line
    assert str(caught.value).startswith("line %d: " % line)


def test_scalars_about_which_versions_of_yaml_disagree_stay_text() -> None:
    text = "[yes, on, 010, 0x1f, 1_000, 1:30, 1.5, 1e3, .inf, 2026-01-01, =, 007]"
    assert load_all(text) == [
        ["yes", "on", "010", "0x1f", "1_000", "1:30", "1.5", "1e3", ".inf", "2026-01-01", "=", "007"]
    ]


@pytest.mark.parametrize(
    "text",
    [
        "- " * 5000 + "a",
        "[" * 5000,
        '{"a":' * 5000,
        "\n".join(" " * n + "a:" for n in range(2000)),
    ],
)
def test_deep_nesting_is_refused_without_a_recursion_error(text: Any) -> None:
    with pytest.raises(YamlError, match="nested more than %d deep" % MAX_DEPTH):
        load_all(text)


@pytest.mark.parametrize(
    "unit",
    [
        "- a\n",
        "k%d: v\n",
        "a%d: |\n  x\n\n",
        "- 'x\n\n  y'\n",
        '- "a\\tb"\n',
        "\n",
        "# c\n",
        "x ",
        "- [a, {b: c}]\n",
        " ",
        "'",
        '"a" ',
        "a:",
    ],
)
def test_time_is_linear(unit: Any) -> None:
    def seconds(count: Any) -> Any:
        text = "".join(unit % n if "%d" in unit else unit for n in range(count))
        best = 9.0
        for _repeat in range(3):
            start = time.process_time()
            try:
                load_all(text)
            except YamlError:
                pass
            best = min(best, time.process_time() - start)
        return best

    # Eight times the text in quadratic time would be 64 times as long.
    assert seconds(16000) < 24 * max(seconds(2000), 0.001)
