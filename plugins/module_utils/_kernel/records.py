# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The typed records that pass between the rooms of the node side.

A record is made once, where bytes or files are read, and never changes shape afterwards.
Names follow the JSON output of iproute2. Records are plain dictionaries, so building
a thousand of them costs what building dictionaries costs.

Text that came from the kernel or from a file has been decoded as UTF-8 with
``backslashreplace``: it holds no lone surrogates and different names stay different.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, TypedDict


class Error(TypedDict):
    """One thing that could not be read: what it is, why, and what would help."""

    object: str
    cause: str
    remedy: str


class _LinkRequired(TypedDict):
    ifindex: int
    ifname: str
    flags: int
    """``IFF_*`` bits, linux/if.h."""
    link_type: int
    """``ARPHRD_*``, linux/if_arp.h."""


class Link(_LinkRequired, total=False):
    """One network interface, as RTM_NEWLINK describes it (linux/if_link.h)."""

    address: str
    broadcast: str
    mtu: int
    operstate: str
    qdisc: str
    txqlen: int
    group: int
    carrier: int
    ifalias: str
    altnames: List[str]
    permaddr: str
    master: int
    """ifindex of the bridge, bond or vrf that this link is a port of."""
    link: int
    """IFLA_LINK: ifindex of the lower device or of the veth peer, in its own namespace."""
    link_netnsid: int
    """IFLA_LINK_NETNSID: id, as seen from here, of the namespace that `link` counts in."""
    info_kind: str
    info_data: Dict[str, Any]
    info_slave_kind: str
    info_slave_data: Dict[str, Any]
    stats: Dict[str, int]


class _AddressRequired(TypedDict):
    ifindex: int
    family: int
    prefixlen: int
    scope: int


class Address(_AddressRequired, total=False):
    """One address of an interface, as RTM_NEWADDR describes it (linux/if_addr.h)."""

    local: str
    address: str
    """The peer's address on a point-to-point link."""
    broadcast: str
    label: str
    flags: int
    """``IFA_F_*`` bits."""
    metric: int


class _RouteRequired(TypedDict):
    family: int
    dst_len: int
    type: int
    protocol: int
    scope: int
    table: int


class Route(_RouteRequired, total=False):
    """One route, as RTM_NEWROUTE describes it (linux/rtnetlink.h)."""

    dst: str
    """Absent for the default route."""
    oif: int
    gateway: str
    via: str
    """A gateway of another address family (RTA_VIA)."""
    prefsrc: str
    metric: int
    flags: int
    src: str
    src_len: int
    tos: int
    metrics: Dict[str, int]
    """RTA_METRICS as iproute2 names them: ``mtu``, ``advmss``, ``hoplimit`` …"""
    pref: int
    """RTA_PREF: 0 medium, 1 high, 3 low (RFC 4191)."""
    encap: str
    """Kind of lightweight tunnel: ``mpls``, ``ip``, ``seg6`` …"""
    nexthops: List[Dict[str, Any]]
    """Multipath: oif, weight, flags (``RTNH_F_*``), and gateway, via or encap."""
    nhid: int


class _NeighbourRequired(TypedDict):
    family: int
    ifindex: int
    state: int
    flags: int


class Neighbour(_NeighbourRequired, total=False):
    """One neighbour (ARP, NDP) or, with family AF_BRIDGE, one forwarding entry (linux/neighbour.h)."""

    dst: str
    lladdr: str
    vlan: int
    port: int
    vni: int
    via_ifindex: int
    master: int
    nhid: int


class Rule(TypedDict, total=False):
    """One policy-routing rule (linux/fib_rules.h)."""

    family: int
    priority: int
    src: str
    src_len: int
    dst: str
    dst_len: int
    table: int
    action: int
    iif: str
    oif: str
    fwmark: int
    fwmask: int
    l3mdev: int
    protocol: int
    suppress_prefixlength: int
    invert: bool
    tos: int
    goto: int
    """Priority of the rule to go on with (action FR_ACT_GOTO)."""
    ipproto: int
    uid_range: List[int]
    sport: List[int]
    dport: List[int]
    """First and last of a range, both included."""


class Socket(TypedDict):
    """One listening TCP socket or one bound UDP socket without a remote end.

    `protocol` is ``tcp`` or ``udp``; the family is that of `local`. A socket on ``::`` may take
    IPv4 as well: the kernel's table does not say.
    """

    protocol: str
    local: str
    port: int
    inode: int
    uid: int


class _ProcessRequired(TypedDict):
    pid: int
    comm: str


class Process(_ProcessRequired, total=False):
    """One process of a namespace. `cgroup` is the text of /proc/PID/cgroup."""

    pid_namespace: int
    cgroup: str
    starttime: int
    tid: int
    """Set when only this non-leader thread is in the namespace."""


class PeerEnd(TypedDict):
    """The other end of a veth pair: the inode of its namespace and its ifindex and name there."""

    netns: int
    ifindex: int
    ifname: str


class Peer(TypedDict):
    """What is known about the other end of one veth."""

    resolution: str
    """``exact``, ``ambiguous`` or ``unresolved``."""
    end: Optional[PeerEnd]
    reason: Optional[str]


class _NamespaceRequired(TypedDict):
    inode: int
    paths: List[str]
    """Every mount point that holds it, sorted."""
    processes: List[Process]
    """Sorted by pid. Of the node's own namespace only those in another mount namespace than the node's, which
    are the containers with the host's network; all, the node's own ones without `cgroup`, with host_processes."""
    process_count: int
    """Those that are not listed included."""
    errors: List[Error]
    entered: bool
    vanished: bool
    """It was there when namespaces were listed and nobody holds it any more; no error. When it was not
    even entered, nothing but `inode` and `paths` is known of it."""


class Namespace(_NamespaceRequired, total=False):
    """One network namespace and everything read in it; lists are absent when not asked for."""

    holders: List[str]
    """How it was found: ``mount``, ``process``, ``thread``, and with the subset hidden ``fd``, ``socket``."""
    links: List[Link]
    addresses: List[Address]
    routes: List[Route]
    neighbours: List[Neighbour]
    fdb: List[Neighbour]
    rules: List[Rule]
    sockets: List[Socket]
    sysctls: Dict[str, Any]
    """Name as sysctl(8) writes it -> number, text, or None where the kernel does not have it."""
    settings: Dict[str, Any]
    """The few of them that decide, of the node's own namespace alone."""
    counters: Dict[str, int]
    """What TCP and UDP counted, of the node's own namespace alone."""
    nsids: Dict[int, int]
    """nsid as seen from this namespace -> inode, as far as proven."""
    peers: Dict[int, Peer]
    """ifindex of a veth, netkit or vxcan link -> its other end."""


class Snapshot(TypedDict):
    """One pass over a node."""

    own: int
    """Inode of the node's own network namespace."""
    own_pid_namespace: Optional[int]
    hostname: str
    namespaces: Dict[int, Namespace]
    errors: List[Error]
    partial: bool
