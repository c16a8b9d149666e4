# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges in the firewall rules of kube-proxy and flannel: only when asked for, for it starts commands.

What may be started, and when, is in :mod:`_firewall.commands`. Rules that iptables-nft made are read with ``nft``.

The rules (kubernetes ``pkg/proxy/iptables``, ``pkg/proxy/nftables``; flannel ``pkg/trafficmngr``)::

    -A KUBE-SVC-NPX46M4PTMTKRN6Y ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp … -j KUBE-MARK-MASQ
    -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 … -j MASQUERADE --random-fully
    table ip kube-proxy, chain cluster-ips-check:  ip daddr { 10.96.0.0/12 } drop
    table ip kube-proxy, chain service-…:          ip saddr != 10.244.0.0/16 jump mark-for-masquerade
                                                   ip saddr != 10.244.0.0/16 meta mark set mark or 0x4000
    table ip flannel-ipv4, chain postrtg:          ip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Callable, Dict, Iterator, List, Set, Tuple

from .._files.reader import Files
from .._firewall.commands import (
    LEGACY,
    Run,
    as_dict,
    as_list,
    find_command,
    find_nft,
    has_nf_tables,
    legacy_tables,
    nft_items,
    not_read,
    output_of,
    shown,
)
from .records import CLUSTER, NODE, Ranges, in_output

Found = Set[Tuple[str, str, str]]
"""(role, range, the rule's kind)."""

_MASQUERADE = re.compile(r"-A (KUBE-SERVICES|KUBE-SVC-\S+) ! -s (\S+) .*-j KUBE-MARK-MASQ(?: |$)")
_FLANNEL = re.compile(r"-A FLANNEL-POSTRTG -s (\S+) ! -d \S+ .*-j MASQUERADE(?: |$)")
_TABLES = ("nat", "kube-proxy", "flannel-ipv4", "flannel-ipv6")
_FROM_PODS = "traffic to a Service that is not from"
_TO_SERVICES = "chain cluster-ips-check"
_FROM_FLANNEL = "FLANNEL-POSTRTG"


def parse_iptables_save(text: str) -> Found:
    """Return the ranges in the output of ``iptables-save -t nat``."""
    found: Found = set()
    for line in text.splitlines():
        match = _MASQUERADE.match(line)
        if match:
            found.add(("pod", match.group(2), _FROM_PODS))
        match = _FLANNEL.match(line)
        if match:
            found.add(("pod", match.group(1), _FROM_FLANNEL))
    return found


def parse_nft_tables(text: str) -> List[Tuple[str, str]]:
    """Return (family, name) of the tables worth reading in the output of ``nft -j list tables``; raise ValueError."""
    tables = [as_dict(item.get("table")) for item in nft_items(text)]
    return [
        (str(table["family"]), str(table["name"]))
        for table in tables
        if table.get("name") in _TABLES and table.get("family") in ("ip", "ip6")
    ]


def parse_nft_table(text: str) -> Found:
    """Return the ranges in the output of ``nft -j list table FAMILY NAME``; raise ValueError."""
    found: Found = set()
    for item in nft_items(text):
        rule = as_dict(item.get("rule"))
        chain = str(rule.get("chain", ""))
        expressions = [as_dict(one) for one in as_list(rule.get("expr"))]
        if _marks_for_masquerade(chain, expressions):
            found.update(("pod", cidr, _FROM_PODS) for cidr in _matched(expressions, "saddr", "!="))
        elif chain == "cluster-ips-check" and any("drop" in one for one in expressions):
            found.update(("service", cidr, _TO_SERVICES) for cidr in _matched(expressions, "daddr", "=="))
        elif chain in ("FLANNEL-POSTRTG", "postrtg") and any(True for _one in _matched(expressions, "daddr", "!=")):
            found.update(("pod", cidr, _FROM_FLANNEL) for cidr in _matched(expressions, "saddr", "=="))
    return found


def _marks_for_masquerade(chain: str, expressions: List[Dict[str, Any]]) -> bool:
    """Tell whether a rule has the source translated: by a chain, or since kube-proxy 1.36 by a mark of its own."""
    targets = {str(as_dict(one.get("jump")).get("target")) for one in expressions}
    if targets & {"KUBE-MARK-MASQ", "mark-for-masquerade"}:
        return True
    keys = [as_dict(as_dict(as_dict(one.get("mangle")).get("key")).get("meta")).get("key") for one in expressions]
    return chain.startswith("service-") and "mark" in keys


def _matched(expressions: List[Dict[str, Any]], field: str, operator: str) -> Iterator[str]:
    """Yield the prefixes that a rule compares an address with (libnftables-json(5), MATCH, PREFIX)."""
    for expression in expressions:
        match = as_dict(expression.get("match"))
        payload = as_dict(as_dict(match.get("left")).get("payload"))
        if payload.get("field") != field or match.get("op") != operator:
            continue
        right = match.get("right")
        members = as_dict(right).get("set")
        for member in members if isinstance(members, list) else [right]:
            prefix = as_dict(as_dict(member).get("prefix"))
            if isinstance(prefix.get("addr"), str) and isinstance(prefix.get("len"), int):
                yield "%s/%d" % (prefix["addr"], prefix["len"])


def tell_local_ranges(ranges: Ranges) -> None:
    """Say of kube-proxy's rules whose range they name, the cluster's (ClusterCIDR) or this node's (NodeCIDR).

    The rules alone do not say how kube-proxy tells local traffic (``detectLocalMode``). What lies in a range of the
    cluster that another source states is the node's, and so is what another source says that the node has.
    """
    stated = [entry for entry in ranges.pod if entry["source"]["key"] != _FROM_PODS]
    own = {entry["cidr"] for entry in stated if entry["scope"] == NODE}
    wider = [ipaddress.ip_network(entry["cidr"]) for entry in stated if entry["scope"] == CLUSTER]
    for entry in ranges.pod:
        if entry["source"]["key"] != _FROM_PODS:
            continue
        network = ipaddress.ip_network(entry["cidr"])
        inside = any(
            network != one and network.version == one.version and network.subnet_of(one)  # type: ignore[arg-type]
            for one in wider
        )
        if inside or entry["cidr"] in own:
            entry["scope"] = NODE


def read_firewall(files: Files, ranges: Ranges, run: Run) -> None:
    """Read the rules of both variants, those that the kernel has; what fails is in ``files.errors``."""
    for listing, names in LEGACY:
        if "nat" in legacy_tables(files, listing):
            command = find_command(files, names)
            if command is None:
                files.fail(listing, "No command shows the rules of this table.", "Install the package iptables.")
            else:
                _add(files, ranges, run, [command, "-t", "nat"], "iptables", parse_iptables_save)
    nft = find_nft(files) if has_nf_tables(files) else None
    if nft is None:
        return
    output = output_of(files, run, [nft, "-j", "list", "tables"])
    try:
        tables_found = parse_nft_tables(output) if output is not None else []
    except ValueError as error:
        not_read(files, "nft -j list tables", error)
        return
    for family, name in tables_found:
        _add(files, ranges, run, [nft, "-j", "list", "table", family, name], "nftables", parse_nft_table)


def _add(files: Files, ranges: Ranges, run: Run, command: List[str], kind: str, parse: Callable[[str], Found]) -> None:
    output = output_of(files, run, command)
    if output is None:
        return
    try:
        found = parse(output)
    except ValueError as error:
        not_read(files, shown(command), error)
        return
    for role, cidr, rule in sorted(found):
        ranges.add(role, cidr, CLUSTER, in_output(kind, shown(command), rule))
