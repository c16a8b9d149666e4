# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of clusters that were really run, and the page made from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.cluster import record


def node(containerd: str, *cidrs: str, control_plane: bool = False) -> dict[str, Any]:
    labels = {"node-role.kubernetes.io/control-plane": ""} if control_plane else {}
    info = {
        "kubeletVersion": "v1.34.4",
        "containerRuntimeVersion": f"containerd://{containerd}",
        "osImage": "Debian GNU/Linux 12 (bookworm)",
    }
    return {"metadata": {"labels": labels}, "spec": {"podCIDRs": list(cidrs)}, "status": {"nodeInfo": info}}


NODES = [
    node("1.6.20~ds1", "10.244.0.0/24", "fd00:10:244::/64", control_plane=True),
    node("v2.1.4", "10.244.1.0/24", "fd00:10:244:1::/64"),
]


def test_a_cluster_is_described_by_its_api_and_nodes() -> None:
    run = record.described(NODES, "nftables", ["tmpfs", "tmpfs"], "Go module k8s.io/kubernetes v1.34.4", "created")
    assert dataclasses.astuple(run) == (
        "v1.34.4",
        "Go module k8s.io/kubernetes v1.34.4",
        "2, 1 of the control plane",
        "1.6.20~ds1, v2.1.4",
        "nftables",
        "IPv4 and IPv6",
        "Debian GNU/Linux 12 (bookworm)",
        "v1",
        "created",
    )


def test_control_groups_of_version_2() -> None:
    assert record.described(NODES[:1], "iptables", ["cgroup2fs"], "a bundle", "created").control_groups == "v2"


def test_one_kind_of_cluster_is_one_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "RECORD", tmp_path / "output" / "runs.json")
    first = record.described(NODES, "nftables", ["tmpfs"], "here", "created")
    for run in (first, dataclasses.replace(first, proxy="iptables"), dataclasses.replace(first, done="inspected")):
        record.write_down(run)
    rows = record.table(record.runs()).splitlines()
    assert [row.split(" | ")[4] for row in rows] == ["kube-proxy", "---", "nftables", "iptables"]
    assert rows[2].endswith("| created, inspected |")


def test_the_page_keeps_its_words_around_the_table() -> None:
    page = record.PAGE.read_text(encoding="utf-8")
    once = record.with_table(page, "| a |\n")
    assert "\n| a |\n" in once
    assert record.with_table(once, "| b |\n") == once.replace("| a |", "| b |")
    assert once.partition("<!--")[0] == page.partition("<!--")[0]
    assert once.rpartition("-->")[2] == page.rpartition("-->")[2]


def test_without_a_record_the_page_stays_and_the_way_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(record, "CHECKOUT", tmp_path)
    monkeypatch.setattr(record, "RECORD", tmp_path / "runs.json")
    monkeypatch.setattr(record, "PAGE", tmp_path / "absent.md")
    assert record.main() == 1
    assert "make test-cluster" in capsys.readouterr().err
