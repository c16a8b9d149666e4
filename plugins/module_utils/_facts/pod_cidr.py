# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The view ``podnet_pod_cidr`` beside the other three: with the errors of the whole pass."""

from __future__ import annotations

from typing import List

from .._pods.identity import owners_of
from .._ranges.pod_cidr import pod_cidr_facts
from .fact_module import Pass
from .views import Facts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error


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
    return facts
