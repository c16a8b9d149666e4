# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing is left of a removed cluster, and what others made stays. A new one is made in its place afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, Site, changed, listed

LOOK = {
    "links": "ip -o link | awk '{print $2}' | cut -d@ -f1 | tr -d :",
    "routes": "ip route; ip -6 route | grep -v fe80",
    "namespaces": "ls /run/netns 2>/dev/null",
    "mounts": "awk '{print $5}' /proc/self/mountinfo | grep -e /kubelet/ -e /netns -e /containerd/",
    "rules": "iptables-save | grep -c -e KUBE -e CNI; nft list tables",
    "sets": "ipset list -name",
    "files": "find /etc/cni /etc/kubernetes /var/lib/cni /var/lib/kubelet /var/lib/etcd /etc/podnet-lab -type f",
    "programs": "ls /usr/bin/kubeadm /usr/bin/kubelet /usr/bin/kubectl /usr/bin/crictl 2>/dev/null",
    "processes": "ps -e -o comm= | grep -e kube -e etcd -e pause -e shim",
    "images": "ctr -n k8s.io images list -q",
}
FOREIGN = (
    "set -e; ip link add otherbr type bridge; ip netns add other; ip route add 10.250.0.0/24 via {gateway};"
    " nft add table ip other; mkdir -p /etc/cni/net.d /var/lib/cni/networks/other;"
    " echo {{}} > /etc/cni/net.d/99-other.conf; echo x > /var/lib/cni/networks/other/10.9.9.9; iptables -t nat -N OTHER"
)
FOREIGN_AWAY = (
    "ip link del otherbr; ip netns del other; ip route del 10.250.0.0/24; nft delete table ip other;"
    " rm -r /etc/cni/net.d/99-other.conf /var/lib/cni/networks/other; iptables -t nat -X OTHER"
)


def seen(site: Site, node: str) -> dict[str, list[str]]:
    return {what: list(listed(site.nodes.shell(node, command, check=False))) for what, command in LOOK.items()}


@pytest.fixture(scope="module")
def members(cluster: Site) -> tuple[str, ...]:
    return (CONTROL_PLANE, *cluster.workers)


@pytest.fixture
def foreign(cluster: Site, members: tuple[str, ...]) -> Iterator[None]:
    """On each node a bridge, a namespace, a route, rules, a CNI configuration and a lease of somebody else."""
    gateway = cluster.nodes.shell(CONTROL_PLANE, "ip route show default").split()[2]
    for node in members:
        cluster.nodes.shell(node, FOREIGN.format(gateway=gateway))
    yield
    for node in members:
        cluster.nodes.shell(node, FOREIGN_AWAY)


@pytest.mark.usefixtures("foreign")
def test_removed_and_others_things_kept(cluster: Site, members: tuple[str, ...]) -> None:
    predicted = cluster.cluster("--check", kubeadm_cluster_state="absent")
    assert changed(predicted) > 0
    assert len(cluster.items("nodes")) == len(members)
    cluster.cluster(kubeadm_cluster_state="absent")
    for node in members:
        left = seen(cluster, node)
        assert set(left["links"]) <= {"lo", "eth0", "otherbr"}, left
        assert not any("10.244." in route for route in left["routes"])
        assert any("10.250.0.0/24" in route for route in left["routes"])
        assert left["namespaces"] == ["other"]
        assert set(left["mounts"]) == {"/run/netns", "/run/netns/other"}
        assert "table ip other" in left["rules"]
        assert not any("podnet" in rule for rule in left["rules"])
        assert left["rules"][0] == "0", left["rules"]
        assert left["sets"] == []
        assert left["files"] == ["/etc/cni/net.d/99-other.conf", "/var/lib/cni/networks/other/10.9.9.9"]
        assert left["programs"] == left["processes"] == left["images"] == []
    assert changed(cluster.cluster(kubeadm_cluster_state="absent")) == 0
