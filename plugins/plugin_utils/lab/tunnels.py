# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tunnel between a lab's nodes: what each node is told of its own end and of the others'."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    from netaddr import EUI, IPAddress, IPNetwork
except ImportError:  # the filter lab_plan says so, in words, before anything here is called
    pass

from ..description.checks import Fault
from .description import Description
from .networks import NETWORKS
from .options import VARIABLE

PEER_KINDS = ("ipip", "gre", "geneve")
"""Kinds of tunnels that have one other end, so that a node has one for each other node."""


def mac_of(address: IPAddress) -> str:
    """Return the MAC that Kubernetes itself once gave to what has this address: 0a:58 and the address.

    An IPv6 address is longer than that; it is the first four bytes of its SHA-256, as with OVN-Kubernetes
    (``go-controller/pkg/util/net.go``, ``IPAddrToHWAddr``).
    """
    four = address.words if address.version == 4 else hashlib.sha256(str(address).encode()).digest()[:4]
    return "0a:58:" + ":".join(f"{byte:02x}" for byte in four)


def ifname(description: Description) -> str:
    """Return the name of the node's end of the tunnel: its kind, and the number that no other lab of the node has.

    Kinds of :data:`PEER_KINDS` have an end for each other node, which :meth:`Tunnel.dev` names.
    """
    return f"wg{description.wireguard_port}" if description.network == "wireguard" else f"vxlan{description.vni}"


@dataclass(frozen=True)
class Tunnel:
    """A tunnel between all nodes.

    Each node's end of it has the first address of the node's range, as with flannel, and the MAC that follows from it
    where it has one. So every node knows those of the others without asking.
    """

    kind: str
    name: str
    vni: int
    port: int
    addresses: Mapping[str, str]
    """Each node's own address, by the node's name."""
    ranges: Mapping[str, IPNetwork]
    ranges_v6: Mapping[str, IPNetwork]

    @classmethod
    def between(cls, description: Description, addresses: Mapping[str, str]) -> Tunnel | None:
        """Return the tunnel that a description asks for; None when it asks for none, or a node is alone."""
        if not NETWORKS[description.network].tunnel or len(addresses) < 2:
            return None
        wireguard = description.network == "wireguard"
        port = description.wireguard_port if wireguard else description.port
        return cls(description.network, ifname(description), description.vni, port, addresses,
                   description.ranges, description.ranges_v6)  # fmt: skip

    def others(self, node: str) -> list[str]:
        """Return the names of the other nodes, in their order."""
        return [name for name in self.addresses if name != node]

    def parts(self, node: str, key: str, key_v6: str) -> dict[str, IPNetwork]:
        """Return a node's ranges, that of IPv4 by one key and that of IPv6 by another."""
        found = ((key, self.ranges.get(node)), (key_v6, self.ranges_v6.get(node)))
        return {name: part for name, part in found if part is not None}

    def vtep(self, node: str, key: str = "vtep") -> dict[str, str]:
        """Return the IPv4 address of a node's end of the tunnel as an option of a module; none without IPv4."""
        return {key: str(self.ranges[node].network)} if node in self.ranges else {}

    def vteps(self, node: str) -> dict[str, str]:
        """Return the addresses of a node's end of the tunnel, to which the others route, as options of a module.

        That of IPv6 is link-local, the one that follows from the MAC (RFC 4291, appendix A). For an address of the
        node's range the kernel would ask another route where it is, and refuse it while that leads elsewhere.
        """
        found = {**self.vtep(node)}
        if node in self.ranges_v6:
            found["vtep_v6"] = str(EUI(self.lladdr(node)).ipv6_link_local())
        return found

    def lladdr(self, node: str) -> str:
        """Return the MAC of a node's end of the tunnel, which follows from the first address of its first range."""
        return mac_of(next(iter(self.parts(node, "v4", "v6").values())).network)

    def wireguard(self, node: str, mtu: int) -> dict[str, Any] | None:
        """Return the options of the module ``wireguard`` for a node; None when the tunnel is another."""
        if self.kind != "wireguard":
            return None
        return {
            "name": self.name,
            "port": self.port,
            "mtu": mtu,
            **self.vtep(node, "address"),
            "peers": [
                {
                    "node": other,
                    "remote": self.addresses[other],
                    **{key: str(part) for key, part in self.parts(other, "allowed", "allowed_v6").items()},
                }
                for other in self.others(node)
            ],
        }

    def vxlan(self, node: str, mtu: int) -> dict[str, Any] | None:
        """Return the options of the module ``tunnel`` for a node; None when the tunnel is another."""
        if self.kind != "vxlan":
            return None
        return {
            "name": self.name,
            "vni": self.vni,
            "port": self.port,
            "local": self.addresses[node],
            "mtu": mtu,
            "lladdr": self.lladdr(node),
            **self.vtep(node),
            "peers": [
                {"remote": self.addresses[other], "lladdr": self.lladdr(other), **self.vteps(other)}
                for other in self.others(node)
            ],
        }

    def peer_tunnel(self, node: str, mtu: int) -> dict[str, Any] | None:
        """Return the options of the module ``peer_tunnel`` for a node; None when the tunnel is another."""
        if self.kind not in PEER_KINDS:
            return None
        return {
            "kind": self.kind,
            "vni": self.vni,
            "local": self.addresses[node],
            "mtu": mtu,
            "lladdr": self.lladdr(node),
            **self.vtep(node),
            "peers": [
                {
                    "name": self.dev(other),
                    "remote": self.addresses[other],
                    "lladdr": self.lladdr(other),
                    **self.vteps(other),
                }
                for other in self.others(node)
            ],
        }

    def dev(self, other: str) -> str:
        """Return the name of the link to another node: with one for each node, the kind and its address."""
        if self.kind not in PEER_KINDS:
            return self.name
        return self.kind + "".join(f"{byte:02x}" for byte in IPAddress(self.addresses[other]).words)

    def devs(self, node: str) -> list[str]:
        """Return the names of all links of a node that are ends of the tunnel."""
        return [self.dev(other) for other in self.others(node)]

    def routes(self, node: str) -> list[dict[str, str]]:
        """Return the node's routes to the other nodes' ranges, each to that node's end of the tunnel."""
        return [
            {"dst": str(part), "gateway": self.vteps(other)[key], "dev": self.dev(other)}
            for other in self.others(node)
            for key, part in self.parts(other, "vtep", "vtep_v6").items()
        ]


def what_is_in_the_way(link: Mapping[str, Any], description: Description, where: str) -> list[Fault]:
    """Find whether a link of a node, which `where` names, is where the lab's tunnel is to be."""
    if link["own"] or not NETWORKS[description.network].tunnel:
        return []
    if description.network in PEER_KINDS:
        return []
    number = "wireguard_port" if description.network == "wireguard" else "vxlan_vni"
    name, remedy = link["ifname"], f"Choose another {VARIABLE}{number}, or remove that link"
    if name == ifname(description):
        return [Fault(where, f"a link has the tunnel's name {name}, and the lab did not make it", remedy)]
    if description.network == "vxlan" and (link["vni"], link["port"]) == (description.vni, description.port):
        return [Fault(where, f"its link {name} has the tunnel's VNI {link['vni']} and port {link['port']}", remedy)]
    return []


def unused_tunnels(links: Sequence[Mapping[str, Any]], kinds: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """Return the lab's tunnels of these kinds that are still among a node's links, and not wanted any more."""
    own = [link["ifname"] for link in links if link["own"] and link["kind"] in kinds]
    return [name for name in own if name not in wanted]
