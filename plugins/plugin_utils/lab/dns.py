# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of a lab: the pod that answers, the Service before it, and the records that it has.

The records are those of the Kubernetes DNS specification 1.1.0 (kubernetes/dns, ``docs/specification.md``). Pod and
Service are described as any other, so that all that is checked of others is checked of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    from netaddr import AddrFormatError, IPAddress
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description.checks import Fault
from .description import Description
from .options import SUFFIXES, VARIABLE
from .services import Service, service_ranges

_DOMAIN = re.compile(r"(?=.{1,100}\Z)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*\Z")
_VERSION = "1.1.0"
NAMESPACE, NAME = "kube-system", "kube-dns"
"""What the Service is called in every cluster, whichever server is behind it."""
_TENTH = 10
"""kubeadm gives DNS the tenth address of the range (``GetDNSIP``)."""


@dataclass(frozen=True)
class Dns:
    """How names are to be resolved."""

    domain: str
    servers: tuple[str, ...]
    """Addresses of the Service."""
    node: str
    """Where the pod is."""
    upstreams: tuple[str, ...]
    """Servers that are asked for names outside the domain; none: there are no such names."""


def with_dns(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a description that has the pod and the Service of DNS beside all others, when it asks for them.

    What cannot be understood stays as it is, for those who read it to say so.
    """
    pods, nodes, services = raw.get("pods"), nodes_of(raw), raw.get("services") or []
    if raw.get("dns") is not True or not all(isinstance(one, list) for one in (pods, nodes, services)) or not nodes:
        return raw
    ports = [
        {"name": "dns", "containerPort": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
    ]
    pod = {
        "name": NAME,
        "namespace": NAMESPACE,
        "node": nodes[0],
        "labels": {"k8s-app": NAME},
        "containers": [{"name": "dnsmasq", "dns": True, "ports": ports}],
    }
    service = {
        "name": NAME,
        "namespace": NAMESPACE,
        "selector": {"k8s-app": NAME},
        "ipFamilyPolicy": "PreferDualStack",
        "address": raw.get("dns_address") or _usual_address(raw, 4),
        "address_v6": _usual_address(raw, 6),
        "ports": [
            {"name": "dns", "port": 53, "targetPort": "dns", "protocol": "UDP"},
            {"name": "dns-tcp", "port": 53, "targetPort": "dns-tcp", "protocol": "TCP"},
        ],
    }
    return {**raw, "pods": [*(pods or ()), pod], "services": [*services, service]}


def nodes_of(raw: Mapping[str, Any]) -> Any:
    """Return the nodes of a description that are not gone; what cannot be understood stays as it is."""
    nodes, gone = raw.get("nodes"), raw.get("gone_nodes") or []
    if not isinstance(nodes, list) or not isinstance(gone, list):
        return nodes
    return [node for node in nodes if node not in gone]


def _usual_address(raw: Mapping[str, Any], version: int) -> str | None:
    part = service_ranges(raw, []).get(version)
    return str(IPAddress(part.first + _TENTH)) if part is not None and part.size > _TENTH + 1 else None


def read_dns(
    raw: Mapping[str, Any], description: Description, servers: Iterable[str], faults: list[Fault]
) -> Dns | None:
    """Read what a description says of names; None when it asks for none. `servers` are the Service's addresses."""
    wanted = raw.get("dns", False)
    if not isinstance(wanted, bool):
        faults.append(Fault(VARIABLE + "dns", f"{wanted!r} is neither true nor false", "Use one of them"))
    if wanted is not True:
        return None
    domain = raw.get("dns_domain")
    if not isinstance(domain, str) or not _DOMAIN.match(domain):
        remedy = "Use labels of a-z, 0-9 and '-' with dots between, 100 characters at most, like cluster.local"
        faults.append(Fault(VARIABLE + "dns_domain", f"{domain!r} is not a domain", remedy))
    value = raw.get("dns_upstreams") or []
    where = VARIABLE + "dns_upstreams"
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Sequence):
        faults.append(Fault(where, f"{value!r} is not a list", "List addresses, such as 192.0.2.53"))
        value = []
    upstreams = [_upstream(text, f"{where}[{index}]", raw, description, faults) for index, text in enumerate(value)]
    node = description.nodes[0] if description.nodes else ""
    return Dns(str(domain), tuple(servers), node, tuple(str(one) for one in upstreams if one is not None))


def check_hostnames(description: Description, services: Iterable[Service], faults: list[Fault]) -> None:
    """Find subdomains that make no name, and names that two pods would have."""
    headless = [service for service in services if service.headless]
    seen: dict[tuple[str, ...], str] = {}
    for pod in description.pods:
        if not pod.subdomain:
            continue
        if not any(service.name == pod.subdomain and service.selects(pod) for service in headless):
            text = f"there is no headless Service {pod.namespace}/{pod.subdomain} that selects the pod"
            faults.append(Fault(pod.where + ".subdomain", text, "Name one, or leave it out"))
        key = (pod.namespace, pod.subdomain, pod.hostname)
        first = seen.setdefault(key, pod.where) if pod.hostname else pod.where
        if first != pod.where:
            text = f"{first} is {pod.hostname}.{pod.subdomain} too"
            faults.append(Fault(pod.where + ".hostname", text, "Give each pod its own"))


def _upstream(
    text: Any, where: str, raw: Mapping[str, Any], description: Description, faults: list[Fault]
) -> IPAddress | None:
    try:
        address = IPAddress(str(text))
    except (AddrFormatError, ValueError):
        faults.append(Fault(where, f"{text!r} is not an address", "Write it as 192.0.2.53 or 2001:db8::53"))
        return None
    if address.is_ipv4_mapped():
        address = address.ipv4()
    if address.version not in (part.version for part in description.clusters):
        remedy = f"Leave it out, or give {VARIABLE}cluster_cidr{SUFFIXES[address.version]}"
        text = f"the server would ask {address} by IPv{address.version}, and the lab has none"
        faults.append(Fault(where, text, remedy))
        return None
    if address.version == 6 and address.is_link_local():
        text = f"{address} is link-local, and the server's link is the pod's own"
        faults.append(Fault(where, text, "Name an address that is reached through the node"))
        return None
    ours = [*description.clusters, *service_ranges(raw, []).values()]
    inside = next((part for part in ours if address in part), None)
    if inside is not None or address.is_loopback() or not int(address):  # Linux takes 0.0.0.0 and :: for its own
        what = f"{address} is in {inside}, the lab's own" if inside is not None else f"{address} is the pod itself"
        faults.append(Fault(where, f"{what}: a question would go round in a loop", "Name a server outside the lab"))
    return address


def resolv_conf(dns: Dns, namespace: str) -> dict[str, Any]:
    """Return what a pod's resolv.conf says, as the kubelet writes it for ``dnsPolicy: ClusterFirst``."""
    return {
        "servers": list(dns.servers),
        "search": [f"{namespace}.svc.{dns.domain}", f"svc.{dns.domain}", dns.domain],
        "options": ["ndots:5"],
    }


def records(
    domain: str,
    services: Iterable[Mapping[str, Any]],
    pods: Iterable[str],
    addresses: Mapping[str, str],
    addresses_v6: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the records of the domain.

    `services` are those that :func:`services.plan_services` returned, `pods` the full names of all, `addresses` and
    `addresses_v6` have the pods' addresses by these. The first name of an address is the one that it leads back to.
    """
    families = (addresses, addresses_v6 or {})
    yield {"type": "TXT", "name": f"dns-version.{domain}", "value": _VERSION}
    for service in services:
        name = f"{service['name']}.{service['namespace']}.svc.{domain}"
        if not service["headless"]:
            for address in (service["address"], service["address_v6"]):
                if address is not None:
                    yield _host(name, address)
            targets = [(name, "")]
        else:
            behind = [
                (f"{service['hostnames'].get(pod) or _dashed(known[pod])}.{name}", known[pod])
                for version, known in zip((4, 6), families, strict=True)
                for pod in service["pods"]
                if pod in known and version in service["versions"]
            ]
            for own, address in behind:
                yield _host(own, address)
            for _own, address in behind:
                yield _host(name, address)
            targets = behind
        yield from _service_records(service, name, targets, families)
    for pod in pods:
        namespace = pod.partition("/")[0]
        for address in (known[pod] for known in families if pod in known):
            yield _host(f"{_dashed(address)}.{namespace}.pod.{domain}", address)


def _host(name: str, address: str) -> dict[str, Any]:
    return {"type": "AAAA" if ":" in address else "A", "name": name, "value": address}


def _service_records(
    service: Mapping[str, Any],
    name: str,
    targets: list[tuple[str, str]],
    families: Iterable[Mapping[str, str]],
) -> Iterator[dict[str, Any]]:
    """Yield where each named port is: of a headless Service at each pod, and at the port that the pod has."""
    for port in service["ports"]:
        if port["name"] is None:
            continue
        numbers = {known[end["pod"]]: end["port"] for known in families for end in port["pods"] if end["pod"] in known}
        ends = dict.fromkeys((target, numbers.get(address) if address else port["port"]) for target, address in targets)
        for target, number in ends:  # a pod with a hostname has one name for both of its addresses
            if number is not None:
                yield {
                    "type": "SRV",
                    "name": f"_{port['name']}._{port['protocol'].lower()}.{name}",
                    "value": target,
                    "port": number,
                }


def _dashed(address: str) -> str:
    return address.replace(".", "-").replace(":", "-")
