# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The values of ``podnet_netns.namespaces[].ruleset``: all firewall rules of a namespace, as their commands print them.

Commands run in the namespace that the thread is in when it starts them. What may be started, and when, is in
:mod:`.._firewall.commands`.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

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
    output_of,
    shown,
)
from .._firewall.presence import has_tables
from .._kernel.namespaces import Home, NamespaceAccessError
from .views import Facts, Node

MOST_TEXT = 16 * 1024 * 1024
"""Largest output of one command that is kept, in characters."""
_THREAD = "/proc/thread-self/net/"
_NFT_SAVE = (("inet", "iptables-nft-save"), ("inet6", "ip6tables-nft-save"))


def ruleset_facts(files: Files, run: Run, node: Node) -> Dict[int, Optional[Facts]]:
    """Return the rules of each namespace by its inode; None for one that cannot be entered."""
    nf_tables = has_nf_tables(files)
    home = Home()
    found: Dict[int, Optional[Facts]] = {}
    try:
        for namespace in node.ordered():
            inode = namespace["inode"]
            if inode == home.inode:
                found[inode] = read_ruleset(files, run, nf_tables)
                continue
            doors = [*namespace["paths"], *("/proc/%d/ns/net" % one["pid"] for one in namespace["processes"])]
            try:
                descriptor = home.open_namespace(inode, doors)
            except NamespaceAccessError:
                found[inode] = None  # the snapshot says so, with the cause
                continue
            with open(descriptor, "rb", buffering=0):
                found[inode] = home.inside(descriptor, lambda: _read_if_any(files, run, nf_tables))
    finally:
        home.close()
    return found


def _read_if_any(files: Files, run: Run, nf_tables: bool) -> Facts:
    try:
        tables = nf_tables and has_tables()
    except OSError:
        tables = True  # the command says what is wrong
    return read_ruleset(files, run, tables)


def read_ruleset(files: Files, run: Run, nf_tables: bool) -> Facts:
    """Return the rules of the namespace that the thread is in; *nf_tables*, whether to ask nft."""
    parts: List[Facts] = []
    complete = True
    for family, (listing, names) in zip(("inet", "inet6"), LEGACY):
        if legacy_tables(files, _THREAD + listing.rsplit("/", 1)[-1]):
            part = _part(files, run, names, (), ("iptables-legacy", family))
            complete = complete and part is not None
            parts += [part] if part is not None else []
    if nf_tables:
        nft = find_nft(files)
        part = _part(files, run, ("nft",), ("-j", "list", "ruleset"), ("nftables", None)) if nft is not None else None
        complete = complete and part is not None
        parts += [part] if part is not None else []
        if part is not None and '"xt"' in part["text"] and all(kernel_has(files, *one) for one in IPTABLES_EXTENSIONS):
            for family, name in _NFT_SAVE:
                saved = _part(files, run, (name,), (), ("iptables-nft", family))
                complete = complete and saved is not None
                parts += [saved] if saved is not None else []
    return {"complete": complete, "parts": parts}


def _part(
    files: Files, run: Run, names: Tuple[str, ...], arguments: Tuple[str, ...], kind: Tuple[str, Optional[str]]
) -> Optional[Facts]:
    path = find_command(files, names)
    if path is None:
        files.fail(names[-1], "No command shows these rules.", "Install the package iptables.")
        return None
    command = [path, *arguments]
    output = output_of(files, run, command)
    if output is None or len(output) > MOST_TEXT:
        return None
    variant, family = kind
    return {"variant": variant, "family": family, "command": shown(command), "text": printable(output)}
