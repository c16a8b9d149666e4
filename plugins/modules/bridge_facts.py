#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_facts
short_description: "Facts: a node's bridges, their ports and the pods behind them"
version_added: 1.0.0
description:
  - Lists the bridges of a node, in whatever network namespaces they are, with their ports, what is plugged into each
    port, and their forwarding tables. A MAC address is shown with the pod that has it.
  - Changes nothing on the node.
  - The facts are described by a JSON Schema, C(docs/schema/podnet_bridge.schema.json), which the collection's tests
    enforce.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
  - podnet.lab.attributes.returns_facts
  - podnet.lab.facts
author: podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Read the bridges
  podnet.lab.bridge_facts:

- name: Show which pods are on the bridge of the CNI plugin
  ansible.builtin.debug:
    msg: >-
      {{ (ansible_facts.podnet_bridge.bridges | selectattr('ifname', 'eq', 'cni0') | first).ports
         | map(attribute='pod') | reject('none') | sort }}

- name: Fail when a pod cannot reach itself through its Service
  ansible.builtin.assert:
    that: item.ports | rejectattr('hairpin', 'defined') | length == 0
    fail_msg: "{{ item.ifname }} has ports without hairpin mode."
  loop: "{{ ansible_facts.podnet_bridge.bridges }}"
  loop_control:
    label: "{{ item.ifname }}"

- name: Read the whole forwarding table
  podnet.lab.bridge_facts:
    gather_subset: [default, permanent_fdb]
"""

RETURN = r"""
ansible_facts:
  description: Facts about the pod network of the node.
  type: dict
  returned: success
  contains:
    podnet_bridge:
      description: Bridges of the node.
      type: dict
      returned: success
      contains:
        schema_version:
          description: >-
            Version of this key. It changes when something is removed or changes its meaning, not when
            something is added.
          type: int
          returned: success
          sample: 2
        partial:
          description: Whether something could not be read. RV(ansible_facts.podnet_bridge.errors) then says what.
          type: bool
          returned: success
          sample: false
        errors:
          description: What could not be read, and why. Empty when nothing is missing.
          type: list
          elements: dict
          returned: success
          contains:
            object:
              description: What could not be read.
              type: str
              returned: success
              sample: "/var/lib/cni/results"
            cause:
              description: Why.
              type: str
              returned: success
              sample: "It cannot be read: Permission denied (EACCES)."
            remedy:
              description: What would help.
              type: str
              returned: success
              sample: "Run the task with become: true."
        bridges:
          description: Every bridge, in whatever namespace.
          type: list
          elements: dict
          returned: success
          contains:
            ifname:
              description: Name of the bridge.
              type: str
              returned: success
              sample: "cni0"
            ifindex:
              description: Its index.
              type: int
              returned: success
              sample: 4
            netns:
              description: Inode of its network namespace.
              type: int
              returned: success
              sample: 4026612638
            netns_name:
              description: First name of the namespace.
              type: str
              returned: success
            address:
              description: MAC address.
              type: str
              returned: success
              sample: "0a:0b:24:10:b8:bc"
            addr_info:
              description: Addresses, as in C(ip -j addr).
              type: list
              elements: dict
              returned: success
              contains:
                family:
                  description: V(inet) or V(inet6).
                  type: str
                  returned: success
                  sample: "inet"
                local:
                  description: The address.
                  type: str
                  returned: success
                  sample: "10.244.1.1"
                address:
                  description: "The peer's address on a point-to-point link."
                  type: str
                  returned: when it applies
                prefixlen:
                  description: Length of the prefix in bits.
                  type: int
                  returned: success
                  sample: 24
                broadcast:
                  description: Broadcast address. Subset V(links).
                  type: str
                  returned: when it applies
                  sample: "10.244.1.255"
                scope:
                  description: V(global), V(site), V(link), V(host) or a number.
                  type: str
                  returned: success
                  sample: "global"
                label:
                  description: Label of an IPv4 address. Subset V(links).
                  type: str
                  returned: when it applies
                  sample: "cni0"
                dynamic:
                  description: There when the address has a lifetime.
                  type: bool
                  returned: when it applies
                secondary:
                  description: There when it is a secondary address.
                  type: bool
                  returned: when it applies
                temporary:
                  description: There when it is a temporary address.
                  type: bool
                  returned: when it applies
                nodad:
                  description: There when no duplicate address detection is done.
                  type: bool
                  returned: when it applies
                optimistic:
                  description: There when it may be used before duplicate address detection has finished.
                  type: bool
                  returned: when it applies
                dadfailed:
                  description: There when another host has the address.
                  type: bool
                  returned: when it applies
                deprecated:
                  description: There when no new connection should use it.
                  type: bool
                  returned: when it applies
                tentative:
                  description: There while duplicate address detection is at work.
                  type: bool
                  returned: when it applies
                mngtmpaddr:
                  description: There when temporary addresses are made from it.
                  type: bool
                  returned: when it applies
                noprefixroute:
                  description: There when the kernel made no route for its prefix.
                  type: bool
                  returned: when it applies
            operstate:
              description: State.
              type: str
              returned: success
              sample: "UP"
            mtu:
              description: Largest packet in bytes.
              type: int
              returned: success
              sample: 1500
            stp_state:
              description: Whether the spanning tree protocol is on.
              type: int
              returned: success
              sample: 0
            vlan_filtering:
              description: Whether VLANs are kept apart.
              type: int
              returned: success
              sample: 0
            ageing_time:
              description: How long an address is remembered, in hundredths of a second.
              type: int
              returned: success
              sample: 30000
            ports:
              description: Its ports.
              type: list
              elements: dict
              returned: success
              contains:
                ifname:
                  description: Name of the interface.
                  type: str
                  returned: success
                  sample: "veth047aac48"
                ifindex:
                  description: Its index.
                  type: int
                  returned: success
                  sample: 5
                state:
                  description: >-
                    V(forwarding), V(blocking), V(disabled), V(listening) or V(learning). Absent when it is
                    V(forwarding).
                  type: str
                  returned: when it applies
                  sample: "forwarding"
                hairpin:
                  description: Whether packets may leave by the port that they came in by. Absent when it is not so.
                  type: bool
                  returned: when it applies
                  sample: true
                learning:
                  description: Whether MAC addresses are learned. Absent when it is so.
                  type: bool
                  returned: when it applies
                  sample: true
                isolated:
                  description: Whether it talks to ports that are not isolated only. Absent when it is not so.
                  type: bool
                  returned: when it applies
                  sample: false
                flood:
                  description: Whether packets to unknown addresses are sent to it. Absent when it is so.
                  type: bool
                  returned: when it applies
                  sample: true
                peer:
                  description: The other end of its cable. Subset V(ends).
                  type: dict
                  returned: when it applies
                  contains:
                    netns:
                      description: Inode of its network namespace.
                      type: int
                      returned: success
                      sample: 4026612791
                    ifindex:
                      description: Its index there.
                      type: int
                      returned: success
                      sample: 2
                    ifname:
                      description: Its name there.
                      type: str
                      returned: success
                      sample: "eth0"
                pod:
                  description: The pod behind it. Subset V(ends).
                  type: str
                  returned: when it applies
                  sample: "default/web-0"
            fdb:
              description: Its forwarding table. Subset V(fdb); permanent entries with V(permanent_fdb).
              type: list
              elements: dict
              returned: when it applies
              contains:
                mac:
                  description: MAC address.
                  type: str
                  returned: success
                  sample: "01:00:5e:00:00:01"
                dev:
                  description: Port that it is behind.
                  type: str
                  returned: success
                  sample: "cni0"
                state:
                  description: V(learned), V(stale), V(static) or V(permanent).
                  type: str
                  returned: success
                  sample: "permanent"
                vlan:
                  description: VLAN.
                  type: int
                  returned: when it applies
                  sample: 1
                dst:
                  description: Address of the node that it is behind, for an entry of a VXLAN interface.
                  type: str
                  returned: when it applies
                  sample: "192.0.2.12"
                flags:
                  description: Such as V(self), V(master), V(extern_learn), V(offload).
                  type: list
                  elements: str
                  returned: when it applies
                  sample: ["self"]
                pod:
                  description: The pod that has the address.
                  type: str
                  returned: success
                  sample: "default/web-0"
"""

from ansible_collections.podnet.lab.plugins.module_utils._facts.importing import compile_once


def main() -> None:
    """Gather and return the facts."""
    compile_once()  # what is imported from here on
    from ansible_collections.podnet.lab.plugins.module_utils._facts.bridge import bridge_facts
    from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import run
    from ansible_collections.podnet.lab.plugins.module_utils._facts.subsets import DEFAULT_OF_ONE_KEY

    run({"podnet_bridge": lambda found: bridge_facts(found.node)}, DEFAULT_OF_ONE_KEY)


if __name__ == "__main__":
    main()
