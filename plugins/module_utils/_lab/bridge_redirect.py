# Copyright (c) 2026, podnet.lab contributors
# Simplified BSD License (see LICENSES/BSD-2-Clause.txt or https://opensource.org/licenses/BSD-2-Clause)
# SPDX-License-Identifier: BSD-2-Clause

"""Frames between pods of one bridge, handed to the node's IP rules instead of to the other pod.

A bridge sends a frame from pod to pod by its MAC address, and no rule for IP sees it: the answer of a backend would go
to the client past the node that must translate it back, and no policy could hold. ``br_netfilter`` with
``net.bridge.bridge-nf-call-iptables=1`` is how clusters help that, for all bridges of a node; this is ebtables'
target redirect (ebtables(8)), for one range of pods, and needs no kernel module that a node cannot load.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Dict, List, Optional

from ansible.module_utils.basic import AnsibleModule

from .names import nft_table
from .nft import Block, Table, bring
from .step import LAB_ARGUMENT, Step
from .store import Store

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}\Z")


def blocks(source: Optional[str], address: str, source_v6: Optional[str] = None) -> List[Block]:
    """Return the one chain: unicast frames between pods get the bridge's own MAC address.

    Not so those of neighbour discovery: they are for the one link that the sender is on, and whoever gets them by a
    router must not believe them (RFC 4861, section 7.1).
    """
    rules = []
    redirect = f"meta pkttype other ether daddr set {address} meta pkttype set host"
    if source:
        rules.append(f"  ip saddr {source} ip daddr {source} {redirect}")
    if source_v6:
        rules.append("  icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept")
        rules.append(f"  ip6 saddr {source_v6} ip6 daddr {source_v6} {redirect}")
    return [["chain prerouting {", "  type filter hook prerouting priority dstnat; policy accept;", *rules, "}"]]


ARGUMENTS: Dict[str, Any] = {
    "argument_spec": {
        "lab": LAB_ARGUMENT,
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "source": {"type": "str"},
        "source_v6": {"type": "str"},
        "address": {"type": "str"},
    },
    "required_if": [("state", "present", ["address"]), ("state", "present", ["source", "source_v6"], True)],
}
"""What AnsibleModule is to know of the options."""


def run(module: AnsibleModule) -> None:
    """Do what the module is asked for, and end it."""
    step = Step(module)
    wanted: List[Block] = []
    if module.params["state"] == "present":
        address = module.params["address"].lower()
        if not _MAC.match(address):
            step.fail("address %r" % address, "it is not a MAC address", "Write the bridge's, like 0a:58:0a:f4:00:01.")
        source, source_v6 = module.params["source"], module.params["source_v6"]
        try:
            source = str(ipaddress.IPv4Network(source)) if source else None
            source_v6 = str(ipaddress.IPv6Network(source_v6)) if source_v6 else None
        except ValueError as error:
            step.fail("source", str(error), "Write networks like 10.244.0.0/24 and fd00:10:244::/64.")
        wanted = blocks(source, address, source_v6)
    table = Table("bridge", nft_table(step.lab), wanted)
    before, after = bring(step, Store(step.lab), table)
    step.exit(before=before, after=after, see=["nft list table " + table.key] if after else [])
