#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of pods, leased on the node as the CNI plugin host-local does it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_address
short_description: Lease addresses to pods, assign them, and route through the bridge
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Leases each pod an address of the node's range, in files of the format of the CNI plugin host-local
    below C(/var/lib/cni/networks). A pod keeps its lease as long as it fits.
  - Assigns the address to the pod's link, the gateway's address to the bridge, and makes the gateway the
    pod's default route.
  - O(pods) is the whole of what the lab has on this node. Leases of other pods of the lab are released.
    Leases in the same directory that the lab did not make are kept, and their addresses are not used.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  state:
    description: V(absent) releases every lease of the lab on this node. The addresses go with their links.
    type: str
    choices: [present, absent]
    default: present
  range:
    description: The node's range, an IPv4 network like V(10.244.0.0/24). Needed when O(state=present).
    type: str
  cluster:
    description: Range of the pods of all nodes. It is noted on the node, where M(podnet.lab.pod_cidr_facts) finds it.
    type: str
  gateway:
    description: Address of the bridge in O(range), the pods' default route. The first address when not given.
    type: str
  bridge:
    description: Name of the bridge that gets the gateway's address. Needed when O(state=present).
    type: str
  pods:
    description: Every pod that the lab has on this node.
    type: list
    elements: dict
    default: []
    suboptions:
      namespace:
        description: Namespace of the pod, in the sense of Kubernetes.
        type: str
        required: true
      name:
        description: Name of the pod.
        type: str
        required: true
      sandbox_id:
        description: Id of the pod's sandbox, to whom the lease is given.
        type: str
        required: true
      netns:
        description: Path of the pod's network namespace, below C(/run/netns).
        type: path
        required: true
      ifname:
        description: Name of the pod's link.
        type: str
        default: eth0
      address:
        description: Address that the pod must have. Without it, it keeps the one it has or gets the lowest free one.
        type: str
"""

EXAMPLES = r"""
- name: Give two pods addresses, one of them a certain one
  podnet.lab.pod_address:
    lab: lab0
    range: 10.244.0.0/24
    bridge: lab0
    pods:
      - namespace: default
        name: pod1
        sandbox_id: 9f31c20d77aa
        netns: /run/netns/lab0_default_pod1
      - namespace: default
        name: pod3
        sandbox_id: 9f31c20d04be
        netns: /run/netns/lab0_default_pod3
        address: 10.244.0.30

- name: Release every lease of the lab on this node
  podnet.lab.pod_address:
    lab: lab0
    state: absent
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip address add 10.244.0.1/24 dev lab0
    - printf '9f31c20d77aa\\r\\neth0' > /var/lib/cni/networks/lab0/10.244.0.2
    - ip -n lab0_default_pod1 address add 10.244.0.2/24 dev eth0
    - ip -n lab0_default_pod1 route add default via 10.244.0.1 dev eth0
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip -n lab0_default_pod1 address
    - ls /var/lib/cni/networks/lab0
addresses:
  description: The address of each pod.
  returned: success
  type: list
  elements: dict
  contains:
    namespace:
      description: Namespace of the pod.
      type: str
    name:
      description: Name of the pod.
      type: str
    address:
      description: The address, without a prefix length.
      type: str
  sample:
    - namespace: default
      name: pod1
      address: 10.244.0.2
"""

import ipaddress
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab_leases import AllocationError, LeaseStore, allocate
from ansible_collections.podnet.lab.plugins.module_utils._lab_names import sandbox_mark
from ansible_collections.podnet.lab.plugins.module_utils._lab_read import View, prefix, read_node
from ansible_collections.podnet.lab.plugins.module_utils._lab_step import (
    LAB_ARGUMENT,
    Step,
    check_ifname,
    check_netns,
    see_netns,
)
from ansible_collections.podnet.lab.plugins.module_utils._lab_store import Store

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


def describe(view: Optional[View], where: str, ifname: str) -> Optional[str]:
    """Describe a link's addresses and its namespace's default route; None when it has none."""
    if view is None or ifname not in view.links:
        return None
    have = view.addresses_of(ifname)
    gateways = [route.get("gateway", "link") for route in view.routes if prefix(route) == _DEFAULT]
    return _text(where, ifname, have, gateways) if have or gateways else None


def _text(where: str, ifname: str, addresses: List[str], gateways: List[str]) -> str:
    return "%s %s %s%s" % (where, ifname, " ".join(addresses), "".join(" default via " + item for item in gateways))


def main() -> None:
    """Run the module."""
    pod_options: Dict[str, Any] = {
        "namespace": {"type": "str", "required": True},
        "name": {"type": "str", "required": True},
        "sandbox_id": {"type": "str", "required": True},
        "netns": {"type": "path", "required": True},
        "ifname": {"type": "str", "default": "eth0"},
        "address": {"type": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "lab": LAB_ARGUMENT,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "range": {"type": "str"},
            "cluster": {"type": "str"},
            "gateway": {"type": "str"},
            "bridge": {"type": "str"},
            "pods": {"type": "list", "elements": "dict", "default": [], "options": pod_options},
        },
        required_if=[("state", "present", ["range", "bridge"])],
        supports_check_mode=True,
    )
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
        lines += route_lines(view, pod["ifname"], str(gateway), bool(lines))
        step.ip(lines, pod["netns"])
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


if __name__ == "__main__":
    main()
