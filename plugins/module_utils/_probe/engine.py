# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Sends all probes of a task at once, from one process and one event loop."""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import Any, Awaitable, Callable, Dict, List, Optional, Tuple

from .icmp import icmp, open_protocol, path_mtu
from .listening import Opened, serve, stop
from .naming import is_name
from .pacing import Pace
from .places import NODE, Places
from .records import Probe, ProbeError, failed, result_of
from .resolving import resolver
from .sending import family_of, http, https, numeric, open_socket, refused, tcp, udp
from .turns import Turns

Send = Callable[[socket.socket, Probe, str, Dict[str, Any]], Awaitable[Dict[str, Any]]]

_SENDERS: Dict[str, Tuple[Send, int]] = {
    "tcp": (tcp, socket.SOCK_STREAM),
    "http": (http, socket.SOCK_STREAM),
    "https": (https, socket.SOCK_STREAM),
    "udp": (udp, socket.SOCK_DGRAM),
    "icmp": (icmp, socket.SOCK_RAW),
    "path_mtu": (path_mtu, socket.SOCK_RAW),
}
_SIZES = 40
"""A path MTU takes as many times the patience of one probe: it sends many packets."""


class Limits:
    """How much may run at once, and until when anything may run."""

    def __init__(self, parallel: int, total_timeout: float) -> None:
        self.parallel = parallel
        self.deadline = time.monotonic() + total_timeout

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()


def run(places: Places, probes: List[Probe], limits: Limits, opened: List[Opened]) -> List[Dict[str, Any]]:
    """Send probes, and return a result for each, in their order; listeners that are `opened` answer meanwhile."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        serve(opened)
        found = loop.run_until_complete(_all(places, probes, limits))
        stop(opened)
        return found
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        asyncio.set_event_loop(None)


async def _all(places: Places, probes: List[Probe], limits: Limits) -> List[Dict[str, Any]]:
    results: List[Optional[Dict[str, Any]]] = [None] * len(probes)
    waiting = iter(enumerate(probes))

    pace = Pace(places)
    turns = Turns()

    async def worker() -> None:
        for number, probe in waiting:
            await pace.wait(probe)
            if limits.left <= 0:
                return
            async with turns.of(probe):
                found = results[number] = await _bounded(places, turns.hastened(probe), limits)
            turns.note(found)

    await asyncio.gather(*(worker() for _turn in range(min(limits.parallel, len(probes)))))
    late = {"detail": {"cause": "the time of the task was over before its turn; raise total_timeout"}}
    return [found or result_of(probe, **late) for probe, found in zip(probes, results)]


async def _bounded(places: Places, probe: Probe, limits: Limits) -> Dict[str, Any]:
    """Send one probe, whatever happens to it."""
    known: Dict[str, Any] = {}
    # Of a name, each question has a time of its own; and a path is measured by many packets.
    patience = limits.left if probe.kind == "dns" else probe.timeout
    if probe.kind == "path_mtu":
        patience = probe.timeout * _SIZES
    try:
        said = await asyncio.wait_for(_one(places, probe, known), max(min(patience, limits.left), 0.001))
    except asyncio.TimeoutError:
        said = {"outcome": "timeout", "errno": "ETIMEDOUT"}
    except ProbeError as error:
        said = {"outcome": "error", "detail": {"cause": str(error)}}
    except OSError as error:
        said = {**failed(error.errno), "detail": {"cause": error.strerror or str(error)}}
    except ValueError as error:
        said = {"outcome": "error", "errno": errno.errorcode[errno.EINVAL], "detail": {"cause": str(error)}}
    return result_of(probe, **{**known, **said})


async def _one(places: Places, probe: Probe, known: Dict[str, Any]) -> Dict[str, Any]:
    """Send one probe; what is known before it ends goes to `known`. Raises ProbeError, OSError and ValueError."""
    if probe.kind == "dns":
        return await resolver(places, probe).resolve(probe.to, probe.record, probe.timeout, probe.transport)
    address = await _address(places, probe, known)
    if address is None:
        return {}
    known["address"] = address
    family = family_of(address)
    send, kind = _SENDERS[probe.kind]
    protocol = open_protocol(family) if kind == socket.SOCK_RAW else 0
    sock = open_socket(places, places.find(probe.at), family, kind, protocol)
    try:
        return await send(sock, probe, address, known)
    except asyncio.CancelledError:
        known.update(_heard(sock))
        raise
    except OSError as error:
        return refused(sock, error)
    finally:
        sock.close()


def _heard(sock: socket.socket) -> Dict[str, Any]:
    """Return the ICMP error that came while nobody answered: TCP goes on trying in spite of it."""
    said = refused(sock, OSError(errno.ETIMEDOUT, ""))
    return {"icmp": said["icmp"]} if said["icmp"] else {}


async def _address(places: Places, probe: Probe, known: Dict[str, Any]) -> Optional[str]:
    """Return the address that a probe is for; None when its name has none, and `known` says why."""
    if numeric(probe.to):
        return probe.to
    if probe.to == NODE or is_name(probe.to):
        addresses = places.addresses_of(probe.to)
        if not addresses:
            raise ProbeError(probe.to, "it has no address", "Read the node again")
        return addresses[0]
    said = await resolver(places, probe).resolve(probe.to, "A", probe.timeout)
    if said["outcome"] == "no-name":
        said = await resolver(places, probe).resolve(probe.to, "AAAA", probe.timeout)
    if said["outcome"] != "ok":
        known.update(said)
        return None
    found = [one["data"] for one in said["detail"]["records"] if one["type"] in ("A", "AAAA")]
    return str(found[0])
