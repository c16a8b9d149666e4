# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kube-proxy's mode: what is refused, and how a running cluster comes to another."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.cluster.clusters import (
    both,
    described,
    plan,
    running,
)

CONFIGURATION = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nclusterCIDR: 10.244.0.0/16\nmode: ''\n"


def cluster(configuration: str | None = CONFIGURATION, changing: bool = False) -> dict[str, Any]:
    seen = running()
    seen["node1"]["api"]["proxy"] = {"configuration": configuration, "changing": changing}
    return seen


def test_a_new_cluster_begins_in_its_mode() -> None:
    *_others, proxy = plan(described(kube_proxy_mode="nftables"), both())["nodes"]["node1"]["documents"]
    assert proxy["mode"] == "nftables"
    *_others, proxy = plan(described(), both())["nodes"]["node1"]["documents"]
    assert "mode" not in proxy


def test_a_running_cluster_changes_its_mode_and_keeps_the_rest() -> None:
    change = plan(described(kube_proxy_mode="nftables"), cluster())["cluster"]["kube_proxy"]
    assert [words[2] for words in change["begin"]] == ["annotate", "patch", "rollout", "rollout"]
    assert change["end"][2] == "annotate"
    patch = yaml.safe_load(json.loads(change["begin"][1][-1])["data"]["config.conf"])
    assert patch == {**yaml.safe_load(CONFIGURATION), "mode": "nftables"}


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({}, cluster()),
        ({"kube_proxy_mode": "iptables"}, cluster()),
        ({"kube_proxy_mode": "nftables"}, cluster("mode: nftables\n")),
        ({"kube_proxy_mode": "nftables"}, cluster(None)),
        ({"kube_proxy_mode": "nftables"}, cluster("{not YAML")),
        ({"kube_proxy_mode": "nftables"}, both()),
    ],
    ids=["none-wanted", "iptables-by-default", "same", "no-configmap", "not-yaml", "no-cluster"],
)
def test_nothing_is_changed_without_a_reason(options: dict[str, Any], seen: dict[str, Any]) -> None:
    assert plan(described(**options), seen)["cluster"]["kube_proxy"] == {}


def test_a_node_whose_kube_proxy_runs_in_another_mode_is_brought_back() -> None:
    seen = cluster("mode: nftables\n")
    seen["node1"]["kubernetes"] = {**seen["node1"]["kubernetes"], "proxy_mode": "nftables"}
    seen["node2"]["kubernetes"] = {**seen["node2"]["kubernetes"], "proxy_mode": "iptables"}
    change = plan(described(kube_proxy_mode="nftables"), seen)["cluster"]["kube_proxy"]
    assert ["rollout", "restart"] in [words[2:4] for words in change["begin"]]
    seen["node2"]["kubernetes"]["proxy_mode"] = "nftables"
    assert plan(described(kube_proxy_mode="nftables"), seen)["cluster"]["kube_proxy"] == {}


@pytest.mark.parametrize(
    ("address", "asked"),
    [("''", True), ("0.0.0.0:10249", True), ("'[::]:10249'", True), ("192.0.2.11:10249", False), (":10300", False)],
)
def test_a_kube_proxy_that_answers_elsewhere_is_not_asked(address: str, asked: bool) -> None:
    seen = cluster(f"mode: iptables\nmetricsBindAddress: {address}\n")
    assert plan(described(kube_proxy_mode="nftables"), seen)["cluster"]["kube_proxy"]["asked"] is asked


def test_a_change_that_was_killed_is_taken_up() -> None:
    seen = cluster("mode: nftables\n", changing=True)
    assert plan(described(kube_proxy_mode="nftables"), seen)["cluster"]["kube_proxy"] != {}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kube_proxy_mode": "nftables", "version": "1.30.9"}, "v1.30.9 has no mode nftables"),
        ({"kube_proxy_config": {"mode": "nftables"}, "version": "1.30.9"}, "v1.30.9 has no mode nftables"),
        ({"kube_proxy_mode": "userspace"}, "'userspace' is no mode"),
        ({"kube_proxy_mode": "iptables", "kube_proxy_config": {"mode": "ipvs"}}, "it is iptables, and mode in"),
    ],
)
def test_modes_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    faults = plan(described(**options), both())["faults"]
    assert any(words in fault for fault in faults), faults


def test_nftables_needs_a_kernel_that_is_new_enough() -> None:
    old = both(kernel={"release": "5.10.0-28-amd64"})
    assert plan(described(), old)["faults"] == []
    faults = plan(described(kube_proxy_mode="nftables"), old)["faults"]
    assert sum("older than 5.13" in fault for fault in faults) == 2
