# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every common fault, made in nodes as network plugins leave them: the path of a packet names the hop that breaks.

The faults are those of tests/integration/findings. Two nodes of real kernels are cabled together, a real packet is sent
the same way, and it gets no answer.
"""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.path import records
from ansible_collections.podnet.lab.plugins.plugin_utils.path.compute import SMALLEST, Asked, compute
from ansible_collections.podnet.lab.plugins.plugin_utils.path.fleet import NodeFiles
from ansible_collections.podnet.lab.tests.integration.findings import test_faults as faults
from ansible_collections.podnet.lab.tests.integration.findings import test_firewalls as firewalls
from ansible_collections.podnet.lab.tests.integration.support import layouts
from ansible_collections.podnet.lab.tests.integration.support.world import CommandFailedError

WEB, DB, FAR = "10.244.1.2", "10.244.1.3", "10.244.2.3"
"""Both pods of the first node, and one of the second."""


class Break(NamedTuple):
    """Where the packet of a finding ends, and what is said of it. Without a name, what was learned decides."""

    host: str
    name: str
    says: str
    verdict: str = "dropped"
    answer: bool = False
    """Whether it is the answer that ends there."""
    ends: tuple[str, str] | None = None
    """From whom to whom, where the finding names no packet."""


NODE = "the node itself"
BREAKS: dict[str, Break | str] = {
    "no route": Break("node1", NODE, "leaves node1 by eth0 to 10.89.0.1, and default/db on node2 has", "left"),
    "route to nobody": Break("node1", NODE, "the route blackhole 10.244.2.0/24"),
    "forwarding off": Break("node1", NODE, "net.ipv4.conf.cni0.forwarding is 0"),
    "forwarding off on the bridge": Break("node1", NODE, "net.ipv4.conf.cni0.forwarding is 0"),
    "address of an earlier life": Break(
        "node1", NODE, "leaves node1 by eth0 to 10.89.0.1, and default/db on node1 has", "left", answer=True
    ),
    "second address": "the route to the other node's range has the same length and was there first",
    "stale range": "only new pods get addresses of it",
    "no free address": "only new pods get none",
    "gateway that nobody has": Break("node1", "default/web", "nobody answers for 10.244.1.254 on eth0"),
    "pod without default route": Break("node1", "default/web", "no route leads to 10.244.2.3"),
    "gateway under another MAC": Break("node1", NODE, "bridge cni0: no port leads to who has de:ad:00:00:00:01"),
    "pod under another MAC": Break("node1", NODE, "bridge cni0: no port leads to who has de:ad:00:00:00:01"),
    "tunnel too large": "a VXLAN interface lets what it wraps be taken apart, unless it is told otherwise",
    "tunnel with another MAC": Break(
        "node1", NODE, "frame is for ce:00:00:00:00:01, and flannel.1 has ce:00:00:00:00:77"
    ),
    "entry to another address": Break(
        "node1", NODE, "frame is for ce:00:00:00:00:02, and flannel.1 has ce:00:00:00:00:01"
    ),
    "no entry": Break("node1", NODE, "flannel.1 knows no node behind which ce:00:00:00:00:02 is"),
    "next hop under another MAC": Break("node1", NODE, "flannel.1 knows no node behind which ce:00:00:00:00:09 is"),
    "tunnel down": Break("node1", NODE, "leaves node1 by eth0 to 10.89.0.1, and default/db on node2 has", "left"),
    "cloned tunnel": Break(
        "node1", NODE, "frame is for ce:00:00:00:00:01, and flannel.1 has ce:00:00:00:00:02", ends=(FAR, WEB)
    ),
    "no route to a block": Break("node1", NODE, "leaves node1 by eth0 to 10.89.0.1", "left"),
    "other network number": Break("node2", NODE, "no VXLAN interface has the number 2"),
    "other port": Break("node2", NODE, "listens on UDP port 4789"),
    "older configuration first": "only new pods get another network",
    "one address twice": "who answers first gets it: a connection may come about, and another one not",
    "one MAC twice": Break("node1", "", "default/"),
    "no address": Break("node1", "default/web", "no route leads to 10.244.2.3"),
    "bridge down": Break("node1", "default/db", "nobody answers for 10.244.1.1 on eth0: bridge cni0 is down"),
    "range of the other node": "only new pods get addresses of it",
    "address of a pod that somebody else has": "who answers first gets it, this time or that",
    "out of the bridge": Break("node1", "", "vethweb"),
    "pod's end down": Break("node1", "default/web", "no route leads to 10.244.2.3, and eth0 is down"),
    "node's end down": Break("node1", "default/web", "eth0 is down"),
    "MTU of one end": Break("node1", NODE, "1500 bytes are more than vethweb takes, 1400"),
    "pod behind another port": Break("node1", "default/db", "the frame is for"),
    "pod that the bridge keeps": Break("node1", NODE, "and sends nothing there"),
    "tunnel that networkd configures": "it may take it away later",
    "few dots in resolv.conf": "it is about names",
    "rp_filter strict": Break("node1", NODE, "eth0 takes nothing from 10.244.2.3: rp_filter=1"),
}
"""By fault, where the path of a packet ends; or why no packet is stopped."""

FIREWALLS: dict[str, Break] = {
    "Docker's policy, iptables-nft": Break("node1", NODE, "iptables-nft filter, forward chain FORWARD, the policy"),
    "Docker's policy, iptables-legacy": Break(
        "node1", NODE, "iptables-legacy filter, forward chain FORWARD, the policy"
    ),
    "Docker, routed pods": Break("node1", NODE, "chain FORWARD, the policy"),
    "the plugin firewall": Break("node1", NODE, "chain FORWARD, the policy"),
    "a rule of iptables": Break("node1", NODE, "iptables-legacy filter, forward chain FORWARD, rule 1"),
    "a rule of nft": Break("node1", NODE, "inet site, forward chain early, rule"),
    "ufw": Break("node1", NODE, "chain FORWARD, the policy"),
    "firewalld": Break("node1", NODE, "inet firewalld, forward chain filter_FORWARD, rule"),
    "firewalld before the tunnel": Break("node1", NODE, "inet firewalld, input chain filter_INPUT, rule"),
    "iptables before the tunnel": Break("node1", NODE, "iptables-legacy filter, input chain INPUT, rule 1"),
}
"""By case of tests/integration/findings/test_firewalls.py with a finding that stops packets, where the path ends."""

_CONNECT = """
import json, socket, sys
one = socket.socket()
one.settimeout(0.6)
try:
    one.connect((sys.argv[1], 80))
    one.sendall(bytes(int(sys.argv[2])))
    print(json.dumps(one.recv(1) == b"k"))
except OSError:
    print("false")
"""
_LISTEN = """
import socket
server = socket.create_server(("0.0.0.0", 80))
while True:
    one, _peer = server.accept()
    one.settimeout(2)
    try:
        one.recv(1)
        one.sendall(b"k")
    except OSError:
        pass
"""
_READY = 'until [ "$(cat /sys/class/net/$1/operstate)" = up ]; do sleep 0.05; done'


def connect(one: layouts.Node, other: layouts.Node) -> None:
    """Lay a cable between two nodes: both are in the network 10.89.0.0/24."""
    for node in (one, other):
        node.world.sh("ip link add hub type bridge; ip link set hub up; ip link set wire master hub", netns="outside")
    one.world.sh("ip link add far type veth peer name back", netns="outside")
    inside = f"--net=/proc/{one.world.pid}/root/run/netns/outside"
    subprocess.run(["nsenter", inside, "ip", "link", "set", "back", "netns", str(other.world.pid)], check=True)
    other.world.sh("ip link set back netns outside")
    for node, end in ((one, "far"), (other, "back")):
        node.world.sh(f"ip link set {end} master hub up", netns="outside")
    for node in (one, other):
        for netns in node.pods.values():
            node.world.spawn("python3", "-c", _LISTEN, netns=netns)
        node.world.sh(_READY, "eth0")


def as_nodes_are(document: dict[str, Any]) -> dict[str, Any]:
    """Return a node file without what is outside of a node: nobody sees the other end of its card."""
    document = copy.deepcopy(document)
    namespaces = document["podnet_netns"]["namespaces"]
    outside = {one["inode"] for one in namespaces if "outside" in one["names"]}
    document["podnet_netns"]["namespaces"] = [one for one in namespaces if one["inode"] not in outside]
    pairs = document["podnet_veth"]["pairs"]
    document["podnet_veth"]["pairs"] = [
        one for one in pairs if not outside & {end["netns"] for end in one["ends"]}
    ]  # fmt: skip
    bridges = document["podnet_bridge"]["bridges"]
    document["podnet_bridge"]["bridges"] = [one for one in bridges if one["netns"] not in outside]
    return document


def computed(folder: Path, documents: list[dict[str, Any]], sender: str, receiver: str, size: int) -> records.Way:
    """Return the one way of a packet, computed from node files."""
    (folder / "nodes").mkdir()
    for one in documents:
        (folder / "nodes" / f"{one['host']}.json").write_text(json.dumps(one), encoding="utf-8")
    (way,) = compute(NodeFiles(folder), Asked(sender, receiver, size=size))["ways"]
    return way


def answered(nodes: list[layouts.Node], sender: str, receiver: str, size: int) -> bool:
    """Send a real packet, and tell whether somebody answers."""
    places: dict[str, tuple[layouts.Node, str | None]] = {
        f"{node.net}.{last}": (node, node.pods[pod]) for node in nodes for last, pod in ((2, "web"), (3, "db"))
    }
    places.update({node.name: (node, None) for node in nodes})
    node, netns = places.get(sender, (nodes[0], nodes[0].pods["web"]))
    data = size - 52 if size > SMALLEST else 1  # what is left beside the headers of IP and TCP with timestamps
    return bool(node.world.python(_CONNECT, receiver.rpartition(":")[0], data, netns=netns))


def judge(nodes: list[layouts.Node], wanted: Break, folder: Path) -> None:
    """Hold the computed path against what was expected, and against the kernel."""
    documents = [as_nodes_are(node.document()) for node in nodes]
    paths = [one["path"] for one in layouts.odd(*copy.deepcopy(documents)) if "path" in one]
    sender, receiver, size = (*wanted.ends, SMALLEST) if wanted.ends else (
        paths[0]["sender"], paths[0]["receiver"], paths[0].get("size", SMALLEST)
    )  # fmt: skip
    if ":" not in receiver:
        receiver += ":80"
    way = computed(folder, documents, sender, receiver, size)
    ended = way["back"] if wanted.answer else way["there"]
    if ended is not None and ended["verdict"] == "delivered":
        ended = way["back"]
    assert ended is not None
    hop = ended["hops"][-1]
    name = hop["name"] if wanted.name else ""
    assert (ended["verdict"], hop["host"], name) == (wanted.verdict, wanted.host, wanted.name), ended["reason"]
    assert wanted.says in ended["reason"]
    assert not answered(nodes, sender, receiver, size)


Cluster = dict[str, list[layouts.Node]]


@pytest.fixture(scope="module")
def clusters() -> Iterator[Cluster]:
    """Two nodes of each layout, cabled together, whose pods answer."""
    if os.geteuid():
        pytest.skip("only root lays a cable from one world to another")
    with ExitStack() as stack:
        found = {}
        for layout in ("routed", "flannel", "kindnet", "calico"):
            found[layout] = faults.open_nodes(stack, layout)
            connect(*found[layout])
        yield found


@pytest.mark.parametrize("layout", ["routed", "flannel", "kindnet", "calico"])
def test_without_a_fault_packets_arrive_as_computed(clusters: Cluster, layout: str, tmp_path: Path) -> None:
    nodes = clusters[layout]
    documents = [as_nodes_are(node.document()) for node in nodes]
    way = computed(tmp_path, documents, WEB, f"{FAR}:80", SMALLEST)
    assert way["there"]["verdict"] == "delivered", way["there"]["reason"]
    assert way["back"] is not None
    assert way["back"]["verdict"] == "delivered", way["back"]["reason"]
    assert answered(nodes, WEB, f"{FAR}:80", SMALLEST)


def test_each_fault_is_in_the_table() -> None:
    assert list(BREAKS) == list(faults.FAULTS)
    stopping = ("forward-dropped", "tunnel-blocked")
    assert list(FIREWALLS) == [name for name, case in firewalls.CASES.items() if case.kind in stopping]


@pytest.mark.parametrize("name", [name for name, wanted in BREAKS.items() if not isinstance(wanted, str)])
def test_the_path_names_the_hop_that_a_fault_breaks(clusters: Cluster, name: str, tmp_path: Path) -> None:
    fault, wanted = faults.FAULTS[name], BREAKS[name]
    assert isinstance(wanted, Break)
    nodes = clusters[fault.layout]
    setting = f"WEB={nodes[0].pods['web']} DB={nodes[0].pods['db']}\n"
    nodes[0].sh(setting + fault.breaks)
    try:
        judge(nodes, wanted, tmp_path)
    finally:
        nodes[0].sh(setting + fault.mends)


@pytest.mark.parametrize("name", [name for name, why in BREAKS.items() if isinstance(why, str)])
def test_no_path_breaks_where_a_fault_stops_no_packet(clusters: Cluster, name: str, tmp_path: Path) -> None:
    fault = faults.FAULTS[name]
    nodes = clusters[fault.layout]
    setting = f"WEB={nodes[0].pods['web']} DB={nodes[0].pods['db']}\n"
    nodes[0].sh(setting + fault.breaks)
    try:
        documents = [as_nodes_are(node.document()) for node in nodes]
        for path in [one["path"] for one in layouts.odd(*copy.deepcopy(documents)) if "path" in one]:
            way = computed(tmp_path, documents, path["sender"], path["receiver"], SMALLEST)
            assert way["back"] is not None, way["there"]["reason"]
            assert way["back"]["verdict"] == "delivered", way["back"]["reason"]
            assert answered(nodes, path["sender"], path["receiver"], SMALLEST)
    finally:
        nodes[0].sh(setting + fault.mends)


@pytest.mark.parametrize("name", FIREWALLS)
def test_the_path_names_the_rule_that_drops(clusters: Cluster, name: str, tmp_path: Path) -> None:
    case = firewalls.CASES[name]
    nodes = clusters[case.layout]
    try:
        nodes[0].sh(firewalls.PROBES[case.needs])
    except CommandFailedError as error:
        pytest.skip(f"no {case.needs} here: {error}")
    try:
        nodes[0].sh(case.rules)
        judge(nodes, FIREWALLS[name], tmp_path)
    finally:
        nodes[0].sh(firewalls.CLEAN)
