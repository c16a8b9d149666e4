# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a namespace's firewall does with a packet at a hook: all chains in the kernel's order, and what NAT makes of it.

The order is that of netfilter's hooks (linux/netfilter_ipv4.h): chains by priority; connection tracking at -200; all
chains of the type ``nat`` together where the kernel translates, at -100 for destinations and 100 for sources, and only
for the first packet of a connection.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from . import iptables, nft
from .hook import Context, Verdict
from .nft_expressions import NOT_TRACKED
from .node import Link, Namespace
from .records import Packet, address_of
from .routing import UnknownError, on_link, sending_address

CONNTRACK, NAT_DST, NAT_SRC = -200, -100, 100
_LAST = 2**31
_DST_HOOKS = ("prerouting", "output")
_SRC_HOOKS = ("postrouting", "input")
_TABLE_FAMILIES = {"inet": ("ip", "inet"), "inet6": ("ip6", "inet"), "bridge": ("bridge",), "netdev": ("netdev",)}
_BY_NFT = "iptables-nft"
_MOST_JUMPS = 16
"""NFT_JUMP_STACK_SIZE (net/netfilter/nf_tables.h)."""


@dataclass(slots=True)
class Connection:
    """A connection that a namespace tracks: its first packet as it came, and the answer as it will come."""

    original: Packet
    answer: Packet
    translated: set[str] = field(default_factory=set)
    """``dst`` and ``src`` when these are not as in the first packet."""
    decided: set[str] = field(default_factory=set)
    """For which of them the chains were asked."""
    confirmed: bool = False
    answered: bool = False
    mark: int = 0


@dataclass(slots=True)
class Moving:
    """A packet on its way, with what the kernel keeps beside it."""

    packet: Packet
    mark: int = 0
    connection: Connection | None = None
    reply: bool = False
    untracked: bool = False
    mac: str | None = None
    """Whom the frame is for; None where nobody knows."""
    pkttype: str = "host"
    """``other`` for a frame that is not for the interface that took it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule or a policy that ends a packet's way."""

    kind: str
    """``drop`` or ``reject``."""
    text: str
    command: str | None


Told = Callable[[str, str | None], None]
"""Is told what a rule did, and the command that shows it."""


@dataclass(slots=True)
class _Base:
    """A base chain at a hook, or a place where the kernel does something itself."""

    priority: int
    kind: str
    """``filter``, ``nat``, ``conntrack``."""
    table: nft.Table | None = None
    chain: nft.Chain | None = None


def tables(namespace: Namespace) -> list[nft.Table]:
    """Return the tables of a namespace; raise UnknownError when they were not read, or are not computed."""
    if "tables" not in namespace.cache:
        namespace.cache["tables"] = _tables(namespace)
    found: list[nft.Table] = namespace.cache["tables"]
    return found


def _tables(namespace: Namespace) -> list[nft.Table]:
    if namespace.ruleset is None:
        raise UnknownError("the firewall rules were not read there, or not all: inspect with podnet_diagnose=true")
    native: list[nft.Table] = []
    saved: list[nft.Table] = []
    for variant, family, text in namespace.ruleset:
        if variant == "nftables":
            native.extend(nft.read_ruleset(text))
        else:
            saved.extend(iptables.read_saved(text, family or "inet", variant))
    # What iptables-nft wrote is in the kernel once, and its own command shows it whole.
    twice = {(one.family, one.name) for one in saved if isinstance(one, iptables.SavedTable) and one.variant == _BY_NFT}
    return [*saved, *(one for one in native if (one.family, one.name) not in twice)]


def _bases(namespace: Namespace, family: str, hook: str) -> list[_Base]:
    key = ("bases", family, hook)
    if key not in namespace.cache:
        found: list[_Base] = []
        for table in tables(namespace):
            if table.family not in _TABLE_FAMILIES[family]:
                continue
            for chain in table.chains.values():
                if chain.hook == hook:
                    found.append(_Base(chain.priority, chain.kind or "filter", table, chain))
        translating = sorted((one for one in found if one.kind == "nat"), key=lambda one: one.priority)
        ordered = [one for one in found if one.kind != "nat"]
        if family in ("inet", "inet6") and hook in (*_DST_HOOKS, *_SRC_HOOKS):
            ordered.append(_Base(NAT_DST if hook in _DST_HOOKS else NAT_SRC, "nat"))
            if hook in _DST_HOOKS:
                ordered.append(_Base(CONNTRACK, "conntrack"))
        ordered.sort(key=lambda one: (one.priority, one.kind != "conntrack"))
        namespace.cache[key] = ordered
        namespace.cache["nat", family, hook] = translating
    result: list[_Base] = namespace.cache[key]
    return result


@dataclass(slots=True)
class Place:
    """Where the packet is: the namespace with what it tracks, the interfaces, and who chooses and who is told."""

    namespace: Namespace
    tracked: list[Connection]
    iif: str
    oif: str
    choose: Callable[[int, str], int]
    tell: Told
    bridge: str = ""
    """The bridge whose chains look at frames."""
    next_hop: int | None = None
    """Who is asked next, where that is decided."""
    rerouted: bool = False
    """Whether a chain of the type ``route`` changed the mark."""


def pass_hook(
    place: Place, family: str, hook: str, moving: Moving, priorities: range = range(-_LAST, _LAST)
) -> Refused | None:
    """Let *moving* through the chains of a hook; return what ends its way, None when it goes on.

    *family* is that of the packet, ``bridge`` or ``netdev``; only chains of these *priorities* are asked.
    Raises UnknownError.
    """
    asked = [
        base
        for base in _bases(place.namespace, family, hook)
        if base.priority in priorities and (family != "netdev" or place.iif in _devices(base))
    ]
    for _priority, same in itertools.groupby(asked, lambda base: base.priority):
        group = list(same)
        if sum(base.chain is not None for base in group) > 1:
            _order_must_not_matter(place, family, hook, moving, group)
        refused = _pass(place, family, hook, moving, group)
        if refused is not None:
            return refused
    if (
        hook in _SRC_HOOKS
        and family in ("inet", "inet6")
        and moving.connection is not None
        and not moving.connection.confirmed
    ):
        moving.connection.confirmed = True
        place.tracked.append(moving.connection)
    return None


def _devices(base: _Base) -> list[str]:
    return (base.chain.device or "").split(",") if base.chain is not None else []


def _pass(place: Place, family: str, hook: str, moving: Moving, bases: list[_Base]) -> Refused | None:
    """Let *moving* through these, one after the other."""
    for base in bases:
        if base.kind == "conntrack":
            _track(place, moving)
        elif base.chain is None:
            refused = _translate(place, family, hook, moving)
            if refused is not None:
                return refused
        else:
            before = moving.mark
            refused, _verdict = _run(place, base, moving)
            if refused is not None:
                return refused
            place.rerouted = place.rerouted or (base.kind == "route" and moving.mark != before)
    return None


class _ByChanceError(Exception):
    """What is tried out depends on chance."""


def _tried(place: Place) -> Place:
    """Return a place where chains can be tried out: nobody is told, and nothing is decided by chance."""

    def choose(_number: int, _what: str) -> int:
        raise _ByChanceError

    return dataclasses.replace(place, tracked=list(place.tracked), choose=choose, tell=lambda _text, _command: None)


def _order_must_not_matter(place: Place, family: str, hook: str, moving: Moving, group: list[_Base]) -> None:
    """Raise UnknownError where chains of one priority come to something else the other way round.

    Which of them the kernel asks first goes by when they were made, which no listing says.
    """
    ends = []
    for order in (group, group[::-1]):
        tried = copy.deepcopy(moving)
        try:
            refused = _pass(_tried(place), family, hook, tried, order)
        except (_ByChanceError, UnknownError):
            return  # told where it is done in earnest
        ends.append((refused is None, None if refused is not None else tried))
    if ends[0] != ends[1]:
        names = " and ".join(f"{one.table.title} {one.chain.name}" for one in group if one.table and one.chain)
        raise UnknownError(f"{names} have the same priority at {hook}, and it matters which comes first")


# ------------------------------------------------------ connection tracking


def _track(place: Place, moving: Moving) -> None:
    if moving.untracked or moving.connection is not None:
        return
    for connection in place.tracked:
        if _same(connection.original, moving.packet):
            moving.connection, moving.reply = connection, False
            return
        if _same(connection.answer, moving.packet):
            moving.connection, moving.reply = connection, True
            connection.answered = True
            return
    if moving.packet.ack or moving.packet.icmp_type in (0, 129):
        return  # an answer to what was never seen: invalid, and not tracked
    moving.connection = Connection(moving.packet, _turned(moving.packet))
    moving.reply = False


def _same(one: Packet, other: Packet) -> bool:
    if (one.protocol, one.src, one.dst) != (other.protocol, other.src, other.dst):
        return False
    ports = ((one.sport, other.sport), (one.dport, other.dport))
    return all(left == right or left is None or right is None for left, right in ports)


def _turned(packet: Packet) -> Packet:
    return dataclasses.replace(packet, src=packet.dst, dst=packet.src, sport=packet.dport, dport=packet.sport)


def _state(moving: Moving) -> str:
    if moving.untracked:
        return "untracked"
    if moving.connection is None:
        return "invalid"
    return "established" if moving.reply or moving.connection.answered else "new"


def _translate(place: Place, family: str, hook: str, moving: Moving) -> Refused | None:
    """Do what the kernel does where it translates: ask the chains for a new connection, and change the packet."""
    connection = moving.connection
    if connection is None:
        return None
    which = "dst" if hook in _DST_HOOKS else "src"
    if which not in connection.decided and not moving.reply:
        connection.decided.add(which)
        for base in place.namespace.cache["nat", family, hook]:
            refused, verdict = _run(place, base, moving)
            if refused is not None:
                return refused
            if verdict is not None and verdict.kind in _TRANSLATING:
                _nobody_else_translates(place, family, hook, moving, base, verdict)
                _apply(place, hook, moving, verdict)
                break
    _rewrite(moving, which)
    return None


_TRANSLATING = ("dnat", "snat", "masquerade", "redirect")


def _nobody_else_translates(
    place: Place, family: str, hook: str, moving: Moving, base: _Base, verdict: Verdict
) -> None:
    """Raise UnknownError where another chain of the same priority would translate to something else."""
    for other in place.namespace.cache["nat", family, hook]:
        if other is base or other.priority != base.priority:
            continue
        try:
            _refused, found = _run(_tried(place), other, copy.deepcopy(moving))
        except (_ByChanceError, UnknownError):
            found = None
        if found is not None and found.kind in _TRANSLATING and found[:4] != verdict[:4]:
            names = " and ".join(
                f"{one.table.title} {one.chain.name}" for one in (base, other) if one.table and one.chain
            )
            raise UnknownError(f"{names} have the same priority at {hook}, and both translate")


def _apply(place: Place, hook: str, moving: Moving, verdict: Verdict) -> None:
    """Note what a rule translates to."""
    connection, packet = moving.connection, moving.packet
    if connection is None:
        raise AssertionError("a packet that is translated has a connection")
    if verdict.kind in ("dnat", "redirect"):
        number = verdict.address
        if verdict.kind == "redirect":
            number = _own_address(place, packet, hook)
        changed = dataclasses.replace(
            packet,
            dst=packet.dst if number is None else number,
            dport=packet.dport if verdict.port is None else verdict.port,
        )
        connection.answer = dataclasses.replace(connection.answer, src=changed.dst, sport=changed.dport)
        connection.translated.add("dst")
        return
    number = verdict.address
    if verdict.kind == "masquerade":
        number = _leaving_address(place, packet)
    changed = dataclasses.replace(packet, src=packet.src if number is None else number)
    port = None if verdict.random and packet.sport is not None else packet.sport
    port = verdict.port if verdict.port is not None else port
    connection.answer = dataclasses.replace(connection.answer, dst=changed.src, dport=port)
    connection.translated.add("src")


def _own_address(place: Place, packet: Packet, hook: str) -> int:
    if hook == "output":
        return 0x7F000001 if packet.family == "inet" else 1
    link = place.namespace.links.get(place.iif)
    found = on_link(place.namespace, link, packet.family, None) if link is not None else None
    if found is None:
        raise UnknownError(f"the address of {place.iif} that redirect takes is not known")
    return found.number


def _leaving_address(place: Place, packet: Packet) -> int:
    link = place.namespace.links.get(place.oif)
    target = place.next_hop if packet.family == "inet" and place.next_hop is not None else packet.dst
    found = sending_address(place.namespace, link, packet.family, target) if link is not None else None
    if found is None:
        raise UnknownError(f"the address of {place.oif} that masquerade takes is not known")
    return found


def _rewrite(moving: Moving, which: str) -> None:
    """Give the packet the addresses that its connection says; for the answer, the other way round."""
    connection = moving.connection
    if connection is None:
        raise AssertionError("a packet that is translated has a connection")
    if moving.reply:
        if which == "dst" and "src" in connection.translated:
            moving.packet = dataclasses.replace(
                moving.packet, dst=connection.original.src, dport=connection.original.sport
            )
        elif which == "src" and "dst" in connection.translated:
            moving.packet = dataclasses.replace(
                moving.packet, src=connection.original.dst, sport=connection.original.dport
            )
        return
    if which == "dst" and "dst" in connection.translated:
        moving.packet = dataclasses.replace(moving.packet, dst=connection.answer.src, dport=connection.answer.sport)
    elif which == "src" and "src" in connection.translated:
        moving.packet = dataclasses.replace(moving.packet, src=connection.answer.dst, sport=connection.answer.dport)


# ------------------------------------------------------------------- chains


def _run(place: Place, base: _Base, moving: Moving) -> tuple[Refused | None, Verdict | None]:
    """Run a base chain: what ends the packet's way, or what translates it."""
    if base.table is None or base.chain is None:
        raise AssertionError("a chain of nftables is in a table")
    connection = moving.connection
    context = Context(
        namespace=place.namespace,
        packet=moving.packet,
        mark=moving.mark,
        iif=place.iif,
        oif=place.oif,
        state=_state(moving) if base.table.family in ("ip", "ip6", "inet") else NOT_TRACKED,
        status=_status(connection),
        ct_mark=connection.mark if connection is not None else 0,
        reply=moving.reply,
        original=connection.original if connection is not None else None,
        choose=place.choose,
        mac=moving.mac,
        pkttype=moving.pkttype,
        bridge=place.bridge,
    )
    where = [base.chain.name]
    try:
        verdict, handle = _chain(context, base.table, base.chain.name, where, 0)
    except UnknownError as problem:
        raise UnknownError(f"{base.table.title}, chain {where[-1]}: {problem}") from None
    moving.mark, moving.mac, moving.pkttype = context.mark, context.mac, context.pkttype
    moving.untracked = moving.untracked or context.untrack
    if connection is not None:
        connection.mark = context.ct_mark
    kind = verdict.kind if verdict is not None else base.chain.policy
    chain = where[-1] if verdict is not None else base.chain.name
    show = place.namespace.shown(base.table.shown(chain))
    by = f"rule {handle}" if verdict is not None else "the policy"
    through = " > ".join(where if verdict is not None else where[:1])
    text = f"{base.table.title}, {base.chain.hook} chain {through}, {by}"
    for told in context.told:
        place.tell(f"{base.table.title}, {base.chain.hook} chain {base.chain.name} {told}", show)
    if kind in ("drop", "reject"):
        return Refused(kind, text, show), None
    if verdict is not None and verdict.kind in _TRANSLATING:
        place.tell(f"{text}: {_translated(verdict, moving.packet)}", show)
        return None, verdict
    if verdict is not None and verdict.kind == "accept":
        place.tell(f"{text}: accept", show)
    return None, None


def _status(connection: Connection | None) -> frozenset[str]:
    if connection is None:
        return frozenset()
    names = {f"{one[0]}nat" for one in connection.translated}
    names |= {"confirmed"} if connection.confirmed else set()
    names |= {"seen-reply"} if connection.answered else set()
    return frozenset(names)


def _translated(verdict: Verdict, packet: Packet) -> str:
    if verdict.address is None and verdict.port is None:
        return verdict.kind
    written = address_of(packet.family, verdict.address) if verdict.address is not None else ""
    port = f":{verdict.port}" if verdict.port is not None else ""
    return f"{verdict.kind} to {f'[{written}]' if ':' in written and port else written}{port}"


def _chain(context: Context, table: nft.Table, name: str, where: list[str], depth: int) -> tuple[Verdict | None, str]:
    """Return the verdict of a chain and the rule that gives it; None for its end.

    *where* gets the names of the chains that led to the verdict.
    """
    if depth > _MOST_JUMPS or name not in table.chains:
        raise UnknownError(f"the chain {name} is not in the listing of the table, or too far from its hook")
    here = len(where)
    for act, handle in table.rules(name):
        verdict = act(context)
        if verdict is None or verdict.kind == "continue":
            continue
        if verdict.kind == "return":
            return None, handle
        if verdict.kind not in ("jump", "goto"):
            return verdict, handle
        where.append(verdict.target)
        inner, deciding = _chain(context, table, verdict.target, where, depth + 1)
        if inner is not None or verdict.kind == "goto":
            return inner, deciding
        del where[here:]
    return None, ""


def shown_to_ip(namespace: Namespace, link: Link, family: str) -> bool:
    """Tell whether a bridge shows its packets to the firewall's IP hooks (br_netfilter); raise UnknownError."""
    if not tables(namespace):
        return False
    name = "iptables" if family == "inet" else "ip6tables"
    if link.data.get(f"nf_call_{name}") == 1:
        return True
    value = namespace.sysctls.get(f"net.bridge.bridge-nf-call-{name}", "not read")
    if value == "not read":
        raise UnknownError(f"whether {link.ifname} shows its packets to the firewall was not read")
    return value == 1
