# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Ranges of a lab that was built by hand with this collection.

The lab notes them in ``/run/podnet-lab/<lab>/ranges.json``, both as strings with commas when dual-stack::

    {"cluster_cidr": "10.244.0.0/16", "pod_cidr": "10.244.1.0/24"}

and with Services their range, beside their addresses, in ``/var/lib/podnet-lab/<lab>/services.json``, those of IPv6 in
``services_v6.json``::

    {"service_cidr": "10.96.0.0/16", "services": {"default/web": "10.96.1.1"}}
"""

from __future__ import annotations

from .._files.reader import Files
from .records import CLUSTER, NODE, Ranges, in_file

STATE_DIRECTORY = "/run/podnet-lab"
LEASES_DIRECTORY = "/var/lib/podnet-lab"


def read_labs(files: Files, ranges: Ranges) -> None:
    """Read the ranges of every lab on this node."""
    for lab in files.names(STATE_DIRECTORY):
        path = "%s/%s/ranges.json" % (STATE_DIRECTORY, lab)
        content = files.json(path)
        if isinstance(content, dict):
            ranges.add("pod", content.get("cluster_cidr"), CLUSTER, in_file("lab", path, "cluster_cidr"))
            ranges.add("pod", content.get("pod_cidr"), NODE, in_file("lab", path, "pod_cidr"))
    for lab in files.names(LEASES_DIRECTORY):
        for name in ("services.json", "services_v6.json"):
            path = "%s/%s/%s" % (LEASES_DIRECTORY, lab, name)
            content = files.json(path)
            if isinstance(content, dict):
                ranges.add("service", content.get("service_cidr"), CLUSTER, in_file("lab", path, "service_cidr"))
