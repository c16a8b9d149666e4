# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Source NAT for what leaves the cluster."""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from .names import nft_table
from .nft import nft_command, one_line
from .step import LAB_ARGUMENT, SBIN, Step

CHAIN = "type nat hook postrouting priority srcnat; policy accept;"


def wanted_rules(source: str, inside: List[str]) -> List[str]:
    """Return the rules of the chain, in order, in the language of nft(8)."""
    rules = ["ip daddr %s return" % item for item in inside]
    return [*rules, "ip saddr %s counter masquerade" % source]


def ruleset(table: str, rules: List[str]) -> List[str]:
    """Return the lines of a table for ``nft -f``."""
    lines = ["table ip %s {" % table, "  chain postrouting {", "    " + CHAIN]
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
        if match["op"] == "==" and payload["protocol"] == "ip":
            value = right if isinstance(right, str) else "%s/%d" % (right["prefix"]["addr"], right["prefix"]["len"])
            return "ip %s %s" % (payload["field"], value)
    except (KeyError, TypeError):
        pass
    return json.dumps(match, sort_keys=True)


def network(step: Step, text: str) -> str:
    """Return an IPv4 network or address as nft prints it: a single address without a length."""
    try:
        value = ipaddress.IPv4Network(text)
    except ValueError as error:
        step.fail("network %r" % text, str(error), "Write an IPv4 address, or a network like 10.244.0.0/16.")
    return str(value.network_address) if value.prefixlen == 32 else str(value)


ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "source": {"type": "str"},
        "inside": {"type": "list", "elements": "str", "default": []},
    },
    "required_if": [("state", "present", ["source"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    table = nft_table(step.lab)
    present = module.params["state"] == "present"
    if not present and not module.get_bin_path("nft", opt_dirs=SBIN):
        step.exit(before=[], after=[], see=[])  # without nft the lab cannot have made a table
    nft = step.tool("nft")
    status, out, err = module.run_command([nft, "-j", "list", "table", "ip", table])
    if status != 0 and "No such file" not in err:
        step.failed("nft list table ip " + table, err)
    exists = status == 0
    rules = parse_listing(json.loads(out)) if exists else None
    before = [] if not exists else ruleset(table, rules) if rules is not None else ["table ip %s (altered)" % table]
    see = ["nft list table ip " + table]
    if not present:
        if exists:
            nft_command(step, [nft, "delete", "table", "ip", table], ["nft delete table ip " + table])
        step.exit(before=before, after=[], see=see)
    inside = list(dict.fromkeys(network(step, item) for item in module.params["inside"]))
    wanted = wanted_rules(network(step, module.params["source"]), inside)
    lines = ruleset(table, wanted)
    if rules != wanted:
        shown = ["nft delete table ip " + table] if exists else []
        shown.append("nft '%s'" % one_line(lines))
        text = "\n".join(["table ip " + table, "delete table ip " + table, *lines, ""])
        nft_command(step, [nft, "-f", "-"], shown, text)
    step.exit(before=before, after=lines, see=see)
