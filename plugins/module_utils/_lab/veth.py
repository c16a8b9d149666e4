# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Virtual cables between the node and the namespaces of pods."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

from ansible.module_utils.basic import AnsibleModule

from .names import link_alias
from .read import View, kind, read_netns, read_node
from .step import (
    LAB_ARGUMENT,
    Step,
    check_ifname,
    check_netns,
    netns_name,
)


class Pair(NamedTuple):
    """One cable: the node's end, and the other end with its namespace."""

    ifname: str
    netns: str
    peer: str
    mtu: int

    def describe(self) -> str:
        """Describe the cable for the diff."""
        return "%s mtu %d - %s %s" % (self.ifname, self.mtu, netns_name(self.netns), self.peer)


class Plan(NamedTuple):
    """What is to be done to one cable."""

    delete: bool
    create: bool
    mark: bool
    mtu_here: bool
    mtu_there: bool
    conflict: str
    """Why it cannot be done; empty when it can."""


def decide(pair: Pair, node: View, inside: Optional[View], alias: str) -> Plan:
    """Decide what brings a cable about, given both namespaces (`inside` is None when there is none yet)."""
    here = node.links.get(pair.ifname)
    there = inside.links.get(pair.peer) if inside else None
    if here is not None and kind(here) != "veth":
        return _conflict("it is on this node already, and it is no veth")
    joined = (
        here is not None
        and there is not None
        and kind(there) == "veth"
        and there.get("link") == here["ifindex"]
        and here.get("link") == there["ifindex"]
        and "link_netnsid" in here
    )
    if here is not None and not joined and here.get("ifalias") != alias:
        return _conflict("it is on this node already, and lab %s did not make it" % alias.partition(":")[2])
    if here is None or there is None or not joined:
        if there is not None and there.get("ifalias") not in (None, alias):
            return _conflict("the other end's name %s is taken in %s" % (pair.peer, netns_name(pair.netns)))
        if there is not None and here is None and kind(there) != "veth":
            return _conflict("%s in %s is no veth" % (pair.peer, netns_name(pair.netns)))
        return Plan(here is not None, True, True, False, False, "")
    return Plan(
        delete=False,
        create=False,
        mark=here.get("ifalias") != alias,
        mtu_here=here.get("mtu") != pair.mtu,
        mtu_there=there.get("mtu") != pair.mtu,
        conflict="",
    )


def _conflict(cause: str) -> Plan:
    return Plan(False, False, False, False, False, cause)


def others(pairs: List[Pair], node: View, alias: str) -> List[str]:
    """Return the node's ends of cables of the lab that are not wanted."""
    wanted = {pair.ifname for pair in pairs}
    return sorted(
        name
        for name, link in node.links.items()
        if link.get("ifalias") == alias and kind(link) == "veth" and name not in wanted
    )


def present(pairs: List[Pair], node: View, inside: Dict[str, Optional[View]], alias: str) -> List[str]:
    """Describe the lab's cables as they are, one line each, sorted."""
    known = {pair.ifname: pair for pair in pairs}
    lines = []
    for name, link in node.links.items():
        if link.get("ifalias") != alias or kind(link) != "veth":
            continue
        pair = known.get(name)
        plan = decide(pair, node, inside[pair.netns], alias) if pair else None
        if pair is None or plan is None or plan.create:
            lines.append("%s mtu %d" % (name, link.get("mtu", 0)))
        else:
            lines.append(pair._replace(mtu=link.get("mtu", 0)).describe())
    return sorted(lines)


def delete(step: Step, names: List[str]) -> None:
    """Remove cables; one that went meanwhile, with its namespace, is no error."""
    for name in names:
        if not step.real:
            step.ip(["link delete " + name])
        elif name in read_node().links:
            status, _out, err = step.module.run_command([step.tool("ip"), "link", "delete", name])
            step.commands.append("ip link delete " + name)
            if status != 0 and name in read_node().links:
                step.failed("ip link delete " + name, err)


_PAIR_OPTIONS: Dict[str, Any] = {
    "ifname": {"type": "str", "required": True},
    "netns": {"type": "path", "required": True},
    "peer": {"type": "str", "default": "eth0"},
    "mtu": {"type": "int", "default": 1500},
}

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "pairs": {"type": "list", "elements": "dict", "required": True, "options": _PAIR_OPTIONS},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    alias = link_alias(step.lab)
    pairs = [Pair(**item) for item in module.params["pairs"]]
    for pair in pairs:
        check_ifname(step, pair.ifname)
        check_ifname(step, pair.peer)
        check_netns(step, pair.netns)
    node = read_node()
    inside = {pair.netns: step.view(pair.netns) for pair in pairs}
    plans = {pair: decide(pair, node, inside[pair.netns], alias) for pair in pairs}
    for pair, plan in plans.items():
        if plan.conflict:
            step.fail("link %s" % pair.ifname, plan.conflict, "Remove or rename that link, or choose another lab name.")
        if inside[pair.netns] is None and step.real:
            step.fail("network namespace %s" % pair.netns, "there is none", "Run podnet.lab.pod_sandbox before.")
    delete(step, others(pairs, node, alias))
    delete(step, [pair.ifname for pair, plan in plans.items() if plan.delete])
    stray = [pair for pair, plan in plans.items() if plan.create and _left_inside(pair, inside[pair.netns])]
    for pair in stray:
        _delete_inside(step, pair)
    lines: List[str] = []
    for pair, plan in plans.items():
        if plan.create:
            lines.append(
                "link add %s mtu %d type veth peer name %s mtu %d netns %s"
                % (pair.ifname, pair.mtu, pair.peer, pair.mtu, netns_name(pair.netns))
            )
        if plan.mark:
            lines.append("link set %s alias %s" % (pair.ifname, alias))
        if plan.mtu_here:
            lines.append("link set %s mtu %d" % (pair.ifname, pair.mtu))
    step.ip(lines)
    for pair, plan in plans.items():
        if plan.mtu_there:
            step.ip(["link set %s mtu %d" % (pair.peer, pair.mtu)], pair.netns)
    step.exit(
        before=present(pairs, node, inside, alias),
        after=sorted(pair.describe() for pair in pairs),
        see=["ip -d link show type veth"],
    )


def _left_inside(pair: Pair, inside: Optional[View]) -> bool:
    return inside is not None and pair.peer in inside.links


def _delete_inside(step: Step, pair: Pair) -> None:
    """Remove the far end of a cable that leads elsewhere; it may have gone with the near end."""
    view = read_netns(pair.netns)
    if view is not None and pair.peer in view.links:
        step.ip(["link delete " + pair.peer], pair.netns)
