# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The view ``podnet_netns``: every network namespace, whose it is and what is in it."""

from __future__ import annotations

import socket
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Set, Tuple

from .._pods.identity import Identity, Owner
from . import iproute2 as words
from .views import (
    Facts,
    Node,
    addr_info,
    addresses_by_index,
    envelope,
    has_more_to_say,
    names_by_index,
    names_of,
    namespace_errors,
    pod_reference,
    prefixes,
    without,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._files.reader import Files
    from .._firewall.commands import Run
    from .._kernel.records import (
        Address,
        Link,
        Namespace,
        Neighbour,
        Route,
        Rule,
    )

_MAIN = 254
_KERNEL = 2
_BOOT = 3
_UNICAST = 1
_TO_TABLE = 1
_COPIED = ("qdisc", "txqlen", "ifalias", "altnames", "permaddr", "broadcast")
_LINKINFO = ("info_kind", "info_data", "info_slave_kind", "info_slave_data")
USUAL_NAMESPACE: Facts = {"errors": []}
"""What a namespace that has nothing else to say leaves out; so for the other things below."""
USUAL_OWNER: Facts = {"runtime": None, "contradictions": []}
USUAL_LINK: Facts = {"operstate": "UP", "addresses": []}


def netns_facts(node: Node, files: Optional[Files] = None, run: Optional[Run] = None) -> Facts:
    """Return the value of ``podnet_netns``.

    *files* reads what is known of the machine beside its namespaces, *run* starts the commands that show its firewall.
    """
    snapshot = node.snapshot
    nsids = {inode: nsid for nsid, inode in _own(node).get("nsids", {}).items()}
    namespaces = [_namespace(node, namespace, nsids) for namespace in node.ordered()]
    facts = envelope(list(snapshot["errors"]) + node.errors, snapshot["partial"])
    facts["partial"] = facts["partial"] or any("errors" in entry for entry in namespaces)
    facts["namespaces"] = namespaces
    if files is not None and "resolvers" in node.subsets:
        from .resolvers import resolver_facts

        for entry in namespaces:
            entry["resolver"] = resolver_facts(files, node.identities[entry["inode"]], entry["names"])
    if files is not None and "machine" in node.subsets:
        # Imported only here: Python compiles each module of a task anew, and not all ask for this one.
        from .machine import machine_facts

        facts["machine"] = machine_facts(files)
    if files is not None and run is not None and "firewall" in node.subsets:
        from .firewall import firewall_facts

        facts["firewall"] = firewall_facts(files, run)
    if files is not None and run is not None and "rulesets" in node.subsets:
        from .rulesets import ruleset_facts

        rulesets = ruleset_facts(files, run, node)
        for entry in namespaces:
            entry["ruleset"] = rulesets.get(entry["inode"])
    if files is not None and run is not None and "wireguard" in node.subsets:
        from .wireguard import wireguard_facts

        links = [one for entry in namespaces if entry["kind"] == "host" for one in entry["interfaces"]]
        kinds = [one.get("linkinfo", {}).get("info_kind") for one in links]
        facts["wireguard"] = wireguard_facts(files, run, "wireguard" in kinds)
    return facts


def _own(node: Node) -> Dict[str, Any]:
    return dict(node.snapshot["namespaces"].get(node.snapshot["own"], {}))


def _namespace(node: Node, namespace: Namespace, nsids: Dict[int, int]) -> Facts:
    inode = namespace["inode"]
    identity = node.identities[inode]
    is_host = inode == node.snapshot["own"]
    subsets = node.subsets
    entry: Facts = {
        "inode": inode,
        "kind": identity.kind,
        "names": names_of(namespace),
        "nsid": nsids.get(inode),
        "owner": owner_facts(identity.owner, "sources" in subsets) if identity.owner is not None else None,
    }
    paths = sorted(namespace["paths"])
    if paths != ["/run/netns/" + name for name in entry["names"]]:
        entry["paths"] = paths
    if is_host:
        entry["host_network_pods"] = [owner_facts(pod, "sources" in subsets) for pod in identity.host_network_pods]
    if "processes" in subsets:
        entry["containers"] = _containers(namespace, identity)
        if not is_host or "host_processes" in subsets:
            entry["processes"] = _processes(namespace, identity, node.snapshot["own_pid_namespace"])
    if "processes" not in entry or len(entry["processes"]) != namespace["process_count"]:
        entry["process_count"] = namespace["process_count"]
    by_index = addresses_by_index(namespace)
    names = names_by_index(namespace)
    entry["interfaces"] = _interfaces(namespace, by_index, names, subsets)
    if "routes" in subsets:
        entry["routes"] = _routes(namespace, by_index, names, subsets)
    if "neighbours" in subsets:
        entry["neighbours"] = _neighbours(namespace, names)
    if "rules" in subsets:
        entry["rules"] = _rules(namespace)
    if "sockets" in subsets:
        entry["sockets"] = _sockets(namespace)
    if "sysctls" in subsets:
        entry["sysctls"] = namespace.get("sysctls", {})
    if is_host and "settings" in subsets:
        entry["settings"] = settings_facts(namespace.get("settings", {}))
    if is_host and "counters" in subsets:
        entry["counters"] = namespace.get("counters", {})
    entry["errors"] = namespace_errors(namespace)
    return without(entry, USUAL_NAMESPACE)


def settings_facts(settings: Mapping[str, Any]) -> Facts:
    """Return settings without those of single interfaces that are as ``conf.default``, which new interfaces get."""
    kept: Facts = {}
    for name, value in settings.items():
        parts = name.split(".")
        usual = ".".join(["net", parts[1], "conf", "default", parts[-1]])
        alone = parts[2] != "conf" or parts[3] in ("all", "default")
        if alone or value != settings.get(usual):
            kept[name] = value
    return kept


def owner_facts(owner: Owner, all_sources: bool) -> Facts:
    """Return an owner with the kind of source that is trusted most, and with `all_sources` what all of them say."""
    facts: Facts = dict(owner)
    sources = facts.pop("sources")
    facts["source"] = sources[0]["source"] if sources else None
    if all_sources:
        facts["sources"] = sources
    return without(facts, USUAL_OWNER)


def _containers(namespace: Namespace, identity: Identity) -> List[Facts]:
    """Return the processes grouped by container; without a container id, by PID namespace."""
    groups: Dict[Tuple[Any, ...], Facts] = {}
    for process in namespace["processes"]:
        known = identity.containers.get(process["pid"])
        if known is None:
            continue
        container_id, name = known
        pid_namespace = process.get("pid_namespace")
        key = (container_id,) if container_id else (None, pid_namespace)
        group = groups.setdefault(key, {"id": container_id, "name": name, "pids": [], "pid_namespace": pid_namespace})
        group["pids"].append(process["pid"])
    for group in groups.values():
        group["pids"].sort()
        pod = identity.pods_of_containers.get(group["id"])
        if pod is not None:
            group["pod"] = pod_reference(pod)
    return sorted(groups.values(), key=lambda group: (group["name"] or "", group["id"] or "", group["pids"]))


def _processes(namespace: Namespace, identity: Identity, own_pid_namespace: Optional[int]) -> List[Facts]:
    result: List[Facts] = []
    for process in sorted(namespace["processes"], key=lambda process: (process["pid"], process.get("tid", 0))):
        entry: Facts = {"pid": process["pid"], "comm": process["comm"]}
        if "tid" in process:
            entry["tid"] = process["tid"]
        # What is true of all processes of a container, the container says.
        alone = process["pid"] not in identity.containers
        if alone and process.get("pid_namespace") != own_pid_namespace:
            entry["pid_namespace"] = process.get("pid_namespace")
        result.append(entry)
    return result


# ------------------------------------------------------------ interfaces


def _interfaces(
    namespace: Namespace, by_index: Dict[int, List[Address]], names: Dict[int, str], subsets: FrozenSet[str]
) -> List[Facts]:
    peers = namespace.get("peers", {})
    complete = "links" in subsets
    result: List[Facts] = []
    for link in sorted(namespace.get("links", ()), key=lambda link: link["ifindex"]):
        addresses = by_index.get(link["ifindex"], [])
        if not complete and "statistics" not in subsets and _is_ordinary_loopback(link, addresses):
            continue
        full = complete or not (link["ifindex"] in peers or link["link_type"] == words.LOOPBACK)
        entry = _link(link, names, full)
        shown = addr_info(addresses, full)
        entry["addresses"] = prefixes(shown)
        if full or has_more_to_say(shown):
            entry["addr_info"] = shown
        if "ends" in subsets and link["ifindex"] in peers:
            peer = peers[link["ifindex"]]
            entry["peer"] = dict(peer["end"]) if peer["end"] is not None else None
            entry["peer_resolution"] = peer["resolution"]
            entry["peer_reason"] = peer["reason"]
        if "statistics" in subsets and "stats" in link:
            entry["stats64"] = _statistics(link["stats"])
        if "permanent_fdb" in subsets and link.get("info_kind") == "vxlan":
            entry["fdb"] = _vxlan_fdb(namespace, link["ifindex"])
        result.append(without(entry, USUAL_LINK))
    return result


def _is_ordinary_loopback(link: Link, addresses: List[Address]) -> bool:
    """Tell whether it is the loopback interface, up, with no addresses but those that the kernel gives it."""
    if link["link_type"] != words.LOOPBACK:
        return False
    own = {("127.0.0.1", 8), ("::1", 128)}
    has = {(address.get("local"), address["prefixlen"]) for address in addresses}
    return bool(link["flags"] & words.IFF_UP) and ("127.0.0.1", 8) in has and has <= own


def _link(link: Link, names: Dict[int, str], full: bool) -> Facts:
    """Return a link in the words of ``ip -d -j link``; not `full`, the fields that a short look needs.

    A short look has neither ``link_type`` nor ``linkinfo`` of a veth: nothing else is without both.
    """
    entry: Facts = {"ifindex": link["ifindex"], "ifname": link["ifname"]}
    if full:
        entry["flags"] = words.link_flags(link["flags"])
    entry["mtu"] = link.get("mtu")
    entry["operstate"] = link.get("operstate")
    if full or link["link_type"] == words.LOOPBACK:
        entry["link_type"] = words.link_type(link["link_type"])
    if "address" in link and (full or link["link_type"] != words.LOOPBACK):
        entry["address"] = link["address"]
    if "master" in link:
        entry["master"] = names.get(link["master"], "if%d" % link["master"])
    values: Mapping[str, Any] = link
    if full:
        entry.update((key, values[key]) for key in _COPIED if key in values)
        if "group" in link:
            entry["group"] = str(link["group"] or "default")
        _lower(link, names, entry)
    info: Facts = {key: values[key] for key in (_LINKINFO if full else _LINKINFO[:1]) if values.get(key)}
    if info and (full or info["info_kind"] != "veth"):
        entry["linkinfo"] = info
    return entry


def _lower(link: Link, names: Dict[int, str], entry: Facts) -> None:
    """Add what IFLA_LINK says: a name when it is in this namespace, else index and nsid as `ip -j` prints them."""
    if not link.get("link"):
        return
    if "link_netnsid" in link:
        entry["link_index"] = link["link"]
        entry["link_netnsid"] = link["link_netnsid"]
    elif link["link"] != link["ifindex"]:
        entry["link"] = names.get(link["link"], "if%d" % link["link"])


def _statistics(stats: Dict[str, int]) -> Facts:
    """Return counters nested as ``ip -s -j link`` nests them."""
    sides: Dict[str, Facts] = {"rx": {}, "tx": {}}
    for name, value in stats.items():
        side, _underscore, counter = name.partition("_")
        if side in sides:
            sides[side][counter] = value
    sides["rx"]["multicast"] = stats.get("multicast", 0)
    sides["tx"]["collisions"] = stats.get("collisions", 0)
    return dict(sides)


def _vxlan_fdb(namespace: Namespace, ifindex: int) -> List[Facts]:
    """Return the entries of a vxlan's own table: which MAC is behind which node."""
    result: List[Facts] = []
    for entry in namespace.get("fdb", ()):
        if entry["ifindex"] == ifindex and entry["flags"] & words.NTF_SELF and "dst" in entry:
            facts: Facts = {"mac": entry.get("lladdr"), "dst": entry["dst"], "state": words.fdb_state(entry["state"])}
            facts.update((key, entry[key]) for key in ("port", "vni", "via_ifindex") if key in entry)
            result.append(facts)
    return sorted(result, key=lambda facts: (facts["mac"] or "", facts["dst"]))


# ---------------------------------------------------------------- routes


def _routes(
    namespace: Namespace, by_index: Dict[int, List[Address]], names: Dict[int, str], subsets: FrozenSet[str]
) -> List[Facts]:
    routes = namespace.get("routes", [])
    if "all_routes" not in subsets:
        routes = [route for route in routes if route["table"] == _MAIN]
    if "connected_routes" not in subsets:
        prefixes = _connected_prefixes(by_index)
        routes = [route for route in routes if not _is_connected(route, prefixes)]
    return [_route(route, names) for route in sorted(routes, key=_route_order)]


def _network(family: int, address: str, prefixlen: int) -> int:
    data = socket.inet_pton(family, address)
    return int.from_bytes(data, "big") >> (8 * len(data) - prefixlen)


def _connected_prefixes(by_index: Dict[int, List[Address]]) -> Set[Tuple[int, int, int, int]]:
    """Return (ifindex, family, prefix length, network) of every address: what the kernel makes a route of."""
    return {
        (ifindex, found["family"], found["prefixlen"], _network(found["family"], local, found["prefixlen"]))
        for ifindex, addresses in by_index.items()
        for found in addresses
        for local in (found.get("address") or found.get("local"),)
        if local is not None
    }


def _is_connected(route: Route, prefixes: Set[Tuple[int, int, int, int]]) -> bool:
    """Tell whether the kernel made this route by itself because an address is in its prefix."""
    if route["protocol"] != _KERNEL or route["type"] != _UNICAST or "gateway" in route or "dst" not in route:
        return False
    network = _network(route["family"], route["dst"], route["dst_len"])
    return (route.get("oif", 0), route["family"], route["dst_len"], network) in prefixes


def _route_order(route: Route) -> Tuple[Any, ...]:
    dst = socket.inet_pton(route["family"], route["dst"]) if "dst" in route else b""
    return (
        route["table"] != _MAIN, route["table"], route["family"], dst, route["dst_len"],
        route.get("metric", 0), route.get("oif", 0), route.get("gateway", ""), route["type"],
    )  # fmt: skip


def _destination(route: Route) -> str:
    if "dst" not in route:
        return "default"
    return _prefix(route["family"], route["dst"], route["dst_len"])


def _prefix(family: int, address: str, length: int) -> str:
    return address if length == (32 if family == socket.AF_INET else 128) else "%s/%d" % (address, length)


def _route(route: Route, names: Dict[int, str]) -> Facts:
    """Return a route in the words of ``ip -j route``, with its family."""
    entry: Facts = {}
    if route["type"] != _UNICAST:
        entry["type"] = words.route_type(route["type"])
    entry["dst"] = _destination(route)
    entry["family"] = words.family(route["family"])
    entry.update(_hop(dict(route), names))
    if route["table"] != _MAIN:
        entry["table"] = words.table(route["table"])
    if route["protocol"] != _BOOT:
        entry["protocol"] = words.protocol(route["protocol"])
    if route["scope"] != 0:
        entry["scope"] = words.scope(route["scope"])
    if "prefsrc" in route:
        entry["prefsrc"] = route["prefsrc"]
    if "metric" in route:
        entry["metric"] = route["metric"]
    values: Mapping[str, Any] = route
    if "src" in values:
        entry["from"] = _prefix(route["family"], values["src"], values.get("src_len", 0))
    entry.update((key, values[key]) for key in ("nhid", "encap") if key in values)
    if values.get("metrics"):
        entry["metrics"] = [values["metrics"]]
    flags = words.nexthop_flags(route.get("flags", 0))
    if flags:
        entry["flags"] = flags
    if route.get("nexthops"):
        entry["nexthops"] = [_nexthop(nexthop, names) for nexthop in route["nexthops"]]
    return entry


def _hop(hop: Dict[str, Any], names: Dict[int, str]) -> Facts:
    entry: Facts = {}
    if "gateway" in hop:
        entry["gateway"] = hop["gateway"]
    elif "via" in hop:
        entry["via"] = {"family": "inet6" if ":" in hop["via"] else "inet", "host": hop["via"]}
    if hop.get("oif"):
        entry["dev"] = names.get(hop["oif"], "if%d" % hop["oif"])
    return entry


def _nexthop(nexthop: Dict[str, Any], names: Dict[int, str]) -> Facts:
    entry = _hop(nexthop, names)
    entry["weight"] = nexthop.get("weight", 1)
    entry["flags"] = words.nexthop_flags(nexthop.get("flags", 0))
    return entry


# ------------------------------------------------------- opt-in subsets


def _neighbours(namespace: Namespace, names: Dict[int, str]) -> List[Facts]:
    result: List[Facts] = []
    for neighbour in sorted(namespace.get("neighbours", ()), key=_neighbour_order):
        entry: Facts = {
            "dst": neighbour.get("dst"),
            "dev": names.get(neighbour["ifindex"], "if%d" % neighbour["ifindex"]),
        }
        if "lladdr" in neighbour:
            entry["lladdr"] = neighbour["lladdr"]
        entry.update((flag, True) for flag in words.neighbour_flags(neighbour["flags"]))
        entry["state"] = words.neighbour_states(neighbour["state"])
        result.append(entry)
    return result


def _neighbour_order(neighbour: Neighbour) -> Tuple[Any, ...]:
    return (neighbour["ifindex"], neighbour["family"], neighbour.get("dst", ""))


def _rules(namespace: Namespace) -> List[Facts]:
    rules = sorted(namespace.get("rules", ()), key=lambda rule: (rule.get("family", 0), rule.get("priority", 0)))
    return [_rule(rule) for rule in rules]


def _rule(rule: Rule) -> Facts:
    """Return a rule in the words of ``ip -j rule``, with its family."""
    entry: Facts = {"priority": rule.get("priority", 0), "family": words.family(rule.get("family", 0))}
    if rule.get("invert"):
        entry["not"] = True
    entry["src"] = rule.get("src", "all")
    if rule.get("src_len"):
        entry["srclen"] = rule["src_len"]
    if "dst" in rule:
        entry["dst"] = rule["dst"]
        entry["dstlen"] = rule.get("dst_len", 0)
    if "fwmark" in rule:
        entry["fwmark"] = "0x%x" % rule["fwmark"]
        if rule.get("fwmask", 0xFFFFFFFF) != 0xFFFFFFFF:
            entry["fwmask"] = "0x%x" % rule["fwmask"]
    entry.update((key, rule[key]) for key in ("iif", "oif") if key in rule)
    if rule.get("tos"):
        entry["tos"] = "0x%x" % rule["tos"]
    if "ipproto" in rule:
        entry["ipproto"] = rule["ipproto"]
    for key in ("uid_range", "sport", "dport"):
        if key in rule:
            entry[key] = list(rule[key])
    if rule.get("l3mdev"):
        entry["l3mdev"] = True
    elif rule.get("action", _TO_TABLE) == _TO_TABLE:
        entry["table"] = words.table(rule.get("table", 0))
    else:
        entry["action"] = words.rule_action(rule.get("action", 0))
        if "goto" in rule:
            entry["goto"] = rule["goto"]
    if "suppress_prefixlength" in rule:
        entry["suppress_prefixlen"] = rule["suppress_prefixlength"]
    if "protocol" in rule:
        entry["protocol"] = words.protocol(rule["protocol"])
    return entry


def _sockets(namespace: Namespace) -> List[Facts]:
    """Return the listening sockets."""
    sockets = sorted(namespace.get("sockets", ()), key=lambda found: (found["protocol"], found["port"], found["local"]))
    return [{key: found[key] for key in ("protocol", "local", "port", "uid", "inode")} for found in sockets]
