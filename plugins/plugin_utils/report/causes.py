# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a node could not be read: what Ansible said, as cause and remedy."""

from __future__ import annotations

import re

from ..model.records import Error
from ..text.escape import shortened, visible

_CAUSE = 600
"""Longest cause, in columns: a traceback of a node is not one."""

_BECOME = re.compile(
    r"(missing|incorrect) \S+ password|password is required|is not in the sudoers file|may not run"
    r"|privilege escalation|become_method|no new privileges|must be (owned by uid 0|setuid root)"
    r"|(sudo|doas|su|pbrun|pfexec|dzdo|ksu|runas|machinectl): (command )?not found"
    r"|not allowed to execute|a terminal is required|authentication failure",
    re.IGNORECASE,
)


def one_line(said: str) -> str:
    """Return what Ansible or a node said as one line of bounded length that can be shown anywhere."""
    return shortened(visible(" ".join(said.split()).rstrip(".")), _CAUSE)


def is_become(said: str) -> bool:
    """Tell whether *said* is about not becoming root, rather than about the module or the connection.

    The sentences are those of ansible-core's connection plugins and of sudo, su and doas.
    """
    return _BECOME.search(said) is not None


def without_become(method: str, said: str) -> Error:
    """Return the error that a node was read without root because it could not become root."""
    return {
        "object": f"become_method {method}",
        "cause": f"the node was read without root, because becoming root failed: {one_line(said)}",
        "remedy": "Let the user become root on the node, give the password with --ask-become-pass, "
        "or connect as root; with podnet_become=false this is not tried",
    }


def unreachable(host: str, said: str) -> Error:
    """Return the error that a node could not be reached."""
    cause = re.sub(r"^(Task failed: )?(Failed to connect to the host via ssh: )?", "", said)
    return {
        "object": host,
        "cause": one_line(cause) or "the connection failed without a word",
        "remedy": f"Look at its address, user and key in the inventory; to try it alone: ansible {host} -m ping",
    }


def failed(host: str, said: str) -> Error:
    """Return the error that a node could be reached, but not be read."""
    cause = re.sub(r"^(Task failed: |Module failed: )+", "", said)
    if re.search(
        r"python\S*: (command )?not found|No such file or directory.*python|interpreter", cause, re.IGNORECASE
    ):
        remedy = "Install python3 (3.8 or newer) on the node, or set ansible_python_interpreter to where it is"
    else:
        remedy = f"To see all that it says: ansible {host} -m podnet.lab.pod_network_facts --become -vvv"
    return {"object": host, "cause": one_line(cause) or "it failed without a word", "remedy": remedy}


def no_result(host: str) -> Error:
    """Return the error that a node was asked and nothing came back."""
    return {
        "object": host,
        "cause": "it was asked, and nothing came back before the time was up",
        "remedy": "See what keeps it busy; "
        f"to try it alone: ansible {host} -m podnet.lab.pod_network_facts --become -vvv",
    }
