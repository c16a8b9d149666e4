# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a cluster: faults, steps, configuration in each API, without a node."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.cluster import openpgp
from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.versions import (
    config_api,
    parse_version,
    sandbox_image,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.cluster.clusters import (
    MEMBER,
    api,
    both,
    described,
    manifest,
    plan,
    running,
)

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "kubeadm")
FINGERPRINT = "7A7EBC1273F800C785AADA620946D6F1B11F9682"


def test_a_new_cluster_begins_on_the_first_node_and_the_other_joins() -> None:
    result = plan(described(), both())
    assert result["faults"] == []
    assert [(entry["step"], entry["action"]) for entry in result["nodes"].values()] == [
        ("init", "init"),
        ("join", "join"),
    ]
    assert result["cluster"]["endpoint"] == "192.0.2.11:6443"
    assert result["cluster"]["cgroup_driver"] == "systemd"
    assert result["nodes"]["node1"]["packages"] == ["containerd"]
    assert result["nodes"]["node1"]["modules"] == ["br_netfilter"]
    assert "net.ipv4.ip_forward=1" in result["nodes"]["node1"]["sysctls"]


def test_members_are_left_alone() -> None:
    result = plan(described(), running())
    assert result["faults"] == []
    assert {entry["step"] for entry in result["nodes"].values()} == {"keep"}
    assert not result["cluster"]["changing"]


def test_a_node_that_did_not_end_is_taken_up_again() -> None:
    seen = running()
    seen["node2"]["kubernetes"]["mark"] = {"phase": "joining"}
    assert plan(described(), seen)["nodes"]["node2"]["step"] == "again"
    seen["node2"]["kubernetes"]["files"], seen["node2"]["kubernetes"]["ca_sha256"] = [], None
    assert plan(described(), seen)["nodes"]["node2"]["step"] == "join"


def test_an_interrupted_init_begins_again() -> None:
    seen = both()
    seen["node1"]["kubernetes"].update(mark={"phase": "initialising"}, ca_sha256="ca")
    result = plan(described(), seen)
    assert (result["nodes"]["node1"]["step"], result["nodes"]["node1"]["action"]) == ("again", "init")


def test_a_member_that_the_cluster_does_not_know_joins_again() -> None:
    seen = running()
    seen["node1"]["api"] = api("node1")
    assert plan(described(), seen)["nodes"]["node2"]["step"] == "again"


def test_a_member_of_an_older_cluster_joins_the_new_one() -> None:
    seen = running()
    seen["node2"]["kubernetes"] = {**MEMBER, "ca_sha256": "older"}
    assert plan(described(), seen)["nodes"]["node2"]["step"] == "again"


def test_a_control_plane_with_data_is_never_reset_because_it_does_not_answer() -> None:
    seen = both(kubernetes=MEMBER)
    seen["node1"]["kubernetes"]["files"] = ["/etc/kubernetes/manifests/etcd.yaml"]
    seen["node1"]["api"] = {"reachable": False, "error": "connection refused", "nodes": [], "configuration": None}
    faults = plan(described(), seen)["faults"]
    assert any("node node1" in fault and "connection refused" in fault for fault in faults)


def test_a_cluster_that_others_made_is_refused() -> None:
    seen = both(kubernetes={"mark": None, "files": ["/etc/kubernetes/kubelet.conf"], "ca_sha256": "ca"})
    faults = plan(described(), seen)["faults"]
    assert len(faults) == 2
    assert "did not make" in faults[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pod_cidr": "10.96.0.0/12"}, ["overlap", "pod_cidr"]),
        ({"pod_cidr": "10.244.0.0/25"}, ["does not fit"]),
        ({"pod_cidr": "10.244.0.0/24"}, ["room for 1", "2 nodes"]),
        ({"pod_cidr": "10.0.0.0/7", "node_prefix": 28}, ["16 bits"]),
        ({"pod_cidr": "192.0.0.0/16"}, ["node node1", "192.0.2.0/24", "overlaps the pods' range"]),
        ({"service_cidr": "192.0.2.128/25"}, ["overlaps the services' range"]),
        ({"service_cidr": "10.96.0.0/30"}, ["no range for services"]),
        ({"version": "latest"}, ["is not a version"]),
        ({"version": ""}, ["it is not set"]),
        ({"version": "1.12.0"}, ["older than"]),
        ({"ignore_preflight_errors": ["all"]}, ["not ignored at once"]),
        ({"bridge": "a-name-that-is-too-long"}, ["not a name for a link"]),
        ({"control_plane": []}, ["no host is of the control plane"]),
        ({"removed_nodes": ["node1"]}, ["nothing of the control plane would be left"]),
        ({"removed_nodes": ["node9"]}, ["no host of the cluster's groups"]),
        ({"source": "bundle"}, ["there is no bundle"]),
        ({"endpoint": "a:b"}, ["not a host with a port"]),
        ({"cni": "manifest"}, ["cni_manifest", "it is empty"]),
    ],
)
def test_bad_descriptions_are_refused(options: dict[str, Any], words: list[str]) -> None:
    faults = plan(described(**options), both())["faults"]
    assert any(all(word in fault for word in words) for fault in faults), faults


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"swap": ["/dev/sda2"]}, "swap is on (/dev/sda2)"),
        ({"memory_mib": 600}, "600 MiB"),
        ({"cgroup": {"version": 2, "controllers": ["cpu", "cpuset", "pids"]}}, "lack memory"),
        ({"kernel": {"features": {"overlay": "present", "br_netfilter": "missing"}}}, "has no br_netfilter"),
        ({"distribution": {"id": "fedora", "name": "Fedora Linux 43"}}, "Fedora Linux 43 is not supported"),
        ({"privileged": False}, "needs root"),
        ({"systemd": False}, "systemd is not"),
        ({"cpus": 1}, "one processor"),
    ],
)
def test_machines_that_cannot_be_nodes_are_refused(changes: dict[str, Any], words: str) -> None:
    faults = plan(described(), both(**changes))["faults"]
    assert any(words in fault for fault in faults), faults


def test_ipvs_needs_a_kernel_that_has_it() -> None:
    seen = both()
    for host in seen.values():
        host["kernel"] = {**host["kernel"], "ip_vs": "missing"}
    assert plan(described(), seen)["faults"] == []
    faults = plan(described(kube_proxy_config={"mode": "ipvs"}), seen)["faults"]
    assert sum("has no ip_vs" in fault for fault in faults) == 2


def test_all_faults_come_in_one_answer() -> None:
    assert len(plan(described(pod_cidr="x", bridge="", endpoint=":"), both(swap=["/a"], memory_mib=1))["faults"]) == 7


def test_a_shared_nat_address_is_refused_and_a_given_one_taken() -> None:
    seen = both()
    for entry in seen.values():
        entry["addresses"].insert(0, {"ifname": "nat0", "local": "10.0.2.15", "prefixlen": 24})
        entry["routes"][0]["dev"] = "nat0"
    raw = described(hosts={"node1": {"ansible_host": "127.0.0.1"}, "node2": {"ansible_host": "127.0.0.1"}})
    assert any("has the address 10.0.2.15 too" in fault for fault in plan(raw, seen)["faults"])
    raw["hosts"] = {"node1": {"node_address": "192.0.2.11"}, "node2": {"node_address": "192.0.2.12"}}
    result = plan(raw, seen)
    assert [entry["addresses"] for entry in result["nodes"].values()] == [["192.0.2.11"], ["192.0.2.12"]]


def test_ranges_of_a_running_cluster_cannot_be_changed() -> None:
    seen = running()
    seen["node1"]["api"]["configuration"] = "networking: {podSubnet: 10.1.0.0/16, serviceSubnet: 10.96.0.0/16}"
    faults = plan(described(), seen)["faults"]
    assert len(faults) == 1
    assert "10.1.0.0/16" in faults[0]


def test_a_host_outside_the_groups_and_one_not_looked_at_are_faults() -> None:
    seen = both()
    del seen["node2"]
    faults = plan(described(), seen, ["node1", "stranger"])["faults"]
    assert any("stranger" in fault for fault in faults)
    assert any("host node2" in fault and "--limit" in fault for fault in faults)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.20.2", "v1beta2"),
        ("1.21.14", "v1beta2"),
        ("1.22.0", "v1beta3"),
        ("1.30.9", "v1beta3"),
        ("1.31.0", "v1beta4"),
        ("1.36.1", "v1beta4"),
    ],
)
def test_each_version_has_its_api(version: str, name: str) -> None:
    parsed = parse_version(version)
    assert parsed is not None
    assert config_api(parsed) == name


@pytest.mark.parametrize("version", ["1.20.2", "1.28.4", "1.34.2"])
def test_configuration_in_each_api(version: str) -> None:
    raw = described(version=version, apiserver_extra_args={"v": 2}, control_plane=["node1", "node2"], workers=[])
    raw["hosts"]["node1"]["taints"] = []
    raw["hosts"]["node2"]["kubelet_extra_args"] = {"max-pods": "60"}
    result = plan(raw, both())
    parsed = parse_version(version)
    assert parsed is not None
    name = config_api(parsed)
    init, cluster, kubelet, proxy = result["nodes"]["node1"]["documents"]
    assert init["apiVersion"] == cluster["apiVersion"] == "kubeadm.k8s.io/" + name
    assert cluster["controlPlaneEndpoint"] == "192.0.2.11:6443"
    assert cluster["networking"]["podSubnet"] == "10.244.0.0/16"
    assert init["nodeRegistration"]["taints"] == []
    assert kubelet["cgroupDriver"] == "systemd"
    assert "conntrack" not in proxy
    (join,) = result["nodes"]["node2"]["documents"]
    assert join["controlPlane"]["localAPIEndpoint"]["advertiseAddress"] == "192.0.2.12"
    assert "taints" not in join["nodeRegistration"]
    assert "token" not in str(join)
    if name == "v1beta4":
        assert cluster["apiServer"]["extraArgs"] == [{"name": "v", "value": "2"}]
        assert {"name": "max-pods", "value": "60"} in join["nodeRegistration"]["kubeletExtraArgs"]
    else:
        assert cluster["apiServer"]["extraArgs"] == {"v": "2"}
        assert join["nodeRegistration"]["kubeletExtraArgs"] == {"node-ip": "192.0.2.12", "max-pods": "60"}
    socket = init["nodeRegistration"]["criSocket"]
    assert socket.startswith("unix://") == (name != "v1beta2")


def test_a_bundle_must_fit() -> None:
    other = manifest("v1.20.2", "k8s.gcr.io/etcd:3.4.13-0", architecture="arm64")
    text = " ".join(plan(described(source="bundle", bundle_manifest=other), both())["faults"])
    for words in (
        "the bundle has Kubernetes v1.20.2",
        "no image in the bundle is named pause",
        "the bundle is for arm64",
    ):
        assert words in text
    fits = manifest("v1.20.2", "k8s.gcr.io/pause:3.2")
    result = plan(described(source="bundle", bundle_manifest=fits, version=""), both())
    assert result["faults"] == []
    assert result["nodes"]["node1"]["containerd"]["sandbox_image"] == "k8s.gcr.io/pause:3.2"
    assert result["nodes"]["node1"]["containerd"]["cni_bin_dir"] == "/usr/lib/cni"


@pytest.mark.parametrize("wrong", [["a list"], {"format": 1}, manifest("latest", "pause:1")])
def test_a_manifest_that_is_wrong_is_a_fault_and_no_crash(wrong: Any) -> None:
    faults = plan(described(source="bundle", bundle_manifest=wrong, version=""), both())["faults"]
    assert any("kubeadm_cluster_bundle: its manifest is wrong" in fault for fault in faults)


def test_flannel_needs_its_images_in_the_bundle_and_vxlan_in_the_kernel() -> None:
    options = {
        "source": "bundle",
        "bundle_manifest": manifest("v1.34.2", "registry.k8s.io/pause:3.10.1", "docker.io/library/one:1"),
        "version": "",
        "flannel_images": ["one:1", "x.org/two:2"],
    }
    seen = both()
    assert plan(described(cni="bridge", **options), seen)["faults"] == []
    for host in seen.values():
        host["kernel"] = {**host["kernel"], "vxlan": "missing"}
    faults = plan(described(cni="flannel", **options), seen)["faults"]
    assert any("it lacks images of flannel: x.org/two:2." in fault for fault in faults), faults
    assert sum("has no vxlan" in fault for fault in faults) == 2
    assert plan(described(cni="bridge", **options), seen)["faults"] == []


def test_packages_of_the_distribution_stand_in_a_bundles_way() -> None:
    seen = both(programs={"kubelet": {"path": "/usr/bin/kubelet", "package": "kubelet"}})
    faults = plan(
        described(source="bundle", bundle_manifest=manifest("v1.20.2", "k8s.gcr.io/pause:3.2"), version=""), seen
    )["faults"]
    assert any("kubelet (kubelet)" in fault for fault in faults)


def test_sandbox_images() -> None:
    for version, image in (
        ("1.20.2", "k8s.gcr.io/pause:3.2"),
        ("1.34.2", "registry.k8s.io/pause:3.10.1"),
        ("1.37.2", "registry.k8s.io/pause:3.10.2"),
    ):
        parsed = parse_version(version)
        assert parsed is not None
        assert sandbox_image(parsed) == image


def test_fingerprints_are_those_of_gpg() -> None:
    with open(os.path.join(FIXTURES, "key.asc"), "rb") as opened:
        key = opened.read()
    assert openpgp.fingerprints(key) == [FINGERPRINT]
    for damaged in (b"", b"no key", key[: len(key) // 2], key.replace(b"m", b"!", 1)):
        with pytest.raises(ValueError):
            openpgp.fingerprints(damaged)
