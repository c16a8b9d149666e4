# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Rules of iptables, from the output of ``iptables-save -t TABLE`` (both variants, both families).

A sample::

    *filter
    :FORWARD DROP [0:0]
    :KUBE-FORWARD - [0:0]
    -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
    -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
    -A KUBE-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT
    -A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
"""

from __future__ import annotations

import shlex
from typing import Dict, List

from .rules import (
    ACCEPT,
    CONTINUE,
    DROP,
    GOTO,
    JUMP,
    MASQUERADE,
    OTHER,
    REJECT,
    RETURN,
    SNAT,
    UNKNOWN,
    Chain,
    Match,
    Rule,
    match,
    rule,
)

TARGETS = {
    "ACCEPT": ACCEPT,
    "DROP": DROP,
    "REJECT": REJECT,
    "RETURN": RETURN,
    "MASQUERADE": MASQUERADE,
    "SNAT": SNAT,
}
TARGETS.update(
    dict.fromkeys(
        ("AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DSCP", "HL", "IDLETIMER", "LED", "LOG",
         "MARK", "NFLOG", "NOTRACK", "RATEEST", "SECMARK", "SET", "TCPMSS", "TEE", "TOS", "TRACE", "TTL"),
        CONTINUE,
    )
)  # fmt: skip
"""Targets of iptables-extensions(8); one that is neither here nor a chain may do anything."""

_HOOKS = {"PREROUTING": "prerouting", "INPUT": "input", "FORWARD": "forward", "POSTROUTING": "postrouting"}
_PLAIN = {"-i": "iif", "-o": "oif", "-s": "saddr", "-d": "daddr", "-p": "protocol"}
_EXTENDED = {
    ("conntrack", "--ctstate"): "ct_state",
    ("state", "--state"): "ct_state",
    ("mark", "--mark"): "mark",
    ("addrtype", "--src-type"): "source_type",
    ("addrtype", "--dst-type"): "destination_type",
    ("tcp", "--dport"): "dport",
    ("udp", "--dport"): "dport",
    ("multiport", "--dports"): "dport",
    ("tcp", "--sport"): "sport",
    ("udp", "--sport"): "sport",
    ("multiport", "--sports"): "sport",
}
"""By module and option, for the same option means something else in another module."""
_SILENT = ("addrtype", "comment", "conntrack", "mark", "multiport", "state", "tcp", "udp")
"""Modules that ask for nothing beyond their options."""


def parse_save(text: str) -> Dict[str, Chain]:
    """Return the chains of one table; raise ValueError when a line cannot be taken apart."""
    chains: Dict[str, Chain] = {}
    lines = text.splitlines()
    kind = "nat" if "*nat" in lines else "filter"
    for line in lines:
        if line.startswith(":"):
            name, policy = line[1:].split(" ")[:2]
            base = policy != "-"
            chains[name] = {
                "name": name,
                "type": kind if base else None,
                "hook": _HOOKS.get(name) if base else None,
                "policy": policy.lower() if base else None,
                "rules": [],
            }
    for line in lines:
        if line.startswith("-A "):
            words = shlex.split(line)
            if len(words) > 1 and words[1] in chains:
                chains[words[1]]["rules"].append(_rule(line, words[2:], chains))
    return chains


def _rule(line: str, words: List[str], chains: Dict[str, Chain]) -> Rule:
    """Read what follows ``-A CHAIN``. What follows ``-j TARGET`` belongs to the target."""
    matches: List[Match] = []
    module, negated, place = "", False, 0
    while place < len(words):
        word = words[place]
        value = words[place + 1] if place + 1 < len(words) else ""
        place += 2
        if word == "!":
            negated, place = True, place - 1
            continue
        if word in ("-j", "-g"):
            if value in chains:
                return rule(line, GOTO if word == "-g" else JUMP, matches, value)
            return rule(line, TARGETS.get(value, UNKNOWN), matches)
        key = _PLAIN.get(word) or _EXTENDED.get((module, word))
        if word == "-m":
            module = value
            if value not in _SILENT:
                matches.append(match(OTHER, [value]))
        elif key is not None:
            matches.append(match(key, _values(key, value), negated))
        elif word != "--comment":
            matches.append(match(OTHER, [word]))
            place -= 1 if value.startswith("-") or value == "!" else 0
        negated = False
    return rule(line, CONTINUE, matches)


def _values(key: str, text: str) -> List[str]:
    if key in ("iif", "oif"):
        return [text[:-1] + "*" if text.endswith("+") else text]
    if key in ("dport", "sport"):
        return [one.replace(":", "-") for one in text.split(",")]
    return [one if key in ("saddr", "daddr") else one.lower() for one in text.split(",")]
