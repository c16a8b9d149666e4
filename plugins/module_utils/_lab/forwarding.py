# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whether a node forwards packets, for the modules `forwarding` and `static_route`."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from ansible.module_utils.basic import AnsibleModule

from .read import prefix, read_node
from .step import LAB_ARGUMENT, SBIN, Step
from .store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._kernel.records import Route

RTPROT_RA = 9
"""linux/rtnetlink.h: the kernel made the route of a router's advertisement."""
_ACCEPT_RA = "/proc/sys/net/ipv6/conf/%s/accept_ra"
_RA_ALWAYS = "2"
"""accept_ra: take advertisements also on a node that forwards (Documentation/networking/ip-sysctl.rst)."""


class Family(NamedTuple):
    """What differs between IPv4 and IPv6."""

    key: str
    """The sysctl by which a node forwards."""
    nft: str
    """Family of nftables, and the word by which rules compare addresses."""
    iptables: str
    tables: str
    """Where the kernel lists the tables of iptables-legacy."""
    bridged: str
    """The sysctl by which packets between ports of a bridge pass these rules."""

    @property
    def path(self) -> str:
        """Where the sysctl is."""
        return "/proc/sys/" + self.key.replace(".", "/")


V4 = Family(
    "net.ipv4.ip_forward",
    "ip",
    "iptables-legacy",
    "/proc/net/ip_tables_names",
    "/proc/sys/net/bridge/bridge-nf-call-iptables",
)
V6 = Family(
    "net.ipv6.conf.all.forwarding",
    "ip6",
    "ip6tables-legacy",
    "/proc/net/ip6_tables_names",
    "/proc/sys/net/bridge/bridge-nf-call-ip6tables",
)


def drop_chains(listing: Any, family: Family = V4) -> List[str]:
    """Return the forward chains of a family with policy drop in the answer of ``nft -j list chains``.

    >>> drop_chains({"nftables": [{"chain": {"family": "ip", "table": "filter", "name": "FORWARD",
    ...     "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}}]})
    ['ip filter FORWARD']
    """
    chains = [item["chain"] for item in listing.get("nftables", []) if "chain" in item]
    return [
        "%s %s %s" % (chain["family"], chain["table"], chain["name"])
        for chain in chains
        if chain.get("hook") == "forward"
        and chain.get("policy") == "drop"
        and chain.get("family") in (family.nft, "inet")
    ]


def obstacles(chains: List[str], legacy_drop: bool, bridged: bool, source: str, version: Family = V4) -> List[str]:
    """Say what keeps pods' packets from being forwarded, each with a remedy."""
    found = []
    reach = "between pods of one node and of different nodes" if bridged else "between pods of different nodes"
    for chain in chains:
        family, table, name = chain.split(" ")
        rule = "nft insert rule %s %s %s %s" % (family, table, name, version.nft)
        found.append(
            "The chain %s drops what no rule of it accepts, packets %s too. Accept them: "
            "`%s saddr %s accept` and `%s daddr %s accept`." % (chain, reach, rule, source, rule, source)
        )
    if legacy_drop:
        found.append(
            "The chain FORWARD of %s drops what no rule of it accepts, packets %s too. Accept them: "
            "`%s -I FORWARD -s %s -j ACCEPT` and `%s -I FORWARD -d %s -j ACCEPT`."
            % (version.iptables, reach, version.iptables, source, version.iptables, source)
        )
    return found


def read(path: str) -> Optional[str]:
    """Return a sysctl's value, or None when the kernel does not have it."""
    try:
        with open(path, encoding="ascii") as handle:
            return handle.read().strip()
    except OSError:
        return None


def advertised(routes: List[Route], names: Dict[int, str], accept_ra: Dict[str, Optional[str]]) -> List[str]:
    """Say which default routes a node loses by forwarding IPv6, each with a remedy.

    `routes` are the node's, `names` the names of its links by index, `accept_ra` the links' sysctls of that name. A
    router does not listen to routers: the kernel takes no advertisement any more, and the route ends with its time.
    """
    found = []
    for route in routes:
        name = names.get(route.get("oif", -1), "?")
        if route["protocol"] == RTPROT_RA and prefix(route) == "::/0" and accept_ra.get(name) != _RA_ALWAYS:
            found.append(
                "The default route via %s on %s comes from a router's advertisements, which a node that forwards does "
                "not take any more: it ends. Take them all the same: `sysctl -w net.ipv6.conf.%s.accept_ra=2`."
                % (route.get("gateway", "?"), name, name)
            )
    return found


def find_obstacles(module: AnsibleModule, source: str, family: Family) -> List[str]:
    """Look for forward chains with policy drop, and for routes that a node loses by forwarding."""
    chains: List[str] = []
    legacy = False
    nft = module.get_bin_path("nft", opt_dirs=SBIN)
    if nft:
        status, out, _err = module.run_command([nft, "-j", "list", "chains"])
        if status == 0:
            chains = drop_chains(json.loads(out or "{}"), family)
    if os.path.exists(family.tables):  # asking iptables-legacy would load its kernel module
        program = module.get_bin_path(family.iptables, opt_dirs=SBIN)
        if program and "filter" in (read(family.tables) or ""):
            status, out, _err = module.run_command([program, "-S", "FORWARD"])
            legacy = status == 0 and "-P FORWARD DROP" in out
    found = obstacles(chains, legacy, read(family.bridged) == "1", source, family)
    if family is V6:
        node = read_node()
        names = {link["ifindex"]: name for name, link in node.links.items()}
        found += advertised(node.routes, names, {name: read(_ACCEPT_RA % name) for name in node.links})
    return found


class Change(NamedTuple):
    """The value before and after, and what keeps packets from being forwarded all the same."""

    key: str
    before: str
    after: str
    obstacles: List[str]


def current(step: Step, family: Family) -> str:
    """Return the sysctl's value; end the module when there is none."""
    value = read(family.path)
    if value is None:
        kind = "IPv6" if family is V6 else "IPv4"
        step.fail(family.path, "it cannot be read", "Use a kernel with %s, and mount /proc." % kind)
    return value


def switch_on(step: Step, store: Store, source: str, family: Family = V4) -> Change:
    """Make the node forward packets, note the earlier value, and warn of what drops those of `source`."""
    value = current(step, family)
    found = find_obstacles(step.module, source, family)
    if value != "1" and step.real:
        node = store.node()
        node["sysctl"].setdefault(family.key, value)
        store.write_node(node)
    assign(step, family, value, "1")
    for obstacle in found:
        step.module.warn(obstacle)
    return Change(family.key, value, "1", found)


def switch_back(step: Step, store: Store, family: Family = V4) -> Optional[Change]:
    """Put the earlier value back when this lab, or one before it, changed it and no other lab is left.

    None when the kernel has no such sysctl, which no lab can have changed.
    """
    value = wanted = read(family.path)
    if value is None or wanted is None:
        return None
    node = store.node()
    if family.key in node["sysctl"]:
        heir = store.heir()
        earlier = node["sysctl"].pop(family.key)
        if heir is None:
            wanted = earlier
        elif step.real:  # the last lab on the node puts the value back
            inherited = heir.node()
            inherited["sysctl"].setdefault(family.key, earlier)
            heir.write_node(inherited)
    assign(step, family, value, wanted)
    if step.real:
        store.write_node(node)
    return Change(family.key, value, wanted, [])


def switch(step: Step, store: Store, sources: Dict[Family, Optional[str]]) -> List[Change]:
    """Make the node forward the families that have a range of pods, and put back what an earlier lab had more."""
    changes: List[Optional[Change]] = []
    for family, source in sources.items():
        if source:
            changes.append(switch_on(step, store, source, family))
        elif family.key in store.node()["sysctl"]:
            changes.append(switch_back(step, store, family))
    return [change for change in changes if change is not None]


def assign(step: Step, family: Family, value: str, wanted: str) -> None:
    """Set the sysctl when it has another value."""
    if wanted == value:
        return
    step.commands.append("sysctl -w %s=%s" % (family.key, wanted))
    if step.real:
        write(step, family.path, wanted)


def write(step: Step, path: str, wanted: str) -> None:
    """Set the sysctl."""
    try:
        with open(path, "w", encoding="ascii") as handle:
            handle.write(wanted)
    except OSError as error:
        step.fail(path, str(error), "Run the task with become: true on a node whose /proc/sys/net can be written.")


def shown(changes: List[Change]) -> Tuple[List[str], List[str], List[str]]:
    """Return the lines of changes for the diff, before and after, and the commands to look at them."""
    before = ["%s = %s" % (change.key, change.before) for change in changes]
    after = ["%s = %s" % (change.key, change.after) for change in changes]
    return before, after, ["sysctl " + change.key for change in changes]


SOURCES: Dict[str, Any] = {
    "source": {"type": "str", "default": "10.244.0.0/16"},
    "source_v6": {"type": "str"},
}
"""Options that say whose packets are forwarded."""

ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        **SOURCES,
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    store = Store(step.lab)
    if module.params["state"] == "present":
        changes = switch(step, store, {V4: module.params["source"], V6: module.params["source_v6"]})
    else:
        both = [switch_back(step, store, family) for family in (V4, V6)]
        changes = [change for change in both if change is not None]
    before, after, see = shown(changes)
    step.exit(
        before=before,
        after=after,
        see=see,
        obstacles=[obstacle for change in changes for obstacle in change.obstacles],
    )
