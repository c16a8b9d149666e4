# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ranges of pods and Services, of one family and of both, and every fault in them."""

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


@pytest.mark.parametrize(
    ("pods", "services"),
    [
        (PODS, SERVICES),
        (PODS.replace(",", ", "), SERVICES.replace(",", " ,")),
        (PODS.split(","), SERVICES.split(",")),
    ],
)
def test_a_pair_is_a_text_or_a_list(pods: Any, services: Any) -> None:
    result = plan(described(pod_cidr=pods, service_cidr=services), both_families(both()))
    assert result["faults"] == []
    _init, cluster, *_others = result["nodes"]["node1"]["documents"]
    assert cluster["networking"]["podSubnet"] == PODS
    assert cluster["networking"]["serviceSubnet"] == SERVICES
    assert {"name": "node-cidr-mask-size-ipv4", "value": "24"} in cluster["controllerManager"]["extraArgs"]
    assert {"name": "node-cidr-mask-size-ipv6", "value": "64"} in cluster["controllerManager"]["extraArgs"]
    assert "node-cidr-mask-size" not in [one["name"] for one in cluster["controllerManager"]["extraArgs"]]


def test_one_family_has_one_length_for_the_nodes_ranges() -> None:
    _init, cluster, *_others = plan(described(node_prefix=25), both())["nodes"]["node1"]["documents"]
    assert cluster["controllerManager"]["extraArgs"] == [{"name": "node-cidr-mask-size", "value": "25"}]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pod_cidr": "fd00::/56"}, ["IPv6 alone", "10.244.0.0/16,fd00:10:244::/56"]),
        ({"pod_cidr": "fd00::/56,10.244.0.0/16"}, ["IPv6 first", "Write it as 10.244.0.0/16,fd00::/56"]),
        ({"pod_cidr": "10.1.0.0/16,10.2.0.0/16"}, ["are not one of IPv4 and one of IPv6"]),
        ({"pod_cidr": f"{PODS},fd01::/56"}, ["is not a range, or a pair"]),
        ({"pod_cidr": {"a": 1}}, ["is not a range, or a pair"]),
        ({"service_cidr": "10.96.0.0/16"}, ["pod_cidr", "service_cidr has IPv4 alone", "fd00:10:96::/112"]),
        ({"pod_cidr": "10.244.0.0/16"}, ["kubeadm_cluster_service_cidr: it has IPv4 and IPv6"]),
        ({"pod_cidr": "10.244.0.0/16,fd00:10:96::/56", "service_cidr": SERVICES}, ["overlap"]),
        ({"service_cidr": "10.96.0.0/16,fd00:10:96::/64"}, ["no range for services", "108 to 124"]),
        ({"pod_cidr": "10.244.0.0/16,fd00:10:244::/40"}, ["node_prefix_v6", "16 bits"]),
        ({"node_prefix_v6": 48}, ["node_prefix_v6", "does not fit"]),
        ({"pod_cidr": "10.244.0.0/16,fd00:10:244::/64"}, ["room for 1", "2 nodes"]),
        ({"pod_cidr": "10.244.0.0/16,fe80::/56"}, ["fe80::/10, link-local"]),
        ({"pod_cidr": "10.244.0.0/16,fd00:10:244::1/56"}, ["bits set behind"]),
        ({"version": "1.22.17"}, ["v1.22.17", "both families", "v1.23.0"]),
        ({"cni": "flannel"}, ["flannel", "IPv4 alone"]),
        ({"pod_cidr": "10.244.0.0/16,fd00:192::/56"}, ["node node1", "fd00:192::/64 on eth0 overlaps the pods' range"]),
    ],
)  # fmt: skip
def test_bad_pairs_are_refused(options: dict[str, Any], words: list[str]) -> None:
    raw = described(**{"pod_cidr": PODS, "service_cidr": SERVICES, **options})
    faults = plan(raw, both_families(both()))["faults"]
    assert any(all(word in fault for word in words) for fault in faults), faults


def test_the_family_cannot_be_changed_in_a_running_cluster() -> None:
    seen = both_families(both(kubernetes={"mark": {"phase": "member"}, "files": [], "ca_sha256": "ca"}))
    text = f'networking: {{podSubnet: "{PODS}", serviceSubnet: "{SERVICES}"}}'
    seen["node1"]["api"] = {
        "reachable": True, "error": None, "nodes": [], "configuration": text, "kube_proxy": None, "bare_pods": [],
        "policies": [], "proxy": {"configuration": None, "changing": False},
    }  # fmt: skip
    faults = plan(described(), seen)["faults"]
    assert any(f"the running cluster has {PODS}" in fault for fault in faults), faults
    assert plan(described(pod_cidr=PODS, service_cidr=SERVICES), seen)["faults"] == []
