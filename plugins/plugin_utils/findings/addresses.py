# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses that a pod shares with something that is no pod.

Pods that share one are said by ``address-shared-by-pods`` and ``range-duplicate``, nodes by
``address-shared-by-nodes``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ..model import ranges
from ..model.index import NodeView
from ..model.records import Finding, Model, Namespace
from ..text import commands, words
from .nodes import VIRTUAL, cut


def address_of_pod_and_node(model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Addresses of pods that their own node has too, or another one on the interfaces that lead out.

    What other nodes have on bridges and dummies is theirs alone: docker0 is the same everywhere.
    """
    everywhere: dict[str, tuple[str, str]] = {}
    for node in model["nodes"]:
        own = views[node["host"]].own_namespace
        kinds = {} if own is None else {one["ifname"]: one["kind"] for one in own["interfaces"]}
        for address in node["addresses"]:
            if kinds.get(address["ifname"]) not in (*VIRTUAL, "veth") and ranges.is_specific(address["local"]):
                everywhere.setdefault(address["local"], (node["host"], address["ifname"]))
    for host, view in views.items():
        own = view.own_namespace
        here = {
            address["local"]: (host, interface["ifname"])
            for interface in (own["interfaces"] if own is not None else ())
            for address in interface["addr_info"]
            if ranges.is_specific(address["local"])
        }
        for pod in view.pods:
            for address in pod["addresses"]:
                place = here.get(address["local"]) or everywhere.get(address["local"])
                namespace = view.namespaces.get(pod["netns"])
                if place is None or namespace is None:
                    continue
                name = words.pod_name(pod)
                yield {
                    "kind": "address-of-pod-and-node",
                    "severity": "fault",
                    "hosts": list(dict.fromkeys((host, place[0]))),
                    "object": address["local"],
                    "message": f"{name} and {place[1]} of {place[0]} have the same address {address['local']}",
                    "evidence": [
                        f"{host}: {name} has {words.address(address)} on {address['ifname']}",
                        f"{place[0]}: {place[1]} has {address['local']}",
                    ],
                    "remedy": "Delete the pod to have it made anew; if the address is a gateway's or a node's by "
                    "right, leave it out of the range that pods get",
                    "command": commands.addresses(namespace),
                }


def address_twice_on_bridge(_model: Model, views: Mapping[str, NodeView]) -> Iterator[Finding]:
    """Addresses that two namespaces behind one bridge have, one of which is no pod: both answer ARP.

    A namespace that outlived its pod does so until it is deleted.
    """
    for host, view in views.items():
        strange = {
            (cable["bridge"]["netns"], cable["bridge"]["ifname"])
            for cable in view.cables
            if cable["bridge"] is not None and cable["pod"] is None
        }
        holders: dict[tuple[int, str, str], dict[int, Namespace]] = defaultdict(dict)
        for cable in view.cables:
            bridge = cable["bridge"]
            if bridge is None or (bridge["netns"], bridge["ifname"]) not in strange or cable["resolution"] != "exact":
                continue
            for end in cable["ends"]:
                namespace = view.namespaces.get(end["netns"] or 0)
                interface = view.interface(end) if end["netns"] != bridge["netns"] else None
                if namespace is None or interface is None:
                    continue
                for address in interface["addr_info"]:
                    if ranges.is_specific(address["local"]):
                        holders[bridge["netns"], bridge["ifname"], address["local"]][namespace["inode"]] = namespace
        for (_netns, ifname, local), namespaces in sorted(holders.items()):
            sides = list(namespaces.values())
            if len(sides) < 2 or all(one["pod"] is not None for one in sides):
                continue
            names = [words.namespace_name(one) for one in sides]
            paths = [path for one in sides if one["pod"] is None for path in one["paths"]]
            yield {
                "kind": "address-twice-on-bridge",
                "severity": "fault",
                "hosts": [host],
                "object": local,
                "message": f"{words.listed(names)} behind {ifname} have the same address {local}, and answer for it",
                "evidence": cut([f"{name} has {local}" for name in names]),
                "remedy": "Delete the namespace that nobody needs (ip netns delete, or umount)"
                + (f": {words.listed(paths)}" if paths else ", or the pod, to have it made anew"),
                "command": commands.addresses(sides[0]),
            }


ALL = (address_of_pod_and_node, address_twice_on_bridge)
