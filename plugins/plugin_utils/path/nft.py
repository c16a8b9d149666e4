# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tables and chains of nftables, as ``nft -j list ruleset`` prints them (libnftables-json(5), nft(8)).

A rule becomes functions once, and these are asked for each packet. What is not understood raises UnknownError when a
packet comes to it, and only then: a rule that is not for the packet needs not be understood.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ..text.escape import shell_word
from .hook import Act
from .nft_statements import rule_act
from .nft_values import Lookup
from .routing import UnknownError


class Chain(NamedTuple):
    """A chain with its rules as they are written; they are understood when a packet comes."""

    family: str
    table: str
    name: str
    kind: str | None
    hook: str | None
    priority: int
    policy: str
    device: str | None
    rules: list[dict[str, Any]]


class Table:
    """A table: its chains by name, and its sets and maps."""

    def __init__(self, family: str, name: str) -> None:
        """Begin with nothing in it."""
        self.family = family
        self.name = name
        self.chains: dict[str, Chain] = {}
        self.sets: dict[str, dict[str, Any]] = {}
        self.flags: set[str] = set()
        self._ready: dict[str, list[tuple[Act, str]]] = {}
        self._looked: dict[tuple[str, str], Lookup] = {}

    @property
    def title(self) -> str:
        """What the table is called."""
        return f"{self.family} {self.name}"

    def shown(self, chain: str) -> str:
        """Return the command that shows a chain, its rules numbered."""
        return f"nft -a list chain {self.family} {shell_word(self.name)} {shell_word(chain)}"

    def rules(self, chain: str) -> list[tuple[Act, str]]:
        """Return the rules of a chain that do something, each with the number by which ``nft -a`` shows it."""
        ready = self._ready.get(chain)
        if ready is None:
            ready = []
            for rule in self.chains[chain].rules:
                act = rule_act(self, [one for one in rule.get("expr", []) if isinstance(one, dict)])
                if act is not None:
                    ready.append((act, str(rule.get("handle"))))
            self._ready[chain] = ready
        return ready

    def lookup(self, name: str, kind: str) -> Lookup:
        """Return what a named set or map holds, read as values of *kind*."""
        key = (name, kind)
        if key not in self._looked:
            found = self.sets.get(name)
            if found is None:
                raise UnknownError(f"the set {name} of the table {self.name} is not in its listing")
            self._looked[key] = Lookup(self, found.get("elem") or [], kind)
        return self._looked[key]


def read_ruleset(text: str) -> list[Table]:
    """Return the tables in the output of ``nft -j list ruleset``; raise UnknownError when it is none."""
    try:
        tables = _tables(json.loads(text)["nftables"])
    except (ValueError, TypeError, KeyError, AttributeError):
        raise UnknownError("the output of nft -j list ruleset is not what nft writes") from None
    return [table for table in tables.values() if "dormant" not in table.flags]


def _tables(items: list[Any]) -> dict[tuple[str, str], Table]:
    tables: dict[tuple[str, str], Table] = {}
    for item in items:
        kind, content = _only(item)
        if kind == "table":
            table = tables[content["family"], content["name"]] = Table(content["family"], content["name"])
            flags = content.get("flags", [])
            table.flags = {flags} if isinstance(flags, str) else set(flags)
        elif kind in ("chain", "rule", "set", "map"):
            table = tables[content["family"], content["table"]]
            if kind == "chain":
                table.chains[content["name"]] = Chain(
                    table.family, table.name, content["name"], content.get("type"), content.get("hook"),
                    content.get("prio", 0), content.get("policy", "accept"), _device(content), [],
                )  # fmt: skip
            elif kind == "rule":
                table.chains[content["chain"]].rules.append(content)
            else:
                table.sets[content["name"]] = content
    return tables


def _only(item: Any) -> tuple[str, dict[str, Any]]:
    """Return the one key of an object of the listing, and what it holds."""
    kind, content = next(iter(item.items()), ("", {})) if isinstance(item, dict) else ("", {})
    return str(kind), content if isinstance(content, dict) else {}


def _device(content: dict[str, Any]) -> str | None:
    device = content.get("dev")
    return ",".join(map(str, device)) if isinstance(device, list) else device
