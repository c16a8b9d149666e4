# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every kind of finding, in the order in which they are told: what stops most traffic first.

docs/findings.md explains each; a test holds its table to this list.
"""

from __future__ import annotations

from ..model.records import Certainty

KINDS = (
    # Everything on a node or in the cluster
    "node-not-read",
    "forwarding-off",
    "forward-dropped",
    "conntrack-nearly-full",
    "neighbour-table-nearly-full",
    "address-shared-by-nodes",
    "mac-shared-by-nodes",
    "machine-id-shared",
    "range-overlap",
    "node-ranges-overlap",
    "cluster-ranges-differ",
    "range-stale",
    "range-disagreement",
    "cni-unreadable",
    # All pods of a bridge, and pods that cannot start
    "cni-wrong-first",
    "bridge-down",
    "bridge-wrong-address",
    "bridge-second-address",
    "leases-full",
    # Between nodes
    "route-wrong",
    "route-missing",
    "rp-filter-strict",
    "tunnel-blocked",
    "tunnel-differs",
    "tunnel-mac-changed",
    "tunnel-fdb-wrong",
    "tunnel-fdb-missing",
    "tunnel-neighbour-wrong",
    "wireguard-peer-missing",
    "tunnel-mtu",
    "checksum-errors",
    "masquerade-missing",
    "masquerade-between-pods",
    "neighbour-wrong",
    # Services
    "bridge-nf-call-off",
    "service-rules-mixed",
    "service-rules-stale",
    "service-missing",
    "service-without-backends",
    "service-backend-gone",
    "conntrack-stale",
    "hairpin-off",
    # Names
    "dns-not-served",
    "dns-loop",
    # Single pods
    "pod-without-address",
    "pod-interface-down",
    "cable-unplugged",
    "port-not-forwarding",
    "bridge-fdb-wrong",
    "pod-without-default-route",
    "pod-gateway-missing",
    "range-duplicate",
    "address-shared-by-pods",
    "address-of-pod-and-node",
    "address-twice-on-bridge",
    "mac-twice-on-bridge",
    "range-out-of-range",
    "mtu-mismatch",
    "bridge-mtu",
    # What will hurt later
    "address-without-lease",
    "leases-nearly-full",
    "lease-leaked",
    "lease-empty",
    "namespace-leaked",
    "link-managed",
    # What is not known
    "node-partly-read",
    "namespace-not-read",
    "cable-unresolved",
    "cable-ambiguous",
    # What may surprise
    "service-backends-differ",
    "dns-cut",
    "dns-ndots",
    "bridge-promiscuous",
    "iptables-variants-mixed",
    "pod-mtu",
    "route-asymmetric",
    "cni-shadowed",
    "bridge-left-over",
)

INFERRED = frozenset(
    (
        "checksum-errors",
        "mac-shared-by-nodes",
        "machine-id-shared",
        "range-stale",
        "cni-wrong-first",
        "bridge-wrong-address",
        "bridge-second-address",
        "route-wrong",
        "route-missing",
        "rp-filter-strict",
        "tunnel-differs",
        "tunnel-mac-changed",
        "masquerade-missing",
        "service-rules-mixed",
        "service-rules-stale",
        "service-missing",
        "service-backend-gone",
        "conntrack-stale",
        "hairpin-off",
        "dns-not-served",
        "pod-without-default-route",
        "address-twice-on-bridge",
        "range-out-of-range",
        "namespace-leaked",
        "service-backends-differ",
        "route-asymmetric",
        "bridge-left-over",
        "bridge-promiscuous",
    )
)
"""What follows from other nodes' facts or from what plugins usually do; every other kind the facts show as it is."""

_PLACES = {kind: place for place, kind in enumerate(KINDS)}


def place(kind: str) -> int:
    """Return where a kind stands among the others; one that a node's facts made up stands last."""
    return _PLACES.get(kind, len(KINDS))


def certainty(kind: str) -> Certainty:
    """Return how sure a finding of this kind is."""
    return "inferred" if kind in INFERRED else "seen"
