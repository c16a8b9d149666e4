#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a node forwards packets."""

from __future__ import annotations

DOCUMENTATION = r"""
module: forwarding
short_description: Make a node forward IPv4 packets, and put it back
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Sets the sysctl C(net.ipv4.ip_forward) of the node's network namespace to 1, and notes the earlier value.
  - With O(state=absent) the earlier value is put back, if this lab or one before it changed it and no other
    lab is left on the node.
  - Warns when something else on the node keeps packets from being forwarded. That is a forward chain of
    nftables or iptables with policy drop, which for packets between pods of one node counts when
    C(bridge-nf-call-iptables) is set. The module never changes rules that the lab did not make.
extends_documentation_fragment:
  - podnet.lab.attributes
  - podnet.lab.lab
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  state:
    description: Whether the lab needs forwarding.
    type: str
    choices: [present, absent]
    default: present
  source:
    description: Range of the pods of the whole cluster. Used in the remedies of warnings.
    type: str
    default: 10.244.0.0/16
"""

EXAMPLES = r"""
- name: Forward packets
  podnet.lab.forwarding:
    lab: lab0
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - sysctl -w net.ipv4.ip_forward=1
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - sysctl net.ipv4.ip_forward
obstacles:
  description: What keeps packets from being forwarded. Each is a warning too.
  returned: always
  type: list
  elements: str
  sample: []
"""

import json
import os
from typing import Any, List, Optional

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab_step import LAB_ARGUMENT, SBIN, Step
from ansible_collections.podnet.lab.plugins.module_utils._lab_store import Store

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


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "lab": LAB_ARGUMENT,
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "source": {"type": "str", "default": "10.244.0.0/16"},
        },
        supports_check_mode=True,
    )
    step = Step(module)
    store = Store(step.lab)
    node = store.node()
    value = read(_PATH)
    if value is None:
        step.fail(_PATH, "it cannot be read", "Use a kernel with IPv4, and mount /proc.")
    found: List[str] = []
    wanted = value
    if module.params["state"] == "present":
        found = find_obstacles(module, module.params["source"])
        wanted = "1"
        if value != wanted and step.real:
            node["sysctl"].setdefault(KEY, value)
            store.write_node(node)
    elif KEY in node["sysctl"]:
        heir = store.heir()
        earlier = node["sysctl"].pop(KEY)
        if heir is None:
            wanted = earlier
        elif step.real:  # the last lab on the node puts the value back
            inherited = heir.node()
            inherited["sysctl"].setdefault(KEY, earlier)
            heir.write_node(inherited)
    if wanted != value:
        step.commands.append("sysctl -w %s=%s" % (KEY, wanted))
        if step.real:
            write(step, wanted)
    if module.params["state"] == "absent" and step.real:
        store.write_node(node)
    for obstacle in found:
        module.warn(obstacle)
    step.exit(
        before=["%s = %s" % (KEY, value)], after=["%s = %s" % (KEY, wanted)], see=["sysctl " + KEY], obstacles=found
    )


def write(step: Step, value: str) -> None:
    """Set the sysctl."""
    try:
        with open(_PATH, "w", encoding="ascii") as handle:
            handle.write(value)
    except OSError as error:
        step.fail(_PATH, str(error), "Run the task with become: true on a node whose /proc/sys/net can be written.")


if __name__ == "__main__":
    main()
