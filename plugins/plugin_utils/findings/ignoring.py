# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator knows and accepts: findings that are set aside, with the reason, and stay visible.

A rule names a kind, an object or a node, as shell patterns, and a reason. It never hides what could not be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from ..model.records import Finding, Model

_KEYS = ("kind", "object", "host", "reason")
_NEVER = ("node-not-read", "node-partly-read", "namespace-not-read")


class IgnoreError(ValueError):
    """A rule cannot be used; the message says which and why."""


class Rule(NamedTuple):
    """Findings whose kind, object and one node fit the patterns are set aside."""

    kind: str
    object: str
    host: str
    reason: str

    def fits(self, finding: Finding) -> bool:
        """Tell whether the rule is about *finding*; with a node, about one that concerns this node alone."""
        return (
            finding["kind"] not in _NEVER
            and fnmatchcase(finding["kind"], self.kind)
            and fnmatchcase(finding["object"], self.object)
            and all(fnmatchcase(host, self.host) for host in finding["hosts"])
        )


def rules(entries: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """Return the rules that *entries* of ``podnet_ignore`` stand for; raise IgnoreError."""
    result: list[Rule] = []
    for number, entry in enumerate(entries, 1):
        unknown = sorted(str(key) for key in entry if key not in _KEYS)
        if unknown:
            raise IgnoreError(
                f"Entry {number} of podnet_ignore has {', '.join(unknown)}; it may have {', '.join(_KEYS)}"
            )
        texts = {key: entry.get(key) for key in _KEYS}
        if not all(value is None or isinstance(value, str) for value in texts.values()):
            raise IgnoreError(f"Entry {number} of podnet_ignore has a value that is no text")
        if not (texts["kind"] or texts["object"]):
            raise IgnoreError(f"Entry {number} of podnet_ignore names neither a kind nor an object")
        if not str(texts["reason"] or "").strip():
            raise IgnoreError(f"Entry {number} of podnet_ignore has no reason. Say why it is no fault here")
        kind, thing, host = (str(texts[key] or "*") for key in ("kind", "object", "host"))
        result.append(Rule(kind, thing, host, str(texts["reason"])))
    return result


def applied(model: Model, chosen: Sequence[Rule]) -> Model:
    """Return *model* with the odd things that a rule is about set aside, each with the first rule's reason."""
    odd: list[Finding] = []
    ignored: list[Finding] = []
    for finding in model["odd"]:
        rule = next((one for one in chosen if one.fits(finding)), None)
        if rule is None:
            odd.append(finding)
        else:
            ignored.append({**finding, "reason": rule.reason})
    return {**model, "odd": odd, "ignored": ignored, "totals": {**model["totals"], "odd": len(odd)}}
