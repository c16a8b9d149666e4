# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The view ``podnet_pod_cidr`` beside the other three: with the errors of the whole pass."""

from __future__ import annotations

from typing import Any, List, Mapping

from .._pods.identity import owners_of
from .._ranges.leases import DATA_DIR
from .._ranges.pod_cidr import pod_cidr_facts
from .fact_module import Pass
from .views import SCHEMA_VERSION, Facts, pod_reference, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error

USUAL_LEASE: Facts = {"ifname": "eth0"}


def cidr_facts(found: Pass) -> Facts:
    """Read the sources of ranges and return the value of ``podnet_pod_cidr``."""
    node = found.node
    run = found.run if "firewall" in node.subsets else None
    source_nat = None
    if run is not None:
        # Imported only here: Python compiles each module of a task anew, and few ask for this one.
        from .._ranges.source_nat import read_source_nat

        source_nat = read_source_nat(found.files, run)
    facts = pod_cidr_facts(
        node.snapshot, owners_of(node.identities), found.files, found.started, run, "api" in node.subsets
    )
    errors: List[Error] = []
    for error in node.all_errors() + facts["errors"]:
        if error not in errors:  # the leases were read for the pods' sake as well
            errors.append(error)
    if run is not None:
        facts["source_nat"] = source_nat
    facts["errors"] = errors
    facts["partial"] = bool(facts["partial"] or errors)
    facts["schema_version"] = SCHEMA_VERSION
    in_use = facts.pop("addresses_in_use")
    if "addresses" in node.subsets:
        facts["addresses_in_use"] = [{**one, "pod": pod_reference(one["pod"])} for one in in_use]
    facts["leases"] = [lease_fact(one) for one in facts["leases"]]
    return facts


def lease_fact(lease: Mapping[str, Any]) -> Facts:
    """Return a lease as the key shows it: where the file lies is said where it is not where host-local puts it."""
    facts = without({**lease, "pod": pod_reference(lease["pod"])}, USUAL_LEASE)
    if facts["path"] == "%s/%s/%s" % (DATA_DIR, facts["network"], facts["address"]):
        del facts["path"]
    return facts
