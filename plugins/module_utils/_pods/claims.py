# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What one file says about one pod sandbox, whoever wrote the file."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Tuple

MAX_TEXT = 1024
"""Longest name or id that is believed. Kubernetes allows 253 characters (RFC 1123), Linux 255."""


class ContainerClaim(NamedTuple):
    """One container: its id, its name in the pod, its sandbox, and its process where that is told."""

    container_id: str
    name: Optional[str]
    sandbox_id: Optional[str]
    process: Optional[Tuple[int, int]]
    """Process id and start time (field 22 of /proc/PID/stat, in ticks): both, or it may be another one."""


class SandboxClaim(NamedTuple):
    """What a file says about a sandbox. None stands for what it does not say."""

    source: str
    path: str
    sandbox_id: Optional[str]
    namespace: Optional[str] = None
    name: Optional[str] = None
    uid: Optional[str] = None
    runtime: Optional[str] = None
    netns: Optional[str] = None
    """Path of the network namespace."""
    host_network: bool = False
    processes: Tuple[Tuple[int, int], ...] = ()
    """Process ids with start times, of processes that prove which namespace it is."""
    addresses: Tuple[str, ...] = ()


class Claims(NamedTuple):
    """All claims of one file."""

    sandboxes: List[SandboxClaim]
    containers: List[ContainerClaim]


def text(value: Any) -> Optional[str]:
    """Return `value` when it is a string that can be a name, an id or a path; else None."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_TEXT else None


def number(value: Any) -> Optional[int]:
    """Return `value` when it is a positive integer; else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def mapping(value: Any, what: str) -> Any:
    """Return `value` when it is a JSON object; raise ValueError saying that `what` is not."""
    if not isinstance(value, dict):
        raise ValueError("%s is not a JSON object" % what)
    return value


def objects(value: Any) -> List[Any]:
    """Return the JSON objects in a JSON array; empty for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
