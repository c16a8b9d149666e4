#!/usr/bin/python

# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Static routes of a node to the pods of other nodes."""

from __future__ import annotations

DOCUMENTATION = r"""
module: static_route
short_description: "Lab step: route the pod ranges of other nodes to those nodes"
version_added: 1.0.0
author: podnet.lab contributors (@podnet-lab)
description:
  - Adds IPv4 and IPv6 routes to the node's main table. They carry C(proto 112), and the lab notes them in its state.
  - O(routes) is the whole of what the lab has on this node. A route of the lab that is not in it is removed, unless
    O(prune=false).
  - A route to a wanted destination that the lab did not make is never touched; the module fails then.
extends_documentation_fragment:
  - podnet.lab.attributes.changing_module
  - podnet.lab.lab
options:
  routes:
    description: Every static route of the lab on this node. Empty removes all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      dst:
        description: Destination, a network like V(10.244.1.0/24) or V(fd00:10:244:1::/64).
        type: str
        required: true
      gateway:
        description:
          - Address of the node that has this range, on a network that this node is connected to. With O(routes[].dev)
            the address of that node's end of the tunnel.
        type: str
        required: true
      dev:
        description:
          - Link of M(podnet.lab.tunnel), behind which the gateway is. The route is C(onlink) then, as no network of
            this node says where the gateway is.
          - With a link-local gateway of IPv6 the link that it is on. Every link has such addresses.
        type: str
  prune:
    description:
      - Whether routes of the lab that are not in O(routes) are removed. V(false) leaves them until something else, such
        as M(podnet.lab.bgp), has routes in their place, so that no packet finds none.
    type: bool
    default: true
  forward:
    description:
      - Whether the node is made to forward packets as well, without which a route for others is of no use.
      - It is what M(podnet.lab.forwarding) does, which also takes it back. Here it costs no connection of its own.
    type: bool
    default: false
  source:
    description: Range of the pods of the whole cluster. Used in the remedies of warnings, with O(forward).
    type: str
    default: 10.244.0.0/16
  source_v6:
    description:
      - IPv6 range of the pods of the whole cluster. With it and O(forward) the node forwards IPv6, else what the lab
        changed of that is put back.
    type: str
"""

EXAMPLES = r"""
- name: Route the pods of node2 to node2
  podnet.lab.static_route:
    lab: lab0
    routes:
      - dst: 10.244.1.0/24
        gateway: 10.89.0.12
    forward: true
"""

RETURN = r"""
commands:
  description: What a person would have typed for the same change, in order.
  returned: always
  type: list
  elements: str
  sample:
    - ip route add 10.244.1.0/24 via 10.89.0.12 proto 112
see:
  description: What a person would type to look at the result.
  returned: always
  type: list
  elements: str
  sample:
    - ip route show proto 112
obstacles:
  description: What keeps packets from being forwarded. Each is a warning too.
  returned: with O(forward)
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.podnet.lab.plugins.module_utils._lab.static_route import ARGUMENTS, run


def main() -> None:
    """Run the module."""
    run(AnsibleModule(supports_check_mode=True, **ARGUMENTS))


if __name__ == "__main__":
    main()
