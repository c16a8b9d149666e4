# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster is made, stays as it is, and does what a cluster does."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.podnet.lab.tests.cluster.conftest import Created
from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, Site, changed
from ansible_collections.podnet.lab.tests.cluster_bundle import versions

MANY_TASKS = 20
"""What a second run may cost, in tasks on a node."""


def test_check_mode_predicts_and_touches_nothing(created: Created) -> None:
    assert changed(created.predicted) > 0
    assert "Make the first node of the cluster" in created.predicted.stdout
    # Had the check run made a mark or a member, the real run would have found one.
    for task in ("Mark the node", "Make the first node of the cluster", "Join the workers"):
        part = created.made.stdout.partition(f": {task}]")[2].partition("TASK [")[0]
        assert "changed: [" in part, task


def test_no_token_is_shown(created: Created) -> None:
    """Bootstrap tokens and certificate keys as kubeadm writes them."""
    for done in (created.predicted, created.made):
        assert not re.search(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b", done.stdout + done.stderr)
        assert not re.search(r"\b[0-9a-f]{64}\b", re.sub(r"sha256:[0-9a-f]{64}", "", done.stdout + done.stderr))


def test_tokens_are_short_lived(cluster: Site) -> None:
    """The one that the worker joined with is deleted; kubeadm init cannot do without one, which ends by itself."""
    secrets = cluster.items("secrets -n kube-system --field-selector type=bootstrap.kubernetes.io/token")
    assert len(secrets) <= 1
    for secret in secrets:
        ends = datetime.fromisoformat(base64.b64decode(secret["data"]["expiration"]).decode().replace("Z", "+00:00"))
        assert ends <= datetime.now(UTC) + timedelta(minutes=15)


def test_nodes_are_ready_with_the_version_of_the_bundle(cluster: Site) -> None:
    nodes = {node["metadata"]["name"]: node for node in cluster.items("nodes")}
    assert sorted(nodes) == [CONTROL_PLANE, *cluster.workers]
    for node in nodes.values():
        conditions = {one["type"]: one["status"] for one in node["status"]["conditions"]}
        assert conditions["Ready"] == "True"
        assert node["status"]["nodeInfo"]["kubeletVersion"] == versions().base


def test_second_run_changes_nothing_and_asks_little(cluster: Site) -> None:
    done = cluster.cluster()
    assert changed(done) == 0
    tasks = re.findall(r"^TASK \[.*\][* ]*\n(?:(?!skipping|TASK).*\n)*?(?:ok|changed): \[", done.stdout, re.MULTILINE)
    assert 0 < len(tasks) <= MANY_TASKS, tasks


def test_workload_runs(cluster: Site) -> None:
    pods = {pod["metadata"]["name"]: pod for pod in cluster.items("pods")}
    assert {"pod1", "pod2"} <= pods.keys()
    assert sum(name.startswith("web-") for name in pods) == 3
    assert len(pods["pod1"]["spec"]["containers"]) == 3
    assert [one["metadata"]["name"] for one in cluster.items("networkpolicies")] == ["web"]
    assert {one["spec"]["type"] for one in cluster.items("services -l app=web")} == {"ClusterIP", "NodePort"}


def test_containers_of_a_pod_share_localhost(cluster: Site) -> None:
    assert cluster.in_pod("pod1", "wget -qO- http://127.0.0.1", container="container1").strip() == "pod1"


def test_pods_see_each_others_true_addresses(cluster: Site) -> None:
    """pod2 is on the other node; its web server is asked by whom it is asked."""
    pods = {pod["metadata"]["name"]: pod for pod in cluster.items("pods")}
    assert pods["pod1"]["spec"]["nodeName"] != pods["pod2"]["spec"]["nodeName"]
    assert cluster.source_seen("pod1", "pod2") == pods["pod1"]["status"]["podIP"]


@pytest.mark.parametrize("name", ["web", "web.default.svc.cluster.local"])
def test_service_answers_by_its_name(cluster: Site, name: str) -> None:
    assert cluster.in_pod("pod1", f"wget -qO- http://{name}", container="container1").startswith("web-")


def test_service_answers_by_its_address_and_on_every_node(cluster: Site) -> None:
    [service] = [one for one in cluster.items("services") if one["metadata"]["name"] == "web"]
    names = set()
    for _turn in range(12):
        names.add(cluster.in_pod("pod1", f"wget -qO- http://{service['spec']['clusterIP']}", "container1").strip())
    assert len(names) > 1, "one backend got everything"
    for node in cluster.items("nodes"):
        [address] = [one["address"] for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
        assert cluster.in_pod("pod1", f"wget -qO- http://{address}:30080", "container1").startswith("web-")


def test_what_leaves_the_cluster_has_the_nodes_address(cluster: Site) -> None:
    """The fabric's gateway is outside of the cluster; nothing there answers, so the rule's own counter is asked."""
    rules = json.loads(cluster.nodes.shell(CONTROL_PLANE, "nft -j list table ip podnet_cluster"))
    assert any("masquerade" in json.dumps(one) for one in rules["nftables"])
