# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which firewall rules the kernel has, and the commands that show them without loading anything.

``iptables-save`` and ``nft`` load kernel modules that are missing. So they are started only where the modules are
there already: ``/proc/net/ip_tables_names`` lists the tables of the legacy variant that exist in this namespace
(listing another one would make it), and ``/sys/module``, the list of built-in modules or the kernel's
configuration show what nf_tables needs.
"""

from __future__ import annotations

import platform
import zlib
from typing import Any, Callable, Dict, List, Optional, Tuple

from .._files.reader import Files, load_json

Run = Callable[[List[str]], Tuple[int, str, str]]
"""Starts a command: return code, standard output, standard error. Raises OSError when it cannot be started.

AnsibleModule.run_command with ``handle_exceptions=False``."""

LEGACY = (
    ("/proc/net/ip_tables_names", ("iptables-legacy-save", "iptables-save")),
    ("/proc/net/ip6_tables_names", ("ip6tables-legacy-save", "ip6tables-save")),
)
"""For IPv4 and IPv6: the tables of the legacy variant that exist, and the commands that show them."""

IPTABLES_EXTENSIONS = (
    ("nft_compat", "CONFIG_NFT_COMPAT"),
    ("xt_tcpudp", "CONFIG_NETFILTER_XTABLES"),
    ("xt_comment", "CONFIG_NETFILTER_XT_MATCH_COMMENT"),
    ("xt_mark", "CONFIG_NETFILTER_XT_MARK"),
)
"""What rules use that iptables-nft may have written without it: module, what builds it in. ``iptables-nft-save`` asks
the kernel for each, which loads it."""

CONNTRACK = ("nf_conntrack_netlink", "CONFIG_NF_CT_NETLINK")
"""What shows the table of connections: module, what builds it in. A question to it loads it."""

_DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/local/bin")
_MAX_CONFIG = 4 * 1024 * 1024


def kernel_has(files: Files, module: str, option: str) -> bool:
    """Tell whether the kernel has a module without loading it; `option` is what builds it in (``CONFIG_…``)."""
    if files.exists("/sys/module/" + module):
        return True
    builtin = files.text("/lib/modules/%s/modules.builtin" % platform.release())
    if builtin is not None:
        return "/%s.ko" % module in builtin
    packed = files.data("/proc/config.gz")
    try:
        # 31: the gzip format with the largest window (zlib.h, inflateInit2).
        config = zlib.decompressobj(31).decompress(packed, _MAX_CONFIG) if packed is not None else b""
    except zlib.error:
        return False
    return ("\n%s=y\n" % option).encode() in config


def has_nf_tables(files: Files) -> bool:
    """Tell whether the kernel has nf_tables without loading it."""
    return kernel_has(files, "nf_tables", "CONFIG_NF_TABLES")


def legacy_tables(files: Files, listing: str) -> List[str]:
    """Return the tables of the legacy variant that exist already."""
    tables = files.text(listing) if files.exists(listing) else None
    return tables.split() if tables is not None else []


def find_command(files: Files, names: Tuple[str, ...]) -> Optional[str]:
    """Return the path of the first of these commands that the node has."""
    paths = ("%s/%s" % (directory, name) for name in names for directory in _DIRECTORIES)
    return next((path for path in paths if files.exists(path)), None)


def find_nft(files: Files) -> Optional[str]:
    """Return the path of ``nft``; that it is missing is noted."""
    nft = find_command(files, ("nft",))
    if nft is None:
        files.fail(
            "nf_tables", "No command shows the rules of the kernel's nf_tables.", "Install the package nftables."
        )
    return nft


def output_of(files: Files, run: Run, command: List[str]) -> Optional[str]:
    """Return what a command prints, or None when it fails, which is noted."""
    try:
        code, output, error = run(command)
    except OSError as failure:
        files.fail(" ".join(command), "It cannot be started: %s." % failure.strerror, "Run it on the node.")
        return None
    if code:
        files.fail(" ".join(command), "It ended with code %d: %s" % (code, error.strip()[:200]), "Run it on the node.")
        return None
    return output


def shown(command: List[str]) -> str:
    """Return a command as a person types it."""
    return " ".join([command[0].rsplit("/", 1)[-1], *command[1:]])


def not_read(files: Files, command: str, error: ValueError) -> None:
    """Note that what a command prints, given as a person types it, has no form that is known."""
    files.fail(command, "The output is not read: %s." % error, "Look at the output on the node.")


def listed(files: Files, run: Run, command: List[str], kind: str) -> List[Dict[str, Any]]:
    """Return the objects of a kind that a command like ``nft -j list chains`` prints; what fails is noted."""
    output = output_of(files, run, command)
    try:
        found = [as_dict(item.get(kind)) for item in nft_items(output)] if output is not None else []
    except ValueError as error:
        not_read(files, shown(command), error)
        return []
    return [item for item in found if item]


def as_dict(value: Any) -> Dict[str, Any]:
    """Return `value` when it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> List[Any]:
    """Return `value` when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def nft_items(text: str) -> List[Dict[str, Any]]:
    """Return the objects in the output of ``nft -j`` (libnftables-json(5)); raise ValueError."""
    return [as_dict(item) for item in as_list(as_dict(load_json(text)).get("nftables"))]
