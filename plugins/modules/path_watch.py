#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits on a node for one marked packet and its answer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: path_watch
short_description: "Internal: wait on a node for one marked packet, and say where it was seen"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Opens packet sockets in network namespaces of the node, which hear one marked packet at every interface there, also
    inside VXLAN, Geneve, GRE and IPIP, and its answer. The kernel's filter keeps all other packets from them.
  - Where it is asked for, makes a table of nftables that asks the kernel to tell which rules decide about that packet.
    The table is owned by the process of the watchers (Linux 5.12), so that the kernel takes it away with the process,
    whatever ends it. Where that cannot be had, no table is made, and RV(unwatched) says why.
  - The watchers are held by a process of their own that ends when O(collect) asks it, or when O(hold) is over.
options:
  namespaces:
    description: Where to wait.
    type: list
    elements: dict
    default: []
    suboptions:
      netns:
        description: Inode of the network namespace.
        type: int
        required: true
      name:
        description: What it is called, for messages.
        type: str
        default: a namespace
      trace:
        description: Whether nftables is asked which of its rules decide there.
        type: bool
        default: false
  packet:
    description: The packet, as M(podnet.lab.path_send) sends it.
    type: dict
    suboptions:
      family:
        description: Family of its addresses.
        type: str
        choices: [inet, inet6]
        required: true
      protocol:
        description: Number of its protocol, TCP, UDP, ICMP or ICMPv6.
        type: int
        choices: [1, 6, 17, 58]
        required: true
      mark:
        description: 32 bits by which it is known.
        type: int
        required: true
      sport:
        description: Port that it is sent from; of an echo its identifier.
        type: int
        required: true
      dport:
        description: Port that it is sent to; of an echo its sequence number.
        type: int
        required: true
      size:
        description: Bytes of the IP packet.
        type: int
        required: true
      answers:
        description: Ports that an answer of UDP may come from.
        type: list
        elements: int
        default: []
  table:
    description: What the table that asks for a trace is called.
    type: str
    default: podnet_trace
  hold:
    description: Seconds after which the watchers end, whatever happens.
    type: float
    default: 60
  collect:
    description: The token of watchers. Ends them, and returns what they saw.
    type: str
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode nothing is opened, and the result says whether a table would be made.
  diff_mode:
    support: full
    details:
      - Shows the tables that are made, and that are gone.
  idempotent:
    support: none
    details:
      - Every run waits for a packet of its own.
  platform:
    support: full
notes:
  - Needs root, because only root may enter a network namespace and hear its packets.
seealso:
  - module: podnet.lab.path_send
  - module: podnet.lab.path_compute
"""

EXAMPLES = r"""
- name: Wait for a packet
  podnet.lab.path_watch:
    namespaces:
      - {netns: 4026532287, name: default/pod1, trace: true}
    packet: {family: inet, protocol: 6, mark: 2864434397, sport: 41007, dport: 80, size: 84}
    table: podnet_trace_1f0c
  become: true
  register: opened

- name: End the watchers, and see where it was
  podnet.lab.path_watch:
    collect: "{{ opened.token }}"
  become: true
"""

RETURN = r"""
token:
  description: What O(collect) takes.
  type: str
  returned: when watchers were opened
  sample: 0f6c1c8d3f6f4c0f9e0b7a7f6a1d2c3b
watched:
  description: Inodes of the namespaces that are watched.
  type: list
  elements: int
  returned: when watchers were opened, or would be
  sample: [4026532287]
traced:
  description: Inodes of those where a table was made, or was taken away.
  type: list
  elements: int
  returned: success
  sample: [4026532287]
unwatched:
  description: What is not watched, with C(netns), C(what) and C(cause).
  type: list
  elements: dict
  returned: when watchers were opened, or would be
  sample: []
sightings:
  description: >-
    Where the packet was seen, in order. C(kind) is C(packet), C(answer), or C(error) for an ICMP error about it.
  type: list
  elements: dict
  returned: with O(collect)
  sample:
    - netns: 4026532287
      interface: eth0
      direction: out
      frame: outgoing
      kind: packet
      at_ns: 1764510000000000000
      packet: {protocol: 6, src: 10.244.0.2, sport: 41007, dst: 10.96.0.10, dport: 80}
      icmp: null
      outer: []
      tunnel: null
traces:
  description: What nftables told of the packet, in order, as C(nft monitor trace) prints it.
  type: list
  elements: dict
  returned: with O(collect)
  sample:
    - netns: 4026532287
      way: there
      id: 2960596480
      family: ip
      table: filter
      chain: forward
      what: rule
      handle: 6
      verdict: drop
      target: null
missed:
  description: Inodes of namespaces where more came than could be taken.
  type: list
  elements: int
  returned: with O(collect)
  sample: []
"""

import os
from typing import Any, Dict

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._firewall.commands import has_nf_tables
from ansible_collections.podnet.lab.plugins.module_utils._kernel.namespaces import Home, raise_descriptor_limit
from ansible_collections.podnet.lab.plugins.module_utils._probe.holding import asked
from ansible_collections.podnet.lab.plugins.module_utils._probe.places import Places
from ansible_collections.podnet.lab.plugins.module_utils._probe.records import ProbeError
from ansible_collections.podnet.lab.plugins.module_utils._watch.marked import ARGUMENTS, marked_from
from ansible_collections.podnet.lab.plugins.module_utils._watch.watching import hold, open_watchers

PLACE: Dict[str, Dict[str, Any]] = {
    "netns": {"type": "int", "required": True},
    "name": {"type": "str", "default": "a namespace"},
    "trace": {"type": "bool", "default": False},
}


def main() -> None:
    """Open watchers, or end them and say what they saw."""
    module = AnsibleModule(
        argument_spec={
            "namespaces": {"type": "list", "elements": "dict", "default": [], "options": PLACE},
            "packet": {"type": "dict", "options": ARGUMENTS},
            "table": {"type": "str", "default": "podnet_trace"},
            "hold": {"type": "float", "default": 60},
            "collect": {"type": "str"},
        },
        required_one_of=[["packet", "collect"]],
        mutually_exclusive=[["packet", "collect"]],
        supports_check_mode=True,
    )
    if os.geteuid() != 0:
        module.fail_json(
            msg="Only root may hear the packets of a network namespace, and this is user %d. "
            "Run the task with become: true." % os.geteuid()
        )
    try:
        if module.params["collect"]:
            module.exit_json(**_collected(module.params["collect"], module.check_mode))
        module.exit_json(**_opened(module.params, module.check_mode))
    except (ProbeError, ValueError) as error:
        module.fail_json(msg="%s." % error)
    except OSError as error:
        module.fail_json(msg="The kernel refused what is needed to watch: %s." % error)


def _opened(params: Dict[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Open watchers and leave them. Raises ProbeError, ValueError and OSError."""
    marked = marked_from(params["packet"])
    places = [dict(one) for one in params["namespaces"]]
    unwatched = []
    if any(one["trace"] for one in places) and not has_nf_tables(Files()):
        cause = "the kernel has no nf_tables, and loading it would change the node"
        unwatched = [{"netns": one["netns"], "what": "rules", "cause": cause} for one in places if one["trace"]]
        for one in places:
            one["trace"] = False
    if check_mode:
        traced = [one["netns"] for one in places if one["trace"]]
        watched = [one["netns"] for one in places]
        return _result({"watched": watched, "traced": traced, "unwatched": unwatched}, params["table"], made=True)
    raise_descriptor_limit(4 * len(places) + 256)
    home = Home()
    held = Places(home)
    try:
        opened = open_watchers(held, places, marked, params["table"])
        found: Dict[str, Any] = {
            "watched": [one.inode for one in opened.watchers],
            "traced": [one.inode for one in opened.traces],
            "unwatched": unwatched + opened.unwatched,
            "token": hold(opened, params["hold"]),
        }
        return _result(found, params["table"], made=True)
    finally:
        held.close()
        home.close()


def _collected(token: str, check_mode: bool) -> Dict[str, Any]:
    """End watchers. Raises ProbeError."""
    if check_mode:
        return {"changed": False, "sightings": [], "traces": [], "missed": [], "traced": []}
    said: Dict[str, Any] = asked(token, "the watchers", "Watch again, with a longer hold")
    return _result({key: said[key] for key in said if key != "table"}, said["table"], made=False)


def _result(found: Dict[str, Any], table: str, made: bool) -> Dict[str, Any]:
    tables = "".join("table inet %s in net:[%d]\n" % (table, inode) for inode in found["traced"])
    before, after = ("", tables) if made else (tables, "")
    return {**found, "changed": bool(tables), "diff": {"before": before, "after": after}}


if __name__ == "__main__":
    main()
