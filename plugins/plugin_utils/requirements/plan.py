# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is sent: the probes and listeners of all requirements, and each node's part as podnet.lab.probe takes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from . import connections, containers, ingresses, leaving, names, path_mtu, policy_table, services
from .records import Check, Listening, Plan
from .scene import Scene

PATIENCE = 3
"""So many times as long a patient probe waits.

What finds the queue of a server full is dropped, and sent again after one and after three seconds (tcp_syn_retries in
tcp(7)); web servers in pods have queues for nine and less.
"""
HOLD = 900
"""Seconds for which listeners wait for probes at most; they are ended when all nodes have sent theirs."""


def plan(scene: Scene) -> Plan:
    """Return everything that is to be sent."""
    checks = [
        check
        for planned in (connections, containers, services, names, leaving, policy_table, path_mtu, ingresses)
        for check in planned.planned(scene)
    ]
    return Plan(
        listeners=[*scene.receivers.values(), *policy_table.listeners(scene)],
        checks=checks,
        pairs_possible=scene.sample.possible,
        pairs_planned=len(scene.sample.pairs),
    )


class Part(NamedTuple):
    """What one node does, as podnet.lab.probe takes it."""

    listeners: list[dict[str, Any]]
    probes: list[dict[str, Any]]
    """A probe for a listener names it, for its port is not known yet."""


def parts(plan: Plan) -> dict[str, Part]:
    """Return the part of each node that has one."""
    found: dict[str, Part] = defaultdict(lambda: Part([], []))
    for one in plan.listeners:
        listener = {"id": one.id, "at": one.at, "protocol": one.protocol, "port": one.port}
        found[one.host].listeners.append(listener)
    for number, check in enumerate(plan.checks):
        probes = found[check.sender.host].probes
        probes.extend({"id": f"{number}.{turn}", **_probe(check)} for turn in range(check.times))
    return dict(found)


def _probe(check: Check) -> dict[str, Any]:
    probe: dict[str, Any] = {"kind": check.kind, "at": check.at or check.sender.at, "to": check.to}
    if check.port is not None:
        probe["port"] = check.port
    elif check.listener is not None:
        probe["listener"] = check.listener
    if check.record:
        probe["type"] = check.record
    if check.site:
        probe["headers"] = {"Host": check.site}
    if check.path:
        probe["path"] = check.path
    if check.patient:
        probe["patient"] = True
    return probe


def ready(probes: list[dict[str, Any]], listening: Mapping[str, Listening], timeout: float) -> list[dict[str, Any]]:
    """Return *probes* with the ports of the listeners that they are for, without those that have none to go to.

    *timeout* is for how many seconds a probe waits that is not patient.
    """
    found = []
    for probe in probes:
        listener = probe.get("listener")
        one = {key: value for key, value in probe.items() if key not in ("listener", "patient")}
        if probe.get("patient"):
            one["timeout"] = PATIENCE * timeout
        if listener is not None:
            port = listening[listener].port if listener in listening else None
            if port is None:
                continue
            one["port"] = port
        found.append(one)
    return found
