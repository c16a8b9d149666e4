# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds what a real kubeadm cluster needs from source, so that its tests need no registry.

``bundle(versions().base)`` gives the folder of an offline bundle (docs/bundle.md) and ``NODE_PACKAGES`` the Debian
packages of a node beneath it. On the command line: ``python -m tests.cluster_bundle --help``.

A current Kubernetes, etcd, CoreDNS and crictl are compiled from Go modules (go_modules.py), and so are a policy engine,
flannel and containerd 2.1 for the tests that have them; containerd 1.7 is a newer Debian's. Where no module proxy is
reached, Kubernetes 1.20 comes from Debian's source package (debian_source.py), with two stand-ins that the bundle's
manifest names. iptables, nftables and the workload's programs are Debian's. The versions to which a cluster is upgraded
are the same source under other numbers, and the manifest says so.

``PODNET_CLUSTER_BUNDLE`` names a bundle that was made in another way, by playbooks/bundle.yml for instance: then
nothing is built.
"""

from __future__ import annotations

from .build import bundle, bundles, recipe, versions, workload_image
from .images import FURTHER
from .nodes import NODE_PACKAGES
from .steps import BuildError

__all__ = ["FURTHER", "NODE_PACKAGES", "BuildError", "bundle", "bundles", "recipe", "versions", "workload_image"]
