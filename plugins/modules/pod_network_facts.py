#!/usr/bin/python
# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pod_network_facts
short_description: Show a node's whole pod network in one pass
version_added: 1.0.0
description:
  - Returns what M(podnet.lab.netns_facts), M(podnet.lab.veth_facts), M(podnet.lab.bridge_facts) and
    M(podnet.lab.pod_cidr_facts) return, from one pass over the node. The four agree with each other, and cost one
    connection and one start of Python.
  - By default what one of the four keys says is not repeated in another. O(gather_subset=ends) repeats it, and
    O(gather_subset=fdb) adds what the bridges have learned.
  - Changes nothing on the node.
  - The facts are described by JSON Schemas, C(docs/schema/*.schema.json), which the collection's tests enforce.
extends_documentation_fragment:
  - podnet.lab.attributes.facts_module
  - podnet.lab.facts
author: podnet.lab contributors (@podnet-lab)
"""

EXAMPLES = r"""
- name: Read the pod network of the node
  podnet.lab.pod_network_facts:

- name: Show which pod is behind which cable
  ansible.builtin.debug:
    msg: "{{ item.ends[0].ifname }} -> {{ item.pod.namespace }}/{{ item.pod.name }}"
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
          sample: 1
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
              description: Every place where it is mounted.
              type: list
              elements: str
              returned: success
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
                    Who runs the pod, such as V(containerd), V(cri-o), V(docker), V(podman), or
                    V(lab) for podnet.lab itself.
                  type: str
                  returned: success
                  sample: "containerd"
                sources:
                  description: >-
                    The evidence, the most trusted first. Without the subset V(sources), only what
                    was needed to know the fields.
                  type: list
                  elements: dict
                  returned: success
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
                  description: Fields for which sources say different things.
                  type: list
                  elements: dict
                  returned: success
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
                    Who runs the pod, such as V(containerd), V(cri-o), V(docker), V(podman), or
                    V(lab) for podnet.lab itself.
                  type: str
                  returned: success
                  sample: "containerd"
                sources:
                  description: >-
                    The evidence, the most trusted first. Without the subset V(sources), only what
                    was needed to know the fields.
                  type: list
                  elements: dict
                  returned: success
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
                  description: Fields for which sources say different things.
                  type: list
                  elements: dict
                  returned: success
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
                    The pod that it is a part of, in the node's own namespace, where pods with C(hostNetwork)
                    share one.
                  type: dict
                  returned: when it applies
                  contains:
                    namespace:
                      description: Kubernetes namespace of the pod.
                      type: str
                      returned: success
                      sample: "kube-system"
                    name:
                      description: Name of the pod.
                      type: str
                      returned: success
                      sample: "kube-proxy-7xk2p"
                    uid:
                      description: Unique id of the pod. Only there when the name is unknown.
                      type: str
                      returned: when it applies
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
                    Inode of its PID namespace, when it is not the node's own. Null when it could
                    not be read.
                  type: int
                  returned: when it applies
                  sample: 4026532301
                container_id:
                  description: Id of its container.
                  type: str
                  returned: when it applies
                  sample: "77a1…"
                container_name:
                  description: Name of its container.
                  type: str
                  returned: when it applies
                  sample: "web"
            process_count:
              description: Number of its processes.
              type: int
              returned: success
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
                  description: V(UP), V(DOWN), V(LOWERLAYERDOWN), V(UNKNOWN) and so on.
                  type: str
                  returned: success
                  sample: "UP"
                link_type:
                  description: Link layer. Subset V(links) for veth and loopback.
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
                  description: What C(ip -d) shows.
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
                addr_info:
                  description: >-
                    Addresses. Without the subset V(links), IPv6 link-local ones of veth interfaces
                    are left out.
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
            errors:
              description: What could not be read in this namespace.
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
          sample: 1
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
                  description: First name of the namespace.
                  type: str
                  returned: success
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
                  description: Bridge, bond or VRF that it is a port of. Absent for an end that was not found.
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
                  description: Unique id of the pod. Only there when the name is unknown.
                  type: str
                  returned: when it applies
            bridge:
              description: The bridge that it is plugged into.
              type: dict
              returned: success
              contains:
                ifname:
                  description: Name of the bridge.
                  type: str
                  returned: success
                  sample: "cni0"
                netns:
                  description: Inode of its network namespace.
                  type: int
                  returned: success
                  sample: 4026612638
            resolution:
              description: >-
                V(exact) when it is proven which interface the other end is, V(ambiguous) when several
                could be, V(unresolved) when none was found.
              type: str
              returned: success
              sample: "exact"
            reason:
              description: Why it is not exact.
              type: str
              returned: success
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
          sample: 1
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
                  description: V(forwarding), V(blocking), V(disabled), V(listening) or V(learning).
                  type: str
                  returned: success
                  sample: "forwarding"
                hairpin:
                  description: Whether packets may leave by the port that they came in by.
                  type: bool
                  returned: success
                  sample: true
                learning:
                  description: Whether MAC addresses are learned.
                  type: bool
                  returned: success
                  sample: true
                isolated:
                  description: Whether it talks to ports that are not isolated only.
                  type: bool
                  returned: success
                  sample: false
                flood:
                  description: Whether packets to unknown addresses are sent to it.
                  type: bool
                  returned: success
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
                  description: The pod behind it.
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
                      description: Unique id of the pod. Only there when the name is unknown.
                      type: str
                      returned: when it applies
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
                      description: Unique id of the pod. Only there when the name is unknown.
                      type: str
                      returned: when it applies
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
          sample: 1
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
          description: "Addresses in namespaces other than the node's own."
          type: list
          elements: dict
          returned: success
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
                  description: Unique id of the pod. Only there when the name is unknown.
                  type: str
                  returned: when it applies
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
              description: Name of the interface.
              type: str
              returned: success
              sample: "eth0"
            path:
              description: The file.
              type: str
              returned: success
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
                  description: Unique id of the pod. Only there when the name is unknown.
                  type: str
                  returned: when it applies
        cni:
          description: CNI configurations.
          type: dict
          returned: success
          contains:
            active:
              description: The one in force.
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

from ansible_collections.podnet.lab.plugins.module_utils._bridge_view import bridge_facts
from ansible_collections.podnet.lab.plugins.module_utils._cidr_view import cidr_facts
from ansible_collections.podnet.lab.plugins.module_utils._fact_module import View, run
from ansible_collections.podnet.lab.plugins.module_utils._netns_view import netns_facts
from ansible_collections.podnet.lab.plugins.module_utils._subsets import DEFAULT
from ansible_collections.podnet.lab.plugins.module_utils._veth_view import veth_facts


def main() -> None:
    """Gather and return the facts."""
    views: dict[str, View] = {
        "podnet_netns": lambda found: netns_facts(found.node),
        "podnet_veth": lambda found: veth_facts(found.node),
        "podnet_bridge": lambda found: bridge_facts(found.node),
        "podnet_pod_cidr": cidr_facts,
    }
    run(views, DEFAULT, frozenset(("routes",)))


if __name__ == "__main__":
    main()
