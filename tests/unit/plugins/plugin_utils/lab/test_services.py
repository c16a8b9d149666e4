# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Services of a lab: every fault is found, and what each node gets."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from netaddr import IPAddress, IPNetwork

from ansible_collections.podnet.lab.plugins.filter.lab_services import lab_services
from ansible_collections.podnet.lab.plugins.plugin_utils.description.checks import Fault
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.description import read_description
from ansible_collections.podnet.lab.plugins.plugin_utils.lab.services import (
    Service,
    give_addresses,
    node_services,
    plan_services,
    read_services,
)


def pod(name: str, node: str = "node1", app: str = "web", **container: Any) -> dict[str, Any]:
    """A pod without faults."""
    return {"name": name, "node": node, "labels": {"app": app}, "containers": [{"name": "c", "serve": 80, **container}]}


DESCRIPTION: dict[str, Any] = {
    "name": "lab0",
    "nodes": ["node1", "node2"],
    "pods": [
        pod("web1", ports=[{"name": "http", "containerPort": 8080}]),
        pod("web2", "node2", ports=[{"name": "http", "containerPort": 8081}]),
        pod("other", app="other"),
        {**pod("web1"), "namespace": "shop"},
    ],
    "cluster_cidr": "10.244.0.0/16",
    "node_prefix": 24,
    "bridge": "lab0",
    "mtu": 1500,
    "service_cidr": "10.96.0.0/16",
}


def read(*services: Any, **changes: Any) -> tuple[list[Service], list[str]]:
    """The Services of a description, and the faults that they have."""
    raw = {**DESCRIPTION, "services": list(services), **changes}
    description = read_description(raw)
    assert description.faults == [] or "pods" in changes
    faults: list[Fault] = []
    return read_services(raw, description, faults), [str(fault) for fault in faults]


def web(**changes: Any) -> dict[str, Any]:
    """A Service without faults, and changes to it."""
    return {"name": "web", "selector": {"app": "web"}, "ports": [{"port": 80}], **changes}


def test_pods_of_the_same_namespace_that_have_all_labels_are_behind_a_service() -> None:
    services, faults = read(web(ports=[{"port": 80, "targetPort": "http", "nodePort": "30080"}]))
    assert faults == []
    addresses = give_addresses(services, IPNetwork("10.96.0.0/16"), [])
    planned = plan_services(services, {4: addresses}, read_description(DESCRIPTION).pods)
    got = {"default/web1": "10.244.0.2", "default/web2": "10.244.1.2"}
    assert node_services(planned, got, "node2") == [
        {
            "namespace": "default",
            "name": "web",
            "address": "10.96.1.1",
            "load_balancer": None,
            "affinity_timeout": None,
            "internal_traffic_policy": "Cluster",
            "external_traffic_policy": "Cluster",
            "ports": [
                {
                    "name": None,
                    "protocol": "TCP",
                    "port": 80,
                    "node_port": 30080,
                    "endpoints": [
                        {"address": "10.244.0.2", "port": 8080, "local": False},
                        {"address": "10.244.1.2", "port": 8081, "local": True},
                    ],
                }
            ],
        }
    ]


def test_without_a_selector_nobody_is_behind_a_service_and_a_headless_one_has_no_rules() -> None:
    services, faults = read({"name": "nobody", "ports": [{"port": 80}]}, web(headless=True, ports=[]))
    assert faults == []
    addresses = give_addresses(services, IPNetwork("10.96.0.0/16"), [])
    planned = plan_services(services, {4: addresses}, read_description(DESCRIPTION).pods)
    assert [one["ports"][0]["endpoints"] for one in node_services(planned, {}, "node1")] == [[]]
    assert planned[1]["address"] is None
    assert planned[1]["pods"] == ["default/web1", "default/web2"]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (7, "manual_lab_services[0]: 7 is not a Service"),
        (web(port=80), "manual_lab_services[0]: unknown field 'port'. Known are name, namespace"),
        (web(name="Web"), ".name: 'Web' is not a name for a Service. Use 1 to 63 of a-z, 0-9 and '-', beginning with"),
        (web(name="1web"), ".name: '1web' is not a name for a Service"),
        (web(name="w" * 64), "is not a name for a Service"),
        (web(namespace="a.b"), ".namespace: 'a.b' is not a name"),
        (web(address="10.97.0.1"), ".address: 10.97.0.1 is not an address in 10.96.0.0/16"),
        (web(address="10.96.0.0"), ".address: 10.96.0.0 is not an address in 10.96.0.0/16"),
        (web(address="10.96.255.255"), ".address: 10.96.255.255 is not an address in"),
        (web(address="fd00::1"), ".address: 'fd00::1' is not an IPv4 address"),
        (
            web(selector={"app": "nobody"}),
            ".selector: no pod of namespace default has these labels; there are app=other, app=web",
        ),
        (web(selector={"app": "other"}, namespace="shop"), ".selector: no pod of namespace shop has these labels"),
        (web(selector=[1]), ".selector: [1] is not a set of labels"),
        (web(ports=[]), ".ports: there is no port"),
        (web(ports=80), ".ports: 80 is not a list of ports"),
        (web(ports=[80]), ".ports[0]: 80 is not a port"),
        (web(ports=[{"port": 0}]), ".ports[0].port: 0 is not a port"),
        (
            web(ports=[{"port": 80, "targetPort": "nosuch"}]),
            ".ports[0].targetPort: no pod behind it has a TCP port of the name 'nosuch'",
        ),
        (
            web(ports=[{"port": 80, "targetPort": "http", "protocol": "UDP"}]),
            "no pod behind it has a UDP port of the name 'http'",
        ),
        (web(ports=[{"port": 80, "targetPort": "A"}]), ".ports[0].targetPort: 'A' is not a port"),
        (
            web(ports=[{"port": 80, "nodePort": 80}]),
            ".ports[0].nodePort: 80 is not a port for that. Use a number from 30000 to 32767",
        ),
        (
            web(ports=[{"port": 80, "protocol": "tcp"}]),
            ".ports[0].protocol: 'tcp' has no meaning here. Use one of TCP, UDP, SCTP",
        ),
        (web(ports=[{"port": 80}, {"port": 81}]), ".ports[0]: it has no name, and the Service has several ports"),
        (
            web(ports=[{"port": 80, "name": "a"}, {"port": 80, "name": "b"}]),
            ".ports[1]: manual_lab_services[0].ports[0] has TCP port 80 too",
        ),
        (
            web(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]),
            ".ports[1]: manual_lab_services[0].ports[0] has the name 'a' too",
        ),
        (web(sessionAffinity="Cookie"), ".sessionAffinity: 'Cookie' has no meaning here. Use one of None, ClientIP"),
        (web(timeoutSeconds=5), ".timeoutSeconds: there is no affinity"),
        (web(sessionAffinity="ClientIP", timeoutSeconds=0), ".timeoutSeconds: 0 is not a time that Kubernetes takes"),
        (web(internalTrafficPolicy="local"), ".internalTrafficPolicy: 'local' has no meaning here"),
        (web(externalTrafficPolicy="Local"), ".externalTrafficPolicy: no port has a nodePort"),
        (web(headless="yes"), ".headless: 'yes' is neither true nor false"),
        (web(headless=True, address="10.96.0.5"), "a headless Service has no rules, and this one has address"),
    ],
)
def test_a_fault_says_where_it_is_and_what_to_do(service: Any, expected: str) -> None:
    _services, faults = read(service)
    assert len([fault for fault in faults if expected in fault]) == 1, faults


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "manual_lab_services[1]: manual_lab_services[0] is Service default/web too"),
        (
            {"name": "b", "address": "10.96.0.9"},
            "[1].address: manual_lab_services[0].address has the address 10.96.0.9 too",
        ),
        (
            {"name": "b", "ports": [{"port": 81, "nodePort": 30080}]},
            "[1].ports[0].nodePort: manual_lab_services[0].ports[0].nodePort has TCP port 30080 of the nodes too",
        ),
    ],
)
def test_what_two_services_cannot_share(changes: dict[str, Any], expected: str) -> None:
    first = web(address="10.96.0.9", ports=[{"port": 80, "nodePort": 30080}])
    _services, faults = read(first, web(**changes))
    assert any(expected in fault for fault in faults), faults


def test_the_range_must_be_one_beside_the_pods_and_large_enough() -> None:
    assert (
        "manual_lab_service_cidr: 10.244.9.0/24 overlaps the range of the pods"
        in read(web(), service_cidr="10.244.9.0/24")[1][0]
    )
    assert "has 0 addresses, and 1 Services need one" in read(web(), service_cidr="10.96.0.0/31")[1][0]
    assert "manual_lab_service_cidr: None is not a network" in read(web(), service_cidr=None)[1][0]
    assert read(service_cidr="nonsense") == ([], [])


def test_addresses_are_kept_given_before_and_lowest_of_the_part_for_them() -> None:
    part = IPNetwork("10.96.0.0/24")
    services = [read(web(name=name))[0][0] for name in ("a", "b", "c", "d")]
    services[3] = read(web(name="d", address="10.96.0.17"))[0][0]
    leases = [
        {"default/a": "10.96.0.20", "default/b": "10.96.0.17"},
        {"default/a": "10.96.0.30", "default/b": "10.96.0.20", "default/c": "nonsense"},
    ]
    found = {name: str(address) for name, address in give_addresses(services, part, leases).items()}
    # b had the address that d is given, and what another node noted is a's: as c, it gets a new one.
    assert found == {
        "default/d": "10.96.0.17",
        "default/a": "10.96.0.20",
        "default/b": "10.96.0.18",
        "default/c": "10.96.0.19",
    }


@given(st.integers(0, 40), st.sampled_from([27, 26, 24, 16]))
def test_every_service_gets_an_address_of_its_own(count: int, length: int) -> None:
    part = IPNetwork(f"10.96.0.0/{length}")
    services = [
        Service("", "default", f"s{number}", {}, None, False, (), None, "Cluster", "Cluster") for number in range(count)
    ]
    if count > part.size - 2:
        return
    found = give_addresses(services, part, [])
    assert len(set(found.values())) == count
    assert all(IPAddress(part.first) < address < IPAddress(part.last) for address in found.values())
    again = give_addresses(services[::-1], part, [{name: str(address) for name, address in found.items()}])
    assert again == found


def test_the_filter_knows_addresses_of_all_nodes() -> None:
    services, _faults = read(web())
    addresses = give_addresses(services, IPNetwork("10.96.0.0/16"), [])
    planned = plan_services(services, {4: addresses}, read_description(DESCRIPTION).pods)
    plan = {"services": planned, "nodes": {"node1": {}, "node2": {}}, "addresses": {"default/web2": "10.244.1.9"}}
    lease = {"namespace": "default", "name": "web1", "address": "10.244.0.2"}
    hosts = {"node1": {"__manual_lab_addresses": {"addresses": [lease]}}}
    ends = lab_services(plan, hosts, "node1")[0]["ports"][0]["endpoints"]
    assert [(end["address"], end["local"]) for end in ends] == [("10.244.0.2", True), ("10.244.1.9", False)]


_WORDS = st.sampled_from(["web", "app", "http", "Local", "ClientIP", "TCP", "default", "10.96.0.5", "a.b", ""])
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 70000) | _WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "name",
                    "namespace",
                    "selector",
                    "address",
                    "headless",
                    "ports",
                    "sessionAffinity",
                    "timeoutSeconds",
                    "app",
                    "internalTrafficPolicy",
                    "externalTrafficPolicy",
                    "protocol",
                    "port",
                    "targetPort",
                    "nodePort",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(_VALUES, st.sampled_from(["10.96.0.0/16", "10.96.0.0/30", None, 7, "fd00::/64"]))
def test_whatever_is_written_is_answered_with_faults_and_never_with_a_traceback(value: Any, part: Any) -> None:
    raw = {**DESCRIPTION, "services": value, "service_cidr": part}
    description, faults = read_description(raw), []  # type: ignore[var-annotated]
    services = read_services(raw, description, faults)
    if not faults and services:
        plan_services(services, {4: give_addresses(services, IPNetwork(part), [])}, description.pods)
