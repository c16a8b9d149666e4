# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods of a lab's description with their containers: typed records, and every fault in what a person wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

try:
    from netaddr import AddrFormatError, IPAddress, IPNetwork
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description import checks
from ..description.checks import Fault, integer
from .options import PRIVATE_RANGES, SUFFIXES, VARIABLE

_POD_FIELDS = ("name", "namespace", "node", "labels", "address", "address_v6", "hostname", "subdomain", "containers")
_CONTAINER_FIELDS = ("name", "command", "serve", "dns", "ingress", "ports")
_PORT_FIELDS = ("name", "containerPort", "protocol")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?\Z")
"""Name of a container's port (RFC 6335, section 5.1), what Kubernetes requires of it."""
PROTOCOLS = ("TCP", "UDP", "SCTP")


@dataclass(frozen=True)
class ContainerPort:
    """A port of a container that has a name, by which Services and policies find it. `where` is its place."""

    where: str
    name: str
    number: int
    protocol: str


@dataclass(frozen=True)
class Container:
    """A container as described: a command, the port of the web server, the lab's name server, or its ingress."""

    name: str
    command: tuple[str, ...] = ()
    serve: int | None = None
    dns: bool = False
    ingress: bool = False
    ports: tuple[ContainerPort, ...] = ()


@dataclass(frozen=True)
class Pod:
    """A pod as described. `where` is its place in the description."""

    where: str
    namespace: str
    name: str
    node: str
    labels: dict[str, str] = field(default_factory=dict)
    address: IPAddress | None = None
    containers: tuple[Container, ...] = ()
    address_v6: IPAddress | None = None
    hostname: str = ""
    """With `subdomain`, the name of a headless Service, it makes a name for the pod; empty when not given."""
    subdomain: str = ""

    @property
    def full_name(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def ports(self) -> dict[tuple[str, str], int]:
        """Numbers of its containers' ports by name and protocol."""
        return {(port.name, port.protocol): port.number for item in self.containers for port in item.ports}


def _container(value: Any, where: str, faults: list[Fault]) -> Container | None:
    if not isinstance(value, Mapping):
        faults.append(Fault(where, f"{value!r} is not a container", "Write it as {name: web, serve: 80}"))
        return None
    checks.unknown_fields(value, _CONTAINER_FIELDS, where, faults)
    name = checks.label_name(value.get("name"), where + ".name", faults)
    command, serve = value.get("command"), value.get("serve")
    port = integer(serve)
    dns, ingress = value.get("dns") is True, value.get("ingress") is True
    kinds = (("command", command is not None), ("serve", serve is not None), ("dns", dns), ("ingress", ingress))
    given = [key for key, there in kinds if there]
    if len(given) != 1:
        what = f"it has both {' and '.join(given)}" if given else "it has neither command nor serve"
        faults.append(Fault(where, what, "Give it one: command: [sleep, infinity], or serve: 80"))
    if serve is not None and (port is None or not 1 <= port <= 65535):
        faults.append(Fault(where + ".serve", f"{serve!r} is not a port", "Use a number from 1 to 65535"))
    words: list[str] = []
    if command is not None:
        words = _command(command, where + ".command", faults)
    ports = _container_ports(value.get("ports", []), where + ".ports", faults)
    return Container(name or "", tuple(words), port, dns, ingress, tuple(ports))


def port_number(value: Any, where: str, faults: list[Fault]) -> int:
    """Return the number of a port, or 0 and a fault."""
    number = integer(value)
    if number is None or not 1 <= number <= 65535:
        faults.append(Fault(where, f"{value!r} is not a port", "Use a number from 1 to 65535"))
        return 0
    return number


def one_of(value: Any, known: Sequence[str], where: str, faults: list[Fault]) -> str:
    """Return a word of a choice, or the first of them and a fault."""
    if value not in known:
        faults.append(Fault(where, f"{value!r} has no meaning here", f"Use one of {', '.join(known)}"))
        return known[0]
    return str(value)


def is_port_name(value: Any) -> bool:
    """Tell whether a container's port may have this name."""
    return isinstance(value, str) and _PORT_NAME.match(value) is not None


def _container_ports(value: Any, where: str, faults: list[Fault]) -> list[ContainerPort]:
    example = "Write them as [{name: http, containerPort: 80}]"
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list of ports", example))
        return []
    found = []
    for index, entry in enumerate(value):
        here = f"{where}[{index}]"
        if not isinstance(entry, Mapping):
            faults.append(Fault(here, f"{entry!r} is not a port", example))
            continue
        checks.unknown_fields(entry, _PORT_FIELDS, here, faults)
        name = entry.get("name")
        if not is_port_name(name):
            remedy = "Use 1 to 15 of a-z, 0-9 and '-', with a letter among them (RFC 6335)"
            faults.append(Fault(here + ".name", f"{name!r} is not a name for a port", remedy))
        number = port_number(entry.get("containerPort"), here + ".containerPort", faults)
        protocol = one_of(entry.get("protocol", "TCP"), PROTOCOLS, here + ".protocol", faults)
        found.append(ContainerPort(here, str(name), number, protocol))
    return found


def _command(value: Any, where: str, faults: list[Fault]) -> list[str]:
    remedy = "Write program and arguments as a list, like [sleep, infinity]"
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list", remedy))
        return []
    words = [str(word) for word in value if isinstance(word, (str, int, float)) and not isinstance(word, bool)]
    if not words or not words[0].strip():
        faults.append(Fault(where, "the command is empty", remedy))
    elif len(words) != len(value) or any("\0" in word for word in words):
        faults.append(Fault(where, "a word of it is not text", remedy))
    return words


def _pod(value: Any, where: str, nodes: list[str], faults: list[Fault]) -> Pod | None:
    if not isinstance(value, Mapping):
        faults.append(
            Fault(where, f"{value!r} is not a pod", "Write it as {name: pod1, node: node1, containers: [...]}")
        )
        return None
    checks.unknown_fields(value, _POD_FIELDS, where, faults)
    name = checks.label_name(value.get("name"), where + ".name", faults)
    namespace = checks.label_name(value.get("namespace", "default"), where + ".namespace", faults)
    node = value.get("node")
    if node not in nodes:
        what = f"{node!r} is not a node of the lab" if node is not None else "the pod has no node"
        faults.append(Fault(where + ".node", what, f"Use one of {', '.join(nodes) or '(none)'}"))
    labels = checks.labels(value.get("labels", {}), where + ".labels", "{app: web}", faults)
    address, address_v6 = (_pod_address(value, version, where, faults) for version in (4, 6))
    containers = _containers(value.get("containers"), where + ".containers", faults)
    hostname, subdomain = (
        checks.label_name(value[key], f"{where}.{key}", faults) or "" if value.get(key) is not None else ""
        for key in ("hostname", "subdomain")
    )
    return Pod(
        where=where,
        namespace=namespace or "",
        name=name or "",
        node=str(node),
        labels=labels,
        address=address,
        containers=tuple(containers),
        address_v6=address_v6,
        hostname=hostname,
        subdomain=subdomain,
    )


def _pod_address(value: Mapping[Any, Any], version: int, where: str, faults: list[Fault]) -> IPAddress | None:
    key = "address" + SUFFIXES[version]
    if value.get(key) is None:
        return None
    try:
        address = IPAddress(str(value[key]))
        if address.version == version:
            return address
    except (AddrFormatError, ValueError):
        pass
    example = IPNetwork(PRIVATE_RANGES[version]).network + 10
    text = f"{value[key]!r} is not an IPv{version} address"
    faults.append(Fault(f"{where}.{key}", text, f"Write it as {example}, or leave it out"))
    return None


def _containers(value: Any, where: str, faults: list[Fault]) -> list[Container]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not value:
        faults.append(Fault(where, "there is no container", "Give the pod at least one, like {name: web, serve: 80}"))
        return []
    containers = []
    names: dict[str, str] = {}
    ports: dict[int, str] = {}
    named: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(value):
        here = f"{where}[{index}]"
        container = _container(entry, here, faults)
        if container is None:
            continue
        first = names.setdefault(container.name, here)
        if container.name and first != here:
            faults.append(Fault(here, f"{first} has the name {container.name!r} too", "Rename one of them"))
        if container.serve is not None:
            first = ports.setdefault(container.serve, here)
            if first != here:
                text = f"{first} serves port {container.serve} too, and containers of a pod share its ports"
                faults.append(Fault(here + ".serve", text, "Use another port"))
        for port in container.ports:
            first = named.setdefault((port.name, port.protocol), port.where)
            if first != port.where:
                faults.append(Fault(port.where, f"{first} has the name {port.name!r} too", "Rename one of them"))
        containers.append(container)
    return containers


def read_pods(value: Any, nodes: list[str], faults: list[Fault]) -> list[Pod]:
    """Read the pods of a description, on the `nodes` that it has."""
    where = VARIABLE + "pods"
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list of pods", "See the role's README for an example"))
        return []
    pods = []
    names: dict[str, str] = {}
    addresses: dict[IPAddress, str] = {}
    for index, entry in enumerate(value):
        pod = _pod(entry, f"{where}[{index}]", nodes, faults)
        if pod is None:
            continue
        first = names.setdefault(pod.full_name, pod.where)
        if pod.name and pod.namespace and first != pod.where:
            faults.append(Fault(pod.where, f"{first} is pod {pod.full_name} too", "Rename one of them"))
        for address, key in ((pod.address, ".address"), (pod.address_v6, ".address_v6")):
            first = addresses.setdefault(address, pod.where) if address is not None else pod.where
            if first != pod.where:
                text = f"{first} has the address {address} too"
                faults.append(Fault(pod.where + key, text, "Give each pod its own, or leave it out"))
        pods.append(pod)
    return pods
