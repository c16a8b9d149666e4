# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Tunnels that have one other end each: IPIP (RFC 2003), GRE (RFC 2784) and Geneve (RFC 8926).

A node has one for each other node, named by its kind and that node's address in hexadecimal. IPIP and GRE carry
packets. Geneve carries frames, and so its ends have MACs, which are written down and not asked for.

GRE and Geneve say in each packet what is in it, and carry IPv4 and IPv6. IPIP has no place for that: its number among
the protocols of IPv4, 4, says that IPv4 is inside. For IPv6 it would be 41, with a link of kind ``sit`` (RFC 4213).
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

from ansible.module_utils.basic import AnsibleModule

from .._kernel.records import Link
from .names import link_alias
from .pod_address import all_address_lines
from .read import Neighbours, View, info, is_up, kind, read_neighbours, read_node
from .step import LAB_ARGUMENT, Step, check_ifname
from .tunnel import NUD_PERMANENT, check_ends, neighbour_lines

GENEVE_PORT = 6081
"""UDP port of Geneve (RFC 8926, section 3.3)."""


class Kind(NamedTuple):
    """A kind of tunnel: the kernel's module, and the words of ``ip link add`` by which it is tried."""

    module: str
    trial: str


KINDS: Dict[str, Kind] = {
    "ipip": Kind("ipip", "type ipip local 192.0.2.1 remote 192.0.2.2"),
    "gre": Kind("ip_gre", "type gre local 192.0.2.1 remote 192.0.2.2"),
    "geneve": Kind("geneve", "type geneve id 1 remote 192.0.2.2"),
}


class Peer(NamedTuple):
    """Another node: the link to it, its address, and the MAC and the addresses of its end of the tunnel."""

    name: str
    remote: str
    lladdr: str
    vtep: Optional[str]
    vtep_v6: Optional[str] = None


class Tunnels(NamedTuple):
    """What a node is to have."""

    kind: str
    vni: int
    local: str
    mtu: int
    lladdr: str
    vtep: Optional[str]
    peers: List[Peer]

    def addresses(self) -> List[str]:
        """Return the addresses of each link with their lengths. What it has of IPv6 is the kernel's."""
        return [self.vtep + "/32"] if self.vtep else []

    def neighbours(self, peer: Peer) -> Dict[str, str]:
        """Return the MAC of each address of the other end; none for IPIP and GRE."""
        vteps = (peer.vtep, peer.vtep_v6) if self.kind == "geneve" else ()
        return {vtep: peer.lladdr for vtep in vteps if vtep}

    def words(self, peer: Peer) -> str:
        """Return what follows ``ip link add`` for the link to a node."""
        start = "%s mtu %d" % (peer.name, self.mtu)
        if self.kind == "geneve":
            data = "id %d remote %s dstport %d" % (self.vni, peer.remote, GENEVE_PORT)
            return "%s address %s type geneve %s" % (start, self.lladdr, data)
        return "%s type %s local %s remote %s" % (start, self.kind, self.local, peer.remote)

    def same(self, link: Link, peer: Peer) -> bool:
        """Tell whether a link is the one to a node, in all that cannot be changed while it exists."""
        if kind(link) != self.kind:
            return False
        if self.kind == "geneve":
            return [info(link, key) for key in ("id", "remote", "port")] == [self.vni, peer.remote, GENEVE_PORT]
        return [info(link, key) for key in ("local", "remote")] == [self.local, peer.remote]

    def describe(self, peer: Peer) -> List[str]:
        """Describe the link to a node for the diff."""
        lines = ["%s up" % self.words(peer), *("%s %s" % (peer.name, address) for address in self.addresses())]
        pairs = sorted(self.neighbours(peer).items())
        return lines + ["%s neigh %s lladdr %s" % (peer.name, *pair) for pair in pairs]


def own_links(node: View, alias: str) -> List[str]:
    """Return the names of the tunnels of these kinds that carry the lab's mark."""
    return sorted(name for name, link in node.links.items() if kind(link) in KINDS and link.get("ifalias") == alias)


def link_lines(node: View, tunnels: Tunnels, peer: Peer, alias: str) -> List[str]:
    """Return the lines for ``ip -batch`` that make the link to a node or correct it, with its address."""
    link = node.links.get(peer.name)
    lines: List[str] = []
    if link is not None and not tunnels.same(link, peer):
        lines.append("link delete " + peer.name)
        link = None
    if link is None:
        lines += ["link add " + tunnels.words(peer), "link set %s alias %s" % (peer.name, alias)]
    elif link.get("mtu") != tunnels.mtu:
        lines.append("link set %s mtu %d" % (peer.name, tunnels.mtu))
    if link is not None and tunnels.kind == "geneve" and link.get("address") != tunnels.lladdr:
        lines.append("link set %s address %s" % (peer.name, tunnels.lladdr))
    lines += all_address_lines(node if link is not None else None, peer.name, tunnels.addresses())
    if link is None or not is_up(link):
        lines.append("link set %s up" % peer.name)
    return lines


def describe_now(node: View, name: str, entries: Neighbours) -> List[str]:
    """Describe a tunnel as it is, in the words of :meth:`Tunnels.describe`."""
    link = node.links[name]
    line = "%s mtu %s" % (name, link.get("mtu"))
    if kind(link) == "geneve":
        data = tuple(info(link, key) for key in ("id", "remote", "port"))
        line += " address %s type geneve id %s remote %s dstport %s" % (link.get("address"), *data)
    else:
        line += " type %s local %s remote %s" % (kind(link), info(link, "local"), info(link, "remote"))
    lines = ["%s %s" % (line, "up" if is_up(link) else "down")]
    lines += ["%s %s" % (name, address) for address in node.addresses_of(name)]
    lasting = [entry for entry in entries.neighbours if entry["state"] & NUD_PERMANENT]
    return lines + sorted("%s neigh %s lladdr %s" % (name, item["dst"], item.get("lladdr")) for item in lasting)


def read_tunnels(step: Step) -> Tunnels:
    """Return the tunnels that the options describe; end the module when they are no such thing."""
    options = step.module.params
    for peer in options["peers"]:
        check_ifname(step, peer["name"])
    check_ends(step)
    if options["kind"] == "ipip" and any(peer["vtep_v6"] for peer in options["peers"]):
        cause = "IPIP carries IPv4 alone, and a peer has a vtep_v6"
        step.fail("tunnels of kind ipip", cause, "Leave it out, or use gre or geneve, which carry both.")
    peers = sorted(Peer(**peer) for peer in options["peers"])
    names = ("kind", "vni", "local", "mtu", "lladdr", "vtep")
    return Tunnels(peers=peers, **{key: options[key] for key in names})


_PEER_OPTIONS: Dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "remote": {"type": "str", "required": True},
    "lladdr": {"type": "str", "required": True},
    "vtep": {"type": "str"},
    "vtep_v6": {"type": "str"},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "kind": {"type": "str", "choices": ["ipip", "gre", "geneve"]},
        "vni": {"type": "int", "default": 1},
        "local": {"type": "str"},
        "mtu": {"type": "int", "default": 1450},
        "lladdr": {"type": "str"},
        "vtep": {"type": "str"},
        "peers": {"type": "list", "elements": "dict", "default": [], "options": _PEER_OPTIONS},
        "keep": {"type": "list", "elements": "str", "default": []},
    },
    "required_if": [("state", "present", ["kind", "local", "lladdr"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias = link_alias(step.lab)
    node = read_node()
    own = own_links(node, alias)
    entries = {name: read_neighbours(node.links[name]["ifindex"]) for name in own}
    if module.params["state"] == "absent":
        gone = [name for name in own if name not in module.params["keep"]]
        before = [line for name in gone for line in describe_now(node, name, entries[name])]
        step.ip(["link delete " + name for name in gone])
        step.exit(before=before, after=[], see=["ip -d link"])
    tunnels = read_tunnels(step)
    before, after, lines = [], [], []
    for peer in tunnels.peers:
        link: Optional[Link] = node.links.get(peer.name)
        if link is not None and peer.name not in own:
            cause = "a link of this name is on the node, and lab %s did not make it" % step.lab
            step.fail("tunnel %s" % peer.name, cause, "Remove or rename that link if nobody needs it.")
        kept = link is not None and tunnels.same(link, peer)
        before += describe_now(node, peer.name, entries[peer.name]) if link is not None else []
        lines += link_lines(node, tunnels, peer, alias)
        written = entries[peer.name].neighbours if kept else []
        lines += neighbour_lines(written, peer.name, tunnels.neighbours(peer))
        after += tunnels.describe(peer)
    step.ip(lines)
    step.exit(before=before, after=after, see=["ip -d link show type " + tunnels.kind])
