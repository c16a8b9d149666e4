# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From node files to the model.

A node file is what ``report_node`` wrote: the four facts of one node, or the reason why there
are none. `node_part` reads one such document; `merged` puts the parts of all nodes together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from . import ranges, services
from .index import by_node
from .reading import Item, ShapeError, error
from .records import (
    SCHEMA_VERSION,
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
    Error,
    Interface,
    Json,
    Lease,
    Model,
    Namespace,
    Node,
    NodePart,
    Pod,
    PodCable,
    PodName,
    Port,
    Range,
    RangeSource,
    Route,
    Status,
    Superseded,
)

FACT_KEYS = ("podnet_netns", "podnet_veth", "podnet_bridge", "podnet_pod_cidr")


def node_part(document: Json, where: str) -> NodePart:
    """Return what the node file *document* adds to the model.

    *where* names the file in errors. Raises ShapeError when the document is not a node file or
    comes from a version that this one does not know.
    """
    root = Item(document, where)
    _known_version(root)
    host = root.text("host")
    if "error" in root:
        status = root.text("status")
        if status not in ("unreachable", "failed"):
            raise ShapeError(f"{where}.status is {status!r}, neither 'unreachable' nor 'failed'")
        return unread(host, root.text_or_none("collected_at"), error(root.item("error")), _unread_status(status))
    return _facts_part(root, host)


def _known_version(item: Item) -> None:
    version = item.number("schema_version")
    if version > SCHEMA_VERSION:
        raise ShapeError(
            f"{item.place} has schema version {version}, and this podnet.lab knows {SCHEMA_VERSION}: "
            "it was written by a newer one"
        )


def _unread_status(status: str) -> Status:
    return "unreachable" if status == "unreachable" else "failed"


def unread(host: str, collected_at: str | None, why: Error, status: Status = "failed") -> NodePart:
    """Return the part of a node of which nothing is known."""
    node: Node = {
        "host": host,
        "status": status,
        "collected_at": collected_at,
        "name": None,
        "error": why,
        "errors": [],
        "addresses": [],
        "networks": [],
        "default_route": [],
        "cni": {"active": None, "shadowed": [], "unreadable": []},
        "conflicts": [],
        "service_mode": None,
        "service_sources": [],
    }
    return {
        "node": node,
        "pods": [],
        "cables": [],
        "bridges": [],
        "ranges": [],
        "leases": [],
        "services": [],
        "namespaces": [],
    }


def _facts_part(root: Item, host: str) -> NodePart:
    netns, veth, bridge, cidr = (root.item(key) for key in FACT_KEYS)
    service = root.item_or_none(services.FACT_KEY) or Item({}, f"{root.place}.{services.FACT_KEY}")
    for view in (netns, veth, bridge, cidr, *([service] if services.FACT_KEY in root else [])):
        _known_version(view)
    namespaces: list[Namespace] = []
    pods: list[Pod] = []
    for item in netns.items("namespaces"):
        namespace = _namespace(item, host)
        namespaces.append(namespace)
        owner = item.item_or_none("owner")
        if owner is not None and namespace["pod"] is not None:
            pods.append(_pod(owner, namespace, _containers(item.items("containers")), host_network=False))
        pods.extend(
            _pod(one, namespace, _containers(_of_pod(item, one)), host_network=True)
            for one in item.items("host_network_pods")
        )
    links = {(one["inode"], link["ifindex"]): link for one in namespaces for link in one["interfaces"]}
    cables = [_cable(item, host, links) for item in veth.items("pairs")]
    _plug_in(pods, cables)
    far_ends = {(end["netns"], end["ifindex"]): other for one in cables for end, other in _both_ways(one)}
    bridges = [_bridge(item, host, far_ends) for item in bridge.items("bridges")]

    errors: list[Error] = []
    told = [error for namespace in namespaces for error in namespace["errors"]]
    for view in (root, netns, veth, bridge, cidr, service):
        # Four views of one snapshot repeat what it could not read, that of single namespaces included.
        errors.extend(entry for entry in view.errors() if entry not in errors and entry not in told)
    errors.extend(services.not_understood(service))
    views = (netns, veth, bridge, cidr, service)
    partial = bool(errors or told) or any(view.flag_or_none("partial") for view in views)

    node_item = cidr.item_or_none("node") or Item({}, f"{cidr.place}.node")
    cni_item = cidr.item_or_none("cni") or Item({}, f"{cidr.place}.cni")
    node: Node = {
        "host": host,
        "status": "partial" if partial else "read",
        "collected_at": root.text_or_none("collected_at"),
        "name": node_item.text_or_none("name"),
        "error": None,
        "errors": errors,
        "addresses": [_address(one, None) for one in node_item.items("addresses")],
        "networks": [{"cidr": one.text("cidr"), "dev": one.text_or_none("dev")} for one in node_item.items("networks")],
        "default_route": [_default_route(one) for one in node_item.items("default_route")],
        "cni": _cni(cni_item),
        "conflicts": [_conflict(one) for one in cidr.items("conflicts")],
        "service_mode": service.text_or_none("mode"),
        "service_sources": services.sources(service),
    }
    return {
        "node": node,
        "pods": sorted(pods, key=_pod_order),
        "cables": cables,
        "bridges": bridges,
        "ranges": [
            *(_range(one, host, "pod") for one in cidr.items("pod")),
            *(_range(one, host, "service") for one in cidr.items("service")),
        ],
        "leases": [_lease(one, host) for one in cidr.items("leases")],
        "services": services.of_node(service, host),
        "namespaces": namespaces,
    }


def _pod_order(pod: Pod) -> tuple[bool, str, str, int]:
    return (pod["host_network"], pod["namespace"], pod["name"], pod["netns"])


def _pod_name(item: Item | None) -> PodName | None:
    if item is None:
        return None
    return {"namespace": item.text_or_none("namespace") or "", "name": item.text_or_none("name") or ""}


def _namespace(item: Item, host: str) -> Namespace:
    processes = list(item.items("processes"))
    pids = [process.number("pid") for process in processes]
    for container in item.items("containers"):
        pids.extend(container.numbers("pids"))
    count = item.number_or_none("process_count")
    of_a_pod = item.text("kind") in ("pod", "lab")
    others = (one for one in item.items("containers") if not of_a_pod and one.item_or_none("pod") is None)
    return {
        "host": host,
        "inode": item.number("inode"),
        "kind": item.text("kind"),
        "names": item.texts("names"),
        "paths": item.texts("paths"),
        "nsid": item.number_or_none("nsid"),
        "pid": min(pids, default=None),
        "process_count": len(pids) if count is None else count,
        "pod": _pod_name(item.item_or_none("owner")) if of_a_pod else None,
        "containers": _containers(others),
        "interfaces": [link for one in item.items("interfaces") if not _is_usual(link := _interface(one))],
        "routes": [_route(one) for one in item.items("routes") if not _follows(one)] if "routes" in item else None,
        "errors": item.errors(),
    }


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
        "kind": info.text_or_none("info_kind") if info else None,
        "link_type": item.text_or_none("link_type"),
        "address": item.text_or_none("address"),
        "mtu": item.number_or_none("mtu"),
        "operstate": item.text_or_none("operstate"),
        "flags": item.texts("flags") if "flags" in item else None,
        "master": item.text_or_none("master"),
        "ifalias": item.text_or_none("ifalias"),
        "addr_info": [_address(one, ifname) for one in item.items("addr_info")],
    }


def _address(item: Item, ifname: str | None) -> Address:
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


def _containers(items: Iterable[Item]) -> list[Container]:
    return [
        {"id": one.text_or_none("id"), "name": one.text_or_none("name"), "pids": one.numbers("pids")} for one in items
    ]


def _of_pod(namespace: Item, pod: Item) -> Iterator[Item]:
    """Yield the containers of a pod that shares its namespace with others."""
    name = (pod.text_or_none("namespace"), pod.text_or_none("name"))
    for one in namespace.items("containers"):
        owner = one.item_or_none("pod")
        if owner is not None and (owner.text_or_none("namespace"), owner.text_or_none("name")) == name:
            yield one


def _pod(owner: Item, namespace: Namespace, containers: list[Container], *, host_network: bool) -> Pod:
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


def _end(item: Item, links: Mapping[tuple[int, int], Interface]) -> End:
    """Return one end of a cable; what the view leaves out is taken from the interface itself."""
    netns, ifindex = item.number_or_none("netns"), item.number_or_none("ifindex")
    link = links.get((netns, ifindex)) if netns is not None and ifindex is not None else None
    return {
        "netns": netns,
        "netns_name": item.text_or_none("netns_name"),
        "ifname": item.text_or_none("ifname"),
        "ifindex": ifindex,
        "address": item.text_or_none("address") or (link["address"] if link else None),
        "mtu": item.number("mtu") if "mtu" in item else link["mtu"] if link else None,
        "operstate": item.text_or_none("operstate") or (link["operstate"] if link else None),
        "master": item.text_or_none("master"),
    }


def _both_ways(cable: Cable) -> tuple[tuple[End, End], tuple[End, End]]:
    first, second = cable["ends"]
    return (first, second), (second, first)


def _cable(item: Item, host: str, links: Mapping[tuple[int, int], Interface]) -> Cable:
    ends = [_end(one, links) for one in item.items("ends")]
    if len(ends) != 2:
        raise ShapeError(f"{item.place}.ends has {len(ends)} entries, not 2")
    return {
        "host": host,
        "ends": ends,
        "pod": _pod_name(item.item_or_none("pod")),
        "bridge": _bridge_name(item.item_or_none("bridge")),
        "resolution": item.text("resolution"),
        "reason": item.text_or_none("reason"),
    }


def _bridge_name(item: Item | None) -> BridgeName | None:
    return None if item is None else {"ifname": item.text("ifname"), "netns": item.number("netns")}


def _plug_in(pods: list[Pod], cables: list[Cable]) -> None:
    """Give each pod its cables: those with an end in its namespace."""
    inside = {pod["netns"]: pod for pod in pods if not pod["host_network"]}
    for cable in cables:
        for end, other in _both_ways(cable):
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


def _bridge(item: Item, host: str, far_ends: Mapping[tuple[int | None, int | None], End]) -> Bridge:
    ifname = item.text("ifname")
    netns = item.number("netns")
    return {
        "host": host,
        "ifname": ifname,
        "ifindex": item.number("ifindex"),
        "netns": netns,
        "netns_name": item.text_or_none("netns_name"),
        "address": item.text_or_none("address"),
        "addr_info": [_address(one, ifname) for one in item.items("addr_info")],
        "operstate": item.text_or_none("operstate"),
        "mtu": item.number_or_none("mtu"),
        "stp_state": item.number_or_none("stp_state"),
        "vlan_filtering": item.number_or_none("vlan_filtering"),
        "ports": [_port(one, netns, far_ends) for one in item.items("ports")],
        "fdb_count": sum(1 for _entry in item.items("fdb")) if "fdb" in item else None,
    }


def _port(item: Item, netns: int, far_ends: Mapping[tuple[int | None, int | None], End]) -> Port:
    ifindex = item.number("ifindex")
    far_end = far_ends.get((netns, ifindex))
    return {
        "ifname": item.text("ifname"),
        "ifindex": ifindex,
        "state": item.text_or_none("state"),
        "hairpin": item.flag_or_none("hairpin"),
        "isolated": item.flag_or_none("isolated"),
        "peer": far_end["ifname"] if far_end else None,
        "pod": _pod_name(item.item_or_none("pod")),
    }


def _default_route(item: Item) -> DefaultRoute:
    return {
        "family": item.text("family"),
        "gateway": item.text_or_none("gateway"),
        "dev": item.text_or_none("dev"),
        "prefsrc": item.text_or_none("prefsrc"),
    }


def _cni(item: Item) -> Cni:
    active = item.item_or_none("active")
    return {
        "active": _cni_config(active) if active else None,
        "shadowed": [_cni_config(one) for one in item.items("shadowed")],
        "unreadable": item.errors("unreadable"),
    }


def _cni_config(item: Item) -> CniConfig:
    return {"path": item.text("path"), "name": item.text_or_none("name"), "plugins": item.texts("plugins")}


def _conflict(item: Item) -> Conflict:
    return {
        "kind": item.text("kind"),
        "message": item.text("message"),
        "sides": [{"value": one.text("value"), "source": one.text("source")} for one in item.items("sides")],
    }


def _range(item: Item, host: str, what: str) -> Range:
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


def _lease(item: Item, host: str) -> Lease:
    return {
        "host": host,
        "address": item.text_or_none("address"),
        "network": item.text_or_none("network") or "",
        "container_id": item.text_or_none("container_id"),
        "ifname": item.text_or_none("ifname"),
        "path": item.text_or_none("path") or "",
        "state": item.text("state"),
        "pod": _pod_name(item.item_or_none("pod")),
    }


def merged(parts: Iterable[NodePart], superseded: Iterable[Superseded] = ()) -> Model:
    """Return the model of all nodes, without its odd things: findings.py looks for those.

    The order is that of the host names with their numbers read as numbers (node2 before
    node10), so that two reports of the same nodes can be compared line by line.
    """
    ordered = sorted(parts, key=lambda part: host_order(part["node"]["host"]))
    nodes = [part["node"] for part in ordered]
    times = sorted(node["collected_at"] for node in nodes if node["collected_at"])
    pods = [pod for part in ordered for pod in part["pods"]]
    model: Model = {
        "schema_version": SCHEMA_VERSION,
        "first_collected_at": times[0] if times else None,
        "last_collected_at": times[-1] if times else None,
        "totals": {
            "nodes": len(nodes),
            "nodes_read": sum(node["error"] is None for node in nodes),
            "namespaces": sum(len(part["namespaces"]) for part in ordered),
            "pods": sum(len(part["pods"]) for part in ordered),
            "cables": 0,
            "bridges": sum(len(part["bridges"]) for part in ordered),
            "odd": 0,
        },
        "odd": [],
        "nodes": nodes,
        "pods": pods,
        "cables": [cable for part in ordered for cable in part["cables"]],
        "bridges": [bridge for part in ordered for bridge in part["bridges"]],
        "ranges": _merged_ranges(one for part in ordered for one in part["ranges"]),
        "leases": [lease for part in ordered for lease in part["leases"]],
        "services": services.merged((part["services"] for part in ordered), pods, nodes),
        "namespaces": [namespace for part in ordered for namespace in part["namespaces"]],
        "superseded": list(superseded),
    }
    model["totals"]["cables"] = sum(view.count_cables() for view in by_node(model).values())
    return model


def host_order(host: str) -> list[tuple[int, int, str]]:
    """Return a sort key that reads runs of digits as numbers, however long."""
    key: list[tuple[int, int, str]] = []
    for run in re.findall(r"[0-9]+|[^0-9]+", host):
        digits = run.lstrip("0")
        key.append((0, len(digits), digits) if run[0] in "0123456789" else (1, 0, run))
    return [*key, (2, 0, host)]


_SCOPES = ("cluster", "node", "block", "hint")


def _merged_ranges(entries: Iterable[Range]) -> list[Range]:
    """Join ranges that only differ in where they are written."""
    joined: dict[tuple[str, str, str], Range] = {}
    for entry in entries:
        key = (entry["what"], entry["scope"], entry["cidr"])
        known = joined.get(key)
        if known is None:
            joined[key] = {**entry, "hosts": list(entry["hosts"]), "sources": list(entry["sources"])}
            continue
        known["hosts"].extend(host for host in entry["hosts"] if host not in known["hosts"])
        known["sources"].extend(entry["sources"])
    return sorted(
        joined.values(),
        key=lambda one: (
            one["what"],
            _SCOPES.index(one["scope"]) if one["scope"] in _SCOPES else len(_SCOPES),
            ranges.order(one["cidr"]),
        ),
    )
