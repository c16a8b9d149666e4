# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services in the model: what the rules of all nodes say about one address and port, together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from . import ranges
from .reading import Item
from .records import (
    Error,
    Node,
    Pod,
    PodName,
    Service,
    ServiceBackend,
    ServiceRule,
    ServiceSource,
    StaleFlows,
)

FACT_KEY = "podnet_service"
"""Beside the four that every node file has; only there when it was asked for."""


def sources(view: Item) -> list[ServiceSource]:
    """Return the places on a node that hold Service rules."""
    return [
        {
            "mode": one.text("mode"),
            "variant": one.text_or_none("variant"),
            "family": one.text_or_none("family"),
            "table": one.text("table"),
            "command": one.text("command"),
            "services": one.number("services"),
        }
        for one in view.items("sources")
    ]


def not_understood(view: Item) -> list[Error]:
    """Return the rules that a node did not understand, as what could not be read."""
    return [
        {
            "object": one.text("command"),
            "cause": f"{one.text('reason')} The rule: {one.text('text')}",
            "remedy": "Look at the rule on the node",
        }
        for one in view.items("unrecognised")
    ]


def stale_flows(view: Item) -> list[StaleFlows] | None:
    """Return the flows that go on to where no rule of their Service leads; None when they were not read."""
    if "stale_flows" not in view:
        return None
    return [
        {
            "protocol": one.text("protocol"),
            "address": one.text("address"),
            "port": one.number("port"),
            "backend": one.text("backend"),
            "backend_port": one.number("backend_port"),
            "count": one.number("count"),
        }
        for one in view.items("stale_flows")
    ]


def of_node(view: Item, host: str) -> list[Service]:
    """Return what the rules of one node say."""
    return [_service(one, host) for one in view.items("services")]


def _service(item: Item, host: str) -> Service:
    affinity = item.item_or_none("affinity")
    rule = item.item("rule")
    backends = [_backend(one, host) for one in item.items("backends")]
    own: ServiceRule = {
        "host": host,
        "mode": item.text("mode"),
        "action": item.text("action"),
        "backends": [endpoint(one) for one in backends],
        "scheduler": item.text_or_none("scheduler"),
        "command": rule.text("command"),
        "text": rule.text("text"),
        "target": rule.text_or_none("target"),
    }
    return {
        "namespace": item.text_or_none("namespace"),
        "name": item.text_or_none("name"),
        "port_name": item.text_or_none("port_name"),
        "type": item.text_or_none("type"),
        "family": item.text("family"),
        "virtual_address": item.text_or_none("virtual_address"),
        "port": item.number("port"),
        "protocol": item.text("protocol"),
        "traffic_policy": item.text_or_none("traffic_policy"),
        "affinity": affinity.text("type") if affinity else None,
        "source_ranges": item.texts("source_ranges"),
        "hosts": [host],
        "backends": backends,
        "rules": [own],
    }


def _backend(item: Item, host: str) -> ServiceBackend:
    return {
        "address": item.text("address"),
        "port": item.number_or_none("port"),
        "pod": item.pod("pod"),
        "host": host if item.flag_or_none("local") else None,
    }


def endpoint(backend: ServiceBackend) -> str:
    """Return address and port of a backend, as in ``10.244.1.2:80`` or ``[fd00::2]:80``."""
    return backend["address"] if backend["port"] is None else end(backend["address"], backend["port"])


def end(address: str, port: int) -> str:
    """Return an address and a port, as in ``10.244.1.2:80`` or ``[fd00::2]:80``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


Key = tuple[str | int | None, ...]


def key(one: Service) -> Key:
    """Return what makes two nodes' entries one: name, type, address and port."""
    return (
        one["namespace"],
        one["name"],
        one["port_name"],
        one["type"],
        one["family"],
        one["virtual_address"],
        one["port"],
        one["protocol"],
    )


def merged(parts: Iterable[Sequence[Service]], pods: Sequence[Pod], nodes: Sequence[Node]) -> list[Service]:
    """Return the Services of all nodes, each address and port once, with the pods of all nodes behind them."""
    joined: dict[Key, Service] = {}
    hosts: dict[Key, dict[str, None]] = {}
    ends: dict[Key, dict[tuple[str, int | None], ServiceBackend]] = {}
    for part in parts:
        for one in part:
            own = key(one)
            known = joined.setdefault(own, {**one, "rules": []})
            hosts.setdefault(own, {}).update(dict.fromkeys(one["hosts"]))
            _join_backends(ends.setdefault(own, {}), one["backends"])
            known["rules"].extend(one["rules"])
            known["traffic_policy"] = known["traffic_policy"] or one["traffic_policy"]
            known["affinity"] = known["affinity"] or one["affinity"]
            known["source_ranges"] = sorted({*known["source_ranges"], *one["source_ranges"]})
    for own, one in joined.items():
        one["hosts"], one["backends"] = list(hosts[own]), list(ends[own].values())
    if joined:
        _name_backends(joined.values(), pods, nodes)
    for one in joined.values():
        one["backends"].sort(key=lambda backend: (ranges.order(backend["address"]), backend["port"] or 0))
    return sorted(joined.values(), key=_order)


def _join_backends(known: dict[tuple[str, int | None], ServiceBackend], others: Sequence[ServiceBackend]) -> None:
    for other in others:
        one = known.setdefault((other["address"], other["port"]), {**other})
        one["pod"] = one["pod"] or other["pod"]
        one["host"] = one["host"] or other["host"]


def _name_backends(services: Iterable[Service], pods: Sequence[Pod], nodes: Sequence[Node]) -> None:
    """Name the pods that the node of a rule does not know, because they are on another one."""
    holders: dict[str, list[tuple[PodName | None, str]]] = {}
    for pod in pods:
        for address in () if pod["host_network"] else pod["addresses"]:
            name: PodName = {"namespace": pod["namespace"], "name": pod["name"]}
            holders.setdefault(address["local"], []).append((name, pod["host"]))
    for node in nodes:
        for address in node["addresses"]:
            if ranges.is_specific(address["local"]):
                holders.setdefault(address["local"], []).append((None, node["host"]))
    for one in services:
        for backend in one["backends"]:
            found = holders.get(backend["address"], [])
            if len(found) == 1:  # of two that have an address, nobody knows which is meant
                backend["pod"] = backend["pod"] or found[0][0]
                backend["host"] = backend["host"] or found[0][1]


def _order(one: Service) -> tuple[bool, str, str, str, str, str, tuple[int, int, int, str], int, str]:
    return (
        one["namespace"] is None,
        one["namespace"] or "",
        one["name"] or "",
        one["port_name"] or "",
        one["type"] or "",
        one["family"],
        ranges.order(one["virtual_address"] or "0.0.0.0"),
        one["port"],
        one["protocol"],
    )


def name(one: Service) -> str:
    """Return what a Service port is called, as in ``default/web:http``; its address when the rules do not say."""
    if one["name"] is None:
        return place(one)
    port = f":{one['port_name']}" if one["port_name"] else ""
    return f"{one['namespace'] or '?'}/{one['name']}{port}"


def place(one: Service) -> str:
    """Return address and port, as in ``10.96.0.1:443``, ``[fd00::1]:53/udp`` or ``every node:30080``."""
    address = one["virtual_address"]
    if address is None:
        address = "every node"
    elif ":" in address:
        address = f"[{address}]"
    return f"{address}:{one['port']}{'' if one['protocol'] == 'tcp' else '/' + one['protocol']}"
