# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cause is one entry, and its consequences stand under it."""

from __future__ import annotations

import jsonschema

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import causes
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Finding
from ansible_collections.podnet.lab.plugins.plugin_utils.report import markdown, terminal
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, model_of
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.test_model import schema


def finding(kind: str, thing: str, host: str = "node1", **changes: object) -> Finding:
    """Return a finding as far as causes look at it."""
    one: Finding = {
        "kind": kind,
        "severity": "fault",
        "hosts": [host],
        "object": thing,
        "message": "m",
        "evidence": [],
        "remedy": "r",
        "command": None,
    }
    one.update(changes)  # type: ignore[typeddict-item]
    return one


def test_rules_make_no_circle() -> None:
    causes_of = {(rule.effect, rule.cause) for rule in causes.RULES}
    reached = set(causes_of)
    while more := {(a, d) for a, b in reached for c, d in causes_of if b == c} - reached:
        reached |= more
    assert not [kind for kind, cause in reached if kind == cause]


def test_a_consequence_of_another_node_or_thing_stands_for_itself() -> None:
    full = finding("leases-full", "pods")
    others = [finding("lease-leaked", "pods", "node2"), finding("lease-leaked", "storage")]
    assert causes.folded([full, *others]) == [full, *others]


def test_a_cause_is_as_severe_as_what_follows_from_it() -> None:
    nearly = finding("leases-nearly-full", "pods", severity="note")
    (found,) = causes.folded([nearly, finding("lease-leaked", "pods"), finding("lease-empty", "pods")])
    assert found["severity"] == "fault"
    assert [one["kind"] for one in found["consequences"]] == ["lease-leaked", "lease-empty"]


def test_a_port_that_is_down_because_its_pod_is() -> None:
    node = NodeFile(1, pods=2)
    node.namespaces[1]["interfaces"][0]["operstate"] = "DOWN"
    node.bridges[0]["ports"][0]["state"] = "disabled"
    (found,) = model_of(node)["odd"]
    assert found["kind"] == "pod-interface-down"
    assert [one["object"] for one in found["consequences"]] == ["cni0 veth00010001"]


def test_consequences_are_shown_and_match_the_schema() -> None:
    node = NodeFile(1, pods=2)
    for last in range(4, 255):
        node.lease(f"10.244.1.{last}", "leaked")
    model = model_of(node)
    jsonschema.validate(model, schema("report"))
    assert "    so:  251 leases of the network pods belong to no sandbox\n" in terminal.summary(model, None)
    assert "  - What follows from it (1):\n    - 251 leases" in markdown.report(model)
