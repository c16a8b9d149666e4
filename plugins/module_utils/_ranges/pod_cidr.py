# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Address ranges of a node, its pods and services: what the key ``podnet_pod_cidr`` says.

Files are read in :mod:`_ranges.sources`, :mod:`_ranges.cni_config` and :mod:`_ranges.leases`, the kernel's tables
come with the snapshot, and :mod:`_ranges.conflicts` judges.
"""

from __future__ import annotations

import time
from typing import Any, Dict, List, Mapping, Optional

from .._files.reader import Files
from .cni_config import CniConfigs, lease_directories, read_cni_configs
from .cni_network import cni_facts
from .conflicts import find_conflicts
from .kernel import (
    add_calico_blocks,
    add_cilium,
    addresses_in_use,
    node_facts,
    node_networks,
    own_addresses,
)
from .leases import DATA_DIR, Lease, lease_facts, read_leases
from .records import Range, Ranges
from .sources import add_defaults, read_sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._firewall.commands import Run
    from .._kernel.records import Error, Snapshot

SCHEMA_VERSION = 1
NEEDS = frozenset(("addresses", "routes"))
"""The parts of a snapshot that this key is made from. ``all_routes`` adds Calico's own routing table."""

_SCOPES = ("cluster", "node", "block", "hint")


def pod_cidr_facts(
    snapshot: Snapshot,
    owners: Mapping[int, Mapping[str, Any]],
    files: Optional[Files] = None,
    started: Optional[float] = None,
    run: Optional[Run] = None,
    api: bool = False,
) -> Dict[str, Any]:
    """Read the sources on this node and return the value of ``podnet_pod_cidr``.

    `owners` maps the inode of a network namespace to the pod that it belongs to (``namespace``,
    ``name``, ``sandbox_id``). `files` is the reader; errors that it already has are reported too. `started` is
    the time (seconds since the epoch) when the snapshot was begun; without it, that is taken to be now.
    With `run` (AnsibleModule.run_command) the firewall's rules are read too, which starts commands. With `api` the API
    server is asked, where the node has credentials for it.
    """
    files = Files() if files is None else files
    started = time.time() if started is None else started
    configs = read_cni_configs(files)
    ranges = read_sources(files, configs)
    if run is not None and not files.timed_out:
        # Imported only here: Python compiles each module of a task anew, and few ask for this one.
        from .firewall import read_firewall

        read_firewall(files, ranges, run)
    cluster = None
    if api:
        from .api import ThisNode, read_api

        cluster = read_api(files, ranges, ThisNode(snapshot["hostname"], own_addresses(snapshot)))
    add_defaults(files, ranges)
    if run is not None:
        from .firewall import tell_local_ranges

        tell_local_ranges(ranges)
    leases = read_leases(files, [DATA_DIR, *lease_directories(configs)])
    facts = combine(snapshot, owners, configs, ranges, leases, files.errors, started)
    if api:
        facts["api"] = cluster
    return facts


def combine(
    snapshot: Snapshot,
    owners: Mapping[int, Mapping[str, Any]],
    configs: CniConfigs,
    ranges: Ranges,
    leases: List[Lease],
    errors: List[Error],
    started: float,
) -> Dict[str, Any]:
    """Put together what was read; `ranges` takes up what the kernel's tables add."""
    add_calico_blocks(ranges, snapshot)
    add_cilium(ranges, snapshot)
    networks = node_networks(snapshot, owners)
    node = node_facts(snapshot, networks)
    in_use = addresses_in_use(snapshot, owners)
    states = lease_facts(leases, snapshot, owners, started)
    errors = snapshot["errors"] + [error for one in snapshot["namespaces"].values() for error in one["errors"]] + errors
    errors = list(
        {tuple(sorted(error.items())): error for error in errors + configs["unreadable"] + ranges.errors}.values()
    )
    return {
        "schema_version": SCHEMA_VERSION,
        "partial": bool(errors or snapshot["partial"]),
        "errors": errors,
        "node": node,
        "pod": _ordered(ranges.pod),
        "service": _ordered(ranges.service),
        "node_prefix_lengths": list(ranges.prefix_lengths),
        "addresses_in_use": in_use,
        "leases": states,
        "cni": cni_facts(configs),
        "conflicts": find_conflicts(ranges, networks, [one["local"] for one in node["addresses"]], in_use, states),
    }


def _ordered(ranges: List[Range]) -> List[Range]:
    """Sort by scope and family; among those the order of the sources stays."""
    return sorted(ranges, key=lambda entry: (_SCOPES.index(entry["scope"]), entry["family"]))
