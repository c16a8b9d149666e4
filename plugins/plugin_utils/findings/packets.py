# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a firewall does with a packet, as far as its rules tell for certain.

A condition holds, or does not hold, or nobody can tell (a port that is not known, a set, a limit). So the way of a
packet through a chain has one end where all is known, and several possible ends otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..model import ranges
from ..model.records import Firewall, FirewallChain, FirewallMatch, FirewallRule, FirewallTable

ACCEPT, DROP, NAT, END = "accept", "drop", "nat", "end"
"""How a packet may come out of a chain; ``end`` is at its end, where it goes on behind the jump."""

_MOST_JUMPS = 16
"""NFT_JUMP_STACK_SIZE, net/netfilter/nf_tables.h."""
_MARKS_OF_KUBE_PROXY = 0xC000
"""The bits by which kube-proxy and the kubelet mark packets for a Service, or to be dropped
(--iptables-masquerade-bit); what goes to a pod's own address has neither."""
_PROTOCOLS = {"icmp": 1, "ipencap": 4, "ipv4": 4, "tcp": 6, "udp": 17, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51,
              "icmpv6": 58, "ipv6-icmp": 58, "sctp": 132, "udplite": 136, "dccp": 33}  # fmt: skip
"""Of /etc/protocols, what rules name."""


class Packet(NamedTuple):
    """A packet, as far as it is known."""

    family: str
    saddr: str
    daddr: str
    iif: str | None = None
    oif: str | None = None
    protocol: int = 6
    dport: int | None = None
    states: frozenset[str] = frozenset({"new"})
    """What connection tracking may say of it."""
    local: bool = False
    """Whether it is for the node itself."""


class Verdict(NamedTuple):
    """One way in which a packet may come out of a chain, and what says so: a rule, or the chain's policy."""

    outcome: str
    chain: str
    text: str


class Fate(NamedTuple):
    """All that may become of a packet in one chain at a hook."""

    table: FirewallTable
    chain: FirewallChain
    verdicts: frozenset[Verdict]

    def surely(self, outcome: str) -> bool:
        """Tell whether there is no other end."""
        return {one.outcome for one in self.verdicts} == {outcome}

    def maybe(self, outcome: str) -> bool:
        """Tell whether this is one of its ends."""
        return any(one.outcome == outcome for one in self.verdicts)


def fates(firewall: Firewall, packet: Packet, *hooks: str) -> Iterator[Fate]:
    """Yield what may become of *packet* in each chain at these hooks."""
    for table in firewall["tables"]:
        if table["family"] not in (None, packet.family):
            continue
        way = _Way({chain["name"]: chain for chain in table["chains"]}, packet)
        for chain in table["chains"]:
            if chain["hook"] in hooks:
                yield Fate(table, chain, way.through(chain))


class _Way:
    """The way of one packet through the chains of a table; each chain is looked at once."""

    def __init__(self, chains: dict[str, FirewallChain], packet: Packet) -> None:
        self._chains = chains
        self._packet = packet
        self._known: dict[str, frozenset[Verdict]] = {}

    def through(self, chain: FirewallChain) -> frozenset[Verdict]:
        """Return the ends of the way through a chain at a hook, where its policy counts at its end."""
        found = self._ends(chain["name"], 0)
        if not any(one.outcome == END for one in found):
            return found
        policy = DROP if chain["policy"] == DROP else ACCEPT
        rest = Verdict(policy, chain["name"], f"policy {policy}")
        return frozenset(one for one in found if one.outcome != END) | {rest}

    def _ends(self, name: str, depth: int) -> frozenset[Verdict]:
        if name not in self._known:
            chain = self._chains.get(name)
            if chain is None or depth > _MOST_JUMPS:
                return frozenset({Verdict(ACCEPT, name, ""), Verdict(END, name, "")})
            self._known[name] = frozenset(self._walk(chain, depth))
        return self._known[name]

    def _walk(self, chain: FirewallChain, depth: int) -> Iterator[Verdict]:
        for rule in chain["rules"]:
            holds = _all_hold(rule, self._packet)
            if holds is False:
                continue
            goes_on = holds is None
            for verdict in self._verdicts(rule, chain["name"], depth):
                if verdict.outcome == END and rule["verdict"] in ("jump", "unknown"):
                    goes_on = True
                else:
                    yield verdict
            if not goes_on:
                return
        yield Verdict(END, chain["name"], "")

    def _verdicts(self, rule: FirewallRule, chain: str, depth: int) -> frozenset[Verdict]:
        kind = rule["verdict"]
        if kind in ("jump", "goto"):
            return self._ends(rule["target"] or "", depth + 1)
        if kind == "unknown":
            return frozenset(Verdict(one, chain, rule["text"]) for one in (ACCEPT, DROP, NAT, END))
        outcome = {"accept": ACCEPT, "return": END, "masquerade": NAT, "snat": NAT}.get(kind, DROP)
        return frozenset({Verdict(outcome, chain, rule["text"])})


def _all_hold(rule: FirewallRule, packet: Packet) -> bool | None:
    """Tell whether all conditions of a rule hold for *packet*, None when that is not known."""
    found = [_holds(match, packet) for match in rule["matches"]]
    return False if False in found else None if None in found else True


def _holds(match: FirewallMatch, packet: Packet) -> bool | None:
    found = [_is(match["key"], value, packet) for value in match["one_of"]]
    known = True if True in found else None if None in found else False
    return known if known is None else known is not match["negated"]


def _is(key: str, value: str, packet: Packet) -> bool | None:
    """Tell whether one value of a condition is the packet's, None when that is not known."""
    match key:
        case "family":
            return value == packet.family
        case "iif" | "oif":
            return _is_interface(value, packet.iif if key == "iif" else packet.oif)
        case "saddr" | "daddr":
            return _is_address(value, packet.saddr if key == "saddr" else packet.daddr)
        case "protocol":
            return _is_protocol(value, packet.protocol)
        case "dport":
            return _is_port(value, packet.dport)
        case "ct_state":
            return _is_state(value, packet.states)
        case "ct_status":
            return False if value in ("dnat", "snat") else None
        case "mark":
            return _is_mark(value)
        case "source_type":
            return _is_type(value, local=False)
        case "destination_type":
            return _is_type(value, local=packet.local)
    return None


def _is_interface(pattern: str, name: str | None) -> bool | None:
    if name is None:
        return None
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _is_address(value: str, address: str) -> bool | None:
    first, dash, last = value.partition("-")
    if dash:
        return ranges.between(first, last, address)
    return ranges.contains(value, address) if ranges.network(value) is not None else None


def _is_protocol(value: str, protocol: int) -> bool | None:
    if value in ("all", "0"):
        return True
    number = int(value) if value.isascii() and value.isdigit() else _PROTOCOLS.get(value)
    return None if number is None else number == protocol


def _is_port(value: str, port: int | None) -> bool | None:
    first, _dash, last = value.partition("-")
    if port is None or not first.isdecimal() or not (last or first).isdecimal():
        return None
    return int(first) <= port <= int(last or first)


def _is_state(value: str, states: frozenset[str]) -> bool | None:
    if value not in ("new", "established", "related", "invalid", "untracked", "dnat", "snat"):
        return None
    return None if value in states and len(states) > 1 else value in states


def _is_mark(value: str) -> bool | None:
    number, slash, mask = value.partition("/")
    try:
        wanted, bits = int(number, 0), int(mask, 0) if slash else -1
    except ValueError:
        return None
    if bits <= 0 or bits & ~_MARKS_OF_KUBE_PROXY:
        return None
    return wanted & bits == 0


def _is_type(value: str, *, local: bool) -> bool | None:
    return {"local": local, "unicast": not local, "broadcast": False, "multicast": False, "anycast": False}.get(value)
