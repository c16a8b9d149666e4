# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Services of a lab: from what a person wrote to the options of ``podnet.lab.service_rules``.

Words and meanings are those of the Kubernetes API (core/v1, ``ServiceSpec``). As in :mod:`description`, reading goes on
after a fault, so that all are found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

try:
    from netaddr import AddrFormatError, IPAddress, IPNetwork
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description import checks
from ..description.checks import Fault, integer, overlap
from .description import Description, network
from .options import SUFFIXES, VARIABLE
from .pods import PROTOCOLS, Pod, is_port_name, one_of, port_number

_FIELDS = (
    "name",
    "namespace",
    "selector",
    "address",
    "address_v6",
    "ipFamilies",
    "ipFamilyPolicy",
    "headless",
    "type",
    "loadBalancerIP",
    "loadBalancerIP_v6",
    "ports",
    "sessionAffinity",
    "timeoutSeconds",
    "internalTrafficPolicy",
    "externalTrafficPolicy",
)
_TYPES = ("ClusterIP", "NodePort", "LoadBalancer")
_PORT_FIELDS = ("name", "protocol", "port", "targetPort", "nodePort")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")
"""RFC 1035 label, what Kubernetes requires of Services: it begins with a letter."""
_NODE_PORTS = range(30000, 32768)
"""kube-apiserver's default ``--service-node-port-range``."""
_TIMEOUT, _LONGEST_TIMEOUT = 10800, 86400
"""Seconds of ClientIP affinity: the default and the most that Kubernetes takes."""
_WHERE = VARIABLE + "services"
_RANGE = VARIABLE + "service_cidr"
_FAMILIES = {"IPv4": 4, "IPv6": 6}
_FAMILY_POLICIES = ("SingleStack", "PreferDualStack", "RequireDualStack")
_EXAMPLES = {4: "10.96.0.0/16", 6: "fd00:10:96::/112"}
BALANCER_KEYS = {version: ".loadBalancerIP" + suffix for version, suffix in SUFFIXES.items()}
"""Where in a Service the address outside is, by version of IP."""


@dataclass(frozen=True)
class Port:
    """A port of a Service as described."""

    where: str
    name: str
    """Empty when it has none."""
    protocol: str
    port: int
    target: int | str
    """Number, or the name of a container's port."""
    node_port: int | None


@dataclass(frozen=True)
class Service:
    """A Service as described. `where` is its place in the description."""

    where: str
    namespace: str
    name: str
    selector: dict[str, str]
    """Empty: no pod is behind it."""
    address: IPAddress | None
    headless: bool
    ports: tuple[Port, ...]
    affinity: int | None
    """Seconds, None without."""
    internal: str
    external: str
    balanced: bool = False
    """Whether it is of type LoadBalancer."""
    balancer_address: IPAddress | None = None
    """The address outside that it asks for, that of IPv4."""
    balancer_address_v6: IPAddress | None = None
    versions: tuple[int, ...] = (4,)
    """Those of IP that it has addresses of, or its pods when it is headless."""
    address_v6: IPAddress | None = None

    @property
    def full_name(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    def given(self, version: int) -> IPAddress | None:
        """Return the address of a version of IP that it asks for."""
        return self.address if version == 4 else self.address_v6

    def given_outside(self, version: int) -> IPAddress | None:
        """Return the address outside of a version of IP that it asks for."""
        return self.balancer_address if version == 4 else self.balancer_address_v6

    def selects(self, pod: Pod) -> bool:
        """Tell whether a pod is behind the Service."""
        return bool(self.selector) and pod.namespace == self.namespace and self.selector.items() <= pod.labels.items()


def target_of(port: Port, pod: Pod) -> int | None:
    """Return the pod's port that a Service's port leads to; None when the pod has none of that name."""
    return port.target if isinstance(port.target, int) else pod.ports.get((port.target, port.protocol))


def _port(value: Any, where: str, faults: list[Fault]) -> Port | None:
    if not isinstance(value, Mapping):
        faults.append(Fault(where, f"{value!r} is not a port", "Write it as {name: http, port: 80, targetPort: 8080}"))
        return None
    checks.unknown_fields(value, _PORT_FIELDS, where, faults)
    name = checks.label_name(value["name"], where + ".name", faults) if value.get("name") is not None else ""
    number = port_number(value.get("port"), where + ".port", faults)
    target = value.get("targetPort", number)
    if not is_port_name(target):
        target = port_number(target, where + ".targetPort", faults) if "targetPort" in value else number
    node_port = integer(value.get("nodePort"))
    if value.get("nodePort") is not None and node_port not in _NODE_PORTS:
        remedy = f"Use a number from {_NODE_PORTS[0]} to {_NODE_PORTS[-1]}"
        faults.append(Fault(where + ".nodePort", f"{value['nodePort']!r} is not a port for that", remedy))
    protocol = one_of(value.get("protocol", "TCP"), PROTOCOLS, where + ".protocol", faults)
    return Port(where, name or "", protocol, number, target, node_port)


def _ports(value: Any, where: str, faults: list[Fault]) -> list[Port]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list of ports", "Write it as [{port: 80, targetPort: 8080}]"))
        return []
    read = [_port(entry, f"{where}[{index}]", faults) for index, entry in enumerate(value)]
    ports = [port for port in read if port is not None]
    seen: dict[Any, Port] = {}
    for port in ports:
        if len(ports) > 1 and not port.name:
            faults.append(Fault(port.where, "it has no name, and the Service has several ports", "Name each of them"))
        for key, called in ((port.name or None, f"the name {port.name!r}"),
                            ((port.protocol, port.port), f"{port.protocol} port {port.port}")):  # fmt: skip
            first = seen.setdefault(key, port) if key is not None else port
            if first is not port:
                faults.append(Fault(port.where, f"{first.where} has {called} too", "Give each port its own"))
    return ports


def _address(value: Any, where: str, part: IPNetwork | None, faults: list[Fault], version: int = 4) -> IPAddress | None:
    if value is None:
        return None
    try:
        address = IPAddress(str(value))
        if address.version != version:
            raise ValueError("of the other version")
    except (AddrFormatError, ValueError):
        example = IPNetwork(_EXAMPLES[version]).network + 10
        text = f"{value!r} is not an IPv{version} address"
        faults.append(Fault(where, text, f"Write it as {example}, or leave it out"))
        return None
    if part is not None and not part.first < int(address) < part.last:
        remedy = f"Choose another, or another {_RANGE}{SUFFIXES[version]}"
        faults.append(Fault(where, f"{address} is not an address in {part}", remedy))
    return address


def _families(value: Mapping[Any, Any], where: str, faults: list[Fault]) -> list[int]:
    """Return the versions of IP that a Service names by its ``ipFamilies``, else by the addresses that it asks for."""
    families = value.get("ipFamilies")
    asked = [version for version in (4, 6) if value.get("address" + SUFFIXES[version]) is not None]
    if families is None:
        return asked
    if families not in (["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"]):
        text = f"{families!r} is not a list of families"
        faults.append(Fault(where + ".ipFamilies", text, "Write it as [IPv4], [IPv6] or [IPv4, IPv6]"))
        return []
    return [_FAMILIES[family] for family in families]


def _versions(value: Mapping[Any, Any], where: str, known: Sequence[int], faults: list[Fault]) -> tuple[int, ...]:
    """Return the versions of IP that a Service is of, the first one first, as kube-apiserver finds them.

    `known` are those that the lab has for it; without any words it is of the first of them (kubernetes
    ``pkg/registry/core/service/storage/alloc.go``, ``initIPFamilyFields``).
    """
    wanted, here = _families(value, where, faults), where + ".ipFamilyPolicy"
    usual = "RequireDualStack" if len(wanted) == 2 else "SingleStack"
    policy = one_of(value.get("ipFamilyPolicy", usual), _FAMILY_POLICIES, here, faults)
    if policy == "SingleStack" and len(wanted) == 2:
        text = "it is SingleStack, and two families are asked for"
        faults.append(Fault(here, text, "Name one family, or use PreferDualStack or RequireDualStack"))
    needed = (4, 6) if policy == "RequireDualStack" else wanted
    for version in needed:
        if version not in known:
            suffix = SUFFIXES[version]
            remedy = f"Give {VARIABLE}cluster_cidr{suffix} and {_RANGE}{suffix}, or ask for IPv{10 - version} alone"
            faults.append(Fault(where, f"it is to be of IPv{version}, and the lab's Services are not", remedy))
    if policy != "SingleStack":
        return tuple(dict.fromkeys((*wanted, *known)))
    chosen = tuple(wanted or known)[:1]
    for version in (4, 6):
        key = "address" + SUFFIXES[version]
        if len(wanted) == 1 and version not in chosen and value.get(key) is not None:
            text = f"it is of IPv{version}, and the Service's ipFamilies are not"
            faults.append(Fault(f"{where}.{key}", text, "Leave it out, or name its family"))
    return chosen


def _affinity(value: Mapping[Any, Any], where: str, faults: list[Fault]) -> int | None:
    chosen = one_of(value.get("sessionAffinity", "None"), ("None", "ClientIP"), where + ".sessionAffinity", faults)
    if chosen == "None":
        if "timeoutSeconds" in value:
            faults.append(Fault(where + ".timeoutSeconds", "there is no affinity", "Add sessionAffinity: ClientIP"))
        return None
    seconds = integer(value.get("timeoutSeconds", _TIMEOUT))
    if seconds is None or not 1 <= seconds <= _LONGEST_TIMEOUT:
        text = f"{value['timeoutSeconds']!r} is not a time that Kubernetes takes"
        faults.append(Fault(where + ".timeoutSeconds", text, f"Use 1 to {_LONGEST_TIMEOUT} seconds"))
    return seconds


def _policy(value: Mapping[Any, Any], key: str, where: str, faults: list[Fault]) -> str:
    return one_of(value.get(key, "Cluster"), ("Cluster", "Local"), f"{where}.{key}", faults)


def _service(
    value: Any, where: str, raw: Mapping[str, Any], parts: Mapping[int, IPNetwork], faults: list[Fault]
) -> Service | None:
    """Read a Service of the description `raw`; `parts` are the ranges by version of IP."""
    if not isinstance(value, Mapping):
        example = "Write it as {name: web, selector: {app: web}, ports: [{port: 80}]}"
        faults.append(Fault(where, f"{value!r} is not a Service", example))
        return None
    checks.unknown_fields(value, _FIELDS, where, faults)
    name, headless = value.get("name"), value.get("headless", False)
    if not isinstance(name, str) or not _SERVICE_NAME.match(name):
        remedy = "Use 1 to 63 of a-z, 0-9 and '-', beginning with a letter and not ending with '-' (RFC 1035)"
        faults.append(Fault(where + ".name", f"{name!r} is not a name for a Service", remedy))
    if not isinstance(headless, bool):
        faults.append(Fault(where + ".headless", f"{headless!r} is neither true nor false", "Use one of them"))
    ports = _ports(value.get("ports", []), where + ".ports", faults)
    if not ports and headless is not True and not value.get("ports"):
        faults.append(Fault(where + ".ports", "there is no port", "Give it at least one, like {port: 80}"))
    outside = any(port.node_port is not None for port in ports)
    balanced = _is_balanced(value, where, outside, faults)
    versions = _versions(value, where, _pod_versions(raw) if headless is True else service_versions(raw), faults)
    if "externalTrafficPolicy" in value and not outside and not balanced:
        text = "no port has a nodePort, so nothing comes from outside"
        remedy = "Leave it out, or give a port a nodePort, or the Service the type LoadBalancer"
        faults.append(Fault(where + ".externalTrafficPolicy", text, remedy))
    useless = [
        key
        for key in ("address", "address_v6", "sessionAffinity", "internalTrafficPolicy")
        if value.get(key) is not None
    ]
    useless += ["type: LoadBalancer"] if balanced else []
    if headless is True and (useless or outside):
        text = f"a headless Service has no rules, and this one has {', '.join([*useless, *['nodePort'] * outside])}"
        faults.append(Fault(where, text, "Leave that out, or leave headless out"))
    return Service(
        where=where,
        namespace=checks.label_name(value.get("namespace", "default"), where + ".namespace", faults) or "",
        name=str(name),
        selector=checks.labels(value.get("selector", {}), where + ".selector", "{app: web}", faults),
        address=_address(value.get("address"), where + ".address", parts.get(4), faults),
        address_v6=_address(value.get("address_v6"), where + ".address_v6", parts.get(6), faults, 6),
        versions=versions,
        headless=headless is True,
        ports=tuple(ports),
        affinity=_affinity(value, where, faults),
        internal=_policy(value, "internalTrafficPolicy", where, faults),
        external=_policy(value, "externalTrafficPolicy", where, faults),
        balanced=balanced,
        balancer_address=_address(value.get("loadBalancerIP"), where + BALANCER_KEYS[4], None, faults),
        balancer_address_v6=_address(value.get("loadBalancerIP_v6"), where + BALANCER_KEYS[6], None, faults, 6),
    )


def _is_balanced(value: Mapping[Any, Any], where: str, outside: bool, faults: list[Fault]) -> bool:
    """Tell whether a Service is of type LoadBalancer; `outside`: a port of it has a nodePort."""
    usual = "NodePort" if outside else "ClusterIP"
    kind = one_of(value.get("type", usual), _TYPES, where + ".type", faults)
    if kind != "LoadBalancer" and kind != usual:
        text = "a port has a nodePort" if outside else "no port has a nodePort"
        faults.append(Fault(where + ".type", f"it is {kind}, and {text}", f"Leave it out: without it, it is {usual}"))
    for suffix in SUFFIXES.values():
        if kind != "LoadBalancer" and value.get("loadBalancerIP" + suffix) is not None:
            text = f"the Service is of type {kind}"
            faults.append(Fault(f"{where}.loadBalancerIP{suffix}", text, "Leave it out, or add type: LoadBalancer"))
    return kind == "LoadBalancer"


def _check_behind(service: Service, pods: list[Pod], faults: list[Fault]) -> None:
    """Find a selector that selects nobody, and target ports that nobody has."""
    behind = [pod for pod in pods if service.selects(pod)]
    if service.selector and not behind:
        there = sorted({f"{key}={text}" for pod in pods if pod.namespace == service.namespace
                        for key, text in pod.labels.items()})  # fmt: skip
        text = f"no pod of namespace {service.namespace} has these labels; there are {', '.join(there) or 'none'}"
        remedy = "Correct them, or leave the selector out of a Service that nobody is to be behind"
        faults.append(Fault(service.where + ".selector", text, remedy))
        return
    for port in service.ports:
        if behind and not any(target_of(port, pod) for pod in behind):
            text = f"no pod behind it has a {port.protocol} port of the name {port.target!r}"
            remedy = "Name the port in the pod's containers, as ports: [{name: http, containerPort: 80}]"
            faults.append(Fault(port.where + ".targetPort", text, remedy))


def _check_unique(services: list[Service], faults: list[Fault]) -> None:
    """Find names, addresses and NodePorts that are there twice."""
    seen: dict[Any, str] = {}

    def once(key: Any, where: str, called: str, remedy: str) -> None:
        first = seen.setdefault(key, where)
        if first != where:
            faults.append(Fault(where, f"{first} {called} too", remedy))

    for service in services:
        once(service.full_name, service.where, f"is Service {service.full_name}", "Rename one of them")
        for address, key in ((service.address, ".address"), (service.address_v6, ".address_v6")):
            if address is not None:
                called = f"has the address {address}"
                once(address, service.where + key, called, "Give each its own, or leave it out")
        for port in service.ports:
            if port.node_port is not None:
                called = f"has {port.protocol} port {port.node_port} of the nodes"
                once((port.protocol, port.node_port), port.where + ".nodePort", called, "Choose another")


def read_services(raw: Mapping[str, Any], description: Description, faults: list[Fault]) -> list[Service]:
    """Read ``services`` and the ranges of a description; without any Service these are not looked at."""
    value = raw.get("services") or []
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(_WHERE, f"{value!r} is not a list of Services", "See the role's README for an example"))
        return []
    if not value:
        return []
    parts = service_ranges(raw, faults)
    for cluster in description.clusters:
        part = parts.get(cluster.version)
        if part is not None and overlap(part, cluster):
            text = f"{part} overlaps the range of the pods {cluster}"
            remedy = f"Choose one beside it, like {_EXAMPLES[part.version]}"
            faults.append(Fault(_RANGE + SUFFIXES[part.version], text, remedy))
    read = [_service(entry, f"{_WHERE}[{index}]", raw, parts, faults) for index, entry in enumerate(value)]
    services = [service for service in read if service is not None]
    for service in services:
        _check_behind(service, description.pods, faults)
    _check_unique(services, faults)
    for version, part in parts.items():
        count = sum(not service.headless and version in service.versions for service in services)
        if count > part.size - 2:
            text = f"{part} has {max(part.size - 2, 0)} addresses, and {count} Services need one"
            faults.append(Fault(_RANGE + SUFFIXES[version], text, "Use a larger range"))
    return services


def _pod_versions(raw: Mapping[str, Any]) -> list[int]:
    return [version for version in (4, 6) if raw.get("cluster_cidr" + SUFFIXES[version])] or [4]


def service_versions(raw: Mapping[str, Any]) -> list[int]:
    """Return the versions of IP of a lab's Services: those of pods for which there is a range."""
    pods = _pod_versions(raw)
    return [version for version in pods if raw.get("service_cidr" + SUFFIXES[version])] or pods


def service_ranges(raw: Mapping[str, Any], faults: list[Fault]) -> dict[int, IPNetwork]:
    """Return the ranges of Services by version of IP, that of IPv4 first, of those versions that pods have."""
    if raw.get("service_cidr_v6") and 6 not in _pod_versions(raw):
        remedy = f"Give {VARIABLE}cluster_cidr_v6, or leave this out"
        faults.append(Fault(_RANGE + SUFFIXES[6], "the lab has no IPv6", remedy))
    found: dict[int, IPNetwork] = {}
    for version in service_versions(raw):
        suffix = SUFFIXES[version]
        part = network(raw.get("service_cidr" + suffix), _RANGE + suffix, faults, version)
        if part is not None:
            found[version] = part
    return found


def give_addresses(
    services: Iterable[Service], part: IPNetwork, leases: Iterable[Mapping[str, str]]
) -> dict[str, IPAddress]:
    """Return the address in a range of each Service that has one of the range's version of IP, by its full name.

    A given address goes before all, then the one that it had, in the order of `leases`; the others get the lowest
    that is free, from the part of the range that Kubernetes leaves to such ones while there is one
    (KEP-3070: the first min(max(16, size/16), 256) addresses are for those that are given).
    """
    wanting = [service for service in services if not service.headless and part.version in service.versions]
    given = {service.full_name: service.given(part.version) for service in wanting}
    found = {name: address for name, address in given.items() if address is not None}
    taken = set(found.values())
    held = [{name: lease(text, part) for name, text in noted.items()} for noted in leases]
    for service in wanting:
        name = service.full_name
        had = next((noted[name] for noted in held if noted.get(name) is not None), None)
        if name not in found and had is not None and had not in taken:
            found[name] = had
            taken.add(had)
    for service in wanting:
        if service.full_name not in found:
            address = next(item for item in _in_turn(part) if item not in taken)
            found[service.full_name] = address
            taken.add(address)
    return found


def lease(text: str, part: IPNetwork) -> IPAddress | None:
    """Return an address that a node has noted, or None when it is none of a range."""
    try:
        address = IPAddress(text)
    except (AddrFormatError, ValueError):
        return None
    return address if part.first < int(address) < part.last else None


def _in_turn(part: IPNetwork) -> Iterable[IPAddress]:
    given = min(max(16, (part.size - 2) // 16), 256)
    first = part.first + 1 + (given if part.size - 2 > given else 0)
    for number in chain(range(first, part.last), range(part.first + 1, first)):
        yield IPAddress(number)


def plan_services(
    services: list[Service],
    addresses: Mapping[int, Mapping[str, IPAddress]],
    pods: list[Pod],
    balancers: Mapping[int, Mapping[str, IPAddress]] | None = None,
) -> list[dict[str, Any]]:
    """Return the Services with the pods behind them, whose addresses are not known before they have got them.

    `addresses` has those of the Services by version of IP and full name.
    `balancers` has the same of the addresses outside of those of type LoadBalancer.
    """
    return [
        {
            "namespace": service.namespace,
            "name": service.name,
            "headless": service.headless,
            "versions": list(service.versions),
            **{
                key + SUFFIXES[version]: _text(known.get(version, {}).get(service.full_name))
                for key, known in (("address", addresses), ("load_balancer", balancers or {}))
                for version in (4, 6)
            },
            "ports": [
                {
                    "name": port.name or None,
                    "protocol": port.protocol,
                    "port": port.port,
                    "node_port": port.node_port,
                    "pods": [
                        {"pod": pod.full_name, "node": pod.node, "port": target_of(port, pod)}
                        for pod in pods
                        if service.selects(pod) and target_of(port, pod)
                    ],
                }
                for port in service.ports
            ],
            "pods": [pod.full_name for pod in pods if service.selects(pod)],
            "hostnames": {
                pod.full_name: pod.hostname
                for pod in pods
                if service.selects(pod) and pod.hostname and pod.subdomain == service.name
            },
            "affinity_timeout": service.affinity,
            "internal_traffic_policy": service.internal,
            "external_traffic_policy": service.external,
        }
        for service in services
    ]


def _text(address: IPAddress | None) -> str | None:
    return None if address is None else str(address)


def node_services(
    planned: Iterable[Mapping[str, Any]], addresses: Mapping[str, str], node: str, version: int = 4
) -> list[dict[str, Any]]:
    """Return the option ``services`` of ``podnet.lab.service_rules`` for one node and one version of IP.

    `planned` is what `plan_services` returned, `addresses` has those that the pods have got, by full name.
    """
    policies = ("internal_traffic_policy", "external_traffic_policy")
    kept = ("namespace", "name", "affinity_timeout", *policies)
    suffix = SUFFIXES[version]
    return [
        {
            **{key: service[key] for key in kept},
            "address": service["address" + suffix],
            "load_balancer": service["load_balancer" + suffix],
            "ports": [
                {
                    **{key: port[key] for key in ("name", "protocol", "port", "node_port")},
                    "endpoints": [
                        {"address": addresses[end["pod"]], "port": end["port"], "local": end["node"] == node}
                        for end in port["pods"]
                    ],
                }
                for port in service["ports"]
            ],
        }
        for service in planned
        if service["address" + suffix] is not None
    ]


def pod_addresses(plan: Mapping[str, Any], hosts: Any, version: int = 4) -> dict[str, str]:
    """Return the address of each pod by its full name: the one that it has got, else the one that it is to have.

    They are of one version of IP; a lab without it has none.

    `plan` is what :func:`plan.make_plan` returned, `hosts` has the variables of all hosts, ``__manual_lab_addresses``
    among them: what ``podnet.lab.pod_address`` returned.
    """
    suffix = SUFFIXES[version]
    found: dict[str, str] = dict(plan["addresses" + suffix])
    for name in plan["nodes"]:
        if name not in hosts:
            continue
        seen = hosts[name].get("__manual_lab_addresses") or {}
        for pod in seen.get("addresses") or ():
            if pod.get("address" + suffix):
                found[f"{pod['namespace']}/{pod['name']}"] = pod["address" + suffix]
    return found
