# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tunnels between nodes: how large, how set, and whom they lead to."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings import fleets
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, model_of, odd_of
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.test_model import schema


def tunnel(node: NodeFile) -> Any:
    """Return a node's VXLAN interface."""
    return node.interface(node.own, "flannel.1")


def test_a_tunnel_that_is_larger_than_what_is_below() -> None:
    fleet = fleets.flannel()
    tunnel(fleet[0])["mtu"] = 1500
    finding = only(odd_of(*fleet), "tunnel-mtu")
    assert (finding["hosts"], finding["object"]) == (["node1"], "flannel.1")
    assert "which are 1550 when wrapped, and eth0 passes on 1500" in finding["message"]
    assert finding["remedy"].endswith("ip link set dev flannel.1 mtu 1450")


def test_a_card_with_a_smaller_mtu() -> None:
    fleet = fleets.flannel()
    fleet[1].interface(fleet[1].own, "eth0")["mtu"] = 1460
    assert "eth0 passes on 1460" in only(odd_of(*fleet), "tunnel-mtu")["message"]


def test_ipip_adds_twenty_bytes() -> None:
    fleet = fleets.calico()
    fleet[0].interface(fleet[0].own, "tunl0")["mtu"] = 1481
    assert "which are 1501 when wrapped" in only(odd_of(*fleet), "tunnel-mtu")["message"]


def test_over_ipv6_it_is_twenty_bytes_more() -> None:
    fleet = fleets.flannel()
    link = tunnel(fleet[0])
    del link["linkinfo"]["info_data"]["local"]
    link["linkinfo"]["info_data"]["local6"] = "fd00::11"
    fleet[0].addresses.append({"ifname": "eth0", "family": "inet6", "local": "fd00::11", "prefixlen": 64})
    assert "which are 1520 when wrapped" in only(odd_of(*fleet), "tunnel-mtu")["message"]


def test_pods_that_send_more_than_the_tunnel_takes() -> None:
    fleet = fleets.flannel()
    pod = fleet[0].namespaces[1]
    pod["interfaces"][0]["mtu"] = fleet[0].port_link(0)["mtu"] = 1500
    fleet[0].bridges[0]["mtu"] = 1500
    finding = only(odd_of(*fleet), "pod-mtu")
    assert (finding["severity"], finding["object"]) == ("note", "flannel.1")
    assert finding["evidence"] == ["flannel.1: MTU 1450", "default/pod1: MTU 1500"]


def test_tunnels_that_nobodys_pods_are_behind() -> None:
    """As somebody's own, or those that eBPF and Open vSwitch fill."""
    node = NodeFile(1, pods=2)
    fleets.tunnel(node, "vxlan7", id=7)["mtu"] = 1500
    other = NodeFile(2, pods=2)
    fleets.tunnel(other, "vxlan7", id=8)["mtu"] = 9000
    assert odd_of(node, other) == []


@pytest.mark.parametrize(("key", "value"), [("id", 2), ("port", 4789)])
def test_one_node_with_another_tunnel(key: str, value: int) -> None:
    fleet = fleets.flannel()
    tunnel(fleet[1])["linkinfo"]["info_data"][key] = value
    finding = only(odd_of(*fleet), "tunnel-differs")
    assert finding["hosts"] == ["node2"]
    assert "on node1 and node3" in finding["message"]
    assert finding["command"] == "ip -d link show dev flannel.1"


def test_two_nodes_with_different_tunnels() -> None:
    fleet = fleets.flannel(2)
    tunnel(fleet[1])["linkinfo"]["info_data"]["port"] = 4789
    assert only(odd_of(*fleet), "tunnel-differs")["hosts"] == ["node1", "node2"]


def test_an_entry_that_leads_to_a_third_node() -> None:
    fleet = fleets.flannel_diagnosed()
    tunnel(fleet[0])["fdb"][0]["dst"] = "10.89.0.13"
    finding = only(odd_of(*fleet), "tunnel-fdb-wrong")
    assert finding["message"] == "flannel.1 sends what is for the pods of node2 to node3"
    assert finding["evidence"][0] == f"node1: {fleets.vtep(fleet[1])} dst 10.89.0.13 dev flannel.1"
    assert finding["command"] == "bridge fdb show dev flannel.1"


def test_an_entry_that_leads_to_nobody() -> None:
    fleet = fleets.flannel_diagnosed()
    tunnel(fleet[0])["fdb"][0]["dst"] = "10.89.0.99"
    assert only(odd_of(*fleet), "tunnel-fdb-wrong")["message"].endswith("to 10.89.0.99, which no node has")


def test_nodes_behind_address_translation_are_reached_by_addresses_they_do_not_have() -> None:
    fleet = fleets.flannel_diagnosed()
    for node in fleet:
        for entry in tunnel(node)["fdb"]:
            entry["dst"] = entry["dst"].replace("10.89.0.", "203.0.113.")
    assert odd_of(*fleet) == []


def test_an_entry_that_is_missing() -> None:
    fleet = fleets.flannel_diagnosed()
    del tunnel(fleet[0])["fdb"][0]
    finding = only(odd_of(*fleet), "tunnel-fdb-missing")
    assert finding["hosts"] == ["node1"]
    assert fleets.vtep(fleet[1]) in finding["message"]


@pytest.mark.parametrize("flooding", [True, False])
def test_tunnels_that_learn_or_flood_need_no_entry(flooding: bool) -> None:
    fleet = fleets.flannel_diagnosed()
    for node in fleet:
        link = tunnel(node)
        link["linkinfo"]["info_data"]["learning"] = not flooding
        link["fdb"] = [{"mac": "00:00:00:00:00:00", "dst": "239.1.1.1", "state": "permanent"}] if flooding else []
    assert odd_of(*fleet) == []


def test_a_next_hop_with_another_mac() -> None:
    fleet = fleets.flannel_diagnosed()
    fleet[0].own["neighbours"][0]["lladdr"] = "ce:00:00:00:00:99"
    finding = only(odd_of(*fleet), "tunnel-neighbour-wrong")
    assert finding["object"] == "flannel.1 10.244.2.0"
    assert f"lladdr {fleets.vtep(fleet[1])} dev flannel.1" in finding["remedy"]


def test_a_tunnel_whose_mac_was_changed() -> None:
    fleet = fleets.flannel_diagnosed()
    tunnel(fleet[0])["address"] = "ce:00:00:00:00:77"
    finding = only(odd_of(*fleet), "tunnel-mac-changed")
    assert finding["hosts"] == ["node1", "node2", "node3"]
    assert finding["object"] == "flannel.1 ce:00:00:00:00:77"
    assert below(finding) == ["tunnel-fdb-missing", "tunnel-fdb-missing"]


def test_a_cloned_tunnel_is_one_finding() -> None:
    fleet = fleets.flannel_diagnosed()
    tunnel(fleet[0])["address"] = fleets.vtep(fleet[1])
    assert below(only(odd_of(*fleet), "mac-shared-by-nodes")) == ["tunnel-mac-changed", "tunnel-fdb-missing"]


def test_a_stale_next_hop_is_asked_for_anew() -> None:
    fleet = fleets.flannel_diagnosed()
    fleet[0].own["neighbours"][0].update(lladdr="ce:00:00:00:00:99", state=["STALE"])
    assert odd_of(*fleet) == []


def test_tunnels_match_the_schema() -> None:
    jsonschema.validate(model_of(*fleets.flannel_diagnosed()), schema("report"))
