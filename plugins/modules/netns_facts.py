#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: netns_facts
short_description: "Facts: a node's network namespaces and whose they are"
version_added: 1.0.0
description:
  - Finds every network namespace of a node, named or not, and reads its interfaces, addresses, routes and processes
    from the kernel, in one process and without running C(ip).
  - Says which pod or container a namespace belongs to, from what the container runtime, the CNI plugins and the kubelet
    left on the node. The Kubernetes API is not asked. What cannot be proven is null, and evidence that does not fit
    together is shown.
  - Changes nothing on the node.
  - The facts are described by a JSON Schema, C(docs/schema/podnet_netns.schema.json), which the collection's tests
    enforce.
extends_documentation_fragment:
  - podnet.lab.attributes.info_module
  - podnet.lab.attributes.returns_facts
  - podnet.lab.facts
author: podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Look into every pod's network namespace
  podnet.lab.netns_facts:

- name: Show which pod has which addresses
  ansible.builtin.debug:
    msg: >-
      {{ item.owner.namespace }}/{{ item.owner.name }}:
      {{ item.interfaces | map(attribute='addresses', default=[]) | flatten | join(' ') }}
  loop: "{{ ansible_facts.podnet_netns.namespaces | selectattr('kind', 'eq', 'pod') }}"
  loop_control:
    label: "{{ item.inode }}"

- name: Fail when a namespace has no default route
  ansible.builtin.assert:
    that: item.routes | selectattr('dst', 'eq', 'default') | length > 0
    fail_msg: "{{ item.owner.name }} cannot reach anything beyond its own network."
  loop: "{{ ansible_facts.podnet_netns.namespaces | selectattr('kind', 'eq', 'pod') }}"
  loop_control:
    label: "{{ item.inode }}"

- name: Everything about routing, but no processes
  podnet.lab.netns_facts:
    gather_subset:
      - all_routes
      - rules
      - neighbours
      - sysctls
      - "!processes"

- name: As part of gathering facts, with the same options for all fact modules
  hosts: nodes
  gather_facts: true
  become: true
  vars:
    ansible_facts_modules: [podnet.lab.netns_facts]
  module_defaults:
    group/podnet.lab.facts:
      timeout: 60
      on_timeout: warn
  tasks:
    - name: Show how many network namespaces there are
      ansible.builtin.debug:
        msg: "{{ ansible_facts.podnet_netns.namespaces | length }}"
"""

RETURN = r"""
ansible_facts:
  description: Facts about the pod network of the node.
  type: dict
  returned: success
  contains:
    podnet_netns:
      description: Network namespaces of the node.
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
          description: Whether something could not be read. RV(ansible_facts.podnet_netns.errors) then says what.
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
        machine:
          description: >-
            What makes the node this machine, whom it asks for names, and who configures its interfaces. Subset
            V(machine).
          type: dict
          returned: when it applies
          contains:
            id:
              description: Keyed hash of C(/etc/machine-id). Null when there is none.
              type: str
              returned: success
              sample: 0f4c2b1d9e8a7c6b5a4f3e2d1c0b9a88
            boot:
              description: Keyed hash of the kernel's boot id. Nodes that share it are containers of one machine.
              type: str
              returned: success
              sample: 7a1e5c3d2b4f6a8c9e0d1f2a3b4c5d6e
            resolvers:
              description: The node's own resolv.conf, and the one that the kubelet gives to pods.
              type: list
              elements: dict
              returned: success
              contains:
                path:
                  description: The file.
                  type: str
                  returned: success
                  sample: /run/systemd/resolve/resolv.conf
                pods:
                  description: Whether pods with the DNS policy Default get what is in it.
                  type: bool
                  returned: success
                  sample: true
                nameservers:
                  description: Name servers, in their order.
                  type: list
                  elements: str
                  returned: success
                  sample: ["192.0.2.53"]
                search:
                  description: Search domains.
                  type: list
                  elements: str
                  returned: success
                  sample: ["example.org"]
                options:
                  description: Options.
                  type: list
                  elements: str
                  returned: success
                  sample: ["edns0"]
            managed_links:
              description: Interfaces that systemd-networkd or a profile of NetworkManager configures.
              type: list
              elements: dict
              returned: success
              contains:
                ifindex:
                  description: Index of the interface in the node's own namespace.
                  type: int
                  returned: success
                  sample: 12
                manager:
                  description: V(systemd-networkd) or V(NetworkManager).
                  type: str
                  returned: success
                  sample: systemd-networkd
                path:
                  description: The file that says how.
                  type: str
                  returned: success
                  sample: /etc/systemd/network/10-all.network
        firewall:
          description: >-
            Rules of the node's own namespace that may drop packets of pods and tunnels, or give them another source
            address. Subset V(firewall).
          type: dict
          returned: when it applies
          contains:
            complete:
              description: >-
                Whether these are all tables. False when one could not be read, or has more than 3000 rules.
              type: bool
              returned: success
              sample: true
            bridges:
              description: >-
                Whether there may be rules for packets within bridges, of nftables or ebtables. These are not read.
              type: bool
              returned: success
              sample: false
            tables:
              description: Tables of nftables and of both variants of iptables.
              type: list
              elements: dict
              returned: success
              contains:
                family:
                  description: V(inet) or V(inet6). Null for both.
                  type: str
                  returned: success
                  sample: inet
                table:
                  description: The table.
                  type: str
                  returned: success
                  sample: filter
                variant:
                  description: V(iptables-legacy), V(iptables-nft) or V(nftables).
                  type: str
                  returned: success
                  sample: iptables-legacy
                command:
                  description: What shows it.
                  type: str
                  returned: success
                  sample: iptables-legacy-save -t filter
                chains:
                  description: >-
                    Chains at the hooks V(prerouting), V(input) and V(forward), those of the type V(nat) at
                    V(postrouting), and the chains that they lead to.
                  type: list
                  elements: dict
                  returned: success
                  contains:
                    name:
                      description: Name of the chain.
                      type: str
                      returned: success
                      sample: FORWARD
                    type:
                      description: V(filter) or V(nat). Null for a chain that others lead to.
                      type: str
                      returned: success
                      sample: filter
                    hook:
                      description: Where packets come to it. Null for a chain that others lead to.
                      type: str
                      returned: success
                      sample: forward
                    policy:
                      description: What becomes of packets at its end. Null for a chain that others lead to.
                      type: str
                      returned: success
                      sample: drop
                    rules:
                      description: Rules that may end a packet's way, in their order.
                      type: list
                      elements: dict
                      returned: success
                      contains:
                        text:
                          description: The rule, as its command shows it or near to it, cut at 200 characters.
                          type: str
                          returned: success
                          sample: "-A FORWARD -i docker0 ! -o docker0 -j ACCEPT"
                        verdict:
                          description: >-
                            V(accept), V(drop), V(reject), V(return), V(jump), V(goto), V(masquerade), V(snat), or
                            V(unknown).
                          type: str
                          returned: success
                          sample: accept
                        target:
                          description: The chain that V(jump) and V(goto) lead to. Null for any other verdict.
                          type: str
                          returned: success
                          sample: KUBE-FORWARD
                        matches:
                          description: Conditions, all of which must hold.
                          type: list
                          elements: dict
                          returned: success
                          contains:
                            key:
                              description: >-
                                V(family), V(iif), V(oif), V(saddr), V(daddr), V(protocol), V(sport), V(dport),
                                V(ct_state), V(ct_status), V(mark), V(source_type) or V(destination_type); V(other)
                                where only a word of the condition is kept.
                              type: str
                              returned: success
                              sample: iif
                            negated:
                              description: Whether none of the values may be.
                              type: bool
                              returned: success
                              sample: false
                            one_of:
                              description: >-
                                Values, one of which must be. Interfaces may end in V(*), numbers and addresses may be
                                ranges, marks are V(value/mask).
                              type: list
                              elements: str
                              returned: success
                              sample: ["docker0"]
        wireguard:
          description: >-
            WireGuard interfaces of the node's own namespace. Null when they could not be read. Subset V(wireguard).
          type: list
          elements: dict
          returned: when it applies
          contains:
            ifname:
              description: Name of the interface.
              type: str
              returned: success
              sample: wg51821
            port:
              description: UDP port that it listens on.
              type: int
              returned: success
              sample: 51821
            peers:
              description: Other nodes.
              type: list
              elements: dict
              returned: success
              contains:
                public_key:
                  description: Public key.
                  type: str
                  returned: success
                  sample: xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
                allowed_ips:
                  description: Whose packets go to it and come from it.
                  type: list
                  elements: str
                  returned: success
                  sample: ["10.244.1.0/24"]
        namespaces:
          description: "Every network namespace: the node's own first, then by kind and name."
          type: list
          elements: dict
          returned: success
          contains:
            inode:
              description: Inode number. It identifies the namespace until it is gone.
              type: int
              returned: success
              sample: 4026612791
            kind:
              description: >-
                V(host) is the node's own. V(pod) belongs to a Kubernetes pod, V(lab) to a pod of
                podnet.lab, V(container) to a container that is no pod. V(named) is mounted, V(process)
                is held by a process, V(hidden) by something else.
              type: str
              returned: success
              sample: "pod"
            names:
              description: Names in C(/run/netns) and C(/run/docker/netns).
              type: list
              elements: str
              returned: success
              sample: ["cni-db45f7e1-884b-5463-8954-cdbe30f48ec4"]
            paths:
              description: >-
                Every place where it is mounted. Absent when that is just C(/run/netns) with each of its names.
              type: list
              elements: str
              returned: when it applies
              sample: ["/run/netns/cni-db45f7e1-884b-5463-8954-cdbe30f48ec4"]
            nsid:
              description: "Number by which the node's own namespace knows it. Null when it has none."
              type: int
              returned: success
              sample: 0
            owner:
              description: The pod that it belongs to. Null when it is no pod, or nobody says whose it is.
              type: dict
              returned: success
              contains:
                namespace:
                  description: Kubernetes namespace of the pod.
                  type: str
                  returned: success
                  sample: "default"
                name:
                  description: Name of the pod.
                  type: str
                  returned: success
                  sample: "web-0"
                uid:
                  description: >-
                    Unique id of the pod. That of a static pod is a hash of its manifest, as the
                    kubelet writes it on the node.
                  type: str
                  returned: success
                  sample: "69efb763-87a6-5a88-b2bc-b230caee6399"
                sandbox_id:
                  description: "Id of the pod's sandbox container."
                  type: str
                  returned: success
                  sample: "0c1d1bff073a2c255d2ce56ed7e6ef4dfeed21f63b77fb368f230ae1133b8627"
                runtime:
                  description: >-
                    Who runs the pod, such as V(containerd), V(cri-o), V(docker), V(podman), or V(lab) for
                    podnet.lab itself. Absent when nobody says.
                  type: str
                  returned: when it applies
                  sample: "containerd"
                source:
                  description: Kind of the most trusted source that speaks of it. Null when none does.
                  type: str
                  returned: success
                  sample: "cni_cache"
                sources:
                  description: The evidence, the most trusted first. Subset V(sources).
                  type: list
                  elements: dict
                  returned: when it applies
                  contains:
                    source:
                      description: Kind of source.
                      type: str
                      returned: success
                      sample: "cni_cache"
                    path:
                      description: File that says so.
                      type: str
                      returned: success
                      sample: "/var/lib/cni/results/cbr0-9f31c2-eth0"
                    fields:
                      description: Fields that it speaks of.
                      type: list
                      elements: str
                      returned: success
                      sample: ["namespace", "name", "uid", "sandbox_id"]
                contradictions:
                  description: Fields for which sources say different things. Absent when there are none.
                  type: list
                  elements: dict
                  returned: when it applies
                  contains:
                    field:
                      description: Name of the field.
                      type: str
                      returned: success
                      sample: "uid"
                    claims:
                      description: What each source says, the most trusted first.
                      type: list
                      elements: dict
                      returned: success
                      contains:
                        value:
                          description: The value.
                          type: str
                          returned: success
                        source:
                          description: Kind of source.
                          type: str
                          returned: success
                          sample: "cgroup"
                        path:
                          description: File that says so.
                          type: str
                          returned: success
                          sample: "/proc/4711/cgroup"
            host_network_pods:
              description: >-
                Pods with C(hostNetwork), which have no namespace and no cable. Only for the node's own
                namespace.
              type: list
              elements: dict
              returned: when it applies
              contains:
                namespace:
                  description: Kubernetes namespace of the pod.
                  type: str
                  returned: success
                  sample: "default"
                name:
                  description: Name of the pod.
                  type: str
                  returned: success
                  sample: "web-0"
                uid:
                  description: >-
                    Unique id of the pod. That of a static pod is a hash of its manifest, as the
                    kubelet writes it on the node.
                  type: str
                  returned: success
                  sample: "69efb763-87a6-5a88-b2bc-b230caee6399"
                sandbox_id:
                  description: "Id of the pod's sandbox container."
                  type: str
                  returned: success
                  sample: "0c1d1bff073a2c255d2ce56ed7e6ef4dfeed21f63b77fb368f230ae1133b8627"
                runtime:
                  description: >-
                    Who runs the pod, such as V(containerd), V(cri-o), V(docker), V(podman), or V(lab) for
                    podnet.lab itself. Absent when nobody says.
                  type: str
                  returned: when it applies
                  sample: "containerd"
                source:
                  description: Kind of the most trusted source that speaks of it. Null when none does.
                  type: str
                  returned: success
                  sample: "cni_cache"
                sources:
                  description: The evidence, the most trusted first. Subset V(sources).
                  type: list
                  elements: dict
                  returned: when it applies
                  contains:
                    source:
                      description: Kind of source.
                      type: str
                      returned: success
                      sample: "cni_cache"
                    path:
                      description: File that says so.
                      type: str
                      returned: success
                      sample: "/var/lib/cni/results/cbr0-9f31c2-eth0"
                    fields:
                      description: Fields that it speaks of.
                      type: list
                      elements: str
                      returned: success
                      sample: ["namespace", "name", "uid", "sandbox_id"]
                contradictions:
                  description: Fields for which sources say different things. Absent when there are none.
                  type: list
                  elements: dict
                  returned: when it applies
                  contains:
                    field:
                      description: Name of the field.
                      type: str
                      returned: success
                      sample: "uid"
                    claims:
                      description: What each source says, the most trusted first.
                      type: list
                      elements: dict
                      returned: success
                      contains:
                        value:
                          description: The value.
                          type: str
                          returned: success
                        source:
                          description: Kind of source.
                          type: str
                          returned: success
                          sample: "cgroup"
                        path:
                          description: File that says so.
                          type: str
                          returned: success
                          sample: "/proc/4711/cgroup"
            containers:
              description: >-
                Processes grouped by container. Containers without id are told apart by PID namespace.
                Subset V(processes).
              type: list
              elements: dict
              returned: when it applies
              contains:
                id:
                  description: Id of the container.
                  type: str
                  returned: success
                  sample: "77a1…"
                name:
                  description: "Name in the pod, or docker's or podman's. Null for a pod's sandbox."
                  type: str
                  returned: success
                  sample: "web"
                pids:
                  description: Its processes in this network namespace.
                  type: list
                  elements: int
                  returned: success
                  sample: [4711]
                pid_namespace:
                  description: Inode of its PID namespace.
                  type: int
                  returned: success
                  sample: 4026532301
                pod:
                  description: >-
                    The pod that it is a part of, in the node's own namespace, where pods with C(hostNetwork) share
                    one.
                  type: str
                  returned: when it applies
                  sample: "kube-system/kube-proxy-2x7bq"
            processes:
              description: "Its processes. Subset V(processes); for the node's own namespace V(host_processes)."
              type: list
              elements: dict
              returned: when it applies
              contains:
                pid:
                  description: Process id as the node sees it.
                  type: int
                  returned: success
                  sample: 25
                comm:
                  description: What the process calls itself.
                  type: str
                  returned: success
                  sample: "sleep"
                tid:
                  description: Only this thread is in the namespace.
                  type: int
                  returned: when it applies
                pid_namespace:
                  description: >-
                    Inode of its PID namespace, when it is not the node's own and no container lists the process.
                    Null when it could not be read.
                  type: int
                  returned: when it applies
                  sample: 4026532301
            process_count:
              description: >-
                Number of its processes. Absent when RV(ansible_facts.podnet_netns.namespaces[].processes) lists
                them all.
              type: int
              returned: when it applies
              sample: 1
            interfaces:
              description: Its interfaces in the words of C(ip -d -j addr).
              type: list
              elements: dict
              returned: success
              contains:
                ifindex:
                  description: Index of the interface in its namespace.
                  type: int
                  returned: success
                  sample: 2
                ifname:
                  description: Name of the interface.
                  type: str
                  returned: success
                  sample: "eth0"
                flags:
                  description: Flags of the interface. Subset V(links) for veth and loopback.
                  type: list
                  elements: str
                  returned: when it applies
                  sample: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"]
                mtu:
                  description: Largest packet in bytes.
                  type: int
                  returned: success
                  sample: 1500
                operstate:
                  description: "V(UP), V(DOWN), V(LOWERLAYERDOWN), V(UNKNOWN) and so on. Absent when it is V(UP)."
                  type: str
                  returned: when it applies
                  sample: "UP"
                link_type:
                  description: Link layer. Subset V(links) for veth.
                  type: str
                  returned: when it applies
                  sample: "ether"
                address:
                  description: Link-layer address.
                  type: str
                  returned: when it applies
                  sample: "22:3b:a5:74:c7:10"
                broadcast:
                  description: Link-layer broadcast address. Subset V(links) for veth and loopback.
                  type: str
                  returned: when it applies
                  sample: "ff:ff:ff:ff:ff:ff"
                permaddr:
                  description: Permanent link-layer address when another is in use.
                  type: str
                  returned: when it applies
                master:
                  description: Name of the bridge, bond or VRF that it is a port of.
                  type: str
                  returned: when it applies
                  sample: "cni0"
                link:
                  description: Name of the interface below it, when that is in this namespace.
                  type: str
                  returned: when it applies
                  sample: "up0"
                link_index:
                  description: Index of the interface below it, or of its peer, in another namespace.
                  type: int
                  returned: when it applies
                  sample: 5
                link_netnsid:
                  description: Number of that other namespace as seen from this one.
                  type: int
                  returned: when it applies
                  sample: 0
                qdisc:
                  description: Queueing discipline.
                  type: str
                  returned: when it applies
                  sample: "noqueue"
                group:
                  description: Group of interfaces.
                  type: str
                  returned: when it applies
                  sample: "default"
                txqlen:
                  description: Length of the transmit queue.
                  type: int
                  returned: when it applies
                  sample: 0
                ifalias:
                  description: Description.
                  type: str
                  returned: when it applies
                  sample: "podnet.lab:lab0"
                altnames:
                  description: Other names.
                  type: list
                  elements: str
                  returned: when it applies
                  sample: []
                linkinfo:
                  description: >-
                    What C(ip -d) shows. Subset V(links) for veth: what has neither this nor
                    RV(ansible_facts.podnet_netns.namespaces[].interfaces[].link_type) is a veth.
                  type: dict
                  returned: when it applies
                  contains:
                    info_kind:
                      description: Kind of link.
                      type: str
                      returned: when it applies
                      sample: "veth"
                    info_data:
                      description: Fields of this kind, named as C(ip -d -j link) names them. Subset V(links) for veth.
                      type: dict
                      returned: when it applies
                    info_slave_kind:
                      description: Kind of the master, for a port. Subset V(links) for veth.
                      type: str
                      returned: when it applies
                      sample: "bridge"
                    info_slave_data:
                      description: Fields of a port of this kind. Subset V(links) for veth.
                      type: dict
                      returned: when it applies
                addresses:
                  description: >-
                    Addresses, each with the length of its prefix. Absent when there are none. Without the subset
                    V(links), IPv6 link-local ones of veth interfaces are left out.
                  type: list
                  elements: str
                  returned: when it applies
                  sample: ["10.244.1.2/24"]
                addr_info:
                  description: >-
                    All that C(ip addr) says of its addresses. Without the subset V(links), of veth and loopback
                    only when there is more to say than
                    RV(ansible_facts.podnet_netns.namespaces[].interfaces[].addresses) has: a flag, a peer, a scope
                    other than global.
                  type: list
                  elements: dict
                  returned: when it applies
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
                      sample: "10.244.1.2"
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
                      sample: "eth0"
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
                peer:
                  description: The other end of a veth. Null when it was not found. Subset V(ends).
                  type: dict
                  returned: when it applies
                  contains:
                    netns:
                      description: Inode of its network namespace.
                      type: int
                      returned: success
                      sample: 4026612638
                    ifindex:
                      description: Its index there.
                      type: int
                      returned: success
                      sample: 5
                    ifname:
                      description: Its name there.
                      type: str
                      returned: success
                      sample: "veth047aac48"
                peer_resolution:
                  description: >-
                    V(exact) when it is proven which interface the other end is, V(ambiguous) when
                    several could be, V(unresolved) when none was found. Subset V(ends).
                  type: str
                  returned: when it applies
                  sample: "exact"
                peer_reason:
                  description: Why it is not exact. Subset V(ends).
                  type: str
                  returned: when it applies
                stats64:
                  description: Counters. Subset V(statistics).
                  type: dict
                  returned: when it applies
                  contains:
                    rx:
                      description: Received.
                      type: dict
                      returned: success
                      contains:
                        bytes:
                          description: bytes.
                          type: int
                          returned: success
                          sample: 3239
                        packets:
                          description: packets.
                          type: int
                          returned: success
                          sample: 31
                        errors:
                          description: errors.
                          type: int
                          returned: success
                          sample: 0
                        dropped:
                          description: dropped.
                          type: int
                          returned: success
                          sample: 0
                        multicast:
                          description: Multicast packets.
                          type: int
                          returned: success
                          sample: 0
                    tx:
                      description: Sent.
                      type: dict
                      returned: success
                      contains:
                        bytes:
                          description: bytes.
                          type: int
                          returned: success
                          sample: 637
                        packets:
                          description: packets.
                          type: int
                          returned: success
                          sample: 8
                        errors:
                          description: errors.
                          type: int
                          returned: success
                          sample: 0
                        dropped:
                          description: dropped.
                          type: int
                          returned: success
                          sample: 0
                        collisions:
                          description: Collisions.
                          type: int
                          returned: success
                          sample: 0
                fdb:
                  description: Forwarding table of a VXLAN interface. Subset V(permanent_fdb).
                  type: list
                  elements: dict
                  returned: when it applies
                  contains:
                    mac:
                      description: MAC address.
                      type: str
                      returned: success
                      sample: "3e:5c:1f:00:a2:07"
                    dst:
                      description: Address of the node that it is behind.
                      type: str
                      returned: success
                      sample: "192.0.2.12"
                    state:
                      description: V(permanent), V(static), V(stale) or V(learned).
                      type: str
                      returned: success
                      sample: "permanent"
                    port:
                      description: UDP port, when it is not the one of the interface.
                      type: int
                      returned: when it applies
                    vni:
                      description: Network identifier, when it is not the one of the interface.
                      type: int
                      returned: when it applies
                    via_ifindex:
                      description: Interface to send through.
                      type: int
                      returned: when it applies
            routes:
              description: Its routes in the words of C(ip -j route). Subset V(routes).
              type: list
              elements: dict
              returned: when it applies
              contains:
                type:
                  description: Type of route when it is not V(unicast).
                  type: str
                  returned: when it applies
                  sample: "local"
                dst:
                  description: V(default), an address or a prefix.
                  type: str
                  returned: success
                  sample: "default"
                family:
                  description: V(inet) or V(inet6).
                  type: str
                  returned: success
                  sample: "inet"
                gateway:
                  description: Next hop.
                  type: str
                  returned: when it applies
                  sample: "10.244.1.1"
                via:
                  description: Next hop of another address family.
                  type: dict
                  returned: when it applies
                  contains:
                    family:
                      description: Family of the gateway.
                      type: str
                      returned: success
                      sample: "inet6"
                    host:
                      description: Address of the gateway.
                      type: str
                      returned: success
                      sample: "fe80::1"
                dev:
                  description: Name of the interface.
                  type: str
                  returned: when it applies
                  sample: "eth0"
                table:
                  description: Routing table when it is not V(main).
                  type: str
                  returned: when it applies
                  sample: "local"
                protocol:
                  description: Who made the route, when it is not V(boot).
                  type: str
                  returned: when it applies
                  sample: "kernel"
                scope:
                  description: Scope when it is not V(global).
                  type: str
                  returned: when it applies
                  sample: "link"
                prefsrc:
                  description: Source address for what leaves by this route.
                  type: str
                  returned: when it applies
                  sample: "10.244.1.2"
                metric:
                  description: The route with the lowest metric wins.
                  type: int
                  returned: when it applies
                  sample: 1024
                flags:
                  description: Such as V(onlink), V(linkdown), V(dead).
                  type: list
                  elements: str
                  returned: when it applies
                  sample: ["onlink"]
                nexthops:
                  description: Next hops of a route that has several.
                  type: list
                  elements: dict
                  returned: when it applies
                  contains:
                    gateway:
                      description: Next hop.
                      type: str
                      returned: when it applies
                    via:
                      description: Next hop of another address family.
                      type: dict
                      returned: when it applies
                      contains:
                        family:
                          description: Family of the gateway.
                          type: str
                          returned: success
                          sample: "inet6"
                        host:
                          description: Address of the gateway.
                          type: str
                          returned: success
                          sample: "fe80::1"
                    dev:
                      description: Name of the interface.
                      type: str
                      returned: when it applies
                    weight:
                      description: Share of the traffic.
                      type: int
                      returned: success
                      sample: 1
                    flags:
                      description: As for a route.
                      type: list
                      elements: str
                      returned: success
                      sample: []
                nhid:
                  description: Id of a next hop object.
                  type: int
                  returned: when it applies
                encap:
                  description: Encapsulation.
                  type: str
                  returned: when it applies
                metrics:
                  description: Metrics such as MTU.
                  type: list
                  elements: dict
                  returned: when it applies
                "from":
                  description: Source prefix that the route is for.
                  type: str
                  returned: when it applies
            neighbours:
              description: ARP and NDP tables. Subset V(neighbours).
              type: list
              elements: dict
              returned: when it applies
              contains:
                dst:
                  description: Address.
                  type: str
                  returned: success
                  sample: "10.244.1.1"
                dev:
                  description: Name of the interface.
                  type: str
                  returned: success
                  sample: "eth0"
                lladdr:
                  description: Link-layer address.
                  type: str
                  returned: when it applies
                  sample: "0a:0b:24:10:b8:bc"
                state:
                  description: States.
                  type: list
                  elements: str
                  returned: success
                  sample: ["REACHABLE"]
                router:
                  description: There when it is a router.
                  type: bool
                  returned: when it applies
                proxy:
                  description: There when it is answered for.
                  type: bool
                  returned: when it applies
                extern_learn:
                  description: There when a program learned it.
                  type: bool
                  returned: when it applies
                self:
                  description: As C(ip neigh) prints it.
                  type: bool
                  returned: when it applies
                master:
                  description: As C(ip neigh) prints it.
                  type: bool
                  returned: when it applies
                offload:
                  description: There when it is offloaded.
                  type: bool
                  returned: when it applies
                sticky:
                  description: There when it does not move.
                  type: bool
                  returned: when it applies
            rules:
              description: Policy routing rules. Subset V(rules).
              type: list
              elements: dict
              returned: when it applies
              contains:
                priority:
                  description: Rules are tried in this order.
                  type: int
                  returned: success
                  sample: 0
                family:
                  description: V(inet) or V(inet6).
                  type: str
                  returned: success
                  sample: "inet"
                src:
                  description: V(all) or an address.
                  type: str
                  returned: success
                  sample: "all"
                srclen:
                  description: Length of its prefix.
                  type: int
                  returned: when it applies
                  sample: 24
                dst:
                  description: Destination address.
                  type: str
                  returned: when it applies
                dstlen:
                  description: Length of its prefix.
                  type: int
                  returned: when it applies
                fwmark:
                  description: Mark of the packet.
                  type: str
                  returned: when it applies
                  sample: "0x4000"
                fwmask:
                  description: Mask of the mark.
                  type: str
                  returned: when it applies
                iif:
                  description: Interface that the packet came in by.
                  type: str
                  returned: when it applies
                oif:
                  description: Interface that the packet goes out by.
                  type: str
                  returned: when it applies
                l3mdev:
                  description: There when the table is that of the VRF.
                  type: bool
                  returned: when it applies
                table:
                  description: Routing table.
                  type: str
                  returned: when it applies
                  sample: "local"
                action:
                  description: What happens when it is no table lookup.
                  type: str
                  returned: when it applies
                suppress_prefixlen:
                  description: Routes with prefixes this short are ignored.
                  type: int
                  returned: when it applies
                protocol:
                  description: Who made the rule.
                  type: str
                  returned: when it applies
                  sample: "kernel"
                "not":
                  description: There when the rule matches everything else.
                  type: bool
                  returned: when it applies
                tos:
                  description: Type of service.
                  type: str
                  returned: when it applies
                  sample: "0x10"
                ipproto:
                  description: Number of the protocol.
                  type: int
                  returned: when it applies
                  sample: 6
                sport:
                  description: Source ports, first and last.
                  type: list
                  elements: int
                  returned: when it applies
                  sample: [1, 1023]
                dport:
                  description: Destination ports, first and last.
                  type: list
                  elements: int
                  returned: when it applies
                  sample: [80, 80]
                uid_range:
                  description: Users, first and last.
                  type: list
                  elements: int
                  returned: when it applies
                  sample: [1000, 1000]
                goto:
                  description: Priority of the rule to go on with.
                  type: int
                  returned: when it applies
                  sample: 32766
            ruleset:
              description: All its firewall rules. Null when it could not be entered. Subset V(rulesets).
              type: dict
              returned: when it applies
              contains:
                complete:
                  description: >-
                    Whether these are all its rules. False when a command is missing, fails or prints more than 16 MiB.
                  type: bool
                  returned: success
                  sample: true
                parts:
                  description: What each command prints. Empty when there are no rules.
                  type: list
                  elements: dict
                  returned: success
                  contains:
                    variant:
                      description: V(nftables), V(iptables-legacy) or V(iptables-nft).
                      type: str
                      returned: success
                      sample: nftables
                    family:
                      description: V(inet) or V(inet6). Null for all.
                      type: str
                      returned: success
                      sample: inet
                    command:
                      description: The command, in this namespace.
                      type: str
                      returned: success
                      sample: nft -j list ruleset
                    text:
                      description: What it prints.
                      type: str
                      returned: success
                      sample: '{"nftables": []}'
            sockets:
              description: Listening sockets. Subset V(sockets).
              type: list
              elements: dict
              returned: when it applies
              contains:
                protocol:
                  description: Such as V(tcp), V(udp), V(tcp6).
                  type: str
                  returned: success
                  sample: "tcp"
                local:
                  description: Address.
                  type: str
                  returned: success
                  sample: "0.0.0.0"
                port:
                  description: Port.
                  type: int
                  returned: success
                  sample: 80
                uid:
                  description: User that opened it.
                  type: int
                  returned: success
                  sample: 0
                inode:
                  description: Inode of the socket.
                  type: int
                  returned: success
                  sample: 90412
            sysctls:
              description: Kernel settings that matter to forwarding. Subset V(sysctls).
              type: dict
              returned: when it applies
            settings:
              description: >-
                Kernel settings that stop pods when they are wrong, of the node's own namespace. Those of an interface
                are left out where they are as conf.default. Null for what the kernel does not have. Subset V(settings).
              type: dict
              returned: when it applies
            counters:
              description: >-
                What TCP and UDP counted since the node started, in the node's own namespace, by the names of nstat:
                received, and received with a wrong checksum. Subset V(counters).
              type: dict
              returned: when it applies
            resolver:
              description: >-
                The pod's resolv.conf. Null where no file of its runtime is found, and for what is no pod. Subset
                V(resolvers).
              type: dict
              returned: when it applies
              contains:
                path:
                  description: The runtime's file.
                  type: str
                  returned: success
                  sample: /etc/netns/lab0_default_pod1/resolv.conf
                nameservers:
                  description: Name servers, in their order.
                  type: list
                  elements: str
                  returned: success
                  sample: ["10.96.0.10"]
                search:
                  description: Search domains.
                  type: list
                  elements: str
                  returned: success
                  sample: ["default.svc.cluster.local", "svc.cluster.local", "cluster.local"]
                options:
                  description: Options.
                  type: list
                  elements: str
                  returned: success
                  sample: ["ndots:5"]
            errors:
              description: What could not be read in this namespace. Absent when nothing is missing.
              type: list
              elements: dict
              returned: when it applies
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
"""

from ansible_collections.podnet.lab.plugins.module_utils._facts.importing import compile_once


def main() -> None:
    """Gather and return the facts."""
    compile_once()  # what is imported from here on
    from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import run
    from ansible_collections.podnet.lab.plugins.module_utils._facts.netns import netns_facts
    from ansible_collections.podnet.lab.plugins.module_utils._facts.subsets import DEFAULT_OF_ONE_KEY

    run({"podnet_netns": lambda found: netns_facts(found.node, found.files, found.run)}, DEFAULT_OF_ONE_KEY)


if __name__ == "__main__":
    main()
