# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster's way to the next minor version, which is the same source under another number (tests/cluster_bundle).

Clusters are upgraded by a patch version in test_both_families and test_repository, and by a minor version that is
really another in test_real_upgrade.
"""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.tests.cluster.site import CONTROL_PLANE, Site, changed
from ansible_collections.podnet.lab.tests.cluster_bundle import bundle, versions


def kubelets(site: Site) -> dict[str, str]:
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"] for node in site.items("nodes")}


def test_upgrade(cluster: Site) -> None:
    """The second run finds nothing to do, and the pods talk as before."""
    version = versions().minor
    if version is None:
        pytest.skip("the bundle was given, and no newer one with it")
    cluster.bundle = bundle(version)
    before = cluster.cluster("--check")
    assert changed(before) > 0
    assert version not in kubelets(cluster).values()
    cluster.cluster()
    assert set(kubelets(cluster).values()) == {version}
    assert sorted(kubelets(cluster)) == [CONTROL_PLANE, *cluster.workers]
    images = {
        container["image"].rpartition(":")[2]
        for pod in cluster.items("pods -n kube-system -l tier=control-plane")
        for container in pod["spec"]["containers"]
        if "etcd" not in container["image"]
    }
    assert images == {version}
    assert not any(node["spec"].get("unschedulable") for node in cluster.items("nodes"))
    assert changed(cluster.cluster()) == 0
    cluster.write_down("upgraded by a minor version")
    cluster.wait_for_backends()
    assert cluster.in_pod("pod1", "wget -qO- http://web", container="container1").startswith("web-")


def test_downgrade_is_refused_before_anything_is_touched(cluster: Site) -> None:
    if versions().patch is None:
        pytest.skip("the bundle was given, and no newer one with it")
    done = cluster.cluster(bundle=bundle(versions().base), check=False)
    assert done.returncode != 0
    assert "nothing was touched" in " ".join(done.stdout.split())
    assert changed(done) == 0
