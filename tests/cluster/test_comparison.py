# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""compare.yml: the lab by hand beside a real cluster, and the cluster before and after a change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema

from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, PLAYBOOKS, Site
from ansible_collections.podnet.lab.tests.integration.support.nodes import FABRIC, Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "comparison.schema.json").read_text(encoding="utf-8"))


def compare(site: Site, name: str, *argv: str, **options: Any) -> Any:
    folder = site.directory / name
    variables = {"podnet_report_dir": str(folder), **options}
    site.nodes.playbook(PLAYBOOKS / "compare.yml", *argv, "-e", json.dumps(variables))
    found = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, SCHEMA)
    return found


def test_lab_and_cluster(cluster: Site, lab: Nodes) -> None:
    members = ",".join((CONTROL_PLANE, *cluster.workers))
    found = compare(
        cluster, "worlds", "-i", str(lab.inventory), podnet_left=f"fabric_{FABRIC}l", podnet_right=members,
        podnet_left_name="lab", podnet_right_name="cluster",
    )  # fmt: skip
    assert found["mode"] == "worlds"
    page = Path(cluster.directory / "worlds" / "comparison.md").read_text(encoding="utf-8")
    for number, duty in enumerate(
        (
            "Create the namespace", "Create interfaces", "Create the veth pair", "Set up the namespace's network",
            "Static routes", "Configure the bridge", "Assign addresses", "NAT rules",
        ),
        1,
    ):  # fmt: skip
        assert f"### {number}. {duty}" in page
    for scope in ("Container", "Pod", "Node", "Tunnel", "Service", "Names", "Policies", "Way in", "Cluster"):
        assert f"### {scope}" in page
    aspects = {one["key"]: one for subject in found["scopes"] for one in subject["aspects"]}
    # What kube-proxy and CoreDNS do in the cluster; the lab was built without Services.
    assert aspects["dns.service"]["right"]["text"].startswith("kube-system/kube-dns at ")
    assert "kube-system/coredns-" in aspects["dns.server"]["right"]["text"]
    assert aspects["service.choice"]["right"]["text"] == "random"
    assert aspects["service.nodes"]["right"]["text"].startswith("on all of ")
    assert aspects["service.mode"]["left"]["state"] == "absent"
    # Nobody holds policies there, which both sides have been asked.
    assert aspects["policy.holder"]["left"]["state"] == aspects["policy.holder"]["right"]["state"] == "absent"
    # Bridges are called lab0 and cni0: a difference of names only.
    assert "only the name" in page
    assert "lab0" in page
    assert "cni0" in page


def test_drift_when_a_pod_is_made_anew(cluster: Site) -> None:
    before = cluster.inspect("before")
    [pod] = [pod for pod in cluster.items("pods -l app=web") if pod["spec"]["nodeName"] == cluster.workers[0]][:1]
    cluster.kubectl(f"delete pod {pod['metadata']['name']}")
    cluster.kubectl("rollout status deployment/web --timeout=120s")
    after = cluster.inspect("after")
    found = compare(cluster, "drift", podnet_left_from=str(before), podnet_right_from=str(after))
    assert found["mode"] == "drift"
    gone, *_rest = [key for key in found["unexpected"] if key == f"pod:default/{pod['metadata']['name']}"]
    assert gone
    new = {f"pod:default/{one['metadata']['name']}" for one in cluster.items("pods -l app=web")}
    assert len(new & set(found["unexpected"])) == 1
    assert not any(key.startswith(("node:", "bridge:", "route:", "range:", "nat:")) for key in found["unexpected"])
    assert compare(cluster, "same", podnet_left_from=str(after), podnet_right_from=str(after))["unexpected"] == []
