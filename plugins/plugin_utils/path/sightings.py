# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What nodes saw of the packet that was sent: from the modules' results to records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..model.reading import Item
from .live import LivePlan
from .records import NAMES, PacketWords


class Sighting(NamedTuple):
    """The packet, or its answer, at one interface."""

    host: str
    netns: int
    interface: str
    direction: str
    """``in`` or ``out``."""
    frame: str
    """``other`` where the frame is for another than the interface; ``host``, ``outgoing`` and so on."""
    kind: str
    """``packet``, ``answer`` or ``error``: an ICMP error about the packet."""
    at_ns: int
    """By the clock of its node."""
    packet: PacketWords
    outer: tuple[PacketWords, ...]
    """The packets around it, the outermost first."""
    tunnel: str | None
    icmp: tuple[int, int] | None
    """Type and code of an ICMP error."""


class Event(NamedTuple):
    """What nftables' trace told."""

    host: str
    netns: int
    way: str
    """``there`` or ``back``."""
    family: str
    table: str
    chain: str
    handle: int | None
    """None for a chain's policy."""
    verdict: str
    target: str | None

    @property
    def decides(self) -> bool:
        """Whether it is a rule, or a policy that lets nothing through: what lets all through decides nothing."""
        return self.handle is not None or self.verdict != "accept"

    @property
    def told(self) -> str:
        """The rule in words."""
        by = f"rule {self.handle}" if self.handle is not None else "the policy"
        to = f" {self.target}" if self.target else ""
        return f"{self.family} {self.table}, chain {self.chain}, {by}: {self.verdict}{to}"


@dataclass(slots=True)
class Watched:
    """What all nodes say."""

    sightings: list[Sighting] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    watched: set[tuple[str, int]] = field(default_factory=set)
    """The namespaces that were watched to the end."""
    changes: list[str] = field(default_factory=list)
    """What was changed on nodes for it, and what became of that."""
    skipped: list[str] = field(default_factory=list)
    error: str | None = None
    """Why it was not sent."""
    answered: bool = False


def read_watched(plan: LivePlan, results: dict[str, dict[str, object]]) -> Watched:
    """Return what the nodes say; raise ShapeError.

    *results* are by host: what ``path_watch`` and ``path_send`` returned, under ``opened``, ``seen`` and ``sent``.
    """
    found = Watched(skipped=list(plan["unread"]))
    for host, places in plan["hosts"].items():
        names = {place["netns"]: place["name"] for place in places}
        said = results.get(host, {})
        opened, seen = said.get("opened"), said.get("seen")
        if isinstance(opened, dict) and opened.get("traced"):
            traced = [names.get(one, "a namespace") for one in Item(opened, host).numbers("traced")]
            ended = "undone" if _failed(seen) is None else f"gone with its process within {plan['hold']} seconds"
            found.changes.append(f"{host}: {table_in(plan, traced)}: {ended}")
        why = _failed(opened) or _failed(seen)
        if why is not None:
            found.skipped.append(f"{host}: nothing was watched: {why}")
            continue
        for one in Item(opened, f"{host}, watching").items("unwatched"):
            found.skipped.append(
                f"{host}, {names.get(one.number('netns'), 'a namespace')}: {one.text('what')}: {one.text('cause')}"
            )
        item = Item(seen, f"{host}, what was seen")
        missed = item.numbers("missed")
        watched = set(Item(opened, host).numbers("watched")) - set(missed)
        found.watched |= {(host, inode) for inode in watched}
        for inode in missed:
            found.skipped.append(f"{host}, {names.get(inode, 'a namespace')}: more came than could be taken")
        found.sightings.extend(_sighting(host, one) for one in item.items("sightings"))
        found.events.extend(_events(host, item.items("traces")))
    sent = results.get(plan["sent"]["host"], {}).get("sent")
    found.error = _failed(sent)
    if found.error is None:
        item = Item(sent, "what was sent")
        found.error, found.answered = item.text_or_none("error"), bool(item.flag_or_none("answered"))
    return found


def table_in(plan: LivePlan, names: Iterable[str]) -> str:
    """Return in words the table that asks for a trace, and where it is."""
    return f"the table inet {plan['table']}, which only sets nftrace for this packet, in {', '.join(names)}"


def _failed(said: object) -> str | None:
    if not isinstance(said, dict):
        return "the node did not answer"
    if said.get("failed") or said.get("unreachable") or said.get("skipped") is True:
        return str(said.get("msg") or "the node did not answer").rstrip(". ")
    return None


def _sighting(host: str, item: Item) -> Sighting:
    icmp = item.item_or_none("icmp")
    return Sighting(
        host=host,
        netns=item.number("netns"),
        interface=item.text("interface"),
        direction=item.text("direction"),
        frame=item.text("frame"),
        kind=item.text("kind"),
        at_ns=item.number("at_ns"),
        packet=_packet(item.item("packet")),
        outer=tuple(_packet(one) for one in item.items("outer")),
        tunnel=item.text_or_none("tunnel"),
        icmp=None if icmp is None else (icmp.number("type"), icmp.number("code")),
    )


def _packet(item: Item) -> PacketWords:
    protocol = item.number("protocol")
    return {
        "protocol": NAMES.get(protocol, str(protocol)),
        "src": item.text("src"),
        "sport": item.number_or_none("sport"),
        "dst": item.text("dst"),
        "dport": item.number_or_none("dport"),
        "mark": None,
    }


def _events(host: str, items: Iterable[Item]) -> Iterable[Event]:
    for item in items:
        what, handle = item.text("what"), item.number_or_none("handle")
        # The end of a chain is told as a rule without a number.
        if what == "policy" or (what == "rule" and handle is not None):
            yield Event(
                host, item.number("netns"), item.text("way"), item.text("family"), item.text("table"),
                item.text("chain"), handle if what == "rule" else None, item.text("verdict"),
                item.text_or_none("target"),
            )  # fmt: skip
