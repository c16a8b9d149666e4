# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CNI configurations beside each other, and which of them pods were connected by."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

OLD = {"path": "/etc/cni/net.d/05-old.conflist", "name": "old", "plugins": ["bridge"], "through": []}
PODS = {"path": "/etc/cni/net.d/10-bridge.conflist", "name": "pods"}


def test_a_left_over_configuration_that_comes_first() -> None:
    node = NodeFile(1, pods=2)
    node.cni.update(active=OLD, shadowed=[PODS])
    finding = only(odd_of(node), "cni-wrong-first")
    assert finding["object"] == OLD["path"]
    assert "new pods get the network old, and not pods" in finding["message"]
    assert below(finding) == ["cni-shadowed"]


@pytest.mark.parametrize("pods", [0, 1])
def test_configurations_that_no_pod_is_of(pods: int) -> None:
    node = NodeFile(1, pods=pods)
    node.leases.clear()
    node.cni.update(active=OLD, shadowed=[PODS])
    only(odd_of(node), "cni-shadowed")


def test_pods_of_both_networks_are_being_moved() -> None:
    node = NodeFile(1, pods=2)
    node.cni.update(active=OLD, shadowed=[PODS])
    node.leases[0]["network"] = "old"
    only(odd_of(node), "cni-shadowed")


def test_a_meta_plugin_leads_to_the_network() -> None:
    node = NodeFile(1, pods=2)
    meta = {"path": "/etc/cni/net.d/00-multus.conf", "name": "multus", "plugins": ["multus"]}
    node.cni.update(active={**OLD, "through": [meta]}, shadowed=[PODS])
    assert odd_of(node) == []
