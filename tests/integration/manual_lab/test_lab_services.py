# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's Services, judged by traffic: from pods, from the nodes and from node3, which is no node of the lab."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support import paths
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.udp_client import asking_on

CLIENT, WEB1, WEB2 = "lab0_default_client", "lab0_default_web1", "lab0_default_web2"
TABLE = "nft list table ip podnet_lab0_services"
# A UDP server that says who it is, and whom it saw.
ECHO = (
    "import os, socket\n"
    "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 5000))\n"
    "while True:\n"
    "    data, peer = s.recvfrom(99); s.sendto((os.environ['POD_NAME'] + ' ' + peer[0]).encode(), peer)\n"
)


def pod(name: str, node: str, port: int = 0) -> dict[str, Any]:
    """An idle pod, or with a port one of the backends."""
    if not port:
        return {"name": name, "node": node, "containers": [{"name": "idle", "command": ["sleep", "infinity"]}]}
    ports = [{"name": "http", "containerPort": port}]
    containers = [{"name": "web", "serve": port, "ports": ports}, {"name": "udp", "command": ["python3", "-c", ECHO]}]
    return {"name": name, "node": node, "labels": {"app": "web"}, "containers": containers}


def service(name: str, **changes: Any) -> dict[str, Any]:
    """A Service of all backends, with the port that they name."""
    ports = [{"name": "http", "port": 80, "targetPort": "http", **changes.pop("port", {})}]
    ports.append({"name": "echo", "port": 5000, "protocol": "UDP"})
    return {"name": name, "selector": {"app": "web"}, "ports": ports, **changes}


PODS = [pod("client", "node1"), pod("web1", "node1", 8080), pod("web2", "node2", 8081), pod("web3", "node1", 8080)]
SERVICES = [
    service("web", port={"nodePort": 30080}),
    service("near", internalTrafficPolicy="Local"),
    service("sticky", sessionAffinity="ClientIP", timeoutSeconds=600),
    service("kept", address="10.96.0.20", externalTrafficPolicy="Local", port={"nodePort": 30081}),
    {"name": "nobody", "ports": [{"port": 80}]},
    {"name": "each", "headless": True, "selector": {"app": "web"}},
]
DESCRIBED = {"manual_lab_pods": PODS, "manual_lab_services": SERVICES}


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab with its Services, shared by the tests of this file in their order; at the end nothing is left of it."""
    made = Lab(ssh_nodes)
    before = {node: made.state(node) for node in ("node1", "node2")}
    try:
        yield made
    finally:
        made.teardown()
    assert {node: made.state(node) for node in before} == before


def address(lab: Lab, name: str) -> str:
    """The address of a Service, as the nodes have noted it."""
    noted = {lab.sh(node, "cat /var/lib/podnet-lab/lab0/services.json") for node in ("node1", "node2")}
    assert len(noted) == 1
    return str(json.loads(noted.pop())["services"][f"default/{name}"])


def answers(lab: Lab, node: str, netns: str | None, url: str, times: int = 12) -> Counter[tuple[str, str]]:
    """Who answered, with the client that it saw; a connection that came to nothing is ("", what curl says)."""
    enter = f"nsenter --net=/run/netns/{netns} " if netns else ""
    script = f"{enter}sh -c 'for i in $(seq {times}); do curl -s -m 2 {url} || echo failed $?; echo ---; done'"
    found: Counter[tuple[str, str]] = Counter()
    for text in lab.sh(node, script).split("---\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        found[(lines["pod"].partition("/")[2], lines["client"]) if lines else ("", text.strip())] += 1
    return found


def test_check_mode_predicts_the_rules_and_touches_nothing(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    predicted = lab.build("--check", "--diff", **DESCRIBED)
    assert (lab.state("node1"), lab.state("node2")) == before
    assert any(line.startswith("+") and "@service-ips" in line for line in predicted.output.splitlines())
    real = lab.build(**DESCRIBED)
    step = [line for line in real.commands("node1") if "podnet_lab0_services" in line]
    assert step == [line for line in predicted.commands("node1") if "podnet_lab0_services" in line]
    # What is shown can be typed, one after the other, and comes to the same.
    typed = lab.sh("node1", "unshare --net sh -e <<'END'\n" + "\n".join(step) + f"\n{TABLE}\nEND")
    assert sorted(typed.split()) == sorted(lab.sh("node1", TABLE).split())
    assert lab.build(**DESCRIBED).changed("node1") == []
    assert lab.build("--check", **DESCRIBED).changed("node2") == []


def test_every_backend_answers_and_sees_the_client_as_it_is(lab: Lab) -> None:
    client = lab.pod_address("node1", CLIENT)
    found = answers(lab, "node1", CLIENT, f"http://{address(lab, 'web')}/", 30)
    assert set(found) == {("web1", client), ("web2", client), ("web3", client)}
    found = answers(lab, "node1", None, f"http://{address(lab, 'web')}/", 30)
    assert set(found) == {(name, lab.address("node1")) for name in ("web1", "web2", "web3")}


def test_paths_to_services_are_computed_as_packets_take_them(lab: Lab, tmp_path: Path) -> None:
    nodes = paths.read(lab, tmp_path)
    client = lab.pod_address("node1", CLIENT)
    for receiver in ("default/web:80", f"{address(lab, 'web')}:80"):
        found = paths.computed(nodes, "default/client", receiver)
        assert paths.arrivals(found) == {(f"default/web{number}", client) for number in (1, 2, 3)}
        assert {way["there"]["listening"] for way in found["ways"]} == {True}
    found = paths.computed(nodes, "node1", "default/web:80")
    assert paths.arrivals(found) == {(f"default/web{number}", lab.address("node1")) for number in (1, 2, 3)}
    assert paths.arrivals(paths.computed(nodes, "default/web2", "default/near:80")) == {("default/web2", "10.244.1.1")}
    (nobody,) = paths.computed(nodes, "default/client", "default/nobody:80")["ways"]
    assert nobody["there"]["verdict"] == "dropped"
    assert "refuses it and tells the sender" in nobody["there"]["reason"]
    assert "podnet_lab0_services reject-chain" in (nobody["there"]["hops"][-1]["steps"][-1]["command"] or "")
    (outside,) = paths.computed(nodes, "default/client", f"{lab.address('node3')}:80")["ways"]
    assert (outside["there"]["verdict"], outside["there"]["packet"]["src"]) == ("left", lab.address("node1"))


@pytest.mark.parametrize("bridge_filter", [0, 1])
def test_a_backend_that_meets_itself_is_answered(lab: Lab, tmp_path: Path, bridge_filter: int) -> None:
    """With and without br_netfilter, which sees frames of a bridge: they take other ways then."""
    path = "/proc/sys/net/bridge/bridge-nf-call-iptables"
    if not lab.sh("node1", f"cat {path} 2>/dev/null || true"):
        pytest.skip("this kernel has no br_netfilter")
    before = lab.sh("node1", f"cat {path}; echo {bridge_filter} > {path}").strip()
    try:
        own, gateway = lab.pod_address("node1", WEB1), "10.244.0.1"
        found = answers(lab, "node1", WEB1, f"http://{address(lab, 'web')}/", 30)
        assert set(found) == {("web1", gateway), ("web2", own), ("web3", own)}
        computed = paths.computed(paths.read(lab, tmp_path), "default/web1", "default/web:80")
        assert paths.arrivals(computed) == {(f"default/{name}", seen) for name, seen in found}
        client = lab.pod_address("node1", CLIENT)
        assert {seen for _name, seen in answers(lab, "node1", CLIENT, f"http://{address(lab, 'web')}/")} == {client}
    finally:
        lab.sh("node1", f"echo {before} > {path}")


def test_policies_and_affinity_choose_among_the_backends(lab: Lab) -> None:
    for node, netns, expected in (("node1", CLIENT, {"web1", "web3"}), ("node2", WEB2, {"web2"})):
        found = answers(lab, node, netns, f"http://{address(lab, 'near')}/")
        assert {name for name, _seen in found} == expected
    found = answers(lab, "node1", CLIENT, f"http://{address(lab, 'sticky')}/", 12)
    assert len(found) == 1
    # A change of the rules does not send the client elsewhere.
    lab.build(**{**DESCRIBED, "manual_lab_services": [*SERVICES, service("another")]})
    assert set(answers(lab, "node1", CLIENT, f"http://{address(lab, 'sticky')}/", 12)) == set(found)
    lab.build(**DESCRIBED)


def test_what_nobody_awaits_is_refused_and_an_address_without_a_service_leads_nowhere(lab: Lab) -> None:
    refused, timed_out = {("", "failed 7")}, {("", "failed 28")}
    for node, netns in (("node1", CLIENT), ("node1", None)):
        assert set(answers(lab, node, netns, f"http://{address(lab, 'nobody')}/", 1)) == refused
        assert set(answers(lab, node, netns, f"http://{address(lab, 'web')}:81/", 1)) == refused
        assert set(answers(lab, node, netns, "http://10.96.77.77/", 1)) == timed_out


def test_node_ports_lead_everywhere_or_show_the_client(lab: Lab) -> None:
    outside = lab.address("node3")
    found = answers(lab, "node3", None, f"http://{lab.address('node1')}:30080/", 30)
    # Replies must come back by the node that was asked: it takes the client's place.
    assert set(found) == {("web1", "10.244.0.1"), ("web3", "10.244.0.1"), ("web2", lab.address("node1"))}
    for node, expected in (("node1", {"web1", "web3"}), ("node2", {"web2"})):
        found = answers(lab, "node3", None, f"http://{lab.address(node)}:30081/")
        assert set(found) == {(name, outside) for name in expected}
    pods = [one for one in PODS if one["name"] != "web2"]
    lab.build(**{**DESCRIBED, "manual_lab_pods": pods})
    assert set(answers(lab, "node3", None, f"http://{lab.address('node2')}:30081/", 1)) == {("", "failed 28")}
    assert {name for name, _seen in answers(lab, "node2", None, f"http://{lab.address('node2')}:30081/")} <= {
        "web1",
        "web3",
    }


def test_clients_that_go_on_asking_by_udp_follow_the_pods(lab: Lab) -> None:
    lab.build(**{**DESCRIBED, "manual_lab_pods": [PODS[0], PODS[1]]})
    virtual, client = address(lab, "web"), lab.pod_address("node1", CLIENT)
    with asking_on(lab, "node1", CLIENT, virtual) as answers_of_udp:
        assert answers_of_udp(1) == [["web1", client]]
        has_conntrack = lab.sh("node1", "command -v conntrack || true").strip()
        run = lab.build(**{**DESCRIBED, "manual_lab_pods": [PODS[0], PODS[2]]})
        if not has_conntrack:
            assert "Install the package conntrack" in run.output
            return
        commands = run.commands("node1")
        assert any(line.startswith(f"conntrack -D -p udp -s {client} -d {virtual}") for line in commands), commands
        assert answers_of_udp(2) == [["web1", client], ["web2", client]]
    lab.build(**DESCRIBED)


def test_addresses_are_kept_also_when_a_node_has_lost_them(lab: Lab) -> None:
    before = {name: address(lab, name) for name in ("web", "near", "sticky", "kept", "nobody")}
    assert before["kept"] == "10.96.0.20"
    lab.sh("node1", "rm -r /run/podnet-lab/lab0/tables.json /var/lib/podnet-lab; nft flush ruleset")
    lab.build(**{**DESCRIBED, "manual_lab_services": SERVICES[::-1]})
    assert {name: address(lab, name) for name in before} == before
    assert {name for name, _seen in answers(lab, "node1", CLIENT, f"http://{before['web']}/", 30)} == {
        "web1",
        "web2",
        "web3",
    }
    assert lab.build(**DESCRIBED).changed("node1") == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            "nft delete table ip podnet_lab0_services",
            "nft add rule ip podnet_lab0_services services accept",
        ),
        (
            "nft 'delete element ip podnet_lab0_services cluster-ips { 10.96.0.20 }'",
            "nft delete table bridge podnet_lab0",
        ),
    ],
)
def test_damage_is_repaired_and_nothing_else_touched(lab: Lab, first: str, second: str) -> None:
    """Each on a node of its own, since each build looks at both."""
    listed = "nft list ruleset | sed -E 's/packets [0-9]+ bytes [0-9]+//; /expires/d'"
    before = [sorted(lab.sh(node, listed).split()) for node in ("node1", "node2")]
    lab.sh("node1", first)
    lab.sh("node2", second)
    repaired = lab.build(**DESCRIBED)
    assert (len(repaired.changed("node1")), len(repaired.changed("node2"))) == (1, 1)
    assert [sorted(lab.sh(node, listed).split()) for node in ("node1", "node2")] == before


def test_verify_holds_and_the_facts_name_the_services(lab: Lab) -> None:
    done = lab.run(
        "verify.yml", "-e", f"podnet_report_dir={lab.nodes.directory}/verify", "-e", "podnet_verify_timeout=1"
    )
    lines = json.loads((lab.nodes.directory / "verify" / "verify.json").read_text(encoding="utf-8"))
    told = {one["key"]: one for one in lines["requirements"]}
    assert told["services"]["verdict"] == "held", done.output
    assert {key for key, one in told.items() if one["verdict"] == "broken"} <= {"names"}, done.output


def test_services_that_are_not_listed_go_and_leave_others_alone(lab: Lab) -> None:
    foreign = "add table ip podnet_lab0x_services; add table ip kube-proxy; add table bridge podnet_lab0x"
    lab.sh("node1", f"nft '{foreign}'")
    try:
        run = lab.build(manual_lab_pods=PODS)
        assert "podnet_lab0_services" not in lab.state("node1")
        assert "services.json" not in lab.state("node1")
        assert "hairpin on" not in lab.sh("node1", "bridge -d link show")
        assert len(run.changed("node1")) == 3
        assert lab.sh("node1", "nft list tables").count("0x") == 2
    finally:
        lab.sh(
            "node1",
            "nft 'delete table ip podnet_lab0x_services; delete table ip kube-proxy; delete table bridge podnet_lab0x'",
        )


def test_faults_of_services_are_refused_before_anything_is_touched(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    bad = [service("web", address="10.97.0.1"), service("web", selector={"app": "none"}), service("Not.a.label")]
    run = lab.run("lab.yml", variables={"manual_lab_pods": PODS, "manual_lab_services": bad})
    assert run.status != 0
    for text in (
        "There are 4 faults",
        "manual_lab_services[0].address: 10.97.0.1 is not an address in 10.96.0.0/16",
        "manual_lab_services[1].selector: no pod of namespace default has these labels",
        "manual_lab_services[1]: manual_lab_services[0] is Service default/web too",
        "manual_lab_services[2].name: 'Not.a.label' is not a name for a Service",
    ):
        assert text in run.output, run.output
    assert (lab.state("node1"), lab.state("node2")) == before
