# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The picture of a node: everything is in it, nothing covers anything else, and what is odd is marked where it is."""

from __future__ import annotations

from itertools import combinations

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.index import by_node
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Model
from ansible_collections.podnet.lab.plugins.plugin_utils.page import picture
from ansible_collections.podnet.lab.plugins.plugin_utils.page.told import Told
from ansible_collections.podnet.lab.plugins.plugin_utils.report import rows
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, model_of
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.report.test_reports import broken, hostile


def drawn(model: Model, host: str = "node1", services: dict[str, list[str]] | None = None) -> picture.Picture:
    """Return the picture of one node of *model*."""
    node = next(node for node in model["nodes"] if node["host"] == host)
    return picture.picture(node, by_node(model)[host], Told(rows.odd_by_host(model)[host]), services or {})


def boxes(one: picture.Picture, style: str) -> list[picture.Box]:
    """Return the boxes of one style."""
    return [box for box in one.boxes if style in box.style.split()]


def cables(one: picture.Picture) -> list[picture.Line]:
    """Return the lines that are cables."""
    return [line for line in one.lines if line.style.split()[0] == "cable"]


def overlapping(one: picture.Picture) -> list[tuple[picture.Box, picture.Box]]:
    """Return pairs of boxes with text that cover each other."""
    return [
        (first, second)
        for first, second in combinations([box for box in one.boxes if box.lines], 2)
        if first.x < second.x + second.width
        and second.x < first.x + first.width
        and first.y < second.y + second.height
        and second.y < first.y + first.height
    ]


def test_three_pods() -> None:
    one = drawn(model_of(NodeFile(1, pods=3)), services={"default/pod2": ["default/web", "other/web"]})
    assert [box.lines for box in boxes(one, "pod")] == [
        ["default/pod1", "10.244.1.2/24"],
        ["default/pod2", "10.244.1.3/24"],
        ["default/pod3", "10.244.1.4/24"],
    ]
    assert [box.lines[0] for box in boxes(one, "bridge") if box.lines] == ["bridge cni0"]
    assert [box.lines[0] for box in boxes(one, "service")] == ["web +1"]
    assert [box.lines for box in boxes(one, "card")] == [["eth0", "10.89.0.11/24"]]
    assert len(cables(one)) == 3
    assert one.marks == []
    assert "3 rows at bridge cni0" in one.description


def test_110_pods_are_all_there_and_cover_nothing() -> None:
    one = drawn(model_of(NodeFile(1, pods=110)), services={f"default/pod{n}": ["default/web"] for n in range(1, 111)})
    assert len(boxes(one, "pod")) == len(cables(one)) == len(boxes(one, "service")) == 110
    assert overlapping(one) == []
    assert all(box.x >= 0 and box.x + box.width <= one.width for box in one.boxes)
    assert all(box.y >= 0 and box.y + box.height <= one.height for box in one.boxes)
    assert one.height < 2600


def test_a_fault_is_on_the_very_cable() -> None:
    node = NodeFile(1, pods=4)
    node.unplug(1)
    node.bridges[0]["ports"][2]["state"] = "disabled"
    one = drawn(model_of(node))
    unplugged, disabled = (line for line in cables(one) if "fault" in line.style)
    assert "veth00010002" in unplugged.title
    assert "unplugged" in unplugged.style
    assert "veth00010004" in disabled.title
    assert [(mark.severity, mark.y) for mark in one.marks] == [("fault", unplugged.y1), ("fault", disabled.y1)]
    assert "cable-unplugged: veth00010002, the cable of default/pod2" in one.marks[0].title
    # It is drawn at the bridge that it should be in, with a gap.
    rail = next(box for box in one.boxes if box.style == "bar bridge")
    assert unplugged.x1 > rail.x + rail.width
    assert disabled.x1 == rail.x + rail.width


def test_an_unproven_cable_leads_to_an_unknown_end() -> None:
    one = drawn(broken(), "node3")
    (box,) = boxes(one, "unknown")
    assert box.lines == ["unresolved", "nobody knows"]
    assert [mark.severity for mark in one.marks] == ["unproven"]


def test_pods_that_are_routed_to_and_tunnels() -> None:
    one = drawn(model_of(*fleets.cilium()))
    assert "in no bridge" in [box.lines[0] for box in boxes(one, "host") if box.lines]
    assert [box.lines[0] for box in boxes(one, "tunnel")] == ["tunnel cilium_vxlan"]
    assert overlapping(one) == []
    flannel = drawn(model_of(*fleets.flannel()))
    assert [list(box.lines) for box in boxes(flannel, "tunnel")] == [
        ["tunnel flannel.1", "vxlan VNI 1 port 8472 MTU 1450"]
    ]


def test_a_tunnel_and_the_routing_are_marked() -> None:
    fleet = fleets.flannel()
    next(link for link in fleet[0].own["interfaces"] if link["ifname"] == "flannel.1")["linkinfo"]["info_data"][
        "id"
    ] = 7
    fleet[0].own["routes"] = [one for one in fleet[0].own["routes"] if one["dst"] != str(fleet[1].range)]
    one = drawn(model_of(*fleet))
    (tunnel,) = boxes(one, "tunnel")
    (routing,) = (box for box in one.boxes if box.lines and box.lines[0] == "routing of node1")
    assert tunnel.style == "tunnel fault"
    assert routing.style == "host fault"
    assert {mark.title.partition(":")[0] for mark in one.marks} == {"route-missing", "tunnel-differs"}


def test_a_port_without_a_cable_is_a_row_of_its_bridge() -> None:
    node = NodeFile(1, pods=1)
    node.bridges[0]["ports"].append({"ifname": "tap0", "ifindex": 77, "state": "forwarding", "pod": None})
    assert ["tap0", "a port without a cable"] in [list(box.lines) for box in boxes(drawn(model_of(node)), "card")]


def test_a_cable_between_two_bridges_is_drawn_once() -> None:
    node = NodeFile(1, pods=1)
    node.add_bridge("br1", "192.168.9.1/24")
    ends = []
    for number, bridge in enumerate(node.bridges):
        port = {"ifname": f"p{number}", "ifindex": 80 + number, "state": "forwarding", "pod": None}
        bridge["ports"].append(port)
        ends.append({"netns": node.root, "netns_name": None, "master": bridge["ifname"], **port})
        node.own["interfaces"].append(node.link(80 + number, f"p{number}", "veth", f"1e:00:00:00:99:0{number}"))
        node.own["interfaces"][-1]["master"] = bridge["ifname"]
    node.pairs.append({"ends": ends, "pod": None, "bridge": None, "resolution": "exact", "reason": None})
    one = drawn(model_of(node))
    assert len(cables(one)) == 2
    assert ["bridge br1", "p1"] in [list(box.lines) for box in boxes(one, "host")]
    assert not [box for box in one.boxes if "a port without a cable" in box.lines]


def test_hostile_names_stay_inside_their_boxes() -> None:
    one = drawn(hostile())
    assert overlapping(one) == []
    assert all(len(line) * 6.75 <= box.width for box in one.boxes for line in box.lines if line.isascii())


def test_of_very_many_the_odd_ones_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "DRAWN", 5)
    node = NodeFile(1, pods=9)
    node.bridges[0]["ports"][8]["state"] = "disabled"
    one = drawn(model_of(node))
    assert [box.lines[0] for box in boxes(one, "pod")] == [f"default/pod{number}" for number in (9, 1, 2, 3, 4)]
    assert "and 4 more rows, which the tables below have" in [label.text for label in one.labels]
