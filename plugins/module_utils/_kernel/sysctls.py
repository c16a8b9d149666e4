# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The sysctls that decide whether pod traffic is forwarded (Documentation/networking/ip-sysctl.rst).

/proc/sys/net shows the namespace of whoever opens a file in it, so these are read inside.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple, Union

    Value = Optional[Union[int, str]]

_ROOT = b"/proc/sys/"

GLOBAL = (
    b"net/ipv4/ip_forward",
    b"net/ipv4/ip_nonlocal_bind",
    b"net/ipv4/fib_multipath_hash_policy",
    b"net/bridge/bridge-nf-call-iptables",
    b"net/bridge/bridge-nf-call-ip6tables",
    b"net/bridge/bridge-nf-call-arptables",
)
"""None when the kernel does not have it: bridge-nf-call-* without the module br_netfilter."""

PER_INTERFACE = {
    b"net/ipv4/conf": (b"forwarding", b"rp_filter", b"proxy_arp", b"arp_ignore", b"accept_local", b"route_localnet"),
    b"net/ipv6/conf": (b"forwarding", b"accept_ra", b"proxy_ndp", b"disable_ipv6"),
}
"""Read for ``all``, ``default`` and every interface."""

SETTINGS = (
    b"net/ipv4/ip_forward",
    b"net/bridge/bridge-nf-call-iptables",
    b"net/bridge/bridge-nf-call-ip6tables",
    b"net/netfilter/nf_conntrack_count",
    b"net/netfilter/nf_conntrack_max",
    b"net/ipv4/neigh/default/gc_thresh3",
    b"net/ipv6/neigh/default/gc_thresh3",
)
"""Those of a node itself that stop pods when they are wrong; the count of connections is a measurement among them."""

SETTINGS_PER_INTERFACE = {b"net/ipv4/conf": (b"forwarding", b"rp_filter"), b"net/ipv6/conf": (b"forwarding",)}

_LIMIT = 256  # bytes of one value


def read_sysctls() -> Dict[bytes, bytes | None]:
    """Raw values of the namespace that the calling thread is in, by path below /proc/sys."""
    return _read_all(GLOBAL, PER_INTERFACE)


def read_settings() -> Dict[bytes, bytes | None]:
    """The few of them that decide, in the same shape."""
    return _read_all(SETTINGS, SETTINGS_PER_INTERFACE)


def _read_all(single: Tuple[bytes, ...], per_interface: Dict[bytes, Tuple[bytes, ...]]) -> Dict[bytes, bytes | None]:
    found: Dict[bytes, bytes | None] = {path: _read(path) for path in single}
    for directory, names in per_interface.items():
        try:
            interfaces: List[bytes] = os.listdir(_ROOT + directory)
        except OSError:
            continue  # IPv6 is switched off
        for interface in interfaces:
            for name in names:
                path = directory + b"/" + interface + b"/" + name
                value = _read(path)
                if value is not None:
                    found[path] = value
    return found


def _read(path: bytes) -> bytes | None:
    try:
        descriptor = os.open(_ROOT + path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, _LIMIT)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def sysctl_name(path: bytes) -> str:
    """The name as sysctl(8) writes it: dots between the parts, a slash for a dot inside a part."""
    parts = path.decode("utf-8", "backslashreplace").split("/")
    return ".".join(part.replace(".", "/") for part in parts)


def parse_sysctls(raw: Dict[bytes, bytes | None]) -> Dict[str, Value]:
    """Names and values, sorted by name; numbers as numbers."""
    found: Dict[str, Value] = {}
    for path in sorted(raw):
        value = raw[path]
        found[sysctl_name(path)] = None if value is None else _parse_value(value)
    return found


def _parse_value(value: bytes) -> int | str:
    shown = value.decode("utf-8", "backslashreplace").strip()
    digits = shown[1:] if shown.startswith("-") else shown
    return int(shown) if digits.isdigit() and digits.isascii() and len(digits) < 20 else shown
