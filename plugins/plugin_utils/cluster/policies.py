# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NetworkPolicies of a cluster whose network holds none of them."""

from __future__ import annotations

from .description import Cluster
from .nodes import Node
from .ranges import VARIABLE

WITHOUT_ENGINE = ("bridge", "flannel")
"""Networks that connect pods and hold no NetworkPolicy."""

OF_WORKLOAD = "default/web"
"""The NetworkPolicy of the role's workload."""

_MOST = 10


def unenforced(cluster: Cluster, speaking: Node | None) -> list[str]:
    """Return a warning that names the NetworkPolicies which nobody holds; those of a manifest's network are its own."""
    if cluster.cni not in WITHOUT_ENGINE or cluster.policy_engine:
        return []
    names = set(speaking.seen["api"]["policies"] if speaking is not None else [])
    names |= {OF_WORKLOAD} if cluster.workload else set()
    if not names:
        return []
    listed = ", ".join(sorted(names)[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
    warning = (
        f"Nobody holds the cluster's NetworkPolicies ({listed}): the network {cluster.cni} lets everything pass. "
        f"{VARIABLE}policy_manifest brings who does."
    )
    return [warning]
