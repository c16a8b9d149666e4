# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

r"""Leases of the CNI plugin host-local, and what became of the sandboxes that hold them.

One file per address, ``<dataDir>/<network>/<address>`` (containernetworking/plugins,
``plugins/ipam/host-local/backend/disk/backend.go``)::

    /var/lib/cni/networks/cbr0/10.244.1.7
    3f1c…9a\r\neth0

The separator is CRLF on Linux too; plugins before 0.8 wrote the container id alone. The files
``lock`` and ``last_reserved_ip.<range>`` beside the leases are host-local's own book-keeping.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Mapping, Optional, Set, Tuple, TypedDict

from .._files.reader import Files
from .records import ip_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Snapshot

DATA_DIR = "/var/lib/cni/networks"
"""host-local's default ``dataDir``."""

_MAX_BYTES = 4096
_SETTLE_SECONDS = 2.0
"""A lease is written before the address is set: one this young may belong to a pod in the making."""


class Lease(TypedDict):
    """One lease file. `container_id` is None in an empty file, `ifname` None in an old one."""

    address: str
    network: str
    container_id: Optional[str]
    ifname: Optional[str]
    path: str
    mtime: Optional[float]


def parse_lease(text: str) -> Tuple[Optional[str], Optional[str]]:
    r"""Return container id and interface name of a lease file's text, None for what is missing.

    >>> parse_lease("3f1c\r\neth0")
    ('3f1c', 'eth0')
    """
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n") if line.strip()]
    return (lines[0] if lines else None, lines[1] if len(lines) > 1 else None)


def is_address(name: str) -> bool:
    """Tell whether a file name is the address of a lease."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return "%" not in name


def read_leases(files: Files, directories: Iterable[str] = (DATA_DIR,)) -> List[Lease]:
    """Read every lease below `directories`, sorted by path. Unreadable ones are in ``files.errors``."""
    leases: List[Lease] = []
    for directory in sorted(set(directories)):
        for network in files.names(directory):
            folder = directory + "/" + network
            if not files.is_directory(folder):
                continue
            for name in files.names(folder):
                path = folder + "/" + name
                text = files.text(path, _MAX_BYTES) if is_address(name) else None
                if text is not None:
                    container_id, ifname = parse_lease(text)
                    leases.append(
                        {
                            "address": name,
                            "network": network,
                            "container_id": container_id,
                            "ifname": ifname,
                            "path": path,
                            "mtime": files.modified(path),
                        }
                    )
    return leases


def pod_of(owner: Optional[Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """Return namespace and name of an owner, its uid too when it has no name, None when nothing is known."""
    if owner is None or not (owner.get("name") or owner.get("uid")):
        return None
    pod = {"namespace": owner.get("namespace"), "name": owner.get("name")}
    if not pod["name"]:
        pod["uid"] = owner.get("uid")
    return pod


def lease_facts(
    leases: Iterable[Lease], snapshot: Snapshot, owners: Mapping[int, Mapping[str, Any]], started: float
) -> List[Dict[str, Any]]:
    """Decide the state of each lease.

    `started` is the time (seconds since the epoch) when the snapshot was begun.

    ``empty``
        The file names no container: a leak.
    ``in_use``
        A sandbox with that id is alive, or a namespace other than the node's own has the address
        and does not belong to another sandbox.
    ``leaked``
        Neither is so, and every namespace that was found was read. (A sandbox's namespace is a mount, so it
        is found even where a process hides its own.)
    ``unknown``
        A namespace was not read, or the lease is so young that its sandbox may be in the making.
    """
    sandboxes: Dict[str, int] = {}
    for inode, owner in owners.items():
        if owner.get("sandbox_id") and inode in snapshot["namespaces"]:
            sandboxes[owner["sandbox_id"]] = inode
    holders: Dict[str, Set[int]] = {}
    complete = True
    for inode, namespace in snapshot["namespaces"].items():
        if not namespace["vanished"] and not (namespace["entered"] and "addresses" in namespace):
            complete = False
        if inode != snapshot["own"]:
            for address in namespace.get("addresses", ()):
                holders.setdefault(address.get("local", ""), set()).add(inode)

    def decide(lease: Lease) -> Tuple[str, Optional[int]]:
        container_id = lease["container_id"]
        if container_id is None:
            return "empty", None
        if container_id in sandboxes:
            return "in_use", sandboxes[container_id]
        for inode in sorted(holders.get(str(ip_address(lease["address"])), ())):
            if owners.get(inode, {}).get("sandbox_id") is None:
                return "in_use", inode
        young = lease["mtime"] is None or lease["mtime"] > started - _SETTLE_SECONDS
        return ("leaked" if complete and not young else "unknown"), None

    result: List[Dict[str, Any]] = []
    for lease in leases:
        state, holder = decide(lease)
        result.append(
            {
                "address": lease["address"],
                "network": lease["network"],
                "container_id": lease["container_id"],
                "ifname": lease["ifname"],
                "path": lease["path"],
                "state": state,
                "pod": pod_of(owners.get(holder)) if holder is not None else None,
            }
        )
    return result
