# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ingresses of a lab: what comes with them, where requests go, and every fault."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.lab.plan import make_plan
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.lab.test_plan import (
    DESCRIPTION,
    host,
    info,
    resolve,
)

PODS = [{"name": "web", "node": "node2", "labels": {"app": "web"}, "containers": [{"name": "web", "serve": 80}]}]
SERVICES: list[dict[str, Any]] = [
    {
        "name": "web",
        "selector": {"app": "web"},
        "address": "10.96.0.20",
        "ports": [{"name": "http", "port": 80}, {"name": "udp", "port": 53, "protocol": "UDP"}],
    },
    {"name": "each", "headless": True, "selector": {"app": "web"}},
]


def backend(service: str = "web", **port: Any) -> dict[str, Any]:
    """A backend as Kubernetes writes it."""
    return {"service": {"name": service, "port": port or {"number": 80}}}


def rule(host_name: str | None = "web.example", **path: Any) -> dict[str, Any]:
    """A rule with one path."""
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend(), **path}]
    return {**({"host": host_name} if host_name else {}), "http": {"paths": paths}}


def ingress(*rules: Any, **changes: Any) -> dict[str, Any]:
    """An ingress."""
    return {"name": "web", "rules": list(rules), **changes}


def plan(*ingresses: Any, lacks: dict[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """The plan of two nodes with a Service and these ingresses."""
    raw = {
        **DESCRIPTION,
        "pods": PODS,
        "service_cidr": "10.96.0.0/16",
        "services": SERVICES,
        "ingresses": list(ingresses),
        "ingress_node_ports": {"http": 30080},
        **changes,
    }
    seen = info("10.89.0.11", missing_for_ingress=lacks or {})
    hosts = {"node1": host("10.89.0.11", info=seen), "node2": host("10.89.0.12")}
    return make_plan(raw, hosts, resolve, ["node1", "node2"])


def test_an_ingress_brings_a_pod_and_a_service_and_knows_where_requests_go() -> None:
    found = plan(
        ingress(rule(), rule("*.example", path="/a", backend=backend(name="http"))),
        ingress(name="other", rules=[], defaultBackend=backend(), tls=[{"hosts": ["web.example"]}]),
    )
    assert found["faults"] == []
    assert found["ingress"] == {
        "node": "node1",
        "ipv6": False,
        "routes": [
            {"host": "web.example", "path": "/", "path_type": "Prefix", "address": "10.96.0.20", "port": 80},
            {"host": "*.example", "path": "/a", "path_type": "Prefix", "address": "10.96.0.20", "port": 80},
        ],
        "default": {"address": "10.96.0.20", "port": 80},
        "tls_hosts": ["web.example"],
    }
    (pod,) = [pod for pod in found["nodes"]["node1"]["pods"] if pod["namespace"] == "ingress-nginx"]
    assert pod["containers"] == [{"name": "nginx", "ingress": True}]
    service = next(one for one in found["services"] if one["name"] == "ingress-nginx-controller")
    assert [(port["port"], port["node_port"]) for port in service["ports"]] == [(80, 30080), (443, None)]
    assert service["load_balancer"] is None
    balanced = plan(ingress(rule()), load_balancer_cidr="10.89.0.240/28")
    assert [one["load_balancer"] for one in balanced["services"]][-1] == "10.89.0.241"
    assert [port["port"] for port in balanced["services"][-1]["ports"]] == [80], "nobody asks for TLS"


def test_without_ingresses_there_is_nothing_of_them() -> None:
    found = plan()
    assert found["ingress"] is None
    assert not any(pod["namespace"] == "ingress-nginx" for node in found["nodes"].values() for pod in node["pods"])


def test_the_pod_is_elsewhere_when_its_node_is_gone() -> None:
    raw = {**DESCRIPTION, "pods": PODS, "service_cidr": "10.96.0.0/16", "services": SERVICES}
    raw |= {"ingresses": [ingress(rule())], "gone_nodes": ["node1"]}
    found = make_plan(raw, {"node1": {}, "node2": host("10.89.0.12")}, resolve, ["node2"])
    assert found["faults"] == []
    assert found["ingress"]["node"] == "node2"


@pytest.mark.parametrize(
    ("ingresses", "text"),
    [
        (["x"], "manual_lab_ingresses[0]: 'x' is not an ingress"),
        ([ingress()], "manual_lab_ingresses[0]: it has neither rules nor a defaultBackend"),
        ([ingress(rule(), name="Not a name")], "manual_lab_ingresses[0].name: 'Not a name' is not a name"),
        ([ingress(rule()), ingress(rule("b.example"))], "manual_lab_ingresses[0] is ingress default/web too"),
        ([ingress(rule("a.example; }"))], "rules[0].host: 'a.example; }' is not a host"),
        ([ingress(rule("a.example\n"))], "is not a host"),
        ([ingress(rule("*"))], "'*' is not a host"),
        ([ingress(rule(path="/a; return 200"))], "paths[0].path: '/a; return 200' is not a path"),
        ([ingress(rule(path="/a\n"))], "is not a path"),
        ([ingress(rule(path="a"))], "'a' is not a path"),
        ([ingress(rule(path=["/a"]))], "['/a'] is not a path"),
        ([ingress(rule(path="/../b"))], "'/../b' is not a path"),
        ([ingress(rule(pathType="Regex"))], "pathType: 'Regex' has no meaning here"),
        ([ingress(rule(), rule(path="/"))], "rules[0].http.paths[0] has Prefix web.example/ too"),
        ([ingress(rule(backend={"service": "web"}))], "is not a backend"),
        ([ingress(rule(backend=backend("nobody")))], "there is no Service default/nobody with an address"),
        ([ingress(rule(backend=backend("each")))], "there is no Service default/each with an address"),
        ([ingress(rule(), namespace="shop")], "there is no Service shop/web with an address"),
        ([ingress(rule(backend=backend(number=81)))], "{'number': 81} is no TCP port of Service"),
        ([ingress(rule(backend=backend(number=53)))], "is no TCP port of Service default/web"),
        ([ingress(rule(), tls=[{"hosts": ["b.example"]}])], "tls[0].hosts: no rule has the host 'b.example'"),
        ([ingress(rule(), tls=[{"hosts": ["a,IP:1.2.3.4"]}])], "'a,IP:1.2.3.4' is not a host"),
        ([ingress(rule(), tls=[{"hosts": [], "secretName": "x"}])], "secretName"),
        ([ingress({"host": "a.example"})], "rules[0].http: None has no paths"),
        ([ingress(rule(), ingressClassName="x")], "ingressClassName"),
    ],
)  # fmt: skip
def test_faults_are_found_before_anything_is_touched(ingresses: list[Any], text: str) -> None:
    found = plan(*ingresses)
    assert any(text in fault for fault in found["faults"]), found["faults"]
    assert (found["nodes"], found["ingress"]) == ({}, None)


def test_missing_programs_and_node_ports_that_are_taken_are_faults() -> None:
    (fault,) = plan(ingress(rule()), lacks={"nginx": "nginx", "openssl": "openssl"})["faults"]
    assert fault.startswith("node node1: the program nginx, which the ingress needs, is not there. Install the package")
    taken = [{**SERVICES[0], "ports": [{"port": 80, "nodePort": 30080}]}]
    (fault,) = plan(ingress(rule()), services=taken)["faults"]
    assert "has TCP port 30080 of the nodes too" in fault
    (fault,) = plan(ingress(rule()), ingress_node_ports={"htttp": 30080})["faults"]
    assert fault.startswith("manual_lab_ingress_node_ports: {'htttp': 30080} does not say")
