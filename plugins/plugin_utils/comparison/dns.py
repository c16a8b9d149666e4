# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who answers questions for names: CoreDNS in most clusters, a server of its own in a lab.

Each function without an underscore answers one question of the table at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..model import ranges
from ..model.records import Pod, PodResolver, Service
from ..text import commands, words
from .measured import (
    NO_PODS,
    Measured,
    Question,
    absent,
    not_read,
    ranges_of,
    seen,
    spread,
    unread_services,
    written,
)
from .services import at, inner, where_backends_are
from .world import World

PORT = 53
NONE = "no Service at port 53"


def _served(world: World) -> list[Service]:
    return [one for one in inner(world) if one["port"] == PORT]


def service(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = _served(world)
    if not found:
        return absent(NONE)
    names = [f"{one['namespace'] or '?'}/{one['name'] or '?'}" for one in found]
    addresses = list(dict.fromkeys(one["virtual_address"] or "?" for one in found))
    text = f"{words.listed(list(dict.fromkeys(names)))} at {words.listed(addresses, 2)}"
    return seen("there", text, at(found[0]), names)


def protocols(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = _served(world)
    if not found:
        return absent(NONE)
    kinds = sorted({one["protocol"] for one in found})
    return seen(frozenset(kinds), words.listed([f"{PORT}/{kind}" for kind in kinds]), at(found[0]))


def server(world: World) -> Measured:
    unread = unread_services(world)
    if unread:
        return unread
    found = _served(world)
    if not found:
        return absent(NONE)
    behind = {
        backend["address"]: words.pod_name(backend["pod"]) if backend["pod"] else backend["address"]
        for one in found
        for backend in one["backends"]
        if one["family"] == found[0]["family"]
    }
    if not behind:
        return absent("no pod is behind it", at(found[0]))
    pods = sorted(behind.values())
    text = f"{words.counted(len(pods), 'pod')}: {words.listed(pods, 2)}"
    return seen(len(pods) > 1, text, where_backends_are(found[0]["rules"][0]))


def _resolvers(world: World) -> Iterator[tuple[Pod, PodResolver]]:
    for pod in world.pods:
        resolver = world.namespace(pod)["resolver"]
        if resolver is not None:
            yield pod, resolver


def _without(world: World) -> Measured:
    """Return what is said of a side of which no resolv.conf of a pod is known."""
    if not world.resolvers:
        return not_read("no resolv.conf of a pod was read (subset resolvers)")
    return absent("no resolv.conf of a pod is where runtimes and labs keep it" if world.pods else NO_PODS)


def asked(world: World) -> Measured:
    """Return whom pods ask: the cluster's own DNS, as far as it is known, or somebody else."""
    found = list(_resolvers(world))
    if not found:
        return _without(world)
    hints = [one["cidr"] for one in ranges_of(world, "service", "hint")]
    known = {one["virtual_address"] for one in _served(world)}
    kinds = [
        "the cluster's DNS"
        if any(one in known or any(ranges.contains(cidr, one) for cidr in hints) for one in resolver["nameservers"])
        else "another server"
        for _pod, resolver in found
    ]
    values, text = spread(kinds, "pod")
    pod, resolver = found[0]
    shown = words.listed(resolver["nameservers"], 3) or "nobody"
    return seen(values, f"{text}: {shown} in {words.pod_name(pod)}", (pod["host"], commands.file(resolver["path"])))


def search(world: World) -> Measured:
    """Return the search domains, with NAMESPACE for that of the pod."""
    found = list(_resolvers(world))
    if not found:
        return _without(world)
    values, text = spread((" ".join(_general(pod, resolver["search"])) or "none" for pod, resolver in found), "pod")
    return seen(values, text, (found[0][0]["host"], commands.file(found[0][1]["path"])))


def _general(pod: Pod, domains: list[str]) -> Iterator[str]:
    for domain in domains:
        first, dot, rest = domain.partition(".")
        yield f"NAMESPACE{dot}{rest}" if first == pod["namespace"] and rest.startswith("svc.") else domain


def options(world: World) -> Measured:
    found = list(_resolvers(world))
    if not found:
        return _without(world)
    values, text = spread((" ".join(sorted(resolver["options"])) or "none" for _pod, resolver in found), "pod")
    return seen(values, text, (found[0][0]["host"], commands.file(found[0][1]["path"])))


QUESTIONS: tuple[Question, ...] = (
    Question("dns.address", "the address that the kubelet is to write into pods",
             lambda world: written(ranges_of(world, "service", "hint"), "no file on the nodes says one"),
             "Without it pods find Services only by address."),
    Question("dns.service", "the Service that has it", service,
             "A server behind a Service may move; the address in each pod's resolv.conf may not."),
    Question("dns.protocols", "how it is asked", protocols,
             "Answers that are too long for UDP are asked for again over TCP; without it they stay cut off."),
    Question("dns.server", "who answers", server,
             "When the only one goes, no pod finds a name until another is there."),
    Question("dns.asked", "whom pods ask", asked,
             "Who asks another server finds no Service by name."),
    Question("dns.search", "where pods look for short names", search,
             "A short name like web is found in the pod's own namespace only because of these."),
    Question("dns.options", "options of their resolv.conf", options,
             "With ndots:5 a name with fewer dots is tried with every search domain first."),
)  # fmt: skip
"""What is compared of names."""
