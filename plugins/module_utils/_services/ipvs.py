# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services in the kernel's table of IPVS, ``/proc/net/ip_vs`` (Linux ``net/netfilter/ipvs/ip_vs_ctl.c``).

A sample (addresses of IPv4 and ports are hexadecimal)::

    IP Virtual Server version 1.2.1 (size=4096)
    Prot LocalAddress:Port Scheduler Flags
      -> RemoteAddress:Port Forward Weight ActiveConn InActConn
    TCP  0A600001:01BB rr persistent 2700000 FFFFFFFF
      -> AC1E630B:192B      Masq    1      0          0
    UDP  [fd00:0010:0096:0000:0000:0000:0000:000a]:0035 rr
      -> [fd00:0010:0244:0000:0000:0000:0000:0002]:0035      Masq    1      0          0

The table has no names. Its timeout is in ticks of a length that it does not say.
"""

from __future__ import annotations

import re
import socket
import struct
from typing import AbstractSet, List, Optional, Tuple

from .._ranges.records import parse_address
from .records import (
    FORWARD,
    REJECT,
    UNNAMED,
    Backend,
    Found,
    Rule,
    Service,
    Unrecognised,
    backend_order,
    cut,
    order,
    parse_protocol,
    service,
    weight,
)

PATH = "/proc/net/ip_vs"
COMMAND = "cat " + PATH
DEVICE = "kube-ipvs0"
"""The interface that has every address of a Service, so that the node takes packets for them (pkg/proxy/ipvs)."""

_ENDPOINT = r"(?:([0-9A-F]{8})|\[([0-9a-f:.]{2,45})\]):([0-9A-F]{4})"
_SERVICE = re.compile(r"(TCP|UDP|SCTP) +%s (\S+)( ops)?(?: +persistent [0-9]+ [0-9A-F]{1,8})? *\Z" % _ENDPOINT)
_BACKEND = re.compile(r"  -> %s +(\S+) +(-?[0-9]{1,9}) +[0-9]+ +[0-9]+ *\Z" % _ENDPOINT)
# They share out by turns: equally, or by weight. All others look at connections or at addresses.
_EQUAL, _WEIGHTED = "rr", "wrr"


def read_ipvs(text: str, own: AbstractSet[str], dummy: AbstractSet[str]) -> Found:
    """Return the Services in the text of ``/proc/net/ip_vs``.

    `own` are the addresses of the node without those of ``kube-ipvs0``, `dummy` are these. An address that only the
    node itself has is one that NodePorts are answered at; of the others the table does not say what they are.
    """
    services: List[Service] = []
    unrecognised: List[Unrecognised] = []
    weights: List[Tuple[Backend, int]] = []
    current: Optional[Service] = None
    for line in text.splitlines()[3:]:
        if line.startswith("  ->"):
            backend = _backend(line)
            if backend is not None and current is not None:
                weights.append(backend)
                continue
        else:
            if current is not None:
                _share_out(current, weights)
            current, weights = _service(line, own, dummy), []
            if current is not None:
                services.append(current)
                continue
        unrecognised.append(
            {
                "command": COMMAND,
                "table": "ip_vs",
                "chain": None,
                "text": cut(line),
                "reason": "It is neither an address and port nor a backend of one.",
            }
        )
    if current is not None:
        _share_out(current, weights)
    addresses = {one["virtual_address"] or "" for one in services if one["type"] == "node_port"}
    return Found(sorted(services, key=order), unrecognised, sorted(addresses))


def _address(four: Optional[str], six: Optional[str]) -> Optional[str]:
    return socket.inet_ntop(socket.AF_INET, struct.pack("!I", int(four, 16))) if four else parse_address(six or "")


def _service(line: str, own: AbstractSet[str], dummy: AbstractSet[str]) -> Optional[Service]:
    match = _SERVICE.match(line)
    if match is None:
        return None
    protocol, four, six, port, scheduler, _ops = match.groups()
    address = _address(four, six)
    if address is None:
        return None
    kind = "node_port" if dummy and address in own and address not in dummy else None
    rule: Rule = {"command": COMMAND, "table": "ip_vs", "chain": None, "text": line.rstrip(), "target": None}
    family = "inet6" if six else "inet"
    place = (family, address, int(port, 16), parse_protocol(protocol.lower()) or "")
    one = service(UNNAMED, kind, place, "ipvs", rule)
    one["scheduler"] = scheduler
    if " persistent " in line:
        one["affinity"] = {"type": "ClientIP", "timeout": None}
    return one


def _backend(line: str) -> Optional[Tuple[Backend, int]]:
    match = _BACKEND.match(line)
    if match is None:
        return None
    address = _address(match.group(1), match.group(2))
    if address is None:
        return None
    return {"address": address, "port": int(match.group(3), 16), "weight": None}, int(match.group(5))


def _share_out(one: Service, weights: List[Tuple[Backend, int]]) -> None:
    """Give each backend its share of new connections; a weight of 0 takes no new ones."""
    parts = [(value if one["scheduler"] == _WEIGHTED else 1) if value > 0 else 0 for _backend, value in weights]
    total = sum(parts)
    for (backend, _value), part in zip(weights, parts):
        if not part:
            backend["weight"] = 0.0
        elif one["scheduler"] in (_EQUAL, _WEIGHTED) or total == part:
            backend["weight"] = weight(part / total)
    one["backends"] = sorted((backend for backend, _value in weights), key=backend_order)
    # Without a backend ip_vs_leave() answers with ICMP port unreachable.
    one["action"] = FORWARD if total else REJECT
