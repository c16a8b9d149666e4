# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What makes a node this machine and no other, whom it asks for names, and who configures its interfaces.

/etc/machine-id is confidential (machine-id(5)). What leaves the node is a hash keyed for this program alone, as
sd_id128_get_machine_app_specific(3) makes it; it tells whether two nodes have the same, and nothing more.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Dict, List, Optional, Tuple

from .._files.reader import Files
from .._ranges.kubernetes import KUBELET_FILES, documents
from .managers import link_managers
from .views import Facts

MACHINE_ID = "/etc/machine-id"
BOOT_ID = "/proc/sys/kernel/random/boot_id"
RESOLV_CONF = "/etc/resolv.conf"
KUBELET_FLAGS = ("/var/lib/kubelet/kubeadm-flags.env", "/etc/default/kubelet", "/etc/sysconfig/kubelet")
"""Flags of the kubelet, which come before its configuration (kubeadm's drop-in 10-kubeadm.conf)."""

_PROGRAM = bytes.fromhex("5b1f0a8c6c4e4d0b9a6c3f2e7d8190ab")
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FLAG = re.compile(r"--resolv-conf(?:=|\s+)\"?([^\s\"]+)")
_LIMIT = 64 * 1024
_MOST = 64
"""So many name servers, domains and options of one file are told."""


def machine_facts(files: Files) -> Facts:
    """Return the value of ``podnet_netns.machine``."""
    return {
        "id": _hashed(files.text(MACHINE_ID, _LIMIT)),
        "boot": _hashed(files.text(BOOT_ID, _LIMIT)),
        "resolvers": [one for one in (_resolver(files, path, pods) for path, pods in _paths(files)) if one is not None],
        "managed_links": link_managers(files),
    }


def _hashed(text: Optional[str]) -> Optional[str]:
    found = (text or "").strip()
    if not _ID.fullmatch(found):
        return None  # "uninitialized", or empty
    return hmac.new(bytes.fromhex(found.replace("-", "")), _PROGRAM, hashlib.sha256).hexdigest()[:32]


def _paths(files: Files) -> List[Tuple[str, bool]]:
    """Return the node's own file and, where the kubelet's configuration is found, the one that pods get theirs from."""
    given = _given_to_pods(files)
    if given is None:
        return [(RESOLV_CONF, False)]
    return [(RESOLV_CONF, given == RESOLV_CONF)] + ([] if given in ("", RESOLV_CONF) else [(given, True)])


def _given_to_pods(files: Files) -> Optional[str]:
    """Return the file that the kubelet gives to pods with the policy Default, None where that cannot be told."""
    found: Optional[str] = None
    for path in KUBELET_FILES:
        for document in documents(files, path):
            if isinstance(document, dict) and document.get("kind") == "KubeletConfiguration":
                value = document.get("resolvConf", RESOLV_CONF)
                found = value if isinstance(value, str) else RESOLV_CONF
    if found is None:
        return None
    for path in KUBELET_FLAGS:
        flags = _FLAG.findall(files.text(path, _LIMIT) or "")
        found = flags[-1] if flags else found
    return found


def _resolver(files: Files, path: str, pods: bool) -> Optional[Facts]:
    text = files.text(path, _LIMIT)
    if text is None:
        return None
    facts: Facts = {"path": path, "pods": pods}
    facts.update(parse_resolv_conf(text))
    return facts


def parse_resolv_conf(text: str) -> Dict[str, Any]:
    """Return what a resolv.conf(5) says; of search and domain the last line counts."""
    servers: List[str] = []
    search: List[str] = []
    options: List[str] = []
    for line in text.splitlines():
        words = line.split()
        if not words or words[0][0] in "#;":
            continue
        if words[0] == "nameserver" and len(words) > 1:
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = words[1:] if words[0] == "search" else words[1:2]
        elif words[0] == "options":
            options.extend(words[1:])
    return {"nameservers": servers[:_MOST], "search": search[:_MOST], "options": options[:_MOST]}
