# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Address ranges as records: what a range is, and how text becomes one.

A range always carries where it was written. `Ranges` collects them; what is no range becomes an error
with the same source, never a guess.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from typing import Any, Callable, Dict, List, Optional, TypedDict, Union

from .._files.reader import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Error

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]

CLUSTER = "cluster"
"""The range of all nodes."""
NODE = "node"
"""The range of this node's pods."""
BLOCK = "block"
"""A part that this node took from a pool (Calico); it may have several, and use others' addresses."""
HINT = "hint"
"""Something that lies inside the range, or a default that another machine may have changed."""

ip_address = lru_cache(maxsize=None)(ipaddress.ip_address)
"""ipaddress.ip_address, once for each text: a pod's address is looked at in five places."""

# IPv4 without leading zeros, which some read as octal and Go refuses.
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = re.compile(r"(?:%s(?:\.%s){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)\Z" % (_OCTET, _OCTET))
_LENGTH = re.compile(r"(?:0|[1-9][0-9]{0,2})\Z")


class _SourceRequired(TypedDict):
    kind: str
    key: str


class Source(_SourceRequired, total=False):
    """Where a value is written: a file and its key, or the command that shows it and the object in its output."""

    path: str
    command: str


Where = Callable[[str], Source]
"""Makes the source of a value from its key: :func:`in_file` or :func:`in_output` with all but the key given."""


class Range(TypedDict):
    """One address range. `family` is ``inet`` or ``inet6``; `scope` one of the constants above."""

    cidr: str
    family: str
    scope: str
    source: Source


class PrefixLength(TypedDict):
    """How long the prefix of every node's pod range is to be (``--node-cidr-mask-size``)."""

    family: str
    prefixlen: int
    source: Source


class Side(TypedDict):
    """One of two things that contradict each other: a value and, in one line, where it is written."""

    value: str
    source: str


class Conflict(TypedDict):
    """Two values that cannot both be right: ``overlap``, ``disagreement``, ``out_of_range`` or ``duplicate``."""

    kind: str
    message: str
    sides: List[Side]


def in_file(kind: str, path: str, key: str) -> Source:
    """Return the source of a value in a file."""
    return {"kind": kind, "path": printable(path), "key": printable(key)}


def in_output(kind: str, command: str, key: str) -> Source:
    """Return the source of a value that a command shows."""
    return {"kind": kind, "command": printable(command), "key": printable(key)}


def parse_address(text: str) -> Optional[str]:
    """Return an IPv4 or IPv6 address in its usual form, or None when `text` is none."""
    if not _ADDRESS.match(text):
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def parse_network(text: str) -> Optional[Network]:
    """Return the network of ``address/length``, as Go's net.ParseCIDR does, or None.

    Bits behind the prefix are cleared: flannel and Kubernetes accept ``10.244.1.1/24``.
    """
    address, slash, length = text.partition("/")
    if not slash or not _ADDRESS.match(address) or not _LENGTH.match(length):
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def family_of(network: Network) -> str:
    """Return ``inet`` or ``inet6``."""
    return "inet" if network.version == 4 else "inet6"


class Ranges:
    """What the sources said, in the order in which they were read."""

    def __init__(self) -> None:
        self.pod: List[Range] = []
        self.service: List[Range] = []
        self.prefix_lengths: List[PrefixLength] = []
        self.shared: List[str] = []
        """Pod ranges that lie in a network of the node by design (macvlan, ipvlan)."""
        self.flat = False
        """Whether pods take addresses of the nodes' own network, so that no range of the cluster is given to them.

        A controller manager that gives nodes no ranges hints at it; the plugin that gives the addresses, where it is
        known, has the last word.
        """
        self.errors: List[Error] = []

    def _split(self, value: Any) -> List[Any]:
        values = value if isinstance(value, list) else [value]
        parts: List[Any] = []
        for item in values:
            parts.extend(item.split(",") if isinstance(item, str) else [item])
        parts = [part.strip() if isinstance(part, str) else part for part in parts]
        return [part for part in parts if part is not None and part != ""]

    def _fail(self, value: Any, source: Source, what: str) -> None:
        where = source.get("path") or source.get("command", "")
        shown = printable(value if isinstance(value, str) else type(value).__name__)
        self.errors.append(
            {
                "object": "%s: %s" % (where, source["key"]),
                "cause": "The value %a is not %s." % (shown[:80], what),
                "remedy": "Correct the value there.",
            }
        )

    def _add(self, role: str, entry: Range) -> None:
        ranges = self.pod if role == "pod" else self.service
        if entry not in ranges:
            ranges.append(entry)

    def add(self, role: str, value: Any, scope: str, source: Source) -> None:
        """Note the ranges in `value` for `role`, ``pod`` or ``service``.

        `value` is a string with commas or a list of such; None and empty strings are no value.
        """
        for part in self._split(value):
            network = parse_network(part) if isinstance(part, str) else None
            if network is None:
                self._fail(part, source, "an address range")
            else:
                self._add(role, {"cidr": str(network), "family": family_of(network), "scope": scope, "source": source})

    def add_address(self, role: str, value: Any, source: Source) -> None:
        """Note addresses that lie inside the range of `role`: hints."""
        for part in self._split(value):
            address = parse_address(part) if isinstance(part, str) else None
            if address is None:
                self._fail(part, source, "an address")
            else:
                length = 128 if ":" in address else 32
                family = "inet6" if ":" in address else "inet"
                cidr = "%s/%d" % (address, length)
                self._add(role, {"cidr": cidr, "family": family, "scope": HINT, "source": source})

    def add_prefix_length(self, family: str, value: Any, source: Source) -> None:
        """Note the length of the nodes' prefixes."""
        text = str(value).strip()
        most = 32 if family == "inet" else 128
        if not _LENGTH.match(text) or int(text) > most:
            self._fail(value, source, "a prefix length")
            return
        self.prefix_lengths.append({"family": family, "prefixlen": int(text), "source": source})

    def has(self, role: str) -> bool:
        """Tell whether a source states the cluster's range of `role`."""
        return any(entry["scope"] == CLUSTER for entry in (self.pod if role == "pod" else self.service))

    def add_defaults(self, defaults: Dict[str, str], scope: str, kind: str, path: str) -> None:
        """Note a distribution's default for each role of which no source states the cluster's range."""
        for role, value in sorted(defaults.items()):
            if not self.has(role):
                self.add(role, value, scope, in_file(kind, path, "default"))
