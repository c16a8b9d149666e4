# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which route a packet takes in a namespace: policy rules, tables, the longest prefix, and the address it is sent from.

As the kernel does it (net/ipv4/fib_rules.c, fib_trie.c, fib_frontend.c; net/ipv6/route.c).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .node import LOCAL_TABLE, Address, Link, Namespace, NextHop, Route, Rule, bits
from .records import Packet, address_of

REFUSALS = {
    "blackhole": "the packet is dropped without a word",
    "unreachable": "the sender is told that the host is unreachable",
    "prohibit": "the sender is told that it is prohibited",
}
"""Types of routes, and actions of policy rules, that lead nowhere, and what that means."""

_MOST_KNOWN = 1000
"""So many answers of one namespace are kept: one packet asks the same again and again."""
WITH_PORTS = (6, 17, 132, 136)
"""TCP, UDP, SCTP and UDP-Lite."""


class UnknownError(Exception):
    """What becomes of the packet cannot be told; the text says what is missing or not understood."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What a route is looked up for."""

    family: str
    src: int | None
    """None where the address to send from is still to be chosen."""
    dst: int
    mark: int
    iif: str
    """``lo`` for what the namespace sends itself."""
    oif: str | None
    protocol: int | None
    sport: int | None
    dport: int | None


@dataclass(frozen=True, slots=True)
class Found:
    """A route and the rule that led to it; without a route, no rule led to one."""

    route: Route | None
    rule: Rule | None
    refused: str | None = None
    """What a rule does instead of looking up a table: ``blackhole``, ``unreachable`` or ``prohibit``."""


def flow_of(packet: Packet, mark: int, iif: str, oif: str | None = None) -> Flow:
    """Return what the route of *packet* is looked up for."""
    return Flow(packet.family, packet.src, packet.dst, mark, iif, oif, packet.protocol, packet.sport, packet.dport)


def look_up(namespace: Namespace, flow: Flow) -> Found:
    """Return the route for *flow*; raise UnknownError."""
    known: dict[Flow, Found] = namespace.cache.setdefault(look_up, {})
    found = known.get(flow)
    if found is None:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        found = known[flow] = _look_up(namespace, flow)
    return found


def _look_up(namespace: Namespace, flow: Flow) -> Found:
    if namespace.rules is None or namespace.tables is None:
        raise UnknownError("the rules and all tables of routes were not read there: inspect with podnet_diagnose=true")
    rules = namespace.rules[flow.family]
    place = 0
    while place < len(rules):
        rule = rules[place]
        place += 1
        if not _matches(rule, flow):
            continue
        if rule.action == "nop":
            continue
        if rule.action == "goto":
            place = next((number for number, one in enumerate(rules) if one.priority == rule.goto), len(rules))
            continue
        if rule.action is not None:
            return Found(None, rule, rule.action)
        for route in _in_table(namespace, flow, str(rule.table)):
            if rule.suppress is not None and route.prefixlen <= rule.suppress:
                break
            if route.odd is not None:
                raise UnknownError(f"the route {route.text} has something that is not computed: {route.odd}")
            if route.kind == "throw":
                break
            return Found(route, rule)
    return Found(None, None)


def _matches(rule: Rule, flow: Flow) -> bool:
    """Tell whether *rule* is for *flow*; raise UnknownError when a selector is not computed."""
    known = (
        _inside(rule.src, flow.src, flow.family)
        and _inside(rule.dst, flow.dst, flow.family)
        and (rule.mark is None or (flow.mark ^ rule.mark) & rule.mask == 0)
        and (rule.iif is None or rule.iif == flow.iif)
        and (rule.oif is None or rule.oif == flow.oif)
        and (rule.protocol is None or rule.protocol == flow.protocol)
        and _in_range(rule.sport, flow, flow.sport, rule)
        and _in_range(rule.dport, flow, flow.dport, rule)
    )
    if rule.odd is not None and (known or rule.negated):
        raise UnknownError(f"the policy rule {rule.text} has something that is not computed: {rule.odd}")
    return known != rule.negated


def _inside(prefix: tuple[int, int] | None, number: int | None, family: str) -> bool:
    if prefix is None:
        return True
    shift = bits(family) - prefix[1]
    return (number or 0) >> shift == prefix[0] >> shift


def _in_range(bounds: tuple[int, int] | None, flow: Flow, port: int | None, rule: Rule) -> bool:
    if bounds is None:
        return True
    if port is None and flow.protocol not in WITH_PORTS:
        return False
    if port is None:
        raise UnknownError(f"the policy rule {rule.text} asks for a port that nobody can tell beforehand")
    return bounds[0] <= port <= bounds[1]


def _in_table(namespace: Namespace, flow: Flow, name: str) -> Iterator[Route]:
    """Yield the routes of a table that fit, the best first."""
    table = (namespace.tables or {}).get((flow.family, name), {})
    width = bits(flow.family)
    for length, same in table.items():
        for route in same.get(flow.dst >> (width - length), ()):
            if route.kind in _WITHOUT_HOP or usable_hops(namespace, route, flow.oif):
                yield route


_WITHOUT_HOP = ("blackhole", "unreachable", "prohibit", "throw", "local", "broadcast", "anycast", "multicast")


def usable_hops(namespace: Namespace, route: Route, oif: str | None = None) -> list[NextHop]:
    """Return the next hops of *route* that packets can take."""
    ignores = namespace.setting("net.ipv4.conf.all.ignore_routes_with_linkdown") == 1
    return [
        hop
        for hop in route.hops
        if "dead" not in hop.flags
        and not (ignores and "linkdown" in hop.flags)
        and (oif is None or hop.dev == oif)
        and (hop.dev is None or hop.dev in namespace.links)
    ]


def is_local(namespace: Namespace, family: str, number: int, iif: str, src: int | None = None) -> bool:
    """Tell whether packets to an address are for the namespace itself; raise UnknownError."""
    found = look_up(namespace, Flow(family, src, number, 0, iif, None, None, None, None))
    return found.route is not None and found.route.kind == "local"


def may_be_local(namespace: Namespace, family: str, number: int) -> bool:
    """Tell, without looking at rules, whether a route may say that an address is the namespace's own."""
    width = bits(family)
    for (of, name), table in (namespace.tables or {}).items():
        if of == family and (name == LOCAL_TABLE or _has_local(namespace, of, name)):
            for length, same in table.items():
                if any(route.kind == "local" for route in same.get(number >> (width - length), ())):
                    return True
    return False


def _has_local(namespace: Namespace, family: str, name: str) -> bool:
    """Tell whether a table has routes of the type local, which is seldom but in the table of that name."""
    known: dict[tuple[str, str], bool] = namespace.cache.setdefault(_has_local, {})
    if (family, name) not in known:
        table = (namespace.tables or {}).get((family, name), {})
        known[family, name] = any(
            route.kind == "local" for same in table.values() for routes in same.values() for route in routes
        )
    return known[family, name]


def on_link(namespace: Namespace, link: Link, family: str, target: int | None) -> Address | None:
    """Return the address of *link* that packets to *target* are sent from, as inet_select_addr() does for IPv4."""
    usable = [one for one in link.addresses if one.family == family and one.usable and one.scope != "host"]
    if family == "inet":
        primary = [one for one in usable if not one.secondary]
        same = [one for one in primary if target is not None and _same_network(one, target)]
        return next(iter([*same, *primary]), None)
    wanted = "link" if target is not None and target >> 118 == 0xFE80 >> 6 else "global"
    fitting = [one for one in usable if one.scope == wanted]
    if len(fitting) > 1 and target is not None:
        # RFC 6724, rule 8: the longest prefix in common.
        fitting.sort(key=lambda one: (one.number ^ target).bit_length())
    return next(iter(fitting), None)


def _same_network(one: Address, target: int) -> bool:
    shift = bits(one.family) - one.prefixlen
    return one.number >> shift == target >> shift


def source_for(namespace: Namespace, route: Route, hop: NextHop, dst: int) -> int:
    """Return the address that a packet by *route* to *dst* is sent from; raise UnknownError."""
    if route.prefsrc is not None:
        return route.prefsrc
    if route.kind == "local":
        return dst
    link = namespace.links.get(hop.dev or "")
    if link is None:
        raise UnknownError(f"the interface {hop.dev} of the route {route.text} is not among those that were read")
    target = hop.gateway[1] if hop.gateway is not None and route.family == "inet" else dst
    found = sending_address(namespace, link, route.family, target)
    if found is None:
        raise UnknownError(
            f"no address is there to send from to {address_of(route.family, dst)}, by the route {route.text}"
        )
    return found


def sending_address(namespace: Namespace, link: Link, family: str, target: int | None) -> int | None:
    """Return the address that packets by *link* are sent from; that of the first other interface when it has none."""
    for one in (link, *sorted(namespace.links.values(), key=lambda other: other.ifindex)):
        found = on_link(namespace, one, family, target if one is link else None)
        if found is not None:
            return found.number
    return None


def refuses_source(namespace: Namespace, packet: Packet, link: Link, out: str) -> str | None:
    """Return why the kernel takes no packet from this source by *link*, None when it does; raise UnknownError.

    *out* is the interface that it is to leave by, ``lo`` for one that stays: the way back is looked up as from there.

    fib_validate_source() in net/ipv4/fib_frontend.c. IPv6 has nothing of the kind.
    """
    if packet.family != "inet":
        return None
    if packet.src >> 24 == 127 and not link.loopback:
        return "its source is a loopback address"
    name = f"net.ipv4.conf.{link.ifname}"
    reverse = Flow("inet", packet.dst, packet.src, 0, out, None, packet.protocol, packet.dport, packet.sport)
    found = look_up(namespace, reverse)
    route = found.route
    if route is not None and route.kind == "local" and not link.loopback:
        if namespace.setting(f"{name}.accept_local") or namespace.setting("net.ipv4.conf.all.accept_local"):
            return None
        return "its source is an address of its own"
    if route is not None and route.kind == "unicast":
        hops = usable_hops(namespace, route)
        if any(hop.dev == link.ifname for hop in hops):
            return None
    wanted = reverse_path_filter(namespace, link)
    if wanted == 0 or link.loopback:
        return None
    if wanted is None:
        raise UnknownError(
            f"rp_filter of {link.ifname} is not known, and the way back to "
            f"{address_of('inet', packet.src)} does not lead there: inspect with podnet_diagnose=true"
        )
    if route is None or route.kind != "unicast":
        return f"rp_filter={wanted}: no route leads back to its source"
    if wanted == 2:
        return None
    return f"rp_filter=1: the way back to its source is {route.text}"


def reverse_path_filter(namespace: Namespace, link: Link) -> int | None:
    """Return rp_filter as it counts for *link*: the larger of its own and that of all; None when it was not read."""
    every = namespace.setting("net.ipv4.conf.all.rp_filter")
    own = namespace.setting(f"net.ipv4.conf.{link.ifname}.rp_filter", "net.ipv4.conf.default.rp_filter")
    return None if every is None or own is None else max(every, own)


def forwards(namespace: Namespace, family: str, link: Link) -> bool | None:
    """Tell whether the namespace forwards packets that come in by *link*; None when that was not read."""
    if family == "inet":
        value = namespace.setting(
            f"net.ipv4.conf.{link.ifname}.forwarding", "net.ipv4.conf.default.forwarding", "net.ipv4.ip_forward"
        )
    else:
        value = namespace.setting("net.ipv6.conf.all.forwarding")
    return None if value is None else bool(value)


def leaves_by(route: Route, hop: NextHop) -> str:
    """Return the interface that a packet by *route* leaves by, ``lo`` for one that stays."""
    return "lo" if route.kind == "local" else hop.dev or "lo"
