# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of load balancers, judged from node3, a neighbour that is no node of the lab."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from netaddr import IPNetwork

from ansible_collections.podnet.lab.tests.integration.manual_lab.test_lab_services import answers, pod
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab, Run
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

NODES = ("node1", "node2")
PODS = [pod("web1", "node1", 8080), pod("web2", "node2", 8080)]
PORTS = [{"port": 80, "targetPort": "http"}]
LOCAL = {"name": "local", "selector": {"app": "web"}, "type": "LoadBalancer", "externalTrafficPolicy": "Local"}


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab with its load balancers, shared by the tests of this file; at the end nothing is left of it."""
    made = Lab(ssh_nodes)
    before = {node: made.state(node) for node in NODES}
    try:
        yield made
    finally:
        made.teardown()
    assert {node: made.state(node) for node in before} == before


def described(lab: Lab, **changes: Any) -> dict[str, Any]:
    """A lab with two load balancers, whose addresses are at the end of the nodes' network."""
    subnet = IPNetwork(lab.address("node1") + "/24").cidr
    services = [
        {"name": "web", "selector": {"app": "web"}, "type": "LoadBalancer", "ports": PORTS},
        {**LOCAL, "ports": PORTS},
        {"name": "plain", "selector": {"app": "web"}, "ports": PORTS},
    ]
    return {
        "manual_lab_pods": PODS,
        "manual_lab_services": services,
        "manual_lab_load_balancer_cidr": f"{subnet[240]}/28",
        **changes,
    }


def outside(lab: Lab, name: str) -> str:
    """The address outside of a Service, as the nodes have noted it."""
    noted = {lab.sh(node, "cat /var/lib/podnet-lab/lab0/services.json") for node in NODES}
    assert len(noted) == 1
    return str(json.loads(noted.pop())["load_balancers"][f"default/{name}"])


def holders(lab: Lab, address: str) -> list[str]:
    """The nodes that have an address."""
    alone = f" {address}/{128 if ':' in address else 32} "
    return [node for node in NODES if alone in lab.sh(node, "ip -o address show dev eth0")]


def mac(lab: Lab, node: str) -> str:
    """The MAC address of a node on the fabric."""
    return lab.sh(node, "cat /sys/class/net/eth0/address").strip()


def known(lab: Lab, address: str) -> str:
    """The MAC address that node3 knows for an address."""
    return str(json.loads(lab.sh("node3", f"ip -j neigh show {address}"))[0]["lladdr"])


def test_check_mode_predicts_and_one_node_announces_each_address(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    predicted = lab.build("--check", "--diff", **described(lab))
    assert (lab.state("node1"), lab.state("node2")) == before
    real = lab.build(**described(lab))
    address = outside(lab, "web")
    (holder,) = holders(lab, address)
    step = [f"ip address add {address}/32 dev eth0", f"arping -U -c 2 -I eth0 {address}"]
    for run in (predicted, real):
        assert [line for line in run.commands(holder) if line in step] == step
    assert f"+{address} dev eth0" in predicted.output.replace("+ ", "+")
    for again in (lab.build(**described(lab)), lab.build("--check", **described(lab))):
        assert again.changed("node1") == again.changed("node2") == []


def test_pods_answer_at_the_address_outside_and_see_what_the_policy_says(lab: Lab) -> None:
    stranger = lab.address("node3")
    found = answers(lab, "node3", None, f"http://{outside(lab, 'web')}/", 30)
    assert {name for name, _seen in found} == {"web1", "web2"}
    assert stranger not in {seen for _name, seen in found}
    found = answers(lab, "node3", None, f"http://{outside(lab, 'local')}/", 10)
    (holder,) = holders(lab, outside(lab, "local"))
    assert found == Counter({(f"web{holder[-1]}", stranger): 10})


def test_other_ports_are_refused_though_the_node_itself_listens_there(lab: Lab) -> None:
    address = outside(lab, "web")
    (holder,) = holders(lab, address)
    assert "0.0.0.0:22" in lab.sh(holder, "ss -Hltn") or "*:22" in lab.sh(holder, "ss -Hltn")
    for node in ("node3", "node1", "node2"):
        assert set(answers(lab, node, None, f"http://{address}:22/", 1)) == {("", "failed 7")}


def test_the_facts_name_it_as_any_clusters(lab: Lab) -> None:
    told = lab.adhoc("node1", "podnet.lab.service_rule_facts", {"timeout": 20})
    services = told["ansible_facts"]["podnet_service"]["services"]
    found = {(one["name"], one["type"]): one for one in services}
    one = found["web", "external"]
    assert (one["virtual_address"], one["port"], len(one["backends"])) == (outside(lab, "web"), 80, 2)
    assert one["traffic_policy"] == "cluster"
    assert found["local", "external"]["traffic_policy"] == "local"


def moved(lab: Lab, gone: str, **changes: Any) -> Run:
    """Build without a node that is gone."""
    run = lab.run("lab.yml", variables={**described(lab), "manual_lab_gone_nodes": [gone], **changes})
    assert run.status == 0, run.output
    return run


@contextmanager
def talking(lab: Lab, address: str) -> Iterator[None]:
    """Have node3 send to an address all the time, so that it does not forget who has it."""
    program = (
        "import socket, sys, time\n"
        "s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)\n"
        "while sys.stdout.write('.'):\n"
        "    sys.stdout.flush(); s.sendto(b'x', (sys.argv[1], 9)); time.sleep(0.2)\n"
    )
    with subprocess.Popen(
        ["ssh", "-F", str(lab.nodes.directory / "ssh_config"), "node3", f'python3 -c "{program}" {address}'],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as sender:
        assert sender.stdout is not None
        assert sender.stdout.read(10)
        try:
            yield
        finally:
            sender.kill()


def test_the_address_moves_when_its_node_goes_and_neighbours_are_told(lab: Lab) -> None:
    lab.build(**described(lab))
    address = outside(lab, "web")
    (holder,) = holders(lab, address)
    (other,) = (node for node in NODES if node != holder)
    with talking(lab, address):
        assert known(lab, address) == mac(lab, holder)
        run = moved(lab, holder)  # of the one that is gone nobody knows: it may still have the address
        assert run.commands(holder) == []
        assert address in lab.sh(other, "ip -o address show dev eth0")
        assert known(lab, address) == mac(lab, other), "the announcement did not reach the neighbour"
        found = answers(lab, "node3", None, f"http://{address}/", 5)
        assert {name for name, _seen in found} == {f"web{other[-1]}"}, "no pod of the node that is gone is behind it"
        lab.build(**described(lab))
        assert holders(lab, address) == [holder]
        assert known(lab, address) == mac(lab, holder)
    assert outside(lab, "web") == address
    assert lab.build(**described(lab)).changed("node1") == []


@pytest.mark.release
def test_what_is_lost_is_repaired_and_what_others_added_stays(lab: Lab) -> None:
    address = outside(lab, "web")
    (holder,) = holders(lab, address)
    lab.sh(holder, f"ip address delete {address}/32 dev eth0; ip address add 192.0.2.77/32 dev eth0")
    try:
        assert lab.build(**described(lab)).changed(holder) == ["Answer for the addresses of load balancers"]
        lab.sh(holder, "rm /run/podnet-lab/lab0/announced.json")
        lab.build(**described(lab))
        lab.sh(holder, "rm /run/podnet-lab/lab0/announced.json")
        lab.build(**described(lab, manual_lab_services=[]))
        assert holders(lab, address) == []
        assert "192.0.2.77/32" in lab.sh(holder, "ip -o address show dev eth0")
        assert "load_balancers" not in lab.state(holder)
    finally:
        lab.sh(holder, "ip address delete 192.0.2.77/32 dev eth0")
    lab.build(**described(lab))


def test_all_nodes_take_what_is_routed_to_them(lab: Lab) -> None:
    whole = described(lab, manual_lab_load_balancer_announce="all", manual_lab_load_balancer_cidr="198.51.100.0/29")
    lab.build(**whole)
    address = outside(lab, "web")
    assert address.startswith("198.51.100.")
    assert holders(lab, address) == []
    for node in NODES:
        lab.sh("node3", f"ip route replace 198.51.100.0/29 via {lab.address(node)}")
        assert {name for name, _seen in answers(lab, "node3", None, f"http://{address}/", 20)} == {"web1", "web2"}
        assert set(answers(lab, "node3", None, f"http://{address}:81/", 1)) == {("", "failed 7")}
    lab.sh("node3", "ip route delete 198.51.100.0/29")


def test_an_address_that_a_node_has_is_refused_before_anything_is_touched(lab: Lab) -> None:
    lab.build(**described(lab))
    other = str(IPNetwork(described(lab)["manual_lab_load_balancer_cidr"])[9])
    lab.sh("node2", f"ip address add {other}/32 dev eth0")
    try:
        before = lab.state("node1"), lab.state("node2")
        run = lab.run("lab.yml", variables=described(lab, manual_lab_bridge="other0"))
        assert run.status != 0
        assert f"node node2: its address {other} on eth0 is in the load balancers' range" in run.output
        assert (lab.state("node1"), lab.state("node2")) == before
    finally:
        lab.sh("node2", f"ip address delete {other}/32 dev eth0")
