# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nodes as common network plugins leave them, built with iproute2 in worlds: no plugin runs, what is left is theirs.

Each layout is a function over a node; two nodes of one layout make a small cluster. What plugins write to files, which
says whose a namespace is and which ranges there are, is written as they do.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import find
from ansible_collections.podnet.lab.plugins.plugin_utils.model import merge, node_file
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Finding
from ansible_collections.podnet.lab.tests.integration.support.world import World

CLUSTER = "10.244.0.0/16"

_READ = """
import json, subprocess, sys, time
from ansible_collections.podnet.lab.plugins.module_utils._facts import bridge, netns, pod_cidr, subsets, veth
from ansible_collections.podnet.lab.plugins.module_utils._facts.fact_module import Pass
from ansible_collections.podnet.lab.plugins.module_utils._facts.views import Node
from ansible_collections.podnet.lab.plugins.module_utils._files.reader import Files
from ansible_collections.podnet.lab.plugins.module_utils._kernel.snapshot import take_snapshot
from ansible_collections.podnet.lab.plugins.module_utils._pods.identity import identify, read_evidence
chosen, files, started = subsets.choose(sys.argv[2:], subsets.DEFAULT), Files(), time.time()
evidence = read_evidence(files)
snapshot = take_snapshot(subsets.needs(chosen) | {"routes"})
def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr
node = Node(snapshot, identify(evidence, snapshot), chosen, evidence.errors)
facts = {
    "podnet_netns": netns.netns_facts(node, files, run),
    "podnet_veth": veth.veth_facts(node),
    "podnet_bridge": bridge.bridge_facts(node),
    "podnet_pod_cidr": pod_cidr.cidr_facts(Pass(node, files, started, run)),
}
if sys.argv[1] == "services":
    from ansible_collections.podnet.lab.plugins.module_utils._facts import service
    facts["podnet_service"] = service.service_facts(Pass(node, files, started, run))
print(json.dumps(facts))
"""
"""What the modules of facts do, without Ansible around them, which takes most of the time."""


class Node:
    """One node in a world of its own, with the address 10.89.0.1N and the pods' range 10.244.N.0/24."""

    def __init__(self, world: World, number: int) -> None:
        """Give the world a card and a default route."""
        self.world = world
        self.number = number
        self.name = f"node{number}"
        self.address = f"10.89.0.1{number}"
        self.net = f"10.244.{number}"
        self.pods: dict[str, str] = {}
        """By name, the namespace of each."""
        self.world.sh(
            """
            ip netns add outside
            ip link add eth0 address 52:54:00:00:00:0$1 type veth peer name wire netns outside
            ip -n outside link set wire up
            ip addr add 10.89.0.1$1/24 dev eth0
            ip link set eth0 up
            ip route add default via 10.89.0.1
            echo 1 > /proc/sys/net/ipv4/ip_forward
            mkdir -p /etc/cni/net.d /var/lib/cni/results /var/lib/cni/networks/pods
            rm -f /etc/cni/net.d/* /etc/machine-id
            """,
            number,
        )

    def sh(self, script: str) -> None:
        """Run a script on the node: $N its number, $O the other node's."""
        self.world.sh(f"N={self.number} O={3 - self.number}\n{script}")

    def write(self, path: str, content: str) -> None:
        """Write a file of the node."""
        self.world.sh('mkdir -p "${1%/*}"; printf %s "$2" > "$1"', path, content)

    def configure(self, *plugins: dict[str, Any], name: str = "pods") -> None:
        """Write the CNI configuration."""
        content = {"cniVersion": "1.0.0", "name": name, "plugins": list(plugins)}
        self.write("/etc/cni/net.d/10-pods.conflist", json.dumps(content))

    def pod(
        self, name: str, address: str, gateway: str, bridge: str | None, mtu: int = 1500, *, lease: bool = True
    ) -> None:
        """Make a pod as a runtime and a plugin do: namespace, process, cable, the plugin's result, a lease."""
        identity = hashlib.sha256(f"{self.number}/{name}".encode()).hexdigest()
        netns = f"cni-{uuid.uuid5(uuid.NAMESPACE_OID, identity)}"
        self.pods[name] = netns
        local = address.partition("/")[0]
        plug = (
            f"ip link set veth{name} master {bridge}; bridge link set dev veth{name} hairpin on" if bridge else "true"
        )
        reach = "" if bridge else f"ip -n {netns} route add {gateway} dev eth0"
        self.world.sh(
            f"""
            ip netns add {netns}
            ip -n {netns} link set lo up
            ip link add veth{name} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {netns}
            {plug}
            ip link set veth{name} up
            ip -n {netns} addr add {address} dev eth0
            ip -n {netns} link set eth0 up
            {reach}
            ip -n {netns} route add default via {gateway} dev eth0
            """
        )
        self.world.spawn("sleep", "100000", netns=netns)
        names = {"NAMESPACE": "default", "NAME": name, "INFRA_CONTAINER_ID": identity, "UID": str(uuid.uuid4())}
        cached = {
            "kind": "cniCacheV1",
            "containerId": identity,
            "ifName": "eth0",
            "networkName": "pods",
            "netns": f"/var/run/netns/{netns}",
            "cniArgs": [[f"K8S_POD_{key}", value] for key, value in names.items()],
            "result": {"cniVersion": "1.0.0", "ips": [{"address": address}]},
        }
        self.write(f"/var/lib/cni/results/pods-{identity}-eth0", json.dumps(cached))
        self.write(
            f"/var/lib/containerd/io.containerd.grpc.v1.cri/sandboxes/{identity}/resolv.conf",
            "search default.svc.cluster.local svc.cluster.local cluster.local\n"
            "nameserver 10.96.0.10\noptions ndots:5\n",
        )
        if lease:
            self.write(f"/var/lib/cni/networks/pods/{local}", f"{identity}\r\neth0")

    def document(self, *subset: str, services: bool = False) -> dict[str, Any]:
        """Read the node, with the rules of Services if asked, and return its file."""
        facts = self.world.python(_READ, "services" if services else "", *(subset or ("diagnose",)))
        return {"schema_version": 1, "host": self.name, "collected_at": "2026-11-20T11:05:04.120Z", **facts}


def bridge_plugin(node: Node, name: str = "cni0", mtu: int = 1500) -> None:
    """Make the bridge that the plugin bridge makes, with two pods at it."""
    node.sh(
        f"""
        ip link add {name} mtu {mtu} type bridge
        ip addr add {node.net}.1/24 dev {name}
        ip link set {name} up
        """
    )
    for number, pod in enumerate(("web", "db"), 2):
        node.pod(pod, f"{node.net}.{number}/24", f"{node.net}.1", name, mtu)


def routed(node: Node) -> None:
    """Make what this collection's clusters have: the plugin bridge, and routes to the nodes' addresses."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": f"{node.net}.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    node.configure({"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "ipam": ipam})
    bridge_plugin(node)
    node.sh("ip route add 10.244.$O.0/24 via 10.89.0.1$O")


def flannel(node: Node) -> None:
    """Make what flannel's backend vxlan leaves (pkg/backend/vxlan/device.go)."""
    node.configure({"type": "flannel", "delegate": {"hairpinMode": True, "isDefaultGateway": True}}, name="cbr0")
    node.write(
        "/run/flannel/subnet.env",
        f"FLANNEL_NETWORK={CLUSTER}\nFLANNEL_SUBNET={node.net}.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
    )
    bridge_plugin(node, mtu=1450)
    node.sh(
        """
        ip link add flannel.1 address ce:00:00:00:00:0$N mtu 1450 type vxlan id 1 \
            local 10.89.0.1$N dev eth0 dstport 8472 nolearning
        ip addr add 10.244.$N.0/32 dev flannel.1
        ip link set flannel.1 up
        ip route add 10.244.$O.0/24 via 10.244.$O.0 dev flannel.1 onlink
        ip neigh add 10.244.$O.0 lladdr ce:00:00:00:00:0$O dev flannel.1 nud permanent
        bridge fdb append ce:00:00:00:00:0$O dev flannel.1 dst 10.89.0.1$O
        """
    )


def kindnet(node: Node) -> None:
    """Make what kindnet leaves: the plugin ptp, and routes to the nodes' addresses."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": f"{node.net}.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    node.configure({"type": "ptp", "ipMasq": False, "ipam": ipam, "mtu": 1500}, {"type": "portmap"}, name="kindnet")
    for number, pod in enumerate(("web", "db"), 2):
        node.pod(pod, f"{node.net}.{number}/24", f"{node.net}.1", None)
        node.sh(f"ip addr add {node.net}.1/32 dev veth{pod}; ip route add {node.net}.{number} dev veth{pod}")
    node.sh("ip route add 10.244.$O.0/24 via 10.89.0.1$O")


def calico(node: Node) -> None:
    """Make what Calico leaves with VXLAN: routed pods with one MAC outside, a refused block, Felix's routes."""
    node.configure({"type": "calico", "ipam": {"type": "calico-ipam"}}, {"type": "portmap"}, name="k8s-pod-network")
    node.sh(
        """
        ip link add vxlan.calico address 66:00:00:00:00:0$N mtu 1450 type vxlan id 4096 \
            local 10.89.0.1$N dev eth0 dstport 4789 nolearning
        ip addr add 10.244.$N.63/32 dev vxlan.calico
        ip link set vxlan.calico up
        ip route add blackhole 10.244.$N.0/26 proto 80
        ip route add 10.244.$O.0/26 via 10.244.$O.63 dev vxlan.calico onlink proto 80
        ip neigh add 10.244.$O.63 lladdr 66:00:00:00:00:0$O dev vxlan.calico nud permanent
        bridge fdb append 66:00:00:00:00:0$O dev vxlan.calico dst 10.89.0.1$O
        """
    )
    for number, pod in enumerate(("web", "db"), 2):
        node.pod(pod, f"{node.net}.{number}/32", "169.254.1.1", None, mtu=1450, lease=False)
        node.sh(
            f"ip link set veth{pod} address ee:ee:ee:ee:ee:ee; ip route add {node.net}.{number} dev veth{pod};"
            f"ip -n {node.pods[pod]} neigh add 169.254.1.1 lladdr ee:ee:ee:ee:ee:ee dev eth0 nud permanent"
        )


def cilium(node: Node) -> None:
    """Make what Cilium leaves in tunnel mode: a VXLAN device that eBPF fills, and routes by its own address."""
    node.configure({"type": "cilium-cni"}, name="cilium")
    node.sh(
        """
        ip link add cilium_host type veth peer name cilium_net
        ip addr add 10.244.$N.200/32 dev cilium_host
        ip link set cilium_host up; ip link set cilium_net up
        ip link add cilium_vxlan type vxlan external dstport 8472
        ip link set cilium_vxlan up
        ip route add 10.244.$N.200 dev cilium_host
        ip route add 10.244.$N.0/24 via 10.244.$N.200 dev cilium_host src 10.244.$N.200
        ip route add 10.244.$O.0/24 via 10.244.$N.200 dev cilium_host src 10.244.$N.200 mtu 1450
        """
    )
    for number, pod in enumerate(("web", "db"), 2):
        node.pod(pod, f"{node.net}.{number}/32", f"{node.net}.200", None, lease=False)


def weave(node: Node) -> None:
    """Make what Weave Net leaves: one network over all nodes, and a cable with both ends on the node."""
    node.configure({"type": "weave-net", "hairpinMode": True}, name="weave")
    node.sh(
        """
        ip link add weave mtu 1376 type bridge
        ip addr add 10.32.$N.1/12 dev weave
        ip link set weave up
        ip link add vethwe-bridge mtu 1376 type veth peer name vethwe-datapath mtu 1376
        ip link set vethwe-bridge master weave up; ip link set vethwe-datapath up
        """
    )
    for number, pod in enumerate(("web", "db"), 2):
        node.pod(pod, f"10.32.{node.number}.{number}/12", f"10.32.{node.number}.1", "weave", 1376, lease=False)


def aws(node: Node) -> None:
    """Make what the AWS VPC CNI leaves: pods with addresses of the nodes' own network, each with a route and a rule."""
    node.configure({"type": "aws-cni", "mtu": "9001"}, {"type": "egress-cni"}, name="aws-cni")
    for number, pod in enumerate(("web", "db"), 2):
        address = f"10.89.0.{100 + 10 * node.number + number}"
        node.pod(pod, f"{address}/32", "169.254.1.1", None, lease=False)
        node.sh(
            f"ip route add {address} dev veth{pod}; ip rule add to {address} priority 512 table main;"
            f"ip -n {node.pods[pod]} neigh add 169.254.1.1 lladdr $(cat /sys/class/net/veth{pod}/address) dev eth0"
            " nud permanent"
        )


LAYOUTS: dict[str, Callable[[Node], None]] = {
    layout.__name__: layout for layout in (routed, flannel, kindnet, calico, cilium, weave, aws)
}
"""Every layout by its name."""


def odd(*documents: dict[str, Any]) -> list[Finding]:
    """Return what is odd about the nodes that wrote these files."""
    parts = [node_file.node_part(document, f"{document['host']}.json") for document in documents]
    return find.odd(merge.merged(parts))
