# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""compare.yml with the lab's Services, names and policies beside rules that kube-proxy and kube-router wrote.

The rules of the right side are real ones, loaded into a node that has nothing else of a cluster.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes
from ansible_collections.podnet.lab.tests.integration.support.world import CHECKOUT

SCHEMA = json.loads((CHECKOUT / "docs" / "schema" / "comparison.schema.json").read_text(encoding="utf-8"))
RULES = CHECKOUT / "tests" / "unit" / "fixtures" / "services" / "kube-proxy.nft"
# kube-router holds policies in iptables-nft's table; only the names of its chains matter.
KUBE_ROUTER = "table ip filter { chain KUBE-POD-FW-4UEXGLXBQSE4RYSB { drop\n}\n}\n"
WEB = {"name": "web", "serve": 8080, "ports": [{"name": "http", "containerPort": 8080}]}
DESCRIBED: dict[str, Any] = {
    "manual_lab_pods": [
        {"name": "client", "node": "node1", "containers": [{"name": "idle", "command": ["sleep", "infinity"]}]},
        {"name": "web1", "node": "node1", "labels": {"app": "web"}, "containers": [WEB]},
        {"name": "web2", "node": "node2", "labels": {"app": "web"}, "containers": [WEB]},
    ],
    "manual_lab_services": [
        {
            "name": "web",
            "selector": {"app": "web"},
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "nodePort": 30080}],
        },
        {"name": "sticky", "selector": {"app": "web"}, "sessionAffinity": "ClientIP", "ports": [{"port": 80}]},
        {"name": "nobody", "ports": [{"port": 80}]},
    ],
    "manual_lab_dns": True,
    "manual_lab_policies": [
        {"name": "web", "podSelector": {"matchLabels": {"app": "web"}}, "policyTypes": ["Ingress"], "ingress": [{}]}
    ],
}


@pytest.fixture(scope="module")
def sides(ssh_nodes: Nodes) -> Iterator[Lab]:
    """A lab on node1 and node2, and kube-proxy's rules on node3."""
    lab = Lab(ssh_nodes)
    lab.build(**DESCRIBED)
    try:
        rules = RULES.read_text(encoding="utf-8") + KUBE_ROUTER
        lab.sh("node3", f"nft -f - <<'END'\n{rules}\nEND")
        yield lab
    finally:
        lab.sh("node3", "nft delete table ip kube-proxy; nft delete table ip6 kube-proxy; nft delete table ip filter")
        lab.teardown()


@pytest.fixture(scope="module")
def compared(sides: Lab, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The folder of a comparison, its aspects by key, and what the terminal showed."""
    folder = tmp_path_factory.mktemp("compared")
    options = {
        "podnet_left": "node1:node2",
        "podnet_right": "node3",
        "podnet_left_name": "lab",
        "podnet_right_name": "kube-proxy",
        "podnet_report_dir": str(folder),
    }
    done = sides.nodes.playbook(CHECKOUT / "playbooks" / "compare.yml", "-e", json.dumps(options))
    found = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    jsonschema.validate(found, SCHEMA)
    return folder, {one["key"]: one for subject in found["scopes"] for one in subject["aspects"]}, done.stdout


ALIKE = [
    ("service.mode", "nftables", "nftables"),
    ("service.nodes", "on all of 2 nodes", "on all of 1 node"),
    ("service.choice", "random", "random"),
    ("service.empty", "reject for default/nobody", "reject for default/empty"),
    ("service.affinity", "ClientIP for default/sticky", "ClientIP for default/sticky"),
    ("service.masquerade", "packets with a mark, in chain", "packets with a mark, in chain"),
    ("dns.service", "kube-system/kube-dns at 10.96.0.10", "kube-system/kube-dns at 10.96.0.10"),
    ("external.node-ports", "default/web 30080/tcp", "default/away 30081/tcp"),
    ("policy.holder", "lab on node1 and node2", "kube-router on node3"),
    ("policy.place", "nftables: table podnet_lab0_policies", "nftables: table filter"),
]


@pytest.mark.parametrize(("key", "left", "right"), ALIKE, ids=[one[0] for one in ALIKE])
def test_what_both_do(compared: tuple[Path, dict[str, Any], str], key: str, left: str, right: str) -> None:
    found = compared[1][key]
    assert found["verdict"] in ("same", "name"), found
    assert found["left"]["text"].startswith(left), found
    assert found["right"]["text"].startswith(right), found


def test_what_only_one_does(compared: tuple[Path, dict[str, Any], str]) -> None:
    found = compared[1]
    assert (found["dns.protocols"]["left"]["text"], found["dns.protocols"]["right"]["text"]) == (
        "53/tcp and 53/udp",
        "53/udp",
    )
    assert found["external.addresses"]["left"]["state"] == "absent"
    assert found["external.addresses"]["right"]["text"].startswith("default/away 198.51.100.10 port 80/tcp")
    assert found["service.policy"]["verdict"] == "different"
    assert found["external.node-port-addresses"]["right"]["text"].startswith("some addresses: 172.30.99.11")
    assert found["policy.pods"]["left"]["text"] == "2 pods with rules of their own"


def test_each_command_shows_it(sides: Lab, compared: tuple[Path, dict[str, Any], str]) -> None:
    """What is told as evidence can be typed, and what is asked for is in its output."""
    found = compared[1]
    for key in ("service.choice", "service.affinity"):
        for side in (found[key]["left"], found[key]["right"]):
            shown = sides.sh(side["host"], side["command"])
            assert "numgen random mod 2" in shown or "@affinity-" in shown, side
    for key in ("service.rules", "service.mode", "dns.service", "external.node-ports", "policy.holder"):
        for side in (found[key]["left"], found[key]["right"]):
            assert sides.sh(side["host"], side["command"]).strip(), side
    left, right = (found["dns.server"][side] for side in ("left", "right"))
    assert re.search(r"endpoint-\S+kube-dns", sides.sh(left["host"], left["command"]))
    assert re.search(r"endpoint-\S+kube-dns", sides.sh(right["host"], right["command"]))


def test_the_pods_that_answer_for_names_are_counted_once(compared: tuple[Path, dict[str, Any], str]) -> None:
    """kube-proxy has an entry for each protocol and family."""
    found = compared[1]["dns.server"]
    assert found["left"]["text"] == "1 pod: kube-system/kube-dns"
    assert found["right"]["text"] == "2 pods: 10.244.0.2 and 10.244.1.12"


def test_resolv_conf_of_the_labs_pods(compared: tuple[Path, dict[str, Any], str]) -> None:
    found = compared[1]
    assert found["dns.asked"]["left"]["text"].startswith("the cluster's DNS: 10.96.0.10 in ")
    assert found["dns.search"]["left"]["text"] == "NAMESPACE.svc.cluster.local svc.cluster.local cluster.local"
    assert found["dns.options"]["left"]["text"] == "ndots:5"
    right = found["dns.asked"]["right"]
    assert (right["state"], right["text"]) == ("absent", "no pod with a network of its own")


def test_terminal_markdown_and_page_show_the_scopes(compared: tuple[Path, dict[str, Any], str]) -> None:
    folder, _found, shown = compared
    start = shown.index("COMPARISON of lab with kube-proxy")
    lines = shown[start:].split("\n")
    assert all(len(line) <= 80 for line in lines[: lines.index("WAY IN") + 30])
    for title in ("Service", "Names", "Policies", "Way in"):
        assert title.upper() in lines
        assert f"### {title}" in (folder / "comparison.md").read_text(encoding="utf-8")
        assert title in (folder / "comparison.html").read_text(encoding="utf-8")
