# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A report as JUnit: what a pipeline counts."""

from __future__ import annotations

from xml.etree import ElementTree

from ansible_collections.podnet.lab.plugins.action.report_write import _failure
from ansible_collections.podnet.lab.plugins.plugin_utils.findings import ignoring
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.report import junit
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    HOSTILE,
    NodeFile,
    model_of,
    three_nodes,
    unread,
)


def broken() -> Model:
    nodes = three_nodes()
    nodes[0].unplug()
    nodes[1].cni["shadowed"] = [{"path": "/etc/cni/net.d/20-old.conf", "name": "old"}]
    return model_of(*nodes, unread("node4"))


def test_a_node_is_a_test_case() -> None:
    suites = ElementTree.fromstring(junit.report(broken()))
    assert suites.attrib == {"tests": "4", "failures": "1", "errors": "1", "skipped": "0"}
    cases = {case.attrib["name"]: [child.tag for child in case] for case in suites.iter("testcase")}
    assert cases == {"node1": ["failure"], "node2": ["system-out"], "node3": [], "node4": ["error"]}
    [failure] = suites.iter("failure")
    assert "fault cable-unplugged" in (failure.text or "")
    assert "remedy: " in (failure.text or "")
    assert "cni-shadowed" in "".join(one.text or "" for one in suites.iter("system-out"))


def test_healthy_nodes_pass() -> None:
    suites = ElementTree.fromstring(junit.report(model_of(*three_nodes())))
    assert suites.attrib == {"tests": "3", "failures": "0", "errors": "0", "skipped": "0"}


def test_what_is_set_aside_counts_no_more_and_stays_visible() -> None:
    rules = ignoring.rules([{"kind": "cable-unplugged", "reason": "it is being moved"}])
    model = ignoring.applied(broken(), rules)
    text = junit.report(model)
    assert ElementTree.fromstring(text).attrib["failures"] == "0"
    assert "it is being moved" in text


def test_what_containers_name_stays_text() -> None:
    for name in HOSTILE:
        node = NodeFile(1, pods=1)
        node.pod(name)["interfaces"][0]["operstate"] = "DOWN"
        suites = ElementTree.fromstring(junit.report(model_of(node)))
        assert [child.tag for case in suites.iter("testcase") for child in case] == ["failure"]


def test_the_task_fails_when_it_is_asked_to() -> None:
    model = broken()
    assert _failure(model, "never") == {}
    assert _failure(model_of(*three_nodes()), "any") == {}
    assert "cable-unplugged" in _failure(model, "fault")["msg"]
    assert "cni-shadowed" not in _failure(model, "fault")["msg"]
    assert "cni-shadowed" in _failure(model, "any")["msg"]
