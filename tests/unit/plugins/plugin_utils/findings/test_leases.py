# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ranges that are full, and those that only seem so."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of


def with_leases(count: int, state: str = "leaked") -> NodeFile:
    """Return a node with *count* leases of its /24, two of them of pods."""
    node = NodeFile(1, pods=2)
    for number in range(count - 2):
        node.lease(f"10.244.1.{number + 4}", state)
    return node


@pytest.mark.parametrize(("state", "effect"), [("leaked", ["lease-leaked"]), ("empty", ["lease-empty"])])
def test_a_range_without_a_free_address(state: str, effect: list[str]) -> None:
    finding = only(odd_of(with_leases(253, state)), "leases-full")
    assert finding["object"] == "pods"
    assert finding["message"] == "the range 10.244.1.0/24 has no free address: no pod can start here any more"
    assert finding["evidence"][0] == "253 leases for 253 addresses of 10.244.1.0/24"
    assert below(finding) == effect
    assert finding["command"] == "ls -l /var/lib/cni/networks/pods"


def test_a_range_that_is_full_of_pods() -> None:
    finding = only(odd_of(with_leases(253, "in_use")), "leases-full")
    assert finding["remedy"].startswith("Give the node a larger range")
    assert below(finding) == []


def test_a_range_that_is_nearly_full() -> None:
    finding = only(odd_of(with_leases(252, "in_use")), "leases-nearly-full")
    assert finding["severity"] == "note"
    assert finding["message"] == "the range 10.244.1.0/24 has only 1 free address"


def test_a_range_as_full_as_the_usual_110_pods_make_it() -> None:
    assert odd_of(with_leases(112, "in_use")) == []


def test_a_second_range_of_the_family_has_room() -> None:
    node = with_leases(253, "in_use")
    node.pod_ranges.append(
        node.range_("node", "10.245.1.0/24", "cni", "/etc/cni/net.d/10-bridge.conflist", "plugins[0].ipam.ranges[1]")
    )
    assert odd_of(node) == []


def test_leases_of_a_range_that_is_written_nowhere() -> None:
    node = with_leases(253, "in_use")
    node.pod_ranges = node.pod_ranges[:1]
    assert odd_of(node) == []
