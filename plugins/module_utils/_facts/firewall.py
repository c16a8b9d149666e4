# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The value of ``podnet_netns.firewall``: what the node's own firewall may do to packets of pods and tunnels."""

from __future__ import annotations

from .._files.reader import Files
from .._firewall.commands import Run
from .._firewall.reading import read_firewall_tables
from .views import Facts


def firewall_facts(files: Files, run: Run) -> Facts:
    """Read the tables and return the value."""
    read = read_firewall_tables(files, run)
    return {"complete": read.complete, "bridges": read.bridges, "tables": read.tables}
