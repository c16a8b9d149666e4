# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reads every place of a node that holds Service rules; what may be started, and when, is in :mod:`_firewall.commands`.

The rules of iptables-nft are read with ``iptables-nft-save``, because ``nft`` shows its extensions by name only. That
command asks the kernel for each extension, which loads it; so it is started only where kube-proxy's chains are, and
the extensions that its rules use are there.
"""

from __future__ import annotations

from functools import partial
from typing import AbstractSet, Callable, List, NamedTuple, Optional, Tuple, TypedDict

from .._files.reader import Files, printable
from .._firewall.commands import (
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
from .dnat import is_lab_table, read_lab_table
from .iptables import is_nf_tables, read_iptables
from .ipvs import COMMAND, PATH, read_ipvs
from .nftables import read_kube_proxy
from .records import Found

_NFT_SAVE = {"ip": ("inet", "iptables-nft-save"), "ip6": ("inet6", "ip6tables-nft-save")}
_FAMILIES = {"ip": "inet", "ip6": "inet6", "inet": "inet"}
_MAX_IPVS = 32 * 1024 * 1024


class Source(TypedDict):
    """A place that holds Service rules, and the command that shows all of it."""

    mode: str
    variant: Optional[str]
    """Of iptables: ``legacy`` or ``nf_tables``."""
    family: Optional[str]
    table: str
    command: str
    services: int


class Read(NamedTuple):
    """One place and what it says."""

    source: Source
    found: Found


def read_services(files: Files, run: Run, own: AbstractSet[str], dummy: AbstractSet[str]) -> List[Read]:
    """Read all places; what could not be read is in ``files.errors``.

    `own` are the addresses of the node without those of ``kube-ipvs0``, `dummy` are these.
    """
    reads: List[Read] = []
    table = files.text(PATH, _MAX_IPVS)
    if table is not None and not files.timed_out:
        found = read_ipvs(table, own, dummy)
        if found.services or found.unrecognised:
            reads.append(_read(found, "ipvs", None, None, "ip_vs", COMMAND))
    for listing, names in LEGACY:
        if not files.timed_out:
            reads += _read_legacy(files, run, listing, names)
    if not files.timed_out and has_nf_tables(files):
        reads += _read_nf_tables(files, run)
    return reads


def _read(found: Found, mode: str, variant: Optional[str], family: Optional[str], table: str, command: str) -> Read:
    source: Source = {
        "mode": mode,
        "variant": variant,
        "family": family,
        "table": table,
        "command": command,
        "services": len(found.services),
    }
    return Read(source, found)


def _read_legacy(files: Files, run: Run, listing: str, names: Tuple[str, ...]) -> List[Read]:
    tables = legacy_tables(files, listing)
    if "nat" not in tables:
        return []
    command = find_command(files, names)
    if command is None:
        files.fail(listing, "No command shows the rules of this table.", "Install the package iptables.")
        return []
    family = "inet6" if "ip6" in names[0] else "inet"
    return _read_saved(files, run, command, family, "filter" in tables, "legacy")


def _read_saved(files: Files, run: Run, command: str, family: str, filters: bool, variant: str) -> List[Read]:
    nat = output_of(files, run, [command, "-t", "nat"])
    if nat is None or ":KUBE-SERVICES " not in nat:
        return []
    if is_nf_tables(nat) != (variant == "nf_tables"):
        files.fail(command, "It does not show the %s variant's rules." % variant, "Install the package iptables.")
        return []
    verdicts = output_of(files, run, [command, "-t", "filter"]) if filters else ""
    show = command.rsplit("/", 1)[-1].replace("-save", "")
    found = read_iptables(nat, verdicts or "", family, show)
    if not found.services and not found.unrecognised:
        return []  # what IPVS mode and the kubelet keep here
    return [_read(found, "iptables", variant, family, "nat", shown([command, "-t", "nat"]))]


def _read_nf_tables(files: Files, run: Run) -> List[Read]:
    nft = find_nft(files)
    if nft is None:
        return []
    reads: List[Read] = []
    for one in listed(files, run, [nft, "-j", "list", "tables"], "table"):
        family, table = str(one.get("family")), printable(str(one.get("name")))
        command = [nft, "-j", "list", "table", family, table]
        if table == "nat" and family in _NFT_SAVE:
            reads += _read_iptables_nft(files, run, nft, family)
        elif table == "kube-proxy" and family in ("ip", "ip6"):
            reads += _parsed(files, run, command, family, table, partial(read_kube_proxy, family=family))
        elif is_lab_table(table) and family in _FAMILIES:
            parse = partial(read_lab_table, family=family, name=table)
            reads += _parsed(files, run, command, family, table, parse)
    return reads


def _parsed(
    files: Files, run: Run, command: List[str], family: str, table: str, parse: Callable[[str], Found]
) -> List[Read]:
    output = output_of(files, run, command)
    if output is None:
        return []
    try:
        found = parse(output)
    except ValueError as error:
        not_read(files, shown(command), error)
        return []
    if is_lab_table(table) and not found.services and not found.unrecognised:
        return []
    show = shown([command[0], *command[2:]])
    return [_read(found, "nftables", None, _FAMILIES[family], table, show)]


def _read_iptables_nft(files: Files, run: Run, nft: str, family: str) -> List[Read]:
    chains = listed(files, run, [nft, "-j", "list", "chains", family], "chain")
    tables = {one.get("table") for one in chains if one.get("family") == family and one.get("name") == "KUBE-SERVICES"}
    if "nat" not in tables:
        return []
    inet, name = _NFT_SAVE[family]
    command = find_command(files, (name,))
    if command is None:
        files.fail("nft table %s nat" % family, "No %s shows its rules." % name, "Install the package iptables.")
        return []
    missing = [module for module, option in IPTABLES_EXTENSIONS if not kernel_has(files, module, option)]
    if missing:
        files.fail(
            name,
            "It was not started, because it would load kernel modules that are not there: %s." % ", ".join(missing),
            "Run it on the node if that may be.",
        )
        return []
    return _read_saved(files, run, command, inet, "filter" in tables, "nf_tables")
