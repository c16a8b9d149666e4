# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of several commands is run, and what is kept of its output."""

from __future__ import annotations

import http.server
import os
import threading
from typing import Any, Dict, List, Optional, Tuple

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._walkthrough import commands


class Node:
    """A stand-in for a node that has some programs."""

    def __init__(self, *programs: str, output: str = "") -> None:
        self.programs = programs
        self.output = output
        self.ran: List[List[str]] = []

    def run(self, argv: List[str]) -> Tuple[int, str, str]:
        self.ran.append(argv)
        return 0, self.output, ""

    def find(self, name: str) -> Optional[str]:
        return "/usr/bin/" + name if name in self.programs else None

    def one(self, command: Dict[str, Any]) -> Dict[str, Any]:
        return commands.run_one(command, self.run, self.find)


def choice(*argv: str) -> Dict[str, Any]:
    return {"argv": list(argv), "programs": list(argv[:1])}


def test_the_first_choice_whose_programs_are_there_is_run() -> None:
    node = Node("wget", output="answer\n")
    result = node.one({"choices": [choice("curl", "x"), choice("wget", "x")], "request": None})
    assert node.ran == [["wget", "x"]]
    assert result == {"argv": ["wget", "x"], "rc": 0, "output": "answer", "left_out": 0, "missing": []}


def test_without_a_program_nothing_is_run() -> None:
    result = Node().one({"choices": [choice("lsns")], "request": None})
    assert result == {"argv": [], "rc": 127, "output": "", "left_out": 0, "missing": ["lsns"]}


def test_long_outputs_are_cut() -> None:
    result = Node("ss", output="x" * 1000 + "\n" + "y\n" * 299).one({"choices": [choice("ss")]})
    lines = result["output"].splitlines()
    assert (len(lines), result["left_out"]) == (commands.LINES, 100)
    assert lines[0] == "x" * commands.WIDTH + " ..."


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello\n")

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


def test_a_request_without_a_program() -> None:
    if os.geteuid() != 0:
        pytest.skip("entering a network namespace, even one's own, takes root")
    server = http.server.HTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.handle_request, daemon=True).start()
    request = {
        "doors": ["/nonexistent/door", "/proc/self/ns/net"],
        "inode": os.stat("/proc/self/ns/net").st_ino,
        "address": "127.0.0.1",
        "port": server.server_port,
    }
    result = Node().one({"choices": [choice("curl")], "request": request})
    server.server_close()
    assert (result["rc"], result["missing"]) == (0, ["curl"])
    assert result["output"].splitlines()[0] == "HTTP/1.0 200 OK"
    assert result["output"].splitlines()[-1] == "hello"
    refused = Node().one({"choices": [], "request": request})
    assert (refused["rc"], refused["output"]) == (1, "no answer: Connection refused")


def test_a_namespace_that_is_gone_is_an_answer_too() -> None:
    request = {"doors": ["/nonexistent/door"], "inode": 1, "address": "127.0.0.1", "port": 80}
    assert Node().one({"choices": [], "request": request})["output"].startswith("no answer: /nonexistent/door")
