#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: veth_facts
short_description: "Facts: a node's veth cables, both ends of each"
version_added: 1.0.0
description:
  - Lists every veth pair of a node with both of its ends, in whatever network namespaces they are, and the pod and the
    bridge that it joins.
  - The other end is proven with the kernel's own numbers, never guessed from names or from equal interface indexes.
    What cannot be proven is V(ambiguous) or V(unresolved), with the reason.
  - Changes nothing on the node.
  - The facts are described by a JSON Schema, C(docs/schema/podnet_veth.schema.json), which the collection's tests
    enforce.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
  - podnet.lab.attributes.returns_facts
  - podnet.lab.facts
author: podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Read the cables
  podnet.lab.veth_facts:

- name: Show the cable of one pod
  ansible.builtin.debug:
    msg: "{{ item.ends[0].ifname }} leads to {{ item.ends[1].ifname }} of {{ item.pod }}"
  loop: "{{ ansible_facts.podnet_veth.pairs | selectattr('pod', 'eq', 'default/web-0') }}"
  loop_control:
    label: "{{ item.ends[0].ifname }}"

- name: Find cables whose ends disagree about the MTU
  ansible.builtin.assert:
    that: item.ends | map(attribute='mtu') | unique | length == 1
    fail_msg: "{{ item.ends[0].ifname }} has different MTUs at its ends."
  loop: "{{ ansible_facts.podnet_veth.pairs | rejectattr('resolution', 'defined') }}"
  loop_control:
    label: "{{ item.ends[0].ifname }}"

- name: Fail when a cable leads nowhere that can be seen
  ansible.builtin.assert:
    that: ansible_facts.podnet_veth.pairs | selectattr('resolution', 'defined') | length == 0

- name: Also look for namespaces that nothing but a socket holds
  podnet.lab.veth_facts:
    gather_subset: [default, hidden]
"""

RETURN = r"""
ansible_facts:
  description: Facts about the pod network of the node.
  type: dict
  returned: success
  contains:
    podnet_veth:
      description: Cables of the node.
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
          description: Whether something could not be read. RV(ansible_facts.podnet_veth.errors) then says what.
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
        pairs:
          description: Every cable, once.
          type: list
          elements: dict
          returned: success
          contains:
            ends:
              description: "The two ends, the node's own first."
              type: list
              elements: dict
              returned: success
              contains:
                netns:
                  description: Inode of its network namespace. Null for an end that was not found.
                  type: int
                  returned: success
                  sample: 4026612638
                netns_name:
                  description: First name of the namespace. Subset V(ends).
                  type: str
                  returned: when it applies
                  sample: "cni-db45f7e1-884b-5463-8954-cdbe30f48ec4"
                ifname:
                  description: Name of the interface.
                  type: str
                  returned: success
                  sample: "veth047aac48"
                ifindex:
                  description: Its index there. Known from the other end even when the end was not found.
                  type: int
                  returned: success
                  sample: 5
                address:
                  description: MAC address. Subset V(ends).
                  type: str
                  returned: when it applies
                  sample: "e6:b6:d6:54:fc:e1"
                mtu:
                  description: Largest packet in bytes. Subset V(ends).
                  type: int
                  returned: when it applies
                  sample: 1500
                operstate:
                  description: State. Subset V(ends).
                  type: str
                  returned: when it applies
                  sample: "UP"
                master:
                  description: Bridge, bond or VRF that it is a port of. Subset V(ends).
                  type: str
                  returned: when it applies
                  sample: "cni0"
                nsid:
                  description: >-
                    Number by which the first end's namespace knows the namespace of an end that was
                    not found.
                  type: int
                  returned: when it applies
                  sample: 3
            pod:
              description: The pod that the cable leads to.
              type: str
              returned: success
              sample: "default/web-0"
            bridge:
              description: Name of the bridge that it is plugged into, in the namespace of the end that is its port.
              type: str
              returned: success
              sample: "cni0"
            resolution:
              description: >-
                V(exact) when it is proven which interface the other end is, V(ambiguous) when several could be,
                V(unresolved) when none was found. Absent when it is V(exact).
              type: str
              returned: when it applies
              sample: "exact"
            reason:
              description: Why it is not exact. Absent when it is.
              type: str
              returned: when it applies
"""

from ansible_collections.podnet.lab.plugins.module_utils._facts.importing import compile_once


def main() -> None:
    """Gather and return the facts."""
    compile_once()  # what is imported from here on
    from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import run
    from ansible_collections.podnet.lab.plugins.module_utils._facts.subsets import DEFAULT_OF_ONE_KEY
    from ansible_collections.podnet.lab.plugins.module_utils._facts.veth import veth_facts

    run({"podnet_veth": lambda found: veth_facts(found.node)}, DEFAULT_OF_ONE_KEY)


if __name__ == "__main__":
    main()
