# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Listeners that outlive a task, so that other nodes can reach them: one process, which ends by itself.

The process is told to end, and asked what its listeners saw, over an abstract socket (unix(7)): no file is left behind
by it, not even when it is killed. Its name is a random token, and the kernel says who is at the other end.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import struct
from typing import Any, Callable, Dict, Iterable, List, Set

from .listening import Opened, serve
from .records import ProbeError

_NAME = "\0podnet.lab-probe-%s"
_TOKEN = re.compile(r"[0-9a-f]{32}\Z")
_CREDENTIALS = struct.Struct("=3i")
"""struct ucred (linux/socket.h): process, user, group."""
_CHUNK = 65536
_PATIENCE = 10.0


def hold(opened: List[Opened], seconds: float) -> str:
    """Leave listeners to a process of their own for `seconds` at most, and return the token by which it is ended.

    Raises OSError.
    """
    return leave(lambda control: _serve(opened, control, seconds), [one.sock.fileno() for one in opened])


def leave(work: Callable[[socket.socket], None], keep: Iterable[int]) -> str:
    """Do `work` in a process of its own that has the descriptors `keep`; return the token by which it is asked.

    `work` gets the socket over which it is asked, and is to end by itself. Raises OSError.
    """
    token = os.urandom(16).hex()
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    control.bind(_NAME % token)
    control.listen(8)
    child = os.fork()
    if child == 0:
        try:
            # A second fork, so that nobody waits for this process.
            if os.fork() == 0:
                _detach({control.fileno(), *keep})
                work(control)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    control.close()
    return token


def _detach(keep: Set[int]) -> None:
    """Make this process one that nobody waits for, and which holds nothing of the module's but `keep`."""
    os.setsid()
    os.chdir("/")
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    _close_others(keep)


def answer(control: socket.socket, say: Callable[[], Any]) -> bool:
    """Say to the one who knows the token what *say* returns; tell whether that was somebody who may ask."""
    connection, _peer = control.accept()
    with connection:
        connection.settimeout(_PATIENCE)
        if not _may_ask(connection):
            return False
        try:
            connection.sendall(json.dumps(say()).encode("ascii"))
        except OSError:
            pass  # it is over all the same: what was asked for once is not asked for again
        return True


def _may_ask(connection: socket.socket) -> bool:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return _CREDENTIALS.unpack(data)[1] in (0, os.geteuid())


def _serve(opened: List[Opened], control: socket.socket, seconds: float) -> None:
    """Answer until told to end."""
    control.setblocking(False)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    serve(opened)
    try:
        loop.run_until_complete(asyncio.wait_for(_told_to_end(opened, control), seconds))
    except asyncio.TimeoutError:
        pass


def _close_others(keep: Set[int]) -> None:
    """Close what the module had open: the task's connection ends only when nobody holds it."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in keep:
            try:
                os.close(int(name))
            except OSError:
                pass


async def _told_to_end(opened: List[Opened], control: socket.socket) -> None:
    """Wait for the one who knows the token, and say what was seen."""
    loop = asyncio.get_event_loop()
    while True:
        connection, _peer = await loop.sock_accept(control)
        try:
            if not _may_ask(connection):
                continue
            connection.setblocking(False)
            said = json.dumps([one.state() for one in opened]).encode("ascii")
            await asyncio.wait_for(loop.sock_sendall(connection, said), _PATIENCE)
            return
        except (OSError, asyncio.TimeoutError):
            continue
        finally:
            connection.close()


def collect(token: str) -> List[Dict[str, Any]]:
    """End the process that holds listeners, and return what they saw. Raises ProbeError."""
    found: List[Dict[str, Any]] = asked(token, "listeners", "Hold them longer with the option hold")
    return found


def asked(token: str, what: str, remedy: str) -> Any:
    """Ask the process that `leave` left, which ends it, and return what it says. Raises ProbeError."""
    about = "%s %s" % (what, token)
    if not _TOKEN.match(token):
        raise ProbeError(about, "this is no token", "Give the token that the task with the option hold returned")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(_NAME % token)
            parts = []
            while True:
                part = connection.recv(_CHUNK)
                if not part:
                    break
                parts.append(part)
            return json.loads(b"".join(parts).decode("ascii"))
        except (OSError, ValueError) as error:
            cause = "nobody holds them any more" if isinstance(error, ConnectionRefusedError) else str(error)
            raise ProbeError(about, cause, remedy) from None
