# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Odd things about a node's firewall: what it drops on the way between pods, and whose source it changes.

Only what is certain is said: that no condition which nobody can judge (a set, a mark, a port) could let the packet
pass, and that it is so for each pod that is tried. One pod that is cut off is a policy; all of them are a fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from ..model import ranges
from ..model.index import MAIN_INTERFACE, NodeView
from ..model.records import Finding, Firewall, Interface, Model, Pod
from ..text import words
from .nodes import cut
from .packets import DROP, NAT, Fate, Packet, fates
from .ways import Home, Ways, same_tunnel

_TRIED = 8
"""So many pods of a node are tried, and as many nodes."""
_OUTSIDE = {"inet": "1.1.1.1", "inet6": "2606:4700:4700::1111"}
"""Addresses that no rule for private or documentation ranges is about."""
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
"""RFC 1918, RFC 6598, RFC 4193."""
_PAST_THE_FIREWALL = ("cilium_", "bpfin.cali", "bpfout.cali", "antrea-gw", "ovn-k8s-mp", "br-int")
"""Interfaces of plugins whose packets may take a way past the rules (eBPF, Open vSwitch)."""
_OF_THE_LAB = "podnet_"
"""Tables of the lab, whose policies drop what they are told to."""
_TUNNEL_PROTOCOLS = {"vxlan": 17, "geneve": 17, "ipip": 4, "sit": 41, "ip6tnl": 41, "gre": 47, "wireguard": 17}
"""Protocol numbers of IANA."""
_ONE_WAY = ("vxlan", "geneve")
"""Tunnels whose answers come from another port, so that connection tracking knows none of their packets."""

TO, FROM, WITHIN, OUT = (
    "to pods of other nodes",
    "from pods of other nodes",
    "between pods of this node",
    "out of the cluster",
)


class _Door(NamedTuple):
    """An address of a pod, and the node's interface by which its packets come in."""

    pod: Pod
    address: str
    family: str
    ifname: str


class _Trip(NamedTuple):
    """A packet that a node passes on for a pod."""

    direction: str
    packet: Packet
    text: str


def firewalls(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Look at the firewalls of all nodes whose rules were read."""
    read = {node["host"]: node["firewall"] for node in model["nodes"] if node["firewall"] is not None}
    if not read:
        return
    ways = Ways(model, views)
    doors = {host: [] if _goes_past(views[host]) else list(_doors(views[host])) for host in read}
    for host, firewall in read.items():
        yield from _dropped(host, firewall, list(_trips(ways, host, doors[host])))
        yield from _masqueraded(ways, host, firewall, doors[host])
        yield from _tunnels_blocked(ways, host, firewall)
    yield from _not_masqueraded(ways, read, doors)


def _goes_past(view: NodeView) -> bool:
    own = view.own_namespace
    return own is None or any(one["ifname"].startswith(_PAST_THE_FIREWALL) for one in own["interfaces"])


def _doors(view: NodeView) -> Iterator[_Door]:
    """Yield where packets of pods come in, of pods at a bridge of the node or at a cable that is routed to."""
    own = view.own_namespace
    if own is None:
        return
    by_netns: dict[int, str] = {}
    for cable in view.cables:
        if cable["resolution"] != "exact":
            continue
        near = [end for end in cable["ends"] if end["netns"] == own["inode"]]
        far = [end for end in cable["ends"] if end["netns"] != own["inode"] and end["ifname"] == MAIN_INTERFACE]
        if len(near) != 1 or len(far) != 1 or far[0]["netns"] is None:
            continue
        bridge = cable["bridge"]
        if bridge is not None and bridge["netns"] == own["inode"]:
            by_netns[far[0]["netns"]] = bridge["ifname"]
        elif near[0]["master"] is None and near[0]["ifname"] is not None:
            by_netns[far[0]["netns"]] = near[0]["ifname"]
    for pod in view.pods:
        ifname = by_netns.get(pod["netns"])
        if pod["host_network"] or ifname is None:
            continue
        for one in pod["addresses"]:
            if one["ifname"] == MAIN_INTERFACE and ranges.is_specific(one["local"]):
                yield _Door(pod, one["local"], one["family"], ifname)


def _some(doors: Iterable[_Door], family: str) -> list[_Door]:
    return [door for door in doors if door.family == family][:_TRIED]


def _far(ways: Ways, host: str) -> Iterator[tuple[Home, str, str, str | None]]:
    """Yield ranges of other nodes, an address of a pod there, the way out to it, and the way in from it."""
    tried = 0
    for cidr, route in ways.routes.get(host, {}).items():
        home = ways.homes[cidr]
        family = "inet6" if ":" in cidr else "inet"
        inside = (one for one in ways.views[home.host].main_addresses(family) if ranges.contains(cidr, one))
        address = next(inside, None)
        if address is None or route["dev"] is None or tried == _TRIED:
            continue
        tried += 1
        arrives = ways.arrives_by(home.host, host)
        yield home, address, route["dev"], arrives[0] if arrives is not None else None


def _trips(ways: Ways, host: str, doors: list[_Door]) -> Iterator[_Trip]:
    """Yield what the node passes on for its pods, as far as both ways are known."""
    between = False
    for home, far, out, back in _far(ways, host):
        family = "inet6" if ":" in home.cidr else "inet"
        for door in _some(doors, family):
            between = True
            here = f"{words.pod_name(door.pod)} ({door.address} by {door.ifname})"
            packet = Packet(family, door.address, far, iif=door.ifname, oif=out)
            yield _Trip(TO, packet, f"{here} to {far} by {out}")
            if back is not None:
                packet = Packet(family, far, door.address, iif=back, oif=door.ifname)
                yield _Trip(FROM, packet, f"{far} by {back} to {here}")
    for family in ("inet", "inet6"):
        some = _some(doors, family)
        for one, other in pairwise(some):
            if one.ifname != other.ifname:
                packet = Packet(family, one.address, other.address, iif=one.ifname, oif=other.ifname)
                text = f"{words.pod_name(one.pod)} ({one.address} by {one.ifname}) to {other.address} by {other.ifname}"
                yield _Trip(WITHIN, packet, text)
        way_out = _way_out(ways, host, family)
        for door in some if way_out is not None and not between else ():
            packet = Packet(family, door.address, _OUTSIDE[family], iif=door.ifname, oif=way_out)
            text = f"{words.pod_name(door.pod)} ({door.address} by {door.ifname}) to {_OUTSIDE[family]} by {way_out}"
            yield _Trip(OUT, packet, text)


def _way_out(ways: Ways, host: str, family: str) -> str | None:
    return next((one["dev"] for one in ways.nodes[host]["default_route"] if one["family"] == family), None)


def _dropped(host: str, firewall: Firewall, trips: list[_Trip]) -> Iterator[Finding]:
    """Yield the chains that drop what the node should pass on, in a direction for every pod that is tried."""
    by_direction: dict[tuple[str, str], list[_Trip]] = defaultdict(list)
    for trip in trips:
        by_direction[trip.direction, trip.packet.family].append(trip)
    told: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    chains: dict[tuple[str, str], Fate] = {}
    for (direction, _family), some in by_direction.items():
        ends = [_dropping(firewall, trip) for trip in some]
        if None in ends:
            continue
        for trip, fate in zip(some, ends, strict=True):
            if fate is not None and (direction != OUT or _by_policy(fate)):
                key = (fate.table["command"], fate.chain["name"])
                chains[key] = fate
                told[key].append((direction, trip.text))
    for key, entries in told.items():
        fate = chains[key]
        directions = list(dict.fromkeys(direction for direction, _text in entries))
        yield {
            "kind": "forward-dropped",
            "severity": "fault",
            "hosts": [host],
            "object": f"{fate.table['table']} {fate.chain['name']}",
            "message": f"the firewall drops what this node passes on {' and '.join(directions)}: {_by_what(fate)}",
            "evidence": cut([*_rules(fate), *(text for _direction, text in entries)]),
            "remedy": _how_to_accept(fate),
            "command": fate.table["command"],
        }


def _dropping(firewall: Firewall, trip: _Trip) -> Fate | None:
    """Return the chain in which a packet surely ends."""
    arriving = trip.packet._replace(oif=None)
    for fate in (*fates(firewall, arriving, "prerouting"), *fates(firewall, trip.packet, "forward")):
        is_policy = fate.table["table"].startswith(_OF_THE_LAB)
        if fate.chain["type"] == "filter" and fate.surely(DROP) and not is_policy:
            return fate
    return None


def _by_policy(fate: Fate) -> bool:
    return all(one.text == f"policy {DROP}" for one in fate.verdicts)


def _by_what(fate: Fate) -> str:
    name, table = fate.chain["name"], fate.table["table"]
    if _by_policy(fate):
        return f"the policy of {name} in the table {table} is {DROP}, and none of its rules accepts them"
    return f"a rule that {name} in the table {table} leads to drops them before any accepts them"


def _rules(fate: Fate) -> list[str]:
    return sorted(f"{fate.table['variant']}, {fate.table['table']}, {one.chain}: {one.text}" for one in fate.verdicts)


def _how_to_accept(fate: Fate) -> str:
    table = fate.table
    if not _by_policy(fate):
        return "Remove the rule, or accept the pods' range before it; find out which program wrote it"
    if table["variant"] == "nftables":
        return f"Accept the pods' range in the chain {fate.chain['name']}; find out which program set its policy"
    tool = f"ip{'6' if table['family'] == 'inet6' else ''}tables{table['variant'].removeprefix('iptables')}"
    return (
        f"Accept what comes from and goes to the pods' range in {fate.chain['name']}, or {tool} -P "
        f"{fate.chain['name']} ACCEPT. Docker sets this policy: ip-forward-no-drop in /etc/docker/daemon.json"
    )


def _masqueraded(ways: Ways, host: str, firewall: Firewall, doors: list[_Door]) -> Iterator[Finding]:
    """Yield rules that give what pods send to pods of other nodes the node's address."""
    found: dict[tuple[str, str], tuple[Fate, list[str]]] = {}
    for home, far, out, _back in _far(ways, host):
        family = "inet6" if ":" in home.cidr else "inet"
        for door in _some(doors, family):
            packet = Packet(family, door.address, far, oif=out)
            for fate in fates(firewall, packet, "postrouting"):
                if fate.surely(NAT):
                    key = (fate.table["command"], fate.chain["name"])
                    text = f"{words.pod_name(door.pod)} ({door.address}) to {far} by {out}"
                    found.setdefault(key, (fate, []))[1].append(text)
                    break
    for fate, trips in found.values():
        yield {
            "kind": "masquerade-between-pods",
            "severity": "fault",
            "hosts": [host],
            "object": f"{fate.table['table']} {fate.chain['name']}",
            "message": "what pods send to pods of other nodes gets this node's address: those do not see who asks, and "
            "network policies judge the node",
            "evidence": cut([*_rules(fate), *trips]),
            "remedy": "Leave the cluster's range out: a rule before it that returns or accepts what goes to the range "
            "of all pods; of the plugin bridge: ipMasq off where something else does it, as ip-masq-agent",
            "command": fate.table["command"],
        }


def _not_masqueraded(ways: Ways, read: Mapping[str, Firewall], doors: Mapping[str, list[_Door]]) -> Iterator[Finding]:
    """Yield nodes that surely do not give the node's address to what leaves the cluster, where most others may."""
    for family in ("inet", "inet6"):
        without: dict[str, list[str]] = {}
        others: list[str] = []
        for host, firewall in read.items():
            out = _way_out(ways, host, family)
            some = [door for door in _some(doors[host], family) if _is_private(door.address)]
            if not some or out is None or not firewall["complete"]:
                continue
            packets = [Packet(family, door.address, _OUTSIDE[family], oif=out) for door in some]
            if any(fate.maybe(NAT) for one in packets for fate in fates(firewall, one, "postrouting")):
                others.append(host)
            else:
                without[host] = [f"{words.pod_name(door.pod)} ({door.address}) by {out}" for door in some]
        if len(others) < len(without):
            continue
        for host, trips in without.items() if others else ():
            yield {
                "kind": "masquerade-missing",
                "severity": "fault",
                "hosts": [host],
                "object": "source NAT" if family == "inet" else "source NAT of IPv6",
                "message": "what pods send out of the cluster keeps their address, to which nobody outside can answer; "
                f"{words.listed(others)} give it an address of the node",
                "evidence": cut(["no rule at postrouting gives another source address", *trips]),
                "remedy": "Look at the agent of the network plugin there, which writes the rule; an operator's "
                "flush of all rules takes it away until the agent starts anew",
                "command": _nat_command(read[host]),
            }


def _is_private(address: str) -> bool:
    return any(ranges.contains(cidr, address) for cidr in _PRIVATE)


def _nat_command(firewall: Firewall) -> str:
    variants = {table["variant"] for table in firewall["tables"]}
    return "iptables-legacy-save -t nat" if variants == {"iptables-legacy"} else "nft list ruleset"


def _tunnels_blocked(ways: Ways, host: str, firewall: Firewall) -> Iterator[Finding]:
    """Yield tunnels whose packets from all other nodes the firewall drops before the tunnel gets them."""
    for tunnel in ways.tunnels(host):
        protocol = _TUNNEL_PROTOCOLS.get(tunnel["kind"] or "")
        if protocol is None or tunnel["tunnel"] is None:
            continue
        port = _port(ways, host, tunnel)
        if protocol == 17 and port is None:
            continue
        packets = list(_arriving(ways, host, tunnel, protocol, port))
        ends = [_before_tunnel(firewall, packet) for packet in packets]
        fate = ends[0] if ends else None
        if fate is None or None in ends:
            continue
        place = f"UDP port {port}" if protocol == 17 else f"IP protocol {protocol}"
        yield {
            "kind": "tunnel-blocked",
            "severity": "fault",
            "hosts": [host],
            "object": tunnel["ifname"],
            "message": f"the firewall drops what other nodes send to {tunnel['ifname']} ({place}): "
            f"{_by_what(fate).replace('them', 'it')}",
            "evidence": cut([*_rules(fate), *(f"{one.saddr} to {one.daddr} by {one.iif}" for one in packets)]),
            "remedy": f"Accept {place} from the other nodes in {fate.chain['name']}, before what drops it",
            "command": fate.table["command"],
        }


def _before_tunnel(firewall: Firewall, packet: Packet) -> Fate | None:
    found = (fate for fate in fates(firewall, packet, "prerouting", "input") if fate.chain["type"] == "filter")
    return next((fate for fate in found if fate.surely(DROP)), None)


def _port(ways: Ways, host: str, tunnel: Interface) -> int | None:
    """Return the UDP port that a tunnel gets its packets at, None where it is not known or there is none."""
    if tunnel["kind"] == "wireguard":
        known = ways.nodes[host]["wireguard"] or []
        return next((one["port"] for one in known if one["ifname"] == tunnel["ifname"]), None)
    return tunnel["tunnel"]["port"] if tunnel["tunnel"] is not None else None


def _arriving(ways: Ways, host: str, tunnel: Interface, protocol: int, port: int | None) -> Iterator[Packet]:
    """Yield what comes to a tunnel from nodes that send their pods' packets by it, where addresses are known."""
    here = _outer(ways, host, tunnel)
    if here is None or tunnel["tunnel"] is None:
        return
    states = frozenset({"new", "untracked"} if tunnel["kind"] in _ONE_WAY else {"new", "established", "untracked"})
    tried = 0
    for other in ways.homes_of:
        if other == host or tried == _TRIED:
            continue
        for far in ways.tunnels(other):
            there = _outer(ways, other, far) if same_tunnel(far, tunnel) and _sends(ways, other, host, far) else None
            if there is not None and ways.neighbours(host, other) and (":" in there[0]) == (":" in here[0]):
                tried += 1
                family = "inet6" if ":" in here[0] else "inet"
                yield Packet(family, there[0], here[0], here[1], None, protocol, port, states, local=True)


def _sends(ways: Ways, sender: str, host: str, tunnel: Interface) -> bool:
    """Tell whether *sender* sends what is for pods of *host* into its tunnel: a route says so, or eBPF does it."""
    if tunnel["tunnel"] is not None and tunnel["tunnel"]["external"]:
        return True
    routes = ways.routes.get(sender, {})
    return any(routes[home.cidr]["dev"] == tunnel["ifname"] for home in ways.homes_of[host] if home.cidr in routes)


def _outer(ways: Ways, host: str, tunnel: Interface) -> tuple[str, str] | None:
    """Return the address around a tunnel's packets and the interface that has it; without one, the node's only one."""
    data, networks = tunnel["tunnel"], ways.networks(host)
    known = [
        (one["local"], one["ifname"])
        for one in ways.nodes[host]["addresses"]
        if any(ranges.contains(cidr, one["local"]) for cidr in networks)
    ]
    if data is not None and data["local"] is not None and ranges.is_specific(data["local"]):
        return next((one for one in known if one[0] == data["local"]), None)
    return known[0] if len(known) == 1 else None


ALL = (firewalls,)
