# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's VXLAN beside flannel's, and what else is, or is no, tunnel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import compare
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import Aspect
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import World, world_of
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile

LAB_MAC, FLANNEL_MAC = "0a:58:0a:f4:01:00", "5a:31:0e:77:42:d1"


def side(tmp_path: Path, node: NodeFile) -> World:
    folder = tmp_path / f"side{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    (folder / "node.json").write_text(json.dumps(node.document()), encoding="utf-8")
    return world_of(*gathering.read_model([folder]))


def vxlan(name: str, mac: str, port: int, mtu: int = 1450, **changes: Any) -> NodeFile:
    """A node with a VXLAN, whose other end is node2."""
    node = NodeFile(1, 1)
    link = node.link(9, name, "vxlan", mac, ("10.244.1.0/32",), full=True)
    link["mtu"] = mtu
    data = {"id": 1, "local": "10.89.0.11", "port": port, "learning": False, **changes.pop("data", {})}
    link["linkinfo"]["info_data"] = data
    other = {"mac": "0a:58:0a:f4:02:00", "dst": "10.89.0.12", "flags": ["self"], "state": "permanent"}
    link["fdb"] = changes.pop("fdb", [other])
    node.own["interfaces"].append(link)
    node.own["routes"].append(
        {"dst": "10.244.2.0/24", "family": "inet", "gateway": "10.244.2.0", "dev": name, "flags": ["onlink"]}
    )
    entry = {"dst": "10.244.2.0", "dev": name, "lladdr": "0a:58:0a:f4:02:00", "state": ["PERMANENT"]}
    node.own["neighbours"] = changes.pop("neighbours", [entry])
    return node


def tunnel_aspects(left: World, right: World) -> dict[str, Aspect]:
    found = compare.compare(left, right, ("lab", "flannel"), ((), ()), "worlds")
    return {one["key"]: one for subject in found["scopes"] if subject["key"] == "tunnel" for one in subject["aspects"]}


@pytest.mark.parametrize(
    ("key", "verdict", "left", "right"),
    [
        ("tunnel.links", "name", "vxlan: vxlan1", "vxlan: flannel.1"),
        ("tunnel.vni", "same", "VNI 1", "VNI 1"),
        ("tunnel.port", "different", "UDP port 4789", "UDP port 8472"),
        ("tunnel.mac", "different", f"{LAB_MAC}: follows from its address", f"{FLANNEL_MAC}: drawn"),
        ("tunnel.learning", "same", "learning off", "learning off"),
        (
            "tunnel.fdb",
            "same",
            "one MAC each, such as 0a:58:0a:f4:02:00 to 10.89.0.12",
            "one MAC each, such as 0a:58:0a:f4:02:00 to 10.89.0.12",
        ),
        (
            "tunnel.neighbours",
            "same",
            "written down, such as 10.244.2.0 has 0a:58:0a:f4:02:00",
            "written down, such as 10.244.2.0 has 0a:58:0a:f4:02:00",
        ),
        (
            "tunnel.routes",
            "same",
            "via the other end: 10.244.2.0/24 via 10.244.2.0",
            "via the other end: 10.244.2.0/24 via 10.244.2.0",
        ),
        ("tunnel.mtu", "same", "1450 + 50 of 1500 on eth0: fits", "1450 + 50 of 1500 on eth0: fits"),
    ],
)
def test_the_labs_vxlan_beside_flannels(tmp_path: Path, key: str, verdict: str, left: str, right: str) -> None:
    lab, flannel = vxlan("vxlan1", LAB_MAC, 4789), vxlan("flannel.1", FLANNEL_MAC, 8472)
    found = tunnel_aspects(side(tmp_path, lab), side(tmp_path, flannel))[key]
    assert (found["verdict"], found["left"]["text"], found["right"]["text"]) == (verdict, left, right)


def test_evidence_can_be_typed(tmp_path: Path) -> None:
    world = side(tmp_path, vxlan("vxlan1", LAB_MAC, 4789))
    found = tunnel_aspects(world, world)
    assert found["tunnel.fdb"]["left"]["command"] == "bridge fdb show dev vxlan1"
    assert found["tunnel.neighbours"]["left"]["command"] == "ip neigh show dev vxlan1"
    assert found["tunnel.port"]["left"]["command"] == "ip -d link show dev vxlan1"


def test_a_vxlan_that_floods_and_learns_is_another(tmp_path: Path) -> None:
    every = {"mac": "00:00:00:00:00:00", "dst": "10.89.0.12", "flags": ["self"], "state": "permanent"}
    floods = vxlan("vxlan9", FLANNEL_MAC, 4789, 1500, fdb=[every], neighbours=[], data={"learning": True, "id": 9})
    found = tunnel_aspects(side(tmp_path, vxlan("vxlan1", LAB_MAC, 4789)), side(tmp_path, floods))
    told = {key: one["right"]["text"] for key, one in found.items() if one["verdict"] == "different"}
    assert told["tunnel.vni"] == "VNI 9"
    assert told["tunnel.learning"] == "learning on"
    assert told["tunnel.fdb"].startswith("every MAC")
    assert told["tunnel.neighbours"] == "none"
    assert told["tunnel.mtu"] == "1500 + 50 of 1500 on eth0: too large"


def test_entries_that_were_not_read_are_not_absent(tmp_path: Path) -> None:
    node = vxlan("vxlan1", LAB_MAC, 4789)
    del node.interface(node.own, "vxlan1")["fdb"]
    del node.own["neighbours"]
    found = tunnel_aspects(side(tmp_path, node), side(tmp_path, vxlan("flannel.1", FLANNEL_MAC, 8472)))
    assert found["tunnel.fdb"]["verdict"] == found["tunnel.neighbours"]["verdict"] == "not_read"


def test_a_lab_with_routes_has_none(tmp_path: Path) -> None:
    found = tunnel_aspects(side(tmp_path, NodeFile(1, 1)), side(tmp_path, vxlan("flannel.1", FLANNEL_MAC, 8472)))
    assert {one["verdict"] for one in found.values()} == {"missing"}
    plain = side(tmp_path, NodeFile(1, 1))
    assert {one["verdict"] for one in tunnel_aspects(plain, plain).values()} == {"same"}


def test_wireguard_is_a_tunnel_without_macs(tmp_path: Path) -> None:
    node = NodeFile(1, 1)
    link = node.link(9, "wg51820", "wireguard", "", ("10.244.1.0/32",), full=True)
    link["mtu"], link["address"] = 1440, None
    node.own["interfaces"].append(link)
    found = tunnel_aspects(side(tmp_path, node), side(tmp_path, node))
    assert found["tunnel.links"]["left"]["text"] == "wireguard: wg51820"
    assert found["tunnel.mtu"]["left"]["text"] == "1440 + 60 of 1500 on eth0: fits"
    assert found["tunnel.mac"]["left"]["state"] == "absent"
