# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services and EndpointSlices as the API lists them."""

from __future__ import annotations

import copy
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from ansible_collections.podnet.lab.plugins.module_utils._services.api import service_objects

# As `kubectl get --raw /api/v1/services` of Kubernetes 1.34 lists them, without what is not read.
SERVICES: list[dict[str, Any]] = [
    {
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "clusterIP": "10.96.41.7",
            "clusterIPs": ["10.96.41.7", "fd00:10:96::a1"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": 30080}],
            "type": "NodePort",
        },
    },
    {
        "metadata": {"name": "headless", "namespace": "default"},
        "spec": {"clusterIP": "None", "clusterIPs": ["None"], "ports": [{"port": 53, "protocol": "UDP"}]},
    },
    {
        "metadata": {"name": "elsewhere", "namespace": "a"},
        "spec": {"type": "ExternalName", "externalName": "x.example"},
    },
]
# As `kubectl get --raw /apis/discovery.k8s.io/v1/endpointslices` lists them.
SLICES = [
    {
        "metadata": {
            "name": "web-x7k2p",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": ["10.244.1.5"],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": "node2",
                "targetRef": {"kind": "Pod", "name": "web-1", "namespace": "default"},
            },
            {
                "addresses": ["10.244.0.9"],
                "conditions": {"ready": False, "serving": True, "terminating": True},
                "nodeName": "node1",
                "targetRef": {"kind": "Pod", "name": "web-2", "namespace": "default"},
            },
        ],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    },
    {
        "metadata": {"name": "web-v6", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv6",
        "endpoints": [{"addresses": ["fd00:10:244::5"], "conditions": {}}],
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
    },
    {
        "metadata": {"name": "of-nobody", "namespace": "default"},
        "endpoints": [{"addresses": ["10.1.1.1"]}],
        "ports": [{"port": 1}],
    },
    {
        "metadata": {"name": "no-port", "namespace": "default", "labels": {"kubernetes.io/service-name": "headless"}},
        "endpoints": [{"addresses": ["10.244.0.1"]}],
        "ports": [{"name": "dns", "port": None}],
    },
]


def test_services_with_the_backends_of_their_slices() -> None:
    elsewhere, headless, web = service_objects(SERVICES, SLICES)
    assert (elsewhere["namespace"], elsewhere["type"], elsewhere["addresses"]) == ("a", "ExternalName", [])
    assert (headless["addresses"], headless["backends"]) == ([], [])
    assert headless["ports"] == [{"name": None, "protocol": "udp", "port": 53, "node_port": None}]
    assert web["addresses"] == ["10.96.41.7", "fd00:10:96::a1"]
    assert web["ports"] == [{"name": "http", "protocol": "tcp", "port": 80, "node_port": 30080}]
    assert [(one["address"], one["port"], one["ready"], one["terminating"]) for one in web["backends"]] == [
        ("10.244.0.9", 8080, False, True),
        ("10.244.1.5", 8080, True, False),
        ("fd00:10:244::5", 8080, True, False),
    ]
    assert web["backends"][1] == {
        "address": "10.244.1.5",
        "port": 8080,
        "port_name": "http",
        "protocol": "tcp",
        "ready": True,
        "terminating": False,
        "node": "node2",
        "pod": "default/web-1",
    }
    assert web["backends"][2]["pod"] is None


def test_a_service_of_an_api_that_knows_one_family() -> None:
    old = copy.deepcopy(SERVICES[:1])
    del old[0]["spec"]["clusterIPs"]
    assert service_objects(old, [])[0]["addresses"] == ["10.96.41.7"]


KEYS = [
    "metadata",
    "spec",
    "name",
    "namespace",
    "labels",
    "kubernetes.io/service-name",
    "endpoints",
    "ports",
    "port",
    "addresses",
    "conditions",
    "targetRef",
    "kind",
    "clusterIPs",
    "clusterIP",
    "protocol",
    "nodePort",
    "type",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=20,
)


@hypothesis.given(services=st.lists(ANYTHING, max_size=3), slices=st.lists(ANYTHING, max_size=3))
def test_an_answer_of_any_form_is_no_failure(services: list[object], slices: list[object]) -> None:
    for found in service_objects(services, slices):
        assert isinstance(found["name"], str)


@pytest.mark.parametrize("value", [True, "80", None, 1.5])
def test_what_is_no_port_is_left_out(value: object) -> None:
    service = {"metadata": {"name": "a", "namespace": "b"}, "spec": {"ports": [{"port": value}]}}
    assert service_objects([service], [])[0]["ports"] == []
