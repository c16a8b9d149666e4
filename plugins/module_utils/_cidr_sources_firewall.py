# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges in the firewall rules of kube-proxy and flannel: only when asked for, for it starts commands.

``iptables-save`` and ``nft`` load kernel modules that are missing. So they are started only where the modules are
there already: ``/proc/net/ip_tables_names`` lists the tables of the legacy variant that exist in this namespace
(listing another one would make it), and ``/sys/module/nf_tables``, the list of built-in modules or the kernel's
configuration shows nf_tables. Rules that iptables-nft made are read with ``nft``.

The rules (kubernetes ``pkg/proxy/iptables``, ``pkg/proxy/nftables``; flannel ``pkg/trafficmngr``)::

    -A KUBE-SVC-NPX46M4PTMTKRN6Y ! -s 10.244.0.0/16 -d 10.96.0.1/32 -p tcp … -j KUBE-MARK-MASQ
    -A FLANNEL-POSTRTG -s 10.244.0.0/16 ! -d 224.0.0.0/4 … -j MASQUERADE --random-fully
    table ip kube-proxy, chain cluster-ips-check:  ip daddr { 10.96.0.0/12 } drop
    table ip kube-proxy, chain service-…:          ip saddr != 10.244.0.0/16 jump mark-for-masquerade
    table ip flannel-ipv4, chain postrtg:          ip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade
"""

from __future__ import annotations

import platform
import re
import zlib
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

from ansible_collections.podnet.lab.plugins.module_utils._cidr_records import CLUSTER, Ranges, in_output
from ansible_collections.podnet.lab.plugins.module_utils._files import Files, load_json

Run = Callable[[List[str]], Tuple[int, str, str]]
"""Starts a command: return code, standard output, standard error (AnsibleModule.run_command)."""

Found = Set[Tuple[str, str, str]]
"""(role, range, the rule's kind)."""

_DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin")
_LEGACY = (
    ("/proc/net/ip_tables_names", ("iptables-legacy-save", "iptables-save")),
    ("/proc/net/ip6_tables_names", ("ip6tables-legacy-save", "ip6tables-save")),
)
_MASQUERADE = re.compile(r"-A (KUBE-SERVICES|KUBE-SVC-\S+) ! -s (\S+) .*-j KUBE-MARK-MASQ(?: |$)")
_FLANNEL = re.compile(r"-A FLANNEL-POSTRTG -s (\S+) ! -d \S+ .*-j MASQUERADE(?: |$)")
_TABLES = ("nat", "kube-proxy", "flannel-ipv4", "flannel-ipv6")
_MAX_CONFIG = 4 * 1024 * 1024
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
    tables = [_dict(item.get("table")) for item in _items(text)]
    return [
        (str(table["family"]), str(table["name"]))
        for table in tables
        if table.get("name") in _TABLES and table.get("family") in ("ip", "ip6")
    ]


def parse_nft_table(text: str) -> Found:
    """Return the ranges in the output of ``nft -j list table FAMILY NAME``; raise ValueError."""
    found: Found = set()
    for item in _items(text):
        rule = _dict(item.get("rule"))
        chain, expressions = str(rule.get("chain", "")), rule.get("expr")
        expressions = [_dict(one) for one in (expressions if isinstance(expressions, list) else ())]
        targets = {str(_dict(one.get("jump")).get("target")) for one in expressions}
        if targets & {"KUBE-MARK-MASQ", "mark-for-masquerade"}:
            found.update(("pod", cidr, _FROM_PODS) for cidr in _matched(expressions, "saddr", "!="))
        elif chain == "cluster-ips-check" and any("drop" in one for one in expressions):
            found.update(("service", cidr, _TO_SERVICES) for cidr in _matched(expressions, "daddr", "=="))
        elif chain in ("FLANNEL-POSTRTG", "postrtg") and any(True for _one in _matched(expressions, "daddr", "!=")):
            found.update(("pod", cidr, _FROM_FLANNEL) for cidr in _matched(expressions, "saddr", "=="))
    return found


def _dict(value: Any) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(text: str) -> List[Dict[str, Any]]:
    items = _dict(load_json(text)).get("nftables")
    return [_dict(item) for item in (items if isinstance(items, list) else ())]


def _matched(expressions: List[Dict[str, Any]], field: str, operator: str) -> Iterator[str]:
    """Yield the prefixes that a rule compares an address with (libnftables-json(5), MATCH, PREFIX)."""
    for expression in expressions:
        match = _dict(expression.get("match"))
        payload = _dict(_dict(match.get("left")).get("payload"))
        if payload.get("field") != field or match.get("op") != operator:
            continue
        right = match.get("right")
        members = _dict(right).get("set")
        for member in members if isinstance(members, list) else [right]:
            prefix = _dict(_dict(member).get("prefix"))
            if isinstance(prefix.get("addr"), str) and isinstance(prefix.get("len"), int):
                yield "%s/%d" % (prefix["addr"], prefix["len"])


def has_nf_tables(files: Files) -> bool:
    """Tell whether the kernel has nf_tables without loading it."""
    if files.exists("/sys/module/nf_tables"):
        return True
    builtin = files.text("/lib/modules/%s/modules.builtin" % platform.release())
    if builtin is not None:
        return "/nf_tables.ko" in builtin
    packed = files.data("/proc/config.gz")
    try:
        # 31: the gzip format with the largest window (zlib.h, inflateInit2).
        config = zlib.decompressobj(31).decompress(packed, _MAX_CONFIG) if packed is not None else b""
    except zlib.error:
        return False
    return b"\nCONFIG_NF_TABLES=y\n" in config


def _command(files: Files, names: Tuple[str, ...]) -> Optional[str]:
    paths = ("%s/%s" % (directory, name) for name in names for directory in _DIRECTORIES)
    return next((path for path in paths if files.exists(path)), None)


def read_firewall(files: Files, ranges: Ranges, run: Run) -> None:
    """Read the rules of both variants, those that the kernel has; what fails is in ``files.errors``."""
    for listing, names in _LEGACY:
        tables = files.text(listing) if files.exists(listing) else None
        if tables is not None and "nat" in tables.split():
            command = _command(files, names)
            if command is None:
                files.fail(listing, "No command shows the rules of this table.", "Install the package iptables.")
            else:
                _add(files, ranges, run, [command, "-t", "nat"], "iptables", parse_iptables_save)
    if not has_nf_tables(files):
        return
    nft = _command(files, ("nft",))
    if nft is None:
        files.fail(
            "nf_tables", "No command shows the rules of the kernel's nf_tables.", "Install the package nftables."
        )
        return
    output = _output(files, run, [nft, "-j", "list", "tables"])
    try:
        tables_found = parse_nft_tables(output) if output is not None else []
    except ValueError as error:
        files.fail("nft -j list tables", "The output is not read: %s." % error, "Look at the output on the node.")
        return
    for family, name in tables_found:
        _add(files, ranges, run, [nft, "-j", "list", "table", family, name], "nftables", parse_nft_table)


def _output(files: Files, run: Run, command: List[str]) -> Optional[str]:
    code, output, error = run(command)
    if code:
        files.fail(" ".join(command), "It ended with code %d: %s" % (code, error.strip()[:200]), "Run it on the node.")
        return None
    return output


def _add(files: Files, ranges: Ranges, run: Run, command: List[str], kind: str, parse: Callable[[str], Found]) -> None:
    output = _output(files, run, command)
    if output is None:
        return
    shown = " ".join([command[0].rsplit("/", 1)[-1], *command[1:]])
    try:
        found = parse(output)
    except ValueError as error:
        files.fail(shown, "The output is not read: %s." % error, "Look at the output on the node.")
        return
    for role, cidr, rule in sorted(found):
        ranges.add(role, cidr, CLUSTER, in_output(kind, shown, rule))
