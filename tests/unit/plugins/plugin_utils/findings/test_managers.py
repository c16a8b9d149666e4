# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Links of pods and plugins that somebody else configures as well."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

PATH = "/etc/systemd/network/10-all.network"


def managed(node: NodeFile, *names: str, manager: str = "systemd-networkd") -> NodeFile:
    """Let somebody configure these interfaces of the node."""
    indexes = [node.interface(node.own, name)["ifindex"] for name in names]
    links = [{"ifindex": index, "manager": manager, "path": PATH} for index in (*indexes, 2, 9999)]
    node.machine = {"id": "a" * 32, "boot": "b" * 32, "resolvers": [], "managed_links": links}
    return node


@pytest.mark.parametrize("manager", ["systemd-networkd", "NetworkManager"])
def test_cables_of_pods_and_the_plugins_tunnel(manager: str) -> None:
    first, *others = fleets.flannel()
    port = first.pairs[0]["ends"][0]["ifname"]
    finding = only(odd_of(managed(first, port, "flannel.1", manager=manager), *others), "link-managed")
    assert (finding["severity"], finding["object"], finding["hosts"]) == ("note", PATH, ["node1"])
    assert finding["evidence"] == [f"{port}: {manager}, {PATH}", f"flannel.1: {manager}, {PATH}"]


def test_the_nodes_own_interfaces() -> None:
    assert odd_of(managed(NodeFile(1, pods=2))) == []


def test_a_bridge_that_an_operator_made() -> None:
    node = NodeFile(1, bridge="br0", pods=2)
    assert odd_of(managed(node, "br0")) == []
