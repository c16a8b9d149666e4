# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks that need no node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, COLLECTIONS


def without_inventory(directory: Path, playbook: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run a playbook without any inventory."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), str(CHECKOUT / "playbooks" / playbook), *argv],
        cwd=directory,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(directory / "ansible"),
        },
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )
