# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upgrade of a cluster: its steps from whatever state, and what is refused, without a node."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.upgrade import drain_flags
from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.versions import Version, parse_version
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.cluster.clusters import (
    MEMBER,
    api,
    described,
    node,
    plan,
)

COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
NAMES = ("node1", "node2", "node3", "node4")


def cluster(version: str = "v1.34.2", control_planes: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """Description and nodes of a cluster of four that runs `version`."""
    raw = described(
        control_plane=list(NAMES[:control_planes]), workers=list(NAMES[control_planes:]), workload=True,
        hosts={name: {"ansible_host": f"192.0.2.{index}"} for index, name in enumerate(NAMES, 11)},
    )  # fmt: skip
    seen = {name: node(f"192.0.2.{index}", kubernetes=MEMBER) for index, name in enumerate(NAMES, 11)}
    answer = api(*NAMES, version=version, configuration=f"kubernetesVersion: {version}")
    for name in NAMES[:control_planes]:
        seen[name]["api"] = answer
        seen[name]["kubernetes"] = {**seen[name]["kubernetes"], "control_plane": dict.fromkeys(COMPONENTS, version)}
        answer["nodes"][NAMES.index(name)]["taints"] = [
            {"key": "node-role.kubernetes.io/control-plane", "value": "", "effect": "NoSchedule"}
        ]
    return raw, seen


def steps(result: dict[str, Any]) -> list[str]:
    assert result["faults"] == []
    return [f"{step['part']} {step['host']}" for step in result["cluster"]["upgrade"]["steps"]]


def objects(seen: dict[str, Any]) -> dict[str, Any]:
    """The cluster's nodes in the API, by name."""
    return {entry["name"]: entry for entry in seen["node1"]["api"]["nodes"]}


def test_a_cluster_of_the_wanted_version_has_no_steps() -> None:
    raw, seen = cluster()
    result = plan(raw, seen)
    assert steps(result) == []
    assert not any(entry["upgrade"]["due"] or entry["upgrade"]["drain"] for entry in result["nodes"].values())


@pytest.mark.parametrize("version", ["1.34.3", "1.35.0"])
def test_first_the_whole_control_plane_then_each_kubelet(version: str) -> None:
    raw, seen = cluster(control_planes=2)
    result = plan({**raw, "version": version}, seen)
    assert steps(result) == [
        "control_plane node1", "control_plane node2", "node node1", "node node2", "node node3", "node node4",
    ]  # fmt: skip
    turns = {name: entry["upgrade"] for name, entry in result["nodes"].items()}
    assert [turns[name]["control_plane"] for name in NAMES] == ["upgrade_apply", "upgrade_node", "", ""]
    assert all(turn["drain"] and turn["cordon"] and turn["uncordon"] and turn["kubelet"] for turn in turns.values())
    assert result["cluster"]["upgrade"]["from"] == "v1.34.2"


def test_an_upgrade_goes_on_where_it_was_killed() -> None:
    raw, seen = cluster(control_planes=2)
    raw["version"] = "1.34.3"
    new = dict.fromkeys(COMPONENTS, "v1.34.3")
    # kubeadm upgrade apply was killed between the static pods and its last act, the addons.
    seen["node1"]["kubernetes"]["control_plane"] = new
    assert steps(plan(raw, seen))[:2] == ["control_plane node1", "control_plane node2"]
    answer = seen["node1"]["api"]
    answer["configuration"] = "kubernetesVersion: v1.34.3"
    assert steps(plan(raw, seen))[0] == "control_plane node1"
    answer["kube_proxy"] = "v1.34.3"
    assert steps(plan(raw, seen))[0] == "control_plane node2"
    # All versions are right, and kubeadm itself did not end.
    seen["node1"]["kubernetes"]["mark"] = {"phase": "member", "upgrading": "v1.34.3"}
    assert steps(plan(raw, seen))[0] == "control_plane node1"
    seen["node1"]["kubernetes"]["mark"] = {"phase": "member"}
    seen["node2"]["kubernetes"]["control_plane"] = new
    assert steps(plan(raw, seen)) == ["node node1", "node node2", "node node3", "node node4"]
    # Killed between the new kubelet and the end of its turn.
    objects(seen)["node1"]["kubelet_version"] = "v1.34.3"
    objects(seen)["node2"].update(
        kubelet_version="v1.34.3", unschedulable=True, annotations={"podnet.lab/cordoned": "upgrade"}
    )
    result = plan(raw, seen)
    assert steps(result) == ["node node2", "node node3", "node node4"]
    turn = result["nodes"]["node2"]["upgrade"]
    assert (turn["kubelet"], turn["drain"], turn["cordon"], turn["uncordon"]) == (False, False, False, True)


def test_a_node_that_somebody_cordoned_stays_so() -> None:
    raw, seen = cluster()
    objects(seen)["node3"]["unschedulable"] = True
    turn = plan({**raw, "version": "1.34.3"}, seen)["nodes"]["node3"]["upgrade"]
    assert turn["drain"]
    assert not turn["cordon"]
    assert not turn["uncordon"]


def test_a_node_is_not_drained_when_no_other_takes_its_pods() -> None:
    raw, seen = cluster()
    for name in ("node3", "node4"):
        objects(seen)[name]["unschedulable"] = True
    result = plan({**raw, "version": "1.34.3"}, seen)
    assert [result["nodes"][name]["upgrade"]["drain"] for name in NAMES] == [True, False, True, True]
    assert any("node2 is upgraded without being drained" in text for text in result["warnings"])


def test_without_consent_nothing_is_drained() -> None:
    raw, seen = cluster()
    seen["node1"]["api"]["bare_pods"] = [{"namespace": "a", "name": "b", "node": "node2", "part_of": ""}]
    result = plan({**raw, "version": "1.34.3", "upgrade_drain": False}, seen)
    assert "node node2" in steps(result)
    assert not any(entry["upgrade"]["drain"] or entry["upgrade"]["uncordon"] for entry in result["nodes"].values())


def test_pods_that_nothing_makes_again_are_not_drained_away() -> None:
    raw, seen = cluster()
    raw["version"] = "1.34.3"
    seen["node1"]["api"]["bare_pods"] = [
        {"namespace": "default", "name": "pod1", "node": "node2", "part_of": "podnet-lab"},
        {"namespace": "mine", "name": "data", "node": "node3", "part_of": ""},
    ]
    faults = plan(raw, seen)["faults"]
    assert len(faults) == 1
    assert "node node3" in faults[0]
    assert "mine/data" in faults[0]
    # The role makes its workload's pods again only when it runs the workload.
    assert any("default/pod1" in fault for fault in plan({**raw, "workload": False}, seen)["faults"])


def test_all_that_is_in_the_way_comes_at_once() -> None:
    raw, seen = cluster()
    objects(seen)["node2"]["ready"] = False
    objects(seen)["node3"]["kubelet_version"] = "v1.35.0"
    seen["node4"]["kubernetes"]["mark"] = {"phase": "joining"}
    seen["node1"]["api"]["nodes"].append({**objects(seen)["node4"], "name": "stranger"})
    text = "\n".join(plan({**raw, "version": "1.36.0"}, seen)["faults"])
    for words in (
        "kubeadm_cluster_version: v1.36.0 is wanted, and kubeadm's configuration of cluster is v1.34.2",
        "minor versions are upgraded one at a time. Upgrade to the newest 1.35 first.",
        "node node2: it is not ready",
        "node node3: its kubelet is v1.35.0, newer than the API server v1.34.2",
        "node node4: it is to join, and the cluster is to be upgraded",
        "node stranger: it is in none of the inventory's groups",
    ):
        assert words in text


def test_there_is_no_way_back() -> None:
    raw, seen = cluster()
    (fault,) = plan({**raw, "version": "1.34.1"}, seen)["faults"]
    assert "v1.34.1 is wanted" in fault
    assert "no way back" in fault
    assert "Ask for v1.34.2" in fault


def test_an_upgrade_that_was_begun_cannot_be_taken_back() -> None:
    raw, seen = cluster()
    seen["node1"]["kubernetes"]["control_plane"]["kube-apiserver"] = "v1.34.3"
    (fault,) = plan(raw, seen)["faults"]
    assert "kube-apiserver of node node1 is v1.34.3" in fault


def test_a_kubelet_that_lags_behind_is_not_led_over_two_minor_versions() -> None:
    raw, seen = cluster()
    objects(seen)["node4"]["kubelet_version"] = "v1.33.9"
    (fault,) = plan({**raw, "version": "1.35.0"}, seen)["faults"]
    assert "kubelet of node node4 is v1.33.9" in fault
    assert steps(plan(raw, seen)) == ["node node4"]


def test_a_kubelet_that_was_replaced_may_be_not_ready() -> None:
    raw, seen = cluster()
    objects(seen)["node2"]["ready"] = False
    seen["node2"]["programs"] = {"kubelet": {"path": "/usr/bin/kubelet", "version": "1.34.3", "package": None}}
    assert "node node2" in steps(plan({**raw, "version": "1.34.3"}, seen))


def test_a_node_may_leave_before_the_others_are_upgraded() -> None:
    raw, seen = cluster()
    objects(seen)["node4"]["ready"] = False
    result = plan({**raw, "version": "1.34.3", "removed_nodes": ["node4"]}, seen)
    assert steps(result) == ["control_plane node1", "node node1", "node node2", "node node3"]


def test_a_release_is_newer_than_its_candidates() -> None:
    candidate, release = parse_version("v1.34.0-rc.1"), parse_version("v1.34.0")
    assert candidate is not None
    assert release is not None
    assert candidate.precedence < release.precedence < Version(1, 34, 1).precedence


def test_flags_of_kubectl_drain() -> None:
    assert "--delete-local-data" in drain_flags(Version(1, 19, 4))
    assert "--delete-emptydir-data" in drain_flags(Version(1, 20, 0))
