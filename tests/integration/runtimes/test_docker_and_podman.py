# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Real containers of docker and podman on one node: networks that this project did not build, and that hold no pod.

Debian 13 has docker with its own bridge driver, and podman with netavark instead of CNI plugins. What the facts say is
held against what docker, podman and iproute2 say on the node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import FABRIC, Nodes, open_nodes, subnet
from ansible_collections.podnet.lab.tests.integration.support.probes import require_controllers, require_full_nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

NAME = FABRIC[:14] + "r"
NETWORK = subnet("runtimes")
PACKAGES = ["docker.io", "docker-cli", "podman", "busybox-static", "iptables"]

# A graph driver of overlayfs does not work over the overlayfs that a full node's / is.
IMAGE = """
mkdir -p /etc/containers /tmp/image/bin
cat >/etc/containers/storage.conf <<END
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
END
cp /bin/busybox /tmp/image/bin/sleep
tar -C /tmp/image -c . | docker import - idle:1
tar -C /tmp/image -c . | podman import - idle:1
"""
CONTAINERS = """
idle="idle:1 /bin/sleep 1000000"
docker run -d --name web $idle
docker run -d --name sidecar --network container:web $idle
docker network create shop
docker run -d --name cart --network shop $idle
docker run -d --name agent --network host $idle
docker run -d --name hermit --network none $idle
podman run -d --name alone $idle
podman pod create --name pair --infra-image localhost/idle:1 --infra-command '/bin/sleep 1000000'
podman run -d --pod pair --name left $idle
podman run -d --pod pair --name right $idle
"""


class Site:
    """The node with its containers, and what the collection says of it."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.report: dict[str, Any] = {}
        self.facts: dict[str, Any] = {}
        self.terminal = ""

    def inspect(self) -> None:
        """Run the playbook, and keep what it wrote and showed."""
        folder = self.nodes.directory / "report"
        done = self.nodes.playbook(
            CHECKOUT / "playbooks" / "inspect.yml", "-e", f"podnet_report_dir={folder}",
            "-e", '{"podnet_gather_subset": ["default", "ends"]}',
        )  # fmt: skip
        self.terminal = done.stdout
        self.report = json.loads((folder / "report.json").read_text())
        self.facts = json.loads((folder / "nodes" / "node1.json").read_text())

    def inode(self, pid: int) -> int:
        """The network namespace of a process, as the node says."""
        return int(self.nodes.shell("node1", f"stat -Lc %i /proc/{pid}/ns/net"))

    def pid(self, runtime: str, container: str) -> int:
        """The first process of a container, as its runtime says."""
        return int(self.nodes.shell("node1", f"{runtime} inspect --format '{{{{.State.Pid}}}}' {container}"))

    def namespace(self, runtime: str, container: str) -> dict[str, Any]:
        """The facts of the namespace that a container is in."""
        inode = self.inode(self.pid(runtime, container))
        (found,) = [one for one in self.facts["podnet_netns"]["namespaces"] if one["inode"] == inode]
        return dict(found)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One node with containers of docker and podman; tests that change it come last."""
    data = Path(f"/var/lib/podnet-test-{NAME}")
    require_full_nodes(data)
    require_controllers()
    settings = {
        "local_nodes_kind": "full", "local_nodes_suite": "trixie", "local_nodes_packages": PACKAGES,
        "local_nodes_data": str(data),
    }  # fmt: skip
    with open_nodes(1, NAME, NETWORK, ("-e", json.dumps(settings)), timeout=900) as nodes:
        state = nodes.shell("node1", "systemctl start docker; systemctl is-active docker", check=False).strip()
        if state != "active":
            pytest.skip("docker does not start here: " + nodes.shell("node1", "journalctl -u docker -n 3 -o cat"))
        nodes.shell("node1", "set -e\n" + IMAGE + CONTAINERS)
        found = Site(nodes)
        found.inspect()
        yield found


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
    assert [path for path in namespace["paths"] if path.startswith(place)]
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
    assert cable["resolution"] == "exact"
    assert {end["ifname"] for end in cable["ends"]} == {"eth0", near["ifname"]}
    assert cable["bridge"]["ifname"] == near["master"]
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
