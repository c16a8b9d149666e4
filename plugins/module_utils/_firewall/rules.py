# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a firewall does with packets: tables, their chains and rules, in one shape for nft and both iptables."""

from __future__ import annotations

from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple, TypedDict

ACCEPT, DROP, REJECT, RETURN, JUMP, GOTO = "accept", "drop", "reject", "return", "jump", "goto"
MASQUERADE, SNAT = "masquerade", "snat"
CONTINUE = "continue"
"""It ends nothing: a counter, a log, a mark."""
UNKNOWN = "unknown"
"""It may end the packet's way through the chain, and nobody can tell how."""

OTHER = "other"
"""A condition of which only its text is known."""

HOOKS: Tuple[Tuple[str, str], ...] = (
    ("filter", "prerouting"),
    ("filter", "input"),
    ("filter", "forward"),
    ("nat", "postrouting"),
)
"""Types of chains and their hooks that are kept: where packets for pods and tunnels are dropped, and their source is
changed."""

MOST_RULES = 3000
"""A table with more rules that packets can reach is left out."""

_MOST_TEXT = 200


class Match(TypedDict):
    """One condition of a rule. Several of one rule must all hold."""

    key: str
    """``family``, ``iif``, ``oif``, ``saddr``, ``daddr``, ``protocol``, ``sport``, ``dport``, ``ct_state``,
    ``ct_status``, ``mark``, ``source_type``, ``destination_type`` or ``other``."""
    negated: bool
    one_of: List[str]
    """Any of them; numbers and addresses also as ``a-b``, interfaces also with ``*`` at their end, marks as
    ``value/mask``."""


class Rule(TypedDict):
    """One rule that may end a packet's way."""

    text: str
    verdict: str
    target: Optional[str]
    """The chain that ``jump`` and ``goto`` lead to."""
    matches: List[Match]


class Chain(TypedDict):
    """One chain."""

    name: str
    type: Optional[str]
    """``filter`` or ``nat``; None for a chain that others jump to, like what follows."""
    hook: Optional[str]
    policy: Optional[str]
    rules: List[Rule]


class Table(TypedDict):
    """One table, with the chains that packets reach from the hooks that are kept."""

    family: Optional[str]
    """``inet`` or ``inet6``; None for both."""
    table: str
    variant: str
    """``iptables-legacy``, ``iptables-nft`` or ``nftables``."""
    command: str
    """What shows it to a person."""
    chains: List[Chain]


class Read(NamedTuple):
    """Tables, whether they are all there are, and whether others may be there for packets within bridges."""

    tables: List[Table]
    complete: bool
    bridges: bool


def match(key: str, values: Iterable[str], negated: bool = False) -> Match:
    """Return a condition."""
    return {"key": key, "negated": negated, "one_of": list(values)}


def rule(text: str, verdict: str, matches: List[Match], target: Optional[str] = None) -> Rule:
    """Return a rule, its text cut."""
    short = text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"
    return {"text": short, "verdict": verdict, "target": target, "matches": matches}


def reached(chains: Dict[str, Chain]) -> List[Chain]:
    """Return the chains at hooks that are kept and those that they lead to, without rules that end nothing."""
    wanted: Set[str] = set()
    waiting = [name for name, chain in chains.items() if (chain["type"], chain["hook"]) in HOOKS]
    while waiting:
        name = waiting.pop()
        if name in wanted or name not in chains:
            continue
        wanted.add(name)
        waiting.extend(one["target"] for one in chains[name]["rules"] if one["target"] is not None)
    return [
        {
            "name": chain["name"],
            "type": chain["type"],
            "hook": chain["hook"],
            "policy": chain["policy"],
            "rules": [one for one in chain["rules"] if one["verdict"] != CONTINUE],
        }
        for name, chain in chains.items()
        if name in wanted
    ]
