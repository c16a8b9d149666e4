# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Services and their backends as the Kubernetes API states them: only when asked for.

What is asked: the Services (``v1``) and the EndpointSlices (``discovery.k8s.io/v1``, since 1.21). A slice belongs to
the Service that its label ``kubernetes.io/service-name`` names; its ports are the backends' own, and one without a
number is of no backend. ``ready`` that is not said is true (types.go of k8s.io/api/discovery/v1).
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from .._files.reader import Files, printable
from .._ranges.questions import mapping, open_api

_SERVICES = "/api/v1/services"
_SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
_OWNER = "kubernetes.io/service-name"


class _Name(NamedTuple):
    namespace: str
    name: str


def read_service_objects(files: Files) -> Optional[Dict[str, Any]]:
    """Ask the API server and return the key ``api`` of ``podnet_service``; None where no credentials lie.

    Its ``services`` are None when the API did not list both kinds; then ``files.errors`` says why.
    """
    opened = open_api(files)
    if opened is None:
        return None
    facts: Dict[str, Any] = {"path": opened.path, "server": opened.server, "services": None}
    services = opened.asked.items(_SERVICES) if opened.asked else None
    slices = opened.asked.items(_SLICES) if opened.asked and services is not None else None
    if services is not None and slices is not None:
        facts["services"] = service_objects(services, slices)
    return facts


def service_objects(services: Sequence[Any], slices: Sequence[Any]) -> List[Dict[str, Any]]:
    """Return what is said of each Service, with the backends that its slices list, sorted by namespace and name."""
    backends: Dict[_Name, List[Dict[str, Any]]] = {}
    for item in slices:
        owner = _text(mapping(mapping(mapping(item).get("metadata")).get("labels")).get(_OWNER))
        name = _name(item)
        if owner is not None and name is not None:
            backends.setdefault(_Name(name.namespace, owner), []).extend(_backends(mapping(item)))
    found = []
    for item in services:
        name = _name(item)
        if name is not None:
            mine = sorted(backends.get(name, ()), key=lambda one: (one["address"], one["port"], one["protocol"]))
            found.append({**name._asdict(), **_service(mapping(mapping(item).get("spec"))), "backends": mine})
    return sorted(found, key=lambda one: (one["namespace"], one["name"]))


def _service(spec: Mapping[Any, Any]) -> Dict[str, Any]:
    addresses = _texts(spec.get("clusterIPs")) or _texts([spec.get("clusterIP")])
    return {
        "type": _text(spec.get("type")),
        # A headless Service says None in its address.
        "addresses": [address for address in addresses if address not in ("", "None")],
        "ports": [
            {
                "name": _text(port.get("name")),
                "protocol": _protocol(port),
                "port": port["port"],
                "node_port": port.get("nodePort") if _is_number(port.get("nodePort")) else None,
            }
            for port in _mappings(spec.get("ports"))
            if _is_number(port.get("port"))
        ],
    }


def _backends(item: Mapping[Any, Any]) -> Iterator[Dict[str, Any]]:
    ports = [port for port in _mappings(item.get("ports")) if _is_number(port.get("port"))]
    for end in _mappings(item.get("endpoints")):
        said = mapping(end.get("conditions"))
        target = mapping(end.get("targetRef"))
        pod = _name({"metadata": target}) if target.get("kind") == "Pod" else None
        for address in _texts(end.get("addresses")):
            for port in ports:
                yield {
                    "address": address,
                    "port": port["port"],
                    "port_name": _text(port.get("name")),
                    "protocol": _protocol(port),
                    "ready": said.get("ready") is not False,
                    "terminating": said.get("terminating") is True,
                    "node": _text(end.get("nodeName")),
                    "pod": "%s/%s" % pod if pod else None,
                }


def _name(item: Any) -> Optional[_Name]:
    metadata = mapping(mapping(item).get("metadata"))
    namespace, name = _text(metadata.get("namespace")), _text(metadata.get("name"))
    return None if namespace is None or name is None else _Name(namespace, name)


def _protocol(port: Mapping[Any, Any]) -> str:
    return (_text(port.get("protocol")) or "TCP").lower()


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _text(value: Any) -> Optional[str]:
    return printable(value) if isinstance(value, str) else None


def _texts(values: Any) -> List[str]:
    return [printable(one) for one in (values if isinstance(values, list) else ()) if isinstance(one, str)]


def _mappings(values: Any) -> List[Mapping[Any, Any]]:
    return [one for one in (values if isinstance(values, list) else ()) if isinstance(one, dict)]
