# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command that enters a pod, and what its answer means."""

from __future__ import annotations

import ast
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.module_utils._enter import program
from ansible_collections.podnet.lab.plugins.plugin_utils.pods import entering

POD = {
    "namespace": "default",
    "name": "pod1",
    "node": "node1",
    "netns": 4026532457,
    "doors": ["/run/netns/lab0_default_pod1", "/proc/812/ns/net"],
    "links": [{"ifname": "eth0", "address": "0a:58:0a:f4:00:02"}],
    "containers": [{"name": "web", "pid": 812}, {"name": None, "pid": 800}],
}
SOURCE = Path(program.__file__).read_text(encoding="utf-8")


def test_the_target() -> None:
    assert json.loads(entering.target(POD, ["network", "mount"])) == {
        "what": "default/pod1 on node1",
        "inode": 4026532457,
        "doors": ["/run/netns/lab0_default_pod1", "/proc/812/ns/net"],
        "links": [["eth0", "0a:58:0a:f4:00:02"]],
        "pids": [812, 800],
        "enter": ["net", "mnt"],
    }
    assert json.loads(entering.target(POD, ["network", "mount"], "web"))["pids"] == [812]
    with pytest.raises(entering.TargetError, match="no container db of it was seen to run; there are web"):
        entering.target(POD, ["network", "mount"], "db")


@pytest.mark.parametrize(
    ("pod", "namespaces", "why"),
    [
        (None, ["network"], "podnet_pod is not set"),
        ({**POD, "netns": "1"}, ["network"], "lacks netns"),
        ({**POD, "doors": ["relative"]}, ["network"], "lacks netns"),
        (POD, ["user"], "there is no namespace user"),
    ],
)
def test_what_is_no_target(pod: Any, namespaces: list[str], why: str) -> None:
    with pytest.raises(entering.TargetError, match=why):
        entering.target(pod, namespaces)


def test_a_node_gets_the_program_without_its_comments() -> None:
    text = entering.program_text(SOURCE)
    assert "SPDX" not in text
    assert '"""' not in text
    assert len(text) < 6000
    assert {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)} == {
        node.name for node in ast.parse(SOURCE).body if isinstance(node, ast.FunctionDef)
    }


def test_every_word_of_the_command_is_quoted() -> None:
    hostile = "$(touch x); `y` 'z'\n{{ 7*7 }}"
    words = shlex.split(entering.command("python3", "pass", json.dumps({"what": hostile}), "exec", hostile))
    assert words == ["exec", "python3", "-c", "pass", json.dumps({"what": hostile}), "exec", hostile]


def test_a_refusal_goes_through_the_shell() -> None:
    target = entering.target({**POD, "name": "ä\x1b[31m'", "doors": ["/nonexistent/door"]}, ["network"])
    command = entering.command(sys.executable, entering.program_text(SOURCE), target, "exec", "true")
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False, stdin=subprocess.DEVNULL)
    said = entering.refusal(done.returncode, done.stdout, done.stderr)
    assert said is not None, (done.returncode, done.stderr)
    assert ("default/\\xe4\\x1b[31m' on node1 is gone" if os.geteuid() == 0 else "takes root of the node") in said


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "found"),
    [
        (218, b"", b"Warning\npodnet.lab.pod: x is gone. Read\n", "x is gone. Read"),
        (218, b"podnet.lab.pod: x is gone\r\n", b"Shared connection closed.\r\n", "x is gone"),
        (218, b"", b"a command that ends so", None),
        (1, b"", b"podnet.lab.pod: said by a command", None),
    ],
)
def test_only_the_program_refuses(code: int, stdout: bytes, stderr: bytes, found: str | None) -> None:
    assert entering.refusal(code, stdout, stderr) == found
