# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes come and go, and a play that is killed half-way is taken up again."""

from __future__ import annotations

from ansible_collections.podnet.lab.tests.cluster.site import Site, changed, recap

ADDED = "node3"


def names(site: Site) -> list[str]:
    return sorted(node["metadata"]["name"] for node in site.items("nodes"))


def is_joining(site: Site, node: str) -> bool:
    return "kubeadm" in site.nodes.shell(node, "ps -e -o comm=", check=False).split()


def test_node_added_by_a_play_that_was_killed_half_way(cluster: Site) -> None:
    cluster.workers = (*cluster.workers, ADDED)
    cluster.cluster_killed_when(lambda: is_joining(cluster, ADDED))
    done = cluster.cluster()
    assert names(cluster) == ["node1", "node2", ADDED]
    # The others are members already, and only learn the way to the new node's pods.
    assert "changed: [node2]" not in done.stdout.partition(": Join the workers]")[2].partition("TASK [")[0]
    assert changed(cluster.cluster()) == 0
    cluster.write_down("a node added")


def test_pods_of_the_added_node_are_reached(cluster: Site) -> None:
    cluster.kubectl("scale deployment web --replicas=6")
    cluster.kubectl("rollout status deployment/web --timeout=180s")
    pods = [pod for pod in cluster.items("pods -l app=web") if pod["spec"]["nodeName"] == ADDED]
    assert pods, "no pod was put on the added node"
    for pod in pods:
        answer = cluster.in_pod("pod1", f"wget -qO- http://{pod['status']['podIP']}", container="container1")
        assert answer.strip() == pod["metadata"]["name"]


def test_node_removed(cluster: Site) -> None:
    # It stays in the inventory until it is out.
    done = cluster.cluster(kubeadm_cluster_removed_nodes=[ADDED])
    cluster.workers = tuple(one for one in cluster.workers if one != ADDED)
    assert recap(done)[ADDED]["failed"] == 0
    assert names(cluster) == ["node1", "node2"]
    left = cluster.nodes.shell(
        ADDED, "ip -br link; ip route; ls /etc/cni/net.d /etc/kubernetes /var/lib/cni; nft list tables"
    )
    for trace in ("cni0", "veth", "proto 113", "10.244.", "podnet", "admin.conf", "kubelet.conf", "networks"):
        assert trace not in left, left
    assert changed(cluster.cluster()) == 0
