# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""compare.yml with the lab's VXLAN beside one that is laid out as flannel's, both in a real kernel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

# What flannel's backend vxlan does on a node (pkg/backend/vxlan/device.go, vxlan_network.go), for one other node.
FLANNEL = """
ip link add flannel.1 address 5a:31:0e:77:42:d1 mtu 1450 type vxlan id 1 local {local} dstport 8472 nolearning
ip address add 10.245.3.0/32 dev flannel.1
ip link set flannel.1 up
ip neigh replace 10.245.4.0 lladdr 8e:6b:34:11:09:5c dev flannel.1 nud permanent
bridge fdb append 8e:6b:34:11:09:5c dev flannel.1 dst 192.0.2.14
ip route add 10.245.4.0/24 via 10.245.4.0 dev flannel.1 onlink
"""


@pytest.fixture(scope="module")
def sides(ssh_nodes: Nodes) -> Iterator[Lab]:
    """A lab with VXLAN on node1 and node2, and flannel's link on node3."""
    lab = Lab(ssh_nodes)
    lab.build(manual_lab_network="vxlan")
    lab.sh("node3", FLANNEL.format(local=lab.address("node3")))
    try:
        yield lab
    finally:
        lab.sh("node3", "ip link delete flannel.1")
        lab.teardown()


def test_the_labs_vxlan_beside_flannels(sides: Lab, tmp_path: Path) -> None:
    options = {
        "podnet_left": "node1:node2",
        "podnet_right": "node3",
        "podnet_left_name": "lab",
        "podnet_right_name": "flannel",
        "podnet_report_dir": str(tmp_path),
    }
    sides.nodes.playbook(CHECKOUT / "playbooks" / "compare.yml", "-e", json.dumps(options))
    made = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    [tunnel] = [one for one in made["scopes"] if one["key"] == "tunnel"]
    found: dict[str, Any] = {one["key"].partition(".")[2]: one for one in tunnel["aspects"]}
    assert {key: one["verdict"] for key, one in found.items()} == {
        "links": "name",
        "vni": "same",
        "port": "different",
        "mac": "different",
        "learning": "same",
        "fdb": "same",
        "neighbours": "same",
        "routes": "same",
        "mtu": "same",
    }, found
    assert (found["port"]["left"]["text"], found["port"]["right"]["text"]) == ("UDP port 4789", "UDP port 8472")
    assert found["mac"]["left"]["text"] == "0a:58:0a:f4:00:00: follows from its address"
    assert found["mac"]["right"]["text"] == "5a:31:0e:77:42:d1: drawn"
    assert found["fdb"]["right"]["text"] == "one MAC each, such as 8e:6b:34:11:09:5c to 192.0.2.14"
    assert found["mtu"]["left"]["text"] == "1450 + 50 of 1500 on eth0: fits"
    for one in found.values():
        for side in (one["left"], one["right"]):
            assert sides.sh(side["host"], side["command"]).strip(), side
