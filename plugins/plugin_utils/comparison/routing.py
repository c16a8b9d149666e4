# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How packets find pods: addresses, leases and routes (duties 5 and 7).

Each function without an underscore answers one question of the table in :mod:`duties`.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..model import ranges
from ..text import commands, words
from .measured import (
    NO_PODS,
    Measured,
    absent,
    inside,
    not_read,
    seen,
    spread,
)
from .world import World

TUNNELS = frozenset(("vxlan", "geneve", "ipip", "sit", "gre", "gretap", "ip6gre", "ip6tnl", "wireguard"))
"""Kinds of links that wrap packets (IFLA_INFO_KIND, as ``ip -d link`` shows it)."""


# 5. Static routes


def default_route(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    ways, shown = [], None
    for pod in world.pods:
        routes = world.namespace(pod)["routes"]
        if routes is None:
            return not_read("routes were not read (subset routes)")
        route = next((one for one in routes if one["dst"] == "default"), None)
        if route is None:
            ways.append("none")
            continue
        own = {one["local"] for bridge in world.views[pod["host"]].bridges for one in bridge["addr_info"]}
        ways.append("the bridge" if route["gateway"] in own else "another gateway" if route["gateway"] else "the link")
        shown = shown or f"default via {route['gateway'] or 'the link'} dev {route['dev']}"
    values, text = spread(ways, "pod")
    at = inside(world.namespace(world.pods[0]), "ip route")
    return seen(values, f"{shown}: {text}" if shown else "no default route", at)


def routes_between(world: World) -> list[tuple[str, str, str, str, str]]:
    """Return (host, other host, way, route as text, mark) for the ways of each node to the pods of each other node."""
    found = []
    known = {node["host"]: {one["local"] for one in node["addresses"]} for node in world.read}
    firsts = {
        host: words.address(pods[0]["addresses"][0])
        for host, pods in world.pods_on.items()
        if pods and pods[0]["addresses"]
    }
    for host in known:
        own = world.views[host].own_namespace
        if own is None or own["routes"] is None:
            continue
        kinds = {link["ifname"]: link["kind"] for link in own["interfaces"]}
        direct = {route["dst"]: route for route in own["routes"] if route["dst"] != "default"}
        for other, target in firsts.items():
            if other == host:
                continue
            network = ranges.network(target)
            route = direct.get(str(network.cidr)) if network is not None else None
            route = route or next((one for one in direct.values() if ranges.contains(one["dst"], target)), None)
            if route is None:
                found.append((host, other, "no route", f"{host} has no route to the pods of {other}", ""))
                continue
            kind = kinds.get(route["dev"] or "")
            way = "the node's address" if route["gateway"] in known[other] else "another gateway"
            way = f"a tunnel ({kind})" if kind in TUNNELS else way
            text = f"{route['dst']} via {route['gateway'] or 'the link'} dev {route['dev']}"
            found.append((host, other, way, text, route["protocol"] or "boot"))
    return found


def between(world: World, *, mark: bool) -> Measured:
    if any(view.own_namespace and view.own_namespace["routes"] is None for view in world.views.values()):
        return not_read("routes were not read (subset routes)")
    found = routes_between(world)
    if not found:
        return absent("no second node with pods")
    host = found[0][0]
    if mark:
        marks = [one[4] for one in found if one[4]]
        if not marks:
            return absent("no route")
        return seen("marked", f"protocol {spread(marks, 'route')[1]}", (host, "ip -d route"), marks)
    values, way = spread((one[2] for one in found), "route")
    text = found[0][3] if values == {"no route"} else f"{found[0][3]}: {way}"
    return seen(values, text, (host, "ip route"))


# 7. Assign addresses


def networks(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    lengths = [f"/{one['prefixlen']} of {one['family']}" for pod in world.pods for one in pod["addresses"]]
    if not lengths:
        return absent("no pod has an address")
    nets = [f"{host} {', '.join(cidrs)}" for host in world.views if (cidrs := sorted(_pod_networks(world, host)))]
    values, text = spread(lengths, "address")
    at = inside(world.namespace(world.pods[0]), "ip -br addr")
    return seen(values, f"{text}: {words.listed(nets, 2)}", at)


def _pod_networks(world: World, host: str) -> Iterable[str]:
    pods = [pod for pod in world.pods if pod["host"] == host]
    found = {ranges.network(words.address(one)) for pod in pods for one in pod["addresses"]}
    return {str(one.cidr) for one in found if one is not None}


def leases(world: World) -> Measured:
    if not world.pods:
        return absent(NO_PODS)
    held = {(one["host"], one["address"]): one for one in world.model["leases"] if one["state"] == "in_use"}
    addresses = [(pod["host"], one["local"]) for pod in world.pods for one in pod["addresses"]]
    with_lease = [held[key] for key in addresses if key in held]
    if not with_lease:
        return absent("no lease of host-local", (world.pods[0]["host"], "ls /var/lib/cni/networks/"))
    lease = with_lease[0]
    complete = "each address" if len(with_lease) == len(addresses) else "some addresses"
    return seen(
        complete,
        f"{complete} has a lease: {lease['path']}",
        (lease["host"], commands.leases(lease)),
        (one["network"] for one in with_lease),
    )


def leaked(world: World) -> Measured:
    bad = [one for one in world.model["leases"] if one["state"] in ("leaked", "empty")]
    if not bad:
        return absent("none")
    at = (bad[0]["host"], commands.leases(bad[0]))
    return seen("leaked", f"{words.counted(len(bad), 'lease')} of nobody", at)


def written_down(world: World) -> Measured:
    own = [one for one in world.model["ranges"] if one["what"] == "pod" and one["scope"] in ("node", "block")]
    if not own:
        return absent("no file on the nodes says it")
    source = own[0]["sources"][0]
    return seen("written", source["place"], (source["host"], commands.source(source) or ""))
