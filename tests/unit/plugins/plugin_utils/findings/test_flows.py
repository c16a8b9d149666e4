# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Flows to pods that are gone are told, those to pods that are there, or may be, are not."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of, unread


def nodes(backend: str, **changes: Any) -> list[NodeFile]:
    """Two nodes, of which the first has flows of a Service to *backend*."""
    first, second = NodeFile(1, pods=2), NodeFile(2, pods=2)
    for node in (first, second):
        node.service("dns", [("10.244.1.2", 53)], port=53, protocol="udp")
        node.stale_flows = []
    flow = {"protocol": "udp", "address": "10.96.0.10", "port": 53, "backend": backend, "backend_port": 53, "count": 3}
    first.stale_flows = [{**flow, **changes}]
    return [first, second]


@pytest.mark.parametrize("home", ["node1", "node2"])
def test_flows_to_a_pod_that_is_gone(home: str) -> None:
    backend = {"node1": "10.244.1.77", "node2": "10.244.2.77"}[home]
    (found,) = odd_of(*nodes(backend))
    assert (found["kind"], found["severity"], found["hosts"]) == ("conntrack-stale", "fault", ["node1"])
    assert found["object"] == "default/dns:http"
    assert found["message"].startswith(
        f"packets of 3 UDP flows to default/dns:http (10.96.0.10:53/udp) go on to {backend}:53"
    )
    assert found["evidence"] == [f"3 flows to 10.96.0.10:53/udp translated to {backend}:53, an address of {home}"]
    assert found["command"] == "conntrack -L -p udp -d 10.96.0.10 --dport 53"


def test_a_place_is_told_once_with_all_its_ends() -> None:
    first, second = nodes("10.244.2.77")
    assert first.stale_flows is not None
    first.stale_flows.append({**first.stale_flows[0], "backend": "10.244.2.78", "count": 1})
    (found,) = odd_of(first, second)
    assert "4 UDP flows" in found["message"]
    assert len(found["evidence"]) == 2


@pytest.mark.parametrize("backend", ["10.244.2.3", "10.89.0.12", "192.0.2.1"])
def test_nothing_is_said_of_what_is_there_or_cannot_be_seen(backend: str) -> None:
    assert odd_of(*nodes(backend)) == []


def test_nothing_is_said_of_a_node_that_was_not_read() -> None:
    first, _second = nodes("10.244.2.77")
    assert {one["kind"] for one in odd_of(first, unread("node2"))} == {"node-not-read"}


def test_a_node_port_has_the_name_of_its_service() -> None:
    first, second = nodes("10.244.2.77", address="10.89.0.11", port=30053)
    for node in (first, second):
        node.service("dns", [("10.244.1.2", 53)], address=None, port=30053, protocol="udp", type="node_port")
    (found,) = odd_of(first, second)
    assert found["object"] == "default/dns:http"
    assert "10.89.0.11:30053" in found["message"]
