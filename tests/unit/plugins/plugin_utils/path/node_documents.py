# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node files of two small nodes, as far as paths look at them: pods on a bridge, nodes that know each other's pods."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

KERNEL_RULES = [
    {"priority": 0, "family": "inet", "src": "all", "table": "local"},
    {"priority": 32766, "family": "inet", "src": "all", "table": "main"},
]
Document = dict[str, Any]


def local(address: str, dev: str) -> dict[str, Any]:
    """The route that the kernel has for an own address."""
    return {"type": "local", "dst": address, "family": "inet", "dev": dev, "table": "local", "prefsrc": address}


def route(dst: str, **more: Any) -> dict[str, Any]:
    """A route of IPv4."""
    return {"dst": dst, "family": "inet", **more}


def namespace(inode: int, kind: str, **more: Any) -> dict[str, Any]:
    """A namespace, in which nothing is left out that paths look at."""
    return {
        "inode": inode, "kind": kind, "names": [] if kind == "host" else [f"ns{inode}"], "nsid": None, "owner": None,
        "interfaces": [], "routes": [], "rules": list(KERNEL_RULES), "neighbours": [], "sockets": [],
        "sysctls": {"net.ipv4.conf.all.rp_filter": 0, "net.ipv4.conf.default.rp_filter": 0,
                    "net.ipv4.conf.default.forwarding": int(kind == "host"), "net.bridge.bridge-nf-call-iptables": 0},
        "ruleset": {"complete": True, "parts": []}, **more,
    }  # fmt: skip


def node(number: int, pods: Sequence[str] = ("a", "b")) -> Document:
    """A node 192.0.2.N with the bridge br0, 10.244.N.1, and the pods aN and bN on it, 10.244.N.2 and 10.244.N.3."""
    other = 3 - number
    host = namespace(10 * number, "host")
    card, bridge = f"02:00:00:00:0{number}:01", f"02:00:00:00:0{number}:02"
    host["interfaces"] = [
        {"ifindex": 2, "ifname": "eth0", "mtu": 1500, "address": card, "addresses": [f"192.0.2.{number}/24"]},
        {"ifindex": 3, "ifname": "br0", "mtu": 1500, "address": bridge, "addresses": [f"10.244.{number}.1/24"],
         "link_type": "ether", "flags": ["UP"], "linkinfo": {"info_kind": "bridge"}},
    ]  # fmt: skip
    host["routes"] = [
        local(f"192.0.2.{number}", "eth0"), local(f"10.244.{number}.1", "br0"),
        route("192.0.2.0/24", dev="eth0", prefsrc=f"192.0.2.{number}"),
        route("default", gateway="192.0.2.254", dev="eth0"),
        route(f"10.244.{number}.0/24", dev="br0", prefsrc=f"10.244.{number}.1"),
        route(f"10.244.{other}.0/24", gateway=f"192.0.2.{other}", dev="eth0"),
    ]  # fmt: skip
    namespaces, pairs, ports = [host], [], []
    for place, name in enumerate(pods, 2):
        address, cable = f"10.244.{number}.{place}", f"veth{name}"
        host["interfaces"].append(
            {
                "ifindex": 2 + place,
                "ifname": cable,
                "mtu": 1500,
                "address": f"02:00:00:00:0{number}:1{place:x}",
                "master": "br0",
            }
        )
        pod = namespace(10 * number + place, "pod", owner={"namespace": "default", "name": f"{name}{number}"})
        pod["interfaces"] = [
            {
                "ifindex": 2,
                "ifname": "eth0",
                "mtu": 1500,
                "address": f"02:00:00:00:0{number}:2{place:x}",
                "addresses": [f"{address}/24"],
            }
        ]
        pod["routes"] = [
            local(address, "eth0"), route(f"10.244.{number}.0/24", dev="eth0", prefsrc=address),
            route("default", gateway=f"10.244.{number}.1", dev="eth0"),
        ]  # fmt: skip
        pod["sockets"] = [{"protocol": "tcp", "local": "::", "port": 80, "uid": 0, "inode": 1}]
        namespaces.append(pod)
        ends = [
            {"netns": host["inode"], "ifname": cable, "ifindex": 2 + place},
            {"netns": pod["inode"], "ifname": "eth0", "ifindex": 2},
        ]
        pairs.append({"ends": ends, "pod": None, "bridge": "br0"})
        ports.append({"ifname": cable, "ifindex": 2 + place})
    return {
        "schema_version": 1, "host": f"node{number}", "collected_at": "2026-11-20T11:05:04Z",
        "podnet_netns": {"schema_version": 2, "namespaces": namespaces},
        "podnet_veth": {"schema_version": 2, "pairs": pairs},
        "podnet_bridge": {
            "schema_version": 2, "bridges": [{"ifname": "br0", "netns": host["inode"], "ports": ports, "fdb": []}],
        },
        "podnet_pod_cidr": {"node": {"addresses": [{"ifname": "eth0", "local": f"192.0.2.{number}"}]}},
        "podnet_service": {"services": [
            {"namespace": "default", "name": "web", "port_name": "http", "virtual_address": "10.96.0.1", "port": 80,
             "protocol": "tcp"},
        ]},
    }  # fmt: skip


def spaces(document: Document) -> dict[str, Document]:
    """The namespaces of a node by their pod's name; the node's own is ``host``."""
    found = document["podnet_netns"]["namespaces"]
    return {one["owner"]["name"] if one["owner"] else one["kind"]: one for one in found}


def link(document: Document, space: str, name: str) -> Document:
    """An interface."""
    return next(one for one in spaces(document)[space]["interfaces"] if one["ifname"] == name)


def rules(document: Document, *items: Document, space: str = "host") -> None:
    """Give a namespace rules of nftables, as nft's JSON has them."""
    part = {
        "variant": "nftables",
        "family": None,
        "command": "nft -j list ruleset",
        "text": json.dumps({"nftables": list(items)}),
    }
    spaces(document)[space]["ruleset"]["parts"] = [part]


def chain(
    hook: str, *expressions: list[Document], kind: str = "filter", prio: int = 0, policy: str = "accept"
) -> list[Document]:
    """A table with one chain, whose rules are these."""
    base = {"family": "ip", "table": "t", "name": "c", "type": kind, "hook": hook, "prio": prio, "policy": policy}
    made: list[Document] = [{"table": {"family": "ip", "name": "t"}}, {"chain": base}]
    made += [
        {"rule": {"family": "ip", "table": "t", "chain": "c", "handle": n, "expr": one}}
        for n, one in enumerate(expressions, 1)
    ]
    return made


def match(protocol: str, field: str, right: Any, operator: str = "==") -> Document:
    """A condition on a field of a header."""
    return {"match": {"op": operator, "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


def write(folder: Path, *documents: Document) -> Path:
    """Write node files as the report does, and return the folder."""
    (folder / "nodes").mkdir(exist_ok=True)
    for one in documents:
        (folder / "nodes" / f"{one['host']}.json").write_text(json.dumps(one), encoding="utf-8")
    return folder
