# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who answers when the MAC of an address is asked for, by ARP and by neighbour discovery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .firewall import Moving, Place, pass_hook, shown_to_ip, tables
from .node import Link, Namespace
from .records import Packet, address_of
from .routing import (
    REFUSALS,
    Flow,
    UnknownError,
    flow_of,
    forwards,
    is_local,
    leaves_by,
    look_up,
    may_be_local,
    on_link,
    refuses_source,
)
from .segment import Segment, Through

_SOLICITED = 0xFF02_0000_0000_0000_0000_0001_FF00_0000
"""ff02::1:ff00:0/104, whom a question for a MAC is sent to (RFC 4291)."""
_LINK_LOCAL = 0xFE80 << 112
"""Stands for a link-local address, which facts do not list of every interface."""
_FIXED = ("PERMANENT", "NOARP")
"""States of a neighbour that nothing changes but who set it."""


@dataclass(frozen=True)
class Question:
    """Who has an address, asked out of an interface."""

    namespace: Namespace
    link: Link
    family: str
    number: int
    source: int | None
    """The address that it is asked from; None for a link-local one of IPv6, and of IPv4 where there is none."""


def question_of(namespace: Namespace, link: Link, packet: Packet, target: tuple[str, int]) -> Question:
    """Return the question for the next hop of a packet, *target* (arp_solicit(), ndisc_solicit())."""
    family, number = target
    source: int | None = None
    if family == "inet6":
        own = any(one.family == "inet6" and one.number == packet.src for one in link.addresses)
        source = packet.src if own else None
    elif packet.family == "inet" and is_local(namespace, "inet", packet.src, "lo"):
        source = packet.src
    else:
        found = on_link(namespace, link, "inet", number)
        source = found.number if found is not None else None
    return Question(namespace, link, family, number, source)


def who_might(question: Question, heard: Segment) -> list[tuple[Namespace, Link, Through]]:
    """Return those of a segment that may answer, whoever asks."""
    known: dict[tuple[str, str, int], list[tuple[Namespace, Link, Through]]]
    known = question.namespace.cache.setdefault(who_might, {})
    key = (question.link.ifname, question.family, question.number)
    if key not in known:
        known[key] = [end for end in heard.ends if _might_answer(end[0], end[1], question.family, question.number)]
    return known[key]


def _might_answer(namespace: Namespace, link: Link, family: str, number: int) -> bool:
    if namespace.tables is None or ("proxy " + link.ifname, family, number) in (namespace.neighbours or {}):
        return True
    every = family == "inet" and (
        namespace.setting("net.ipv4.conf.all.proxy_arp") or namespace.setting(f"net.ipv4.conf.{link.ifname}.proxy_arp")
    )
    return bool(every) or may_be_local(namespace, family, number)


def does_answer(question: Question, namespace: Namespace, link: Link) -> bool:
    """Tell whether an interface of *namespace* answers (arp_process(), ndisc_recv_ns())."""
    family, number, asking = question.family, question.number, question.source
    proxy = ("proxy " + link.ifname, family, number) in (namespace.neighbours or {})
    if family == "inet6":
        table = (namespace.tables or {}).get(("inet6", "local"), {})
        own = any(
            route.kind == "local" and any(hop.dev == link.ifname for hop in route.hops)
            for route in table.get(128, {}).get(number, ())
        )
        return own or (proxy and namespace.setting(f"net.ipv6.conf.{link.ifname}.proxy_ndp") == 1)
    if namespace.tables is None or namespace.rules is None:
        raise UnknownError(f"the routes of {namespace.name} were not read: inspect with podnet_diagnose=true")
    every = namespace.setting("net.ipv4.conf.all.proxy_arp") or namespace.setting(
        f"net.ipv4.conf.{link.ifname}.proxy_arp"
    )
    found = look_up(namespace, Flow("inet", asking, number, 0, link.ifname, None, None, None, None))
    if found.route is None or found.route.kind not in ("local", "unicast"):
        return False
    packet = Packet("inet", 0, asking or 0, number, None, None, 0)
    out = leaves_by(found.route, found.route.hops[0])
    if asking is not None and refuses_source(namespace, packet, link, out) is not None:
        return False
    if found.route.kind == "local":
        own = any(one.family == "inet" and one.number == number for one in link.addresses)
        ignore = max(
            namespace.setting("net.ipv4.conf.all.arp_ignore") or 0,
            namespace.setting(f"net.ipv4.conf.{link.ifname}.arp_ignore") or 0,
        )
        return own or ignore == 0
    if any(hop.dev == link.ifname for hop in found.route.hops):
        return False
    return bool((every or proxy) and forwards(namespace, "inet", link))


def silenced(
    question: Question, asked: tuple[Namespace, Link], through: Through, choose: Callable[[int, str], int]
) -> str | None:
    """Return which rule keeps a question, or its answer, from arriving; None when none does.

    Such packets of IPv6 pass the firewall like others, and are not tracked (nf_conntrack_icmpv6_error()). *choose* says
    what chance decides in rules. Raises UnknownError.
    """
    asker = (question.namespace, question.link)
    if question.family == "inet":
        for namespace, _link in (asker, asked, *through):
            if any(table.family == "arp" and table.chains for table in tables(namespace)):
                raise UnknownError("it has a table of the family arp, which is not computed")
        return None
    src = _LINK_LOCAL if question.source is None else question.source
    entry = (asked[0].neighbours or {}).get((asked[1].ifname, "inet6", src))
    if entry is not None and entry.mac != question.link.mac and any(one in _FIXED for one in entry.states):
        return f"{asked[0].name} sends its answer to {entry.mac}, which is fixed there for {address_of('inet6', src)}"
    group = _SOLICITED | (question.number & 0xFFFFFF)
    solicitation = Packet("inet6", 58, src, group, None, None, 72, icmp_type=135)
    answer = Packet("inet6", 58, question.number, src, None, None, 72, icmp_type=136)
    for packet, out, into in ((solicitation, asker, asked), (answer, asked, asker)):
        bridges = through if packet is solicitation else through[::-1]
        passed = [(out, "output", "", out[1].ifname), (out, "postrouting", "", out[1].ifname)]
        for namespace, link in bridges:
            if (namespace is not into[0] or link is not into[1]) and shown_to_ip(namespace, link, "inet6"):
                passed.append(((namespace, link), "prerouting", link.ifname, ""))
                passed.append(((namespace, link), "forward", link.ifname, link.ifname))
                passed.append(((namespace, link), "postrouting", link.ifname, link.ifname))
        passed += [(into, "prerouting", into[1].ifname, ""), (into, "input", into[1].ifname, "")]
        moving = Moving(packet, untracked=True)
        for (namespace, _link), hook, iif, oif in passed:
            place = Place(namespace, [], iif, oif, choose, lambda _text, _command: None)
            refused = pass_hook(place, "inet6", hook, moving)
            if refused is not None:
                return f"{namespace.name}, {refused.text}, drops the question or its answer"
            if place.rerouted and packet is answer and not _leads(namespace, packet, moving.mark):
                return f"{namespace.name} has no route for its answer once a rule gave it a mark"
    return None


def _leads(namespace: Namespace, packet: Packet, mark: int) -> bool:
    """Tell whether a route leads to where *packet* is to go."""
    found = look_up(namespace, flow_of(packet, mark, "lo"))
    return found.route is not None and found.route.kind not in REFUSALS
