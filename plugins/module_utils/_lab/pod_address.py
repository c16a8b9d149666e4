# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Addresses of pods, leased on the node as the CNI plugin host-local does it."""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Dict, List, Optional, Set

from ansible.module_utils.basic import AnsibleModule

from .leases import AllocationError, LeaseStore, allocate
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

_DEFAULT = "0.0.0.0/0"


def address_lines(view: Optional[View], ifname: str, wanted: str) -> List[str]:
    """Return the lines for ``ip -batch`` that leave a link with one IPv4 address.

    The new address comes before the old ones go, unless they share a subnet: then the new one would
    be secondary, and go with the primary one. Secondary ones come last in `have`, and go first.
    """
    have = view.addresses_of(ifname) if view else []
    if have == [wanted]:
        return []
    unwanted = [item for item in reversed(have) if item != wanted]
    network = ipaddress.IPv4Interface(wanted).network
    shared = any(ipaddress.IPv4Interface(item).network == network for item in unwanted)
    add = ["address add %s dev %s" % (wanted, ifname)]
    if shared:
        return ["address delete %s dev %s" % (item, ifname) for item in reversed(have)] + add
    return ([] if wanted in have else add) + ["address delete %s dev %s" % (item, ifname) for item in unwanted]


def route_lines(view: Optional[View], ifname: str, gateway: str, addresses_change: bool) -> List[str]:
    """Return the lines for ``ip -batch`` that leave one default route, through the gateway.

    When addresses go, the kernel takes the routes through their link with them, so the route is
    put (back) with ``replace``.
    """
    index = view.links[ifname]["ifindex"] if view and ifname in view.links else -1
    defaults = [route for route in view.routes if prefix(route) == _DEFAULT] if view else []
    good = [route for route in defaults if route.get("gateway") == gateway and route.get("oif") == index]
    lines = []
    for route in defaults:
        if route not in good and not addresses_change:
            via = " via " + route["gateway"] if "gateway" in route else ""
            metric = " metric %d" % route["metric"] if "metric" in route else ""
            device = view.ifname(route.get("oif")) if view else None
            lines.append("route delete default%s%s%s" % (via, " dev " + device if device else "", metric))
    if addresses_change and defaults:
        lines.append("route replace default via %s dev %s" % (gateway, ifname))
    elif not good:
        lines.append("route add default via %s dev %s" % (gateway, ifname))
    return lines


def neighbours(step: Step, bridge: str) -> Set[str]:
    """Return the addresses whose MAC address the node remembers: that of an earlier pod, when a new one has got one.

    Until the kernel has asked in vain, some eight seconds, packets would go to a MAC that nobody has (arp(7)).
    """
    status, out, _err = step.module.run_command([step.tool("ip"), "-j", "-4", "neigh", "show", "dev", bridge])
    entries = json.loads(out or "[]") if status == 0 else []
    return {str(entry.get("dst")) for entry in entries if isinstance(entry, dict)}


def describe(view: Optional[View], where: str, ifname: str) -> Optional[str]:
    """Describe a link's addresses and its namespace's default route; None when it has none."""
    if view is None or ifname not in view.links:
        return None
    have = view.addresses_of(ifname)
    gateways = [route.get("gateway", "link") for route in view.routes if prefix(route) == _DEFAULT]
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
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "range": {"type": "str"},
        "cluster": {"type": "str"},
        "gateway": {"type": "str"},
        "bridge": {"type": "str"},
        "pods": {"type": "list", "elements": "dict", "default": [], "options": _POD_OPTIONS},
    },
    "required_if": [("state", "present", ["range", "bridge"])],
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
    try:
        network = ipaddress.IPv4Network(module.params["range"])
        gateway = ipaddress.IPv4Address(module.params["gateway"] or str(network.network_address + 1))
        allocation = allocate(network, gateway, [(pod["sandbox_id"], pod["address"]) for pod in pods], leases, mark)
    except AllocationError as error:
        step.fail("range %s" % module.params["range"], str(error), error.remedy)
    except ValueError as error:
        step.fail("range %s" % module.params["range"], str(error), "Write an IPv4 network like 10.244.0.0/24.")
    ranges = {"pod_cidr": str(network)}
    if module.params["cluster"]:
        ranges["cluster_cidr"] = module.params["cluster"]
    node = read_node()
    if step.real and bridge not in node.links:
        step.fail("bridge %s" % bridge, "there is none on this node", "Make it with podnet.lab.bridge before.")
    noted = Store(step.lab).ranges()
    before: List[Optional[str]] = ["%s %s" % item for item in sorted(noted.items())]
    before.append(describe(node._replace(routes=[]), "node", bridge))
    wanted = "%s/%d" % (gateway, network.prefixlen)
    after = ["%s %s" % item for item in sorted(ranges.items())] + [_text("node", bridge, [wanted], [])]
    step.ip(address_lines(node, bridge, wanted))
    if step.real:
        note(step, store, ranges)
    step.commands += store.change(
        release=allocation.release,
        lease=allocation.lease,
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
        wanted = "%s/%d" % (allocation.addresses[pod["sandbox_id"]], network.prefixlen)
        before.append(describe(view, name, pod["ifname"]))
        after.append(_text(name, pod["ifname"], [wanted], [str(gateway)]))
        lines = address_lines(view, pod["ifname"], wanted)
        if lines:
            renewed.append(str(allocation.addresses[pod["sandbox_id"]]))
        lines += route_lines(view, pod["ifname"], str(gateway), bool(lines))
        step.ip(lines, pod["netns"])
    if renewed:
        known = neighbours(step, bridge)
        step.ip(["neigh flush to %s dev %s" % (address, bridge) for address in renewed if address in known])
    leased = {str(address): holder for holder, address in allocation.addresses.items()}
    kept = {address: holder for address, holder in leases.items() if address not in allocation.release}
    step.exit(
        before=[item for item in before if item is not None] + lease_lines,
        after=after + ["%s %s" % item for item in sorted({**kept, **leased}.items())],
        see=[*see_netns([pod["netns"] for pod in pods], "address"), "ls " + store.path],
        addresses=[
            {
                "namespace": pod["namespace"],
                "name": pod["name"],
                "address": str(allocation.addresses[pod["sandbox_id"]]),
            }
            for pod in pods
        ],
    )


def note(step: Step, store: LeaseStore, ranges: Dict[str, str]) -> None:
    """Note the ranges and what is about to be made, and make the lease directory."""
    state = Store(step.lab)
    if state.ranges() != ranges:
        state.write_ranges(ranges)
    missing = store.missing()
    if missing:
        node = state.node()
        node["made"] = sorted(set(node["made"]) | set(missing))
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
