# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options and notes that the fact modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of the fact modules."""

    DOCUMENTATION = r"""
options:
  gather_subset:
    description:
      - What to gather beyond the part that is always there.
      - Names add to each other, whatever their order. A name with V(!) before it is left out.
        A list of exclusions alone starts from V(default).
      - V(min) is nothing beyond the part that is always there. V(all) is everything but V(api); on a node with many
        pods that is some megabytes, and slower.
      - V(default) is V(processes), V(routes), V(settings) and V(machine), and for a module that returns one key also
        V(addresses), V(ends) and V(fdb). M(podnet.lab.pod_network_facts) leaves these out so that the facts stay small
        enough for a fact cache.
      - V(diagnose) is all that the report's findings look at. It reads more than V(default) and starts commands.
      - V(processes) lists the processes of every namespace but the node's own, and groups those of containers.
      - V(routes) reads the main routing table without the routes that the kernel makes by itself for the prefix of an
        address.
      - V(machine) reads a hash of the node's machine-id, its name servers, and which interfaces systemd-networkd or
        NetworkManager configures.
      - V(settings) reads the few kernel settings of the node's own namespace that stop pods when they are wrong.
      - V(addresses) lists the addresses in use with their pods, as a part of the ranges, even if another key says them.
      - V(ends) says at every interface, cable and bridge port what is at the other end, and the pod there, even if
        another key says it. Of cables it shows the namespace's name, address, MTU, state and bridge of both ends.
      - V(fdb) reads what the bridges have learned.
      - V(links) describes veth and loopback interfaces in full too, with the fields that RETURN names. Without it
        these, of which there are two for every pod, are described in short; a loopback interface that is up and has no
        other addresses than V(127.0.0.1/8) and V(::1/128) is not listed at all; IPv6 link-local addresses of veth
        interfaces are left out.
      - V(connected_routes) adds the routes that the kernel made for the prefixes of addresses.
      - V(all_routes) reads every routing table.
      - V(firewall) reads the ranges in the rules of kube-proxy and flannel, the rules that give packets another source
        address and those that may drop packets of pods, with C(nft) and C(iptables-save), where the kernel has such
        rules already.
      - V(flows) looks in the kernel's table of connections for UDP flows that go on to where no rule of their Service
        leads, where the kernel has what shows it already. Only M(podnet.lab.service_rule_facts) does so.
      - V(api) asks the Kubernetes API for the ranges of Nodes and Services and for the configuration of kubeadm and
        kube-proxy, on nodes that have a kubeconfig for it, such as C(/etc/kubernetes/admin.conf). It only gets. It uses
        the rights of that file and opens a connection to the server that it names, for at most 10 seconds.
      - V(permanent_fdb) adds permanent forwarding entries to bridges, and the tables of VXLAN interfaces.
      - V(neighbours) reads the ARP and NDP tables.
      - V(resolvers) reads the resolv.conf of each pod, from the file that its runtime binds into its containers.
      - V(counters) reads what TCP and UDP of the node's own namespace received, and how much had a wrong checksum.
      - V(rules) reads the policy routing rules.
      - V(rulesets) reads all firewall rules of every namespace that has some, with C(nft) and C(iptables-save), where
        the kernel has such rules already.
      - V(sockets) reads the listening sockets.
      - V(sysctls) reads the kernel settings that matter to forwarding.
      - V(statistics) reads the interfaces' counters.
      - V(wireguard) reads ports and peers of WireGuard interfaces of the node's own namespace with C(wg), where it is
        installed. It reads no private keys.
      - V(sources) lists every file that says whose a namespace is, and what each knows.
      - V(host_processes) lists the processes of the node's own namespace as well.
      - V(hidden) also looks for namespaces that only an open file descriptor or a socket holds. This asks every process
        of the node and is slow.
    type: list
    elements: str
    default: [default]
  timeout:
    description:
      - How many seconds reading the node may take.
      - Reading stops when the time is up.
    type: int
    default: 30
  on_timeout:
    description:
      - What to do when the time was up before everything was read.
    type: str
    default: error
    choices:
      error: Fail.
      warn: Return what was read, marked as partial, and warn.
      ignore: Return what was read, marked as partial.
notes:
  - Needs root, or C(CAP_SYS_ADMIN) and C(CAP_SYS_PTRACE). Without them the facts are partial and say what is missing.
  - As one of C(FACTS_MODULES), a fact module gets no options from C(gather_facts). Set them through C(module_defaults),
    for all fact modules at once with C(group/podnet.lab.facts).
  - What a container controls, such as names of processes and interfaces, is hostile. Bytes that are not UTF-8 are
    shown as C(\\xNN). Escape such text where you show it, and never template it.
seealso:
  - module: podnet.lab.pod_network_facts
  - module: podnet.lab.netns_facts
  - module: podnet.lab.veth_facts
  - module: podnet.lab.bridge_facts
  - module: podnet.lab.pod_cidr_facts
  - module: podnet.lab.service_rule_facts
"""
