# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What verify.yml plans for thousands of pods with Services and policies: time, memory, and how much would be sent.

The cluster is made up: nodes have the facts of healthy ones of the unit tests, every node the rules of all Services,
and the objects of the API are given. A Service has the pods of one label behind it, on several nodes. Policies select
pods by that label and let those of another in at one port; some namespaces are closed but for what these allow. Nothing
is sent, and no root is needed. Each size runs in a process of its own. Run it from the checkout:

    .venv/bin/python tests/benchmark/verify_plan.py [--nodes 25,100] [--pods 50] [--services 500] [--policies 200]

Ends with status 1 when a figure of the largest size is above its limit.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

_CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_CHECKOUT / ".venv" / "collections"))

from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import folder, plan  # noqa: E402
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile  # noqa: E402

SECONDS, GIB, MINUTES = 120.0, 1.5, 10.0
"""At most, for the largest size: to plan, of memory, and for a node to send what is its own."""
GROWTH = 1.4
"""Planning grows with at most this power of the nodes; every two of them are a pair, and have their part of it."""
RATE = 12100 / 7
"""Probes a second of one node, as `probe_pairs.py` measured it: 12,100 within 2.5 to 7 seconds."""
ENTRIES, AGE = 512 // 2, 50.0
"""So many pairs of one bridge fit into what podnet.lab.probe uses of a table of neighbours, and so long others wait."""
PORTS = 40
"""So many ports have policies of their own."""
NAMESPACES, CLOSED = 20, 4
"""So many namespaces there are, and so many of them are closed."""


def name_of(number: int) -> tuple[str, str]:
    """Return the namespace and the label of a pod or a Service; both repeat."""
    return f"team{number % NAMESPACES}", f"app{number}"


def make_cluster(path: Path, nodes: int, pods: int, services: int, policies: int) -> None:
    """Write the node files and what is expected of them."""
    made = [NodeFile(number + 1, pods=0) for number in range(nodes)]
    ends: dict[int, list[tuple[str, int]]] = {}
    objects: list[dict[str, Any]] = []
    for number in range(nodes * pods):
        # Neighbours in number are on different nodes, so that a Service's pods are as well.
        node, (namespace, app) = made[number % nodes], name_of(number % services)
        inside = node.pod(f"{app}-{number}", namespace)
        ends.setdefault(number % services, []).append((inside["interfaces"][0]["addr_info"][0]["local"], 8080))
        meta = {"namespace": namespace, "name": f"{app}-{number}", "labels": {"app": app}}
        objects.append({"kind": "Pod", "metadata": meta})
    for number in range(policies):
        (namespace, app), (other, client) = name_of(number % services), name_of((number + 1) % services)
        objects.append(
            {
                "kind": "NetworkPolicy",
                "metadata": {"namespace": namespace, "name": f"policy{number}"},
                "spec": {
                    "podSelector": {} if number < CLOSED else {"matchLabels": {"app": app}},
                    "ingress": []
                    if number < CLOSED
                    else [
                        {
                            "from": [
                                {
                                    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": other}},
                                    "podSelector": {"matchLabels": {"app": client}},
                                }
                            ],
                            "ports": [{"port": 8000 + number % PORTS}],
                        }
                    ],
                },
            }
        )
    (path / "nodes").mkdir(parents=True)
    for node in made:
        for number in range(services):
            namespace, app = name_of(number)
            address = f"10.96.{number // 250 + 1}.{number % 250 + 1}"
            node.service(app, ends.get(number, []), address=address, namespace=namespace)
        (path / "nodes" / f"{node.host}.json").write_text(json.dumps(node.document()), encoding="utf-8")
    given = {
        "outside": [],
        "objects": [[objects, "objects"]],
        "names": [],
        "policy_ports": [],
        "domain": "cluster.local",
    }
    folder.write_given(path, {**given, "pairs": 2000})


def measure(path: Path) -> dict[str, Any]:
    """Plan for the cluster of *path*, and return the figures."""
    began = time.monotonic()
    scene = folder.read_scene(path)
    read = time.monotonic()
    planned = plan.plan(scene)
    decided = time.monotonic()
    folder.write_plan(path, planned, [node.host for node in scene.cast.nodes])
    written = time.monotonic()
    sent: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    bridged = Counter(one.host for one, other in scene.sample.pairs if one.host == other.host)
    for check in planned.checks:
        sent[check.sender.host] += check.times
        kinds[check.requirement] += check.times
    return {
        "pods": len(scene.cast.pods),
        "read": read - began,
        "plan": decided - read,
        "write": written - decided,
        "gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
        "probes": sum(sent.values()),
        "listeners": len(planned.listeners),
        "most": max(sent.values(), default=0),
        "bridged": max(bridged.values(), default=0),
        "kinds": dict(kinds.most_common()),
        "how": scene.sample.how,
        "pairs": len(scene.sample.pairs),
    }


def expected(figures: dict[str, Any]) -> float:
    """Return the minutes that the busiest node takes to send what is its own; the others are done by then."""
    waits = max(math.ceil(figures["bridged"] / ENTRIES) - 1, 0)
    return float(figures["most"] / RATE + waits * AGE) / 60


def main() -> int:
    """Print the figures; 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description="Time what verify.yml plans for a cluster that is made up.")
    parser.add_argument(
        "--nodes", default="25,100", help="numbers of nodes, at most 240, by commas (default %(default)s)"
    )
    parser.add_argument("--pods", type=int, default=50, help="pods of a node, at most 250 (default %(default)s)")
    parser.add_argument("--services", type=int, default=500, help="Services (default %(default)s)")
    parser.add_argument("--policies", type=int, default=200, help="NetworkPolicies (default %(default)s)")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        print(json.dumps(measure(options.folder)))
        return 0
    took: dict[int, float] = {}
    figures: dict[str, Any] = {}
    for nodes in sorted(int(one) for one in options.nodes.split(",")):
        with tempfile.TemporaryDirectory(prefix="podnet-plan-") as scratch:
            path = Path(scratch) / "report"
            make_cluster(path, nodes, options.pods, options.services, options.policies)
            words = [sys.executable, __file__, "--folder", str(path)]
            figures = json.loads(subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout)
        took[nodes] = figures["plan"] + figures["write"]
        minutes = expected(figures)
        said = f"{nodes:4} nodes, {figures['pods']:5} pods, {options.services} Services, {options.policies} policies"
        print(
            f"{said}: read in {figures['read']:.1f} s, planned in {figures['plan']:.1f} s, written in "
            f"{figures['write']:.1f} s, {figures['gib']:.2f} GiB"
        )
        print(
            f"     {figures['probes']} probes, {figures['most']} of one node at most: {minutes:.1f} min at {RATE:.0f} "
            f"a second, {figures['bridged']} pairs of one bridge waiting for the table of neighbours; "
            f"{figures['listeners']} listeners; {figures['pairs']} pairs: {figures['how']}"
        )
        print("     " + ", ".join(f"{name} {count}" for name, count in figures["kinds"].items()))
    met = sum(figures[key] for key in ("read", "plan", "write")) <= SECONDS and figures["gib"] <= GIB
    met = met and expected(figures) <= MINUTES
    print(f"at most {SECONDS:g} s, {GIB:g} GiB and {MINUTES:g} min: {met}")
    if len(took) > 1:
        few, many = sorted(took)[-2:]
        growth = math.log(took[many] / took[few]) / math.log(many / few)
        print(f"grows with N^{growth:.2f} (at most N^{GROWTH})")
        met = met and growth <= GROWTH
    return int(not met)


if __name__ == "__main__":
    sys.exit(main())
