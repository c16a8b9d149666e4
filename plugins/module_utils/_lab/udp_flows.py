# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""UDP flows that the kernel still sends where a Service does not lead any more. ``conntrack -L -p udp``::

udp  17 29 src=10.244.0.2 dst=10.96.0.10 sport=4000 dport=53 src=10.244.1.2 dst=10.244.0.2 sport=53 dport=4000 ...
"""

from __future__ import annotations

import ipaddress
import re
from typing import Dict, List, NamedTuple

from .._kernel.flows import End, Flow, leads_on
from .step import SBIN, Step

_TUPLE = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")
_PACKAGE = "conntrack"


class Flows(NamedTuple):
    """Which flows are those of Services of a family, and where they may lead."""

    service_cidr: str
    cluster_cidr: str
    nodes: List[str]
    """Addresses at which Services are reached from outside: those of NodePorts and of load balancers."""
    ways: Dict[End, List[End]]
    """Endpoints by address and port of a Service."""


def parse(text: str) -> List[Flow]:
    """Return the flows that ``conntrack -L -p udp`` lists."""
    found = []
    for line in text.splitlines():
        tuples = _TUPLE.findall(line)
        if len(tuples) == 2:
            (source, asked, sport, dport), (answers, _to, answering, _port) = tuples
            found.append(Flow((source, int(sport)), (asked, int(dport)), (answers, int(answering))))
    return found


def stale(flow: Flow, flows: Flows) -> bool:
    """Tell whether a flow goes to a Service and not to an endpoint of it."""
    try:
        asked, answers = ipaddress.ip_address(flow.asked[0]), ipaddress.ip_address(flow.answers[0])
    except ValueError:
        return False
    translated = flow.asked[0] in flows.nodes and answers in ipaddress.ip_network(flows.cluster_cidr)
    of_service = asked in ipaddress.ip_network(flows.service_cidr) or (translated and flow.asked != flow.answers)
    return of_service and not leads_on(flow, flows.ways)


def end_stale(step: Step, flows: Flows, needed: bool) -> List[str]:
    """Have the kernel forget stale flows; return them, for the diff.

    Where the command is missing nothing is ended, which is said when it may be `needed`.
    """
    command = step.module.get_bin_path("conntrack", opt_dirs=SBIN)
    if command is None:
        if needed:
            step.module.warn(
                "UDP packets of clients that go on asking may still reach where the Services led before: "
                "the program conntrack is not on this node. Install the package %s." % _PACKAGE
            )
        return []
    of_family = ["-f", "ipv6", "-p", "udp"] if ":" in flows.service_cidr else ["-p", "udp"]
    status, out, err = step.module.run_command([command, "-L", *of_family])
    if status != 0:
        step.failed(" ".join(["conntrack", "-L", *of_family]), err)
    ended = [flow for flow in parse(out) if stale(flow, flows)]
    for flow in ended:
        words = ["-D", *of_family, "-s", flow.source[0], "-d", flow.asked[0]]
        words += ["--sport", str(flow.source[1]), "--dport", str(flow.asked[1])]
        step.commands.append(" ".join(["conntrack", *words]))
        if step.real:
            step.module.run_command([command, *words])  # it fails when the flow has ended by itself
    return ["%s:%d to %s:%d by way of %s:%d" % (*item.source, *item.asked, *item.answers) for item in ended]
