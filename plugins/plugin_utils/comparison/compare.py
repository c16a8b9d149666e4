# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing two sides: which way, with what result, and what of it nobody expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from ..report import rows
from ..text import words
from . import drift, worlds
from .records import (
    SCHEMA_VERSION,
    Comparison,
    Mode,
    Side,
)
from .world import World


class CompareError(Exception):
    """Two sides cannot be compared; the message says why, and what to do."""


def compare(
    left: World,
    right: World,
    names: tuple[str, str],
    folders: tuple[Sequence[str], Sequence[str]],
    wanted: Mode | None = None,
    expected: Sequence[str] = (),
) -> Comparison:
    """Return how *left* and *right* compare.

    *names* is what the sides are called, *folders* are the report folders that they were made
    from (none for nodes that were read now). *wanted* is the way to compare; None chooses it.
    *expected* are keys of differences that are no surprise, as patterns of the shell.
    """
    mode, reason = _mode(left, right, wanted)
    result: Comparison = {
        "schema_version": SCHEMA_VERSION,
        "mode": mode,
        "mode_reason": reason,
        "left": _side(left, names[0], folders[0]),
        "right": _side(right, names[1], folders[1]),
        "duties": worlds.duties(left, right) if mode == "worlds" else [],
        "scopes": worlds.scopes(left, right) if mode == "worlds" else [],
        "drift": drift.drift(left, right) if mode == "drift" else None,
        "unexpected": [],
        "expected_unmet": [],
    }
    _expect(result, expected)
    return result


def _mode(left: World, right: World, wanted: Mode | None) -> tuple[Mode, str]:
    """Choose: two snapshots of the same nodes drift, other nodes are another world.

    Inventory names prove nothing, for many clusters have a node1: at least one node must have
    kept an address by which others know it.
    """
    old = {node["host"]: set(rows.node_addresses(node)) for node in left.read}
    new = {node["host"]: set(rows.node_addresses(node)) for node in right.read}
    if wanted is not None:
        return wanted, {"worlds": "two worlds, as asked for", "drift": "what changed in between, as asked for"}[wanted]
    kept = [host for host, addresses in old.items() if addresses & new.get(host, set())]
    if kept:
        return "drift", f"both sides hold {words.listed(kept, 3)} with the same address: what changed in between"
    if set(old) & set(new):
        return "worlds", "the nodes have the same names, but no address in common: two worlds"
    return "worlds", "the sides are different nodes: two worlds"


def _side(world: World, name: str, folders: Sequence[str]) -> Side:
    return {
        "name": name,
        "folders": list(folders),
        "hosts": [node["host"] for node in world.read],
        "unread": [
            {"host": node["host"], "cause": node["error"]["cause"], "remedy": node["error"]["remedy"]}
            for node in world.model["nodes"]
            if node["error"] is not None
        ],
        "partial": world.partial,
        "first_collected_at": world.model["first_collected_at"],
        "last_collected_at": world.model["last_collected_at"],
        "pods": world.model["totals"]["pods"],
        "bridges": world.model["totals"]["bridges"],
    }


def _expect(result: Comparison, expected: Sequence[str]) -> None:
    """Mark the differences that were expected, and note the others, and what was expected in vain."""
    met: set[str] = set()
    unexpected: dict[str, None] = {}
    aspects = [aspect for subject in (*result["duties"], *result["scopes"]) for aspect in subject["aspects"]]
    differences = result["drift"]["differences"] if result["drift"] else []
    for one in (*aspects, *differences):
        if not one["counts"]:
            continue
        fitting = _fitting(one["key"], expected)
        met.update(fitting)
        one["expected"] = bool(fitting)
        if not fitting:
            unexpected[one["key"]] = None
    result["unexpected"] = list(unexpected)
    result["expected_unmet"] = [pattern for pattern in expected if pattern not in met]


def _fitting(key: str, patterns: Iterable[str]) -> list[str]:
    """Return the patterns that *key* fits, literally or as the shell matches names."""
    return [pattern for pattern in patterns if pattern == key or fnmatchcase(key, pattern)]
