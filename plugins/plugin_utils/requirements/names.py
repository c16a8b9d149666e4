# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requirement 7: names of Services, headless Services and pods resolve to what the facts say.

The names are those of the specification of DNS in Kubernetes
(https://github.com/kubernetes/dns/blob/master/docs/specification.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from ..model.services import name as service_name
from ..text import words
from .cast import family
from .faults import Broken, merged, outcome
from .objects import Name
from .records import Answer, Check, Line, Party
from .scene import Scene, of

KEY = "names"
SERVICES = 100
"""So many Services are asked for from one node; with more of them, nodes take turns."""
RECORDS = {"inet": "A", "inet6": "AAAA"}


def known(scene: Scene) -> dict[Name, set[str]]:
    """Return the addresses of each Service: the API's objects where they were given, else the nodes' rules."""
    found: dict[Name, set[str]] = defaultdict(set)
    objects = scene.expected.objects
    for key, service in objects.services.items():
        if service.headless:
            found[key] |= {one.address for one in objects.endpoints.get(key, ())}
        else:
            found[key] |= set(service.addresses)
    for one in scene.cast.world.model["services"]:
        if one["type"] == "cluster_ip" and one["namespace"] and one["name"] and one["virtual_address"]:
            key = (one["namespace"], one["name"])
            if key not in objects.services:
                found[key].add(one["virtual_address"])
    return {key: addresses for key, addresses in found.items() if addresses}


def planned(scene: Scene) -> Iterator[Check]:
    """Yield questions of one pod of each node."""
    services = known(scene)
    senders = _senders(scene)
    for turn, sender in enumerate(senders):
        mine = list(services.items())
        if len(mine) > SERVICES:
            mine = mine[turn :: len(senders)][:SERVICES]
        for (namespace, name), addresses in mine:
            for asked in _forms(scene, sender, namespace, name):
                yield from _asked(sender, f"Service {namespace}/{name}", asked, addresses)
        for asked, about, addresses in _ends(scene):
            yield from _asked(sender, about, asked, addresses)
        if services:
            other = senders[(turn + 1) % len(senders)]
            yield from _pod_names(scene, sender, other)
        for given in scene.expected.names:
            yield from _asked(sender, "a name that was given", given.name, set(given.addresses))


def _senders(scene: Scene) -> list[Party]:
    """Return one pod of each node, rather one that no policy selects, and none of the cluster's own.

    Those of the cluster often use the node's name servers.
    """
    return [
        min(pods, key=lambda pod: (not scene.is_free(pod), pod.name.startswith("kube-")))
        for pods in scene.cast.pods_on.values()
    ]


def _forms(scene: Scene, sender: Party, namespace: str, name: str) -> Iterator[str]:
    """Yield the absolute name, and those that the search domains complete."""
    yield f"{name}.{namespace}.svc.{scene.expected.domain}."
    yield f"{name}.{namespace}.svc"
    yield f"{name}.{namespace}"
    if sender.pod is not None and sender.pod["namespace"] == namespace:
        yield name


def _asked(sender: Party, about: str, name: str, addresses: set[str]) -> Iterator[Check]:
    kinds = {family(one) for one in addresses} or {"inet"}
    for kind in sorted(kinds):
        wanted = sorted(one for one in addresses if family(one) == kind)
        # What is expected stands in the receiver, so that the judgement needs nothing else.
        yield Check(KEY, about, sender, " ".join(wanted), "dns", name, record=RECORDS[kind])


def _ends(scene: Scene) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the names of single ends of headless Services that have a host name."""
    objects = scene.expected.objects
    for (namespace, name), service in objects.services.items():
        for end in objects.endpoints.get((namespace, name), ()) if service.headless else ():
            if end.hostname:
                asked = f"{end.hostname}.{name}.{namespace}.svc.{scene.expected.domain}."
                yield asked, f"end of {namespace}/{name}", {end.address}


def _pod_names(scene: Scene, sender: Party, pod: Party) -> Iterator[Check]:
    for address in pod.addresses:
        label = address.replace(".", "-").replace(":", "-")
        namespace = pod.pod["namespace"] if pod.pod else ""
        yield from _asked(sender, f"pod {pod.name}", f"{label}.{namespace}.pod.{scene.expected.domain}.", {address})


_LOOPBACK = ("127.0.0.1", "::1")


def judged(scene: Scene, answers: Sequence[Answer]) -> Line:
    """Judge requirement 7. A pod that asks another server than the cluster's is left out, and said.

    So is one without a name server where the cluster has none: libc asks the loopback address then (resolv.conf(5)).
    """
    own = {
        one["virtual_address"]
        for one in scene.cast.world.model["services"]
        if one["type"] == "cluster_ip" and one["port"] == 53
    }
    found: list[Broken] = []
    strangers: dict[str, str] = {}
    checked = 0
    names = set()
    for check, results in of(answers, KEY):
        result = results[0]
        nobody = not own and result.outcome == "no-server" and result.server in _LOOPBACK
        if result.server is not None and (nobody or (own and result.server not in own)):
            strangers[check.sender.name] = result.server
            continue
        checked += 1
        names.add(check.to)
        wanted, came = set(check.receiver.split()), set(result.answers)
        told = f"{check.sender.name} asked {result.server or 'its name server'} for {check.to} ({check.record})"
        if not wanted:
            if result.outcome == "ok" and came:
                found.append(_broken(check, "is known, and should not be", f"{told}: {words.listed(sorted(came))}"))
        elif result.outcome != "ok":
            evidence = f"{told}: {outcome(result)}; it has {check.receiver}"
            silent = result.server if result.outcome in ("no-server", "timeout", "refused") else None
            found.append(_broken(check, outcome(result), evidence, silent))
        elif came != wanted:
            answered = words.listed(sorted(came)) or "no address"
            found.append(_broken(check, "another answer", f"{told}: {answered}, not {words.listed(sorted(wanted))}"))
    notes = [f"{name} asks {server}, which is no Service of the cluster" for name, server in sorted(strangers.items())]
    return Line(
        checked,
        f"{words.counted(checked, 'right answer')} for {words.counted(len(names), 'name')}, short ones too",
        merged(found),
        notes,
        _reason(scene, strangers),
    )


def _broken(check: Check, what: str, evidence: str, silent: str | None = None) -> Broken:
    """Return what went wrong; *silent* is the name server that did not answer."""
    # Names fail together: a dead name server is one fault, not one for each Service.
    return Broken(
        check._replace(about="", receiver=check.to), "", f"names: {what}", evidence, silent is not None, silent
    )


def _reason(scene: Scene, strangers: dict[str, str]) -> str:
    if strangers:
        return "no pod asks the cluster's name server"
    services = scene.cast.world.model["services"]
    if services and not any(one["name"] for one in services):
        return (
            f"the rules do not name their Services ({service_name(services[0])}); give names with podnet_verify_names"
        )
    if not scene.cast.pods:
        return "there is no pod"
    return "no node has rules of a Service with a name, and no names were given with podnet_verify_names"
