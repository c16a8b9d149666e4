# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""UDP flows that go on to where no rule of their Service leads."""

from __future__ import annotations

from collections import Counter
from typing import Dict, Iterable, List, Optional, Set, Tuple, TypedDict

from .._kernel.flows import End, Flow, leads_on
from .records import FORWARD, Service

MOST_STALE = 100
"""So many pairs of ends are listed, those with most flows."""


class StaleFlows(TypedDict):
    """Flows of one Service's address and port to one end where its rules do not lead."""

    protocol: str
    address: str
    port: int
    backend: str
    backend_port: int
    count: int


def stale_flows(flows: Iterable[Flow], services: Iterable[Service], own: Iterable[str]) -> List[StaleFlows]:
    """Return the flows to Services that do not lead where the rules do; *own* are the node's addresses.

    Nothing is said of an address and port with rules of which any was not understood, or leads nowhere.
    """
    ways = _ways(list(services), list(own))
    stale = (flow for flow in flows if flow.asked in ways and not leads_on(flow, ways))
    counts = Counter((flow.asked, flow.answers) for flow in stale)
    found: List[StaleFlows] = [
        {
            "protocol": "udp",
            "address": asked[0],
            "port": asked[1],
            "backend": answers[0],
            "backend_port": answers[1],
            "count": count,
        }
        for (asked, answers), count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    ]
    return found[:MOST_STALE]


_Name = Tuple[Optional[str], Optional[str], Optional[str]]


def _ways(services: List[Service], own: List[str]) -> Dict[End, Set[End]]:
    """Return the backends by each address and port of a Service.

    They are those of all its addresses: with the policy Local one leads to some of the backends from outside, and to
    all of them from the node's pods.
    """
    named: Dict[_Name, Set[End]] = {}
    ways: Dict[End, Set[End]] = {}
    doubtful: Set[End] = set()
    asked = [one for one in services if one["protocol"] == "udp"]
    for one in asked:
        named.setdefault(_name(one), set()).update(_ends(one))
    for one in asked:
        ends = named[_name(one)] if one["name"] is not None else _ends(one)
        for place in _places(one, own):
            ways.setdefault(place, set()).update(ends)
            if one["action"] != FORWARD or not one["backends"]:
                doubtful.add(place)
    return {place: ends for place, ends in ways.items() if place not in doubtful}


def _name(one: Service) -> _Name:
    return (one["namespace"], one["name"], one["port_name"])


def _ends(one: Service) -> Set[End]:
    return {
        (backend["address"], one["port"] if backend["port"] is None else backend["port"]) for backend in one["backends"]
    }


def _places(one: Service, own: List[str]) -> List[End]:
    if one["virtual_address"] is not None:
        return [(one["virtual_address"], one["port"])]
    return [(address, one["port"]) for address in own if (":" in address) == (one["family"] == "inet6")]
