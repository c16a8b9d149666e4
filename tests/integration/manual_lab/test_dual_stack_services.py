# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services with addresses of both families, judged by traffic from pods and from node3, which is no node of the lab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.manual_lab import test_lab_load_balancers as load_balancers
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.udp_client import asking_on

NODES = ("node1", "node2")
CLIENT, WEB1 = "lab0_default_client", "lab0_default_web1"
TABLE = "nft list table ip6 podnet_lab0_services"
GATEWAY = "fd00:10:244::1"
# A UDP server that says who it is, and whom it saw.
ECHO = (
    "import os, socket\n"
    "s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(('::', 5000))\n"
    "while True:\n"
    "    data, peer = s.recvfrom(99); s.sendto((os.environ['POD_NAME'] + ' ' + peer[0]).encode(), peer)\n"
)


def pod(name: str, node: str, port: int) -> dict[str, Any]:
    """One of the backends."""
    ports = [{"name": "http", "containerPort": port}]
    containers = [{"name": "web", "serve": port, "ports": ports}, {"name": "udp", "command": ["python3", "-c", ECHO]}]
    return {"name": name, "node": node, "labels": {"app": "web"}, "containers": containers}


def service(name: str, **changes: Any) -> dict[str, Any]:
    """A Service of all backends."""
    ports = [{"name": "http", "port": 80, "targetPort": "http", **changes.pop("port", {})}]
    ports.append({"name": "echo", "port": 5000, "protocol": "UDP"})
    return {"name": name, "selector": {"app": "web"}, "ports": ports, **changes}


IDLE = {"name": "client", "node": "node1", "containers": [{"name": "idle", "command": ["sleep", "infinity"]}]}
PODS = [IDLE, pod("web1", "node1", 8080), pod("web2", "node2", 8081)]
SERVICES = [
    service("both", ipFamilyPolicy="PreferDualStack", port={"nodePort": 30080}),
    service("near", ipFamilyPolicy="RequireDualStack", internalTrafficPolicy="Local"),
    service("sticky", ipFamilies=["IPv6"], sessionAffinity="ClientIP", timeoutSeconds=600),
    service("kept", address_v6="fd00:10:96::20", externalTrafficPolicy="Local", port={"nodePort": 30081}),
    service("four"),
    service("outside", ipFamilies=["IPv6"], type="LoadBalancer"),
    {"name": "nobody", "ipFamilies": ["IPv6", "IPv4"], "ports": [{"port": 80}]},
]
DESCRIBED: dict[str, Any] = {
    "manual_lab_cluster_cidr_v6": "fd00:10:244::/56",
    "manual_lab_service_cidr_v6": "fd00:10:96::/112",
    "manual_lab_pods": PODS,
    "manual_lab_services": SERVICES,
    "manual_lab_load_balancer_announce": "all",
    "manual_lab_load_balancer_cidr_v6": "2001:db8:1::/124",
}
OUTSIDE = "2001:db8:1::1"


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab with its Services, shared by the tests of this file in their order; at the end nothing is left of it."""
    made = Lab(ssh_nodes)
    if made.sh("node1", "cat /proc/sys/net/ipv6/conf/all/disable_ipv6 2>/dev/null || echo 1").strip() != "0":
        pytest.skip("the kernel has no IPv6, or it is switched off")
    before = {node: made.state(node) for node in NODES}
    try:
        yield made
    finally:
        made.teardown()
    assert {node: made.state(node) for node in before} == before


def address(lab: Lab, name: str, version: int = 6) -> str | None:
    """The address of a Service, as the nodes have noted it; None when it has none."""
    path = "/var/lib/podnet-lab/lab0/services" + {4: ".json", 6: "_v6.json"}[version]
    noted = {lab.sh(node, "cat " + path) for node in NODES}
    assert len(noted) == 1
    found = json.loads(noted.pop())["services"].get(f"default/{name}")
    return None if found is None else f"[{found}]" if version == 6 else str(found)


def pod_address(lab: Lab, node: str, netns: str) -> str:
    """The IPv6 address of a pod that is not link-local."""
    links = json.loads(lab.sh(node, f"ip -n {netns} -j -6 addr show dev eth0 scope global"))
    return str(next(entry["local"] for link in links for entry in link["addr_info"] if "local" in entry))


def answers(lab: Lab, node: str, netns: str | None, host: str | None, times: int = 12) -> set[tuple[str, str]]:
    """Who answered, with the client that it saw; a connection that came to nothing is ("", what curl says)."""
    enter = f"nsenter --net=/run/netns/{netns} " if netns else ""
    ask = f'curl -g -s -m 2 "http://{host}/" || echo failed $?; echo ---'
    found = set()
    for text in lab.sh(node, f"{enter}sh -c 'for i in $(seq {times}); do {ask}; done'").split("---\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        found.add((lines["pod"].partition("/")[2], lines["client"]) if lines else ("", text.strip()))
    return found


def test_check_mode_predicts_the_rules_of_both_families_and_touches_nothing(lab: Lab) -> None:
    before = [lab.state(node) for node in NODES]
    predicted = lab.build("--check", "--diff", **DESCRIBED)
    assert [lab.state(node) for node in NODES] == before
    real = lab.build(**DESCRIBED)
    step = [line for line in real.commands("node1") if "ip6 podnet_lab0_services" in line]
    assert step == [line for line in predicted.commands("node1") if "ip6 podnet_lab0_services" in line]
    # What is shown can be typed, one after the other, and comes to the same.
    typed = lab.sh("node1", "unshare --net sh -e <<'END'\n" + "\n".join(step) + f"\n{TABLE}\nEND")
    assert sorted(typed.split()) == sorted(lab.sh("node1", TABLE).split())
    again = lab.build(**DESCRIBED)
    assert again.changed("node1") == again.changed("node2") == []
    assert lab.build("--check", **DESCRIBED).changed("node2") == []
    assert (address(lab, "four"), address(lab, "sticky", 4)) == (None, None)
    assert (address(lab, "kept"), address(lab, "kept", 4)) == ("[fd00:10:96::20]", None)


def test_every_backend_answers_by_both_families_and_sees_the_client_as_it_is(lab: Lab) -> None:
    client = pod_address(lab, "node1", CLIENT)
    assert answers(lab, "node1", CLIENT, address(lab, "both"), 20) == {("web1", client), ("web2", client)}
    four = lab.pod_address("node1", CLIENT)
    assert answers(lab, "node1", CLIENT, address(lab, "both", 4), 20) == {("web1", four), ("web2", four)}
    # A backend that meets itself sees the bridge.
    own = pod_address(lab, "node1", WEB1)
    assert answers(lab, "node1", WEB1, address(lab, "both"), 20) == {("web1", GATEWAY), ("web2", own)}


def test_policies_and_affinity_choose_among_the_backends(lab: Lab) -> None:
    assert {name for name, _seen in answers(lab, "node1", CLIENT, address(lab, "near"))} == {"web1"}
    stays = answers(lab, "node1", CLIENT, address(lab, "sticky"))
    assert len(stays) == 1
    # A change of the rules does not send the client elsewhere.
    lab.build(**{**DESCRIBED, "manual_lab_services": [*SERVICES, service("another", ipFamilies=["IPv6"])]})
    assert answers(lab, "node1", CLIENT, address(lab, "sticky")) == stays
    lab.build(**DESCRIBED)


@contextmanager
def addresses_of_nodes(lab: Lab) -> Iterator[None]:
    """All three nodes with an IPv6 address of one network, and a default route on node1."""
    there = {"node1": 11, "node2": 12, "node3": 3}
    for node, number in there.items():
        lab.sh(node, f"ip address add 2001:db8::{number}/64 dev eth0 nodad")
    lab.sh("node1", "ip -6 route add default via 2001:db8::3")
    try:
        yield
    finally:
        lab.sh("node1", "ip -6 route delete default via 2001:db8::3")
        for node, number in there.items():
            lab.sh(node, f"ip address delete 2001:db8::{number}/64 dev eth0")


def test_what_nobody_awaits_is_refused_and_an_address_without_a_service_leads_nowhere(lab: Lab) -> None:
    with addresses_of_nodes(lab):  # without a default route the kernel refuses, whatever the rules say
        for version in (4, 6):
            assert answers(lab, "node1", CLIENT, address(lab, "nobody", version), 1) == {("", "failed 7")}
        assert answers(lab, "node1", CLIENT, f"{address(lab, 'both')}:81", 1) == {("", "failed 7")}
        assert answers(lab, "node1", CLIENT, "[fd00:10:96::7777]", 1) == {("", "failed 28")}


@pytest.mark.release
def test_nodes_reach_services_and_node_ports_lead_everywhere_or_show_the_client(lab: Lab) -> None:
    with addresses_of_nodes(lab):
        lab.build(**DESCRIBED)
        found = answers(lab, "node1", None, address(lab, "both"), 20)
        assert {name for name, _seen in found} == {"web1", "web2"}
        for node in (11, 12):
            lab.sh("node3", f"ip -6 route replace {OUTSIDE}/124 via 2001:db8::{node}")
            found = answers(lab, "node3", None, f"[{OUTSIDE}]", 20)
            assert {name for name, _seen in found} == {"web1", "web2"}
            assert answers(lab, "node3", None, f"[{OUTSIDE}]:22", 1) == {("", "failed 7")}
        lab.sh("node3", f"ip -6 route delete {OUTSIDE}/124")
        found = answers(lab, "node3", None, "[2001:db8::11]:30080", 20)
        # Replies must come back by the node that was asked: it takes the client's place.
        assert found == {("web1", GATEWAY), ("web2", "2001:db8::11")}
        assert {name for name, _seen in answers(lab, "node3", None, f"{lab.address('node1')}:30080", 20)} == {
            "web1",
            "web2",
        }
        assert answers(lab, "node3", None, "[2001:db8::11]:30081") == {("web1", "2001:db8::3")}
        assert answers(lab, "node3", None, "[2001:db8::12]:30081") == {("web2", "2001:db8::3")}
        assert answers(lab, "node3", None, f"{lab.address('node1')}:30081", 1) == {("", "failed 7")}
        assert lab.build(**DESCRIBED).changed("node1") == []
    lab.build(**DESCRIBED)


@pytest.mark.release
def test_clients_that_go_on_asking_by_udp_follow_the_pods(lab: Lab) -> None:
    lab.build(**{**DESCRIBED, "manual_lab_pods": PODS[:2]})
    virtual = (address(lab, "both") or "").strip("[]")
    client = pod_address(lab, "node1", CLIENT)
    with asking_on(lab, "node1", CLIENT, virtual) as answers_of_udp:
        assert answers_of_udp(1) == [["web1", client]]
        has_conntrack = lab.sh("node1", "command -v conntrack || true").strip()
        run = lab.build(**{**DESCRIBED, "manual_lab_pods": [PODS[0], PODS[2]]})
        if has_conntrack:
            commands, ended = run.commands("node1"), f"conntrack -D -f ipv6 -p udp -s {client} -d {virtual}"
            assert any(line.startswith(ended) for line in commands), commands
            assert answers_of_udp(2) == [["web1", client], ["web2", client]]
    lab.build(**DESCRIBED)
    if not has_conntrack:
        pytest.skip("UDP reaches a Service; flows were not ended: the program conntrack is not on the nodes")


@pytest.mark.release
def test_names_lead_to_both_addresses_and_are_asked_for_by_both(lab: Lab) -> None:
    if not lab.sh("node1", "command -v dnsmasq || true").strip():
        pytest.skip("the program dnsmasq (Debian: dnsmasq-base) is not here")
    named = {**DESCRIBED, "manual_lab_dns": True}
    lab.build(**named)
    six, four = (address(lab, "both") or "").strip("[]"), address(lab, "both", 4)
    servers = lab.sh("node1", f"ip netns exec {CLIENT} grep nameserver /etc/resolv.conf").split()
    assert servers == ["nameserver", "10.96.0.10", "nameserver", "fd00:10:96::a"]
    ask = (
        "import socket, sys\n"
        'found = socket.getaddrinfo("both.default.svc.cluster.local", 80, type=socket.SOCK_STREAM)\n'
        "print(*sorted(one[4][0] for one in found))\n"
        "print(socket.getnameinfo((sys.argv[1], 80), socket.NI_NAMEREQD)[0])\n"
    )
    script = f"ip netns exec {CLIENT} python3 -c '{ask}' {six}"
    assert lab.sh("node1", script).split() == [four, six, "both.default.svc.cluster.local"]
    # The same when the only server is the one that is asked by IPv6.
    path = lab.sh("node1", f"ls /etc/netns/{CLIENT}/resolv.conf").strip()
    lab.sh("node1", f"sed -i /10[.]96/d {path}")
    assert lab.sh("node1", script).split() == [four, six, "both.default.svc.cluster.local"]
    assert len(lab.build(**named).changed("node1")) == 1
    assert lab.build(**named).changed("node1") == []
    lab.build(**DESCRIBED)


@pytest.mark.parametrize(
    "damage",
    [
        "nft delete table ip6 podnet_lab0_services",
        "nft 'delete element ip6 podnet_lab0_services cluster-ips { fd00:10:96::20 }'",
        "rm /var/lib/podnet-lab/lab0/services_v6.json",
    ],
)
def test_damage_is_repaired_and_addresses_are_kept(lab: Lab, damage: str) -> None:
    listed = "nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+//; /expires/d'"
    before = sorted(lab.sh("node1", listed).split()), address(lab, "both")
    lab.sh("node1", damage)
    assert len(lab.build(**DESCRIBED).changed("node1")) == 1
    assert (sorted(lab.sh("node1", listed).split()), address(lab, "both")) == before


def test_verify_asks_both_families_and_the_facts_name_the_services(lab: Lab, tmp_path: Path) -> None:
    done = lab.run("verify.yml", "-e", f"podnet_report_dir={tmp_path}", "-e", "podnet_verify_timeout=1")
    told = {one["key"]: one for one in json.loads((tmp_path / "verify.json").read_text())["requirements"]}
    assert told["services"]["verdict"] == "held", done.output
    assert {key for key, one in told.items() if one["verdict"] == "broken"} <= {"names"}, done.output
    # Two of both, near, nobody and outside, one of sticky, kept and four; a NodePort at the IPv4 address of each node.
    assert told["services"]["summary"].startswith(
        "13 addresses of Services, asked from pods and nodes, 1 address for those outside and 2 NodePorts"
    )
    facts = lab.adhoc("node1", "podnet.lab.service_rule_facts", {"timeout": 20})["ansible_facts"]["podnet_service"]
    there = {(one["name"], one["family"]) for one in facts["services"] if one["name"]}
    assert {("both", "inet"), ("both", "inet6"), ("sticky", "inet6"), ("four", "inet")} <= there
    at = [(one["virtual_address"], len(one["backends"])) for one in facts["services"] if one["type"] == "external"]
    assert at == [(OUTSIDE, 2)] * 2
    assert not {("sticky", "inet"), ("four", "inet6")} & there
    ranges = lab.adhoc("node1", "podnet.lab.pod_cidr_facts", {"timeout": 20})["ansible_facts"]
    assert "fd00:10:96::/112" in json.dumps(ranges)


@pytest.mark.release
def test_a_lab_of_ipv6_alone_has_services_and_a_family_leaves_nothing(lab: Lab) -> None:
    six = service("both")
    only = {**DESCRIBED, "manual_lab_cluster_cidr": "", "manual_lab_services": [six]}
    lab.build(**only)
    client = pod_address(lab, "node1", CLIENT)
    answers(lab, "node1", CLIENT, address(lab, "both"))  # pods notice within seconds that the bridge has another MAC
    assert answers(lab, "node1", CLIENT, address(lab, "both"), 20) == {("web1", client), ("web2", client)}
    tables = lab.sh("node1", "nft list tables; ls /var/lib/podnet-lab/lab0")
    assert "ip podnet_lab0_services" not in tables
    assert "services.json" not in tables
    assert lab.build(**only).changed("node1") == []
    four = {"manual_lab_pods": PODS, "manual_lab_services": [service("both")]}
    lab.build(**four)
    assert {name for name, _seen in answers(lab, "node1", CLIENT, address(lab, "both", 4), 20)} == {"web1", "web2"}
    tables = lab.sh("node1", "nft list tables; ls /var/lib/podnet-lab/lab0")
    assert "ip6 podnet_lab0" not in tables
    assert "services_v6.json" not in tables
    assert lab.build(**four).changed("node1") == []


def test_families_that_the_lab_has_not_are_refused_before_anything_is_touched(lab: Lab) -> None:
    before = lab.state("node1")
    services = [service("both", ipFamilyPolicy="RequireDualStack"), service("six", ipFamilies=["IPv6"])]
    run = lab.run("lab.yml", variables={"manual_lab_pods": PODS, "manual_lab_services": services})
    assert run.status != 0
    said = " ".join(run.output.split())
    for number in (0, 1):
        assert f"manual_lab_services[{number}]: it is to be of IPv6, and the lab's Services are not" in said
    assert lab.state("node1") == before


@pytest.mark.release
def test_one_node_answers_by_ipv6_and_tells_its_neighbours_when_that_moves(lab: Lab) -> None:
    whole = {
        **DESCRIBED,
        "manual_lab_services": [service("outside", ipFamilies=["IPv6"], type="LoadBalancer")],
        "manual_lab_load_balancer_announce": "node",
        "manual_lab_load_balancer_cidr_v6": "2001:db8::f0/124",
    }
    there = "2001:db8::f1"
    with addresses_of_nodes(lab):
        real = lab.build(**whole)
        (holder,) = load_balancers.holders(lab, there)
        (other,) = (node for node in NODES if node != holder)
        announced = [f"ndptool -t na -U -i eth0 -T {there} send"] * 2
        step = [f"ip address add {there}/128 dev eth0 nodad preferred_lft 0", *announced]
        assert [line for line in real.commands(holder) if line in step] == step
        assert lab.build(**whole).changed(holder) == []
        # What the node itself sends, it sends from its own address.
        assert "src 2001:db8::1" in lab.sh(holder, "ip -6 route get 2001:db8::3")
        assert {name for name, _seen in answers(lab, "node3", None, f"[{there}]", 20)} == {"web1", "web2"}
        for node in ("node3", *NODES):
            assert answers(lab, node, None, f"[{there}]:22", 1) == {("", "failed 7")}
        with load_balancers.talking(lab, there):
            assert load_balancers.known(lab, there) == load_balancers.mac(lab, holder)
            moved = lab.build(**whole, manual_lab_gone_nodes=[holder])
            assert moved.commands(holder) == []
            assert load_balancers.known(lab, there) == load_balancers.mac(lab, other)
        found = answers(lab, "node3", None, f"[{there}]", 5)
        assert {name for name, _seen in found} == {f"web{other[-1]}"}, "no pod of the node that is gone is behind it"
    # Both have it now, and what is left of that the teardown of this file's lab shows.
    assert load_balancers.holders(lab, there) == list(NODES)
