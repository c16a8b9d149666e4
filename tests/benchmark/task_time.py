# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a pod_network_facts task takes, as a multiple of an ansible.builtin.ping task on the same node.

The node is one that answers over SSH, with pods as in the benchmark of size, each with a CNI result and a lease, and
Ansible is configured as in this checkout. Between the two stand what no work on the facts could save: a module that
returns the same facts from a file, which is what Ansible itself takes to carry them, and one that imports what
pod_network_facts imports and ends, which is what Python takes to start it. All run as tasks of one playbook, in turns,
and Ansible's own JUnit callback says how long each took. The first task of each kind is not counted: for it Ansible
packs the module, once for all hosts. Run it as root from the checkout:

    .venv/bin/python tests/benchmark/task_time.py [--runs 5] [--inject]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.benchmark.facts_size import PODS, WRITE, owner_files  # noqa: E402
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes, open_nodes  # noqa: E402

LIMITS = {110: 1.5, 400: 2.2, 1000: 4.0}
"""Pods of the node -> how many times as long as a ping at most."""

_NODE = "node1"
_ANSWER = "/var/tmp/podnet-bench-answer.json"
_KEEP = f"""
    - podnet.lab.pod_network_facts:
      register: read
    - ansible.builtin.copy:
        content: "{{{{ {{'ansible_facts': read.ansible_facts}} | to_json }}}}"
        dest: {_ANSWER}
        mode: "0600"
"""
_TURN = """
    - name: ping {number}
      ansible.builtin.ping:
    - name: carried {number}
      carried_facts:
    - name: started {number}
      started_facts:
    - name: facts {number}
      podnet.lab.pod_network_facts:
"""
_CARRIED = f"""#!/usr/bin/python
import os
import sys
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={{}}, supports_check_mode=True)
with open({_ANSWER!r}) as facts:
    sys.stdout.write(facts.read())
sys.stdout.flush()
os._exit(0)
"""
"""A module that starts as every module does, and prints an answer that was made before."""
_STARTED = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podnet.lab.plugins.module_utils._facts.importing import compile_once
compile_once()
from ansible_collections.podnet.lab.plugins.module_utils._facts import (
    bridge, fact_module, netns, pod_cidr, subsets, veth
)
AnsibleModule(argument_spec={}, supports_check_mode=True).exit_json()
"""
"""A module that starts as pod_network_facts does, and reads nothing."""


def give_pods(nodes: Nodes, pods: int) -> None:
    """Make the pods of the node, and what a runtime and host-local would have written of them."""
    for command, given in ((f"sh -eus {pods}", PODS), (f"python3 -c '{WRITE}'", json.dumps(owner_files(pods)))):
        subprocess.run(nodes.ssh(_NODE, command), input=given, text=True, check=True, capture_output=True, timeout=600)


def medians(nodes: Nodes, runs: int, inject: bool, scratch: Path) -> dict[str, float]:
    """Seconds of a ping task, of the two between, and of one that reads the facts."""
    (scratch / "library").mkdir()
    (scratch / "library" / "carried_facts.py").write_text(_CARRIED)
    (scratch / "library" / "started_facts.py").write_text(_STARTED)
    play = f"- hosts: {_NODE}\n  become: true\n  gather_facts: false\n  tasks:\n"
    (scratch / "play.yml").write_text(play + _KEEP + "".join(_TURN.format(number=number) for number in range(runs + 1)))
    nodes.env.update(
        ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.junit",
        ANSIBLE_LIBRARY=str(scratch / "library"),
        ANSIBLE_INJECT_FACT_VARS=str(inject),
        JUNIT_OUTPUT_DIR=str(scratch / "junit"),
    )
    nodes.playbook(scratch / "play.yml", timeout=900)
    (report,) = (scratch / "junit").glob("*.xml")
    times: dict[str, list[float]] = {"ping": [], "carried": [], "started": [], "facts": []}
    for case in ET.parse(report).getroot().iter("testcase"):
        # The callback writes "[host] play: name arguments".
        words = case.attrib["name"].split(": ")[-1].split()
        if words[0] in times and words[1] != "0":
            times[words[0]].append(float(case.attrib["time"]))
    return {kind: statistics.median(found) for kind, found in times.items()}


def main() -> int:
    """Print a table; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Time pod_network_facts as a task against ansible.builtin.ping.")
    parser.add_argument("--runs", type=int, default=5, help="tasks of each kind (default %(default)s)")
    parser.add_argument(
        "--inject", action="store_true", help="with INJECT_FACTS_AS_VARS, for which Ansible copies all facts twice more"
    )
    options = parser.parse_args()
    met = True
    print(f"tasks on one node over SSH, median of {options.runs} runs")
    for pods, limit in LIMITS.items():
        with open_nodes(1) as nodes, tempfile.TemporaryDirectory(prefix="podnet-bench-") as scratch:
            give_pods(nodes, pods)
            took = medians(nodes, options.runs, options.inject, Path(scratch))
        ping = took["ping"]
        print(
            f"  {pods:5} pods: ping {ping:.2f} s, pod_network_facts {took['facts']:.2f} s: "
            f"{took['facts'] / ping:.2f} times (at most {limit:g}); to carry these facts alone: "
            f"{took['carried'] / ping:.2f} times, to start the module alone: {took['started'] / ping:.2f} times"
        )
        met = met and took["facts"] <= limit * ping
    print(f"within the limits: {met}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
