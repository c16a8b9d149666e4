# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both variants of iptables are told where both decide about packets, and not where one has tables alone."""

from __future__ import annotations

from typing import Any

from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.findings.found import only
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile, odd_of

ACCEPT: dict[str, Any] = {"text": "-j ACCEPT", "verdict": "accept", "target": None, "matches": []}
JUMP: dict[str, Any] = {"text": "-j KUBE-FORWARD", "verdict": "jump", "target": "KUBE-FORWARD", "matches": []}


def table(variant: str, *rules: dict[str, Any], policy: str = "accept") -> dict[str, Any]:
    chains = [
        {"name": "FORWARD", "type": "filter", "hook": "forward", "policy": policy, "rules": list(rules)},
        {"name": "KUBE-FORWARD", "type": None, "hook": None, "policy": None, "rules": []},
    ]
    command = f"{variant}-save -t filter"
    return {"family": "inet", "table": "filter", "variant": variant, "command": command, "chains": chains}


def node_with(*tables: dict[str, Any]) -> NodeFile:
    node = NodeFile(1, pods=1)
    node.firewall = {"complete": True, "bridges": False, "tables": list(tables)}
    return node


def test_rules_of_both() -> None:
    found = odd_of(node_with(table("iptables-legacy", ACCEPT, JUMP), table("iptables-nft", ACCEPT, ACCEPT)))
    finding = only(found, "iptables-variants-mixed")
    assert (finding["severity"], finding["certainty"]) == ("note", "seen")
    assert finding["evidence"] == ["iptables-legacy-save -t filter: 1 rule", "iptables-nft-save -t filter: 2 rules"]


def test_a_policy_is_as_good_as_a_rule() -> None:
    found = odd_of(node_with(table("iptables-legacy", policy="drop"), table("iptables-nft", ACCEPT)))
    (finding,) = [one for one in found if one["kind"] == "iptables-variants-mixed"]
    assert finding["evidence"][0] == "iptables-legacy-save -t filter: 0 rules, 1 chain with the policy DROP"


def test_tables_that_decide_nothing() -> None:
    for legacy in (table("iptables-legacy"), table("iptables-legacy", JUMP)):
        assert odd_of(node_with(legacy, table("iptables-nft", ACCEPT))) == []
        assert odd_of(node_with(table("iptables-legacy", ACCEPT), {**legacy, "variant": "iptables-nft"})) == []


def test_rules_of_iptables_that_nft_shows_as_well() -> None:
    found = odd_of(node_with(table("iptables-legacy", ACCEPT), table("nftables", ACCEPT)))
    assert only(found, "iptables-variants-mixed")


def test_rules_of_nftables_beside_one_variant() -> None:
    own = table("nftables", ACCEPT)
    other_chain = {**own, "chains": [{**own["chains"][0], "name": "forward"}]}
    for nft in ({**own, "family": None}, {**own, "table": "kube-proxy"}, other_chain):
        assert odd_of(node_with(table("iptables-legacy", ACCEPT), nft)) == []


def test_services_in_both_are_the_cause() -> None:
    node = node_with(table("iptables-legacy", ACCEPT), table("iptables-nft", ACCEPT))
    one = {"mode": "iptables", "family": "inet", "table": "nat", "services": 1}
    node.service("web", [("10.244.1.2", 80)])
    node.service_sources = [
        {**one, "variant": "legacy", "command": "iptables-legacy-save -t nat"},
        {**one, "variant": "nf_tables", "command": "iptables-nft-save -t nat"},
    ]
    finding = only(odd_of(node), "service-rules-mixed")
    assert [effect["kind"] for effect in finding["consequences"]] == ["iptables-variants-mixed"]
