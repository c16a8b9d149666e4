# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node with real containers of docker and podman."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.podnet.lab.tests.integration.support.nodes import FABRIC, Nodes, subnet
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

NAME = FABRIC[:14] + "r"
NETWORK = subnet("runtimes")
PACKAGES = ["docker.io", "docker-cli", "podman", "busybox-static", "iptables"]

# A graph driver of overlayfs does not work over the overlayfs that a full node's / is.
IMAGE = """
mkdir -p /etc/containers /tmp/image/bin /tmp/image/www
cat >/etc/containers/storage.conf <<END
[storage]
driver = "vfs"
runroot = "/run/containers/storage"
graphroot = "/var/lib/containers/storage"
END
cp /bin/busybox /tmp/image/bin/sleep
cp /bin/busybox /tmp/image/bin/httpd
echo goods >/tmp/image/www/index.html
tar -C /tmp/image -c . | docker import - idle:1
tar -C /tmp/image -c . | podman import - idle:1
"""
CONTAINERS = """
idle="idle:1 /bin/sleep 1000000"
docker run -d --name web $idle
docker run -d --name sidecar --network container:web $idle
docker network create shop
docker run -d --name cart --network shop $idle
docker run -d --name shelf --network shop idle:1 /bin/httpd -f -p 80 -h /www
docker run -d --name agent --network host $idle
docker run -d --name hermit --network none $idle
podman run -d --name alone $idle
podman run -d --name store idle:1 /bin/httpd -f -p 80 -h /www
podman pod create --name pair --infra-image localhost/idle:1 --infra-command '/bin/sleep 1000000'
podman run -d --pod pair --name left $idle
podman run -d --pod pair --name right $idle
# Docker drops what any other bridge forwards; this is the chain in which it leaves room for exceptions.
iptables -I DOCKER-USER -i podman0 -o podman0 -j ACCEPT
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

    def probe(self, **arguments: Any) -> dict[str, Any]:
        """Return what podnet.lab.probe says on the node."""
        said = self.nodes.directory / "probe.json"
        tasks = [
            {"podnet.lab.probe": arguments, "register": "said"},
            {
                "ansible.builtin.copy": {"content": "{{ said | to_json }}", "dest": str(said), "mode": "0600"},
                "delegate_to": "localhost",
            },
        ]
        play = self.nodes.directory / "probe.yml"
        play.write_text(json.dumps([{"hosts": "node1", "become": True, "gather_facts": False, "tasks": tasks}]))
        self.nodes.playbook(play)
        return dict(json.loads(said.read_text()))

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
