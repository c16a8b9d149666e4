# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine to make nodes on: a world of its own, so that nothing that a test breaks is the real one's."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT, COLLECTIONS, World

BIN = Path(sys.executable).parent
SUBNET = "10.89.0.0/24"


_RUN_MODULE = """
import sys
from ansible.module_utils import basic
from ansible_collections.podnet.lab.plugins.modules import local_nodes
basic._ANSIBLE_ARGS = sys.argv[1].encode()
basic._ANSIBLE_PROFILE = "legacy"
local_nodes.main()
"""
MODULE_ENV = {"PYTHONPATH": str(COLLECTIONS), "PYTHONDONTWRITEBYTECODE": "1"}


class Machine:
    """One fabric on one world, handled as a user does: through playbooks/nodes.yml, and over SSH."""

    def __init__(self, world: World, fabric: str = "podfab0", subnet: str = SUBNET) -> None:
        self.world = world
        self.fabric = fabric
        self.subnet = subnet
        self.directory = world.scratch / "lab" / fabric
        self.state = Path("/run/podnet-nodes") / fabric

    # -- as a user ------------------------------------------------------------------------------------

    def nodes(self, *argv: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run playbooks/nodes.yml with these options of the role; it must succeed."""
        done = self.try_nodes(*argv, env=env, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def try_nodes(
        self, *argv: str, env: dict[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run playbooks/nodes.yml with these options of the role, whatever comes of it."""
        return self.world.run(*self.command(**options), *argv, env=self.env(env), check=False, timeout=120)

    def command(self, **options: Any) -> list[str]:
        """The command line of playbooks/nodes.yml with these options of the role."""
        values = {"fabric": self.fabric, "subnet": self.subnet, "dir": str(self.directory), "count": 2, **options}
        named = {f"local_nodes_{name}": value for name, value in values.items()}
        playbook = CHECKOUT / "playbooks" / "nodes.yml"
        return [str(BIN / "ansible-playbook"), str(playbook), "-i", "localhost,", "-e", json.dumps(named)]

    def env(self, extra: dict[str, str] | None = None) -> dict[str, str]:
        """Ansible's environment, with a PATH on which nodes' programs are found."""
        return self.world.ansible_env(extra)

    def module(self, **options: Any) -> dict[str, Any]:
        """The result of the module local_nodes alone, which is quicker than the role, whatever comes of it.

        The key, the inventory and known_hosts stay as the role wrote them.
        """
        done = self.world.run(*self.module_command(**options), env=MODULE_ENV, check=False)
        result = json.loads(done.stdout)
        assert isinstance(result, dict)
        return result

    def module_command(self, check_mode: bool = False, **options: Any) -> list[str]:
        """The command line that runs the module local_nodes without Ansible around it."""
        args = {
            "fabric": self.fabric,
            "subnet": self.subnet,
            "count": 2,
            "directory": str(self.directory),
            "public_key": "ssh-ed25519 AAAA nobody",
            "init": str(CHECKOUT / "roles" / "local_nodes" / "files" / "node-init"),
            "_ansible_check_mode": check_mode,
            **options,
        }
        key = self.directory / "id_ed25519.pub"
        if key.exists():
            args["public_key"] = key.read_text().strip()
        return [sys.executable, "-c", _RUN_MODULE, json.dumps({"ANSIBLE_MODULE_ARGS": args})]

    def answering(self) -> set[str]:
        """The nodes of the role's ssh_config that let the user in."""
        names = re.findall(r"^Host (\S+) ", (self.directory / "ssh_config").read_text(), re.MULTILINE)
        return {name for name in names if self.ssh(name, "hostname", check=False).strip() == name}

    def ssh(self, node: str, command: str, check: bool = True) -> str:
        """What a shell command prints on a node, reached with the settings that the role wrote."""
        return self.world.run("ssh", "-F", self.directory / "ssh_config", node, command, check=check).stdout

    def ping(self) -> set[str]:
        """The nodes of the inventory that Ansible reaches. It leaves SSH masters behind, as it does for users."""
        said = self.world.scratch / "ping.log"
        # Into a file: the masters keep the standard error open that they were started with, for a minute.
        self.world.run(
            "sh", "-c", '"$@" > "$0" 2>&1', said, BIN / "ansible", "-i", self.directory / "inventory.yml", "nodes",
            "-m", "ansible.builtin.ping",
            env=self.env({"ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s"}), check=False,
        )  # fmt: skip
        return set(re.findall(r"^(\S+) \| SUCCESS", said.read_text(), re.MULTILINE))

    # -- what an onlooker sees ------------------------------------------------------------------------

    def pid(self, node: str) -> int:
        """The node's first process."""
        return int(self.world.run("cat", self.state / "nodes" / node / "init").stdout.split()[0])

    def holder(self) -> int:
        """The process that holds the bridge."""
        return int(self.world.run("cat", self.state / "holder").stdout.split()[0])

    def running(self) -> list[str]:
        """The names of all processes of the machine and its nodes, but for zombies, which the world's init keeps."""
        lines = [line.split() for line in self.world.sh("ps -eo stat=,comm=").splitlines()]
        return sorted(line[1] for line in lines if not line[0].startswith("Z"))

    def traces(self) -> dict[str, list[str]]:
        """All that can be left behind on the machine: links, rules, mounts, processes, files below /run and /tmp."""
        sh = self.world.sh
        return {
            "links": sorted(re.findall(r"^\d+: ([^:@]+)", self.world.ip("-o", "link"), re.MULTILINE)),
            "addresses": sorted(line.split(maxsplit=1)[1] for line in self.world.ip("-o", "addr").splitlines()),
            "rules": self.world.ip("rule").splitlines() + self.world.ip("-6", "rule").splitlines(),
            "routes": self.world.ip("route", "show", "table", "all").splitlines(),
            "mounts": sh("cut -d' ' -f5 /proc/self/mountinfo").splitlines(),
            "processes": self.running(),
            "files": sh("find /run /var/lib /var/log -not -path '/run/.*' | sort").splitlines(),
            "sysctls": sh("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding").split(),
            "namespaces": [str(len(self.world.net_inodes()))],
        }


def changed(done: subprocess.CompletedProcess[str]) -> int:
    """How many tasks changed something."""
    found = re.search(r"changed=(\d+)", done.stdout)
    assert found, done.stdout
    return int(found.group(1))


def error(done: subprocess.CompletedProcess[str]) -> str:
    """The one message with which a play failed, in one line."""
    assert done.returncode != 0, done.stdout
    found = re.search(r"\[ERROR\]: (.*?)\n(?:Origin|\n)", done.stderr + done.stdout, re.DOTALL)
    assert found, done.stdout + done.stderr
    return " ".join(found.group(1).split())
