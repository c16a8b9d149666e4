# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Pods that real CNI plugins connected: a network that this project did not build is read right.

Ground truth: what each plugin returned from ADD (names and MACs of both cable ends, addresses) and
what iproute2 prints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import lookup, oracle, probes
from ansible_collections.podnet.lab.tests.integration.support.cni import (
    Conflist,
    Runtime,
    Sandbox,
    host_local,
    network,
    require_plugins,
)
from ansible_collections.podnet.lab.tests.integration.support.world import FULL, World

KUBENET = network(
    "kubenet",
    {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": host_local("10.244.1.0/24", "fd00:10:244:1::/64"),
    },
)
CABLE = network("cable", {"type": "ptp", "ipam": host_local("10.244.9.0/24")})
SECOND = network("second", {"type": "macvlan", "master": "up0", "mode": "bridge", "ipam": host_local("10.99.0.0/24")})

UDP_TO = "import socket,sys; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', (sys.argv[1], 9)); print(1)"


@dataclass
class Attachment:
    """One ADD: which pod, which network, as which interface, and what the plugin said."""

    sandbox: Sandbox
    network: Conflist
    ifname: str
    result: dict[str, Any]

    @property
    def host_interface(self) -> dict[str, Any]:
        """The cable's end on the node, as the plugin reported it."""
        outside = [i for i in self.result["interfaces"] if "sandbox" not in i and i["name"] != "cni0"]
        assert len(outside) == 1
        found: dict[str, Any] = outside[0]
        return found

    @property
    def pod_interface(self) -> dict[str, Any]:
        """The cable's end in the pod, as the plugin reported it."""
        inside = [i for i in self.result["interfaces"] if i.get("sandbox") == self.sandbox.netns]
        assert len(inside) == 1
        found: dict[str, Any] = inside[0]
        return found

    @property
    def addresses(self) -> set[str]:
        """Addresses with prefix length."""
        return {ip["address"] for ip in self.result["ips"]}


@dataclass
class Network:
    """A node with pods on it, and everything the modules say about it."""

    world: World
    own: int
    config: str
    pods: dict[str, Sandbox]
    attachments: dict[tuple[str, str], Attachment]
    facts: dict[str, Any]

    def cables(self) -> list[Attachment]:
        """The attachments that are veth pairs."""
        return [a for a in self.attachments.values() if a.network is not SECOND]


@pytest.fixture(scope="module")
def net(module_world: World) -> Network:
    """alpha and beta on a dual-stack bridge, gamma on ptp, delta on the bridge and on a macvlan."""
    world = module_world
    directory = require_plugins("bridge", "host-local", "ptp", "macvlan", "loopback")
    probes.require_link_kind(world, "bridge")
    runtime = Runtime(world, directory)
    world.sh("ip link add up0 type veth peer name up1; ip link set up0 up; ip link set up1 up")
    config = runtime.configure("10-kubenet.conflist", KUBENET)
    attachments: dict[tuple[str, str], Attachment] = {}
    pods = {}
    for name, nets in {
        "alpha": [("eth0", KUBENET)],
        "beta": [("eth0", KUBENET)],
        "gamma": [("eth0", CABLE)],
        "delta": [("eth0", KUBENET), ("net1", SECOND)],
    }.items():
        if name == "delta" and world.run("ip", "link", "add", "link", "up0", "type", "macvlan", check=False).returncode:
            continue
        pods[name] = runtime.sandbox("shop", name)
        for ifname, conflist in nets:
            result = runtime.add(pods[name], conflist, ifname)
            attachments[name, ifname] = Attachment(pods[name], conflist, ifname, result)
    world.python(UDP_TO, "10.244.1.1", netns=pods["alpha"].netns)  # its MAC is learned by the bridge
    own = world.inode()
    return Network(world, own, config, pods, attachments, world.facts("pod_network_facts", FULL))


def test_nothing_is_missing(net: Network) -> None:
    for key in ("podnet_netns", "podnet_veth", "podnet_bridge", "podnet_pod_cidr"):
        assert net.facts[key]["partial"] is False, (key, net.facts[key]["errors"])
        assert net.facts[key]["errors"] == []


def test_every_pod_is_named(net: Network) -> None:
    for pod in net.pods.values():
        entry = lookup.namespace(net.facts, pod.inode)
        assert entry["kind"] == "pod"
        owner = entry["owner"]
        assert lookup.pod_name(owner) == ("shop", pod.name)
        assert owner["uid"] == pod.uid
        assert owner["sandbox_id"] == pod.id
        assert "contradictions" not in owner
        assert any(pod.id in source["path"] and source["path"].startswith("/var/lib/cni/results/")
                   for source in owner["sources"])  # fmt: skip
        assert pod.pid in [process["pid"] for process in entry["processes"]]


def test_only_pods_are_pods(net: Network) -> None:
    inodes = {e["inode"] for e in net.facts["podnet_netns"]["namespaces"] if e["owner"] is not None}
    assert inodes == {pod.inode for pod in net.pods.values()}


def test_cables_are_exact(net: Network) -> None:
    for attachment in net.cables():
        inode, outside = attachment.sandbox.inode, attachment.host_interface
        pair = lookup.pair(net.facts, inode, attachment.ifname)
        assert "resolution" not in pair
        assert lookup.pod_name(pair["pod"]) == ("shop", attachment.sandbox.name)
        far = lookup.far_end(net.facts, inode, attachment.ifname)
        assert (far["netns"], far["ifname"], far["address"]) == (net.own, outside["name"], outside["mac"])
        near = next(end for end in pair["ends"] if end["netns"] == inode)
        assert near["address"] == attachment.pod_interface["mac"]


def test_bridge_and_ptp_differ_in_the_bridge_only(net: Network) -> None:
    on_bridge = lookup.pair(net.facts, net.pods["alpha"].inode, "eth0")
    assert on_bridge["bridge"] == "cni0"
    ptp = lookup.pair(net.facts, net.pods["gamma"].inode, "eth0")
    assert ptp["bridge"] is None
    assert "reason" not in ptp


def test_both_ends_on_the_node_is_no_pod(net: Network) -> None:
    pair = lookup.pair(net.facts, net.own, "up0")
    assert "resolution" not in pair
    assert {end["ifname"] for end in pair["ends"]} == {"up0", "up1"}
    assert pair["pod"] is None


def test_addresses_are_those_of_iproute2(net: Network) -> None:
    for attachment in net.attachments.values():
        entry = lookup.namespace(net.facts, attachment.sandbox.inode)
        ours = lookup.interface(entry, attachment.ifname)
        theirs = oracle.link(net.world, attachment.ifname, attachment.sandbox.netns)
        keys = ("family", "local", "prefixlen", "scope")
        assert sorted([a[k] for k in keys] for a in ours["addr_info"]) == sorted(
            [a[k] for k in keys] for a in theirs["addr_info"]
        )
        for key in ("ifindex", "mtu", "operstate", "address", "link_type"):
            assert ours.get(key, "UP" if key == "operstate" else None) == theirs[key], key
        assert set(ours["flags"]) == set(theirs["flags"])
        assert attachment.addresses <= set(ours["addresses"])


def test_routes_are_those_of_iproute2(net: Network) -> None:
    for attachment in net.cables():
        entry = lookup.namespace(net.facts, attachment.sandbox.inode)
        theirs = {(r["dst"], r.get("gateway"), r["dev"]) for r in oracle.routes(net.world, attachment.sandbox.netns)}
        ours = {(r["dst"], r.get("gateway"), r["dev"]) for r in entry["routes"] if r["family"] == "inet"}
        assert ours == theirs


def test_macvlan_is_an_interface_and_not_a_cable(net: Network) -> None:
    if ("delta", "net1") not in net.attachments:
        pytest.skip("this kernel makes no link of kind macvlan")
    entry = lookup.namespace(net.facts, net.pods["delta"].inode)
    net1 = lookup.interface(entry, "net1")
    assert net1["linkinfo"]["info_kind"] == "macvlan"
    assert net1["linkinfo"]["info_data"]["mode"] == "bridge"
    assert "peer" not in net1
    ends = [(end["netns"], end["ifname"]) for p in net.facts["podnet_veth"]["pairs"] for end in p["ends"]]
    assert (net.pods["delta"].inode, "net1") not in ends
    used = {a["local"]: a for a in net.facts["podnet_pod_cidr"]["addresses_in_use"]}
    for address in net.attachments["delta", "net1"].addresses | net.attachments["delta", "eth0"].addresses:
        assert lookup.pod_name(used[address.partition("/")[0]]["pod"]) == ("shop", "delta")


def test_every_cable_is_listed_once(net: Network) -> None:
    pairs = net.facts["podnet_veth"]["pairs"]
    assert len(pairs) == len(net.cables()) + 1  # up0-up1
    assert not any("resolution" in p for p in pairs)


def test_bridge_ports_are_those_of_iproute2(net: Network) -> None:
    bridge = lookup.bridge(net.facts, "cni0", net.own)
    theirs = {p["ifname"]: p for p in oracle.bridge_ports(net.world)}
    ours = {p["ifname"]: p for p in bridge["ports"]}
    assert set(ours) == set(theirs)
    for name, port in ours.items():
        assert port.get("state", "forwarding") == theirs[name]["state"]
        for key, usual in (("hairpin", False), ("learning", True), ("isolated", False), ("flood", True)):
            assert port.get(key, usual) == theirs[name][key], (name, key)
    assert all(port["hairpin"] is True for port in ours.values())
    for attachment in net.cables():
        if attachment.network is KUBENET:
            port = ours[attachment.host_interface["name"]]
            assert lookup.pod_name(port["pod"]) == ("shop", attachment.sandbox.name)
            assert (port["peer"]["netns"], port["peer"]["ifname"]) == (attachment.sandbox.inode, "eth0")
    assert {"10.244.1.1", "fd00:10:244:1::1"} <= {a["local"] for a in bridge["addr_info"]}


def test_forwarding_entries_name_their_pod(net: Network) -> None:
    bridge = lookup.bridge(net.facts, "cni0", net.own)
    alpha = net.attachments["alpha", "eth0"]
    mac = alpha.pod_interface["mac"]
    assert mac in {e["mac"] for e in oracle.fdb(net.world, "cni0")}, "the bridge did not learn the MAC of alpha"
    entries = [e for e in bridge["fdb"] if e["mac"] == mac]
    assert [(e["dev"], lookup.pod_name(e["pod"])) for e in entries] == [
        (alpha.host_interface["name"], ("shop", "alpha"))
    ]


def test_leases_are_in_use_and_name_their_pod(net: Network) -> None:
    leases = net.facts["podnet_pod_cidr"]["leases"]
    assert {lease["address"] for lease in leases} == {
        address.partition("/")[0] for a in net.attachments.values() for address in a.addresses
    }
    for attachment in net.attachments.values():
        for address in attachment.addresses:
            lease = lookup.lease(net.facts, address.partition("/")[0])
            assert lease["state"] == "in_use"
            assert lookup.pod_name(lease["pod"]) == ("shop", attachment.sandbox.name)
            assert (lease["container_id"], lease.get("ifname", "eth0")) == (attachment.sandbox.id, attachment.ifname)
            assert lease["network"] == attachment.network["name"]


def test_range_of_the_configuration_in_force(net: Network) -> None:
    cidr = net.facts["podnet_pod_cidr"]
    assert cidr["cni"]["active"]["path"] == net.config
    assert cidr["cni"]["active"]["name"] == "kubenet"
    assert cidr["cni"]["active"]["plugins"] == ["bridge"]
    assert cidr["cni"]["shadowed"] == []
    found = {r["cidr"]: r for r in cidr["pod"] if r["source"].get("path") == net.config}
    assert set(found) == {"10.244.1.0/24", "fd00:10:244:1::/64"}
    assert {r["family"] for r in found.values()} == {"inet", "inet6"}


def test_the_pod_on_another_network_is_the_only_odd_thing(net: Network) -> None:
    """gamma's only address is none of the range in force; delta's second one is nobody's fault."""
    (conflict,) = net.facts["podnet_pod_cidr"]["conflicts"]
    assert conflict["kind"] == "out_of_range"
    assert "shop/gamma" in conflict["message"]
    assert {side["value"] for side in conflict["sides"]} == {"10.244.9.2", "10.244.1.0/24"}


@pytest.mark.parametrize(
    ("module", "key"),
    [
        ("netns_facts", "podnet_netns"),
        ("veth_facts", "podnet_veth"),
        ("bridge_facts", "podnet_bridge"),
        ("pod_cidr_facts", "podnet_pod_cidr"),
    ],
)
def test_each_module_says_what_the_common_one_says(net: Network, module: str, key: str) -> None:
    # The kernel goes on meanwhile: it finishes checking IPv6 addresses, learns and forgets. Two readings are of one
    # state when nothing changed from before the first to after the last.
    for _attempt in range(10):
        before = _quiet(net.world.facts("pod_network_facts", FULL)[key])
        alone = net.world.facts(module, FULL)
        after = _quiet(net.world.facts("pod_network_facts", FULL)[key])
        if before == after:
            break
    else:
        pytest.fail("the node did not stay the same for three readings, ten times")
    assert set(alone) == {key}
    assert _quiet(alone[key]) == after


def _quiet(facts: Any) -> Any:
    """Facts without what changes from one run to the next: the node's own processes and learned entries' age."""
    if isinstance(facts, list):
        return [_quiet(entry) for entry in facts]
    if isinstance(facts, dict):
        return {
            key: _quiet(value)
            for key, value in facts.items()
            if not (key == "process_count" and facts["kind"] == "host")
        }
    return facts


@pytest.fixture
def runtime(world: World) -> Runtime:
    """A runtime on a node of its own, with the bridge plugin."""
    return Runtime(world, require_plugins("bridge", "host-local", "ptp", "loopback"))


def test_a_lease_outlives_its_sandbox_until_del(runtime: Runtime) -> None:
    """The runtime crashed after ADD: the address stays reserved; a late DEL frees it (spec: DEL without netns)."""
    world = runtime.world
    runtime.configure("10-kubenet.conflist", KUBENET)
    dead, alive = runtime.sandbox("shop", "dead"), runtime.sandbox("shop", "alive")
    runtime.add(dead, KUBENET)
    runtime.add(alive, KUBENET)
    runtime.kill(dead, cleanly=False)
    world.sh("touch -d 'next minute' /var/lib/cni/networks/kubenet/*")
    young = lookup.lease(world.facts("pod_cidr_facts"), "10.244.1.2")
    assert young["state"] == "unknown", "a lease this young may be of a pod in the making"
    world.sh("touch -d '1 minute ago' /var/lib/cni/networks/kubenet/*")

    facts = world.facts("pod_network_facts")
    leaked = lookup.lease(facts, "10.244.1.2")
    assert leaked["state"] == "leaked"
    assert lookup.pod_name(leaked["pod"]) in (None, ("shop", "dead"))
    assert lookup.lease(facts, "fd00:10:244:1::2")["state"] == "leaked"
    assert lookup.lease(facts, "10.244.1.3")["state"] == "in_use"
    owners = [lookup.pod_name(e["owner"]) for e in facts["podnet_netns"]["namespaces"] if e["owner"]]
    assert owners == [("shop", "alive")]

    runtime.delete(dead, KUBENET)
    leases = {lease["address"] for lease in world.facts("pod_cidr_facts")["podnet_pod_cidr"]["leases"]}
    assert leases == {"10.244.1.3", "fd00:10:244:1::3"}


def test_a_pod_that_was_deleted_is_gone(runtime: Runtime) -> None:
    world = runtime.world
    runtime.configure("10-kubenet.conflist", KUBENET)
    pod = runtime.sandbox("shop", "short")
    runtime.add(pod, KUBENET)
    runtime.delete(pod, KUBENET)
    runtime.kill(pod, cleanly=True)
    facts = world.facts("pod_network_facts")
    assert [e["kind"] for e in facts["podnet_netns"]["namespaces"]] == ["host"]
    assert facts["podnet_veth"]["pairs"] == []
    assert facts["podnet_pod_cidr"]["leases"] == []
    assert lookup.bridge(facts, "cni0", world.inode())["ports"] == []


def test_a_lease_file_without_content_is_a_leak(runtime: Runtime) -> None:
    """kubernetes#57280: a node that lost power keeps 0-byte leases, and the range runs dry."""
    runtime.world.sh("mkdir -p /var/lib/cni/networks/kubenet; : > /var/lib/cni/networks/kubenet/10.244.1.7")
    facts = runtime.world.facts("pod_cidr_facts")
    assert lookup.lease(facts, "10.244.1.7")["state"] == "empty"


@pytest.mark.parametrize("late_range", ["10.244.1.0/24", "10.244.0.0/16"], ids=["same range", "range around it"])
def test_two_configurations_that_overlap(runtime: Runtime, late_range: str) -> None:
    """Left over from another plugin: the second file is shadowed, and its range collides."""
    first = runtime.configure("10-kubenet.conflist", KUBENET)
    late = network("old", {"type": "bridge", "bridge": "old0", "ipam": host_local(late_range)})
    second = runtime.configure("20-old.conflist", late)
    cidr = runtime.world.facts("pod_cidr_facts")["podnet_pod_cidr"]
    assert cidr["cni"]["active"]["path"] == first
    assert [c["path"] for c in cidr["cni"]["shadowed"]] == [second]


def test_two_networks_in_use_that_overlap(runtime: Runtime) -> None:
    """Two networks hand out the same addresses: two pods with one address, and both are named."""
    world = runtime.world
    runtime.configure("10-kubenet.conflist", KUBENET)
    other = network("other", {"type": "ptp", "ipam": host_local("10.244.1.0/24")})
    one, two = runtime.sandbox("shop", "one"), runtime.sandbox("shop", "two")
    assert runtime.add(one, KUBENET)["ips"][0]["address"] == "10.244.1.2/24"
    assert runtime.add(two, other)["ips"][0]["address"] == "10.244.1.2/24"
    conflicts = world.facts("pod_cidr_facts")["podnet_pod_cidr"]["conflicts"]
    texts = [str(c) for c in conflicts if c["kind"] == "duplicate"]
    assert any("10.244.1.2" in text and "shop/one" in text and "shop/two" in text for text in texts), conflicts
    assert any("networks/kubenet/10.244.1.2" in text and "networks/other/10.244.1.2" in text for text in texts)


def test_an_address_outside_the_range_is_told(runtime: Runtime) -> None:
    """The bridge kept pods from before the range was changed."""
    world = runtime.world
    old = network(
        "kubenet", {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": host_local("10.50.0.0/24")}
    )
    pod = runtime.sandbox("shop", "early")
    runtime.add(pod, old)
    runtime.configure("10-kubenet.conflist", KUBENET)
    conflicts = world.facts("pod_cidr_facts")["podnet_pod_cidr"]["conflicts"]
    outside = [c for c in conflicts if c["kind"] == "out_of_range" and "10.50.0.2" in str(c)]
    assert outside, conflicts
    assert "shop/early" in str(outside)


def test_a_full_node(runtime: Runtime) -> None:
    """A full node: every pod has its own cable, address and lease, and nobody else's."""
    world = runtime.world
    count = 40
    runtime.configure("10-kubenet.conflist", KUBENET)
    pods = [runtime.sandbox("load", f"pod{number:03d}") for number in range(count)]
    macs = {pod.inode: runtime.add(pod, KUBENET)["interfaces"] for pod in pods}
    facts = world.facts("pod_network_facts", [*FULL])
    for pod in pods:
        far = lookup.far_end(facts, pod.inode, "eth0")
        assert (far["ifname"], far["address"]) == (macs[pod.inode][1]["name"], macs[pod.inode][1]["mac"])
        assert lookup.pod_name(lookup.pair(facts, pod.inode, "eth0")["pod"]) == ("load", pod.name)
    assert {lease["state"] for lease in facts["podnet_pod_cidr"]["leases"]} == {"in_use"}
