# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 8: what leaves the cluster does so with the node's address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..comparison.translation import NODE_ADDRESS, translated
from ..text import words
from .cast import common, rules_for_pods
from .faults import Broken, merged, outcome, peer
from .records import Answer, Check, Line, Party
from .scene import Scene, of

KEY = "leaves-with-node-address"


def planned(scene: Scene) -> Iterator[Check]:
    """Yield a probe from a pod of each node to each host outside.

    Without such hosts, other nodes stand for the outside where the rules of the sender's node treat them as such.
    """
    for host, own in scene.cast.pods_on.items():
        pods = sorted(own, key=lambda pod: not scene.is_free(pod))
        targets = scene.cast.outside or [one for one in scene.cast.nodes if _is_outside(scene, pods[0], one)]
        for target in targets if scene.cast.outside else targets[:1]:
            if target.host != host:
                for _mine, theirs in common(pods[0], target):
                    yield Check(KEY, "", pods[0], target.name, "tcp", theirs, scene.listener(target).id)


def _is_outside(scene: Scene, pod: Party, node: Party) -> bool:
    rules = rules_for_pods(scene.cast.world, pod.host) or []
    return node.host != pod.host and any(
        translated(rules, mine, theirs) == NODE_ADDRESS for mine, theirs in common(pod, node)
    )


def judged(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 8."""
    nodes = {node.host: node for node in scene.cast.nodes}
    found: list[Broken] = []
    came = of(answers, KEY)
    for check, results in came:
        result, where = results[0], scene.owner(check).host
        way = f"{check.sender.name} to {check.receiver} {check.to}"
        node = nodes.get(check.sender.host)
        if result.outcome != "ok" or result.seen_as is None:
            found.append(Broken(check, where, f"not reached: {outcome(result)}", f"{way}: {outcome(result)}"))
        elif node is not None and result.seen_as.address not in node.own:
            what = (
                "leaves with the pod's address"
                if result.seen_as.address in check.sender.own
                else "leaves with another address"
            )
            found.append(Broken(check, where, what, f"{way}: seen as {peer(result.seen_as)}"))
    hosts = sorted({check.sender.host for check, _results in came})
    return Line(
        len(came),
        f"packets of pods on {words.listed(hosts)} arrive at {words.listed(sorted({c.receiver for c, _r in came}))} "
        "with the address of their node",
        merged(found),
        [],
        _reason(scene),
    )


def _reason(scene: Scene) -> str:
    """Return why nothing was tried."""
    cast = scene.cast
    if not cast.pods:
        return "there is no pod"
    unread = [host for host in cast.pods_on if rules_for_pods(cast.world, host) is None]
    if unread:
        return f"the rules of {words.listed(unread)} were not read; name hosts outside with podnet_verify_outside"
    if not any(rules_for_pods(cast.world, host) for host in cast.pods_on):
        return (
            "no rule of these nodes gives packets of pods another source address, so pods keep theirs outside as well"
        )
    return (
        "no host here is outside: packets of pods keep their address towards these nodes, as their rules say. Name "
        "hosts outside, which are read and run a listener, with podnet_verify_outside"
    )
