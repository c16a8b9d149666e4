# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What only one node has, and options that a version of Kubernetes does not have."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.cluster.clusters import (
    both,
    described,
    plan,
    running,
)


def test_a_nodes_own_kubelet_configuration_is_a_drop_in() -> None:
    raw = described()
    raw["hosts"]["node2"]["kubelet_node_config"] = {"maxPods": 60}
    nodes = plan(raw, both())["nodes"]
    assert nodes["node2"]["kubelet_config"] == {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "maxPods": 60,
    }
    assert nodes["node1"]["kubelet_config"] == {}


def test_kubeadm_has_the_same_timeouts_in_all_that_it_does() -> None:
    timeouts = {"controlPlaneComponentHealthCheck": "10m", "etcdAPICall": "1m30s"}
    raw = described(timeouts=timeouts)
    result = plan(raw, both())
    assert result["nodes"]["node1"]["documents"][0]["timeouts"] == timeouts
    assert result["nodes"]["node2"]["documents"][0]["timeouts"] == timeouts
    [upgrade] = plan(raw, running())["cluster"]["upgrade_documents"]
    assert (upgrade["kind"], upgrade["timeouts"]) == ("UpgradeConfiguration", timeouts)
    assert upgrade["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    assert plan(described(), running())["cluster"]["upgrade_documents"] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeouts": {"discovery": "5m"}, "version": "1.30.9"}, ["kubeadm_cluster_timeouts", "v1.30.9", "v1.31.0"]),
        ({"renew_certificates": 30, "version": "1.29.9"}, ["kubeadm_cluster_renew_certificates", "v1.30.0"]),
        ({"timeouts": {"coffee": "5m"}}, ["timeouts.coffee", "known are controlPlaneComponentHealthCheck"]),
        ({"timeouts": {"discovery": 5}}, ["discovery: 5 is not a timeout"]),
        ({"timeouts": ["discovery"]}, ["is not a mapping"]),
    ],
)
def test_options_that_are_wrong_or_too_new_are_refused(options: dict[str, Any], words: list[str]) -> None:
    faults = plan(described(**options), both())["faults"]
    assert any(all(word in fault for word in words) for fault in faults), faults


@pytest.mark.parametrize(
    ("version", "value", "words"),
    [
        ("1.29.9", {"maxPods": 60}, ["kubelet_node_config", "v1.29.9", "v1.30.0"]),
        ("1.34.2", "maxPods", ["host node2: kubeadm_cluster_kubelet_node_config", "is not a mapping"]),
    ],
)
def test_a_drop_in_that_cannot_be_is_refused(version: str, value: Any, words: list[str]) -> None:
    raw = described(version=version)
    raw["hosts"]["node2"]["kubelet_node_config"] = value
    faults = plan(raw, both())["faults"]
    assert any(all(word in fault for word in words) for fault in faults), faults


def test_control_groups_of_version_1_need_consent_where_the_kubelet_does() -> None:
    old = both(cgroup={"version": 1, "controllers": ["cpu", "cpuset", "memory", "devices", "freezer", "pids"]})
    assert plan(described(), old)["faults"] == []
    faults = plan(described(version="1.35.0"), old)["faults"]
    assert sum("kubelet_node_config: {failCgroupV1: false}" in fault for fault in faults) == 2
    assert plan(described(version="1.35.0", kubelet_config={"failCgroupV1": False}), old)["faults"] == []
    raw = described(version="1.35.0")
    raw["hosts"]["node2"]["kubelet_node_config"] = {"failCgroupV1": False}
    assert sum("failCgroupV1" in fault for fault in plan(raw, old)["faults"]) == 1


def test_consent_to_swap_is_consent_for_kubeadm_too() -> None:
    init, _cluster, kubelet, _proxy = plan(described(allow_swap=True), both(swap=["/a"]))["nodes"]["node1"]["documents"]
    assert init["nodeRegistration"]["ignorePreflightErrors"] == ["Swap"]
    assert kubelet["failSwapOn"] is False
    init, *_others = plan(described(), both())["nodes"]["node1"]["documents"]
    assert "ignorePreflightErrors" not in init["nodeRegistration"]


def test_kubelets_ask_for_serving_certificates_where_that_is_wanted() -> None:
    nodes = plan(described(kubelet_serving_certificates=True), both())["nodes"]
    assert {node["kubelet_config"]["serverTLSBootstrap"] for node in nodes.values()} == {True}
    faults = plan(described(kubelet_serving_certificates=True, version="1.29.0"), both())["faults"]
    assert any("kubelet_serving_certificates" in fault for fault in faults), faults
