# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The records of a comparison: what ``comparison.json`` holds (docs/schema/comparison.schema.json)."""

from __future__ import annotations

from typing import Literal, TypedDict

SCHEMA_VERSION = 1
"""Version of comparison.json; raised when a key changes its meaning."""

Mode = Literal["worlds", "drift"]
Verdict = Literal["same", "name", "different", "missing", "not_read"]
State = Literal["seen", "absent", "not_read"]
Change = Literal["added", "removed", "changed", "recreated", "renamed", "not_read"]


class Unread(TypedDict):
    """A node of which nothing is known, and why."""

    host: str
    cause: str
    remedy: str


class Side(TypedDict):
    """One of the two things that are compared."""

    name: str
    folders: list[str]
    """Report folders that it was made from; empty when its nodes were read now."""
    hosts: list[str]
    """Inventory names of its nodes that were read."""
    unread: list[Unread]
    partial: list[str]
    """Nodes that were read only in part: what is absent there may just not have been seen."""
    first_collected_at: str | None
    last_collected_at: str | None
    pods: int
    bridges: int


class Seen(TypedDict):
    """What one side did, and where one sees it."""

    state: State
    text: str
    host: str | None
    command: str | None
    """What a person would type on ``host`` to see it."""


class Aspect(TypedDict):
    """One thing in which two worlds are compared."""

    key: str
    title: str
    verdict: Verdict
    left: Seen
    right: Seen
    why: str | None
    """Different, missing: why it matters. Only the name: which names. Not read: what to do."""
    counts: bool
    """Whether it counts as a difference; not so when the same, only a name, or read on neither side."""
    expected: bool


class Subject(TypedDict):
    """A duty of the CNI plugin, or a scope, with what is compared in it."""

    key: str
    title: str
    verdict: Verdict
    aspects: list[Aspect]


class Field(TypedDict):
    """One value of a thing that changed."""

    field: str
    old: str | None
    new: str | None
    name_only: bool
    """Whether it is only a name that was made up when the thing was made, such as ``veth1a2b3c4d``."""


class Difference(TypedDict):
    """One thing that is not as it was."""

    key: str
    what: str
    name: str
    host: str | None
    change: Change
    fields: list[Field]
    note: str | None
    counts: bool
    expected: bool


class Count(TypedDict):
    """How many things of one kind are as they were, and how many are not."""

    what: str
    unchanged: int
    added: int
    removed: int
    changed: int
    recreated: int
    renamed: int
    not_read: int


class NotCompared(TypedDict):
    """Something that at least one side does not hold."""

    what: str
    host: str
    reason: str


class Drift(TypedDict):
    """What changed between two snapshots of the same nodes."""

    counts: list[Count]
    differences: list[Difference]
    not_compared: list[NotCompared]


class Comparison(TypedDict):
    """Everything that comparing two sides says."""

    schema_version: int
    mode: Mode
    mode_reason: str
    left: Side
    right: Side
    duties: list[Subject]
    scopes: list[Subject]
    drift: Drift | None
    unexpected: list[str]
    """Keys of the differences that nobody expected."""
    expected_unmet: list[str]
    """Expected keys for which there is no difference."""
