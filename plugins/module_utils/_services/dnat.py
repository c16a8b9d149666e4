# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services in the tables of a lab: those of kube-proxy's form, and plain ``dnat`` rules of nftables.

The lab's own table ``podnet_LAB_services`` has maps and chains as kube-proxy's has. What somebody writes by hand is one
rule for each address and port, such as (``nft -j`` of)::

    ip daddr 10.96.0.10 tcp dport 80 dnat to 10.244.0.2:8080
    ip daddr 10.96.0.10 tcp dport 80 dnat to numgen random mod 2 map { 0 : 10.244.0.2, 1 : 10.244.0.3 }

Such rules name no Service, so no name is given to them.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

from .._firewall.commands import as_dict, as_list
from .._ranges.records import parse_address
from .nftables import (
    Json,
    NftTable,
    expressions,
    matches,
    numgen_shares,
    read_kube_proxy,
    rule_text,
)
from .records import (
    FORWARD,
    UNNAMED,
    Backend,
    Found,
    Rule,
    Service,
    Unrecognised,
    merge_backends,
    order,
    parse_port,
    parse_protocol,
    service,
)

_PREFIX = "podnet_"


def is_lab_table(name: str) -> bool:
    """Tell whether a table is that of a lab."""
    return name.startswith(_PREFIX)


def read_lab_table(text: str, family: str, name: str) -> Found:
    """Return the Services in a lab's table, as ``nft -j list table FAMILY NAME`` shows it; raise ValueError."""
    table = NftTable(text)
    if "service-ips" in table.maps and family in ("ip", "ip6"):
        return read_kube_proxy(text, family, name)
    services: List[Service] = []
    unrecognised: List[Unrecognised] = []
    for chain, rules in table.rules.items():
        command = "nft list chain %s %s %s" % (family, name, chain)
        for rule in rules:
            if not any("dnat" in one for one in expressions(rule)):
                continue
            one = _service(rule, command, name, chain)
            if one is not None:
                services.append(one)
                continue
            unrecognised.append(
                {
                    "command": command,
                    "table": name,
                    "chain": chain,
                    "text": rule_text(rule),
                    "reason": "It does not send one address and port to backends.",
                }
            )
    return Found(sorted(services, key=order), unrecognised, [])


def _service(rule: Json, command: str, table: str, chain: str) -> Optional[Service]:
    address: Optional[str] = None
    port: Optional[int] = None
    protocol: Optional[str] = None
    shares: Optional[Tuple[Optional[str], List[Backend]]] = None
    for one in expressions(rule):
        field, operator, right = matches(one)
        if "dnat" in one:
            shares = _shares(as_dict(one["dnat"]))
        elif field == "daddr" and operator == "==":
            address = parse_address(right) if isinstance(right, str) else None
        elif field == "dport" and operator == "==":
            port = parse_port(right)
            payload = as_dict(as_dict(as_dict(one["match"]).get("left")).get("payload"))
            protocol = parse_protocol(payload.get("protocol")) or protocol
        elif field in ("l4proto", "protocol", "nexthdr") and operator == "==":
            protocol = parse_protocol(right)
        elif "counter" not in one:
            return None
    if address is None or port is None or protocol is None or not shares or not shares[1]:
        return None
    family = "inet6" if ":" in address else "inet"
    shown: Rule = {"command": command, "table": table, "chain": chain, "text": rule_text(rule), "target": None}
    found = service(UNNAMED, None, (family, address, port, protocol), "nftables", shown)
    found["backends"] = merge_backends(shares[1])
    found["scheduler"] = shares[0]
    found["action"] = FORWARD
    return found


def _shares(dnat: Dict[str, Any]) -> Optional[Tuple[Optional[str], List[Backend]]]:
    """Return the scheduler and the backends of a dnat statement."""
    target, port = dnat.get("addr"), parse_port(dnat.get("port"))
    if isinstance(target, str):
        address = parse_address(target)
        return None if address is None else (None, [{"address": address, "port": port, "weight": 1.0}])
    found = numgen_shares(as_dict(target).get("map"))
    if found is None:
        return None
    backends: List[Backend] = []
    for result, share in found[1]:
        parts = as_list(as_dict(result).get("concat")) or [result]
        address = parse_address(parts[0]) if isinstance(parts[0], str) else None
        if address is None or len(parts) > 2:
            return None
        backends.append(
            {"address": address, "port": parse_port(parts[1]) if len(parts) == 2 else port, "weight": share}
        )
    return found[0], backends
