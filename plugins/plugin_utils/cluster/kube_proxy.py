# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""kube-proxy's mode in a running cluster: what kubectl has to do so that it becomes another.

kube-proxy reads its mode when it starts, from the ConfigMap ``kube-proxy``, and takes the rules of its other modes away
(kubernetes/kubernetes, cmd/kube-proxy/app/options.go and server_linux.go, platformCleanup). It reads it only then, and
a kubelet whose API server was away a moment ago may give a new pod the ConfigMap of before: so each is asked for the
mode that it runs in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import yaml

from .description import Cluster
from .nodes import Node

NOTE = "podnet.lab/mode"
"""Annotation of the DaemonSet while the mode is changed: a run that was killed in between is taken up from there."""

_DEFAULT = "iptables"
"""What an empty mode means on Linux."""


_LOCAL = ("", "0.0.0.0", "127.0.0.1", "localhost", "[::]", "[::1]")
"""Hosts of ``metricsBindAddress`` with which kube-proxy answers its own node."""

_PORT = "10249"
"""Its port there, unless another is set; kubeadm_info asks at this one."""


def change_of_mode(cluster: Cluster, speaking: Node | None, members: Iterable[Node]) -> dict[str, Any]:
    """Return what brings kube-proxy to the wanted mode; nothing when it has it on each node.

    ``begin`` and ``end`` are arguments of kubectl, in order; ``asked`` is whether it answers in between for its mode.
    Nothing is changed where no mode is wanted, and where the cluster's configuration cannot be read.
    """
    if speaking is None or not cluster.proxy_mode:
        return {}
    seen = speaking.seen["api"]["proxy"]
    try:
        configuration = yaml.safe_load(seen["configuration"] or "")
    except yaml.YAMLError:
        return {}
    if not isinstance(configuration, dict):
        return {}
    modes = {node.seen["kubernetes"].get("proxy_mode") for node in members} - {None}
    modes.add(str(configuration.get("mode") or _DEFAULT))
    if modes == {cluster.proxy_mode} and not seen["changing"]:
        return {}
    text = yaml.safe_dump({**configuration, "mode": cluster.proxy_mode})
    patch: dict[str, Any] = {"data": {"config.conf": text}}
    daemonset = "daemonset/kube-proxy"
    base = ["--namespace", "kube-system"]
    host, _colon, port = str(configuration.get("metricsBindAddress") or f":{_PORT}").rpartition(":")
    return {
        "begin": [
            [*base, "annotate", daemonset, "--overwrite", f"{NOTE}={cluster.proxy_mode}"],
            [*base, "patch", "configmap/kube-proxy", "--type", "merge", "--patch", json.dumps(patch)],
            [*base, "rollout", "restart", daemonset],
            [*base, "rollout", "status", daemonset, f"--timeout={cluster.patience}s"],
        ],
        "asked": host in _LOCAL and port == _PORT,
        "end": [*base, "annotate", daemonset, f"{NOTE}-"],
    }
