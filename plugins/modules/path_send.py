#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends one marked packet from any network namespace of a node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: path_send
short_description: "Internal: send one marked packet from a network namespace, and wait for its answer"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Sends the packet that M(podnet.lab.path_watch) waits for, a SYN of TCP, a datagram of UDP or an echo, which nobody
    on the way may take apart.
  - Nothing listens for the answer of TCP, so that the kernel ends the connection at once with a RST.
options:
  netns:
    description: Inode of the network namespace that sends.
    type: int
    required: true
  src:
    description: Address that it is sent from. By default the one that the kernel chooses.
    type: str
  dst:
    description: Address that it is sent to.
    type: str
    required: true
  packet:
    description: What is sent.
    type: dict
    required: true
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
  timeout:
    description: Seconds to wait for an answer.
    type: float
    default: 2
extends_documentation_fragment:
  - podnet.lab.attributes
attributes:
  check_mode:
    support: full
    details:
      - In check mode nothing is sent.
  diff_mode:
    support: N/A
    details:
      - This module never changes a node.
  idempotent:
    support: full
    details:
      - This module never changes a node. A firewall on the way may note the connection.
  platform:
    support: full
notes:
  - Needs root, because only root may enter a network namespace and send such packets.
seealso:
  - module: podnet.lab.path_watch
"""

EXAMPLES = r"""
- name: Send a SYN
  podnet.lab.path_send:
    netns: 4026532287
    dst: 10.96.0.10
    packet: {family: inet, protocol: 6, mark: 2864434397, sport: 41007, dport: 80, size: 84}
  become: true
"""

RETURN = r"""
error:
  description: Name of the error for which the kernel did not send it, as in V(EPERM); null when it was sent.
  type: str
  returned: success
  sample: null
src:
  description: Address that it was sent from; null when it was not.
  type: str
  returned: success
  sample: 10.244.0.2
answered:
  description: Whether an answer, or an error about it, came back.
  type: bool
  returned: success
  sample: true
"""

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._kernel.namespaces import Home
from ansible_collections.podnet.lab.plugins.module_utils._probe.places import Places
from ansible_collections.podnet.lab.plugins.module_utils._probe.records import ProbeError
from ansible_collections.podnet.lab.plugins.module_utils._watch.marked import ARGUMENTS, marked_from
from ansible_collections.podnet.lab.plugins.module_utils._watch.sending import send


def main() -> None:
    """Send, and say what came of it."""
    module = AnsibleModule(
        argument_spec={
            "netns": {"type": "int", "required": True},
            "src": {"type": "str"},
            "dst": {"type": "str", "required": True},
            "packet": {"type": "dict", "required": True, "options": ARGUMENTS},
            "timeout": {"type": "float", "default": 2},
        },
        supports_check_mode=True,
    )
    params = module.params
    if os.geteuid() != 0:
        module.fail_json(
            msg="Only root may send from a network namespace of a pod, and this is user %d. "
            "Run the task with become: true." % os.geteuid()
        )
    if module.check_mode:
        module.exit_json(changed=False, error=None, src=None, answered=False)
    home = Home()
    places = Places(home)
    try:
        where, ends = "net:[%d]" % params["netns"], (params["src"], params["dst"])
        found = send(places, where, marked_from(params["packet"]), ends, params["timeout"])
        module.exit_json(changed=False, **found)
    except (ProbeError, ValueError) as error:
        module.fail_json(msg="%s." % error)
    except OSError as error:
        module.fail_json(msg="The kernel refused what is needed to send: %s." % error)
    finally:
        places.close()
        home.close()


if __name__ == "__main__":
    main()
