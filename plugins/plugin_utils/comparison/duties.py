# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The eight duties of a CNI plugin, and what is compared in each.

To compare one thing more, write a function from World to Measured in the file of its subject (wiring,
routing, translation; of a scope: scopes) and name it in this table, or in that of the scopes.
"""

from __future__ import annotations

from . import routing, translation, wiring
from .measured import Question, sysctl

DUTIES: tuple[tuple[str, str, tuple[Question, ...]], ...] = (
    (
        "namespace",
        "Create the namespace",
        (
            Question(
                "namespace.own", "a network namespace of its own for each pod", wiring.namespace_of_its_own,
                "Pods in one namespace share addresses, ports and routes, and are one pod to the network.",
            ),
            Question(
                "namespace.mount", "a mount that keeps the namespace", wiring.mount,
                "Without a mount a namespace is gone with its last process, and `ip netns` does not show it.",
            ),
            Question(
                "namespace.sandbox", "a sandbox process that holds it", wiring.sandbox,
                "Without a process of its own a pod's network would not outlive a restart of its containers.",
            ),
        ),
    ),
    (
        "interfaces",
        "Create interfaces",
        (
            Question(
                "interfaces.bridge", "a bridge on each node with pods", wiring.bridge,
                "Without a bridge each pod is routed by itself, and one looks for routes instead of ports.",
            ),
            Question(
                "interfaces.bridge-mtu", "the bridge's MTU", wiring.bridge_mtu,
                "Larger packets than the smallest MTU on the way are cut up or dropped.",
            ),
        ),
    ),
    (
        "veth",
        "Create the veth pair",
        (
            Question(
                "veth.pair", "a cable for each pod", wiring.pair,
                "A pod without a cable reaches nobody; one with several has more than one network.",
            ),
            Question(
                "veth.inner-end", "its end in the pod", wiring.inner_end,
                "Applications may ask for eth0 by name.",
            ),
            Question(
                "veth.outer-end", "its end on the node", wiring.outer_end,
                "An end that is not on the node itself is no port of its bridge and passes by its firewall.",
            ),
            Question(
                "veth.mtu", "the pod's MTU", wiring.pod_mtu,
                "Larger packets than the smallest MTU on the way are cut up or dropped.",
            ),
        ),
    ),
    (
        "setup",
        "Set up the namespace's network",
        (
            Question(
                "setup.loopback", "loopback", wiring.loopback,
                "With lo down, the containers of a pod cannot reach each other at 127.0.0.1.",
            ),
            Question(
                "setup.up", "the pod's interface", wiring.link_state,
                "An interface that is not up passes nothing.",
            ),
        ),
    ),
    (
        "routes",
        "Static routes",
        (
            Question(
                "routes.default", "the pod's default route", routing.default_route,
                "It decides who forwards what leaves the pod's own network.",
            ),
            Question(
                "routes.nodes", "a node's routes to the pods of others",
                lambda world: routing.between(world, mark=False),
                "Without them pods of different nodes do not reach each other; through a tunnel the MTU is smaller.",
            ),
            Question(
                "routes.mark", "the mark of who made these routes", lambda world: routing.between(world, mark=True),
                "By the mark their maker finds them again.",
            ),
            Question(
                "routes.forwarding", "forwarding on the node", lambda world: sysctl(world, "net.ipv4.ip_forward"),
                "A node with ip_forward 0 drops what comes from its pods for others.",
            ),
        ),
    ),
    (
        "bridge",
        "Configure the bridge",
        (
            Question(
                "bridge.ports", "the pods' cables as its ports", wiring.ports,
                "A cable that is no port leads nowhere.",
            ),
            Question(
                "bridge.gateway", "its address, the pods' gateway", wiring.gateway,
                "The pods' default route leads to this address.",
            ),
            Question(
                "bridge.hairpin", "hairpin mode of its ports", lambda world: wiring.port_flag(world, "hairpin"),
                "A pod that calls a Service may be sent back to itself; a port without hairpin mode drops that packet.",
            ),
            Question(
                "bridge.isolated", "isolation of its ports", lambda world: wiring.port_flag(world, "isolated"),
                "Isolated ports do not reach each other: pods of one node would not.",
            ),
            Question(
                "bridge.settings", "spanning tree and VLANs", wiring.bridge_settings,
                "With STP a new port waits before it forwards; with VLAN filtering a port without the VLAN is cut off.",
            ),
            Question(
                "bridge.netfilter", "whether the firewall sees bridged packets",
                lambda world: sysctl(world, "net.bridge.bridge-nf-call-iptables"),
                "With 0, packets between pods of one node pass by the firewall, and Services fail on the same node. "
                "With 1, a FORWARD policy of DROP cuts them off.",
            ),
        ),
    ),
    (
        "addresses",
        "Assign addresses",
        (
            Question(
                "addresses.network", "a network for each node", routing.networks,
                "The length decides how many pods a node can have.",
            ),
            Question(
                "addresses.leases", "a lease for each address", routing.leases,
                "Without leases nothing keeps two pods from getting one address.",
            ),
            Question(
                "addresses.leaked", "leases of pods that are gone", routing.leaked,
                "Each takes an address out of the range; when all are taken, new pods do not start.",
            ),
            Question(
                "addresses.written", "where the node's range is written", routing.written_down,
                "Where no file says it, only whoever assigned the addresses knows the range.",
            ),
        ),
    ),
    (
        "nat",
        "NAT rules",
        (
            Question(
                "nat.rule", "a rule for what pods send", translation.nat_rule,
                "Without one, no answer comes from outside.",
            ),
            Question(
                "nat.outside", "pods to outside of the cluster",
                lambda world: translation.source_towards(world, "outside"),
                "Nobody outside knows a way back to a pod's own address.",
            ),
            Question(
                "nat.nodes", "pods to other nodes", lambda world: translation.source_towards(world, "nodes"),
                "It decides which address a node's log and firewall see: the pod's, or that of the node it runs on.",
            ),
            Question(
                "nat.pods", "pods to pods of other nodes", lambda world: translation.source_towards(world, "pods"),
                "Kubernetes asks for pods that see each other's own addresses; policies depend on it.",
            ),
        ),
    ),
)  # fmt: skip
"""Key, title and questions of each duty, in the order in which a plugin does them."""
