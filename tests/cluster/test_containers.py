# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kinds of containers and of ranges that a current Kubernetes has; crictl and kubectl are the judges."""

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
    report,
    wait_until,
)
from ansible_collections.podnet.lab.tests.cluster_bundle import versions, workload_image

SIDECARS = (1, 29)
"""The first minor version in which an initial container may stay (KEP 753)."""
ADDED_RANGE = "10.97.0.0/24"


@pytest.fixture(scope="module")
def special(ready: Site) -> Iterator[Site]:
    """A pod with an initial container that ended, one that stays, its own one, and one that came later to look at it.

    Beside it a range for Services that is an object of the API.
    """
    if minor_version() < SIDECARS:
        pytest.skip(f"Kubernetes {versions().base} has no initial containers that stay")
    image = {"image": workload_image(), "imagePullPolicy": "IfNotPresent"}
    stays = {**image, "command": ["sleep", "2147483647"]}
    pod: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "special"},
        "spec": {
            "nodeName": ready.workers[0],
            "terminationGracePeriodSeconds": 0,
            "initContainers": [
                {"name": "prepare", **image, "command": ["true"]},
                {"name": "beside", "restartPolicy": "Always", **stays},
            ],
            "containers": [{"name": "main", **stays}],
        },
    }
    cidr: Json = {
        "apiVersion": "networking.k8s.io/v1" if minor_version() >= (1, 33) else "networking.k8s.io/v1beta1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "added"},
        "spec": {"cidrs": [ADDED_RANGE]},
    }
    objects = json.dumps({"apiVersion": "v1", "kind": "List", "items": [pod, cidr]})
    ready.kubectl(f"apply -f - <<'END'\n{objects}\nEND\n")
    ready.kubectl("wait pod special --for=condition=Ready --timeout=120s")
    ready.kubectl(f"debug special -c looker --profile=general --image={workload_image()} -- sleep 2147483647")
    running = "get pod special -o jsonpath={.status.ephemeralContainerStatuses[*].state.running.startedAt}"
    wait_until(lambda: bool(ready.kubectl(running).strip()), 60)
    yield ready
    ready.kubectl("delete pod special --wait=true")
    ready.kubectl("delete servicecidr added --wait=true")


@pytest.fixture(scope="module")
def folder(special: Site) -> Path:
    return special.inspect("containers", podnet_gather_subset=["default", "api"])


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return report(folder)


def test_a_pods_containers_of_every_kind_are_its_own(model: Any) -> None:
    [pod] = [one for one in model["pods"] if one["name"] == "special"]
    named = {one["name"]: one for one in pod["containers"] if one["name"]}
    assert sorted(named) == ["beside", "looker", "main"]
    assert all(one["pids"] for one in named.values())


def test_every_container_is_the_runtimes(special: Site, model: Any) -> None:
    """crictl lists what runs; of each the report has the name and the id, below the right pod."""
    for node in (CONTROL_PLANE, *special.workers):
        listed = json.loads(special.nodes.shell(node, "crictl ps --output json"))["containers"]
        said = {
            (one["labels"]["io.kubernetes.pod.uid"], one["metadata"]["name"], one["id"])
            for one in listed
            if one["state"] == "CONTAINER_RUNNING"
        }
        found = {
            (pod["uid"], container["name"], container["id"])
            for pod in model["pods"]
            if pod["host"] == node
            for container in pod["containers"]
            if container["name"]
        }
        assert found == said


def test_a_range_for_services_that_is_an_object(model: Any) -> None:
    [added] = [one for one in model["ranges"] if one["cidr"] == ADDED_RANGE]
    assert (added["what"], added["scope"]) == ("service", "cluster")
    assert {source["kind"] for source in added["sources"]} == {"api"}


def test_services_and_their_slices_are_those_of_the_api(special: Site, folder: Path) -> None:
    """What the API says stands beside the rules, on the node that may ask for it; kubectl is the judge."""
    slices = special.items("endpointslices --all-namespaces")
    said = {
        (one["metadata"]["namespace"], one["metadata"]["name"]): sorted(
            (address, port["port"], end["conditions"]["ready"], end.get("nodeName"))
            for item in slices
            if item["metadata"]["namespace"] == one["metadata"]["namespace"]
            and item["metadata"]["labels"]["kubernetes.io/service-name"] == one["metadata"]["name"]
            for end in item["endpoints"]
            for address in end["addresses"]
            for port in item["ports"]
        )
        for one in special.items("services --all-namespaces")
    }
    facts = node_file(folder, CONTROL_PLANE)["podnet_service"]
    found = {
        (one["namespace"], one["name"]): sorted(
            (end["address"], end["port"], end["ready"], end["node"]) for end in one["backends"]
        )
        for one in facts["api"]["services"]
    }
    assert found == said
    # The rules of a healthy node lead to what the API calls ready, and to nothing else.
    ready = {(address, port) for ends in found.values() for address, port, is_ready, _node in ends if is_ready}
    assert {(end["address"], end["port"]) for one in facts["services"] for end in one["backends"]} == ready
    for worker in special.workers:
        assert node_file(folder, worker)["podnet_service"]["api"] is None
