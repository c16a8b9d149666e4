# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What a cluster leaves on a node after ``kubeadm reset``: decisions over text, without a system.

kubeadm names it itself at the end of a reset: CNI configuration, iptables rules and IPVS tables stay.
"""

from __future__ import annotations

import re
from typing import Dict, List, Tuple

OWNED_CHAINS = ("KUBE-", "CNI-")
"""Chains of kube-proxy and kubelet, and of the CNI plugins portmap and bridge, begin with these."""
FLANNEL_CHAINS = ("FLANNEL-",)
OWNED_SETS = ("KUBE-", "inet6:KUBE-")
"""Sets of ipset of kube-proxy in its mode ipvs, and of kube-router for NetworkPolicies, begin with these."""

_TABLE = re.compile(r"\*([a-z]+)\Z")
_CHAIN = re.compile(r":(\S+) ")
_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|\S+')


def chains_to_drop(saved: str, owned: Tuple[str, ...] = OWNED_CHAINS) -> str:
    """Return input for ``iptables-restore --noflush`` that removes Kubernetes' chains; empty without any.

    `saved` is what ``iptables-save`` prints::

        *nat
        :PREROUTING ACCEPT [0:0]
        :KUBE-SERVICES - [0:0]
        -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
        COMMIT

    Rules of other chains are deleted when they jump to one of these, and otherwise stay as they are.
    """
    result: List[str] = []
    for table, lines in _tables(saved).items():
        found = [match.group(1) for match in map(_CHAIN.match, lines) if match]
        chains = [name for name in found if name.startswith(owned)]
        if not chains:
            continue
        result.append("*" + table)
        # Flushed first, so that nothing refers to a chain any more when it is deleted.
        result += [":%s - [0:0]" % name for name in chains]
        for line in lines:
            words = _WORDS.findall(line)
            if line.startswith("-A ") and words[1] not in chains and _target(words) in chains:
                result.append("-D " + line[3:])
        result += ["-X " + name for name in chains]
        result.append("COMMIT")
    return "\n".join(result) + "\n" if result else ""


def _target(words: List[str]) -> str:
    for sign in ("-j", "-g"):
        if sign in words[:-1]:
            return words[words.index(sign) + 1]
    return ""


def _tables(saved: str) -> Dict[str, List[str]]:
    tables: Dict[str, List[str]] = {}
    current: List[str] = []
    for line in saved.splitlines():
        match = _TABLE.match(line)
        if match:
            current = tables.setdefault(match.group(1), [])
        elif line.startswith((":", "-A ")):
            current.append(line)
    return tables


def mounts_below(mounts: str, directory: str) -> List[str]:
    r"""Return the mount points below a directory in the order of unmounting, from ``/proc/self/mounts``.

    Its lines: ``tmpfs /var/lib/kubelet/pods/…/volumes/kubernetes.io~secret/x tmpfs rw 0 0``; blanks are ``\040``.
    """
    points = [line.split(" ")[1] for line in mounts.splitlines() if line.count(" ") >= 2]
    decoded = [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found.group(1), 8)), point) for point in points]
    return sorted((point for point in decoded if point.startswith(directory + "/")), reverse=True)
