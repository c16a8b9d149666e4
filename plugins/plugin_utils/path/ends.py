# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who sends and who is asked: from the words that a person gives to a namespace, an address and a port.

``default/pod1``, ``default/web:80``, ``node1``, ``10.244.1.5:80``, ``[fd00::5]:80``; ``pod/``, ``service/`` and
``node/`` before it say which of several things of one name is meant.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import NamedTuple

from .fleet import NodeFiles
from .node import Namespace, Node
from .records import End, address_of, number_of

KINDS = ("pod", "service", "node", "address")
_WORDS = re.compile(r"^(?:(?P<kind>pod|service|node)/)?(?P<name>\[[0-9a-fA-F:.]+\]|[^\[\]]+?)(?::(?P<port>[0-9]+))?$")


class EndError(Exception):
    """An end of a path cannot be used; the message says which, why, and what to give instead."""


class Place(NamedTuple):
    """An end of a path: what it is, and where."""

    end: End
    node: Node | None
    namespace: Namespace | None
    family: str | None
    number: int | None
    port: int | None
    protocol: str | None
    """That of a Service's port."""


class _Asked(NamedTuple):
    kind: str | None
    name: str
    port: int | None


def _asked(text: str, option: str) -> _Asked:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        pass
    else:
        return _Asked("address", str(address), None)
    found = _WORDS.match(text.strip())
    port = int(found["port"]) if found is not None and found["port"] else None
    if found is None or (port is not None and not 0 < port < 65536):
        raise EndError(
            f"{option} is {text!r}, which is no pod (default/web-0), Service (default/web:80), node or address "
            "(10.244.1.5:80, [fd00::5]:80)"
        )
    name = found["name"].strip("[]")
    try:
        return _Asked(found["kind"] or "address", str(ipaddress.ip_address(name)), port)
    except ValueError:
        return _Asked(found["kind"], name, port)


def sender(nodes: NodeFiles, text: str, family: str | None) -> Place:
    """Return who sends; *family* chooses among the addresses of one that has both. Raises EndError."""
    asked = _asked(text, "podnet_from")
    if asked.kind == "address":
        family, number = number_of(asked.name)
        place = holder(nodes, family, number)
        if place is None:
            raise EndError(f"podnet_from is {text!r}: no node that was read has this address, nor a pod there")
        node, namespace = place
        return Place(
            _end(text, "address", node, namespace.name, asked.name), node, namespace, family, number, None, None
        )
    found = _pod_or_node(nodes, asked)
    if found is None:
        raise EndError(
            f"podnet_from is {text!r}: there is no such pod or node in {nodes.folder}. "
            "Pods are named as in default/web-0, nodes as in the inventory"
        )
    kind, node, namespace = found
    return Place(_end(text, kind, node, asked.name, None), node, namespace, family, None, None, None)


def receiver(nodes: NodeFiles, text: str, family: str | None) -> Place:
    """Return who is asked, with the address that packets go to. Raises EndError."""
    asked = _asked(text, "podnet_to")
    if asked.kind == "address":
        family, number = number_of(asked.name)
        return Place(_end(text, "address", None, asked.name, asked.name), None, None, family, number, asked.port, None)
    if asked.kind in (None, "service"):
        service = _service(nodes, asked, family)
        if service is not None and (asked.kind == "service" or _pod_or_node(nodes, asked) is None):
            return service
        if service is not None:
            raise EndError(
                f"podnet_to is {text!r}, and there are a Service and a pod of this name: "
                f"say service/{text} or pod/{text}"
            )
    found = _pod_or_node(nodes, asked) if asked.kind != "service" else None
    if found is None:
        raise EndError(
            f"podnet_to is {text!r}: there is no such pod, Service or node in {nodes.folder}. Services are only known "
            "where inspect.yml read them, as with podnet_diagnose=true"
        )
    kind, node, namespace = found
    address = _address(namespace, family)
    if address is None:
        raise EndError(f"podnet_to is {text!r}: it has no {'IPv6' if family == 'inet6' else 'IPv4'} address")
    written = address_of(*address)
    return Place(_end(text, kind, node, asked.name, written), node, namespace, *address, asked.port, None)


def _named(name: str) -> str:
    """Return what stands in files that know a pod or a Service by *name*."""
    return f'"name": {json.dumps(name.rpartition("/")[2])}'


def _held(family: str, number: int) -> str:
    """Return what stands in files of nodes on which something has an address."""
    return f'"{address_of(family, number)}/'


def searched(*ends: str) -> list[str]:
    """Return what the files are to be searched for to find these ends, as a person gives them."""
    found = []
    for text in ends:
        name = (_WORDS.match(text.strip()) or {"name": text})["name"].strip("[]")
        try:
            found.append(_held(*number_of(name)))
        except ValueError:
            found.append(_named(name))
    return found


def _end(asked: str, what: str, node: Node | None, name: str, address: str | None) -> End:
    return {"asked": asked, "what": what, "host": node.host if node else None, "name": name, "address": address}


def _pod_or_node(nodes: NodeFiles, asked: _Asked) -> tuple[str, Node, Namespace] | None:
    if asked.kind in (None, "pod") and "/" in asked.name:
        for node in nodes.holding(_named(asked.name), lambda one: _pod(one, asked.name) is not None):
            namespace = _pod(node, asked.name)
            if namespace is not None:
                return "pod", node, namespace
    if asked.kind in (None, "node"):
        named = nodes.named(asked.name)
        if named is not None and named.own is not None:
            return "node", named, named.own
    return None


def _pod(node: Node, name: str) -> Namespace | None:
    return next((one for one in node.namespaces.values() if one.pod == name), None)


def _address(namespace: Namespace, family: str | None) -> tuple[str, int] | None:
    """Return the address by which others know a pod or a node: the first that is no link's or loopback's own."""
    for wanted in (family,) if family is not None else ("inet", "inet6"):
        for link in sorted(namespace.links.values(), key=lambda one: one.ifindex):
            for one in link.addresses:
                if one.family == wanted and one.scope == "global" and not link.loopback:
                    return one.family, one.number
    return None


def holder(nodes: NodeFiles, family: str, number: int) -> tuple[Node, Namespace] | None:
    """Return the node and the namespace that have an address, None where no node that was read has it."""
    for node in nodes.holding(_held(family, number), lambda one: bool(one.namespaces)):
        for namespace in node.namespaces.values():
            for link in namespace.links.values():
                if any((one.family, one.number) == (family, number) for one in link.addresses):
                    return node, namespace
    return None


def _service(nodes: NodeFiles, asked: _Asked, family: str | None) -> Place | None:
    if "/" not in asked.name:
        return None
    fitting: set[tuple[str, str, int]] = set()
    ports: set[int] = set()
    for node in nodes.holding(_named(asked.name), lambda one: any(entry[0] == asked.name for entry in one.services)):
        for name, _port_name, address, protocol, port in node.services:
            if name == asked.name:
                ports.add(port)
                if (asked.port is None or asked.port == port) and family in (None, number_of(address)[0]):
                    fitting.add((address, protocol, port))
        if fitting:
            break
    if not ports:
        return None
    if len({port for _address, _protocol, port in fitting}) != 1:
        known = ", ".join(map(str, sorted(ports)))
        raise EndError(f"the Service {asked.name} has the ports {known}: say which, as in {asked.name}:{min(ports)}")
    address, protocol, port = min(fitting, key=lambda one: (":" in one[0], one))
    end = _end(asked.name if asked.port is None else f"{asked.name}:{port}", "service", None, asked.name, address)
    return Place(end, None, None, *number_of(address), port, protocol)
