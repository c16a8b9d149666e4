# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the lab notes on a node: ``/run/podnet-lab/<lab>/``.

``pods/<sandbox id>.json``
    One pod: whose it is, its namespace's name, its processes. Written before the first thing of the
    pod is made, so that a run that was cut off is recognised; `pid` is null until then.
``routes.json``
    Static routes that the lab made: ``{"routes": [{"dst": "10.244.1.0/24", "gateway": "10.89.0.12"}]}``.
``node.json``
    What the lab changed of the node itself and how it was before:
    ``{"sysctl": {"net.ipv4.ip_forward": "0"}, "made": ["/var/lib/cni/networks", "/var/lib/cni/networks/lab0"]}``.
``ranges.json``
    The ranges of cluster and node, for ``podnet.lab.pod_cidr_facts``:
    ``{"cluster_cidr": "10.244.0.0/16", "pod_cidr": "10.244.0.0/24"}``.
``tables.json``
    Tables of nftables that the lab loaded, by family and name; ``print`` is a digest of what nft then printed:
    ``{"ip podnet_lab0_services": {"lines": ["table ip podnet_lab0_services {", ...], "print": "9f31..."}}``.

``announced.json``
    Addresses of load balancers that this node has, and whether its neighbours were told:
    ``{"schema_version": 1, "addresses": [{"address": "10.89.0.241", "dev": "eth0", "told": true}]}``.
``bgp.json``
    Routes that the lab's BIRD is to learn from the other nodes, as in ``routes.json``.
``bird.conf``, ``bird.ctl``, ``bird.pid``
    Its configuration, its socket and its PID (``bgp``).
``wireguard.key``
    The node's private key for WireGuard, which root alone can read (``wireguard_key``).

``podnet-web-DIGEST.py``
    The program of containers that serve.
``names-DIGEST.dnsmasq``
    The configuration of the container that answers for names.

``nginx.conf``, ``nginx.loaded``, ``nginx.pid``, ``nginx/``
    The configuration of the lab's ingress, a digest of what nginx has loaded, its PID and its temporary files
    (``ingress``).
``ingress.pem``
    Its key and certificate, which root alone can read.

/run is empty after a reboot, as are namespaces, links, routes and rules.
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Optional, TypedDict

from .._files.reader import Files
from .names import STATE_DIR
from .processes import Process

SCHEMA_VERSION = 1
_MAX_TABLES = 16 * 1024 * 1024
"""Bytes of tables.json: a Service with a hundred backends takes some 40 kB."""


class ContainerState(TypedDict):
    """A container of a pod. `command` is what was started, to see later whether it changed."""

    name: str
    id: str
    pid: int
    starttime: int
    command: List[str]
    resolv_conf: Optional[str]
    """The file that it has over its own, or None."""


class PodState(TypedDict):
    """A pod that the lab has on this node. `pid` and `starttime` are the sandbox's, or None."""

    schema_version: int
    lab: str
    namespace: str
    name: str
    uid: str
    sandbox_id: str
    netns: Optional[str]
    labels: Dict[str, str]
    pid: Optional[int]
    starttime: Optional[int]
    containers: List[ContainerState]


class AnnouncedState(TypedDict):
    """An address of a load balancer that is to be on this node."""

    address: str
    dev: str
    told: bool
    """Whether the neighbours were told."""


class TableState(TypedDict):
    """A table of nftables that the lab loaded."""

    lines: List[str]
    """What was loaded."""
    print: str
    """A digest of what nft printed of it then."""


class NodeState(TypedDict):
    """What the lab changed of the node."""

    sysctl: Dict[str, str]
    """Earlier values."""
    made: List[str]
    """Files and directories outside the state directory that were not there before."""


class Store:
    """The state directory of one lab on this node. Unusable files count as absent."""

    def __init__(self, lab: str, root: str = STATE_DIR) -> None:
        self.root = root
        self.path = "%s/%s" % (root, lab)
        self._files = Files()

    def other_labs(self) -> List[str]:
        """Return the names of the other labs on this node, sorted."""
        own = os.path.basename(self.path)
        return [name for name in self._files.names(self.root) if name != own]

    def files(self) -> List[str]:
        """Return every path that exists of the lab's state, sorted."""
        found: List[str] = []
        for directory, names, files in os.walk(self.path):
            found += [directory] + [os.path.join(directory, name) for name in files]
            names.sort()
        return sorted(found)

    def pods(self) -> Dict[str, PodState]:
        """Return the pods by sandbox id."""
        found: Dict[str, PodState] = {}
        directory = self.path + "/pods"
        for name in self._files.names(directory):
            value = self._files.json("%s/%s" % (directory, name)) if name.endswith(".json") else None
            pod = pod_from(value)
            if pod is not None and pod["sandbox_id"] + ".json" == name:
                found[pod["sandbox_id"]] = pod
        return found

    def write_pod(self, pod: PodState) -> None:
        """Write a pod's file."""
        self._write("pods/%s.json" % pod["sandbox_id"], pod)

    def remove_pod(self, sandbox_id: str) -> None:
        """Remove a pod's file."""
        self._remove("pods/%s.json" % sandbox_id)

    def routes(self) -> List[Dict[str, str]]:
        """Return the routes that the lab made."""
        return self._routes_in("routes.json")

    def bgp_routes(self) -> List[Dict[str, str]]:
        """Return the routes that the lab's BIRD is to learn."""
        return self._routes_in("bgp.json")

    def _routes_in(self, name: str) -> List[Dict[str, str]]:
        value = self._files.json("%s/%s" % (self.path, name))
        entries = value.get("routes") if isinstance(value, dict) else None
        return [
            {"dst": entry["dst"], "gateway": entry["gateway"]}
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("dst"), str) and isinstance(entry.get("gateway"), str)
        ]

    def write_routes(self, routes: List[Dict[str, str]]) -> None:
        """Note the routes that the lab made; none removes the file."""
        self._write_routes_in("routes.json", routes)

    def write_bgp_routes(self, routes: List[Dict[str, str]]) -> None:
        """Note the routes that the lab's BIRD is to learn; none removes the file."""
        self._write_routes_in("bgp.json", routes)

    def _write_routes_in(self, name: str, routes: List[Dict[str, str]]) -> None:
        if routes:
            self._write(name, {"schema_version": SCHEMA_VERSION, "routes": routes})
        else:
            self._remove(name)

    def announced(self) -> List[AnnouncedState]:
        """Return the addresses of load balancers that this node has, or that a run was about to add."""
        value = self._files.json(self.path + "/announced.json")
        entries = value.get("addresses") if isinstance(value, dict) else None
        return [
            {"address": entry["address"], "dev": entry["dev"], "told": entry.get("told") is True}
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict) and isinstance(entry.get("address"), str) and isinstance(entry.get("dev"), str)
        ]

    def write_announced(self, addresses: List[AnnouncedState]) -> None:
        """Note the addresses of load balancers that this node has; none removes the file."""
        if addresses:
            self._write("announced.json", {"schema_version": SCHEMA_VERSION, "addresses": addresses})
        else:
            self._remove("announced.json")

    def text(self, name: str) -> Optional[str]:
        """Return the text of a file, or None when there is none."""
        return self._files.text("%s/%s" % (self.path, name))

    def keep(self, name: str, text: str) -> None:
        """Have a file with this text."""
        if self.text(name) != text:
            self._put(name, text)

    def forget(self, name: str) -> None:
        """Have no such file."""
        self._remove(name)

    def node(self) -> NodeState:
        """Return what the lab changed of the node."""
        value = self._files.json(self.path + "/node.json")
        value = value if isinstance(value, dict) else {}
        sysctl, made = value.get("sysctl"), value.get("made")
        return {
            "sysctl": {str(key): str(old) for key, old in sysctl.items()} if isinstance(sysctl, dict) else {},
            "made": [str(item) for item in made] if isinstance(made, list) else [],
        }

    def write_node(self, node: NodeState) -> None:
        """Note what the lab changed of the node; nothing removes the file."""
        if node["sysctl"] or node["made"]:
            self._write("node.json", {"schema_version": SCHEMA_VERSION, **node})
        else:
            self._remove("node.json")

    def heir(self) -> Optional[Store]:
        """Return another lab on this node that is in use, to be told what this one leaves behind."""
        for name in self.other_labs():
            other = Store(name, self.root)
            if other.pods() or other.ranges():
                return other
        return None

    def ranges(self) -> Dict[str, str]:
        """Return the ranges of cluster and node as noted."""
        value = self._files.json(self.path + "/ranges.json")
        return {str(key): str(text) for key, text in value.items()} if isinstance(value, dict) else {}

    def write_ranges(self, ranges: Dict[str, str]) -> None:
        """Note the ranges of cluster and node; none removes the file."""
        if ranges:
            self._write("ranges.json", ranges)
        else:
            self._remove("ranges.json")

    def tables(self) -> Dict[str, TableState]:
        """Return the tables of nftables that were loaded, by family and name."""
        value = self._files.json(self.path + "/tables.json", _MAX_TABLES)
        found: Dict[str, TableState] = {}
        for key, entry in value.items() if isinstance(value, dict) else ():
            lines, digest = (entry.get("lines"), entry.get("print")) if isinstance(entry, dict) else (None, None)
            if isinstance(lines, list) and isinstance(digest, str):
                found[key] = {"lines": [str(line) for line in lines], "print": digest}
        return found

    def write_table(self, key: str, table: Optional[TableState]) -> None:
        """Note a table that was loaded; None forgets it, and the last one takes the file along."""
        tables = {name: entry for name, entry in self.tables().items() if name != key}
        if table is not None:
            tables[key] = table
        if tables:
            self._write("tables.json", tables)
        else:
            self._remove("tables.json")

    def kept(self, suffix: str) -> Optional[str]:
        """Return the text of the one file that ends in `suffix`; None when there is none."""
        name = next((name for name in self._files.names(self.path) if name.endswith(suffix)), None)
        return None if name is None else self._files.text("%s/%s" % (self.path, name))

    def keep_one(self, suffix: str, name: str, text: Optional[str]) -> None:
        """Have `text` in the file `name`, and no other file that ends in `suffix`; None: none at all."""
        for other in self._files.names(self.path):
            if other.endswith(suffix) and (other != name or text is None):
                self._remove(other)
        if text is not None and self._files.text("%s/%s" % (self.path, name)) != text:
            self._put(name, text)

    def _write(self, name: str, value: Any) -> None:
        self._put(name, json.dumps(value, sort_keys=True))

    def _put(self, name: str, text: str) -> None:
        path = "%s/%s" % (self.path, name)
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        temporary = path + ".new"
        with open(temporary, "w", encoding="utf-8") as handle:
            handle.write(text)
        os.rename(temporary, path)

    def _remove(self, name: str) -> None:
        for path in ("%s/%s" % (self.path, name), "%s/%s.new" % (self.path, name)):
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
        self.tidy()

    def tidy(self) -> None:
        """Remove the state directories that are empty."""
        for directory in (self.path + "/pods", self.path, self.root):
            try:
                os.rmdir(directory)
            except OSError:
                pass


def pod_from(value: Any) -> Optional[PodState]:
    """Return a pod's record from the JSON of its file, or None when it is not one."""
    if not isinstance(value, dict) or value.get("schema_version") != SCHEMA_VERSION:
        return None
    texts = [value.get(key) for key in ("lab", "namespace", "name", "uid", "sandbox_id")]
    if not all(isinstance(item, str) and item for item in texts):
        return None
    labels = value.get("labels")
    listed = value.get("containers")
    containers: List[ContainerState] = []
    for entry in listed if isinstance(listed, list) else ():
        try:
            containers.append(
                {
                    "name": str(entry["name"]),
                    "id": str(entry["id"]),
                    "pid": int(entry["pid"]),
                    "starttime": int(entry["starttime"]),
                    "command": [str(word) for word in entry["command"]],
                    "resolv_conf": entry["resolv_conf"] if isinstance(entry.get("resolv_conf"), str) else None,
                }
            )
        except (KeyError, TypeError, ValueError):
            continue
    pid, starttime = value.get("pid"), value.get("starttime")
    known = isinstance(pid, int) and isinstance(starttime, int)
    return {
        "schema_version": SCHEMA_VERSION,
        "lab": value["lab"],
        "namespace": value["namespace"],
        "name": value["name"],
        "uid": value["uid"],
        "sandbox_id": value["sandbox_id"],
        "netns": value["netns"] if isinstance(value.get("netns"), str) else None,
        "labels": {str(key): str(label) for key, label in labels.items()} if isinstance(labels, dict) else {},
        "pid": pid if known else None,
        "starttime": starttime if known else None,
        "containers": containers,
    }


def sandbox_process(pod: PodState) -> Optional[Process]:
    """Return the sandbox's process as noted, alive or not."""
    if pod["pid"] is None or pod["starttime"] is None:
        return None
    return Process(pod["pid"], pod["starttime"])


def container_process(container: ContainerState) -> Process:
    """Return a container's process as noted, alive or not."""
    return Process(container["pid"], container["starttime"])
