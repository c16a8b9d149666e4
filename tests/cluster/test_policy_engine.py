# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real policy engine beside the cluster's network: kube-router by the role's manifest, only its firewall.

It stays until the cluster is removed, whose test sees that nothing of it is left.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.cluster.further import archives, bring
from ansible_collections.podnet.lab.tests.cluster.site import (
    CONTROL_PLANE,
    Json,
    Site,
    changed,
    node_file,
    wait_until,
)
from ansible_collections.podnet.lab.tests.cluster.test_verify import having, verify
from ansible_collections.podnet.lab.tests.cluster_bundle import bundle, versions

ENGINE = "kube-router"
OPTIONS: dict[str, Any] = {"kubeadm_cluster_policy_manifest": "kube-router-firewall.yml"}
FORBIDDEN = 8080
"""A port of web's pods, beside the one that the workload's NetworkPolicy allows to everybody."""


def webs(site: Site) -> dict[str, str]:
    """The addresses of web's pods, by name."""
    found = site.items("pods -l app=web")
    return {
        pod["metadata"]["name"]: pod["status"]["podIP"] for pod in found if "deletionTimestamp" not in pod["metadata"]
    }


def arrives(site: Site, sender: str, address: str, port: int) -> bool:
    """Whether a pod gets an answer from a port."""
    asked = f"wget -qO- -T 2 http://{address}:{port}/ >/dev/null && echo arrived || true"
    return site.in_pod(sender, asked, container="container1" if sender == "pod1" else None).strip() == "arrived"


def arriving(site: Site, port: int) -> set[str]:
    """Return which of pod1 and pod2 reach a port of web's pods: all of them or none."""
    seen = {sender: {arrives(site, sender, at, port) for at in webs(site).values()} for sender in ("pod1", "pod2")}
    assert all(len(answers) == 1 for answers in seen.values()), seen
    return {sender for sender, answers in seen.items() if answers == {True}}


@pytest.fixture(scope="module")
def kept(ready: Site) -> Iterator[Site]:
    """The cluster with an engine. Before it came, what the workload's NetworkPolicy forbids did arrive."""
    [(image, archive)] = archives(bundle(versions().base), [ENGINE]).items()
    members = (CONTROL_PLANE, *ready.workers)
    for name in webs(ready):
        ready.in_pod(name, f"httpd -p {FORBIDDEN} -h /tmp/www")
    assert arriving(ready, FORBIDDEN) == arriving(ready, 80) == {"pod1", "pod2"}
    for node in members:
        bring(ready.nodes, node, archive)
    done = ready.cluster(**OPTIONS)
    assert changed(done) > 0
    assert "Nobody holds" not in done.stdout
    assert f'"{image}"' in ready.kubectl(f"get daemonset {ENGINE} -n kube-system -o json")
    ready.kubectl(f"rollout status daemonset/{ENGINE} -n kube-system --timeout=120s")
    wait_until(lambda: arriving(ready, FORBIDDEN) == set(), 60)
    ready.write_down(f"NetworkPolicies held by {ENGINE}")
    yield ready
    # The role takes away what it brought. Containers that run do not need their image.
    for node in members:
        ready.nodes.shell(node, f"crictl rmi {image}")


def test_a_second_run_changes_nothing(kept: Site) -> None:
    assert changed(kept.cluster(**OPTIONS)) == 0


def test_what_a_policy_allows_arrives_and_nothing_else(kept: Site) -> None:
    assert arriving(kept, 80) == {"pod1", "pod2"}
    assert arriving(kept, FORBIDDEN) == set()


def test_a_policy_that_comes_and_goes(kept: Site) -> None:
    """It opens the other port to one pod."""
    policy: Json = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "more"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "web"}},
            "ingress": [
                {
                    "from": [{"podSelector": {"matchLabels": {"app": "pod1"}}}],
                    "ports": [{"protocol": "TCP", "port": FORBIDDEN}],
                }
            ],
        },
    }
    kept.kubectl(f"apply -f - <<'END'\n{json.dumps(policy)}\nEND\n")
    wait_until(lambda: arriving(kept, FORBIDDEN) == {"pod1"}, 60)
    kept.kubectl("delete networkpolicy more")
    wait_until(lambda: arriving(kept, FORBIDDEN) == set(), 60)


def test_every_requirement_holds(kept: Site) -> None:
    found = verify(kept, "engine")
    assert having(found, "held") == found.keys() - {"ingress"}, json.dumps(found, indent=1)


def test_the_facts_name_who_holds_policies(kept: Site) -> None:
    folder = kept.inspect("engine-seen")
    for node in (CONTROL_PLANE, *kept.workers):
        holders = node_file(folder, node)["podnet_service"]["policies"]
        assert {one["holder"] for one in holders} == {ENGINE}
        assert sum(one["pods"] for one in holders) > 0
