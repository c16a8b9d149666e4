# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long the fact modules take as tasks, against ``ansible.builtin.setup`` with its network facts.

The node is a throwaway one with many pods, each with a veth on the node's side. Both run as tasks of one playbook, and
Ansible's own JUnit callback says how long each took. Each fact module runs twice: for the first task of its kind in a
playbook Ansible also packs the module, once for all hosts, which takes the control node some tenths of a second and
the node nothing. A task that does nothing shows what Ansible itself takes.

setup asks ``ip`` and ``ethtool`` twice each about every interface. kubeadm wants ethtool on its nodes, so it has to be
here as well. Run it as root from the checkout:

    .venv/bin/python tests/benchmark/setup_task.py [--veths 401] [--runs 3] [--limit 50]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.tests.benchmark.facts_size import PODS  # noqa: E402
from ansible_collections.podnet.lab.tests.integration.support.world import PATH, World, open_world  # noqa: E402

SETUP = "setup"
NOTHING = "ping"
MODULES = ("netns_facts", "pod_network_facts")
OURS = tuple(f"{module}, {which}" for module in MODULES for which in ("first", "again"))
PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - name: setup
      ansible.builtin.setup:
        gather_subset: ['!all', '!min', network]
        gather_timeout: 600
    - name: ping
      ansible.builtin.ping:
    - name: netns_facts, first
      podnet.lab.netns_facts:
    - name: netns_facts, again
      podnet.lab.netns_facts:
    - name: pod_network_facts, first
      podnet.lab.pod_network_facts:
    - name: pod_network_facts, again
      podnet.lab.pod_network_facts:
"""


def seconds_by_task(world: World) -> dict[str, float]:
    """Run the playbook once; the answer is the time of each task in seconds."""
    reports = world.scratch / "junit"
    for old in reports.glob("*.xml"):
        old.unlink()
    world.playbook(
        PLAY,
        interpreter="/usr/bin/python3",
        env={"ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit", "JUNIT_OUTPUT_DIR": str(reports)},
        timeout=900,
    )
    (report,) = reports.glob("*.xml")
    times = {}
    for case in ET.parse(report).getroot().iter("testcase"):
        for name in (SETUP, NOTHING, *OURS):
            # The callback writes "[host] play: name arguments".
            if case.attrib["name"].split(": ")[-1].startswith(name):
                times[name] = float(case.attrib["time"])
    return times


def main() -> int:
    """Print a table; 1 when a fact module is not as much faster as the limit asks."""
    parser = argparse.ArgumentParser(description="Time fact modules as tasks against ansible.builtin.setup.")
    parser.add_argument("--veths", type=int, default=401, help="veths on the node (default %(default)s)")
    parser.add_argument("--runs", type=int, default=3, help="runs of the playbook (default %(default)s)")
    parser.add_argument("--limit", type=float, default=50, help="how many times faster at least (default %(default)s)")
    options = parser.parse_args()
    if shutil.which("ethtool", path=PATH) is None:
        raise SystemExit("ethtool is not on this machine, and without it setup asks half as much: install it.")
    with open_world("bench") as world:
        world.run("sh", "-euc", PODS, "sh", str(options.veths), timeout=600)
        runs = [seconds_by_task(world) for _run in range(options.runs)]
    medians = {name: statistics.median(run[name] for run in runs) for name in (SETUP, NOTHING, *OURS)}
    print(f"tasks on a node with {options.veths} veths, median of {options.runs} runs")
    print(f"  {SETUP + ', network subset':28} {medians[SETUP]:8.2f} s")
    for name in (*OURS, NOTHING):
        print(f"  {name:28} {medians[name]:8.2f} s   {medians[SETUP] / medians[name]:6.1f} times faster")
    met = all(medians[SETUP] >= options.limit * medians[name] for name in OURS)
    print(f"at least {options.limit:g} times faster: {met}")
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
