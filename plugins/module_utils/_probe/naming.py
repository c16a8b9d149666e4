# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Which namespace a pod or a container of this node is in, by the same sources as the facts."""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Tuple

from .._files.reader import Files
from .._kernel.snapshot import take_snapshot
from .._pods.identity import Identity, identify, read_evidence

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Snapshot

CONTAINER = "container:"
"""Before the name or the id of a container."""
SHORT_ID = 12
"""So many digits of a container's id docker and podman show, and take for it."""


class NamedPlace(NamedTuple):
    """A network namespace that has a name."""

    inode: int
    addresses: Tuple[str, ...]
    """Those of global scope."""


def is_name(where: str) -> bool:
    """Tell whether `where` is written like the name of a pod or a container, as no address and no host name is."""
    return "/" in where or where.startswith(CONTAINER)


def read_names() -> Dict[str, List[NamedPlace]]:
    """Return the namespaces of this node's pods and containers by what they are called."""
    evidence = read_evidence(Files())
    snapshot = take_snapshot(("addresses", "processes"))
    return names_of(snapshot, identify(evidence, snapshot))


def names_of(snapshot: Snapshot, identities: Dict[int, Identity]) -> Dict[str, List[NamedPlace]]:
    """Return namespaces by ``default/pod1`` and by ``container:web``; several where a name is not the only one."""
    found: Dict[str, List[NamedPlace]] = {}
    for inode, identity in identities.items():
        addresses = tuple(
            one["local"]
            for one in snapshot["namespaces"][inode].get("addresses", [])
            if "local" in one and one["scope"] == 0
        )
        for name in sorted(set(_names(identity))):
            found.setdefault(name, []).append(NamedPlace(inode, addresses))
    return found


def _names(identity: Identity) -> Iterator[str]:
    for owner in [identity.owner] if identity.owner is not None else identity.host_network_pods:
        yield "%s/%s" % (owner["namespace"], owner["name"])
    for container_id, name in identity.containers.values():
        if container_id is not None:
            yield CONTAINER + container_id
            yield CONTAINER + container_id[:SHORT_ID]
        if name is not None:
            yield CONTAINER + name
