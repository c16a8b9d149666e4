# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""The tunnel that carries packets of pods from node to node, inside packets of the nodes.

A VXLAN tunnel is built as flannel's backend vxlan builds it (``pkg/backend/vxlan/device.go``): the
node's end of it (VTEP) has the first address of the node's range, and what it would ask or learn by
flooding is written down for every other node. The neighbour entry says which MAC the other VTEP
has, the forwarding entry (FDB) behind which node's address that MAC is.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ansible.module_utils.basic import AnsibleModule

from .._kernel.records import Link, Neighbour
from .names import link_alias
from .pod_address import all_address_lines
from .read import Neighbours, View, info, is_up, kind, read_neighbours, read_node
from .step import LAB_ARGUMENT, Step, check_ifname

NUD_PERMANENT = 0x80
"""linux/neighbour.h: written by hand, never asked for and never forgotten."""
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")


TRIAL = "type vxlan id 1 dstport 4789"
"""The words of ``ip link add`` by which it is tried whether the kernel has VXLAN."""


class Peer(NamedTuple):
    """Another node: its address, and the MAC and the addresses of its end of the tunnel."""

    remote: str
    lladdr: str
    vtep: Optional[str]
    vtep_v6: Optional[str] = None

    def vteps(self) -> List[str]:
        """Return the addresses of its end of the tunnel, one of each family that the lab has."""
        return [item for item in (self.vtep, self.vtep_v6) if item]


class Forwarding(NamedTuple):
    """An entry of a VXLAN link's own forwarding table: a MAC is behind an address."""

    lladdr: str
    remote: str
    more: str
    """What ``bridge fdb`` says beside: a port or VNI that is not the link's."""

    def line(self, name: str) -> str:
        """Return what adds or deletes the entry in ``bridge -batch``."""
        return "%s dev %s dst %s%s" % (self.lladdr, name, self.remote, self.more)


class Tunnel(NamedTuple):
    """What a node is to have."""

    name: str
    vni: int
    port: int
    local: str
    mtu: int
    lladdr: str
    vtep: Optional[str]
    peers: List[Peer]

    def addresses(self) -> List[str]:
        """Return the addresses of the link with their lengths. Its link-local one of IPv6 is the kernel's."""
        return [self.vtep + "/32"] if self.vtep else []

    def neighbours(self) -> Dict[str, str]:
        """Return the MAC of each address of another end."""
        return {vtep: peer.lladdr for peer in self.peers for vtep in peer.vteps()}

    def describe(self) -> List[str]:
        """Describe the tunnel for the diff: the link, its addresses, and the entries for each peer."""
        link = "%s mtu %d address %s vxlan id %d local %s dstport %d nolearning up"
        lines = [link % (self.name, self.mtu, self.lladdr, self.vni, self.local, self.port)]
        lines += ["%s %s" % (self.name, address) for address in self.addresses()]
        lines += sorted("%s fdb %s dst %s" % (self.name, peer.lladdr, peer.remote) for peer in self.peers)
        return lines + sorted("%s neigh %s lladdr %s" % (self.name, *pair) for pair in self.neighbours().items())


def own_tunnels(node: View, alias: str) -> List[str]:
    """Return the names of the tunnels that carry the lab's mark."""
    return sorted(name for name, link in node.links.items() if kind(link) == "vxlan" and link.get("ifalias") == alias)


def conflict(node: View, tunnel: Tunnel, alias: str) -> Optional[str]:
    """Say why the tunnel cannot be made, or None when it can."""
    own = own_tunnels(node, alias)
    for name, link in node.links.items():
        if name in own:
            continue
        if name == tunnel.name:
            return "a link of this name is on the node, and lab %s did not make it" % alias.partition(":")[2]
        if kind(link) == "vxlan" and (info(link, "id"), info(link, "port")) == (tunnel.vni, tunnel.port):
            return "the link %s has its VNI %d and port %d" % (name, tunnel.vni, tunnel.port)
    return None


def same(link: Link, tunnel: Tunnel) -> bool:
    """Tell whether a link is the tunnel in all that cannot be changed while it exists, or not by all kernels."""
    have = [info(link, key) for key in ("id", "port", "local", "learning")]
    return kind(link) == "vxlan" and have == [tunnel.vni, tunnel.port, tunnel.local, False]


def link_lines(node: View, tunnel: Tunnel, alias: str) -> List[str]:
    """Return the lines for ``ip -batch`` that make the link or correct it, with its address."""
    link = node.links.get(tunnel.name)
    lines: List[str] = []
    if link is not None and not same(link, tunnel):
        lines.append("link delete " + tunnel.name)
        link = None
    if link is None:
        lines.append(
            "link add %s mtu %d address %s type vxlan id %d local %s dstport %d nolearning"
            % (tunnel.name, tunnel.mtu, tunnel.lladdr, tunnel.vni, tunnel.local, tunnel.port)
        )
        lines.append("link set %s alias %s" % (tunnel.name, alias))
    elif link.get("mtu") != tunnel.mtu:
        lines.append("link set %s mtu %d" % (tunnel.name, tunnel.mtu))
    if link is not None and link.get("address") != tunnel.lladdr:
        lines.append("link set %s address %s" % (tunnel.name, tunnel.lladdr))
    lines += all_address_lines(node if link is not None else None, tunnel.name, tunnel.addresses())
    if link is None or not is_up(link):
        lines.append("link set %s up" % tunnel.name)
    return lines


def forwarding_of(entry: Neighbour) -> Forwarding:
    """Return an entry of a VXLAN link's own table as ``bridge fdb`` names it."""
    more = "".join(" %s %d" % (key, entry[key]) for key in ("port", "vni") if key in entry)
    return Forwarding(entry.get("lladdr", ""), entry.get("dst", ""), more)


def fdb_lines(entries: Sequence[Neighbour], tunnel: Tunnel) -> List[str]:
    """Return the lines for ``bridge -batch`` that leave one entry for each peer, and no other."""
    wanted = [Forwarding(peer.lladdr, peer.remote, "") for peer in tunnel.peers]
    have = [forwarding_of(entry) for entry in entries if "dst" in entry]
    good = {forwarding_of(entry) for entry in entries if entry["state"] & NUD_PERMANENT}.intersection(wanted)
    lines = ["fdb delete " + item.line(tunnel.name) for item in have if item not in good]
    return lines + ["fdb add " + item.line(tunnel.name) for item in wanted if item not in good]


def neighbour_lines(entries: Sequence[Neighbour], name: str, wanted: Mapping[str, str]) -> List[str]:
    """Return the lines for ``ip -batch`` that leave a link the lasting entries of `wanted`, and no other.

    `wanted` is the MAC of each address.
    """
    have = {entry["dst"]: entry.get("lladdr") for entry in entries if entry["state"] & NUD_PERMANENT}
    lines = ["neigh delete %s dev %s" % (vtep, name) for vtep in have if vtep not in wanted]
    return lines + [
        "neigh replace %s lladdr %s dev %s nud permanent" % (vtep, lladdr, name)
        for vtep, lladdr in wanted.items()
        if have.get(vtep) != lladdr
    ]


def describe_now(node: View, name: str, entries: Neighbours) -> List[str]:
    """Describe a tunnel as it is, in the words of :meth:`Tunnel.describe`."""
    link = node.links[name]
    data = tuple(info(link, key) for key in ("id", "local", "port"))
    line = "%s mtu %s address %s" % (name, link.get("mtu"), link.get("address"))
    line += " vxlan id %s local %s dstport %s" % data
    line += "%s %s" % ("" if info(link, "learning") else " nolearning", "up" if is_up(link) else "down")
    lines = [line] + ["%s %s" % (name, address) for address in node.addresses_of(name)]
    found = [forwarding_of(entry) for entry in entries.fdb if "dst" in entry]
    # The kernel lists entries in the order of its hash tables.
    lines += sorted("%s fdb %s dst %s%s" % (name, item.lladdr, item.remote, item.more) for item in found)
    lasting = [entry for entry in entries.neighbours if entry["state"] & NUD_PERMANENT]
    return lines + sorted("%s neigh %s lladdr %s" % (name, item["dst"], item.get("lladdr")) for item in lasting)


def check_ends(step: Step) -> None:
    """End the module when what its options say of both ends of a tunnel are no addresses of their kind."""
    options = step.module.params
    addresses: List[Tuple[str, int, Optional[str]]] = [
        ("local", 4, options["local"]),
        ("vtep", 4, options["vtep"]),
    ]
    macs = [options["lladdr"]]
    for peer in options["peers"]:
        addresses.append(("remote of a peer", 4, peer["remote"]))
        macs.append(peer["lladdr"])
        addresses += [("vtep of a peer", 4, peer["vtep"]), ("vtep_v6 of a peer", 6, peer["vtep_v6"])]
    for what, version, text in addresses:
        try:
            if text and ipaddress.ip_address(text).version != version:
                raise ValueError("it is of the other family")
        except ValueError as error:
            step.fail("%s %r" % (what, text), str(error), "Write an IPv%d address." % version)
    for mac in macs:
        if not _MAC.match(mac):
            step.fail("lladdr %r" % mac, "it is no MAC address", "Write it as 0a:58:0a:f4:00:00.")


def read_tunnel(step: Step) -> Tunnel:
    """Return the tunnel that the options describe; end the module when they are no such thing."""
    options = step.module.params
    check_ifname(step, options["name"])
    check_ends(step)
    peers = sorted(Peer(**peer) for peer in options["peers"])
    names = ("name", "vni", "port", "local", "mtu", "lladdr", "vtep")
    return Tunnel(peers=peers, **{key: options[key] for key in names})


_PEER_OPTIONS: Dict[str, Any] = {
    "remote": {"type": "str", "required": True},
    "lladdr": {"type": "str", "required": True},
    "vtep": {"type": "str"},
    "vtep_v6": {"type": "str"},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "name": {"type": "str"},
        "vni": {"type": "int", "default": 1},
        "port": {"type": "int", "default": 4789},
        "local": {"type": "str"},
        "mtu": {"type": "int", "default": 1450},
        "lladdr": {"type": "str"},
        "vtep": {"type": "str"},
        "peers": {"type": "list", "elements": "dict", "default": [], "options": _PEER_OPTIONS},
    },
    "required_if": [("state", "present", ["name", "local", "lladdr"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias = link_alias(step.lab)
    node = read_node()
    own = own_tunnels(node, alias)
    entries = {name: read_neighbours(node.links[name]["ifindex"]) for name in own}
    if module.params["state"] == "absent":
        gone = [name for name in own if name != module.params["name"]]
        before = [line for name in gone for line in describe_now(node, name, entries[name])]
        step.ip(["link delete " + name for name in gone])
        step.exit(before=before, after=[], see=["ip -d link show type vxlan"])
    tunnel = read_tunnel(step)
    problem = conflict(node, tunnel, alias)
    if problem:
        step.fail("tunnel %s" % tunnel.name, problem, "Choose another VNI, or remove that link if nobody needs it.")
    before = describe_now(node, tunnel.name, entries[tunnel.name]) if tunnel.name in own else []
    kept = tunnel.name in own and same(node.links[tunnel.name], tunnel)
    written = entries[tunnel.name] if kept else Neighbours([], [])
    step.ip(link_lines(node, tunnel, alias))
    step.bridge(fdb_lines(written.fdb, tunnel))
    step.ip(neighbour_lines(written.neighbours, tunnel.name, tunnel.neighbours()))
    step.exit(
        before=before,
        after=tunnel.describe(),
        see=[
            "ip -d link show " + tunnel.name,
            "bridge fdb show dev " + tunnel.name,
            "ip neigh show dev " + tunnel.name,
        ],
    )
