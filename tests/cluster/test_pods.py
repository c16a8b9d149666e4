# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods of a real cluster as hosts, and the walk through one of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.cluster.site import PLAYBOOKS, Site


def ansible(site: Site, program: str, *words: str) -> str:
    """Run a program of Ansible's on the pods as hosts; it must succeed."""
    command = [str(Path(sys.executable).parent / program), "-i", "pods.podnet.yml", *words]
    env = {**site.nodes.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    done = subprocess.run(
        command, cwd=site.directory, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pods(cluster: Site) -> Site:
    """The cluster with an inventory of its pods, which knows their labels."""
    cluster.wait_for_pods()
    cluster.inspect("as_hosts")
    (cluster.directory / "pods.json").write_text(cluster.kubectl("get pods -A -o json"), encoding="utf-8")
    settings = {
        "plugin": "podnet.lab.pods",
        "report": ["as_hosts"],
        "nodes": [str(cluster.nodes.inventory)],
        "labels": "pods.json",
    }
    (cluster.directory / "pods.podnet.yml").write_text(json.dumps(settings), encoding="utf-8")
    return cluster


def test_the_inventory_is_what_the_api_says(pods: Site) -> None:
    found = json.loads(ansible(pods, "ansible-inventory", "--list"))
    wanted = [pod for pod in pods.running_pods() if not pod["spec"].get("hostNetwork")]
    names = {f"{pod['metadata']['namespace']}_{pod['metadata']['name']}" for pod in wanted}
    assert set(found["podnet_pods"]["hosts"]) == names
    servers = pods.items("pods -n kube-system -l k8s-app=kube-dns")
    assert len(found["podnet_label_k8s_app_kube_dns"]["hosts"]) == len(servers)


def test_a_task_sees_the_pods_network(pods: Site) -> None:
    for pod in pods.running_pods():
        if pod["metadata"]["namespace"] == "default" and not pod["spec"].get("hostNetwork"):
            shown = ansible(pods, "ansible", f"default_{pod['metadata']['name']}", "-m", "command", "-a", "ip -br addr")
            assert f"{pod['status']['podIP']}/24" in shown


def test_a_task_reaches_a_service_from_a_pod(pods: Site) -> None:
    (address,) = [one["spec"]["clusterIP"] for one in pods.items("services") if one["metadata"]["name"] == "kubernetes"]
    ansible(pods, "ansible", "default_pod1", "-m", "wait_for", "-a", f"host={address} port=443 timeout=10")


def test_the_pods_own_files(pods: Site) -> None:
    """The pod has a shell and no Python, which is enough for raw."""
    options = {"podnet_pod_namespaces": ["network", "mount", "pid", "uts", "ipc"], "podnet_pod_container": "web"}
    inside = ["-e", json.dumps(options)]
    shown = ansible(pods, "ansible", "default_pod1", "-m", "raw", "-a", "hostname; cat /etc/hosts", *inside)
    assert "pod1" in shown
    assert "Kubernetes-managed hosts file" in shown


def test_the_walk(pods: Site) -> None:
    folder = pods.directory / "walk"
    pods.nodes.playbook(
        PLAYBOOKS / "walkthrough.yml", "--limit", "node1,node2",
        "-e", json.dumps({"podnet_report_dir": str(folder), "podnet_walk_pod": "default/pod1"}),
    )  # fmt: skip
    page = (folder / "walkthrough.md").read_text(encoding="utf-8")
    assert "/pause" in page
    assert "13. A Service" in page
    assert "KUBE-SVC-" in page
    assert "Services in 10.96.0.0/16 (written on node1, in /etc/kubernetes/manifests/kube-apiserver.yaml)" in page
    assert page.count("HTTP/1.0 ") + page.count("HTTP/1.1 ") >= 2
    assert "Not here: default/pod1 has not" not in page
    # The runtime's file, over the node's own for one command.
    names = page.partition("Who tells the pod what a name means?")[2].partition("\n## ")[0]
    assert re.search(
        r"mount --bind /var/lib/containerd/\S+/resolv\.conf /etc/resolv\.conf && exec ip netns exec cni-", names
    )
    assert "search default.svc.cluster.local svc.cluster.local cluster.local" in names
    assert "nameserver 10.96.0.10" in names
    assert re.search(r"^10\.\S+ +STREAM [a-z0-9-]+\.[a-z-]+\.svc\.cluster\.local$", names, re.MULTILINE), names
