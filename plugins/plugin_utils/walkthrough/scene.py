# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who is on the stage of a walk: the pod that shows most, and what belongs to it."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import ranges
from ..model.index import by_node
from ..model.reading import Item, ShapeError
from ..model.records import Bridge, Cable, Container, Json, Model, Pod
from ..text import words
from .records import Scene

LOOPBACKS = ("127.0.0.1", "::1")


class SceneError(Exception):
    """There is nothing to walk through; the message says why and what to do."""


def chosen_pod(model: Model, hosts: Iterable[str] = (), wanted: str | None = None) -> Pod:
    """Return the pod that the walk is about.

    Of the pods with a network of their own on *hosts* (all when there are none) that is *wanted*, as in
    ``default/pod1``, else the one that shows most: a neighbour on its node and several containers.
    Raises SceneError.
    """
    among = set(hosts)
    pods = [one for one in model["pods"] if not one["host_network"] and (not among or one["host"] in among)]
    if wanted:
        named = [one for one in pods if words.pod_name(one) == wanted]
        if not named:
            known = words.listed(sorted({words.pod_name(one) for one in pods}), 6)
            raise SceneError(f"No pod is called {wanted}. There are: {known or 'no pods with a network of their own'}")
        return named[0]
    unread = [(node["host"], node["error"]) for node in model["nodes"] if node["error"] is not None]
    if not pods and unread:
        host, why = unread[0]
        raise SceneError(
            f"No pod with a network of its own was seen, and {words.counted(len(unread), 'node')} could not be read. "
            f"{host}: {why['cause']}. {why['remedy']}"
        )
    if not pods:
        raise SceneError(
            "No pod with a network of its own was seen on these nodes. Build the lab (podnet.lab.lab), or walk "
            "through other nodes with podnet_hosts"
        )

    def order(one: Pod) -> tuple[bool, bool, bool, int, str, str]:
        others = [other for other in pods if other is not one]
        return (
            one["namespace"] == "kube-system",
            not any(other["host"] == one["host"] for other in others),
            not one["cables"],
            -len(running(one)),
            one["namespace"],
            one["name"],
        )

    return min(pods, key=order)


def running(pod: Pod) -> list[Container]:
    """Return the containers of *pod* that have a process, without the sandbox, which runtimes count as one."""
    return [one for one in pod["containers"] if one["pids"] and one["id"] != pod["sandbox_id"]]


def sandbox_pid(pod: Pod) -> int | None:
    """Return the process of the pod's sandbox, when it has one."""
    pids = [pid for one in pod["containers"] if one["id"] == pod["sandbox_id"] for pid in one["pids"]]
    return min(pids, default=None)


def scene(model: Model, pod: Pod, documents: Iterable[Json] = ()) -> Scene:
    """Return the scene around *pod*; *documents* are the node files that the model was made from."""
    views = by_node(model)
    view = views[pod["host"]]
    others = [one for one in model["pods"] if not one["host_network"] and one["netns"] != pod["netns"]]
    cable = next((one for one in view.cables if pod["netns"] in [end["netns"] for end in one["ends"]]), None)
    return Scene(
        model=model,
        node=next(one for one in model["nodes"] if one["host"] == pod["host"]),
        namespaces=view.namespaces,
        pod=pod,
        inside=view.namespaces[pod["netns"]],
        containers=running(pod),
        cable=cable,
        bridge=_bridge(cable, view.bridges),
        beside=_companion(one for one in others if one["host"] == pod["host"]),
        far=_companion(one for one in model["pods"] if not one["host_network"] and one["host"] != pod["host"]),
        ranges=view.ranges,
        services=[one for one in model["services"] if pod["host"] in one["hosts"]],
        ports=_ports(documents),
    )


def _bridge(cable: Cable | None, bridges: list[Bridge]) -> Bridge | None:
    if cable is None or cable["bridge"] is None:
        return None
    named = (cable["bridge"]["ifname"], cable["bridge"]["netns"])
    return next((one for one in bridges if (one["ifname"], one["netns"]) == named), None)


def _companion(pods: Iterable[Pod]) -> Pod | None:
    """Return a pod to talk to: one with an address, rather a user's than the system's."""
    able = [one for one in pods if one["addresses"]]
    return min(able, key=lambda one: (one["namespace"] == "kube-system", one["namespace"], one["name"]), default=None)


def _ports(documents: Iterable[Json]) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = {}
    for document in documents:
        try:
            node = Item(document, "node")
            for namespace in node.item("podnet_netns").items("namespaces"):
                found[node.text("host"), namespace.number("inode")] = sorted(
                    {
                        one.number("port")
                        for one in namespace.items("sockets")
                        if one.text("protocol").startswith("tcp") and one.text("local") not in LOOPBACKS
                    }
                )
        except ShapeError:
            continue  # The report says what cannot be read of it.
    return found


def address(pod: Pod) -> str | None:
    """Return the address by which others reach *pod*, IPv4 rather than IPv6."""
    found = sorted((one["local"] for one in pod["addresses"]), key=ranges.order)
    return found[0] if found else None
