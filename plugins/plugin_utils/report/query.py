# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath over the model, with errors that say where."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..model.records import Json, Model
from ..text.escape import shortened, visible

try:
    import jmespath
    import jmespath.exceptions
    import jmespath.functions
except ImportError:  # libraries.missing() says so, in words, before anything here is called
    pass


class QueryError(Exception):
    """A JMESPath expression cannot be used; the message shows the place."""


def check(expression: str) -> None:
    """Raise QueryError unless *expression* can be parsed and only calls functions that exist."""
    if not expression.strip():
        raise QueryError("podnet_query is empty: give a JMESPath expression, such as pods[].name")
    try:
        parsed = jmespath.compile(expression).parsed
    except (jmespath.exceptions.ParseError, jmespath.exceptions.LexerError) as exc:
        raise QueryError(_at(expression, exc)) from exc
    except RecursionError as exc:
        raise QueryError("podnet_query is nested too deeply") from exc
    known = jmespath.functions.Functions.FUNCTION_TABLE
    for name in _functions(parsed):
        if name not in known:
            place = expression.find(f"{name}(")
            raise QueryError(
                _pointed(expression, f"there is no function {name}() in JMESPath", place if place >= 0 else None)
            )


def _at(expression: str, error: jmespath.exceptions.ParseError | jmespath.exceptions.LexerError) -> str:
    if isinstance(error, jmespath.exceptions.IncompleteExpressionError):
        return _pointed(expression, "it ends too early", len(expression))
    message = error.message if isinstance(error, jmespath.exceptions.LexerError) else error.msg
    return _pointed(expression, message, error.lex_position)


def _pointed(expression: str, what: str, place: int | None) -> str:
    if place is None:
        return f"podnet_query cannot be used: {what}: {expression}"
    return (
        f"podnet_query cannot be used: {what} at character {place + 1}: "
        f"{expression[:place]} >>>{expression[place:] or ' (end)'}"
    )


def _functions(node: Json) -> Iterator[str]:
    """Yield the names of the functions that a parsed expression calls."""
    if not isinstance(node, dict):
        return
    if node.get("type") == "function_expression":
        yield str(node["value"])
    for child in node.get("children", []):
        yield from _functions(child)


def run(expression: str, model: Model) -> Json:
    """Return what *expression* finds in *model*; raise QueryError."""
    check(expression)
    try:
        return jmespath.search(expression, model)
    except jmespath.exceptions.JMESPathError as exc:
        reason = shortened(visible(str(exc)), 300)  # it may quote the whole report
        raise QueryError(f"podnet_query fails on this report: {reason}: {expression}") from exc


def as_text(result: Json) -> str:
    """Return a query's result as indented JSON. It is pure ASCII: nothing in it can act on a terminal."""
    return json.dumps(result, indent=2)
