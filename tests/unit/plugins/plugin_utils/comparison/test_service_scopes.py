# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services, names, policies and the way in, compared: a lab's tables beside those of kube-proxy and of controllers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import compare, markdown, terminal
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import Aspect, Comparison
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import World, world_of
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.plugins.plugin_utils.text.escape import width
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import HOSTILE, NodeFile

LAB_TABLE = "podnet_lab0_services"
LAB_MARK: dict[str, Any] = {
    "family": None,
    "action": "masquerade",
    "saddr": None,
    "daddr": None,
    "not_daddr": [],
    "conditional": True,
    "source": {"kind": "nftables", "command": f"nft list table ip {LAB_TABLE}", "key": "chain masquerading"},
}
KUBE_MARK = {
    **LAB_MARK,
    "source": {"kind": "iptables", "command": "iptables-save -t nat", "key": "chain KUBE-POSTROUTING"},
}


def side(tmp_path: Path, *documents: Any) -> World:
    folder = tmp_path / f"side{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    for number, document in enumerate(documents):
        (folder / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
    return world_of(*gathering.read_model([folder]))


def lab(**changes: Any) -> dict[str, Any]:
    """A node of a lab with a Service of two pods and DNS, in the words of nftables."""
    node = NodeFile(1, 2, bridge="lab0")
    for port in node.bridges[0]["ports"]:
        port["hairpin"] = True
    where = {"mode": "nftables", "command": f"nft list map ip {LAB_TABLE} service-ips"}
    ends = [("10.244.1.2", 8080), ("10.244.1.3", 8080)]
    web = node.service("web", ends, address="10.96.1.1", **where)
    web["rule"]["target"] = "service-PFISGYVC-default/web/tcp/"
    for kind in ("udp", "tcp"):
        dns = node.service("kube-dns", [("10.244.1.2", 53)], port=53, protocol=kind, **where)
        dns["namespace"] = "kube-system"
    node.policies = [policy_table("lab", "nftables", "podnet_lab0_policies", 1)]
    document = node.document()
    document["podnet_pod_cidr"]["source_nat"] = [LAB_MARK]
    document["podnet_service"].update(changes)
    return document


def cluster(*, policies: list[Any] | None = None, cni: str = "bridge") -> dict[str, Any]:
    """A node of a cluster with kube-proxy in its mode iptables."""
    node = NodeFile(2, 2)
    for port in node.bridges[0]["ports"]:
        port["hairpin"] = True
    where = {"command": "iptables -t nat -S KUBE-SERVICES"}
    ends = [("10.244.2.2", 8080), ("10.244.2.3", 8080)]
    node.service("web", ends, address="10.96.1.1", affinity={"type": "ClientIP", "timeout": 10800}, **where)
    node.service("web", ends, address=None, type="node_port", port=30080, traffic_policy="local", **where)
    node.service("web", ends, address="203.0.113.7", type="load_balancer", source_ranges=["192.0.2.0/24"], **where)
    node.service("none", [], address="10.96.1.2", **where)
    for kind in ("udp", "tcp"):
        node.service("kube-dns", ends, port=53, protocol=kind, **where)["namespace"] = "kube-system"
    node.policies = policies
    node.cni["active"]["plugins"] = [cni]
    document = node.document()
    document["podnet_pod_cidr"]["source_nat"] = [KUBE_MARK]
    return document


def policy_table(holder: str, mode: str, table: str, pods: int) -> dict[str, Any]:
    command = f"nft list table ip {table}" if mode == "nftables" else f"iptables-legacy-save -t {table}"
    return {"holder": holder, "mode": mode, "family": "inet", "table": table, "pods": pods, "command": command}


def compared(left: World, right: World) -> Comparison:
    return compare.compare(left, right, ("lab", "cluster"), ((), ()), "worlds")


def aspects(found: Comparison) -> dict[str, Aspect]:
    return {one["key"]: one for subject in (*found["duties"], *found["scopes"]) for one in subject["aspects"]}


@pytest.fixture
def both(tmp_path: Path) -> Comparison:
    policies = [policy_table("kube-router", "iptables", "filter", 2)]
    return compared(side(tmp_path, lab()), side(tmp_path, cluster(policies=policies)))


@pytest.mark.parametrize(
    ("key", "verdict", "left", "right"),
    [
        ("service.mode", "different", "nftables", "iptables"),
        ("service.nodes", "same", "on all of 1 node", "on all of 1 node"),
        ("service.choice", "same", "random", "random"),
        ("service.affinity", "missing", "none asks for it", "ClientIP for default/web 10.96.1.1 port 80/tcp"),
        ("service.policy", "same", "cluster", "cluster"),
        (
            "service.empty",
            "missing",
            "every Service has pods behind it",
            "reject for default/none 10.96.1.2 port 80/tcp",
        ),
        (
            "service.masquerade",
            "name",
            "packets with a mark, in chain masquerading",
            "packets with a mark, in chain KUBE-POSTROUTING",
        ),
        (
            "service.hairpin",
            "same",
            "it gets the node's address, and its port has hairpin on",
            "it gets the node's address, and its port has hairpin on",
        ),
        ("dns.service", "same", "kube-system/kube-dns at 10.96.0.10", "kube-system/kube-dns at 10.96.0.10"),
        ("dns.protocols", "same", "53/tcp and 53/udp", "53/tcp and 53/udp"),
        (
            "dns.server",
            "different",
            "1 pod: default/pod1",
            "2 pods: default/pod1 and default/pod2",
        ),
        ("policy.holder", "name", "lab on node1", "kube-router on node2"),
        ("policy.place", "different", "nftables: table podnet_lab0_policies", "iptables: table filter"),
        ("policy.pods", "same", "1 pod with rules of its own", "2 pods with rules of their own"),
        ("external.node-ports", "missing", "no Service has one", "default/web 30080/tcp"),
        (
            "external.node-port-addresses",
            "missing",
            "no Service has a NodePort",
            "every address: 0.0.0.0/0 on node2",
        ),
        ("external.addresses", "missing", "no Service has one", "default/web 203.0.113.7 port 80/tcp"),
        ("external.policy", "missing", "nothing leads in from outside", "cluster (1 rule), local (1 rule)"),
        (
            "external.sources",
            "missing",
            "no Service asks for it",
            "default/web 203.0.113.7 port 80/tcp only from 192.0.2.0/24",
        ),
    ],
)
def test_a_lab_beside_kube_proxy(both: Comparison, key: str, verdict: str, left: str, right: str) -> None:
    found = aspects(both)[key]
    assert (found["verdict"], found["left"]["text"], found["right"]["text"]) == (verdict, left, right)


def test_the_evidence_is_the_chain_or_the_map(both: Comparison) -> None:
    found = aspects(both)
    assert found["service.mode"]["left"]["command"] == f"nft list map ip {LAB_TABLE} service-ips"
    chain = "service-PFISGYVC-default/web/tcp/"
    assert found["service.choice"]["left"]["command"] == f"nft list chain ip {LAB_TABLE} {chain}"
    assert found["service.choice"]["right"]["command"] == "iptables -t nat -S KUBE-SVC-web"
    assert found["policy.holder"]["left"]["command"] == "nft list table ip podnet_lab0_policies"
    assert found["service.masquerade"]["left"]["command"] == f"nft list table ip {LAB_TABLE}"


def test_the_rule_for_services_is_none_for_pods(both: Comparison) -> None:
    """It asks for a mark, and says nothing of packets from pod to pod or to the outside."""
    found = aspects(both)
    assert found["nat.rule"]["left"]["state"] == found["nat.rule"]["right"]["state"] == "absent"
    assert found["nat.pods"]["left"]["state"] == "absent"
    assert found["nat.outside"]["left"]["text"] == "packets carry the pod's own address"


def resolving(search: list[str], server: str = "10.96.0.10") -> dict[str, Any]:
    """A node of a lab, the pods of which have a resolv.conf."""
    document = lab()
    for one in document["podnet_netns"]["namespaces"]:
        if one["kind"] == "pod":
            one["resolver"] = {
                "path": "/etc/netns/x/resolv.conf",
                "nameservers": [server],
                "search": search,
                "options": ["ndots:5"],
            }
    return document


def test_resolv_conf_of_pods(tmp_path: Path) -> None:
    own = ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"]
    found = aspects(compared(side(tmp_path, resolving(own)), side(tmp_path, resolving(["corp"], "192.0.2.53"))))
    assert (found["dns.asked"]["verdict"], found["dns.search"]["verdict"]) == ("different", "different")
    assert found["dns.asked"]["left"]["text"] == "the cluster's DNS: 10.96.0.10 in default/pod1"
    assert found["dns.asked"]["right"]["text"] == "another server: 192.0.2.53 in default/pod1"
    assert found["dns.asked"]["left"]["command"] == "cat /etc/netns/x/resolv.conf"
    assert found["dns.search"]["left"]["text"] == "NAMESPACE.svc.cluster.local svc.cluster.local cluster.local"
    assert (found["dns.options"]["verdict"], found["dns.options"]["left"]["text"]) == ("same", "ndots:5")
    unread = aspects(compared(side(tmp_path, lab()), side(tmp_path, lab())))
    assert unread["dns.search"]["left"]["text"] == "no resolv.conf of a pod was read (subset resolvers)"


def test_pods_without_a_resolv_conf_of_their_own_are_not_unread(tmp_path: Path) -> None:
    document = lab()
    for one in document["podnet_netns"]["namespaces"]:
        one["resolver"] = None
    found = aspects(compared(side(tmp_path, document), side(tmp_path, resolving(["cluster.local"]))))
    for key in ("dns.asked", "dns.search", "dns.options"):
        assert (found[key]["verdict"], found[key]["left"]["state"]) == ("missing", "absent")
        assert found[key]["left"]["text"] == "no resolv.conf of a pod is where runtimes and labs keep it"


def test_a_side_without_pods_has_no_resolv_conf(tmp_path: Path) -> None:
    document = NodeFile(0).document()
    for one in document["podnet_netns"]["namespaces"]:
        one["resolver"] = None
    found = aspects(compared(side(tmp_path, document), side(tmp_path, resolving(["cluster.local"]))))
    left = found["dns.search"]["left"]
    assert (left["state"], left["text"]) == ("absent", "no pod with a network of its own")


def test_a_service_that_a_node_lacks_is_told(tmp_path: Path) -> None:
    other = NodeFile(3, 1).document()
    other["podnet_service"] = NodeFile(3).service_view()
    found = aspects(compared(side(tmp_path, lab(), other), side(tmp_path, cluster())))
    assert found["service.nodes"]["left"]["text"] == "default/web 10.96.1.1 port 80/tcp only on node1"
    assert found["service.nodes"]["verdict"] == "different"


def test_some_addresses_for_node_ports_are_not_all(tmp_path: Path) -> None:
    some = cluster()
    some["podnet_service"]["node_port_addresses"] = ["172.30.99.11"]
    found = aspects(compared(side(tmp_path, some), side(tmp_path, cluster())))["external.node-port-addresses"]
    assert (found["verdict"], found["left"]["text"]) == ("different", "some addresses: 172.30.99.11 on node2")


def test_policies_that_were_not_read_are_not_absent(tmp_path: Path) -> None:
    old = lab()
    del old["podnet_service"]["policies"]
    none = lab(policies=[])
    found = aspects(compared(side(tmp_path, old), side(tmp_path, none)))["policy.holder"]
    assert found["verdict"] == "not_read"
    assert found["left"]["text"] == "tables of policies were not read on node1 (podnet_services)"
    assert found["right"]["text"] == "no chains of a lab, kube-router or Calico"


def test_cilium_keeps_them_where_nobody_looks(tmp_path: Path) -> None:
    found = aspects(compared(side(tmp_path, lab()), side(tmp_path, cluster(policies=[], cni="cilium-cni"))))
    assert found["policy.holder"]["verdict"] == "not_read"
    assert "eBPF" in found["policy.holder"]["right"]["text"]


def test_a_controller_of_ingresses_is_known_by_its_name(tmp_path: Path) -> None:
    node = NodeFile(2, 1)
    node.pod("controller-7d9", namespace="ingress-nginx")
    found = aspects(compared(side(tmp_path, lab()), side(tmp_path, node.document())))["external.ingress"]
    assert (found["verdict"], found["right"]["text"]) == ("missing", "ingress-nginx/controller-7d9, by its name")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_on_80_columns(tmp_path: Path, name: str) -> None:
    node = NodeFile(1, 1)
    node.service(name, [("10.244.1.2", 80)], address="10.96.1.1", command="nft list map ip t service-ips")
    world = side(tmp_path, node.document())
    found = compared(world, side(tmp_path, cluster()))
    text = terminal.summary(found, None)
    assert all(line.isprintable() and width(line) <= 80 for line in text.split("\n"))
    assert "<script" not in re.sub(r"`[^`\n]*`", "", markdown.report(found)), "outside of what is shown as code"
