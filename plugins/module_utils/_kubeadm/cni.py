# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What CNI plugins keep on a node, /var/lib/cni: what of it is this cluster's, and what must outlast a reset.

Up to 1.26 or so ``kubeadm reset`` empties /var/lib/cni, whoever wrote there ("Deleting contents of stateful
directories" is what it says). Leases of other networks, as those of a lab, are put aside meanwhile.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
from contextlib import contextmanager
from typing import Iterator, List

from .mark import CNI_NETWORK

CNI_STATE = "/var/lib/cni"
ASIDE = "/var/lib/podnet-lab/cni"


def own_results(state: str = CNI_STATE) -> List[str]:
    """Return the cached results of CNI calls for this cluster's network and its loopbacks.

    Beside ``results/podnet-cluster-<sandbox>-eth0`` lies ``results/cni-loopback-<sandbox>-lo``.
    """
    own = sorted(glob.glob("%s/results/%s-*" % (state, CNI_NETWORK)))
    sandboxes = set()
    for path in own:
        try:
            with open(path, encoding="utf-8") as opened:
                sandboxes.add(json.load(opened)["containerId"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return own + ["%s/results/cni-loopback-%s-lo" % (state, sandbox) for sandbox in sorted(sandboxes)]


def foreign(state: str = CNI_STATE) -> List[str]:
    """Return what of a state directory is of other networks, as paths in it."""
    own = {os.path.relpath(path, state) for path in own_results(state)} | {"networks/" + CNI_NETWORK}
    found = []
    for top in _entries(state):
        inner = ["%s/%s" % (top, name) for name in _entries(os.path.join(state, top))]
        found += [path for path in inner if path not in own] if top in ("networks", "results") else [top]
    return found


@contextmanager
def kept_aside(state: str = CNI_STATE, aside: str = ASIDE) -> Iterator[None]:
    """Put the state of other networks aside, and back in the end; first what a killed run left there."""
    put_back(state, aside)
    for path in foreign(state):
        os.makedirs(os.path.dirname(os.path.join(aside, path)), mode=0o755, exist_ok=True)
        shutil.move(os.path.join(state, path), os.path.join(aside, path))
    try:
        yield
    finally:
        put_back(state, aside)


def put_back(state: str, aside: str) -> None:
    """Put everything that is aside back to where it was."""
    for directory, names, files in os.walk(aside, topdown=False):
        for name in files:
            target = os.path.join(state, os.path.relpath(os.path.join(directory, name), aside))
            os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
            shutil.move(os.path.join(directory, name), target)
        if not names and not files:
            os.makedirs(os.path.join(state, os.path.relpath(directory, aside)), mode=0o755, exist_ok=True)
        os.rmdir(directory)


def _entries(directory: str) -> List[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
