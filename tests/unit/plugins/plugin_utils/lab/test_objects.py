# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A lab as objects of the Kubernetes API."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.podnet.lab.plugins.filter.lab_objects import lab_objects

PODS = [
    {"name": "web", "node": "node1", "labels": {"app": "web"}},
    {"name": "idle", "namespace": "shop", "node": "node1"},
]
POLICY = {"name": "closed", "namespace": "shop", "podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_pods_namespaces_and_policies_are_as_kubernetes_has_them() -> None:
    found = lab_objects({"pods": PODS, "namespaces": {"shop": {"team": "a"}}, "policies": [POLICY]})
    assert found == [
        {"kind": "Pod", "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}}},
        {"kind": "Pod", "metadata": {"name": "idle", "namespace": "shop", "labels": {}}},
        {"kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "a"}}},
        {
            "kind": "NetworkPolicy",
            "metadata": {"name": "closed", "namespace": "shop"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        },
    ]


def test_the_pods_of_names_and_of_the_ingress_are_among_them() -> None:
    raw: dict[str, Any] = {"pods": PODS, "nodes": ["node1"], "service_cidr": "10.96.0.0/16"}
    found = lab_objects({**raw, "dns": True, "ingresses": [{"name": "web", "namespace": "shop", "rules": []}]})
    assert found.pop() == {"kind": "Ingress", "metadata": {"name": "web", "namespace": "shop"}, "spec": {"rules": []}}
    assert [(one["metadata"]["namespace"], one["metadata"]["name"]) for one in found][2:] == [
        ("kube-system", "kube-dns"),
        ("ingress-nginx", "ingress-nginx-controller"),
    ]


def test_what_the_role_would_refuse_is_left_out() -> None:
    assert lab_objects({"pods": "x", "policies": [7, None], "namespaces": ["x"]}) == []
    with pytest.raises(AnsibleFilterError):
        lab_objects("x")
