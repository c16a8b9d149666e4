# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the model to an inventory: each pod a host, with the groups it is in and what leads into it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple, TypedDict

from ..model import ranges
from ..model.index import by_node
from ..model.reading import Item
from ..model.records import Json, Model, Namespace, Pod
from .names import group_names, host_names

Labels = Mapping[tuple[str, str], Mapping[str, str]]
"""Labels by namespace and name of a pod."""


class Link(TypedDict):
    """An interface of a pod by which its namespace is known again."""

    ifname: str
    address: str


class ContainerProcess(TypedDict):
    """A container of a pod, and the first of its processes."""

    name: str | None
    pid: int


class PodVariable(TypedDict):
    """The host variable ``podnet_pod``, from which the connection knows the way in."""

    namespace: str
    name: str
    node: str
    netns: int
    doors: list[str]
    links: list[Link]
    containers: list[ContainerProcess]
    """Those that ran, the sandbox last: it has a namespace for files too, with next to nothing in it."""
    uid: str | None
    sandbox_id: str | None
    runtime: str | None
    host_network: bool


class PodHost(NamedTuple):
    """One host of the inventory."""

    name: str
    groups: list[str]
    pod: PodVariable
    addresses: list[str]
    labels: dict[str, str]


def pod_hosts(
    model: Model, labels: Labels, taken: Collection[str], prefix: str = "", host_network: bool = False
) -> list[PodHost]:
    """Return a host for each pod that has a namespace of its own, and with *host_network* for the others too.

    *labels* are those that are known, *taken* host and group names that the inventory has already.
    """
    views = by_node(model)
    pods = [pod for pod in model["pods"] if host_network or not pod["host_network"]]
    names = host_names(pods, taken, prefix)
    kinds = [
        _group_names("node", ([pod["host"]] for pod in pods)),
        _group_names("namespace", ([pod["namespace"]] for pod in pods)),
        _group_names("label", (_label_words(labels, pod) for pod in pods)),
        _group_names(
            "range",
            (
                [one["cidr"] for one in views[pod["host"]].ranges if one["what"] == "pod" and _inside(pod, one["cidr"])]
                for pod in pods
            ),
        ),
    ]
    return [
        PodHost(
            name=name,
            groups=sorted({group for kind in kinds for group in kind[number]}),
            pod=_variable(pod, views[pod["host"]].namespaces[pod["netns"]]),
            addresses=[one["local"] for one in pod["addresses"]],
            labels=dict(labels.get((pod["namespace"], pod["name"]), {})),
        )
        for number, (pod, name) in enumerate(zip(pods, names, strict=True))
    ]


def _group_names(kind: str, values: Iterator[list[str]]) -> list[list[str]]:
    """Return, for the values of each pod, the groups that it is in."""
    of_pods = list(values)
    named = group_names(kind, (one for several in of_pods for one in several))
    return [[named[one] for one in several] for several in of_pods]


def _label_words(labels: Labels, pod: Pod) -> list[str]:
    return [f"{key}={value}" for key, value in labels.get((pod["namespace"], pod["name"]), {}).items()]


def _inside(pod: Pod, cidr: str) -> bool:
    return any(ranges.contains(cidr, one["local"]) for one in pod["addresses"])


def _variable(pod: Pod, namespace: Namespace) -> PodVariable:
    running = sorted((one for one in pod["containers"] if one["pids"]), key=lambda one: one["id"] == pod["sandbox_id"])
    containers: list[ContainerProcess] = [{"name": one["name"], "pid": min(one["pids"])} for one in running]
    if not containers and namespace["pid"] is not None and not pod["host_network"]:
        containers = [{"name": None, "pid": namespace["pid"]}]
    paths = ["/proc/1/ns/net"] if pod["host_network"] else namespace["paths"]
    cables = {one["ifname"] for one in pod["cables"]}
    return {
        "namespace": pod["namespace"],
        "name": pod["name"],
        "node": pod["host"],
        "netns": pod["netns"],
        "doors": [*paths, *(f"/proc/{one['pid']}/ns/net" for one in containers)],
        "links": [
            {"ifname": one["ifname"], "address": one["address"]}
            for one in namespace["interfaces"]
            if one["ifname"] in cables and one["address"] is not None
        ],
        "containers": containers,
        "uid": pod["uid"],
        "sandbox_id": pod["sandbox_id"],
        "runtime": pod["runtime"],
        "host_network": pod["host_network"],
    }


def read_labels(document: Json, place: str) -> dict[tuple[str, str], dict[str, str]]:
    """Return the labels in what ``kubectl get pods --all-namespaces -o json`` prints.

    *place* names the document in errors. Raises model.reading.ShapeError when it is something else. The format:
    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodList
    """
    found: dict[tuple[str, str], dict[str, str]] = {}
    for item in Item(document, place).items("items"):
        metadata = item.item("metadata")
        found[metadata.text("namespace"), metadata.text("name")] = {
            key: str(value) for key, value in metadata.scalars("labels").items()
        }
    return found
