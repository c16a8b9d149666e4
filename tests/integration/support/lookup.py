# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finding things in facts by what a test knows about them; each fails the test when there is not exactly one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Facts = dict[str, Any]


def _one(found: Iterable[Facts], what: str, among: object) -> Facts:
    listed = list(found)
    assert len(listed) == 1, f"{len(listed)} entries for {what}, one expected; there are: {among}"
    return listed[0]


def namespace(facts: Facts, inode: int) -> Facts:
    """The entry of ``podnet_netns.namespaces`` with this inode."""
    entries = facts["podnet_netns"]["namespaces"]
    return _one((e for e in entries if e["inode"] == inode), f"netns {inode}", [e["inode"] for e in entries])


def host(facts: Facts) -> Facts:
    """The node's own namespace."""
    entries = facts["podnet_netns"]["namespaces"]
    return _one((e for e in entries if e["kind"] == "host"), "kind host", [e["kind"] for e in entries])


def paths(entry: Facts) -> list[str]:
    """Where a namespace is mounted; what the facts leave out follows from its names."""
    return list(entry.get("paths", [f"/run/netns/{name}" for name in entry["names"]]))


def interface(entry: Facts, ifname: str) -> Facts:
    """One interface of a namespace entry."""
    names = [i["ifname"] for i in entry["interfaces"]]
    return _one((i for i in entry["interfaces"] if i["ifname"] == ifname), f"interface {ifname!r}", names)


def pair(facts: Facts, netns: int, ifname: str) -> Facts:
    """The entry of ``podnet_veth.pairs`` of which one end is this interface."""
    pairs = facts["podnet_veth"]["pairs"]
    wanted = (netns, ifname)
    found = [p for p in pairs if wanted in [(end["netns"], end["ifname"]) for end in p["ends"]]]
    return _one(found, f"pair of {wanted}", [[(e["netns"], e["ifname"]) for e in p["ends"]] for p in pairs])


def far_end(facts: Facts, netns: int, ifname: str) -> Facts:
    """The other end of the pair that this interface is an end of."""
    ends = pair(facts, netns, ifname)["ends"]
    return _one((end for end in ends if (end["netns"], end["ifname"]) != (netns, ifname)), "far end", ends)


def bridge(facts: Facts, ifname: str, netns: int) -> Facts:
    """One bridge of ``podnet_bridge.bridges``."""
    bridges = facts["podnet_bridge"]["bridges"]
    found = (b for b in bridges if (b["ifname"], b["netns"]) == (ifname, netns))
    return _one(found, f"bridge {ifname}", [(b["ifname"], b["netns"]) for b in bridges])


def lease(facts: Facts, address: str) -> Facts:
    """One lease of ``podnet_pod_cidr.leases``."""
    leases = facts["podnet_pod_cidr"]["leases"]
    return _one((e for e in leases if e["address"] == address), f"lease {address}", leases)


def pod_name(pod: Facts | str | None) -> tuple[str, str] | None:
    """A pod as (namespace, name), from an owner or from what refers to it, or None."""
    if isinstance(pod, str):
        namespace, _slash, name = pod.partition("/")
        return (namespace, name)
    return None if pod is None else (pod["namespace"], pod["name"])
