#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_cidr_facts
short_description: "Facts: a node's address ranges, where they are written and what does not fit"
version_added: 1.0.0
description:
  - Reads the ranges of pods and Services from every place on the node that states one, such as the manifests of the
    control plane, the configuration of the kubelet, CNI, flannel and k3s, and routes. Every range says where it is
    written.
  - Lists the addresses that pods use and the leases of the IPAM plugin C(host-local), and says which leases are leaked.
  - Shows what does not fit together, such as overlapping ranges, sources that disagree, addresses outside their range,
    and addresses in use twice, with both sides named.
  - The Kubernetes API is asked only with the subset V(api), so a worker is enough. Changes nothing on the node.
  - The facts are described by a JSON Schema, C(docs/schema/podnet_pod_cidr.schema.json), which the collection's tests
    enforce.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
  - podnet.lab.attributes.returns_facts
  - podnet.lab.facts
author: podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Read the address ranges
  podnet.lab.pod_cidr_facts:

- name: Fail when ranges overlap or addresses are used twice
  ansible.builtin.assert:
    that: ansible_facts.podnet_pod_cidr.conflicts | length == 0
    fail_msg: "{{ ansible_facts.podnet_pod_cidr.conflicts | map(attribute='message') | join('; ') }}"

- name: Show the range of this node's pods, and where it is written
  ansible.builtin.debug:
    msg: "{{ item.cidr }} ({{ item.source.path | default(item.source.command) }})"
  loop: "{{ ansible_facts.podnet_pod_cidr.pod | selectattr('scope', 'eq', 'node') }}"
  loop_control:
    label: "{{ item.cidr }}"

- name: List the leases that nobody uses any more
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.podnet_pod_cidr.leases | selectattr('state', 'in', ['leaked', 'empty'])
         | map(attribute='address') }}

- name: See the blocks that Calico writes to a routing table of its own
  podnet.lab.pod_cidr_facts:
    gather_subset: [default, all_routes]
"""

RETURN = r"""
ansible_facts:
  description: Facts about the pod network of the node.
  type: dict
  returned: success
  contains:
    podnet_pod_cidr:
      description: Address ranges of the node.
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
          description: Whether something could not be read. RV(ansible_facts.podnet_pod_cidr.errors) then says what.
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
        node:
          description: The node itself.
          type: dict
          returned: success
          contains:
            name:
              description: Host name.
              type: str
              returned: success
              sample: "node1"
            addresses:
              description: Its addresses.
              type: list
              elements: dict
              returned: success
              contains:
                ifname:
                  description: Name of the interface.
                  type: str
                  returned: success
                  sample: "cni0"
                family:
                  description: V(inet) or V(inet6).
                  type: str
                  returned: success
                  sample: "inet"
                local:
                  description: Address.
                  type: str
                  returned: success
                  sample: "10.244.1.1"
                prefixlen:
                  description: Length of the prefix in bits.
                  type: int
                  returned: success
                  sample: 24
            networks:
              description: Networks that it is directly in.
              type: list
              elements: dict
              returned: success
              contains:
                cidr:
                  description: The network.
                  type: str
                  returned: success
                  sample: "10.244.1.0/24"
                dev:
                  description: Name of the interface.
                  type: str
                  returned: success
                  sample: "cni0"
            default_route:
              description: Its default routes.
              type: list
              elements: dict
              returned: success
              contains:
                family:
                  description: V(inet) or V(inet6).
                  type: str
                  returned: success
                  sample: "inet"
                gateway:
                  description: Next hop.
                  type: str
                  returned: success
                  sample: "192.0.2.1"
                dev:
                  description: Name of the interface.
                  type: str
                  returned: success
                  sample: "eth0"
                prefsrc:
                  description: Source address.
                  type: str
                  returned: success
        pod:
          description: Ranges of pods.
          type: list
          elements: dict
          returned: success
          contains:
            cidr:
              description: The range.
              type: str
              returned: success
              sample: "10.244.1.0/24"
            family:
              description: V(inet) or V(inet6).
              type: str
              returned: success
              sample: "inet"
            scope:
              description: >-
                V(cluster) for all nodes, V(node) for this one, V(block) for a part of it, V(hint) for
                what only points at it.
              type: str
              returned: success
              sample: "node"
            source:
              description: Where it is written.
              type: dict
              returned: success
              contains:
                kind:
                  description: Kind of source.
                  type: str
                  returned: success
                  sample: "cni"
                path:
                  description: File that says so.
                  type: str
                  returned: when it applies
                  sample: "/etc/cni/net.d/10-bridge.conflist"
                command:
                  description: Command that shows it.
                  type: str
                  returned: when it applies
                key:
                  description: Where in it.
                  type: str
                  returned: success
                  sample: "plugins[0].ipam.ranges[0][0].subnet"
        service:
          description: Ranges of Services.
          type: list
          elements: dict
          returned: success
          contains:
            cidr:
              description: The range.
              type: str
              returned: success
              sample: "10.244.1.0/24"
            family:
              description: V(inet) or V(inet6).
              type: str
              returned: success
              sample: "inet"
            scope:
              description: >-
                V(cluster) for all nodes, V(node) for this one, V(block) for a part of it, V(hint) for
                what only points at it.
              type: str
              returned: success
              sample: "node"
            source:
              description: Where it is written.
              type: dict
              returned: success
              contains:
                kind:
                  description: Kind of source.
                  type: str
                  returned: success
                  sample: "cni"
                path:
                  description: File that says so.
                  type: str
                  returned: when it applies
                  sample: "/etc/cni/net.d/10-bridge.conflist"
                command:
                  description: Command that shows it.
                  type: str
                  returned: when it applies
                key:
                  description: Where in it.
                  type: str
                  returned: success
                  sample: "plugins[0].ipam.ranges[0][0].subnet"
        node_prefix_lengths:
          description: "How long the prefix of every node's range of pods is to be."
          type: list
          elements: dict
          returned: success
          contains:
            family:
              description: V(inet) or V(inet6).
              type: str
              returned: success
              sample: "inet"
            prefixlen:
              description: Length of the prefix in bits.
              type: int
              returned: success
              sample: 24
            source:
              description: Where it is written.
              type: dict
              returned: success
              contains:
                kind:
                  description: Kind of source.
                  type: str
                  returned: success
                  sample: "cni"
                path:
                  description: File that says so.
                  type: str
                  returned: when it applies
                  sample: "/etc/cni/net.d/10-bridge.conflist"
                command:
                  description: Command that shows it.
                  type: str
                  returned: when it applies
                key:
                  description: Where in it.
                  type: str
                  returned: success
                  sample: "plugins[0].ipam.ranges[0][0].subnet"
        source_nat:
          description: Rules that give packets another source address, in their order. Null when they could not be read.
          type: list
          elements: dict
          returned: with the subset V(firewall)
          contains:
            family:
              description: V(inet) or V(inet6). Null for a rule for both.
              type: str
              returned: success
              sample: "inet"
            action:
              description: V(masquerade) takes the address of the interface where a packet leaves, V(snat) a given one.
              type: str
              returned: success
              sample: "masquerade"
            saddr:
              description: Sources that it is for. Null for all.
              type: str
              returned: success
              sample: "10.244.0.0/24"
            daddr:
              description: Destinations that it is for. Null for all.
              type: str
              returned: success
              sample: "198.51.100.0/24"
            not_daddr:
              description: Destinations that it is not for.
              type: list
              elements: str
              returned: success
              sample: ["10.244.0.0/16"]
            conditional:
              description: Whether it asks for more than addresses, such as a mark or an interface.
              type: bool
              returned: success
              sample: false
            source:
              description: Where it is written.
              type: dict
              returned: success
              contains:
                kind:
                  description: Kind of source.
                  type: str
                  returned: success
                  sample: "nftables"
                command:
                  description: Command that shows it.
                  type: str
                  returned: success
                  sample: "nft list table ip podnet_lab0"
                key:
                  description: Where in it.
                  type: str
                  returned: success
                  sample: "chain postrouting"
        api:
          description: What the Kubernetes API was asked with and says. Null on a node without credentials for it.
          type: dict
          returned: with the subset V(api)
          contains:
            path:
              description: The kubeconfig. Nothing else of it is shown.
              type: str
              returned: success
              sample: "/etc/kubernetes/admin.conf"
            server:
              description: The server that it names. Null when it leads to none.
              type: str
              returned: success
              sample: "https://192.0.2.11:6443"
            node:
              description: Name of the Node that is this node. Null when that cannot be told.
              type: str
              returned: success
              sample: "cp1"
            nodes:
              description: Every Node, sorted by name.
              type: list
              elements: dict
              returned: success
              contains:
                name:
                  description: Its name.
                  type: str
                  returned: success
                  sample: "cp1"
                pod_cidrs:
                  description: Its ranges of pods. Empty when the cluster gives out none.
                  type: list
                  elements: str
                  returned: success
                  sample: ["10.244.0.0/24"]
            service_cidrs:
              description: Every ServiceCIDR, sorted by name. Null when the server has no such objects.
              type: list
              elements: dict
              returned: success
              contains:
                name:
                  description: Its name.
                  type: str
                  returned: success
                  sample: "kubernetes"
                cidrs:
                  description: Its ranges of Services.
                  type: list
                  elements: str
                  returned: success
                  sample: ["10.96.0.0/16"]
        addresses_in_use:
          description: Addresses in namespaces other than the node's own. Subset V(addresses).
          type: list
          elements: dict
          returned: when it applies
          contains:
            local:
              description: Address.
              type: str
              returned: success
              sample: "10.244.1.2"
            prefixlen:
              description: Length of the prefix in bits.
              type: int
              returned: success
              sample: 24
            family:
              description: V(inet) or V(inet6).
              type: str
              returned: success
              sample: "inet"
            ifname:
              description: Name of the interface.
              type: str
              returned: success
              sample: "eth0"
            netns:
              description: Inode of the network namespace.
              type: int
              returned: success
              sample: 4026612791
            pod:
              description: The pod that has it.
              type: str
              returned: success
              sample: "default/web-0"
        leases:
          description: Leases of the IPAM plugin host-local.
          type: list
          elements: dict
          returned: success
          contains:
            address:
              description: Address.
              type: str
              returned: success
              sample: "10.244.1.2"
            network:
              description: Name of the CNI network.
              type: str
              returned: success
              sample: "cbr0"
            container_id:
              description: Id of the sandbox. Null in an empty file.
              type: str
              returned: success
              sample: "0c1d1bff073a2c255d2ce56ed7e6ef4dfeed21f63b77fb368f230ae1133b8627"
            ifname:
              description: Name of the interface. Absent when it is V(eth0), null in an empty file.
              type: str
              returned: when it applies
              sample: "eth0"
            path:
              description: The file. Absent when it is C(/var/lib/cni/networks/<network>/<address>).
              type: str
              returned: when it applies
              sample: "/var/lib/cni/networks/cbr0/10.244.1.2"
            state:
              description: >-
                V(in_use), V(leaked) when no such sandbox is there, V(empty) for a file without content,
                V(unknown) when that cannot be told.
              type: str
              returned: success
              sample: "in_use"
            pod:
              description: The pod that holds it.
              type: str
              returned: success
              sample: "default/web-0"
        cni:
          description: CNI configurations.
          type: dict
          returned: success
          contains:
            active:
              description: "That of the network that pods get: the first, or where a meta plugin in it leads."
              type: dict
              returned: success
              contains:
                path:
                  description: The file.
                  type: str
                  returned: success
                  sample: "/etc/cni/net.d/10-bridge.conflist"
                name:
                  description: Name of the network.
                  type: str
                  returned: success
                  sample: "cbr0"
                plugins:
                  description: Its plugins.
                  type: list
                  elements: str
                  returned: success
                  sample: ["bridge"]
                through:
                  description: The configurations of meta plugins (Multus, Genie) that lead to it, the runtime's first.
                  type: list
                  elements: dict
                  returned: success
                  contains:
                    path:
                      description: The file.
                      type: str
                      returned: success
                    name:
                      description: Name of the network.
                      type: str
                      returned: success
                    plugins:
                      description: Its plugins.
                      type: list
                      elements: str
                      returned: success
                      sample: ["multus"]
            shadowed:
              description: Those that are not used because another comes before.
              type: list
              elements: dict
              returned: success
              contains:
                path:
                  description: The file.
                  type: str
                  returned: success
                name:
                  description: Name of the network.
                  type: str
                  returned: success
            unreadable:
              description: Those that cannot be used, and why.
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
        conflicts:
          description: What does not fit together.
          type: list
          elements: dict
          returned: success
          contains:
            kind:
              description: Kind of conflict.
              type: str
              returned: success
              sample: "overlap"
            message:
              description: What is wrong, in a sentence.
              type: str
              returned: success
            sides:
              description: The two sides.
              type: list
              elements: dict
              returned: success
              contains:
                value:
                  description: What this side says.
                  type: str
                  returned: success
                  sample: "10.244.0.0/16"
                source:
                  description: Where it says so.
                  type: dict
                  returned: success
                  contains:
                    kind:
                      description: Kind of source.
                      type: str
                      returned: success
                      sample: "cni"
                    path:
                      description: File that says so.
                      type: str
                      returned: when it applies
                      sample: "/etc/cni/net.d/10-bridge.conflist"
                    command:
                      description: Command that shows it.
                      type: str
                      returned: when it applies
                    key:
                      description: Where in it.
                      type: str
                      returned: success
                      sample: "plugins[0].ipam.ranges[0][0].subnet"
"""

from ansible_collections.podnet.lab.plugins.module_utils._facts.importing import compile_once


def main() -> None:
    """Gather and return the facts."""
    compile_once()  # what is imported from here on
    from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import run
    from ansible_collections.podnet.lab.plugins.module_utils._facts.pod_cidr import cidr_facts
    from ansible_collections.podnet.lab.plugins.module_utils._facts.subsets import DEFAULT_OF_ONE_KEY

    run({"podnet_pod_cidr": cidr_facts}, DEFAULT_OF_ONE_KEY, frozenset(("routes",)))


if __name__ == "__main__":
    main()
