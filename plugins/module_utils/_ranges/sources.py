# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reads every file of a node that states an address range; the one place that names all sources.

A new source is one function ``read_x(files, ranges)`` and one line in :func:`read_sources`. What is opt-in (the
firewall's rules, the API) is read after them, in :mod:`_ranges.pod_cidr`, and :func:`add_defaults` comes last.
"""

from __future__ import annotations

from .._files.reader import Files
from . import distributions, kubernetes, network_plugins
from .cni_config import CniConfigs
from .lab import read_labs
from .openshift import read_openshift
from .records import Ranges
from .units import read_units


def read_sources(files: Files, configs: CniConfigs) -> Ranges:
    """Return what a node's files say; unreadable ones are in ``files.errors``, what is no range in its ``errors``."""
    ranges = Ranges()
    kubernetes.read_static_pods(files, ranges)
    read_openshift(files, ranges)
    kubernetes.read_kubeadm(files, ranges)
    read_units(files, ranges)
    distributions.read_distributions(files, ranges)
    for directory, hint in kubernetes.mounted_config_maps(files):
        kubernetes.read_kube_proxy_config_map(files, ranges, directory, hint)
        network_plugins.read_flannel_network(files, ranges, directory + "/net-conf.json", "config_map", directory, hint)
        network_plugins.read_cilium_config_map(files, ranges, directory, hint)
    for path in network_plugins.FLANNEL_FILES:
        network_plugins.read_flannel_network(files, ranges, path)
    network_plugins.read_subnet_env(files, ranges)
    kubernetes.read_kubelet(files, ranges)
    network_plugins.add_cni_ranges(ranges, configs)
    read_labs(files, ranges)
    return ranges


def add_defaults(files: Files, ranges: Ranges) -> None:
    """Note the distributions' defaults for what no source states; to be called when all else was read."""
    distributions.read_defaults(files, ranges)
