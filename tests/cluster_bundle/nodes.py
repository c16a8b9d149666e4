# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Debian packages of a full node that is to carry a cluster."""

from __future__ import annotations

NODE_PACKAGES = (
    # the container runtime, and the plugins that the bundle does not bring
    "containerd",
    "runc",
    "containernetworking-plugins",
    # what kubeadm's preflight looks for, and what kubelet and kube-proxy call
    "conntrack",
    "ebtables",
    "ethtool",
    "iproute2",
    "ipset",
    "iptables",
    "kmod",
    "mount",
    "procps",
    "socat",
    "util-linux",
    # what the role kubeadm_cluster uses itself
    "diffutils",
    "nftables",
    "python3-apt",
)
"""Beside systemd, an SSH server and Python, which every full node has."""
