# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""What the views of the four fact keys share: how namespaces are ordered and named, how pods are shown."""

from __future__ import annotations

import socket
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from .._pods.identity import Identity
from .iproute2 import family, scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import (
        Address,
        Error,
        Link,
        Namespace,
        Snapshot,
    )

SCHEMA_VERSION = 2
"""Version of the facts. It changes when a key is removed or changes its meaning, not when one is added."""

Facts = Dict[str, Any]

_NAME_DIRECTORIES = ("/run/netns/", "/run/docker/netns/")
_KINDS = ("host", "pod", "lab", "container", "named", "process", "hidden")
# Address flags of linux/if_addr.h as ip/ipaddress.c prints them; 0x01 has a name for each family.
_ADDRESS_FLAGS = (
    (0x02, "nodad"), (0x04, "optimistic"), (0x08, "dadfailed"), (0x20, "deprecated"), (0x40, "tentative"),
    (0x100, "mngtmpaddr"), (0x200, "noprefixroute"),
)  # fmt: skip
_SECONDARY = 0x01
_PERMANENT = 0x80
_TROUBLE = 0x08 | 0x40
_SCOPE_LINK = 253
_PLAIN = len(("family", "local", "prefixlen", "scope"))


class Node(NamedTuple):
    """All that the views are made of: what was read, whose it is, what is wanted."""

    snapshot: Snapshot
    identities: Dict[int, Identity]
    subsets: FrozenSet[str]
    errors: List[Error]
    """What could not be read beside the snapshot."""

    def ordered(self) -> List[Namespace]:
        """Return the namespaces in the order of the facts: the node's own, then by kind and name."""
        return sorted(self.snapshot["namespaces"].values(), key=self._order)

    def _order(self, namespace: Namespace) -> Tuple[Any, ...]:
        identity = self.identities[namespace["inode"]]
        owner = identity.owner
        pod = (owner["namespace"] or "", owner["name"] or "") if owner else ("", "")
        return (_KINDS.index(identity.kind), pod, names_of(namespace), namespace["inode"])

    def netns_name(self, inode: int) -> Optional[str]:
        """Return the first name of a namespace, or None when it has none."""
        namespace = self.snapshot["namespaces"].get(inode)
        names = names_of(namespace) if namespace else []
        return names[0] if names else None

    def pod(self, inode: Optional[int]) -> Optional[str]:
        """Return the pod that owns a namespace, as other facts refer to it."""
        identity = self.identities.get(inode) if inode is not None else None
        return pod_reference(identity.owner) if identity is not None else None

    def all_errors(self) -> List[Error]:
        """Return every error of the pass, those of single namespaces included."""
        errors = list(self.snapshot["errors"]) + self.errors
        for namespace in self.ordered():
            errors += namespace_errors(namespace)
        return errors


def pod_reference(owner: Optional[Mapping[str, Any]]) -> Optional[str]:
    """Return ``namespace/name`` of a pod, its uid when the name is unknown, None when both are.

    A namespace that is unknown is empty: neither it nor a name has a slash in it, and a uid has none.
    """
    if owner is None:
        return None
    name = owner.get("name")
    return "%s/%s" % (owner.get("namespace") or "", name) if name else owner.get("uid") or None


def without(facts: Facts, usual: Mapping[str, Any]) -> Facts:
    """Return `facts` without what is as `usual`: a key that is absent has the default that is documented of it."""
    return {key: value for key, value in facts.items() if key not in usual or usual[key] != value}


def namespace_errors(namespace: Namespace) -> List[Error]:
    """Return the errors of one namespace; that it vanished is one."""
    errors = list(namespace["errors"])
    if namespace["vanished"] and not errors:
        errors.append(
            {
                "object": "network namespace %d" % namespace["inode"],
                "cause": "It vanished while it was read.",
                "remedy": "Gather again if it matters.",
            }
        )
    return errors


def names_of(namespace: Namespace) -> List[str]:
    """Return the names that ``ip netns`` and docker know a namespace by, sorted."""
    return sorted(
        path[len(directory) :]
        for path in namespace["paths"]
        for directory in _NAME_DIRECTORIES
        if path.startswith(directory) and "/" not in path[len(directory) :]
    )


def envelope(errors: List[Error], partial: bool) -> Facts:
    """Return the head that every fact key has."""
    return {"schema_version": SCHEMA_VERSION, "partial": partial or bool(errors), "errors": errors}


def names_by_index(namespace: Namespace) -> Dict[int, str]:
    """Return ifindex -> ifname."""
    return {link["ifindex"]: link["ifname"] for link in namespace.get("links", ())}


def addresses_by_index(namespace: Namespace) -> Dict[int, List[Address]]:
    """Return ifindex -> addresses."""
    found: Dict[int, List[Address]] = {}
    for address in namespace.get("addresses", ()):
        found.setdefault(address["ifindex"], []).append(address)
    return found


def prefixes(shown: List[Facts]) -> List[str]:
    """Return the addresses of an ``addr_info`` as ``address/length``; of a link with none of its own, its peer's."""
    return ["%s/%d" % (one["local"] or one.get("address"), one["prefixlen"]) for one in shown]


def has_more_to_say(shown: List[Facts]) -> bool:
    """Tell whether an ``addr_info`` says more than global addresses that stay: a flag, another scope, a peer."""
    return any(len(one) > _PLAIN or one["scope"] != "global" or one["local"] is None for one in shown)


def addr_info(addresses: List[Address], complete: bool) -> List[Facts]:
    """Return addresses as ``ip -j addr`` names them.

    Not `complete`: without link-local ones of IPv6, unless duplicate address detection is at work
    on one, and without broadcast and label.
    """
    result: List[Facts] = []
    for address in addresses:
        flags = address.get("flags", 0)
        six = address["family"] == socket.AF_INET6
        if six and address["scope"] == _SCOPE_LINK and not complete and not flags & _TROUBLE:
            continue
        entry: Facts = {"family": family(address["family"]), "local": address.get("local")}
        if "address" in address:
            entry["address"] = address["address"]
        entry["prefixlen"] = address["prefixlen"]
        if complete and "broadcast" in address:
            entry["broadcast"] = address["broadcast"]
        entry["scope"] = scope(address["scope"])
        if not flags & _PERMANENT:
            entry["dynamic"] = True
        if flags & _SECONDARY:
            entry["temporary" if six else "secondary"] = True
        entry.update((name, True) for bit, name in _ADDRESS_FLAGS if flags & bit)
        if complete and "label" in address:
            entry["label"] = address["label"]
        result.append(entry)
    return result


def is_port_of(link: Link, bridge: Link) -> bool:
    """Tell whether a link of the same namespace is a port of the bridge."""
    return link.get("master") == bridge["ifindex"] and link["ifindex"] != bridge["ifindex"]
