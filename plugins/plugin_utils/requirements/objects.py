# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects of the Kubernetes API that somebody gives: what ``kubectl get -o json`` prints, or a person writes.

Kinds that say what a network should do are read, all others passed over. Of each only what is needed is taken, so that
a person can write a Pod as a name with labels. Forms: Kubernetes API reference, core/v1, networking.k8s.io/v1 and
discovery.k8s.io/v1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..model.reading import Item, ShapeError
from ..model.records import Json
from .ingress_rules import CLASS_ANNOTATION, Ingress, read_ingress
from .policies import PodFacts, Policy, policy

Name = tuple[str, str]
"""Namespace and name."""


class ServiceObject(NamedTuple):
    """A Service as the API has it."""

    addresses: tuple[str, ...]
    """Its virtual addresses; empty for a headless one."""
    headless: bool


class Endpoint(NamedTuple):
    """A ready end of a Service."""

    address: str
    hostname: str | None
    port_name: str
    port: int | None


class Objects(NamedTuple):
    """All that was given."""

    policies: list[Policy]
    pods: dict[Name, PodFacts]
    namespaces: dict[str, dict[str, str]]
    """Labels of namespaces."""
    services: dict[Name, ServiceObject]
    endpoints: dict[Name, list[Endpoint]]
    ingresses: list[Ingress]


NOTHING = Objects([], {}, {}, {}, {}, [])


def read_objects(documents: Iterable[tuple[Json, str]]) -> Objects:
    """Return what *documents* hold, each with the place that errors name. Raises ShapeError."""
    found = Objects([], {}, {}, {}, {}, [])
    for document, place in documents:
        for item in _flat(document, place):
            _add(found, item)
    return found


NEEDED = {
    "Namespace": (),
    "NetworkPolicy": ("spec",),
    "Pod": (),
    "Service": (),
    "Endpoints": ("subsets",),
    "EndpointSlice": ("endpoints", "ports"),
    "Ingress": (),
}
"""Keys that are kept of each kind, beside its name and labels."""


def essential(document: Json) -> Json:
    """Return *document* with nothing but what is needed: a pod's environment may hold secrets, reports are shown."""
    if isinstance(document, list):
        return [one for one in map(essential, document) if one is not None]
    if not isinstance(document, dict):
        return document
    kind = document.get("kind")
    if isinstance(kind, str) and kind.endswith("List"):
        return {"kind": kind, "items": essential(document.get("items"))}
    if kind not in NEEDED:
        return None if isinstance(kind, str) else document
    kept = {"kind": kind, "metadata": _keys(document.get("metadata"), ("namespace", "name", "labels"))}
    kept.update(_keys(document, NEEDED[kind]))
    spec = document.get("spec")
    if kind == "Pod" and isinstance(spec, dict) and isinstance(spec.get("containers"), list):
        kept["spec"] = {"containers": [_keys(one, ("ports",)) for one in spec["containers"]]}
    elif kind == "Service":
        kept["spec"] = _keys(spec, ("clusterIP", "clusterIPs"))
    elif kind == "Ingress":
        kept["spec"] = _keys(spec, ("rules", "defaultBackend", "ingressClassName", "tls"))
        kept["metadata"] = _annotated(document.get("metadata"))
    return kept


def _annotated(metadata: Json) -> Json:
    """Return what is kept of an Ingress's metadata: the names of its annotations, and what one of them says."""
    kept = _keys(metadata, ("namespace", "name", "annotations"))
    given = kept.get("annotations") if isinstance(kept, dict) else None
    if isinstance(kept, dict) and isinstance(given, dict):
        kept["annotations"] = {name: value if name == CLASS_ANNOTATION else "" for name, value in given.items()}
    return kept


def _keys(value: Json, names: tuple[str, ...]) -> Json:
    return {name: value[name] for name in names if name in value} if isinstance(value, dict) else value


def _flat(document: Json, place: str) -> Iterator[Item]:
    if isinstance(document, list):
        for number, one in enumerate(document):
            yield from _flat(one, f"{place}[{number}]")
        return
    if document is None:  # an empty part of a YAML file
        return
    item = Item(document, place)
    if item.text("kind").endswith("List"):
        yield from item.items("items")
    else:
        yield item


def _add(found: Objects, item: Item) -> None:
    kind = item.text_or_none("kind") or ""
    if kind not in NEEDED:
        return
    meta = item.item("metadata")
    namespace, name = meta.text_or_none("namespace") or "default", meta.text("name")
    if kind == "NetworkPolicy":
        found.policies.append(policy(namespace, name, item.item_or_none("spec") or Item({}, f"{item.place}.spec")))
    elif kind == "Pod":
        found.pods[namespace, name] = PodFacts(labels(meta, "labels"), _container_ports(item))
    elif kind == "Namespace":
        found.namespaces[name] = labels(meta, "labels")
    elif kind == "Service":
        found.services[namespace, name] = _service(item.item("spec"))
    elif kind == "Endpoints":
        found.endpoints.setdefault((namespace, name), []).extend(_of_endpoints(item))
    elif kind == "Ingress":
        found.ingresses.append(read_ingress(namespace, name, labels(meta, "annotations"), item.item("spec")))
    else:
        owner = labels(meta, "labels").get("kubernetes.io/service-name", "")
        found.endpoints.setdefault((namespace, owner), []).extend(_of_slice(item))


def labels(item: Item, key: str) -> dict[str, str]:
    """Return the labels under *key*; YAML may have made numbers of some."""
    return {name: str(value) for name, value in item.scalars(key).items()}


def _container_ports(item: Item) -> dict[tuple[str, str], int]:
    spec = item.item_or_none("spec")
    return {
        (port.text("name"), protocol_of(port)): port.number("containerPort")
        for container in (spec.items("containers") if spec else ())
        for port in container.items("ports")
        if "name" in port
    }


def protocol_of(item: Item) -> str:
    """Return the protocol of a port, in small letters; TCP when it names none."""
    return (item.text_or_none("protocol") or "TCP").lower()


def _service(spec: Item) -> ServiceObject:
    first = spec.text_or_none("clusterIP")
    several = spec.texts("clusterIPs") or ([first] if first else [])
    return ServiceObject(
        addresses=tuple(one for one in several if one != "None"),
        headless="None" in several,
    )


def _of_endpoints(item: Item) -> Iterator[Endpoint]:
    for subset in item.items("subsets"):
        ports = _ports(subset)
        for address in subset.items("addresses"):
            for port_name, port in ports:
                yield Endpoint(address.text("ip"), address.text_or_none("hostname"), port_name, port)


def _ports(item: Item) -> list[tuple[str, int | None]]:
    """Return name and number of each port; without any, one that is not known."""
    found = [(one.text_or_none("name") or "", one.number_or_none("port")) for one in item.items("ports")]
    return found or [("", None)]


def _of_slice(item: Item) -> Iterator[Endpoint]:
    ports = [(one.text_or_none("name") or "", one.number_or_none("port")) for one in item.items("ports")] or [
        ("", None)
    ]
    for end in item.items("endpoints"):
        conditions = end.item_or_none("conditions")
        if conditions is not None and conditions.flag_or_none("ready") is False:
            continue
        for address in end.texts("addresses"):
            for port_name, port in ports:
                yield Endpoint(address, end.text_or_none("hostname"), port_name, port)


class GivenName(NamedTuple):
    """A name that somebody says should resolve."""

    name: str
    addresses: tuple[str, ...]
    """Empty: it must not be known."""


def given_names(entries: Iterable[Json]) -> list[GivenName]:
    """Return the names of ``podnet_verify_names``. Raises ShapeError."""
    found = []
    for number, entry in enumerate(entries):
        item = Item(entry, f"podnet_verify_names[{number}]")
        if "addresses" not in item:
            raise ShapeError(f"{item.place}.addresses is missing; give [] for a name that must not be known")
        found.append(GivenName(item.text("name"), tuple(item.texts("addresses"))))
    return found
