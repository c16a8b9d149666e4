# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command that enters a pod's namespaces on its node, and what its answer means."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Collection, Mapping
from typing import Any

from ...module_utils._enter.program import REFUSED, REFUSED_CODE
from ..text.escape import visible

NAMESPACES = {"network": "net", "mount": "mnt", "pid": "pid", "uts": "uts", "ipc": "ipc"}
"""How options name the kinds of namespaces, and how /proc/PID/ns does."""


class TargetError(Exception):
    """What says which pod is meant cannot be used; the message says why."""


def program_text(source: str) -> str:
    """Return *source* as a node gets it: without comments and docstrings, for the sake of command lines."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    tree.body = [one for one in tree.body if not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))]
    return ast.unparse(tree)


def target(pod: Any, namespaces: Collection[str], container: str | None = None) -> str:
    """Return what the program is told about the pod of the inventory variable ``podnet_pod``, as JSON.

    *container* says whose files, processes and host name are meant; without it, the first that is there.
    Raises TargetError when *pod* is not what the inventory makes, or *namespaces* or *container* an unknown name.
    """
    unknown = [one for one in namespaces if one not in NAMESPACES]
    if unknown:
        raise TargetError(f"there is no namespace {', '.join(unknown)}; known are {', '.join(NAMESPACES)}")
    if not isinstance(pod, Mapping):
        raise TargetError("podnet_pod is not set; the inventory podnet.lab.pods sets it for each pod")
    inode, doors, links, containers = (pod.get(key) for key in ("netns", "doors", "links", "containers"))
    if not (
        isinstance(inode, int)
        and isinstance(doors, list)
        and all(isinstance(one, str) and one.startswith("/") for one in doors)
        and isinstance(links, list)
        and isinstance(containers, list)
    ):
        raise TargetError("podnet_pod lacks netns, doors, links or containers as podnet.lab.pods writes them")
    meant = [one for one in containers if container is None or one["name"] == container]
    if container is not None and not meant:
        known = ", ".join(visible(str(one["name"])) for one in containers if one["name"] is not None)
        raise TargetError(f"no container {visible(container)} of it was seen to run; there are {known or 'none'}")
    return json.dumps(
        {
            "what": visible(f"{pod.get('namespace', '')}/{pod.get('name', '')} on {pod.get('node', '')}"),
            "inode": int(inode),
            "doors": [str(one) for one in doors],
            "links": [[str(one["ifname"]), str(one["address"])] for one in links],
            "pids": [int(one["pid"]) for one in meant],
            "enter": [NAMESPACES[one] for one in namespaces],
        }
    )


def command(python: str, program: str, target: str, action: str, argument: str) -> str:
    """Return the shell command by which a node does *action* (``exec``, ``put``, ``fetch``) inside."""
    return " ".join(["exec", *(shlex.quote(word) for word in (python, "-c", program, target, action, argument))])


def refusal(code: int, stdout: bytes, stderr: bytes) -> str | None:
    """Return why the program refused, None when it did not.

    Both streams count: with a terminal on the way, as some become methods have, they are one.
    """
    if code != REFUSED_CODE:
        return None
    said = (stderr + b"\n" + stdout).decode("utf-8", "backslashreplace")
    found = re.search(rf"^{re.escape(REFUSED)}([^\r\n]*)", said, re.MULTILINE)
    return visible(found[1]) if found else None


def lacks_python(code: int, python: str, stderr: bytes) -> bool:
    """Tell whether the node's shell did not find the interpreter *python* (POSIX: exit codes 126 and 127)."""
    return code in (126, 127) and python.encode() in stderr
