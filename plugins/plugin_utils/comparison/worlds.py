# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two worlds side by side, such as the lab and a cluster: by the duties of a CNI plugin, and by scope."""

from __future__ import annotations

from collections.abc import Iterable

from .duties import DUTIES
from .measured import Measured, Question, not_read
from .names import told_apart
from .records import Aspect, Subject, Verdict
from .scopes import SCOPES
from .world import World

VERDICTS: tuple[Verdict, ...] = ("different", "missing", "not_read", "name", "same")
"""What counts most first: a subject is as its worst aspect."""


def duties(left: World, right: World) -> list[Subject]:
    """Return what both sides did of each duty of a CNI plugin."""
    return [_subject(key, title, questions, left, right) for key, title, questions in DUTIES]


def scopes(left: World, right: World) -> list[Subject]:
    """Return what there is on both sides in each scope."""
    return [_subject(key, title, questions, left, right) for key, title, questions in SCOPES]


def _subject(key: str, title: str, questions: Iterable[Question], left: World, right: World) -> Subject:
    aspects = [_aspect(question, _asked(question, left), _asked(question, right)) for question in questions]
    worst = min((one["verdict"] for one in aspects), key=VERDICTS.index)
    return {"key": key, "title": title, "verdict": worst, "aspects": aspects}


def _asked(question: Question, world: World) -> Measured:
    """Return what *world* answers. What is absent on nodes that were read only in part may just not have been seen."""
    if not world.read:
        return not_read("no node of this side was read")
    measured = question.measure(world)
    if measured.seen["state"] == "absent" and world.partial:
        return not_read(f"{measured.seen['text']}, but {world.partial[0]} was read only in part")
    return measured


def _aspect(question: Question, left: Measured, right: Measured) -> Aspect:
    verdict = _verdict(left, right)
    unread = [one.seen["state"] == "not_read" for one in (left, right)]
    why: str | None = question.matters
    if verdict == "same":
        why = None
    elif verdict == "name":
        why = told_apart(_other(left, right), _other(right, left)) + "."
    elif verdict == "not_read":
        why = "Nothing follows from what was not read."
    return {
        "key": question.key,
        "title": question.title,
        "verdict": verdict,
        "left": left.seen,
        "right": right.seen,
        "why": why,
        # A gate must not open because one side was not read; what neither holds is no difference.
        "counts": verdict in ("different", "missing") or unread[0] != unread[1],
        "expected": False,
    }


def _other(one: Measured, other: Measured) -> str:
    """Return a name of *one* that *other* does not have."""
    return next((name for name in one.names if name not in other.names), ", ".join(one.names) or "no name")


def _verdict(left: Measured, right: Measured) -> Verdict:
    states = {left.seen["state"], right.seen["state"]}
    if "not_read" in states:
        return "not_read"
    if states == {"absent"}:
        return "same"
    if "absent" in states:
        return "missing"
    if left.value != right.value:
        return "different"
    return "same" if set(left.names) == set(right.names) else "name"
