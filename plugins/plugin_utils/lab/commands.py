# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a step of the lab did on one node, as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..text.escape import visible


def shown(host: str, result: Mapping[str, Any], limit: int) -> list[str]:
    """Return the commands of one step, and how to look at what they made; nothing when there were none.

    *result* is what the module returned, with `commands` and `see`. More than *limit* commands are only counted; 0
    shows all. What a node returns cannot act on the terminal: it is written out.
    """
    commands = [visible(str(command)) for command in result.get("commands") or []]
    if not commands:
        return []
    first = commands[:limit] if limit > 0 else commands
    lines = [f"{host} $ {command}" for command in first]
    if len(first) < len(commands):
        lines.append(f"{host}   ... and {len(commands) - len(first)} more like these")
    see = [visible(str(command)) for command in result.get("see") or []]
    if see:
        lines.append(f"{host}   look with {' or '.join(see)}")
    return lines
