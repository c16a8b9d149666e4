# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 3: containers of one pod share localhost and one address."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..model.records import Container, Pod
from ..text import words
from .cast import family
from .faults import Broken, merged, outcome, peer
from .records import Answer, Check, Line, Party
from .scene import Scene, of

KEY = "containers-share-localhost"
LOOPBACK = {"inet": "127.0.0.1", "inet6": "::1"}


def planned(scene: Scene) -> Iterator[Check]:
    """Yield two probes from each container of a pod that has several: to localhost, and to the pod's address.

    They start in the namespace of the container's own process, while the listener waits in the pod's.
    """
    for pod in scene.cast.pods:
        containers = _containers(pod.pod)
        for container in containers if len(containers) > 1 else ():
            at = f"pid:{min(container['pids'])}"
            called = container["name"] or (container["id"] or "?")[:12]
            listener = scene.listener(pod).id
            address = pod.addresses[0]
            for to in (LOOPBACK[family(address)], address):
                yield Check(KEY, called, pod, pod.name, "tcp", to, listener, at=at)


def _containers(pod: Pod | None) -> list[Container]:
    """Return the containers that have a process, without the sandbox."""
    if pod is None:
        return []
    return [one for one in pod["containers"] if one["pids"] and (one["name"] or one["id"] != pod["sandbox_id"])]


def judged(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 3."""
    found: list[Broken] = []
    came = of(answers, KEY)
    for check, results in came:
        result = results[0]
        way = f"{check.about} of {check.sender.name} to {check.to}"
        if result.outcome != "ok":
            found.append(Broken(check, "", f"container {check.about}: {outcome(result)}", f"{way}: {outcome(result)}"))
        elif result.answered_by != check.listener:
            what = f"container {check.about} is not in the network of its pod"
            found.append(Broken(check, "", what, f"{way}: another one answered"))
        elif result.seen_as is not None and result.seen_as.address != check.to:
            what = f"container {check.about} has another address than its pod"
            found.append(Broken(check, "", what, f"{way}: seen as {peer(result.seen_as)}"))
    pods: list[Party] = list({check.sender.key: check.sender for check, _results in came}.values())
    containers = {(check.sender.key, check.at) for check, _results in came}
    told = f"{words.counted(len(containers), 'container')} of {words.counted(len(pods), 'pod')}"
    return Line(
        len(came),
        f"{told}: each meets its pod on localhost and has the pod's address",
        merged(found),
        [],
        "no pod has two containers with a process",
    )
