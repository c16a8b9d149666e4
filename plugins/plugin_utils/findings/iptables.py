# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes whose packets pass rules of both variants of iptables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model.index import NodeView
from ..model.records import Finding, FirewallTable, Model
from ..text import words
from .nodes import cut

_LEGACY, _NFT = "iptables-legacy", "iptables-nft"
_TABLES = ("raw", "mangle", "filter", "security", "nat")
_CHAINS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
"""Names by which iptables-nft makes its tables and chains in nf_tables (iptables/nft.c, ``xtables_ipv4``)."""
_LEADS_ON = ("jump", "goto", "return")
"""Verdicts that alone decide nothing of a packet."""


def variants_mixed(model: Model, _views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Nodes on which both variants have rules that packets of pods may meet (kubernetes#71305, #112477).

    A packet passes through both, and whoever looks with one sees only half. Tables without a rule, as every listing by
    the other variant leaves them behind, are none.
    """
    for node in model["nodes"]:
        tables = node["firewall"]["tables"] if node["firewall"] is not None else []
        deciding = [one for one in tables if _deciding(one)]
        legacy = [one for one in deciding if one["variant"] == _LEGACY]
        nft = [one for one in deciding if _is_of_nft(one)]
        if not legacy or not nft:
            continue
        yield {
            "kind": "iptables-variants-mixed",
            "severity": "note",
            "hosts": [node["host"]],
            "object": "iptables",
            "message": "Both variants of iptables have rules: packets of pods pass through both, and each tool shows "
            "only its own",
            "evidence": cut([f"{one['command']}: {_shown(one)}" for one in (*legacy, *nft)]),
            "remedy": "Find out who writes with which variant (update-alternatives --display iptables; kube-proxy and "
            "network plugins bring their own), let all use the same one, and restart the node, which removes the "
            "other's rules",
            "command": legacy[0]["command"],
        }


def _is_of_nft(table: FirewallTable) -> bool:
    """Tell whether iptables-nft wrote a table, also one whose rules nft shows as well, and are read from it."""
    if table["variant"] == _NFT:
        return True
    named = table["table"] in _TABLES and table["family"] is not None
    return table["variant"] != _LEGACY and named and any(chain["name"] in _CHAINS for chain in table["chains"])


def _deciding(table: FirewallTable) -> int:
    """Return how many rules and policies decide about packets that reach the table."""
    rules = sum(rule["verdict"] not in _LEADS_ON for chain in table["chains"] for rule in chain["rules"])
    return rules + _dropping(table)


def _dropping(table: FirewallTable) -> int:
    return sum(chain["policy"] == "drop" for chain in table["chains"])


def _shown(table: FirewallTable) -> str:
    dropping = _dropping(table)
    told = words.counted(_deciding(table) - dropping, "rule")
    return f"{told}, {words.counted(dropping, 'chain')} with the policy DROP" if dropping else told


ALL = (variants_mixed,)
