# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is odd is found, and what is healthy is not."""

from __future__ import annotations

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Finding
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import (
    Facts,
    NodeFile,
    odd_of,
    three_nodes,
    unread,
)


def only(found: list[Finding], kind: str) -> Finding:
    """Return the one finding there is, which is of this kind."""
    assert [finding["kind"] for finding in found] == [kind], found
    finding = found[0]
    assert finding["evidence"]
    assert finding["remedy"]
    assert not finding["message"].endswith(".")
    return finding


# Healthy


def test_nothing_is_odd_about_a_healthy_cluster() -> None:
    assert odd_of(*three_nodes()) == []


def test_nothing_is_odd_about_nodes_without_pods() -> None:
    assert odd_of(NodeFile(1, bridge=None), NodeFile(2)) == []


def test_routed_pods_need_no_bridge() -> None:
    """As ptp, kindnet and Calico do it, beside a bridge of docker."""
    node = NodeFile(1, pods=2, bridge=None)
    node.add_bridge("docker0", "172.17.0.1/16")
    for pair in node.pairs:
        name = pair["ends"][0]["ifname"]
        node.own["routes"].append({"dst": "10.244.1.2", "family": "inet", "dev": name, "scope": "link"})
    assert odd_of(node) == []


def test_a_route_of_its_own_leads_to_a_pod_in_the_network_of_a_bridge() -> None:
    node = NodeFile(1, pods=2)
    node.unplug(0)
    port = node.pairs[0]["ends"][0]["ifname"]
    node.own["routes"].append({"dst": "10.244.1.2", "family": "inet", "dev": port, "scope": "link"})
    assert odd_of(node) == []


def test_both_ends_on_the_node() -> None:
    """Weave's vethwe-bridge and vethwe-datapath."""
    node = NodeFile(1)
    node.own["interfaces"] += [
        node.link(20, "vethwe-bridge", "veth", "1e:00:00:00:00:20"),
        node.link(21, "vethwe-datapath", "veth", "1e:00:00:00:00:21"),
    ]
    ends = [
        {"netns": node.root, "netns_name": None, "ifname": name, "ifindex": index, "master": None}
        for index, name in ((20, "vethwe-bridge"), (21, "vethwe-datapath"))
    ]
    node.pairs.append({"ends": ends, "pod": None, "bridge": None, "resolution": "exact", "reason": None})
    assert odd_of(node) == []


def left_over(name: str, address: str | None = None, alias: str | None = None) -> list[Finding]:
    """What is odd about a node with a bridge without ports."""
    node = NodeFile(1, bridge=None)
    bridge = node.add_bridge(name, address)
    if address is None:
        bridge["addr_info"] = []
    if alias is not None:
        node.interface(node.own, name)["ifalias"] = alias
    return odd_of(node)


def test_a_bridge_that_waits_for_its_first_pod_is_not_left_over() -> None:
    assert left_over("cni0", "10.244.1.1/24") == []
    assert left_over("net7", "10.244.1.1/24", "podnet.lab:net7") == []
    assert left_over("br-lan") == []
    assert left_over("docker0", "172.17.0.1/16") == []


@pytest.mark.parametrize(
    ("bridge", "whose"),
    [
        (("cni0",), "a network plugin"),
        (("cni0", "10.200.0.1/24"), "a network plugin"),
        (("net7", None, "podnet.lab:old"), "lab old"),
        (("net7", "10.200.0.1/24", "podnet.lab:old"), "lab old"),
    ],
)
def test_a_bridge_that_a_network_left_behind(bridge: tuple[str | None, ...], whose: str) -> None:
    finding = only(left_over(*bridge), "bridge-left-over")  # type: ignore[arg-type]
    assert (finding["severity"], finding["object"]) == ("note", bridge[0])
    assert f"a bridge of {whose}, has no ports" in finding["message"]
    assert finding["evidence"][1] == "ranges of pods on this node: 10.244.0.0/16, 10.244.1.0/24"
    assert finding["remedy"].endswith(f"ip link delete dev {bridge[0]}")


def test_where_something_could_not_be_read_no_bridge_is_called_left_over() -> None:
    node = NodeFile(1, bridge=None)
    node.add_bridge("cni0", "10.200.0.1/24")
    node.errors.append({"object": "/run", "cause": "Permission denied.", "remedy": "Become root."})
    assert [finding["kind"] for finding in odd_of(node)] == ["node-partly-read"]


def test_docker_and_libvirt_bridges_have_one_address_everywhere() -> None:
    nodes = three_nodes()
    for node in nodes:
        node.add_bridge("docker0", "172.17.0.1/16")
        node.add_bridge("virbr0", "192.168.122.1/24")
    assert odd_of(*nodes) == []


def test_tunnel_devices_that_the_kernel_puts_everywhere_are_down() -> None:
    node = NodeFile(1)
    pod = node.pod("pod1")
    tunnel = node.link(3, "tunl0", "ipip", "0.0.0.0", full=True)
    tunnel.update(flags=["NOARP"], operstate="DOWN", link_type="ipip")
    pod["interfaces"].append(tunnel)
    assert odd_of(node) == []


def test_a_plug_that_is_not_in_may_be_idle() -> None:
    node = NodeFile(1, pods=1)
    node.bridges[0]["ports"].append(
        {"ifname": "eth1", "ifindex": 90, "state": "disabled", "hairpin": False, "learning": True}
        | {"isolated": False, "flood": True, "pod": None}
    )
    assert odd_of(node) == []


def test_spanning_tree_may_block() -> None:
    node = NodeFile(1, pods=1)
    node.bridges[0]["stp_state"] = 1
    node.bridges[0]["ports"][0]["state"] = "blocking"
    assert odd_of(node) == []


def test_a_namespace_without_a_pod() -> None:
    node = NodeFile(1)
    node.namespaces.append(
        {"inode": 99, "kind": "process", "names": [], "paths": [], "nsid": None, "owner": None}
        | {"process_count": 1, "interfaces": [], "errors": []}
    )
    assert odd_of(node) == []


def test_calico_gives_every_cable_one_mac() -> None:
    node = NodeFile(1, pods=3, bridge=None)
    for pair in range(3):
        node.port_link(pair)["address"] = "ee:ee:ee:ee:ee:ee"
    assert odd_of(node) == []


def test_a_hypervisor_may_give_every_machine_the_same_mac_on_its_nat() -> None:
    """Only the shared address is odd, and is enough."""
    nodes = [NodeFile(1), NodeFile(2)]
    for node in nodes:
        node.own["interfaces"].append(node.link(9, "enp0s3", None, "08:00:27:00:00:01", ("10.0.2.15/24",), full=True))
        node.addresses.append({"ifname": "enp0s3", "family": "inet", "local": "10.0.2.15", "prefixlen": 24})
    finding = only(odd_of(*nodes), "address-shared-by-nodes")
    assert finding["hosts"] == ["node1", "node2"]
    assert finding["object"] == "10.0.2.15"
    assert "--node-ip" in finding["remedy"]


def test_a_control_plane_may_know_more_ranges_than_a_worker() -> None:
    nodes = three_nodes()
    nodes[0].service_ranges.append(
        nodes[0].range_("cluster", "10.200.0.0/16", "api", "/etc/kubernetes/admin.conf", "x")
    )
    nodes[1].pod_ranges = nodes[1].pod_ranges[1:]
    nodes[1].service_ranges = []
    assert odd_of(*nodes) == []


def test_dual_stack_is_no_disagreement() -> None:
    nodes = three_nodes()
    for node in nodes[:2]:
        node.pod_ranges.append(node.range_("cluster", "fd00:10:244::/56", "kubeadm", "/x", "--cluster-cidr"))
    assert odd_of(*nodes) == []


def test_the_way_out_of_a_node_that_is_a_container() -> None:
    node = NodeFile(1, pods=1)
    node.interface(node.own, "eth0")["linkinfo"] = {"info_kind": "veth"}
    node.pairs.append(
        {
            "ends": [
                {"netns": node.root, "netns_name": None, "ifname": "eth0", "ifindex": 2, "master": None},
                {"netns": None, "netns_name": None, "ifname": None, "ifindex": 7, "nsid": 0},
            ],
            "pod": None,
            "bridge": None,
            "resolution": "unresolved",
            "reason": "nsid 0 belongs to no namespace that was found",
        }
    )
    assert odd_of(node) == []


@pytest.mark.parametrize("shadowed", [{"path": "/etc/cni/net.d/99-loopback.conf", "name": "lo"}])
def test_loopback_configuration_beside_the_active_one(shadowed: dict[str, str]) -> None:
    node = NodeFile(1)
    node.cni["shadowed"] = [shadowed]
    assert odd_of(node) == []


def test_multus_uses_the_others_itself() -> None:
    node = NodeFile(1)
    meta = {"path": "/etc/cni/net.d/00-multus.conf", "name": "multus", "plugins": ["multus-shim"]}
    node.cni["active"].update(through=[meta])
    node.cni["shadowed"] = [{"path": "/etc/cni/net.d/20-storage.conflist", "name": "storage"}]
    assert odd_of(node) == []


# Nodes


def test_node_not_read() -> None:
    finding = only(odd_of(NodeFile(1), unread("node2", "No route to host")), "node-not-read")
    assert finding["hosts"] == ["node2"]
    assert finding["evidence"] == ["No route to host"]
    assert finding["severity"] == "unproven"


def test_node_partly_read() -> None:
    node = NodeFile(1)
    node.errors.append({"object": "processes", "cause": "Permission denied.", "remedy": "Run it with become: true."})
    finding = only(odd_of(node), "node-partly-read")
    assert finding["evidence"] == ["processes: Permission denied"]
    assert finding["remedy"] == "Run it with become: true"


def test_namespace_that_cannot_be_entered_is_said_once() -> None:
    node = NodeFile(1)
    pod = node.pod("pod1", interfaces=[])
    pod["errors"].append({"object": "/run/netns/x", "cause": "setns: EPERM", "remedy": "Run it as root"})
    finding = only(odd_of(node), "namespace-not-read")
    assert finding["object"] == "default/pod1"
    assert "setns: EPERM" in finding["evidence"][0]


def test_mac_of_a_cloned_tunnel() -> None:
    nodes = [NodeFile(1), NodeFile(2), NodeFile(3)]
    for node in nodes:
        mac = "aa:00:00:00:00:01" if node.number < 3 else "aa:00:00:00:00:03"
        node.own["interfaces"].append(node.link(30, "flannel.1", "vxlan", mac, full=True))
    finding = only(odd_of(*nodes), "mac-shared-by-nodes")
    assert finding["hosts"] == ["node1", "node2"]
    assert "machine-id" in finding["remedy"]


def test_mac_of_a_cloned_card() -> None:
    nodes = [NodeFile(1), NodeFile(2)]
    for node in nodes:
        node.interface(node.own, "eth0")["address"] = "52:54:00:00:00:99"
    assert only(odd_of(*nodes), "mac-shared-by-nodes")["object"] == "52:54:00:00:00:99"


def test_several_cni_configurations() -> None:
    node = NodeFile(1)
    node.cni["shadowed"] = [{"path": "/etc/cni/net.d/20-old.conflist", "name": "old"}]
    finding = only(odd_of(node), "cni-shadowed")
    assert finding["severity"] == "note"
    assert finding["evidence"] == ["not used: /etc/cni/net.d/20-old.conflist"]


def test_cni_configuration_that_cannot_be_read() -> None:
    node = NodeFile(1)
    path = "/etc/cni/net.d/05-bad.conf"
    node.cni["unreadable"] = [{"object": path, "cause": "no JSON", "remedy": "Correct it"}]
    assert only(odd_of(node), "cni-unreadable")["command"] == f"cat {path}"


# Pods


def test_pod_without_address() -> None:
    node = NodeFile(1, pods=1)
    pod = node.pod("pod2")
    pod["interfaces"][0]["addr_info"] = []
    finding = only(odd_of(node), "pod-without-address")
    assert finding["object"] == "default/pod2"
    assert finding["command"] == f"ip netns exec {pod['names'][0]} ip -br addr"


def test_pod_with_nothing_but_loopback() -> None:
    node = NodeFile(1, bridge=None)
    node.pod("pod1", interfaces=[])
    node.pairs.clear()
    assert only(odd_of(node), "pod-without-address")["evidence"] == ["lo is all that it has"]


def test_pod_interface_down() -> None:
    node = NodeFile(1)
    node.pod("pod1")["interfaces"][0]["operstate"] = "DOWN"
    finding = only(odd_of(node), "pod-interface-down")
    assert finding["object"] == "default/pod1 eth0"
    assert finding["remedy"].endswith("ip link set dev eth0 up")


def test_other_end_of_a_pod_down() -> None:
    node = NodeFile(1)
    node.pod("pod1")["interfaces"][0]["operstate"] = "LOWERLAYERDOWN"
    assert "other end" in only(odd_of(node), "pod-interface-down")["remedy"]


def test_loopback_of_a_pod_down() -> None:
    node = NodeFile(1)
    node.pod("pod1")["interfaces"].insert(
        0, {"ifindex": 1, "ifname": "lo", "mtu": 65536, "operstate": "DOWN", "addr_info": []}
    )
    assert only(odd_of(node), "pod-interface-down")["object"] == "default/pod1 lo"


def test_one_address_in_pods_of_two_nodes() -> None:
    nodes = [NodeFile(1), NodeFile(2)]
    for node in nodes:
        node.pod("same", address="10.244.9.9/24")
    found = odd_of(*nodes)
    finding = only(found, "address-shared-by-pods")
    assert finding["message"] == "10.244.9.9 belongs to default/same on node1 and default/same on node2"


@pytest.mark.parametrize("state", ["leaked", "empty"])
def test_lease_without_pod(state: str) -> None:
    node = NodeFile(1, pods=2)
    for last in range(20, 33):
        node.lease(f"10.244.1.{last}", state)
    finding = only(odd_of(node), f"lease-{state}")
    assert "13 leases" in finding["message"]
    assert finding["evidence"][0] == "10.244.1.20"
    assert finding["evidence"][-1] == "and 4 more"
    assert finding["command"] == "ls -l /var/lib/cni/networks/pods"


def test_address_without_lease() -> None:
    node = NodeFile(1, pods=3)
    del node.leases[1]
    finding = only(odd_of(node), "address-without-lease")
    assert finding["object"] == "default/pod2 10.244.1.3"
    assert (finding["command"] or "").startswith("ip netns exec cni-")


def test_addresses_that_no_lease_could_be_for_are_not_odd() -> None:
    """As Calico gives them, /32 each, on a node where host-local has another network; and where nothing has leases."""
    routed = NodeFile(1, pods=2)
    routed.pod("calico", address="10.244.1.200/32")
    routed.leases.pop()
    elsewhere = NodeFile(2, pods=2)
    elsewhere.leases.clear()
    kinds = {finding["kind"] for finding in odd_of(routed, elsewhere)}
    assert "address-without-lease" not in kinds


def test_namespace_left_over_of_a_known_pod_and_of_nobody() -> None:
    empty: Facts = {"containers": [], "processes": [], "process_count": 0}
    node = NodeFile(1, pods=1)
    node.pod("gone", **empty)
    found = odd_of(node)
    assert only(found, "namespace-leaked")["object"] == "default/gone"
    assert "ip netns delete cni-" in found[0]["remedy"]
    node.namespaces[-1].update(owner=None, kind="named")
    assert only(odd_of(node), "namespace-leaked")["object"].startswith("cni-00000000-")


def test_namespaces_without_processes_that_people_made_are_not_odd() -> None:
    node = NodeFile(1)
    blue = node.pod("blue", containers=[], processes=[], process_count=0)
    blue.update(owner=None, kind="named", names=["blue"], paths=["/run/netns/blue"])
    assert "namespace-leaked" not in {finding["kind"] for finding in odd_of(node)}


def test_no_namespace_is_called_left_over_where_processes_may_be_hidden() -> None:
    node = NodeFile(1)
    node.pod("web", containers=[], processes=[], process_count=0)
    node.errors.append({"object": "/proc", "cause": "hidepid=2 hides processes", "remedy": "read it as root"})
    assert "namespace-leaked" not in {finding["kind"] for finding in odd_of(node)}


def test_lease_whose_state_is_unknown_is_not_odd() -> None:
    node = NodeFile(1, pods=1)
    node.lease("10.244.1.77", "unknown")
    assert odd_of(node) == []


# Cables and bridges


@pytest.mark.parametrize("resolution", ["ambiguous", "unresolved"])
def test_cable_that_is_not_proven(resolution: str) -> None:
    node = NodeFile(1, pods=2)
    for pair in node.pairs:
        pair.update(resolution=resolution, reason="two namespaces fit", pod=None)
        pair["ends"][1] = {"netns": None, "netns_name": None, "ifname": None, "ifindex": 2, "nsid": 4}
    finding = only(odd_of(node), f"cable-{resolution}")
    assert finding["severity"] == "unproven"
    assert finding["message"].endswith("two namespaces fit")
    assert len(finding["evidence"]) == 2


def test_cable_out_of_its_bridge() -> None:
    node = NodeFile(1, pods=2)
    node.unplug(1)
    finding = only(odd_of(node), "cable-unplugged")
    assert finding["object"] == "veth00010002"
    assert finding["remedy"] == "ip link set dev veth00010002 master cni0"
    assert finding["command"] == "ip -d link show dev veth00010002"


def test_without_routes_nobody_knows_whether_a_cable_is_out() -> None:
    node = NodeFile(1, pods=2)
    node.unplug(1)
    del node.own["routes"]
    assert odd_of(node) == []


def test_port_not_forwarding() -> None:
    node = NodeFile(1, pods=2)
    node.bridges[0]["ports"][1]["state"] = "disabled"
    finding = only(odd_of(node), "port-not-forwarding")
    assert finding["object"] == "cni0 veth00010002"
    assert finding["command"] == "bridge -d link show master cni0"


def test_mtu_of_the_two_ends() -> None:
    node = NodeFile(1, pods=2)
    node.port_link(0)["mtu"] = 1450
    finding = only(odd_of(node), "mtu-mismatch")
    assert finding["remedy"].startswith("Set both to 1450")


def test_a_bridge_takes_the_smallest_mtu() -> None:
    node = NodeFile(1, pods=2)
    node.port_link(0)["mtu"] = node.bridges[0]["mtu"] = 1400
    finding = only(odd_of(node), "mtu-mismatch")
    assert [one["kind"] for one in finding.get("consequences", [])] == ["bridge-mtu"]


def test_mtu_of_cable_and_bridge() -> None:
    node = NodeFile(1, pods=2)
    node.bridges[0]["mtu"] = 1450
    finding = only(odd_of(node), "bridge-mtu")
    assert finding["object"] == "cni0"
    assert finding["message"].startswith(
        "cni0 passes on packets of 1450 bytes, and default/pod1 and default/pod2 may send 1500"
    )


def test_smaller_mtu_than_the_bridge_is_fine() -> None:
    node = NodeFile(1)
    pod = node.pod("pod1")
    pod["interfaces"][0]["mtu"] = node.port_link()["mtu"] = 1400
    assert odd_of(node) == []


def test_one_mac_twice_behind_a_bridge() -> None:
    node = NodeFile(1)
    for name in ("pod1", "pod2"):
        node.pod(name)["interfaces"][0]["address"] = "0a:58:00:00:00:07"
    finding = only(odd_of(node), "mac-twice-on-bridge")
    assert finding["message"] == (
        "eth0 in default/pod1 and eth0 in default/pod2 behind cni0 have the same MAC 0a:58:00:00:00:07"
    )


# Ranges


def test_conflict_of_a_node() -> None:
    node = NodeFile(1)
    node.conflicts.append(
        {
            "kind": "out_of_range",
            "message": "The address 10.9.9.9 of pod default/pod1 is outside the node's pod range 10.244.1.0/24.",
            "sides": [
                {"value": "10.9.9.9", "source": "pod default/pod1, eth0"},
                {"value": "10.244.1.0/24", "source": "/etc/cni/net.d/10-bridge.conflist plugins[0]"},
            ],
        }
    )
    finding = only(odd_of(node), "range-out-of-range")
    assert finding["command"] == "cat /etc/cni/net.d/10-bridge.conflist"
    assert finding["object"] == "10.9.9.9 and 10.244.1.0/24"


def test_two_nodes_with_one_range() -> None:
    nodes = [NodeFile(number, bridge=None) for number in (1, 2, 3)]
    nodes[2].pod_ranges[1]["cidr"] = "10.244.1.0/24"
    finding = only(odd_of(*nodes), "node-ranges-overlap")
    assert finding["hosts"] == ["node1", "node3"]
    assert finding["object"] == "10.244.1.0/24"


def test_nodes_with_ranges_that_overlap() -> None:
    nodes = [NodeFile(number, bridge=None) for number in (1, 2, 3)]
    nodes[0].pod_ranges[1]["cidr"] = "10.244.2.0/23"
    found = odd_of(*nodes)
    assert [(finding["kind"], finding["hosts"]) for finding in found] == [
        ("node-ranges-overlap", ["node1", "node2"]),
        ("node-ranges-overlap", ["node1", "node3"]),
    ]
    assert "10.244.2.0/23 of node1 and 10.244.2.0/24 of node2" in found[0]["message"]


def test_nodes_that_disagree_about_the_cluster() -> None:
    nodes = three_nodes()
    nodes[1].pod_ranges[0]["cidr"] = "10.245.0.0/16"
    finding = only(odd_of(*nodes), "cluster-ranges-differ")
    assert finding["message"] == (
        "the nodes do not agree about the cluster's pod range: node1 and node3: 10.244.0.0/16; node2: 10.245.0.0/16"
    )
    assert len(finding["evidence"]) == 2


# Order


def test_faults_come_first() -> None:
    node = NodeFile(1, pods=2)
    node.cni["shadowed"] = [{"path": "/etc/cni/net.d/20-old.conflist", "name": "old"}]
    node.unplug(0)
    found = odd_of(unread("node2"), node)
    assert [finding["severity"] for finding in found] == ["fault", "unproven", "note"]
