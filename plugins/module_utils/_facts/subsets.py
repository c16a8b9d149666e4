# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What is gathered: the names for `gather_subset`, and what each needs from the kernel."""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, List, Set, Tuple

SUBSETS: Dict[str, Tuple[str, ...]] = {
    # name: what take_snapshot() must read for it, beside what is always read
    "addresses": (),
    "all_routes": ("all_routes",),
    "api": (),
    "connected_routes": ("routes",),
    "counters": ("counters",),
    "ends": (),
    "fdb": ("fdb",),
    "firewall": (),
    "flows": (),
    "hidden": ("hidden",),
    "host_processes": ("host_processes",),
    "links": (),
    "machine": (),
    "neighbours": ("neighbours",),
    "permanent_fdb": ("fdb",),
    "processes": (),
    "resolvers": (),
    "routes": ("routes",),
    "rules": ("rules",),
    "rulesets": (),
    "settings": ("settings",),
    "sockets": ("sockets",),
    "sources": (),
    "statistics": ("statistics",),
    "sysctls": ("sysctls",),
    "wireguard": (),
}
UNASKED = frozenset(("api",))
"""Not part of ``all``: it uses the cluster's credentials, and the network."""

ALWAYS = ("addresses", "processes")
"""Without these nobody can tell whose a namespace is."""

DEFAULT = frozenset(("machine", "processes", "routes", "settings"))
"""The default of the module that returns all keys. What one key says no other repeats."""

DEFAULT_OF_ONE_KEY = DEFAULT | {"addresses", "ends", "fdb"}
"""The default of a module that returns one key, which then says all that belongs to it."""

_IMPLIED: Dict[str, Tuple[str, ...]] = {
    "all_routes": ("routes", "connected_routes"),
    "connected_routes": ("routes",),
    "host_processes": ("processes",),
    "permanent_fdb": ("fdb",),
}
DIAGNOSE = DEFAULT | {
    "all_routes",
    "counters",
    "fdb",
    "firewall",
    "flows",
    "neighbours",
    "permanent_fdb",
    "resolvers",
    "rules",
    "rulesets",
    "sockets",
    "sysctls",
    "wireguard",
}
"""What findings and paths look at: a fault that can be seen at all is seen with these."""

NAMES = ("all", "min", "default", "diagnose", *SUBSETS)


class UnknownSubsetError(ValueError):
    """A name in `gather_subset` that does not exist. The message lists those that do."""


def choose(asked: Iterable[str], default: FrozenSet[str]) -> FrozenSet[str]:
    """Return the subsets that a list such as ``["all", "!statistics"]`` stands for.

    As in ``ansible.builtin.setup``: ``min`` is nothing beyond the always gathered part, ``diagnose``
    is what findings look at, names add,
    ``!name`` takes away whatever the order, and a list of exclusions alone starts from the default.
    Raises :class:`UnknownSubsetError`.
    """
    added: Set[str] = set()
    removed: Set[str] = set()
    excluding_only = True
    unknown: List[str] = []
    for entry in asked:
        name = entry.strip()
        excluded, name = name.startswith("!"), name.lstrip("!").strip()
        if name not in NAMES:
            unknown.append(entry)
            continue
        groups: Dict[str, FrozenSet[str]] = {
            "all": frozenset(SUBSETS) if excluded else frozenset(SUBSETS) - UNASKED,
            "default": default,
            "diagnose": DIAGNOSE,
            "min": frozenset(),
        }
        members = groups.get(name, frozenset((name,)))
        if excluded:
            removed.update(members)
        else:
            excluding_only = False
            added.update(members)
    if unknown:
        raise UnknownSubsetError(
            "gather_subset has no %s. Choose from %s, or put ! before a name to leave it out."
            % (", ".join(repr(name) for name in unknown), ", ".join(NAMES))
        )
    if excluding_only:
        added.update(default)
    for name in tuple(added):
        added.update(_IMPLIED.get(name, ()))
    # Who does not want the routes does not want more of them either.
    dropped = {name for name in added if any(implied in removed for implied in _IMPLIED.get(name, ()))}
    return frozenset(added - removed - dropped)


def needs(subsets: Iterable[str]) -> FrozenSet[str]:
    """Return what take_snapshot() must read for these subsets."""
    return frozenset(ALWAYS).union(*(SUBSETS[name] for name in subsets))
