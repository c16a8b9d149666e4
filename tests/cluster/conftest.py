# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One real cluster, which goes through its life in the order of FILES: its tests are not independent of each other.

Kubernetes is built by tests/cluster_bundle, and the nodes are full nodes of this machine.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

# `make setup` links the checkout into this collections path; helpers and module_utils are imported through it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.cluster import record
from ansible_collections.podnet.lab.tests.cluster.runtime import install_containerd
from ansible_collections.podnet.lab.tests.cluster.site import PLAYBOOKS, Done, Site
from ansible_collections.podnet.lab.tests.cluster_bundle import NODE_PACKAGES, bundle, versions
from ansible_collections.podnet.lab.tests.integration.support.nodes import (
    FABRIC,
    Nodes,
    NodesUnavailableError,
    open_nodes,
    subnet,
)

FILES = (
    "test_creation",
    "test_inspection",
    "test_containers",
    "test_comparison",
    "test_pods",
    "test_verify",
    "test_path",
    "test_service_kinds",
    "test_members",
    "test_upgrade",
    "test_policy_engine",
    "test_removal",
    "test_both_families",
    "test_real_upgrade",
    "test_flannel",
    "test_repository",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files into the order of the cluster's life."""
    items.sort(key=lambda item: FILES.index(item.path.stem))


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt("ended by SIGTERM")


# A run that is told to end takes its nodes down, as after Ctrl-C.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGTERM, _interrupt)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three full nodes, and a bundle to make a cluster of them; each cluster is a Site of its own, and this one stays
    as it is, for those that come after.
    """
    if os.geteuid() != 0:
        pytest.skip("full nodes need root; run it again with sudo")
    record.RECORD.unlink(missing_ok=True)
    with ExitStack() as stack:
        try:
            nodes = stack.enter_context(
                open_nodes(
                    options=[
                        "-e", "local_nodes_kind=full",
                        "-e", f"local_nodes_packages={','.join(NODE_PACKAGES)}",
                    ],
                    timeout=900,
                )
            )  # fmt: skip
        except NodesUnavailableError as error:
            pytest.skip(str(error))
        nodes.keep_compiled()
        made_of = bundle(versions().base)
        # node1 has Debian's; so all forms of its configuration, and pods of all, are in one cluster.
        install_containerd(nodes, "node2", made_of / "containerd-2.1")
        install_containerd(nodes, "node3", made_of / "containerd-1.7")
        yield Site(nodes, made_of, tmp_path_factory.mktemp("cluster"))


@dataclasses.dataclass(frozen=True)
class Created:
    """The cluster after its creation, and the plays that led to it."""

    site: Site
    predicted: Done
    made: Done


@pytest.fixture(scope="session")
def created(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Created:
    """The cluster of node1 and node2."""
    own = Site(site.nodes, site.bundle, tmp_path_factory.mktemp("created"))
    predicted = own.cluster("--check", "--diff")
    made = own.cluster()
    own.write_down("created")
    return Created(own, predicted, made)


@pytest.fixture(scope="session")
def cluster(created: Created) -> Site:
    """The cluster, for tests that do not care how it was made."""
    return created.site


@pytest.fixture(scope="module")
def ready(cluster: Site) -> Site:
    """The cluster, when all that it was made with runs: CoreDNS and every other backend of a Service."""
    cluster.wait_for_backends()
    return cluster


@pytest.fixture(scope="module")
def lab(cluster: Site) -> Iterator[Nodes]:
    """The lab by hand on two light nodes, beside the cluster."""
    network = subnet("cluster's lab")
    options = ["-e", "local_nodes_prefix=lab"]
    with open_nodes(2, f"{FABRIC}l", network, options) as nodes:
        nodes.keep_compiled()
        nodes.playbook(PLAYBOOKS / "lab.yml")
        yield nodes
