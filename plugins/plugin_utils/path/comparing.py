# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A computed path and what was seen of a real packet, side by side, and where they differ first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from .live import LivePlan
from .records import Leg, Live, Outcome, PacketWords, Path, Point, shown
from .sightings import Event, Sighting, Watched

_ENDS = ("drop", "queue", "stolen")
"""Verdicts that end a packet's way."""
_NOT_SO = ("different", "not_seen")


class _Expected(NamedTuple):
    """An interface that a computed packet passes."""

    host: str
    netns: int
    name: str
    interface: str
    direction: Literal["in", "out"]
    packet: PacketWords


def compare(path: Path, plan: LivePlan, watched: Watched) -> Live:
    """Return both side by side, by the computed way that fits best to what was seen."""
    between = {(one["host"], one["netns"], one["ifname"]) for one in plan["between"]}
    ports = {(one["host"], one["netns"], one["ifname"]) for one in plan["ports"]}
    names = {(host, one["netns"]): one["name"] for host, places in plan["hosts"].items() for one in places}
    best: Live | None = None
    best_fit: tuple[bool, int] | None = None
    for number, way in enumerate(path["ways"], 1):
        legs = _Legs(watched, names, between, ports)
        there = legs.there(way["there"])
        back = None
        if there["difference"] is None and way["back"] is not None:
            back = legs.back(way["back"], way["there"])
        fits = (there["difference"] is None, sum(one["verdict"] == "same" for one in there["points"]))
        if best_fit is None or fits > best_fit:
            best_fit = fits
            best = {
                "verdict": _verdict(there, back),
                "way": number,
                "error": watched.error,
                "answered": watched.answered,
                "there": there,
                "back": back,
                "changes": watched.changes,
                "skipped": watched.skipped,
            }
    if best is None:
        raise AssertionError("a path has at least one way")
    return best


def _verdict(there: Leg, back: Leg | None) -> Literal["same", "different", "resolved"]:
    legs = [there] if back is None else [there, back]
    if any(one["difference"] is not None for one in legs):
        return "different"
    return "resolved" if any(one["resolved"] is not None for one in legs) else "same"


class _Legs:
    """Holds what was seen against a way."""

    def __init__(
        self,
        watched: Watched,
        names: dict[tuple[str, int], str],
        between: set[tuple[str, int, str]],
        ports: set[tuple[str, int, str]],
    ) -> None:
        self._watched = watched
        self._names = names
        self._between = between
        self._ports = ports

    def there(self, computed: Outcome) -> Leg:
        """Hold the packet against its way."""
        seen = [one for one in self._watched.sightings if one.kind == "packet"]
        leg = self._leg(computed, seen, "there")
        if leg["difference"] is None:
            leg["difference"] = self._other_end(computed, seen, "there")
        return leg

    def back(self, computed: Outcome, there: Outcome) -> Leg | None:
        """Hold the answer against its way. Of UDP none is owed, so that None is none, and an ICMP error is one."""
        is_udp = there["packet"]["protocol"] == "udp"
        kinds = ("answer", "error") if is_udp else ("answer",)
        seen = [one for one in self._watched.sightings if one.kind in kinds]
        if not seen and is_udp:
            return None
        leg = self._leg(computed, seen, "back")
        if not seen and leg["difference"] is not None:
            leg["difference"] = f"nobody answered: {leg['difference']}"
        elif leg["difference"] is None:
            leg["difference"] = self._other_end(computed, seen, "back")
            if leg["difference"] is None and computed["verdict"] == "delivered" and not self._watched.answered:
                leg["difference"] = "the answer came as computed, and the sender did not get it"
        return leg

    # -- points -------------------------------------------------------------------------------------

    def _leg(self, computed: Outcome, seen: list[Sighting], way: str) -> Leg:
        expected = list(_expected(computed))
        left = list(seen)
        points: list[Point] = []
        matched: list[tuple[int, Sighting]] = []
        first: Point | None = None
        for number, one in enumerate(expected):
            found = _take(left, one)
            point = self._point(one, found)
            is_last = number == len(expected) - 1 and computed["verdict"] == "delivered"
            if found is not None and is_last and self._for_others(found):
                point["verdict"] = "different"
            points.append(point)
            if found is not None:
                matched.append((number, found))
            if first is None and point["verdict"] in _NOT_SO:
                first = point
        difference = self._told(first, matched, left, way) if first is not None else None
        merged = _merged(points, matched, [(one, self._also(one)) for one in left])
        return {
            "points": merged,
            "first": next((at for at, one in enumerate(merged) if one["verdict"] in _NOT_SO), None),
            "rules": [self._rule(event) for event in self._watched.events if event.way == way and event.decides],
            "difference": difference,
            "resolved": self._resolved(computed, matched, left, way) if computed["verdict"] == "unknown" else None,
        }

    def _point(self, one: _Expected, found: Sighting | None) -> Point:
        point: Point = {
            "host": one.host,
            "netns": one.netns,
            "name": one.name,
            "interface": one.interface,
            "direction": one.direction,
            "verdict": "not_seen",
            "computed": one.packet,
            "seen": None,
            "inside": None,
        }
        if found is None:
            if (one.host, one.netns) not in self._watched.watched:
                point["verdict"] = "not_watched"
            return point
        layers = (found.packet, *found.outer)
        same = next((layer for layer in layers if _same(one.packet, layer)), None)
        if same is None and found.kind == "error" and found.packet["dst"] == one.packet["dst"]:
            same = found.packet
        point["verdict"] = "same" if same is not None else "different"
        point["seen"] = same or layers[-1 if found.outer else 0]
        point["inside"] = found.tunnel
        return point

    def _for_others(self, one: Sighting) -> bool:
        """Tell whether a frame came in that the interface throws away; a bridge's port takes all."""
        is_port = (one.host, one.netns, one.interface) in self._ports
        return one.direction == "in" and one.frame == "other" and not is_port

    def _also(self, one: Sighting) -> Point:
        return {
            "host": one.host,
            "netns": one.netns,
            "name": self._names.get((one.host, one.netns), f"net:[{one.netns}]"),
            "interface": one.interface,
            "direction": "out" if one.direction == "out" else "in",
            "verdict": "also_seen",
            "computed": None,
            "seen": one.outer[0] if one.outer else one.packet,
            "inside": one.tunnel,
        }

    # -- words --------------------------------------------------------------------------------------

    def _told(self, point: Point, matched: list[tuple[int, Sighting]], left: list[Sighting], way: str) -> str:
        """Return what is not as computed at the first such point."""
        where = place(point)
        if point["verdict"] == "different" and point["seen"] is not None and point["computed"] is not None:
            if point["computed"]["dst"] == point["seen"]["dst"] and matched and self._for_others(matched[-1][1]):
                return f"{where}: it came in a frame for somebody else, which is thrown away there"
            return f"{where}: computed {shown(point['computed'])}, seen {shown(point['seen'])}"
        text = f"{where}: computed to pass here, and not seen"
        dropped = self._dropped(way)
        if self._watched.error is not None:
            return f"{text}; it was not sent: {self._watched.error}"
        if dropped is not None:
            return f"{text}; {self._who(dropped)}, {dropped.told}"
        elsewhere = [one for one in left if (one.host, one.netns, one.interface) not in self._between]
        if elsewhere:
            return f"{text}; seen instead {place(self._also(elsewhere[0]))}"
        if matched:
            return f"{text}; it was last seen {place(self._also(matched[-1][1]))}"
        return text

    def _other_end(self, computed: Outcome, seen: list[Sighting], way: str) -> str | None:
        """Return how the end differs, where all points on the way are as computed."""
        dropped = self._dropped(way)
        last = computed["hops"][-1] if computed["hops"] else None
        if computed["verdict"] == "delivered":
            if dropped is not None:
                return f"computed to be {computed['reason']}; {self._who(dropped)}, {dropped.told}"
            if self._watched.error is not None and not seen:
                return f"computed to be {computed['reason']}; it was not sent: {self._watched.error}"
            return None
        if computed["verdict"] != "dropped" or last is None:
            return None
        if dropped is not None:
            if _is_rule(dropped, computed["reason"]):
                return None
            return f"computed: {computed['reason']}; {self._who(dropped)}, {dropped.told}"
        beyond = [one for one in seen if self._is_beyond(one, computed)]
        if beyond:
            return f"computed: {computed['reason']}; it went on, seen {place(self._also(beyond[0]))}"
        return None

    def _is_beyond(self, one: Sighting, computed: Outcome) -> bool:
        """Tell whether a packet that was seen there had passed what is computed to drop it."""
        hops = computed["hops"]
        if not any(_at(one, hop["host"], hop["netns"]) for hop in hops):
            return True
        last = hops[-1]
        inner = (one.host, one.netns, one.interface) in self._between
        before = any(_at(one, hop["host"], hop["netns"]) and hop["went_out"] == one.interface for hop in hops[:-1])
        return _at(one, last["host"], last["netns"]) and one.direction == "out" and not inner and not before

    def _resolved(self, computed: Outcome, matched: list[tuple[int, Sighting]], left: list[Sighting], way: str) -> str:
        """Return what was seen behind the point where the computation knows no more."""
        beyond = [one for one in left if (one.host, one.netns, one.interface) not in self._between]
        dropped = self._dropped(way)
        if dropped is not None:
            return f"{self._who(dropped)}, {dropped.told}"
        if not beyond and not matched:
            return f"the computation ends with: {computed['reason']}. The packet was not seen at all"
        end = beyond[-1] if beyond else matched[-1][1]
        answered = ", and was answered" if self._watched.answered else ""
        last = f"The packet was last seen {place(self._also(end))}{answered}"
        return f"the computation ends with: {computed['reason']}. {last}"

    def _dropped(self, way: str) -> Event | None:
        return next((one for one in self._watched.events if one.way == way and one.verdict in _ENDS), None)

    def _rule(self, event: Event) -> str:
        return f"{event.host}, {self._names.get((event.host, event.netns), 'a namespace')}: {event.told}"

    def _who(self, event: Event) -> str:
        return f"{self._names.get((event.host, event.netns), 'a namespace')} on {event.host} dropped it"


def place(point: Point) -> str:
    """Return where a point is, in words."""
    where = (
        f"node {point['host']} itself" if point["name"] == "the node itself" else f"{point['name']} on {point['host']}"
    )
    return f"{'out of' if point['direction'] == 'out' else 'in by'} {point['interface']} of {where}"


def _expected(computed: Outcome) -> Iterable[_Expected]:
    hops = computed["hops"]
    for number, hop in enumerate(hops):
        if number and hop["came_in"] is not None:
            yield _Expected(hop["host"], hop["netns"], hop["name"], hop["came_in"], "in", hop["packet"])
        if hop["went_out"] is not None:
            leaving = hops[number + 1]["packet"] if number + 1 < len(hops) else computed["packet"]
            yield _Expected(hop["host"], hop["netns"], hop["name"], hop["went_out"], "out", leaving)


def _take(left: list[Sighting], one: _Expected) -> Sighting | None:
    """Take the sighting at an interface out of those that are left: the first whose addresses fit, else the first."""
    there = [
        seen
        for seen in left
        if _at(seen, one.host, one.netns) and (seen.interface, seen.direction) == (one.interface, one.direction)
    ]
    if not there:
        return None
    fitting = [seen for seen in there if any(_same(one.packet, layer) for layer in (seen.packet, *seen.outer))]
    found = (fitting or there)[0]
    left.remove(found)
    return found


def _at(seen: Sighting, host: str, netns: int) -> bool:
    return (seen.host, seen.netns) == (host, netns)


def _same(computed: PacketWords, seen: PacketWords) -> bool:
    """Tell whether a packet has the computed addresses and ports; a port that nobody can tell fits any."""
    if (computed["protocol"], computed["src"], computed["dst"]) != (seen["protocol"], seen["src"], seen["dst"]):
        return False
    pairs = ((computed["sport"], seen["sport"]), (computed["dport"], seen["dport"]))
    return all(one is None or one == other for one, other in pairs)


def _is_rule(event: Event, reason: str) -> bool:
    """Tell whether the rule that dropped the packet is the one that was computed to.

    iptables numbers its rules otherwise than the kernel does, so that of these the chain is compared.
    """
    if event.handle is None:
        return f"{event.chain}, the policy" in reason
    if f"{event.family} {event.table}, " in reason:
        return f"{event.chain}, rule {event.handle}:" in reason
    return f"{event.chain}, rule " in reason


def _merged(
    points: list[Point], matched: list[tuple[int, Sighting]], also: list[tuple[Sighting, Point]]
) -> list[Point]:
    """Return all points in order: what else was seen comes behind what its node saw before it."""
    behind: dict[int, list[Point]] = {}
    end = matched[-1][0] if matched else -1
    for seen, point in also:
        before = [number for number, one in matched if one.host == seen.host and one.at_ns <= seen.at_ns]
        behind.setdefault(before[-1] if before else end, []).append(point)
    found = behind.get(-1, [])
    for number, point in enumerate(points):
        found.append(point)
        found.extend(behind.get(number, []))
    return found
