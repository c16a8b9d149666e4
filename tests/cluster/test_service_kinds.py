# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services of every kind in each mode of a real kube-proxy: affinity, policies, source ranges, none behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.cluster.site import (
    CONTROL_PLANE,
    Json,
    Site,
    minor_version,
    node_file,
    wait_until,
)

BALANCER = "203.0.113.7"
ALLOWED = ["10.0.0.0/8", "192.0.2.0/24"]
TIMEOUT = 1234
NODE_PORT = 30081


def service(name: str, **spec: Any) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}], **spec},
    }


SERVICES = [
    service("steady", sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": TIMEOUT}}),
    service("near", type="NodePort", externalTrafficPolicy="Local", ports=[{"port": 80, "nodePort": NODE_PORT}]),
    service("balanced", type="LoadBalancer", loadBalancerSourceRanges=ALLOWED),
    service("empty", selector={"app": "nobody"}),
]


def members(site: Site) -> tuple[str, ...]:
    return (CONTROL_PLANE, *site.workers)


def the_proxies_know(site: Site) -> bool:
    """Whether every node has the newest of the Services, and the load balancer's address."""
    rules = [site.proxy_rules(node) for node in members(site)]
    return all("default/empty" in text and BALANCER in text for text in rules)


@pytest.fixture(scope="module")
def kinds(ready: Site) -> Iterator[Site]:
    """The cluster with the Services; the load balancer's address is given as a cloud's controller would."""
    objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": SERVICES})
    ready.kubectl(f"apply -f - <<'END'\n{objects}\nEND\n")
    status = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": BALANCER}]}}})
    ready.kubectl(f"patch service balanced --subresource=status --type=merge -p '{status}'")
    yield ready
    ready.kubectl("delete service steady near balanced empty")


@pytest.fixture(scope="module", params=["iptables", "nftables"])
def folder(kinds: Site, request: pytest.FixtureRequest) -> Path:
    """A report of the cluster in one of kube-proxy's modes."""
    if request.param == "nftables" and minor_version() < (1, 31):
        pytest.skip("this Kubernetes has no kube-proxy with nftables")
    if kinds.proxy_mode() != request.param:
        kinds.cluster(kubeadm_cluster_kube_proxy_mode=request.param)
        kinds.write_down("kube-proxy's mode changed")
    wait_until(lambda: the_proxies_know(kinds), 60)
    return kinds.inspect(f"services-{request.param}")


def entries(folder: Path, node: str, name: str) -> dict[str, Json]:
    """The entries of one Service on a node, by their type."""
    facts = node_file(folder, node)["podnet_service"]
    assert facts["errors"] == facts["unrecognised"] == []
    return {one["type"]: one for one in facts["services"] if (one["namespace"], one["name"]) == ("default", name)}


def backends(entry: Json) -> set[str]:
    return {f"{end['address']}:{end['port']}" for end in entry["backends"]}


def expected_backends(site: Site, node: str | None = None) -> set[str]:
    """The addresses of the workload's pods, of those on one node if it is given."""
    pods = site.items("pods -l app=web")
    return {f"{pod['status']['podIP']}:80" for pod in pods if node in (None, pod["spec"]["nodeName"])}


def test_the_mode_is_the_configured_one(kinds: Site, folder: Path) -> None:
    for node in members(kinds):
        assert node_file(folder, node)["podnet_service"]["mode"] == folder.name.removeprefix("services-")


def test_affinity_with_its_time(kinds: Site, folder: Path) -> None:
    for node in members(kinds):
        entry = entries(folder, node, "steady")["cluster_ip"]
        assert entry["affinity"] == {"type": "ClientIP", "timeout": TIMEOUT}
        assert backends(entry) == expected_backends(kinds)
        assert entries(folder, node, "web")["cluster_ip"]["affinity"] is None


def test_a_local_policy_keeps_packets_on_their_node(kinds: Site, folder: Path) -> None:
    for node in members(kinds):
        near = entries(folder, node, "near")
        port = near["node_port"]
        assert (port["port"], port["traffic_policy"]) == (NODE_PORT, "local")
        here = expected_backends(kinds, node)
        assert backends(port) == here
        assert port["action"] == ("forward" if here else "drop")
        assert backends(near["cluster_ip"]) == expected_backends(kinds)


def test_a_load_balancer_for_some_sources(kinds: Site, folder: Path) -> None:
    for node in members(kinds):
        facts = entries(folder, node, "balanced")
        [entry] = [one for one in facts.values() if one["virtual_address"] == BALANCER]
        # The node's own address is in one of the ranges: kube-proxy lets it ask by the load balancer's.
        assert sorted(entry["source_ranges"]) == [*ALLOWED, f"{BALANCER}/32"]
        assert backends(entry) == expected_backends(kinds)
        assert facts["cluster_ip"]["source_ranges"] == []


def test_a_service_without_endpoints_is_refused_at_once(kinds: Site, folder: Path) -> None:
    for node in members(kinds):
        entry = entries(folder, node, "empty")["cluster_ip"]
        assert (entry["action"], entry["backends"]) == ("reject", [])


@pytest.mark.usefixtures("folder")
def test_the_service_answers(kinds: Site) -> None:
    for name in ("web", "steady", "near"):
        assert kinds.in_pod("pod1", f"wget -qO- http://{name}", container="container1").startswith("web-")
