# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pod network of a cluster: each node's part of it, and what is changed at the nodes' objects."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.network import masquerade_rules, network_plan
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.cluster.clusters import (
    PODS,
    SERVICES,
    both,
    both_families,
    described,
    plan,
    running,
)


def test_the_network_of_each_node() -> None:
    seen = running()
    raw = described()
    made = plan(raw, seen)
    network = network_plan(raw, made, seen, seen["node1"]["api"])
    part = network["nodes"]["node1"]
    [family] = part["families"]
    assert family["routes"] == [{"dst": "10.244.1.0/24", "gateway": "192.0.2.12"}]
    assert part["cni"]["plugins"][0]["ipMasq"] is False
    assert part["cni"]["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.244.0.0/24"}]]
    assert part["intact"] is False
    assert network["ready"] is True
    rules = masquerade_rules("10.244.0.0/24", ["10.244.0.0/16", "192.0.2.11", "192.0.2.12"])
    seen["node1"]["kubernetes"]["masquerade"] = "\n".join(rules)
    seen["node1"]["routes"].append({"dst": "10.244.1.0/24", "gateway": "192.0.2.12", "dev": "eth0", "protocol": "113"})
    assert network_plan(raw, made, seen, seen["node1"]["api"])["nodes"]["node1"]["intact"] is True


def test_before_there_is_a_cluster_there_is_no_network() -> None:
    raw, seen = described(), both()
    assert network_plan(raw, plan(raw, seen), seen, None) == {"nodes": {}, "commands": [], "ready": False}


def test_labels_are_set_and_taken_back_and_foreign_ones_stay() -> None:
    seen = running()
    entry = seen["node1"]["api"]["nodes"][1]
    entry["labels"] = {"old": "x", "foreign": "y"}
    entry["annotations"] = {"podnet.lab/labels": "old"}
    raw = described()
    raw["hosts"]["node2"].update(labels={"disk": "ssd"}, taints=[{"key": "gpu", "effect": "NoSchedule"}])
    entry["taints"] = [{"key": "node.kubernetes.io/not-ready", "value": "", "effect": "NoExecute"}]
    commands = network_plan(raw, plan(raw, seen), seen, seen["node1"]["api"])["commands"]
    assert ["label", "node", "node2", "--overwrite", "disk=ssd", "old-"] in commands
    assert ["taint", "node", "node2", "--overwrite", "gpu:NoSchedule"] in commands
    assert ["annotate", "node", "node2", "--overwrite", "podnet.lab/labels=disk"] in commands


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([{"key": "gpu", "value": "yes", "effect": "NoSchedule"}], None),
        ([{"key": "gpu", "value": "no", "effect": "NoSchedule"}], ["gpu=no:NoSchedule"]),
        ([{"key": "gpu", "value": "yes", "effect": "NoExecute"}], ["gpu=yes:NoExecute", "gpu:NoSchedule-"]),
        ([], ["gpu:NoSchedule-"]),
        (None, None),
    ],
)
def test_a_taint_is_changed_or_taken_away_and_never_both(wanted: list[Any] | None, words: list[str] | None) -> None:
    """kubectl: can not both modify and remove the following taint(s) in the same command."""
    seen, raw = running(), described()
    seen["node1"]["api"]["nodes"][1]["taints"] = [{"key": "gpu", "value": "yes", "effect": "NoSchedule"}]
    raw["hosts"]["node2"].update(taints=wanted)
    commands = network_plan(raw, plan(raw, seen), seen, seen["node1"]["api"])["commands"]
    assert [command[4:] for command in commands if command[0] == "taint"] == ([words] if words else [])


def test_each_family_has_its_own_routes_and_rules() -> None:
    seen = both_families(running())
    raw = described(pod_cidr=PODS, service_cidr=SERVICES)
    made = plan(raw, seen)
    assert made["faults"] == []
    part = network_plan(raw, made, seen, seen["node1"]["api"])["nodes"]["node1"]
    four, six = part["families"]
    assert four["routes"] == [{"dst": "10.244.1.0/24", "gateway": "192.0.2.12"}]
    assert six["routes"] == [{"dst": "fd00:10:244:1::/64", "gateway": "fd00:192::12"}]
    assert (four["table"], six["table"]) == ("ip", "ip6")
    assert six["rules"] == [
        "ip6 daddr fd00:10:244::/56 return",
        "ip6 daddr fd00:192::11 return",
        "ip6 daddr fd00:192::12 return",
        "ip6 saddr fd00:10:244::/64 masquerade",
    ]
    ranges = part["cni"]["plugins"][0]["ipam"]["ranges"]
    assert ranges == [[{"subnet": "10.244.0.0/24"}], [{"subnet": "fd00:10:244::/64"}]]


def test_a_network_is_whole_only_with_both_families() -> None:
    seen = both_families(running())
    raw = described(pod_cidr=PODS, service_cidr=SERVICES)
    made = plan(raw, seen)
    part = network_plan(raw, made, seen, seen["node1"]["api"])["nodes"]["node1"]
    for family, end in zip(part["families"], ("", "6"), strict=True):
        [route] = family["routes"]
        seen["node1"]["routes" + end].append({**route, "dev": "eth0", "protocol": "113", "metric": 0})
        seen["node1"]["kubernetes"]["masquerade" + end] = "\n".join(family["rules"])
    assert network_plan(raw, made, seen, seen["node1"]["api"])["nodes"]["node1"]["intact"] is True
    seen["node1"]["routes6"].clear()
    assert network_plan(raw, made, seen, seen["node1"]["api"])["nodes"]["node1"]["intact"] is False
