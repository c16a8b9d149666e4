# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node files of version 1 of the facts, said as version 2 says them: the table of docs/facts.md as code.

So that whatever is tested of a report is tested of both versions.
"""

from __future__ import annotations

import copy
from typing import Any

Facts = dict[str, Any]

PORT = {"state": "forwarding", "hairpin": False, "learning": True, "isolated": False, "flood": True}


def in_version_2(document: Facts) -> Facts:
    """Return a node file as pod_network_facts of version 2 writes it by default."""
    new = copy.deepcopy(document)
    for key in [key for key in new if key.startswith("podnet_") and isinstance(new[key], dict)]:
        new[key]["schema_version"] = 2
    links: dict[tuple[int, int], Facts] = {}
    for namespace in new["podnet_netns"]["namespaces"]:
        name = namespace["names"][0] if namespace["names"] else None
        for link in namespace["interfaces"]:
            links[namespace["inode"], link["ifindex"]] = {"netns_name": name, "master": None, **link}
        _namespace(namespace)
    behind: dict[tuple[Any, Any], Any] = {}
    for pair in new["podnet_veth"]["pairs"]:
        _pair(pair, links)
        behind.update({(end["netns"], end["ifindex"]): pair["pod"] for end in pair["ends"]})
    for bridge in new["podnet_bridge"]["bridges"]:
        for port in _name_pods(bridge["ports"]):
            _leave_out(port, {**PORT, "pod": behind.get((bridge["netns"], port["ifindex"]))})
            port.pop("peer", None)
        _name_pods(bridge.get("fdb", ()))
    del new["podnet_pod_cidr"]["addresses_in_use"]
    for lease in _name_pods(new["podnet_pod_cidr"]["leases"]):
        usual = f"/var/lib/cni/networks/{lease['network']}/{lease['address']}"
        _leave_out(lease, {"ifname": "eth0", "path": usual})
    for service in new.get("podnet_service", {}).get("services", ()):
        _name_pods(service["backends"])
    return new


def _leave_out(entry: Facts, usual: Facts) -> None:
    for key, value in usual.items():
        if key in entry and entry[key] == value:
            del entry[key]


def _name_pods(entries: Any) -> list[Facts]:
    for entry in entries:
        pod = entry.get("pod")
        if pod is not None:
            entry["pod"] = f"{pod['namespace'] or ''}/{pod['name']}" if pod["name"] else pod.get("uid")
    return list(entries)


def _namespace(namespace: Facts) -> None:
    usual: Facts = {"errors": [], "paths": [f"/run/netns/{name}" for name in namespace["names"]]}
    if "processes" in namespace:
        usual["process_count"] = len(namespace["processes"])
    _leave_out(namespace, usual)
    for owner in (namespace["owner"], *namespace.get("host_network_pods", ())):
        if owner is not None:
            sources = owner.pop("sources")
            owner["source"] = sources[0]["source"] if sources else None
            _leave_out(owner, {"runtime": None, "contradictions": []})
    listed = {pid for container in _name_pods(namespace.get("containers", ())) for pid in container["pids"]}
    for process in namespace.get("processes", ()):
        for key in ("container_id", "container_name", *(["pid_namespace"] if process["pid"] in listed else [])):
            process.pop(key, None)
    for link in namespace["interfaces"]:
        _interface(link)


def _interface(link: Facts) -> None:
    shown = link["addr_info"]
    link["addresses"] = [f"{one['local'] or one['address']}/{one['prefixlen']}" for one in shown]
    if "link_type" not in link:
        if "linkinfo" not in link:
            link["link_type"] = "loopback"
        elif link["linkinfo"]["info_kind"] == "veth":
            del link["linkinfo"]
        if all(len(one) == len(("family", "local", "prefixlen", "scope")) and _is_plain(one) for one in shown):
            del link["addr_info"]
    _leave_out(link, {"operstate": "UP", "addresses": []})
    for key in ("peer", "peer_resolution", "peer_reason"):
        link.pop(key, None)


def _is_plain(address: Facts) -> bool:
    return address["local"] is not None and address["scope"] == "global"


def _pair(pair: Facts, links: dict[tuple[int, int], Facts]) -> None:
    _name_pods([pair])
    pair["bridge"] = pair["bridge"]["ifname"] if pair["bridge"] else None
    _leave_out(pair, {"resolution": "exact", "reason": None})
    for end in pair["ends"]:
        link = links.get((end["netns"], end["ifindex"]), {})
        for key in ("netns_name", "address", "mtu", "operstate", "master"):
            _leave_out(end, {key: link.get(key)})
