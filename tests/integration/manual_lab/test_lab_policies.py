# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network policies: every pair of pods and every port that they name, held against the truth table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.podnet.lab.tests.integration.support.lab import Lab
from ansible_collections.podnet.lab.tests.integration.support.nodes import Nodes

HTTP = [{"name": "http", "containerPort": 80}]


def pod(name: str, node: str, app: str, namespace: str = "default", **container: Any) -> dict[str, Any]:
    """A pod that serves at the port that it calls http."""
    served = {"name": "web", "serve": 80, "ports": HTTP, **container}
    return {"name": name, "namespace": namespace, "node": node, "labels": {"app": app}, "containers": [served]}


PODS = [
    pod("web1", "node1", "web"),
    pod("web2", "node2", "web", serve=8080, ports=[{"name": "http", "containerPort": 8080}]),
    pod("front", "node1", "front"),
    pod("other", "node1", "other"),
    pod("shop", "node2", "front", "shop"),
]
SELECT_WEB = {"podSelector": {"matchLabels": {"app": "web"}}}
FROM_FRONT = {"podSelector": {"matchLabels": {"app": "front"}}}
WEB = {"name": "web", **SELECT_WEB, "ingress": [{"from": [FROM_FRONT], "ports": [{"port": "http"}]}]}
POLICIES: dict[str, list[dict[str, Any]]] = {
    "ingress by label and named port": [WEB],
    "policies add up": [
        WEB,
        {
            "name": "shop",
            **SELECT_WEB,
            "ingress": [
                {
                    "from": [{"namespaceSelector": {"matchLabels": {"team": "a"}}}],
                    "ports": [{"port": 8079, "endPort": 8081}],
                }
            ],
        },
    ],
    "egress and ranges": [
        {"name": "closed", "podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        {
            "name": "some",
            "podSelector": {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["other"]}]},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"ports": [{"port": 80}, {"port": 53, "protocol": "UDP"}]}],
            "egress": [
                {"to": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24"]}}]},
                {"ports": [{"port": "http"}]},
            ],
        },
    ],
}
NAMESPACES = {"shop": {"team": "a"}}
DESCRIBED = {
    "manual_lab_pods": PODS,
    "manual_lab_namespaces": NAMESPACES,
    "manual_lab_policies": POLICIES["policies add up"],
}
# A pod that says how its very first packet fared.
EAGER = (
    "import socket, sys, time\n"
    "try:\n"
    "    socket.create_connection((sys.argv[1], 80), 1); told = 'reached'\n"
    "except OSError as error:\n"
    "    told = type(error).__name__\n"
    "open('/run/eager', 'w').write(told); time.sleep(9999)\n"
)


@pytest.fixture(scope="module")
def lab(ssh_nodes: Nodes) -> Iterator[Lab]:
    """The lab, shared by the tests of this file in their order; at the end nothing is left of it."""
    made = Lab(ssh_nodes)
    before = {node: made.state(node) for node in ("node1", "node2")}
    try:
        yield made
    finally:
        made.teardown()
    assert {node: made.state(node) for node in before} == before


def objects(policies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The description's pods, namespaces and policies as the API has them, for verify.yml."""
    found: list[dict[str, Any]] = [
        {"kind": "Namespace", "metadata": {"name": name, "labels": labels}} for name, labels in NAMESPACES.items()
    ]
    for one in PODS:
        meta = {"name": one["name"], "namespace": one["namespace"], "labels": one["labels"]}
        ports = [{"ports": container["ports"]} for container in one["containers"]]
        found.append({"kind": "Pod", "metadata": meta, "spec": {"containers": ports}})
    for one in policies:
        spec = {key: value for key, value in one.items() if key != "name"}
        found.append({"kind": "NetworkPolicy", "metadata": {"name": one["name"]}, "spec": spec})
    return found


def test_check_mode_predicts_the_rules_and_touches_nothing(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    predicted = lab.build("--check", "--diff", **DESCRIBED)
    assert (lab.state("node1"), lab.state("node2")) == before
    real = lab.build(**DESCRIBED)
    for node in ("node1", "node2"):
        step = [line for line in real.commands(node) if "podnet_lab0_policies" in line]
        assert step
        assert step == [line for line in predicted.commands(node) if "podnet_lab0_policies" in line]
        listed = "nft list table ip podnet_lab0_policies"
        typed = lab.sh(node, "unshare --net sh -e <<'END'\n" + "\n".join(step) + f"\n{listed}\nEND")
        assert sorted(typed.split()) == sorted(lab.sh(node, listed).split())
    assert lab.build(**DESCRIBED).changed("node1") == []


@pytest.mark.parametrize("name", POLICIES)
def test_what_passes_is_what_the_truth_table_says(lab: Lab, name: str) -> None:
    lab.build(**{**DESCRIBED, "manual_lab_policies": POLICIES[name]})
    folder = lab.nodes.directory / name.replace(" ", "-")
    options = {
        "podnet_report_dir": str(folder),
        "podnet_verify_objects": objects(POLICIES[name]),
        "podnet_verify_policy_ports": ["80", "8080", "81", "53/udp"],
        "podnet_verify_timeout": 0.7,
    }
    done = lab.run("verify.yml", variables=options)
    told = json.loads((folder / "verify.json").read_text(encoding="utf-8"))
    verdicts = {one["key"]: one["verdict"] for one in told["requirements"]}
    assert verdicts["policies"] == "held", done.output
    assert "broken" not in verdicts.values(), done.output
    rows = [(row["expected"], row["measured"]) for row in told["policies"]]
    assert {(True, True), (False, False)} <= set(rows)


def test_a_new_pod_is_isolated_before_its_first_packet(lab: Lab) -> None:
    target = lab.pod_address("node1", "lab0_default_web1")
    closed = {"name": "eager", "podSelector": {"matchLabels": {"app": "eager"}}, "policyTypes": ["Egress"]}
    eager = {"name": "eager", "node": "node1", "labels": {"app": "eager"},
             "containers": [{"name": "first", "command": ["python3", "-c", EAGER, target]}]}  # fmt: skip
    try:
        lab.build(**{**DESCRIBED, "manual_lab_pods": [*PODS, eager], "manual_lab_policies": [closed]})
        waiting = "for i in $(seq 50); do test -s /run/eager && break; sleep 0.1; done; cat /run/eager"
        assert lab.sh("node1", waiting) == "TimeoutError"
        lab.build(**{**DESCRIBED, "manual_lab_pods": PODS, "manual_lab_policies": []})
        lab.sh("node1", "rm /run/eager")
        lab.build(**{**DESCRIBED, "manual_lab_pods": [*PODS, eager], "manual_lab_policies": []})
        assert lab.sh("node1", waiting) == "reached"
    finally:
        lab.sh("node1", "rm -f /run/eager")


def test_policies_that_are_not_listed_go_and_leave_others_alone(lab: Lab) -> None:
    lab.build(**DESCRIBED)
    lab.sh("node1", "nft 'add table ip podnet_lab0x_policies'")
    try:
        lab.build(manual_lab_pods=PODS)
        tables = lab.sh("node1", "nft list tables").split("\n")
        assert "table ip podnet_lab0_policies" not in tables
        assert "table bridge podnet_lab0" not in tables
        assert "table ip podnet_lab0x_policies" in tables
    finally:
        lab.sh("node1", "nft 'delete table ip podnet_lab0x_policies'")


def test_faults_of_policies_are_refused_before_anything_is_touched(lab: Lab) -> None:
    before = lab.state("node1"), lab.state("node2")
    bad = [{"name": "a", "podselector": {}}, {"name": "b", "ingress": [{"ports": [{"port": 90, "endPort": 80}]}]}]
    run = lab.run("lab.yml", variables={"manual_lab_pods": PODS, "manual_lab_policies": bad})
    assert run.status != 0
    assert "manual_lab_policies[0]: unknown field 'podselector'" in run.output
    assert "manual_lab_policies[1].ingress[0].ports: endPort 80 does not end a range that begins with 90" in run.output
    assert (lab.state("node1"), lab.state("node2")) == before
