# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirements 1, 2 and 4: pods and nodes reach each other, and everybody is seen by the own address."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ..text import words
from .cast import common
from .faults import Broken, merged, outcome, peer
from .records import Answer, Check, Line, Party, Result
from .scene import Scene, of

PODS = "pods-reach-pods"
OWN = "own-address"
NODES = "nodes-and-pods"


def planned(scene: Scene) -> Iterator[Check]:
    """Yield a probe for each pair and family of addresses that both ends have."""
    for one, other in scene.sample.pairs:
        yield from _towards(scene, PODS, "", one, other)
    for pod in scene.cast.pods:
        yield from _towards(scene, OWN, "", pod, pod)
    for one, other in _node_pairs(scene):
        yield from _towards(scene, NODES, "pod" if one.pod is None else "node", one, other)


def _node_pairs(scene: Scene) -> Iterator[tuple[Party, Party]]:
    """Yield nodes to pods, to all when these are not too many; and each pod to its own node.

    Where they are too many, a node asks all its own pods and one pod of every other node.
    """
    nodes = {node.host: node for node in scene.cast.nodes}
    everybody = len(scene.cast.pods) <= scene.expected.pairs
    for turn, node in enumerate(scene.cast.nodes):
        for host, pods in scene.cast.pods_on.items():
            asked = pods if everybody or host == node.host else [pods[turn % len(pods)]]
            if host != node.host:  # what comes from its own node is allowed to every pod
                asked = [pod for pod in asked if scene.is_free(pod)]
            for pod in asked:
                yield node, pod
    for pod in scene.cast.pods:
        if pod.host in nodes and scene.is_free(pod):
            yield pod, nodes[pod.host]


def _towards(scene: Scene, requirement: str, about: str, one: Party, other: Party) -> Iterator[Check]:
    for _mine, theirs in common(one, other):
        yield Check(requirement, about, one, other.name, "tcp", theirs, scene.listener(other).id)


def wrong(scene: Scene, check: Check, result: Result, own: bool = True) -> Broken | None:
    """Return what is wrong with a connection that should come about as it was sent; None when nothing is.

    With *own*, its source must be one of the sender's addresses as the facts have them.
    """
    where = scene.owner(check).host
    way = f"{check.sender.name} to {check.receiver}: {peer(result.sent_from)} → {check.to}"
    if result.outcome != "ok":
        return Broken(check, where, f"not reached: {outcome(result)}", f"{way}: {outcome(result)}")
    if result.answered_by != check.listener:
        answered = "somebody else" if result.answered_by is None else f"listener {result.answered_by}"
        return Broken(check, where, "another one answered", f"{way}: {answered} answered")
    if result.sent_from is None or result.seen_as is None:
        return Broken(check, where, "the addresses are not known", f"{way}: one end did not say its address")
    if result.seen_as.address != result.sent_from.address:
        return Broken(
            check, where, f"translated on the way: seen as {result.seen_as.address}",
            f"{way}: the receiver saw {peer(result.seen_as)}",
        )  # fmt: skip
    if own and result.sent_from.address not in check.sender.own:
        return Broken(
            check, where, f"sent from {result.sent_from.address}, which is not its own",
            f"{way}: its addresses are {words.listed(sorted(check.sender.own))}",
        )  # fmt: skip
    return None


def judged_pods(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 1: every pod reaches every other without NAT."""
    came = of(answers, PODS)
    open_, forbidden = _split(scene, came)
    faults = merged(_wrong(scene, open_))
    notes = [] if not forbidden else [f"{words.counted(forbidden, 'pair')} that policies forbid or may forbid left out"]
    across = sum(check.sender.host != scene.owner(check).host for check, _results in open_)
    return Line(
        len(open_),
        f"{words.counted(len(open_), 'connection')}, {across} across nodes; each was seen by the sender's own address",
        faults,
        notes,
        "there are no two pods with addresses of one family"
        if not came
        else "policies forbid all pairs, or may, as the labels of pods were not given",
    )


def _wrong(scene: Scene, answers: Iterable[Answer]) -> Iterator[Broken]:
    for check, results in answers:
        found = wrong(scene, check, results[0])
        if found is not None:
            yield found


def _split(scene: Scene, answers: Iterable[Answer]) -> tuple[list[Answer], int]:
    """Return the answers whose pair no policy forbids, and the number of the others."""
    if not scene.expected.objects.policies:
        return list(answers), 0
    parties = {scene.listener(pod).id: pod for pod in scene.cast.pods}
    open_, forbidden = [], 0
    for check, results in answers:
        listening = scene.listening.get(check.listener or "")
        port = listening.port if listening else None
        if port is not None and scene.is_open(check.sender, parties[check.listener or ""], port, to=check.to):
            open_.append((check, results))
        else:
            forbidden += 1
    return open_, forbidden


def judged_own(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 2: a pod sees its own address as others see it."""
    seen: dict[str, set[str]] = defaultdict(set)
    for check, results in (*of(answers, PODS), *of(answers, NODES)):
        if check.sender.pod is not None and results[0].seen_as is not None:
            seen[check.sender.key].add(results[0].seen_as.address)
    found: list[Broken] = []
    checked = 0
    for check, results in of(answers, OWN):
        checked += 1
        broken = wrong(scene, check, results[0])
        strange = sorted(seen[check.sender.key] - check.sender.own)
        if broken is not None:
            found.append(broken)
        elif strange:
            told = (
                f"{check.sender.name} has {words.listed(sorted(check.sender.own))}, others saw {words.listed(strange)}"
            )
            found.append(Broken(check, "", f"others see {words.listed(strange)}", told))
    return Line(
        checked,
        f"{words.counted(checked, 'own address', 'own addresses')} of pods: each is on the interface, leads the pod to "
        "itself, and is the only one that others saw",
        merged(found),
        [],
        "no pod has an address",
    )


def judged_nodes(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 4: nodes reach all pods, and pods their node."""
    came = of(answers, NODES)
    selected = sum(not scene.is_free(pod) for pod in scene.cast.pods)
    to_pods = sum(check.about == "pod" for check, _results in came)
    return Line(
        len(came),
        f"{words.counted(to_pods, 'connection')} from nodes to pods, {len(came) - to_pods} from pods to their node; "
        "each was seen by the sender's own address",
        merged(_wrong(scene, came)),
        [f"{words.counted(selected, 'pod')} that a policy selects: asked from the own node alone"] if selected else [],
        "there is no node with pods",
    )
