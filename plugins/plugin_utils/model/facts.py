# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the facts of a node, as its modules returned them, to the records of the model: one reader for each record.

Facts of version 1, which reports on disk may hold, say in full what version 2 leaves out where it is as usual
(docs/facts.md). So one reader reads both: what is absent is as usual.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from . import ranges
from .reading import Item, ShapeError
from .records import (
    Address,
    Bridge,
    BridgeName,
    Cable,
    Cni,
    CniConfig,
    Conflict,
    Container,
    DefaultRoute,
    End,
    FixedEntry,
    Interface,
    Lease,
    Machine,
    Namespace,
    Neighbour,
    Pod,
    PodCable,
    PodResolver,
    Port,
    Range,
    RangeSource,
    Route,
    Tunnel,
    Wireguard,
)

TUNNELS = ("vxlan", "geneve", "ipip", "ip6tnl", "sit", "gre", "wireguard")
"""Kinds of link that wrap packets in others."""

DATA_DIR = "/var/lib/cni/networks"
"""Where the IPAM plugin host-local keeps its leases, a folder for each network, unless told otherwise."""


def pod_order(pod: Pod) -> tuple[bool, str, str, int]:
    """Order of pods within a node: those with a namespace of their own first, by name."""
    return (pod["host_network"], pod["namespace"], pod["name"], pod["netns"])


def namespace(item: Item, host: str) -> Namespace:
    """An entry of ``podnet_netns.namespaces``."""
    processes = list(item.items("processes"))
    pids = [process.number("pid") for process in processes]
    for container in item.items("containers"):
        pids.extend(container.numbers("pids"))
    count = item.number_or_none("process_count")
    of_a_pod = item.text("kind") in ("pod", "lab")
    others = (one for one in item.items("containers") if not of_a_pod and one.pod("pod") is None)
    names = item.texts("names")
    return {
        "host": host,
        "inode": item.number("inode"),
        "kind": item.text("kind"),
        "names": names,
        "paths": item.texts("paths") if "paths" in item else [f"/run/netns/{name}" for name in names],
        "nsid": item.number_or_none("nsid"),
        "pid": min(pids, default=None),
        "process_count": len(processes) if count is None else count,
        "pod": item.pod("owner") if of_a_pod else None,
        "containers": containers(others),
        "interfaces": [link for one in item.items("interfaces") if not _is_usual(link := _interface(one))],
        "routes": [_route(one) for one in item.items("routes") if not _follows(one)] if "routes" in item else None,
        "neighbours": list(_neighbours(item)) if "neighbours" in item else None,
        "neighbour_counts": _neighbour_counts(item) if "neighbours" in item else None,
        "resolver": _resolver(item.item("resolver")) if "resolver" in item else None,
        "errors": item.errors(),
    }


def _resolver(item: Item) -> PodResolver:
    return {
        "path": item.text("path"),
        "nameservers": item.texts("nameservers"),
        "search": item.texts("search"),
        "options": item.texts("options"),
    }


def _neighbours(item: Item) -> Iterator[Neighbour]:
    """Yield what is in force; a stale entry is asked for anew before it is relied on."""
    for one in item.items("neighbours"):
        states, dst, mac = one.texts("state"), one.text_or_none("dst"), one.text_or_none("lladdr")
        if dst is not None and mac is not None and ("PERMANENT" in states or "REACHABLE" in states):
            yield {"dst": dst, "dev": one.text("dev"), "lladdr": mac, "permanent": "PERMANENT" in states}


def _neighbour_counts(item: Item) -> dict[str, int]:
    """Count the entries that the kernel may throw away: those that its limit is for (net/core/neighbour.c)."""
    counts = {"inet": 0, "inet6": 0}
    for one in item.items("neighbours"):
        dst, states = one.text_or_none("dst"), one.texts("state")
        if dst is not None and "extern_learn" not in one and not {"PERMANENT", "NOARP"} & set(states):
            counts["inet6" if ":" in dst else "inet"] += 1
    return counts


def _is_usual(link: Interface) -> bool:
    """Tell whether *link* is a loopback interface that the facts leave out, unless asked for (docs/facts.md)."""
    addresses = {(one["local"], one["prefixlen"]) for one in link["addr_info"]}
    return (
        link["link_type"] == "loopback"
        and "UP" in (link["flags"] or ())
        and addresses <= {("127.0.0.1", 8), ("::1", 128)}
    )


def _follows(route: Item) -> bool:
    """Tell whether the facts leave *route* out, unless asked for: another table's, or made for an address's prefix."""
    return "table" in route or route.text_or_none("protocol") == "kernel"


def _interface(item: Item) -> Interface:
    ifname = item.text("ifname")
    info = item.item_or_none("linkinfo")
    return {
        "ifname": ifname,
        "ifindex": item.number("ifindex"),
        "kind": info.text_or_none("info_kind") if info else _kind_in_short(item),
        "link_type": item.text_or_none("link_type"),
        "address": item.text_or_none("address"),
        "mtu": item.number_or_none("mtu"),
        "operstate": item.text_unless_absent("operstate", "UP"),
        "flags": item.texts("flags") if "flags" in item else None,
        "master": item.text_or_none("master"),
        "ifalias": item.text_or_none("ifalias"),
        "tunnel": _tunnel(info, item) if info and info.text_or_none("info_kind") in TUNNELS else None,
        "addr_info": [address(one, ifname) for one in item.items("addr_info")]
        if "addr_info" in item
        else [_plain(text, ifname, f"{item.place}.addresses") for text in item.texts("addresses")],
    }


def _kind_in_short(item: Item) -> str | None:
    """Return the kind of an interface without ``linkinfo``: a veth where nothing says what it is either."""
    return "veth" if "link_type" not in item and "address" in item else None


def _plain(text: str, ifname: str, place: str) -> Address:
    """An entry of ``addresses``, such as ``10.244.1.5/24``; *place* names the list in the error."""
    local, _slash, length = text.rpartition("/")
    if not (length.isascii() and length.isdecimal()):
        raise ShapeError(f"{place} has {text!r}, which is no address with the length of its prefix")
    family = "inet6" if ":" in local else "inet"
    return {"family": family, "local": local, "prefixlen": int(length), "ifname": ifname, "scope": "global"}


def _tunnel(info: Item, interface: Item) -> Tunnel:
    data = info.item_or_none("info_data") or Item({}, f"{info.place}.info_data")
    return {
        "id": data.number_or_none("id"),
        "port": data.number_or_none("port"),
        "local": data.text_or_none("local") or data.text_or_none("local6"),
        "external": bool(data.flag_or_none("external")),
        "learning": data.flag_or_none("learning"),
        "fdb": [{"mac": one.text_or_none("mac"), "dst": one.text("dst")} for one in interface.items("fdb")]
        if "fdb" in interface
        else None,
    }


def address(item: Item, ifname: str | None) -> Address:
    """An entry of ``addr_info``; *ifname* is the interface that it stands on, None where the entry names it."""
    return {
        "family": item.text("family"),
        # A point-to-point link without an address of its own only has its peer's.
        "local": item.text_or_none("local") or item.text("address"),
        "prefixlen": item.number("prefixlen"),
        "ifname": item.text("ifname") if ifname is None else ifname,
        "scope": item.text_or_none("scope"),
    }


def _route(item: Item) -> Route:
    via = item.item_or_none("via")
    return {
        "dst": item.text("dst"),
        "gateway": via.text("host") if via else item.text_or_none("gateway"),
        "dev": item.text_or_none("dev"),
        "type": item.text_or_none("type"),
        "protocol": item.text_or_none("protocol"),
    }


def containers(items: Iterable[Item]) -> list[Container]:
    """Entries of ``containers``, of a namespace or of a pod in the node's own namespace."""
    return [
        {"id": one.text_or_none("id"), "name": one.text_or_none("name"), "pids": one.numbers("pids")} for one in items
    ]


def of_pod(namespace: Item, pod: Item) -> Iterator[Item]:
    """Yield the containers of a pod that shares its namespace with others."""
    name = (pod.text_or_none("namespace") or "", pod.text_or_none("name") or "")
    for one in namespace.items("containers"):
        owner = one.pod("pod")
        if owner is not None and (owner["namespace"], owner["name"]) == name:
            yield one


def pod(owner: Item, namespace: Namespace, containers: list[Container], *, host_network: bool) -> Pod:
    """An ``owner`` of a *namespace*, or an entry of its ``host_network_pods``."""
    inside = [] if host_network else namespace["interfaces"]
    return {
        "host": namespace["host"],
        "namespace": owner.text_or_none("namespace") or "",
        "name": owner.text_or_none("name") or "",
        "uid": owner.text_or_none("uid"),
        "sandbox_id": owner.text_or_none("sandbox_id"),
        "runtime": owner.text_or_none("runtime"),
        "host_network": host_network,
        "netns": namespace["inode"],
        "containers": containers,
        "addresses": [one for interface in inside for one in interface["addr_info"] if _counts(one)],
        "cables": [],
        "contradictions": [_contradiction(one) for one in owner.items("contradictions")],
    }


def _counts(address: Address) -> bool:
    """Tell whether others can reach a pod by *address*: not loopback, not link-local."""
    return ranges.is_specific(address["local"])


def _contradiction(item: Item) -> str:
    sides = [
        f"{one.text_or_none('value')} ({one.text_or_none('path') or one.text('source')})"
        for one in item.items("claims")
    ]
    return f"{item.text('field')}: {', '.join(sides)}"


def _end(item: Item, links: Mapping[tuple[int, int], Interface], names: Mapping[int, str]) -> End:
    """Return one end of a cable; what the view leaves out is taken from the interface itself."""
    netns, ifindex = item.number_or_none("netns"), item.number_or_none("ifindex")
    link = links.get((netns, ifindex)) if netns is not None and ifindex is not None else None
    return {
        "netns": netns,
        "netns_name": item.text_or_none("netns_name") or (names.get(netns) if netns is not None else None),
        "ifname": item.text_or_none("ifname"),
        "ifindex": ifindex,
        "address": item.text_or_none("address") or (link["address"] if link else None),
        "mtu": item.number("mtu") if "mtu" in item else link["mtu"] if link else None,
        "operstate": item.text_or_none("operstate") or (link["operstate"] if link else None),
        "master": item.text_or_none("master") or (link["master"] if link else None),
    }


def both_ways(cable: Cable) -> tuple[tuple[End, End], tuple[End, End]]:
    """A cable's two ends, from either side."""
    first, second = cable["ends"]
    return (first, second), (second, first)


def cable(item: Item, host: str, links: Mapping[tuple[int, int], Interface], names: Mapping[int, str]) -> Cable:
    """An entry of ``podnet_veth.pairs``; *links* are the interfaces by namespace and index, *names* the namespaces'.

    Raises ShapeError unless it has two ends.
    """
    ends = [_end(one, links, names) for one in item.items("ends")]
    if len(ends) != 2:
        raise ShapeError(f"{item.place}.ends has {len(ends)} entries, not 2")
    return {
        "host": host,
        "ends": ends,
        "pod": item.pod("pod"),
        "bridge": _bridge_name(item, ends),
        "resolution": item.text("resolution") if "resolution" in item else "exact",
        "reason": item.text_or_none("reason"),
    }


def _bridge_name(cable: Item, ends: Iterable[End]) -> BridgeName | None:
    """Return the bridge of a cable. It is in the namespace of the first end that is its port."""
    if "bridge" not in cable:
        return None
    if cable.is_object("bridge"):
        bridge = cable.item("bridge")
        return {"ifname": bridge.text("ifname"), "netns": bridge.number("netns")}
    name = cable.text("bridge")
    netns = next((end["netns"] for end in ends if end["master"] == name), None)
    if netns is None:
        raise ShapeError(f"{cable.place}.bridge is {name!r}, and no end of the cable is a port of it")
    return {"ifname": name, "netns": netns}


def plug_in(pods: list[Pod], cables: list[Cable]) -> None:
    """Give each pod its cables: those with an end in its namespace."""
    inside = {pod["netns"]: pod for pod in pods if not pod["host_network"]}
    for cable in cables:
        for end, other in both_ways(cable):
            pod = inside.get(end["netns"]) if end["netns"] is not None else None
            if pod is None:
                continue
            plug: PodCable = {
                "ifname": end["ifname"] or "?",
                "peer": other["ifname"],
                "bridge": cable["bridge"]["ifname"] if cable["bridge"] else None,
                "resolution": cable["resolution"],
            }
            pod["cables"].append(plug)


def nf_calls(namespace: Item) -> Iterator[tuple[tuple[int, int], int | None]]:
    """Yield of an entry of ``podnet_netns.namespaces`` which of its bridges show their packets to iptables."""
    for interface in namespace.items("interfaces"):
        info = interface.item_or_none("linkinfo")
        data = info.item_or_none("info_data") if info and info.text_or_none("info_kind") == "bridge" else None
        if data is not None:
            yield (namespace.number("inode"), interface.number("ifindex")), data.number_or_none("nf_call_iptables")


def bridge(
    item: Item,
    host: str,
    cables: Mapping[tuple[int | None, int | None], tuple[End, Cable]],
    calls: Mapping[tuple[int, int], int | None],
) -> Bridge:
    """An entry of ``podnet_bridge.bridges``; *cables* leads from an interface to its cable and the other end of it.

    *calls* are those of ``nf_calls``.
    """
    ifname = item.text("ifname")
    netns = item.number("netns")
    return {
        "host": host,
        "ifname": ifname,
        "ifindex": item.number("ifindex"),
        "netns": netns,
        "netns_name": item.text_or_none("netns_name"),
        "address": item.text_or_none("address"),
        "addr_info": [address(one, ifname) for one in item.items("addr_info")],
        "operstate": item.text_or_none("operstate"),
        "mtu": item.number_or_none("mtu"),
        "stp_state": item.number_or_none("stp_state"),
        "vlan_filtering": item.number_or_none("vlan_filtering"),
        "nf_call_iptables": calls.get((netns, item.number("ifindex"))),
        "ports": [_port(one, netns, cables) for one in item.items("ports")],
        "fixed": list(_fixed(item, netns, cables)),
        "fdb_count": sum(1 for _entry in item.items("fdb")) if "fdb" in item else None,
    }


def _fixed(
    item: Item, netns: int, cables: Mapping[tuple[int | None, int | None], tuple[End, Cable]]
) -> Iterator[FixedEntry]:
    """Yield what somebody set for a MAC at the other end of a port; MACs of ports themselves are there anyway."""
    wired = (cables.get((netns, port.number("ifindex"))) for port in item.items("ports"))
    macs = {one[0]["address"] for one in wired if one is not None}
    for entry in item.items("fdb"):
        mac = entry.text_or_none("mac")
        if mac is not None and mac in macs and entry.text_or_none("state") in ("static", "permanent"):
            yield {"mac": mac, "ifname": entry.text("dev")}


def _port(item: Item, netns: int, cables: Mapping[tuple[int | None, int | None], tuple[End, Cable]]) -> Port:
    ifindex = item.number("ifindex")
    far_end, cable = cables.get((netns, ifindex), (None, None))
    return {
        "ifname": item.text("ifname"),
        "ifindex": ifindex,
        "state": item.text_unless_absent("state", "forwarding"),
        "hairpin": item.flag_unless_absent("hairpin", usual=False),
        "isolated": item.flag_unless_absent("isolated", usual=False),
        "peer": far_end["ifname"] if far_end else None,
        "pod": item.pod("pod") or (cable["pod"] if cable else None),
    }


def machine(item: Item) -> Machine:
    """The object ``podnet_netns.machine``."""
    return {
        "id": item.text_or_none("id"),
        "boot": item.text_or_none("boot"),
        "resolvers": [
            {
                "path": one.text("path"),
                "pods": bool(one.flag_or_none("pods")),
                "nameservers": one.texts("nameservers"),
                "search": one.texts("search"),
            }
            for one in item.items("resolvers")
        ],
        "managed_links": [
            {"ifindex": one.number("ifindex"), "manager": one.text("manager"), "path": one.text("path")}
            for one in item.items("managed_links")
        ],
    }


def wireguard(item: Item) -> Wireguard:
    """An entry of ``podnet_netns.wireguard``."""
    return {
        "ifname": item.text("ifname"),
        "port": item.number("port"),
        "peers": [
            {"public_key": one.text("public_key"), "allowed_ips": one.texts("allowed_ips")}
            for one in item.items("peers")
        ],
    }


def default_route(item: Item) -> DefaultRoute:
    """An entry of ``podnet_pod_cidr.node.default_route``."""
    return {
        "family": item.text("family"),
        "gateway": item.text_or_none("gateway"),
        "dev": item.text_or_none("dev"),
        "prefsrc": item.text_or_none("prefsrc"),
    }


def cni(item: Item) -> Cni:
    """The CNI configuration in force, and those beside it."""
    active = item.item_or_none("active")
    return {
        "active": _cni_config(active) if active else None,
        "shadowed": [_cni_config(one) for one in item.items("shadowed")],
        "unreadable": item.errors("unreadable"),
    }


def _cni_config(item: Item) -> CniConfig:
    return {
        "path": item.text("path"),
        "name": item.text_or_none("name"),
        "plugins": item.texts("plugins"),
        "through": [one.text("path") for one in item.items("through")],
    }


def conflict(item: Item) -> Conflict:
    """An entry of ``podnet_pod_cidr.conflicts``."""
    return {
        "kind": item.text("kind"),
        "message": item.text("message"),
        "sides": [{"value": one.text("value"), "source": one.text("source")} for one in item.items("sides")],
    }


def address_range(item: Item, host: str, what: str) -> Range:
    """An entry of ``podnet_pod_cidr.pod`` or ``.service``; *what* says which."""
    source = item.item("source")
    origin: RangeSource = {
        "host": host,
        "kind": source.text("kind"),
        "place": source.text_or_none("path") or source.text_or_none("command") or "",
        "key": source.text_or_none("key"),
    }
    return {
        "what": "service" if what == "service" else "pod",
        "cidr": item.text("cidr"),
        "family": item.text("family"),
        "scope": item.text("scope"),
        "hosts": [host],
        "sources": [origin],
    }


def lease(item: Item, host: str) -> Lease:
    """An entry of ``podnet_pod_cidr.leases``."""
    address, network = item.text_or_none("address"), item.text_or_none("network") or ""
    return {
        "host": host,
        "address": address,
        "network": network,
        "container_id": item.text_or_none("container_id"),
        "ifname": item.text_unless_absent("ifname", "eth0"),
        "path": item.text_or_none("path") or f"{DATA_DIR}/{network}/{address}",
        "state": item.text("state"),
        "pod": item.pod("pod"),
    }
