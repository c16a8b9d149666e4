# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The ingresses of a lab: what a person wrote, the pod and the Service of its nginx, and where requests go.

Words and meanings are those of the Kubernetes API (networking.k8s.io/v1, ``IngressSpec``), names of pod and Service
those of ingress-nginx. Both are described as any other, so that all that is checked of others is checked of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    from netaddr import IPAddress
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ansible_collections.podnet.lab.plugins.module_utils._lab.ingress_names import HOST, PATH

from ..description import checks
from ..description.checks import Fault, integer
from .dns import nodes_of
from .options import SUFFIXES, VARIABLE
from .pods import one_of
from .services import Service

NAMESPACE, NAME = "ingress-nginx", "ingress-nginx-controller"
_WHERE = VARIABLE + "ingresses"
_PORTS = VARIABLE + "ingress_node_ports"
_LABELS = {"app.kubernetes.io/name": "ingress-nginx"}
_FIELDS = ("name", "namespace", "rules", "tls", "defaultBackend")
_BACKEND = "{service: {name: web, port: {number: 80}}}"


@dataclass(frozen=True)
class Target:
    """A port of a Service."""

    service: str
    """Its full name."""
    port: int


@dataclass(frozen=True)
class Route:
    """Which requests go where. An empty host is any."""

    host: str
    path: str
    path_type: str
    target: Target


@dataclass(frozen=True)
class Ingress:
    """All ingresses of a lab as one: that is what a controller makes of them."""

    node: str
    """Where the pod is."""
    routes: tuple[Route, ...]
    default: Target | None
    tls_hosts: tuple[str, ...]


def with_ingress(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a description that has the pod and the Service of the ingress beside all others, when it has ingresses.

    What cannot be understood stays as it is, for those who read it to say so.
    """
    pods, nodes, services = raw.get("pods"), nodes_of(raw), raw.get("services") or []
    if not raw.get("ingresses") or not all(isinstance(one, list) for one in (pods, nodes, services)) or not nodes:
        return raw
    given = raw.get("ingress_node_ports")
    node_ports = given if isinstance(given, Mapping) else {}
    balanced = any(raw.get("load_balancer_cidr" + suffix) for suffix in SUFFIXES.values())
    ports = {"http": 80, **({"https": 443} if _asks_for_tls(raw["ingresses"]) else {})}
    container = {
        "name": "nginx",
        "ingress": True,
        "ports": [{"name": name, "containerPort": number} for name, number in ports.items()],
    }
    pod = {"name": NAME, "namespace": NAMESPACE, "node": nodes[0], "labels": _LABELS, "containers": [container]}
    service = {
        "name": NAME,
        "namespace": NAMESPACE,
        "selector": _LABELS,
        "ports": [
            {"name": name, "port": number, "targetPort": name, "nodePort": node_ports.get(name)}
            for name, number in ports.items()
        ],
        "ipFamilyPolicy": "PreferDualStack",
        **({"type": "LoadBalancer"} if balanced else {}),
    }
    return {**raw, "pods": [*(pods or ()), pod], "services": [*services, service]}


def _asks_for_tls(value: Any) -> bool:
    entries = value if isinstance(value, list) else []
    return any(isinstance(entry, Mapping) and bool(entry.get("tls")) for entry in entries)


def read_ingresses(
    raw: Mapping[str, Any], nodes: list[str], services: list[Service], faults: list[Fault]
) -> Ingress | None:
    """Read ``ingresses`` of a description; None when it has none. `services` are those that it has."""
    value, ports = raw.get("ingresses") or [], raw.get("ingress_node_ports") or {}
    if not isinstance(ports, Mapping) or not set(ports) <= {"http", "https"}:
        remedy = "Write it as {http: 30080, https: 30443}, or {} for none"
        faults.append(Fault(_PORTS, f"{ports!r} does not say a port for http and one for https", remedy))
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(_WHERE, f"{value!r} is not a list of ingresses", "See the role's README for an example"))
        return None
    if not value:
        return None
    reader = _Reader({service.full_name: service for service in services}, faults)
    for index, entry in enumerate(value):
        reader.read(entry, f"{_WHERE}[{index}]")
    for host, where in reader.tls_hosts.items():
        if not any(route.host == host for route in reader.routes):
            faults.append(Fault(where, f"no rule has the host {host!r}", "Add one, or leave it out"))
    node = nodes[0] if nodes else ""
    return Ingress(node, tuple(reader.routes), reader.default, tuple(sorted(reader.tls_hosts)))


class _Reader:
    """Reads ingresses one after the other."""

    def __init__(self, services: Mapping[str, Service], faults: list[Fault]) -> None:
        self.services = services
        self.faults = faults
        self.routes: list[Route] = []
        self.default: Target | None = None
        self.tls_hosts: dict[str, str] = {}
        """With their places in the description."""
        self._places: dict[tuple[Any, ...], str] = {}

    def _fault(self, where: str, text: str, remedy: str) -> None:
        self.faults.append(Fault(where, text, remedy))

    def _once(self, key: tuple[Any, ...], where: str, called: str) -> None:
        first = self._places.setdefault(key, where)
        if first != where:
            self._fault(where, f"{first} {called} too", "Leave one of them out")

    def _list(self, value: Any, where: str, example: str) -> list[tuple[str, Mapping[Any, Any]]]:
        if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
            self._fault(where, f"{value!r} is not a list", f"Write it as {example}")
            return []
        found = []
        for index, entry in enumerate(value):
            if isinstance(entry, Mapping):
                found.append((f"{where}[{index}]", entry))
            else:
                self._fault(f"{where}[{index}]", f"{entry!r} has no meaning here", f"Write it as {example}")
        return found

    def read(self, value: Any, where: str) -> None:
        """Read one ingress."""
        if not isinstance(value, Mapping):
            remedy = "Write it as {name: web, rules: [{host: web.example, http: {paths: [...]}}]}"
            self._fault(where, f"{value!r} is not an ingress", remedy)
            return
        checks.unknown_fields(value, _FIELDS, where, self.faults)
        namespace = checks.label_name(value.get("namespace", "default"), where + ".namespace", self.faults) or ""
        name = checks.label_name(value.get("name"), where + ".name", self.faults) or ""
        self._once(("ingress", namespace, name), where, f"is ingress {namespace}/{name}")
        if not value.get("rules") and value.get("defaultBackend") is None:
            self._fault(where, "it has neither rules nor a defaultBackend", "Give it one of them")
        for here, rule in self._list(value.get("rules") or [], where + ".rules", "[{host: web.example, http: {...}}]"):
            self._rule(rule, namespace, here)
        if value.get("defaultBackend") is not None:
            self._once(("default",), where + ".defaultBackend", "is there")
            self.default = self._backend(value["defaultBackend"], namespace, where + ".defaultBackend")
        for here, entry in self._list(value.get("tls") or [], where + ".tls", "[{hosts: [web.example]}]"):
            checks.unknown_fields(entry, ("hosts",), here, self.faults)
            hosts = entry.get("hosts")
            if not isinstance(hosts, list) or not hosts:
                self._fault(here + ".hosts", f"{hosts!r} is not a list of hosts", "Write it as [web.example]")
                continue
            for host in hosts:
                if self._is_host(host, here + ".hosts"):
                    self.tls_hosts[host] = here + ".hosts"

    def _is_host(self, value: Any, where: str) -> bool:
        if isinstance(value, str) and HOST.match(value):
            return True
        remedy = "Use labels of a-z, 0-9 and '-' with dots between, like web.example, or *.example for one label more"
        self._fault(where, f"{value!r} is not a host", remedy)
        return False

    def _rule(self, rule: Mapping[Any, Any], namespace: str, where: str) -> None:
        checks.unknown_fields(rule, ("host", "http"), where, self.faults)
        host = rule.get("host") or ""
        if host and not self._is_host(host, where + ".host"):
            return
        http = rule.get("http")
        if not isinstance(http, Mapping):
            self._fault(where + ".http", f"{http!r} has no paths", f"Write it as {{paths: [{{backend: {_BACKEND}}}]}}")
            return
        checks.unknown_fields(http, ("paths",), where + ".http", self.faults)
        paths = self._list(http.get("paths"), where + ".http.paths", f"[{{path: /, backend: {_BACKEND}}}]")
        for here, entry in paths:
            self._path(entry, str(host), namespace, here)

    def _path(self, entry: Mapping[Any, Any], host: str, namespace: str, where: str) -> None:
        checks.unknown_fields(entry, ("path", "pathType", "backend"), where, self.faults)
        path = entry.get("path", "/")
        kind = one_of(entry.get("pathType", "Prefix"), ("Prefix", "Exact"), where + ".pathType", self.faults)
        if not isinstance(path, str) or not PATH.match(path):
            remedy = "Begin with /, and use letters, digits and /._~@:+,=- without empty, '.' and '..' elements"
            self._fault(where + ".path", f"{path!r} is not a path for a rule", remedy)
            return
        self._once((host, path if kind == "Exact" else path.rstrip("/"), kind), where, f"has {kind} {host}{path}")
        target = self._backend(entry.get("backend"), namespace, where + ".backend")
        if target is not None:
            self.routes.append(Route(host, path, kind, target))

    def _backend(self, value: Any, namespace: str, where: str) -> Target | None:
        service = value.get("service") if isinstance(value, Mapping) else None
        port = service.get("port") if isinstance(service, Mapping) else None
        if not isinstance(service, Mapping) or not isinstance(port, Mapping):
            self._fault(where, f"{value!r} is not a backend", f"Write it as {_BACKEND}")
            return None
        for fields, known, here in ((value, ("service",), where), (service, ("name", "port"), where + ".service"),
                                    (port, ("number", "name"), where + ".service.port")):  # fmt: skip
            checks.unknown_fields(fields, known, here, self.faults)
        found = self.services.get(f"{namespace}/{service.get('name')}")
        if found is None or found.headless:
            text = f"there is no Service {namespace}/{service.get('name')} with an address"
            self._fault(where + ".service.name", text, "Name one of the ingress's own namespace that is not headless")
            return None
        for one in found.ports:
            if one.protocol == "TCP" and (one.port == integer(port.get("number")) or one.name == port.get("name")):
                return Target(found.full_name, one.port)
        there = ", ".join(f"{one.port} ({one.name})" if one.name else str(one.port) for one in found.ports)
        text = f"{dict(port)!r} is no TCP port of Service {found.full_name}, which has {there}"
        self._fault(where + ".service.port", text, "Write it as {number: 80} or {name: http}")
        return None


def plan_ingress(
    ingress: Ingress | None, addresses: Mapping[int, Mapping[str, IPAddress]], versions: Sequence[int]
) -> dict[str, Any] | None:
    """Return the options of ``podnet.lab.ingress`` and the node that gets them; None without ingresses.

    `addresses` has those of the Services by version of IP, the one by which they are asked first, and full names;
    `versions` are those that pods have.
    """
    if ingress is None:
        return None

    def backend(target: Target) -> dict[str, Any]:
        known = [of[target.service] for of in addresses.values() if target.service in of]
        return {"address": str(known[0]), "port": target.port}

    return {
        "node": ingress.node,
        "ipv6": 6 in versions,
        "routes": [
            {"host": route.host, "path": route.path, "path_type": route.path_type, **backend(route.target)}
            for route in ingress.routes
        ],
        "default": backend(ingress.default) if ingress.default is not None else None,
        "tls_hosts": list(ingress.tls_hosts),
    }


def missing_programs(ingress: Ingress | None, node: str, info: Mapping[str, Any] | None) -> Iterable[Fault]:
    """Yield what the node of the ingress lacks; `info` is what ``podnet.lab.lab_info`` says of it."""
    if ingress is None or info is None or node != ingress.node:
        return
    for program, package in info.get("missing_for_ingress", {}).items():
        if program != "openssl" or ingress.tls_hosts:
            text = f"the program {program}, which the ingress needs, is not there"
            yield Fault(f"node {node}", text, f"Install the package {package}, or leave {_WHERE} out")
