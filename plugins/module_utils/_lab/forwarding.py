# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Whether a node forwards IPv4 packets, for the modules `forwarding` and `static_route`."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, NamedTuple, Optional

from ansible.module_utils.basic import AnsibleModule

from .step import LAB_ARGUMENT, SBIN, Step
from .store import Store

KEY = "net.ipv4.ip_forward"
_PATH = "/proc/sys/net/ipv4/ip_forward"
_BRIDGE_PATH = "/proc/sys/net/bridge/bridge-nf-call-iptables"


def drop_chains(listing: Any) -> List[str]:
    """Return the IPv4 forward chains with policy drop in the answer of ``nft -j list chains``.

    >>> drop_chains({"nftables": [{"chain": {"family": "ip", "table": "filter", "name": "FORWARD",
    ...     "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}}]})
    ['ip filter FORWARD']
    """
    chains = [item["chain"] for item in listing.get("nftables", []) if "chain" in item]
    return [
        "%s %s %s" % (chain["family"], chain["table"], chain["name"])
        for chain in chains
        if chain.get("hook") == "forward" and chain.get("policy") == "drop" and chain.get("family") in ("ip", "inet")
    ]


def obstacles(chains: List[str], legacy_drop: bool, bridged: bool, source: str) -> List[str]:
    """Say what keeps pods' packets from being forwarded, each with a remedy."""
    found = []
    reach = "between pods of one node and of different nodes" if bridged else "between pods of different nodes"
    for chain in chains:
        family, table, name = chain.split(" ")
        rule = "nft insert rule %s %s %s ip" % (family, table, name)
        found.append(
            "The chain %s drops what no rule of it accepts, packets %s too. Accept them: "
            "`%s saddr %s accept` and `%s daddr %s accept`." % (chain, reach, rule, source, rule, source)
        )
    if legacy_drop:
        found.append(
            "The chain FORWARD of iptables-legacy drops what no rule of it accepts, packets %s too. Accept them: "
            "`iptables-legacy -I FORWARD -s %s -j ACCEPT` and `iptables-legacy -I FORWARD -d %s -j ACCEPT`."
            % (reach, source, source)
        )
    return found


def read(path: str) -> Optional[str]:
    """Return a sysctl's value, or None when the kernel does not have it."""
    try:
        with open(path, encoding="ascii") as handle:
            return handle.read().strip()
    except OSError:
        return None


def find_obstacles(module: AnsibleModule, source: str) -> List[str]:
    """Look for forward chains with policy drop."""
    chains: List[str] = []
    legacy = False
    nft = module.get_bin_path("nft", opt_dirs=SBIN)
    if nft:
        status, out, _err = module.run_command([nft, "-j", "list", "chains"])
        if status == 0:
            chains = drop_chains(json.loads(out or "{}"))
    if os.path.exists("/proc/net/ip_tables_names"):  # asking iptables-legacy would load its kernel module
        program = module.get_bin_path("iptables-legacy", opt_dirs=SBIN)
        if program and "filter" in (read("/proc/net/ip_tables_names") or ""):
            status, out, _err = module.run_command([program, "-S", "FORWARD"])
            legacy = status == 0 and "-P FORWARD DROP" in out
    return obstacles(chains, legacy, read(_BRIDGE_PATH) == "1", source)


class Change(NamedTuple):
    """The value before and after, and what keeps packets from being forwarded all the same."""

    before: str
    after: str
    obstacles: List[str]


def current(step: Step) -> str:
    """Return the sysctl's value; end the module when there is none."""
    value = read(_PATH)
    if value is None:
        step.fail(_PATH, "it cannot be read", "Use a kernel with IPv4, and mount /proc.")
    return value


def switch_on(step: Step, store: Store, source: str) -> Change:
    """Make the node forward packets, note the earlier value, and warn of what drops those of `source`."""
    value = current(step)
    found = find_obstacles(step.module, source)
    if value != "1" and step.real:
        node = store.node()
        node["sysctl"].setdefault(KEY, value)
        store.write_node(node)
    assign(step, value, "1")
    for obstacle in found:
        step.module.warn(obstacle)
    return Change(value, "1", found)


def switch_back(step: Step, store: Store) -> Change:
    """Put the earlier value back when this lab, or one before it, changed it and no other lab is left."""
    value = wanted = current(step)
    node = store.node()
    if KEY in node["sysctl"]:
        heir = store.heir()
        earlier = node["sysctl"].pop(KEY)
        if heir is None:
            wanted = earlier
        elif step.real:  # the last lab on the node puts the value back
            inherited = heir.node()
            inherited["sysctl"].setdefault(KEY, earlier)
            heir.write_node(inherited)
    assign(step, value, wanted)
    if step.real:
        store.write_node(node)
    return Change(value, wanted, [])


def assign(step: Step, value: str, wanted: str) -> None:
    """Set the sysctl when it has another value."""
    if wanted == value:
        return
    step.commands.append("sysctl -w %s=%s" % (KEY, wanted))
    if step.real:
        write(step, wanted)


def write(step: Step, value: str) -> None:
    """Set the sysctl."""
    try:
        with open(_PATH, "w", encoding="ascii") as handle:
            handle.write(value)
    except OSError as error:
        step.fail(_PATH, str(error), "Run the task with become: true on a node whose /proc/sys/net can be written.")


ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "source": {"type": "str", "default": "10.244.0.0/16"},
    },
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    store = Store(step.lab)
    if module.params["state"] == "present":
        change = switch_on(step, store, module.params["source"])
    else:
        change = switch_back(step, store)
    step.exit(
        before=["%s = %s" % (KEY, change.before)],
        after=["%s = %s" % (KEY, change.after)],
        see=["sysctl " + KEY],
        obstacles=change.obstacles,
    )
