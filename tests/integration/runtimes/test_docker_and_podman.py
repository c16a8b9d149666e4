# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real containers of docker and podman on one node: networks that this project did not build, and that hold no pod.

Debian 13 has docker with its own bridge driver, and podman with netavark instead of CNI plugins. What the facts say is
held against what docker, podman and iproute2 say on the node.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import lookup
from ansible_collections.podnet.lab.tests.integration.support.runtimes import Site


def names(namespace: dict[str, Any]) -> list[str]:
    """The names of the containers in a namespace."""
    return sorted(one["name"] for one in namespace["containers"])


def test_everything_was_read(site: Site) -> None:
    assert site.facts["podnet_netns"]["errors"] == []
    assert not site.facts["podnet_netns"]["partial"]


@pytest.mark.parametrize(
    ("runtime", "container", "together", "place"),
    [
        ("docker", "web", ["sidecar", "web"], "/run/docker/netns/"),
        ("docker", "sidecar", ["sidecar", "web"], "/run/docker/netns/"),
        ("docker", "cart", ["cart"], "/run/docker/netns/"),
        ("docker", "hermit", ["hermit"], "/run/docker/netns/"),
        ("podman", "alone", ["alone"], "/run/netns/netns-"),
    ],
)
def test_containers_are_named_where_they_are(
    site: Site, runtime: str, container: str, together: list[str], place: str
) -> None:
    namespace = site.namespace(runtime, container)
    assert (namespace["kind"], namespace["owner"], names(namespace)) == ("container", None, together)
    assert [path for path in lookup.paths(namespace) if path.startswith(place)]
    (entry,) = [one for one in namespace["containers"] if one["name"] == container]
    assert entry["id"] == site.nodes.shell("node1", f"{runtime} inspect --format '{{{{.Id}}}}' {container}").strip()
    assert site.pid(runtime, container) in entry["pids"]


def test_a_pod_of_podman_is_one_namespace(site: Site) -> None:
    together = site.namespace("podman", "left")
    assert together["inode"] == site.namespace("podman", "right")["inode"]
    infra = [name for name in names(together) if name not in ("left", "right")]
    assert len(infra) == 1
    assert infra[0].endswith("-infra")


def test_a_container_on_the_nodes_own_network_is_listed_there(site: Site) -> None:
    namespace = site.namespace("docker", "agent")
    assert namespace["kind"] == "host"
    assert names(namespace) == ["agent"]
    assert "host_network_pods" not in namespace or namespace["host_network_pods"] == []


@pytest.mark.parametrize(
    ("runtime", "container", "bridge"),
    [
        ("docker", "web", "docker0"),
        ("docker", "cart", None),
        ("podman", "alone", "podman0"),
        ("podman", "left", "podman0"),
    ],
)
def test_cables_end_where_iproute2_says(site: Site, runtime: str, container: str, bridge: str | None) -> None:
    pid = site.pid(runtime, container)
    (inside,) = json.loads(site.nodes.shell("node1", f"nsenter -t {pid} -n ip -j -d link show dev eth0"))
    (near,) = [
        link
        for link in json.loads(site.nodes.shell("node1", "ip -j -d link show type veth"))
        if link["ifindex"] == inside["link_index"]
    ]
    inode = site.inode(pid)
    (cable,) = [
        pair
        for pair in site.facts["podnet_veth"]["pairs"]
        if any(end["netns"] == inode and end["ifindex"] == inside["ifindex"] for end in pair["ends"])
    ]
    assert "resolution" not in cable
    assert {end["ifname"] for end in cable["ends"]} == {"eth0", near["ifname"]}
    assert cable["bridge"] == near["master"]
    assert bridge in (None, near["master"])


def test_a_container_without_a_network_has_no_cable(site: Site) -> None:
    inode = site.namespace("docker", "hermit")["inode"]
    assert [
        pair for pair in site.facts["podnet_veth"]["pairs"] if inode in {end["netns"] for end in pair["ends"]}
    ] == []


def test_the_report_calls_them_by_their_names_and_counts_no_pod(site: Site) -> None:
    assert site.report["totals"]["pods"] == 0
    shown = {line.split("  ")[1] for line in site.terminal.splitlines() if line.startswith("  (")}
    assert {"(sidecar, web)", "(cart)", "(alone)"} <= shown
    assert any(label.endswith("left, right)") for label in shown)


def test_a_network_outlives_the_container_that_made_it(site: Site) -> None:
    inode = site.namespace("docker", "web")["inode"]
    site.nodes.shell("node1", "docker rm -f web")
    site.inspect()
    namespace = site.namespace("docker", "sidecar")
    assert namespace["inode"] == inode
    assert names(namespace) == ["sidecar"]
