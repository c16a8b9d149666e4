#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: service_rule_facts
short_description: "Facts: which Services a node's rules know, and where they send packets"
version_added: 1.0.0
description:
  - Reads the rules by which kube-proxy makes Services work on a node, in each of its modes, iptables (both variants),
    nftables and IPVS, for IPv4 and IPv6. For every virtual address and port it lists the backends, the pods behind
    those that are on this node, and the rule that says so.
  - Also reads plain C(dnat) rules in the nftables tables of a lab (C(podnet_…)).
  - Says which tables hold network policies, those of a lab, kube-router or Calico, and of how many pods.
  - Shows what the node does; what the API says only when the subset V(api) is asked for. A Service without rules, such
    as a headless one, is not listed. Programs that work without such rules, such as Cilium in place of kube-proxy, are
    not seen.
  - Nothing is guessed. A rule in the chains of Services that is not understood is listed in
    RV(ansible_facts.podnet_service.unrecognised).
  - Changes nothing on the node. It starts C(iptables-save) and C(nft) only where the kernel already has what they
    would load.
  - Of the subsets three matter to this module, V(hidden), because more namespaces may mean more pods, V(flows), which
    adds RV(ansible_facts.podnet_service.stale_flows), and V(api), which adds RV(ansible_facts.podnet_service.api).
  - The facts are described by a JSON Schema, C(docs/schema/podnet_service.schema.json), which the collection's tests
    enforce.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
  - podnet.lab.attributes.returns_facts
  - podnet.lab.facts
author: podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Read the rules of Services
  podnet.lab.service_rule_facts:

- name: Show where each virtual address leads
  ansible.builtin.debug:
    msg: >-
      {{ item.virtual_address | default('every address of the node', true) }}:{{ item.port }} ->
      {{ item.backends | map(attribute='address') | join(', ') }}
  loop: "{{ ansible_facts.podnet_service.services }}"
  loop_control:
    label: "{{ item.namespace }}/{{ item.name }} {{ item.type }}"

- name: List what the API says is not ready, on a node of the control plane
  podnet.lab.service_rule_facts:
    gather_subset: [default, api]

- name: Show it
  ansible.builtin.debug:
    msg: "{{ item.backends | rejectattr('ready') | map(attribute='address') | join(', ') }}"
  loop: "{{ ansible_facts.podnet_service.api.services }}"
  loop_control:
    label: "{{ item.namespace }}/{{ item.name }}"

- name: Fail when this node rejects or drops packets for a Service
  ansible.builtin.assert:
    that: item.action not in ['reject', 'drop']
    fail_msg: "{{ item.rule.command }} shows: {{ item.rule.text }}"
  loop: "{{ ansible_facts.podnet_service.services }}"
  loop_control:
    label: "{{ item.namespace }}/{{ item.name }}"

- name: Fail when the two variants of iptables are mixed
  ansible.builtin.assert:
    that: >-
      ansible_facts.podnet_service.sources | map(attribute='variant') | reject('none') | unique | length < 2
    fail_msg: iptables-legacy and iptables-nft both hold Service rules.
"""

RETURN = r"""
ansible_facts:
  description: Facts about the pod network of the node.
  type: dict
  returned: success
  contains:
    podnet_service:
      description: Rules of Services on the node.
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
          description: >-
            Whether something could not be read or understood. RV(ansible_facts.podnet_service.errors) and
            RV(ansible_facts.podnet_service.unrecognised) then say what.
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
              sample: "/proc/net/ip_tables_names"
            cause:
              description: Why.
              type: str
              returned: success
              sample: "No command shows the rules of this table."
            remedy:
              description: What would help.
              type: str
              returned: success
              sample: "Install the package iptables."
        mode:
          description: >-
            V(iptables), V(nftables) or V(ipvs), whichever has Services; V(mixed) when several have, V(none) when
            none has.
          type: str
          returned: success
          sample: "iptables"
        sources:
          description: The places that hold Service rules.
          type: list
          elements: dict
          returned: success
          contains:
            mode:
              description: V(iptables), V(nftables) or V(ipvs).
              type: str
              returned: success
              sample: "iptables"
            variant:
              description: "Of iptables: V(legacy) or V(nf_tables)."
              type: str
              returned: success
              sample: "nf_tables"
            family:
              description: V(inet) or V(inet6). Null for IPVS, whose table holds both.
              type: str
              returned: success
              sample: "inet"
            table:
              description: Name of the table.
              type: str
              returned: success
              sample: "nat"
            command:
              description: Command that shows all of it.
              type: str
              returned: success
              sample: "iptables-nft-save -t nat"
            services:
              description: How many of RV(ansible_facts.podnet_service.services) come from it.
              type: int
              returned: success
              sample: 7
        node_port_addresses:
          description: >-
            Addresses of the node at which NodePorts are answered, V(0.0.0.0/0) and V(::/0) for all of IPv4 and of
            IPv6.
          type: list
          elements: str
          returned: success
          sample: ["0.0.0.0/0"]
        services:
          description: Every address and port that rules send somewhere, by name, type and address.
          type: list
          elements: dict
          returned: success
          contains:
            namespace:
              description: Kubernetes namespace of the Service. Null when the rules do not name it, as those of IPVS.
              type: str
              returned: success
              sample: "default"
            name:
              description: Name of the Service.
              type: str
              returned: success
              sample: "web"
            port_name:
              description: Name of the port. Null when it has none.
              type: str
              returned: success
              sample: "http"
            type:
              description: >-
                V(cluster_ip), V(external_ip), V(load_balancer), V(node_port) or V(health_check). V(external) is an
                external IP or the address of a load balancer where the rules do not say which. Null when they do not
                even say that.
              type: str
              returned: success
              sample: "cluster_ip"
            family:
              description: V(inet) or V(inet6).
              type: str
              returned: success
              sample: "inet"
            virtual_address:
              description: >-
                Address that packets are sent to. Null for a NodePort or health check at
                RV(ansible_facts.podnet_service.node_port_addresses).
              type: str
              returned: success
              sample: "10.96.120.17"
            port:
              description: Port that packets are sent to.
              type: int
              returned: success
              sample: 80
            protocol:
              description: V(tcp), V(udp) or V(sctp).
              type: str
              returned: success
              sample: "tcp"
            action:
              description: >-
                V(forward) to a backend; V(reject) with an answer or V(drop) without one, because there is no backend
                or none on this node; V(accept) for a health check, which kube-proxy answers itself; V(none) when the
                rules do nothing.
              type: str
              returned: success
              sample: "forward"
            backends:
              description: >-
                Where packets from outside are sent. When RV(ansible_facts.podnet_service.services[].traffic_policy)
                is V(local) these are on this node, and pods use all that the entry of the cluster's address lists.
              type: list
              elements: dict
              returned: success
              contains:
                address:
                  description: Address of the backend.
                  type: str
                  returned: success
                  sample: "10.244.1.4"
                port:
                  description: Port of the backend. Null when it is not changed.
                  type: int
                  returned: success
                  sample: 8080
                weight:
                  description: >-
                    Share of the new connections, from 0 to 1. Null when it depends on the connections that there are.
                  type: float
                  returned: success
                  sample: 0.3333
                local:
                  description: Whether the address is on this node.
                  type: bool
                  returned: success
                  sample: true
                pod:
                  description: >-
                    The pod on this node that has the address. Null for a pod of another node, for one on the node's
                    own network, and when two have the address.
                  type: str
                  returned: success
                  sample: "default/web-0"
            affinity:
              description: Whether connections of one client stay with one backend. Null when they do not.
              type: dict
              returned: success
              contains:
                type:
                  description: V(ClientIP).
                  type: str
                  returned: success
                  sample: "ClientIP"
                timeout:
                  description: >-
                    For how many seconds after the last new connection. Null for IPVS, whose table does not say.
                  type: int
                  returned: success
                  sample: 10800
            traffic_policy:
              description: >-
                V(cluster) when all backends are used, V(local) when those on this node are; the external traffic
                policy of a Service, for a cluster's address the internal one. Null when the rules do not say.
              type: str
              returned: success
              sample: "cluster"
            source_ranges:
              description: >-
                Ranges from which a load balancer's address may be used; kube-proxy adds the address itself where the
                node is in one of them. Empty when all may.
              type: list
              elements: str
              returned: success
              sample: []
            scheduler:
              description: >-
                V(random), V(round-robin), or what IPVS calls it. Null when there is nothing to choose by a rule.
              type: str
              returned: success
              sample: "random"
            mode:
              description: V(iptables), V(nftables) or V(ipvs).
              type: str
              returned: success
              sample: "iptables"
            rule:
              description: The rule that catches the packets.
              type: dict
              returned: success
              contains:
                command:
                  description: Command that shows it.
                  type: str
                  returned: success
                  sample: "iptables-nft -t nat -S KUBE-SERVICES"
                table:
                  description: Table that it is in.
                  type: str
                  returned: success
                  sample: "nat"
                chain:
                  description: Chain that it is in, or map of nftables. Null for IPVS.
                  type: str
                  returned: success
                  sample: "KUBE-SERVICES"
                text:
                  description: The rule itself, at most 400 characters of it.
                  type: str
                  returned: success
                  sample: >-
                    -A KUBE-SERVICES -d 10.96.120.17/32 -p tcp -m comment --comment "default/web:http cluster IP"
                    -m tcp --dport 80 -j KUBE-SVC-LOLE4ISW44XBNF3G
                target:
                  description: Chain that it leads to, in which the backends are. Null when it leads to none.
                  type: str
                  returned: success
                  sample: "KUBE-SVC-LOLE4ISW44XBNF3G"
        unrecognised:
          description: Rules where those of Services are that were not understood, at most 100.
          type: list
          elements: dict
          returned: success
          contains:
            command:
              description: Command that shows it.
              type: str
              returned: success
              sample: "iptables-nft -t nat -S KUBE-SERVICES"
            table:
              description: Table that it is in.
              type: str
              returned: success
              sample: "nat"
            chain:
              description: Chain that it is in, or map of nftables.
              type: str
              returned: success
              sample: "KUBE-SERVICES"
            text:
              description: The rule itself, at most 400 characters of it.
              type: str
              returned: success
              sample: "-A KUBE-SERVICES -p tcp -j DOCKER"
            reason:
              description: What was not understood.
              type: str
              returned: success
              sample: "It leads to DOCKER, which is no chain of a Service."
        policies:
          description: >-
            The tables with rules of network policies, by family and table. Null when they could not be read. Facts that
            were read before it was added do not have it.
          type: list
          elements: dict
          returned: always by this version
          contains:
            holder:
              description: "Who made them: V(lab), V(kube-router) (k3s has the same) or V(calico)."
              type: str
              returned: success
              sample: "lab"
            mode:
              description: V(iptables) of the legacy variant, or V(nftables), where iptables-nft writes as well.
              type: str
              returned: success
              sample: "nftables"
            family:
              description: V(inet) or V(inet6); V(inet) as well for a table for both.
              type: str
              returned: success
              sample: "inet"
            table:
              description: Name of the table.
              type: str
              returned: success
              sample: "podnet_lab0_policies"
            pods:
              description: How many pods have rules of their own there.
              type: int
              returned: success
              sample: 2
            command:
              description: Command that shows all of it.
              type: str
              returned: success
              sample: "nft list table ip podnet_lab0_policies"
        api:
          description: >-
            Services and their backends as the Kubernetes API states them. Null on a node without credentials for it.
            Subset V(api).
          type: dict
          returned: when it applies
          contains:
            path:
              description: The kubeconfig whose credentials were used.
              type: str
              returned: success
              sample: "/etc/kubernetes/admin.conf"
            server:
              description: Address of the API server. Null when the file names none.
              type: str
              returned: success
              sample: "https://192.0.2.1:6443"
            services:
              description: >-
                Every Service, sorted by namespace and name. Null when the API did not list the Services and the
                EndpointSlices; then RV(ansible_facts.podnet_service.errors) says why.
              type: list
              elements: dict
              returned: success
              contains:
                namespace:
                  description: Its namespace.
                  type: str
                  returned: success
                  sample: "default"
                name:
                  description: Its name.
                  type: str
                  returned: success
                  sample: "web"
                type:
                  description: V(ClusterIP), V(NodePort), V(LoadBalancer) or V(ExternalName).
                  type: str
                  returned: success
                  sample: "ClusterIP"
                addresses:
                  description: Its addresses in the cluster, of each family one. None of a headless Service.
                  type: list
                  elements: str
                  returned: success
                  sample: ["10.96.41.7"]
                ports:
                  description: Its ports.
                  type: list
                  elements: dict
                  returned: success
                  contains:
                    name:
                      description: Name of the port, if it has one.
                      type: str
                      returned: success
                      sample: "http"
                    protocol:
                      description: V(tcp), V(udp) or V(sctp).
                      type: str
                      returned: success
                      sample: "tcp"
                    port:
                      description: The port.
                      type: int
                      returned: success
                      sample: 80
                    node_port:
                      description: The port on every node, if it has one.
                      type: int
                      returned: success
                      sample: 30080
                backends:
                  description: What its EndpointSlices list, an entry for each address and port.
                  type: list
                  elements: dict
                  returned: success
                  contains:
                    address:
                      description: Address of the backend.
                      type: str
                      returned: success
                      sample: "10.244.1.5"
                    port:
                      description: Its port, which may differ from that of the Service.
                      type: int
                      returned: success
                      sample: 8080
                    port_name:
                      description: Name of the Service's port that leads to it. Empty where that has none.
                      type: str
                      returned: success
                      sample: "http"
                    protocol:
                      description: V(tcp), V(udp) or V(sctp).
                      type: str
                      returned: success
                      sample: "tcp"
                    ready:
                      description: Whether it takes connections.
                      type: bool
                      returned: success
                      sample: true
                    terminating:
                      description: Whether its pod is about to end.
                      type: bool
                      returned: success
                      sample: false
                    node:
                      description: Name of its node, if the slice says so.
                      type: str
                      returned: success
                      sample: "node2"
                    pod:
                      description: Its pod as V(NAMESPACE/NAME). Null of what is no pod.
                      type: str
                      returned: success
                      sample: "default/web-6b7c9"
        stale_flows:
          description: >-
            UDP flows to a Service's address and port that the kernel goes on sending where none of its rules leads.
            Those of which the rules were not understood, or lead nowhere, are left out. Null when they could not be
            read, as where the kernel has not loaded the module nf_conntrack_netlink. Subset V(flows).
          type: list
          elements: dict
          returned: when it applies
          contains:
            protocol:
              description: V(udp).
              type: str
              returned: success
              sample: "udp"
            address:
              description: The Service's address, or one of the node's for a NodePort.
              type: str
              returned: success
              sample: "10.96.0.10"
            port:
              description: The Service's port.
              type: int
              returned: success
              sample: 53
            backend:
              description: Address that the packets are sent to.
              type: str
              returned: success
              sample: "10.244.1.5"
            backend_port:
              description: Port that they are sent to.
              type: int
              returned: success
              sample: 53
            count:
              description: How many flows there are, one for each address and port of a client.
              type: int
              returned: success
              sample: 3
"""

from ansible_collections.podnet.lab.plugins.module_utils._facts.importing import compile_once


def main() -> None:
    """Gather and return the facts."""
    compile_once()  # what is imported from here on
    from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import run
    from ansible_collections.podnet.lab.plugins.module_utils._facts.service import service_facts

    run({"podnet_service": service_facts}, frozenset(), matters=frozenset(("api", "flows", "hidden")))


if __name__ == "__main__":
    main()
