# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From one node file to what it adds to the model.

A node file is what ``report_node`` wrote: the four facts of one node, or the reason why there
are none.
"""

from __future__ import annotations

from . import facts, firewall, services
from .reading import Item, ShapeError, error
from .records import (
    SCHEMA_VERSION,
    Error,
    Json,
    Namespace,
    Node,
    NodePart,
    Pod,
    Settings,
    Status,
)

FACT_KEYS = ("podnet_netns", "podnet_veth", "podnet_bridge", "podnet_pod_cidr")
FACTS_VERSION = 2
"""The newest version of the facts that is read, beside those before it."""


def node_part(document: Json, where: str) -> NodePart:
    """Return what the node file *document* adds to the model.

    *where* names the file in errors. Raises ShapeError when the document is not a node file or
    comes from a version that this one does not know.
    """
    root = Item(document, where)
    _known_version(root, SCHEMA_VERSION)
    host = root.text("host")
    if "error" in root:
        status = root.text("status")
        if status not in ("unreachable", "failed"):
            raise ShapeError(f"{where}.status is {status!r}, neither 'unreachable' nor 'failed'")
        return unread(host, root.text_or_none("collected_at"), error(root.item("error")), _unread_status(status))
    return _facts_part(root, host)


def _known_version(item: Item, known: int) -> None:
    version = item.number("schema_version")
    if version > known:
        raise ShapeError(
            f"{item.place} has schema version {version}, and this podnet.lab knows {known}: "
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
        "machine": None,
        "firewall": None,
        "wireguard": None,
        "settings": None,
        "counters": None,
        "stale_flows": None,
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
        _known_version(view, FACTS_VERSION)
    namespaces: list[Namespace] = []
    pods: list[Pod] = []
    calls: dict[tuple[int, int], int | None] = {}
    settings: Settings | None = None
    counters: Settings | None = None
    for item in netns.items("namespaces"):
        namespace = facts.namespace(item, host)
        namespaces.append(namespace)
        calls.update(facts.nf_calls(item))
        if "settings" in item:
            settings = item.scalars("settings")
        if "counters" in item:
            counters = item.scalars("counters")
        owner = item.item_or_none("owner")
        if owner is not None and namespace["pod"] is not None:
            pods.append(facts.pod(owner, namespace, facts.containers(item.items("containers")), host_network=False))
        pods.extend(
            facts.pod(one, namespace, facts.containers(facts.of_pod(item, one)), host_network=True)
            for one in item.items("host_network_pods")
        )
    links = {(one["inode"], link["ifindex"]): link for one in namespaces for link in one["interfaces"]}
    names = {one["inode"]: one["names"][0] for one in namespaces if one["names"]}
    cables = [facts.cable(item, host, links, names) for item in veth.items("pairs")]
    facts.plug_in(pods, cables)
    plugged = {(end["netns"], end["ifindex"]): (other, one) for one in cables for end, other in facts.both_ways(one)}
    bridges = [facts.bridge(item, host, plugged, calls) for item in bridge.items("bridges")]

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
        "addresses": [facts.address(one, None) for one in node_item.items("addresses")],
        "networks": [{"cidr": one.text("cidr"), "dev": one.text_or_none("dev")} for one in node_item.items("networks")],
        "default_route": [facts.default_route(one) for one in node_item.items("default_route")],
        "cni": facts.cni(cni_item),
        "conflicts": [facts.conflict(one) for one in cidr.items("conflicts")],
        "service_mode": service.text_or_none("mode"),
        "service_sources": services.sources(service),
        "machine": facts.machine(netns.item("machine")) if "machine" in netns else None,
        "wireguard": [facts.wireguard(one) for one in netns.items("wireguard")] if "wireguard" in netns else None,
        "firewall": firewall.read(netns.item("firewall")) if "firewall" in netns else None,
        "settings": settings,
        "counters": counters,
        "stale_flows": services.stale_flows(service),
    }
    return {
        "node": node,
        "pods": sorted(pods, key=facts.pod_order),
        "cables": cables,
        "bridges": bridges,
        "ranges": [
            *(facts.address_range(one, host, "pod") for one in cidr.items("pod")),
            *(facts.address_range(one, host, "service") for one in cidr.items("service")),
        ],
        "leases": [facts.lease(one, host) for one in cidr.items("leases")],
        "services": services.of_node(service, host),
        "namespaces": namespaces,
    }
