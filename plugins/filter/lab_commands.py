# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter that shows the commands of one step of the lab."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_commands
short_description: Show what a step of a lab did, for people
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Turns the result of one of the lab's modules into lines for C(ansible.builtin.debug), the commands that a
    person would have typed, and those that show the result.
positional: _input, limit
options:
  _input:
    description: Result of a module, with C(commands) and C(see).
    type: dict
    required: true
  limit:
    description: Most commands that are shown. What is left out is counted. V(0) shows all.
    type: int
    default: 12
"""

EXAMPLES = r"""
- name: Show the commands
  ansible.builtin.debug:
    msg: "{{ result | podnet.lab.lab_commands }}"
"""

RETURN = r"""
_value:
  description: One line for each command.
  type: list
  elements: str
  sample:
    - "$ ip link add lab0 mtu 1500 type bridge"
    - "look: ip -d link show lab0"
"""

from collections.abc import Callable, Mapping
from typing import Any


def lab_commands(result: Any, limit: int = 12) -> list[str]:
    """Return the commands of a result, one line each, and those to look at it."""
    if not isinstance(result, Mapping):
        return []
    commands = [str(command) for command in result.get("commands") or []]
    shown = commands if limit <= 0 or len(commands) <= limit else commands[:limit]
    lines = [f"$ {command}" for command in shown] or ["nothing to do"]
    if len(shown) < len(commands):
        lines.append(f"... and {len(commands) - len(shown)} more like these")
    return lines + [f"look: {command}" for command in result.get("see") or []]


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"lab_commands": lab_commands}
