# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One side of a comparison: the model of its nodes, and what only the node files hold.

Settings of the kernel and NAT rules are not in the model. They are read only when asked for
(subsets ``sysctls`` and ``firewall``), so for each node they are known or they are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypedDict

from ..model import services
from ..model.index import NodeView, by_node
from ..model.reading import Item
from ..model.records import Model, Namespace, Node, Pod
from ..report import files


class Nat(TypedDict):
    """A rule that gives packets another source address, as ``podnet_pod_cidr.source_nat`` has it."""

    family: str | None
    action: str
    saddr: str | None
    daddr: str | None
    not_daddr: list[str]
    conditional: bool
    kind: str
    command: str
    chain: str


class PolicyTable(TypedDict):
    """A table with rules of network policies, as ``podnet_service.policies`` has it."""

    holder: str
    mode: str
    table: str
    pods: int
    command: str


Sysctls = Mapping[str, int | str | None]


class World(NamedTuple):
    """One side."""

    model: Model
    views: Mapping[str, NodeView]
    sysctls: Mapping[str, Sysctls]
    """Settings of the node's own namespace, by host; hosts for which they were not read are not in it."""
    nat: Mapping[str, list[Nat]]
    """NAT rules by host; hosts for which they were not read are not in it."""
    services: set[str]
    """Hosts whose rules of Services were read."""
    node_port_addresses: Mapping[str, list[str]]
    """Where NodePorts are answered, by host of which rules of Services were read."""
    policies: Mapping[str, list[PolicyTable]]
    """Tables of network policies by host; hosts for which they were not read are not in it."""
    resolvers: set[str]
    """Hosts on which the resolv.conf of pods was looked for."""
    pods: list[Pod]
    """The pods with a network of their own, those of people before those of the cluster itself."""
    pods_on: Mapping[str, list[Pod]]
    """The same, by host."""
    sandboxes: Mapping[tuple[str, str], str]
    """What the process of a sandbox calls itself, by host and sandbox id."""

    @property
    def read(self) -> list[Node]:
        """The nodes of which something is known."""
        return [node for node in self.model["nodes"] if node["error"] is None]

    @property
    def partial(self) -> list[str]:
        """The nodes that were read only in part."""
        return [node["host"] for node in self.model["nodes"] if node["status"] == "partial"]

    def namespace(self, pod: Pod) -> Namespace:
        """Return the network namespace of a pod."""
        return self.views[pod["host"]].namespaces[pod["netns"]]


def world_of(model: Model, sources: Iterable[files.Source]) -> World:
    """Return the side that *model* was made of from *sources* (see gathering.read_model).

    Raises ShapeError when what is not in the model has another shape than the facts have.
    """
    known = {node["host"] for node in model["nodes"] if node["error"] is None}
    sysctls: dict[str, Sysctls] = {}
    nat: dict[str, list[Nat]] = {}
    sandboxes: dict[tuple[str, str], str] = {}
    with_services: set[str] = set()
    node_ports: dict[str, list[str]] = {}
    policies: dict[str, list[PolicyTable]] = {}
    resolvers: set[str] = set()
    for source in sources:
        if source.host not in known:
            continue
        root = Item(source.document, source.path.name)
        settings = _sysctls(root)
        if settings is not None:
            sysctls[source.host] = settings
        rules = _nat(root.item("podnet_pod_cidr"))
        if rules is not None:
            nat[source.host] = rules
        if services.FACT_KEY in root:
            with_services.add(source.host)
            found = root.item(services.FACT_KEY)
            node_ports[source.host] = found.texts("node_port_addresses")
            if "policies" in found:
                policies[source.host] = _policies(found)
        if any(namespace.has("resolver") for namespace in root.item("podnet_netns").items("namespaces")):
            resolvers.add(source.host)
        sandboxes.update(((source.host, sandbox), comm) for sandbox, comm in _sandboxes(root))
    own = [pod for pod in model["pods"] if not pod["host_network"]]
    pods = sorted(own, key=lambda pod: pod["namespace"].startswith("kube-"))
    pods_on: dict[str, list[Pod]] = {node["host"]: [] for node in model["nodes"]}
    for pod in pods:
        pods_on[pod["host"]].append(pod)
    return World(
        model, by_node(model), sysctls, nat, with_services, node_ports, policies, resolvers, pods, pods_on, sandboxes
    )


def _sysctls(root: Item) -> Sysctls | None:
    for namespace in root.item("podnet_netns").items("namespaces"):
        if namespace.text("kind") == "host" and "sysctls" in namespace:
            return namespace.scalars("sysctls")
    return None


def _nat(item: Item) -> list[Nat] | None:
    if "source_nat" not in item:
        return None
    found: list[Nat] = []
    for rule in item.items("source_nat"):
        source = rule.item("source")
        found.append(
            {
                "family": rule.text_or_none("family"),
                "action": rule.text("action"),
                "saddr": rule.text_or_none("saddr"),
                "daddr": rule.text_or_none("daddr"),
                "not_daddr": rule.texts("not_daddr"),
                "conditional": bool(rule.flag_or_none("conditional")),
                "kind": source.text("kind"),
                "command": source.text_or_none("command") or "",
                "chain": source.text("key"),
            }
        )
    return found


def _policies(item: Item) -> list[PolicyTable]:
    return [
        {
            "holder": one.text("holder"),
            "mode": one.text("mode"),
            "table": one.text("table"),
            "pods": one.number("pods"),
            "command": one.text("command"),
        }
        for one in item.items("policies")
    ]


def _sandboxes(root: Item) -> Iterable[tuple[str, str]]:
    """Yield (sandbox id, name of its process)."""
    for namespace in root.item("podnet_netns").items("namespaces"):
        owner = namespace.item_or_none("owner")
        sandbox = owner.text_or_none("sandbox_id") if owner else None
        if sandbox is None:
            continue
        inside = {
            pid
            for one in namespace.items("containers")
            if one.text_or_none("id") == sandbox
            for pid in one.numbers("pids")
        }
        for process in namespace.items("processes"):
            if process.number("pid") in inside:
                yield sandbox, process.text("comm")
