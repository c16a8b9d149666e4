# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods without a way out."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of


def test_a_pod_without_default_route() -> None:
    node = NodeFile(1, pods=2)
    node.namespaces[2]["routes"] = [{"dst": "10.96.0.0/12", "family": "inet", "gateway": "10.244.1.1", "dev": "eth0"}]
    finding = only(odd_of(node), "pod-without-default-route")
    assert finding["object"] == "default/pod2"
    assert finding["evidence"] == ["10.96.0.0/12 via 10.244.1.1 dev eth0"]
    assert (finding["command"] or "").endswith(" ip route")


def test_other_nodes_pods_show_what_is_usual() -> None:
    alone, other = NodeFile(1, pods=1), NodeFile(2, pods=1)
    alone.namespaces[1]["routes"] = []
    assert only(odd_of(alone, other), "pod-without-default-route")["hosts"] == ["node1"]


def test_a_network_that_is_closed_by_design() -> None:
    node = NodeFile(1, pods=2)
    for pod in node.namespaces[1:]:
        pod["routes"] = []
    assert odd_of(node) == []


@pytest.mark.parametrize(
    "routes",
    [
        [{"dst": "default", "family": "inet", "dev": "eth0"}],
        [{"dst": "default", "family": "inet", "gateway": "169.254.1.1", "dev": "eth0"}],
        [
            {"dst": "0.0.0.0/1", "family": "inet", "dev": "tun0"},
            {"dst": "128.0.0.0/1", "family": "inet", "dev": "tun0"},
        ],
        None,
    ],
)
def test_other_ways_out(routes: list[dict[str, str]] | None) -> None:
    node = NodeFile(1, pods=2)
    if routes is None:
        del node.namespaces[1]["routes"]
    else:
        node.namespaces[1]["routes"] = routes
    assert odd_of(node) == []


def test_a_pod_without_ipv6_where_it_is_not_usual() -> None:
    node = NodeFile(1, pods=2)
    for pod in node.namespaces[1:]:
        pod["interfaces"][0]["addr_info"].append(node.address("fd00:10:244:1::2/64"))
    assert [one["object"] for one in odd_of(node) if one["kind"] == "pod-without-default-route"] == []
