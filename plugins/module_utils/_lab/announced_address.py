# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Addresses of load balancers that this node has, so that it answers for them, and tells its neighbours so.

The kernel answers ARP for every IPv4 address of the node, and neighbour solicitations for every IPv6 address.
Neighbours that have heard of another node before are told: by an ARP announcement (RFC 5227, section 2.3), a request
for the address by the address itself, and by an unsolicited neighbour advertisement (RFC 4861, section 7.2.6).

An IPv6 address gets no preferred lifetime: the kernel answers for it, and does not choose it where the node itself or
its masquerading needs one (RFC 6724, section 5, rule 3). Of IPv4 it takes one whose network the neighbour is in.

An address has no room for a mark. So it is noted before it is added, and those that the leases of the Services
(``service_leases``) give to load balancers are the lab's as well: one of the two is left when the other is lost.
"""

from __future__ import annotations

import socket
import time
from typing import Any, Dict, List, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from .read import View, read_node
from .service_leases import FILES, ServiceLeases
from .step import LAB_ARGUMENT, Step, address_of, check_ifname
from .store import AnnouncedState, Store

_TIMES, _PAUSE = 2, 0.2
"""An announcement may be lost: ANNOUNCE_NUM of RFC 5227, section 1.1; its two seconds between are for slow links."""
_ETH_P_ARP = 0x0806
_BROADCAST = b"\xff" * 6
_ADVERTISEMENT, _OVERRIDE, _TARGET_ADDRESS = 136, 0x20000000, 2
"""Type of the message, its flag that what neighbours know is old, and the option's type (RFC 4861, 4.4 and 4.6.1)."""
_ALL_NODES, _HOPS = "ff02::1", 255
"""To whom it is sent, and the hop limit by which a receiver sees that no router passed it on (section 7.1.2)."""


def frame(address: str, mac: bytes) -> bytes:
    """Return an Ethernet frame that announces an address by ARP (RFC 826).

    >>> frame("10.89.0.241", bytes([2, 0, 0, 0, 0, 1])).hex(" ")[42:65]
    '00 01 08 00 06 04 00 01'
    """
    own = socket.inet_aton(address)
    kind = b"\x00\x01\x08\x00\x06\x04\x00\x01"  # Ethernet, IPv4, lengths 6 and 4, request
    return _BROADCAST + mac + _ETH_P_ARP.to_bytes(2, "big") + kind + mac + own + b"\0" * 6 + own


def advertisement(address: str, mac: bytes) -> bytes:
    """Return an ICMPv6 message that announces an address (RFC 4861, section 4.4), without its checksum.

    >>> advertisement("2001:db8::f1", bytes([2, 0, 0, 0, 0, 1])).hex(" ")[:23]
    '88 00 00 00 20 00 00 00'
    """
    head = bytes([_ADVERTISEMENT, 0, 0, 0]) + _OVERRIDE.to_bytes(4, "big")
    eights = (2 + len(mac)) // 8
    return head + socket.inet_pton(socket.AF_INET6, address) + bytes([_TARGET_ADDRESS, eights]) + mac


def ethernet_address(dev: str) -> Optional[bytes]:
    """Return the MAC address of a link; None when it is no Ethernet, and its neighbours need none."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packets:
        packets.bind((dev, 0))
        mac: bytes = packets.getsockname()[4]
    return mac if len(mac) == len(_BROADCAST) else None


def send(address: str, dev: str, mac: bytes) -> None:
    """Send one announcement of an address."""
    if ":" not in address:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as packets:
            packets.bind((dev, 0))
            packets.send(frame(address, mac))
        return
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as messages:
        # Of ICMPv6 the kernel writes the checksum (RFC 3542, section 3.1).
        messages.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, _HOPS)
        messages.sendto(advertisement(address, mac), (_ALL_NODES, 0, 0, socket.if_nametoindex(dev)))


def announce(pairs: Dict[str, str]) -> None:
    """Tell the neighbours which addresses this node has; `pairs` are address and link."""
    for number in range(_TIMES if pairs else 0):
        time.sleep(_PAUSE if number else 0)
        for address, dev in pairs.items():
            mac = ethernet_address(dev)
            if mac is not None:
                send(address, dev, mac)


def commands_to_announce(pairs: Dict[str, str]) -> List[str]:
    """Return what a person would type for the same."""
    found = []
    for address, dev in pairs.items():
        if ":" in address:
            found += ["ndptool -t na -U -i %s -T %s send" % (dev, address)] * _TIMES
        else:
            found.append("arping -U -c %d -I %s %s" % (_TIMES, dev, address))
    return found


def command_to_add(address: str, dev: str) -> str:
    """Return the ``ip`` command that adds an address: without the kernel asking first who else has it."""
    if ":" in address:
        return "address add %s/128 dev %s nodad preferred_lft 0" % (address, dev)
    return "address add %s/32 dev %s" % (address, dev)


def full_length(address: str) -> int:
    """Return the length of the prefix that has this address alone."""
    return 128 if ":" in address else 32


def own_addresses(lab: str, node: View, seen: Sequence[str] = ()) -> Dict[str, str]:
    """Return the links of the addresses on this node that are of the lab's load balancers.

    `seen` are those that were known to be, before the leases were changed.
    """
    known = {entry["address"] for entry in Store(lab).announced()} | set(seen)
    for family in FILES:
        known |= set(ServiceLeases(lab, family=family).load_balancers().values())
    found = {}
    for item in node.addresses:
        if item["prefixlen"] == full_length(item["local"]) and item["local"] in known:
            found[item["local"]] = node.ifname(item["ifindex"]) or ""
    return found


_ADDRESS_OPTIONS: Dict[str, Any] = {
    "address": {"type": "str", "required": True},
    "dev": {"type": "str", "required": True},
    "again": {"type": "bool", "default": False},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "addresses": {"type": "list", "elements": "dict", "required": True, "options": _ADDRESS_OPTIONS},
        "seen": {"type": "list", "elements": "str", "default": []},
    },
}
"""What AnsibleModule is to know of the options."""


def read_wanted(step: Step, node: View) -> Dict[str, str]:
    """Return links by address from the option, and end the module when one makes no sense."""
    wanted: Dict[str, str] = {}
    for item in step.module.params["addresses"]:
        try:
            address = address_of(item["address"])
        except ValueError as error:
            step.fail("address %r" % item["address"], str(error), "Correct it.")
        check_ifname(step, item["dev"])
        if item["dev"] not in node.links:
            step.fail("link %s" % item["dev"], "it is not on this node", "Name the link to the other nodes.")
        wanted[address] = item["dev"]
    return wanted


def states(pairs: Dict[str, str], told: bool) -> List[AnnouncedState]:
    """Return what is noted of addresses and their links."""
    return [{"address": address, "dev": dev, "told": told} for address, dev in sorted(pairs.items())]


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    store, node = Store(step.lab), read_node()
    wanted = read_wanted(step, node)
    noted, have = store.announced(), own_addresses(step.lab, node, module.params["seen"])
    for item in node.addresses:
        if item["local"] in wanted and item["local"] not in have:
            cause = "%s has it on this node, and lab %s did not put it there" % (
                node.ifname(item["ifindex"]),
                step.lab,
            )
            step.fail("address %s" % item["local"], cause, "Remove it there, or choose another range.")
    silent = [entry["address"] for entry in noted if not entry["told"]]
    silent += [address_of(item["address"]) for item in module.params["addresses"] if item["again"]]
    add = {address: dev for address, dev in sorted(wanted.items()) if have.get(address) != dev}
    delete = {address: dev for address, dev in sorted(have.items()) if wanted.get(address) != dev}
    tell = {address: dev for address, dev in sorted(wanted.items()) if address in add or address in silent}
    if step.real and (add or delete or tell):
        kept = {address: dev for address, dev in have.items() if address not in tell}
        store.write_announced(states(kept, True) + states(tell, False))
    step.ip(["address delete %s/%d dev %s" % (address, full_length(address), dev) for address, dev in delete.items()])
    step.ip([command_to_add(address, dev) for address, dev in add.items()])
    step.commands += commands_to_announce(tell)
    if step.real:
        announce(tell)
        if store.announced() != states(wanted, True):
            store.write_announced(states(wanted, True))
    dev = next(iter(sorted(wanted.values())), None)
    step.exit(
        before=["%s dev %s" % pair for pair in sorted(have.items())],
        after=["%s dev %s" % pair for pair in sorted(wanted.items())],
        see=["ip address show dev " + dev] if dev else [],
    )
