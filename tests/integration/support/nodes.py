# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SSH nodes for tests, made by playbooks/nodes.yml as any user makes them.

The fabric's name and subnet come from the environment (``PODNET_TEST_FABRIC``, ``PODNET_TEST_SUBNET``),
so that several checkouts can be tested at once on one machine, and several processes of pytest-xdist in each.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook, close_starters
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, COLLECTIONS

_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
FABRIC = os.environ.get("PODNET_TEST_FABRIC", "podfabprf") + (str(_WORKER) if _WORKER else "")
_THIRD = os.environ.get("PODNET_TEST_SUBNET", "10.89.43.0/24").split(".")[2]
_USES = ("shared nodes", "cluster's lab", "full nodes", "runtimes")


def subnet(use: str) -> str:
    """Return the network of this process's nodes for one of the uses, which may exist at the same time."""
    return f"10.{89 - _USES.index(use) - len(_USES) * _WORKER}.{_THIRD}.0/24"


SUBNET = subnet("shared nodes")
CONTROL_PATHS = "cp"
"""Where the sockets of shared SSH connections are, beside the nodes' directory."""
PLAYBOOK = CHECKOUT / "playbooks" / "nodes.yml"

_COMPILED = "/var/cache/podnet-tests-compiled"
# Debian's Python has its sitecustomize in /etc, which is a node's own. Elsewhere nothing is kept.
_KEEP_COMPILED = f"""
mkdir -p {_COMPILED}
for file in /etc/python3*/sitecustomize.py; do [ ! -f "$file" ] || cat >> "$file" << 'PROGRAM'
{Path(__file__).with_name("keep_compiled.py").read_text(encoding="utf-8")}
keep_compiled("{_COMPILED}")
PROGRAM
done
"""


class NodesUnavailableError(Exception):
    """Nodes cannot be made here; the message says why."""


@dataclass(frozen=True)
class Nodes:
    """Nodes that answer over SSH, the inventory that reaches them and the environment to run Ansible in."""

    inventory: Path
    directory: Path
    env: dict[str, str]

    def playbook(
        self, playbook: Path | str, *argv: str, check: bool = True, timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        """Run a playbook of this collection, or any file, against the nodes."""
        return _ansible_playbook(
            self.env, str(playbook), "-i", str(self.inventory), *argv, check=check, timeout=timeout
        )

    def ssh(self, node: str, *words: str) -> list[str]:
        """Return the command line that runs something on a node, over one connection for all of them.

        A connection for each takes longer than most of what tests ask of a node.
        """
        path = self.directory.parent / CONTROL_PATHS / "tests-%C"
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={path}", "-o", "ControlPersist=60"]
        return ["ssh", "-F", str(self.directory / "ssh_config"), *shared, node, *words]

    def shell(self, node: str, command: str, check: bool = True) -> str:
        """Return what a shell command prints on a node, reached as a person reaches it."""
        done = subprocess.run(
            self.ssh(node, command),
            capture_output=True,
            check=False,
            text=True,
            errors="backslashreplace",
            stdin=subprocess.DEVNULL,
            timeout=300,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{node}: {command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def keep_compiled(self) -> None:
        """Have the nodes' Python keep what it compiled of Ansible's modules: tests take less time, and nothing else."""
        groups = yaml.safe_load(self.inventory.read_text(encoding="utf-8"))
        for node in (name for group in groups.values() for name in group.get("hosts", ())):
            self.shell(node, _KEEP_COMPILED)


def _ansible_playbook(
    env: dict[str, str], *argv: str, check: bool = True, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    done = ansible_playbook(*argv, env=env, cwd=CHECKOUT, timeout=timeout)
    if check and done.returncode != 0:
        raise AssertionError(
            f"ansible-playbook {argv} ended with {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        )
    return done


def _end_ssh_masters(control_paths: Path) -> None:
    """End the connections that ControlPersist keeps: they would outlive the nodes by a minute."""
    for path in control_paths.glob("*") if control_paths.is_dir() else ():
        subprocess.run(["ssh", "-o", f"ControlPath={path}", "-O", "exit", "none"], capture_output=True, check=False)


@contextmanager
def open_nodes(
    count: int = 3, fabric: str = FABRIC, subnet: str = SUBNET, options: Sequence[str] = (), timeout: float = 300
) -> Iterator[Nodes]:
    """Start `count` nodes on a fabric of their own, and remove them and the fabric at the end.

    `options` are further arguments of ansible-playbook, `timeout` the seconds that the start may take.
    """
    if os.geteuid() != 0:
        raise NodesUnavailableError("nodes that this machine reaches over SSH need root of this machine")
    with tempfile.TemporaryDirectory(prefix="podnet-nodes-") as scratch:
        directory = Path(scratch)
        control_paths = directory / CONTROL_PATHS
        control_paths.mkdir(mode=0o700)
        env = {
            **os.environ,
            "PATH": str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", ""),
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(directory / "ansible"),
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(control_paths),
            "ANSIBLE_NOCOLOR": "1",
        }
        command = [
            str(PLAYBOOK), "-e", f"local_nodes_fabric={fabric}", "-e", f"local_nodes_subnet={subnet}",
            "-e", f"local_nodes_dir={directory / 'nodes'}", "-e", f"local_nodes_count={count}",
            *options,
        ]  # fmt: skip
        try:
            _ansible_playbook(env, *command, "-e", "local_nodes_state=present", timeout=timeout)
            yield Nodes(directory / "nodes" / "inventory.yml", directory / "nodes", env)
        finally:
            _end_ssh_masters(control_paths)
            try:
                _ansible_playbook(env, *command, "-e", "local_nodes_state=absent")
            finally:
                close_starters()
