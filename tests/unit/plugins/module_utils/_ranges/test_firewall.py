# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ranges in firewall rules: real outputs (tests/unit/fixtures/cidr_firewall), and when nothing may run."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._firewall.commands import has_nf_tables
from ansible_collections.podnet.lab.plugins.module_utils._ranges.firewall import (
    parse_iptables_save,
    parse_nft_table,
    parse_nft_tables,
    read_firewall,
    tell_local_ranges,
)
from ansible_collections.podnet.lab.plugins.module_utils._ranges.records import (
    CLUSTER,
    NODE,
    Ranges,
    in_file,
    in_output,
)

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "cidr_firewall")
TO_SERVICE = "traffic to a Service that is not from"


def _sample(name: Any) -> Any:
    with open(os.path.join(FIXTURES, name), encoding="utf-8") as stream:
        return stream.read()


def test_rules_of_the_legacy_variant() -> None:
    assert parse_iptables_save(_sample("iptables-legacy-save.txt")) == {
        ("pod", "10.244.0.0/16", TO_SERVICE),
        ("pod", "10.244.0.0/16", "FLANNEL-POSTRTG"),
    }


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            "ip-kube-proxy",
            {("pod", "10.244.0.0/16", TO_SERVICE), ("service", "10.96.0.0/12", "chain cluster-ips-check")},
        ),
        (
            "ip6-kube-proxy",
            {("pod", "fd00:10:244::/56", TO_SERVICE), ("service", "fd00:10:96::/112", "chain cluster-ips-check")},
        ),
        ("ip-flannel-ipv4", {("pod", "10.244.0.0/16", "FLANNEL-POSTRTG")}),
        # What iptables-nft wrote.
        ("ip-nat", {("pod", "10.244.0.0/16", TO_SERVICE), ("pod", "10.244.0.0/16", "FLANNEL-POSTRTG")}),
    ],
)
def test_rules_of_nf_tables(table: Any, expected: Any) -> None:
    assert parse_nft_table(_sample("nft-list-table-%s.json" % table)) == expected


def test_only_known_tables_are_read() -> None:
    assert parse_nft_tables(_sample("nft-list-tables.json")) == [
        ("ip", "kube-proxy"),
        ("ip6", "kube-proxy"),
        ("ip", "flannel-ipv4"),
        ("ip", "nat"),
    ]


class _Commands:
    """Stands for AnsibleModule.run_command: remembers what was started."""

    def __init__(self, code: Any = 0) -> None:
        self.started: List[List[str]] = []
        self.code = code

    def __call__(self, command: Any) -> Any:
        self.started.append([command[0].rsplit("/", 1)[-1], *command[1:]])
        if self.code:
            return self.code, "", "no permission\n"
        if "iptables-legacy-save" in command[0]:
            return 0, _sample("iptables-legacy-save.txt"), ""
        name = "nft-list-tables.json" if "tables" in command else "nft-list-table-%s-%s.json" % tuple(command[-2:])
        return 0, _sample(name), ""


def _node(tmp_path: Path, *paths: Any, **contents: Any) -> Any:
    for path in paths:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("")
    for path, content in contents.items():
        target = tmp_path / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return Files(str(tmp_path))


def _read(files: Any, run: Any) -> Any:
    ranges = Ranges()
    read_firewall(files, ranges, run)
    return ranges


def test_nothing_is_started_where_the_kernel_has_no_rules(tmp_path: Path) -> None:
    run = _Commands()
    files = _node(tmp_path, "usr/sbin/nft", "usr/sbin/iptables-save", "usr/sbin/iptables-legacy-save")
    ranges = _read(files, run)
    assert (run.started, ranges.pod, files.errors) == ([], [], [])


def test_a_legacy_table_that_does_not_exist_is_not_listed_into_being(tmp_path: Path) -> None:
    run = _Commands()
    files = _node(tmp_path, "usr/sbin/iptables-legacy-save", proc__net__ip_tables_names="filter\n")
    assert (_read(files, run).pod, run.started) == ([], [])


def test_both_variants_are_read(tmp_path: Path) -> None:
    run = _Commands()
    files = _node(
        tmp_path,
        "usr/sbin/nft",
        "usr/sbin/iptables-legacy-save",
        "sys/module/nf_tables/initstate",
        proc__net__ip_tables_names="nat\nfilter\n",
    )
    ranges = _read(files, run)
    assert run.started == [
        ["iptables-legacy-save", "-t", "nat"],
        ["nft", "-j", "list", "tables"],
        ["nft", "-j", "list", "table", "ip", "kube-proxy"],
        ["nft", "-j", "list", "table", "ip6", "kube-proxy"],
        ["nft", "-j", "list", "table", "ip", "flannel-ipv4"],
        ["nft", "-j", "list", "table", "ip", "nat"],
    ]
    assert {(one["cidr"], one["source"]["command"]) for one in ranges.service} == {
        ("10.96.0.0/12", "nft -j list table ip kube-proxy"),
        ("fd00:10:96::/112", "nft -j list table ip6 kube-proxy"),
    }
    assert len(ranges.pod) == 7
    assert files.errors == []


def test_a_command_that_fails_is_an_error(tmp_path: Path) -> None:
    files = _node(tmp_path, "usr/sbin/nft", "sys/module/nf_tables/initstate")
    assert _read(files, _Commands(code=1)).pod == []
    (error,) = files.errors
    assert "code 1: no permission" in error["cause"]


def test_a_missing_command_is_an_error(tmp_path: Path) -> None:
    files = _node(tmp_path, "sys/module/nf_tables/initstate", proc__net__ip_tables_names="nat\n")
    run = _Commands()
    _read(files, run)
    assert run.started == []
    assert [error["remedy"] for error in files.errors] == [
        "Install the package iptables.",
        "Install the package nftables.",
    ]


@pytest.mark.parametrize(
    ("config", "expected"), [(b"\nCONFIG_NF_TABLES=y\n", True), (b"\nCONFIG_NF_TABLES=m\n", False)]
)
def test_a_built_in_nf_tables_is_known_from_the_kernels_configuration(
    tmp_path: Path, config: Any, expected: Any
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/config.gz").write_bytes(gzip.compress(config))
    assert has_nf_tables(Files(str(tmp_path))) is expected


def test_a_broken_or_exploding_configuration_is_no_nf_tables(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    for data in (b"", b"x", gzip.compress(b"\0" * 50000000)):
        (tmp_path / "proc/config.gz").write_bytes(data)
        assert has_nf_tables(Files(str(tmp_path))) is False


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["saddr", "daddr", "!=", "==", "10.0.0.0", "kube-proxy", "ip"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["nftables", "rule", "expr", "match", "left", "right", "payload", "field", "op", "prefix", "set"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_json_of_any_shape_is_read_or_a_value_error(value: Any) -> None:
    for parse in (parse_nft_table, parse_nft_tables):
        try:
            parse(json.dumps({"nftables": [{"rule": value}, value]}))
            parse(json.dumps(value))
        except ValueError:
            pass


@given(st.text(max_size=200))
def test_any_text_is_an_output(text: Any) -> None:
    parse_iptables_save(text)


def test_marks_in_place_name_the_range_too() -> None:
    """kube-proxy 1.36."""
    services = os.path.join(FIXTURES, "..", "services", "nft-list-table-ip-kube-proxy-1.36.json")
    with open(services, encoding="utf-8") as stream:
        assert parse_nft_table(stream.read()) == {("pod", "10.244.0.0/16", TO_SERVICE)}


@pytest.mark.parametrize(
    ("others", "scope"),
    [
        ([("10.244.0.0/16", CLUSTER)], NODE),
        ([("10.244.1.0/24", NODE)], NODE),
        ([("10.244.1.0/24", CLUSTER)], CLUSTER),
        ([("10.245.0.0/16", CLUSTER), ("fd00:10:244::/56", CLUSTER)], CLUSTER),
        ([], CLUSTER),
    ],
)
def test_whose_range_the_rules_name(others: Any, scope: Any) -> None:
    ranges = Ranges()
    for cidr, of in others:
        ranges.add("pod", cidr, of, in_file("kube-controller-manager", "/etc/kubernetes/manifests/x.yaml", "flag"))
    ranges.add("pod", "10.244.1.0/24", CLUSTER, in_output("iptables", "iptables-legacy-save -t nat", TO_SERVICE))
    tell_local_ranges(ranges)
    assert ranges.pod[-1]["scope"] == scope
