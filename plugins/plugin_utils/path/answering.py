# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who answers when the MAC of an address is asked for, by ARP and by neighbour discovery."""

from __future__ import annotations

from .node import Link, Namespace
from .records import Packet
from .routing import Flow, UnknownError, forwards, leaves_by, look_up, may_be_local, refuses_source
from .segment import Segment, Through


def who_might(
    namespace: Namespace, link: Link, heard: Segment, target: tuple[str, int]
) -> list[tuple[Namespace, Link, Through]]:
    """Return those of a segment that may answer for an address, whoever asks."""
    known: dict[tuple[str, str, int], list[tuple[Namespace, Link, Through]]]
    known = namespace.cache.setdefault(who_might, {})
    key = (link.ifname, *target)
    if key not in known:
        known[key] = [end for end in heard.ends if _might_answer(end[0], end[1], *target)]
    return known[key]


def _might_answer(namespace: Namespace, link: Link, family: str, number: int) -> bool:
    if namespace.tables is None or ("proxy " + link.ifname, family, number) in (namespace.neighbours or {}):
        return True
    every = family == "inet" and (
        namespace.setting("net.ipv4.conf.all.proxy_arp") or namespace.setting(f"net.ipv4.conf.{link.ifname}.proxy_arp")
    )
    return bool(every) or may_be_local(namespace, family, number)


def does_answer(namespace: Namespace, link: Link, family: str, number: int, asking: int | None) -> bool:
    """Tell whether an interface answers who asks for the MAC of an address (arp_process(), ndisc_recv_ns())."""
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
