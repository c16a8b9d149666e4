# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tunnels between nodes: flannel's VXLAN, a lab's, and the other kinds.

Each function without an underscore answers one question of the table at the end.
"""

from __future__ import annotations

from typing import NamedTuple

from ..model.overhead import OVERHEAD
from ..model.records import Interface, Neighbour, Tunnel
from ..text import commands, words
from ..text.escape import shell_word
from .measured import Measured, Question, absent, not_read, seen, spread
from .routing import TUNNELS
from .world import World

_EVERY_MAC = "00:00:00:00:00:00"
_NONE = "no tunnel"


class _End(NamedTuple):
    """A node's end of a tunnel."""

    host: str
    interface: Interface
    tunnel: Tunnel | None
    """Null where the link says nothing of it, as with WireGuard."""


def _ends(world: World) -> list[_End]:
    return [
        _End(view.host, one, one["tunnel"])
        for view in world.views.values()
        for one in (view.own_namespace["interfaces"] if view.own_namespace else [])
        if one["kind"] in TUNNELS
    ]


def _known(world: World) -> list[tuple[str, Interface, Tunnel]]:
    """Return the ends of which the link says what they wrap packets in."""
    return [(host, link, tunnel) for host, link, tunnel in _ends(world) if tunnel and not tunnel["external"]]


def _at(host: str, link: Interface) -> tuple[str, str]:
    return host, commands.link(link["ifname"])


def links(world: World) -> Measured:
    ends = _ends(world)
    if not ends:
        return absent(_NONE)
    values, text = spread((one.interface["kind"] or "" for one in ends), "link")
    names = [one.interface["ifname"] for one in ends]
    told = f"{text}: {words.listed(list(dict.fromkeys(names)), 2)}"
    return seen(values, told, _at(ends[0].host, ends[0].interface), names)


def number(world: World) -> Measured:
    found = [(host, link, tunnel["id"]) for host, link, tunnel in _known(world) if tunnel["id"] is not None]
    if not found:
        return absent("no tunnel has one")
    values, text = spread((str(one) for _host, _link, one in found), "link")
    return seen(values, f"VNI {text}", _at(*found[0][:2]))


def port(world: World) -> Measured:
    found = [(host, link, tunnel["port"]) for host, link, tunnel in _known(world) if tunnel["port"] is not None]
    if not found:
        return absent("no tunnel over UDP whose link says one")
    values, text = spread((str(one) for _host, _link, one in found), "link")
    return seen(values, f"UDP port {text}", _at(*found[0][:2]))


def mac(world: World) -> Measured:
    """Return whether the ends' MACs can be worked out from their addresses, as 0a:58 and the address."""
    found = [one for one in _ends(world) if one.interface["address"] and one.interface["kind"] in ("vxlan", "geneve")]
    if not found:
        return absent("no tunnel with a MAC")
    values, text = spread(("follows from its address" if _follows(one) else "drawn" for one in found), "end")
    macs = [one.interface["address"] or "" for one in found]
    return seen(values, f"{macs[0]}: {text}", _at(found[0].host, found[0].interface))


def _follows(end: _End) -> bool:
    addresses = [one["local"] for one in end.interface["addr_info"] if one["family"] == "inet"]
    made = ["0a:58:" + ":".join(f"{int(byte):02x}" for byte in one.split(".")) for one in addresses]
    return end.interface["address"] in made


def learning(world: World) -> Measured:
    found = [(host, link, tunnel["learning"]) for host, link, tunnel in _known(world) if tunnel["learning"] is not None]
    if not found:
        return absent("no tunnel that could")
    values, text = spread(("on" if one else "off" for _host, _link, one in found), "link")
    return seen(values, f"learning {text}", _at(*found[0][:2]))


def forwarding(world: World) -> Measured:
    found = [(host, link, tunnel["fdb"]) for host, link, tunnel in _known(world) if link["kind"] == "vxlan"]
    if not found:
        return absent("no VXLAN")
    if any(fdb is None for _host, _link, fdb in found):
        return not_read("entries of bridges were not read (subset permanent_fdb)")
    told = []
    for _host, _link, fdb in found:
        kinds = {"every MAC" if one["mac"] in (_EVERY_MAC, None) else "one MAC each" for one in fdb or ()}
        told.append(" and ".join(sorted(kinds)) if kinds else "no entry")
    host, link, fdb = next((one for one in found if one[2]), found[0])
    values, text = spread(told, "link")
    shown = f"{text}, such as {fdb[0]['mac']} to {fdb[0]['dst']}" if fdb else text
    return seen(values, shown, (host, f"bridge fdb show dev {shell_word(link['ifname'])}"))


def neighbours(world: World) -> Measured:
    ends = [one for one in _ends(world) if one.interface["kind"] in ("vxlan", "geneve")]
    if not ends:
        return absent("no tunnel with MACs")
    told: list[str] = []
    shown: Neighbour | None = None
    for end in ends:
        own = world.views[end.host].own_namespace
        if own is None or own["neighbours"] is None:
            return not_read("neighbours were not read (subset neighbours)")
        mine = [one for one in own["neighbours"] if one["dev"] == end.interface["ifname"]]
        told.append("written down" if any(one["permanent"] for one in mine) else "asked for" if mine else "none")
        shown = shown or next((one for one in mine if one["permanent"]), None)
    values, text = spread(told, "end")
    text = f"{text}, such as {shown['dst']} has {shown['lladdr']}" if shown is not None else text
    return seen(values, text, (ends[0].host, f"ip neigh show dev {shell_word(ends[0].interface['ifname'])}"))


def routes(world: World) -> Measured:
    found: list[tuple[str, str, str]] = []
    for end in _ends(world):
        own = world.views[end.host].own_namespace
        if own is None or own["routes"] is None:
            return not_read("routes were not read (subset routes)")
        for route in own["routes"]:
            if route["dev"] == end.interface["ifname"] and route["dst"] != "default":
                kind = "via the other end" if route["gateway"] else "into the link"
                found.append((end.host, kind, f"{route['dst']} via {route['gateway'] or 'the link'}"))
    if not found:
        return absent("no route leads into a tunnel" if _ends(world) else _NONE)
    values, text = spread((kind for _host, kind, _text in found), "route")
    return seen(values, f"{text}: {found[0][2]}", (found[0][0], "ip route"))


def size(world: World) -> Measured:
    found: list[tuple[_End, int, int, str, int]] = []
    for end in _ends(world):
        over, below = OVERHEAD.get(end.interface["kind"] or ""), _below(world, end)
        if over is None or below is None or below["mtu"] is None or end.interface["mtu"] is None:
            continue
        local = end.tunnel["local"] if end.tunnel else None
        found.append((end, end.interface["mtu"], over[":" in (local or "")], below["ifname"], below["mtu"]))
    if not found:
        return absent(_NONE if not _ends(world) else "no tunnel whose sizes are known")
    end, mtu, over_it, name, under = found[0]
    values, text = spread(
        ("fits" if inner + more <= most else "too large" for _end, inner, more, _name, most in found), "end"
    )
    return seen(values, f"{mtu} + {over_it} of {under} on {name}: {text}", _at(end.host, end.interface))


def _below(world: World, end: _End) -> Interface | None:
    """Return the link that the wrapped packets leave by."""
    node = next(one for one in world.read if one["host"] == end.host)
    local = end.tunnel["local"] if end.tunnel else None
    name = next((one["ifname"] for one in node["addresses"] if one["local"] == local), None)
    name = name or next((route["dev"] for route in node["default_route"]), None)
    own = world.views[end.host].own_namespace
    return next((one for one in (own["interfaces"] if own else ()) if one["ifname"] == name), None)


QUESTIONS: tuple[Question, ...] = (
    Question("tunnel.links", "the nodes' ends of it", links,
             "The kind decides what is put around a packet, and what between the nodes has to let it through."),
    Question("tunnel.vni", "the number of the virtual network", number,
             "Ends with another number do not know each other."),
    Question("tunnel.port", "the port", port,
             "A firewall between the nodes has to let it through; 8472 is the kernel's default, 4789 IANA's number."),
    Question("tunnel.mac", "the MAC of an end", mac,
             "The other nodes have to know it: one that follows from the address is worked out, a drawn one is told."),
    Question("tunnel.learning", "whether it learns from packets which node has which MAC", learning,
             "What is learned can be wrong and goes with time; without it somebody writes every entry."),
    Question("tunnel.fdb", "which node has which MAC", forwarding,
             "A MAC without an entry leads nowhere; an entry for every MAC floods each such packet to that node."),
    Question("tunnel.neighbours", "which MAC the other ends' addresses have", neighbours,
             "Where it is not written, nodes ask by ARP through the tunnel, which has to be flooded."),
    Question("tunnel.routes", "the routes that lead into it", routes,
             "A route via the other end needs that end's MAC; one into the link asks for the MAC of each pod."),
    Question("tunnel.mtu", "its MTU, and what is put around a packet", size,
             "A packet that is too large with what is around it is cut up or dropped between the nodes."),
)  # fmt: skip
"""What is compared of tunnels."""
