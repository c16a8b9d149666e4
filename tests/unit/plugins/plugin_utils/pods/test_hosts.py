# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The model becomes hosts and groups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.pods.hosts import pod_hosts, read_labels
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    NodeFile,
    model_of,
    three_nodes,
)

FIXTURES = next(one for one in Path(__file__).parents if one.name == "unit") / "fixtures" / "pods"


def test_groups_by_node_namespace_and_range() -> None:
    node = NodeFile(1, pods=0)
    node.pod("web", "shop")
    (host,) = pod_hosts(model_of(node), {}, ())
    assert host.name == "shop_web"
    assert {"podnet_node_node1", "podnet_namespace_shop", "podnet_range_10_244_1_0_24"} <= set(host.groups)
    assert host.addresses == ["10.244.1.2"]
    assert host.labels == {}


def test_a_pod_is_in_the_ranges_of_its_own_address_alone() -> None:
    hosts = pod_hosts(model_of(*three_nodes()), {}, ())
    for host in hosts:
        number = host.pod["node"].removeprefix("node")
        assert [one for one in host.groups if one.startswith("podnet_range_") and one.endswith("_24")] == [
            f"podnet_range_10_244_{number}_0_24"
        ]


def test_the_way_in() -> None:
    node = NodeFile(1, pods=0)
    namespace = node.pod("web")
    (host,) = pod_hosts(model_of(node), {}, ())
    assert host.pod["netns"] == namespace["inode"]
    assert host.pod["doors"][: len(namespace["paths"])] == namespace["paths"]
    assert host.pod["doors"][len(namespace["paths"]) :] == [
        f"/proc/{one['pid']}/ns/net" for one in host.pod["containers"]
    ]
    assert host.pod["links"] == [{"ifname": "eth0", "address": "0a:58:00:01:00:01"}]


def test_the_sandbox_is_entered_last() -> None:
    """Its files are /pause and nothing else."""
    model, _sources = gathering.read_model([FIXTURES.parent / "nodes" / "kubeadm_services"])
    (host,) = [one for one in pod_hosts(model, {}, ()) if one.name == "default_pod1"]
    assert host.pod["containers"] == [
        {"name": "idle1", "pid": 1340},
        {"name": "idle2", "pid": 1369},
        {"name": "web", "pid": 1397},
        {"name": None, "pid": 1310},
    ]


def test_pods_of_the_nodes_own_network_only_when_asked_for() -> None:
    model = model_of(*three_nodes())
    assert not [host for host in pod_hosts(model, {}, ()) if host.pod["host_network"]]
    found = [host for host in pod_hosts(model, {}, (), host_network=True) if host.pod["host_network"]]
    assert {host.name for host in found} >= {"kube-system_etcd-node1", "kube-system_kube-proxy-node2"}
    assert all(host.pod["doors"][0] == "/proc/1/ns/net" and host.pod["links"] == [] for host in found)


def test_labels_are_groups_where_they_are_known() -> None:
    document = json.loads((FIXTURES / "kubectl-get-pods.json").read_text(encoding="utf-8"))
    labels = read_labels(document, "pods.json")
    assert labels["kube-system", "coredns-76f75df574-x2lkq"]["k8s-app"] == "kube-dns"
    node = NodeFile(1, pods=0)
    node.pod("coredns-76f75df574-x2lkq", "kube-system")
    node.pod("other")
    first, second = pod_hosts(model_of(node), labels, ())
    known, unknown = (first, second) if first.labels else (second, first)
    assert "podnet_label_k8s_app_kube_dns" in known.groups
    assert not [group for group in unknown.groups if group.startswith("podnet_label_")]


@pytest.mark.parametrize("document", [[], {"items": [{}]}, {"items": [{"metadata": {"namespace": 1, "name": "x"}}]}])
def test_what_is_no_list_of_pods_is_an_error(document: object) -> None:
    with pytest.raises(ShapeError, match=r"pods\.json"):
        read_labels(document, "pods.json")
