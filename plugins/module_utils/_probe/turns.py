# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""How many ask one server at once, and how long one that never says anything is waited for.

A listener of ours takes as many connections as come. A web server in a pod may have a short queue (listen(2), backlog),
nine places for busybox; what finds it full is dropped, and looks as if the network had lost it.
"""

from __future__ import annotations

import asyncio
from typing import Any, Dict, Set, Tuple

from .records import WEB, Probe

_AT_ONCE = 8
_HASTE = 0.3
"""Seconds for a server that accepted a connection before and then said nothing until the probe's time was over."""

Server = Tuple[str, int]


class _AtWill:
    """Nothing to wait for."""

    async def __aenter__(self) -> None:
        """Go."""

    async def __aexit__(self, *_error: object) -> None:
        """Gone."""


class Turns:
    """The turns of a task's probes at the servers that are not ours."""

    def __init__(self) -> None:
        self._turns: Dict[Server, asyncio.Semaphore] = {}
        self._silent: Set[Server] = set()

    def of(self, probe: Probe) -> Any:
        """Return the context in which a probe may run."""
        if probe.kind not in WEB:
            return _AtWill()
        return self._turns.setdefault((probe.to, probe.port), asyncio.Semaphore(_AT_ONCE))

    def hastened(self, probe: Probe) -> Probe:
        """Return a probe, with a shorter time when its server is known to say nothing."""
        if (probe.to, probe.port) not in self._silent:
            return probe
        return probe._replace(timeout=min(probe.timeout, _HASTE))

    def note(self, result: Dict[str, Any]) -> None:
        """Remember a server that took a connection and said nothing."""
        if result["kind"] in WEB and result["outcome"] == "timeout" and result["detail"].get("connected"):
            self._silent.add((result["to"], result["port"]))
