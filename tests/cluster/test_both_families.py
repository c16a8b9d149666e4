# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of IPv4 and IPv6 whose two nodes are both of the control plane, in its life.

It is made in one mode of kube-proxy and brought to another, its certificates are renewed, it is upgraded and removed.
The second node says that it has swap, which is a stand-in: the machine has none, so nothing is ever swapped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.cluster.versions import NFTABLES_PROXY, parse_version
from ansible_collections.podnet.lab.tests.cluster.site import (
    CONTROL_PLANE,
    Site,
    changed,
    listed,
    node_file,
    report,
    wait_until,
)
from ansible_collections.podnet.lab.tests.cluster_bundle import bundle, versions

SECOND = "node2"
ADDRESSES = {CONTROL_PLANE: "fd00:192:168::11", SECOND: "fd00:192:168::12"}
OPTIONS: dict[str, Any] = {
    "kubeadm_cluster_pod_cidr": "10.244.0.0/16,fd00:10:244::/56",
    "kubeadm_cluster_service_cidr": ["10.96.0.0/16", "fd00:10:96::/112"],
    "kubeadm_cluster_timeouts": {"controlPlaneComponentHealthCheck": "10m"},
    "kubeadm_cluster_allow_swap": True,
}
SWAP_ON = (
    r"printf 'Filename Type Size Used Priority\n/dev/stand-in partition 1048572 0 -2\n' > /run/swaps;"
    " mount --bind /run/swaps /proc/swaps"
)
SWAP_OFF = "umount /proc/swaps; rm /run/swaps"
API, KUBELET = 6443, 10250
OF_THE_CLUSTER = "issuer=CN = kubernetes"
LEFT = (
    "ip -6 route | grep -e fd00:10: -e 'proto 113'; nft list tables | grep -e podnet -e kube-proxy;"
    " ls /etc/systemd/system/kubelet.service.d /etc/podnet-lab 2>/dev/null"
)


@pytest.fixture(scope="module")
def own(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The nodes with addresses of both families, without a cluster, and what is wanted of each."""
    version = parse_version(versions().base)
    if version is None or version < NFTABLES_PROXY:
        pytest.skip(f"{versions().base} has no kube-proxy with nftables")
    site.cluster(kubeadm_cluster_state="absent")
    own = Site(site.nodes, bundle(versions().base), tmp_path_factory.mktemp("both"))
    own.control_plane, own.workers = (CONTROL_PLANE, SECOND), ()
    own.options[SECOND].update(
        kubeadm_cluster_labels={"disk": "ssd"},
        kubeadm_cluster_kubelet_node_config={"maxPods": 70},
    )
    own.nodes.shell(SECOND, SWAP_ON)
    for node, address in ADDRESSES.items():
        own.nodes.shell(node, f"ip -6 address add {address}/64 dev eth0 nodad")
    yield own
    own.cluster(kubeadm_cluster_state="absent", check=False)
    own.nodes.shell(SECOND, SWAP_OFF)
    for node, address in ADDRESSES.items():
        own.nodes.shell(node, f"ip -6 address delete {address}/64 dev eth0")


@pytest.fixture(scope="module")
def cluster(own: Site) -> Site:
    """The cluster, made by a play that was killed half-way and by one that took it up."""
    options = {**OPTIONS, "kubeadm_cluster_kube_proxy_mode": "nftables"}
    own.cluster_killed_when(
        lambda: "etcd" in own.nodes.shell(CONTROL_PLANE, "ps -e -o comm=", check=False).split(), **options
    )
    done = own.cluster(**options)
    assert "(default/web)" in " ".join(done.stdout.split()), "the NetworkPolicy that nobody holds was not named"
    own.write_down("made after a start that was killed")
    return own


def addresses(site: Site) -> dict[str, list[str]]:
    """The addresses of each pod, by its name."""
    return {pod["metadata"]["name"]: [one["ip"] for one in pod["status"]["podIPs"]] for pod in site.items("pods")}


def services_answer(site: Site) -> None:
    """Ask the workload's Service by each of its addresses, and by the node's port of each family."""
    [web] = [one["spec"] for one in site.items("services") if one["metadata"]["name"] == "web"]
    assert len(web["clusterIPs"]) == 2, web
    for host in (*web["clusterIPs"], *(f"{address}]:30080" for address in ADDRESSES.values())):
        address = host if "." in host else f"[{host}" if "]" in host else f"[{host}]"
        answer = site.in_pod("pod1", f"wget -qO- -T 10 http://{address}", container="container1")
        assert answer.startswith("web-"), address


def test_a_node_with_swap_is_refused_without_consent(own: Site) -> None:
    done = own.cluster(check=False, **{**OPTIONS, "kubeadm_cluster_allow_swap": False})
    said = " ".join(done.stdout.split())
    assert done.returncode != 0
    assert f"{SECOND}: swap is on (/dev/stand-in). Run swapoff -a" in said
    assert f"{CONTROL_PLANE}: swap is on" not in said
    assert changed(done) == 0


def test_a_second_run_changes_nothing(cluster: Site) -> None:
    assert changed(cluster.cluster(**OPTIONS, kubeadm_cluster_kube_proxy_mode="nftables")) == 0


def test_pods_see_each_others_true_addresses_of_both_families(cluster: Site) -> None:
    pods = {pod["metadata"]["name"]: pod for pod in cluster.items("pods")}
    assert pods["pod1"]["spec"]["nodeName"] != pods["pod2"]["spec"]["nodeName"]
    four, six = addresses(cluster)["pod1"]
    assert six.startswith("fd00:10:244:")
    assert cluster.source_seen("pod1", "pod2") == four
    assert cluster.source_seen("pod1", "pod2", family=6) == six


def test_services_answer_in_mode_nftables(cluster: Site) -> None:
    services_answer(cluster)
    assert tables(cluster) == {node: ["ip kube-proxy", "ip6 kube-proxy"] for node in ADDRESSES}
    for node in ADDRESSES:
        assert "KUBE-SVC" not in cluster.nodes.shell(node, "iptables-save; ip6tables-save")


def maps(site: Site, node: str) -> list[str]:
    """The Services in kube-proxy's maps of both families."""
    lists = "; ".join(f"nft list map {family} kube-proxy service-ips" for family in ("ip", "ip6"))
    return sorted(re.findall(r"\S+ \. \w+ \. \d+ : goto [^\s,]+", site.nodes.shell(node, lists)))


def has_synced(site: Site, node: str) -> bool:
    """Whether the kube-proxy that runs on a node has written the rules of both families, as it says itself."""
    read = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:10249/metrics').read().decode())"
    counts = re.findall(
        r'^kubeproxy_sync_full_proxy_rules_duration_seconds_count\{ip_family="(\w+)"\} [1-9]',
        site.nodes.shell(node, f'python3 -c "{read}"', check=False),
        re.MULTILINE,
    )
    return sorted(counts) == ["IPv4", "IPv6"]


def test_a_kube_proxy_that_starts_again_keeps_every_service_of_mode_nftables(cluster: Site) -> None:
    cluster.wait_for_backends()
    before = {node: maps(cluster, node) for node in ADDRESSES}
    assert all(sum("default/web/tcp" in one for one in found) == 2 for found in before.values()), before
    cluster.kubectl("rollout restart daemonset/kube-proxy -n kube-system")
    cluster.kubectl("rollout status daemonset/kube-proxy -n kube-system --timeout=120s")
    wait_until(lambda: all(has_synced(cluster, node) for node in ADDRESSES), 60)
    assert {node: maps(cluster, node) for node in ADDRESSES} == before


def test_a_report_knows_every_address_and_service_and_finds_nothing_odd(cluster: Site) -> None:
    found = report(cluster.inspect("both", *ADDRESSES))
    assert found["odd"] == []
    pods = [pod for pod in found["pods"] if pod["namespace"] == "default"]
    assert {pod["name"]: [one["local"] for one in pod["addresses"]] for pod in pods} == addresses(cluster)
    [web] = [one["spec"] for one in cluster.items("services") if one["metadata"]["name"] == "web"]
    for node in ADDRESSES:
        services = node_file(cluster.directory / "both", node)["podnet_service"]["services"]
        virtual = [one["virtual_address"] for one in services if one["name"] == "web" and one["type"] == "cluster_ip"]
        assert sorted(virtual) == sorted(web["clusterIPs"])


def test_each_node_has_what_is_its_own(cluster: Site) -> None:
    kubelets = {
        node: json.loads(cluster.kubectl(f"get --raw /api/v1/nodes/{node}/proxy/configz"))["kubeletconfig"]["maxPods"]
        for node in ADDRESSES
    }
    assert kubelets == {CONTROL_PLANE: 110, SECOND: 70}
    assert [one["metadata"]["name"] for one in cluster.items("nodes -l disk=ssd")] == [SECOND]
    assert taints(cluster) == {CONTROL_PLANE: [], SECOND: []}


def taints(site: Site) -> dict[str, list[dict[str, str]]]:
    """The taints of each node, without those by which Kubernetes itself says how a node is."""
    return {
        one["metadata"]["name"]: [
            taint for taint in one["spec"].get("taints", []) if not taint["key"].startswith("node.kubernetes.io/")
        ]
        for one in site.items("nodes")
    }


def test_the_kubelet_runs_beside_swap_that_pods_do_not_use(cluster: Site) -> None:
    kubelet = json.loads(cluster.kubectl(f"get --raw /api/v1/nodes/{SECOND}/proxy/configz"))["kubeletconfig"]
    assert kubelet["failSwapOn"] is False
    assert kubelet["memorySwap"] == {}
    assert "/dev/stand-in" in cluster.nodes.shell(SECOND, "cat /proc/$(pidof kubelet)/root/proc/swaps")


def test_the_sandbox_is_the_image_that_kubeadm_asks_for(cluster: Site) -> None:
    images = cluster.nodes.shell(SECOND, f"kubeadm config images list --kubernetes-version {versions().base}")
    [pause] = [image for image in images.split() if "/pause:" in image]
    assert f'"{pause}"' in cluster.nodes.shell(SECOND, "cat /etc/containerd/config.toml")


def shown(site: Site, node: str, port: int, what: str) -> str:
    """Return a field of the certificate that a server of a node shows; it is empty where none is shown."""
    command = f"openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null | openssl x509 -noout -{what}"
    return site.nodes.shell(node, command, check=False).strip()


def tables(site: Site) -> dict[str, list[str]]:
    """The tables of mode nftables that each node has."""
    return {
        node: re.findall(r"^table (ip6? kube-proxy)$", site.nodes.shell(node, "nft list tables"), re.MULTILINE)
        for node in ADDRESSES
    }


def test_mode_certificates_policies_and_what_is_a_nodes_own_are_changed_in_a_running_cluster(cluster: Site) -> None:
    before = {node: shown(cluster, node, API, "serial") for node in ADDRESSES}
    assert all(before.values())
    assert shown(cluster, SECOND, KUBELET, "issuer") != OF_THE_CLUSTER
    del cluster.options[SECOND]["kubeadm_cluster_kubelet_node_config"]
    cluster.kubectl(f"label node {SECOND} foreign=kept")
    cluster.kubectl(f"taint node {SECOND} slow=yes:PreferNoSchedule foreign:PreferNoSchedule")
    slow = {"key": "slow", "value": "very", "effect": "PreferNoSchedule"}
    cluster.options[SECOND].update(kubeadm_cluster_labels={"rack": "2"}, kubeadm_cluster_taints=[slow])
    options = {
        **OPTIONS, "kubeadm_cluster_kube_proxy_mode": "iptables", "kubeadm_cluster_kubelet_serving_certificates": True,
    }  # fmt: skip
    engine = cluster.directory / "engine.yml"
    engine.write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: engine, namespace: default}}")
    options["kubeadm_cluster_policy_manifest"] = str(engine)
    predicted = cluster.cluster("--check", **options, kubeadm_cluster_renew_certificates=400)
    assert "kube-proxy would be brought to mode iptables" in predicted.stdout
    assert tables(cluster) == {node: ["ip kube-proxy", "ip6 kube-proxy"] for node in ADDRESSES}
    done = cluster.cluster(**options, kubeadm_cluster_renew_certificates=400)
    assert "(default/web)" not in " ".join(done.stdout.split()), "somebody holds it now, and the run says nobody does"
    assert cluster.kubectl("get configmap engine -o name").strip() == "configmap/engine"
    # It takes them away before it answers for its mode, and writes its rules some time after.
    assert tables(cluster) == {node: [] for node in ADDRESSES}
    wait_until(lambda: all("KUBE-SVC" in cluster.nodes.shell(node, "iptables-save") for node in ADDRESSES), 60)
    services_answer(cluster)
    for node in ADDRESSES:
        assert shown(cluster, node, API, "serial") not in ("", before[node])
        assert shown(cluster, node, KUBELET, "issuer") == OF_THE_CLUSTER, "kubectl logs would fail right after the run"
    assert changed(cluster.cluster(**options, kubeadm_cluster_renew_certificates=30)) == 0
    configuration = cluster.kubectl(f"get --raw /api/v1/nodes/{SECOND}/proxy/configz")
    assert re.search(r'"maxPods":\s*110\b', configuration)
    assert [one["metadata"]["name"] for one in cluster.items("nodes -l rack=2,foreign=kept,!disk")] == [SECOND]
    assert taints(cluster) == {CONTROL_PLANE: [], SECOND: [slow]}
    cluster.write_down("kube-proxy brought to iptables, certificates renewed")


def test_both_nodes_of_the_control_plane_are_upgraded(cluster: Site) -> None:
    version = versions().patch
    if version is None:
        pytest.skip("the bundle was given, and no newer one with it")
    cluster.bundle = bundle(version)
    cluster.options[SECOND].update(kubeadm_cluster_labels={}, kubeadm_cluster_taints=[])
    cluster.cluster(**OPTIONS)
    assert [one["metadata"]["name"] for one in cluster.items("nodes -l foreign=kept,!rack")] == [SECOND]
    assert taints(cluster) == {CONTROL_PLANE: [], SECOND: []}
    assert {one["status"]["nodeInfo"]["kubeletVersion"] for one in cluster.items("nodes")} == {version}
    servers = cluster.items("pods -n kube-system -l component=kube-apiserver")
    assert {one["spec"]["containers"][0]["image"].rpartition(":")[2] for one in servers} == {version}
    assert len(servers) == 2
    assert changed(cluster.cluster(**OPTIONS)) == 0
    services_answer(cluster)
    cluster.write_down("both nodes of the control plane upgraded by a patch version")


def test_nothing_of_either_family_is_left(cluster: Site) -> None:
    cluster.cluster(kubeadm_cluster_state="absent")
    for node in ADDRESSES:
        assert listed(cluster.nodes.shell(node, LEFT, check=False)) == []
