# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

r"""Leases of the lab's pods, in the format of the CNI plugin host-local.

One file per address, ``/var/lib/cni/networks/<lab>/<address>``, with the container id, CR LF and
the interface's name (containernetworking/plugins, ``plugins/ipam/host-local/backend/disk/backend.go``)::

    9f31c20d77aa…\r\neth0

``last_reserved_ip.0`` has the address that was leased last, ``last_reserved_ip.1`` the same of IPv6, which is
host-local's second set of ranges; ``lock`` is locked while leases change.
"""

from __future__ import annotations

import fcntl
import ipaddress
import os
from typing import Dict, Iterable, List, NamedTuple, Optional, Tuple, Union

from .._files.reader import Files
from .._ranges.leases import DATA_DIR, is_address, parse_lease

_LAST = {4: "last_reserved_ip.0", 6: "last_reserved_ip.1"}
_BOOK_KEEPING = ("lock", *_LAST.values())

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class AllocationError(ValueError):
    """No address can be leased. `remedy` says what would help."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.remedy = remedy


class Allocation(NamedTuple):
    """Who gets which address, and what that changes."""

    addresses: Dict[str, str]
    """Sandbox id to address, for every pod."""
    lease: Dict[str, str]
    """Address to sandbox id, of the leases to be written."""
    release: List[str]
    """Addresses of the leases to be removed, sorted as text."""


def allocate(
    network: Network,
    gateway: Address,
    pods: List[Tuple[str, Optional[str]]],
    leases: Dict[str, str],
    mark: str,
) -> Allocation:
    """Decide the address of each pod in one range.

    `pods` are sandbox ids with the address that they must have, or None. `leases` are the leases of the range's
    family as they are, address to container id; those whose id does not begin with `mark` are somebody else's.
    A pod keeps its lease when it has one in the range; the others get the lowest free addresses.
    Raises :class:`AllocationError`.
    """
    foreign = {address for address, holder in leases.items() if not holder.startswith(mark)}
    reserved = {str(network.network_address), str(gateway)}
    if network.version == 4:  # IPv6 has no broadcast; its first address is that of any router (RFC 4291, 2.6.1)
        reserved.add(str(network.broadcast_address))
    if gateway not in network:
        raise AllocationError("the gateway %s is not in it" % gateway, "Choose a gateway of the range.")
    addresses: Dict[str, str] = {}
    for sandbox, fixed in pods:
        if fixed is None:
            continue
        address = str(ipaddress.ip_address(fixed))
        if ipaddress.ip_address(address) not in network or address in reserved:
            raise AllocationError("%s is not an address for a pod in it" % address, "Choose another address.")
        if address in foreign:
            raise AllocationError(
                "%s is leased to container %s, which is not the lab's" % (address, leases[address] or "(none)"),
                "Choose another address, or remove the lease file if no such container exists.",
            )
        if address in addresses.values():
            raise AllocationError("%s is wanted by two pods" % address, "Give each pod its own.")
        addresses[sandbox] = address
    taken = foreign | reserved | set(addresses.values())
    held: Dict[str, str] = {}
    for address in sorted(leases, key=lambda item: (ipaddress.ip_address(item).version, ipaddress.ip_address(item))):
        held_in_range = ipaddress.ip_address(address) in network and address not in taken
        if held_in_range and leases[address] not in held:
            held[leases[address]] = address
    waiting = []
    for sandbox, fixed in pods:
        if fixed is None and sandbox in held:
            addresses[sandbox] = held[sandbox]
            taken.add(held[sandbox])
        elif fixed is None:
            waiting.append(sandbox)
    free = (str(address) for address in network.hosts() if str(address) not in taken)
    for sandbox in waiting:
        address = next(free, "")
        if not address:
            raise AllocationError(
                "it has no free address for %d of the %d pods" % (len(waiting), len(pods)), "Use a larger range."
            )
        addresses[sandbox] = address
    given = {address: sandbox for sandbox, address in addresses.items()}
    return Allocation(
        addresses=addresses,
        lease={address: sandbox for address, sandbox in given.items() if leases.get(address) != sandbox},
        release=sorted(
            address for address, holder in leases.items() if holder.startswith(mark) and given.get(address) != holder
        ),
    )


class LeaseStore:
    """The lease directory of one lab."""

    def __init__(self, lab: str, root: str = DATA_DIR) -> None:
        self.root = root
        self.path = "%s/%s" % (root, lab)

    def read(self) -> Dict[str, str]:
        """Return address and container id of every lease; the id of an empty file is empty."""
        files = Files()
        found: Dict[str, str] = {}
        for name in files.names(self.path):
            if is_address(name):
                text = files.text("%s/%s" % (self.path, name), 4096)
                found[name] = (parse_lease(text)[0] if text is not None else None) or ""
        return found

    def change(self, release: Iterable[str], lease: Dict[str, str], ifnames: Dict[str, str], real: bool) -> List[str]:
        """Remove and write leases, if `real`; the answer is what a person would type for it.

        `lease` is address to sandbox id, `ifnames` sandbox id to the name of the pod's link.
        """
        release = list(release)
        commands = ["rm %s/%s" % (self.path, address) for address in release]
        for address, sandbox in lease.items():
            commands.append("printf '%s\\r\\n%s' > %s/%s" % (sandbox, ifnames[sandbox], self.path, address))
        if real and commands:
            self._write(release, lease, ifnames)
        return commands

    def _write(self, release: List[str], lease: Dict[str, str], ifnames: Dict[str, str]) -> None:
        with open(self.path + "/lock", "a", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for address in release:
                try:
                    os.unlink("%s/%s" % (self.path, address))
                except FileNotFoundError:
                    pass
            for address, sandbox in lease.items():
                self._put(address, "%s\r\n%s" % (sandbox, ifnames[sandbox]))
            for address in lease:
                self._put(_LAST[ipaddress.ip_address(address).version], address)

    def _put(self, name: str, text: str) -> None:
        temporary = "%s/.%s.new" % (self.path, name)
        with open(temporary, "w", encoding="ascii", newline="") as handle:
            handle.write(text)
        os.rename(temporary, "%s/%s" % (self.path, name))

    def missing(self, versions: Iterable[int] = (4,)) -> List[str]:
        """Return what the lab would make and is not there: directories down to the lab's own, and book-keeping.

        `versions` are those of IP of which the lab leases addresses.
        """
        missing = ["%s/%s" % (self.path, name) for name in ("lock", *(_LAST[version] for version in versions))]
        directory = self.path
        while directory != "/":
            missing.append(directory)
            directory = os.path.dirname(directory)
        return sorted(path for path in missing if not os.path.exists(path))

    def drop_last(self, made: Iterable[str], versions: Iterable[int]) -> List[str]:
        """Remove the book-keeping of families of which the lab leases nothing any more, if it `made` it; return it."""
        names = ["%s/%s" % (self.path, name) for version, name in _LAST.items() if version not in versions]
        gone = [path for path in names if path in made]
        for path in gone:
            if os.path.exists(path):
                os.unlink(path)
        return gone

    def make(self) -> None:
        """Make the directory."""
        os.makedirs(self.path, mode=0o755, exist_ok=True)

    def remove(self, made: Iterable[str]) -> List[str]:
        """Remove what the lab made, as far as it is empty; return what of it could not be removed yet.

        Without a lease of others the lab's own directory goes with its book-keeping, noted or not.
        """
        made = set(made)
        if os.path.isdir(self.path) and not self.read():
            made |= {"%s/%s" % (self.path, name) for name in _BOOK_KEEPING} | {self.path}
        left = []
        for path in sorted(made, key=len, reverse=True):
            try:
                if os.path.isdir(path):
                    os.rmdir(path)
                else:
                    os.unlink(path)
            except FileNotFoundError:
                continue
            except OSError:
                left.append(path)
        return sorted(left)
