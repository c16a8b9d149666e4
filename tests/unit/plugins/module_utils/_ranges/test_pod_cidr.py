# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole key podnet_pod_cidr, from a tree of files and a snapshot."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._kernel.records import Snapshot
from ansible_collections.podnet.lab.plugins.module_utils._ranges.pod_cidr import pod_cidr_facts

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "cidr")
EMPTY: Snapshot = {
    "own": 1,
    "own_pid_namespace": None,
    "hostname": "h",
    "namespaces": {},
    "errors": [],
    "partial": False,
}


@pytest.mark.parametrize("name", sorted(os.listdir(FIXTURES)))
def test_the_files_of_one_healthy_node_do_not_contradict_each_other(name: Any) -> None:
    facts = pod_cidr_facts(EMPTY, {}, Files(os.path.join(FIXTURES, name)))
    assert facts["conflicts"] == []
    assert facts["errors"] == []
    assert facts["partial"] is False
    json.dumps(facts)


def test_leases_are_read_where_the_configuration_puts_them(tmp_path: Path) -> None:
    root = tmp_path / "node"
    shutil.copytree(os.path.join(FIXTURES, "kind-worker"), str(root))
    network = root / "run/cni-ipam-state/kindnet"
    network.mkdir(parents=True)
    network.joinpath("10.244.1.2").write_bytes(b"4f0a2b6d8c1e3f5a\r\neth0")
    network.joinpath("last_reserved_ip.0").write_text("10.244.1.2")
    network.joinpath("lock").write_text("")
    facts = pod_cidr_facts(EMPTY, {}, Files(str(root)), started=4e9)
    assert facts["leases"] == [
        {
            "address": "10.244.1.2",
            "network": "kindnet",
            "container_id": "4f0a2b6d8c1e3f5a",
            "ifname": "eth0",
            "path": "/run/cni-ipam-state/kindnet/10.244.1.2",
            "state": "leaked",
            "pod": None,
        }
    ]


def test_a_leftover_configuration_that_wins_is_a_disagreement(tmp_path: Path) -> None:
    root = tmp_path / "node"
    shutil.copytree(os.path.join(FIXTURES, "kubeadm-worker"), str(root))
    leftover = {"name": "crio", "type": "bridge", "ipam": {"type": "host-local", "subnet": "10.85.0.0/16"}}
    (root / "etc/cni/net.d/00-crio.conf").write_text(json.dumps(leftover))
    facts = pod_cidr_facts(EMPTY, {}, Files(str(root)))
    assert facts["cni"]["active"]["name"] == "crio"
    assert facts["cni"]["shadowed"] == [{"path": "/etc/cni/net.d/10-flannel.conflist", "name": "cbr0"}]
    assert {conflict["kind"] for conflict in facts["conflicts"]} == {"disagreement"}
    assert {side["value"] for conflict in facts["conflicts"] for side in conflict["sides"]} == {
        "10.85.0.0/16",
        "10.244.1.0/24",
        "10.244.0.0/16",
    }


def test_what_cannot_be_read_makes_the_result_partial_and_is_named(tmp_path: Path) -> None:
    root = tmp_path / "node"
    shutil.copytree(os.path.join(FIXTURES, "kubeadm-worker"), str(root))
    os.mkfifo(str(root / "etc/cni/net.d/00-fifo.conf"))
    (root / "run/flannel/subnet.env").write_text("FLANNEL_NETWORK=@NETWORK@\n")
    facts = pod_cidr_facts(EMPTY, {}, Files(str(root)))
    assert facts["partial"] is True
    assert [error["object"] for error in facts["errors"]] == [
        "/etc/cni/net.d/00-fifo.conf",
        "/run/flannel/subnet.env: FLANNEL_NETWORK",
    ]
    assert [error["object"] for error in facts["cni"]["unreadable"]] == ["/etc/cni/net.d/00-fifo.conf"]
    assert facts["cni"]["active"]["name"] == "cbr0"


def test_an_empty_machine_has_an_empty_and_complete_result(tmp_path: Path) -> None:
    facts = pod_cidr_facts(EMPTY, {}, Files(str(tmp_path)))
    assert facts["cni"] == {"active": None, "shadowed": [], "unreadable": []}
    assert (facts["pod"], facts["service"], facts["leases"], facts["conflicts"]) == ([], [], [], [])
    assert facts["partial"] is False
