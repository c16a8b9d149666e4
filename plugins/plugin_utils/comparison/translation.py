# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which source address packets of pods carry (duty 8).

Each function without an underscore answers one question of the table in :mod:`duties`.
"""

from __future__ import annotations

import re

from ..model import ranges
from ..model.records import Pod
from ..report import rows
from ..text import words
from .measured import (
    NO_PODS,
    Measured,
    absent,
    not_read,
    seen,
    spread,
)
from .world import Nat, World

# 8. NAT rules


def _rules(world: World) -> Measured | list[tuple[str, Nat]]:
    """Return the rules for pods, each with its host; those for Services are not among them."""
    unknown = [node["host"] for node in world.read if node["host"] not in world.nat]
    if unknown:
        return not_read(f"NAT rules were not read on {words.listed(unknown, 2)} (subset firewall)")
    return [(host, rule) for host, rules in world.nat.items() for rule in rules if not is_for_services(rule)]


_SERVICE_TABLE = re.compile(r" (kube-proxy|podnet_[a-z0-9-]+_services)\Z")


def is_for_services(rule: Nat) -> bool:
    """Tell whether *rule* is for Services: it asks for a mark that only packets to Services carry.

    ``KUBE-POSTROUTING`` in kubernetes ``pkg/proxy/iptables``, table ``kube-proxy`` in ``pkg/proxy/nftables``; a lab's
    table of Services is laid out as the latter.
    """
    return rule["chain"] == "chain KUBE-POSTROUTING" or _SERVICE_TABLE.search(rule["command"]) is not None


def _touches(pods: list[Pod], rule: Nat) -> bool:
    return rule["saddr"] is None or any(
        ranges.contains(rule["saddr"], one["local"]) for pod in pods for one in pod["addresses"]
    )


def nat_rule(world: World) -> Measured:
    found = _rules(world)
    if isinstance(found, Measured):
        return found
    own = [(host, rule) for host, rule in found if _touches(world.pods_on[host], rule)]
    if not own:
        return absent("no rule for the pods' addresses")
    host, rule = own[0]
    told = f"{rule['action']} from {rule['saddr'] or 'anywhere'}"
    if rule["not_daddr"]:
        told += f", not to {words.listed(rule['not_daddr'], 3)}"
    place = f"{rule['command']}, {rule['chain']}"
    return seen("rule", told, (host, rule["command"]), {place})


NODE_ADDRESS = "the node's address"
OUTSIDE = "198.51.100.1"
"""Stands for everything outside of the cluster (RFC 5737, TEST-NET-2)."""


def translated(rules: list[Nat], source: str, target: str) -> str:
    """Return, in words, which source address *rules* of a node give a packet from *source* to *target*."""
    for rule in rules:
        if is_for_services(rule) or any(ranges.contains(one, target) for one in rule["not_daddr"]):
            continue
        if rule["saddr"] is not None and not ranges.contains(rule["saddr"], source):
            continue
        if rule["daddr"] is not None and not ranges.contains(rule["daddr"], target):
            continue
        if rule["conditional"]:
            return "depends on more than addresses"
        return NODE_ADDRESS if rule["action"] == "masquerade" else "a given address"
    return "the pod's own address"


def source_towards(world: World, what: str) -> Measured:
    """Return which source address packets of pods have on their way to *what*: outside, nodes, or pods."""
    found = _rules(world)
    if isinstance(found, Measured):
        return found
    answers: list[str] = []
    at: tuple[str, str] | None = None
    firsts = {
        host: pods[0]["addresses"][0]["local"] for host, pods in world.pods_on.items() if pods and pods[0]["addresses"]
    }
    targets = {"outside": {"": OUTSIDE}, "pods": firsts}.get(what) or {
        node["host"]: addresses[0] for node in world.read if (addresses := rows.node_addresses(node))
    }
    for host, source in firsts.items():
        answers.extend(
            translated(world.nat[host], source, target) for other, target in targets.items() if other != host
        )
        at = at or next(((host, rule["command"]) for rule in world.nat[host] if not is_for_services(rule)), None)
    if not answers:
        return absent(NO_PODS if what == "outside" else "no second node with pods")
    values, text = spread(dict.fromkeys(answers), "kind")
    return seen(values, f"packets carry {text}", at)
