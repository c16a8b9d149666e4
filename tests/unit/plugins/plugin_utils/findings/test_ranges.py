# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A CNI configuration of another time than the pods is found, and pods outside of a good range are not blamed on it."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    Facts,
    NodeFile,
    odd_of,
    three_nodes,
)

CONFLIST = "/etc/cni/net.d/10-bridge.conflist"


def out_of_range(node: NodeFile, cidr: str) -> None:
    """Add the conflicts that the node's own facts have when all of its pods are outside of *cidr*."""
    for one in node.in_use:
        node.conflicts.append(
            {
                "kind": "out_of_range",
                "message": f"The address {one['local']} of pod default/x is outside the node's pod range {cidr}.",
                "sides": [
                    {"value": one["local"], "source": "pod default/x, eth0"},
                    {"value": cidr, "source": f"{CONFLIST} plugins[0].ipam.ranges"},
                ],
            }
        )


def stale(cidr: str, node: NodeFile | None = None) -> NodeFile:
    """Return a node whose CNI configuration gives *cidr*, and whose pods are elsewhere."""
    node = node or NodeFile(1, pods=3)
    node.pod_ranges[1]["cidr"] = cidr
    out_of_range(node, cidr)
    return node


def test_a_stale_range_in_the_cni_configuration() -> None:
    finding = only(odd_of(stale("10.99.0.0/24")), "range-stale")
    assert finding["object"] == "10.99.0.0/24"
    assert finding["message"] == (
        f"{CONFLIST} gives pods addresses of 10.99.0.0/24, "
        "and 3 pods there, which is all, have addresses of 10.244.1.0/24"
    )
    assert finding["remedy"].startswith(f"Put the range 10.244.1.0/24 back into {CONFLIST}")
    assert finding["command"] == f"cat {CONFLIST}"
    assert below(finding) == ["range-out-of-range"] * 3
    assert "cni0: 10.244.1.1/24" in finding["evidence"]


def test_the_range_was_changed_and_the_pods_were_not_made_anew() -> None:
    node = NodeFile(1, bridge=None)
    node.add_bridge("cni0", "10.99.0.1/24")
    node.pod("web", address="10.99.0.2/24")
    out_of_range(node, "10.244.1.0/24")
    finding = only(odd_of(node), "range-stale")
    assert finding["remedy"].startswith("Drain the node")


@pytest.mark.parametrize(
    ("node", "start"),
    [
        ([NodeFile.range_("node", "10.244.1.0/24", "flannel", "/run/flannel/subnet.env", "FLANNEL_SUBNET")], "Put the"),
        ([NodeFile.range_("node", "10.244.77.0/24", "api", "kubectl", "podCIDR")], "Drain the"),
        ([], "If 10.244.1.0/24 is right: put"),
    ],
)
def test_what_else_decides_which_range_is_right(node: list[Facts], start: str) -> None:
    one = stale("10.244.77.0/24")
    one.pod_ranges += node
    assert only(odd_of(one), "range-stale")["remedy"].startswith(start)


def test_what_other_nodes_route_decides() -> None:
    nodes = three_nodes()
    nodes[1].own["routes"].append({"dst": "10.244.1.0/24", "family": "inet", "gateway": "10.89.0.11", "dev": "eth0"})
    stale("10.244.77.0/24", nodes[0])
    finding = next(one for one in odd_of(*nodes) if one["kind"] == "range-stale")
    assert "node2 routes 10.244.1.0/24 to node1" in finding["evidence"]
    assert finding["remedy"].startswith("Put the range 10.244.1.0/24 back")


def test_one_pod_outside_is_about_that_pod() -> None:
    node = NodeFile(1, pods=2)
    node.pod("old", address="10.244.200.9/24")
    assert "range-stale" not in {one["kind"] for one in odd_of(node)}


def test_the_only_pod_outside_at_a_bridge_inside_is_about_that_pod() -> None:
    node = NodeFile(1)
    node.pod("old", address="10.244.200.9/24")
    assert "range-stale" not in {one["kind"] for one in odd_of(node)}
