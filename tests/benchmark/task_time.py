# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long a pod_network_facts task takes, as a multiple of an ansible.builtin.ping task on the same node.

The node is a throwaway one with pods as in the benchmark of size, each with a CNI result and a lease. Between the two
stands a module that returns the same facts from a file, without any work: what Ansible itself takes to carry them. All
run as tasks of one playbook, in turns, and Ansible's own JUnit callback says how long each took. The first task of each
kind is not counted: for it Ansible packs the module, once for all hosts. Run it as root from the checkout:

    .venv/bin/python tests/benchmark/task_time.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.benchmark.facts_size import PODS, give_owners  # noqa: E402
from ansible_collections.podnet.lab.tests.integration.support.world import World, open_world  # noqa: E402

LIMITS = {110: 1.5, 400: 2.2, 1000: 4.0}
"""Pods of the node -> how many times as long as a ping at most."""

_TURN = """
    - name: ping {number}
      ansible.builtin.ping:
    - name: carried {number}
      carried_facts:
    - name: facts {number}
      podnet.lab.pod_network_facts:
"""


CARRIED = """#!/usr/bin/python
import os
import sys
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={{}}, supports_check_mode=True)
with open({file!r}) as facts:
    sys.stdout.write(facts.read())
sys.stdout.flush()
os._exit(0)
"""
"""A module that starts as every module does, and prints an answer that was made before."""


def carrier(world: World) -> Path:
    """Return a folder with a module that answers what pod_network_facts answers on this node."""
    answer = world.scratch / "answer.json"
    answer.write_text(json.dumps({"ansible_facts": world.facts("pod_network_facts")}))
    library = world.scratch / "library"
    library.mkdir()
    (library / "carried_facts.py").write_text(CARRIED.format(file=str(answer)))
    return library


def medians(world: World, runs: int) -> dict[str, float]:
    """Seconds of a ping task, of one whose facts are there already, and of one that reads them."""
    reports = world.scratch / "junit"
    play = "- hosts: localhost\n  gather_facts: false\n  tasks:\n"
    world.playbook(
        play + "".join(_TURN.format(number=number) for number in range(runs + 1)),
        interpreter="/usr/bin/python3",
        env={
            "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit",
            "ANSIBLE_LIBRARY": str(carrier(world)),
            "JUNIT_OUTPUT_DIR": str(reports),
        },
        timeout=900,
    )
    (report,) = reports.glob("*.xml")
    times: dict[str, list[float]] = {"ping": [], "carried": [], "facts": []}
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
    options = parser.parse_args()
    met = True
    print(f"tasks on one node, median of {options.runs} runs")
    for pods, limit in LIMITS.items():
        with open_world("bench") as world:
            world.run("sh", "-euc", PODS, "sh", str(pods), timeout=600)
            give_owners(world, pods)
            took = medians(world, options.runs)
        ping = took["ping"]
        print(
            f"  {pods:5} pods: ping {ping:.2f} s, pod_network_facts {took['facts']:.2f} s: "
            f"{took['facts'] / ping:.2f} times (at most {limit:g}); to carry these facts alone: "
            f"{took['carried'] / ping:.2f} times"
        )
        met = met and took["facts"] <= limit * ping
    print(f"within the limits: {met}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
