# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Builds what a real kubeadm cluster needs from Debian packages alone, so that its tests need no registry.

``bundle("v1.20.2")`` gives the folder of an offline bundle (docs/bundle.md) and ``NODE_PACKAGES`` the Debian packages
of a node beneath it. On the command line: ``python -m tests.cluster_bundle --help``.

Kubernetes is compiled from Debian's source package with Debian's Go. etcd, iptables and the workload's programs are
Debian's as well. Stand-ins, named as such in the bundle's manifest: a small crictl and a small DNS server, which Debian
does not have, and the versions v1.20.3 and v1.21.0, which are v1.20.2 under another number, for upgrades.
"""

from __future__ import annotations

from .build import bundle, bundles
from .compile import VERSIONS
from .images import WORKLOAD_IMAGE
from .nodes import NODE_PACKAGES
from .steps import BuildError

__all__ = ["NODE_PACKAGES", "VERSIONS", "WORKLOAD_IMAGE", "BuildError", "bundle", "bundles"]
