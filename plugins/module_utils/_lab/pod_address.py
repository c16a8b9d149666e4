# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Addresses of pods, leased on the node as the CNI plugin host-local does it."""

from __future__ import annotations

import ipaddress
import json
import socket
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Set

from ansible.module_utils.basic import AnsibleModule

from .leases import Address, Allocation, AllocationError, LeaseStore, Network, allocate
from .names import sandbox_mark
from .read import View, prefix, read_node
from .step import (
    LAB_ARGUMENT,
    Step,
    check_ifname,
    check_netns,
    see_netns,
)
from .store import Store

_DEFAULTS = ("0.0.0.0/0", "::/0")


def address_lines(view: Optional[View], ifname: str, wanted: str) -> List[str]:
    """Return the lines for ``ip -batch`` that leave a link with one address of the family of `wanted`.

    The new address comes before the old ones go, unless they share a subnet: then the new one would
    be secondary, and go with the primary one. Secondary ones come last in `have`, and go first.

    An IPv6 address is used at once (``nodad``): duplicate address detection takes a second, in which no server can
    bind to the address (RFC 4862, section 5.4), and the lease says already that nobody else has it. Link-local
    addresses are the kernel's and stay.
    """
    family = socket.AF_INET6 if ":" in wanted else socket.AF_INET
    have = view.addresses_of(ifname, family) if view else []
    if have == [wanted]:
        return []
    unwanted = [item for item in reversed(have) if item != wanted]
    network = ipaddress.ip_interface(wanted).network
    shared = any(ipaddress.ip_interface(item).network == network for item in unwanted)
    add = ["address add %s dev %s%s" % (wanted, ifname, " nodad" if family == socket.AF_INET6 else "")]
    if shared:
        return ["address delete %s dev %s" % (item, ifname) for item in reversed(have)] + add
    return ([] if wanted in have else add) + ["address delete %s dev %s" % (item, ifname) for item in unwanted]


def route_lines(view: Optional[View], ifname: str, gateway: str, addresses_change: bool) -> List[str]:
    """Return the lines for ``ip -batch`` that leave one default route of the gateway's family, through the gateway.

    When addresses go, the kernel takes the routes through their link with them, so the route is
    put (back) with ``replace``.
    """
    index = view.links[ifname]["ifindex"] if view and ifname in view.links else -1
    default = _DEFAULTS[":" in gateway]
    defaults = [route for route in view.routes if prefix(route) == default] if view else []
    good = [route for route in defaults if route.get("gateway") == gateway and route.get("oif") == index]
    lines = []
    for route in defaults:
        if route not in good and not addresses_change:
            via = "default via " + route["gateway"] if "gateway" in route else default
            metric = " metric %d" % route["metric"] if "metric" in route else ""
            device = view.ifname(route.get("oif")) if view else None
            lines.append("route delete %s%s%s" % (via, " dev " + device if device else "", metric))
    if addresses_change and defaults:
        lines.append("route replace default via %s dev %s" % (gateway, ifname))
    elif not good:
        lines.append("route add default via %s dev %s" % (gateway, ifname))
    return lines


def forget_lines(view: Optional[View], ifname: str, wanted: Sequence[str]) -> List[str]:
    """Return the lines for ``ip -batch`` that have a pod forget whom it knew, when a family comes or goes.

    The bridge's MAC follows from its first address, so it has got another one. The kernel would hold the earlier one
    for right for up to 45 seconds (``base_reachable_time_ms``, arp(7); RFC 4861, section 6.3.2).
    """
    have = view.addresses_of(ifname) if view else []
    families = [{":" in address for address in addresses} for addresses in (have, wanted)]
    return ["neigh flush dev %s" % ifname] if have and families[0] != families[1] else []


def neighbours(step: Step, bridge: str) -> Set[str]:
    """Return the addresses whose MAC address the node remembers: that of an earlier pod, when a new one has got one.

    Until the kernel has asked in vain, some eight seconds, packets would go to a MAC that nobody has (arp(7)). The
    same holds for IPv6 (RFC 4861, section 7.3).
    """
    status, out, _err = step.module.run_command([step.tool("ip"), "-j", "neigh", "show", "dev", bridge])
    entries = json.loads(out or "[]") if status == 0 else []
    return {str(entry.get("dst")) for entry in entries if isinstance(entry, dict)}


def describe(view: Optional[View], where: str, ifname: str) -> Optional[str]:
    """Describe a link's addresses and its namespace's default route; None when it has none."""
    if view is None or ifname not in view.links:
        return None
    have = view.addresses_of(ifname)
    gateways = [route.get("gateway", "link") for item in _DEFAULTS for route in view.routes if prefix(route) == item]
    return _text(where, ifname, have, gateways) if have or gateways else None


def _text(where: str, ifname: str, addresses: List[str], gateways: List[str]) -> str:
    return "%s %s %s%s" % (where, ifname, " ".join(addresses), "".join(" default via " + item for item in gateways))


_POD_OPTIONS: Dict[str, Any] = {
    "namespace": {"type": "str", "required": True},
    "name": {"type": "str", "required": True},
    "sandbox_id": {"type": "str", "required": True},
    "netns": {"type": "path", "required": True},
    "ifname": {"type": "str", "default": "eth0"},
    "address": {"type": "str"},
    "address_v6": {"type": "str"},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "range": {"type": "str"},
        "cluster": {"type": "str"},
        "gateway": {"type": "str"},
        "range_v6": {"type": "str"},
        "cluster_v6": {"type": "str"},
        "gateway_v6": {"type": "str"},
        "bridge": {"type": "str"},
        "pods": {"type": "list", "elements": "dict", "default": [], "options": _POD_OPTIONS},
    },
    "required_if": [("state", "present", ["bridge"])],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    store = LeaseStore(step.lab)
    leases = store.read()
    mark = sandbox_mark(step.lab)
    lease_lines = ["%s %s" % item for item in sorted(leases.items())]
    if module.params["state"] == "absent":
        own = [address for address, holder in leases.items() if holder.startswith(mark)]
        step.commands += store.change(release=own, lease={}, ifnames={}, real=step.real)
        if step.real:
            forget(step, store)
        left = [line for line in lease_lines if line.split(" ")[0] not in own]
        step.exit(before=lease_lines, after=left, see=["ls " + store.path], addresses=[])
    pods: List[Dict[str, Any]] = module.params["pods"]
    for pod in pods:
        check_netns(step, pod["netns"])
        check_ifname(step, pod["ifname"])
        if not pod["sandbox_id"].startswith(mark):
            step.fail(
                "pod %s/%s" % (pod["namespace"], pod["name"]),
                "its sandbox_id is not of lab %s" % step.lab,
                "Begin it with %s." % mark,
            )
    bridge = module.params["bridge"]
    check_ifname(step, bridge)
    spaces = [space for space in (read_space(step, suffix, pods, leases, mark) for suffix in ("", "_v6")) if space]
    if not spaces:
        step.fail("range", "there is none", "Give a range, a range_v6, or both.")
    ranges = {"pod_cidr": ",".join(str(space.network) for space in spaces)}
    if all(space.cluster for space in spaces):
        ranges["cluster_cidr"] = ",".join(str(space.cluster) for space in spaces)
    node = read_node()
    if step.real and bridge not in node.links:
        step.fail("bridge %s" % bridge, "there is none on this node", "Make it with podnet.lab.bridge before.")
    noted = Store(step.lab).ranges()
    before: List[Optional[str]] = ["%s %s" % item for item in sorted(noted.items())]
    before.append(describe(node._replace(routes=[]), "node", bridge))
    wanted = [space.text(space.gateway) for space in spaces]
    after = ["%s %s" % item for item in sorted(ranges.items())] + [_text("node", bridge, wanted, [])]
    step.ip(all_address_lines(node, bridge, wanted))
    versions = [space.network.version for space in spaces]
    if step.real:
        note(step, store, ranges, versions)
    unused = [item for item, holder in leases.items() if holder.startswith(mark) and version_of(item) not in versions]
    release = sorted([*unused, *(address for space in spaces for address in space.allocation.release)])
    step.commands += store.change(
        release=release,
        lease={address: sandbox for space in spaces for address, sandbox in space.allocation.lease.items()},
        ifnames={pod["sandbox_id"]: pod["ifname"] for pod in pods},
        real=step.real,
    )
    renewed: List[str] = []
    for pod in pods:
        view = step.view(pod["netns"])
        name = "%s/%s" % (pod["namespace"], pod["name"])
        if step.real and (view is None or pod["ifname"] not in view.links):
            step.fail(
                "link %s of pod %s" % (pod["ifname"], name), "there is none", "Lay it with podnet.lab.veth before."
            )
        own = [space.allocation.addresses[pod["sandbox_id"]] for space in spaces]
        wanted = [space.text(address) for space, address in zip(spaces, own)]
        before.append(describe(view, name, pod["ifname"]))
        after.append(_text(name, pod["ifname"], wanted, [str(space.gateway) for space in spaces]))
        lines: List[str] = surplus_lines(view, pod["ifname"], wanted)
        for space, address, text in zip(spaces, own, wanted):
            change = address_lines(view, pod["ifname"], text)
            renewed += [address] if change else []
            lines += change + route_lines(view, pod["ifname"], str(space.gateway), bool(change))
        lines += forget_lines(view, pod["ifname"], wanted)
        step.ip(lines, pod["netns"])
    if renewed:
        known = neighbours(step, bridge)
        step.ip(["neigh flush to %s dev %s" % (address, bridge) for address in renewed if address in known])
    leased = {address: holder for space in spaces for holder, address in space.allocation.addresses.items()}
    kept = {address: holder for address, holder in leases.items() if address not in release}
    step.exit(
        before=[item for item in before if item is not None] + lease_lines,
        after=after + ["%s %s" % item for item in sorted({**kept, **leased}.items())],
        see=[*see_netns([pod["netns"] for pod in pods], "address"), "ls " + store.path],
        addresses=[
            {
                "namespace": pod["namespace"],
                "name": pod["name"],
                **{space.key: space.allocation.addresses[pod["sandbox_id"]] for space in spaces},
            }
            for pod in pods
        ],
    )


class Space(NamedTuple):
    """A range of the node, of one family: who gets which address of it."""

    key: str
    """The option of a pod that says which address it must have: ``address`` or ``address_v6``."""
    network: Network
    gateway: Address
    cluster: Optional[str]
    allocation: Allocation

    def text(self, address: Any) -> str:
        """Return an address of the range with the range's length, as a link has it."""
        return "%s/%d" % (address, self.network.prefixlen)


def read_space(
    step: Step, suffix: str, pods: List[Dict[str, Any]], leases: Dict[str, str], mark: str
) -> Optional[Space]:
    """Allocate the addresses of one family, whose options end in `suffix`; None when it has no range.

    Ends the module when the options are no such thing or the range does not suffice.
    """
    options = step.module.params
    text, version = options["range" + suffix], 6 if suffix else 4
    if not text:
        return None
    example = "fd00:10:244::/64" if suffix else "10.244.0.0/24"
    try:
        network = ipaddress.ip_network(text)
        gateway = ipaddress.ip_address(options["gateway" + suffix] or str(network.network_address + 1))
        if {network.version, gateway.version} != {version}:
            raise ValueError("it is not of IPv%d" % version)
        same = {address: holder for address, holder in leases.items() if version_of(address) == version}
        wanted = [(pod["sandbox_id"], pod["address" + suffix]) for pod in pods]
        allocation = allocate(network, gateway, wanted, same, mark)
    except AllocationError as error:
        step.fail("range %s" % text, str(error), error.remedy)
    except ValueError as error:
        step.fail("range %s" % text, str(error), "Write an IPv%d network like %s." % (version, example))
    return Space("address" + suffix, network, gateway, options["cluster" + suffix], allocation)


def all_address_lines(view: Optional[View], ifname: str, wanted: List[str]) -> List[str]:
    """Return the lines for ``ip -batch`` that leave a link with one address of each family that `wanted` has."""
    lines = surplus_lines(view, ifname, wanted)
    return lines + [line for address in wanted for line in address_lines(view, ifname, address)]


def version_of(address: str) -> int:
    """Return the version of IP that an address is of."""
    return 6 if ":" in address else 4


def surplus_lines(view: Optional[View], ifname: str, wanted: List[str]) -> List[str]:
    """Return the lines for ``ip -batch`` that take from a link what it has of a family of which nothing is wanted."""
    if view is None or ifname not in view.links:
        return []
    lines = []
    index = view.links[ifname]["ifindex"]
    for version, family, default in zip((4, 6), (socket.AF_INET, socket.AF_INET6), _DEFAULTS):
        if version in map(version_of, wanted):
            continue
        ways = [route for route in view.routes if prefix(route) == default and route.get("oif") == index]
        lines += ["route delete default via %s dev %s" % (way["gateway"], ifname) for way in ways if "gateway" in way]
        lines += ["address delete %s dev %s" % (item, ifname) for item in view.addresses_of(ifname, family)]
    return lines


def note(step: Step, store: LeaseStore, ranges: Dict[str, str], versions: Sequence[int]) -> None:
    """Note the ranges and what is about to be made, and make the lease directory."""
    state = Store(step.lab)
    if state.ranges() != ranges:
        state.write_ranges(ranges)
    node = state.node()
    unused = store.drop_last(node["made"], versions)
    made = (set(node["made"]) | set(store.missing(versions))) - set(unused)
    if made != set(node["made"]):
        node["made"] = sorted(made)
        state.write_node(node)
    store.make()


def forget(step: Step, store: LeaseStore) -> None:
    """Remove the ranges and what the lab made; another lab is told of what cannot go yet."""
    state = Store(step.lab)
    state.write_ranges({})
    node = state.node()
    left = store.remove(node["made"])
    heir = state.heir()
    if left and heir is not None:
        inherited = heir.node()
        inherited["made"] = sorted(set(inherited["made"]) | set(left))
        heir.write_node(inherited)
    if node["made"]:
        node["made"] = []
        state.write_node(node)
