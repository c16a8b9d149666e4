# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role on nodes that cannot be nodes of a cluster: everything is refused at once, and nothing is touched.

Light nodes have no systemd, so kubeadm cannot run on them. The life of a real cluster needs full nodes and a bundle.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

PLAYBOOK = CHECKOUT / "playbooks" / "cluster.yml"


@pytest.fixture
def groups(tmp_path: Path) -> Path:
    """An inventory that says which of the nodes is what."""
    path = tmp_path / "groups.yml"
    path.write_text("control_plane: {hosts: {node1: {}}}\nworkers: {hosts: {node2: {}, node3: {}}}\n")
    return path


def words(text: str) -> str:
    return " ".join(text.split())


def test_light_nodes_are_refused_with_every_fault_at_once(ssh_nodes: Nodes, groups: Path) -> None:
    done = ssh_nodes.playbook(
        PLAYBOOK, "-i", str(groups), "-e", "kubeadm_cluster_version=1.34.2",
        "-e", "kubeadm_cluster_pod_cidr=10.96.0.0/24", check=False,
    )  # fmt: skip
    said = words(done.stdout)
    assert done.returncode != 0
    assert "nothing was touched" in said
    for node in ("node1", "node2", "node3"):
        assert f"node {node}: systemd is not its first process" in said
    assert "overlap" in said
    assert "there are 3 nodes" in said
    assert "changed=0" in said
    assert "changed=1" not in said


def test_a_bundle_that_is_none_is_refused(ssh_nodes: Nodes, groups: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format": 2}')
    done = ssh_nodes.playbook(
        PLAYBOOK, "-i", str(groups), "-e", f"kubeadm_cluster_bundle={tmp_path}", check=False
    )  # fmt: skip
    said = words(done.stdout + done.stderr)
    assert done.returncode != 0
    assert "reads format 1" in said
    assert "bin/kubelet is not in it" in said


def test_a_part_of_a_cluster_is_not_removed_as_if_it_were_all(ssh_nodes: Nodes, groups: Path) -> None:
    done = ssh_nodes.playbook(
        PLAYBOOK, "-i", str(groups), "-e", "kubeadm_cluster_state=absent", "--limit", "node2", check=False
    )
    assert done.returncode != 0
    assert "kubeadm_cluster_removed_nodes" in words(done.stdout)


def test_nodes_without_a_mark_are_left_alone(ssh_nodes: Nodes, groups: Path) -> None:
    done = ssh_nodes.playbook(PLAYBOOK, "-i", str(groups), "-e", "kubeadm_cluster_state=absent")
    assert "nothing was touched" in words(done.stdout)
    assert "changed=1" not in words(done.stdout)
