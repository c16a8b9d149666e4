# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Reads every file of a node that states an address range; the one place that names all sources.

A new source is one function ``read_x(files, ranges)`` and one line in :func:`read_sources`. What is opt-in (the
firewall's rules, the API) is read after them, in :mod:`_cidrs`, and :func:`add_defaults` comes last.
"""

from __future__ import annotations

from ansible_collections.podnet.lab.plugins.module_utils import _cidr_sources_cni as _cni
from ansible_collections.podnet.lab.plugins.module_utils import _cidr_sources_distributions as _distributions
from ansible_collections.podnet.lab.plugins.module_utils import _cidr_sources_kubernetes as _kubernetes
from ansible_collections.podnet.lab.plugins.module_utils._cidr_records import Ranges
from ansible_collections.podnet.lab.plugins.module_utils._cidr_sources_lab import read_labs
from ansible_collections.podnet.lab.plugins.module_utils._cni_config import CniConfigs
from ansible_collections.podnet.lab.plugins.module_utils._files import Files


def read_sources(files: Files, configs: CniConfigs) -> Ranges:
    """Return what a node's files say; unreadable ones are in ``files.errors``, what is no range in its ``errors``."""
    ranges = Ranges()
    _kubernetes.read_static_pods(files, ranges)
    _kubernetes.read_kubeadm(files, ranges)
    _distributions.read_distributions(files, ranges)
    for directory, hint in _kubernetes.mounted_config_maps(files):
        _kubernetes.read_kube_proxy_config_map(files, ranges, directory, hint)
        _cni.read_flannel_network(files, ranges, directory + "/net-conf.json", "config_map", directory, hint)
        _cni.read_cilium_config_map(files, ranges, directory, hint)
    for path in _cni.FLANNEL_FILES:
        _cni.read_flannel_network(files, ranges, path)
    _cni.read_subnet_env(files, ranges)
    _kubernetes.read_kubelet(files, ranges)
    _cni.add_cni_ranges(ranges, configs)
    read_labs(files, ranges)
    return ranges


def add_defaults(files: Files, ranges: Ranges) -> None:
    """Note the distributions' defaults for what no source states; to be called when all else was read."""
    _distributions.read_defaults(files, ranges)
