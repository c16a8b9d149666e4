# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an operator accepts is set aside with the reason, and nothing else is."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import ignoring
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.report import markdown, terminal
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, model_of, unread
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.test_model import schema


def ignored(model: Model, **entry: str) -> Model:
    """Return the model with one rule."""
    return ignoring.applied(model, ignoring.rules([{"reason": "known", **entry}]))


def two_nodes() -> Model:
    """Return a model with leaked leases on two nodes, a pod's interface down, and a node that was not read."""
    nodes = [NodeFile(1, pods=2), NodeFile(2, pods=2)]
    for node in nodes:
        node.lease(f"10.244.{node.number}.77", "leaked")
    nodes[0].namespaces[1]["interfaces"][0]["operstate"] = "DOWN"
    return model_of(*nodes, unread("node3"))


@pytest.mark.parametrize(
    ("entry", "count"),
    [
        ({"kind": "lease-leaked"}, 2),
        ({"kind": "lease-*"}, 2),
        ({"kind": "lease-*", "host": "node2"}, 1),
        ({"kind": "lease-*", "host": "node[12]"}, 2),
        ({"object": "default/pod1 *"}, 1),
        ({"object": "pods", "kind": "pod-*"}, 0),
        ({"kind": "*"}, 3),
        ({"kind": "node-not-read"}, 0),
    ],
)
def test_rules(entry: dict[str, str], count: int) -> None:
    model = two_nodes()
    found = ignored(model, **entry)
    assert len(found["ignored"]) == count
    assert len(found["odd"]) == found["totals"]["odd"] == len(model["odd"]) - count
    assert all(one.get("reason") == "known" for one in found["ignored"])


def test_a_finding_of_two_nodes_is_not_only_about_one() -> None:
    nodes = [NodeFile(1), NodeFile(2)]
    for node in nodes:
        node.pod("same", address="10.244.9.9/24")
    assert ignored(model_of(*nodes), kind="address-shared-by-pods", host="node1")["ignored"] == []
    assert len(ignored(model_of(*nodes), kind="address-shared-by-pods")["ignored"]) == 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"kind": "x"}, "has no reason"),
        ({"kind": "x", "reason": "  "}, "has no reason"),
        ({"reason": "x"}, "neither a kind nor an object"),
        ({"host": "node1", "reason": "x"}, "neither a kind nor an object"),
        ({"kinds": "x", "reason": "x"}, "has kinds; it may have kind, object, host, reason"),
        ({"kind": ["x"], "reason": "x"}, "no text"),
    ],
)
def test_rules_that_cannot_be_used(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ignoring.IgnoreError, match=message):
        ignoring.rules([entry])


def test_the_reason_stays_visible() -> None:
    found = ignored(two_nodes(), kind="lease-leaked")
    jsonschema.validate(found, schema("report"))
    text = terminal.summary(found, None)
    assert "IGNORED: 2 things\n  lease-leaked on node1: the lease 10.244.1.77" in text
    assert "    why: known\n" in text
    assert "## Ignored (2)\n\n- **node1**, lease-leaked: " in markdown.report(found)
    assert "  - Why: known\n" in markdown.report(found)


def test_without_rules_nothing_is_said_of_them() -> None:
    assert "IGNORED" not in terminal.summary(two_nodes(), None)
    assert "Ignored" not in markdown.report(two_nodes())
