# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which interfaces hear what is sent to all from an interface: over cables and bridges, in all namespaces of a node."""

from __future__ import annotations

from dataclasses import dataclass, field

from .node import Link, Namespace, Node

Through = tuple[tuple[Namespace, Link], ...]
"""Bridges that a frame went through, each with its namespace."""


@dataclass(slots=True)
class Segment:
    """What hears a broadcast."""

    ends: list[tuple[Namespace, Link, Through]] = field(default_factory=list)
    """Interfaces that take packets for their namespace, bridges included, and the bridges that it went through."""
    cards: list[tuple[Namespace, Link]] = field(default_factory=list)
    """Where it leaves what was read: hardware, and cables whose other end nobody sees."""
    odd: list[str] = field(default_factory=list)
    """Interfaces behind which nobody looks, and why."""
    silent: list[str] = field(default_factory=list)
    """What ends a broadcast before others hear it: interfaces that are down, ports that pass nothing on."""


def is_card(link: Link) -> bool:
    """Tell whether what is behind *link* was not read: hardware, and a cable with an end that nobody sees."""
    return link.kind in (None, "veth") and not link.loopback and link.peer is None


def may_leave(bridge_port: tuple[bool, bool], came_in: tuple[bool, bool] | None, same: bool) -> bool:
    """Tell whether a bridge sends a frame out of a port; ports are (hairpin, isolated), *came_in* None for its own."""
    if came_in is None:
        return True
    return (bridge_port[0] or not same) and not (bridge_port[1] and came_in[1])


def segment(node: Node, namespace: Namespace, link: Link) -> Segment:
    """Return what hears a broadcast that is sent out of *link*."""
    key = ("segment", link.ifname)
    if key not in namespace.cache:
        found = Segment()
        _send(node, namespace, link, found, set(), ())
        namespace.cache[key] = found
    result: Segment = namespace.cache[key]
    return result


def _send(
    node: Node, namespace: Namespace, link: Link, found: Segment, seen: set[tuple[int, str]], through: Through
) -> None:
    if not link.up:
        _hush(found, node, namespace, f"{link.ifname} is down")
        return
    if link.kind == "bridge":
        _flood(node, namespace, link, None, found, seen, through)
    elif link.peer is not None:
        there = node.namespaces.get(link.peer[0])
        other = there.by_index.get(link.peer[1]) if there is not None else None
        if there is None or other is None:
            found.odd.append(f"{link.ifname}: its other end was not read")
        else:
            _take(node, there, other, found, seen, through)
    elif is_card(link):
        found.cards.append((namespace, link))
    elif link.kind != "dummy":
        found.odd.append(f"{link.ifname}: what is behind an interface of the kind {link.kind} is not computed")


def _take(
    node: Node, namespace: Namespace, link: Link, found: Segment, seen: set[tuple[int, str]], through: Through
) -> None:
    if (namespace.inode, link.ifname) in seen:
        return
    if not link.up:
        _hush(found, node, namespace, f"{link.ifname} is down")
        return
    seen.add((namespace.inode, link.ifname))
    if link.master is None:
        found.ends.append((namespace, link, through))
        return
    master = namespace.links.get(link.master)
    bridge = namespace.bridges.get(link.master)
    if master is None or bridge is None:
        found.odd.append(f"{link.ifname}: it is a part of {link.master}, and that is not computed")
        return
    port = bridge.ports.get(link.ifname)
    if port is None or port.state != "forwarding" or not master.up:
        down = not master.up
        what = f"bridge {link.master} is down" if down else f"the port {link.ifname} of {link.master} passes nothing on"
        _hush(found, node, namespace, what)
        return
    if (namespace.inode, master.ifname) not in seen:
        seen.add((namespace.inode, master.ifname))
        found.ends.append((namespace, master, through))
    _flood(node, namespace, master, link.ifname, found, seen, (*through, (namespace, master)))


def _hush(found: Segment, node: Node, namespace: Namespace, what: str) -> None:
    where = "" if namespace is node.own else f" of {namespace.name}"
    found.silent.append(f"{what}{where}")


def _flood(
    node: Node,
    namespace: Namespace,
    link: Link,
    came_in: str | None,
    found: Segment,
    seen: set[tuple[int, str]],
    through: Through,
) -> None:
    bridge = namespace.bridges.get(link.ifname)
    if bridge is None:
        found.odd.append(f"{link.ifname}: its ports were not read")
        return
    origin = bridge.ports.get(came_in) if came_in is not None else None
    for name, port in bridge.ports.items():
        other = namespace.links.get(name)
        if other is None:
            continue
        if not other.up or port.state != "forwarding":
            _hush(found, node, namespace, f"{name} is down" if not other.up else f"the port {name} passes nothing on")
            continue
        before = (origin.hairpin, origin.isolated) if origin is not None else None
        if may_leave((port.hairpin, port.isolated), before, name == came_in):
            _send(node, namespace, other, found, seen, through)
