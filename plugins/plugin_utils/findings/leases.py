# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about leases of host-local: ranges that are full, or nearly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Lease, Model, Range
from ..text import commands, words

_NOT_GIVEN = 3
"""Addresses of a range that host-local gives to no pod: the network's own, the gateway and the last one
(plugins/ipam/host-local/backend/allocator/range.go, Canonicalize)."""
_NEARLY = 0.9
"""From this share on a range is called nearly full."""


def leases_full(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Ranges in which host-local has no free address, or few; leases without a pod count, for they take one too.

    A range may be cut by rangeStart and rangeEnd, which makes it full earlier than said here. With several ranges of
    one family nothing is said while one of them has room.
    """
    for host, view in views.items():
        for family in ("inet", "inet6"):
            counted = [
                (one, leases)
                for one in view.ranges
                if one["what"] == "pod" and one["scope"] == "node" and one["family"] == family
                if (leases := _in_range(view, one))
            ]
            size = sum(_size(one) for one, _leases in counted)
            leases = [lease for _one, found in counted for lease in found]
            if len(counted) != _ranges_in_cni(view, host, family) or size <= 0 or len(leases) < size * _NEARLY:
                continue
            yield _finding(host, counted[0][0]["cidr"], leases, size)


def _in_range(view: NodeView, one: Range) -> list[Lease]:
    found = {lease["address"]: lease for lease in view.leases if lease["address"]}
    return [lease for address, lease in found.items() if ranges.contains(one["cidr"], address or "")]


def _ranges_in_cni(view: NodeView, host: str, family: str) -> int:
    """Return from how many ranges pods may get their addresses: those of the CNI configuration, else all that are."""
    own = [one for one in view.ranges if one["what"] == "pod" and one["scope"] == "node" and one["family"] == family]
    in_cni = [one for one in own if any(src["host"] == host and src["kind"] == "cni" for src in one["sources"])]
    return len(in_cni or own)


def _size(one: Range) -> int:
    network = ranges.network(one["cidr"])
    return 0 if network is None else network.size - _NOT_GIVEN


def _finding(host: str, cidr: str, leases: list[Lease], size: int) -> Finding:
    states = {state: sum(lease["state"] == state for lease in leases) for state in ("in_use", "leaked", "empty")}
    free = size - len(leases)
    idle = states["leaked"] + states["empty"]
    full = free <= 0
    return {
        "kind": "leases-full" if full else "leases-nearly-full",
        "severity": "fault" if full else "note",
        "hosts": [host],
        "object": leases[0]["network"],
        "message": f"the range {cidr} has {'no' if full else 'only ' + str(free)} free "
        f"{'address' if full or free == 1 else 'addresses'}" + (": no pod can start here any more" if full else ""),
        "evidence": [
            f"{words.counted(len(leases), 'lease')} for {words.counted(size, 'address', 'addresses')} of {cidr}",
            f"{states['in_use']} in use by pods, {states['leaked']} of no sandbox, {states['empty']} empty",
        ],
        "remedy": "Remove the files of the leases that no sandbox has (crictl pods), with the container runtime "
        "stopped; they are left when a runtime is killed or its state is deleted"
        if idle
        else "Give the node a larger range, or fewer pods (kubelet's maxPods)",
        "command": commands.leases(leases[0]),
    }


ALL = (leases_full,)
