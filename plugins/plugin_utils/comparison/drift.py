# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changed between two snapshots of the same nodes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from ..model.merge import host_order
from ..text import words
from .records import (
    Change,
    Count,
    Difference,
    Drift,
    Field,
    NotCompared,
)
from .things import KINDS, Thing, things
from .world import World

FIGURES = ("unchanged", "added", "removed", "changed", "recreated", "renamed", "not read")
"""What `figures` counts, in its order."""


def figures(count: Count) -> list[int]:
    """Return the numbers of *count*, as a row of a table."""
    return [
        count["unchanged"],
        count["added"],
        count["removed"],
        count["changed"],
        count["recreated"],
        count["renamed"],
        count["not_read"],
    ]


def drift(old: World, new: World) -> Drift:
    """Return what *new* has otherwise than *old*. Nodes that were not read on one side are left out, and named."""
    hosts = (_read(old), _read(new))
    known = {node["host"] for world in (old, new) for node in world.model["nodes"]}
    unread = {node["host"] for world in (old, new) for node in world.model["nodes"] if node["error"] is not None}
    both = (hosts[0] & hosts[1]) - unread
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    differences: list[Difference] = []
    not_compared = [
        *(_not_compared("node", host, _reason(old, new, host)) for host in sorted(unread, key=host_order)),
        *_sections(old, new, both),
    ]
    for host in sorted(known - unread - both, key=host_order):
        side, change = (old, "removed") if host in hosts[0] else (new, "added")
        differences.append(_node(side, host, "added" if change == "added" else "removed"))
        counts["node"][change] += 1
    for host in sorted(unread, key=host_order):
        if host in hosts[0] or host in hosts[1]:
            differences.append(_difference("node", host, host, "not_read", note=_reason(old, new, host)))
            counts["node"]["not_read"] += 1
    skipped = {(one["what"], one["host"]) for one in not_compared}
    firewall = both & set(old.nat) & set(new.nat)
    services = both & old.services & new.services
    before = [one for one in things(old, both, firewall, services) if (one.what, one.host) not in skipped]
    after = [one for one in things(new, both, firewall, services) if (one.what, one.host) not in skipped]
    for first, second in _matched(before, after):
        found = _compared(first, second, old, new)
        what = (first or second or before[0]).what
        counts[what][found["change"] if found else "unchanged"] += 1
        if found:
            differences.append(found)
    differences.extend(
        _difference(one["what"], one["host"], one["what"], "not_read", note=one["reason"])
        for one in not_compared
        if one["what"] != "node" and _one_sided(old, new, one)
    )
    return {
        "counts": [_count(kind, counts[kind]) for kind in KINDS],
        "differences": sorted(differences, key=_order),
        "not_compared": not_compared,
    }


def _read(world: World) -> set[str]:
    return {node["host"] for node in world.read}


def _order(one: Difference) -> tuple[int, list[tuple[int, int, str]], str]:
    return (KINDS.index(one["what"]), host_order(one["host"] or ""), one["name"])


def _not_compared(what: str, host: str, reason: str) -> NotCompared:
    return {"what": what, "host": host, "reason": reason}


def _reason(old: World, new: World, host: str) -> str:
    told = [
        f"{side}: {node['error']['cause']}"
        for side, world in (("before", old), ("after", new))
        for node in world.model["nodes"]
        if node["host"] == host and node["error"] is not None
    ]
    return "not read " + "; ".join(told)


_ASKED_FOR = {
    "sysctl": "subset sysctls",
    "nat": "subset firewall",
    "route": "subset routes",
    "service": "podnet_services",
}
"""What is only read when asked for, and by what."""


def _has(world: World, what: str, host: str) -> bool:
    if what == "sysctl":
        return host in world.sysctls
    if what == "nat":
        return host in world.nat
    if what == "service":
        return host in world.services
    own = world.views[host].own_namespace
    return own is not None and own["routes"] is not None


def _sections(old: World, new: World, hosts: Iterable[str]) -> list[NotCompared]:
    """Return what at least one side did not read on a node that it did read."""
    found = []
    for what, option in _ASKED_FOR.items():
        for host in sorted(hosts, key=host_order):
            lacking = [side for side, world in (("before", old), ("after", new)) if not _has(world, what, host)]
            if lacking:
                reason = f"not read {' and '.join(lacking)} ({option})"
                found.append(_not_compared(what, host, reason))
    return found


def _one_sided(old: World, new: World, one: NotCompared) -> bool:
    return _has(old, one["what"], one["host"]) != _has(new, one["what"], one["host"])


def _node(world: World, host: str, change: Change) -> Difference:
    view = world.views[host]
    held = ", ".join((words.counted(len(view.pods), "pod"), words.counted(len(view.bridges), "bridge")))
    return _difference("node", host, host, change, note=f"with {held}")


def _matched(before: list[Thing], after: list[Thing]) -> Iterable[tuple[Thing | None, Thing | None]]:
    """Pair the things of both sides: by identity, then those that are left by likeness."""
    old = {(one.what, one.identity): one for one in before}
    new = {(one.what, one.identity): one for one in after}
    pairs: list[tuple[Thing | None, Thing | None]] = []
    waiting: dict[tuple[str, str], list[Thing]] = defaultdict(list)
    for key, one in new.items():
        if key not in old and one.likeness is not None:
            waiting[one.what, one.likeness].append(one)
    taken: set[tuple[str, str]] = set()
    for key, one in old.items():
        other = new.get(key)
        if other is None and one.likeness is not None:
            candidates = waiting[one.what, one.likeness]
            same_node = [index for index, candidate in enumerate(candidates) if candidate.host == one.host]
            other = candidates.pop(same_node[0] if same_node else 0) if candidates else None
        if other is not None:
            taken.add((other.what, other.identity))
        pairs.append((one, other))
    pairs.extend((None, one) for key, one in new.items() if key not in taken)
    return pairs


def _compared(first: Thing | None, second: Thing | None, old: World, new: World) -> Difference | None:
    if first is None or second is None:
        return _alone(first, second, old, new)
    fields = [
        field
        for name in dict.fromkeys((*first.values, *second.values))
        if (field := _field(name, first, second)) is not None
    ]
    if first.what == "bridge" and first.name != second.name:
        fields.insert(0, {"field": "name", "old": first.name, "new": second.name, "name_only": True})
    if not fields:
        return None
    change: Change = "renamed" if all(field["name_only"] for field in fields) else "changed"
    note = None
    uid = next((field for field in fields if field["field"] == "uid"), None)
    if uid is not None and "unknown" not in (uid["old"], uid["new"]):
        change, note = "recreated", "the same name, another pod: it was made anew"
    return _difference(second.what, second.host, second.name, change, fields, note)


def _field(name: str, first: Thing, second: Thing) -> Field | None:
    old, new = first.values.get(name), second.values.get(name)
    if old is not None and new is not None and old.text == new.text:
        return None
    name_only = all(one is None or one.name_only for one in (old, new))
    return {
        "field": name,
        "old": old.text if old else None,
        "new": new.text if new else None,
        "name_only": name_only,
    }


def _alone(first: Thing | None, second: Thing | None, old: World, new: World) -> Difference | None:
    """Return the difference of a thing that only one side has, unless the other side may just not have seen it."""
    one = first or second
    if one is None:
        return None
    other, where = (new, "after") if first is not None else (old, "before")
    partial = other.partial if one.host is None else [host for host in other.partial if host == one.host]
    if partial:
        note = f"not seen {where}, when {partial[0]} was read only in part"
        return _difference(one.what, one.host, one.name, "not_read", note=note)
    fields: list[Field] = [
        {
            "field": name,
            "old": value.text if first is not None else None,
            "new": value.text if first is None else None,
            "name_only": value.name_only,
        }
        for name, value in one.values.items()
        if not value.name_only and value.text not in ("none", "unknown")
    ]
    return _difference(one.what, one.host, one.name, "removed" if first is not None else "added", fields)


def _difference(
    what: str, host: str | None, name: str, change: Change, fields: list[Field] | None = None, note: str | None = None
) -> Difference:
    # Pods keep their name wherever they run; everything else is at home on a node.
    place = name if what == "pod" or host is None or name == host else f"{host}/{name}"
    return {
        "key": f"{what}:{place}",
        "what": what,
        "name": name,
        "host": host,
        "change": change,
        "fields": fields or [],
        "note": note,
        "counts": change != "renamed",
        "expected": False,
    }


def _count(what: str, counts: Counter[str]) -> Count:
    return {
        "what": what,
        "unchanged": counts["unchanged"],
        "added": counts["added"],
        "removed": counts["removed"],
        "changed": counts["changed"],
        "recreated": counts["recreated"],
        "renamed": counts["renamed"],
        "not_read": counts["not_read"],
    }
