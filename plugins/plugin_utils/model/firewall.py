# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The firewall of a node in the model."""

from __future__ import annotations

from .reading import Item
from .records import Firewall, FirewallChain, FirewallMatch, FirewallRule, FirewallTable


def read(item: Item) -> Firewall:
    """The object ``podnet_netns.firewall``."""
    return {
        "complete": bool(item.flag_or_none("complete")),
        "bridges": item.flag_or_none("bridges"),
        "tables": [_table(one) for one in item.items("tables")],
    }


def _table(item: Item) -> FirewallTable:
    return {
        "family": item.text_or_none("family"),
        "table": item.text("table"),
        "variant": item.text("variant"),
        "command": item.text("command"),
        "chains": [_chain(one) for one in item.items("chains")],
    }


def _chain(item: Item) -> FirewallChain:
    return {
        "name": item.text("name"),
        "type": item.text_or_none("type"),
        "hook": item.text_or_none("hook"),
        "policy": item.text_or_none("policy"),
        "rules": [_rule(one) for one in item.items("rules")],
    }


def _rule(item: Item) -> FirewallRule:
    return {
        "text": item.text("text"),
        "verdict": item.text("verdict"),
        "target": item.text_or_none("target"),
        "matches": [_match(one) for one in item.items("matches")],
    }


def _match(item: Item) -> FirewallMatch:
    return {
        "key": item.text("key"),
        "negated": bool(item.flag_or_none("negated")),
        "one_of": item.texts("one_of"),
    }
