# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filter that shows the commands of one step of the lab."""

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_commands
short_description: Show what the steps of a lab did, for people
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Turns the results of the lab's modules into lines for C(ansible.builtin.debug). For each step they are the
    commands that a person would have typed, and those that show the result.
positional: _input, limit
options:
  _input:
    description: The steps in order. Each has C(step), its title, and C(result), what its module returned.
    type: list
    elements: dict
    required: true
  limit:
    description: Most commands that are shown of a step. What is left out is counted. V(0) shows all.
    type: int
    default: 12
"""

EXAMPLES = r"""
- name: Show the commands
  ansible.builtin.debug:
    msg: "{{ [{'step': 'Create the bridge', 'result': result}] | podnet.lab.lab_commands }}"
"""

RETURN = r"""
_value:
  description: One line for each title and each command.
  type: list
  elements: str
  sample:
    - == Create the bridge
    - $ ip link add lab0 mtu 1500 type bridge
    - look with ip -d link show lab0
"""

from collections.abc import Callable, Mapping
from typing import Any


def lab_commands(steps: Any, limit: int = 12) -> list[str]:
    """Return titles and commands, one line each; a step without a result was not reached."""
    lines = []
    for entry in steps:
        result = entry.get("result") if isinstance(entry, Mapping) else None
        if not isinstance(result, Mapping) or "commands" not in result:
            continue
        commands = [str(command) for command in result["commands"]]
        shown = commands if limit <= 0 else commands[:limit]
        lines.append(f"== {entry['step']}" + ("" if commands else " (nothing to do)"))
        lines += [f"$ {command}" for command in shown]
        if len(shown) < len(commands):
            lines.append(f"... and {len(commands) - len(shown)} more like these")
        if result.get("see"):
            lines.append("look with " + " or ".join(str(command) for command in result["see"]))
    return lines


class FilterModule:
    """The filter for Ansible."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filter by its name."""
        return {"lab_commands": lab_commands}
