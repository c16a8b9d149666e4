# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is odd in a model.

A finding is a pure function over the model and its nodes' views; each file of this room holds those of one subject.
To add one, write the function in the file of its subject, name it in that file's ``ALL`` and its kind in ``kinds.py``;
what it explains is a line in ``causes.py``.
What "Not faults" are, and stay unsaid: a veth with both ends on the node; a pod's cable without
a bridge where the pod is routed (ptp, kindnet, Calico); one MAC for many pods behind a tunnel;
a namespace without a pod; a hostNetwork pod without a cable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..model.index import NodeView, by_node
from ..model.merge import host_order
from ..model.records import Finding, Model
from . import (
    addresses,
    bridges,
    cables,
    checksums,
    dns,
    firewall,
    flows,
    iptables,
    kernel,
    leases,
    managers,
    neighbours,
    nodes,
    pods,
    ranges,
    routes,
    services,
    wireguard,
)
from .causes import SEVERITIES, folded
from .ends import Look, path_of
from .kinds import certainty, place

Finder = Callable[[Model, Mapping[str, NodeView]], Iterable[Finding]]

ALL: tuple[Finder, ...] = (
    *nodes.ALL,
    *kernel.ALL,
    *pods.ALL,
    *cables.ALL,
    *bridges.ALL,
    *addresses.ALL,
    *leases.ALL,
    *ranges.ALL,
    *routes.ALL,
    *wireguard.ALL,
    *checksums.ALL,
    *firewall.ALL,
    *iptables.ALL,
    *neighbours.ALL,
    *services.ALL,
    *flows.ALL,
    *dns.ALL,
    *managers.ALL,
)


def odd(model: Model) -> list[Finding]:
    """Return everything odd in *model*, each cause once, with what follows from it.

    Faults come first; within one severity what stops most traffic does, and then it goes by host and object.
    """
    views = by_node(model)
    found = [finding for finder in ALL for finding in finder(model, views)]
    entries = folded(sorted(found, key=_order))
    look = Look(model, views)
    return [_told(one, look) for one in sorted(entries, key=_order)]


def _told(finding: Finding, look: Look) -> Finding:
    """Return a finding with what goes by its kind: how sure it is, and the packet whose path shows it."""
    told: Finding = {**finding, "certainty": certainty(finding["kind"])}
    path = path_of(look, finding)
    return told if path is None else {**told, "path": path}


def _order(finding: Finding) -> tuple[int, int, list[list[tuple[int, int, str]]], str, str]:
    return (
        SEVERITIES.index(finding["severity"]),
        place(finding["kind"]),
        [host_order(host) for host in finding["hosts"]],
        finding["object"],
        finding["message"],
    )


def with_findings(model: Model) -> Model:
    """Return *model* with its odd things looked for."""
    found = odd(model)
    return {**model, "odd": found, "totals": {**model["totals"], "odd": len(found)}}
