# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model of all nodes, from what each node file adds to it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from . import ranges, services
from .index import by_node
from .records import (
    SCHEMA_VERSION,
    Model,
    NodePart,
    Range,
    Superseded,
)


def merged(parts: Iterable[NodePart], superseded: Iterable[Superseded] = ()) -> Model:
    """Return the model of all nodes, without its odd things: the room `findings` looks for those.

    The order is that of the host names with their numbers read as numbers (node2 before
    node10), so that two reports of the same nodes can be compared line by line.
    """
    ordered = sorted(parts, key=lambda part: host_order(part["node"]["host"]))
    nodes = [part["node"] for part in ordered]
    times = sorted(node["collected_at"] for node in nodes if node["collected_at"])
    pods = [pod for part in ordered for pod in part["pods"]]
    model: Model = {
        "schema_version": SCHEMA_VERSION,
        "first_collected_at": times[0] if times else None,
        "last_collected_at": times[-1] if times else None,
        "totals": {
            "nodes": len(nodes),
            "nodes_read": sum(node["error"] is None for node in nodes),
            "namespaces": sum(len(part["namespaces"]) for part in ordered),
            "pods": sum(len(part["pods"]) for part in ordered),
            "cables": 0,
            "bridges": sum(len(part["bridges"]) for part in ordered),
            "odd": 0,
        },
        "odd": [],
        "ignored": [],
        "nodes": nodes,
        "pods": pods,
        "cables": [cable for part in ordered for cable in part["cables"]],
        "bridges": [bridge for part in ordered for bridge in part["bridges"]],
        "ranges": _merged_ranges(one for part in ordered for one in part["ranges"]),
        "leases": [lease for part in ordered for lease in part["leases"]],
        "services": services.merged((part["services"] for part in ordered), pods, nodes),
        "namespaces": [namespace for part in ordered for namespace in part["namespaces"]],
        "superseded": list(superseded),
    }
    model["totals"]["cables"] = sum(view.count_cables() for view in by_node(model).values())
    return model


@lru_cache(maxsize=65536)
def host_order(host: str) -> list[tuple[int, int, str]]:
    """Return a sort key that reads runs of digits as numbers, however long."""
    key: list[tuple[int, int, str]] = []
    for run in re.findall(r"[0-9]+|[^0-9]+", host):
        digits = run.lstrip("0")
        key.append((0, len(digits), digits) if run[0] in "0123456789" else (1, 0, run))
    return [*key, (2, 0, host)]


_SCOPES = ("cluster", "node", "block", "hint")


def _merged_ranges(entries: Iterable[Range]) -> list[Range]:
    """Join ranges that only differ in where they are written."""
    joined: dict[tuple[str, str, str], Range] = {}
    hosts: dict[tuple[str, str, str], dict[str, None]] = {}
    for entry in entries:
        key = (entry["what"], entry["scope"], entry["cidr"])
        known = joined.setdefault(key, {**entry, "sources": []})
        hosts.setdefault(key, {}).update(dict.fromkeys(entry["hosts"]))
        known["sources"].extend(entry["sources"])
    for one in joined.values():
        one["hosts"] = list(hosts[one["what"], one["scope"], one["cidr"]])
    return sorted(
        joined.values(),
        key=lambda one: (
            one["what"],
            _SCOPES.index(one["scope"]) if one["scope"] in _SCOPES else len(_SCOPES),
            ranges.order(one["cidr"]),
        ),
    )
