# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node whose rules are out of date is one finding; single differences stand for themselves."""

from __future__ import annotations

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import below, only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

NAMES = ("web", "db", "mail")


def serving(count: int = 3) -> list[NodeFile]:
    """Return nodes with a pod each, and the same three Services in their rules."""
    nodes = [NodeFile(number, pods=1) for number in range(1, count + 1)]
    for node in nodes:
        for number, name in enumerate(NAMES):
            node.service(name, [("10.244.1.2", 80)], address=f"10.96.0.{20 + number}")
    return nodes


def leads_to(node: NodeFile, name: str, address: str) -> None:
    """Let a node's rules send one Service elsewhere."""
    service = next(one for one in node.services or [] if one["name"] == name)
    service["backends"][0].update(address=address, local=False)


def forget(node: NodeFile, *names: str) -> None:
    """Take Services out of a node's rules."""
    node.services = [one for one in node.services or [] if one["name"] not in names]


def test_nodes_that_agree() -> None:
    assert odd_of(*serving()) == []


def test_a_node_that_lacks_several_services() -> None:
    for count in (2, 3):
        nodes = serving(count)
        forget(nodes[1], "web", "db")
        finding = only(odd_of(*nodes), "service-rules-stale")
        assert finding["hosts"] == ["node2"]
        assert finding["evidence"][0] == "default/db:http: no rule; on the others 10.244.1.2:80"
        assert below(finding) == ["service-missing", "service-missing"]


def test_a_node_that_sends_several_services_to_the_past() -> None:
    nodes = serving()
    for name in ("web", "db"):
        leads_to(nodes[1], name, "10.244.3.77")
    finding = only(odd_of(*nodes), "service-rules-stale")
    assert set(below(finding)) == {"service-backend-gone", "service-backends-differ"}


def test_one_difference_stands_for_itself() -> None:
    nodes = serving()
    forget(nodes[1], "web")
    only(odd_of(*nodes), "service-missing")


def test_topology_aware_routing() -> None:
    nodes = serving()
    for node in nodes:
        for name in NAMES:
            leads_to(node, name, f"10.244.{node.number}.2")
    assert {one["kind"] for one in odd_of(*nodes)} == {"service-backends-differ"}


def test_a_node_that_was_not_asked() -> None:
    nodes = serving()
    nodes[1].services = None
    assert odd_of(*nodes) == []


def bare(node: NodeFile) -> None:
    """Take all rules of Services from a node that was read for them."""
    node.services = []


def test_a_node_without_any_rule() -> None:
    for count in (2, 3):
        nodes = serving(count)
        bare(nodes[1])
        finding = only(odd_of(*nodes), "service-missing")
        assert finding["hosts"] == ["node2"]
        assert "rules for 3 of them: 1 pod here reaches none" in finding["message"]
        assert finding["evidence"][:2] == ["node2: no rule", "on the others: default/db:http (10.96.0.21:80)"]


def test_no_node_has_rules() -> None:
    nodes = serving()
    for node in nodes:
        bare(node)
    assert odd_of(*nodes) == []


def test_most_nodes_do_without_rules() -> None:
    nodes = serving()
    bare(nodes[1])
    bare(nodes[2])
    assert odd_of(*nodes) == []


def test_a_node_without_rules_has_no_pods_of_its_own() -> None:
    nodes = [*serving(), NodeFile(4)]
    nodes[3].host_pod("kube-apiserver")
    bare(nodes[3])
    assert odd_of(*nodes) == []


def test_the_rules_of_a_node_could_not_be_read() -> None:
    nodes = serving()
    bare(nodes[1])
    nodes[1].errors = [{"object": "nf_tables", "cause": "No command shows the rules.", "remedy": "Install nftables."}]
    assert [one["kind"] for one in odd_of(*nodes)] == ["node-partly-read"]


def test_a_node_whose_plugin_serves_services_otherwise() -> None:
    for name in ("cilium_host", "bpfin.cali", "ovn-k8s-mp0", "antrea-gw0"):
        nodes = serving()
        bare(nodes[1])
        nodes[1].own["interfaces"].append(nodes[1].link(90, name, "veth", "52:54:00:00:99:01", full=True))
        assert odd_of(*nodes) == [], name
