# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network policies of a lab: every fault is found, and rules allow what the truth table says, and no more."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from ansible_collections.podnet.lab.plugins.filter.lab_policies import lab_policies
from ansible_collections.podnet.lab.plugins.module_utils._lab import policy_rules
from ansible_collections.podnet.lab.plugins.plugin_utils.description.checks import Fault
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.policies import (
    node_policies,
    read_namespaces,
    read_policies,
)
from ansible_collections.podnet.lab.plugins.plugin_utils.model.reading import Item
from ansible_collections.podnet.lab.plugins.plugin_utils.requirements.policies import (
    End,
    PodFacts,
    Selecting,
    allowed,
    policy,
)

EXAMPLES = settings.get_profile("podnet").max_examples
"""Fewer under ansible-test, as tests/unit/conftest.py says."""

NAMESPACES = {"shop": {"team": "a"}}
ADDRESSES = {
    "default/a": "10.244.0.2",
    "default/b": "10.244.1.2",
    "shop/a": "10.244.0.3",
    "shop/c": "10.244.1.3",
}
PORTS = {"default/a": 80, "default/b": 8080, "shop/a": 81}


def ends() -> list[dict[str, Any]]:
    """What policies ask of four pods on two nodes; three have a port of the name http, each another one."""
    found = []
    for name, address in ADDRESSES.items():
        namespace, own = name.split("/")
        ports = [["http", "tcp", PORTS[name]]] if name in PORTS else []
        node = "node1" if ".0." in address else "node2"
        found.append({"namespace": namespace, "name": own, "node": node, "labels": {"app": own}, "ports": ports})
    return found


def let_through(planned: list[dict[str, Any]], source: str, target: str, port: int, protocol: str) -> bool:
    """What rules made of the plan do with a packet: this test's own reading of them."""

    def passes(pod: str, direction: str, peer: str) -> bool:
        own = next((one for one in planned if one["address"] == pod), None)
        if own is None or own[direction] is None:
            return True
        for rule in own[direction]:
            if rule["peers"] is not None and not any(IPAddress(peer) in IPNetwork(part) for part in rule["peers"]):
                continue
            if rule["ports"] is None:
                return True
            if any(one["protocol"] == protocol and one["first"] <= port <= one["last"] for one in rule["ports"]):
                return True
            if any((one["protocol"], one["address"], one["port"]) == (protocol, peer, port) for one in rule["pairs"]):
                return True
        return False

    return source == target or (passes(source, "egress", target) and passes(target, "ingress", source))


def expect_the_truth_table(written: list[dict[str, Any]]) -> None:
    """Compare every pair, port and protocol."""
    faults: list[Fault] = []
    read = read_policies({"policies": written}, faults)
    assert faults == []
    planned = [one for node in ("node1", "node2") for one in node_policies(read, NAMESPACES, ends(), ADDRESSES, node)]
    policy_rules.blocks(policy_rules.read_pods(planned))
    policies = Selecting(policy(one["namespace"], one["name"], Item(one, "policies")) for one in read)
    parties = {
        f"{one['namespace']}/{one['name']}": End(
            one["namespace"],
            PodFacts(one["labels"], {(name, protocol): number for name, protocol, number in one["ports"]}),
            frozenset({ADDRESSES[f"{one['namespace']}/{one['name']}"]}),
        )
        for one in ends()
    }
    for source, target in itertools.product(parties, repeat=2):
        for port, protocol in itertools.product((79, 80, 81, 82, 8080), ("tcp", "udp")):
            wanted = allowed(policies, NAMESPACES, parties[source], parties[target], port, protocol)
            found = let_through(planned, ADDRESSES[source], ADDRESSES[target], port, protocol)
            assert found == wanted.allowed, (source, target, port, protocol, wanted.because)


EVERYBODY: dict[str, Any] = {"podSelector": {}}


@pytest.mark.parametrize(
    "written",
    [
        {"podSelector": {}},
        {"podSelector": {}, "ingress": [{}]},
        {"podSelector": {}, "policyTypes": ["Egress"]},
        {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "egress": [{}]},
        {"podSelector": {"matchLabels": {"app": "a"}}, "ingress": [{"from": [EVERYBODY], "ports": [{"port": "http"}]}]},
        {"podSelector": {}, "egress": [{"to": [{"namespaceSelector": {}}], "ports": [{"port": "http"}]}]},
        {"podSelector": {}, "egress": [{"ports": [{"port": "http"}, {"port": 82}]}]},
        {
            "podSelector": {},
            "ingress": [{"from": [{"ipBlock": {"cidr": "10.244.0.0/16", "except": ["10.244.0.2/31"]}}]}],
        },
        {"podSelector": {}, "ingress": [{"ports": [{"port": 80, "endPort": 81}, {"protocol": "UDP"}]}]},
        {
            "podSelector": {},
            "ingress": [
                {
                    "from": [
                        {
                            "namespaceSelector": {"matchLabels": {"team": "a"}},
                            "podSelector": {"matchLabels": {"app": "c"}},
                        }
                    ]
                }
            ],
        },
    ],
)
def test_the_examples_of_the_documentation(written: dict[str, Any]) -> None:
    expect_the_truth_table([{"name": "one", **written}])
    expect_the_truth_table([{"name": "one", "namespace": "shop", **written}])


_TERMS = st.sampled_from(
    [
        {"key": "app", "operator": "In", "values": ["a", "b"]},
        {"key": "app", "operator": "NotIn", "values": ["a"]},
        {"key": "app", "operator": "Exists"},
        {"key": "no", "operator": "DoesNotExist"},
        {"key": "no", "operator": "Exists"},
    ]
)
_SELECTORS = st.sampled_from([{}, {"matchLabels": {"app": "a"}}, {"matchLabels": {"app": "none"}}]) | st.builds(
    lambda term: {"matchExpressions": [term]}, _TERMS
)
_SPACES = st.sampled_from(
    [
        {},
        {"matchLabels": {"team": "a"}},
        {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
    ]
)
_BLOCKS = st.sampled_from(
    [
        {"cidr": "0.0.0.0/0"},
        {"cidr": "10.244.0.0/24"},
        {"cidr": "10.244.0.0/16", "except": ["10.244.1.0/24", "10.244.0.3/32"]},
    ]
)
_PEERS = (
    st.builds(lambda one: {"podSelector": one}, _SELECTORS)
    | st.builds(lambda one: {"namespaceSelector": one}, _SPACES)
    | st.builds(lambda one, two: {"podSelector": one, "namespaceSelector": two}, _SELECTORS, _SPACES)
    | st.builds(lambda one: {"ipBlock": one}, _BLOCKS)
)
_PORTS = st.sampled_from(
    [
        {"port": 80},
        {"port": "http"},
        {"port": "http", "protocol": "UDP"},
        {"protocol": "UDP"},
        {"port": 80, "endPort": 82},
        {"port": 82, "protocol": "UDP"},
        {"protocol": "TCP"},
    ]
)


def _rules(key: str) -> st.SearchStrategy[Any]:
    peers = st.lists(_PEERS, max_size=2)
    return st.lists(
        st.builds(lambda one, two: {key: one, "ports": two}, peers, st.lists(_PORTS, max_size=2)), max_size=2
    )


_POLICIES = st.fixed_dictionaries(
    {
        "podSelector": _SELECTORS,
        "namespace": st.sampled_from(["default", "shop"]),
        "policyTypes": st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        "ingress": _rules("from"),
        "egress": _rules("to"),
    },
)


@settings(deadline=None, max_examples=3 * EXAMPLES // 2)
@given(st.lists(_POLICIES, max_size=3))
def test_rules_allow_what_the_truth_table_says(written: list[dict[str, Any]]) -> None:
    expect_the_truth_table([{**one, "name": f"policy{number}"} for number, one in enumerate(written)])


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (7, "manual_lab_policies[0]: 7 is not a policy"),
        ({}, "manual_lab_policies[0].name: None is not a name"),
        ({"name": "x", "namespace": "A"}, ".namespace: 'A' is not a name"),
        ({"name": "x", "podselector": {}}, "unknown field 'podselector'. Known are name, namespace, podSelector"),
        ({"name": "x", "podSelector": {"app": "web"}}, ".podSelector: unknown field 'app'. Known are matchLabels"),
        ({"name": "x", "ingress": [{"to": []}]}, ".ingress[0]: unknown field 'to'. Known are from, ports"),
        ({"name": "x", "ingress": [{"from": [{"pods": {}}]}]}, ".ingress[0].from[0]: unknown field 'pods'"),
        ({"name": "x", "ingress": [{"from": [{}]}]}, "manual_lab_policies[0].ingress[0].from[0] must have an ipBlock"),
        ({"name": "x", "ingress": "all"}, "manual_lab_policies[0].ingress is"),
        ({"name": "x", "policyTypes": ["Both"]}, "policyTypes has 'Both', neither 'Ingress' nor 'Egress'"),
        ({"name": "x", "ingress": [{"ports": [{"port": 0}]}]}, ".ingress[0].ports: 0 is not a port"),
        ({"name": "x", "ingress": [{"ports": [{"port": "8080"}]}]}, ".ingress[0].ports: '8080' is not a port"),
        ({"name": "x", "ingress": [{"ports": [{"port": 90, "endPort": 80}]}]}, "endPort 80 does not end a range"),
        (
            {"name": "x", "ingress": [{"ports": [{"endPort": 80}]}]},
            "endPort 80 does not end a range that begins with None",
        ),
        ({"name": "x", "egress": [{"ports": [{"protocol": "ICMP"}]}]}, ".egress[0].ports: 'ICMP' is no protocol"),
        ({"name": "x", "egress": [{"to": [{"ipBlock": {"cidr": "x"}}]}]}, "'x', no range of addresses"),
        (
            {"name": "x", "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["192.0.2.0/24"]}}]}]},
            "'192.0.2.0/24' is not a range of addresses that can stand here",
        ),
    ],
)
def test_a_fault_says_where_it_is_and_what_to_do(written: Any, expected: str) -> None:
    faults: list[Fault] = []
    read_policies({"policies": [written]}, faults)
    assert any(expected in str(fault) for fault in faults), [str(fault) for fault in faults]


def test_two_policies_of_one_name_and_labels_that_are_none_are_faults() -> None:
    faults: list[Fault] = []
    read_policies({"policies": [{"name": "x"}, {"name": "x", "podSelector": {}}]}, faults)
    read_policies({"policies": "x"}, faults)
    assert read_namespaces({"namespaces": {"shop": {"team": "a"}}}, faults) == {"shop": {"team": "a"}}
    read_namespaces({"namespaces": {"Shop": {"team": "a b"}}}, faults)
    read_namespaces({"namespaces": ["shop"]}, faults)
    assert [str(fault).partition(". ")[0] for fault in faults] == [
        "manual_lab_policies[1]: manual_lab_policies[0] is policy default/x too",
        "manual_lab_policies: 'x' is not a list of policies",
        "manual_lab_namespaces.Shop: 'Shop' is not a name",
        "manual_lab_namespaces.Shop.team: 'team': 'a b' is not a label",
        "manual_lab_namespaces: ['shop'] is not a mapping",
    ]


def test_the_filter_gives_each_node_its_own_pods() -> None:
    read = read_policies({"policies": [{"name": "closed", "podSelector": {}}]}, [])
    plan = {
        "policies": read,
        "namespaces": {},
        "ends": ends(),
        "nodes": {"node1": {}},
        "versions": [4],
        "addresses": ADDRESSES,
    }
    assert lab_policies(plan, {}, "node2") == [
        {"namespace": "default", "name": "b", "address": "10.244.1.2", "ingress": [], "egress": None}
    ]


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70000) | st.sampled_from(["x", "TCP", "Ingress", "10.0.0.0/8", "In"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "namespace",
                    "podSelector",
                    "policyTypes",
                    "ingress",
                    "egress",
                    "from",
                    "to",
                    "ports",
                    "port",
                    "endPort",
                    "protocol",
                    "ipBlock",
                    "cidr",
                    "except",
                    "matchLabels",
                    "matchExpressions",
                    "key",
                    "operator",
                    "values",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=14,
)


@given(_VALUES, _VALUES)
def test_whatever_is_written_is_answered_with_faults_and_never_with_a_traceback(value: Any, namespaces: Any) -> None:
    faults: list[Fault] = []
    read = read_policies({"policies": value}, faults)
    spaces = read_namespaces({"namespaces": namespaces}, faults)
    if not faults:
        node_policies(read, spaces, ends(), ADDRESSES, "node1")
