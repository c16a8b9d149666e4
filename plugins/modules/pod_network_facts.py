#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_network_facts
short_description: "Facts: a node's whole pod network in one pass"
version_added: 1.0.0
description:
  - Returns what M(podnet.lab.netns_facts), M(podnet.lab.veth_facts), M(podnet.lab.bridge_facts) and
    M(podnet.lab.pod_cidr_facts) return, from one pass over the node. The four agree with each other, and cost one
    connection and one start of Python.
  - By default what one of the four keys says is not repeated in another. O(gather_subset=ends) and
    O(gather_subset=addresses) repeat it, and O(gather_subset=fdb) adds what the bridges have learned.
  - Changes nothing on the node.
  - The facts are described by JSON Schemas, C(docs/schema/*.schema.json), which the collection's tests enforce.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
  - podnet.lab.attributes.returns_facts
  - podnet.lab.facts
author: podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Read the pod network of the node
  podnet.lab.pod_network_facts:

- name: Show which pod is behind which cable
  ansible.builtin.debug:
    msg: "{{ item.ends[0].ifname }} -> {{ item.pod }}"
  loop: "{{ ansible_facts.podnet_veth.pairs | rejectattr('pod', 'none') }}"
  loop_control:
    label: "{{ item.ends[0].ifname }}"

- name: Stop when something could not be read
  ansible.builtin.assert:
    that: not ansible_facts.podnet_netns.partial
    fail_msg: "{{ ansible_facts.podnet_netns.errors | map(attribute='remedy') | unique | join(' ') }}"

- name: Keep everything that can be known about the node in a file
  podnet.lab.pod_network_facts:
    gather_subset: [all, "!hidden"]
    timeout: 120
    on_timeout: warn
  register: podnet

- name: Write the file
  ansible.builtin.copy:
    content: "{{ podnet.ansible_facts | to_json }}"
    dest: "{{ inventory_hostname }}.json"
    mode: "0600"
  delegate_to: localhost
  become: false
"""

RETURN = r"""
ansible_facts:
  description: Facts about the pod network of the node. Each key is described by the module that returns it alone.
  type: dict
  returned: success
  contains:
    podnet_netns:
      description: Network namespaces of the node, as RV(podnet.lab.netns_facts#module:ansible_facts.podnet_netns).
      type: dict
      returned: success
    podnet_veth:
      description: Cables of the node, as RV(podnet.lab.veth_facts#module:ansible_facts.podnet_veth).
      type: dict
      returned: success
    podnet_bridge:
      description: Bridges of the node, as RV(podnet.lab.bridge_facts#module:ansible_facts.podnet_bridge).
      type: dict
      returned: success
    podnet_pod_cidr:
      description: >-
        Address ranges and where they are written, as
        RV(podnet.lab.pod_cidr_facts#module:ansible_facts.podnet_pod_cidr).
      type: dict
      returned: success
"""

from ansible_collections.podnet.lab.plugins.module_utils._facts.importing import compile_once


def main() -> None:
    """Gather and return the facts."""
    compile_once()  # what is imported from here on
    from ansible_collections.podnet.lab.plugins.module_utils._facts.bridge import bridge_facts
    from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import View, run
    from ansible_collections.podnet.lab.plugins.module_utils._facts.netns import netns_facts
    from ansible_collections.podnet.lab.plugins.module_utils._facts.pod_cidr import cidr_facts
    from ansible_collections.podnet.lab.plugins.module_utils._facts.subsets import DEFAULT
    from ansible_collections.podnet.lab.plugins.module_utils._facts.veth import veth_facts

    views: dict[str, View] = {
        "podnet_netns": lambda found: netns_facts(found.node, found.files, found.run),
        "podnet_veth": lambda found: veth_facts(found.node),
        "podnet_bridge": lambda found: bridge_facts(found.node),
        "podnet_pod_cidr": cidr_facts,
    }
    run(views, DEFAULT, frozenset(("routes",)))


if __name__ == "__main__":
    main()
