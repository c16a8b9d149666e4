# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kube-proxy's mode in a running cluster: what kubectl has to do so that it becomes another.

kube-proxy reads its mode when it starts, from the ConfigMap ``kube-proxy``, and takes the rules of its other modes away
(kubernetes/kubernetes, cmd/kube-proxy/app/server_linux.go, cleanupAndExit and platformCleanup).
"""

from __future__ import annotations

import json
from typing import Any

import yaml

from .description import Cluster
from .nodes import Node

NOTE = "podnet.lab/mode"
"""Annotation of the DaemonSet while the mode is changed: a run that was killed in between is taken up from there."""

_DEFAULT = "iptables"
"""What an empty mode means on Linux."""


def change_of_mode(cluster: Cluster, speaking: Node | None) -> list[list[str]]:
    """Return the arguments of kubectl, in order, that bring kube-proxy to the wanted mode; none when it has it.

    Nothing is changed where no mode is wanted, and where the cluster's configuration cannot be read.
    """
    if speaking is None or not cluster.proxy_mode:
        return []
    seen = speaking.seen["api"]["proxy"]
    try:
        configuration = yaml.safe_load(seen["configuration"] or "")
    except yaml.YAMLError:
        return []
    if not isinstance(configuration, dict):
        return []
    mode = str(configuration.get("mode") or _DEFAULT)
    if mode == cluster.proxy_mode and not seen["changing"]:
        return []
    text = yaml.safe_dump({**configuration, "mode": cluster.proxy_mode})
    patch: dict[str, Any] = {"data": {"config.conf": text}}
    daemonset = "daemonset/kube-proxy"
    base = ["--namespace", "kube-system"]
    return [
        [*base, "annotate", daemonset, "--overwrite", f"{NOTE}={cluster.proxy_mode}"],
        [*base, "patch", "configmap/kube-proxy", "--type", "merge", "--patch", json.dumps(patch)],
        [*base, "rollout", "restart", daemonset],
        [*base, "rollout", "status", daemonset, f"--timeout={cluster.patience}s"],
        [*base, "annotate", daemonset, f"{NOTE}-"],
    ]
