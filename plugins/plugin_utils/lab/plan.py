# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of a lab: what each node gets, decided from the description and from what the nodes are.

The answer has, for every node, the options of the modules that the role ``manual_lab`` calls, so
that the role itself decides nothing. Faults of the description and of the nodes come together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

try:
    from netaddr import IPAddress
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ansible_collections.podnet.lab.plugins.module_utils._lab.names import (
    POD_IFNAME,
    host_ifname,
    netns_path,
    pod_uid,
    resolv_conf_path,
    sandbox_id,
)

from ..description.checks import Fault
from .description import Description, read_description
from .dns import NAME, NAMESPACE, Dns, check_hostnames, read_dns, resolv_conf, with_dns
from .ingresses import missing_programs, plan_ingress, read_ingresses, with_ingress
from .load_balancers import Balancers, announced_by, connected, read_load_balancers
from .load_balancers import check_node as check_balancers
from .networks import NETWORKS
from .nodes import (
    Node,
    check_addresses,
    check_links,
    check_links_v6,
    check_mtu,
    check_names,
    check_node,
    check_services,
    pod_mtu,
    warnings_of,
)
from .options import SUFFIXES, VARIABLE
from .pods import Container, Pod
from .policies import pod_ends, read_namespaces, read_policies
from .services import Service, give_addresses, plan_services, read_services, service_ranges
from .sessions import role
from .tunnels import PEER_KINDS, Tunnel, mac_of, unused_tunnels

_BIRD_METRIC = 32
"""KRT_DEFAULT_METRIC, sysdep/linux/netlink.c of BIRD 2."""


def _pod_options(description: Description, pod: Pod) -> dict[str, Any]:
    """Return the names that follow from a pod's own."""
    sandbox = sandbox_id(description.name, pod.namespace, pod.name)
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "sandbox_id": sandbox,
        "netns": netns_path(description.name, pod.namespace, pod.name),
        "ifname": host_ifname(sandbox),
    }


def network_options(description: Description, node: Node, nodes: list[Node], mtu: int) -> dict[str, Any]:
    """Return how a node is joined with the others: the options of the modules, and what of an earlier way is left."""
    seen = node.info or {}
    others = [other for other in nodes if other is not node]
    network = description.network if others else "routes"
    tunnel = Tunnel.between(description, {other.name: str(other.address) for other in nodes})
    routes: list[dict[str, Any]] = [
        {"dst": str(description.ranges[other.name]), "gateway": str(other.address)}
        for other in others
        if other.name in description.ranges
    ]
    routes += _routes_v6(description, node, others)
    if tunnel is not None:
        routes = tunnel.routes(node.name)
    elif network == "bgp":
        routes = []  # BIRD writes them
    links = seen.get("links", [])
    wanted = tunnel.devs(node.name) if tunnel is not None else []
    unused = {
        "unused_bgp": bool(seen.get("bgp")) and network != "bgp",
        "unused_wireguard": bool(seen.get("wireguard")) and network != "wireguard",
        "unused_tunnels": unused_tunnels(links, ["vxlan"], wanted),
        "unused_peer_tunnels": unused_tunnels(links, PEER_KINDS, wanted),
    }
    return {
        "network": network,
        "replaced_routes": network == "bgp" and any(_is_static(route) for route in seen.get("routes", [])),
        "tunnel": tunnel.vxlan(node.name, mtu) if tunnel is not None else None,
        "peer_tunnel": tunnel.peer_tunnel(node.name, mtu) if tunnel is not None else None,
        "wireguard": tunnel.wireguard(node.name, mtu) if tunnel is not None else None,
        "bgp": _bgp(description, node, others) if network == "bgp" else None,
        "routes": routes,
        **unused,
        "unused_network": any(unused.values()),
    }


def _bgp(description: Description, node: Node, others: list[Node]) -> dict[str, Any]:
    """Return the options of the module ``bgp``."""
    v6 = description.cluster_v6 is not None
    return {
        "local": str(node.address),
        "asn": description.asn,
        "bfd": description.bfd,
        **({"local_v6": str(node.address_v6)} if v6 else {}),
        "peers": [
            {
                "address": str(other.address),
                "role": role(node.name, other.name, description.reflectors),
                **({"address_v6": str(other.address_v6)} if v6 else {}),
                **{"range" + SUFFIXES[part.version]: str(part) for part in description.ranges_of(other.name)},
            }
            for other in others
        ],
    }


def _routes_v6(description: Description, node: Node, others: list[Node]) -> list[dict[str, Any]]:
    """Return a node's IPv6 routes to the ranges of the others, without a tunnel."""
    link = node.uplink()
    return [
        {
            "dst": str(description.ranges_v6[other.name]),
            "gateway": str(other.address_v6),
            "dev": link["ifname"] if link is not None and other.address_v6.is_link_local() else None,
        }
        for other in others
        if other.name in description.ranges_v6 and other.address_v6 is not None
    ]


def _is_static(route: Mapping[str, Any]) -> bool:
    """Tell whether a route of the lab is a static one, which has not the metric of BIRD's."""
    return bool(route["own"]) and route["metric"] != _BIRD_METRIC


def node_plan(description: Description, node: Node, nodes: list[Node], dns: Dns | None) -> dict[str, Any]:
    """Return the options of the modules for one node."""
    part, part_v6 = description.ranges.get(node.name), description.ranges_v6.get(node.name)
    gateways = [one.network + 1 for one in description.ranges_of(node.name)]
    pods = sorted((pod for pod in description.pods if pod.node == node.name), key=lambda pod: pod.full_name)
    named = [(pod, _pod_options(description, pod)) for pod in pods]
    inside = [str(one) for one in description.clusters]
    inside += [str(other.address) for other in nodes if other.address is not None]
    if description.cluster_v6 is not None:
        inside += [address for other in nodes for address in other.known_addresses_v6()]
    inside += [str(net) for net in description.outside]
    mtu = pod_mtu(nodes, description)
    return {
        "address": str(node.address) if node.address is not None else None,
        "range": _text(part),
        "range_v6": _text(part_v6),
        "gateway": _text(gateways[0] if part is not None else None),
        "gateway_v6": _text(gateways[-1] if part_v6 is not None else None),
        "masqueraded_v6": _text(part_v6) if description.masquerade_v6 else None,
        "bridge_address": mac_of(gateways[0]),
        "mtu": mtu,
        **network_options(description, node, nodes, mtu),
        "inside": inside,
        "node_addresses": [str(other.address) for other in nodes if other.address is not None],
        "node_addresses_v6": [address for other in nodes for address in other.known_addresses_v6()],
        "node_port_addresses_v6": node.known_addresses_v6() or [str(one) for one in gateways if one.version == 6],
        "sandboxes": [
            {
                **{key: names[key] for key in ("namespace", "name", "sandbox_id", "netns")},
                "uid": pod_uid(description.name, pod.namespace, pod.name),
                "labels": pod.labels,
            }
            for pod, names in named
        ],
        "cables": [
            {"ifname": names["ifname"], "netns": names["netns"], "peer": POD_IFNAME, "mtu": mtu}
            for _pod, names in named
        ],
        "links": [
            {"netns": names["netns"], "ifname": ifname, "alias": ifname != "lo"}
            for _pod, names in named
            for ifname in ("lo", POD_IFNAME)
        ],
        "ports": [names["ifname"] for _pod, names in named],
        "addresses": [
            {
                **{key: names[key] for key in ("namespace", "name", "sandbox_id", "netns")},
                "ifname": POD_IFNAME,
                "address": _text(pod.address),
                "address_v6": _text(pod.address_v6),
            }
            for pod, names in named
        ],
        "pods": [
            {
                **{key: names[key] for key in ("namespace", "name", "sandbox_id")},
                "node": node.name,
                "resolv_conf": resolv_conf_path(names["netns"]) if dns is not None else None,
                "containers": [_container_options(item) for item in pod.containers],
            }
            for pod, names in named
        ],
        "resolv_confs": [
            {"netns": names["netns"], **resolv_conf(dns, pod.namespace)} for pod, names in named if dns is not None
        ],
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _container_options(container: Container) -> dict[str, Any]:
    if container.serve is not None:
        return {"name": container.name, "serve": container.serve}
    if container.dns or container.ingress:
        return {"name": container.name, "dns" if container.dns else "ingress": True}
    return {"name": container.name, "command": list(container.command)}


def _not_for_v6(description: Description) -> list[Fault]:
    """Find a way to join nodes that cannot carry the lab's IPv6."""
    if description.cluster_v6 is None or NETWORKS[description.network].carries_v6:
        return []
    text = f"an {description.network} tunnel carries IPv4 alone: its packets have no place that says what is in them"
    return [Fault(VARIABLE + "cluster_cidr_v6", text, f"Set {VARIABLE}network to gre, geneve or vxlan")]


def announced_options(
    balancers: Balancers | None, holders: Mapping[str, str], node: Node, nodes: Sequence[Node]
) -> list[dict[str, Any]]:
    """Return the option ``addresses`` of ``podnet.lab.announced_address`` for one node."""
    if balancers is None or node.info is None:
        return []
    devs = {version: connected(node.info, part) for version, part in balancers.parts.items()}
    elsewhere = {address for other in nodes if other is not node for address in other.announced}
    found = [
        {"address": address, "dev": devs[IPAddress(address).version], "again": address in elsewhere}
        for address, holder in sorted(holders.items())
        if holder == node.name
    ]
    return [one for one in found if one["dev"]]


def _behind(services: Sequence[Service], pods: Sequence[Pod]) -> dict[str, set[str]]:
    """Return the nodes with pods of each Service, by its full name."""
    return {one.full_name: {pod.node for pod in pods if one.selects(pod)} for one in services}


def make_plan(
    raw: Mapping[str, Any],
    hosts: Mapping[str, Mapping[str, Any]],
    resolve: Callable[[str], list[str]],
    play_hosts: Sequence[str] = (),
) -> dict[str, Any]:
    """Return ``faults``, ``warnings`` (lists of text) and, without faults, ``nodes``: name to options.

    With them come ``services``, ``dns`` and ``ingress`` (null without names and without ingresses), ``policies`` and
    ``namespaces`` as they are written, ``ends``, what policies ask of pods, ``pods``, the full names of all,
    ``addresses`` and ``addresses_v6``, those that the description gives to pods, by these names, and ``versions``,
    those of IP that pods have.

    `raw` is the description. `hosts` has, for each host of the inventory, ``address`` and ``address_v6``
    (``manual_lab_node_address`` and the same with ``_v6``), ``ansible_host``, and ``info``, ``services``,
    ``services_v6``, ``load_balancers``, ``load_balancers_v6`` and ``announced`` (``node`` and those of
    ``podnet.lab.lab_info``); each may be null. `resolve` gives the IPv4 addresses of a host name. `play_hosts` are the
    hosts that are about to be built on.
    """
    raw = with_ingress(with_dns(raw))
    description = read_description(raw)
    faults = list(description.faults)
    services = read_services(raw, description, faults)
    parts = service_ranges(raw, []) if services else {}
    check_hostnames(description, services, faults)
    description.leave_out_gone()
    nodes = [Node(name, hosts.get(name) or {}) for name in description.nodes]
    given: dict[int, dict[str, IPAddress]] = {}
    for version, part in parts.items() if not faults else ():
        given[version] = give_addresses(services, part, [node.services[version] for node in nodes])
    leases = {version: [node.load_balancers[version] for node in nodes] for version in (4, 6)}
    balancers = read_load_balancers(raw, description, services, leases, faults)
    ingress = read_ingresses(raw, description.nodes, services, faults)
    policies, namespaces = read_policies(raw, faults), read_namespaces(raw, faults)
    name = f"{NAMESPACE}/{NAME}"
    dns = read_dns(raw, description, [str(known[name]) for known in given.values() if name in known], faults)
    for node in nodes:
        if hosts.get(node.name) is None:
            text = f"{node.name!r} is not a host of the inventory"
            faults.append(Fault(VARIABLE + "nodes", text, "Add it to the inventory, or leave it out"))
            continue
        check_node(node, description)
        check_services(node, services, parts.values(), description.pods)
        check_names(node, dns)
        node.faults += missing_programs(ingress, node.name, node.info)
        node.faults += check_balancers(balancers, node.where, node.info, node.announced)
        check_addresses(node, "policies" if policies else "names" if dns is not None else "", description)
        faults += node.faults
        node.faults = []
        node.choose_address(resolve)
        if description.cluster_v6 is not None and not NETWORKS[description.network].tunnel:
            node.choose_address_v6()
        if len(nodes) > 1 or node.given is not None:  # alone, a node needs no address for others
            faults += node.faults
    faults += check_links(nodes, description.network)
    faults += check_links_v6(nodes)
    faults += check_mtu(nodes, description)
    faults += _not_for_v6(description)
    for name in play_hosts:
        if name not in [*description.nodes, *description.gone]:
            remedy = f"Add it there, or leave it out with --limit '!{name}'; podnet.lab.teardown takes a lab off a node"
            faults.append(Fault(f"host {name}", f"it is in this play and not in {VARIABLE}nodes", remedy))
    result: dict[str, Any] = {"faults": [str(fault) for fault in faults], "warnings": warnings_of(nodes, description)}
    holders = announced_by(balancers, services, description.nodes, _behind(services, description.pods))
    result["nodes"] = {} if faults else {node.name: node_plan(description, node, nodes, dns) for node in nodes}
    for node in nodes if not faults else ():
        result["nodes"][node.name]["announced"] = announced_options(balancers, holders, node, nodes)
    result["policies"], result["namespaces"], result["ends"] = policies, namespaces, pod_ends(description)
    result["pods"] = [pod.full_name for pod in description.pods]
    result["dns"] = None if dns is None else {"node": dns.node, "domain": dns.domain, "upstreams": list(dns.upstreams)}
    result["addresses"] = {pod.full_name: str(pod.address) for pod in description.pods if pod.address is not None}
    result["addresses_v6"] = {
        pod.full_name: str(pod.address_v6) for pod in description.pods if pod.address_v6 is not None
    }
    result["versions"] = [part.version for part in description.clusters]
    result["ingress"] = None if faults else plan_ingress(ingress, given, result["versions"])
    outside = balancers.addresses if balancers is not None else {}
    result["services"] = [] if faults else plan_services(services, given, description.pods, outside)
    return result
