# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The view ``podnet_veth``: every cable, both of its ends, and the pod and the bridge that it joins."""

from __future__ import annotations

from typing import Dict, Iterable, List, Optional, Set, Tuple

from .views import Facts, Node, envelope, names_by_index, without

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Link

_End = Tuple[int, int]
"""Inode and ifindex."""

USUAL_PAIR: Facts = {"resolution": "exact", "reason": None}


def veth_facts(node: Node) -> Facts:
    """Return the value of ``podnet_veth``."""
    facts = envelope(node.all_errors(), node.snapshot["partial"])
    facts["pairs"] = _pairs(node)
    return facts


def _pairs(node: Node) -> List[Facts]:
    """Return each pair once, in the order of its first end; the node's own end comes first."""
    links: Dict[_End, Link] = {}
    for namespace in node.snapshot["namespaces"].values():
        for link in namespace.get("links", ()):
            links[(namespace["inode"], link["ifindex"])] = link
    names = {inode: names_by_index(namespace) for inode, namespace in node.snapshot["namespaces"].items()}
    told: Set[_End] = set()
    pairs: List[Facts] = []
    for namespace in node.ordered():
        inode = namespace["inode"]
        for ifindex, peer in sorted(namespace.get("peers", {}).items()):
            if (inode, ifindex) in told or (inode, ifindex) not in links:
                continue
            far = (peer["end"]["netns"], peer["end"]["ifindex"]) if peer["end"] is not None else None
            told.update(end for end in ((inode, ifindex), far) if end is not None)
            near_end = _end(node, (inode, ifindex), links[(inode, ifindex)], names)
            if peer["end"] is not None and far is not None:
                far_end = _end(node, far, links.get(far), names)
                far_end["ifname"] = peer["end"]["ifname"]
            else:
                far_end = _unknown_end(node, links[(inode, ifindex)])
            pair: Facts = {
                "ends": [near_end, far_end],
                "pod": _first(node.pod(end[0]) for end in (far, (inode, ifindex)) if end is not None),
                "bridge": _first(_bridge(end, links) for end in ((inode, ifindex), far) if end is not None),
                "resolution": peer["resolution"],
                "reason": peer["reason"],
            }
            pairs.append(without(pair, USUAL_PAIR))
    return pairs


def _first(found: Iterable[Optional[str]]) -> Optional[str]:
    return next((item for item in found if item is not None), None)


def _end(node: Node, end: _End, link: Optional[Link], names: Dict[int, Dict[int, str]]) -> Facts:
    """Return one end. What its namespace and its interface say of it belongs to the subset ``ends``."""
    inode, ifindex = end
    facts: Facts = {"netns": inode, "ifname": link["ifname"] if link is not None else None, "ifindex": ifindex}
    if "ends" in node.subsets:
        facts["netns_name"] = node.netns_name(inode)
        facts["address"] = link.get("address") if link is not None else None
        facts["mtu"] = link.get("mtu") if link is not None else None
        facts["operstate"] = link.get("operstate") if link is not None else None
        master = link.get("master") if link is not None else None
        facts["master"] = names[inode].get(master, "if%d" % master) if master is not None else None
    return facts


def _unknown_end(node: Node, link: Link) -> Facts:
    """Return what the near end says of a far end that was not found."""
    facts: Facts = {"netns": None, "ifname": None, "ifindex": link.get("link"), "nsid": link.get("link_netnsid")}
    if "ends" in node.subsets:
        facts["netns_name"] = None
    return facts


def _bridge(end: _End, links: Dict[_End, Link]) -> Optional[str]:
    """Return the name of the bridge that an end is a port of."""
    master = links.get((end[0], links[end].get("master", 0))) if end in links else None
    if master is None or master.get("info_kind") != "bridge":
        return None
    return master["ifname"]
