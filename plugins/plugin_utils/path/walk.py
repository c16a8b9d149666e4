# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A packet's way from namespace to namespace: what the kernel does with it, step by step, and how it ends.

Nothing is read here but what `Fleet` gives. Where chance decides, `Choices` says what it decided this time, and
`all_ways` goes every way there is.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple, Protocol

from ..text import words
from ..text.escape import shell_word
from .answering import does_answer, question_of, silenced, who_might
from .firewall import Connection, Moving, Place, Refused, pass_hook, shown_to_ip
from .node import Bridge, Link, Namespace, NextHop, Node, Route
from .records import Hop, Outcome, Packet, Step, Verdict, Way, address_of, number_of, shown, words_of
from .routing import (
    REFUSALS,
    Flow,
    Found,
    UnknownError,
    flow_of,
    forwards,
    leaves_by,
    look_up,
    refuses_source,
    source_for,
    usable_hops,
)
from .segment import is_card, may_leave, segment

MOST_WAYS = 64
"""So many ways of one packet are computed; of more, that there are more is said."""
_MOST_STEPS = 64
"""So many interfaces a packet may come in by: more is a loop (a packet may be forwarded 64 times)."""
_ANSWERED = ("PERMANENT", "NOARP", "REACHABLE", "STALE", "DELAY", "PROBE")
_OVERHEAD = {"inet": 50, "inet6": 70}
"""Bytes that VXLAN puts around a packet: IP, UDP and VXLAN headers, and the Ethernet header inside (RFC 7348)."""
_ALL, _BEFORE, _AFTER = range(-(2**31), 2**31), range(-(2**31), 0), range(2**31)
"""Priorities of chains that look at frames: all, and before and after br_netfilter shows them to the others."""


class Fleet(Protocol):
    """Who knows the nodes."""

    def owners(self, family: str, number: int) -> list[tuple[Node, Namespace, Link]]:
        """Return the nodes that have an address in their own namespace, each with the interface."""


class Request(NamedTuple):
    """What is to be sent: from a namespace, perhaps from a certain address."""

    node: Node
    namespace: Namespace
    family: str
    protocol: int
    src: int | None
    dst: int
    sport: int | None
    dport: int | None
    size: int


class Choices:
    """What chance decides. Each run of a packet follows *given*, and takes the first of all beyond it."""

    def __init__(self, given: list[int]) -> None:
        """Begin a run."""
        self._given = given
        self.taken: list[tuple[int, int]] = []
        self.told: list[str] = []

    def choose(self, number: int, what: str) -> int:
        """Return one of the numbers below *number*."""
        if number <= 1:
            return 0
        place = len(self.taken)
        chosen = self._given[place] if place < len(self._given) else 0
        self.taken.append((chosen, number))
        self.told.append(f"{what}: {chosen + 1} of {number}")
        return chosen

    def following(self) -> list[int] | None:
        """Return what the next run is to follow, None when all were taken."""
        taken = list(self.taken)
        while taken:
            chosen, number = taken.pop()
            if chosen + 1 < number:
                return [one for one, _number in taken] + [chosen + 1]
        return None


class _EndedError(Exception):
    """The packet's way is at its end."""

    def __init__(self, verdict: Verdict, reason: str, receiver: Namespace | None = None) -> None:
        super().__init__(reason)
        self.verdict = verdict
        self.reason = reason
        self.receiver = receiver


def all_ways(fleet: Fleet, request: Request) -> list[Way]:
    """Return every way that the packet of *request* may take, each with that of its answer."""
    ways: list[Way] = []
    given: list[int] | None = []
    while given is not None:
        if len(ways) == MOST_WAYS:
            ways.append({"there": _too_many(request), "back": None})
            break
        choices = Choices(given)
        walk = _Walk(fleet, choices)
        there = walk.send(request)
        back = walk.answer(request) if there["verdict"] == "delivered" else None
        way: Way = {"there": there, "back": back}
        if way not in ways:
            ways.append(way)
        given = choices.following()
    return ways


def _too_many(request: Request) -> Outcome:
    packet = Packet(
        request.family, request.protocol, request.src or 0, request.dst, request.sport, request.dport, request.size
    )
    return {
        "verdict": "unknown",
        "reason": f"there are more than {MOST_WAYS} ways, and no more are computed",
        "host": None,
        "receiver": None,
        "listening": None,
        "packet": words_of(packet, 0),
        "path_mtu": None,
        "choices": [],
        "hops": [],
    }


class _Walk:
    """One run: a packet and its answer."""

    def __init__(self, fleet: Fleet, choices: Choices) -> None:
        self._fleet = fleet
        self._choices = choices
        self._tracked: dict[tuple[str, int], list[Connection]] = {}
        self._first: Packet | None = None
        self._heard: set[str] = set()
        """MACs that sent something on this way: bridges know now behind which port they are."""
        self._learned: dict[tuple[str, int, str, str, int], str] = {}
        """Neighbours that were learned on this way, by node, namespace, interface, family and address."""
        self._end: tuple[Node, Namespace, Packet] | None = None
        self._begin()

    def _begin(self) -> None:
        self._hops: list[Hop] = []
        self._node: Node | None = None
        self._moving = Moving(Packet("inet", 0, 0, 0, None, None, 0))
        self._wrapped: list[tuple[Moving, str, int, int]] = []
        """Packets inside the one on its way, with the MAC that they go to, VNI and port."""
        self._steps = 0
        self._mtu: int | None = None
        self._told_before = len(self._choices.told)

    # -- beginning and end --------------------------------------------------------------------------

    def send(self, request: Request) -> Outcome:
        self._begin()
        packet = Packet(
            request.family, request.protocol, request.src or 0, request.dst, request.sport, request.dport, request.size,
            icmp_type={1: 8, 58: 128}.get(request.protocol),
        )  # fmt: skip
        return self._run(request.node, request.namespace, packet, request.src is not None)

    def answer(self, request: Request) -> Outcome:
        """Send the answer of who got the packet; it is well when it comes back as the sender expects it."""
        if self._end is None or self._first is None:
            raise AssertionError("a packet that is answered was sent and got somewhere")
        node, namespace, got = self._end
        first = self._first
        self._begin()
        packet = dataclasses.replace(
            got, src=got.dst, dst=got.src, sport=got.dport, dport=got.sport, ack=True,
            icmp_type={8: 0, 128: 129}.get(got.icmp_type or 0),
        )  # fmt: skip
        outcome = self._run(node, namespace, packet, True)
        if outcome["verdict"] != "delivered" or self._end is None:
            return outcome
        at, receiver, came = self._end
        wanted = dataclasses.replace(came, src=first.dst, dst=first.src, sport=first.dport, dport=first.sport)
        if receiver is not request.namespace:
            outcome["verdict"] = "dropped"
            outcome["reason"] = (
                f"the answer gets to {_who(at, receiver)}, which has {address_of(came.family, came.dst)} as well"
            )
        elif (came.src, came.dst) != (wanted.src, wanted.dst):
            outcome["verdict"] = "dropped"
            outcome["reason"] = (
                f"the answer arrives as {shown(words_of(came, 0))}, and the sender waits for "
                f"{shown(words_of(wanted, 0))}"
            )
        return outcome

    def _run(self, node: Node, namespace: Namespace, packet: Packet, src_given: bool) -> Outcome:
        self._end = None
        self._moving = Moving(packet)
        try:
            self._enter(node, namespace, None)
            self._originate(namespace, src_given)
            raise AssertionError("a packet's way has an end")
        except _EndedError as ended:
            return self._outcome(ended.verdict, ended.reason, ended.receiver)
        except UnknownError as problem:
            return self._outcome("unknown", f"{self._where()}: {problem}", None)

    def _where(self) -> str:
        hop = self._hops[-1]
        return hop["host"] if hop["name"] == "the node itself" else f"{hop['name']} on {hop['host']}"

    def _outcome(self, verdict: Verdict, reason: str, receiver: Namespace | None) -> Outcome:
        packet = self._moving.packet
        listening = None
        if receiver is not None and receiver.sockets is not None and packet.protocol in (6, 17):
            name = "tcp" if packet.protocol == 6 else "udp"
            if packet.dport is not None and not packet.ack:
                listening = (name, packet.dport) in receiver.sockets
        return {
            "verdict": verdict,
            "reason": reason,
            "host": self._node.host if self._node is not None else None,
            "receiver": receiver.name if receiver is not None else None,
            "listening": listening,
            "packet": words_of(packet, self._moving.mark),
            "path_mtu": self._mtu,
            "choices": self._choices.told[self._told_before :],
            "hops": self._hops,
        }

    def _enter(self, node: Node, namespace: Namespace, came_in: str | None) -> None:
        self._node = node
        self._hops.append(
            {
                "host": node.host,
                "netns": namespace.inode,
                "name": namespace.name,
                "came_in": came_in,
                "went_out": None,
                "packet": words_of(self._moving.packet, self._moving.mark),
                "steps": [],
            }
        )

    def _tell(self, what: str, text: str, command: str | None = None) -> None:
        step: Step = {"what": what, "text": text, "command": command}
        self._hops[-1]["steps"].append(step)

    def _drop(self, text: str, command: str | None = None) -> _EndedError:
        self._tell("end", text, command)
        return _EndedError("dropped", f"{self._where()}: {text}")

    # -- firewall -----------------------------------------------------------------------------------

    def _hook(
        self,
        namespace: Namespace,
        hook: str,
        iif: str,
        oif: str,
        next_hop: int | None = None,
        *,
        family: str | None = None,
        bridge: Link | None = None,
        priorities: range = _ALL,
    ) -> bool:
        """Let the packet through a hook; tell whether the mark was changed where that asks for another route."""
        place = Place(
            namespace=namespace,
            tracked=self._tracked.setdefault((namespace.host, namespace.inode), []),
            iif=iif,
            oif=oif,
            choose=self._choices.choose,
            tell=lambda text, command: self._tell("firewall", text, command),
            next_hop=next_hop,
            bridge=bridge.ifname if bridge is not None else "",
        )
        asked = family or self._moving.packet.family
        refused: Refused | None = pass_hook(place, asked, hook, self._moving, priorities)
        if refused is not None:
            what = "drops it" if refused.kind == "drop" else "refuses it and tells the sender"
            raise self._drop(f"{refused.text}: {what}", refused.command)
        return place.rerouted

    # -- leaving a namespace ------------------------------------------------------------------------

    def _originate(self, namespace: Namespace, src_given: bool) -> None:
        """Send the packet from *namespace*: choose route and source, as connect() does, and let it out."""
        if src_given:
            found, hop = self._route(namespace, flow_of(self._moving.packet, self._moving.mark, "lo"))
        else:
            found, hop = self._choose_source(namespace)
        self._hops[-1]["packet"] = words_of(self._moving.packet, self._moving.mark)
        if self._first is None:
            self._first = self._moving.packet
        self._send_local(namespace, found, hop)

    def _choose_source(self, namespace: Namespace) -> tuple[Found, NextHop]:
        """Give the packet the address that it is sent from, and return its route.

        For IPv4 the route is looked up once more from there (ip_route_connect()). For IPv6 only where there was none
        at first (ip6_dst_lookup_tail()).
        """
        packet = self._moving.packet
        flow = dataclasses.replace(flow_of(packet, self._moving.mark, "lo"), src=None)
        if packet.family == "inet6":
            first = look_up(namespace, flow).route
            by_source = any(rule.src is not None for rule in (namespace.rules or {}).get("inet6", []))
            if by_source and (first is None or first.kind in REFUSALS):
                own = {
                    one.number
                    for link in namespace.links.values()
                    for one in link.addresses
                    if one.family == "inet6" and one.scope == "global" and one.usable and not link.loopback
                }
                if len(own) != 1:
                    raise UnknownError("no route leads there, but one may from the right address of several")
                self._moving.packet = dataclasses.replace(packet, src=own.pop())
                return self._route(namespace, flow_of(self._moving.packet, self._moving.mark, "lo"))
        found, hop = self._route(namespace, flow)
        if found.route is None:
            raise AssertionError("a way that is taken has a route")
        self._moving.packet = dataclasses.replace(packet, src=source_for(namespace, found.route, hop, packet.dst))
        if packet.family == "inet":
            found, hop = self._route(namespace, flow_of(self._moving.packet, self._moving.mark, "lo"))
        return found, hop

    def _send_local(self, namespace: Namespace, found: Found, hop: NextHop) -> None:
        before = self._moving.packet
        rerouted = self._hook(namespace, "output", "", hop.dev or "")
        after = self._moving.packet
        if rerouted or after.dst != before.dst:
            found, hop = self._route(namespace, flow_of(after, self._moving.mark, "lo"))
        self._tell_route(namespace, found, hop, "lo")
        if found.route is None:
            raise AssertionError("a way that is taken has a route")
        if found.route.kind == "local":
            self._hook(namespace, "postrouting", "", "lo")
            self._hook(namespace, "prerouting", "lo", "")
            self._deliver(namespace, "lo")
        self._transmit(namespace, found.route, hop, "")

    def _route(self, namespace: Namespace, flow: Flow) -> tuple[Found, NextHop]:
        """Return the route and one of its next hops; end where there is none or it says so."""
        found = look_up(namespace, flow)
        show = _route_command(namespace, flow)
        if found.route is None:
            if found.refused is not None and found.rule is not None:
                raise self._drop(
                    f"the policy rule {found.rule.text}: {REFUSALS[found.refused]}", _rules_command(namespace, flow)
                )
            raise self._drop(f"no route leads to {address_of(flow.family, flow.dst)}{_because_down(namespace)}", show)
        if found.route.kind in REFUSALS:
            raise self._drop(f"the route {found.route.text}: {REFUSALS[found.route.kind]}", show)
        if found.route.kind not in ("unicast", "local"):
            raise UnknownError(f"the route {found.route.text} is of a kind that is not computed")
        hops = usable_hops(namespace, found.route, flow.oif)
        if not hops:
            hops = [NextHop("lo", None, ())]
        place = self._choices.choose(len(hops), f"next hop of {found.route.text}")
        return found, hops[place]

    def _tell_route(self, namespace: Namespace, found: Found, hop: NextHop, iif: str) -> None:
        route = found.route
        if route is None:
            raise AssertionError("a way that is taken has a route")
        text = f"route {route.text}"
        if len(route.hops) > 1:
            gateway = f" via {address_of(*hop.gateway)}" if hop.gateway is not None else ""
            text += f", this time{gateway} dev {hop.dev}"
        if found.rule is not None and route.table not in ("main", "local"):
            text += f", by the rule {found.rule.text}"
        self._tell("route", text, _route_command(namespace, flow_of(self._moving.packet, self._moving.mark, iif)))

    def _transmit(self, namespace: Namespace, route: Route, hop: NextHop, iif: str) -> None:
        """Send the packet out of the interface of *hop*."""
        link = namespace.links.get(hop.dev or "")
        if link is None:
            raise UnknownError(f"the interface {hop.dev} of the route {route.text} is not among those that were read")
        target = hop.gateway or (self._moving.packet.family, self._moving.packet.dst)
        self._hook(namespace, "postrouting", iif, link.ifname, target[1])
        self._fits(namespace, link, route, forwarded=False)
        if not link.up:
            raise self._drop(f"{link.ifname} is down", namespace.shown(f"ip link show dev {shell_word(link.ifname)}"))
        mac = self._neighbour(namespace, link, target)
        if link.mac is not None:
            self._heard.add(link.mac)
        self._frame(namespace, link, mac, target)

    def _fits(self, namespace: Namespace, link: Link, route: Route, *, forwarded: bool) -> None:
        mtu = route.mtu or link.mtu
        if mtu is None:
            return
        around = sum(_OVERHEAD[self._moving.packet.family] for _one in self._wrapped)
        if not self._moving.packet.may_fragment:
            self._mtu = mtu - around if self._mtu is None else min(self._mtu, mtu - around)
        if self._moving.packet.size <= mtu:
            return
        show = namespace.shown(f"ip link show dev {shell_word(link.ifname)}")
        if self._moving.packet.may_fragment:
            self._tell("mtu", f"taken apart: {self._moving.packet.size} bytes, and {link.ifname} takes {mtu}", show)
            return
        told = "the sender is told" if forwarded else "the sender's kernel refuses it"
        raise self._drop(f"{self._moving.packet.size} bytes are more than {link.ifname} takes, {mtu}: {told}", show)

    # -- neighbours ---------------------------------------------------------------------------------

    def _neighbour(self, namespace: Namespace, link: Link, target: tuple[str, int]) -> str | None:
        """Return the MAC that the next hop has, as the table says or who has the address; None where nobody asks."""
        if link.mac is None or link.kind in ("wireguard", "ipip", "sit", "ip6tnl", "tun"):
            return None
        if namespace.neighbours is None:
            raise UnknownError("the neighbours were not read there: inspect with podnet_diagnose=true")
        written = address_of(*target)
        show = namespace.shown(f"ip neigh show {written} dev {shell_word(link.ifname)}")
        entry = namespace.neighbours.get((link.ifname, *target))
        if entry is not None and entry.mac is not None and any(state in _ANSWERED for state in entry.states):
            self._tell("neighbour", f"{written} has {entry.mac} ({', '.join(entry.states).lower()})", show)
            return entry.mac
        learned = self._learned.get((namespace.host, namespace.inode, link.ifname, *target))
        if learned is not None:
            self._tell("neighbour", f"{written} has {learned}, which it learned when it was asked itself", show)
            return learned
        found = self._asked(namespace, link, target)
        if found is None:
            return None
        self._heard.add(found[0])
        self._tell("neighbour", f"{written} is asked for; {found[1]} answers: {found[0]}", show)
        return found[0]

    def _asked(self, namespace: Namespace, link: Link, target: tuple[str, int]) -> tuple[str, str] | None:
        """Return the MAC of who answers for an address, and who that is; None when only others may answer."""
        if self._node is None:
            raise AssertionError("a packet is on a node")
        written = address_of(*target)
        heard = segment(self._node, namespace, link)
        question = question_of(namespace, link, self._moving.packet, target)
        answers: list[tuple[str, str]] = []
        silence: str | None = None
        for there, other, through in who_might(question, heard):
            if other.mac is not None and does_answer(question, there, other):
                refused = silenced(question, (there, other), through, self._choices.choose)
                if refused is None:
                    answers.append((other.mac, f"{other.ifname} of {there.name}"))
                    if question.source is not None and link.mac is not None:
                        learner = (there.host, there.inode, other.ifname, question.family, question.source)
                        self._learned[learner] = link.mac
                silence = refused or silence
        if len(answers) > 1:
            raise UnknownError(f"{' and '.join(who for _mac, who in answers[:3])} all answer for {written}")
        if answers:
            return answers[0]
        if heard.cards:
            return None
        if link.kind == "vxlan" and link.tunnel is not None and not _asks(link):
            raise self._drop(
                f"who has {written} is not known on {link.ifname}, and nobody can be asked there: its table has no "
                "entry for questions",
                namespace.shown(f"ip neigh show dev {shell_word(link.ifname)}"),
            )
        if heard.odd:
            raise UnknownError(f"nobody that was read answers for {written}, and {heard.odd[0]}")
        # What is down matters where the question meets nothing else: of many pods on a bridge one may be down.
        alone = heard.silent[0] if len(heard.silent) == 1 or not heard.ends else None
        if silence is None and alone is None and len(heard.ends) == 1 and link.kind != "bridge":
            there, other, through = heard.ends[0]
            if other.kind != "bridge" and not through:
                alone = f"only {other.ifname} of {there.name} hears the question"
        silence = silence or alone
        why = f": {silence}" if silence is not None else ""
        raise self._drop(
            f"nobody answers for {written} on {link.ifname}{why}",
            namespace.shown(f"ip neigh show dev {shell_word(link.ifname)}"),
        )

    # -- frames -------------------------------------------------------------------------------------

    def _frame(self, namespace: Namespace, link: Link, mac: str | None, target: tuple[str, int]) -> None:
        """Send the frame with the packet out of *link*, to *mac*."""
        if link.kind == "bridge":
            self._bridge_sends(namespace, link, mac, target, None)
        if not link.up:
            raise self._drop(f"{link.ifname} is down", namespace.shown(f"ip link show dev {shell_word(link.ifname)}"))
        if link.kind == "vxlan":
            self._wrap(namespace, link, mac)
        if link.peer is not None:
            self._cable(namespace, link, mac, target)
        if is_card(link):
            self._fabric(link, mac, target)
        if link.kind == "dummy":
            raise self._drop(f"{link.ifname} is a dummy: what it sends goes nowhere")
        raise UnknownError(f"what an interface of the kind {link.kind} ({link.ifname}) does is not computed")

    def _cable(self, namespace: Namespace, link: Link, mac: str | None, target: tuple[str, int]) -> None:
        if self._node is None:
            raise AssertionError("a packet is on a node")
        if link.peer is None:
            raise AssertionError("a cable has another end")
        there = self._node.namespaces.get(link.peer[0])
        other = there.by_index.get(link.peer[1]) if there is not None else None
        if there is None or other is None:
            raise UnknownError(f"the other end of {link.ifname} was not read")
        self._tell(
            "cable",
            f"cable {link.ifname} to {other.ifname} of {there.name}",
            namespace.shown(f"ip -d link show dev {shell_word(link.ifname)}"),
        )
        self._hops[-1]["went_out"] = link.ifname
        self._moving.connection, self._moving.reply, self._moving.untracked = None, False, False
        if there is not namespace:
            self._moving.mark = 0
        self._enter(self._node, there, other.ifname)
        if other.mtu is not None and self._moving.packet.size > other.mtu + 4:
            # is_skb_forwardable() allows for a VLAN tag.
            raise self._drop(
                f"{self._moving.packet.size} bytes are more than {other.ifname} takes, {other.mtu}: "
                "dropped without a word",
                there.shown(f"ip link show dev {shell_word(other.ifname)}"),
            )
        self._frame_comes(there, other, mac, target)

    def _frame_comes(self, namespace: Namespace, link: Link, mac: str | None, target: tuple[str, int]) -> None:
        self._count()
        show = namespace.shown(f"ip -d link show dev {shell_word(link.ifname)}")
        if not link.up:
            raise self._drop(f"{link.ifname} is down", show)
        self._moving.mac, self._moving.pkttype = mac, "host" if mac is None or mac == link.mac else "other"
        self._hook(namespace, "ingress", link.ifname, "", family="netdev")
        if link.master is not None:
            self._bridge_takes(namespace, link, mac, target)
        if mac is not None and link.mac is not None and mac != link.mac:
            raise self._drop(f"the frame is for {mac}, and {link.ifname} has {link.mac}", show)
        self._receive(namespace, link, seen=False)

    def _fabric(self, link: Link, mac: str | None, target: tuple[str, int]) -> None:
        """Go to the node that has the next address, over what connects the nodes."""
        if self._node is None:
            raise AssertionError("a packet is on a node")
        self._hops[-1]["went_out"] = link.ifname
        written = address_of(*target)
        owners = [one for one in self._fleet.owners(*target) if one[0] is not self._node]
        if len(owners) > 1:
            raise UnknownError(f"{' and '.join(one[0].host for one in owners[:3])} all have the address {written}")
        if not owners:
            self._tell("fabric", f"leaves by {link.ifname} to {written}, which is no node that was read")
            raise _EndedError("left", f"leaves {self._node.host} by {link.ifname} to {written}")
        node, namespace, there = owners[0]
        if mac is not None and there.mac is not None and mac != there.mac:
            raise UnknownError(
                f"the frame to {written} is for {mac}, and {there.ifname} of {node.host} has {there.mac}: "
                "a router in between, or a wrong entry"
            )
        self._tell("fabric", f"over the network of the nodes from {link.ifname} to {there.ifname} of {node.host}")
        self._moving.connection, self._moving.reply, self._moving.untracked = None, False, False
        self._moving.mark = 0
        self._enter(node, namespace, there.ifname)
        self._count()
        self._receive(namespace, there, seen=False)

    def _count(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise self._drop("it goes in a circle until nobody forwards it any more")

    # -- bridges ------------------------------------------------------------------------------------

    def _bridge_takes(self, namespace: Namespace, port: Link, mac: str | None, target: tuple[str, int]) -> None:
        """A frame comes in by a port of a bridge."""
        if port.master is None:
            raise AssertionError("a port has a bridge")
        bridge, link = namespace.bridges.get(port.master), namespace.links.get(port.master)
        if bridge is None or link is None:
            raise UnknownError(f"{port.ifname} is a part of {port.master}, which is no bridge that was read")
        show = namespace.shown(f"bridge -d link show dev {shell_word(port.ifname)}")
        state = bridge.ports[port.ifname].state if port.ifname in bridge.ports else None
        if state != "forwarding" or not link.up:
            why = f"{link.ifname} is down" if not link.up else f"the port {port.ifname} is {state}"
            raise self._drop(f"bridge {link.ifname}: {why}", show)
        if bridge.vlan_filtering:
            raise UnknownError(f"the bridge {link.ifname} keeps VLANs apart, which is not computed")
        moving = self._moving
        if mac == link.mac:
            moving.pkttype = "host"
        self._hook(namespace, "prerouting", port.ifname, "", family="bridge", bridge=link, priorities=_BEFORE)
        if shown_to_ip(namespace, link, moving.packet.family):
            before = moving.packet
            self._tell("bridge", f"bridge {link.ifname} shows the packet to the firewall (br_netfilter)", show)
            self._hook(namespace, "prerouting", link.ifname, "")
            seen = True
            if moving.packet.dst != before.dst:
                moving.mac, target = self._led_on(namespace, link, moving.mac, target)
                moving.pkttype = "host" if moving.mac == link.mac else moving.pkttype
        else:
            seen = False
        self._hook(namespace, "prerouting", port.ifname, "", family="bridge", bridge=link, priorities=_AFTER)
        mac = moving.mac
        if mac is not None and (mac == link.mac or (bridge.fdb or {}).get(mac) == link.ifname):
            self._hook(namespace, "input", port.ifname, "", family="bridge", bridge=link)
            if moving.pkttype != "host":
                raise self._drop(
                    f"bridge {link.ifname} takes the frame for {mac}, and its packet is not for the node", show
                )
            self._tell("bridge", f"bridge {link.ifname} takes it itself: {mac} is its own", show)
            self._receive(namespace, link, seen=seen)
        self._bridge_sends(namespace, link, mac, target, port.ifname)

    def _led_on(
        self, namespace: Namespace, link: Link, mac: str | None, target: tuple[str, int]
    ) -> tuple[str | None, tuple[str, int]]:
        """Where a frame goes whose packet got another destination on the bridge (br_nf_pre_routing_finish())."""
        found, hop = self._route(namespace, flow_of(self._moving.packet, self._moving.mark, link.ifname))
        if found.route is None or found.route.kind == "local" or hop.dev != link.ifname:
            return link.mac, target
        self._tell_route(namespace, found, hop, link.ifname)
        target = hop.gateway or (self._moving.packet.family, self._moving.packet.dst)
        return self._neighbour(namespace, link, target), target

    def _bridge_sends(
        self, namespace: Namespace, link: Link, mac: str | None, target: tuple[str, int], came_in: str | None
    ) -> None:
        """A bridge sends a frame out of the port that leads to *mac*."""
        bridge = namespace.bridges.get(link.ifname)
        if bridge is None or bridge.fdb is None:
            raise UnknownError(f"the ports and the forwarding table of {link.ifname} were not read")
        self._moving.mac = mac
        if came_in is None:
            self._moving.pkttype = "host"
        port, how = self._port(namespace, link, bridge, mac, came_in)
        show = namespace.shown(f"bridge fdb show br {shell_word(link.ifname)}")
        self._tell("bridge", f"bridge {link.ifname}: {how}, out of {port.ifname}", show)
        to_ip = came_in is not None and shown_to_ip(namespace, link, self._moving.packet.family)
        frames = "output" if came_in is None else "forward"
        if to_ip:
            self._hook(namespace, "forward", link.ifname, link.ifname)
        self._hook(namespace, frames, came_in or "", port.ifname, family="bridge", bridge=link)
        self._hook(namespace, "postrouting", "", port.ifname, family="bridge", bridge=link)
        if to_ip:
            self._hook(namespace, "postrouting", link.ifname, link.ifname, target[1])
        if port.mtu is not None and self._moving.packet.size > port.mtu:
            raise self._drop(
                f"{self._moving.packet.size} bytes are more than {port.ifname} takes, {port.mtu}: "
                "dropped without a word",
                namespace.shown(f"ip link show dev {shell_word(port.ifname)}"),
            )
        self._frame(namespace, port, mac, target)

    def _port(
        self, namespace: Namespace, link: Link, bridge: Bridge, mac: str | None, came_in: str | None
    ) -> tuple[Link, str]:
        """Return the port that leads to *mac*, and how the bridge knows."""
        if self._node is None:
            raise AssertionError("a packet is on a node")
        if bridge.fdb is None:
            raise AssertionError("a bridge has a forwarding table")
        show = namespace.shown(f"bridge fdb show br {shell_word(link.ifname)}")
        behind = bridge.fdb.get(mac or "")
        if behind == link.ifname:
            # What the bridge itself sends goes where the entry was set, and for the bridge itself nowhere
            # (br_dev_xmit(), br_forward()).
            behind = bridge.kept.get(mac or "", behind)
            if behind == link.ifname:
                raise self._drop(f"bridge {link.ifname}: it takes {mac} for its own, and sends nothing there", show)
        if behind is not None and behind in namespace.links and behind != link.ifname:
            if not self._may_leave(namespace, bridge, behind, came_in):
                raise self._drop(f"bridge {link.ifname}: {mac} is behind {behind}, and there it may not go", show)
            return namespace.links[behind], f"{mac} is behind {behind}"
        outside: list[Link] = []
        for name, port in bridge.ports.items():
            known = mac in self._heard and port.learning
            if (
                not (port.flood or known)
                or name not in namespace.links
                or not self._may_leave(namespace, bridge, name, came_in)
            ):
                continue
            heard = segment(self._node, namespace, namespace.links[name])
            if any(mac is not None and other.mac == mac for _there, other, _through in heard.ends):
                how = f"{mac} was heard of behind {name}" if known else f"{mac} is not known, so it goes to all ports"
                return namespace.links[name], how
            if heard.cards:
                outside.append(namespace.links[name])
            elif heard.odd:
                raise UnknownError(f"who has {mac} cannot be told: {heard.odd[0]}")
        if outside:
            return outside[0], f"{mac or 'who is asked'} is not of this node, so it goes to all ports"
        raise self._drop(f"bridge {link.ifname}: no port leads to who has {mac}", show)

    def _may_leave(self, namespace: Namespace, bridge: Bridge, name: str, came_in: str | None) -> bool:
        port = bridge.ports.get(name)
        if port is None or port.state != "forwarding" or not namespace.links[name].up:
            return False
        origin = bridge.ports.get(came_in) if came_in is not None else None
        before = (origin.hairpin, origin.isolated) if origin is not None else None
        return may_leave((port.hairpin, port.isolated), before, name == came_in)

    # -- tunnels ------------------------------------------------------------------------------------

    def _wrap(self, namespace: Namespace, link: Link, mac: str | None) -> None:
        """Put the packet into one of a VXLAN interface's, and send that."""
        show = f"bridge fdb show dev {shell_word(link.ifname)}"
        if "external" in link.data:
            raise UnknownError(f"{link.ifname} is told for each packet where to send it, which is not computed")
        if link.tunnel is None:
            raise UnknownError(f"the table of {link.ifname} was not read: inspect with podnet_diagnose=true")
        entries = [one for one in link.tunnel if one[0] == mac] or [
            one for one in link.tunnel if one[0] in ("", "00:00:00:00:00:00")
        ]
        if not entries:
            raise self._drop(f"{link.ifname} knows no node behind which {mac} is", namespace.shown(show))
        if len(entries) > 1:
            raise UnknownError(f"{link.ifname} sends it to several nodes, which is not computed")
        _mac, dst, port, vni = entries[0]
        number = vni if vni is not None else int(link.data.get("id", 0))
        at = port if port is not None else int(link.data.get("port", 4789))
        inner = self._moving
        remote = Packet("inet6" if ":" in dst else "inet", 17, 0, number_of(dst)[1], None, at, inner.packet.size)
        local = link.data.get("local6" if remote.family == "inet6" else "local")
        remote = dataclasses.replace(
            remote,
            src=number_of(str(local))[1] if local is not None else 0,
            size=inner.packet.size + _OVERHEAD[remote.family],
            may_fragment=True,
        )
        self._tell("overlay", f"{link.ifname} wraps it for {dst}: VXLAN {number}, UDP port {at}", namespace.shown(show))
        self._wrapped.append((inner, mac or "", number, at))
        self._moving = Moving(remote, inner.mark)
        oif = str(link.data["link"]) if "link" in link.data else None
        flow = flow_of(remote, inner.mark, "lo", oif)
        found, hop = self._route(namespace, flow if local is not None else dataclasses.replace(flow, src=None))
        if local is None and found.route is not None:
            self._moving.packet = dataclasses.replace(remote, src=source_for(namespace, found.route, hop, remote.dst))
        self._send_local(namespace, found, hop)

    def _unwrap(self, namespace: Namespace) -> None:
        """Take the packet out of one that arrived for a VXLAN interface."""
        inner, mac, number, at = self._wrapped[-1]
        for link in namespace.links.values():
            if link.kind == "vxlan" and link.data.get("id") == number and link.data.get("port") == at:
                break
        else:
            raise self._drop(f"no VXLAN interface has the number {number} and listens on UDP port {at}")
        if not link.up:
            raise self._drop(f"{link.ifname} is down", namespace.shown(f"ip link show dev {shell_word(link.ifname)}"))
        self._wrapped.pop()
        self._tell(
            "overlay", f"{link.ifname} takes it out", namespace.shown(f"ip -d link show dev {shell_word(link.ifname)}")
        )
        self._moving = Moving(inner.packet)
        self._frame_comes(namespace, link, mac or None, (inner.packet.family, inner.packet.dst))

    # -- coming in ----------------------------------------------------------------------------------

    def _receive(self, namespace: Namespace, link: Link, *, seen: bool) -> None:
        """An interface takes a packet for its namespace; *seen*, whether it went through prerouting on a bridge."""
        if not seen:
            self._hook(namespace, "prerouting", link.ifname, "")
        packet = self._moving.packet
        flow = flow_of(packet, self._moving.mark, link.ifname)
        if packet.family == "inet" and packet.dst >> 24 == 127 and not namespace.setting(
            f"net.ipv4.conf.{link.ifname}.route_localnet"
        ) and not namespace.setting("net.ipv4.conf.all.route_localnet"):  # fmt: skip
            raise self._drop(
                "a packet from elsewhere to a loopback address is dropped", _route_command(namespace, flow)
            )
        found, hop = self._route(namespace, flow)
        if found.route is None:
            raise AssertionError("a way that is taken has a route")
        refused = refuses_source(namespace, packet, link, leaves_by(found.route, hop))
        if refused is not None:
            raise self._drop(
                f"{link.ifname} takes nothing from {address_of(packet.family, packet.src)}: {refused}",
                namespace.shown(
                    f"sysctl net.ipv4.conf.all.rp_filter net.ipv4.conf.{shell_word(link.ifname)}.rp_filter"
                ),
            )
        self._tell_route(namespace, found, hop, link.ifname)
        if found.route.kind == "local":
            self._deliver(namespace, link.ifname)
        allowed = forwards(namespace, packet.family, link)
        if allowed is None:
            raise UnknownError("whether it forwards packets was not read: inspect with podnet_diagnose=true")
        if not allowed:
            name = f"net.ipv4.conf.{link.ifname}" if packet.family == "inet" else "net.ipv6.conf.all"
            raise self._drop(
                f"it does not forward packets: {name}.forwarding is 0",
                namespace.shown(f"sysctl {shell_word(name)}.forwarding"),
            )
        out = namespace.links.get(hop.dev or "")
        if out is not None:
            self._fits(namespace, out, found.route, forwarded=True)
        self._hook(namespace, "forward", link.ifname, hop.dev or "")
        self._transmit(namespace, found.route, hop, link.ifname)

    def _deliver(self, namespace: Namespace, iif: str) -> None:
        if self._node is None:
            raise AssertionError("a packet is on a node")
        self._hook(namespace, "input", iif, "")
        if self._wrapped and self._moving.packet.protocol == 17:
            self._unwrap(namespace)
        self._end = (self._node, namespace, self._moving.packet)
        text = f"delivered to {_who(self._node, namespace)}"
        self._tell("end", text)
        raise _EndedError("delivered", text, namespace)


def _who(node: Node, namespace: Namespace) -> str:
    return namespace.name if namespace.kind != "host" else f"node {node.host} itself"


def _because_down(namespace: Namespace) -> str:
    """Return which interfaces with addresses are down: the kernel removes their routes."""
    down = [one.ifname for one in namespace.links.values() if one.addresses and not one.up and not one.loopback]
    return f", and {words.listed(down)} {'is' if len(down) == 1 else 'are'} down" if down else ""


def _asks(link: Link) -> bool:
    """Tell whether a VXLAN interface sends anywhere what is for all (vxlan_xmit(): the entry of zeros)."""
    every = any(mac in ("", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff") for mac, _dst, _port, _vni in link.tunnel or ())
    return every or "external" in link.data or any(key in link.data for key in ("remote", "remote6", "group", "group6"))


def _route_command(namespace: Namespace, flow: Flow) -> str:
    words = ["ip", "route", "get", address_of(flow.family, flow.dst)]
    if flow.iif != "lo" and flow.src:
        words += ["from", address_of(flow.family, flow.src), "iif", shell_word(flow.iif)]
    if flow.mark:
        words += ["mark", f"0x{flow.mark:x}"]
    return namespace.shown(" ".join(words))


def _rules_command(namespace: Namespace, flow: Flow) -> str:
    return namespace.shown("ip -6 rule" if flow.family == "inet6" else "ip rule")
