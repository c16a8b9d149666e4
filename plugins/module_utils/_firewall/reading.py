# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reads the tables of the firewall: both variants of iptables, and nftables; only when asked for, it starts commands.

What may be started, and when, is in :mod:`.commands`. Rules of iptables-nft are read with ``iptables-nft-save``, for
``nft`` shows its extensions by name only.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Optional, Tuple

from .._files.reader import Files, printable
from .commands import (
    IPTABLES_EXTENSIONS,
    LEGACY,
    Run,
    find_command,
    find_nft,
    has_nf_tables,
    kernel_has,
    legacy_tables,
    listed,
    not_read,
    output_of,
    shown,
)
from .native import is_of_iptables, parse_table
from .rules import MOST_RULES, Chain, Read, Table, reached
from .saved import parse_save

_TABLES = ("raw", "mangle", "filter", "security", "nat")
"""Of iptables."""
_EBTABLES = (
    ("ebtable_filter", "CONFIG_BRIDGE_EBT_T_FILTER"),
    ("ebtable_nat", "CONFIG_BRIDGE_EBT_T_NAT"),
    ("ebtable_broute", "CONFIG_BRIDGE_EBT_BROUTE"),
)
"""The tables of the old ebtables: module, what builds it in. That of nf_tables writes to the family bridge."""
_FAMILIES = {"ip": "inet", "ip6": "inet6", "inet": None}
_NFT_SAVE = {"ip": "iptables-nft-save", "ip6": "ip6tables-nft-save"}

Parse = Callable[[str], Dict[str, Chain]]


def read_firewall_tables(files: Files, run: Run) -> Read:
    """Read all tables; what failed is in ``files.errors``."""
    errors = len(files.errors)
    found: List[Optional[Table]] = []
    for family, (listing, names) in zip(("inet", "inet6"), LEGACY):
        tables = [name for name in _TABLES if name in legacy_tables(files, listing)]
        command = find_command(files, names) if tables else None
        if tables and command is None:
            files.fail(listing, "No command shows the rules of these tables.", "Install the package iptables.")
        for name in tables if command is not None else ():
            words = [str(command), "-t", name]
            found.append(_read(files, run, words, shown(words), (family, name, "iptables-legacy"), parse_save))
    bridges = any(kernel_has(files, *one) for one in _EBTABLES)
    nft = find_nft(files) if has_nf_tables(files) else None
    if nft is not None:
        for one in listed(files, run, [nft, "-j", "list", "tables"], "table"):
            bridges = bridges or one.get("family") == "bridge"
            if one.get("family") in _FAMILIES:
                found.append(_read_nft(files, run, nft, str(one["family"]), str(one["name"])))
    complete = len(files.errors) == errors and None not in found and not files.timed_out
    return Read([table for table in found if table is not None and table["chains"]], complete, bridges)


def _read_nft(files: Files, run: Run, nft: str, family: str, name: str) -> Optional[Table]:
    words = [nft, "-j", "-t", "list", "table", family, name]
    output = output_of(files, run, words)
    if output is None:
        return None
    show = shown([nft, "-a", "list", "table", family, name])
    try:
        if family in _NFT_SAVE and name in _TABLES and is_of_iptables(output):
            save = find_command(files, (_NFT_SAVE[family],))
            if save is not None and all(kernel_has(files, *one) for one in IPTABLES_EXTENSIONS):
                saved = [save, "-t", name]
                known = (_FAMILIES[family], name, "iptables-nft")
                return _read(files, run, saved, shown(saved), known, parse_save)
    except ValueError as error:
        not_read(files, show, error)
        return None
    return _table(files, output, show, (_FAMILIES[family], name, "nftables"), parse_table)


def _read(
    files: Files, run: Run, command: List[str], show: str, known: Tuple[Optional[str], str, str], parse: Parse
) -> Optional[Table]:
    output = output_of(files, run, command)
    return None if output is None else _table(files, output, show, known, parse)


def _table(
    files: Files, output: str, show: str, known: Tuple[Optional[str], str, str], parse: Parse
) -> Optional[Table]:
    """Return a table, None when it cannot be read or is too large. Names in it need not be UTF-8."""
    try:
        chains = reached(parse(printable(output)))
    except ValueError as error:
        not_read(files, show, error)
        return None
    if sum(len(chain["rules"]) for chain in chains) > MOST_RULES:
        return None
    family, name, variant = known
    return {"family": family, "table": name, "variant": variant, "command": show, "chains": chains}
