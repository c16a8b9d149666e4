# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab with all that it can have, and one of each network, whose runs are killed in their steps, and begun again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from netaddr import IPNetwork

from ansible_collections.podnet.lab.tests.integration.support import programs
from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

NODES = ("node1", "node2")
BUILD = [
    "1. Create the namespace",
    "2. Create interfaces",
    "3. Create the veth pair",
    "4. Set up the namespace's network",
    "5. Static routes",
    "6. Configure the bridge",
    "7. Assign addresses",
    "8. NAT rules",
    "Let the node's rules see",
    "Let through to and from pods",
    "Lead from the addresses of Services",
    "Answer for the addresses of load balancers",
    "Tell pods whom to ask for names",
    "Write the records of the name server",
    "Write how the ingress routes",
    "Start the containers",
]
TEARDOWN = [
    "Undo the containers",
    "Undo the configuration and the certificate",
    "Undo the records of the name server",
    "Undo the pods' resolv.conf",
    "Undo the addresses of load balancers",
    "Undo the rules of policies",
    "Undo the rules of Services",
    "Undo the redirection of frames",
    "Undo 8",
    "Undo 7",
    "Undo 5, the forwarding",
    "Undo 5, the static routes",
    "Undo 3, 4 and 6",
    "Undo 2",
    "Undo 1",
]
NETWORKS = {
    "vxlan": (
        ["5. Tunnel to the other nodes", "5. Static routes"],
        "5. Remove the tunnel of an earlier description",
        "Undo 5, the tunnel to the other nodes",
    ),
    "wireguard": (
        ["5. Key of the node", "5. WireGuard to the other nodes", "5. Static routes"],
        "5. Remove the WireGuard of an earlier description",
        "Undo 5, WireGuard",
    ),
    "bgp": (
        ["5. BGP with the other nodes", "Wait for the routes"],
        "5. End the BGP of an earlier description",
        "Undo 5, BGP",
    ),
}
"""Steps that lay what joins the nodes, the one that removes it for plain routes, and that of the teardown."""
_SECONDS = 0.2
"""How far into a step it is killed: Ansible has sent the module by then, and mostly it has not ended."""


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab; at the end nothing is left of it."""
    made = Lab(ssh_nodes)
    for program, package in (("dnsmasq", "dnsmasq-base"), ("nginx", "nginx"), ("openssl", "openssl")):
        if not made.sh("node1", f"command -v {program} || true").strip():
            pytest.skip(f"the program {program} (Debian: {package}) is not here")
    try:
        yield made
    finally:
        made.teardown()


def described(lab: Lab) -> dict[str, Any]:
    """A lab with Services, names, policies, an address outside and an ingress with TLS."""
    subnet = IPNetwork(lab.address("node1") + "/24").cidr
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    return {
        "manual_lab_pods": [
            {"name": name, "node": node, "labels": {"app": "web"}, "containers": [{"name": "web", "serve": 80}]}
            for name, node in (("web1", "node1"), ("web2", "node2"))
        ],
        "manual_lab_services": [
            {"name": "web", "selector": {"app": "web"}, "type": "LoadBalancer", "ports": [{"port": 80}]}
        ],
        "manual_lab_load_balancer_cidr": f"{subnet[240]}/28",
        "manual_lab_dns": True,
        "manual_lab_policies": [{"name": "open", "podSelector": {}, "ingress": [{}]}],
        "manual_lab_ingresses": [
            {
                "name": "web",
                "rules": [{"host": "web.example", "http": {"paths": [{"path": "/", "backend": backend}]}}],
                "tls": [{"hosts": ["web.example"]}],
            }
        ],
    }


def kill_in(lab: Lab, playbook: str, step: str, variables: dict[str, Any]) -> None:
    """Begin a run, and kill it and its workers without a warning in a step."""
    with subprocess.Popen(
        [
            "ansible-playbook", str(CHECKOUT / "playbooks" / playbook), "-i", str(lab.nodes.inventory),
            "--limit", "node1,node2", "-e", json.dumps(variables),
        ],
        cwd=CHECKOUT,
        env=lab.nodes.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        said = []
        for line in run.stdout:
            said.append(line)
            if line.startswith("TASK [") and f" : {step}" in line:
                time.sleep(_SECONDS)
                os.killpg(run.pid, signal.SIGKILL)
                return
    raise AssertionError(f"there was no step {step}:\n{''.join(said)}")


def words(lab: Lab) -> list[list[str]]:
    """Everything of the nodes that a lab could touch, without the order, which sets of nftables do not keep."""
    return [sorted(lab.state(node).split()) for node in NODES]


@pytest.mark.release
def test_a_run_that_is_killed_in_a_step_is_finished_by_the_next(lab: Lab) -> None:
    whole, bare = described(lab), words(lab)
    lab.build(**whole)
    reference = words(lab)
    lab.teardown()
    assert words(lab) == bare
    for step in BUILD:
        kill_in(lab, "lab.yml", step, whole)
    lab.build(**whole)
    assert words(lab) == reference
    assert lab.build(**whole).changed("node1") == []
    for step in TEARDOWN:
        kill_in(lab, "teardown.yml", step, {})
    lab.teardown()
    assert words(lab) == bare


@pytest.mark.release
@pytest.mark.parametrize("network", NETWORKS)
def test_a_change_of_the_network_that_is_killed_is_finished_by_the_next(lab: Lab, network: str) -> None:
    laid, removed, undone = NETWORKS[network]
    joined = {"manual_lab_network": network}
    with programs.of_network(lab.nodes, network):
        bare = words(lab)
        lab.build(**joined)
        reference = words(lab)
        lab.build()
        plain = words(lab)
        for step in laid:
            kill_in(lab, "lab.yml", step, joined)
        lab.build(**joined)
        assert words(lab) == reference
        assert lab.build(**joined).changed("node1") == []
        kill_in(lab, "lab.yml", removed, {})
        lab.build()
        assert words(lab) == plain
        lab.build(**joined)
        kill_in(lab, "teardown.yml", undone, {})
        lab.teardown()
        assert words(lab) == bare
