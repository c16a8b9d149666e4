# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about the tunnels by which nodes reach each other's pods: sizes, settings, and whom they lead to.

Judged are tunnels that a route to another node's pods leads into. Interfaces that eBPF or Open vSwitch fill
(cilium_vxlan, genev_sys_6081) say nothing by themselves.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from ..model.index import NodeView
from ..model.overhead import OVERHEAD
from ..model.records import Finding, Interface, Neighbour, Route, Tunnel
from ..text import commands, words
from ..text.escape import shell_word
from .nodes import cut
from .ways import Home, Ways, same_tunnel

_EVERY_MAC = "00:00:00:00:00:00"


class _Use(NamedTuple):
    """A route of a node to the pods of another one, and the tunnel that it leads into."""

    host: str
    home: Home
    route: Route
    interface: Interface
    tunnel: Tunnel


def tunnels(ways: Ways) -> Iterator[Finding]:
    """Tunnels that are in use, each by itself and held against those of the other nodes."""
    uses = list(_uses(ways))
    yield from _too_large(ways, uses)
    yield from _unlike(uses)
    yield from _wrong_ends(ways, uses)


def _uses(ways: Ways) -> Iterator[_Use]:
    for host, routes in ways.routes.items():
        for cidr, route in routes.items():
            interface = ways.interface(host, route["dev"])
            if interface is not None and interface["tunnel"] is not None and not interface["tunnel"]["external"]:
                yield _Use(host, ways.homes[cidr], route, interface, interface["tunnel"])


def _too_large(ways: Ways, uses: list[_Use]) -> Iterator[Finding]:
    """Yield tunnels that take more than what is below passes on, and pods that send more than their tunnel takes."""
    for host, interface, tunnel in _once(uses):
        below, six = _below(ways, host, tunnel)
        over = OVERHEAD.get(interface["kind"] or "", (0, 0))[six]
        size = interface["mtu"]
        if below is not None and below["mtu"] is not None and size is not None and over and size + over > below["mtu"]:
            yield {
                "kind": "tunnel-mtu",
                "severity": "fault",
                "hosts": [host],
                "object": interface["ifname"],
                "message": f"{interface['ifname']} takes packets of {size} bytes, which are {size + over} when "
                f"wrapped, and {below['ifname']} passes on {below['mtu']}: large packets are lost or cut in pieces",
                "evidence": [
                    f"{interface['ifname']}: MTU {size}, {interface['kind']}, {over} bytes around each packet",
                    f"{below['ifname']}: MTU {below['mtu']}",
                ],
                "remedy": f"Set the network plugin's MTU to {below['mtu'] - over}, or let it find it; until then: "
                f"ip link set dev {shell_word(interface['ifname'])} mtu {below['mtu'] - over}",
                "command": commands.link(interface["ifname"]),
            }
            continue
        if size is not None:
            yield from _pods_too_large(host, interface["ifname"], size, ways.views[host])


def _once(uses: list[_Use]) -> list[tuple[str, Interface, Tunnel]]:
    found = {(use.host, use.interface["ifname"]): (use.host, use.interface, use.tunnel) for use in uses}
    return list(found.values())


def _below(ways: Ways, host: str, tunnel: Tunnel) -> tuple[Interface | None, bool]:
    """Return the interface that the wrapped packets leave by, and whether that is over IPv6."""
    node = ways.nodes[host]
    local = tunnel["local"]
    holder = next((one["ifname"] for one in node["addresses"] if one["local"] == local), None)
    if holder is None:
        family = "inet6" if local is not None and ":" in local else "inet"
        holder = next((route["dev"] for route in node["default_route"] if route["family"] == family), None)
    return ways.interface(host, holder), local is not None and ":" in local


def _pods_too_large(host: str, ifname: str, size: int, view: NodeView) -> Iterator[Finding]:
    large: list[tuple[str, int | None]] = []
    for pod in view.pods:
        namespace = view.namespaces.get(pod["netns"])
        for plug in pod["cables"]:
            inside = [one for one in (namespace["interfaces"] if namespace else ()) if one["ifname"] == plug["ifname"]]
            large.extend((words.pod_name(pod), one["mtu"]) for one in inside if (one["mtu"] or 0) > size)
    if large:
        yield {
            "kind": "pod-mtu",
            "severity": "note",
            "hosts": [host],
            "object": ifname,
            "message": f"{words.counted(len(large), 'pod')} may send packets of {large[0][1]} bytes, and {ifname}, by "
            f"which they reach other nodes, takes {size}: it works only where ICMP gets through",
            "evidence": cut([f"{ifname}: MTU {size}", *(f"{name}: MTU {mtu}" for name, mtu in large)]),
            "remedy": f"Set the network plugin's MTU to {size}, and let the pods be made anew",
            "command": commands.link(ifname),
        }


def _unlike(uses: list[_Use]) -> Iterator[Finding]:
    """Yield VXLAN interfaces whose network number or port is not that of the other nodes."""
    said: dict[bool, dict[tuple[int | None, int | None], dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    for use in uses:
        if use.interface["kind"] == "vxlan":
            key = (use.tunnel["id"], use.tunnel["port"])
            said[":" in use.home.cidr][key][use.host] = use.interface["ifname"]
    for by_key in said.values():
        if len(by_key) < 2:
            continue
        groups = sorted(by_key.items(), key=lambda entry: -len(entry[1]))
        usual, others = groups[0], groups[1:]
        hosts = [host for _key, by_host in others for host in by_host]
        if len(usual[1]) == len(hosts):
            hosts = [*usual[1], *hosts]
        ifname = next(iter(others[0][1].values()), "")
        yield {
            "kind": "tunnel-differs",
            "severity": "fault",
            "hosts": hosts,
            "object": ifname,
            "message": f"the tunnels of {words.listed(hosts)} are not those of the other nodes: "
            + "; ".join(f"VNI {vni}, port {port} on {words.listed(list(of))}" for (vni, port), of in groups),
            "evidence": cut(
                [
                    f"{host}: {name} has VNI {vni}, port {port}"
                    for (vni, port), by_host in reversed(groups)
                    for host, name in by_host.items()
                ]
            ),
            "remedy": "Give all nodes the same configuration of the network plugin, and let its agent make the "
            f"interface anew: ip link delete dev {shell_word(ifname)}, then restart the agent",
            "command": commands.link(ifname),
        }


def _wrong_ends(ways: Ways, uses: list[_Use]) -> Iterator[Finding]:
    """Yield entries by which a tunnel leads to another node than the one that has the pods."""
    correct = _correct(ways, uses)
    told_right = {mac for mac, _dst in correct}
    tables = {(host, interface["ifname"]): _table(tunnel) for host, interface, tunnel in _once(uses)}
    neighbours = _neighbours(ways, uses)
    told: set[tuple[str, str, str]] = set()
    stale: dict[tuple[str, str], list[tuple[_Use, Neighbour]]] = defaultdict(list)
    for use in uses:
        end = next((one for one in ways.tunnels(use.home.host) if same_tunnel(one, use.interface)), None)
        mac = None if end is None else end["address"]
        if use.interface["kind"] != "vxlan" or mac is None or (use.host, use.home.host, mac) in told:
            continue
        told.add((use.host, use.home.host, mac))
        neighbour = neighbours.get((use.host, use.interface["ifname"], use.route["gateway"]))
        if neighbour is not None and neighbour["lladdr"] != mac:
            stale[use.home.host, mac].append((use, neighbour))
        entries = tables[use.host, use.interface["ifname"]].get(mac, [])
        floods = _EVERY_MAC in tables[use.host, use.interface["ifname"]]
        theirs = [one["local"] for one in ways.nodes[use.home.host]["addresses"]]
        if use.tunnel["fdb"] is None or any(dst in theirs or (mac, dst) in correct for dst in entries):
            continue
        owners = [host for dst in entries for host in ways.owners.get(dst, ())]
        beside = bool(correct) and ways.neighbours(use.host, use.home.host)
        if entries and (owners or beside or mac in told_right):
            yield _wrong_fdb(use, mac, entries, owners, theirs)
        elif not entries and not floods and use.tunnel["learning"] is False and correct:
            yield _no_fdb(use, mac)
    users = Counter(home for _host, home, _mac in told)
    for (home_host, mac), known in stale.items():
        old = {neighbour["lladdr"] for _use, neighbour in known}
        theirs = [one["local"] for one in ways.nodes[home_host]["addresses"]]
        was = all(
            dst in theirs
            for use, neighbour in known
            for dst in tables[use.host, use.interface["ifname"]].get(neighbour["lladdr"], [""])
        )
        if len(old) == 1 and len(known) == users[home_host] and was:
            yield _changed(home_host, mac, known)
        else:
            yield from (_wrong_neighbour(use, neighbour, mac) for use, neighbour in known)


def _correct(ways: Ways, uses: list[_Use]) -> set[tuple[str, str]]:
    """Return the entries of all nodes, MAC and destination, that lead to a node which has the MAC.

    Only where there are such, the addresses that nodes know of themselves are those by which others reach them:
    behind address translation they are not.
    """
    found: set[tuple[str, str]] = set()
    for _host, interface, tunnel in _once(uses):
        for one in tunnel["fdb"] or ():
            for owner in ways.owners.get(one["dst"], ()):
                if any(end["address"] == one["mac"] and same_tunnel(end, interface) for end in ways.tunnels(owner)):
                    found.add((one["mac"] or "", one["dst"]))
    return found


def _table(tunnel: Tunnel) -> dict[str, list[str]]:
    """Return where a tunnel sends what is for a MAC."""
    found: dict[str, list[str]] = defaultdict(list)
    for one in tunnel["fdb"] or ():
        found[one["mac"] or ""].append(one["dst"])
    return dict(found)


def _neighbours(ways: Ways, uses: list[_Use]) -> dict[tuple[str, str, str | None], Neighbour]:
    """Return the neighbours at the tunnels, by node, interface and address."""
    found: dict[tuple[str, str, str | None], Neighbour] = {}
    for host, interface, _tunnel in _once(uses):
        own = ways.views[host].own_namespace
        for one in (own["neighbours"] if own is not None else None) or ():
            if one["dev"] == interface["ifname"]:
                found[host, one["dev"], one["dst"]] = one
    return found


def _changed(host: str, mac: str, known: list[tuple[_Use, Neighbour]]) -> Finding:
    """Return that the other nodes all know a tunnel under the MAC that it had (failure mode of flannel#1155)."""
    others = [use.host for use, _neighbour in known]
    ifname, old = known[0][0].interface["ifname"], known[0][1]["lladdr"]
    return {
        "kind": "tunnel-mac-changed",
        "severity": "fault",
        "hosts": [host, *others],
        "object": f"{ifname} {mac}",
        "message": f"{ifname} of {host} has the MAC {mac}, and {words.listed(others)} know it under {old}",
        "evidence": cut(
            [f"{host}: {ifname} {mac}"]
            + [f"{use.host}: {one['dst']} is at {one['lladdr']} dev {ifname}" for use, one in known]
        ),
        "remedy": "Restart the network plugin's agent on the first of them, which tells the others; keep "
        "systemd-networkd and NetworkManager from the plugin's interfaces (MACAddressPolicy=none, unmanaged-devices)",
        "command": commands.link(ifname),
    }


def _wrong_neighbour(use: _Use, neighbour: Neighbour, mac: str) -> Finding:
    ifname = use.interface["ifname"]
    return {
        "kind": "tunnel-neighbour-wrong",
        "severity": "fault",
        "hosts": [use.host],
        "object": f"{ifname} {neighbour['dst']}",
        "message": f"{use.host} wraps what is for the pods of {use.home.host} for the MAC {neighbour['lladdr']}, and "
        f"{ifname} there has {mac}",
        "evidence": [
            f"{use.host}: {neighbour['dst']} is at {neighbour['lladdr']} dev {ifname}",
            f"{use.home.host}: {ifname} {mac}",
        ],
        "remedy": "Restart the network plugin's agent on this node, which sets it anew; by hand: ip neigh replace "
        f"{shell_word(neighbour['dst'])} lladdr {shell_word(mac)} dev {shell_word(ifname)} nud permanent",
        "command": f"ip neigh show dev {shell_word(ifname)}",
    }


def _wrong_fdb(use: _Use, mac: str, entries: list[str], owners: list[str], theirs: list[str]) -> Finding:
    ifname = use.interface["ifname"]
    to = words.listed(owners) if owners else f"{words.listed(entries)}, which no node has"
    return {
        "kind": "tunnel-fdb-wrong",
        "severity": "fault",
        "hosts": [use.host],
        "object": f"{ifname} {mac}",
        "message": f"{ifname} sends what is for the pods of {use.home.host} to {to}",
        "evidence": cut(
            [
                *(f"{use.host}: {mac} dst {dst} dev {ifname}" for dst in entries),
                f"{use.home.host} has {mac} on {ifname}, and the addresses {words.listed(theirs)}",
            ]
        ),
        "remedy": "Restart the network plugin's agent on this node, which sets it anew; by hand: bridge fdb del "
        f"{shell_word(mac)} dev {shell_word(ifname)} dst {shell_word(entries[0])}",
        "command": f"bridge fdb show dev {shell_word(ifname)}",
    }


def _no_fdb(use: _Use, mac: str) -> Finding:
    ifname = use.interface["ifname"]
    return {
        "kind": "tunnel-fdb-missing",
        "severity": "fault",
        "hosts": [use.host],
        "object": f"{ifname} {mac}",
        "message": f"{ifname} does not know which node has {mac}, the MAC of the tunnel of {use.home.host}: what is "
        "for its pods is thrown away",
        "evidence": [
            f"{use.host}: no entry for {mac} in the table of {ifname}, which learns nothing by itself",
            f"{use.home.host}: {ifname} {mac}",
        ],
        "remedy": "Restart the network plugin's agent on this node, which sets it anew",
        "command": f"bridge fdb show dev {shell_word(ifname)}",
    }
