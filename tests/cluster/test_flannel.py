# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster whose pods are connected by flannel."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.cluster.further import bundle_with
from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, Site, changed, listed
from ansible_collections.podnet.lab.tests.cluster_bundle import FURTHER, bundle, versions

pytestmark = pytest.mark.release

OPTIONS: dict[str, Any] = {
    "kubeadm_cluster_cni": "flannel",
    "kubeadm_cluster_flannel_image": FURTHER["flannel"],
    "kubeadm_cluster_flannel_plugin_image": FURTHER["flannel-cni-plugin"],
}
LEFT = (
    "ip -o link | grep -v -e ' lo:' -e ' eth0'; ip route | grep -F 10.244.; iptables-save | grep -e FLANNEL -e KUBE;"
    " find /etc/cni /run/flannel /var/lib/cni /etc/podnet-lab /usr/lib/cni/flannel /opt/cni -not -type d 2>/dev/null"
)


@pytest.fixture(scope="module")
def cluster(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A cluster of node1 and node2, made anew."""
    target = tmp_path_factory.mktemp("flannel") / "bundle"
    flannel = bundle_with(bundle(versions().base), target, ["flannel", "flannel-cni-plugin"])
    site.cluster(kubeadm_cluster_state="absent")
    own = Site(site.nodes, flannel, tmp_path_factory.mktemp("site"))
    predicted = own.cluster("--check", **OPTIONS)
    assert changed(predicted) > 0
    assert own.nodes.shell(CONTROL_PLANE, LEFT, check=False) == ""
    own.cluster(**OPTIONS)
    own.write_down("pods connected by flannel")
    return own


def test_a_second_run_changes_nothing(cluster: Site) -> None:
    assert changed(cluster.cluster(**OPTIONS)) == 0


def test_a_bundle_without_its_images_is_refused(cluster: Site) -> None:
    refused = cluster.cluster(check=False, bundle=bundle(versions().base), **OPTIONS)
    assert refused.returncode != 0
    assert f"it lacks images of flannel: {FURTHER['flannel']}" in " ".join(refused.stdout.split())


def test_nodes_have_its_link_and_its_configuration(cluster: Site) -> None:
    for node in (CONTROL_PLANE, *cluster.workers):
        assert "vxlan id 1 " in cluster.nodes.shell(node, "ip -d link show flannel.1")
        assert listed(cluster.nodes.shell(node, "ls /etc/cni/net.d")) == ["10-flannel.conflist"]
        assert "via" in cluster.nodes.shell(node, "ip route | grep 'dev flannel.1 onlink'")


def test_pods_on_two_nodes_see_each_others_true_addresses(cluster: Site) -> None:
    pods = {pod["metadata"]["name"]: pod for pod in cluster.items("pods")}
    assert pods["pod1"]["spec"]["nodeName"] != pods["pod2"]["spec"]["nodeName"]
    before = sent(cluster)
    assert cluster.source_seen("pod1", "pod2") == pods["pod1"]["status"]["podIP"]
    assert sent(cluster) > before


def sent(cluster: Site) -> int:
    """Return how many packets went into the tunnel on the first node."""
    return int(cluster.nodes.shell(CONTROL_PLANE, "cat /sys/class/net/flannel.1/statistics/tx_packets"))


def test_nothing_is_left_of_it(cluster: Site) -> None:
    cluster.cluster(kubeadm_cluster_state="absent")
    for node in (CONTROL_PLANE, *cluster.workers):
        assert cluster.nodes.shell(node, LEFT, check=False) == ""
