# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Nodes on one machine: what is wanted, what is there, and what to do about the difference.

A *fabric* is a bridge in a network namespace of its own, which nodes are plugged into, and one cable
from that bridge to the machine. A *light* node runs the machine's programs below sshd. A *full* node is systemd
over a Debian root file system (`_local_nodes_root`) in control groups of its own (`_local_nodes_cgroups`).
The functions here read nothing and change nothing: they decide
over records that `_local_nodes_state` and `_local_nodes_machine` have read.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Sequence, Tuple

FIRST_NODE_OFFSET = 10
"""Node 1 has the subnet's address 11: the first ten are kept for the machine and for what people add by hand."""

LINK_MARK = "podnet.lab:local_nodes"
"""The alias of every link on the machine that belongs to a fabric."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_PREFIX = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_IFNAMSIZ = 16
"""Room for a link's name and its final NUL (include/uapi/linux/if.h)."""


@dataclass(frozen=True)
class ProcessId:
    """A process that cannot be mistaken for a later one with the same number.

    `starttime` is field 22 of /proc/PID/stat, in clock ticks since boot (proc_pid_stat(5)).
    """

    pid: int
    starttime: int


@dataclass(frozen=True)
class Wanted:
    """What the caller asked for, as the options say it."""

    fabric: str
    subnet: str
    count: int
    prefix: str
    directory: str
    public_key: str
    binds: Tuple[str, ...]
    owner: int
    kind: str = "light"
    root: str = ""
    """Full nodes: path of the root file system, which need not be built yet."""
    data: str = ""
    """Full nodes: directory below which they write."""


@dataclass(frozen=True)
class NodeSpec:
    """One node as it should be."""

    name: str
    address: str
    prefixlen: int
    gateway: str
    port: str
    public_key: str
    binds: Tuple[str, ...]
    kind: str = "light"
    root: str = ""
    data: str = ""
    """Full nodes: the node's own directory on a disk."""


@dataclass(frozen=True)
class NodeSeen:
    """One node as it was found. `spec` is what it was made from, None where the record cannot be read."""

    name: str
    spec: Optional[NodeSpec]
    init: Optional[ProcessId]
    host_key: str
    alive: bool
    answers: Optional[bool]
    """Whether its sshd greeted; None where that could not be tried."""


@dataclass(frozen=True)
class FabricSeen:
    """One fabric as it was found. `uplink_faults` says what is wrong with the machine's end of the cable."""

    name: str
    subnet: str
    directory: str
    owner: int
    holder: Optional[ProcessId]
    holder_alive: bool
    uplink_faults: Tuple[str, ...]
    nodes: Tuple[NodeSeen, ...]


@dataclass(frozen=True)
class Network:
    """A network that the machine already has: an address's or a route's, and where it leads."""

    cidr: str
    dev: str


@dataclass(frozen=True)
class Plan:
    """What to do, in the order in which it is done."""

    build_root: str = ""
    """Path of the root file system to build; empty when none is needed or it is there."""
    rebuild_fabric: bool = False
    repair_uplink: Tuple[str, ...] = ()
    remove: Tuple[Tuple[str, str], ...] = ()
    """(name, reason) of nodes to end."""
    create: Tuple[NodeSpec, ...] = ()
    keep: Tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.build_root or self.rebuild_fabric or self.repair_uplink or self.remove or self.create)


@dataclass
class Faults:
    """Faults of the input, collected so that one message can name them all."""

    messages: List[str] = field(default_factory=list)

    def add(self, message: str) -> None:
        """Note one fault; `message` says what, where and what to do."""
        self.messages.append(message)


def ipv4_network(text: str) -> Optional[ipaddress.IPv4Network]:
    """The IPv4 network that `text` names, or None when it names none."""
    try:
        return ipaddress.IPv4Network(text)
    except ValueError:
        return None


def gateway_of(network: ipaddress.IPv4Network) -> str:
    """The machine's own address on the fabric: the first of the subnet."""
    return str(network[1])


def capacity_of(network: ipaddress.IPv4Network) -> int:
    """How many nodes the subnet has room for."""
    return max(0, network.num_addresses - 2 - FIRST_NODE_OFFSET)


def check_wanted(wanted: Wanted) -> List[str]:
    """What is wrong with the options by themselves, each as one sentence with its remedy."""
    faults = Faults()
    if len(wanted.fabric) >= _IFNAMSIZ:
        faults.add(
            "fabric '%s' has %d characters, and a link of Linux can have 15: choose a shorter name."
            % (wanted.fabric, len(wanted.fabric))
        )
    if not _NAME.fullmatch(wanted.fabric):
        faults.add(
            "fabric '%s' cannot name a link and a directory: use small letters, digits, '-' and '_'." % wanted.fabric
        )
    if wanted.fabric in ("all", "default"):
        faults.add(
            "fabric '%s' has the name by which Linux sets all links (/proc/sys/net/ipv4/conf): choose another name."
            % wanted.fabric
        )
    if wanted.count < 1:
        faults.add("count is %d: ask for one node or more, or use state=absent to remove all of them." % wanted.count)
    if not _PREFIX.fullmatch(wanted.prefix) or len("%s%d" % (wanted.prefix, wanted.count)) > 63:
        faults.add(
            "prefix '%s' does not make host names: use small letters, digits and '-', at most 63 characters"
            " with the number (RFC 1123)." % wanted.prefix
        )
    for path in wanted.binds:
        if not path.startswith("/") or "\n" in path or "/../" in path + "/" or path.rstrip("/") == "":
            faults.add("binds: '%s' is not the absolute path of a directory below /: correct or remove it." % path)
    network = ipv4_network(wanted.subnet)
    if network is None:
        faults.add(
            "subnet '%s' is not an IPv4 network: write its first address and its length, as in 10.89.0.0/24."
            % wanted.subnet
        )
    elif wanted.count > capacity_of(network):
        faults.add(
            "subnet %s has room for %d nodes (node 1 has the %dth address), and %d are wanted:"
            " take a larger subnet or fewer nodes."
            % (wanted.subnet, capacity_of(network), FIRST_NODE_OFFSET + 1, wanted.count)
        )
    return faults.messages


def check_overlap(wanted: Wanted, networks: Sequence[Network]) -> List[str]:
    """Which networks of the machine the wanted subnet would hide. The fabric's own link is no obstacle."""
    subnet = ipv4_network(wanted.subnet)
    if subnet is None:
        return []
    seen: Dict[str, str] = {}
    for network in networks:
        other = ipv4_network(network.cidr)
        if other is not None and other.prefixlen > 0 and network.dev != wanted.fabric and other.overlaps(subnet):
            seen.setdefault(network.cidr, network.dev)
    return [
        "subnet %s overlaps %s, which this machine reaches through %s:"
        " choose another subnet, as in 10.%d.0.0/24." % (wanted.subnet, cidr, dev, _free_second_byte(networks))
        for cidr, dev in sorted(seen.items())
    ]


def _free_second_byte(networks: Sequence[Network]) -> int:
    """The B for which 10.B.0.0/24 meets no network of the machine (90 when all are taken)."""
    taken = [net for net in (ipv4_network(n.cidr) for n in networks) if net is not None and net.prefixlen > 0]
    for byte in range(90, 250):
        if not any(net.overlaps(ipaddress.IPv4Network("10.%d.0.0/24" % byte)) for net in taken):
            return byte
    return 90


def check_owner(wanted: Wanted, seen: Optional[FabricSeen]) -> List[str]:
    """Whether the fabric that is there under this name is another one than the one that is asked for."""
    if seen is None:
        return []
    if seen.directory != wanted.directory:
        return [
            "fabric %s belongs to %s, not to %s: choose another name and subnet, or remove it from there."
            % (wanted.fabric, seen.directory, wanted.directory)
        ]
    if seen.subnet != wanted.subnet:
        return [
            "fabric %s is there with subnet %s, and nodes do not change their addresses while they run:"
            " remove it first (state=absent), or keep that subnet." % (wanted.fabric, seen.subnet)
        ]
    return []


def mac_of(address: str) -> str:
    """The hardware address that belongs to this IPv4 address on any fabric: 02:50 and the address's four bytes.

    A replaced node has its predecessor's, so that nobody's neighbour table has to be corrected.
    The second bit of 02 says that it is administered locally (IEEE 802, 8.2).
    """
    return ":".join("%02x" % byte for byte in b"\x02\x50" + ipaddress.IPv4Address(address).packed)


def data_directory(data: str, fabric: str) -> str:
    """Where the full nodes of this fabric write."""
    return "%s/%s" % (data.rstrip("/"), fabric)


def node_specs(wanted: Wanted) -> List[NodeSpec]:
    """The nodes that the options ask for, in order."""
    network = ipaddress.IPv4Network(wanted.subnet)
    return [
        NodeSpec(
            name="%s%d" % (wanted.prefix, number),
            address=str(network[FIRST_NODE_OFFSET + number]),
            prefixlen=network.prefixlen,
            gateway=gateway_of(network),
            port="port%d" % number,
            public_key=wanted.public_key,
            binds=wanted.binds,
            kind=wanted.kind,
            root=wanted.root,
            data="%s/%s%d" % (data_directory(wanted.data, wanted.fabric), wanted.prefix, number) if wanted.data else "",
        )
        for number in range(1, wanted.count + 1)
    ]


def plan_present(wanted: Wanted, seen: Optional[FabricSeen], root_built: bool = True) -> Plan:
    """What makes the wanted nodes from those that are there.

    `root_built` tells whether the root file system that full nodes lie over is there.
    """
    specs = node_specs(wanted)
    build_root = "" if root_built else wanted.root
    if seen is None:
        return Plan(build_root=build_root, rebuild_fabric=True, create=tuple(specs))
    if not seen.holder_alive:
        gone = "the fabric's namespace is gone"
        remove_all = tuple((node.name, gone) for node in seen.nodes)
        return Plan(build_root=build_root, rebuild_fabric=True, remove=remove_all, create=tuple(specs))
    remove: List[Tuple[str, str]] = []
    keep: List[str] = []
    by_name = {spec.name: spec for spec in specs}
    for node in seen.nodes:
        reason = _why_replace(node, by_name.get(node.name), root_built)
        if reason:
            remove.append((node.name, reason))
        else:
            keep.append(node.name)
    return Plan(
        build_root=build_root,
        repair_uplink=seen.uplink_faults,
        remove=tuple(remove),
        create=tuple(spec for spec in specs if spec.name not in keep),
        keep=tuple(keep),
    )


def _why_replace(node: NodeSeen, spec: Optional[NodeSpec], root_built: bool) -> str:
    """Why the node cannot stay as it is; empty when it can."""
    if spec is None:
        return "not wanted any more"
    if not node.alive:
        return "died"
    if node.spec is None or not node.host_key:
        return "was not finished"
    if node.spec.public_key != spec.public_key:
        return "admits another SSH key"
    if node.spec.binds != spec.binds:
        return "has other binds"
    if node.spec.kind != spec.kind:
        return "is a %s node" % node.spec.kind
    if node.spec.root != spec.root:
        return "has another root file system"
    if node.spec.data != spec.data:
        return "writes to another directory"
    if node.spec != spec:
        return "has another address or port"
    if not root_built:
        return "its root file system is gone"
    if node.answers is False:
        return "does not answer on %s port 22" % spec.address
    return ""


def describe(fabric: str, plan: Plan) -> List[str]:
    """The plan as sentences for people, in the past tense."""
    created = {spec.name for spec in plan.create}
    removed = {name for name, _reason in plan.remove}
    lines = ["built root file system %s" % plan.build_root] if plan.build_root else []
    lines += ["built fabric %s" % fabric] if plan.rebuild_fabric else []
    lines += ["repaired fabric %s (%s)" % (fabric, fault) for fault in plan.repair_uplink]
    lines += ["%s %s (%s)" % ("replaced" if n in created else "removed", n, reason) for n, reason in plan.remove]
    lines += ["made %s" % spec.name for spec in plan.create if spec.name not in removed]
    return lines


def picture(fabric: str, seen: Optional[FabricSeen]) -> str:
    """The fabric as a diff shows it: one line a node."""
    if seen is None:
        return ""
    lines = ["link %s subnet %s%s" % (fabric, seen.subnet, "".join(", " + fault for fault in seen.uplink_faults))]
    for node in seen.nodes:
        condition = "" if node.alive and node.answers is not False else " (dead)"
        lines.append("%s %s%s" % (node.name, _spec_picture(node.spec) if node.spec else "?", condition))
    return "".join(line + "\n" for line in lines)


def picture_wanted(wanted: Wanted) -> str:
    """The wanted fabric, as `picture` would show it."""
    lines = ["link %s subnet %s" % (wanted.fabric, wanted.subnet)]
    lines += ["%s %s" % (spec.name, _spec_picture(spec)) for spec in node_specs(wanted)]
    return "".join(line + "\n" for line in lines)


def _spec_picture(spec: NodeSpec) -> str:
    return "%s over %s" % (spec.address, spec.root) if spec.kind == "full" else spec.address
