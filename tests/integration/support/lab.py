# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab on nodes over SSH: built, looked at and removed as a person does it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.starting import ansible_playbook
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

# Everything of a node that a lab could touch, as text. Counters and ages are left out.
SNAPSHOT = """
echo == links; ip -d -o link show | sed -E 's/^[0-9]+: //; s/@if[0-9]+//' | awk '{print $1}' | sort
ip -o link show | grep -o 'alias .*' | sort || true
echo == addresses; (ip -4 -o addr show; ip -6 -o addr show scope global) | awk '{print $2, $4}' | sort
echo == routes; ip -4 route show table all | grep -v '^\\(broadcast\\|local\\)' | sort
echo == rules; ip rule
echo == namespaces; ip netns list | awk '{print $1}' | sort
echo == ruleset; nft list ruleset | sed -E 's/counter packets [0-9]+ bytes [0-9]+/counter/; s/ expires [0-9a-z]+//g'
echo == sysctl; cat /proc/sys/net/ipv4/ip_forward
echo == files; find /run/podnet-lab /var/lib/cni /var/lib/podnet-lab /run/netns /etc/netns 2>/dev/null | sort
echo == processes; ps -eo args= | grep -v -e '^sshd' -e '^ps ' -e '^sh -' -e '^bash' -e '^sort' -e '^\\[' -e grep \\
    -e sed | sort
"""

# Prints what a web server answers. Importing urllib takes longer than asking.
ASK = """
import socket, sys
server = socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)
server.sendall("GET {2} HTTP/1.0\\r\\nHost: {0}\\r\\n\\r\\n".format(*sys.argv[1:]).encode())
head, _, body = server.makefile(newline="").read().partition("\\r\\n\\r\\n")
if head.split()[1] != "200":
    sys.exit(head)
print(body)
"""


@dataclass
class Run:
    """One run of a playbook: its output, and the tasks that changed something on a node."""

    output: str
    status: int

    def changed(self, node: str) -> list[str]:
        """The module steps that changed the node, by the first words of their titles."""
        titles, title = [], ""
        for line in self.output.splitlines():
            if line.startswith("TASK ["):
                title = line.partition(" : ")[2].rpartition("]")[0]
            elif line.startswith(f"changed: [{node}]"):
                titles.append(title)
        return titles

    def commands(self, node: str) -> list[str]:
        """The commands that the play shows for the node."""
        start = f"{node} $ "
        return [line[len(start) :] for line in self.output.splitlines() if line.startswith(start)]


class Lab:
    """The lab under test."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self._last: tuple[str, dict[str, Any]] | None = None
        """The last play that was to change nodes, with its variables; none when it failed."""

    def run(
        self, playbook: str, *argv: str, variables: dict[str, Any] | None = None, limit: str = "node1,node2"
    ) -> Run:
        """Run one of the two playbooks; the default description when there are no variables."""
        real = "--check" not in argv
        if real:
            self._last = None
        done = ansible_playbook(
            str(CHECKOUT / "playbooks" / playbook), "-i", str(self.nodes.inventory),
            "--limit", limit, "-e", json.dumps(variables or {}), *argv,
            env={**self.nodes.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}, cwd=CHECKOUT,
        )  # fmt: skip
        if real and done.returncode == 0:
            self._last = playbook, variables or {}
        return Run(done.stdout + done.stderr, done.returncode)

    def build(self, *argv: str, **variables: Any) -> Run:
        """Build the lab; it must succeed."""
        run = self.run("lab.yml", "-e", "manual_lab_show_limit=0", *argv, variables=variables)
        assert run.status == 0, run.output
        return run

    def teardown(self, **variables: Any) -> Run:
        """Remove the lab; it must succeed."""
        run = self.run("teardown.yml", variables=variables)
        assert run.status == 0, run.output
        return run

    def have(self, **variables: Any) -> None:
        """Build the lab, unless that is what the last play did."""
        if self._last != ("lab.yml", variables):
            self.build(**variables)

    def have_none(self) -> None:
        """Remove the lab, unless that is what the last play did."""
        if self._last != ("teardown.yml", {}):
            self.teardown()

    def sh(self, node: str, script: str, check: bool = True) -> str:
        """Run a shell script on a node."""
        done = subprocess.run(
            self.nodes.ssh(node, "sh", "-eu"),
            input=script,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert not check or done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def adhoc(self, node: str, module: str, options: dict[str, Any], *argv: str) -> dict[str, Any]:
        """Run one module on a node; return its result."""
        done = subprocess.run(
            [
                "ansible",
                node,
                "-i",
                str(self.nodes.inventory),
                "-m",
                module,
                "-a",
                json.dumps(options),
                "--become",
                *argv,
            ],
            cwd=CHECKOUT,
            env={**self.nodes.env, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = json.loads(done.stdout.partition("=>")[2])
        return found

    def state(self, node: str) -> str:
        """Everything of the node that a lab could touch."""
        return self.sh(node, SNAPSHOT)

    def address(self, node: str) -> str:
        """The node's address on the fabric."""
        return str(json.loads(self.sh(node, "ip -j -4 addr show eth0"))[0]["addr_info"][0]["local"])

    def ask(self, node: str, netns: str | None, url: str) -> dict[str, str]:
        """What a web server of the lab answers to a request from a namespace, or from the node itself."""
        enter = f"nsenter --net=/run/netns/{netns} " if netns else ""
        parts = urlsplit(url)
        answer = self.sh(node, f"{enter}python3 -c '{ASK}' {parts.hostname} {parts.port or 80} {parts.path or '/'}")
        return dict(line.split(": ", 1) for line in answer.splitlines() if ": " in line)

    def seen_by(self, server: str, node: str, netns: str) -> str:
        """The source address with which a connection from a pod arrives at a node."""
        address = self.address(server)
        program = (
            "import socket, sys\n"
            "s = socket.create_server((sys.argv[1], 7777)); s.settimeout(15)\n"
            "print(s.accept()[1][0])\n"
        )
        with subprocess.Popen(
            self.nodes.ssh(server, "python3", "-", address),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as listener:
            assert listener.stdin is not None
            assert listener.stdout is not None
            listener.stdin.write(program)
            listener.stdin.close()
            connect = (
                "import socket, sys, time\n"
                "for attempt in range(100):\n"
                "    try:\n"
                "        socket.create_connection((sys.argv[1], 7777), 5); break\n"
                "    except ConnectionRefusedError:\n"
                "        time.sleep(0.1)\n"
            )
            self.sh(node, f"nsenter --net=/run/netns/{netns} python3 -c '{connect}' {address}")
            return listener.stdout.read().strip()

    def pod_address(self, node: str, netns: str) -> str:
        """The pod's address, as iproute2 says."""
        entries = json.loads(self.sh(node, f"ip -n {netns} -j -4 addr show dev eth0"))
        found = [address["local"] for address in entries[0]["addr_info"]]
        assert len(found) == 1, found
        return str(found[0])
