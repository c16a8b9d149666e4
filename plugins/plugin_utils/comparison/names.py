# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that were made up when a thing was made, and say nothing about it.

A difference in such a name is none in the network: ``cni0`` and ``lab0`` are both the bridge.
Sources of the forms: libcni and containerd name namespaces ``cni-`` and a UUID (containerd
``pkg/netns``), the lab ``LAB_NAMESPACE_POD``; containernetworking/plugins ``pkg/ip/link_linux.go``
names veths ``veth`` and eight hexadecimal digits; Calico ``cali`` and eleven, Cilium ``lxc`` and twelve.
"""

from __future__ import annotations

import re

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_FORMS = (
    (re.compile(rf"cni-{_UUID}"), "cni-UUID"),
    (re.compile(r"veth[0-9a-f]{7,8}"), "veth and hexadecimal digits"),
    (re.compile(r"cali[0-9a-f]{11}"), "cali and hexadecimal digits"),
    (re.compile(r"lxc[0-9a-f]{12}"), "lxc and hexadecimal digits"),
    (re.compile(r"[0-9a-f]{64}"), "container id"),
    (re.compile(_UUID), "UUID"),
)
_UID_IN_PATH = re.compile(rf"/pods/({_UUID}|[0-9a-f]{{32}})/")
_CNI_CHAIN = re.compile(r"\bCNI-[0-9a-f]{24}\b")


def form(name: str) -> str | None:
    """Return how a made-up name is formed, or None when it was given by somebody.

    >>> form("vethf733d1ad")
    'veth and hexadecimal digits'
    """
    return next((words for pattern, words in _FORMS if pattern.fullmatch(name)), None)


def without_uid(path: str) -> str:
    """Return a path below the kubelet's folder of a pod without that pod's uid, which changes with every pod."""
    return _UID_IN_PATH.sub("/pods/UID/", path)


def without_hash(chain: str) -> str:
    """Return the name of an iptables chain without the hash by which CNI plugins tell containers apart."""
    return _CNI_CHAIN.sub("CNI-HASH", chain)


def told_apart(left: str, right: str) -> str:
    """Say what kind of names two names are."""
    forms = (form(left), form(right))
    if forms[0] is not None and forms[0] == forms[1]:
        return f"Both are made up: {forms[0]}"
    return f"The same under two names: {left} and {right}"
