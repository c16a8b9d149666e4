# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of several nodes become one list, and what is odd about them is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model import services
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Finding, Service
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    NodeFile,
    model_of,
    odd_of,
    three_nodes,
)
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.versions import in_version_2

CHECKOUT = next(parent for parent in Path(__file__).parents if (parent / "galaxy.yml").exists())
ENDS = [("10.244.1.2", 8080), ("10.244.2.2", 8080)]


def schema(name: str) -> Any:
    return json.loads((CHECKOUT / "docs" / "schema" / f"{name}.schema.json").read_text())


def agreeing(count: int = 3) -> list[NodeFile]:
    """Return nodes that say the same of one Service."""
    nodes = three_nodes()[:count]
    for node in nodes:
        node.service("web", ENDS)
    return nodes


def only(found: list[Finding], kind: str) -> Finding:
    """Return the one finding there is, which is of this kind."""
    assert [finding["kind"] for finding in found] == [kind], found
    assert found[0]["evidence"]
    assert found[0]["remedy"]
    assert not found[0]["message"].endswith(".")
    return found[0]


def one_of(nodes: list[NodeFile]) -> Service:
    (one,) = model_of(*nodes)["services"]
    return one


def test_node_files_of_the_tests_are_what_the_facts_are() -> None:
    node = NodeFile(1, pods=2)
    node.service("web", ENDS)
    node.service("empty", [], address=None, type="node_port")
    jsonschema.validate(node.document()["podnet_service"], schema("podnet_service"))
    jsonschema.validate(node.document(), schema("node"))


def test_model_matches_its_schema() -> None:
    jsonschema.validate(model_of(*agreeing()), schema("report"))


def test_what_was_not_asked_for_is_unknown_and_not_empty() -> None:
    model = model_of(*three_nodes())
    assert model["services"] == []
    assert {node["service_mode"] for node in model["nodes"]} == {None}
    node = NodeFile(1)
    node.services = []
    assert model_of(node)["nodes"][0]["service_mode"] == "none"


def test_nodes_become_one_service_with_the_pods_of_all() -> None:
    one = one_of(agreeing())
    assert (one["hosts"], one["virtual_address"], one["port"]) == (["node1", "node2", "node3"], "10.96.0.10", 80)
    assert one["backends"] == [
        {"address": "10.244.1.2", "port": 8080, "pod": {"namespace": "default", "name": "pod1"}, "host": "node1"},
        {"address": "10.244.2.2", "port": 8080, "pod": {"namespace": "default", "name": "pod1"}, "host": "node2"},
    ]
    assert [(rule["host"], rule["backends"]) for rule in one["rules"]] == [
        (node, ["10.244.1.2:8080", "10.244.2.2:8080"]) for node in one["hosts"]
    ]


def test_an_address_that_two_pods_have_names_none() -> None:
    nodes = agreeing()
    nodes[2].pod("twin", address="10.244.1.2/24")
    backends = one_of(nodes)["backends"]
    assert backends[0]["pod"] is None
    assert backends[1]["pod"] is not None


def test_a_backend_on_a_nodes_own_network_is_on_that_node() -> None:
    nodes = three_nodes()
    nodes[1].service("api", [("10.89.0.11", 6443)])
    (backend,) = one_of(nodes)["backends"]
    assert (backend["pod"], backend["host"]) == (None, "node1")


def test_one_name_with_several_addresses_stays_apart() -> None:
    node = NodeFile(1, pods=2)
    node.service("web", ENDS[:1])
    node.service("web", ENDS[:1], address=None, port=30080, type="node_port")
    node.service("web", ENDS[:1], address="fd00:10:96::a", family="inet6")
    found = model_of(node)["services"]
    assert [services.place(one) for one in found] == ["10.96.0.10:80", "[fd00:10:96::a]:80", "every node:30080"]
    assert {services.name(one) for one in found} == {"default/web:http"}


@pytest.mark.parametrize(
    ("changes", "name", "place"),
    [
        ({"name": None, "namespace": None, "port_name": None}, "10.96.0.10:80", "10.96.0.10:80"),
        ({"port_name": None, "protocol": "udp"}, "default/web", "10.96.0.10:80/udp"),
    ],
)
def test_names(changes: dict[str, Any], name: str, place: str) -> None:
    node = NodeFile(1)
    node.service("web", ENDS).update(changes)
    one = one_of([node])
    assert (services.name(one), services.place(one)) == (name, place)


def test_junk_is_refused_with_its_place() -> None:
    node = NodeFile(1)
    node.service("web", ENDS)["port"] = "80"
    with pytest.raises(ShapeError, match=r"podnet_service\.services\[0\]\.port is a string, not an integer"):
        model_of(node)


def test_a_newer_version_is_refused() -> None:
    node = NodeFile(1)
    node.service("web", ENDS)
    document = node.document()
    document["podnet_service"]["schema_version"] = 3
    with pytest.raises(ShapeError, match="podnet_service has schema version 3"):
        model_of(document)


# What is odd


def test_nothing_is_odd_about_nodes_that_agree() -> None:
    assert odd_of(*agreeing()) == []


def test_no_backends() -> None:
    nodes = agreeing()
    for node in nodes:
        node.service("empty", [])
        node.service("empty", [], address=None, port=30080, type="node_port")
    finding = only(odd_of(*nodes), "service-without-backends")
    assert finding["severity"] == "fault"
    assert finding["hosts"] == ["node1", "node2", "node3"]
    assert finding["message"] == (
        "default/empty has no backend: connections to 10.96.0.10:80 and every node:30080 are rejected"
    )


def test_no_backends_of_one_family() -> None:
    nodes = agreeing()
    for node in nodes:
        node.service("web", [], address="fd00:10:96::a", family="inet6", port_name="http")
    finding = only(odd_of(*nodes), "service-without-backends")
    assert finding["message"] == "default/web:http has no backend: connections to [fd00:10:96::a]:80 are rejected"


def test_no_backend_on_one_node_is_usual_with_the_policy_local() -> None:
    nodes = agreeing()
    for node in nodes:
        ends = ENDS[:1] if node.host == "node1" else []
        action = {"action": "forward" if ends else "drop"}
        local = {"traffic_policy": "local", "port_name": "http", **action}
        node.service("web", ends, address=None, port=30080, type="node_port", **local)
        node.service("web", ends, address="203.0.113.7", type="external_ip", **local)
    assert odd_of(*nodes) == []


def test_nodes_that_disagree() -> None:
    nodes = agreeing()
    assert nodes[2].services is not None
    nodes[2].services.clear()
    nodes[2].service("web", ENDS[:1])
    finding = only(odd_of(*nodes), "service-backends-differ")
    assert finding["severity"] == "note"
    assert finding["evidence"] == [
        "node1: 10.244.1.2:8080, 10.244.2.2:8080",
        "node2: 10.244.1.2:8080, 10.244.2.2:8080",
        "node3: 10.244.1.2:8080",
    ]


def test_a_node_that_lacks_a_service() -> None:
    nodes = agreeing()
    nodes[0].service("new", ENDS, address="10.96.0.11")
    nodes[1].service("new", ENDS, address="10.96.0.11")
    finding = only(odd_of(*nodes), "service-missing")
    assert (finding["severity"], finding["hosts"]) == ("fault", ["node3"])
    assert "default/new:http (10.96.0.11:80)" in finding["message"]


def test_a_node_that_was_not_asked_or_serves_them_without_rules_lacks_nothing() -> None:
    nodes = agreeing()
    nodes[1].services = None
    nodes[2].services = []
    nodes[2].own["interfaces"].append(nodes[2].link(90, "cilium_host", "veth", "52:54:00:00:99:01", full=True))
    assert odd_of(*nodes) == []


def test_a_backend_that_is_gone() -> None:
    nodes = three_nodes()
    for node in nodes:
        node.service("web", [("10.244.1.2", 8080), ("10.244.2.77", 8080)])
    finding = only(odd_of(*nodes), "service-backend-gone")
    assert "10.244.2.77:8080, an address of node2 that nothing there has" in finding["message"]


@pytest.mark.parametrize("why", ["partly read", "not read", "elsewhere"])
def test_a_backend_that_may_be_there_is_not_gone(why: str) -> None:
    nodes = three_nodes()
    address = "192.0.2.9" if why == "elsewhere" else "10.244.2.77"
    for node in nodes:
        node.service("web", [(address, 8080)])
    if why == "partly read":
        nodes[1].errors.append({"object": "x", "cause": "y", "remedy": "z"})
    if why == "not read":
        del nodes[1]
    kinds = {finding["kind"] for finding in odd_of(*nodes)}
    assert "service-backend-gone" not in kinds


def test_two_variants_at_once() -> None:
    nodes = agreeing()
    one = {"mode": "iptables", "family": "inet", "table": "nat", "services": 1}
    nodes[0].service_sources = [
        {**one, "variant": "legacy", "command": "iptables-legacy-save -t nat"},
        {**one, "variant": "nf_tables", "command": "iptables-nft-save -t nat"},
    ]
    finding = only(odd_of(*nodes), "service-rules-mixed")
    assert finding["evidence"] == ["iptables-legacy-save -t nat: 1 rule", "iptables-nft-save -t nat: 1 rule"]


def test_a_lab_beside_kube_proxy_is_no_mixture() -> None:
    nodes = agreeing()
    one = {"family": "inet", "services": 1, "command": "show"}
    nodes[0].service_sources = [
        {**one, "mode": "iptables", "variant": "nf_tables", "table": "nat"},
        {**one, "mode": "nftables", "variant": None, "table": "podnet_lab0"},
    ]
    assert odd_of(*nodes) == []


def test_a_rule_that_was_not_understood_makes_its_node_partly_read() -> None:
    nodes = agreeing()
    nodes[0].unrecognised = [
        {"command": "iptables -S", "table": "nat", "chain": "KUBE-SERVICES", "text": "-j X", "reason": "It is odd."}
    ]
    finding = only(odd_of(*nodes), "node-partly-read")
    assert "It is odd. The rule: -j X" in " ".join(finding["evidence"])


# A real cluster


def test_a_real_cluster() -> None:
    """Kubernetes 1.20.2 on two nodes; what it has was asked of its API (kube-proxy-1.20-api.json)."""
    fixtures = CHECKOUT / "tests" / "unit" / "fixtures"
    model, _sources = gathering.read_model([fixtures / "nodes" / "kubeadm_services"])
    said = json.loads((fixtures / "services" / "kube-proxy-1.20-api.json").read_text())
    wanted = {
        (entry["namespace"], entry["name"], port.get("name")): {
            (end["ip"], end["ports"][port.get("name") or ""], end["pod"], end["nodeName"] or "node1")
            for end in entry["endpoints"]
        }
        for entry in said
        if entry["clusterIP"] != "None"
        for port in entry["ports"]
    }
    assert {
        (one["namespace"], one["name"], one["port_name"]): {
            (end["address"], end["port"], end["pod"]["name"] if end["pod"] else None, end["host"])
            for end in one["backends"]
        }
        for one in model["services"]
        if one["type"] == "cluster_ip"
    } == wanted
    assert [(finding["kind"], finding["object"]) for finding in model["odd"]] == [
        ("service-without-backends", "default/empty:http")
    ]
    for source in ("node1", "node2"):
        recorded = json.loads((fixtures / "nodes" / "kubeadm_services" / f"{source}.json").read_text())
        document = in_version_2(recorded)
        jsonschema.validate(document["podnet_service"], schema("podnet_service"))
        jsonschema.validate(document, schema("node"))
