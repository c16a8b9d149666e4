# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands of steps: words for a node, and for a shell only where a mount has to come before a program."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from ..model.records import Namespace
from .records import Command

NAMED = ("/run/netns/", "/var/run/netns/")
_RESOLV_CONF = "/etc/resolv.conf"


def on_node(*words: str) -> Command:
    """Return a command on the node itself."""
    return Command((words,))


def inside(namespace: Namespace, *words: str) -> Command:
    """Return a command in the network namespace of a pod, with the node's program."""
    return Command((entered(namespace, *words),))


def entered(namespace: Namespace, *words: str) -> tuple[str, ...]:
    """Return *words* with what enters *namespace* in front: its name, its mount point, or a process in it."""
    name = name_of(namespace)
    if name is not None:
        return ("ip", "netns", "exec", name, *words)
    if namespace["paths"]:
        return ("nsenter", f"--net={namespace['paths'][0]}", *words)
    return ("nsenter", "--target", str(namespace["pid"] or 0), "--net", *words)


def with_names_of_pod(namespace: Namespace, path: str, *words: str) -> tuple[str, ...]:
    """Return a command in *namespace* that finds the pod's resolv.conf, *path* on the node, in its usual place.

    ``ip netns exec`` puts one below /etc/netns there by itself (ip-netns(8)). Any other is bound over the node's own in
    a mount namespace that ends with the command, so that no other process sees it.
    """
    inner = entered(namespace, *words)
    if path == f"/etc/netns/{name_of(namespace)}/resolv.conf":
        return inner
    bound = shlex.join(("mount", "--bind", path, _RESOLV_CONF))
    return ("unshare", "--mount", "sh", "-c", f"{bound} && exec {shlex.join(inner)}")


def name_of(namespace: Namespace) -> str | None:
    """Return the name by which ``ip netns`` knows *namespace*, if it has one that is no option."""
    for path in namespace["paths"]:
        for folder in NAMED:
            name = path.removeprefix(folder)
            if name != path and "/" not in name and not name.startswith("-"):
                return name
    return None


def doors(namespace: Namespace) -> tuple[str, ...]:
    """Return the files that lead to *namespace*."""
    pids: Iterable[int] = () if namespace["pid"] is None else (namespace["pid"],)
    return (*namespace["paths"], *(f"/proc/{pid}/ns/net" for pid in pids))


def programs(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the programs that a command needs: its own, and those that it starts."""
    if words[0] == "unshare":
        typed = shlex.split(words[-1])
        return (words[0], typed[0], *programs(tuple(typed[typed.index("exec") + 1 :])))
    if words[:3] == ("ip", "netns", "exec"):
        return (words[0], words[4])
    if words[0] == "nsenter":
        return (words[0], words[4] if words[1] == "--target" else words[2])
    return words[:1]
