# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the modules of the role ``kubeadm_cluster`` share: the node's mark, and one kubeadm at a time.

The mark says that this role made the node a member of a cluster, or began to::

    {"schema_version": 1, "cluster": "kubernetes", "phase": "member", "role": "control_plane", "bridge": "cni0"}

``phase`` is ``initialising``, ``joining``, ``member`` or ``resetting``: what was begun and did not end is known
again, and only a node with a mark is ever reset. While kubeadm upgrades a member, ``upgrading`` has the version;
while its certificates are renewed, ``renewing`` is there.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import tempfile
import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

STATE = "/etc/podnet-lab/kubeadm_cluster"
MARK = STATE + "/mark.json"
LOCK = "/run/podnet-kubeadm.lock"
CONFIG_PREFIX = "/run/podnet-kubeadm-"
"""kubeadm's configuration while it runs. It holds a token, so it lies in memory and is removed again."""
ADMIN = "/etc/kubernetes/admin.conf"
KUBELET_STATE = "/var/lib/kubelet"

ROUTE_PROTOCOL = 113
"""Routes between nodes carry ``proto 113``: a number that neither iproute2's rt_protos nor the lab (112) uses."""

NFT_TABLE = "podnet_cluster"
ROUTES_UNIT = "podnet-pod-routes.service"
CNI_NETWORK = "podnet-cluster"
"""Name of the CNI network, so also of its leases' directory below /var/lib/cni/networks."""
CNI_FILE = "/etc/cni/net.d/10-podnet-cluster.conflist"
FLANNEL_SIGN = STATE + "/flannel.yml"
"""Where the role put flannel on the node: the manifest, which is written before it is applied."""
FLANNEL_CNI_FILE = "/etc/cni/net.d/10-flannel.conflist"
FLANNEL_PATHS = (
    FLANNEL_CNI_FILE,
    "/run/flannel",
    "/var/lib/cni/flannel",
    "/opt/cni/bin/flannel",
    "/usr/lib/cni/flannel",
)
"""What flannel leaves: configuration, its subnet, its plugin's state, and the plugin itself in either directory."""
FLANNEL_LINK = "flannel.1"
"""The VXLAN link; 1 is flannel's network identifier when none is given."""


class BusyError(Exception):
    """Another kubeadm of this role is still at work on the node."""


def read_mark() -> Optional[Dict[str, Any]]:
    """Return the node's mark, or None when there is none that can be read."""
    try:
        with open(MARK, encoding="utf-8") as opened:
            mark = json.load(opened)
    except (OSError, ValueError):
        return None
    return mark if isinstance(mark, dict) else None


def write_mark(mark: Dict[str, Any]) -> None:
    """Write the node's mark, whole or not at all. Raises OSError."""
    os.makedirs(STATE, mode=0o755, exist_ok=True)
    handle, path = tempfile.mkstemp(dir=STATE)
    with os.fdopen(handle, "w") as opened:
        json.dump(dict(mark, schema_version=1), opened, indent=1, sort_keys=True)
        opened.write("\n")
    os.chmod(path, 0o644)
    os.replace(path, MARK)


@contextmanager
def alone(seconds: float) -> Iterator[int]:
    """Hold the node's lock; give its descriptor, for kubeadm to hold it too.

    A play that was killed leaves its kubeadm behind: who comes next waits for that. Raises BusyError
    when it does not end in time, OSError when there can be no lock.
    """
    descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, fcntl.LOCK_EX, seconds)
        for left in glob.glob(CONFIG_PREFIX + "*"):  # of a run that was killed
            os.unlink(left)
        yield descriptor
    finally:
        os.close(descriptor)


def wait_for_others(seconds: float) -> None:
    """Wait until no kubeadm of this role is at work, without making a file. Raises BusyError."""
    try:
        descriptor = os.open(LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        _lock(descriptor, fcntl.LOCK_SH, seconds)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, kind: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= end:
                raise BusyError("kubeadm of an earlier run is still at work after %d seconds" % seconds) from None
            time.sleep(0.5)
