# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What contradicts what, and above all what does not: whole nodes as snapshots, with and without faults."""

from __future__ import annotations

import ipaddress
from typing import Any, Dict, List

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.module_utils._kernel.records import Error
from ansible_collections.podnet.lab.plugins.module_utils._ranges.cni_config import CniConfigs
from ansible_collections.podnet.lab.plugins.module_utils._ranges.conflicts import find_conflicts
from ansible_collections.podnet.lab.plugins.module_utils._ranges.kernel import NodeNetwork
from ansible_collections.podnet.lab.plugins.module_utils._ranges.pod_cidr import combine
from ansible_collections.podnet.lab.plugins.module_utils._ranges.records import Ranges, in_file

HOST, UNIVERSE, LINK = 1, 0, 253
BIRD, KERNEL, MAIN = 12, 2, 254
UNICAST, BLACKHOLE = 1, 6
NO_CNI: CniConfigs = {"active": None, "shadowed": [], "elsewhere": [], "unreadable": []}


class Node:
    """A node in the making: links, addresses and routes of its own namespace, and its pods."""

    def __init__(self) -> None:
        self.links: List[Any] = []
        self.addresses: List[Any] = []
        self.routes: List[Any] = []
        self.peers: Dict[int, Any] = {}
        self.pods: Dict[int, Any] = {}
        self.owners: Dict[int, Any] = {}
        self.ranges = Ranges()
        self.leases: List[Any] = []
        self.link("lo")
        self.address("lo", "127.0.0.1/8", scope=254)

    def link(self, name: Any, kind: Any = None, master: Any = None) -> Any:
        link = {"ifindex": len(self.links) + 1, "ifname": name, "flags": 1, "link_type": 1}
        if kind:
            link["info_kind"] = kind
        if master:
            link["master"] = self.index(master)
        self.links.append(link)
        return self

    def index(self, name: Any) -> Any:
        return next(link["ifindex"] for link in self.links if link["ifname"] == name)

    @staticmethod
    def _address(ifindex: Any, text: Any, scope: Any = UNIVERSE) -> Any:
        one = ipaddress.ip_interface(text)
        return {
            "ifindex": ifindex,
            "family": 2 if one.version == 4 else 10,
            "prefixlen": one.network.prefixlen,
            "scope": scope,
            "local": str(one.ip),
        }

    def address(self, name: Any, text: Any, scope: Any = UNIVERSE) -> Any:
        self.addresses.append(self._address(self.index(name), text, scope))
        network = ipaddress.ip_interface(text).network
        if network.prefixlen < network.max_prefixlen and name != "lo":
            self.route(str(network), name)
        return self

    def route(
        self,
        dst: Any,
        name: Any = None,
        gateway: Any = None,
        type: Any = UNICAST,
        protocol: Any = KERNEL,
        table: Any = MAIN,
        **more: Any,
    ) -> Any:
        network = ipaddress.ip_network(dst)
        route = {
            "family": 2 if network.version == 4 else 10,
            "dst_len": network.prefixlen,
            "type": type,
            "protocol": protocol,
            "scope": UNIVERSE if gateway else LINK,
            "table": table,
        }
        if network.prefixlen:
            route["dst"] = str(network.network_address)
        if name:
            route["oif"] = self.index(name)
        if gateway:
            route["gateway"] = gateway
        route.update(more)
        self.routes.append(route)
        return self

    def pod(self, name: Any, *addresses: Any, bridge: Any = None, ifname: Any = "eth0", owned: Any = True) -> Any:
        inode = 100 + len(self.pods)
        self.link("veth%d" % inode, "veth", bridge)
        self.peers[self.index("veth%d" % inode)] = {
            "resolution": "exact",
            "end": {"netns": inode, "ifindex": 2, "ifname": ifname},
            "reason": None,
        }
        self.pods[inode] = self._namespace(
            inode,
            [
                {"ifindex": 1, "ifname": "lo", "flags": 1, "link_type": 772},
                {"ifindex": 2, "ifname": ifname, "flags": 1, "link_type": 1},
            ],
            [self._address(1, "127.0.0.1/8", 254), self._address(2, "fe80::1/64", LINK)]
            + [self._address(2, one) for one in addresses],
        )
        if owned:
            self.owners[inode] = {"namespace": "shop", "name": name, "uid": "u", "sandbox_id": "%064d" % inode}
        return self

    def lease(self, address: Any, container_id: Any, network: Any = "cbr0") -> Any:
        path = "/var/lib/cni/networks/%s/%s" % (network, address)
        self.leases.append(
            {
                "address": address,
                "network": network,
                "container_id": container_id,
                "ifname": "eth0",
                "path": path,
                "mtime": 1.0,
            }
        )
        return self

    @staticmethod
    def _namespace(inode: Any, links: Any, addresses: Any, **more: Any) -> Any:
        namespace = {"inode": inode, "paths": [], "processes": [], "process_count": 0, "errors": []}
        return dict(namespace, entered=True, vanished=False, links=links, addresses=addresses, routes=[], **more)

    def says(
        self,
        role: Any,
        value: Any,
        scope: Any = "cluster",
        path: Any = "/etc/a",
        key: Any = "k",
        kind: Any = "static_pod",
    ) -> Any:
        self.ranges.add(role, value, scope, in_file(kind, path, key))
        return self

    def facts(self) -> Any:
        own = self._namespace(HOST, self.links, self.addresses, peers=self.peers)
        own["routes"] = self.routes
        snapshot: Any = {
            "own": HOST,
            "own_pid_namespace": 9,
            "hostname": "worker-1",
            "namespaces": {**self.pods, HOST: own},
            "errors": [],
            "partial": False,
        }
        return combine(snapshot, self.owners, NO_CNI, self.ranges, self.leases, [], 1000.0)

    def conflicts(self) -> Any:
        return self.facts()["conflicts"]


def _node() -> Any:
    return (
        Node()
        .link("eth0")
        .address("eth0", "192.168.56.11/24")
        .address("eth0", "fd00:56::11/64")
        .route("0.0.0.0/0", "eth0", "192.168.56.1")
    )


def _flannel(node: Any = None) -> Any:
    """A worker with flannel's bridge, VXLAN link, routes to other nodes and two pods."""
    node = node or _node()
    node.says("pod", "10.244.0.0/16", path="/etc/kube-proxy", key="clusterCIDR")
    node.says("pod", "10.244.0.0/16", path="/run/flannel/subnet.env", key="FLANNEL_NETWORK")
    node.says("pod", "10.244.1.1/24", "node", "/run/flannel/subnet.env", "FLANNEL_SUBNET")
    node.says("service", "10.96.0.0/12")
    node.link("cni0", "bridge").address("cni0", "10.244.1.1/24")
    node.link("flannel.1", "vxlan").address("flannel.1", "10.244.1.0/32")
    node.route("10.244.0.0/24", "flannel.1", "10.244.0.0").route("10.244.2.0/24", "flannel.1", "10.244.2.0")
    return node.pod("a", "10.244.1.2/24", bridge="cni0").pod("b", "10.244.1.3/24", bridge="cni0")


def _calico() -> Any:
    node = _node().says("pod", "172.20.0.0/16").says("service", "10.96.0.0/12")
    node.route("172.20.10.64/26", type=BLACKHOLE, protocol=BIRD)
    node.route("172.20.9.0/26", "eth0", "192.168.56.12", protocol=BIRD)
    node.link("vxlan.calico", "vxlan").address("vxlan.calico", "172.20.10.64/32")
    node.link("tunl0", "ipip").address("tunl0", "172.20.10.65/32")
    node.pod("a", "172.20.10.66/32").pod("borrowed", "172.20.9.7/32")
    return node.route("172.20.10.66/32", "veth100").route("172.20.9.7/32", "veth101")


def _cilium() -> Any:
    node = _node().says("pod", "10.0.0.0/8", path="/config-map").says("service", "172.21.0.0/16")
    node.link("cilium_host", "veth").address("cilium_host", "10.0.1.205/32")
    node.route("10.0.1.0/24", "cilium_host", "10.0.1.205").route("10.0.0.0/24", "cilium_host", "10.0.1.205")
    node.route("10.0.1.205/32", "cilium_host")
    return node.pod("a", "10.0.1.17/32")


def _kindnet_dual_stack() -> Any:
    node = _node().says("pod", "10.244.0.0/16,fd00:10:244::/56").says("service", "10.96.0.0/16,fd00:10:96::/112")
    node.says("pod", "10.244.1.0/24,fd00:10:244:1::/64", "node", "/etc/cni/net.d/10-kindnet.conflist")
    node.pod("a", "10.244.1.2/24", "fd00:10:244:1::2/64")
    node.route("10.244.1.2/32", "veth100").route("fd00:10:244:1::2/128", "veth100")
    return node.route("10.244.2.0/24", "eth0", "192.168.56.12")


def _wireguard() -> Any:
    node = _flannel().link("flannel-wg", "wireguard").address("flannel-wg", "10.244.1.0/32")
    return node.route("10.244.0.0/16", "flannel-wg")


def _ipvs_and_dns_cache() -> Any:
    node = (
        _flannel()
        .link("kube-ipvs0", "dummy")
        .address("kube-ipvs0", "10.96.0.1/32")
        .address("kube-ipvs0", "10.96.0.10/32")
    )
    node.link("nodelocaldns", "dummy").address("nodelocaldns", "169.254.20.10/32").address(
        "nodelocaldns", "10.96.0.10/32"
    )
    node.ranges.add_address(
        "service", ["169.254.20.10"], in_file("kubelet", "/var/lib/kubelet/config.yaml", "clusterDNS")
    )
    return node


def _docker_beside() -> Any:
    node = _flannel().link("docker0", "bridge").address("docker0", "172.17.0.1/16")
    return node.pod("not-a-pod", "172.17.0.2/16", bridge="docker0", owned=False)


def _before_the_first_pod() -> Any:
    node = _node().says("pod", "10.244.0.0/16").says("pod", "10.244.1.0/24", "node", "/etc/cni/net.d/10-b.conf")
    return node.link("cni0", "bridge").address("cni0", "10.244.1.1/24")


def _bridge_with_unknown_node_range() -> Any:
    node = _node().says("pod", "10.244.0.0/16").link("cbr0", "bridge").address("cbr0", "10.244.7.1/24")
    return node.pod("a", "10.244.7.2/24", bridge="cbr0")


def _macvlan() -> Any:
    node = _node().says("pod", "192.168.56.0/24", "node", "/etc/cni/net.d/10-macvlan.conf")
    node.ranges.shared.append("192.168.56.0/24")
    return node.pod("a", "192.168.56.200/24")


def _two_interfaces() -> Any:
    return _flannel().pod("multi", "192.168.99.2/24", ifname="net1").pod("multi2", "192.168.99.2/24", ifname="net1")


def _kubeadm_with_default() -> Any:
    node = _flannel()
    return node.says("pod", "10.42.0.0/16", "hint", "/var/lib/rancher/k3s/agent").says(
        "service", "10.43.0.0/16", "hint", "/x"
    )


@pytest.mark.parametrize(
    "build",
    [
        _node,
        _flannel,
        _calico,
        _cilium,
        _kindnet_dual_stack,
        _wireguard,
        _ipvs_and_dns_cache,
        _docker_beside,
        _before_the_first_pod,
        _bridge_with_unknown_node_range,
        _macvlan,
        _two_interfaces,
        _kubeadm_with_default,
    ],
)
def test_a_healthy_node_has_no_conflict(build: Any) -> None:
    assert build().conflicts() == []


def _only(node: Any) -> Any:
    (conflict,) = node.conflicts()
    assert len(conflict["sides"]) == 2
    assert all(side["value"] and side["source"] for side in conflict["sides"])
    return conflict


def test_pod_and_service_ranges_that_overlap() -> None:
    conflict = _only(
        _node().says("pod", "10.96.0.0/16", path="/etc/cm").says("service", "10.96.0.0/12", path="/etc/api")
    )
    assert conflict == {
        "kind": "overlap",
        "message": "The pod range 10.96.0.0/16 overlaps the service range 10.96.0.0/12.",
        "sides": [{"value": "10.96.0.0/16", "source": "/etc/cm k"}, {"value": "10.96.0.0/12", "source": "/etc/api k"}],
    }


def test_the_nodes_network_inside_the_pod_range() -> None:
    conflict = _only(
        _node().says("pod", "192.168.0.0/16").says("pod", "192.168.7.0/24", "node", "/run/flannel/subnet.env")
    )
    assert conflict["message"] == "The pod range 192.168.0.0/16 overlaps the node's network 192.168.56.0/24 on eth0."
    assert conflict["sides"][1] == {"value": "192.168.56.0/24", "source": "ip route show dev eth0"}


def _tap(node: Any) -> Any:
    node.link("k6t0", "tun").address("k6t0", "10.244.1.1/24").links[-1]["info_data"] = {"type": "tap"}
    return node


@pytest.mark.parametrize(
    "build",
    [
        lambda node: node.link("antrea-gw0", "openvswitch").address("antrea-gw0", "10.244.1.1/24"),
        lambda node: node.link("ovn-k8s-mp0", "openvswitch").address("ovn-k8s-mp0", "10.244.1.2/24"),
        lambda node: node.link("gw0", "dummy").address("gw0", "10.244.1.1/24"),
        _tap,
    ],
)
def test_what_joins_the_node_to_its_pods_is_no_network_of_others(build: Any) -> None:
    assert build(_node().says("pod", "10.244.0.0/16")).conflicts() == []


def test_a_bridge_that_the_nodes_own_address_has_moved_to_is_one() -> None:
    node = _node().says("pod", "10.244.0.0/16").link("br-ex", "openvswitch").address("br-ex", "10.244.1.5/24")
    node.routes.append({"family": 2, "dst_len": 0, "table": 254, "type": 1, "oif": node.index("br-ex"), "protocol": 3})
    assert _only(node)["message"] == "The pod range 10.244.0.0/16 overlaps the node's network 10.244.1.0/24 on br-ex."


def test_where_pods_take_addresses_of_the_nodes_network_only_what_is_given_out_can_clash() -> None:
    flat = _node().says("pod", "192.168.0.0/16", "cluster", "/etc/cm")
    flat.ranges.flat = True
    assert flat.conflicts() == []
    given = flat.says("pod", "192.168.56.0/24", "node", "/etc/cni")
    assert (
        _only(given)["message"] == "The pod range 192.168.56.0/24 overlaps the node's network 192.168.56.0/24 on eth0."
    )


def test_the_nodes_network_inside_the_service_range_in_ipv6() -> None:
    conflict = _only(_node().says("service", "fd00:56::/48"))
    assert conflict["message"] == "The service range fd00:56::/48 overlaps the node's network fd00:56::/64 on eth0."
    assert conflict["sides"][1]["source"] == "ip -6 route show dev eth0"


@pytest.mark.parametrize(
    ("build", "what"),
    [
        (
            lambda node: node.link("docker0", "bridge").address("docker0", "10.244.128.1/24"),
            "10.244.128.0/24 on docker0",
        ),
        (lambda node: node.link("tun0", "tun").address("tun0", "10.244.0.6/23"), "10.244.0.0/23 on tun0"),
        (lambda node: node.link("eth1").address("eth1", "10.244.1.9/24"), "10.244.1.0/24 on eth1"),
        (lambda node: node.link("eth1").address("eth1", "10.244.1.9/32"), "10.244.1.9/32 on eth1"),
        (lambda node: node.link("eth1").route("10.244.3.0/24", "eth1"), "10.244.3.0/24 on eth1"),
        # The old bridge of another range still has its address.
        (
            lambda node: node.link("old0", "bridge").address("old0", "10.244.9.1/24"),
            "10.244.9.0/24 on old0",
        ),
        # A bridge with a port of hardware is the node's own, even with the pods' range.
        (
            lambda node: node.link("br0", "bridge").link("eth1", None, "br0").address("br0", "10.244.1.9/24"),
            "10.244.1.0/24 on br0",
        ),
    ],
)
def test_other_networks_of_the_node_inside_the_pod_range(build: Any, what: Any) -> None:
    conflict = _only(build(_flannel()))
    assert conflict["kind"] == "overlap"
    assert conflict["message"] == "The pod range 10.244.0.0/16 overlaps the node's network %s." % what


def test_containers_on_dockers_bridge_do_not_make_it_a_network_of_pods() -> None:
    node = _node().says("pod", "172.16.0.0/12").link("docker0", "bridge").address("docker0", "172.17.0.1/16")
    conflict = _only(node.pod("not-a-pod", "172.17.0.2/16", bridge="docker0", owned=False))
    assert conflict["message"].endswith("172.17.0.0/16 on docker0.")


def test_sources_that_disagree_about_the_cluster() -> None:
    node = (
        _node().says("pod", "10.244.0.0/16", path="/cm").says("pod", "10.245.0.0/16", path="/proxy", key="clusterCIDR")
    )
    conflict = _only(node)
    assert conflict["kind"] == "disagreement"
    assert conflict["sides"] == [
        {"value": "10.244.0.0/16", "source": "/cm k"},
        {"value": "10.245.0.0/16", "source": "/proxy clusterCIDR"},
    ]


def test_two_flags_in_one_file_may_disagree() -> None:
    node = _node().says("service", "10.96.0.0/12", key="a --x").says("service", "10.97.0.0/16", key="b --x")
    assert _only(node)["kind"] == "disagreement"


def test_a_source_that_says_more_or_knows_one_family_does_not_disagree() -> None:
    node = _node().says("pod", "10.244.0.0/16,fd01::/56", path="/cm").says("pod", "10.244.0.0/16", path="/proxy")
    node.says("service", "10.96.0.0/16").says("service", "10.96.0.0/16,10.112.0.0/16", path="GET /servicecidrs")
    assert node.conflicts() == []


def test_a_node_range_outside_of_the_clusters() -> None:
    conflict = _only(
        _node().says("pod", "10.244.0.0/16").says("pod", "10.85.0.0/16", "node", "/etc/cni/net.d/100-crio.conflist")
    )
    assert conflict["message"] == "The node's pod range 10.85.0.0/16 is not inside the cluster's range 10.244.0.0/16."


def test_a_calico_block_outside_of_the_clusters() -> None:
    node = _node().says("pod", "10.244.0.0/16").route("172.20.10.64/26", type=BLACKHOLE, protocol=80)
    assert _only(node)["sides"][0] == {
        "value": "172.20.10.64/26",
        "source": "ip route show table 254 type blackhole",
    }


def test_a_node_range_of_another_length() -> None:
    node = _flannel()
    node.ranges.add_prefix_length("inet", "25", in_file("static_pod", "/cm", "--node-cidr-mask-size"))
    assert _only(node)["sides"] == [
        {"value": "/25", "source": "/cm --node-cidr-mask-size"},
        {"value": "10.244.1.0/24", "source": "/run/flannel/subnet.env FLANNEL_SUBNET"},
    ]


def test_a_dns_address_outside_of_the_services() -> None:
    node = _flannel()
    node.ranges.add_address("service", "10.43.0.10", in_file("kubelet", "/var/lib/kubelet/config.yaml", "clusterDNS"))
    assert (
        _only(node)["message"] == "The cluster's DNS address 10.43.0.10 is not inside the service range 10.96.0.0/12."
    )


def test_a_pods_address_outside_of_the_nodes_range() -> None:
    conflict = _only(_flannel().pod("lost", "10.244.9.9/24"))
    assert conflict["kind"] == "out_of_range"
    assert (
        conflict["message"] == "The address 10.244.9.9 of pod shop/lost is outside the node's pod range 10.244.1.0/24."
    )
    assert conflict["sides"][0] == {"value": "10.244.9.9", "source": "pod shop/lost, eth0"}


def test_a_pods_address_outside_of_the_pool_with_calico() -> None:
    conflict = _only(_calico().pod("lost", "10.9.9.9/32"))
    assert (
        conflict["message"] == "The address 10.9.9.9 of pod shop/lost is outside the cluster's pod range 172.20.0.0/16."
    )


def test_two_pods_with_one_address() -> None:
    conflict = _only(_flannel().pod("c", "10.244.1.2/24", bridge="cni0"))
    assert conflict["kind"] == "duplicate"
    assert conflict["message"] == "The pods shop/a and shop/c have the same address 10.244.1.2."


def test_two_live_leases_of_one_address() -> None:
    node = _flannel().lease("10.244.1.2", "%064d" % 100).lease("10.244.1.2", "%064d" % 101, "other")
    conflict = _only(node)
    assert conflict["kind"] == "duplicate"
    assert conflict["sides"][1]["source"] == "/var/lib/cni/networks/other/10.244.1.2"


def test_a_leaked_lease_is_no_duplicate() -> None:
    assert _flannel().lease("10.244.1.2", "%064d" % 100).lease("10.244.1.2", "f" * 64, "other").conflicts() == []


def test_the_key_has_what_its_readers_rely_on() -> None:
    facts = _flannel().lease("10.244.1.2", "%064d" % 100).lease("10.244.1.77", "f" * 64).facts()
    assert facts["node"] == {
        "name": "worker-1",
        "addresses": [
            {"ifname": "flannel.1", "family": "inet", "local": "10.244.1.0", "prefixlen": 32},
            {"ifname": "cni0", "family": "inet", "local": "10.244.1.1", "prefixlen": 24},
            {"ifname": "eth0", "family": "inet", "local": "192.168.56.11", "prefixlen": 24},
            {"ifname": "eth0", "family": "inet6", "local": "fd00:56::11", "prefixlen": 64},
        ],
        "networks": [
            {"cidr": "10.244.1.0/24", "dev": "cni0"},
            {"cidr": "192.168.56.0/24", "dev": "eth0"},
            {"cidr": "fd00:56::/64", "dev": "eth0"},
        ],
        "default_route": [{"family": "inet", "gateway": "192.168.56.1", "dev": "eth0", "prefsrc": None}],
    }
    assert facts["addresses_in_use"][0] == {
        "local": "10.244.1.2",
        "prefixlen": 24,
        "family": "inet",
        "ifname": "eth0",
        "netns": 100,
        "pod": {"namespace": "shop", "name": "a"},
    }
    assert len(facts["addresses_in_use"]) == 2
    assert [lease["state"] for lease in facts["leases"]] == ["in_use", "leaked"]
    assert [(one["cidr"], one["scope"]) for one in facts["pod"]] == [
        ("10.244.0.0/16", "cluster"),
        ("10.244.0.0/16", "cluster"),
        ("10.244.1.0/24", "node"),
    ]
    assert facts["partial"] is False


def test_calicos_blocks_and_ciliums_range_come_from_routes() -> None:
    blocks = [one for one in _calico().facts()["pod"] if one["scope"] == "block"]
    assert [(one["cidr"], one["source"]["kind"]) for one in blocks] == [("172.20.10.64/26", "calico_route")]
    found = [(one["cidr"], one["scope"], one["source"]["kind"]) for one in _cilium().facts()["pod"]]
    assert found == [
        ("10.0.0.0/8", "cluster", "static_pod"),
        ("10.0.1.0/24", "node", "cilium_route"),
        ("10.0.1.205/32", "hint", "cilium_address"),
    ]


def test_a_default_route_of_several_hops_is_one_entry_for_each() -> None:
    node = _node().route(
        "::/0", metric=1024, nexthops=[{"oif": 2, "gateway": "fe80::1"}, {"oif": 2, "via": "fe80::2"}, {"oif": 99}]
    )
    routes = [one for one in node.facts()["node"]["default_route"] if one["family"] == "inet6"]
    assert [(one["gateway"], one["dev"]) for one in routes] == [("fe80::1", "eth0"), ("fe80::2", "eth0"), (None, None)]


def test_a_snapshot_without_the_nodes_own_namespace_is_no_crash() -> None:
    snapshot: Any = {
        "own": 1,
        "own_pid_namespace": None,
        "hostname": "h",
        "namespaces": {},
        "errors": [],
        "partial": True,
    }
    facts = combine(snapshot, {}, NO_CNI, Ranges(), [], [], 0.0)
    assert facts["partial"] is True
    assert facts["node"]["addresses"] == []


def test_errors_of_the_pass_are_there_once() -> None:
    error: Error = {"object": "/x", "cause": "c", "remedy": "r"}
    snapshot: Any = {
        "own": 1,
        "own_pid_namespace": None,
        "hostname": "h",
        "namespaces": {},
        "errors": [error],
        "partial": True,
    }
    assert combine(snapshot, {}, NO_CNI, Ranges(), [], [error.copy()], 0.0)["errors"] == [error]


CIDRS = st.builds(
    lambda address, length: str(
        ipaddress.ip_network("%s/%d" % (address, min(length, address.max_prefixlen)), strict=False)
    ),
    st.ip_addresses(v=4) | st.ip_addresses(v=6),
    st.integers(0, 128),
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["pod", "service"]), CIDRS, st.sampled_from(["cluster", "node", "block", "hint"])),
        max_size=8,
    ),
    st.lists(CIDRS, max_size=4),
)
def test_any_ranges_are_judged_alike_in_any_order(stated: Any, networks: Any) -> None:
    def judge(order: Any) -> Any:
        ranges = Ranges()
        for number, (role, cidr, scope) in order:
            ranges.add(role, cidr, scope, in_file("x", "/%d" % number, "k"))
        connected: List[NodeNetwork] = [
            {"cidr": one, "dev": "eth0", "virtual": False, "joins": False, "pods": False} for one in networks
        ]
        return {
            (one["kind"], frozenset(side["value"] for side in one["sides"]))
            for one in find_conflicts(ranges, connected, [], [], [])
        }

    numbered = list(enumerate(stated))
    overlapping = {one for one in judge(numbered) if one[0] == "overlap"}
    assert overlapping == {one for one in judge(numbered[::-1]) if one[0] == "overlap"}
    for _kind, values in overlapping:
        pair = [ipaddress.ip_network(value) for value in values] * 2
        assert pair[0].overlaps(pair[1])


@settings(deadline=None)
@given(st.lists(CIDRS, min_size=1, max_size=3))
def test_one_statement_in_many_places_is_no_conflict(cidrs: Any) -> None:
    ranges = Ranges()
    for path in ("/a", "/b", "/c"):
        ranges.add("pod", cidrs, "cluster", in_file("x", path, "k"))
    assert find_conflicts(ranges, [], [], [], []) == []
