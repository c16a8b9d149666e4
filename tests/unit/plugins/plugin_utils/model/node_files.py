# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Node files for tests, built piece by piece: a healthy node, to which each test does one thing.

They are built in version 1 of the facts, which says everything in full, and written in version 2.
test_model.py holds what is built here against the facts' own JSON Schemas.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from ansible_collections.podnet.lab.plugins.plugin_utils.findings import find
from ansible_collections.podnet.lab.plugins.plugin_utils.model import merge, node_file
from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Finding, Model
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.versions import in_version_2

Facts = dict[str, Any]

CLUSTER = "10.244.0.0/16"
SERVICES = "10.96.0.0/12"


class NodeFile:
    """A node with an uplink, and a bridge with pods on it as the bridge plugin and host-local make them."""

    def __init__(self, number: int = 1, pods: int = 0, *, host: str | None = None, bridge: str | None = "cni0") -> None:
        """Make node *number*: its addresses, MACs and inodes follow from that."""
        self.number = number
        self.host = host or f"node{number}"
        self.collected_at = "2026-11-20T11:05:04.120Z"
        self.range = ipaddress.ip_network(f"10.244.{number}.0/24")
        self.root = 4026531840 + number
        self.bridge_name = bridge
        self.errors: list[Facts] = []
        self.own: Facts = {
            "inode": self.root,
            "kind": "host",
            "names": [],
            "paths": [],
            "nsid": None,
            "owner": None,
            "host_network_pods": [],
            "containers": [],
            "process_count": 120,
            "interfaces": [
                self.link(2, "eth0", None, f"52:54:00:00:00:{number:02x}", (f"10.89.0.{10 + number}/24",), full=True)
            ],
            "routes": [{"dst": "default", "family": "inet", "gateway": "10.89.0.1", "dev": "eth0"}],
            "errors": [],
        }
        self.namespaces: list[Facts] = [self.own]
        self.pairs: list[Facts] = []
        self.bridges: list[Facts] = []
        self.addresses: list[Facts] = [
            {"ifname": "eth0", "family": "inet", "local": f"10.89.0.{10 + number}", "prefixlen": 24}
        ]
        self.networks: list[Facts] = [{"cidr": "10.89.0.0/24", "dev": "eth0"}]
        self.in_use: list[Facts] = []
        self.leases: list[Facts] = []
        self.conflicts: list[Facts] = []
        self.machine: Facts | None = None
        self.firewall: Facts | None = None
        self.wireguard: list[Facts] | None = None
        """Null: it was not asked for."""
        self.services: list[Facts] | None = None
        self.stale_flows: list[Facts] | None = None
        """Null: they were not asked for."""
        self.service_sources: list[Facts] = []
        self.unrecognised: list[Facts] = []
        self.policies: list[Facts] | None = []
        self.cni: Facts = {
            "active": {
                "path": "/etc/cni/net.d/10-bridge.conflist",
                "name": "pods",
                "plugins": ["bridge", "portmap"],
                "through": [],
            },
            "shadowed": [],
            "unreadable": [],
        }
        manifest = "/etc/kubernetes/manifests/kube-controller-manager.yaml"
        conflist = "/etc/cni/net.d/10-bridge.conflist"
        self.pod_ranges = [
            self.range_("cluster", CLUSTER, "kubeadm", manifest, "--cluster-cidr"),
            self.range_("node", str(self.range), "cni", conflist, "plugins[0].ipam.ranges"),
        ]
        self.service_ranges = [self.range_("cluster", SERVICES, "kubeadm", manifest, "--service-cluster-ip-range")]
        if bridge is not None:
            self.add_bridge(bridge)
        for index in range(1, pods + 1):
            self.pod(f"pod{index}")

    @staticmethod
    def range_(scope: str, cidr: str, kind: str, path: str, key: str) -> Facts:
        """Return one range."""
        family = "inet6" if ":" in cidr else "inet"
        return {"cidr": cidr, "family": family, "scope": scope, "source": {"kind": kind, "path": path, "key": key}}

    @staticmethod
    def address(text: str, scope: str = "global") -> Facts:
        """Return one address, from ``10.244.1.2/24``."""
        local, _slash, length = text.partition("/")
        family = "inet6" if ":" in local else "inet"
        return {"family": family, "local": local, "prefixlen": int(length), "scope": scope}

    def link(
        self,
        index: int,
        name: str,
        kind: str | None,
        mac: str,
        addresses: tuple[str, ...] = (),
        *,
        full: bool = False,
    ) -> Facts:
        """Return one interface; *full* as the facts show all but cables and loopback."""
        link: Facts = {"ifindex": index, "ifname": name, "mtu": 1500, "operstate": "UP", "address": mac}
        if full:
            link.update(flags=["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], link_type="ether")
        if kind is not None:
            link["linkinfo"] = {"info_kind": kind}
        link["addr_info"] = [self.address(one) for one in addresses]
        return link

    def add_bridge(self, name: str, address: str | None = None) -> Facts:
        """Add a bridge to the node's own namespace."""
        address = address or f"{self.range[1]}/24"
        mac = f"0a:58:0a:f4:{self.number:02x}:{len(self.bridges) + 1:02x}"
        index = 3 + len(self.bridges)
        self.own["interfaces"].append(self.link(index, name, "bridge", mac, (address,), full=True))
        self.addresses.append({"ifname": name, **{k: v for k, v in self.address(address).items() if k != "scope"}})
        bridge: Facts = {
            "ifname": name,
            "ifindex": index,
            "netns": self.root,
            "netns_name": None,
            "address": mac,
            "addr_info": [self.address(address)],
            "operstate": "UP",
            "mtu": 1500,
            "stp_state": 0,
            "vlan_filtering": 0,
            "ageing_time": 30000,
            "ports": [],
        }
        self.bridges.append(bridge)
        return bridge

    def pod(self, name: str, namespace: str = "default", address: str | None = None, **changes: Any) -> Facts:
        """Add a pod with one cable into the first bridge; return its namespace."""
        count = len(self.namespaces)
        inode = self.root * 10 + count
        uid = f"00000000-0000-4000-8000-{self.number:04d}{count:08d}"
        address = address or f"{self.range[count + 1]}/24"
        known = self.bridges[0]["addr_info"] if self.bridges else []
        gateway = known[0]["local"] if known else str(self.range[1])
        near, far = 10 + count, 2
        port, near_mac = f"veth{self.number:04x}{count:04x}", f"1e:00:00:{self.number:02x}:00:{count:02x}"
        mac = f"0a:58:00:{self.number:02x}:{count // 256:02x}:{count % 256:02x}"
        own = {"namespace": namespace, "name": name}
        pod: Facts = {
            "inode": inode,
            "kind": "pod",
            "names": [f"cni-{uid}"],
            "paths": [f"/run/netns/cni-{uid}"],
            "nsid": count,
            "owner": {
                **own,
                "uid": uid,
                "sandbox_id": f"{inode:064x}",
                "runtime": "containerd",
                "sources": [
                    {
                        "source": "cni_cache",
                        "path": f"/var/lib/cni/results/pods-{inode:064x}-eth0",
                        "fields": ["namespace", "name", "uid", "sandbox_id"],
                    }
                ],
                "contradictions": [],
            },
            "containers": [{"id": f"{inode:064x}", "name": "web", "pids": [1000 + count], "pid_namespace": inode + 1}],
            "processes": [{"pid": 1000 + count, "comm": "nginx", "pid_namespace": inode + 1}],
            "process_count": 1,
            "interfaces": [self.link(far, "eth0", "veth", mac, (address,))],
            "routes": [{"dst": "default", "family": "inet", "gateway": gateway, "dev": "eth0"}],
            "errors": [],
        }
        self.namespaces.append(pod)
        near_link = self.link(near, port, "veth", near_mac)
        bridge = self.bridges[0] if self.bridges else None
        if bridge is not None:
            near_link["master"] = bridge["ifname"]
            port_facts = {"hairpin": True, "isolated": False, "learning": True, "flood": True}
            bridge["ports"].append({"ifname": port, "ifindex": near, "state": "forwarding", **port_facts, "pod": own})
        self.own["interfaces"].append(near_link)
        master = bridge["ifname"] if bridge else None
        self.pairs.append(
            {
                "ends": [
                    {"netns": self.root, "netns_name": None, "ifname": port, "ifindex": near, "master": master},
                    {
                        "netns": inode,
                        "netns_name": pod["names"][0],
                        "ifname": "eth0",
                        "ifindex": far,
                        "master": None,
                    },
                ],
                "pod": own,
                "bridge": {"ifname": master, "netns": self.root} if bridge else None,
                "resolution": "exact",
                "reason": None,
            }
        )
        local, _slash, length = address.partition("/")
        self.in_use.append(
            {
                "local": local,
                "prefixlen": int(length),
                "family": "inet6" if ":" in local else "inet",
                "ifname": "eth0",
                "netns": inode,
                "pod": own,
            }
        )
        self.lease(local, "in_use", own)
        pod.update(changes)
        return pod

    def lease(self, address: str, state: str, pod: Facts | None = None) -> None:
        """Add a lease of host-local."""
        self.leases.append(
            {
                "address": address,
                "network": "pods",
                "container_id": None if state == "empty" else "f" * 64,
                "ifname": None if state == "empty" else "eth0",
                "path": f"/var/lib/cni/networks/pods/{address}",
                "state": state,
                "pod": pod,
            }
        )

    def interface(self, namespace: Facts, name: str) -> Facts:
        """Return an interface that was added."""
        return next(link for link in namespace["interfaces"] if link["ifname"] == name)

    def port_link(self, pair: int = 0) -> Facts:
        """Return the node's end of a cable, as an interface."""
        return self.interface(self.own, self.pairs[pair]["ends"][0]["ifname"])

    def unplug(self, pair: int = 0) -> None:
        """Take the node's end of a cable out of its bridge."""
        cable = self.pairs[pair]
        cable["bridge"] = cable["ends"][0]["master"] = None
        del self.port_link(pair)["master"]
        name = cable["ends"][0]["ifname"]
        self.bridges[0]["ports"] = [port for port in self.bridges[0]["ports"] if port["ifname"] != name]

    def settings(self, **changes: int | None) -> Facts:
        """Let the kernel settings be read, as they are on a healthy node; *changes* with two underlines for a dot."""
        known: Facts = {
            "net.bridge.bridge-nf-call-iptables": 1,
            "net.ipv4.conf.all.forwarding": 1,
            "net.ipv4.conf.all.rp_filter": 0,
            "net.ipv4.conf.default.forwarding": 1,
            "net.ipv4.conf.default.rp_filter": 2,
            "net.ipv4.ip_forward": 1,
            "net.ipv6.conf.all.forwarding": 1,
            "net.ipv6.conf.default.forwarding": 1,
            "net.netfilter.nf_conntrack_count": 1200,
            "net.netfilter.nf_conntrack_max": 262144,
        }
        known.update({f"net.{name.replace('__', '.')}": value for name, value in changes.items()})
        self.own["settings"] = known
        return known

    def host_pod(self, name: str, namespace: str = "kube-system") -> None:
        """Add a pod that uses the node's own network."""
        owner = {
            "namespace": namespace,
            "name": name,
            "uid": f"uid-{name}",
            "sandbox_id": None,
            "runtime": "containerd",
        }
        self.own["host_network_pods"].append({**owner, "sources": [], "contradictions": []})

    def service(
        self, name: str, ends: list[tuple[str, int]], *, address: str | None = "10.96.0.10", **changes: Any
    ) -> Facts:
        """Add what the rules say of a Service with backends at *ends*, and return it."""
        mine = {
            one["local"]
            for namespace in self.namespaces
            for link in namespace["interfaces"]
            for one in link["addr_info"]
        }
        known = {"command": "show", "text": f"-d {address} -j KUBE-SVC-{name}"}
        rule = {key: changes.pop(key, value) for key, value in known.items()}
        one = {
            "namespace": "default",
            "name": name,
            "port_name": "http" if ends else None,
            "type": "cluster_ip",
            "family": "inet",
            "virtual_address": address,
            "port": 80,
            "protocol": "tcp",
            "action": "forward" if ends else "reject",
            "backends": [
                {"address": end, "port": port, "weight": round(1 / len(ends), 4), "local": end in mine, "pod": None}
                for end, port in ends
            ],
            "affinity": None,
            "traffic_policy": "cluster",
            "source_ranges": [],
            "scheduler": "random" if ends else None,
            "mode": "iptables",
            "rule": {**rule, "table": "nat", "chain": "KUBE-SERVICES", "target": f"KUBE-SVC-{name}"},
            **changes,
        }
        if self.services is None:
            self.services = []
        self.services.append(one)
        return one

    def service_view(self) -> Facts:
        """Return the key podnet_service."""
        services = self.services or []
        source = {"mode": "iptables", "variant": "nf_tables", "family": "inet", "table": "nat", "command": "show"}
        return {
            "schema_version": 1,
            "partial": bool(self.unrecognised),
            "errors": [],
            "mode": "iptables" if services else "none",
            "sources": self.service_sources or ([{**source, "services": len(services)}] if services else []),
            "node_port_addresses": ["0.0.0.0/0"],
            "services": services,
            "unrecognised": self.unrecognised,
            "policies": self.policies,
            **({} if self.stale_flows is None else {"stale_flows": self.stale_flows}),
        }

    def document(self) -> Facts:
        """Return the node file in version 2 of the facts."""
        return in_version_2(self.first_version())

    def first_version(self) -> Facts:
        """Return the node file in version 1 of the facts."""
        errors = self.errors
        told = [*errors, *(error for namespace in self.namespaces for error in namespace["errors"])]
        head = {"schema_version": 1, "partial": bool(told)}
        return {
            **({} if self.services is None else {"podnet_service": self.service_view()}),
            "schema_version": 1,
            "host": self.host,
            "collected_at": self.collected_at,
            "podnet_netns": {
                **head,
                "errors": errors,
                "namespaces": self.namespaces,
                **({} if self.machine is None else {"machine": self.machine}),
                **({} if self.firewall is None else {"firewall": self.firewall}),
                **({} if self.wireguard is None else {"wireguard": self.wireguard}),
            },
            "podnet_veth": {**head, "errors": told, "pairs": self.pairs},
            "podnet_bridge": {**head, "errors": told, "bridges": self.bridges},
            "podnet_pod_cidr": {
                **head,
                "errors": errors,
                "node": {
                    "name": self.host,
                    "addresses": self.addresses,
                    "networks": self.networks,
                    "default_route": [{"family": "inet", "gateway": "10.89.0.1", "dev": "eth0", "prefsrc": None}],
                },
                "pod": self.pod_ranges,
                "service": self.service_ranges,
                "node_prefix_lengths": [],
                "addresses_in_use": self.in_use,
                "leases": self.leases,
                "cni": self.cni,
                "conflicts": self.conflicts,
            },
        }


def unread(host: str, cause: str = "Connection timed out", status: str = "unreachable") -> Facts:
    """Return the file of a node that could not be read."""
    return {
        "schema_version": 1,
        "host": host,
        "collected_at": "2026-11-20T11:05:14.120Z",
        "error": {"object": host, "cause": cause, "remedy": "Look at its address"},
        "status": status,
    }


def three_nodes() -> list[NodeFile]:
    """Return a healthy cluster of three nodes with four pods each, and what runs on the nodes' own network."""
    nodes = [NodeFile(number, pods=4) for number in (1, 2, 3)]
    for node in nodes:
        node.host_pod(f"kube-proxy-{node.host}")
    nodes[0].host_pod("etcd-node1")
    return nodes


def model_of(*nodes: NodeFile | Facts) -> Model:
    """Return the model of *nodes*, its odd things found."""
    parts = []
    for node in nodes:
        document = node.document() if isinstance(node, NodeFile) else node
        parts.append(node_file.node_part(document, f"{document['host']}.json"))
    return find.with_findings(merge.merged(parts))


def odd_of(*nodes: NodeFile | Facts) -> list[Finding]:
    """Return what is odd about *nodes*."""
    return model_of(*nodes)["odd"]


HOSTILE = (
    "<script>alert(1)</script>",
    "a\nb: c",
    "\x1b[31mred\x1b[0m\x07",
    "\x9b31mred",
    "{{ lookup('pipe', 'id') }}",
    "{% raw %}",
    "| cell | cell |",
    "`code` ``code``",
    "![image](https://evil.invalid/x.png)",
    "[link](javascript:alert(1))",
    "https://evil.invalid www.evil.invalid",
    "@everyone #1 :100: $x$",
    '"] --> x; click x "javascript:alert(1)"',
    "%%{init: {'theme': 'dark'}}%%",
    "end subgraph style classDef x:#fff;",
    "</details><!-- -->",
    "**bold** _it_ ~~no~~ \\",
    "\u202emirrored\u202c",
    "zero\u200bwidth\u00a0space",
    "&lt;b&gt; &amp; #quot; #60;",
    "- item\r\n# heading",
    "$(touch /tmp/x); `id`; 'quote'",
    "名前😀é",
    "x" * 300,
    "",
    "   ",
    "\ud800",
)
"""Names that a container or a careless person can make."""
