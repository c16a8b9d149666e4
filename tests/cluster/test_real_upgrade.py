# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster of one node from one minor version to the next, both of which are really what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.cluster.site import Site, changed, report
from ansible_collections.podnet.lab.tests.cluster_bundle import bundle, versions

pytestmark = pytest.mark.release


@pytest.fixture(scope="module")
def previous(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The one node with the minor version before."""
    older = versions().previous
    if older is None:
        pytest.skip("there is no bundle of the minor version before")
    one = Site(site.nodes, bundle(older), tmp_path_factory.mktemp("previous"))
    one.workers = ()
    one.cluster()
    one.write_down("created")
    yield one
    one.cluster(kubeadm_cluster_state="absent")


def pods(folder: Path) -> set[str]:
    return {f"{pod['namespace']}/{pod['name']}" for pod in report(folder)["pods"]}


def test_to_the_next_minor_version(previous: Site) -> None:
    """The API's objects, the pods and their facts are there before and after it."""
    previous.wait_for_backends()
    [node] = previous.items("nodes")
    assert node["status"]["nodeInfo"]["kubeletVersion"] == versions().previous
    before = {f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in previous.running_pods()}
    assert pods(previous.inspect("before")) == before
    previous.bundle = bundle(versions().base)
    assert changed(previous.cluster("--check")) > 0
    previous.cluster()
    previous.write_down(f"upgraded from {versions().previous}")
    [node] = previous.items("nodes")
    assert node["status"]["nodeInfo"]["kubeletVersion"] == versions().base
    assert changed(previous.cluster()) == 0
    previous.wait_for_backends()
    after = {f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in previous.running_pods()}
    inspected = previous.inspect("after")
    assert pods(inspected) == after
    assert report(inspected)["odd"] == []
    assert previous.in_pod("pod1", "wget -qO- http://web", container="container1").startswith("web-")
