# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Who holds network policies on a node, as far as names of chains say it.

============  =====================================  ==========================================================
holder        a chain for each pod                   source of the name
============  =====================================  ==========================================================
a lab         elements of the maps ``pods-ingress``  :mod:`_lab.policy_rules`
              and ``pods-egress``
kube-router   ``KUBE-POD-FW-`` and a hash            kube-router ``pkg/controllers/netpol``; k3s has the same
Calico        ``cali-tw-`` and an interface, in      Calico ``felix/rules/rule_defs.go``
              nftables with ``filter-`` before it
============  =====================================  ==========================================================

Only names are read: ``nft -j list chains`` prints those of iptables-nft without asking for its extensions. Cilium, OVN
and Antrea keep policies in eBPF or Open vSwitch, and have no chain.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple, TypedDict

from .._files.reader import Files
from .._firewall.commands import (
    LEGACY,
    Run,
    as_dict,
    find_command,
    find_nft,
    has_nf_tables,
    legacy_tables,
    nft_items,
    not_read,
    output_of,
    shown,
)
from .nftables import NftTable, map_addresses

LAB, KUBE_ROUTER, CALICO = "lab", "kube-router", "calico"

_CHAINS = (
    (KUBE_ROUTER, re.compile(r"KUBE-POD-FW-([A-Z2-7]{16})\Z")),
    (CALICO, re.compile(r"(?:filter-)?cali-tw-(.+)\Z")),
)
_LAB_TABLE = re.compile(r"podnet_[a-z0-9-]{1,63}_policies\Z")
_LAB_MAPS = ("pods-ingress", "pods-egress")
_SAVED = re.compile(r"^:(\S+) ", re.MULTILINE)
_FAMILIES = {"ip": "inet", "ip6": "inet6", "inet": "inet"}


class PolicyTable(TypedDict):
    """A table with rules of network policies."""

    holder: str
    """``lab``, ``kube-router`` or ``calico``."""
    mode: str
    """``iptables`` of the legacy variant, or ``nftables``, where iptables-nft writes as well."""
    family: str
    table: str
    pods: int
    """How many pods have rules of their own there."""
    command: str
    """Shows all of it."""


def read_policies(files: Files, run: Run) -> Optional[List[PolicyTable]]:
    """Read the tables that hold policies.

    None when a part could not be read; what failed is in ``files.errors``.
    """
    if files.timed_out:
        return None
    errors = len(files.errors)
    found: List[PolicyTable] = []
    for family, (listing, names) in zip(("inet", "inet6"), LEGACY):
        command = find_command(files, names) if "filter" in legacy_tables(files, listing) else None
        output = output_of(files, run, [command, "-t", "filter"]) if command is not None else None
        if command is not None and output is not None:
            for holder, pods in holders(_SAVED.findall(output)):
                found.append(_table(holder, "iptables", family, "filter", pods, shown([command, "-t", "filter"])))
    nft = find_nft(files) if has_nf_tables(files) else None
    if nft is not None:
        _read_nft(files, run, nft, found)
    return found if len(files.errors) == errors else None


def _table(holder: str, mode: str, family: str, table: str, pods: int, command: str) -> PolicyTable:
    return {"holder": holder, "mode": mode, "family": family, "table": table, "pods": pods, "command": command}


def holders(chains: Iterable[str]) -> Iterator[Tuple[str, int]]:
    """Yield who made chains of these names, and for how many pods."""
    pods: Dict[str, Set[str]] = {}
    for name in chains:
        for holder, pattern in _CHAINS:
            match = pattern.match(name)
            if match:
                pods.setdefault(holder, set()).add(match.group(1))
    for holder in sorted(pods):
        yield holder, len(pods[holder])


def chains_by_table(text: str) -> Dict[Tuple[str, str], List[str]]:
    """Return the names of chains by family and table, from ``nft -j list chains``; raise ValueError."""
    tables: Dict[Tuple[str, str], List[str]] = {}
    for item in nft_items(text):
        chain = as_dict(item.get("chain"))
        if chain:
            tables.setdefault((str(chain.get("family")), str(chain.get("table"))), []).append(str(chain.get("name")))
    return tables


def lab_pods(text: str) -> int:
    """Return how many pods a lab's table has rules for, from ``nft -j list table``; raise ValueError."""
    table = NftTable(text)
    return len({address for name in _LAB_MAPS for address in map_addresses(table, name)})


def _read_nft(files: Files, run: Run, nft: str, found: List[PolicyTable]) -> None:
    words = [nft, "-j", "list", "chains"]
    output = output_of(files, run, words)
    if output is None:
        return
    try:
        tables = chains_by_table(output)
        for family, table in sorted(tables):
            command = shown([nft, "list", "table", family, table])
            if family not in _FAMILIES:
                continue
            if _LAB_TABLE.match(table):
                words = [nft, "-j", "list", "table", family, table]
                output = output_of(files, run, words)
                if output is not None:
                    found.append(_table(LAB, "nftables", _FAMILIES[family], table, lab_pods(output), command))
            for holder, pods in holders(tables[family, table]):
                found.append(_table(holder, "nftables", _FAMILIES[family], table, pods, command))
    except ValueError as error:
        not_read(files, shown(words), error)
