# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Source NAT for what leaves the cluster."""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Dict, List, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .names import nft_table
from .nft import nft_command, one_line
from .step import LAB_ARGUMENT, SBIN, Step

_VERSIONS = {"ip": 4, "ip6": 6}
"""Families of nftables, and the version of IP that each is for."""
CHAIN = "type nat hook postrouting priority srcnat; policy accept;"


def wanted_rules(source: str, inside: List[str], family: str = "ip") -> List[str]:
    """Return the rules of the chain, in order, in the language of nft(8). `family` is ``ip`` or ``ip6``."""
    rules = ["%s daddr %s return" % (family, item) for item in inside]
    return [*rules, "%s saddr %s counter masquerade" % (family, source)]


def ruleset(table: str, rules: List[str]) -> List[str]:
    """Return the lines of a table, which `table` names by family and name, for ``nft -f``."""
    lines = ["table %s {" % table, "  chain postrouting {", "    " + CHAIN]
    return lines + ["    " + rule for rule in rules] + ["  }", "}"]


def parse_listing(listing: Any) -> Optional[List[str]]:
    """Return the rules of the one chain of a table, from ``nft -j list table``, in the language of nft(8).

    What this module does not write comes out as JSON, so that it differs from what is wanted.
    None when the table holds anything else than that chain with its hook.
    """
    items = [item for item in listing.get("nftables", []) if "metainfo" not in item and "table" not in item]
    chains = [item["chain"] for item in items if "chain" in item]
    if len(chains) != 1 or any("chain" not in item and "rule" not in item for item in items):
        return None
    expected = {"name": "postrouting", "type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept"}
    if {key: chains[0].get(key) for key in expected} != expected:
        return None
    return [_rule(item["rule"].get("expr", [])) for item in items if "rule" in item]


def _rule(expressions: List[Dict[str, Any]]) -> str:
    words = []
    for expression in expressions:
        match = expression.get("match")
        if match is not None:
            words.append(_match(match))
        elif "counter" in expression:
            words.append("counter")
        elif expression in ({"return": None}, {"masquerade": None}):
            words.append(next(iter(expression)))
        else:
            words.append(json.dumps(expression, sort_keys=True))
    return " ".join(words)


def _match(match: Dict[str, Any]) -> str:
    """One comparison of an address.

    ``{"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}},
    "right": {"prefix": {"addr": "10.244.0.0", "len": 24}}}`` is ``ip saddr 10.244.0.0/24``.
    """
    try:
        payload, right = match["left"]["payload"], match["right"]
        if match["op"] == "==" and payload["protocol"] in _VERSIONS:
            value = right if isinstance(right, str) else "%s/%d" % (right["prefix"]["addr"], right["prefix"]["len"])
            return "%s %s %s" % (payload["protocol"], payload["field"], value)
    except (KeyError, TypeError):
        pass
    return json.dumps(match, sort_keys=True)


def network(step: Step, text: str) -> str:
    """Return a network or address as nft prints it: a single address without a length."""
    try:
        value = ipaddress.ip_network(text)
    except ValueError as error:
        step.fail("network %r" % text, str(error), "Write an address, or a network like 10.244.0.0/16.")
    return str(value.network_address) if value.prefixlen == value.max_prefixlen else str(value)


def of_family(items: List[str], family: str) -> List[str]:
    """Return those of some networks and addresses that are of a family, each once."""
    return [item for item in dict.fromkeys(items) if (6 if ":" in item else 4) == _VERSIONS[family]]


ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "source": {"type": "str"},
        "source_v6": {"type": "str"},
        "inside": {"type": "list", "elements": "str", "default": []},
    },
    "required_if": [("state", "present", ["source", "source_v6"], True)],
}
"""What AnsibleModule is to know of the options."""


def bring(step: Step, nft: str, key: str, wanted: Optional[List[str]]) -> Tuple[List[str], List[str]]:
    """Have a table, named by family and name, with these rules, or none; return its lines before and after."""
    words = key.split(" ")
    status, out, err = step.module.run_command([nft, "-j", "list", "table", *words])
    if status != 0 and "No such file" not in err:
        step.failed("nft list table " + key, err)
    exists = status == 0
    rules = parse_listing(json.loads(out)) if exists else None
    before = [] if not exists else ruleset(key, rules) if rules is not None else ["table %s (altered)" % key]
    delete = ["nft delete table " + key] if exists else []
    if wanted is None:
        if exists:
            nft_command(step, [nft, "delete", "table", *words], delete)
        return before, []
    lines = ruleset(key, wanted)
    if rules != wanted:
        text = "\n".join(["table " + key, "delete table " + key, *lines, ""])
        nft_command(step, [nft, "-f", "-"], [*delete, "nft '%s'" % one_line(lines)], text)
    return before, lines


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    present = module.params["state"] == "present"
    if not present and not module.get_bin_path("nft", opt_dirs=SBIN):
        step.exit(before=[], after=[], see=[])  # without nft the lab cannot have made a table
    nft = step.tool("nft")
    inside = [network(step, item) for item in module.params["inside"]] if present else []
    before: List[str] = []
    after: List[str] = []
    see: List[str] = []
    for family, option in (("ip", "source"), ("ip6", "source_v6")):
        key = "%s %s" % (family, nft_table(step.lab))
        source = network(step, module.params[option]) if present and module.params[option] else None
        wanted = wanted_rules(source, of_family(inside, family), family) if source is not None else None
        was, becomes = bring(step, nft, key, wanted)
        before, after = before + was, after + becomes
        see += ["nft list table " + key] if was or becomes else []
    step.exit(before=before, after=after, see=see)
