# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Runs the commands of a walk: words, never a shell, and nothing that changes the node.

Where the node has no program that makes a request, the request is made here, by a socket that is opened in the
namespace (`_kernel/namespaces.py`).
"""

from __future__ import annotations

import os
import socket
from typing import Any, Callable, Dict, List, Optional, Tuple

from .._kernel.namespaces import Home

Run = Callable[[List[str]], Tuple[int, str, str]]
Find = Callable[[str], Optional[str]]

LINES = 200
"""So many lines of an output are kept."""
WIDTH = 400
"""So many characters of a line."""
TIMEOUT = 3.0
"""Seconds that a request may take."""
ANSWER = 4096
"""Bytes of an answer that are read."""


def run_all(commands: List[Dict[str, Any]], run: Run, find: Find) -> List[Dict[str, Any]]:
    """Run each command, and return what it printed: ``argv``, ``rc``, ``output``, ``left_out``, ``missing``.

    `run` runs words and returns code, output and errors; `find` returns the path of a program or None.
    """
    return [run_one(command, run, find) for command in commands]


def run_one(command: Dict[str, Any], run: Run, find: Find) -> Dict[str, Any]:
    """Run the first of a command's ``choices`` whose ``programs`` are there, else make its ``request``."""
    missing: List[str] = []
    for choice in command["choices"]:
        lacking = [name for name in choice["programs"] if find(name) is None]
        if not lacking:
            code, output, errors = run(choice["argv"])
            return shown(choice["argv"], code, (output.rstrip("\n") + "\n" + errors).strip("\n"), [])
        missing += [name for name in lacking if name not in missing]
    request = command.get("request")
    if request is None:
        return shown([], 127, "", missing)
    try:
        code, output = 0, asked(request)
    except OSError as error:
        code, output = 1, "no answer: %s" % (error.strerror or error)
    return shown([], code, output, missing)


def shown(argv: List[str], code: int, output: str, missing: List[str]) -> Dict[str, Any]:
    """Return a result, its output cut to what is worth sending."""
    lines = output.splitlines()
    kept = [line if len(line) <= WIDTH else line[:WIDTH] + " ..." for line in lines[:LINES]]
    return {
        "argv": argv,
        "rc": code,
        "output": "\n".join(kept),
        "left_out": len(lines) - len(kept),
        "missing": missing,
    }


def asked(request: Dict[str, Any]) -> str:
    """Return what a web server answers to a connection from a namespace. Raises OSError."""
    home = Home()
    try:
        descriptor = home.open_namespace(request["inode"], request["doors"])
        try:
            family = socket.AF_INET6 if ":" in request["address"] else socket.AF_INET
            connection = home.inside(descriptor, lambda: socket.socket(family, socket.SOCK_STREAM))
        finally:
            os.close(descriptor)
    finally:
        home.close()
    with connection:
        connection.settimeout(TIMEOUT)
        connection.connect((request["address"], request["port"]))
        host = "[%s]" % request["address"] if ":" in request["address"] else request["address"]
        connection.sendall(("GET / HTTP/1.0\r\nHost: %s\r\n\r\n" % host).encode("ascii"))
        parts: List[bytes] = []
        while sum(map(len, parts)) < ANSWER:
            part = connection.recv(ANSWER)
            if not part:
                break
            parts.append(part)
    return b"".join(parts)[:ANSWER].decode("utf-8", "backslashreplace").replace("\r\n", "\n")
