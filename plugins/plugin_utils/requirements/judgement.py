# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what came back to one line for each requirement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from ..text import words
from . import (
    connections,
    containers,
    ingresses,
    leaving,
    names,
    path_mtu,
    policy_table,
    ranges_apart,
    service_answers,
    services,
)
from .records import SCHEMA_VERSION, Answer, Check, Line, Plan, Requirement, Unsent, Verdict, Verification
from .scene import Scene

Judge = Callable[[Scene, Sequence[Answer]], Line]

REQUIREMENTS: tuple[tuple[str, str, Judge], ...] = (
    (connections.PODS, "Every pod reaches every other, without NAT", connections.judged_pods),
    (connections.OWN, "A pod sees its own address as others see it", connections.judged_own),
    (containers.KEY, "Containers of a pod share localhost and one address", containers.judged),
    (connections.NODES, "Nodes reach all pods, and pods their node", connections.judged_nodes),
    (
        ranges_apart.KEY,
        "Ranges do not overlap, and pods are in their node's",
        lambda scene, _answers: ranges_apart.judged(scene),
    ),
    (services.KEY, "A Service reaches each of its backends and no other", service_answers.judged),
    (names.KEY, "Names resolve to what the facts say", names.judged),
    (leaving.KEY, "What leaves the cluster has the node's address", leaving.judged),
    (policy_table.KEY, "NetworkPolicies hold", policy_table.judged),
    (path_mtu.KEY, "The path MTU is what the interfaces promise", path_mtu.judged),
    (ingresses.KEY, "An Ingress leads each host and path to its Service", ingresses.judged),
)
"""Key, title and judge of each, in the order of their numbers."""

TRUTH_ROWS = 20000
"""So many rows of the truth table are kept, those that differ before the others."""


def verification(scene: Scene, plan: Plan, answers: Sequence[Answer], unsent: Sequence[Unsent] = ()) -> Verification:
    """Return the whole verification. *unsent* are nodes that could not take part."""
    answers = [(_with_port(scene, check), results) for check, results in answers]
    requirements = [
        _requirement(number, key, title, judge(scene, answers), answers)
        for number, (key, title, judge) in enumerate(REQUIREMENTS, 1)
    ]
    verdicts = Counter(one["verdict"] for one in requirements)
    rows = [row for row, _check, _result in policy_table.table(scene, answers)]
    rows.sort(key=lambda row: row["measured"] == row["expected"])
    return {
        "schema_version": SCHEMA_VERSION,
        "collected_at": scene.cast.world.model["last_collected_at"],
        "sent": {
            "pods": len(scene.cast.pods),
            "nodes": len(scene.cast.nodes),
            "pairs_possible": plan.pairs_possible,
            "pairs_planned": plan.pairs_planned,
            "pairs_chosen": scene.sample.how,
            "probes": sum(len(results) for _check, results in answers),
            "listeners": len(plan.listeners),
        },
        "left_out": scene.cast.left_out,
        "unsent": list(unsent),
        "held": verdicts["held"],
        "broken": verdicts["broken"],
        "not_applicable": verdicts["not_applicable"],
        "requirements": requirements,
        "ends": [],
        "not_computed": 0,
        "policies": rows[:TRUTH_ROWS],
    }


def _with_port(scene: Scene, check: Check) -> Check:
    """Return a check with the port that its listener got."""
    known = scene.listening.get(check.listener or "")
    return check if check.port is not None or known is None else check._replace(port=known.port)


def _requirement(number: int, key: str, title: str, line: Line, answers: Sequence[Answer]) -> Requirement:
    notes = list(line.notes)
    silent = Counter(check.sender.host for check, results in answers if check.requirement == key and not results)
    missing = sum(silent.values())
    if missing:
        hosts = words.listed(sorted(silent))
        notes.append(f"{words.counted(missing, 'probe')} of {hosts} without a result: that proves nothing")
    verdict: Verdict = "broken" if line.faults else "held" if line.checked else "not_applicable"
    summary = line.summary
    if verdict == "not_applicable":
        summary = "nothing was sent" if missing else line.reason
    elif verdict == "broken":
        wrong = sum(one["count"] for one in line.faults)
        summary = f"{wrong} of {line.checked} wrong" if wrong <= line.checked else words.counted(wrong, "fault")
    return {
        "number": number,
        "key": key,
        "title": title,
        "verdict": verdict,
        "checked": line.checked,
        "summary": summary,
        "notes": notes,
        "faults": line.faults,
    }
