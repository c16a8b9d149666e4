# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node as the path sees it: its namespaces with links, routes, rules, neighbours and firewall rules, from its file.

Addresses are numbers. What the file does not hold is None, and whoever needs it says that it is missing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..model.reading import Item
from ..text.escape import shell_word
from .records import number_of

LOCAL_TABLE = "local"


@dataclass(slots=True)
class Address:
    """An address of an interface."""

    family: str
    number: int
    prefixlen: int
    scope: str
    secondary: bool
    usable: bool
    """Whether packets may be sent from it: neither tentative nor refused nor deprecated."""


@dataclass(slots=True)
class Link:
    """An interface."""

    ifname: str
    ifindex: int
    mac: str | None
    mtu: int | None
    up: bool
    kind: str | None
    """``veth``, ``bridge``, ``vxlan`` and so on; None for hardware."""
    loopback: bool
    master: str | None
    data: dict[str, int | str]
    """What ``ip -d`` shows of its kind."""
    tunnel: list[tuple[str, str, int | None, int | None]] | None
    """Of a VXLAN interface, (MAC, node, port, VNI); None when it was not read."""
    addresses: list[Address]
    peer: tuple[int, int] | None = None
    """The other end of its cable: namespace and ifindex; None when nobody knows."""


@dataclass(slots=True)
class NextHop:
    """Where a route leads: an interface, and who is asked there; ``gateway`` has its family before it."""

    dev: str | None
    gateway: tuple[str, int] | None
    flags: tuple[str, ...]


@dataclass(slots=True)
class Route:
    """One route."""

    kind: str
    family: str
    number: int
    prefixlen: int
    metric: int
    table: str
    prefsrc: int | None
    hops: list[NextHop]
    mtu: int | None
    odd: str | None
    """What of it is not computed: an encapsulation, a source prefix."""
    text: str
    """As ``ip route`` shows it, in short."""


@dataclass(slots=True)
class Rule:
    """One policy routing rule."""

    priority: int
    family: str
    table: str | None
    action: str | None
    negated: bool
    src: tuple[int, int] | None
    """Address and prefix length."""
    dst: tuple[int, int] | None
    mark: int | None
    mask: int
    iif: str | None
    oif: str | None
    suppress: int | None
    protocol: int | None
    sport: tuple[int, int] | None
    dport: tuple[int, int] | None
    goto: int | None
    odd: str | None
    """What of it is not computed."""
    text: str


@dataclass(slots=True)
class Port:
    """A port of a bridge."""

    state: str | None
    hairpin: bool
    isolated: bool
    flood: bool
    learning: bool


@dataclass(slots=True)
class Bridge:
    """A bridge: its ports, and behind which of them it has a MAC; the bridge's own name stands for itself."""

    ports: dict[str, Port]
    fdb: dict[str, str] | None
    vlan_filtering: bool
    kept: dict[str, str] = field(default_factory=dict)
    """MACs that the bridge takes for its own, each with the interface that they were set for."""


@dataclass(slots=True)
class Neighbour:
    """An entry of an ARP or NDP table."""

    mac: str | None
    states: tuple[str, ...]
    proxy: bool


Table = dict[int, dict[int, list[Route]]]
"""Routes by length of the prefix, the longest first, and by its bits."""


@dataclass(slots=True)
class Namespace:
    """One network namespace."""

    host: str
    inode: int
    kind: str
    name: str
    pod: str | None
    enter: str
    """What comes before a command to run it inside; empty for the node itself."""
    links: dict[str, Link]
    by_index: dict[int, Link]
    tables: dict[tuple[str, str], Table] | None
    """By family and name; None when not all were read."""
    rules: dict[str, list[Rule]] | None
    neighbours: dict[tuple[str, str, int], Neighbour] | None
    """By interface, family and address."""
    sysctls: dict[str, int | str | None]
    sockets: set[tuple[str, int]] | None
    ruleset: list[tuple[str, str | None, str]] | None
    """(variant, family, text); None when they were not read, or not all."""
    bridges: dict[str, Bridge] = field(default_factory=dict)
    cache: dict[Any, Any] = field(default_factory=dict)
    """What was worked out of it once."""

    def shown(self, command: str) -> str:
        """Return *command* as it is run in this namespace."""
        return self.enter + command

    def setting(self, *names: str) -> int | None:
        """Return the first of these kernel settings that was read and is a number."""
        for name in names:
            value = self.sysctls.get(name)
            if isinstance(value, int):
                return value
        return None


@dataclass(slots=True)
class Node:
    """One node."""

    host: str
    collected_at: str | None
    namespaces: dict[int, Namespace]
    own: Namespace | None
    services: list[tuple[str, str, str, str, int]]
    """(namespace/name, port name, virtual address, protocol, port)."""


def read_node(document: object, where: str) -> Node:
    """Return the node that the node file *document* is about; raise ShapeError.

    A file of a node that was not read gives a node without namespaces.
    """
    root = Item(document, where)
    node = Node(root.text("host"), root.text_or_none("collected_at"), {}, None, [])
    if "error" in root:
        return node
    for item in root.item("podnet_netns").items("namespaces"):
        namespace = _namespace(item, node.host)
        node.namespaces[namespace.inode] = namespace
        if namespace.kind == "host":
            node.own = namespace
    for pair in root.item("podnet_veth").items("pairs"):
        _plug(node, list(pair.items("ends")), pair.text_or_none("resolution"))
    for item in root.item("podnet_bridge").items("bridges"):
        found = node.namespaces.get(item.number("netns"))
        if found is not None:
            found.bridges[item.text("ifname")] = _bridge(item)
    service = root.item_or_none("podnet_service")
    for one in service.items("services") if service is not None else ():
        address, name, port = one.text_or_none("virtual_address"), one.text_or_none("name"), one.number_or_none("port")
        if address is not None and name is not None and port is not None:
            full = f"{one.text_or_none('namespace') or 'default'}/{name}"
            node.services.append((full, one.text_or_none("port_name") or "", address, one.text("protocol"), port))
    return node


def _plug(node: Node, ends: list[Item], resolution: str | None) -> None:
    if len(ends) != 2 or resolution not in (None, "exact"):
        return
    places = [(end.number_or_none("netns"), end.number_or_none("ifindex")) for end in ends]
    for here, there in (places, places[::-1]):
        namespace = node.namespaces.get(here[0]) if here[0] is not None else None
        link = namespace.by_index.get(here[1]) if namespace is not None and here[1] is not None else None
        if link is not None:
            link.kind = link.kind or "veth"
            if there[0] is not None and there[1] is not None:
                link.peer = (there[0], there[1])


def _namespace(item: Item, host: str) -> Namespace:
    kind = item.text("kind")
    names = item.texts("names")
    paths = item.texts("paths") if "paths" in item else [f"/run/netns/{name}" for name in names]
    owner = item.item_or_none("owner")
    pod = None
    if owner is not None and owner.text_or_none("name"):
        pod = f"{owner.text_or_none('namespace') or ''}/{owner.text('name')}"
    links = [_link(one) for one in item.items("interfaces")]
    if not any(one.loopback for one in links):  # one that is as usual is not listed
        links.append(_usual_loopback())
    routes = list(item.items("routes")) if "routes" in item else None
    sysctls: dict[str, int | str | None] = item.scalars("settings") if "settings" in item else {}
    if "sysctls" in item:
        sysctls = {**sysctls, **item.scalars("sysctls")}
    return Namespace(
        host=host,
        inode=item.number("inode"),
        kind=kind,
        name="the node itself" if kind == "host" else pod or (names[0] if names else f"net:[{item.number('inode')}]"),
        pod=pod,
        enter=_enter(kind, names, paths, item),
        links={one.ifname: one for one in links},
        by_index={one.ifindex: one for one in links},
        tables=_tables(routes) if routes is not None else None,
        rules=_rules(item.items("rules")) if "rules" in item else None,
        neighbours=_neighbours(item.items("neighbours")) if "neighbours" in item else None,
        sysctls=sysctls,
        sockets={(one.text("protocol").rstrip("6"), one.number("port")) for one in item.items("sockets")}
        if "sockets" in item
        else None,
        ruleset=_ruleset(item),
    )


def _enter(kind: str, names: list[str], paths: list[str], item: Item) -> str:
    if kind == "host":
        return ""
    for name in names:
        if f"/run/netns/{name}" in paths:
            return f"ip netns exec {shell_word(name)} "
    if paths:
        return f"nsenter --net={shell_word(paths[0])} "
    for process in item.items("processes"):
        return f"nsenter -t {process.number('pid')} -n "
    return ""


def _ruleset(item: Item) -> list[tuple[str, str | None, str]] | None:
    ruleset = item.item_or_none("ruleset")
    if ruleset is None or not ruleset.flag_or_none("complete"):
        return None
    return [(one.text("variant"), one.text_or_none("family"), str(one.text("text"))) for one in ruleset.items("parts")]


def _usual_loopback() -> Link:
    addresses = [
        Address("inet", 0x7F000001, 8, "host", False, True),
        Address("inet6", 1, 128, "host", False, True),
    ]
    return Link("lo", 1, None, 65536, True, None, True, None, {}, None, addresses)


def _link(item: Item) -> Link:
    info = item.item_or_none("linkinfo")
    data = info.item_or_none("info_data") if info is not None else None
    flags = item.texts("flags") if "flags" in item else None
    state = item.text_unless_absent("operstate", "UP")
    loopback = item.text_or_none("link_type") == "loopback"
    return Link(
        ifname=item.text("ifname"),
        ifindex=item.number("ifindex"),
        mac=item.text_or_none("address"),
        mtu=item.number_or_none("mtu"),
        up=("UP" in flags if flags is not None else True) and (loopback or state in ("UP", "UNKNOWN")),
        kind=info.text_or_none("info_kind") if info is not None else None,
        loopback=loopback,
        master=item.text_or_none("master"),
        data={**(_data(data) if data is not None else {}), **({"link": item.text("link")} if "link" in item else {})},
        tunnel=[
            (one.text_or_none("mac") or "", one.text("dst"), one.number_or_none("port"), one.number_or_none("vni"))
            for one in item.items("fdb")
        ]
        if "fdb" in item
        else None,
        addresses=_addresses(item),
    )


_NUMBERS = ("id", "port", "nf_call_iptables", "nf_call_ip6tables")
_TEXTS = ("local", "local6", "remote", "remote6", "group")


def _data(item: Item) -> dict[str, int | str]:
    values: dict[str, int | str] = {key: item.number(key) for key in _NUMBERS if key in item}
    values.update((key, item.text(key)) for key in _TEXTS if key in item)
    if item.flag_or_none("external"):
        values["external"] = 1
    return values


_UNUSABLE = ("tentative", "dadfailed", "deprecated")


def _addresses(item: Item) -> list[Address]:
    found: list[Address] = []
    if "addr_info" in item:
        for one in item.items("addr_info"):
            local = one.text_or_none("local")
            if local is not None:
                family, number = number_of(local)
                usable = not any(one.flag_or_none(flag) for flag in _UNUSABLE)
                scope = one.text_or_none("scope") or "global"
                found.append(
                    Address(family, number, one.number("prefixlen"), scope, bool(one.flag_or_none("secondary")), usable)
                )
        return found
    for text in item.texts("addresses"):
        interface = ipaddress.ip_interface(text)
        family = "inet" if interface.version == 4 else "inet6"
        scope = "link" if family == "inet6" and interface.is_link_local else "global"
        found.append(Address(family, int(interface.ip), interface.network.prefixlen, scope, False, True))
    return found


def bits(family: str) -> int:
    """Return the length of a family's addresses in bits."""
    return 32 if family == "inet" else 128


def _prefix(family: str, text: str) -> tuple[int, int]:
    """Return the address and the length of a prefix as routes name it."""
    if text in ("default", "all"):
        return 0, 0
    address, slash, length = text.partition("/")
    return number_of(address)[1], int(length) if slash else bits(family)


def _tables(items: Iterable[Item]) -> dict[tuple[str, str], Table]:
    tables: dict[tuple[str, str], Table] = {}
    for item in items:
        route = _route(item)
        table = tables.setdefault((route.family, route.table), {})
        shift = bits(route.family) - route.prefixlen
        table.setdefault(route.prefixlen, {}).setdefault(route.number >> shift, []).append(route)
    for key, table in tables.items():
        for routes in (routes for same in table.values() for routes in same.values()):
            routes.sort(key=lambda one: one.metric)
        tables[key] = {length: table[length] for length in sorted(table, reverse=True)}
    return tables


def _route(item: Item) -> Route:
    family = item.text("family")
    number, length = _prefix(family, item.text("dst"))
    hops = [_next_hop(one) for one in item.items("nexthops")] or [_next_hop(item)]
    odd = next((f"its {key}" for key in ("encap", "from") if key in item), None)
    metrics = [one.number_or_none("mtu") for one in item.items("metrics")]
    prefsrc = item.text_or_none("prefsrc")
    table = item.text_or_none("table") or "main"
    kind = item.text_or_none("type") or "unicast"
    words = [] if kind == "unicast" else [kind]
    words.append(item.text("dst"))
    for word, value in (("via", item.text_or_none("gateway")), ("dev", item.text_or_none("dev"))):
        words += [word, value] if value is not None else []
    words += ["table", table] if table != "main" else []
    return Route(
        kind=kind,
        family=family,
        number=number,
        prefixlen=length,
        metric=item.number_or_none("metric") or 0,
        table=table,
        prefsrc=number_of(prefsrc)[1] if prefsrc is not None else None,
        hops=hops,
        mtu=next((one for one in metrics if one), None),
        odd=odd,
        text=" ".join(words),
    )


def _next_hop(item: Item) -> NextHop:
    via = item.item_or_none("via")
    gateway = via.text("host") if via is not None else item.text_or_none("gateway")
    return NextHop(item.text_or_none("dev"), number_of(gateway) if gateway else None, tuple(item.texts("flags")))


_KNOWN_ACTIONS = (None, "goto", "nop", "blackhole", "unreachable", "prohibit")


def _rules(items: Iterable[Item]) -> dict[str, list[Rule]]:
    found: dict[str, list[Rule]] = {"inet": [], "inet6": []}
    for item in items:
        rule = _rule(item)
        found[rule.family].append(rule)
    for rules in found.values():
        rules.sort(key=lambda one: one.priority)
    return found


def _rule(item: Item) -> Rule:
    family = item.text("family")
    ends: list[tuple[int, int] | None] = []
    for key, length in (("src", "srclen"), ("dst", "dstlen")):
        text = item.text_or_none(key)
        known = text is not None and text != "all"
        ends.append((number_of(str(text))[1], item.number_or_none(length) or 0) if known else None)
    mark, mask = item.text_or_none("fwmark"), item.text_or_none("fwmask")
    action = item.text_or_none("action")
    odd = next((key for key in ("l3mdev", "uid_range", "tos") if key in item), None)
    if odd is None and action not in _KNOWN_ACTIONS:
        odd = f"the action {action}"
    words = [f"{item.number('priority')}:", "not" if item.flag_or_none("not") else "", f"from {item.text('src')}"]
    words += [f"{key} {item.text_or_none(key)}" for key in ("fwmark", "iif", "oif") if key in item]
    words.append(f"lookup {item.text('table')}" if "table" in item else action or "")
    return Rule(
        priority=item.number("priority"),
        family=family,
        table=item.text_or_none("table"),
        action=action,
        negated=bool(item.flag_or_none("not")),
        src=ends[0],
        dst=ends[1],
        mark=int(mark, 16) if mark is not None else None,
        mask=int(mask, 16) if mask is not None else 0xFFFFFFFF,
        iif=item.text_or_none("iif"),
        oif=item.text_or_none("oif"),
        suppress=item.number_or_none("suppress_prefixlen"),
        protocol=item.number_or_none("ipproto"),
        sport=_range(item, "sport"),
        dport=_range(item, "dport"),
        goto=item.number_or_none("goto"),
        odd=odd,
        text=" ".join(word for word in words if word),
    )


def _range(item: Item, key: str) -> tuple[int, int] | None:
    numbers = item.numbers(key)
    return (numbers[0], numbers[-1]) if numbers else None


def _neighbours(items: Iterable[Item]) -> dict[tuple[str, str, int], Neighbour]:
    found: dict[tuple[str, str, int], Neighbour] = {}
    for item in items:
        text = item.text_or_none("dst")
        if text is None:
            continue
        family, number = number_of(text)
        proxy = bool(item.flag_or_none("proxy"))
        entry = Neighbour(item.text_or_none("lladdr"), tuple(item.texts("state")), proxy)
        found[("proxy " if proxy else "") + item.text("dev"), family, number] = entry
    return found


def _bridge(item: Item) -> Bridge:
    ports = {
        one.text("ifname"): Port(
            one.text_unless_absent("state", "forwarding"),
            bool(one.flag_or_none("hairpin")),
            bool(one.flag_or_none("isolated")),
            one.flag_unless_absent("flood", True) is not False,
            one.flag_unless_absent("learning", True) is not False,
        )
        for one in item.items("ports")
    }
    fdb: dict[str, str] | None = None
    kept: dict[str, str] = {}
    if "fdb" in item:
        fdb = {}
        for one in item.items("fdb"):
            mac = one.text_or_none("mac")
            if mac is not None and "self" not in one.texts("flags") and one.number_or_none("vlan") in (None, 1):
                # What is permanent is the bridge's own (BR_FDB_LOCAL): frames to it go up to the bridge.
                fdb[mac] = item.text("ifname") if one.text("state") == "permanent" else one.text("dev")
                if one.text("state") == "permanent":
                    kept[mac] = one.text("dev")
    return Bridge(ports, fdb, bool(item.number_or_none("vlan_filtering")), kept)
