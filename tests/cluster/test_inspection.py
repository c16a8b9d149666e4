# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""inspect.yml on a real cluster, where kubectl and iproute2 are the judges."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, Json, Site, node_file, report, wait_until

PODS_ON_ONE_NODE = 60
NETWORK = "/var/lib/cni/networks/podnet-cluster"
# As containerd names the namespaces that it makes for pods.
LEAKED = "cni-0badc0de-0000-4000-8000-0123456789ab"


@pytest.fixture(scope="module")
def folder(ready: Site) -> Path:
    """A report on the cluster as it was made."""
    return ready.inspect("inspected", podnet_gather_subset=["default", "ends", "sysctls", "firewall", "api"])


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return report(folder)


def by_kubectl(pod: Json) -> Json:
    """What the API says of a pod, in the report's words."""
    notes = pod["metadata"].get("annotations", {})
    on_host = bool(pod["spec"].get("hostNetwork"))
    return {
        "host": pod["spec"]["nodeName"],
        # The API's own uid of a static pod is that of its mirror; the kubelet's is the hash of its manifest.
        "uid": notes.get("kubernetes.io/config.hash", pod["metadata"]["uid"]),
        "host_network": on_host,
        "addresses": [] if on_host else [pod["status"]["podIP"]],
        "containers": sorted(one["name"] for one in pod["spec"]["containers"]),
    }


def by_report(pod: Json) -> Json:
    """The same of a pod of the report; the sandbox's own container has no name of a pod's container."""
    return {
        "host": pod["host"],
        "uid": pod["uid"],
        "host_network": pod["host_network"],
        "addresses": [] if pod["host_network"] else [one["local"] for one in pod["addresses"]],
        "containers": sorted(one["name"] for one in pod["containers"] if one["name"]),
    }


def compared(site: Site, found: Any) -> tuple[dict[str, Json], dict[str, Json]]:
    """Return the running pods by kubectl and by the report."""
    said = {f"{p['metadata']['namespace']}/{p['metadata']['name']}": by_kubectl(p) for p in site.running_pods()}
    return said, {f"{pod['namespace']}/{pod['name']}": by_report(pod) for pod in found["pods"]}


def test_every_pod_is_named(cluster: Site, model: Any) -> None:
    said, found = compared(cluster, model)
    assert found == said
    assert any(pod["host_network"] for pod in found.values())
    assert "kube-system/kube-apiserver-node1" in found
    assert {node["status"] for node in model["nodes"]} == {"read"}


def test_every_cable_is_the_kernels(cluster: Site, model: Any) -> None:
    """The ifindex of the node's end, as iproute2 says it inside the pod, and the node's name for that ifindex."""
    links = {
        node: {link["ifindex"]: link for link in json.loads(cluster.nodes.shell(node, "ip -j link"))}
        for node in (CONTROL_PLANE, *cluster.workers)
    }
    checked = 0
    for pod in model["pods"]:
        if pod["host_network"]:
            assert pod["cables"] == []
            continue
        [cable] = pod["cables"]
        inside = f"nsenter -t {pod['containers'][0]['pids'][0]} -n ip -j link show dev eth0"
        index = json.loads(cluster.nodes.shell(pod["host"], inside))[0]["link_index"]
        link = links[pod["host"]][index]
        assert (cable["peer"], cable["bridge"]) == (link["ifname"], link["master"])
        assert cable["resolution"] == "exact"
        checked += 1
    assert checked >= 5


def test_ranges_and_where_they_are_written(cluster: Site, model: Any) -> None:
    nodes = {node["metadata"]["name"]: node["spec"]["podCIDR"] for node in cluster.items("nodes")}
    ranges = {(one["what"], one["scope"], one["cidr"]): one for one in model["ranges"]}
    cluster_wide = ranges["pod", "cluster", "10.244.0.0/16"]
    kinds = {source["kind"] for source in cluster_wide["sources"]}
    assert {"static_pod", "config_map", "api"} <= kinds
    for name, cidr in nodes.items():
        own = ranges["pod", "node", cidr]
        assert name in own["hosts"]
        assert any(source["kind"] == "cni" and source["host"] == name for source in own["sources"])
        # Only the control plane may ask the API for its own Node.
        assert (name == CONTROL_PLANE) == any(source["kind"] == "api" for source in own["sources"])
    assert any(what == "service" and cidr == "10.96.0.0/16" for what, _scope, cidr in ranges)


def test_services_are_those_of_the_api(cluster: Site, folder: Path) -> None:
    ends: dict[tuple[str, str], Json] = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one
        for one in cluster.items("endpoints --all-namespaces")
    }
    said: dict[tuple[str, str, str, int, str], list[str]] = {}
    for service in cluster.items("services --all-namespaces"):
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        for port in service["spec"]["ports"]:
            backends = sorted(
                f"{address['ip']}:{one['port']}"
                for subset in ends[key].get("subsets", [])
                for one in subset["ports"]
                if one.get("name") == port.get("name")
                for address in subset.get("addresses", [])
            )
            protocol = port["protocol"].lower()
            said[(*key, service["spec"]["clusterIP"], port["port"], protocol)] = backends
    for node in (CONTROL_PLANE, *cluster.workers):
        facts = node_file(folder, node)["podnet_service"]
        assert facts["errors"] == []
        found = {
            (one["namespace"], one["name"], one["virtual_address"], one["port"], one["protocol"]): sorted(
                f"{end['address']}:{end['port']}" for end in one["backends"]
            )
            for one in facts["services"]
            if one["type"] == "cluster_ip"
        }
        assert found == said
        ports = [(one["name"], one["port"]) for one in facts["services"] if one["type"] == "node_port"]
        assert ports == [("web-nodeport", 30080)]
        assert all(one["rule"]["text"] for one in facts["services"])


def test_nothing_is_odd_about_a_healthy_cluster(model: Any) -> None:
    assert model["odd"] == []


@pytest.fixture
def leftovers(cluster: Site) -> Iterator[str]:
    """On a worker: a namespace that outlived its pod, a lease of nobody, and a pod whose lease is gone."""
    node = cluster.workers[0]
    [pod, *_others] = [pod for pod in cluster.items("pods") if pod["spec"]["nodeName"] == node]
    lease = f"{NETWORK}/{pod['status']['podIP']}"
    prefix = pod["status"]["podIP"].rpartition(".")[0]
    cluster.nodes.shell(
        node,
        f"set -e; ip netns add {LEAKED}; ip link add podleak type veth peer name eth0 netns {LEAKED};"
        f" ip -n {LEAKED} addr add {prefix}.249/24 dev eth0; ip link set podleak master cni0 up;"
        f" printf '{'0' * 64}\\r\\neth0' > {NETWORK}/{prefix}.250; touch -d '1 hour ago' {NETWORK}/{prefix}.250;"
        f" mv {lease} /root/lease",
    )
    yield f"default/{pod['metadata']['name']} {pod['status']['podIP']}"
    cluster.nodes.shell(
        node, f"mv /root/lease {lease}; rm {NETWORK}/{prefix}.250; ip link del podleak; ip netns del {LEAKED}"
    )


def test_what_is_left_over_is_seen(cluster: Site, leftovers: str) -> None:
    odd = {finding["kind"]: finding for finding in report(cluster.inspect("leaked"))["odd"]}
    prefix = leftovers.split()[1].rpartition(".")[0]
    assert odd["namespace-leaked"]["object"] == LEAKED
    assert f"{prefix}.250" in odd["lease-leaked"]["message"]
    assert odd["address-without-lease"]["object"] == leftovers
    assert {finding["hosts"][0] for finding in odd.values()} == {cluster.workers[0]}


def test_sixty_pods_on_one_node(cluster: Site) -> None:
    node = cluster.workers[0]
    image = cluster.items("pods")[0]["spec"]["containers"][0]["image"]
    spec: Json = {
        "nodeName": node,
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {"name": "idle", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["sleep", "2147483647"]}
        ],
    }
    labels = {"app": "many"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "many"},
        "spec": {
            "replicas": PODS_ON_ONE_NODE,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
    cluster.kubectl(f"apply -f - <<'END'\n{json.dumps(deployment)}\nEND\n")
    try:
        cluster.kubectl("rollout status deployment/many --timeout=280s")
        found = report(cluster.inspect("many"))
        said, named = compared(cluster, found)
        assert sum(pod["host"] == node for pod in said.values()) > PODS_ON_ONE_NODE
        assert named == said
        assert {cable["resolution"] for pod in found["pods"] for cable in pod["cables"]} == {"exact"}
        ends = [cable["peer"] for pod in found["pods"] for cable in pod["cables"] if pod["host"] == node]
        assert len(ends) == len(set(ends)) > PODS_ON_ONE_NODE
        assert found["odd"] == []
    finally:
        cluster.kubectl("delete deployment many --wait=false")
        wait_until(lambda: not re.search(r"^many-", cluster.kubectl("get pods --no-headers"), re.MULTILINE), 240)
