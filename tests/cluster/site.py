# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real cluster on full nodes of this machine: the plays that make and read it, and kubectl, which judges them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.podnet.lab.tests.cluster import record
from ansible_collections.podnet.lab.tests.cluster_bundle import versions, workload_image
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

PLAYBOOKS = CHECKOUT / "playbooks"
CONTROL_PLANE = "node1"
KUBECTL = "kubectl --kubeconfig /etc/kubernetes/admin.conf"
PLAY_PATIENCE = 900.0
"""Seconds in which any one play over the cluster must end, on a machine that does other things too."""

Done = subprocess.CompletedProcess[str]
Json = dict[str, Any]


class Site:
    """Full nodes, of which some are a cluster."""

    def __init__(self, nodes: Nodes, bundle: Path, directory: Path) -> None:
        """Begin with node1 as the control plane and node2 as its worker; `directory` is for what plays write."""
        self.nodes = nodes
        self.bundle = bundle
        self.directory = directory
        self.control_plane: tuple[str, ...] = (CONTROL_PLANE,)
        self.workers: tuple[str, ...] = ("node2",)
        # Without a taint, pods run on every node of the control plane too.
        self.options: dict[str, Json] = defaultdict(lambda: {"kubeadm_cluster_taints": []})
        """Variables of each host of the control plane."""

    # --- plays ---------------------------------------------------------------------------------------------------

    def _cluster_command(self, *argv: str, bundle: Path | None = None, **options: Any) -> list[str]:
        """The words that bring the cluster to what is wanted; `options` are extra variables."""
        groups = self.directory / "groups.yml"
        members: Json = {
            "control_plane": {"hosts": {node: self.options[node] for node in self.control_plane}},
            "workers": {"hosts": {worker: {} for worker in self.workers}},
        }
        groups.write_text(json.dumps(members), encoding="utf-8")
        variables = {
            "kubeadm_cluster_bundle": str(bundle or self.bundle),
            "kubeadm_cluster_workload_image": workload_image(),
            "kubeadm_cluster_kubelet_config": self._kubelet_config(),
            **options,
        }
        return [str(PLAYBOOKS / "cluster.yml"), "-i", str(groups), "-e", json.dumps(variables), *argv]

    def _kubelet_config(self) -> Json:
        """Control groups of version 1 must be asked for from 1.35 on; before 1.31 the field is unknown."""
        has_first = self.nodes.shell(CONTROL_PLANE, "stat -f -c %T /sys/fs/cgroup").strip() == "tmpfs"
        return {"failCgroupV1": False} if has_first and minor_version() >= (1, 31) else {}

    def cluster(self, *argv: str, bundle: Path | None = None, check: bool = True, **options: Any) -> Done:
        """Run cluster.yml to its end."""
        began = time.monotonic()
        done = self.nodes.playbook(
            *self._cluster_command(*argv, bundle=bundle, **options), check=check, timeout=PLAY_PATIENCE
        )
        print(f"cluster.yml {' '.join([*argv, *options])}: {time.monotonic() - began:.0f} s")
        return done

    def cluster_killed_when(self, half_way: Callable[[], bool], *argv: str, **options: Any) -> None:
        """Run cluster.yml and kill it, without a chance to tidy up, as soon as `half_way` is true."""
        command = [
            str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(self.nodes.inventory),
            *self._cluster_command(*argv, **options),
        ]  # fmt: skip
        with (self.directory / "killed.log").open("w") as log:
            process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env=self.nodes.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            try:
                wait_until(lambda: half_way() or process.poll() is not None, PLAY_PATIENCE)
                assert process.poll() is None, "the play ended before it was half-way: " + (
                    self.directory / "killed.log"
                ).read_text(encoding="utf-8")
            finally:
                process.kill()
                process.wait()

    def inspect(self, name: str, *hosts: str, **options: Any) -> Path:
        """Run inspect.yml over the members (or `hosts`), and return the report's folder."""
        folder = self.directory / name
        limit = ",".join(hosts or (CONTROL_PLANE, *self.workers))
        variables = {"podnet_report_dir": str(folder), "podnet_services": True, **options}
        self.nodes.playbook(PLAYBOOKS / "inspect.yml", "--limit", limit, "-e", json.dumps(variables))
        return folder

    # --- the judge -----------------------------------------------------------------------------------------------

    def kubectl(self, words: str, check: bool = True) -> str:
        """Return what kubectl prints on the control plane."""
        return self.nodes.shell(CONTROL_PLANE, f"{KUBECTL} {words}", check=check)

    def items(self, words: str) -> list[Json]:
        """Return the objects that kubectl lists."""
        found: list[Json] = json.loads(self.kubectl(f"get {words} -o json"))["items"]
        return found

    def wait_for_backends(self) -> None:
        """Wait until all pods are ready, and the rules of every member lead to the backends of every Service."""
        self.wait_for_pods()
        wait_until(self._backends_are_in_the_rules, 60)

    def wait_for_pods(self) -> None:
        """Wait until all pods are ready that are not about to end; ``kubectl wait`` would wait for those as well."""

        def are_ready() -> bool:
            pods = [pod for pod in self.items("pods --all-namespaces") if "deletionTimestamp" not in pod["metadata"]]
            conditions = [pod.get("status", {}).get("conditions", []) for pod in pods]
            return all(any((one["type"], one["status"]) == ("Ready", "True") for one in found) for found in conditions)

        wait_until(are_ready, 180)

    def _backends_are_in_the_rules(self) -> bool:
        rules = [self.proxy_rules(node) for node in (CONTROL_PLANE, *self.workers)]
        parts = [part for one in self.items("endpoints --all-namespaces") for part in one.get("subsets", [{}])]
        wanted = [
            f"{address['ip']}:{port['port']}"
            for part in parts
            for address in part.get("addresses", [])
            for port in part["ports"]
        ]
        # A Service without any address has a part here that has none either.
        ready = all(part.get("addresses") and not part.get("notReadyAddresses") for part in parts)
        return ready and all(re.search(rf"{re.escape(one)}\b", text) for one in wanted for text in rules)

    def proxy_rules(self, node: str) -> str:
        """Return the rules of kube-proxy on a node, whichever mode it has, as text."""
        return self.nodes.shell(node, "iptables-save; nft list table ip kube-proxy 2>/dev/null; true")

    def proxy_mode(self) -> str:
        """Return kube-proxy's mode, as it is configured in the cluster."""
        config = self.kubectl("get configmap kube-proxy -n kube-system -o jsonpath='{.data.config\\.conf}'")
        mode = re.search(r'^mode: "?(\w*)"?$', config, re.MULTILINE)
        return (mode[1] if mode else "") or "iptables"

    def write_down(self, done: str) -> None:
        """Add the cluster as it is now to the record of what was really run; `done` is what a test did with it."""
        nodes = self.items("nodes")
        names = [node["metadata"]["name"] for node in nodes]
        groups = [self.nodes.shell(name, "stat -f -c %T /sys/fs/cgroup").strip() for name in names]
        manifest = json.loads((self.bundle / "manifest.json").read_text(encoding="utf-8"))
        source = str(manifest.get("components", {}).get("source", "a bundle that was given")).partition(",")[0]
        record.write_down(record.described(nodes, self.proxy_mode(), groups, source, done))

    def in_pod(self, pod: str, command: str, container: str | None = None, check: bool = True) -> str:
        """Return what a command prints inside a pod; `command` goes through two shells and has no single quotes."""
        which = f"-c {container} " if container else ""
        return self.kubectl(f"exec {pod} {which}-- sh -c '{command}'", check=check)

    def source_seen(self, client: str, server: str, family: int = 4) -> str:
        """The address from which a pod's web server sees another pod's request, as it tells it."""
        script = r'printf "#!/bin/sh\necho\necho \$REMOTE_ADDR\n" > /tmp/www/cgi-bin/who; chmod +x /tmp/www/cgi-bin/who'
        self.in_pod(server, f"mkdir -p /tmp/www/cgi-bin; {script}")
        [pod] = [pod for pod in self.items("pods") if pod["metadata"]["name"] == server]
        [address] = [one["ip"] for one in pod["status"]["podIPs"] if (":" in one["ip"]) == (family == 6)]
        host = f"[{address}]" if family == 6 else address
        seen = self.in_pod(client, f"wget -qO- http://{host}/cgi-bin/who", container="container1")
        # busybox listens on IPv6 for both families, and writes an IPv4 address as [::ffff:10.244.1.4].
        return seen.strip().strip("[]").removeprefix("::ffff:")

    def running_pods(self) -> list[Json]:
        """Return the pods that run and are not about to go."""
        return [
            pod
            for pod in self.items("pods --all-namespaces")
            if pod["status"]["phase"] == "Running" and "deletionTimestamp" not in pod["metadata"]
        ]


def minor_version() -> tuple[int, ...]:
    """Return the minor version of the Kubernetes of the tests, such as (1, 34)."""
    return tuple(int(number) for number in versions().base.removeprefix("v").split(".")[:2])


def report(folder: Path) -> Any:
    """Return a report's model."""
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def node_file(folder: Path, node: str) -> Any:
    """Return what was read of one node."""
    return json.loads((folder / "nodes" / f"{node}.json").read_text(encoding="utf-8"))


def recap(done: Done) -> dict[str, dict[str, int]]:
    """Return the numbers of a play's recap, by host."""
    lines = re.findall(r"^(\S+)\s+: (ok=.*)$", done.stdout.partition("PLAY RECAP")[2], re.MULTILINE)
    return {
        host: {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", numbers)} for host, numbers in lines
    }


def changed(done: Done) -> int:
    """Return how many tasks changed something."""
    numbers = recap(done)
    assert numbers, done.stdout
    return sum(host["changed"] for host in numbers.values())


def wait_until(condition: Callable[[], bool], patience: float) -> None:
    """Wait until `condition` is true; after `patience` seconds it is an error."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not so after {patience:.0f} s"
        time.sleep(0.5)


def listed(output: str) -> Sequence[str]:
    """Return the lines of an output that hold something, sorted."""
    return sorted(line for line in output.splitlines() if line.strip())
