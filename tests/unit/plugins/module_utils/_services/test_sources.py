# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which commands may be started to read Service rules, and what comes of their outputs."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._facts.service import MOST_UNRECOGNISED, Addresses, combine
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._services.records import Found
from ansible_collections.podnet.lab.plugins.module_utils._services.sources import Read, read_services

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "services")
EXTENSIONS = ("nft_compat", "xt_tcpudp", "xt_comment", "xt_mark")


def _sample(name: str) -> str:
    with open(os.path.join(FIXTURES, name), encoding="utf-8") as stream:
        return stream.read()


def _nft(kind: str, *objects: Dict[str, Any]) -> str:
    return json.dumps({"nftables": [{"metainfo": {}}, *({kind: one} for one in objects)]})


def _table(text: str, table: str) -> str:
    """Return what ``iptables-save -t table`` prints of a whole output."""
    head = text.partition("\n")[0]
    return "%s\n*%s\n%s" % (head, table, text.partition("*%s\n" % table)[2].partition("COMMIT")[0])


class _Commands:
    """Stands for AnsibleModule.run_command: answers from the captures, remembers what was started."""

    def __init__(self, answers: Optional[Dict[str, str]] = None) -> None:
        self.started: List[str] = []
        self.answers = answers or {}

    def __call__(self, command: Any) -> Any:
        words = " ".join([command[0].rsplit("/", 1)[-1], *command[1:]])
        self.started.append(words)
        if words not in self.answers:
            return 1, "", "no permission\n"
        return 0, self.answers[words], ""


def _saved(command: str, sample: str) -> Dict[str, str]:
    text = _sample(sample)
    return {"%s -t %s" % (command, table): _table(text, table) for table in ("nat", "filter")}


def _node(tmp_path: Path, *paths: Any, **contents: Any) -> Files:
    for path in paths:
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("")
    for path, content in contents.items():
        target = tmp_path / path.replace("__", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    return Files(str(tmp_path))


def _read(files: Files, run: Any) -> List[Read]:
    return read_services(files, run, set(), set())


def test_nothing_is_started_where_the_kernel_has_no_rules(tmp_path: Path) -> None:
    files = _node(tmp_path, "usr/sbin/nft", "usr/sbin/iptables-nft-save", "usr/sbin/iptables-legacy-save")
    run = _Commands()
    assert (_read(files, run), run.started, files.errors) == ([], [], [])


def test_a_table_that_does_not_exist_is_not_listed_into_being(tmp_path: Path) -> None:
    files = _node(tmp_path, "usr/sbin/iptables-legacy-save", proc__net__ip_tables_names="nat\n")
    run = _Commands(_saved("iptables-legacy-save", "iptables-legacy-save.txt"))
    (read,) = _read(files, run)
    assert run.started == ["iptables-legacy-save -t nat"]
    assert read.source == {
        "mode": "iptables",
        "variant": "legacy",
        "family": "inet",
        "table": "nat",
        "command": "iptables-legacy-save -t nat",
        "services": 14,
    }
    assert "empty" not in {one["name"] for one in read.found.services}  # what is rejected is in the table filter


def test_both_families_of_the_legacy_variant(tmp_path: Path) -> None:
    files = _node(
        tmp_path,
        "usr/sbin/iptables-legacy-save",
        "usr/sbin/ip6tables-legacy-save",
        proc__net__ip_tables_names="filter\nnat\n",
        proc__net__ip6_tables_names="nat\n",
    )
    answers = _saved("iptables-legacy-save", "iptables-legacy-save.txt")
    answers.update(_saved("ip6tables-legacy-save", "ip6tables-legacy-save.txt"))
    reads = _read(files, _Commands(answers))
    assert [(one.source["family"], one.source["services"]) for one in reads] == [("inet", 19), ("inet6", 3)]
    assert files.errors == []


def test_another_variant_than_was_asked_for_is_an_error(tmp_path: Path) -> None:
    files = _node(tmp_path, "usr/sbin/iptables-save", proc__net__ip_tables_names="nat\n")
    assert _read(files, _Commands(_saved("iptables-save", "iptables-nft-save.txt"))) == []
    (error,) = files.errors
    assert "legacy" in error["cause"]


TABLES = _nft("table", {"family": "ip", "name": "nat"}, {"family": "ip", "name": "filter"})
CHAINS = _nft(
    "chain",
    {"family": "ip", "table": "nat", "name": "KUBE-SERVICES"},
    {"family": "ip", "table": "filter", "name": "KUBE-SERVICES"},
)


def _iptables_nft(tmp_path: Path, *modules: Any) -> Any:
    files = _node(
        tmp_path,
        "usr/sbin/nft",
        "usr/sbin/iptables-nft-save",
        "sys/module/nf_tables/x",
        *("sys/module/%s/x" % module for module in modules),
    )
    run = _Commands(_saved("iptables-nft-save", "iptables-nft-save.txt"))
    run.answers.update({"nft -j list tables": TABLES, "nft -j list chains ip": CHAINS})
    return files, run


def test_iptables_nft(tmp_path: Path) -> None:
    files, run = _iptables_nft(tmp_path, *EXTENSIONS)
    (read,) = _read(files, run)
    assert (read.source["variant"], read.source["services"]) == ("nf_tables", 19)
    assert run.started == [
        "nft -j list tables",
        "nft -j list chains ip",
        "iptables-nft-save -t nat",
        "iptables-nft-save -t filter",
    ]
    assert {one["rule"]["command"] for one in read.found.services} == {
        "iptables-nft -t nat -S KUBE-SERVICES",
        "iptables-nft -t nat -S KUBE-NODEPORTS",
        "iptables-nft -t filter -S KUBE-SERVICES",
        "iptables-nft -t filter -S KUBE-EXTERNAL-SERVICES",
        "iptables-nft -t filter -S KUBE-NODEPORTS",
    }


def test_iptables_nft_is_not_started_where_it_would_load_modules(tmp_path: Path) -> None:
    files, run = _iptables_nft(tmp_path, "nft_compat", "xt_comment")
    assert _read(files, run) == []
    assert run.started == ["nft -j list tables", "nft -j list chains ip"]
    (error,) = files.errors
    assert "xt_tcpudp, xt_mark" in error["cause"]


def test_a_table_nat_without_kube_proxy_is_left_alone(tmp_path: Path) -> None:
    files, run = _iptables_nft(tmp_path, *EXTENSIONS)
    run.answers["nft -j list chains ip"] = _nft("chain", {"family": "ip", "table": "nat", "name": "DOCKER"})
    assert _read(files, run) == []
    assert run.started == ["nft -j list tables", "nft -j list chains ip"]
    assert files.errors == []


def test_nftables_mode_and_a_lab(tmp_path: Path) -> None:
    files = _node(tmp_path, "usr/sbin/nft", "sys/module/nf_tables/x")
    tables = _nft(
        "table",
        {"family": "ip", "name": "kube-proxy"},
        {"family": "ip6", "name": "kube-proxy"},
        {"family": "inet", "name": "podnet_lab0"},
        {"family": "inet", "name": "podnet_lab1"},
        {"family": "ip", "name": "somebody"},
    )
    run = _Commands(
        {
            "nft -j list tables": tables,
            "nft -j list table ip kube-proxy": _sample("nft-list-table-ip-kube-proxy.json"),
            "nft -j list table ip6 kube-proxy": _sample("nft-list-table-ip6-kube-proxy.json"),
            "nft -j list table inet podnet_lab0": _sample("nft-list-table-inet-podnet_lab0.json"),
            "nft -j list table inet podnet_lab1": _nft("table", {"family": "inet", "name": "podnet_lab1"}),
        }
    )
    reads = _read(files, run)
    assert [(one.source["table"], one.source["command"], one.source["services"]) for one in reads] == [
        ("kube-proxy", "nft list table ip kube-proxy", 17),
        ("kube-proxy", "nft list table ip6 kube-proxy", 3),
        ("podnet_lab0", "nft list table inet podnet_lab0", 4),
    ]
    assert files.errors == []


def test_ipvs_needs_no_command(tmp_path: Path) -> None:
    files = _node(tmp_path, proc__net__ip_vs=_sample("ip_vs.txt"))
    run = _Commands()
    (read,) = _read(files, run)
    assert (read.source["mode"], read.source["services"], run.started) == ("ipvs", 7, [])


@pytest.mark.parametrize("answer", [None, "", "no json", '{"nftables": [{"map": 1}]}'])
def test_a_command_that_fails_is_an_error_and_no_crash(tmp_path: Path, answer: Any) -> None:
    files = _node(tmp_path, "usr/sbin/nft", "sys/module/nf_tables/x")
    answers = {"nft -j list tables": _nft("table", {"family": "ip", "name": "kube-proxy"})}
    if answer is not None:
        answers["nft -j list table ip kube-proxy"] = answer
    reads = _read(files, _Commands(answers))
    if answer is None or not answer.startswith("{"):
        (error,) = files.errors
        assert "nft -j list table ip kube-proxy" in error["object"]
        assert reads == []


def test_a_command_that_cannot_be_started_is_an_error(tmp_path: Path) -> None:
    def run(_command: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    files = _node(tmp_path, "usr/sbin/nft", "sys/module/nf_tables/x")
    assert _read(files, run) == []
    (error,) = files.errors
    assert error["cause"] == "It cannot be started: Permission denied."


def test_missing_commands_are_errors(tmp_path: Path) -> None:
    files = _node(tmp_path, "sys/module/nf_tables/x", proc__net__ip_tables_names="nat\n")
    run = _Commands()
    assert (_read(files, run), run.started) == ([], [])
    assert [error["remedy"] for error in files.errors] == [
        "Install the package iptables.",
        "Install the package nftables.",
    ]


def test_nothing_is_started_when_the_time_is_up(tmp_path: Path) -> None:
    _node(tmp_path, "usr/sbin/nft", "sys/module/nf_tables/x", proc__net__ip_tables_names="nat\n")
    files = Files(str(tmp_path), deadline=time.monotonic() - 1)
    run = _Commands()
    assert (_read(files, run), run.started, files.timed_out) == ([], [], True)


# -- the view -----------------------------------------------------------------------------------------------------


def _link(ifindex: int, ifname: str) -> Any:
    return {"ifindex": ifindex, "ifname": ifname, "flags": 1, "link_type": 1}


def _address(ifindex: int, local: str, scope: int = 0) -> Any:
    return {"ifindex": ifindex, "family": 2, "prefixlen": 24, "scope": scope, "local": local}


def _namespace(inode: int, links: Any, addresses: Any) -> Any:
    return {
        "inode": inode,
        "paths": [],
        "processes": [],
        "process_count": 0,
        "errors": [],
        "entered": True,
        "vanished": False,
        "links": links,
        "addresses": addresses,
    }


def _addresses() -> Addresses:
    eth0 = [_link(2, "eth0")]
    snapshot: Any = {
        "own": 1,
        "namespaces": {
            1: _namespace(1, [*eth0, _link(3, "kube-ipvs0")], [_address(2, "172.30.99.11"), _address(3, "10.96.0.1")]),
            2: _namespace(2, eth0, [_address(2, "10.244.0.3")]),
            3: _namespace(3, eth0, [_address(2, "10.244.0.4")]),
            4: _namespace(4, eth0, [_address(2, "10.244.0.4")]),
        },
    }
    owners: Any = {
        2: {"namespace": "default", "name": "web-0", "uid": None},
        3: {"namespace": "default", "name": "web-1", "uid": None},
        4: {"namespace": "default", "name": "web-2", "uid": None},
    }
    return Addresses(snapshot, owners)


def test_pods_are_named_when_there_is_no_doubt(tmp_path: Path) -> None:
    addresses = _addresses()
    assert (addresses.own, addresses.dummy) == ({"172.30.99.11"}, {"10.96.0.1"})
    files = _node(tmp_path, proc__net__ip_vs=_sample("ip_vs.txt"))
    facts = combine(read_services(files, _Commands(), addresses.own, addresses.dummy), [], addresses, [], False)
    assert (facts["mode"], facts["partial"], facts["errors"], facts["unrecognised"]) == ("ipvs", False, [], [])
    (node_port,) = [one for one in facts["services"] if one["type"] == "node_port"]
    assert [(one["address"], one["local"], one["pod"]) for one in node_port["backends"]] == [
        ("10.244.0.3", True, "default/web-0"),
        ("10.244.0.4", True, None),  # two pods have it
        ("10.244.1.13", False, None),
    ]
    (kubernetes,) = [one for one in facts["services"] if one["virtual_address"] == "10.96.0.1"]
    assert [(one["address"], one["local"], one["pod"]) for one in kubernetes["backends"]] == [
        ("172.30.99.11", True, None)
    ]


def test_modes() -> None:
    def read(mode: str, services: int) -> Read:
        source: Any = {"mode": mode, "services": services}
        return Read(source, Found([], [], []))

    for reads, mode in (
        ([], "none"),
        ([read("ipvs", 0)], "none"),
        ([read("iptables", 3), read("iptables", 3)], "iptables"),
        ([read("iptables", 3), read("nftables", 3)], "mixed"),
    ):
        assert combine(reads, [], _addresses(), [], False)["mode"] == mode


def test_many_rules_that_nobody_understands_are_counted() -> None:
    source: Any = {"mode": "iptables", "services": 0}
    rule: Any = {"command": "c", "table": "t", "chain": "c", "text": "-A", "reason": "r"}
    facts = combine([Read(source, Found([], [rule] * 250, []))], [], _addresses(), [], False)
    assert (len(facts["unrecognised"]), facts["partial"]) == (MOST_UNRECOGNISED, True)
    assert facts["errors"][0]["cause"].startswith("250 rules")
