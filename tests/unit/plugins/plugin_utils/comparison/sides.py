# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sides of comparisons: captured, and made up piece by piece.

The node files under tests/unit/fixtures/nodes are of the lab on two nodes (lab_of_two), of a kubeadm cluster of two
nodes with the bridge plugin (kubeadm), and of the same after one Pod was deleted and made again under its name and
another was replaced by its ReplicaSet (kubeadm_after); kubeadm_default is the same cluster in the default subsets.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison import compare
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.records import (
    Aspect,
    Comparison,
    Difference,
    Drift,
    Mode,
)
from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import World, world_of
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile

CHECKOUT = Path(__file__).resolve().parents[5]
FIXTURES = CHECKOUT / "tests" / "unit" / "fixtures" / "nodes"
SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "comparison.schema.json").read_text(encoding="utf-8"))


def real(name: str) -> World:
    """Return a side from captured node files."""
    return world_of(*gathering.read_model([FIXTURES / name]))


def made(tmp_path: Path, *nodes: Any) -> World:
    """Return a side from node files that are built piece by piece."""
    folder = tmp_path / f"side{len(list(tmp_path.iterdir()))}" / "nodes"
    folder.mkdir(parents=True)
    for number, node in enumerate(nodes):
        document = node.document() if isinstance(node, NodeFile) else node
        (folder / f"{number}.json").write_text(json.dumps(document), encoding="utf-8")
    return world_of(*gathering.read_model([folder]))


def compared(left: World, right: World, wanted: Mode | None = None, expected: Sequence[str] = ()) -> Comparison:
    """Compare two sides, and hold the result against its schema."""
    found = compare.compare(left, right, ("one", "other"), ((), ()), wanted, expected)
    jsonschema.validate(json.loads(json.dumps(found)), SCHEMA)
    return found


def aspects(found: Comparison) -> dict[str, Aspect]:
    """Return what was compared in two worlds, by key."""
    return {one["key"]: one for subject in (*found["duties"], *found["scopes"]) for one in subject["aspects"]}


def drift_of(found: Comparison) -> Drift:
    """Return what changed between two times."""
    assert found["drift"] is not None
    return found["drift"]


def differences(found: Comparison) -> dict[str, Difference]:
    """Return what changed between two times, by key."""
    return {one["key"]: one for one in drift_of(found)["differences"]}


def nat_rule(**changes: Any) -> dict[str, Any]:
    """Return a rule that gives packets of pods another source address."""
    return {
        "family": "inet",
        "action": "masquerade",
        "saddr": "10.244.0.0/16",
        "daddr": None,
        "not_daddr": [],
        "conditional": False,
        "source": {"kind": "nftables", "command": "nft list table ip nat", "key": "chain POSTROUTING"},
        **changes,
    }


def with_service(number: int, backends: list[str], mode: str = "iptables") -> Any:
    """Return the file of a node that has rules of one Service."""
    rule = {"command": "iptables-save -t nat", "text": "-A KUBE-SVC-X", "target": "KUBE-SVC-X"}
    service = {
        "namespace": "default", "name": "web", "port_name": None, "type": "cluster_ip", "family": "inet",
        "virtual_address": "10.96.0.7", "port": 80, "protocol": "tcp", "action": "dnat", "affinity": None,
        "traffic_policy": None, "source_ranges": [], "scheduler": None, "mode": mode, "rule": rule,
        "backends": [{"address": one, "port": 80, "weight": None, "local": False, "pod": None} for one in backends],
    }  # fmt: skip
    document = NodeFile(number, 1).document()
    document["podnet_service"] = {
        "schema_version": 1, "partial": False, "errors": [], "mode": mode, "sources": [],
        "node_port_addresses": [], "services": [service], "unrecognised": [],
    }  # fmt: skip
    return document
