# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The sandboxes that podnet.lab's own lab keeps on a node.

``/run/podnet-lab/<lab>/pods/<sandbox id>.json``::

    {"schema_version": 1, "lab": "lab0", "namespace": "default", "name": "pod1", "uid": "0d5c…",
     "sandbox_id": "9f31…", "netns": "/run/netns/lab0-pod1", "labels": {}, "pid": 812, "starttime": 90412,
     "containers": [{"name": "web", "id": "9f31…-web", "pid": 815, "starttime": 90415}]}

``netns`` is null when the namespace has no name; then the sandbox's process proves which one it is.
"""

from __future__ import annotations

from typing import Any, List, Optional, Tuple

from .._files.reader import Files
from .claims import (
    Claims,
    ContainerClaim,
    SandboxClaim,
    mapping,
    number,
    objects,
    text,
)

STATE_DIR = "/run/podnet-lab"
SCHEMA_VERSION = 1

_REMEDY = "Remove the lab with podnet.lab.teardown, or the file when no such lab exists."


def parse_lab_pod(value: Any, path: str) -> Claims:
    """Return what one state file (its JSON `value`) says. Raises ValueError when it is none."""
    state = mapping(value, "the file")
    if state.get("schema_version") != SCHEMA_VERSION:
        raise ValueError("its schema_version is not %d" % SCHEMA_VERSION)
    sandbox_id, name = text(state.get("sandbox_id")), text(state.get("name"))
    if sandbox_id is None or name is None:
        raise ValueError("it lacks sandbox_id or name")
    containers: List[ContainerClaim] = []
    for entry in objects(state.get("containers")):
        container_id = text(entry.get("id"))
        if container_id is not None:
            containers.append(ContainerClaim(container_id, text(entry.get("name")), sandbox_id, _process(entry)))
    proofs = [_process(state)] + [container.process for container in containers]
    claim = SandboxClaim(
        source="lab_state",
        path=path,
        sandbox_id=sandbox_id,
        namespace=text(state.get("namespace")),
        name=name,
        uid=text(state.get("uid")),
        runtime="lab",
        netns=text(state.get("netns")),
        processes=tuple(proof for proof in proofs if proof is not None),
    )
    return Claims([claim], containers)


def _process(entry: Any) -> Optional[Tuple[int, int]]:
    pid, starttime = number(entry.get("pid")), number(entry.get("starttime"))
    return None if pid is None or starttime is None else (pid, starttime)


def parse_starttime(stat: str) -> Optional[int]:
    """Return the start time in the text of /proc/PID/stat (proc(5), field 22, in ticks since boot).

    The name, which may hold spaces and brackets, ends with the last bracket.

    >>> parse_starttime("7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 90412 5787648 1")
    90412
    """
    fields = stat.rpartition(")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[19].isdigit() else None


def _runs(files: Files, process: Optional[Tuple[int, int]]) -> bool:
    """Tell whether the very process runs, and not another that has got its id."""
    stat = files.text("/proc/%d/stat" % process[0]) if process is not None else None
    return process is not None and stat is not None and parse_starttime(stat) == process[1]


def _proven(files: Files, claims: Claims) -> Claims:
    """Return the claims without the processes that do not run any more."""
    return Claims(
        [
            sandbox._replace(processes=tuple(process for process in sandbox.processes if _runs(files, process)))
            for sandbox in claims.sandboxes
        ],
        [
            container._replace(process=container.process if _runs(files, container.process) else None)
            for container in claims.containers
        ],
    )


def read_lab_pods(files: Files) -> Claims:
    """Read the state of every lab, and which of its processes run. Unusable files are in ``files.errors``."""
    sandboxes: List[SandboxClaim] = []
    containers: List[ContainerClaim] = []
    for lab in files.names(STATE_DIR):
        directory = "%s/%s/pods" % (STATE_DIR, lab)
        for name in files.names(directory):
            if not name.endswith(".json") or name.startswith("."):
                continue
            path = directory + "/" + name
            value = files.json(path)
            if value is None:
                continue
            try:
                claims = _proven(files, parse_lab_pod(value, path))
            except ValueError as error:
                files.fail(path, "It is not the state of a lab's pod: %s." % error, _REMEDY)
                continue
            sandboxes += claims.sandboxes
            containers += claims.containers
    return Claims(sandboxes, containers)
