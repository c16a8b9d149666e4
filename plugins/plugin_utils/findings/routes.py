# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about the routes between nodes: missing, to the wrong node, or another way back than there.

Only where nodes do have such routes. In clouds that route pods' ranges themselves, and where eBPF or Open vSwitch
forwards packets past the routing table, no node has any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Model, Route
from ..text import words
from ..text.escape import shell_word
from .kernel import is_strict
from .nodes import cut
from .overlays import tunnels
from .ways import Home, Ways, any_between, refuses

_WITNESSES = 5
"""So many routes of others are shown beside the one that is missing."""


def between_nodes(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Routes to other nodes' ranges, all of them held against each other, and the tunnels that they lead into."""
    if not any_between(model):
        return
    ways = Ways(model, views)
    yield from tunnels(ways)
    yield from _missing(ways)
    for host, routes in ways.routes.items():
        for cidr, route in routes.items():
            found = _wrong(ways, host, ways.homes[cidr], route)
            if found is not None:
                yield found
    yield from _asymmetric(ways)


def _shown(route: Route) -> str:
    kind = f"{route['type']} " if route["type"] not in (None, "unicast") else ""
    via = f" via {route['gateway']}" if route["gateway"] else ""
    return f"{kind}{route['dst']}{via} dev {route['dev'] or '?'}"


def _command(home: Home) -> str:
    return f"ip {'-6 ' if ':' in home.cidr else ''}route get {shell_word(home.cidr.partition('/')[0])}"


def _missing(ways: Ways) -> Iterator[Finding]:
    """Yield what nodes lack: one finding for a node that lacks routes, or for a range that no other node knows."""
    lacking: dict[str, dict[str, list[str]]] = {}
    for host, cidrs in _candidates(ways).items():
        for cidr in cidrs:
            home = ways.homes[cidr]
            told = [] if ways.leads(host, home) else _witnesses(ways, host, home)
            if told:
                lacking.setdefault(host, {})[cidr] = told
    without: dict[str, list[str]] = defaultdict(list)
    for host, found in lacking.items():
        for cidr in found:
            without[cidr].append(host)
    for cidr, hosts in without.items():
        if len(hosts) > 1 and len(hosts) == len(ways.routes) - (ways.homes[cidr].host in ways.routes):
            yield _lacks(ways, hosts, [cidr], lacking[hosts[0]][cidr])
            for host in hosts:
                del lacking[host][cidr]
    for host, found in lacking.items():
        if found:
            ordered = sorted(found, key=ranges.order)
            yield _lacks(ways, [host], ordered, found[ordered[0]])


def _candidates(ways: Ways) -> dict[str, set[str]]:
    """Return for each node the ranges that it may be expected to have a route to, and has none.

    Those of nodes in its own network, or behind a tunnel, to which another node has a route; and those of nodes that
    have a route to it.
    """
    near: dict[str, set[str]] = defaultdict(set)
    far: set[str] = set()
    back: dict[str, set[str]] = defaultdict(set)
    for host, routes in ways.routes.items():
        for cidr, route in routes.items():
            home = ways.homes[cidr]
            if refuses(route):
                continue
            if ways.by_tunnel(host, route):
                far.add(cidr)
            for network in ways.networks(host) & ways.networks(home.host):
                near[network].add(cidr)
            back[home.host].update(own.cidr for own in ways.homes_of[host] if _alike(own, home))
    result: dict[str, set[str]] = {}
    for host, routes in ways.routes.items():
        wanted = far.union(back[host], *(near[network] for network in ways.networks(host)))
        result[host] = wanted - routes.keys() - {home.cidr for home in ways.homes_of[host]}
    return result


def _alike(one: Home, other: Home) -> bool:
    return (":" in one.cidr) == (":" in other.cidr)


def _witnesses(ways: Ways, host: str, home: Home) -> list[str]:
    """Return the routes that show that *host* should have one to *home*: of neighbours to it, and its own to *host*."""
    told: list[str] = []
    for own in ways.homes_of[host]:
        route = ways.routes.get(home.host, {}).get(own.cidr)
        if route is not None and _alike(own, home) and not refuses(route):
            told.append(f"{home.host}: {_shown(route)}")
    for other in ways.routed_by[home.cidr]:
        route = ways.routes[other][home.cidr]
        if refuses(route):
            continue
        near = ways.neighbours(host, other) and ways.neighbours(host, home.host)
        if near or ways.by_tunnel(other, route):
            told.append(f"{other}: {_shown(route)}")
        if len(told) > _WITNESSES:
            break
    return told


def _lacks(ways: Ways, hosts: list[str], cidrs: list[str], told: list[str]) -> Finding:
    home = ways.homes[cidrs[0]]
    whose = f"{home.cidr}, the pods of {home.host}"
    more = f", and to {len(cidrs) - 1} more" if len(cidrs) > 1 else ""
    return {
        "kind": "route-missing",
        "severity": "fault",
        "hosts": hosts,
        "object": " ".join(cidrs[:4]),
        "message": f"{words.listed(hosts)} {'has' if len(hosts) == 1 else 'have'} no route to {whose}{more}: "
        "what is for them goes to the default gateway or nowhere",
        "evidence": cut([*(f"{hosts[0]}: no route to {cidr}" for cidr in cidrs[:5]), *told]),
        "remedy": "Look why the network plugin's agent there did not set it (its log, and whether it reaches the API); "
        f"a static route is set with {_static(ways, hosts[0], home)}",
        "command": _command(home),
    }


def _static(ways: Ways, host: str, home: Home) -> str:
    """Return the command that sets the route where the other node is a neighbour."""
    family = "inet6" if ":" in home.cidr else "inet"
    out = {route["dev"] for route in ways.nodes[host]["default_route"]}
    hops = [
        one["local"]
        for one in ways.nodes[home.host]["addresses"]
        if one["family"] == family and one["scope"] != "link" and one["ifname"] in out
    ]
    via = hops[0] if hops and ways.neighbours(host, home.host) else "NEXT-HOP"
    return f"ip {'-6 ' if family == 'inet6' else ''}route add {shell_word(home.cidr)} via {shell_word(via)}"


def _wrong(ways: Ways, host: str, home: Home, route: Route) -> Finding | None:
    """Return what is wrong with the route to exactly another node's range."""
    gateway = route["gateway"]
    owners = ways.owners.get(gateway or "", [])
    interface = ways.interface(host, route["dev"])
    if refuses(route):
        why = f"{host} throws away what is for {home.cidr}, the pods of {home.host}"
    elif owners and home.host not in owners and host not in owners:
        why = f"{host} sends what is for {home.cidr}, the pods of {home.host}, to {words.listed(owners)}"
    elif interface is not None and interface["flags"] is not None and "UP" not in interface["flags"]:
        why = f"{host} sends what is for {home.cidr} out by {interface['ifname']}, which is down"
    elif gateway is None and interface is not None and _is_pods_bridge(ways, host, interface["ifname"]):
        why = f"{host} looks for {home.cidr}, the pods of {home.host}, at its own bridge {interface['ifname']}"
    elif gateway is not None and not owners and _others_know_better(ways, host, home, gateway):
        why = f"{host} sends what is for {home.cidr}, the pods of {home.host}, to {gateway}, which no node has"
    else:
        return None
    return {
        "kind": "route-wrong",
        "severity": "fault",
        "hosts": [host],
        "object": home.cidr,
        "message": why,
        "evidence": cut(
            [
                f"{host}: {_shown(route)}",
                *(f"{home.host} has {one['local']} on {one['ifname']}" for one in _addresses(ways, home.host)),
            ]
        ),
        "remedy": f"ip route del {shell_word(home.cidr)}, and let the network plugin's agent set it anew; if it comes "
        f"back so, compare what the plugin believes the address of {home.host} to be",
        "command": _command(home),
    }


def _addresses(ways: Ways, host: str) -> list[dict[str, str]]:
    outward = {route["dev"] for route in ways.nodes[host]["default_route"]}
    return [
        {"local": one["local"], "ifname": one["ifname"]}
        for one in ways.nodes[host]["addresses"]
        if one["ifname"] in outward and one["scope"] != "link"
    ]


def _is_pods_bridge(ways: Ways, host: str, ifname: str) -> bool:
    bridges = [one for one in ways.views[host].bridges if one["ifname"] == ifname]
    return any(port["pod"] is not None for one in bridges for port in one["ports"])


def _others_know_better(ways: Ways, host: str, home: Home, gateway: str) -> bool:
    """Tell whether the nodes of the same network send to an address that *home*'s node has, and none to *gateway*.

    A gateway that no node has may be a router; then neighbours use it as well.
    """
    hops = [
        ways.routes[other][home.cidr]["gateway"]
        for other in ways.routed_by[home.cidr]
        if other != host and ways.neighbours(host, other)
    ]
    return bool(hops) and gateway not in hops and all(home.host in ways.owners.get(hop or "", ()) for hop in hops)


def _asymmetric(ways: Ways) -> Iterator[Finding]:
    """Yield ways back that differ from the way there, once for each two nodes, and where a node drops what comes so."""
    notes: dict[frozenset[str], Finding] = {}
    strict: set[frozenset[str]] = set()
    for host, routes in ways.routes.items():
        settings = ways.nodes[host]["settings"]
        for cidr, out in routes.items():
            home = ways.homes[cidr]
            arrives = ways.arrives_by(home.host, host)
            if arrives is None or out["dev"] is None or arrives[0] == out["dev"]:
                continue
            two = frozenset((host, home.host))
            evidence = [f"{host}: {_shown(out)}", f"{home.host}: {_shown(arrives[1])}"]
            if settings is not None and ":" not in cidr and is_strict(settings, arrives[0]):
                strict.add(two)
                yield _dropped(host, home, arrives[0], out["dev"], evidence)
            notes.setdefault(
                two,
                {
                    "kind": "route-asymmetric",
                    "severity": "note",
                    "hosts": [host, home.host],
                    "object": f"{host} {home.host}",
                    "message": f"{host} sends to the pods of {home.host} by {out['dev']}, and what they send comes in "
                    f"by {arrives[0]}: connection tracking, firewalls or rp_filter may drop it",
                    "evidence": evidence,
                    "remedy": _ONE_NETWORK,
                    "command": _command(home),
                },
            )
    yield from (finding for two, finding in notes.items() if two not in strict)


_ONE_NETWORK = (
    "Let all nodes use the same network: the address that kubelet (--node-ip) and the network plugin take must be of "
    "the same interface on every node"
)


def _dropped(host: str, home: Home, ifname: str, out: str, evidence: list[str]) -> Finding:
    key = f"net.ipv4.conf.{ifname.replace('.', '/')}.rp_filter"
    return {
        "kind": "rp-filter-strict",
        "severity": "fault",
        "hosts": [host],
        "object": ifname,
        "message": f"{host} drops what the pods of {home.host} send: it comes in by {ifname}, the way back is {out}, "
        "and rp_filter is strict",
        "evidence": [*evidence, f"{host}: rp_filter of {ifname} is 1, the higher one of conf.all and its own"],
        "remedy": f"{_ONE_NETWORK}; or let rp_filter be loose: sysctl -w {shell_word(key)}=2",
        "command": f"sysctl net.ipv4.conf.all.rp_filter {shell_word(key)}",
    }


ALL = (between_nodes,)
