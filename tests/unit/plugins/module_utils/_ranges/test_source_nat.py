# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules with another source address: real outputs of one ruleset in both variants, and hostile ones."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Tuple

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._ranges import source_nat
from ansible_collections.podnet.lab.plugins.module_utils._ranges.source_nat import (
    Rule,
    parse_chains,
    parse_save,
    parse_table,
    reached,
    read_source_nat,
)

FIXTURES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "fixtures", "source_nat")

# What the rules in the fixtures come to, in both variants: CNI plugin, a person's rule, docker, kube-proxy.
EXPECTED = [
    ("CNI-aaa", Rule("10.244.0.4", None, ("10.244.0.0/24", "224.0.0.0/4"), False, "masquerade")),
    ("POSTROUTING", Rule("10.244.0.0/16", None, ("10.244.0.0/16",), False, "masquerade")),
    ("POSTROUTING", Rule("172.17.0.0/16", None, (), True, "snat")),
    ("KUBE-POSTROUTING", Rule(None, None, (), True, "masquerade")),
]


def _sample(name: str) -> str:
    with open(os.path.join(FIXTURES, name), encoding="utf-8") as stream:
        return stream.read()


def _without_family(found: List[Tuple[str, Rule]]) -> List[Tuple[str, Rule]]:
    return [(chain, rule._replace(family=None)) for chain, rule in found]


def test_iptables() -> None:
    found = list(reached(parse_save(_sample("iptables-save.txt")), "POSTROUTING"))
    found = [
        (chain, rule._replace(saddr=rule.saddr[:-3] if rule.saddr and rule.saddr.endswith("/32") else rule.saddr))
        for chain, rule in found
    ]
    assert found == EXPECTED


def test_nftables() -> None:
    found = _without_family(list(reached(parse_table(_sample("nft-nat.json")), "POSTROUTING")))
    assert found == EXPECTED


def test_the_labs_own_table() -> None:
    found = list(reached(parse_table(_sample("nft-lab.json")), "postrouting"))
    inside = ("10.244.0.0/16", "10.89.0.11")
    assert found == [("postrouting", Rule("10.244.0.0/24", None, inside, False, "masquerade", family="inet"))]


def test_chains_that_nothing_leads_to_do_not_count() -> None:
    assert list(reached(parse_save("-A OTHER -j MASQUERADE"), "POSTROUTING")) == []


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # A mark decides who gets to what follows.
        ("-A POSTROUTING -m mark --mark 0x1 -j ACCEPT\n-A POSTROUTING -j MASQUERADE", [(None, (), True)]),
        # Nothing gets to what follows a rule that takes all.
        ("-A POSTROUTING -j ACCEPT\n-A POSTROUTING -j MASQUERADE", []),
        ("-A POSTROUTING ! -s 10.0.0.0/8 -j MASQUERADE", [(None, (), True)]),
        ("-A POSTROUTING -p tcp -m tcp --dport 80 -j MASQUERADE --to-ports 1024-2048", [(None, (), True)]),
        ("-A POSTROUTING -m set --match-set cali40all src -j MASQUERADE", [(None, (), True)]),
        ("-A POSTROUTING -s 10.1.0.0/16 -j LOG --log-prefix x\n-A POSTROUTING -j MASQUERADE", [(None, (), False)]),
        # A jump asks for one source, the rule behind it for another.
        ("-A POSTROUTING -s 10.0.0.0/8 -j A\n-A A -s 10.1.0.0/16 -j MASQUERADE", [("10.1.0.0/16", (), True)]),
        # Chains that lead to each other: the kernel refuses them, a text may hold them.
        ("-A POSTROUTING -j A\n-A A -j POSTROUTING", []),
        ("-A POSTROUTING -j", []),
        ("-A POSTROUTING", []),
    ],
)
def test_conditions(rules: str, expected: List[Any]) -> None:
    found = [
        (rule.saddr, rule.not_daddr, rule.conditional) for _chain, rule in reached(parse_save(rules), "POSTROUTING")
    ]
    assert found == expected


def test_chains_at_the_hook() -> None:
    assert parse_chains(_sample("nft-chains.json")) == [
        ("ip", "nat", "POSTROUTING"),
        ("ip", "podnet_lab0", "postrouting"),
    ]


def _table(*expressions: Any) -> str:
    rule = {"family": "inet", "table": "t", "chain": "c", "expr": list(expressions)}
    return json.dumps({"nftables": [{"rule": rule}]})


def _payload(protocol: str, field: str) -> Dict[str, Any]:
    return {"payload": {"protocol": protocol, "field": field}}


def test_nftables_sets_and_names() -> None:
    pods = {"set": [{"prefix": {"addr": "fd00::", "len": 56}}, "fd01::1"]}
    exempt = {"match": {"op": "!=", "left": _payload("ip6", "daddr"), "right": pods}}
    named = {"match": {"op": "==", "left": _payload("ip6", "saddr"), "right": "@pods"}}
    rules = parse_table(_table(exempt, named, {"counter": None}, {"snat": {"addr": "fd02::1"}}))
    assert rules == {"c": [Rule(None, None, ("fd00::/56", "fd01::1"), True, "snat", "", "inet6")]}


def test_an_old_nft_does_not_say_what_iptables_rules_do() -> None:
    with pytest.raises(ValueError, match="does not say"):
        parse_table(_table({"xt": None}))


class _Node:
    """A node with files and commands; what they print is in `outputs`."""

    def __init__(self, root: Any, outputs: Dict[str, str]) -> None:
        self.root = root
        self.outputs = outputs
        for name in ("sys/module/nf_tables/x", "usr/sbin/nft", "usr/sbin/iptables-save"):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        (root / "proc/net").mkdir(parents=True)
        (root / "proc/net/ip_tables_names").write_text("nat\n")

    def run(self, command: List[str]) -> Tuple[int, str, str]:
        words = " ".join(command)
        return (0, self.outputs[words], "") if words in self.outputs else (1, "", "no such thing")


OUTPUTS = {
    "/usr/sbin/iptables-save -t nat": "iptables-save.txt",
    "/usr/sbin/nft -j list chains": "nft-chains.json",
    "/usr/sbin/nft -j list table ip nat": "nft-nat.json",
    "/usr/sbin/nft -j list table ip podnet_lab0": "nft-lab.json",
}


def test_both_variants_are_read(tmp_path: Any) -> None:
    node = _Node(tmp_path, {command: _sample(name) for command, name in OUTPUTS.items()})
    files = Files(str(tmp_path))
    found = read_source_nat(files, node.run)
    assert found is not None
    assert files.errors == []
    assert len(found) == 9
    assert found[-1] == {
        "family": "inet",
        "action": "masquerade",
        "saddr": "10.244.0.0/24",
        "daddr": None,
        "not_daddr": ["10.244.0.0/16", "10.89.0.11"],
        "conditional": False,
        "source": {"kind": "nftables", "command": "nft list table ip podnet_lab0", "key": "chain postrouting"},
    }


@pytest.mark.parametrize("missing", sorted(OUTPUTS))
def test_what_cannot_be_read_is_unknown_and_said(tmp_path: Any, missing: str) -> None:
    node = _Node(tmp_path, {command: _sample(name) for command, name in OUTPUTS.items() if command != missing})
    files = Files(str(tmp_path))
    assert read_source_nat(files, node.run) is None
    assert [error["object"] for error in files.errors] == [missing]


def test_garbage_is_one_error(tmp_path: Any) -> None:
    outputs = {command: _sample(name) for command, name in OUTPUTS.items()}
    outputs["/usr/sbin/nft -j list table ip nat"] = "not JSON"
    outputs["/usr/sbin/iptables-save -t nat"] = '-A POSTROUTING --comment "open'
    files = Files(str(tmp_path))
    assert read_source_nat(files, _Node(tmp_path, outputs).run) is None
    assert [error["object"] for error in files.errors] == ["iptables-save -t nat", "nft list table ip nat"]


def test_nothing_runs_where_the_kernel_has_no_rules(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_nat, "has_nf_tables", lambda _files: False)

    def run(command: List[str]) -> Tuple[int, str, str]:
        raise AssertionError(command)

    assert read_source_nat(Files(str(tmp_path)), run) == []
