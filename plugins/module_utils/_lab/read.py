# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Links, addresses and routes of the node's own network namespace, or of a named one, as they are now."""

from __future__ import annotations

import ctypes
import ipaddress
import os
import socket
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from .._kernel.netlink import RECEIVE_BUFFER, Connection, Watch
from .._kernel.rtnetlink import (
    GET_ADDRESSES,
    GET_FDB,
    GET_LINKS,
    GET_MAIN_ROUTES,
    GET_NEIGHBOURS,
    RT_TABLE_MAIN,
    parse_address,
    parse_fdb,
    parse_link,
    parse_neighbour,
    parse_route,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Address, Link, Neighbour, Route

IFF_UP = 0x1
NTF_SELF = 0x02
"""linux/neighbour.h: an entry of the link's own table, not of the bridge that it is a port of."""
RTN_UNICAST = 1
RT_SCOPE_UNIVERSE = 0
_CLONE_NEWNET = 0x40000000
_FAMILIES = (socket.AF_INET, socket.AF_INET6)

NOT_A_NAMESPACE = -1
"""What :func:`named_inode` says of a path that exists and holds no namespace."""


class View(NamedTuple):
    """One network namespace: links by name, addresses, and routes of the main table but those to link-local ones."""

    links: Dict[str, Link]
    addresses: List[Address]
    routes: List[Route]

    def ifname(self, ifindex: Optional[int]) -> Optional[str]:
        """Return the name of the link with this index, or None."""
        for name, link in self.links.items():
            if link["ifindex"] == ifindex:
                return name
        return None

    def addresses_of(self, ifname: str, family: Optional[int] = None) -> List[str]:
        """Return the addresses of a link as ``address/prefixlen``, in the kernel's order, but link-local ones.

        They are those of a family, or of IPv4 and IPv6.
        """
        index = self.links[ifname]["ifindex"] if ifname in self.links else -1
        return [
            "%s/%d" % (item["local"], item["prefixlen"])
            for item in self.addresses
            if item["ifindex"] == index
            and item["family"] in (_FAMILIES if family is None else (family,))
            and not is_link_local(item["local"])
        ]


def is_link_local(address: str) -> bool:
    """Tell whether an address is one that IPv6 gives every link by itself, of ``fe80::/10`` (RFC 4291).

    >>> is_link_local("fe80::50:aff:fe59:b"), is_link_local("10.244.0.1")
    (True, False)
    """
    return ":" in address and ipaddress.IPv6Address(address).is_link_local


def _read() -> View:
    buffer = bytearray(RECEIVE_BUFFER)
    connection = Connection(Watch())
    try:
        links: List[Link] = connection.dump(GET_LINKS, parse_link, buffer)[0]
        addresses: List[Address] = connection.dump(GET_ADDRESSES, parse_address, buffer)[0]
        routes: List[Route] = connection.dump(GET_MAIN_ROUTES, parse_route, buffer)[0]
    finally:
        connection.close()
    return View(
        {link["ifname"]: link for link in links},
        [address for address in addresses if address["family"] in _FAMILIES and "local" in address],
        [
            route
            for route in routes
            if route["family"] in _FAMILIES
            and route["table"] == RT_TABLE_MAIN
            and route["type"] == RTN_UNICAST
            and not is_link_local(route.get("dst", ""))
        ],
    )


def read_node() -> View:
    """Read the network namespace that the module runs in: the node's own."""
    return _read()


class Neighbours(NamedTuple):
    """What is known of who is behind a link: its own forwarding entries, and its neighbours."""

    fdb: List[Neighbour]
    neighbours: List[Neighbour]


def read_neighbours(ifindex: int) -> Neighbours:
    """Read the neighbours of one link of the node's own namespace."""
    buffer = bytearray(RECEIVE_BUFFER)
    connection = Connection(Watch())
    try:
        fdb: List[Neighbour] = connection.dump(GET_FDB, parse_fdb, buffer)[0]
        neighbours: List[Neighbour] = connection.dump(GET_NEIGHBOURS, parse_neighbour, buffer)[0]
    finally:
        connection.close()
    return Neighbours(
        [entry for entry in fdb if entry["ifindex"] == ifindex and entry["flags"] & NTF_SELF],
        [entry for entry in neighbours if entry["ifindex"] == ifindex and entry["family"] in _FAMILIES],
    )


def read_netns(path: str) -> Optional[View]:
    """Read a network namespace by its name or by /proc/PID/ns/net; None when there is none."""
    if not path.startswith("/proc/") and (named_inode(path) or NOT_A_NAMESPACE) == NOT_A_NAMESPACE:
        return None
    with entered(path):
        return _read()


def named_inode(path: str) -> Optional[int]:
    """Return the inode of the network namespace that is mounted at `path`.

    None when nothing is there, `NOT_A_NAMESPACE` when it is something else: a plain file is what
    a name leaves behind when its mount went without it. Nothing is opened that could block.
    """
    try:
        descriptor = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError:
        return NOT_A_NAMESPACE
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    return status.st_ino if status.st_dev == os.stat("/proc/self/ns/net").st_dev else NOT_A_NAMESPACE


@contextmanager
def entered(path: str) -> Iterator[None]:
    """Be in a named network namespace, and come home; commands that are run meanwhile are there too."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        follow = 0 if path.startswith("/proc/") else os.O_NOFOLLOW
        target = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | follow)
        try:
            _setns(target)
        finally:
            os.close(target)
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


@contextmanager
def apart() -> Iterator[None]:
    """Be in a new network namespace, and come home; what was made in it is gone then. Raises OSError."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.unshare(_CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, "unshare: " + os.strerror(number))
        try:
            yield
        finally:
            _setns(home)
    finally:
        os.close(home)


_libc = ctypes.CDLL(None, use_errno=True)


def _setns(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, "setns: " + os.strerror(number))


def prefix(route: Route) -> str:
    """Return a route's destination as ``address/length``; the default route is ``0.0.0.0/0`` or ``::/0``."""
    everywhere = "::" if route["family"] == socket.AF_INET6 else "0.0.0.0"
    return "%s/%d" % (route.get("dst", everywhere), route["dst_len"])


def kind(link: Link) -> str:
    """Return the kind of a link as ``ip -d link`` prints it; empty for hardware and loopback."""
    return link.get("info_kind", "")


def is_up(link: Link) -> bool:
    """Tell whether a link is set up (IFF_UP), whatever its carrier."""
    return bool(link["flags"] & IFF_UP)


def info(link: Link, name: str) -> Any:
    """Return one value of a link's ``info_data``, or None."""
    return link.get("info_data", {}).get(name)
