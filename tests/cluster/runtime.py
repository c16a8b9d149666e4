# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node whose containerd is not its distribution's: other programs in /usr/local, as upstream advises."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

_UNIT = "[Service]\nExecStart=\nExecStart=/usr/local/bin/containerd\n"


def install_containerd(nodes: Nodes, node: str, programs: Path) -> None:
    """Give a node the containerd of a folder in place of its own, if the folder is there. Raises CalledProcessError."""
    if not (programs / "containerd").exists():
        return
    with subprocess.Popen(["tar", "-C", programs, "-c", "."], stdout=subprocess.PIPE) as archive:
        subprocess.run(nodes.ssh(node, "tar -C /usr/local/bin --no-same-owner -x"), stdin=archive.stdout, check=True)
    drop_in = "/etc/systemd/system/containerd.service.d"
    nodes.shell(
        node,
        f"mkdir -p {drop_in} && printf %s {shlex.quote(_UNIT)} > {drop_in}/release.conf"
        " && systemctl daemon-reload && systemctl restart containerd",
    )
