# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two worlds side by side: a real lab with a real kubeadm cluster, and made-up nodes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import Comparison
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.comparison.sides import (
    CHECKOUT,
    aspects,
    compared,
    made,
    nat_rule,
    real,
    with_service,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, unread


@pytest.fixture(scope="module")
def lab_and_cluster() -> Comparison:
    return compared(real("lab_of_two"), real("kubeadm"))


def test_eight_duties_and_the_scopes(lab_and_cluster: Comparison) -> None:
    assert [one["title"] for one in lab_and_cluster["duties"]] == [
        "Create the namespace",
        "Create interfaces",
        "Create the veth pair",
        "Set up the namespace's network",
        "Static routes",
        "Configure the bridge",
        "Assign addresses",
        "NAT rules",
    ]
    assert [one["key"] for one in lab_and_cluster["scopes"]] == [
        "container",
        "pod",
        "node",
        "tunnel",
        "service",
        "dns",
        "policy",
        "external",
        "cluster",
    ]


def test_nodes_with_the_same_names_are_two_worlds_when_they_share_no_address(lab_and_cluster: Comparison) -> None:
    assert lab_and_cluster["mode"] == "worlds"
    assert lab_and_cluster["left"]["hosts"] == lab_and_cluster["right"]["hosts"] == ["node1", "node2"]
    assert "no address in common" in lab_and_cluster["mode_reason"]


@pytest.mark.parametrize(
    ("key", "verdict"),
    [
        ("namespace.own", "same"),
        ("namespace.mount", "name"),
        ("namespace.sandbox", "name"),
        ("interfaces.bridge", "name"),
        ("veth.pair", "same"),
        ("veth.inner-end", "same"),
        ("veth.outer-end", "name"),
        ("setup.loopback", "same"),
        ("routes.default", "same"),
        ("routes.nodes", "same"),
        ("routes.forwarding", "same"),
        ("bridge.gateway", "same"),
        ("bridge.hairpin", "different"),
        ("bridge.netfilter", "same"),
        ("addresses.leases", "name"),
        ("nat.rule", "name"),
        ("nat.outside", "same"),
        ("nat.nodes", "different"),
        ("nat.pods", "same"),
        ("container.shared", "same"),
        ("container.runtime", "different"),
        ("pod.host-network", "missing"),
        ("node.tunnel", "same"),
        ("service.rules", "missing"),
        ("service.range", "missing"),
        ("cluster.cni", "missing"),
        ("cluster.control-plane", "missing"),
    ],
)
def test_lab_and_cluster(lab_and_cluster: Comparison, key: str, verdict: str) -> None:
    assert aspects(lab_and_cluster)[key]["verdict"] == verdict


def test_what_is_seen_comes_with_the_command_and_the_host(lab_and_cluster: Comparison) -> None:
    found = aspects(lab_and_cluster)
    assert found["nat.rule"]["left"]["command"] == "nft list table ip podnet_lab0"
    assert found["nat.rule"]["right"]["text"] == "masquerade from 10.244.0.0/16, not to 10.244.0.0/16"
    assert found["bridge.hairpin"]["right"] == {
        "state": "seen",
        "text": "hairpin on",
        "host": "node1",
        "command": "bridge -d link show master cni0",
    }
    for aspect in found.values():
        for side in (aspect["left"], aspect["right"]):
            assert side["command"] or side["state"] != "seen", aspect["key"]


def test_only_names_are_told_as_such(lab_and_cluster: Comparison) -> None:
    found = aspects(lab_and_cluster)
    assert found["interfaces.bridge"]["why"] == "The same under two names: lab0 and cni0."
    assert found["veth.outer-end"]["why"] == "Both are made up: veth and hexadecimal digits."
    assert not any(one["counts"] for one in found.values() if one["verdict"] == "name")


def test_what_counts_says_why_it_matters(lab_and_cluster: Comparison) -> None:
    for aspect in aspects(lab_and_cluster).values():
        assert bool(aspect["why"]) == (aspect["verdict"] != "same"), aspect["key"]


def test_a_world_is_the_same_as_itself() -> None:
    found = compared(real("kubeadm"), real("kubeadm"), "worlds")
    # These files were made before rules of Services could be read.
    unread = {one["left"]["text"] for one in aspects(found).values() if one["verdict"] != "same"}
    assert unread == {
        "rules of Services were not read on node1 and node2 (podnet_services)",
        "tables of policies were not read on node1 and node2 (podnet_services)",
        "no resolv.conf of a pod was read (subset resolvers)",
    }
    assert found["unexpected"] == []


def test_what_a_folder_does_not_hold_is_not_read_and_neither_missing_nor_same() -> None:
    found = aspects(compared(real("lab_of_two"), real("kubeadm_default"), "worlds"))
    for key in ("routes.forwarding", "bridge.netfilter", "nat.rule", "nat.outside", "nat.nodes", "service.rules"):
        assert found[key]["verdict"] == "not_read", key
        assert "subset" in found[key]["right"]["text"]
        assert found[key]["counts"], "a gate must not open because one side was not read"
    both = aspects(compared(real("kubeadm_default"), real("kubeadm_default"), "worlds"))
    assert both["nat.rule"]["verdict"] == "not_read"
    assert not both["nat.rule"]["counts"]


def test_one_node_of_several_without_a_subset_is_enough_to_not_know(tmp_path: Path) -> None:
    with_it, without = NodeFile(1, 1), NodeFile(2, 1)
    with_it.own["sysctls"] = {"net.ipv4.ip_forward": 1}
    found = aspects(compared(made(tmp_path, with_it, without), real("kubeadm")))
    assert found["routes.forwarding"]["left"]["text"].endswith("not read on node2 (subset sysctls)")


def test_absent_on_a_node_that_was_read_in_part_is_not_read(tmp_path: Path) -> None:
    node = NodeFile(1)
    node.errors.append({"object": "namespace 7", "cause": "no right", "remedy": "become root"})
    aspect = aspects(compared(made(tmp_path, node), real("kubeadm")))["namespace.own"]
    assert aspect["verdict"] == "not_read"
    assert aspect["left"]["text"] == "no pod with a network of its own, but node1 was read only in part"


def test_a_side_without_a_read_node_is_not_read(tmp_path: Path) -> None:
    found = compared(made(tmp_path, unread("node1")), real("kubeadm"))
    assert {one["verdict"] for one in aspects(found).values()} == {"not_read"}
    assert [one["host"] for one in found["left"]["unread"]] == ["node1"]


def test_mixed_worlds_say_how_many(tmp_path: Path) -> None:
    node = NodeFile(1, 3)
    node.bridges[0]["ports"][0]["hairpin"] = False
    found = aspects(compared(made(tmp_path, node), made(tmp_path, NodeFile(2, 3))))
    assert found["bridge.hairpin"]["left"]["text"] == "hairpin off (1 port), on (2 ports)"
    assert found["bridge.hairpin"]["verdict"] == "different"


def test_routed_pods_without_a_bridge_miss_it(tmp_path: Path) -> None:
    found = aspects(compared(made(tmp_path, NodeFile(1, 2, bridge=None)), made(tmp_path, NodeFile(2, 2))))
    assert found["interfaces.bridge"]["verdict"] == "missing"
    assert found["interfaces.bridge"]["left"]["text"] == "no bridge: the pods are routed one by one"


@pytest.mark.parametrize(
    ("rules", "outside", "pods"),
    [
        ([], "the pod's own address", "the pod's own address"),
        ([nat_rule(not_daddr=["10.244.99.0/24"])], "the node's address", "the node's address"),
        ([nat_rule(not_daddr=["10.244.0.0/16"])], "the node's address", "the pod's own address"),
        ([nat_rule(saddr=None)], "the node's address", "the node's address"),
        ([nat_rule(action="snat")], "a given address", "a given address"),
        ([nat_rule(saddr="192.168.0.0/16")], "the pod's own address", "the pod's own address"),
        ([nat_rule(daddr="10.0.0.0/8")], "the pod's own address", "the node's address"),
        ([nat_rule(conditional=True)], "depends on more than addresses", "depends on more than addresses"),
    ],
)
def test_source_addresses_follow_from_the_rules(tmp_path: Path, rules: list[Any], outside: str, pods: str) -> None:
    nodes = [NodeFile(1, 2), NodeFile(2, 2)]
    documents = [node.document() for node in nodes]
    for document in documents:
        document["podnet_pod_cidr"]["source_nat"] = rules
    found = aspects(compared(made(tmp_path, *documents), real("kubeadm"), "worlds"))
    assert found["nat.outside"]["left"]["text"] == f"packets carry {outside}"
    assert found["nat.pods"]["left"]["text"] == f"packets carry {pods}"


def test_no_rules_and_rules_that_could_not_be_read_are_two_things(tmp_path: Path) -> None:
    none, unknown = NodeFile(1, 1).document(), NodeFile(1, 1).document()
    none["podnet_pod_cidr"]["source_nat"] = []
    unknown["podnet_pod_cidr"]["source_nat"] = None
    found = aspects(compared(made(tmp_path, none), made(tmp_path, unknown), "worlds"))
    assert found["nat.rule"]["left"]["state"] == "absent"
    assert found["nat.rule"]["right"]["state"] == "not_read"


def test_a_tunnel_is_another_way(tmp_path: Path) -> None:
    node = NodeFile(1, 1)
    node.own["interfaces"].append(node.link(90, "flannel.1", "vxlan", "0a:00:00:00:00:01", full=True))
    found = aspects(compared(made(tmp_path, node), made(tmp_path, NodeFile(2, 1)), "worlds"))
    assert found["node.tunnel"]["verdict"] == "different"
    assert found["node.tunnel"]["left"]["text"] == "vxlan"


def test_the_page_what_the_cni_did_says_what_the_comparison_says(lab_and_cluster: Comparison) -> None:
    page = (CHECKOUT / "docs" / "what-the-cni-did.md").read_text(encoding="utf-8")
    for number, duty in enumerate(lab_and_cluster["duties"], 1):
        told = re.search(rf"^\| {number}\. {re.escape(duty['title'])} \| (.*?) \|$", page, re.MULTILINE)
        assert told, duty["title"]
        assert told[1].replace("*", "").startswith(terminal.VERDICTS[duty["verdict"]].lower())
    for scope in lab_and_cluster["scopes"]:
        told = re.search(rf"^\| {scope['title']} \| (.*?) \|", page, re.MULTILINE)
        assert told, scope["title"]
        assert told[1].replace("*", "").startswith(terminal.VERDICTS[scope["verdict"]].lower())
    found = aspects(lab_and_cluster)
    for key, values in {
        "namespace.mount": ("lab0_default_pod1", "cni-b6c8e385-5248-c507-7caa-d7d30240efb6"),
        "veth.outer-end": ("vethf733d1ad", "veth6bd9cffa"),
        "routes.nodes": ("10.244.1.0/24 via 10.94.0.12 dev eth0", "10.244.1.0/24 via 172.30.99.12 dev eth0"),
        "routes.mark": ("protocol 112", "protocol boot"),
        "addresses.leases": ("/var/lib/cni/networks/lab0/10.244.0.2", "/var/lib/cni/networks/k8s-bridge/10.244.0.4"),
        "addresses.written": ("/run/podnet-lab/lab0/ranges.json", "/etc/cni/net.d/10-bridge.conflist"),
    }.items():
        for value, side in zip(values, (found[key]["left"], found[key]["right"]), strict=True):
            assert value in side["text"], key
            assert value in page, key


@pytest.fixture(scope="module")
def services_compared() -> Comparison:
    """The lab, and a cluster of kubeadm 1.20 with kube-proxy in its mode iptables, both read with podnet_services."""
    return compared(real("lab_of_two"), real("kubeadm_services"), "worlds")


SERVICE_SCOPE = {
    "service.range": ("no file on the nodes says one", "10.96.0.0/12 in /etc/kubernetes/manifests/kube-apiserver.yaml"),
    "service.rules": (
        "no rules of Services",
        "15 rules for Services, such as default/empty 10.103.176.208 port 80/tcp",
    ),
    "service.mode": ("no rules of Services", "iptables"),
    "service.nodes": ("no rules of Services", "on all of 2 nodes"),
    "service.choice": ("no Service with several pods", "random"),
    "service.affinity": ("none asks for it", "ClientIP for default/sticky 10.103.82.62 port 80/tcp"),
    "service.empty": ("no rules of Services", "reject for default/empty 10.103.176.208 port 80/tcp"),
    "dns.address": ("no file on the nodes says one", "10.96.0.10/32 in /var/lib/kubelet/config.yaml"),
    "dns.service": ("no Service at port 53", "kube-system/kube-dns at 10.96.0.10"),
    "dns.protocols": ("no Service at port 53", "53/tcp and 53/udp"),
    "external.node-ports": ("no Service has one", "default/empty 30083/tcp, default/front 30080/tcp and 2 more"),
    "external.policy": ("nothing leads in from outside", "cluster (2 rules), local (3 rules)"),
    "external.sources": ("no Service asks for it", "default/sticky 198.51.100.11 port 80/tcp only from 192.0.2.0/24"),
}


def test_services_names_and_the_way_in_of_a_real_lab_and_a_real_cluster(services_compared: Comparison) -> None:
    found = aspects(services_compared)
    for key, (left, right) in SERVICE_SCOPE.items():
        assert (found[key]["verdict"], found[key]["left"]["text"], found[key]["right"]["text"]) == (
            "missing",
            left,
            right,
        )
    assert found["service.mode"]["right"]["command"] == "iptables-nft -t filter -S KUBE-SERVICES"
    assert found["service.choice"]["right"]["command"] == "iptables-nft -t nat -S KUBE-SVC-OPPHYL3DE7QEONHQ"


def test_the_service_scope_of_a_cluster_is_the_same_as_its_own() -> None:
    found = aspects(compared(real("kubeadm_services"), real("kubeadm_services"), "worlds"))
    assert {found[key]["verdict"] for key in SERVICE_SCOPE} == {"same"}


def test_the_page_what_the_cni_did_says_what_was_seen_of_services(services_compared: Comparison) -> None:
    page = (CHECKOUT / "docs" / "what-the-cni-did.md").read_text(encoding="utf-8")
    found = aspects(services_compared)
    for key in SERVICE_SCOPE:
        row = next(line for line in page.splitlines() if line.startswith(f"| {found[key]['title']} |"))
        cells = [cell.strip().replace("`", "") for cell in row.strip("|").split("|")]
        assert cells[1:] == [found[key]["left"]["text"], found[key]["right"]["text"]], key


def test_services_of_two_worlds(tmp_path: Path) -> None:
    one = made(tmp_path, with_service(1, ["10.244.1.2"]))
    other = made(tmp_path, with_service(1, ["10.244.1.2"], "ipvs"))
    found = aspects(compared(one, other, "worlds"))
    assert found["service.rules"]["verdict"] == "same"
    assert found["service.mode"]["verdict"] == "different"


def test_broken_settings_are_one_error(tmp_path: Path) -> None:
    node = NodeFile(1)
    node.own["sysctls"] = {"net.ipv4.ip_forward": [1]}
    with pytest.raises(ShapeError, match=r"sysctls\.net\.ipv4\.ip_forward is a list, not a number or a string"):
        made(tmp_path, node)


def test_terminal_of_two_worlds(lab_and_cluster: Comparison) -> None:
    text = terminal.summary(lab_and_cluster, None)
    assert all(width(line) <= 80 for line in text.split("\n"))
    assert "6 Configure the bridge            DIFFERENT              5 of 6\n" in text
    assert "  DIFFERENT: hairpin mode of its ports (bridge.hairpin)\n    one: hairpin off\n" in text
    assert "  MISSING in one: the CNI configuration (cluster.cni)\n" in text
    assert "Report:" not in text
