# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How this collection puts things into words, the same in every kind of report."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.records import (
    Address,
    Cable,
    End,
    Namespace,
    Pod,
    PodName,
)


def pod_name(pod: Pod | PodName) -> str:
    """Return a pod's name as kubectl writes it: ``namespace/name``."""
    return f"{pod['namespace'] or '?'}/{pod['name'] or '?'}"


def address(one: Address) -> str:
    """Return an address with its length, as in ``10.244.1.2/24``."""
    return f"{one['local']}/{one['prefixlen']}"


def namespace_name(namespace: Namespace) -> str:
    """Return what a namespace is called: its pod, else its containers, else its name, else its inode."""
    if namespace["pod"] is not None:
        return pod_name(namespace["pod"])
    if namespace["kind"] == "host":
        return "the node itself"
    containers = sorted({one["name"] for one in namespace["containers"] if one["name"]})
    if containers:  # runtimes name the namespaces themselves by numbers that nobody knows
        return ", ".join(containers)
    if namespace["names"]:
        return namespace["names"][0]
    return f"namespace {namespace['inode']}"


def elsewhere(namespace: Namespace | None) -> str:
    """Return what a namespace is called when it is known and not the node's own, else nothing."""
    return "" if namespace is None or namespace["kind"] == "host" else namespace_name(namespace)


def end(one: End) -> str:
    """Return how an end of a cable is called, as far as it is known."""
    if one["ifname"] is not None:
        return one["ifname"]
    return f"ifindex {one['ifindex']}" if one["ifindex"] is not None else "an end that cannot be seen"


def cable(one: Cable) -> str:
    """Return how a cable is called: by the names of its ends."""
    return " - ".join(end(side) for side in one["ends"])


def listed(names: Sequence[str], limit: int = 4) -> str:
    """Return *names* as a list in a sentence, cut after *limit* of them."""
    if len(names) > limit + 1:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    if len(names) > 1:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return "".join(names)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun, as in ``1 pod`` or ``3 pods``; *plural* where it is not the noun with an s."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
