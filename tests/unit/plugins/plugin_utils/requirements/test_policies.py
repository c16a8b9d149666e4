# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""NetworkPolicies as a pure function, and as a truth table beside what was measured."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.podnet.lab.plugins.plugin_utils.comparison.world import world_of
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import Item, ShapeError
from ansible_collections.podnet.lab.plugins.plugin_utils.report import gathering
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements import policies, policy_table
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.objects import read_objects
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.policies import (
    End,
    PodFacts,
    Policy,
    Selecting,
    allowed,
)
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.records import Check, Listening
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.scene import Expected
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.model.node_files import NodeFile
from ansible_collections.podnet.lab.tests.unit.plugins.plugin_utils.requirements.network import (
    Json,
    Network,
    broken,
    captured,
    line,
)

Spec = dict[str, Any]


def end(labels: str = "", namespace: str = "default", address: str = "10.244.0.9") -> End:
    pairs = dict(one.split("=") for one in labels.split())
    return End(namespace, PodFacts(pairs, {("http", "tcp"): 8080}), frozenset({address}))


WEB, CLIENT, STRANGER = (
    end("app=web"),
    end("app=client", address="10.244.0.8"),
    end("app=client", "other", "10.244.1.8"),
)
SPACES = {"other": {"team": "red"}, "default": {"team": "blue"}}


def made(spec: Spec, namespace: str = "default") -> Policy:
    return policies.policy(namespace, "p", Item(spec, "spec"))


def pods(label: str) -> Spec:
    return {"podSelector": {"matchLabels": dict([label.split("=")])}}


def spaces(label: str) -> Spec:
    return {"namespaceSelector": {"matchLabels": dict([label.split("=")])}}


def block(cidr: str, *excepted: str) -> Spec:
    return {"ipBlock": {"cidr": cidr, "except": list(excepted)}}


def term(key: str, operator: str, *values: str) -> Spec:
    return {"podSelector": {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}}


def ingress(*rules: Spec) -> Spec:
    return {**pods("app=web"), "ingress": list(rules)}


def of(*peers: Spec) -> Spec:
    return ingress({"from": list(peers)})


def at(**port: Any) -> Spec:
    return ingress({"ports": [port]})


ALL: Spec = {"podSelector": {}}
NO_EGRESS: Spec = {"podSelector": {}, "policyTypes": ["Egress"]}
OPEN_TO_CLIENT = of(pods("app=client"))
RED = spaces("team=red")

CASES: list[tuple[str, list[Spec], End, End, int, str, bool]] = [
    ("no policy", [], CLIENT, WEB, 80, "tcp", True),
    ("default deny", [ALL], CLIENT, WEB, 80, "tcp", False),
    ("default deny is for Ingress alone", [pods("app=client")], CLIENT, WEB, 80, "tcp", True),
    ("deny Egress", [{**pods("app=client"), "policyTypes": ["Egress"]}], CLIENT, WEB, 80, "tcp", False),
    ("an empty egress implies nothing", [{**ALL, "egress": [], "ingress": [{}]}], CLIENT, WEB, 80, "tcp", True),
    ("egress rules imply Egress", [{**ALL, "egress": [{"to": [RED]}], "ingress": [{}]}], CLIENT, WEB, 80, "tcp", False),
    ("an empty rule allows all", [ingress({})], STRANGER, WEB, 80, "tcp", True),
    ("podSelector means its own namespace", [OPEN_TO_CLIENT], CLIENT, WEB, 80, "tcp", True),
    ("podSelector excludes other namespaces", [OPEN_TO_CLIENT], STRANGER, WEB, 80, "tcp", False),
    ("namespaceSelector", [of(RED)], STRANGER, WEB, 80, "tcp", True),
    ("namespaceSelector excludes", [of(RED)], CLIENT, WEB, 80, "tcp", False),
    ("every namespace has its name", [of(spaces("kubernetes.io/metadata.name=other"))], STRANGER, WEB, 80, "tcp", True),
    ("both in one entry", [of({**RED, **pods("app=x")})], STRANGER, WEB, 80, "tcp", False),
    ("both in two entries", [of(RED, pods("app=x"))], STRANGER, WEB, 80, "tcp", True),
    ("ipBlock", [of(block("10.244.0.0/16"))], STRANGER, WEB, 80, "tcp", True),
    ("ipBlock except", [of(block("10.244.0.0/16", "10.244.1.0/24"))], STRANGER, WEB, 80, "tcp", False),
    ("a port", [at(port=80)], CLIENT, WEB, 80, "tcp", True),
    ("another port", [at(port=80)], CLIENT, WEB, 81, "tcp", False),
    ("TCP is the default", [at(port=80)], CLIENT, WEB, 80, "udp", False),
    ("a protocol without a port", [at(protocol="UDP")], CLIENT, WEB, 999, "udp", True),
    ("a named port", [at(port="http")], CLIENT, WEB, 8080, "tcp", True),
    ("a named port that is another", [at(port="http")], CLIENT, WEB, 80, "tcp", False),
    ("endPort", [at(port=80, endPort=90)], CLIENT, WEB, 90, "tcp", True),
    ("after endPort", [at(port=80, endPort=90)], CLIENT, WEB, 91, "tcp", False),
    ("policies add up", [ALL, OPEN_TO_CLIENT], CLIENT, WEB, 80, "tcp", True),
    ("both ends must allow", [OPEN_TO_CLIENT, NO_EGRESS], CLIENT, WEB, 80, "tcp", False),
    ("a pod always reaches itself", [ALL], WEB, WEB, 80, "tcp", True),
    ("NotIn fits without the label", [term("tier", "NotIn", "x")], CLIENT, WEB, 80, "tcp", False),
    ("NotIn", [term("app", "NotIn", "web")], CLIENT, WEB, 80, "tcp", True),
    ("Exists", [term("tier", "Exists")], CLIENT, WEB, 80, "tcp", True),
    ("DoesNotExist", [term("tier", "DoesNotExist")], CLIENT, WEB, 80, "tcp", False),
    ("In", [term("app", "In", "web", "x")], CLIENT, WEB, 80, "tcp", False),
]


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_the_truth_table(case: tuple[str, list[Spec], End, End, int, str, bool]) -> None:
    _name, specs, source, target, port, protocol, expected = case
    verdict = allowed(Selecting(made(spec) for spec in specs), SPACES, source, target, port, protocol)
    assert verdict.allowed is expected, verdict.because


def test_policies_of_another_namespace_select_nobody_here() -> None:
    assert allowed(Selecting([made({"podSelector": {}}, "other")]), SPACES, CLIENT, WEB, 80).allowed


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"policyTypes": ["Sideways"]}, "policyTypes has 'Sideways'"),
        ({"ingress": [{"from": [{}]}]}, "must have an ipBlock"),
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "x"}}]}]}, "cidr is 'x'"),
        ({"podSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}, "operator is 'Like'"),
        ({"ingress": [{"ports": [{"port": [80]}]}]}, "port is a list"),
    ],
)
def test_what_is_no_policy_is_refused_with_its_place(spec: Spec, told: str) -> None:
    with pytest.raises(ShapeError, match=told):
        made(spec)


def lab_with(*specs: Spec, pods: tuple[str, ...] = ("pod1", "pod2", "pod3")) -> Network:
    documents: list[Any] = [
        {"kind": "NetworkPolicy", "metadata": {"name": f"p{number}"}, "spec": spec} for number, spec in enumerate(specs)
    ]
    documents += [{"kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}} for name in pods]
    return Network(captured("lab"), Expected(read_objects([({"kind": "List", "items": documents}, "x")])))


ONLY_POD3 = {
    "podSelector": {"matchLabels": {"app": "pod2"}},
    "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "pod3"}}}], "ports": [{"port": 80}]}],
}


def enforced(check: Check, answer: Json) -> Json:
    """As ONLY_POD3 wants it, with drops."""
    if check.receiver != "default/pod2" or check.sender.pod is None or check.sender.name == "default/pod2":
        return answer
    if check.sender.name == "default/pod3" and check.port == 80:
        return answer
    return {**answer, "outcome": "timeout", "seen_as": None, "answered_by": None} if check.kind == "tcp" else answer


def test_policies_that_hold_leave_requirement_1_alone() -> None:
    found = lab_with(ONLY_POD3).judged(enforced)
    assert broken(found) == []
    assert (
        line(found, "policies")["summary"]
        == "1 policy, 12 pairs of pods with a port: 9 open and 3 closed, as they should be"
    )
    assert line(found, "pods-reach-pods")["notes"] == ["2 pairs that policies forbid or may forbid left out"]
    assert len(found["policies"]) == 12


def test_a_policy_too_wide_and_one_too_narrow() -> None:
    found = lab_with(ONLY_POD3).judged()
    assert broken(found) == ["policies"]
    told = {(f["sender"], f["receiver"], f["message"]) for f in line(found, "policies")["faults"]}
    assert ("default/pod1", "default/pod2", "port 80/tcp is open although no policy allows it") in told
    assert ("default/pod1", "default/pod2", "any other port is open although no policy allows it") in told
    assert found["policies"][0]["measured"] != found["policies"][0]["expected"]

    def closed(check: Check, answer: Json) -> Json:
        answer = enforced(check, answer)
        return {**answer, "outcome": "prohibited"} if check.requirement == "policies" else answer

    messages = {f["message"] for f in line(lab_with(ONLY_POD3).judged(closed), "policies")["faults"]}
    assert "port 80/tcp is closed although the policies allow it" in messages


def test_where_a_server_has_the_port_its_answer_counts() -> None:
    network = lab_with(ONLY_POD3)
    taken = {
        one.id: Listening(None, "in use") if one.id.startswith("q") else network.scene.listening[one.id]
        for one in network.plan.listeners
    }
    network.scene = network.scene._replace(listening=taken)

    def served(check: Check, answer: Json) -> Json:
        answer = enforced(check, answer)
        if check.requirement == "policies" and answer["outcome"] == "ok":
            return {**answer, "outcome": "closed", "seen_as": None, "answered_by": None}
        return answer

    assert line(network.judged(served), "policies")["verdict"] == "held"


def test_pods_without_labels_are_left_out_and_said() -> None:
    found = lab_with(ONLY_POD3, pods=("pod1", "pod2")).judged(enforced)
    assert line(found, "policies")["notes"] == ["the labels of 1 pod were not given: default/pod3"]
    assert line(lab_with(ONLY_POD3, pods=()).judged(), "policies")["summary"].startswith(
        "the labels of the pods were not"
    )


def test_what_should_be_open_is_waited_for_longer() -> None:
    """Many ask one web server at once, and its queue is short."""
    checks = [check for check in lab_with(ONLY_POD3).plan.checks if check.requirement == "policies"]
    assert {check.patient for check in checks} == {True, False}
    for check in checks:
        closed = check.sender.name != "default/pod3" and check.receiver == "default/pod2"
        assert check.patient is not closed


def rule(app: str, port: int | None) -> Spec:
    """A rule that lets pods of a label in, at one port or at all."""
    return {"from": [pods(f"app={app}")], **({} if port is None else {"ports": [{"port": port}]})}


def fleet(folder: Path, *specs: Spec, each: int = 12) -> Network:
    """Three nodes with pods that send to a sample of the others: their labels are ``app1`` to ``app3`` by the node."""
    documents: list[Any] = [
        {"kind": "NetworkPolicy", "metadata": {"name": f"p{number}"}, "spec": spec} for number, spec in enumerate(specs)
    ]
    (folder / "nodes").mkdir(parents=True)
    for number in (1, 2, 3):
        node = NodeFile(number)
        for turn in range(each):
            name = f"pod{number}-{turn:02}"
            node.pod(name)
            documents.append(
                {"kind": "Pod", "metadata": {"name": name, "labels": {"app": f"app{number}", "pod": name}}}
            )
        (folder / "nodes" / f"{node.host}.json").write_text(json.dumps(node.document()), encoding="utf-8")
    world = world_of(*gathering.read_model([folder]))
    return Network(world, Expected(read_objects([({"kind": "List", "items": documents}, "x")]), pairs=1))


def asked(network: Network) -> dict[tuple[str, str], set[str]]:
    """The ports that each pair of pods is asked for."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for check in network.plan.checks:
        if check.requirement == "policies":
            found[check.sender.name, check.receiver].add(check.about)
    return found


LAST = "pod=pod1-11"


def test_of_each_rule_a_pair_that_it_lets_through_is_in_the_sample(tmp_path: Path) -> None:
    closed = fleet(tmp_path / "closed", pods(LAST))
    here = {(one.name, other.name) for one, other in closed.scene.sample.pairs}
    network = fleet(
        tmp_path / "open",
        {**pods(LAST), "ingress": [rule("app3", 80), rule("app2", None), rule("nobody", 81)]},
        {**pods("pod=pod2-05"), "policyTypes": ["Egress"], "egress": [{"to": [pods("pod=pod3-09")]}]},
    )
    added = {(one.name, other.name) for one, other in network.scene.sample.pairs} - here
    assert (
        added
        == {
            ("default/pod3-00", "default/pod1-11"),
            ("default/pod2-00", "default/pod1-11"),
            ("default/pod2-05", "default/pod3-09"),
        }
        - here
    )
    assert len(added) >= 2
    assert network.scene.sample.how.endswith(f"{len(added)} pairs that policies let through")
    assert "80/tcp" in asked(network)["default/pod3-00", "default/pod1-11"]
    found = network.judged(lambda check, answer: answer)
    rows = {
        (row["sender"], row["port"]): row["expected"] for row in found["policies"] if row["receiver"].endswith("1-11")
    }
    assert rows["default/pod3-00", "80/tcp"] is True
    assert rows["default/pod3-00", "any other"] is False


def test_of_too_many_ports_each_pair_is_asked_for_those_of_its_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports = [{"ports": [{"port": 8000 + number}]} for number in range(6)]
    specs = [
        {**pods(LAST), "ingress": ports},
        {**pods("pod=pod2-05"), "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 9000, "protocol": "UDP"}]}]},
    ]
    everything = fleet(tmp_path / "all", *specs)
    names = {f"{8000 + number}/tcp" for number in range(6)}
    assert set(map(frozenset, asked(everything).values())) == {frozenset(names | {"9000/udp"})}
    assert line(everything.judged(), "policies")["notes"] == []

    monkeypatch.setattr(policy_table, "PER_NODE", 200)
    network = fleet(tmp_path / "ends", *specs)
    for (sender, receiver), found in asked(network).items():
        wanted = names if receiver == "default/pod1-11" else set()
        assert found == wanted | ({"9000/udp"} if sender == "default/pod2-05" else set())
    assert {one.owner for one in network.plan.listeners if one.id.startswith("q") and one.protocol == "tcp"} == {
        "default/pod1-11"
    }
    note = "of the ports that policies name, each pair was asked for those of its own two ends"
    assert line(network.judged(), "policies")["notes"] == [note]

    monkeypatch.setattr(policy_table, "PER_NODE", 40)
    network = fleet(tmp_path / "turns", *specs)
    towards = {sender: found for (sender, receiver), found in asked(network).items() if receiver == "default/pod1-11"}
    assert max(map(len, towards.values())) < 6
    assert set().union(*towards.values()) - {"9000/udp"} == names, "all ports are tried, by one or the other"
    assert line(network.judged(), "policies")["notes"][0].startswith("of the ports that policies of its two ends name")


def test_echoes_for_the_path_mtu_are_sent_where_a_rule_without_ports_lets_them_pass(tmp_path: Path) -> None:
    def between(*specs: Spec) -> set[tuple[str, str]]:
        network = fleet(tmp_path / str(len(list(tmp_path.iterdir()))), *specs)
        return {
            (check.sender.host, network.scene.owner(check).host)
            for check in network.plan.checks
            if check.requirement == "path-mtu"
        }

    every = {(f"node{one}", f"node{other}") for one in (1, 2, 3) for other in (1, 2, 3)}
    assert between() == every
    closed = {**pods("app=app1"), "ingress": [rule("app2", 80)]}
    assert between(closed) == {pair for pair in every if pair[1] != "node1"}
    last = {**pods(LAST), "ingress": [{"from": [pods("pod=pod3-11")]}]}
    assert between(closed, last) == {pair for pair in every if pair[1] != "node1"} | {("node3", "node1")}
