# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who holds policies: chains of kube-router, Calico and the lab, and what is no chain for a pod."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._services.policies import (
    chains_by_table,
    holders,
    lab_pods,
    read_policies,
)

SAVED = """*filter
:INPUT ACCEPT [0:0]
:KUBE-ROUTER-FORWARD - [0:0]
:KUBE-NWPLCY-DEFAULT - [0:0]
:KUBE-NWPLCY-6WGMQ5WY4RIEY3KB - [0:0]
:KUBE-POD-FW-4UEXGLXBQSE4RYSB - [0:0]
:KUBE-POD-FW-OAMGZKBNQWLTZ2QN - [0:0]
-A FORWARD -j KUBE-ROUTER-FORWARD
COMMIT
"""
LAB = "podnet_lab0_policies"
LEGACY = "iptables-legacy-save -t filter"


class Commands:
    """Stands for AnsibleModule.run_command."""

    def __init__(self, answers: Dict[str, str]) -> None:
        self.answers = answers

    def __call__(self, command: List[str]) -> Tuple[int, str, str]:
        words = " ".join([command[0].rsplit("/", 1)[-1], *command[1:]])
        return (0, self.answers[words], "") if words in self.answers else (1, "", "no permission\n")


def node(root: Path, *paths: str, tables: str = "") -> Files:
    for path in paths:
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("")
    if tables:
        (root / "proc/net").mkdir(parents=True, exist_ok=True)
        (root / "proc/net/ip_tables_names").write_text(tables)
    return Files(str(root))


def chains(*names: Tuple[str, str, str]) -> str:
    items = [{"chain": {"family": family, "table": table, "name": name}} for family, table, name in names]
    return json.dumps({"nftables": [{"metainfo": {}}, *items]})


def lab_table(ingress: List[Any], egress: List[Any]) -> str:
    maps = {"pods-ingress": ingress, "pods-egress": egress}
    return json.dumps(
        {
            "nftables": [
                {"map": {"name": name, "elem": [[key, {"goto": {"target": "x"}}] for key in keys]}}
                for name, keys in maps.items()
            ]
        }
    )


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["KUBE-POD-FW-4UEXGLXBQSE4RYSB", "KUBE-NWPLCY-DEFAULT"], [("kube-router", 1)]),
        (["cali-tw-cali0a1b2c3d4e5", "cali-fw-cali0a1b2c3d4e5", "cali-tw-cali1a1b2c3d4e5"], [("calico", 2)]),
        (["filter-cali-tw-cali0a1b2c3d4e5"], [("calico", 1)]),
        (["cali-to-wl-dispatch", "KUBE-SERVICES", "KUBE-POD-FW-", "xKUBE-POD-FW-4UEXGLXBQSE4RYSB"], []),
    ],
)
def test_holders(names: List[str], found: List[Tuple[str, int]]) -> None:
    assert list(holders(names)) == found


def test_a_pod_of_both_directions_is_one() -> None:
    element = {"elem": {"val": "10.244.0.3", "counter": {}}}
    assert lab_pods(lab_table(["10.244.0.2", element], ["10.244.0.2"])) == 2
    assert lab_pods(lab_table([], [])) == 0
    assert lab_pods(lab_table([{"concat": ["10.244.0.2", 3]}, 7, "not an address"], [])) == 0


def test_the_legacy_variant_is_read_only_where_the_table_is(tmp_path: Path) -> None:
    run = Commands({LEGACY: SAVED})
    assert read_policies(node(tmp_path, "usr/sbin/iptables-legacy-save", tables="nat\n"), run) == []
    assert read_policies(node(tmp_path, tables="nat\nfilter\n"), run) == [
        {
            "holder": "kube-router",
            "mode": "iptables",
            "family": "inet",
            "table": "filter",
            "pods": 2,
            "command": LEGACY,
        }
    ]


def test_nf_tables(tmp_path: Path) -> None:
    answers = {
        "nft -j list chains": chains(
            ("ip", LAB, "forward"),
            ("ip", "filter", "KUBE-POD-FW-4UEXGLXBQSE4RYSB"),
            ("ip6", "calico", "filter-cali-tw-cali0a1b2c3d4e5"),
            ("bridge", "filter", "cali-tw-cali0a1b2c3d4e5"),
        ),
        f"nft -j list table ip {LAB}": lab_table(["10.244.0.2"], []),
    }
    found = read_policies(node(tmp_path, "usr/sbin/nft", "sys/module/nf_tables/x"), Commands(answers))
    assert found is not None
    assert [(one["holder"], one["family"], one["table"], one["pods"]) for one in found] == [
        ("kube-router", "inet", "filter", 1),
        ("lab", "inet", LAB, 1),
        ("calico", "inet6", "calico", 1),
    ]
    assert found[1]["command"] == f"nft list table ip {LAB}"


def test_what_cannot_be_read_is_null_and_not_empty(tmp_path: Path) -> None:
    files = node(tmp_path, "usr/sbin/nft", "sys/module/nf_tables/x")
    assert read_policies(files, Commands({})) is None
    assert files.errors[0]["object"].endswith("nft -j list chains")
    files = node(tmp_path)
    assert read_policies(files, Commands({"nft -j list chains": "no JSON"})) is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"nftables": [{"chain": 7}, 3, {"chain": {}}]}'])
def test_hostile_listings(text: str) -> None:
    try:
        assert chains_by_table(text) == {}
    except ValueError:
        pass
