# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of hosts and groups of an inventory, made from names that others chose.

A host name that holds ``,``, ``:``, ``*`` or ``!`` would be a pattern, one that begins with ``-`` an
option, and one that another host has would change that host. Names that Kubernetes allows stay as they are.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..model.records import Pod

_HOST_WORD = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
"""What Kubernetes allows as a name (RFC 1123, 253 characters), and capitals, as node names may have."""
_LIMIT = 100
"""Longest readable part of a name that had to be changed."""


def _mark(text: str) -> str:
    """Return a few characters that differ for different *text*."""
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:8]


def host_word(text: str) -> str:
    """Return *text* as a part of a host name: as it is, or without other signs and with a mark of what it was."""
    if _HOST_WORD.match(text):
        return text
    return f"{re.sub(r'[^A-Za-z0-9]+', '-', text[:_LIMIT]).strip('-') or 'x'}-{_mark(text)}"


def host_names(pods: Sequence[Pod], taken: Collection[str], prefix: str = "") -> list[str]:
    """Return a host name for each pod: ``default_pod1``, all different, and none of those *taken*.

    Pods that would share a name, as two clusters may have them, are all called by their node too
    (``default_pod1_node1``), and where that is not enough by their network namespace.
    """
    words = [[host_word(pod["namespace"]), host_word(pod["name"])] for pod in pods]
    for further in ([host_word(pod["host"]) for pod in pods], [str(pod["netns"]) for pod in pods]):
        doubled = _doubled((_joined(prefix, one) for one in words), taken)
        words = [
            [*one, more] if _joined(prefix, one) in doubled else one for one, more in zip(words, further, strict=True)
        ]
    doubled = _doubled((_joined(prefix, one) for one in words), taken)
    return [
        f"{name}_{number}" if name in doubled else name
        for number, name in enumerate((_joined(prefix, one) for one in words), 1)
    ]


def _joined(prefix: str, words: Iterable[str]) -> str:
    # No name of Kubernetes holds a "_", so that the parts can be told apart.
    return prefix + "_".join(words)


def _doubled(names: Iterable[str], taken: Collection[str]) -> set[str]:
    return {name for name, count in Counter(names).items() if count > 1 or name in taken}


def group_names(kind: str, values: Iterable[str]) -> Mapping[str, str]:
    """Return a group name for each of *values*: ``podnet_namespace_kube_system``, all different.

    Ansible's group names hold letters, digits and ``_``. Values that only differ in other signs, or that hold
    more than names, labels and ranges may, get a mark.
    """
    plain = {value: re.sub(r"[^A-Za-z0-9]", "_", value[:_LIMIT]) for value in dict.fromkeys(values)}
    doubled = _doubled(plain.values(), ())
    return {
        value: f"podnet_{kind}_{word}"
        + ("" if re.fullmatch(r"[A-Za-z0-9._/:=-]{1,100}", value) and word not in doubled else f"_{_mark(value)}")
        for value, word in plain.items()
    }
