# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who answers questions for names: CoreDNS in most clusters, a server of its own in a lab.

Each function without an underscore answers one question of the table at the end.
"""

from __future__ import annotations

from ..model.records import Service
from ..text import words
from .measured import (
    Measured,
    Question,
    absent,
    ranges_of,
    seen,
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


QUESTIONS: tuple[Question, ...] = (
    Question("dns.address", "the address that is written into pods",
             lambda world: written(ranges_of(world, "service", "hint"), "no file on the nodes says one"),
             "Without it pods find Services only by address."),
    Question("dns.service", "the Service that has it", service,
             "A server behind a Service may move; the address in each pod's resolv.conf may not."),
    Question("dns.protocols", "how it is asked", protocols,
             "Answers that are too long for UDP are asked for again over TCP; without it they stay cut off."),
    Question("dns.server", "who answers", server,
             "When the only one goes, no pod finds a name until another is there."),
)  # fmt: skip
"""What is compared of names."""
