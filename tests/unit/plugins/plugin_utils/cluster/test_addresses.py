# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The nodes' addresses of IPv6; those of IPv4 are tried with the plan."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.cluster.clusters import (
    PODS,
    SERVICES,
    both,
    both_families,
    described,
    plan,
)


def dual(**hosts: dict[str, Any]) -> dict[str, Any]:
    raw = described(pod_cidr=PODS, service_cidr=SERVICES)
    for name, options in hosts.items():
        raw["hosts"][name].update(options)
    return raw


def test_a_node_is_known_by_an_address_of_each_family() -> None:
    seen = both_families(both())
    # What router advertisements gave may go again; and another link's address is not the node's.
    seen["node1"]["addresses6"] += [
        {"ifname": "eth0", "local": "2001:db8::a", "prefixlen": 64, "dynamic": True},
        {"ifname": "eth1", "local": "fd00:1::1", "prefixlen": 64, "dynamic": False},
    ]
    result = plan(dual(), seen)
    assert result["nodes"]["node1"]["addresses"] == ["192.0.2.11", "fd00:192::11"]
    init, cluster, *_others = result["nodes"]["node1"]["documents"]
    assert {"name": "node-ip", "value": "192.0.2.11,fd00:192::11"} in init["nodeRegistration"]["kubeletExtraArgs"]
    assert init["localAPIEndpoint"]["advertiseAddress"] == "192.0.2.11"
    assert "fd00:192::11" in cluster["apiServer"]["certSANs"]
    assert result["cluster"]["endpoint"] == "192.0.2.11:6443"


def test_a_given_address_is_taken_however_it_is_written() -> None:
    seen = both_families(both())
    seen["node2"]["addresses6"].append({"ifname": "eth1", "local": "fd00:192::c", "prefixlen": 64, "dynamic": False})
    result = plan(dual(node2={"node_address_v6": "fd00:192:0:0::000c"}), seen)
    assert result["nodes"]["node2"]["addresses"] == ["192.0.2.12", "fd00:192::c"]
    faults = plan(dual(node2={"node_address_v6": "fd00:192::99"}), seen)["faults"]
    assert any("node_address_v6 fd00:192::99 is not an address of the node" in fault for fault in faults), faults


def test_forwarding_is_set_for_both_families_only_where_there_are_both() -> None:
    result = plan(dual(), both_families(both()))
    assert "net.ipv6.conf.all.forwarding=1" in result["nodes"]["node1"]["sysctls"]
    assert "net.ipv6.conf.all.forwarding" in result["nodes"]["node1"]["settings"]
    assert not any("ipv6" in name for name in plan(described(), both())["nodes"]["node1"]["settings"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"addresses6": []}, "has no address of IPv6 but its own link's"),
        ({"kernel": {"ipv6": "disabled"}}, "switched off (net.ipv6.conf.all.disable_ipv6)"),
        ({"kernel": {"ipv6": "missing"}}, "its kernel has none"),
        (
            {"addresses6": [{"ifname": "eth0", "local": "fd00:193::1", "prefixlen": 64, "dynamic": False}]},
            "it shares no network with node1 (fd00:192::11)",
        ),
        (
            {"addresses6": [{"ifname": "eth0", "local": "fd00:192::11", "prefixlen": 64, "dynamic": False}]},
            "node1 has the address fd00:192::11 too",
        ),
    ],
)
def test_nodes_without_ipv6_are_refused(change: dict[str, Any], words: str) -> None:
    seen = both_families(both())
    for key, value in change.items():
        seen["node2"][key] = {**seen["node2"][key], **value} if isinstance(value, dict) else value
    faults = plan(dual(), seen)["faults"]
    assert any("node2" in fault and words in fault for fault in faults), faults
    assert plan(described(), seen)["faults"] == []


def test_a_default_route_that_would_be_lost_is_told() -> None:
    seen = both_families(both())
    route = {"dst": "::/0", "gateway": "fe80::1", "dev": "eth0", "protocol": "ra", "prefsrc": None, "metric": 1024}
    seen["node2"]["routes6"] = [route]
    [warning] = plan(dual(), seen)["warnings"]
    assert "node2" in warning
    assert "net.ipv6.conf.eth0.accept_ra to 2" in warning
