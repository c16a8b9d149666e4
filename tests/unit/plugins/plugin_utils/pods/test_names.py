# Copyright (c) 2026, podnet.lab contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of hosts and groups: readable, all different, and harmless."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.podnet.lab.plugins.plugin_utils.model.records import Pod
from ansible_collections.podnet.lab.plugins.plugin_utils.pods import names

HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")
GROUP = re.compile(r"podnet_kind_[A-Za-z0-9_]+\Z")


def pod(namespace: str, name: str, host: str = "node1", netns: int = 4026532001) -> Pod:
    return {
        "host": host,
        "namespace": namespace,
        "name": name,
        "uid": None,
        "sandbox_id": None,
        "runtime": None,
        "host_network": False,
        "netns": netns,
        "containers": [],
        "addresses": [],
        "cables": [],
        "contradictions": [],
    }


def test_a_pod_is_called_by_namespace_and_name() -> None:
    pods = [pod("default", "pod1"), pod("kube-system", "coredns-76f75df574-x2lkq"), pod("default", "web.0")]
    assert names.host_names(pods, ()) == ["default_pod1", "kube-system_coredns-76f75df574-x2lkq", "default_web.0"]
    assert names.host_names(pods[:1], (), "east-") == ["east-default_pod1"]


def test_pods_of_one_name_are_called_by_their_nodes() -> None:
    pods = [pod("default", "pod1"), pod("default", "pod1", "node2"), pod("default", "pod2")]
    assert names.host_names(pods, ()) == ["default_pod1_node1", "default_pod1_node2", "default_pod2"]


def test_two_sandboxes_of_one_pod_are_told_apart() -> None:
    pods = [pod("default", "pod1", netns=1), pod("default", "pod1", netns=2)]
    assert names.host_names(pods, ()) == ["default_pod1_node1_1", "default_pod1_node1_2"]
    assert names.host_names([pods[0], pods[0]], ()) == ["default_pod1_node1_1_1", "default_pod1_node1_1_2"]


def test_a_name_of_another_host_is_not_taken() -> None:
    assert names.host_names([pod("prod", "db")], {"prod_db"}) == ["prod_db_node1"]
    assert names.host_names([pod("prod", "db")], {"prod_db", "prod_db_node1"}) == ["prod_db_node1_4026532001"]


@pytest.mark.parametrize("name", ["", "-x", "a,b", "all:!x", "{{ 7*7 }}", "a_b", "a\nb", "ä", "x" * 300, ".", "~a.*"])
def test_other_signs_leave_a_mark(name: str) -> None:
    found = names.host_word(name)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*-[0-9a-f]{8}", found), found
    assert len(found) < 120


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.integers(1, 3))))
def test_host_names_are_harmless_and_all_different(found: list[tuple[str, str, str, int]]) -> None:
    pods = [pod(namespace, name, host, netns) for namespace, name, host, netns in found]
    given_names = names.host_names(pods, {"default_pod1"})
    assert all(HOST.match(name) for name in given_names)
    assert len({*given_names, "default_pod1"}) == len(given_names) + 1


def test_groups() -> None:
    assert names.group_names("namespace", ["default", "kube-system", "default"]) == {
        "default": "podnet_namespace_default",
        "kube-system": "podnet_namespace_kube_system",
    }
    assert names.group_names("range", ["10.244.0.0/24", "fd00:10::/64"]) == {
        "10.244.0.0/24": "podnet_range_10_244_0_0_24",
        "fd00:10::/64": "podnet_range_fd00_10___64",
    }
    assert names.group_names("label", ["app.kubernetes.io/name=web"]) == {
        "app.kubernetes.io/name=web": "podnet_label_app_kubernetes_io_name_web"
    }


@given(st.lists(st.text(max_size=6)))
def test_groups_are_harmless_and_all_different(values: list[str]) -> None:
    found = names.group_names("kind", values)
    assert all(GROUP.match(name) for name in found.values())
    assert len(set(found.values())) == len(set(values))
