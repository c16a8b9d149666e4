# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a lab of many pods on one node takes, as ``ansible-playbook`` takes it from start to end.

Builds it, runs again without changes, in check mode, and removes it. A play of as many tasks that do nothing shows what
Ansible itself takes. Run it as root from the checkout:

    .venv/bin/python tests/benchmark/lab.py [PODS]

Ends with status 1 when a figure is above its limit: 30 s to build and 5 s to check 100 pods.
"""

import json
import os
import sys
import time
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes, open_nodes  # noqa: E402

FABRIC = os.environ.get("PODNET_BENCH_FABRIC", "podfablabb")
SUBNET = os.environ.get("PODNET_BENCH_SUBNET", "10.89.44.0/24")
TASKS = 10
"""Modules that a lab runs on a node: a look, eight steps, the containers."""
NOTHING = [{"hosts": "nodes", "gather_facts": False, "become": True, "tasks": [{"ansible.builtin.ping": {}}] * TASKS}]
BUILD_SECONDS = 30.0
CHECK_SECONDS = 5.0


def describe(pods: int) -> str:
    """Return the variables of a lab with this many pods, each with an idle container and a web server."""
    containers = [{"name": "idle", "command": ["sleep", "infinity"]}, {"name": "web", "serve": 80}]
    listed = [{"name": f"pod{number}", "node": "node1", "containers": containers} for number in range(1, pods + 1)]
    return json.dumps({"manual_lab_pods": listed, "manual_lab_node_prefix": 22})


def run(nodes: Nodes, playbook: str | Path, *argv: str) -> tuple[float, int]:
    """Run a playbook (of the checkout); the answer is its time in seconds and the tasks that changed something."""
    began = time.monotonic()
    done = nodes.playbook(_CHECKOUT / "playbooks" / playbook, *argv)
    seconds = time.monotonic() - began
    recap = next(line for line in done.stdout.splitlines() if line.startswith("node1") and "changed=" in line)
    return seconds, int(recap.split("changed=")[1].split()[0])


def main() -> int:
    """Measure, print a table, and say whether the limits hold."""
    pods = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with open_nodes(count=1, fabric=FABRIC, subnet=SUBNET) as nodes:
        variables = nodes.directory / "lab.json"
        variables.write_text(describe(pods), encoding="utf-8")
        nothing = nodes.directory / "nothing.yml"
        nothing.write_text(json.dumps(NOTHING), encoding="utf-8")
        argv = ("-e", f"@{variables}")
        rows = [
            ("check mode on a bare node", *run(nodes, "lab.yml", "--check", *argv)),
            ("build", *run(nodes, "lab.yml", *argv)),
            ("again, without changes", *run(nodes, "lab.yml", *argv)),
            (f"{TASKS} tasks that do nothing", *run(nodes, nothing)),
            ("check mode, built", *run(nodes, "lab.yml", "--check", *argv)),
            ("remove", *run(nodes, "teardown.yml")),
        ]
    print(f"A lab of {pods} pods, {2 * pods} containers, on one node")
    for name, seconds, changed in rows:
        print(f"  {name:28} {seconds:6.1f} s   {changed:2} tasks changed something")
    build, again = rows[1], rows[2]
    faults = []
    if again[2] != 0:
        faults.append("the second run changed something")
    if pods <= 100 and build[1] > BUILD_SECONDS:
        faults.append(f"building took more than {BUILD_SECONDS:.0f} s")
    if pods <= 100 and again[1] > CHECK_SECONDS:
        faults.append(f"the run without changes took more than {CHECK_SECONDS:.0f} s")
    for fault in faults:
        print(f"  too slow or wrong: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
