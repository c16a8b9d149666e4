# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparisons of a real lab with a real kubeadm cluster, of that cluster at two times, and of made-up nodes.

The node files under tests/unit/fixtures/nodes are of the lab on two nodes (lab_of_two), of a kubeadm cluster of two
nodes with the bridge plugin (kubeadm), and of the same after one Pod was deleted and made again under its name and
another was replaced by its ReplicaSet (kubeadm_after); kubeadm_default is the same cluster in the default subsets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import compare, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.names import form, without_hash, without_uid
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import (
    Aspect,
    Comparison,
    Difference,
    Drift,
    Mode,
)
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import World, world_of
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile, unread

CHECKOUT = Path(__file__).resolve().parents[5]
FIXTURES = CHECKOUT / "tests" / "unit" / "fixtures" / "nodes"
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "comparison.schema.json").read_text(encoding="utf-8"))


def real(name: str) -> World:
    """Return a side from captured node files."""
    return world_of(*gathering.read_model([FIXTURES / name]))


def made(tmp_path: Path, *nodes: Any) -> World:
    """Return a side from node files that are built piece by piece."""
    folder = tmp_path / f"side{len(list(tmp_path.iterdir()))}" / "nodes"
    folder.mkdir(parents=True)
    for number, node in enumerate(nodes):
        document = node.document() if isinstance(node, NodeFile) else node
        (folder / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
    return world_of(*gathering.read_model([folder]))


def compared(left: World, right: World, wanted: Mode | None = None, expected: Sequence[str] = ()) -> Comparison:
    """Compare two sides, and hold the result against its schema."""
    found = compare.compare(left, right, ("one", "other"), ((), ()), wanted, expected)
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)
    return found


def aspects(found: Comparison) -> dict[str, Aspect]:
    return {one["key"]: one for subject in (*found["duties"], *found["scopes"]) for one in subject["aspects"]}


def drift_of(found: Comparison) -> Drift:
    assert found["drift"] is not None
    return found["drift"]


def differences(found: Comparison) -> dict[str, Difference]:
    return {one["key"]: one for one in drift_of(found)["differences"]}


@pytest.fixture(scope="module")
def lab_and_cluster() -> Comparison:
    return compared(real("lab_of_two"), real("kubeadm"))


@pytest.fixture(scope="module")
def before_and_after() -> Comparison:
    return compared(real("kubeadm"), real("kubeadm_after"))


# Two worlds


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


def _rule(**changes: Any) -> dict[str, Any]:
    return {
        "family": "inet",
        "action": "masquerade",
        "saddr": "10.244.0.0/16",
        "daddr": None,
        "not_daddr": [],
        "conditional": False,
        "source": {"kind": "nftables", "command": "nft list table ip nat", "key": "chain POSTROUTING"},
        **changes,
    }


@pytest.mark.parametrize(
    ("rules", "outside", "pods"),
    [
        ([], "the pod's own address", "the pod's own address"),
        ([_rule(not_daddr=["10.244.99.0/24"])], "the node's address", "the node's address"),
        ([_rule(not_daddr=["10.244.0.0/16"])], "the node's address", "the pod's own address"),
        ([_rule(saddr=None)], "the node's address", "the node's address"),
        ([_rule(action="snat")], "a given address", "a given address"),
        ([_rule(saddr="192.168.0.0/16")], "the pod's own address", "the pod's own address"),
        ([_rule(daddr="10.0.0.0/8")], "the pod's own address", "the node's address"),
        ([_rule(conditional=True)], "depends on more than addresses", "depends on more than addresses"),
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


# Drift


def test_drift_of_a_real_cluster(before_and_after: Comparison) -> None:
    assert before_and_after["mode"] == "drift"
    found = differences(before_and_after)
    assert {key: one["change"] for key, one in found.items() if one["what"] == "pod"} == {
        "pod:default/pod2": "recreated",
        "pod:default/web-7744c7cf4c-5hk7f": "removed",
        "pod:default/web-7744c7cf4c-67lq6": "added",
    }
    counts = {one["what"]: one for one in drift_of(before_and_after)["counts"]}
    assert counts["pod"]["unchanged"] == 11
    assert counts["bridge"] == {
        "what": "bridge",
        "unchanged": 2,
        "added": 0,
        "removed": 0,
        "changed": 0,
        "recreated": 0,
        "renamed": 0,
        "not_read": 0,
    }


def test_a_recreated_pod_is_said_as_such_with_old_and_new_values(before_and_after: Comparison) -> None:
    pod = differences(before_and_after)["pod:default/pod2"]
    fields = {field["field"]: field for field in pod["fields"]}
    assert fields["addresses"] == {
        "field": "addresses",
        "old": "10.244.1.4/24",
        "new": "10.244.1.7/24",
        "name_only": False,
    }
    assert fields["ends on the node"]["name_only"]
    assert fields["sandbox"]["name_only"]


def test_nothing_changes_between_a_snapshot_and_itself() -> None:
    found = compared(real("kubeadm"), real("kubeadm"))
    assert drift_of(found)["differences"] == []
    assert found["unexpected"] == []


def test_what_the_kernel_numbers_anew_is_no_difference(tmp_path: Path) -> None:
    """As after a reboot: every inode, ifindex, pid and nsid is another."""
    document = json.loads((FIXTURES / "kubeadm" / "node1.json").read_text(encoding="utf-8"))
    found = compared(made(tmp_path, document), made(tmp_path, _renumbered(document)))
    assert found["mode"] == "drift"
    assert drift_of(found)["differences"] == []


def _renumbered(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _renumbered(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_renumbered(one, key) for one in value]
    moved = ("inode", "netns", "ifindex", "pid", "pids", "nsid", "pid_namespace", "link_index", "link_netnsid")
    return value + 1000 if key in moved and isinstance(value, int) else value


def test_only_new_names_is_renamed_and_does_not_count(tmp_path: Path) -> None:
    """A sandbox that was made anew for the same pod, as after a reboot of the node."""
    text = json.dumps(NodeFile(1, 1).document())
    sandbox = json.loads(text)["podnet_netns"]["namespaces"][1]["owner"]["sandbox_id"]
    again = text.replace(sandbox, "ab" * 32).replace("veth00010001", "vethdeadbeef")
    assert again != text
    found = compared(made(tmp_path, json.loads(text)), made(tmp_path, json.loads(again)))
    pod = differences(found)["pod:default/pod1"]
    assert pod["change"] == "renamed"
    assert found["unexpected"] == []


def test_changed_values_come_old_and_new(tmp_path: Path) -> None:
    old, new = NodeFile(1, 2), NodeFile(1, 2)
    new.bridges[0]["mtu"] = 1450
    new.bridges[0]["ports"][0]["hairpin"] = False
    new.own["routes"][0]["gateway"] = "10.89.0.254"
    old.own["routes"].append({"dst": "10.244.2.0/24", "family": "inet", "gateway": "10.89.0.12", "dev": "eth0"})
    old.lease("10.244.1.90", "in_use")
    new.lease("10.244.1.90", "leaked")
    old.own["sysctls"] = {"net.ipv4.ip_forward": 1, "net.ipv4.conf.veth00010001.rp_filter": 0}
    new.own["sysctls"] = {"net.ipv4.ip_forward": 0, "net.ipv4.conf.vethdeadbeef.rp_filter": 1}
    found = compared(made(tmp_path, old), made(tmp_path, new))
    changes = {
        key: {field["field"]: (field["old"], field["new"]) for field in one["fields"]}
        for key, one in differences(found).items()
        if one["what"] in ("bridge", "route", "lease", "sysctl", "finding")
    }
    assert changes == {
        "bridge:node1/cni0": {
            "MTU": ("1500", "1450"),
            "modes of pods' ports": (
                "forwarding hairpin on isolated off",
                "forwarding hairpin off isolated off, forwarding hairpin on isolated off",
            ),
        },
        "route:node1/10.244.2.0/24": {"via": ("10.89.0.12 dev eth0 protocol boot", None)},
        "route:node1/default": {
            "via": ("10.89.0.1 dev eth0 protocol boot", "10.89.0.254 dev eth0 protocol boot"),
        },
        "lease:node1/pods/10.244.1.90": {"state": ("in_use", "leaked")},
        "sysctl:node1/net.ipv4.ip_forward": {"value": ("1", "0")},
        "finding:node1/lease-leaked": {"number": (None, "1")},
        "finding:node1/bridge-mtu": {"number": (None, "1")},
    }


def test_a_bridge_under_another_name_is_renamed(tmp_path: Path) -> None:
    found = compared(made(tmp_path, NodeFile(1, 0)), made(tmp_path, NodeFile(1, 0, bridge="br7")))
    bridge = differences(found)["bridge:node1/br7"]
    assert (bridge["change"], bridge["fields"][0]["old"], bridge["fields"][0]["new"]) == ("renamed", "cni0", "br7")


def test_a_pod_that_moved_under_its_name_is_recreated_elsewhere(tmp_path: Path) -> None:
    old = [NodeFile(1), NodeFile(2)]
    new = [NodeFile(1), NodeFile(2)]
    old[0].pod("db-0")
    new[1].pod("db-0")
    found = differences(compared(made(tmp_path, *old), made(tmp_path, *new)))["pod:default/db-0"]
    assert found["change"] == "recreated"
    assert {"field": "node", "old": "node1", "new": "node2", "name_only": False} in found["fields"]


def test_nodes_that_came_and_went_are_one_difference_each(tmp_path: Path) -> None:
    found = compared(
        made(tmp_path, NodeFile(1, 1), NodeFile(2, 5)), made(tmp_path, NodeFile(1, 1), NodeFile(3, 4)), "drift"
    )
    assert {key: (one["change"], one["note"]) for key, one in differences(found).items() if one["what"] != "range"} == {
        "node:node2": ("removed", "with 5 pods, 1 bridge"),
        "node:node3": ("added", "with 4 pods, 1 bridge"),
    }


def test_a_node_that_was_not_read_is_not_gone(tmp_path: Path) -> None:
    found = compared(made(tmp_path, NodeFile(1, 1), NodeFile(2, 3)), made(tmp_path, NodeFile(1, 1), unread("node2")))
    assert {key: one["change"] for key, one in differences(found).items()} == {"node:node2": "not_read"}
    assert found["unexpected"] == ["node:node2"]


def test_what_is_gone_from_a_node_that_was_read_in_part_is_not_read(tmp_path: Path) -> None:
    new = NodeFile(1, 1)
    new.errors.append({"object": "namespace 7", "cause": "no right", "remedy": "become root"})
    found = differences(compared(made(tmp_path, NodeFile(1, 2)), made(tmp_path, new)))
    assert found["pod:default/pod2"]["change"] == "not_read"
    assert found["pod:default/pod2"]["note"] == "not seen after, when node1 was read only in part"


def test_subsets_of_one_side_only_are_not_compared(tmp_path: Path) -> None:
    found = compared(real("kubeadm_default"), real("kubeadm"))
    skipped = {(one["what"], one["host"]) for one in drift_of(found)["not_compared"]}
    assert skipped == {(what, host) for what in ("sysctl", "nat", "service") for host in ("node1", "node2")}
    assert found["unexpected"] == ["nat:node1/nat", "nat:node2/nat", "sysctl:node1/sysctl", "sysctl:node2/sysctl"]
    both = compared(real("kubeadm_default"), real("kubeadm_default"))
    assert both["unexpected"] == []
    assert len(drift_of(both)["not_compared"]) == 6


def test_reading_more_is_no_drift() -> None:
    """With all subsets loopback, routes of the kernel and other tables come in addition: nothing that changed."""
    found = compared(real("kubeadm_default"), real("kubeadm_all"))
    assert {one["change"] for one in drift_of(found)["differences"]} == {"not_read"}
    assert {one["what"] for one in drift_of(found)["differences"]} == {"nat", "sysctl"}


def test_one_pod_in_two_sandboxes_is_told_apart(tmp_path: Path) -> None:
    old, new = NodeFile(1, 1), NodeFile(1, 2)
    first, second = new.namespaces[1]["owner"], new.namespaces[2]["owner"]
    second.update(uid=first["uid"], name=first["name"])
    found = compared(made(tmp_path, old), made(tmp_path, new))
    assert differences(found)["pod:default/pod1"]["change"] == "added"


def _with_service(number: int, backends: list[str], mode: str = "iptables") -> Any:
    rule = {"command": "iptables-save -t nat", "text": "-A KUBE-SVC-X", "target": "KUBE-SVC-X"}
    service = {
        "namespace": "default", "name": "web", "port_name": None, "type": "cluster_ip", "family": "inet",
        "virtual_address": "10.96.0.7", "port": 80, "protocol": "tcp", "action": "dnat", "affinity": None,
        "traffic_policy": None, "source_ranges": [], "scheduler": None, "mode": mode, "rule": rule,
        "backends": [{"address": one, "port": 80, "weight": None, "local": False, "pod": None} for one in backends],
    }  # fmt: skip
    document = NodeFile(number, 1).document()
    document["podnet_service"] = {
        "schema_version": 1, "partial": False, "errors": [], "mode": mode, "sources": [],
        "node_port_addresses": [], "services": [service], "unrecognised": [],
    }  # fmt: skip
    return document


def test_backends_of_a_service_that_changed(tmp_path: Path) -> None:
    old = made(tmp_path, _with_service(1, ["10.244.1.2"]), _with_service(2, ["10.244.1.2"]))
    new = made(tmp_path, _with_service(1, ["10.244.1.2", "10.244.2.2"]), _with_service(2, ["10.244.1.2"]))
    found = differences(compared(old, new))["service:default/web 10.96.0.7 port 80/tcp (cluster_ip)"]
    assert found["change"] == "changed"
    assert [(field["old"], field["new"]) for field in found["fields"]] == [
        ("10.244.1.2:80", "10.244.1.2:80, 10.244.2.2:80")
    ]


def test_services_of_two_worlds(tmp_path: Path) -> None:
    one = made(tmp_path, _with_service(1, ["10.244.1.2"]))
    other = made(tmp_path, _with_service(1, ["10.244.1.2"], "ipvs"))
    found = aspects(compared(one, other, "worlds"))
    assert found["service.rules"]["verdict"] == "same"
    assert found["service.mode"]["verdict"] == "different"


# What is expected


def test_expected_differences_are_marked_and_the_others_are_named() -> None:
    patterns = ["pod:default/web-*", "lease:*", "bridge:node9/cni0"]
    found = compared(real("kubeadm"), real("kubeadm_after"), expected=patterns)
    assert found["unexpected"] == ["pod:default/pod2"]
    assert found["expected_unmet"] == ["bridge:node9/cni0"]
    assert differences(found)["lease:node2/k8s-bridge/10.244.1.3"]["expected"]


def test_keys_with_signs_of_patterns_fit_literally(tmp_path: Path) -> None:
    new = NodeFile(1)
    new.pod("a[1]")
    found = compared(made(tmp_path, NodeFile(1)), made(tmp_path, new), expected=["pod:default/a[1]"])
    assert found["unexpected"] == [key for key in found["unexpected"] if not key.startswith("pod:")]


# Output


def hostile(tmp_path: Path, offset: int) -> World:
    node = NodeFile(1)
    for text in HOSTILE:
        pod = node.pod(text + "x" * offset, namespace=text)
        pod["names"], pod["paths"] = [text], [f"/run/netns/{text}"]
        pod["owner"].update(runtime=text, uid=f"{text}{offset}")
        pod["containers"][0]["name"] = text
        pod["interfaces"][0]["ifname"] = node.pairs[-1]["ends"][1]["ifname"] = text
        node.own["routes"].append({"dst": text, "family": "inet", "gateway": f"10.0.0.{offset}", "dev": text})
    node.own["sysctls"] = {text: f"{text}{offset}" for text in HOSTILE}
    document = node.document()
    document["podnet_pod_cidr"]["source_nat"] = [
        _rule(saddr=None, source={"kind": "nftables", "command": f"{text}{offset}", "key": text}) for text in HOSTILE
    ]
    node.cni["active"] = {"path": HOSTILE[0], "name": HOSTILE[1], "plugins": list(HOSTILE)}
    return made(tmp_path, document, unread("gone", HOSTILE[0]))


@pytest.mark.parametrize("mode", ["worlds", "drift"])
def test_hostile_names_cannot_act(tmp_path: Path, mode: Mode) -> None:
    found = compare.compare(
        hostile(tmp_path, 1), hostile(tmp_path, 2), (HOSTILE[0], HOSTILE[1]), ((), ()), mode, [HOSTILE[2]]
    )
    for line in terminal.summary(found, "reports/x/comparison.md").split("\n"):
        assert width(line) <= 80, line
        assert line == "" or line.isprintable()
    page = markdown.report(found)
    assert all(line == "" or line.isprintable() for line in page.split("\n"))
    outside_of_code = re.sub(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)", "", page)
    assert "<script" not in outside_of_code
    assert not re.search(r"<(?!br>|code>|/code>)", outside_of_code)
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table
    json.dumps(found).encode("ascii")


def test_terminal_of_two_worlds(lab_and_cluster: Comparison) -> None:
    text = terminal.summary(lab_and_cluster, None)
    assert all(width(line) <= 80 for line in text.split("\n"))
    assert "6 Configure the bridge            DIFFERENT              5 of 6\n" in text
    assert "  DIFFERENT: hairpin mode of its ports (bridge.hairpin)\n    one: hairpin off\n" in text
    assert "  MISSING in one: the CNI configuration (cluster.cni)\n" in text
    assert "Report:" not in text


def test_terminal_of_drift(before_and_after: Comparison) -> None:
    text = terminal.summary(before_and_after, "reports/x/comparison.md")
    assert "  RECREATED pod default/pod2 on node2: the same name, another pod" in text
    assert "    addresses: 10.244.1.4/24 -> 10.244.1.7/24\n" in text
    assert text.endswith("Report: reports/x/comparison.md")


def test_terminal_counts_what_it_does_not_tell(tmp_path: Path) -> None:
    found = compared(made(tmp_path, NodeFile(1)), made(tmp_path, NodeFile(1, 60)))
    text = terminal.summary(found, "r.md")
    assert "  and 52 more of pod added, all in r.md\n" in text
    assert len(markdown.report(found).split("\n")) > 60


# Names, and files that are broken


def test_forms_of_names() -> None:
    assert form("cni-91d8e568-8f5d-f0fb-1939-a3e9d825b6b2") == "cni-UUID"
    assert form("cali0123456789a") == "cali and hexadecimal digits"
    assert form("lxc0123456789ab") == "lxc and hexadecimal digits"
    assert form("a" * 64) == "container id"
    assert form("cni0") is None
    path = "/var/lib/kubelet/pods/c2564f7a-940b-462c-bfb8-b56e10eb3b75/volumes/x"
    assert without_uid(path) == "/var/lib/kubelet/pods/UID/volumes/x"
    assert without_hash("chain CNI-5b5a3b0a9c1f1c4d2e3f4a5b") == "chain CNI-HASH"


def test_broken_settings_are_one_error(tmp_path: Path) -> None:
    node = NodeFile(1)
    node.own["sysctls"] = {"net.ipv4.ip_forward": [1]}
    with pytest.raises(ShapeError, match=r"sysctls\.net\.ipv4\.ip_forward is a list, not a number or a string"):
        made(tmp_path, node)
